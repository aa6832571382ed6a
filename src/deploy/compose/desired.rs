//! What the engine should run: the tree's services as containers, with a fingerprint that tells
//! whether one that runs already is the same.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, Mount, MountType, MountVolumeOptions,
    PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use sha2::{Digest, Sha256};

use super::file::{ComposeFile, MountKind, Placed, Pool, Restart, Service};
use super::text::{self, Published};
use crate::error::{Context, Error, Result};
use crate::model::plan::{Plan, WorkloadKind};
use crate::read::read_limited;
use crate::secrets::Secrets;

/// A configuration file of the tree is small.
const LIMIT: u64 = 8 << 20;

/// A file that is put before a service.
#[derive(Clone)]
pub(super) struct PlacedFile {
    pub(super) target: String,
    pub(super) bytes: Vec<u8>,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) mode: u32,
}

/// A network that a service is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    /// Its name in the file.
    pub(super) name: String,
    /// The service's own address there.
    pub(super) address: Option<String>,
    /// The network's addresses: those of another need another container.
    pub(super) subnets: Vec<Pool>,
}

/// One service as the engine should run it.
pub(super) struct Desired {
    pub(super) service: String,
    pub(super) image: String,
    pub(super) replicas: u32,
    /// Without labels, files and networks.
    pub(super) body: ContainerCreateBody,
    pub(super) files: Vec<PlacedFile>,
    /// Networks as the file names them.
    pub(super) networks: Vec<Membership>,
    pub(super) published: Vec<Published>,
    /// Names of the secrets that it is given.
    pub(super) secrets: Vec<String>,
}

/// What a tree is read with.
pub(super) struct Reading<'a> {
    pub(super) folder: &'a Path,
    pub(super) project: &'a str,
    pub(super) secrets: &'a Secrets,
    pub(super) environment: &'a HashMap<String, String>,
    /// The service whose image gives an empty volume its owner and mode. The engine would take
    /// them from every image in turn for as long as the volume is empty.
    pub(super) owners: BTreeMap<String, String>,
}

/// Chooses the owners of volumes: of those that write, a database or app before a job before a
/// proxy, which only hands out what the app has written.
pub(super) fn owners(file: &ComposeFile, plan: &Plan) -> BTreeMap<String, String> {
    let rank = |service: &str, read_only: bool| {
        let kind = plan.workload(service).map(|workload| workload.kind);
        let kind = match kind {
            Some(WorkloadKind::Database | WorkloadKind::App) => 0,
            Some(WorkloadKind::Job) => 1,
            Some(WorkloadKind::Proxy) | None => 2,
        };
        (read_only, kind)
    };
    let mut owners = BTreeMap::new();
    for (name, service) in &file.services {
        for mount in &service.volumes {
            let rank = rank(name, mount.read_only);
            let best = owners.entry(mount.source.clone()).or_insert_with(|| (rank, name.clone()));
            if rank < best.0 {
                *best = (rank, name.clone());
            }
        }
    }
    owners.into_iter().map(|(volume, (_, owner))| (volume, owner)).collect()
}

