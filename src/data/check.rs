//! `migrate data check`: both ends compared, table by table, definition by definition, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::data::accounts;
use crate::data::end::{self, End};
use crate::data::folder::Item;
use crate::data::objects;
use crate::data::record::Copied;
use crate::data::tables::{Depth, TableMark, layout, measure};
use crate::data::written::{Added, Written};
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
    /// Whether they would be equal without the rows that appeared while `verify` ran, and the
    /// files that those rows name.
    pub(crate) equal_without_verify: bool,
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
    /// The part in the difference of rows that appeared while `verify` ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<VerifyRows>,
}

/// Rows that appeared while `verify` ran: its own, and what others wrote at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct VerifyRows {
    /// How many on one end.
    pub(crate) from: u64,
    /// How many on the other.
    pub(crate) to: u64,
    /// Their keys there, the first of them, where the table's key is an integer.
    pub(crate) from_keys: Vec<String>,
    pub(crate) to_keys: Vec<String>,
    /// Whether both ends are equal without them; absent when they cannot be told from others.
    pub(crate) equal_without: Option<bool>,
}

impl VerifyRows {
    fn text(&self) -> String {
        let keys = |keys: &[String]| {
            if keys.is_empty() { String::new() } else { format!(" ({})", keys.join(", ")) }
        };
        let then = match self.equal_without {
            Some(true) => "without them both ends are equal",
            Some(false) => "without them both ends still differ",
            None => "they have no number to tell them from others by",
        };
        format!(
            "{} rows here{} and {} there{} appeared while verify ran: {then}",
            self.from,
            keys(&self.from_keys),
            self.to,
            keys(&self.to_keys)
        )
    }
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
    /// How many of those are files that rows of `verify` name.
    pub(crate) of_verify: usize,
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
            if let Some(verify) = &table.verify {
                let _ = writeln!(text, "    {}", verify.text());
            }
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
            if folder.of_verify > 0 {
                let _ = writeln!(
                    text,
                    "    {} of {} are named by rows that appeared while verify ran",
                    folder.of_verify, folder.different
                );
            }
        }
        let rows: u64 = self
            .tables
            .iter()
            .filter_map(|table| table.from.as_ref())
            .map(|state| state.rows)
            .sum();
        let files: usize = self.folders.iter().map(|folder| folder.entries).sum();
        let verify = self.tables.iter().any(|table| table.verify.is_some());
        if verify {
            text.push_str(
                "  what verify wrote leaves the target with the next `migrate data copy`; on the \
                 original it stays until someone deletes it there\n",
            );
        }
        let verdict = match (self.equal, self.equal_without_verify) {
            (true, _) => "equal",
            (false, true) => "different only by what appeared while verify ran",
            (false, false) => "different",
        };
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
        equal_without_verify: true,
        from: from.label.clone(),
        to: to.label.clone(),
        tables: Vec::new(),
        objects: Vec::new(),
        folders: Vec::new(),
    };
    // Only what verify saw on these two ends since the last copy between them says anything.
    let copied = Copied::load(workspace, to.record())?
        .is_some_and(|copied| copied.from == from.label && copied.to == to.label);
    let written = if copied { Written::load(workspace, to.record())? } else { Written::default() };
    let mut own = Vec::new();
    for (workload, names) in end::databases(plan, inventory.as_ref())? {
        if names.is_empty() {
            continue;
        }
        let progress = Progress::spinner(format!("comparing {}", names.join(", ")));
        let mut here = from.database(plan, &workload, names.clone()).await?;
        let mut there = to.database(plan, &workload, names).await?;
        if let Some(note) = end::agree(&mut here, &mut there)? {
            tracing::warn!("{note}");
        }
        let none = BTreeMap::new();
        let (our_tables, their_tables) = tokio::try_join!(layout(&here), layout(&there))?;
        let (ours, theirs) = tokio::try_join!(
            measure(&here, &our_tables, Depth::Checksum, &none),
            measure(&there, &their_tables, Depth::Checksum, &none),
        )?;
        let mut found = tables(&ours, &theirs);
        if found.iter().any(|table| !table.equal) {
            let (ours, theirs) = tokio::try_join!(
                written.without(&here, &our_tables, true),
                written.without(&there, &their_tables, false),
            )?;
            explain(&mut found, &written, &tables(&ours, &theirs));
            own.extend(written.cells(&here, &our_tables, true).await?);
            own.extend(written.cells(&there, &their_tables, false).await?);
        }
        check.tables.extend(found);
        let (ours, theirs) =
            tokio::try_join!(objects::read(&here, true), objects::read(&there, false))?;
        check.objects.extend(definitions(&ours, &theirs));
        let (ours, theirs) =
            tokio::try_join!(accounts::names(&here, true), accounts::names(&there, false))?;
        check.objects.extend(users(&ours, &theirs, from.login(), to.login()));
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
            of_verify: differences.iter().filter(|line| is_named(line, &own)).count(),
            differences: differences.into_iter().take(MAX_NAMED).collect(),
        });
    }
    check.equal = check.tables.iter().all(|table| table.equal)
        && check.objects.iter().all(|object| object.equal)
        && check.folders.iter().all(|folder| folder.equal);
    let known = |table: &TableCheck| {
        table.verify.as_ref().is_some_and(|verify| verify.equal_without == Some(true))
    };
    check.equal_without_verify = check.tables.iter().all(|table| table.equal || known(table))
        && check.objects.iter().all(|object| object.equal)
        && check.folders.iter().all(|folder| folder.different == folder.of_verify);
    Ok(check)
}

