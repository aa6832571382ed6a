//! Rows: what the passes wrote, and what was copied.

use serde_json::{Map, Value};

use super::answer::{Passes, in_data};
use super::difference::{Difference, Kind, Scene};
use super::list;
use super::value::{Sink, What};
use crate::data::delta::{CopiedTable, TableDelta};
use crate::model::verdict::{Class, Tier};
use crate::verify::learn::identity::Place;

fn scene(scenario: usize, sent: &str) -> Scene<'_> {
    Scene { scenario, order: usize::MAX, step: "rows", sent, claimed: &[], path: "", origin: None }
}

/// Whether a table changes by itself as sessions come and go.
fn is_volatile(table: &str) -> bool {
    let lower = table.to_ascii_lowercase();
    ["session", "cache", "token", "lock", "job", "queue"].iter().any(|word| lower.contains(word))
}

/// Compares what the passes of one scenario wrote.
pub(crate) fn written(
    scenario: usize,
    deltas: &[Vec<TableDelta>; 3],
    passes: &Passes<'_>,
    out: &mut Vec<Difference>,
    places: &mut Vec<Place>,
) {
    for first in &deltas[0] {
        let same =
            |delta: &&TableDelta| delta.database == first.database && delta.table == first.table;
        let (Some(again), Some(migrated)) =
            (deltas[1].iter().find(same), deltas[2].iter().find(same))
        else {
            continue;
        };
        table(scenario, [first, again, migrated], passes, out, places);
    }
}

fn table(
    scenario: usize,
    deltas: [&TableDelta; 3],
    passes: &Passes<'_>,
    out: &mut Vec<Difference>,
    places: &mut Vec<Place>,
) {
    let [first, again, migrated] = deltas;
    let name = format!("{}.{}", first.database, first.table);
    let sent = format!("rows of {name}");
    let scene = scene(scenario, &sent);
    let grown = |delta: &TableDelta| i128::from(delta.after) - i128::from(delta.before);
    let mixed = overlap(first, again);
    // Passes that ran side by side on one database have counted each other's rows.
    let (low, high) = if mixed {
        let all = distinct(first, again);
        (all / 2, all - all / 2)
    } else {
        (grown(first).min(grown(again)), grown(first).max(grown(again)))
    };
    let spread = high - low;
    let mine = grown(migrated);
    if mine < low - spread || mine > high + spread {
        let tier = if is_volatile(&first.table) { Tier::NonStrict } else { Tier::Fail };
        let verb = if mine < low { "fewer" } else { "more" };
        out.push(scene.difference(
            Kind::Rows(name.clone()),
            format!("rows written {name}"),
            (tier, Class::Data),
            format!("the same steps leave {verb} rows in table {name}"),
            (format!("{low} rows more"), format!("{mine} rows more")),
        ));
        return;
    }
    if mixed || first.key.is_none() {
        return;
    }
    let mut side = 0;
    let trees = deltas.map(|delta| {
        let unique = passes.uniques[side];
        side += 1;
        rows(delta, unique)
    });
    let mut sink = Sink::default();
    list::compare(
        [&trees[0], &trees[1], &trees[2]],
        &format!("/{}", first.table),
        &passes.walk(),
        &mut sink,
    );
    places.append(&mut sink.places);
    for found in sink.found {
        // How many there are has been compared above.
        if !matches!(found.what, What::Missing | What::Extra | What::Order) {
            out.push(in_data(&scene, &found, Class::Data, false));
        }
    }
}

/// Whether two passes saw the same added rows.
fn overlap(first: &TableDelta, again: &TableDelta) -> bool {
    first.key.is_some() && keys(first).iter().any(|key| keys(again).contains(key))
}

fn keys(delta: &TableDelta) -> Vec<&str> {
    let Some(key) = delta.key else { return Vec::new() };
    delta.added.iter().filter_map(|row| row.get(key).and_then(Option::as_deref)).collect()
}

