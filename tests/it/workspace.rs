//! The workspace from analyze to generate, and back: edits, conflicts, invalid files, locks, what status says.

use std::fs::{self, File};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Case, Workspace, cases, shop};

pub(crate) fn tests() -> Vec<Case> {
    cases![
        analyze_writes_a_workspace_that_holds_together,
        analyze_again_changes_nothing,
        analyze_again_keeps_edits_and_comments,
        a_plan_that_contradicts_the_server_exits_with_3_and_stays,
        only_plans_a_part_and_names_what_there_is,
        generate_check_and_diff_say_what_would_change_and_write_nothing,
        generate_again_keeps_edits_and_deletions,
        an_edit_that_conflicts_exits_with_3_and_nothing_is_written,
        status_follows_the_engagement,
        open_questions_are_told_and_keep_deploy_back,
        an_invalid_plan_exits_with_3_and_names_its_line,
        an_invalid_compose_tree_exits_with_3_and_names_its_line,
        a_target_that_does_not_fit_is_refused_and_nothing_is_written,
        a_locked_workspace_is_left_alone,
        a_workspace_that_cannot_be_written_exits_with_3,
        commands_without_a_workspace_say_what_to_do_and_make_none,
        a_report_opens_from_disk_before_there_is_a_verdict,
        stdout_carries_one_json_document,
    ]
}

/// A workspace of the small server.
fn analyzed() -> Workspace {
    let workspace = Workspace::new();
    analyze(&workspace, &shop()).expect_code(0);
    workspace
}

fn analyze(workspace: &Workspace, source: &Path) -> crate::support::Output {
    workspace.migrate(["analyze".as_ref(), source.as_os_str()]).run()
}

fn generate(workspace: &Workspace, more: &[&str]) -> crate::support::Output {
    let mut arguments = vec!["generate", "--to", "compose"];
    arguments.extend(more);
    workspace.migrate(arguments).run()
}

/// All files below a folder with their texts, but the lock.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("read a folder"))
        .filter(|entry| entry.file_type().is_file() && entry.file_name() != "lock")
        .map(|entry| {
            let bytes = fs::read(entry.path()).expect("read a file");
            (entry.path().display().to_string(), bytes)
        })
        .collect()
}

/// A copy of the small server, to change.
fn copy_of_shop(to: &Path) {
    for entry in walkdir::WalkDir::new(shop()) {
        let entry = entry.expect("read the fixture");
        let place = to.join(entry.path().strip_prefix(shop()).expect("lies in the fixture"));
        if entry.file_type().is_dir() {
            fs::create_dir_all(place).expect("make a folder");
        } else if entry.path_is_symlink() {
            let target = fs::read_link(entry.path()).expect("read a link");
            std::os::unix::fs::symlink(target, place).expect("make a link");
        } else {
            fs::copy(entry.path(), place).expect("copy a file");
        }
    }
}

fn analyze_writes_a_workspace_that_holds_together() {
    let workspace = Workspace::new();
    let out = analyze(&workspace, &shop()).expect_code(0);
    assert!(out.stdout.contains("Next:") && out.stdout.contains("generate --to compose"), "{out}");
    for (file, back) in
        [("inventory.yaml", ""), ("plan.yaml", ""), ("scenario/derived.yaml", "../")]
    {
        let text = workspace.read(file);
        let schema = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# yaml-language-server: $schema="))
            .unwrap_or_else(|| panic!("{file} names no schema"));
        assert!(schema.starts_with(&format!("{back}.migrate/schemas/")), "{file}: {schema}");
        let folder = workspace.path().join(file).parent().expect("a folder").to_owned();
        let schema = fs::read_to_string(folder.join(schema))
            .unwrap_or_else(|error| panic!("{file} names a schema that is not there: {error}"));
        serde_json::from_str::<Value>(&schema).expect("a schema is JSON");
    }
    let ignored = workspace.read(".gitignore");
    assert!(ignored.lines().any(|line| line == ".migrate/deployments/"), "{ignored}");
    assert!(workspace.path().join(".migrate/source/etc/nginx/nginx.conf").is_file());
    for gone in ["next", "commit"] {
        assert!(!workspace.path().join(".migrate").join(gone).exists(), "{gone} is left");
    }
}

fn analyze_again_changes_nothing() {
    let workspace = analyzed();
    let before = tree(workspace.path());
    analyze(&workspace, &shop()).expect_code(0);
    assert_eq!(before, tree(workspace.path()));
}

