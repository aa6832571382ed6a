//! `migrate verify`.

use crate::cli;
use crate::cmd::Session;
use crate::error::{Error, Exit, Result};
use crate::verify::observation::Side;
use crate::verify::runner::Around;
use crate::verify::session::{self, Options};

struct Nothing;
impl Around for Nothing {
    async fn before(&mut self, _: Side) -> Result<()> {
        Ok(())
    }
    async fn after(&mut self, _: Side) -> Result<()> {
        Ok(())
    }
}

pub(super) async fn run(session: &Session, arguments: &cli::Verify) -> Result<Exit> {
    let inventory = session.workspace.inventory().ok();
    let options = Options {
        original: arguments.original.clone().ok_or_else(|| Error::usage("--original"))?,
        migrated: arguments.migrated.clone().ok_or_else(|| Error::usage("--migrated"))?,
        scenarios: arguments.scenario.clone(),
        host: arguments.host.clone(),
        cacert: arguments.cacert.clone(),
        insecure: arguments.insecure,
        allow_writes: arguments.allow_writes,
        reset: arguments.reset.clone(),
    };
    let passes =
        session::passes(&options, &session.workspace, inventory.as_ref(), &mut Nothing).await?;
    for three in &passes {
        for pass in three {
            for observation in &pass.observations {
                session.console.say(format!("{:?} {:?}", pass.side, observation));
            }
        }
    }
    Ok(Exit::Yes)
}
