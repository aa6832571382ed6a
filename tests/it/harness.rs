//! The harness itself: that commands and the components it hands out work.

use crate::support::{Case, Sample, Scratch, cases, command, docker, kubectl, registry};

pub(crate) fn tests() -> Vec<Case> {
    cases![
        a_command_that_fails_is_shown_with_its_output,
        a_command_that_hangs_is_stopped,
        docker_sample_answers_under_its_url,
        cluster_is_ready_and_its_registry_takes_images,
    ]
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
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("file"), "1\n").expect("writable");
    let folder = scratch.path().to_str().expect("a path in UTF-8");
    let tar = format!("{folder}/layer.tar");
    let tar = tar.as_str();
    command("tar", ["-C", folder, "-cf", tar, "file"]).run().expect_code(0);
    docker(["import", tar, &image]);
    docker(["push", &image]);
    docker(["rmi", &image]);
    docker(["pull", &image]);
    docker(["rmi", &image]);
}
