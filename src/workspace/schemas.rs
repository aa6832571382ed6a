//! The JSON Schemas of the files of a workspace: editors find them beside what they describe.

use super::Change;

/// Their folder, from the workspace's. The first lines of the YAML files name it.
const FOLDER: &str = ".migrate/schemas";

const ALL: [(&str, &str); 4] = [
    ("inventory", include_str!("../../schemas/inventory.json")),
    ("plan", include_str!("../../schemas/plan.json")),
    ("scenario", include_str!("../../schemas/scenario.json")),
    ("verdict", include_str!("../../schemas/verdict.json")),
];

/// What writes them as this version knows them.
pub(super) fn changes() -> impl Iterator<Item = Change> {
    ALL.into_iter().map(|(name, text)| Change::file(format!("{FOLDER}/{name}.json"), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{inventory, plan, scenario, verdict};

    #[test]
    fn every_schema_is_of_the_version_that_is_written() {
        let versions = [inventory::SCHEMA, plan::SCHEMA, scenario::SCHEMA, verdict::SCHEMA];
        for ((name, text), version) in ALL.into_iter().zip(versions) {
            assert!(version.starts_with(&format!("migrate/{name}/")), "{version}");
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
    }
}
