//! The integration tests, one binary. Names carry cost: `docker_…` needs a Docker engine, `cluster_…` a Docker engine and a
//! Kubernetes cluster, `sam_…` AWS's tools; all others need nothing but the program. CONTRIBUTING.md says how to run and how to add them.

use std::process::ExitCode;

mod support;

// The command line as such: help, usage errors, exit codes.
mod cli;
// The harness itself: what it reports about trees that differ, and that the components it hands out work.
mod harness;
// Runs that are interrupted, terminated, killed, or lose their reader: nothing is half-written, nothing panics.
mod interrupt;
// The serverless trees as AWS's own tools read them.
mod sam;
// The whole way on real parts: the sample is moved, the proof says equivalent, and names each injected fault.
mod way;
// The workspace from analyze to generate, and back: edits, conflicts, invalid files, locks, what status says.
mod workspace;

fn main() -> ExitCode {
    support::run([
        cli::tests(),
        harness::tests(),
        interrupt::tests(),
        sam::tests(),
        workspace::tests(),
        way::tests(),
    ])
}
