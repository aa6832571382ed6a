//! The serverless tree, read by AWS's own tools: nothing in it is an error or a warning to them.

use std::path::Path;

use crate::support::{Case, cases, command, sam_tool};

pub(crate) fn tests() -> Vec<Case> {
    cases![sam_validate_finds_nothing, sam_cfn_lint_finds_nothing]
}

/// The committed trees: those that `generate` writes, byte for byte, as the golden tests see to.
fn trees() -> Vec<std::path::PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_dir(golden).expect("tests/golden");
    let trees: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path().join("sam"))
        .filter(|tree| tree.join("template.yaml").is_file())
        .collect();
    assert!(!trees.is_empty(), "no golden tree for sam");
    trees
}

fn sam_validate_finds_nothing() {
    for tree in trees() {
        let template = tree.join("template.yaml");
        let arguments = ["validate", "--lint", "--region", "eu-central-1", "--template"];
        let arguments = arguments.map(std::ffi::OsStr::new).into_iter();
        let out = command(sam_tool("sam"), arguments.chain([template.as_os_str()]))
            .env("SAM_CLI_TELEMETRY", "0")
            .within(180)
            .run()
            .expect_code(0);
        assert!(out.stdout.contains("is a valid SAM Template"), "{}", out.stdout);
    }
}

fn sam_cfn_lint_finds_nothing() {
    for tree in trees() {
        let out = command(sam_tool("cfn-lint"), [tree.join("template.yaml")]).within(180).run();
        let out = out.expect_code(0);
        assert_eq!(out.stdout, "", "{}", tree.display());
    }
}