impl Reading<'_> {
    /// One service of the file.
    pub(super) fn service(
        &self,
        file: &ComposeFile,
        name: &str,
        service: &Service,
    ) -> Result<Desired> {
        let used = std::cell::RefCell::new(Vec::new());
        let value = |key: &str| {
            if let Some(bytes) = self.secrets.get(key) {
                used.borrow_mut().push(key.to_owned());
                return std::str::from_utf8(bytes).ok();
            }
            self.environment.get(key).map(String::as_str)
        };
        let with_values = |text: &String| text::interpolate(text, &value);
        let all_with_values =
            |list: &[String]| list.iter().map(with_values).collect::<Result<Vec<_>>>();
        let image = with_values(&service.image)?;
        let env = service
            .environment
            .iter()
            .map(|(key, text)| Ok(format!("{key}={}", with_values(text)?)))
            .collect::<Result<Vec<_>>>()?;
        let published = service
            .ports
            .iter()
            .map(|port| text::published(&with_values(port)?))
            .collect::<Result<Vec<_>>>()?;
        if service.replicas() > 1 && published.iter().any(|port| port.port.is_some()) {
            return Err(Error::input(format!(
                "compose.yaml: service {name} runs {} times and publishes a fixed port",
                service.replicas()
            )));
        }
        let body = ContainerCreateBody {
            user: service.user.as_ref().map(with_values).transpose()?,
            env: Some(env),
            entrypoint: service.entrypoint.as_deref().map(all_with_values).transpose()?,
            cmd: service.command.as_deref().map(all_with_values).transpose()?,
            working_dir: service.working_dir.as_ref().map(with_values).transpose()?,
            image: Some(image.clone()),
            exposed_ports: Some(
                published
                    .iter()
                    .map(|port| format!("{}/{}", port.container, port.protocol))
                    .collect(),
            ),
            healthcheck: health(service, &all_with_values)?,
            stop_timeout: service
                .stop_grace_period
                .as_deref()
                .map(text::nanoseconds)
                .transpose()?
                .map(|nanoseconds| nanoseconds / 1_000_000_000),
            host_config: Some(self.host(file, name, service, &with_values)?),
            ..ContainerCreateBody::default()
        };
        let files = self.files(file, name, service)?;
        let keys = service.secrets.iter().filter_map(|placed| file.secrets.get(&placed.source));
        used.borrow_mut().extend(keys.map(|secret| secret.environment.clone()));
        let mut secrets = used.into_inner();
        secrets.sort();
        secrets.dedup();
        let networks = memberships(file, name, service)?;
        Ok(Desired {
            service: name.to_owned(),
            image,
            replicas: service.replicas(),
            body,
            files,
            networks,
            published,
            secrets,
        })
    }

    /// The files that are put before a service.
    fn files(&self, file: &ComposeFile, name: &str, service: &Service) -> Result<Vec<PlacedFile>> {
        let mut files = Vec::new();
        for placed in &service.configs {
            let config = file.configs.get(&placed.source).ok_or_else(|| {
                Error::input(format!(
                    "compose.yaml: service {name} names no config {}",
                    placed.source
                ))
            })?;
            files.push(place(placed, self.config(&config.file)?, 0o444)?);
        }
        for placed in &service.secrets {
            let secret = file.secrets.get(&placed.source).ok_or_else(|| {
                Error::input(format!(
                    "compose.yaml: service {name} names no secret {}",
                    placed.source
                ))
            })?;
            let key = &secret.environment;
            let bytes = self
                .secrets
                .get(key)
                .map(<[u8]>::to_vec)
                .or_else(|| self.environment.get(key).map(|text| text.clone().into_bytes()))
                .ok_or_else(|| {
                    Error::refused(format!("an open question: secret {key} has no value"))
                        .help("give it with --secrets-from, or name it under secrets in plan.yaml")
                })?;
            files.push(place(placed, bytes, 0o400)?);
        }
        Ok(files)
    }

    fn host(
        &self,
        file: &ComposeFile,
        name: &str,
        service: &Service,
        with_values: &impl Fn(&String) -> Result<String>,
    ) -> Result<HostConfig> {
        let mut mounts = Vec::new();
        for mount in &service.volumes {
            let MountKind::Volume = mount.kind;
            if !file.volumes.contains_key(&mount.source) {
                return Err(Error::input(format!(
                    "compose.yaml: service {name} names no volume {}",
                    mount.source
                )));
            }
            mounts.push(Mount {
                target: Some(mount.target.clone()),
                source: Some(format!("{}_{}", self.project, mount.source)),
                typ: Some(MountType::VOLUME),
                read_only: Some(mount.read_only),
                volume_options: Some(MountVolumeOptions {
                    no_copy: Some(self.owners.get(&mount.source).is_none_or(|owner| owner != name)),
                    ..MountVolumeOptions::default()
                }),
                ..Mount::default()
            });
        }
        let tmpfs = service
            .tmpfs
            .iter()
            .map(|text| {
                let text = with_values(text)?;
                let (path, options) = text.split_once(':').unwrap_or((&text, ""));
                Ok((path.to_owned(), options.to_owned()))
            })
            .collect::<Result<HashMap<_, _>>>()?;
        let sysctls = service.sysctls.clone().into_iter().collect();
        Ok(HostConfig {
            memory: service.mem_limit.as_deref().map(text::bytes).transpose()?,
            group_add: Some(service.group_add.clone()),
            mounts: Some(mounts),
            tmpfs: Some(tmpfs),
            readonly_rootfs: Some(service.read_only),
            cap_drop: Some(service.cap_drop.clone()),
            security_opt: Some(service.security_opt.clone()),
            sysctls: Some(sysctls),
            restart_policy: Some(RestartPolicy {
                name: Some(match service.restart {
                    None | Some(Restart::No) => RestartPolicyNameEnum::NO,
                    Some(Restart::Always) => RestartPolicyNameEnum::ALWAYS,
                    Some(Restart::UnlessStopped) => RestartPolicyNameEnum::UNLESS_STOPPED,
                    Some(Restart::OnFailure) => RestartPolicyNameEnum::ON_FAILURE,
                }),
                maximum_retry_count: None,
            }),
            ..HostConfig::default()
        })
    }

    /// A file of the tree; it must lie in the tree.
    fn config(&self, file: &str) -> Result<Vec<u8>> {
        let relative = Path::new(file);
        let inside = relative
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(Error::input(format!("compose.yaml: {file} lies outside of the tree")));
        }
        let path: PathBuf = self.folder.join(relative);
        read_limited(&path, LIMIT)
    }
}

