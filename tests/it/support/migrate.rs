//! The program under test, and folders for it to work in that go with the test.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::cluster;
use super::command::{Output, Run, Started, command};
use super::keep;

/// A folder that is removed with the value, unless `KEEP=1`.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new, empty folder.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("migrate-it-")
            .tempdir()
            .expect("create a folder for the test");
        Self(folder.keep())
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !keep() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// One call of the program. The user's own cluster is out of its reach unless [`Migrate::on_cluster`] hands it one.
pub(crate) struct Migrate(Run);

impl Migrate {
    /// The program with these arguments.
    pub(crate) fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let run = command(env!("CARGO_BIN_EXE_migrate"), arguments);
        Self(
            run.env("KUBECONFIG", "/nonexistent/kubeconfig")
                .env("NO_COLOR", "1")
                .without_env("RUST_LOG"),
        )
    }

    /// With the cluster of the tests as its current one, and a kubectl in `PATH`.
    pub(crate) fn on_cluster(self) -> Self {
        Self(cluster::cluster().for_command(self.0))
    }

    /// With an environment variable.
    pub(crate) fn env(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        Self(self.0.env(name, value))
    }

    /// Without an environment variable.
    pub(crate) fn without_env(self, name: &str) -> Self {
        Self(self.0.without_env(name))
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        self.0.run()
    }

    /// Starts it and does not wait.
    pub(crate) fn start(self) -> Started {
        self.0.start().expect("start the program")
    }
}

/// The folder of one engagement.
pub(crate) struct Workspace(Scratch);

impl Workspace {
    /// A new, empty one.
    pub(crate) fn new() -> Self {
        Self(Scratch::new())
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program with these arguments, on this workspace.
    pub(crate) fn migrate<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Migrate {
        let mut all = vec![OsString::from("-C"), self.path().into()];
        all.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        Migrate::new(all)
    }

    /// Changes one of its files.
    #[track_caller]
    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let text = change(self.read(file));
        std::fs::write(self.path().join(file), text).expect("write a file of the workspace");
    }

    /// The text of one of its files.
    #[track_caller]
    pub(crate) fn read(&self, file: &str) -> String {
        let path = self.path().join(file);
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }
}
