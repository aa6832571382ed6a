//! One folder a case: inventory.yaml and source/ go in; plan.yaml, compose/ and k8s/ must come out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::generate::{Tree, tree};
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;
use crate::model::target::Target;
use crate::workspace::from_yaml;

/// The folder of the cases.
pub(super) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("tests/golden")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("inventory.yaml").is_file())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case in {}", folder.display());
    cases
}

/// The inventory of a case and the plan that follows from it.
pub(super) fn planned(case: &Path) -> (Inventory, Plan) {
    let path = case.join("inventory.yaml");
    let text = std::fs::read_to_string(&path).expect("inventory.yaml");
    let inventory: Inventory = from_yaml(&text, &path.display().to_string()).expect("an inventory");
    let name = case.file_name().and_then(|name| name.to_str()).expect("a name");
    let plan = crate::plan::plan(&inventory, &format!("{name}-k3f9"));
    (inventory, plan)
}

/// The tree of a case.
pub(super) fn generated(case: &Path, target: Target) -> Tree {
    let (inventory, plan) = planned(case);
    let captured = |path: &str| {
        Ok(std::fs::read_to_string(case.join("source").join(path.trim_start_matches('/'))).ok())
    };
    tree(target, &plan, &inventory, &captured, "private").expect("a tree")
}

#[test]
fn trees_are_as_committed() {
    let mut report = String::new();
    for case in cases() {
        let (_, plan) = planned(&case);
        let text = crate::plan::render(&plan).expect("a text");
        let read: Plan = from_yaml(&text, "plan.yaml").expect("what was written reads back");
        assert_eq!(read, plan);
        compare(&case, "plan", &BTreeMap::from([("plan.yaml".to_owned(), text)]), &mut report);
        for target in Target::ALL {
            let tree = generated(&case, target);
            assert_eq!(tree, generated(&case, target), "same input, same bytes");
            compare(&case, target.name(), &tree, &mut report);
        }
    }
    assert!(report.is_empty(), "{report}\nBLESS=1 rewrites them");
}

/// Compares a tree with a folder: missing, unexpected and differing files.
fn compare(case: &Path, folder: &str, tree: &Tree, report: &mut String) {
    let root = case.join(folder);
    if std::env::var_os("BLESS").is_some() {
        let _ = std::fs::remove_dir_all(&root);
        for (path, text) in tree {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        return;
    }
    let mut committed = Tree::new();
    for entry in walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(&root).expect("below").display().to_string();
            committed.insert(path, std::fs::read_to_string(entry.path()).expect("text"));
        }
    }
    for (path, text) in tree {
        let shown = root.join(path);
        match committed.remove(path) {
            None => {
                let _ = writeln!(report, "missing: {}", shown.display());
            }
            Some(old) if old != *text => {
                let diff = diffy::create_patch(&old, text);
                {
                    let _ = writeln!(report, "differs: {}\n{diff}", shown.display());
                }
            }
            Some(_) => {}
        }
    }
    for path in committed.keys() {
        {
            let _ = writeln!(report, "unexpected: {}", root.join(path).display());
        }
    }
}
