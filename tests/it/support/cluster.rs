//! The Kubernetes cluster of the tests: found or started by `scripts/cluster`, once, and given back after the last test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::command::{Run, command};
use super::components::Absence;
use super::{at_end, root};

/// A cluster that answers.
#[derive(Clone)]
pub(crate) struct Cluster {
    kubeconfig: PathBuf,
}

static CLUSTER: OnceLock<Result<Cluster, Absence>> = OnceLock::new();

/// Finds or starts the cluster; the first call decides.
pub(crate) fn probe() -> Result<(), Absence> {
    CLUSTER.get_or_init(start).as_ref().map(drop).map_err(Clone::clone)
}

/// The cluster of a `cluster_…` test.
///
/// # Panics
/// In any other test: only those have it.
pub(crate) fn cluster() -> Cluster {
    match CLUSTER.get() {
        Some(Ok(cluster)) => cluster.clone(),
        _ => panic!("only a test named cluster_… has a cluster"),
    }
}

/// Runs kubectl on the cluster, which must succeed; returns its standard output.
pub(crate) fn kubectl<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let cluster = cluster();
    cluster.for_command(command(cluster.kubectl(), arguments)).run().expect_code(0).stdout
}

/// The registry that images are pushed to and the cluster of the tests pulls from.
pub(crate) fn registry() -> String {
    std::env::var("MIGRATE_TEST_REGISTRY").unwrap_or_else(|_| "localhost:5000".into())
}

fn start() -> Result<Cluster, Absence> {
    let script = root().join("scripts/cluster");
    let me = std::process::id().to_string();
    let out = command(&script, ["up", "--for", &me])
        .try_run()
        .map_err(|error| Absence::Broken(format!("scripts/cluster: {error}")))?;
    at_end(move || {
        command(&script, ["down", "--for", &me]).run().expect_code(0);
    });
    match out.code {
        0 => Ok(Cluster { kubeconfig: out.stdout.trim().into() }),
        3 => Err(Absence::Missing(out.stderr.trim().replace('\n', "; "))),
        _ => Err(Absence::Broken(out.to_string())),
    }
}

impl Cluster {
    /// A command that uses this cluster.
    pub(crate) fn for_command(&self, run: Run) -> Run {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        if let Some(folder) =
            self.own_kubectl().and_then(|program| program.parent().map(Path::to_owned))
        {
            path.push(":");
            path.push(folder);
        }
        run.env("KUBECONFIG", &self.kubeconfig).env("PATH", path)
    }

    /// The kubectl that tests/cluster brings beside its kubeconfig.
    fn own_kubectl(&self) -> Option<PathBuf> {
        let program = self.kubeconfig.parent()?.join("bin/kubectl");
        program.exists().then_some(program)
    }

    fn kubectl(&self) -> PathBuf {
        self.own_kubectl().unwrap_or_else(|| "kubectl".into())
    }
}
