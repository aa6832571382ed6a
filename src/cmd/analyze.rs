//! `migrate analyze`.

use std::collections::BTreeSet;

use crate::assess;
use crate::cli;
use crate::cmd::Session;
use crate::error::{Context, Error, Exit, Result};
use crate::generate::merge::merge;
use crate::inspect::recognise::label;
use crate::inspect::source::{self, Source};
use crate::inspect::{self, Inspection};
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;
use crate::plan;
use crate::progress::Progress;
use crate::report::summary;
use crate::verify::derive::derive;
use crate::workspace::{Change, Workspace, to_yaml};

/// The head of `inventory.yaml`.
const HEAD: &str = "\
# yaml-language-server: $schema=.migrate/schemas/inventory.json
#
# What is on the server, as `migrate analyze` found it; written anew by each analyze. Decisions
# belong in plan.yaml.

";

/// The head of `scenario/derived.yaml`.
const SCENARIO_HEAD: &str = "\
# yaml-language-server: $schema=../.migrate/schemas/scenario.json
#
# What `migrate verify` replays, derived from inventory.yaml; written anew by each analyze. Put
# scenarios of your own beside it, with the same first line: editors then know what can stand there.

";

pub(super) async fn run(session: &Session, arguments: &cli::Analyze) -> Result<Exit> {
    // A workspace that is in use, or cannot be written, says so before a server is read for minutes.
    let lock =
        if session.workspace.private().exists() { Some(session.workspace.make()?) } else { None };
    let source = source::open(&arguments.source).await?;
    let progress = Progress::spinner("reading the server");
    let (workspace, arguments) = (session.workspace.clone(), arguments.clone());
    // Long, and without a wait in it: beside the task that hears Ctrl-C.
    let found = tokio::task::spawn_blocking(move || {
        let inspection = inspect::inspect(source.as_ref());
        let unreadable = source.index().unreadable_names;
        if unreadable > 0 {
            tracing::warn!("{unreadable} file names are no UTF-8 and were left out");
        }
        let lock = match lock {
            Some(lock) => lock,
            None => workspace.make()?,
        };
        Ok::<_, Error>((prepare(&workspace, source.as_ref(), inspection, &arguments)?, lock))
    });
    let ((inventory, changes), lock) = found.await.input("read the server")??;
    drop(progress);
    session.workspace.commit(changes)?;
    drop(lock);
    session.console.result(&inventory, |inventory| summary::text(inventory, &session.workspace))?;
    Ok(Exit::Yes)
}

/// The inventory, and all that is to be written. Writes nothing.
fn prepare(
    workspace: &Workspace,
    source: &dyn Source,
    inspection: Inspection,
    arguments: &cli::Analyze,
) -> Result<(Inventory, Vec<Change>)> {
    let Inspection { mut inventory, captured } = inspection;
    inventory.questions.extend(plan::questions(&inventory));
    assess::assess(&mut inventory, jiff::ZonedDateTime::now().date());
    let planned = only(&inventory, &arguments.only)?;
    let name = match known_name(workspace)? {
        Some(name) => name,
        None => new_name(&arguments.source),
    };
    let fresh = plan::render(&plan::plan(&planned, &name))?;
    let merged = merged_plan(workspace, &fresh)?;
    let scenario = derive(&planned, source);
    let captured = captured
        .into_iter()
        .map(|(path, text)| (path.trim_start_matches('/').to_owned(), text.into_bytes()))
        .collect();
    let changes = vec![
        Change::file("inventory.yaml", format!("{HEAD}{}", to_yaml(&inventory)?)),
        Change::file("plan.yaml", merged),
        Change::file(".migrate/pristine/plan.yaml", fresh),
        Change::file("scenario/derived.yaml", format!("{SCENARIO_HEAD}{}", to_yaml(&scenario)?)),
        Change::folder(".migrate/source", captured),
    ];
    Ok((inventory, changes))
}

