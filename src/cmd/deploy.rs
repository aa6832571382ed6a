//! `migrate deploy`.

use crate::cli::{self, Target};
use crate::cmd::Session;
use crate::deploy::{compose, k8s};
use crate::error::{Exit, Result};

pub(super) async fn run(session: &Session, arguments: &cli::Deploy) -> Result<Exit> {
    match arguments.to {
        Target::K8s => k8s::command::run_deploy(session, arguments).await,
        Target::Compose => compose::command::run_deploy(session, arguments).await,
    }
}
