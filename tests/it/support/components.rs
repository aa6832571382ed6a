//! The components that tests need beside the program: each is probed once, when the first test asks for it.

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
    const ALL: [Self; 2] = [Self::Docker, Self::Cluster];

    /// As it is called in `MIGRATE_TEST_REQUIRE`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Cluster => "cluster",
        }
    }

    /// Whether the component can be used; the first call may start it.
    pub(crate) fn probe(self) -> Result<(), Absence> {
        static DOCKER: OnceLock<Result<(), Absence>> = OnceLock::new();
        match self {
            Self::Docker => DOCKER.get_or_init(docker_answers).clone(),
            Self::Cluster => cluster::probe(),
        }
    }
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
