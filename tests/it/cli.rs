//! The command line as such: help, usage errors, exit codes.

use crate::support::{Case, Migrate, Workspace, cases, command, shop};

pub(crate) fn tests() -> Vec<Case> {
    cases![
        help_names_every_command_of_the_way,
        every_command_explains_itself,
        version_is_the_package_version,
        wrong_usage_exits_with_2,
        a_missing_workspace_file_exits_with_3_and_says_what_to_call,
        a_source_that_is_not_there_exits_with_3_and_is_named,
        completions_are_what_each_shell_reads,
        the_manual_page_names_every_command,
        colour_is_only_where_it_is_wanted,
        quiet_and_verbose_change_messages_and_not_results,
    ]
}

/// The commands, those of the way through first, in its order.
const COMMANDS: [&str; 11] = [
    "analyze",
    "generate",
    "build",
    "deploy",
    "undeploy",
    "data",
    "verify",
    "status",
    "report",
    "completions",
    "man",
];

fn help_names_every_command_of_the_way() {
    let help = Migrate::new(["--help"]).run().expect_code(0).stdout;
    for command in COMMANDS {
        let named = help.lines().any(|line| line.split_whitespace().next() == Some(command));
        assert!(named, "`{command}` is not in the help:\n{help}");
    }
}

fn every_command_explains_itself() {
    let commands = COMMANDS.iter().map(|command| vec![*command]);
    for mut command in commands.chain([vec!["data", "copy"], vec!["data", "check"]]) {
        let usage = format!("Usage: migrate {}", command.join(" "));
        command.push("--help");
        let out = Migrate::new(&command).run().expect_code(0);
        let first = out.stdout.lines().next().unwrap_or_default();
        assert!(
            !first.is_empty() && !first.starts_with("Usage"),
            "what it does comes first: {out}"
        );
        assert!(out.stdout.contains(&usage), "no usage line: {out}");
        // Each option says what it is for, beside its name or below it.
        let lines: Vec<&str> = out.stdout.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let option = line.trim_start();
            // `- value: text` is one of the values of an option.
            if option.starts_with('-') && !option.starts_with("- ") {
                let beside =
                    option.split_once("  ").is_some_and(|(_, text)| !text.trim().is_empty());
                let below = lines.get(number + 1).is_some_and(|next| !next.trim().is_empty());
                assert!(beside || below, "{option:?} explains nothing: {out}");
            }
        }
        assert_eq!(out.stderr, "", "{out}");
    }
    // The same without a word of what to do.
    let out = Migrate::new([""; 0]).run().expect_code(2);
    assert!(out.stderr.contains("Usage: migrate") && out.stderr.contains("analyze"), "{out}");
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
        &["undeploy"],
        &["data"],
        &["data", "move"],
        &["completions"],
        &["completions", "no-such-shell"],
        &["verify", "--no-such-option"],
        &["verify"],
        &["verify", "--cacert", "a", "--insecure", "--original", "http://127.0.0.1:1"],
        &["status", "--format", "yaml"],
        &["status", "--color", "blue"],
        &["status", "-q", "-v"],
        &["status", "surplus"],
        &["analyze", "ftp://somewhere/"],
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

fn completions_are_what_each_shell_reads() {
    for (shell, sign) in [
        ("bash", "complete -F _migrate"),
        ("zsh", "#compdef migrate"),
        ("fish", "complete -c migrate"),
    ] {
        let out = Migrate::new(["completions", shell]).run().expect_code(0);
        assert!(out.stdout.contains(sign), "{shell}: {sign} is not in\n{}", out.stdout);
        assert_eq!(out.stderr, "");
        for command in COMMANDS {
            assert!(out.stdout.contains(command), "{shell} does not know {command}");
        }
    }
    // bash is there wherever these tests run: ask it.
    let script = Migrate::new(["completions", "bash"]).run().stdout;
    let question = format!(
        "{script}\nCOMP_WORDS=(migrate gen); COMP_CWORD=1; _migrate migrate gen migrate; echo \"${{COMPREPLY[@]}}\""
    );
    let out = command("bash", ["-c", &question]).run().expect_code(0);
    assert_eq!(out.stdout.trim(), "generate", "{}", out.stderr);
}

fn the_manual_page_names_every_command() {
    let out = Migrate::new(["man"]).run().expect_code(0);
    assert!(out.stdout.contains(".TH migrate 1"), "{out}");
    for command in COMMANDS {
        assert!(
            out.stdout.contains(&format!("migrate\\-{command}(1)")),
            "{command} is not in {out}"
        );
    }
    assert_eq!(out.stderr, "");
}

fn colour_is_only_where_it_is_wanted() {
    let workspace = Workspace::new();
    let source = shop().display().to_string();
    for more in [&[][..], &["--color", "never"], &["--color", "auto"], &["--format", "json"]] {
        let mut arguments = vec!["analyze", &source];
        arguments.extend(more);
        // Neither stream is a terminal here, whatever the user's NO_COLOR.
        for run in
            [workspace.migrate(&arguments), workspace.migrate(&arguments).without_env("NO_COLOR")]
        {
            let out = run.run().expect_code(0);
            assert!(
                !out.stdout.contains('\x1b') && !out.stderr.contains('\x1b'),
                "{more:?}: {out}"
            );
        }
    }
    // JSON stays JSON where colour is asked for.
    let coloured = ["--color", "always", "--format", "json", "status"];
    workspace.migrate(coloured).run().expect_code(0).json();
    assert!(
        !workspace
            .migrate(["--color", "always", "generate", "--to", "compose"])
            .run()
            .expect_code(0)
            .stdout
            .is_empty()
    );
}

fn quiet_and_verbose_change_messages_and_not_results() {
    let (empty, workspace) = (Workspace::new(), Workspace::new());
    workspace.migrate(["analyze".as_ref(), empty.path().as_os_str()]).run().expect_code(0);
    let generate = |more: &[&str]| {
        let mut arguments = vec!["generate", "--to", "compose"];
        arguments.extend(more);
        workspace.migrate(arguments).run().expect_code(0)
    };
    generate(&[]);
    let (usual, quiet, verbose) = (generate(&[]), generate(&["-q"]), generate(&["-vv"]));
    assert!(usual.stderr.contains("open question"), "{usual}");
    assert_eq!(quiet.stderr, "", "{quiet}");
    assert!(verbose.stderr.contains("open question"), "{verbose}");
    assert_eq!((&quiet.stdout, &verbose.stdout), (&usual.stdout, &usual.stdout));
    // What failed is said even so.
    let out = workspace.migrate(["-q", "generate", "--to", "k8s"]).run().expect_code(1);
    assert!(out.stderr.starts_with("error: "), "{out}");
}
