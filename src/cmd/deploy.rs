//! `migrate deploy`.

use crate::cli::{self, Target};
use crate::cmd::Session;
use crate::deploy::k8s;
use crate::error::{Error, Exit, Result};

pub(super) async fn run(session: &Session, arguments: &cli::Deploy) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    if arguments.to == Target::Compose {
        return Err(Error::usage("not merged yet"));
    }
    let options = k8s::Options {
        overlay: &arguments.overlay,
        context: arguments.context.as_deref(),
        namespace: arguments.namespace.as_deref(),
        dry_run: arguments.dry_run,
        secrets_from: arguments.secrets_from.as_deref(),
    };
    match k8s::deploy(workspace, &plan, options, *console).await? {
        k8s::Outcome::Deployed(deployment) => {
            console.result(&deployment, |d| format!("{d:#?}"))?;
        }
        k8s::Outcome::Preview(preview) => console.result(&preview, k8s::Preview::text)?,
    }
    Ok(Exit::Yes)
}
