//! The harness itself: what it reports about trees that differ, and that the components it hands out work.

use std::fs;

use crate::support::{Case, Golden, Sample, Scratch, cases, command, docker, kubectl, registry};

pub(crate) fn tests() -> Vec<Case> {
    cases![
        golden_accepts_the_same_tree,
        golden_names_missing_unexpected_and_differing_files,
        golden_replaces_what_differs_by_itself,
        golden_blesses,
        a_command_that_fails_is_shown_with_its_output,
        a_command_that_hangs_is_stopped,
        docker_sample_answers_under_its_url,
        cluster_is_ready_and_its_registry_takes_images,
    ]
}

/// Two folders: what a test made, and what it should have made.
fn two_trees(actual: &[(&str, &str)], expected: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::new();
    for (folder, files) in [("actual", actual), ("expected", expected)] {
        for (path, text) in files {
            let path = scratch.path().join(folder).join(path);
            fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .expect("create folder");
            fs::write(path, text).expect("write file");
        }
    }
    scratch
}

fn golden_accepts_the_same_tree() {
    let trees = two_trees(&[("a/b", "1\n"), ("c", "2\n")], &[("c", "2\n"), ("a/b", "1\n")]);
    Golden::new(trees.path().join("expected")).check(&trees.path().join("actual"));
}

fn golden_names_missing_unexpected_and_differing_files() {
    let trees = two_trees(
        &[("same", "1\n"), ("more/file", "2\n"), ("other", "left\nnew\n")],
        &[("same", "1\n"), ("less/file", "2\n"), ("other", "left\nold\n")],
    );
    let differences =
        Golden::new(trees.path().join("expected")).differences(&trees.path().join("actual"));
    assert_eq!(differences.len(), 3, "{differences:#?}");
    assert_eq!(differences[0], "missing: less/file");
    assert_eq!(differences[1], "unexpected: more/file");
    assert!(differences[2].starts_with("differs: other\n"), "{}", differences[2]);
    assert!(differences[2].contains("-old\n+new\n"), "{}", differences[2]);
}

fn golden_replaces_what_differs_by_itself() {
    let trees = two_trees(&[("shop-x7k2/name", "shop-x7k2\n")], &[("NAME/name", "NAME\n")]);
    let golden = Golden::new(trees.path().join("expected")).replace("shop-x7k2", "NAME");
    assert_eq!(golden.differences(&trees.path().join("actual")), Vec::<String>::new());
}

fn golden_blesses() {
    let trees =
        two_trees(&[("new", "1\n"), ("both", "2\n")], &[("old/file", "1\n"), ("both", "3\n")]);
    let golden = Golden::new(trees.path().join("expected"));
    golden.bless(&trees.path().join("actual"));
    assert_eq!(golden.differences(&trees.path().join("actual")), Vec::<String>::new());
    assert!(!trees.path().join("expected/old").exists(), "a folder that lost its last file goes");
}

fn a_command_that_fails_is_shown_with_its_output() {
    let out = command("sh", ["-c", "echo to stdout; echo to stderr >&2; exit 7"]).run();
    assert_eq!(
        (out.code, out.stdout.as_str(), out.stderr.as_str()),
        (7, "to stdout\n", "to stderr\n")
    );
    let shown = out.to_string();
    for part in ["sh -c", "exit code 7", "to stdout", "to stderr"] {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
}

fn a_command_that_hangs_is_stopped() {
    let begun = std::time::Instant::now();
    let result = command("sh", ["-c", "echo begun; exec sleep 100"]).within(1).try_run();
    let error = result.err().expect("no output of a command that was stopped").to_string();
    assert!(error.contains("stopped after 1 s") && error.contains("begun"), "{error}");
    assert!(begun.elapsed().as_secs() < 10);
}

fn docker_sample_answers_under_its_url() {
    let sample = Sample::shared();
    assert_eq!(docker(["inspect", "-f", "{{.State.Running}}", sample.name()]).trim(), "true");
    let page = command("curl", ["-fsS", "-m", "20", sample.url()]).run().expect_code(0).stdout;
    assert!(page.to_lowercase().contains("<html"), "no page, but: {page}");
}

fn cluster_is_ready_and_its_registry_takes_images() {
    assert_eq!(kubectl(["get", "--raw", "/readyz"]).trim(), "ok");
    let image = format!("{}/migrate-it/{}:1", registry(), std::process::id());
    let scratch = two_trees(&[("file", "1\n")], &[]);
    let tar = scratch.path().join("layer.tar");
    let tar = tar.to_str().expect("a path in UTF-8");
    let folder = scratch.path().join("actual");
    command("tar", ["-C", folder.to_str().expect("a path in UTF-8"), "-cf", tar, "."])
        .run()
        .expect_code(0);
    docker(["import", tar, &image]);
    docker(["push", &image]);
    docker(["rmi", &image]);
    docker(["pull", &image]);
    docker(["rmi", &image]);
}
