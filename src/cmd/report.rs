//! `migrate report`.

use crate::cli;
use crate::cmd::Session;
use crate::error::{Error, Exit, Result};

pub(super) fn run(_session: &Session, _arguments: &cli::Report) -> Result<Exit> {
    Err(Error::usage("not written yet"))
}