fn analyze_again_keeps_edits_and_comments() {
    let source = Workspace::new();
    copy_of_shop(source.path());
    let workspace = Workspace::new();
    analyze(&workspace, source.path()).expect_code(0);
    workspace.edit("plan.yaml", |plan| {
        assert!(plan.contains("  size: 1Gi"), "{plan}");
        plan.replace("  size: 1Gi", "  # twice what they have\n  size: 5Gi")
    });
    // The server changes at another place, and loses a configuration file.
    source.edit("etc/systemd/system/shop.service", |unit| unit.replace("4000", "4100"));
    source.edit("etc/nginx/sites-enabled/shop.conf", |site| site.replace("4000", "4100"));
    fs::rename(
        source.path().join("etc/nginx/sites-enabled/shop.conf"),
        source.path().join("etc/nginx/sites-enabled/orders.conf"),
    )
    .expect("rename a file");
    analyze(&workspace, source.path()).expect_code(0);
    let plan = workspace.read("plan.yaml");
    assert!(plan.contains("  # twice what they have\n  size: 5Gi"), "the edit is lost:\n{plan}");
    assert!(plan.contains("port: 4100") && !plan.contains("4000"), "the server's news:\n{plan}");
    let copies = workspace.path().join(".migrate/source/etc/nginx/sites-enabled");
    assert!(copies.join("orders.conf").exists() && !copies.join("shop.conf").exists());
}

fn a_plan_that_contradicts_the_server_exits_with_3_and_stays() {
    let source = Workspace::new();
    copy_of_shop(source.path());
    let workspace = Workspace::new();
    analyze(&workspace, source.path()).expect_code(0);
    workspace.edit("plan.yaml", |plan| plan.replace("value: \"4000\"", "value: \"4500\""));
    let line = 1 + workspace
        .read("plan.yaml")
        .lines()
        .position(|line| line.contains("4500"))
        .expect("the edited line");
    source.edit("etc/systemd/system/shop.service", |unit| unit.replace("4000", "4100"));
    let before = tree(workspace.path());
    let out = analyze(&workspace, source.path()).expect_code(3);
    assert!(out.stderr.contains(&format!("plan.yaml:{line}")), "{out}");
    assert!(out.stderr.contains("help: "), "{out}");
    assert_eq!(before, tree(workspace.path()), "nothing is written");
}

fn only_plans_a_part_and_names_what_there_is() {
    let workspace = Workspace::new();
    let source = shop();
    let with = |service: &str| {
        let arguments =
            ["analyze".as_ref(), source.as_os_str(), "--only".as_ref(), service.as_ref()];
        workspace.migrate(arguments).run()
    };
    let out = with("billing").expect_code(2);
    assert!(out.stderr.contains("billing") && out.stderr.contains("nginx, shop"), "{out}");
    assert!(!workspace.path().join("plan.yaml").exists());
    with("shop").expect_code(0);
    let plan = workspace.read("plan.yaml");
    assert!(plan.contains("- id: shop") && !plan.contains("- id: nginx"), "{plan}");
}

fn generate_check_and_diff_say_what_would_change_and_write_nothing() {
    let workspace = analyzed();
    let before = tree(workspace.path());
    let out = generate(&workspace, &["--check"]).expect_code(1);
    assert!(out.stdout.contains("would be written"), "{out}");
    let out = generate(&workspace, &["--diff"]).expect_code(0);
    assert!(out.stdout.contains("+++ b/compose/compose.yaml"), "{out}");
    generate(&workspace, &["--diff", "--check"]).expect_code(1);
    assert_eq!(before, tree(workspace.path()), "nothing is written");

    generate(&workspace, &[]).expect_code(0);
    let out = generate(&workspace, &["--check"]).expect_code(0);
    assert!(out.stdout.contains("0 of "), "{out}");
    let out = generate(&workspace, &["--diff"]).expect_code(0);
    assert_eq!(out.stdout.trim(), "", "{out}");

    workspace.edit("plan.yaml", |plan| plan.replace("memory_limit: 512Mi", "memory_limit: 640Mi"));
    generate(&workspace, &["--check"]).expect_code(1);
    let diff = generate(&workspace, &["--diff"]).expect_code(0).stdout;
    let changed = |sign: char| diff.lines().filter(|line| line.starts_with(sign)).count();
    assert_eq!((changed('+'), changed('-')), (2, 2), "one line and the two names:\n{diff}");
}

