//! Runs that are interrupted, terminated, killed, or lose their reader: nothing is half-written, nothing panics.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::support::{Case, Migrate, Scratch, Workspace, cases, command, shop};

pub(crate) fn tests() -> Vec<Case> {
    cases![
        a_wait_for_a_server_ends_with_130,
        reading_a_large_folder_ends_with_130_and_writes_nothing,
        a_killed_analyze_leaves_the_old_workspace_or_the_new,
        a_killed_generate_leaves_the_old_tree_or_the_new,
        a_reader_that_goes_away_is_no_error,
    ]
}

const INTERRUPT: u32 = 2;
const TERMINATE: u32 = 15;

/// An engine that takes the question and never answers.
fn a_wait_for_a_server_ends_with_130() {
    let folder = Scratch::new();
    let socket = folder.path().join("engine.sock");
    let _engine = UnixListener::bind(&socket).expect("a socket");
    for (signal, number) in [("INT", INTERRUPT), ("TERM", TERMINATE)] {
        let workspace = folder.path().join("migration");
        let arguments =
            ["-C".as_ref(), workspace.as_os_str(), "analyze".as_ref(), "docker://x".as_ref()];
        let run = Migrate::new(arguments)
            .env("DOCKER_HOST", format!("unix://{}", socket.display()))
            .start();
        run.hears(number);
        thread::sleep(Duration::from_millis(50));
        run.signal(signal);
        let out = run.end().expect("it ends").expect_code(130);
        assert_eq!((out.stdout.as_str(), out.stderr.trim()), ("", "error: interrupted"), "{out}");
        assert!(!workspace.exists(), "nothing is written");
    }
}

/// The application with so many modules that reading them takes its time.
fn large(folder: &Path) {
    let application = folder.join("srv/shop");
    fs::create_dir_all(folder.join("etc/systemd/system/multi-user.target.wants"))
        .expect("a folder");
    fs::copy(
        shop().join("etc/systemd/system/shop.service"),
        folder.join("etc/systemd/system/shop.service"),
    )
    .expect("copy the unit");
    std::os::unix::fs::symlink(
        "/etc/systemd/system/shop.service",
        folder.join("etc/systemd/system/multi-user.target.wants/shop.service"),
    )
    .expect("a link");
    fs::create_dir_all(application.join("parts")).expect("a folder");
    let mut main = fs::read_to_string(shop().join("srv/shop/server.js")).expect("the application");
    for number in 0..400 {
        let _ = writeln!(main, "require('./parts/{number}');");
        let mut handlers = String::new();
        for route in 0..10 {
            let _ = writeln!(
                handlers,
                "app.get('/{number}/{route}', (q, s) => s.json({{a: {route}}}));"
            );
        }
        let text = format!("const app = require('express')();\n{handlers}module.exports = app;\n");
        fs::write(application.join(format!("parts/{number}.js")), text).expect("write a module");
    }
    fs::write(application.join("server.js"), main).expect("write the application");
}

fn reading_a_large_folder_ends_with_130_and_writes_nothing() {
    let source = Scratch::new();
    large(source.path());
    for (signal, number) in [("INT", INTERRUPT), ("TERM", TERMINATE)] {
        let workspace = Workspace::new();
        let run = workspace.migrate(["analyze".as_ref(), source.path().as_os_str()]).start();
        run.hears(number);
        run.signal(signal);
        let begun = std::time::Instant::now();
        run.end().expect("it ends").expect_code(130);
        assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
        for file in ["inventory.yaml", "plan.yaml", "scenario"] {
            assert!(!workspace.path().join(file).exists(), "{file} is written");
        }
        let next = workspace.migrate(["status"]).run().expect_code(0);
        assert!(next.stdout.contains("analyze SOURCE"), "{next}");
    }
}

/// What people and later commands see, with what belongs together in one text.
fn seen(workspace: &Path, parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        for entry in walkdir::WalkDir::new(workspace.join(part)).sort_by_file_name() {
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(workspace).expect("lies in the workspace");
                let content = fs::read_to_string(entry.path()).expect("a text");
                let _ = writeln!(text, "== {}\n{content}", path.display());
            }
        }
    }
    text
}

