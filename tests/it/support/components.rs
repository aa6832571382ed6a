//! The components that tests need beside the program: each is probed once, when the first test asks for it.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::cluster;
use super::command::command;

/// Something a test needs that a machine may lack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    /// A Docker engine that answers.
    Docker,
    /// A Kubernetes cluster: found, or started by `scripts/cluster`.
    Cluster,
    /// `sam` and `cfn-lint`, in the folder that `scripts/setup --with sam` makes.
    Sam,
}

/// Why a component is not there.
#[derive(Clone)]
pub(crate) enum Absence {
    /// The machine does not have it: its tests are left out, unless it is required.
    Missing(String),
    /// It should have worked and did not: its tests fail.
    Broken(String),
}

impl Component {
    const ALL: [Self; 3] = [Self::Docker, Self::Cluster, Self::Sam];

    /// As it is called in `MIGRATE_TEST_REQUIRE`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Cluster => "cluster",
            Self::Sam => "sam",
        }
    }

    /// Whether the component can be used; the first call may start it.
    pub(crate) fn probe(self) -> Result<(), Absence> {
        static DOCKER: OnceLock<Result<(), Absence>> = OnceLock::new();
        match self {
            Self::Docker => DOCKER.get_or_init(docker_answers).clone(),
            Self::Cluster => cluster::probe(),
            Self::Sam => sam_tools(),
        }
    }
}

/// A program of the folder that `MIGRATE_TEST_SAM` or `scripts/setup --with sam` names.
pub(crate) fn sam_tool(name: &str) -> PathBuf {
    let cache = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()));
        cache.unwrap_or_else(|| home().join(".cache")).join("migrate/sam")
    };
    let folder = std::env::var_os("MIGRATE_TEST_SAM").map_or_else(cache, PathBuf::from);
    folder.join("bin").join(name)
}

fn sam_tools() -> Result<(), Absence> {
    for name in ["sam", "cfn-lint"] {
        let path = sam_tool(name);
        if !path.is_file() {
            return Err(Absence::Missing(format!(
                "there is no {}: scripts/setup --with sam makes it",
                path.display()
            )));
        }
    }
    Ok(())
}

fn docker_answers() -> Result<(), Absence> {
    match command("docker", ["version", "--format", "{{.Server.Version}}"]).within(60).try_run() {
        Ok(out) if out.code == 0 => Ok(()),
        Ok(out) => {
            Err(Absence::Missing(format!("no Docker engine answers: {}", out.stderr.trim())))
        }
        Err(error) => Err(Absence::Missing(format!("docker cannot be called: {error}"))),
    }
}

/// The components that `MIGRATE_TEST_REQUIRE` lists: their tests must run.
pub(crate) fn required() -> Result<Vec<Component>, String> {
    let listed = std::env::var("MIGRATE_TEST_REQUIRE").unwrap_or_default();
    let names = listed.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            Component::ALL.into_iter().find(|component| component.name() == name).ok_or_else(|| {
                let known = Component::ALL.map(Component::name).join(", ");
                format!("MIGRATE_TEST_REQUIRE names `{name}`; the components are: {known}")
            })
        })
        .collect()
}
