//! What the databases hold beside rows: collations, triggers, routines, events, views, indexes,
//! settings. One difference for each kind of fault, however many objects it befell.

use std::collections::BTreeMap;

use super::difference::{Difference, Kind, Scene};
use crate::data::delta::{CopiedTable, Definition};
use crate::model::verdict::{Class, Tier};

/// How many are shown.
const SHOWN: usize = 4;

/// Settings that hardly anyone notices.
const QUIET: [&str; 5] = [
    "character_set_server",
    "collation_server",
    "max_connections",
    "wait_timeout",
    "innodb_ft_min_token_size",
];

/// Settings of which more does no harm.
const SIZES: [&str; 4] =
    ["max_allowed_packet", "group_concat_max_len", "max_connections", "wait_timeout"];

/// Compares them.
pub(super) fn compare(found: &[Definition], tables: &[CopiedTable], out: &mut Vec<Difference>) {
    let mut groups: BTreeMap<(String, Tier), Vec<&Definition>> = BTreeMap::new();
    for one in found {
        // A table that is missing is told by itself.
        let of_lost_table = tables.iter().filter(|table| !table.exists).any(|table| {
            let name = format!("{}.{}", table.database, table.table);
            one.name
                .split(' ')
                .next_back()
                .is_some_and(|own| own == name || own.starts_with(&format!("{name}.")))
        });
        if !of_lost_table && let Some(group) = group(one) {
            groups.entry(group).or_default().push(one);
        }
    }
    for ((group, tier), members) in groups {
        // Columns say more than their table, a table more than its database.
        let rank = |one: &&Definition| match one.name.split(' ').next() {
            _ if one.kind != "collation" => 0,
            Some("column") => 0,
            Some("table") => 1,
            _ => 2,
        };
        let mut members = members;
        members.sort_by_key(|one| (rank(one), one.name.clone()));
        let Some(first) = members.first() else { continue };
        let names: Vec<&str> = members.iter().take(SHOWN).map(|one| one.name.as_str()).collect();
        let more = members.len().saturating_sub(names.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let names = format!("{}{more}", names.join(", "));
        let summary = match (first.kind.as_str(), &first.original, &first.migrated) {
            ("collation", ..) => format!("text is sorted and compared in another way: {names}"),
            ("setting", ..) => format!("the database's {} is another", first.name),
            (kind, Some(_), None) => format!("{kind} missing: {names}"),
            (kind, None, _) => format!("{kind} that the original lacks: {names}"),
            (kind, ..) => format!("{kind} defined in another way: {names}"),
        };
        let show = |side: fn(&Definition) -> &Option<String>| {
            members
                .iter()
                .take(SHOWN)
                .map(|one| match (side(one), one.kind.as_str()) {
                    (None, _) => format!("{}: none", one.name),
                    (Some(text), "collation" | "setting" | "index") => {
                        format!("{}: {text}", one.name)
                    }
                    (Some(_), _) if one.original.is_none() || one.migrated.is_none() => {
                        format!("{}: there", one.name)
                    }
                    // The end of it is a hash.
                    (Some(text), _) => format!("{}: {text}", one.name),
                })
                .collect::<Vec<_>>()
                .join("\n")
        };
        let scene = Scene {
            scenario: 0,
            order: usize::MAX,
            step: "definitions",
            sent: "definitions of the database",
            claimed: &[],
            path: "",
            origin: None,
        };
        out.push(scene.difference(
            Kind::Definition(first.kind.clone(), first.name.clone()),
            group,
            (tier, Class::Data),
            summary,
            (show(|one| &one.original), show(|one| &one.migrated)),
        ));
    }
}

/// The group and tier of one; `None` when it says nothing.
fn group(one: &Definition) -> Option<(String, Tier)> {
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<u64>().ok());
    Some(match (one.kind.as_str(), &one.original, &one.migrated) {
        // A missing column or table shows in its rows.
        ("collation" | "setting", None, _) | ("collation" | "setting", _, None) => return None,
        ("setting", ..) => {
            let name = one.name.as_str();
            if SIZES.contains(&name) && number(&one.migrated) >= number(&one.original) {
                return None;
            }
            let tier = if QUIET.contains(&name) { Tier::NonStrict } else { Tier::Fail };
            (format!("setting {name}"), tier)
        }
        ("collation", ..) => ("collation".to_owned(), Tier::Fail),
        // What is slower only, or not used, is nothing that a user could notice.
        ("index", original, migrated) => {
            let unique = |text: &Option<String>| {
                text.as_ref().is_some_and(|text| text.starts_with("unique "))
            };
            let tier =
                if unique(original) || unique(migrated) { Tier::Fail } else { Tier::NonStrict };
            ("index".to_owned(), tier)
        }
        (kind, None, _) => (format!("{kind} extra"), Tier::NonStrict),
        (kind, _, None) => (format!("{kind} missing"), Tier::Fail),
        (kind, ..) => (format!("{kind} differs"), Tier::Fail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: &str, name: &str, original: Option<&str>, migrated: Option<&str>) -> Definition {
        Definition {
            kind: kind.into(),
            name: name.into(),
            original: original.map(Into::into),
            migrated: migrated.map(Into::into),
        }
    }

    #[test]
    fn each_kind_of_fault_is_told_once() {
        let found = [
            one("collation", "column d.t.a", Some("x_ci"), Some("x_bin")),
            one("collation", "column d.t.b", Some("x_ci"), Some("x_bin")),
            one("collation", "table d.t", Some("x_ci"), Some("x_bin")),
            one("trigger", "d.one", Some("AFTER INSERT t"), None),
            one("trigger", "d.two", Some("AFTER DELETE t"), None),
            one("setting", "max_allowed_packet", Some("1024"), Some("2048")),
            one("setting", "sql_mode", Some("STRICT_TRANS_TABLES"), Some("")),
        ];
        let mut out = Vec::new();
        compare(&found, &[], &mut out);
        let groups: Vec<_> = out.iter().map(|one| (one.group.as_str(), one.tier)).collect();
        assert_eq!(
            groups,
            [
                ("collation", Tier::Fail),
                ("setting sql_mode", Tier::Fail),
                ("trigger missing", Tier::Fail)
            ]
        );
        assert!(out[0].summary.contains("column d.t.a") && out[2].summary.contains("d.two"));
    }
}
