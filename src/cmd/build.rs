//! `migrate build`.

use crate::cli;
use crate::cmd::Session;
use crate::error::{Error, Exit, Result};
use crate::image::{self, record::Images};
use crate::model::target::Target;
use std::fmt::Write;

pub(super) async fn run(session: &Session, arguments: &cli::Build) -> Result<Exit> {
    let _lock = session.workspace.lock()?;
    let target = match arguments.to {
        Some(target) => target,
        None => only_generated(session)?,
    };
    let built = image::build(
        &session.workspace,
        target,
        arguments.push.as_deref(),
        arguments.save.as_deref(),
    )
    .await?;
    for note in &built.notes {
        session.console.say(format_args!("note: {note}"));
    }
    session.console.result(&built.images, text)?;
    Ok(Exit::Yes)
}

fn only_generated(session: &Session) -> Result<Target> {
    let generated: Vec<Target> = Target::ALL
        .into_iter()
        .filter(|target| session.workspace.path(target.name()).join("images").is_dir())
        .collect();
    match generated.as_slice() {
        [target] => Ok(*target),
        [] => Err(Error::refused("nothing has been generated yet")
            .help("run `migrate generate --to compose` or `--to k8s` first")),
        several => {
            let names: Vec<&str> = several.iter().map(|target| target.name()).collect();
            Err(Error::usage(format!("{} have been generated", names.join(" and ")))
                .help(format!("say which with --to {}", names.join(" or --to "))))
        }
    }
}

fn text(images: &Images) -> String {
    let mut text = String::new();
    for built in &images.images {
        let _ = writeln!(
            text,
            "{:<16} {} ({} MB)",
            built.workload,
            built.pushed.as_deref().unwrap_or(&built.image),
            built.bytes / 1_000_000
        );
    }
    text
}
