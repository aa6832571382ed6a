//! The integration tests, one binary. Names carry cost: `docker_…` needs a Docker engine, `cluster_…` a Docker engine and a
//! Kubernetes cluster; all others need nothing but the program. CONTRIBUTING.md says how to run and how to add them.

use std::process::ExitCode;

mod support;

// The command line as such: help, usage errors, exit codes.
mod cli;
// The harness itself: what it reports about trees that differ, and that the components it hands out work.
mod harness;
// The whole way on real parts: the sample is moved, the proof says equivalent, and names each injected fault.
mod way;

fn main() -> ExitCode {
    support::run([cli::tests(), harness::tests(), way::tests()])
}
