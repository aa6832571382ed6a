//! `schemas/` holds the JSON Schemas of the files that people read and edit: BLESS=1 rewrites them.

use std::path::Path;

use schemars::Schema;

#[test]
fn schemas_are_as_committed() {
    let schemas: [(&str, Schema); 4] = [
        ("inventory", schemars::schema_for!(crate::model::inventory::Inventory)),
        ("plan", schemars::schema_for!(crate::model::plan::Plan)),
        ("scenario", schemars::schema_for!(crate::model::scenario::Scenario)),
        ("verdict", schemars::schema_for!(crate::model::verdict::Verdict)),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (name, schema) in schemas {
        let path = folder.join(format!("{name}.json"));
        let mut text = serde_json::to_string_pretty(&schema).expect("JSON");
        text.push('\n');
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, text).expect("written");
        } else {
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == text, "{} is old: BLESS=1 rewrites it", path.display());
        }
    }
}
