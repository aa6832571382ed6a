//! Rows that appeared while `verify` ran (`.migrate/deployments/verify-TARGET.json`), so that
//! `data check` can name them. Keys only, and only integers: no text of a row is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::data::database::Database;
use crate::data::delta::TableDelta;
use crate::data::record::Copied;
use crate::data::tables::{Table, TableMark, cells, measure_without};
use crate::error::Result;
use crate::workspace::Workspace;

/// Most keys that are kept of a table and side.
const MAX_KEYS: usize = 20_000;

/// What verify saw appear since one copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// When that copy was: the next one replaces the target's rows.
    copied: String,
    tables: Vec<WrittenTable>,
}

/// The same of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrittenTable {
    pub(crate) database: String,
    pub(crate) table: String,
    pub(crate) original: Added,
    pub(crate) migrated: Added,
}

/// Rows that one side gained.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Added {
    /// How many more there were after the passes than before.
    pub(crate) rows: u64,
    /// Their keys, where the primary key is an integer.
    pub(crate) keys: BTreeSet<i128>,
}

impl Written {
    /// What is noted since the last copy to a target; nothing when there was none.
    pub(crate) fn load(workspace: &Workspace, target: &str) -> Result<Self> {
        let copied = Copied::load(workspace, target)?.map(|copied| copied.at).unwrap_or_default();
        let noted: Option<Self> = workspace.read_json(&path(workspace, target))?;
        let noted = noted.filter(|noted| noted.copied == copied && !copied.is_empty());
        Ok(noted.unwrap_or(Self { copied, tables: Vec::new() }))
    }

    /// Notes what a pass added, and keeps it.
    pub(crate) fn note(
        &mut self,
        workspace: &Workspace,
        target: &str,
        original: bool,
        deltas: &[TableDelta],
    ) -> Result<()> {
        if self.copied.is_empty() {
            return Ok(());
        }
        self.add(original, deltas);
        workspace.write_json(&path(workspace, target), self)
    }

    fn add(&mut self, original: bool, deltas: &[TableDelta]) {
        for delta in deltas.iter().filter(|delta| delta.after > delta.before) {
            let known = self
                .tables
                .iter()
                .position(|table| table.database == delta.database && table.table == delta.table);
            let at = known.unwrap_or_else(|| {
                self.tables.push(WrittenTable {
                    database: delta.database.clone(),
                    table: delta.table.clone(),
                    ..WrittenTable::default()
                });
                self.tables.len() - 1
            });
            let table = &mut self.tables[at];
            let side = if original { &mut table.original } else { &mut table.migrated };
            side.rows += delta.after - delta.before;
            let Some(key) = delta.key else { continue };
            let keys =
                delta.added.iter().filter_map(|row| row.get(key)?.as_ref()?.parse::<i128>().ok());
            let room = MAX_KEYS.saturating_sub(side.keys.len());
            side.keys.extend(keys.take(room));
        }
    }

    /// What is noted of a table.
    pub(crate) fn of(&self, database: &str, table: &str) -> Option<&WrittenTable> {
        self.tables.iter().find(|one| one.database == database && one.table == table)
    }

    /// The tables of one side without the rows that verify saw appear there.
    pub(crate) async fn without(
        &self,
        end: &Database,
        tables: &[Table],
        original: bool,
    ) -> Result<Vec<TableMark>> {
        let noted: Vec<Table> = tables
            .iter()
            .filter(|table| table.key.is_some() && self.of(&table.database, &table.name).is_some())
            .cloned()
            .collect();
        let keys: BTreeMap<usize, &BTreeSet<i128>> = noted
            .iter()
            .enumerate()
            .filter_map(|(at, table)| {
                Some((at, &self.side(&table.database, &table.name, original)?.keys))
            })
            .collect();
        measure_without(end, &noted, &keys).await
    }

    /// What stands in the rows that verify saw appear on one side: names of files are known by it.
    pub(crate) async fn cells(
        &self,
        end: &Database,
        tables: &[Table],
        original: bool,
    ) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for table in tables {
            let Some(side) = self.side(&table.database, &table.name, original) else { continue };
            if !side.keys.is_empty() {
                found.extend(cells(end, table, &side.keys).await?);
            }
        }
        Ok(found)
    }

    fn side(&self, database: &str, table: &str, original: bool) -> Option<&Added> {
        let table = self.of(database, table)?;
        Some(if original { &table.original } else { &table.migrated })
    }
}

fn path(workspace: &Workspace, target: &str) -> std::path::PathBuf {
    workspace.deployment(&format!("verify-{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(key: Option<usize>, rows: &[&str]) -> TableDelta {
        TableDelta {
            database: "d".into(),
            table: "t".into(),
            before: 2,
            after: 2 + rows.len() as u64,
            columns: vec!["id".into(), "text".into()],
            added: rows
                .iter()
                .map(|id| vec![Some((*id).to_owned()), Some("private words".to_owned())])
                .collect(),
            key,
        }
    }

    #[test]
    fn keys_are_noted_by_side_and_forgotten_with_the_next_copy() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(folder.path());
        let mut copied = Copied {
            from: "source".into(),
            to: "compose".into(),
            at: "2025-01-01T00:00:00Z".into(),
            tables: Vec::new(),
        };
        let mut none = Written::load(&workspace, "compose").unwrap();
        none.note(&workspace, "compose", true, &[delta(Some(0), &["3"])]).unwrap();
        assert!(!path(&workspace, "compose").exists(), "nothing was copied");

        copied.save(&workspace, "compose").unwrap();
        let mut written = Written::load(&workspace, "compose").unwrap();
        written.note(&workspace, "compose", true, &[delta(Some(0), &["3", "4"])]).unwrap();
        written.note(&workspace, "compose", true, &[delta(Some(0), &["5"])]).unwrap();
        written.note(&workspace, "compose", false, &[delta(None, &["x"])]).unwrap();
        let text = std::fs::read_to_string(path(&workspace, "compose")).unwrap();
        assert!(!text.contains("private"), "{text}");
        let read = Written::load(&workspace, "compose").unwrap();
        let table = read.of("d", "t").unwrap();
        assert_eq!((table.original.rows, table.original.keys.len()), (3, 3));
        assert_eq!((table.migrated.rows, table.migrated.keys.len()), (1, 0));

        copied.at = "2025-01-02T00:00:00Z".into();
        copied.save(&workspace, "compose").unwrap();
        assert!(Written::load(&workspace, "compose").unwrap().of("d", "t").is_none());
    }
}
