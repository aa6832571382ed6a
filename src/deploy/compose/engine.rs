//! One project on the engine: its containers, networks and volumes, and nothing of any other.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointIpamConfig, EndpointSettings,
    HealthStatusEnum, Mount, MountType, MountVolumeOptions, NetworkConnectRequest,
    NetworkingConfig, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    ListVolumesOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptions, StartContainerOptions,
};
use futures_util::StreamExt;

use super::desired::{Desired, Membership, PlacedFile};
use crate::connection::docker::{Container, is_missing, reason};
use crate::deploy::lack::Ending;
use crate::error::{Context, Error, Result};

pub(super) const PROJECT: &str = "com.docker.compose.project";
pub(super) const SERVICE: &str = "com.docker.compose.service";
pub(super) const NUMBER: &str = "com.docker.compose.container-number";
pub(super) const HASH: &str = "com.docker.compose.config-hash";
const ONEOFF: &str = "com.docker.compose.oneoff";
/// Marks volumes that hold the files of a service, and containers that only fill them.
const FILES: &str = "migrate.files";
/// The salt of a container's fingerprint.
pub(super) const SALT: &str = "migrate.salt";

/// A container of the project that is there.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) name: String,
    pub(super) labels: HashMap<String, String>,
}

impl Present {
    pub(super) fn service(&self) -> &str {
        self.labels.get(SERVICE).map_or("", String::as_str)
    }

    pub(super) fn number(&self) -> u32 {
        self.labels.get(NUMBER).and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// It serves, as far as can be told.
    Ready,
    /// It has started and is not known to serve yet.
    Starting,
    /// It ended and was started again, this many times, or its check fails.
    Failing(i64),
    /// It does not run and will not be started again by the engine.
    Ended(i64),
}

/// A project of an engine.
pub(super) struct Project<'a> {
    pub(super) docker: &'a Docker,
    pub(super) name: &'a str,
}

