//! `migrate undeploy`.

use crate::cli::{self, Target};
use crate::cmd::Session;
use crate::deploy::k8s;
use crate::error::{Error, Exit, Result};

pub(super) async fn run(session: &Session, arguments: &cli::Undeploy) -> Result<Exit> {
    match arguments.to {
        Target::K8s => k8s::command::run_undeploy(session, arguments).await,
        Target::Compose => Err(Error::usage("not written yet")),
    }
}
