//! `migrate status`.

use crate::cmd::Session;
use crate::error::{Error, Exit, Result};

pub(super) fn run(_session: &Session) -> Result<Exit> {
    Err(Error::usage("not written yet"))
}
