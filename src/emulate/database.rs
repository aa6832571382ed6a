//! The database behind the functions: the compose tree's image in a container of its own, the
//! deployment in compose, or a server somewhere else.

use bollard::Docker;
use bollard::query_parameters::InspectContainerOptions;

use super::container::Notice;
use super::template::DatabaseParameters;
use crate::connection::docker;
use crate::deploy::compose::part;
use crate::error::{Context, Error, Result};
use crate::model::plan::{Plan, WorkloadKind};
use crate::secrets::Secrets;
use crate::workspace::Workspace;

/// Where the functions reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// Networks that the functions join for it.
    pub(crate) networks: Vec<String>,
    /// For people.
    pub(crate) label: String,
}

/// The project that the emulator's containers belong to.
pub(crate) fn project(plan: &Plan) -> String {
    format!("{}-emulate", plan.name)
}

/// The workloads of the plan that are databases.
fn databases(plan: &Plan) -> Vec<String> {
    plan.workloads
        .iter()
        .filter(|workload| workload.kind == WorkloadKind::Database)
        .map(|workload| workload.id.clone())
        .collect()
}

/// Starts the compose tree's databases for the emulator, if they do not run: also for
/// `migrate data` with the end `emulate`, whose containers belong to [`project`].
pub(crate) async fn start(workspace: &Workspace, plan: &Plan, secrets: &Secrets) -> Result<()> {
    part::start(workspace, plan, &project(plan), &databases(plan), secrets).await
}

/// Reaches the database that `end` names, or starts the emulator's own.
pub(crate) async fn reach(
    workspace: &Workspace,
    plan: &Plan,
    wanted: &DatabaseParameters,
    end: Option<&str>,
    secrets: &Secrets,
    docker: &Docker,
    notice: &Notice,
) -> Result<Reached> {
    let id = &wanted.workload;
    if plan.workload(id).is_none_or(|workload| workload.kind != WorkloadKind::Database) {
        return Err(Error::input(format!("template.yaml: plan.yaml has no database {id}")));
    }
    match end.unwrap_or("emulate") {
        "emulate" => {
            notice(format!("starting {id} from the compose tree's image"));
            start(workspace, plan, secrets).await?;
            Ok(Reached {
                host: id.clone(),
                port: None,
                networks: Vec::new(),
                label: format!("{id} in a container of its own"),
            })
        }
        "compose" => {
            let container = part::container(docker, &plan.name, id).await?;
            Ok(Reached {
                host: id.clone(),
                port: None,
                networks: networks(docker, container.name()).await?,
                label: format!("{id} of the deployment in compose"),
            })
        }
        text => elsewhere(text),
    }
}

async fn networks(docker: &Docker, container: &str) -> Result<Vec<String>> {
    let found = docker
        .inspect_container(container, None::<InspectContainerOptions>)
        .await
        .map_err(|error| docker::reason(&error))
        .remote(format_args!("look at container {container}"))?;
    let networks =
        found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    Ok(networks.into_keys().collect())
}

/// `mysql://…`: user and password are the application's own, from the plan.
fn elsewhere(text: &str) -> Result<Reached> {
    let wrong = || {
        Error::usage(format!("{text:?} is no database for functions"))
            .help("give emulate, compose or mysql://host:port; the source is only read")
    };
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let host = url.host_str().filter(|_| url.scheme() == "mysql").ok_or_else(wrong)?;
    if url.password().is_some() {
        return Err(Error::usage("a password does not belong on the command line")
            .help("the functions take theirs as the plan says"));
    }
    let host = host.trim_matches(['[', ']']);
    let local =
        host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if local {
        return Err(Error::usage(format!("{host} is another machine for a container"))
            .help("give the address that other machines reach this database at"));
    }
    Ok(Reached {
        host: host.to_owned(),
        port: url.port(),
        networks: Vec::new(),
        label: format!("{host}:{}", url.port().unwrap_or(3306)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_named_by_its_address() {
        let reached = elsewhere("mysql://app@db.example:3307/notes").unwrap();
        assert_eq!((reached.host.as_str(), reached.port), ("db.example", Some(3307)));
        for text in ["source", "k8s", "mysql://a@127.0.0.1/x", "mysql://a:b@h/x", "http://h", ""] {
            assert!(elsewhere(text).is_err(), "{text}");
        }
    }
}