/// Says which rows of tables that differ appeared while verify ran.
fn explain(found: &mut [TableCheck], written: &Written, without: &[TableCheck]) {
    for table in found.iter_mut().filter(|table| !table.equal) {
        let Some(noted) = written.of(&table.database, &table.table) else { continue };
        let same =
            |other: &&TableCheck| other.database == table.database && other.table == table.table;
        let keys = |added: &Added| added.keys.iter().take(10).map(i128::to_string).collect();
        let keyed = !noted.original.keys.is_empty() || !noted.migrated.keys.is_empty();
        let rows = |state: &Option<TableState>| state.as_ref().map(|state| state.rows);
        // Without numbers they are told from others only where there are no others.
        let all = rows(&table.from) == Some(noted.original.rows)
            && rows(&table.to) == Some(noted.migrated.rows);
        table.verify = Some(VerifyRows {
            from: noted.original.rows,
            to: noted.migrated.rows,
            from_keys: keys(&noted.original),
            to_keys: keys(&noted.migrated),
            equal_without: if keyed {
                without.iter().find(same).map(|other| other.equal)
            } else {
                all.then_some(true)
            },
        });
    }
}

/// Whether a line about a file that only one end has is about one that a row of verify names.
fn is_named(line: &str, own: &[String]) -> bool {
    let Some((path, what)) = line.rsplit_once(": ") else { return false };
    let name = path.rsplit('/').next().unwrap_or(path);
    what.ends_with("on the target") && name.len() >= 8 && own.iter().any(|cell| cell.contains(name))
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
                verify: None,
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

/// Accounts by name. The one that this program logs in with at an end belongs to that end.
fn users(
    ours: &[String],
    theirs: &[String],
    here: Option<&str>,
    there: Option<&str>,
) -> Vec<ObjectCheck> {
    let is = |name: &str, login: Option<&str>| {
        login.is_some() && name.rsplit_once('@').map(|(user, _)| user) == login
    };
    let own = |name: &str| {
        is(name, here) && !theirs.iter().any(|other| other == name)
            || is(name, there) && !ours.iter().any(|other| other == name)
    };
    let names: BTreeSet<_> = ours.iter().chain(theirs).collect();
    names
        .into_iter()
        .filter(|name| !own(name))
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
    fn the_login_of_an_end_belongs_to_it_and_other_accounts_do_not() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let (ours, theirs) = (names(&["app@%"]), names(&["app@%", "mover@%"]));
        assert!(users(&ours, &theirs, None, Some("mover")).iter().all(|one| one.equal));
        assert!(!users(&ours, &theirs, None, None).iter().all(|one| one.equal));
        assert!(!users(&ours, &theirs, Some("mover"), None).iter().all(|one| one.equal));
        assert_eq!(users(&ours, &ours, None, Some("app")).len(), 1);
    }

    #[test]
    fn rows_of_verify_are_named_and_hide_nothing() {
        let mark = |rows: u64, checksum: &str| TableMark {
            database: "d".into(),
            table: "t".into(),
            rows,
            checksum: checksum.into(),
            key: Some("id".into()),
            max: Some(9),
        };
        let written: Written = serde_json::from_str(
            r#"{"copied":"x","tables":[{"database":"d","table":"t",
                "original":{"rows":2,"keys":[3,4]},"migrated":{"rows":1,"keys":[3]}}]}"#,
        )
        .unwrap();
        let mut found = tables(&[mark(4, "a")], &[mark(3, "b")]);
        explain(&mut found, &written, &tables(&[mark(2, "c")], &[mark(2, "c")]));
        let verify = found[0].verify.clone().unwrap();
        assert_eq!((verify.from, verify.to, verify.equal_without), (2, 1, Some(true)));
        assert_eq!(verify.from_keys, ["3", "4"]);
        assert!(!found[0].equal, "it is named, not forgiven");
        let unkeyed: Written = serde_json::from_str(
            r#"{"copied":"x","tables":[{"database":"d","table":"t",
                "original":{"rows":4,"keys":[]},"migrated":{"rows":2,"keys":[]}}]}"#,
        )
        .unwrap();
        for (rows, told) in [(2, Some(true)), (3, None)] {
            let mut found = tables(&[mark(4, "a")], &[mark(rows, "b")]);
            explain(&mut found, &unkeyed, &[]);
            assert_eq!(found[0].verify.clone().unwrap().equal_without, told, "without a key");
        }
        explain(&mut found, &written, &tables(&[mark(2, "c")], &[mark(2, "d")]));
        assert_eq!(found[0].verify.clone().unwrap().equal_without, Some(false));
        let own = vec!["/files/3f/0a1b2c3d.png".to_owned()];
        assert!(is_named("3f/0a1b2c3d.png: missing on the target", &own));
        assert!(!is_named("3f/other-file.png: only on the target", &own));
        assert!(!is_named("3f/0a1b2c3d.png: mode 644 here, 600 there", &own));
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
