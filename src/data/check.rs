//! `migrate data check`: both ends compared, table by table, definition by definition, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::data::accounts;
use crate::data::end::{self, End};
use crate::data::folder::Item;
use crate::data::objects;
use crate::data::tables::{Depth, TableMark, layout, measure};
use crate::error::{Error, Result};
use crate::model::inventory::StateKind;
use crate::model::plan::Plan;
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Most differences of a folder that are named.
const MAX_NAMED: usize = 50;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) equal: bool,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) tables: Vec<TableCheck>,
    pub(crate) objects: Vec<ObjectCheck>,
    pub(crate) folders: Vec<FolderCheck>,
}

/// A table on both ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TableCheck {
    pub(crate) database: String,
    pub(crate) table: String,
    pub(crate) from: Option<TableState>,
    pub(crate) to: Option<TableState>,
    pub(crate) equal: bool,
}

/// A table on one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TableState {
    pub(crate) rows: u64,
    pub(crate) checksum: String,
}

/// A definition or an account on both ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ObjectCheck {
    /// `schema`, `table`, `view`, `procedure`, `function`, `trigger`, `event`, `user`.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) equal: bool,
    /// How it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) difference: Option<String>,
}

/// A folder on both ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FolderCheck {
    pub(crate) volume: String,
    pub(crate) path: String,
    pub(crate) entries: usize,
    pub(crate) bytes: u64,
    pub(crate) equal: bool,
    /// How many entries differ.
    pub(crate) different: usize,
    /// The first of them.
    pub(crate) differences: Vec<String>,
}

impl Check {
    /// For people: what differs, and totals.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for table in self.tables.iter().filter(|table| !table.equal) {
            let state = |state: &Option<TableState>| match state {
                Some(state) => format!("{} rows", state.rows),
                None => "no table".to_owned(),
            };
            let (from, to) = (state(&table.from), state(&table.to));
            let content = if from == to { " (content differs)" } else { "" };
            let _ = writeln!(
                text,
                "  table {}.{}: {from} here, {to} there{content}",
                table.database, table.table
            );
        }
        for object in self.objects.iter().filter(|object| !object.equal) {
            let difference = object.difference.as_deref().unwrap_or("differs");
            let _ = writeln!(text, "  {} {}: {difference}", object.kind, object.name);
        }
        for folder in self.folders.iter().filter(|folder| !folder.equal) {
            for difference in folder.differences.iter().take(10) {
                let _ = writeln!(text, "  {}: {difference}", folder.path);
            }
            if folder.different > 10 {
                let _ = writeln!(text, "  {}: {} more", folder.path, folder.different - 10);
            }
        }
        let rows: u64 = self
            .tables
            .iter()
            .filter_map(|table| table.from.as_ref())
            .map(|state| state.rows)
            .sum();
        let files: usize = self.folders.iter().map(|folder| folder.entries).sum();
        let verdict = if self.equal { "equal" } else { "different" };
        let _ = writeln!(
            text,
            "{verdict}: {} tables with {rows} rows, {} definitions and accounts, {} folders with \
             {files} entries ({} -> {})",
            self.tables.len(),
            self.objects.len(),
            self.folders.len(),
            self.from,
            self.to
        );
        text
    }
}