fn generate_again_keeps_edits_and_deletions() {
    let workspace = analyzed();
    generate(&workspace, &[]).expect_code(0);
    workspace.edit("compose/compose.yaml", |text| format!("# ours\n{text}"));
    let deleted = workspace.path().join("compose/images/shop/Dockerfile.upstream");
    fs::remove_file(&deleted).expect("delete a file");
    let out = generate(&workspace, &["--check"]).expect_code(0);
    assert!(!out.stdout.contains("compose.yaml: updated"), "an edit is no change to make: {out}");
    workspace.edit("plan.yaml", |plan| plan.replace("memory_limit: 512Mi", "memory_limit: 640Mi"));
    let out = generate(&workspace, &[]).expect_code(0);
    assert!(out.stdout.contains("compose/compose.yaml: updated, your edits kept"), "{out}");
    assert!(out.stdout.contains("Dockerfile.upstream: not written: you deleted it"), "{out}");
    let compose = workspace.read("compose/compose.yaml");
    assert!(compose.starts_with("# ours\n") && compose.contains("640"), "{compose}");
    assert!(!deleted.exists());
}

fn an_edit_that_conflicts_exits_with_3_and_nothing_is_written() {
    let workspace = analyzed();
    generate(&workspace, &[]).expect_code(0);
    let mut line = 0;
    workspace.edit("compose/compose.yaml", |text| {
        line = 1 + text.lines().position(|line| line.contains("512")).expect("the memory limit");
        text.replace("512", "700")
    });
    // Another file would change without a conflict.
    workspace.edit("plan.yaml", |plan| {
        plan.replace("memory_limit: 512Mi", "memory_limit: 640Mi")
            .replace("node:18-bookworm-slim", "node:18-bullseye-slim")
    });
    let before = tree(workspace.path());
    let out = generate(&workspace, &[]).expect_code(3);
    assert!(out.stderr.contains(&format!("compose/compose.yaml:{line}")), "{out}");
    assert!(out.stderr.contains("nothing was written"), "{out}");
    assert_eq!(out.stdout, "");
    assert_eq!(before, tree(workspace.path()), "nothing is written");
}