impl Project<'_> {
    pub(super) fn filter(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={}", self.name)])])
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(PROJECT.to_owned(), self.name.to_owned())])
    }

    /// All containers of the project, running or not, by name.
    pub(super) async fn containers(&self) -> Result<Vec<Present>> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&self.filter()).build();
        let mut found: Vec<Present> = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(|error| reason(&error))
            .remote("list the engine's containers")?
            .into_iter()
            .filter_map(|container| {
                let name = container.names?.into_iter().next()?;
                Some(Present {
                    name: name.trim_start_matches('/').to_owned(),
                    labels: container.labels.unwrap_or_default(),
                })
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Makes a named volume of the project if it is not there.
    pub(super) async fn volume(&self, name: &str) -> Result<()> {
        let full = format!("{}_{name}", self.name);
        match self.docker.inspect_volume(&full).await {
            Ok(volume) => {
                if volume.labels.get(PROJECT).map(String::as_str) == Some(self.name) {
                    return Ok(());
                }
                Err(Error::remote(format!("volume {full} belongs to something else"))
                    .help(format!("see `docker volume inspect {full}`; change name in plan.yaml if it is to stay")))
            }
            Err(error) if is_missing(&error) => {
                let mut labels = self.labels();
                labels.insert("com.docker.compose.volume".to_owned(), name.to_owned());
                self.create_volume(&full, labels).await.map(|_| ())
            }
            Err(error) => {
                Err(Error::remote(format!("failed to look at volume {full}: {}", reason(&error))))
            }
        }
    }

    async fn create_volume(&self, full: &str, labels: HashMap<String, String>) -> Result<String> {
        let request = VolumeCreateRequest {
            name: Some(full.to_owned()),
            labels: Some(labels),
            ..VolumeCreateRequest::default()
        };
        let volume = self
            .docker
            .create_volume(request)
            .await
            .map_err(|error| reason(&error))
            .remote(format_args!("make volume {full}"))?;
        Ok(volume.mountpoint)
    }

    /// Puts a service's files into a volume of their own and says how each is mounted.
    ///
    /// The engine puts no file into a container whose root filesystem is read-only; into a volume
    /// of one that is not started it does.
    async fn files(&self, desired: &Desired, number: u32) -> Result<Vec<Mount>> {
        if desired.files.is_empty() {
            return Ok(Vec::new());
        }
        let volume = format!("{}_{}-{number}-files", self.name, desired.service);
        let helper = format!("{}-{}-{number}-files", self.name, desired.service);
        self.remove(&helper).await?;
        self.remove_volume(&volume).await?;
        let mut labels = self.labels();
        labels.insert(FILES.to_owned(), desired.service.clone());
        let mountpoint = self.create_volume(&volume, labels.clone()).await?;
        labels.insert(ONEOFF.to_owned(), "True".to_owned());
        let body = ContainerCreateBody {
            image: Some(desired.image.clone()),
            entrypoint: Some(vec!["/".to_owned()]),
            labels: Some(labels),
            network_disabled: Some(true),
            host_config: Some(bollard::models::HostConfig {
                mounts: Some(vec![Mount {
                    target: Some("/migrate-files".to_owned()),
                    source: Some(volume.clone()),
                    typ: Some(MountType::VOLUME),
                    volume_options: Some(MountVolumeOptions {
                        no_copy: Some(true),
                        ..MountVolumeOptions::default()
                    }),
                    ..Mount::default()
                }]),
                ..bollard::models::HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&helper).build();
        let what = format!("put files before {}", desired.service);
        let id = self
            .docker
            .create_container(Some(options), body)
            .await
            .map_err(|error| reason(&error))
            .remote(&what)?
            .id;
        let put = Container::known(self.docker, &id)?
            .upload("/migrate-files", tar_of(&desired.files)?)
            .await
            .map_err(|error| reason(&error))
            .remote(&what);
        self.remove(&helper).await?;
        put?;
        let mounts = desired.files.iter().enumerate().map(|(at, file)| Mount {
            target: Some(file.target.clone()),
            source: Some(format!("{mountpoint}/{at}")),
            typ: Some(MountType::BIND),
            read_only: Some(true),
            ..Mount::default()
        });
        Ok(mounts.collect())
    }

    /// Creates the container of a service's replica; it is not started.
    pub(super) async fn create(
        &self,
        desired: &Desired,
        number: u32,
        labels: BTreeMap<&str, String>,
    ) -> Result<String> {
        let name = container_name(self.name, &desired.service, number);
        let mut body = desired.body.clone();
        let mut all = self.labels();
        all.insert(ONEOFF.to_owned(), "False".to_owned());
        all.insert(SERVICE.to_owned(), desired.service.clone());
        all.insert(NUMBER.to_owned(), number.to_string());
        all.extend(labels.into_iter().map(|(key, value)| (key.to_owned(), value)));
        body.labels = Some(all);
        let files = self.files(desired, number).await?;
        let endpoint = |network: &Membership| EndpointSettings {
            aliases: Some(vec![desired.service.clone()]),
            ipam_config: network.address.as_ref().map(|address| EndpointIpamConfig {
                ipv4_address: Some(address.clone()),
                ..EndpointIpamConfig::default()
            }),
            ..EndpointSettings::default()
        };
        let network = |one: &Membership| format!("{}_{}", self.name, one.name);
        let first = desired.networks.first().map(network).unwrap_or_default();
        let endpoints: HashMap<String, EndpointSettings> =
            desired.networks.iter().take(1).map(|one| (network(one), endpoint(one))).collect();
        if let Some(host) = &mut body.host_config {
            host.mounts.get_or_insert_default().extend(files);
            host.network_mode = Some(first.clone());
            if number > 1 {
                host.port_bindings = None;
            }
        }
        // Engines before 25 take one network here; the others are joined before the start.
        body.networking_config = Some(NetworkingConfig { endpoints_config: Some(endpoints) });
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let id = self
            .docker
            .create_container(Some(options), body)
            .await
            .map_err(|error| reason(&error))
            .remote(format_args!("create container {name}"))?
            .id;
        for one in desired.networks.iter().skip(1) {
            let other = network(one);
            let request = NetworkConnectRequest {
                container: id.clone(),
                endpoint_config: Some(endpoint(one)),
            };
            self.docker
                .connect_network(&other, request)
                .await
                .map_err(|error| reason(&error))
                .remote(format_args!("join {name} to network {other}"))?;
        }
        Ok(id)
    }

    /// Starts a container.
    pub(super) async fn start(&self, id: &str) -> Result<(), String> {
        let started = self.docker.start_container(id, None::<StartContainerOptions>).await;
        started.map_err(|error| reason(&error))
    }

    /// Removes a container of this project by name; one of another project is an error.
    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        let there = match self.docker.inspect_container(name, None::<InspectContainerOptions>).await
        {
            Ok(there) => there,
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => {
                return Err(Error::remote(format!(
                    "failed to look at container {name}: {}",
                    reason(&error)
                )));
            }
        };
        let labels = there.config.and_then(|config| config.labels).unwrap_or_default();
        if labels.get(PROJECT).map(String::as_str) != Some(self.name) {
            return Err(Error::remote(format!("container {name} belongs to something else"))
                .help("change name in plan.yaml, or take that container away yourself"));
        }
        let _ = self.docker.stop_container(name, None).await;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.docker.remove_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => {
                Err(Error::remote(format!("failed to remove container {name}: {}", reason(&error))))
            }
        }
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        match self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => {
                Err(Error::remote(format!("failed to remove volume {name}: {}", reason(&error))))
            }
        }
    }

    /// Removes the volumes that hold the files of services, and with `data` all of them.
    pub(super) async fn remove_volumes(&self, data: bool) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        for (name, files) in self.volumes().await? {
            if data || files {
                self.remove_volume(&name).await?;
                removed.push(name);
            }
        }
        Ok(removed)
    }

    /// The names of the project's volumes.
    pub(super) async fn volume_names(&self) -> Result<Vec<String>> {
        Ok(self.volumes().await?.into_iter().map(|(name, _)| name).collect())
    }

    /// The project's volumes, and whether each only holds the files of a service.
    async fn volumes(&self) -> Result<Vec<(String, bool)>> {
        let options = ListVolumesOptionsBuilder::new().filters(&self.filter()).build();
        let volumes = self
            .docker
            .list_volumes(Some(options))
            .await
            .map_err(|error| reason(&error))
            .remote("list the engine's volumes")?
            .volumes
            .unwrap_or_default();
        let files = |labels: &HashMap<String, String>| labels.contains_key(FILES);
        Ok(volumes.into_iter().map(|volume| (volume.name, files(&volume.labels))).collect())
    }

    /// How a container is now.
    pub(super) async fn health(&self, id: &str) -> Result<Health> {
        let there = self
            .docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
            .map_err(|error| reason(&error))
            .remote(format_args!("look at container {id}"))?;
        Ok(health(&there))
    }

    /// How a container's process last ended.
    pub(super) async fn ending(&self, id: &str) -> Ending {
        let there = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
        let Some(state) = there.ok().and_then(|there| there.state) else {
            return Ending::default();
        };
        // A running container's code is that of nothing.
        let ended = state.running != Some(true) || state.restarting == Some(true);
        Ending {
            code: state.exit_code.filter(|_| ended),
            out_of_memory: state.oom_killed == Some(true),
        }
    }

    /// The last lines of a container's output.
    pub(super) async fn last_lines(&self, id: &str, count: usize) -> Vec<String> {
        let options =
            LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&count.to_string()).build();
        let mut parts = Box::pin(self.docker.logs(id, Some(options)));
        let mut text = Vec::new();
        while let Some(Ok(part)) = parts.next().await {
            text.extend_from_slice(part.as_ref());
            if text.len() > 64 << 10 {
                break;
            }
        }
        String::from_utf8_lossy(&text)
            .lines()
            .map(|line| line.chars().filter(|c| !c.is_control()).take(400).collect())
            .collect()
    }
}

