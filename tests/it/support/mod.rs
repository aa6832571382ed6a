//! What the tests share: cases and their runner, the program under test, the old server, Docker and the cluster.

mod case;
mod cluster;
mod command;
mod components;
mod migrate;
mod moved;
mod runner;
mod sample;

pub(crate) use case::{Case, cases};
pub(crate) use cluster::{cluster, kubectl, registry};
pub(crate) use command::{Output, command, docker};
pub(crate) use components::sam_tool;
pub(crate) use migrate::{Migrate, Scratch, Workspace};
pub(crate) use moved::{CANARY, Moved};
pub(crate) use runner::{at_end, run};
pub(crate) use sample::Sample;

use std::path::Path;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A small server: nginx before a Node.js application that keeps files. Holds no programs, so it cannot be built.
pub(crate) fn shop() -> std::path::PathBuf {
    root().join("tests/fixtures/shop")
}

/// Whether what a test started stays (`KEEP=1`), to look at it.
pub(crate) fn keep() -> bool {
    std::env::var_os("KEEP").is_some_and(|value| value == "1")
}