fn status_follows_the_engagement() {
    let workspace = Workspace::new();
    let status = || {
        let text = workspace.migrate(["status"]).run().expect_code(0).stdout;
        let json = workspace.migrate(["status", "--format", "json"]).run().expect_code(0).json();
        let next = json["next"].as_str().expect("a next command").to_owned();
        assert!(text.contains(&next), "the text says {next}, too:\n{text}");
        (json, next)
    };
    let record = |name: &str, value: Value| {
        let folder = workspace.path().join(".migrate/deployments");
        fs::create_dir_all(&folder).expect("make a folder");
        fs::write(folder.join(format!("{name}.json")), value.to_string()).expect("write a record");
    };
    let (json, next) = status();
    assert!(next.ends_with("analyze SOURCE"), "{next}");
    assert!(json["source"].is_null(), "{json}");

    analyze(&workspace, &shop()).expect_code(0);
    let (json, next) = status();
    assert!(next.ends_with("generate --to compose"), "{next}");
    assert_eq!(json["source"], shop().display().to_string());
    assert_eq!(json["blocking_questions"], json!([]));

    generate(&workspace, &[]).expect_code(0);
    let (json, next) = status();
    assert!(next.ends_with("build --to compose"), "{next}");
    assert_eq!(json["targets"][0]["generated"], true);

    // What needs an engine is told by its records.
    record("images", json!({"images": [{"workload": "shop"}, {"workload": "nginx"}]}));
    assert!(status().1.ends_with("deploy --to compose"));
    let url = "http://127.0.0.1:1";
    let workloads = json!([{"id": "shop", "image": "x", "ready": false}]);
    record("compose", json!({"target": "compose", "url": url, "workloads": workloads}));
    let (json, next) = status();
    assert!(next.ends_with("data copy --to compose"), "{next}");
    assert_eq!(json["targets"][0]["url"], url);
    assert_eq!(json["targets"][0]["waiting"], json!(["shop"]));
    record("data-compose", json!({}));
    assert!(status().1.contains("verify --original"));
    fs::create_dir_all(workspace.path().join("verdict")).expect("make a folder");
    fs::write(workspace.path().join("verdict/verdict.json"), r#"{"verdict": "different"}"#)
        .expect("write a verdict");
    let (json, next) = status();
    assert_eq!(json["verdict"], "different");
    assert!(next.ends_with("report"), "{next}");
}

fn open_questions_are_told_and_keep_deploy_back() {
    let workspace = Workspace::new();
    let empty = Workspace::new();
    fs::write(empty.path().join("notes.txt"), "nothing runs here\n").expect("write a file");
    let out = analyze(&workspace, empty.path()).expect_code(0);
    assert!(out.stdout.contains("Open questions"), "{out}");
    let out = generate(&workspace, &[]).expect_code(0);
    assert!(out.stderr.contains("1 open question in inventory.yaml"), "{out}");
    let status = workspace.migrate(["status", "--format", "json"]).run().expect_code(0).json();
    assert_eq!(status["blocking_questions"].as_array().map(Vec::len), Some(1), "{status}");
    let out = workspace.migrate(["deploy", "--to", "compose"]).run().expect_code(1);
    assert!(out.stderr.contains("open questions") && out.stderr.contains("help: "), "{out}");
}

fn an_invalid_plan_exits_with_3_and_names_its_line() {
    let workspace = analyzed();
    let plan = workspace.read("plan.yaml");
    let line = |text: &str| {
        1 + plan.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}"))
    };
    let ports = line("port: 4000");
    for (from, to, at) in [
        ("replicas: 1", "replicas: many", line("replicas: 1")),
        ("strategy: carry", "strategy: borrow", line("strategy: carry")),
        ("schema: migrate/plan/1", "schema: migrate/plan/1\nunknown: 1", line("schema:") + 1),
        ("port: 4000", "prot: 4000", ports),
        ("port: 4000", "port: 400000", ports),
        ("volumes:\n", "volumes: [\n", line("volumes:")),
    ] {
        fs::write(workspace.path().join("plan.yaml"), plan.replacen(from, to, 1))
            .expect("write the plan");
        let before = tree(workspace.path());
        for command in [&["generate", "--to", "compose"][..], &["status"]] {
            let out = workspace.migrate(command).run().expect_code(3);
            let place = out
                .stderr
                .split_once("plan.yaml:")
                .and_then(|(_, rest)| rest.split(':').next()?.parse::<usize>().ok())
                .unwrap_or_else(|| panic!("{to:?}: no line\n{out}"));
            // An open bracket is noticed where the text ends to make sense.
            assert!(place == at || to.ends_with("[\n") && place > at, "{to:?}: not {at}\n{out}");
        }
        assert_eq!(before, tree(workspace.path()), "{to:?}: nothing is written");
    }
    fs::write(workspace.path().join("plan.yaml"), [0xff, 0xfe]).expect("write the plan");
    let out = generate(&workspace, &[]).expect_code(3);
    assert!(out.stderr.contains("plan.yaml"), "{out}");
}

fn an_invalid_compose_tree_exits_with_3_and_names_its_line() {
    let workspace = analyzed();
    generate(&workspace, &[]).expect_code(0);
    let mut line = 0;
    workspace.edit("compose/compose.yaml", |text| {
        line = 1 + text.lines().position(|line| line.contains("restart:")).expect("a key");
        text.replacen("    restart:", "    unheard_of: 1\n    restart:", 1)
    });
    let out = workspace.migrate(["deploy", "--to", "compose", "--dry-run"]).run().expect_code(3);
    assert!(out.stderr.contains(&format!("compose.yaml:{line}")), "{line}: {out}");
    assert!(out.stderr.contains("unheard_of"), "{out}");
}

fn a_target_that_does_not_fit_is_refused_and_nothing_is_written() {
    let workspace = Workspace::new();
    let empty = Workspace::new();
    analyze(&workspace, empty.path()).expect_code(0);
    let out = workspace.migrate(["generate", "--to", "k8s"]).run().expect_code(1);
    assert!(out.stderr.contains("refused"), "{out}");
    assert!(!workspace.path().join("k8s").exists());
}

fn a_locked_workspace_is_left_alone() {
    let workspace = analyzed();
    let lock = File::options()
        .write(true)
        .open(workspace.path().join(".migrate/lock"))
        .expect("the lock is a file");
    lock.try_lock().expect("nobody else holds it");
    let before = tree(workspace.path());
    let source = shop().display().to_string();
    for command in [
        &["analyze", &source][..],
        &["generate", "--to", "compose"],
        &["build", "--to", "compose"],
        &["deploy", "--to", "compose"],
        &["undeploy", "--to", "compose"],
        &["data", "copy"],
    ] {
        let out = workspace.migrate(command).run().expect_code(1);
        assert!(out.stderr.contains("another migrate works in"), "{command:?}: {out}");
    }
    // Who only looks is let in.
    workspace.migrate(["status"]).run().expect_code(0);
    generate(&workspace, &["--check"]).expect_code(1);
    assert_eq!(before, tree(workspace.path()));
    drop(lock);
    generate(&workspace, &[]).expect_code(0);
}

