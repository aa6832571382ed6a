//! `migrate undeploy`.

use crate::cli;
use crate::cmd::Session;
use crate::error::{Error, Exit, Result};

pub(super) async fn run(_session: &Session, _arguments: &cli::Undeploy) -> Result<Exit> {
    Err(Error::usage("not written yet"))
}
