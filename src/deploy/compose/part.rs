//! Some services of the tree under another project's name, on a network of their own: for what
//! needs the tree's database without the rest of it.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::query_parameters::InspectNetworkOptions;

use super::desired::{self, Reading};
use super::engine::Project;
use super::up::{Change, Up, in_order};
use super::{hide, image_ids, not_ready, read, reasons};
use crate::connection::docker::{self, Container};
use crate::error::{Context, Error, Result};
use crate::model::plan::Plan;
use crate::secrets::Secrets;
use crate::workspace::Workspace;

/// The network of such a project, as the engine names it.
pub(crate) fn network(project: &str) -> String {
    format!("{project}_default")
}

/// Makes the project's network if it is not there, and says where this machine is on it.
pub(crate) async fn gateway(docker: &Docker, project: &str) -> Result<std::net::IpAddr> {
    Project { docker, name: project }.network("default", None).await?;
    let name = network(project);
    let found = docker
        .inspect_network(&name, None::<InspectNetworkOptions>)
        .await
        .map_err(|error| docker::reason(&error))
        .remote(format_args!("look at network {name}"))?;
    let configs = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    configs
        .into_iter()
        .find_map(|config| config.gateway?.parse().ok())
        .ok_or_else(|| Error::remote(format!("network {name} has no gateway")))
}

/// Starts these services of `compose/` in `project` and waits until they are ready. Nothing else
/// of the project is touched.
pub(crate) async fn start(
    workspace: &Workspace,
    plan: &Plan,
    project: &str,
    services: &[String],
    secrets: &Secrets,
) -> Result<()> {
    let mut file = read(workspace)?;
    file.services.retain(|name, _| services.contains(name));
    for service in services {
        if !file.services.contains_key(service) {
            return Err(Error::input(format!("compose.yaml has no service {service}")).help(
                "run `migrate generate --to compose`: its database is the one that is started",
            ));
        }
    }
    for service in file.services.values_mut() {
        service.depends_on.retain(|name, _| services.contains(name));
        service.ports.clear();
        service.networks.0.clear();
        service.scale = Some(1);
    }
    let docker = docker::connect().await?;
    let folder = workspace.path("compose");
    let environment: HashMap<String, String> = std::env::vars().collect();
    let reading = Reading {
        folder: &folder,
        project,
        secrets,
        environment: &environment,
        owners: desired::owners(&file, plan),
    };
    let mut desired = Vec::new();
    for name in in_order(&file)? {
        desired.push(reading.service(&file, name, &file.services[name])?);
    }
    file.networks.clear();
    // Volumes of the other services stay unmade.
    let used: Vec<String> = file
        .services
        .values()
        .flat_map(|service| service.volumes.iter().map(|mount| mount.source.clone()))
        .collect();
    file.volumes.retain(|name, _| used.contains(name));
    let images = image_ids(&docker, &desired).await?;
    let up = Up {
        project: Project { docker: &docker, name: project },
        file: &file,
        desired,
        images,
        labels: BTreeMap::new(),
        plan,
        waits_for_data: false,
    };
    let mut steps = up.steps().await?;
    steps.retain(|step| step.change != Change::Remove);
    let states = hide(up.run(&steps).await, secrets)?;
    let reasons = reasons(&states, secrets);
    if reasons.is_empty() { Ok(()) } else { Err(not_ready(&reasons)) }
}

/// The container of a service of a project.
pub(crate) async fn container(docker: &Docker, project: &str, service: &str) -> Result<Container> {
    let found = Project { docker, name: project }.containers().await?;
    let name = found.into_iter().find(|one| one.service() == service).map(|one| one.name);
    let name = name.ok_or_else(|| {
        Error::remote(format!("the engine has no container of {service}"))
            .help("run `migrate deploy --to compose` first")
    })?;
    Container::known(docker, &name)
}

/// Takes such a project away: its containers and networks, and with `data` its volumes.
pub(crate) async fn remove(docker: &Docker, project: &str, data: bool) -> Result<Vec<String>> {
    let project = Project { docker, name: project };
    let mut removed = Vec::new();
    for container in project.containers().await? {
        project.remove(&container.name).await?;
        removed.push(container.name);
    }
    removed.extend(project.remove_networks().await?);
    removed.extend(project.remove_volumes(data).await?);
    Ok(removed)
}
