//! The sample moved to a target by the commands a user would call, once for all tests that need it.

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::cluster::{cluster, registry};
use super::command::{Output, command};
use super::migrate::{Migrate, Workspace};
use super::sample::Sample;
use super::{at_end, keep, root};

/// Planted as the database password before the server is read: it may appear in no file of the
/// workspace and in no image.
pub(crate) const CANARY: &str = "canary-5b1f7e0c93d24a68";

/// The old server and the new deployment of it, with the data moved.
pub(crate) struct Moved {
    /// `compose` or `k8s`.
    pub(crate) target: &'static str,
    /// The folder of the engagement.
    pub(crate) workspace: Workspace,
    /// The old server.
    pub(crate) sample: Sample,
    /// What `build` answered.
    pub(crate) build: serde_json::Value,
    /// What `deploy` answered.
    pub(crate) deploy: serde_json::Value,
}

static COMPOSE: Mutex<Option<&'static Moved>> = Mutex::new(None);
static K8S: Mutex<Option<&'static Moved>> = Mutex::new(None);

impl Moved {
    /// The sample moved to Docker.
    pub(crate) fn to_compose() -> &'static Self {
        Self::once(&COMPOSE, "compose")
    }

    /// The sample moved to the cluster of the tests.
    pub(crate) fn to_k8s() -> &'static Self {
        Self::once(&K8S, "k8s")
    }

    fn once(place: &Mutex<Option<&'static Self>>, target: &'static str) -> &'static Self {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert_with(|| {
            let mut moved = Self::not_yet(target);
            let begun = catch_unwind(AssertUnwindSafe(|| moved.set_up()));
            if let Err(failure) = begun {
                // What a move that failed leaves would take the room of the next try.
                let _ = catch_unwind(AssertUnwindSafe(|| moved.remove()));
                resume_unwind(failure);
            }
            let moved: &'static Self = Box::leak(Box::new(moved));
            at_end(move || moved.remove());
            moved
        })
    }

    fn not_yet(target: &'static str) -> Self {
        let sample = Sample::shared();
        Self {
            target,
            workspace: Workspace::new(),
            sample,
            build: serde_json::Value::Null,
            deploy: serde_json::Value::Null,
        }
    }

    fn set_up(&mut self) {
        let script = root().join("samples/chat/set-db-password");
        command(script, [self.sample.name(), CANARY]).run().expect_code(0);
        self.call(["analyze", &self.sample.source()]).expect_code(0);
        let target = self.target;
        self.call(["generate", "--to", target]).expect_code(0);
        self.build = match target {
            "k8s" => {
                self.call(["build", "--to", target, "--format", "json", "--push", &registry()])
            }
            _ => self.call(["build", "--to", target, "--format", "json"]),
        }
        .expect_code(0)
        .json();
        self.deploy = self.deploy_again();
        self.call(["data", "copy", "--from", "source", "--to", target]).expect_code(0);
        let scenario = root().join("samples/chat/scenario.yaml");
        std::fs::copy(scenario, self.workspace.path().join("scenario/day.yaml"))
            .expect("the sample's own scenario beside the derived one");
    }

    /// Deploys what lies in the tree, the test's edits included.
    pub(crate) fn deploy_again(&self) -> serde_json::Value {
        self.call(["deploy", "--to", self.target, "--format", "json"]).expect_code(0).json()
    }

    /// The program with these arguments on this workspace.
    pub(crate) fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        let migrate = self.workspace.migrate(arguments);
        let migrate: Migrate = if self.target == "k8s" { migrate.on_cluster() } else { migrate };
        migrate.run()
    }

    /// `verify` with writes allowed and JSON out, which must end with this code.
    #[track_caller]
    pub(crate) fn verify(&self, code: i32) -> serde_json::Value {
        let original = self.sample.url();
        self.call(["verify", "--original", original, "--allow-writes", "--format", "json"])
            .expect_code(code)
            .json()
    }

    /// The first file of the tree whose text holds `needle`, by path.
    #[track_caller]
    pub(crate) fn file_with(&self, needle: &str) -> PathBuf {
        let tree = self.workspace.path().join(self.target);
        let mut files: Vec<PathBuf> = walkdir::WalkDir::new(&tree)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .map(walkdir::DirEntry::into_path)
            .collect();
        files.sort();
        files
            .into_iter()
            .find(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(needle)))
            .unwrap_or_else(|| panic!("no file of {} holds `{needle}`", tree.display()))
    }

    /// Changes a file of the tree as a user would, deploys, and gives back what undoes it.
    #[track_caller]
    pub(crate) fn with_edit(&self, needle: &str, replacement: &str) -> Edit<'_> {
        self.with_edit_of(&self.file_with(needle), needle, replacement)
    }

    /// As [`Moved::with_edit`], in this file; the first occurrence counts.
    #[track_caller]
    pub(crate) fn with_edit_of(&self, path: &Path, needle: &str, replacement: &str) -> Edit<'_> {
        let path = path.to_owned();
        let before = std::fs::read_to_string(&path).expect("readable");
        assert!(before.contains(needle), "{} does not hold `{needle}`", path.display());
        std::fs::write(&path, before.replacen(needle, replacement, 1)).expect("writable");
        let edit = Edit { moved: self, path, before };
        self.deploy_again();
        edit
    }

    /// Runs SQL in the new database as its administrator.
    #[track_caller]
    pub(crate) fn sql(&self, statement: &str) -> String {
        let client = [
            "mariadb",
            "--batch",
            "--raw",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
            "-e",
            statement,
        ];
        let name = self.project();
        let out = if self.target == "k8s" {
            let pod = ["exec", "-n", &name, "mariadb-0", "--"];
            return super::cluster::kubectl(pod.into_iter().chain(client));
        } else {
            let container = format!("{name}-mariadb-1");
            command("docker", ["exec", container.as_str()].into_iter().chain(client)).run()
        };
        out.expect_code(0).stdout
    }

    /// The plan's name: the compose project, the namespace.
    pub(crate) fn project(&self) -> String {
        let plan = self.workspace.read("plan.yaml");
        let line =
            plan.lines().find(|line| line.starts_with("name:")).expect("the plan has a name");
        line.trim_start_matches("name:").trim().trim_matches('"').to_owned()
    }

    fn remove(&self) {
        if keep() {
            return;
        }
        if self.target == "k8s" {
            let _ = cluster();
        }
        self.call(["undeploy", "--delete-data", "--to", self.target]).expect_code(0);
        for image in self.build["images"].as_array().into_iter().flatten() {
            if let Some(name) = image["image"].as_str() {
                // Two workloads may have one image.
                let _ = command("docker", ["rmi", name]).try_run();
            }
        }
        let _ = std::fs::remove_dir_all(self.workspace.path());
    }
}

/// A change of the tree that lasts as long as the value.
pub(crate) struct Edit<'a> {
    moved: &'a Moved,
    path: PathBuf,
    before: String,
}

impl Edit<'_> {
    /// The changed file, from the workspace's folder on.
    pub(crate) fn file(&self) -> String {
        let root = self.moved.workspace.path();
        self.path.strip_prefix(root).expect("below the workspace").display().to_string()
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        std::fs::write(&self.path, &self.before).expect("writable");
        let out = self.moved.call(["deploy", "--to", self.moved.target]);
        // While a failed test unwinds, its own message is the one to see.
        assert!(out.code == 0 || std::thread::panicking(), "the edit is not undone\n{out}");
    }
}
