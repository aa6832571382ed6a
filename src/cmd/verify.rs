//! `migrate verify`.

use crate::cli;
use crate::cmd::Session;
use crate::error::{Error, Exit, Result};
use crate::model::verdict::Answer;
use crate::verify::run::{Options, verify};
use crate::verify::verdict;

pub(super) async fn run(session: &Session, arguments: &cli::Verify) -> Result<Exit> {
    let Session { workspace, console } = session;
    let options = Options {
        original: arguments.original.clone().ok_or_else(|| {
            Error::usage("no address of the original").help("give --original URL")
        })?,
        migrated: arguments.migrated.clone(),
        scenarios: arguments.scenario.clone(),
        host: arguments.host.clone(),
        cacert: arguments.cacert.clone(),
        insecure: arguments.insecure,
        allow_writes: arguments.allow_writes,
        reset: arguments.reset.clone(),
    };
    if options.allow_writes {
        let side = options.migrated.as_deref().unwrap_or("the last deployment");
        console.say(format!("writes to {} (twice) and {side} (once)", options.original));
    }
    let found = verify(&options, workspace).await?;
    if workspace.plan_path().exists() {
        workspace.write_json(&workspace.path("verdict/verdict.json"), &found)?;
        let junit = verdict::junit(&found);
        workspace.write(&workspace.path("verdict/junit.xml"), junit.as_bytes())?;
    }
    console.result(&found, verdict::text)?;
    Ok(match found.verdict {
        Answer::Equivalent => Exit::Yes,
        Answer::Different => Exit::No,
        Answer::Inconclusive => Exit::Inconclusive,
    })
}
