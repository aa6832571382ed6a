//! The databases behind both sides, when the workspace knows them: what each pass writes, and
//! whether what was copied is still the same.

use std::collections::BTreeMap;

use super::observation::Side;
use super::runner::Around;
use super::verdict::Rows;
use crate::data::database::Database;
use crate::data::definitions;
use crate::data::delta::TableDelta;
use crate::data::record::Copied;
use crate::data::rows;
use crate::data::tables::TableMark;
use crate::data::written::Written;
use crate::error::Result;
use crate::model::plan::Plan;
use crate::workspace::Workspace;

/// Both databases, or neither.
#[derive(Default)]
pub(crate) struct Databases {
    pair: Option<(Database, Database)>,
    marks: Vec<TableMark>,
    current: BTreeMap<Side, Vec<TableDelta>>,
    rows: Rows,
    /// Where rows that appear are noted.
    note: Option<(Workspace, String, Written)>,
}

impl Databases {
    /// Opens the database of the source and that of the deployment, and compares what the last
    /// copy left. A database that cannot be reached is told and left out: coverage then says so.
    pub(crate) async fn open(workspace: &Workspace, plan: &Plan, target: &str) -> Result<Self> {
        let mut databases = Self::default();
        let (original, migrated) = match (
            rows::open(workspace, plan, "source").await,
            rows::open(workspace, plan, target).await,
        ) {
            (Ok(Some(original)), Ok(Some(migrated))) => (original, migrated),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!("rows are not compared: {error}");
                return Ok(databases);
            }
            _ => return Ok(databases),
        };
        if let Some(copied) = Copied::load(workspace, target)? {
            databases.rows.copied = rows::copied(&original, &migrated, &copied.tables).await?;
            databases.rows.copied_at = copied.at.parse().ok();
        } else {
            tracing::warn!("no `migrate data copy` is on record: copied rows are not compared");
        }
        databases.rows.definitions = definitions::compare(&original, &migrated).await?;
        databases.pair = Some((original, migrated));
        let written = Written::load(workspace, target)?;
        databases.note = Some((workspace.clone(), target.to_owned(), written));
        Ok(databases)
    }

    /// What was found.
    pub(crate) fn into_rows(self) -> Rows {
        self.rows
    }

    fn of(&self, side: Side) -> Option<&Database> {
        let (original, migrated) = self.pair.as_ref()?;
        Some(if side == Side::Migrated { migrated } else { original })
    }
}

impl Around for Databases {
    async fn before(&mut self, side: Side) -> Result<()> {
        if let Some(database) = self.of(side) {
            self.marks = rows::snapshot(database).await?;
        }
        Ok(())
    }

    async fn after(&mut self, side: Side) -> Result<()> {
        let Some(database) = self.of(side) else { return Ok(()) };
        let deltas = rows::since(database, &self.marks).await?;
        if let Some((workspace, target, written)) = &mut self.note {
            written.note(workspace, target, side != Side::Migrated, &deltas)?;
        }
        self.current.insert(side, deltas);
        if self.current.len() == 3 {
            let mut take = |side| self.current.remove(&side).unwrap_or_default();
            let three = [take(Side::Original), take(Side::Again), take(Side::Migrated)];
            self.rows.written.push(three);
        }
        Ok(())
    }
}
