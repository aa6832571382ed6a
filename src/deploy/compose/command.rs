//! The `compose` side of `migrate deploy` and `migrate undeploy`.

use std::fmt::Write;

use super::up::Change;
use super::{Options, Outcome, Preview, deploy, undeploy};
use crate::cli;
use crate::cmd::Session;
use crate::deploy::{Deployment, Undeployed};
use crate::error::{Exit, Result};

/// `migrate deploy --to compose`.
pub(crate) async fn run_deploy(session: &Session, arguments: &cli::Deploy) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    let options = Options {
        listen: arguments.listen.as_deref(),
        dry_run: arguments.dry_run,
        secrets_from: arguments.secrets_from.as_deref(),
    };
    match deploy(workspace, &plan, options).await? {
        Outcome::Deployed(deployment, notes) => {
            for note in notes {
                console.say(format_args!("note: {note}"));
            }
            console.result(&deployment, Deployment::text)?;
        }
        Outcome::Preview(preview) => console.result(&preview, preview_text)?,
    }
    Ok(Exit::Yes)
}

/// `migrate undeploy --to compose`.
pub(crate) async fn run_undeploy(session: &Session, arguments: &cli::Undeploy) -> Result<Exit> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    let (deleted, kept) = undeploy(workspace, &plan, arguments.delete_data).await?;
    console.result(&Undeployed { target: "compose", deleted, kept }, Undeployed::text)?;
    Ok(Exit::Yes)
}

fn preview_text(preview: &Preview) -> String {
    let mut text = String::new();
    for step in &preview.steps {
        let change = match step.change {
            Change::Create => "create",
            Change::Recreate => "recreate",
            Change::Keep => "keep",
            Change::Remove => "remove",
        };
        let _ = write!(text, "  {change:<9} {}", step.container);
        if !step.secrets.is_empty() {
            let _ = write!(text, "  secrets: {}", step.secrets.join(", "));
        }
        text.push('\n');
    }
    if let Some(url) = &preview.url {
        let _ = writeln!(text, "would be reached at {url}");
    }
    text
}
