//! `migrate undeploy`.

use crate::cli;
use crate::cmd::Session;
use crate::deploy::{compose, k8s};
use crate::error::{Exit, Result};
use crate::model::target::Target;

pub(super) async fn run(session: &Session, arguments: &cli::Undeploy) -> Result<Exit> {
    match arguments.to {
        Target::K8s => k8s::command::run_undeploy(session, arguments).await,
        Target::Compose => compose::command::run_undeploy(session, arguments).await,
    }
}