/// Compares.
pub(crate) async fn check(
    workspace: &Workspace,
    plan: &Plan,
    from: Option<&str>,
    to: Option<&str>,
    secrets_from: Option<&Path>,
) -> Result<Check> {
    let to = match to {
        Some(to) => to.to_owned(),
        None => end::last_target(workspace)?,
    };
    let from = End::open(workspace, plan, from.unwrap_or("source"), secrets_from).await?;
    let to = End::open(workspace, plan, &to, secrets_from).await?;
    if from.label == to.label {
        return Err(Error::usage(format!("both ends are {}", to.label)));
    }
    let inventory = workspace.inventory().ok();
    let mut check = Check {
        equal: true,
        from: from.label.clone(),
        to: to.label.clone(),
        tables: Vec::new(),
        objects: Vec::new(),
        folders: Vec::new(),
    };
    for (workload, names) in end::databases(plan, inventory.as_ref())? {
        if names.is_empty() {
            continue;
        }
        let progress = Progress::spinner(format!("comparing {}", names.join(", ")));
        let here = from.database(plan, &workload, names).await?;
        let there = to.database(plan, &workload, here.databases.clone()).await?;
        let none = BTreeMap::new();
        let (ours, theirs) = tokio::try_join!(
            async { measure(&here, &layout(&here).await?, Depth::Checksum, &none).await },
            async { measure(&there, &layout(&there).await?, Depth::Checksum, &none).await },
        )?;
        check.tables.extend(tables(&ours, &theirs));
        let (ours, theirs) =
            tokio::try_join!(objects::read(&here, true), objects::read(&there, false))?;
        check.objects.extend(definitions(&ours, &theirs));
        let (ours, theirs) =
            tokio::try_join!(accounts::names(&here, true), accounts::names(&there, false))?;
        check.objects.extend(users(&ours, &theirs));
        drop(progress);
    }
    for volume in plan.volumes.iter().filter(|volume| volume.moves) {
        if volume.kind == StateKind::Database {
            continue;
        }
        let (Some(here), Some(there)) =
            (from.folder(plan, volume).await?, to.folder(plan, volume).await?)
        else {
            continue;
        };
        let progress = Progress::spinner(format!("comparing {}", volume.source));
        let (ours, theirs) = tokio::try_join!(here.list(), there.list())?;
        drop(progress);
        let differences = entries(&ours, &theirs);
        check.folders.push(FolderCheck {
            volume: volume.name.clone(),
            path: volume.source.clone(),
            entries: ours.len(),
            bytes: ours.values().map(|item| item.size).sum(),
            equal: differences.is_empty(),
            different: differences.len(),
            differences: differences.into_iter().take(MAX_NAMED).collect(),
        });
    }
    check.equal = check.tables.iter().all(|table| table.equal)
        && check.objects.iter().all(|object| object.equal)
        && check.folders.iter().all(|folder| folder.equal);
    Ok(check)
}

fn tables(ours: &[TableMark], theirs: &[TableMark]) -> Vec<TableCheck> {
    let index = |marks: &[TableMark]| -> BTreeMap<(String, String), TableState> {
        marks
            .iter()
            .map(|mark| {
                let state = TableState { rows: mark.rows, checksum: mark.checksum.clone() };
                ((mark.database.clone(), mark.table.clone()), state)
            })
            .collect()
    };
    let (ours, theirs) = (index(ours), index(theirs));
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    names
        .into_iter()
        .map(|name| {
            let (from, to) = (ours.get(name).cloned(), theirs.get(name).cloned());
            TableCheck {
                database: name.0.clone(),
                table: name.1.clone(),
                equal: from == to,
                from,
                to,
            }
        })
        .collect()
}

fn definitions(ours: &objects::Objects, theirs: &objects::Objects) -> Vec<ObjectCheck> {
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    names
        .into_iter()
        .map(|name| {
            let difference = match (ours.get(name), theirs.get(name)) {
                (Some(_), None) => Some("missing on the target".to_owned()),
                (None, Some(_)) => Some("only on the target".to_owned()),
                (Some(ours), Some(theirs)) if ours != theirs => Some(first_line(ours, theirs)),
                _ => None,
            };
            ObjectCheck {
                kind: name.0.clone(),
                name: name.1.clone(),
                equal: difference.is_none(),
                difference,
            }
        })
        .collect()
}

fn first_line(ours: &str, theirs: &str) -> String {
    let pair = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
    let cut = |text: &str| text.trim().chars().take(120).collect::<String>();
    match pair {
        Some((ours, theirs)) => format!("`{}` here, `{}` there", cut(ours), cut(theirs)),
        None => "one definition goes on where the other ends".to_owned(),
    }
}