/// Runs `change` again and again, ends it at other moments and by other signals, and looks each time.
fn at_any_moment(
    workspace: &Workspace,
    parts: &[&str],
    states: &[String; 2],
    mut change: impl FnMut(usize) -> Migrate,
) {
    let mut ended = 0;
    for round in 0..24 {
        let run = change(round % 2);
        let signal = ["KILL", "INT", "TERM"][round % 3];
        match signal {
            "INT" => run_until(run, INTERRUPT, signal, round, &mut ended),
            "TERM" => run_until(run, TERMINATE, signal, round, &mut ended),
            // Any moment will do.
            _ => run_until(run, 0, signal, round, &mut ended),
        }
        // Whatever comes next completes what was decided.
        workspace.migrate(["status"]).run().expect_code(0);
        let now = seen(workspace.path(), parts);
        assert!(
            states.contains(&now),
            "round {round}, {signal}: neither the old nor the new:\n{}",
            similar::TextDiff::from_lines(&states[0], &now).unified_diff()
        );
        for left in ["next", "commit"] {
            let left = workspace.path().join(".migrate").join(left);
            assert!(!left.exists() || left.ends_with("next"), "{} is left", left.display());
        }
    }
    assert!(ended > 0, "no run was ended before its end");
}

fn run_until(run: Migrate, number: u32, signal: &str, round: usize, ended: &mut usize) {
    let run = run.start();
    if number > 0 {
        run.hears(number);
    }
    thread::sleep(Duration::from_millis((round * 7 % 60) as u64));
    run.signal(signal);
    let out = run.end().expect("it ends");
    match (out.code, signal) {
        (0, _) => {}
        (130, "INT" | "TERM") | (-1, "KILL") => *ended += 1,
        _ => panic!("round {round}, {signal}: {out}"),
    }
}

fn a_killed_analyze_leaves_the_old_workspace_or_the_new() {
    const PARTS: [&str; 4] = ["inventory.yaml", "plan.yaml", "scenario", ".migrate/source"];
    let other = Scratch::new();
    large(other.path());
    let workspace = Workspace::new();
    let sources = [shop(), other.path().to_owned()];
    let analyze =
        |which: usize| workspace.migrate(["analyze".as_ref(), sources[which].as_os_str()]);
    analyze(0).run().expect_code(0);
    analyze(1).run().expect_code(0);
    let second = seen(workspace.path(), &PARTS);
    analyze(0).run().expect_code(0);
    let states = [seen(workspace.path(), &PARTS), second];
    assert_ne!(states[0], states[1]);
    at_any_moment(&workspace, &PARTS, &states, analyze);
}

fn a_killed_generate_leaves_the_old_tree_or_the_new() {
    const PARTS: [&str; 2] = ["k8s", ".migrate/pristine/k8s"];
    let workspace = Workspace::new();
    workspace.migrate(["analyze".as_ref(), shop().as_os_str()]).run().expect_code(0);
    let plans = {
        let plan = workspace.read("plan.yaml");
        // The port stands in several files.
        [plan.clone(), plan.replace("4000", "4100")]
    };
    let generate = |which: usize| {
        fs::write(workspace.path().join("plan.yaml"), &plans[which]).expect("write the plan");
        workspace.migrate(["generate", "--to", "k8s"])
    };
    generate(0).run().expect_code(0);
    let first = seen(workspace.path(), &PARTS);
    generate(1).run().expect_code(0);
    let states = [first, seen(workspace.path(), &PARTS)];
    assert_ne!(states[0], states[1]);
    at_any_moment(&workspace, &PARTS, &states, generate);
}

/// `migrate … | head -1`, with each stream.
fn a_reader_that_goes_away_is_no_error() {
    let workspace = Workspace::new();
    let (program, source) = (env!("CARGO_BIN_EXE_migrate"), shop());
    let folder = workspace.path().display().to_string();
    for call in [
        format!("analyze {}", source.display()),
        format!("analyze {} --format json", source.display()),
        "generate --to compose --diff".to_owned(),
        "generate --to compose -vv".to_owned(),
        "status".to_owned(),
        "status --format json".to_owned(),
        "report".to_owned(),
        "completions bash".to_owned(),
        "man".to_owned(),
        "--help".to_owned(),
        "data check --from nowhere -vv".to_owned(),
        "no-such-command".to_owned(),
    ] {
        for stream in ["", "2>&1 >/dev/null"] {
            // The reader has gone before the program begins; its exit code goes around the pipe.
            let codes = Scratch::new();
            let (code, gone) = (codes.path().join("code"), codes.path().join("gone"));
            let script = format!(
                "{{ while [ ! -e '{}' ]; do sleep 0.01; done; '{program}' -C '{folder}' {call} {stream}; \
                 echo $? > '{}'; }} | {{ exec <&-; : > '{}'; }}; cat '{}'",
                gone.display(),
                code.display(),
                gone.display(),
                code.display(),
            );
            let out = command("bash", ["-c", &script]).run();
            let code: i32 = out.stdout.trim().parse().unwrap_or_else(|_| panic!("{out}"));
            assert!(code <= 5, "{call} {stream}: exit code {code}\n{out}");
            assert!(!out.stderr.contains("panicked"), "{call} {stream}: {out}");
        }
    }
}
