//! The command line as such: help, usage errors, exit codes.

use crate::support::{Case, Migrate, Workspace, cases};

pub(crate) fn tests() -> Vec<Case> {
    cases![
        help_names_every_command_of_the_way,
        every_command_explains_itself,
        version_is_the_package_version,
        wrong_usage_exits_with_2,
        a_missing_workspace_file_exits_with_3_and_says_what_to_call,
        a_source_that_is_not_there_exits_with_3_and_is_named,
    ]
}

/// The commands of the way through, in its order.
const COMMANDS: [&str; 8] =
    ["analyze", "generate", "build", "deploy", "undeploy", "verify", "data", "report"];

fn help_names_every_command_of_the_way() {
    let help = Migrate::new(["--help"]).run().expect_code(0).stdout;
    for command in COMMANDS {
        let named = help.lines().any(|line| line.split_whitespace().next() == Some(command));
        assert!(named, "`{command}` is not in the help:\n{help}");
    }
}

fn every_command_explains_itself() {
    for command in COMMANDS {
        let out = Migrate::new([command, "--help"]).run().expect_code(0);
        assert!(
            out.stdout.contains("Usage: migrate"),
            "no usage line in `{command} --help`:\n{}",
            out.stdout
        );
    }
}

fn version_is_the_package_version() {
    let out = Migrate::new(["--version"]).run().expect_code(0);
    assert_eq!(out.stdout.trim(), concat!("migrate ", env!("CARGO_PKG_VERSION")));
}

fn wrong_usage_exits_with_2() {
    for arguments in [
        &["no-such-command"][..],
        &["analyze"],
        &["generate", "--to", "no-such-target"],
        &["deploy"],
        &["verify", "--no-such-option"],
    ] {
        let out = Migrate::new(arguments).run().expect_code(2);
        assert!(
            out.stdout.is_empty(),
            "a usage error belongs on stderr, got on stdout:\n{}",
            out.stdout
        );
        assert!(!out.stderr.is_empty(), "a usage error says what is wrong");
    }
}

fn a_missing_workspace_file_exits_with_3_and_says_what_to_call() {
    let workspace = Workspace::new();
    let out = workspace.migrate(["generate", "--to", "compose"]).run().expect_code(3);
    assert!(
        out.stderr.contains("analyze"),
        "the message names the command to call first, got:\n{}",
        out.stderr
    );
}

fn a_source_that_is_not_there_exits_with_3_and_is_named() {
    let workspace = Workspace::new();
    let source = workspace.path().join("no-such-folder");
    let out = workspace.migrate(["analyze".as_ref(), source.as_os_str()]).run().expect_code(3);
    assert!(
        out.stderr.contains("no-such-folder"),
        "the message names the source, got:\n{}",
        out.stderr
    );
    assert!(
        !workspace.path().join("inventory.yaml").exists(),
        "nothing is written when the source cannot be read"
    );
}