fn distinct(first: &TableDelta, again: &TableDelta) -> i128 {
    let all: std::collections::BTreeSet<&str> =
        keys(first).into_iter().chain(keys(again)).collect();
    all.len() as i128
}

/// Added rows as data: integers as numbers, so that ids are known by their column.
fn rows(delta: &TableDelta, unique: &str) -> Vec<Value> {
    delta
        .added
        .iter()
        .map(|row| {
            let mut map = Map::new();
            for (column, cell) in delta.columns.iter().zip(row) {
                let value = match cell {
                    None => Value::Null,
                    Some(text) => text.parse::<i64>().map_or_else(
                        |_| Value::String(super::body::own(text, unique)),
                        Value::from,
                    ),
                };
                map.insert(column.clone(), value);
            }
            Value::Object(map)
        })
        .collect()
}

/// Compares one table as it was copied.
pub(crate) fn copied(table: &CopiedTable, out: &mut Vec<Difference>) {
    let name = format!("{}.{}", table.database, table.table);
    let sent = format!("rows of {name} as copied");
    let scene = scene(0, &sent);
    let push = |out: &mut Vec<Difference>,
                tier: Tier,
                summary: String,
                original: String,
                migrated: String| {
        out.push(scene.difference(
            Kind::Copied(name.clone(), table.only_original.clone()),
            format!("copied {name}"),
            (tier, Class::Data),
            summary,
            (original, migrated),
        ));
    };
    if !table.exists {
        push(
            out,
            Tier::Fail,
            format!("table {name} is missing"),
            format!("{} rows", table.original.0),
            "no such table".into(),
        );
        return;
    }
    if table.original == table.migrated {
        return;
    }
    let unchanged = table.original == table.copied;
    let volatile = is_volatile(&table.table);
    // Sessions end and caches are emptied on each side at its own time; that all are gone is
    // another matter.
    let tier = match (volatile && !unchanged, table.migrated.0) {
        (true, 0) if table.original.0 > 0 => Tier::NonStrict,
        (true, _) => Tier::Info,
        _ => Tier::Fail,
    };
    if tier == Tier::Info {
        push(
            out,
            tier,
            format!("rows of table {name} come and go by themselves"),
            format!("{} rows of the copy are left", table.original.0),
            format!("{} rows of the copy are left", table.migrated.0),
        );
        return;
    }
    let show = |count: u64, keys: &[String]| {
        if keys.is_empty() {
            format!("{count} rows")
        } else {
            format!("{count} rows, only here: {}", keys.join(", "))
        }
    };
    let original = show(table.original.0, &table.only_original);
    let migrated = show(table.migrated.0, &table.only_migrated);
    if !table.only_original.is_empty() || table.migrated.0 < table.original.0 {
        let count = table.original.0.saturating_sub(table.migrated.0);
        let rows = if count == 0 {
            "rows".to_owned()
        } else {
            format!("{count} {}", if count == 1 { "row" } else { "rows" })
        };
        push(
            out,
            tier,
            format!("{rows} of table {name} missing from the copy"),
            original,
            migrated,
        );
    } else if !table.only_migrated.is_empty() || table.migrated.0 > table.original.0 {
        let (tier, why) = if unchanged {
            (tier, "the copy has rows that the original has not")
        } else {
            (Tier::Info, "rows were deleted in the original since the copy")
        };
        push(out, tier, format!("table {name}: {why}"), original, migrated);
    } else if unchanged && table.migrated != table.copied {
        push(
            out,
            tier,
            format!("rows of table {name} have another content"),
            format!("{original}, checksum {}", table.original.1),
            format!("{migrated}, checksum {}", table.migrated.1),
        );
    } else {
        push(
            out,
            Tier::Info,
            format!("table {name}: rows have changed since the copy"),
            format!("{original}, changed since the copy"),
            migrated,
        );
    }
}