/// The inventory without what `--only` leaves out: the named services, and whom they connect to.
fn only(inventory: &Inventory, names: &[String]) -> Result<Inventory> {
    if names.is_empty() {
        return Ok(inventory.clone());
    }
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let mut pending: Vec<&str> = Vec::new();
    for name in names {
        let Some(service) = inventory.service(name) else {
            let known: Vec<_> = inventory.services.iter().map(|s| s.id.as_str()).collect();
            return Err(Error::usage(format!("no service {name} on this server"))
                .help(format!("there are: {}", known.join(", "))));
        };
        pending.push(&service.id);
    }
    while let Some(id) = pending.pop() {
        if wanted.insert(id) {
            let needs = inventory.edges.iter().filter(|edge| edge.from == id);
            pending.extend(needs.map(|edge| edge.to.as_str()));
        }
    }
    let mut part = inventory.clone();
    part.services.retain(|service| wanted.contains(service.id.as_str()));
    part.edges
        .retain(|edge| wanted.contains(edge.from.as_str()) && wanted.contains(edge.to.as_str()));
    Ok(part)
}

/// The name that an earlier analyze gave; the user may have changed it.
fn known_name(workspace: &Workspace) -> Result<Option<String>> {
    for path in [workspace.plan_path(), workspace.pristine("plan.yaml")] {
        if path.exists() {
            return Ok(Some(workspace.read_yaml::<Plan>(&path)?.name));
        }
    }
    Ok(None)
}

/// A name from the source and four characters, so that two engagements do not meet on one engine.
fn new_name(source: &str) -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let last = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
    let stem = last.split(".tar").next().unwrap_or(last).trim_end_matches(".tgz");
    let mut name = label(stem);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "app-");
    }
    name.push('-');
    let mut random: u32 = rand::random();
    for _ in 0..4 {
        name.push(char::from(LETTERS[random as usize % LETTERS.len()]));
        random /= 32;
    }
    name
}

/// The new plan with the user's edits and comments kept.
fn merged_plan(workspace: &Workspace, fresh: &str) -> Result<String> {
    let path = workspace.plan_path();
    if !path.exists() {
        return Ok(fresh.to_owned());
    }
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).input(format_args!("read {}", path.display()))
    };
    let mine = read(&path)?;
    let pristine_path = workspace.pristine("plan.yaml");
    let pristine = if pristine_path.exists() { Some(read(&pristine_path)?) } else { None };
    let merged = merge(pristine.as_deref(), &mine, fresh);
    if merged.conflicts.is_empty() {
        return Ok(merged.text);
    }
    let lines: Vec<String> = merged.conflicts.iter().map(ToString::to_string).collect();
    Err(Error::input(format!(
        "{}:{}: what was found on the server contradicts your edits{}",
        path.display(),
        lines[0],
        if lines.len() > 1 {
            format!(", also at lines {}", lines[1..].join(", "))
        } else {
            String::new()
        }
    ))
    .help(
        "take your edits at these lines back and analyze again, or move plan.yaml away and carry \
         them over by hand; nothing was written",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_with_four_characters() {
        for (source, stem) in [
            ("docker://old-server", "old-server-"),
            ("/srv/backup/shop.tar.gz", "shop-"),
            ("./2024/", "app-2024-"),
            ("..", "service-"),
        ] {
            let name = new_name(source);
            assert!(name.starts_with(stem), "{name}");
            assert_eq!(name.len(), stem.len() + 4);
        }
    }

    #[test]
    fn edits_and_comments_survive_and_contradictions_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(folder.path());
        let pristine = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n";
        workspace.write(&workspace.pristine("plan.yaml"), pristine.as_bytes()).unwrap();
        let mine = "# mine\na: 1\nb: 2\nc: 3\nd: 4\ne: 50\n";
        workspace.write(&workspace.plan_path(), mine.as_bytes()).unwrap();
        let merged = merged_plan(&workspace, "a: 1\nb: 20\nc: 3\nd: 4\ne: 5\n").unwrap();
        assert_eq!(merged, "# mine\na: 1\nb: 20\nc: 3\nd: 4\ne: 50\n");
        let error = merged_plan(&workspace, "a: 1\nb: 2\nc: 3\nd: 4\ne: 51\n").unwrap_err();
        assert_eq!(error.exit(), Exit::Input);
        assert!(error.to_string().contains("plan.yaml:6"), "{error}");
    }
}