fn users(ours: &[String], theirs: &[String]) -> Vec<ObjectCheck> {
    let names: BTreeSet<_> = ours.iter().chain(theirs).collect();
    names
        .into_iter()
        .map(|name| {
            let difference = match (ours.contains(name), theirs.contains(name)) {
                (true, false) => Some("missing on the target".to_owned()),
                (false, true) => Some("only on the target".to_owned()),
                _ => None,
            };
            ObjectCheck {
                kind: "user".into(),
                name: name.clone(),
                equal: difference.is_none(),
                difference,
            }
        })
        .collect()
}

/// How two listings differ, one line an entry.
fn entries(ours: &BTreeMap<String, Item>, theirs: &BTreeMap<String, Item>) -> Vec<String> {
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        match (ours.get(name), theirs.get(name)) {
            (Some(_), None) => found.push(format!("{name}: missing on the target")),
            (None, Some(_)) => found.push(format!("{name}: only on the target")),
            (Some(ours), Some(theirs)) => {
                let mut parts = Vec::new();
                if ours.kind != theirs.kind {
                    parts.push(format!("{} here, {} there", ours.kind, theirs.kind));
                }
                if ours.mode != theirs.mode {
                    parts.push(format!("mode {:o} here, {:o} there", ours.mode, theirs.mode));
                }
                if ours.owner != theirs.owner {
                    parts.push(format!(
                        "owner {}:{} here, {}:{} there",
                        ours.owner.0, ours.owner.1, theirs.owner.0, theirs.owner.1
                    ));
                }
                if ours.size != theirs.size {
                    parts.push(format!("{} bytes here, {} there", ours.size, theirs.size));
                } else if ours.content != theirs.content {
                    parts.push("content differs".to_owned());
                }
                if !parts.is_empty() {
                    found.push(format!("{name}: {}", parts.join(", ")));
                }
            }
            (None, None) => {}
        }
    }
    found
}

/// What a copy of a folder left different, for people: counted, with one example each.
pub(crate) fn folder_notes(
    volume: &str,
    ours: &BTreeMap<String, Item>,
    theirs: &BTreeMap<String, Item>,
) -> Vec<String> {
    let differences = entries(ours, theirs);
    let extra: Vec<_> =
        differences.iter().filter(|line| line.ends_with(": only on the target")).collect();
    let mut notes = Vec::new();
    if let Some(first) = extra.first() {
        notes.push(format!(
            "volume {volume}: {} entries that the source lacks ({first})",
            extra.len()
        ));
    }
    let others: Vec<_> =
        differences.iter().filter(|line| !line.ends_with(": only on the target")).collect();
    if let Some(first) = others.first() {
        notes.push(format!(
            "volume {volume}: {} entries not as on the source ({first})",
            others.len()
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(mode: u32, content: &str) -> Item {
        Item { kind: "file", mode, owner: (1, 1), size: 1, content: content.into() }
    }

    #[test]
    fn entries_are_told_apart() {
        let ours = BTreeMap::from([
            ("a".to_owned(), item(0o644, "x")),
            ("b".to_owned(), item(0o644, "x")),
            ("c".to_owned(), item(0o644, "x")),
        ]);
        let theirs = BTreeMap::from([
            ("a".to_owned(), item(0o644, "x")),
            ("b".to_owned(), item(0o600, "y")),
            ("d".to_owned(), item(0o644, "x")),
        ]);
        assert_eq!(
            entries(&ours, &theirs),
            [
                "b: mode 644 here, 600 there, content differs",
                "c: missing on the target",
                "d: only on the target"
            ]
        );
        assert_eq!(folder_notes("v", &ours, &theirs).len(), 2);
    }

    #[test]
    fn a_table_on_one_end_only_is_a_difference() {
        let mark = TableMark {
            database: "d".into(),
            table: "t".into(),
            rows: 0,
            checksum: "0".into(),
            key: None,
            max: None,
        };
        let marks = std::slice::from_ref(&mark);
        assert!(tables(marks, marks)[0].equal);
        assert!(!tables(marks, &[])[0].equal);
    }
}