fn a_workspace_that_cannot_be_written_exits_with_3() {
    // Modes do not stop root, a file in the way of a folder does.
    let outer = Workspace::new();
    fs::write(outer.path().join("file"), "").expect("write a file");
    let inside = outer.path().join("file/migration");
    let source = shop();
    let arguments = ["-C".as_ref(), inside.as_os_str(), "analyze".as_ref(), source.as_os_str()];
    let out = crate::support::Migrate::new(arguments).run().expect_code(3);
    assert!(out.stderr.contains("file/migration"), "{out}");
    assert_eq!(out.stdout, "");

    let workspace = analyzed();
    let plan = workspace.path().join("plan.yaml");
    fs::remove_file(&plan).expect("remove the plan");
    fs::create_dir(&plan).expect("a folder in its way");
    let out = analyze(&workspace, &shop()).expect_code(3);
    assert!(out.stderr.contains("plan.yaml"), "{out}");
    fs::remove_dir(&plan).expect("remove the folder");
    analyze(&workspace, &shop()).expect_code(0);
}

fn commands_without_a_workspace_say_what_to_do_and_make_none() {
    let outer = Workspace::new();
    let missing = outer.path().join("migration");
    for command in [
        &["generate", "--to", "compose"][..],
        &["generate", "--to", "k8s", "--check"],
        &["build"],
        &["build", "--to", "compose"],
        &["deploy", "--to", "compose"],
        &["deploy", "--to", "k8s"],
        &["undeploy", "--to", "compose"],
        &["data", "copy"],
        &["data", "check"],
        &["report"],
    ] {
        let mut arguments = vec!["-C".as_ref(), missing.as_os_str()];
        arguments.extend(command.iter().map(std::ffi::OsStr::new));
        let out = crate::support::Migrate::new(arguments).run().expect_code(3);
        assert!(out.stderr.contains("migrate analyze SOURCE"), "{command:?}: {out}");
        assert!(out.stderr.contains("migration"), "{command:?}: {out}");
        assert_eq!(out.stdout, "", "{command:?}");
        assert!(!missing.exists(), "{command:?} makes an empty workspace");
    }
}

fn a_report_opens_from_disk_before_there_is_a_verdict() {
    let workspace = analyzed();
    let page = workspace.path().join("page.html");
    workspace.migrate(["report".as_ref(), "-o".as_ref(), page.as_os_str()]).run().expect_code(0);
    let text = fs::read_to_string(page).expect("the page is written");
    assert!(text.contains("<html") && text.contains("shop"), "{text}");
}

fn stdout_carries_one_json_document() {
    let workspace = Workspace::new();
    let source = shop().display().to_string();
    for (command, keys, code) in [
        (&["analyze", &source][..], &["schema", "source", "services", "fit"][..], 0),
        (&["generate", "--to", "compose", "--check"], &["target", "files"], 1),
        (&["generate", "--to", "compose", "--diff"], &["target", "files", "diff"], 0),
        (&["generate", "--to", "compose"], &["target", "files"], 0),
        (&["generate", "--to", "k8s"], &["target", "files"], 0),
        (&["status"], &["workspace", "next", "targets"], 0),
        (&["report"], &["report"], 0),
    ] {
        for more in [&[][..], &["-v"], &["-q"]] {
            let mut arguments = vec!["--format", "json"];
            arguments.extend(command);
            arguments.extend(more);
            let out = workspace.migrate(arguments).run();
            assert!(out.code == code || *more != [""; 0], "{out}");
            let document = out.json();
            for key in keys {
                assert!(document.get(key).is_some(), "{command:?}: no {key} in {document}");
            }
            fs::remove_dir_all(workspace.path().join("compose")).ok();
            fs::remove_dir_all(workspace.path().join(".migrate/pristine/compose")).ok();
        }
    }
    // An error is a message: nothing stands on stdout.
    workspace.edit("plan.yaml", |plan| format!("{plan}unknown: 1\n"));
    let out = workspace.migrate(["--format", "json", "status"]).run().expect_code(3);
    assert_eq!(out.stdout, "");
    assert!(out.stderr.starts_with("error: "), "{out}");
}