fn health(there: &ContainerInspectResponse) -> Health {
    let restarts = there.restart_count.unwrap_or(0);
    let Some(state) = &there.state else { return Health::Starting };
    if state.restarting == Some(true) {
        return Health::Failing(restarts.max(1));
    }
    if state.running != Some(true) {
        return match state.status {
            Some(bollard::models::ContainerStateStatusEnum::CREATED) => Health::Starting,
            _ => Health::Ended(state.exit_code.unwrap_or(0)),
        };
    }
    match state.health.as_ref().and_then(|health| health.status) {
        Some(HealthStatusEnum::UNHEALTHY) => Health::Failing(restarts),
        Some(HealthStatusEnum::STARTING) if restarts > 0 => Health::Failing(restarts),
        Some(HealthStatusEnum::STARTING) => Health::Starting,
        _ => Health::Ready,
    }
}

/// `PROJECT-SERVICE-1`, as docker compose names it.
pub(super) fn container_name(project: &str, service: &str, number: u32) -> String {
    format!("{project}-{service}-{number}")
}

fn tar_of(files: &[PlacedFile]) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (at, file) in files.iter().enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_mtime(0);
        builder
            .append_data(&mut header, at.to_string(), file.bytes.as_slice())
            .input("pack the files of a service")?;
    }
    builder.into_inner().input("pack the files of a service")
}
