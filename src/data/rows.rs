//! Rows for the proof: what a pass wrote, and whether what was copied is still the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::data::database::Database;
use crate::data::definer::quoted;
use crate::data::delta::{CopiedTable, TableDelta};
use crate::data::end::{self, End};
use crate::data::tables::{Column, Depth, Table, TableMark, layout, measure, unreadable};
use crate::error::Result;
use crate::model::plan::Plan;
use crate::workspace::Workspace;

/// Most added rows that are read of a table.
const MAX_ADDED: usize = 500;

/// Most keys of a table that are compared one by one.
const MAX_KEYS: usize = 500_000;

/// Counts and largest keys of every table, before a pass.
pub(crate) async fn snapshot(end: &Database) -> Result<Vec<TableMark>> {
    let tables = layout(end).await?;
    measure(end, &tables, Depth::Count, &BTreeMap::new()).await
}

/// What changed since the snapshot: counts, and the rows above the largest key of then.
pub(crate) async fn since(end: &Database, marks: &[TableMark]) -> Result<Vec<TableDelta>> {
    let tables = layout(end).await?;
    let mut sql = String::from("START TRANSACTION WITH CONSISTENT SNAPSHOT;\n");
    for (index, table) in tables.iter().enumerate() {
        let path = table.path();
        let _ = writeln!(sql, "SELECT 'n',{index},COUNT(*) FROM {path};");
        if let Some(key) = table.key_name().map(quoted) {
            let above = mark_of(marks, table)
                .and_then(|mark| mark.max)
                .map_or_else(String::new, |max| format!(" WHERE {key}>{max}"));
            let columns: Vec<_> = table.columns.iter().map(Column::shown_cut).collect();
            let _ = writeln!(
                sql,
                "SELECT 'r',{index},{} FROM {path}{above} ORDER BY {key} LIMIT {MAX_ADDED};",
                columns.join(",")
            );
        }
    }
    sql.push_str("COMMIT;\n");
    let mut deltas: Vec<TableDelta> = tables
        .iter()
        .map(|table| TableDelta {
            database: table.database.clone(),
            table: table.name.clone(),
            before: mark_of(marks, table).map_or(0, |mark| mark.rows),
            after: 0,
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            added: Vec::new(),
            key: table.key,
        })
        .collect();
    for row in end.rows(&sql).await? {
        let mut fields = row.into_iter();
        let (kind, index) = (fields.next(), fields.next());
        let delta = index
            .and_then(|index| index.parse::<usize>().ok())
            .and_then(|index| deltas.get_mut(index))
            .ok_or_else(|| unreadable(end))?;
        if kind.as_deref() == Some("n") {
            delta.after = fields
                .next()
                .and_then(|count| count.parse().ok())
                .ok_or_else(|| unreadable(end))?;
        } else {
            delta
                .added
                .push(fields.map(|value| value.strip_prefix('=').map(ToOwned::to_owned)).collect());
        }
    }
    // A table that is gone lost all its rows.
    for mark in marks {
        if !tables.iter().any(|table| is(mark, table)) {
            deltas.push(TableDelta {
                database: mark.database.clone(),
                table: mark.table.clone(),
                before: mark.rows,
                after: 0,
                columns: Vec::new(),
                added: Vec::new(),
                key: None,
            });
        }
    }
    Ok(deltas)
}

/// How the rows that the last copy left (`marks`) stand now on both ends.
///
/// A table without an integer key has no mark that tells old rows from new ones: it is taken whole.
pub(crate) async fn copied(
    from: &Database,
    to: &Database,
    marks: &[TableMark],
) -> Result<Vec<CopiedTable>> {
    let (here, there) = (layout(from).await?, layout(to).await?);
    let original = limited(from, &here, marks).await?;
    let migrated = limited(to, &there, marks).await?;
    let mut tables = Vec::new();
    for mark in marks {
        let copied = (mark.rows, mark.checksum.clone());
        let find = |states: &[TableMark]| {
            states
                .iter()
                .find(|state| state.database == mark.database && state.table == mark.table)
                .map(|state| (state.rows, state.checksum.clone()))
        };
        let exists = there.iter().any(|table| is(mark, table));
        let keyed = mark.key.is_some() && mark.max.is_some();
        // A table with an integer key that was empty at the copy has no row to look at.
        let looked_at = keyed || mark.key.is_none();
        let nothing = || (0, String::new());
        let mut state = CopiedTable {
            database: mark.database.clone(),
            table: mark.table.clone(),
            original: if looked_at {
                find(&original).unwrap_or_else(nothing)
            } else {
                copied.clone()
            },
            migrated: match (exists, looked_at) {
                (false, _) => nothing(),
                (true, true) => find(&migrated).unwrap_or_else(nothing),
                (true, false) => copied.clone(),
            },
            copied,
            only_original: Vec::new(),
            only_migrated: Vec::new(),
            exists,
        };
        if keyed && exists && state.original != state.migrated {
            let (ours, theirs) = (keys(from, mark).await?, keys(to, mark).await?);
            state.only_original = ours.difference(&theirs).take(10).map(i128::to_string).collect();
            state.only_migrated = theirs.difference(&ours).take(10).map(i128::to_string).collect();
        }
        tables.push(state);
    }
    Ok(tables)
}

async fn limited(end: &Database, tables: &[Table], marks: &[TableMark]) -> Result<Vec<TableMark>> {
    // A table whose key is another than at the copy cannot be limited to the rows of then.
    let tables: Vec<Table> = tables
        .iter()
        .filter(|table| {
            mark_of(marks, table).is_some_and(|mark| {
                mark.key.as_deref() == table.key_name()
                    && (mark.max.is_some() || mark.key.is_none())
            })
        })
        .cloned()
        .collect();
    let limits = tables
        .iter()
        .enumerate()
        .filter_map(|(index, table)| Some((index, mark_of(marks, table)?.max?)))
        .collect();
    measure(end, &tables, Depth::Checksum, &limits).await
}

async fn keys(end: &Database, mark: &TableMark) -> Result<BTreeSet<i128>> {
    let (Some(key), Some(max)) = (&mark.key, mark.max) else { return Ok(BTreeSet::new()) };
    let key = quoted(key);
    let rows = end
        .rows(&format!(
            "SELECT {key} FROM {}.{} WHERE {key}<={max} ORDER BY {key} LIMIT {MAX_KEYS};\n",
            quoted(&mark.database),
            quoted(&mark.table)
        ))
        .await?;
    Ok(rows.into_iter().flatten().filter_map(|key| key.parse().ok()).collect())
}

fn is(mark: &TableMark, table: &Table) -> bool {
    mark.database == table.database && mark.table == table.name
}

fn mark_of<'a>(marks: &'a [TableMark], table: &Table) -> Option<&'a TableMark> {
    marks.iter().find(|mark| is(mark, table))
}

/// The database of the plan at an end (`source`, `compose`, `k8s`, …); `None` when the plan has
/// none or the end is files without a server.
pub(crate) async fn open(
    workspace: &Workspace,
    plan: &Plan,
    name: &str,
) -> Result<Option<Database>> {
    let inventory = workspace.inventory().ok();
    let found = end::databases(plan, inventory.as_ref())?;
    let Some((workload, names)) = found.into_iter().find(|(_, names)| !names.is_empty()) else {
        return Ok(None);
    };
    if name == "source" && !plan.source.starts_with("docker://") {
        return Ok(None);
    }
    let end = End::open(workspace, plan, name, None).await?;
    end.database(plan, &workload, names).await.map(Some)
}
