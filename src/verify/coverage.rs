//! What was and was not looked at, against what the inventory knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::delta::{CopiedTable, TableDelta};
use crate::model::inventory::{Inventory, LocationKind};
use crate::model::verdict::{Coverage, Part, Skipped};
use crate::verify::cause::nginx;
use crate::verify::observation::{Outcome, Pass};

/// A request that was answered on both sides.
#[derive(Debug, Clone, Copy)]
struct Answered<'a> {
    method: &'a str,
    path: &'a str,
}

/// Works out the coverage.
pub(super) fn coverage(
    passes: &[[Pass; 3]],
    inventory: Option<&Inventory>,
    written: &[[Vec<TableDelta>; 3]],
    copied: &[CopiedTable],
) -> Coverage {
    let answered = answered(passes);
    Coverage {
        locations: inventory.map(|inventory| locations(inventory, &answered)).unwrap_or_default(),
        routes: inventory.map(|inventory| routes(inventory, &answered)).unwrap_or_default(),
        tables: tables(written, copied),
        messages: inventory.map(|inventory| messages(inventory, passes)).unwrap_or_default(),
        skipped: skipped(passes),
    }
}

fn answered(passes: &[[Pass; 3]]) -> Vec<Answered<'_>> {
    let mut list = Vec::new();
    for three in passes {
        let migrated: BTreeMap<(&str, u32), &Outcome> = three[2]
            .observations
            .iter()
            .map(|seen| ((seen.step.as_str(), seen.repetition), &seen.outcome))
            .collect();
        for seen in &three[0].observations {
            if let Outcome::Answer(answer) = &seen.outcome
                && matches!(
                    migrated.get(&(seen.step.as_str(), seen.repetition)),
                    Some(Outcome::Answer(_))
                )
            {
                list.push(Answered { method: &answer.method, path: &answer.path });
            }
        }
    }
    list
}

fn part(all: BTreeMap<String, bool>) -> Part {
    let total = all.len() as u64;
    let missing: Vec<String> =
        all.into_iter().filter(|(_, seen)| !seen).map(|(name, _)| name).collect();
    Part { seen: total - missing.len() as u64, total, missing }
}