/// The networks that a service is in; one of its own accord where it names none.
fn memberships(file: &ComposeFile, name: &str, service: &Service) -> Result<Vec<Membership>> {
    let mut all = Vec::new();
    for (network, endpoint) in &service.networks.0 {
        let Some(entry) = file.networks.get(network) else {
            return Err(Error::input(format!(
                "compose.yaml: service {name} names no network {network}"
            )));
        };
        let address = endpoint.ipv4_address.clone();
        if address.is_some() && service.replicas() > 1 {
            return Err(Error::input(format!(
                "compose.yaml: service {name} runs {} times and has one fixed address in {network}",
                service.replicas()
            ))
            .help("run it once, or take ipv4_address away and see who then believes it"));
        }
        let subnets = entry.as_ref().map(|entry| entry.ipam.config.clone()).unwrap_or_default();
        all.push(Membership { name: network.clone(), address, subnets });
    }
    if all.is_empty() {
        let name = "default".to_owned();
        all.push(Membership { name, address: None, subnets: Vec::new() });
    }
    Ok(all)
}

fn health(
    service: &Service,
    all_with_values: &impl Fn(&[String]) -> Result<Vec<String>>,
) -> Result<Option<HealthConfig>> {
    let Some(check) = &service.healthcheck else { return Ok(None) };
    let time = |text: &Option<String>| text.as_deref().map(text::nanoseconds).transpose();
    Ok(Some(HealthConfig {
        test: Some(all_with_values(&check.test)?),
        interval: time(&check.interval)?,
        timeout: time(&check.timeout)?,
        retries: check.retries,
        start_period: time(&check.start_period)?,
        start_interval: None,
    }))
}

fn place(placed: &Placed, bytes: Vec<u8>, default_mode: u32) -> Result<PlacedFile> {
    let wrong = |what: &str, text: &str| {
        Error::input(format!("compose.yaml: {what} {text:?} of {} is no number", placed.source))
    };
    let id = |text: &Option<String>, what: &str| match text {
        Some(text) => text.parse().map_err(|_| wrong(what, text)),
        None => Ok(0),
    };
    let mode = match &placed.mode {
        Some(text) => {
            let digits = text.trim_start_matches("0o");
            u32::from_str_radix(digits, 8).map_err(|_| wrong("mode", text))?
        }
        None => default_mode,
    };
    let normal =
        placed.target.starts_with('/') && !placed.target.split('/').any(|part| part == "..");
    if !normal {
        return Err(Error::input(format!("compose.yaml: target {} is no path", placed.target)));
    }
    Ok(PlacedFile {
        target: placed.target.clone(),
        bytes,
        uid: id(&placed.uid, "uid")?,
        gid: id(&placed.gid, "gid")?,
        mode: mode & 0o777,
    })
}

impl Desired {
    /// Publishes the container's ports on these addresses.
    pub(super) fn publish(&mut self, on: &BTreeMap<u16, (String, u16)>) {
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for port in &self.published {
            let (address, number) = on.get(&port.container).cloned().unwrap_or_default();
            bindings.insert(
                format!("{}/{}", port.container, port.protocol),
                Some(vec![PortBinding {
                    host_ip: Some(address),
                    host_port: Some(number.to_string()),
                }]),
            );
        }
        if let Some(host) = &mut self.body.host_config {
            host.port_bindings = Some(bindings);
        }
    }

    /// Tells whether two containers are the same, without telling what is in them: the salt is
    /// another for each, so that a short secret cannot be guessed from a label.
    pub(super) fn fingerprint(&self, image_id: &str, salt: &str) -> Result<String> {
        let mut digest = Sha256::new();
        let mut field = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        field(salt.as_bytes());
        field(image_id.as_bytes());
        let body = serde_json::to_value(&self.body).input("compare containers")?;
        field(sorted(body).to_string().as_bytes());
        let names: Vec<&str> = self.networks.iter().map(|one| one.name.as_str()).collect();
        field(names.join(",").as_bytes());
        for network in self.networks.iter().filter(|one| !one.subnets.is_empty()) {
            field(format!("{:?} {:?}", network.address, network.subnets).as_bytes());
        }
        for file in &self.files {
            field(file.target.as_bytes());
            field(format!("{}:{}:{:o}", file.uid, file.gid, file.mode).as_bytes());
            field(&file.bytes);
        }
        Ok(digest.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

/// The same value with the keys of all mappings in order: maps of the engine's types have none.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let ordered: BTreeMap<_, _> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            ordered.into_iter().collect()
        }
        serde_json::Value::Array(list) => list.into_iter().map(sorted).collect(),
        other => other,
    }
}
