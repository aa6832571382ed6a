//! `migrate undeploy`.

use serde::Serialize;

use crate::cli;
use crate::cmd::Session;
use crate::deploy::{compose, k8s};
use crate::error::{Exit, Result};
use crate::model::target::Target;

/// What was deleted.
#[derive(Debug, Serialize)]
struct Undeployed {
    target: &'static str,
    deleted: Vec<String>,
}

pub(super) async fn run(session: &Session, arguments: &cli::Undeploy) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    let data = arguments.delete_data;
    let deleted = match arguments.to {
        Target::Compose => compose::undeploy(workspace, &plan, data).await?,
        Target::K8s => k8s::undeploy(workspace, &plan, data, *console).await?,
    };
    console.result(&Undeployed { target: arguments.to.name(), deleted }, text)?;
    Ok(Exit::Yes)
}

fn text(done: &Undeployed) -> String {
    if done.deleted.is_empty() {
        "nothing was there to delete".to_owned()
    } else {
        format!("deleted {}", done.deleted.join(", "))
    }
}