fn locations(inventory: &Inventory, answered: &[Answered<'_>]) -> Part {
    let mut all: BTreeMap<String, bool> = BTreeMap::new();
    for site in inventory.services.iter().flat_map(|service| &service.sites) {
        let locations: Vec<_> = site
            .locations
            .iter()
            .filter(|location| !location.internal && location.modifier != "@")
            .collect();
        let chosen: Vec<(usize, &str, &str)> = locations
            .iter()
            .enumerate()
            .map(|(index, location)| (index, location.modifier.as_str(), location.path.as_str()))
            .collect();
        let hit: BTreeSet<usize> =
            answered.iter().filter_map(|answer| nginx::choose(&chosen, answer.path)).collect();
        // A site that only sends users on to another is one thing to look at.
        let only_redirects = !locations.is_empty()
            && locations.iter().all(|location| location.kind == LocationKind::Redirect)
            && inventory.services.iter().flat_map(|service| &service.sites).count() > 1;
        for (index, location) in locations.iter().enumerate() {
            if only_redirects && !hit.contains(&index) {
                continue;
            }
            let name = format!("{} {}", location.modifier, location.path).trim().to_owned();
            *all.entry(name).or_default() |= hit.contains(&index);
        }
    }
    part(all)
}

fn routes(inventory: &Inventory, answered: &[Answered<'_>]) -> Part {
    let mut all: BTreeMap<String, bool> = BTreeMap::new();
    for route in inventory.services.iter().flat_map(|service| &service.routes) {
        let seen = answered.iter().any(|answer| {
            (route.method == "ALL"
                || route.method.eq_ignore_ascii_case(answer.method)
                || (route.method == "GET" && answer.method == "HEAD"))
                && is_route(&route.path, answer.path)
        });
        *all.entry(format!("{} {}", route.method, route.path)).or_default() |= seen;
    }
    part(all)
}

/// Whether a path is one of a route's.
fn is_route(route: &str, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or("");
    let parts = |text: &str| {
        text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let (wanted, given) = (parts(route), parts(path));
    if wanted.last().is_some_and(|last| last.starts_with('*')) {
        return given.len() + 1 >= wanted.len()
            && wanted[..wanted.len() - 1]
                .iter()
                .zip(&given)
                .all(|(left, right)| same(left, right));
    }
    wanted.len() == given.len() && wanted.iter().zip(&given).all(|(left, right)| same(left, right))
}

fn same(wanted: &str, given: &str) -> bool {
    wanted.starts_with(':') || wanted.starts_with('{') || wanted == given
}

fn tables(written: &[[Vec<TableDelta>; 3]], copied: &[CopiedTable]) -> Part {
    let mut all: BTreeMap<String, bool> = BTreeMap::new();
    for delta in written.iter().flat_map(|three| &three[0]) {
        all.insert(format!("{}.{}", delta.database, delta.table), true);
    }
    for table in copied {
        *all.entry(format!("{}.{}", table.database, table.table)).or_default() |= true;
    }
    part(all)
}

fn messages(inventory: &Inventory, passes: &[[Pass; 3]]) -> Part {
    let mut met: BTreeSet<String> = BTreeSet::new();
    for seen in passes.iter().flat_map(|three| &three[0].observations) {
        if let Outcome::Messages(heard) = &seen.outcome {
            for message in heard.iter().flat_map(|one| &one.messages) {
                texts(&message.data, &mut met);
            }
        }
        // A message that was sent stands behind the first `: ` of what was sent.
        if matches!(seen.outcome, Outcome::Done)
            && let Some((_, message)) = seen.sent.split_once(": ")
        {
            texts(message, &mut met);
        }
    }
    let mut all: BTreeMap<String, bool> = BTreeMap::new();
    for message in inventory
        .services
        .iter()
        .flat_map(|service| &service.sockets)
        .flat_map(|socket| &socket.messages)
    {
        *all.entry(format!("{} {}", message.tag, message.value)).or_default() |=
            met.contains(&message.value);
    }
    part(all)
}

/// The texts at the top of a message: of an object its values, of `42["name", …]` its name.
fn texts(data: &str, met: &mut BTreeSet<String>) {
    let data = data.trim_start_matches(|letter: char| letter.is_ascii_digit());
    match serde_json::from_str::<serde_json::Value>(data) {
        Ok(serde_json::Value::Object(map)) => {
            met.extend(map.values().filter_map(|value| value.as_str().map(str::to_owned)));
        }
        Ok(serde_json::Value::Array(list)) => {
            met.extend(list.first().and_then(|value| value.as_str().map(str::to_owned)));
        }
        _ => {}
    }
}

fn skipped(passes: &[[Pass; 3]]) -> Vec<Skipped> {
    let mut list = Vec::new();
    for three in passes {
        for seen in &three[0].observations {
            if let Outcome::Skipped(reason) = &seen.outcome {
                list.push(Skipped {
                    scenario: three[0].scenario.clone(),
                    step: seen.step.clone(),
                    reason: reason.clone(),
                });
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_matched_by_their_parameters() {
        assert!(is_route("/api/orders/:id", "/api/orders/5?x=1"));
        assert!(is_route("/files/*", "/files/a/b"));
        assert!(!is_route("/api/orders/:id", "/api/orders"));
        assert!(!is_route("/api/orders", "/api/order"));
    }

    #[test]
    fn messages_are_met_by_their_texts() {
        let mut met = BTreeSet::new();
        texts(r#"{"type":"join","order":5}"#, &mut met);
        texts(r#"42["say",{"text":"no"}]"#, &mut met);
        texts("join me", &mut met);
        assert_eq!(met.into_iter().collect::<Vec<_>>(), ["join", "say"]);
    }
}
