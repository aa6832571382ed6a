//! The `k8s` side of `migrate deploy` and `migrate undeploy`.

use super::{Options, Outcome, Preview, deploy, undeploy::undeploy};
use crate::cli;
use crate::cmd::Session;
use crate::deploy::{Deployment, Undeployed};
use crate::error::{Exit, Result};

/// `migrate deploy --to k8s`.
pub(crate) async fn run_deploy(session: &Session, arguments: &cli::Deploy) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let options = Options {
        overlay: &arguments.overlay,
        context: arguments.context.as_deref(),
        namespace: arguments.namespace.as_deref(),
        dry_run: arguments.dry_run,
        secrets_from: arguments.secrets_from.as_deref(),
    };
    let _lock = workspace.lock()?;
    match deploy(workspace, &plan, options, *console).await? {
        Outcome::Deployed(deployment) => console.result(&deployment, Deployment::text)?,
        Outcome::Preview(preview) => console.result(&preview, Preview::text)?,
    }
    Ok(Exit::Yes)
}

/// `migrate undeploy --to k8s`.
pub(crate) async fn run_undeploy(session: &Session, arguments: &cli::Undeploy) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    let (deleted, kept) = undeploy(workspace, &plan, arguments.delete_data).await?;
    console.result(&Undeployed { target: "k8s", deleted, kept }, Undeployed::text)?;
    Ok(Exit::Yes)
}
