//! `migrate generate`.

use crate::cli;
use crate::cmd::Session;
use crate::error::{Error, Exit, Result};

pub(super) fn run(_session: &Session, _arguments: &cli::Generate) -> Result<Exit> {
    Err(Error::usage("not written yet"))
}
