//! `migrate undeploy`.

use crate::cli;
use crate::cmd::Session;
use crate::deploy::{Undeployed, compose, k8s};
use crate::error::{Error, Exit, Result};
use crate::model::target::Target;

pub(super) async fn run(session: &Session, arguments: &cli::Undeploy) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    let data = arguments.delete_data;
    let (deleted, kept) = match arguments.to {
        Target::Compose => compose::undeploy(workspace, &plan, data).await?,
        Target::K8s => k8s::undeploy(workspace, &plan, data).await?,
        Target::Sam => {
            return Err(Error::usage("this version deploys no functions, so there are none to take away")
                .help("`migrate emulate --delete-data` ends with nothing left; in an account: `make delete` in sam/"));
        }
    };
    let done = Undeployed { target: arguments.to.name(), deleted, kept };
    console.result(&done, Undeployed::text)?;
    Ok(Exit::Yes)
}
