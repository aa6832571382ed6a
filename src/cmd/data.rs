//! `migrate data`.

use crate::cli;
use crate::cmd::Session;
use crate::data::{check, copy};
use crate::error::{Exit, Result};

pub(super) async fn run(session: &Session, arguments: &cli::Data) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    match arguments {
        cli::Data::Copy(ends) => {
            let _lock = workspace.lock()?;
            let done = copy::copy(
                workspace,
                &plan,
                ends.from.as_deref(),
                ends.to.as_deref(),
                ends.secrets_from.as_deref(),
                *console,
            )
            .await?;
            console.result(&done, copy::Copy::text)?;
            Ok(Exit::Yes)
        }
        cli::Data::Check(ends) => {
            let check = check::check(
                workspace,
                &plan,
                ends.from.as_deref(),
                ends.to.as_deref(),
                ends.secrets_from.as_deref(),
            )
            .await?;
            console.result(&check, check::Check::text)?;
            Ok(if check.equal { Exit::Yes } else { Exit::No })
        }
    }
}
