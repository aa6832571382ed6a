//! One workload as templates see it: every name resolved, every path checked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use super::relay::{RelayView, relay};
use crate::error::{Error, Result};
use crate::model::outside::is_host;
use crate::model::plan::{Plan, SecretKind, Workload, WorkloadKind};

/// One workload, for the templates of both targets.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Unit {
    /// Id, also its host name.
    pub id: String,
    /// Name of the application.
    pub application: String,
    /// `proxy`, `app`, `database` or `job`.
    pub kind: &'static str,
    /// Why it is a workload of its own.
    pub reason: String,
    /// Image with tag.
    pub image: String,
    /// Program and arguments, with the entry point of a database in front.
    pub command: Vec<String>,
    /// Working directory.
    pub directory: Option<String>,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Groups that own volumes it reads.
    pub groups: Vec<u32>,
    /// The group that owns the volumes it sees. Every pod of a volume must ask for the same one:
    /// the kubelet leaves a volume as it is that another pod mounts with another group, or none.
    pub volume_group: Option<u32>,
    /// Variables.
    pub variables: Vec<Variable>,
    /// Plain configuration files.
    pub files: Vec<PlainFile>,
    /// Files that hold secrets.
    pub secret_files: Vec<SecretFile>,
    /// Volumes.
    pub mounts: Vec<MountPoint>,
    /// Folders that may be lost.
    pub scratch: Vec<Scratch>,
    /// Ports.
    pub ports: Vec<PortName>,
    /// Whether one of them is below 1024.
    pub privileged_port: bool,
    /// How many.
    pub replicas: u32,
    /// Why that many.
    pub replicas_reason: String,
    /// Whether a new one may only start when the old one has ended.
    pub recreate: bool,
    /// Cron fields and time zone.
    pub schedule: Option<Clock>,
    /// Probe.
    pub probe: Option<ProbeView>,
    /// Reserved CPU.
    pub cpu: String,
    /// Reserved memory.
    pub memory: String,
    /// Most memory.
    pub memory_limit: String,
    /// What stands between it and those who connect to it, on Kubernetes.
    pub relay: Option<RelayView>,
    /// What it connects to.
    pub connects_to: Vec<Target>,
    /// Ports to places outside.
    pub egress: Vec<Outside>,
    /// Whether users reach it first.
    pub public: bool,
}

/// A place outside.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outside {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The addresses that are let through.
    pub blocks: Vec<String>,
}

/// A variable: a plain value or a secret's name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Variable {
    /// Name.
    pub name: String,
    /// Plain value.
    pub value: Option<String>,
    /// Name of a secret.
    pub secret: Option<String>,
    /// Why it differs from the server's.
    pub reason: Option<String>,
}

/// A plain configuration file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PlainFile {
    /// Key in a `ConfigMap`.
    pub key: String,
    /// Path in the container.
    pub target: String,
    /// Path below `config/ID/` (compose) or `ID/config/` (Kubernetes).
    pub tree: String,
    /// Whether it is executed.
    pub executable: bool,
}

/// A file that holds a secret.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SecretFile {
    /// Name of the secret.
    pub name: String,
    /// Path in the container.
    pub target: String,
    /// Permission bits in octal (`0440`).
    pub mode: String,
    /// The same where everyone in the container may read, as root owns it there.
    pub open_mode: String,
}

/// A volume in its place.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MountPoint {
    /// Volume.
    pub volume: String,
    /// Name of the claim.
    pub claim: String,
    /// Path.
    pub path: String,
    /// Whether it only reads.
    pub read_only: bool,
    /// Whether the claim is made from this workload's own template.
    pub own: bool,
    /// Whether pods of another workload see the volume too.
    pub shared: bool,
    /// Size of a claim.
    pub size: String,
}

/// An empty folder.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Scratch {
    /// Name of its volume.
    pub name: String,
    /// Path.
    pub path: String,
}

/// A port by name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PortName {
    /// Name.
    pub name: String,
    /// Number.
    pub port: u16,
}

/// When a job runs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Clock {
    /// Five fields.
    pub cron: String,
    /// Time zone.
    pub timezone: String,
}

/// A probe.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProbeView {
    /// `http`, `tcp` or `command`.
    pub kind: &'static str,
    /// Path of an HTTP probe.
    pub path: String,
    /// Port; 0 for a command.
    pub port: u16,
    /// Command.
    pub command: Vec<String>,
    /// Why this probe.
    pub reason: String,
}

/// What a workload connects to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Target {
    /// Workload.
    pub workload: String,
    /// Port.
    pub port: u16,
    /// The port of its pods on Kubernetes, where a relay may listen in its place.
    pub pod_port: u16,
    /// Whether it can be waited for: a database that has a probe.
    pub awaited: bool,
}

/// Where the scripts of the program itself lie in an image.
pub(crate) const SCRIPTS: &str = "/migrate";

/// The workloads of a plan.
pub(crate) fn units(plan: &Plan) -> Result<Vec<Unit>> {
    if plan.schema != crate::model::plan::SCHEMA {
        return Err(wrong(&format!(
            "schema: {:?} is not {}, which this version reads",
            plan.schema,
            crate::model::plan::SCHEMA
        )));
    }
    label(&plan.name, "name")?;
    let mut seen = BTreeSet::new();
    for workload in &plan.workloads {
        label(&workload.id, "workloads")?;
        if !seen.insert(&workload.id) {
            return Err(wrong(&format!("workloads has two entries with id {}", workload.id)));
        }
    }
    plan.workloads.iter().map(|workload| unit(plan, workload)).collect()
}

fn unit(plan: &Plan, workload: &Workload) -> Result<Unit> {
    let at = |field: &str| format!("workloads[{}].{field}", workload.id);
    if workload.command.is_empty() {
        return Err(wrong(&format!("{} is empty", at("command"))));
    }
    if workload.user.uid == 0 {
        return Err(wrong(&format!("{} is root, which no workload runs as", at("user.uid"))));
    }
    let owner = workload.image.of.as_deref().unwrap_or(&workload.id);
    if plan.workload(owner).is_none_or(|other| owner != workload.id && other.image.of.is_some()) {
        return Err(wrong(&format!(
            "{} names no workload with an image of its own",
            at("image.of")
        )));
    }
    let mounts = mounts(plan, workload)?;
    let (files, secret_files) = files(plan, workload)?;
    for path in &workload.scratch {
        absolute(path, &at("scratch"))?;
    }
    if let Some(path) = &workload.directory {
        absolute(path, &at("directory"))?;
    }
    let kind = match workload.kind {
        WorkloadKind::Proxy => "proxy",
        WorkloadKind::App => "app",
        WorkloadKind::Database => "database",
        WorkloadKind::Job => "job",
    };
    if workload.kind == WorkloadKind::Job && workload.schedule.is_none() {
        return Err(wrong(&format!("{} is missing: when does it run?", at("schedule"))));
    }
    if let Some(schedule) = &workload.schedule {
        clock(schedule, &at("schedule"))?;
    }
    let resources = &workload.resources;
    for (text, field) in [
        (&resources.cpu, "resources.cpu"),
        (&resources.memory, "resources.memory"),
        (&resources.memory_limit, "resources.memory_limit"),
    ] {
        quantity(text, &at(field))?;
    }
    if workload.replicas > MOST_REPLICAS {
        return Err(wrong(&format!("{} is more than {MOST_REPLICAS}", at("replicas"))));
    }
    let mut command = workload.command.clone();
    if workload.kind == WorkloadKind::Database {
        let entry = ["/bin/sh".to_owned(), format!("{SCRIPTS}/entrypoint.sh")];
        command.splice(0..0, entry);
    }
    Ok(Unit {
        id: workload.id.clone(),
        application: plan.name.clone(),
        kind,
        reason: workload.reason.clone(),
        image: format!("{}/{owner}:1", plan.name),
        command,
        directory: workload.directory.clone(),
        uid: workload.user.uid,
        gid: workload.user.gid,
        groups: groups(plan, workload, true),
        volume_group: groups(plan, workload, false)
            .first()
            .or(groups(plan, workload, true).first())
            .copied(),
        variables: variables(plan, workload)?,
        files,
        secret_files,
        scratch: scratch(workload),
        ports: ports(workload)?,
        privileged_port: workload.ports.iter().any(|port| port.port < 1024),
        replicas: workload.replicas,
        replicas_reason: workload.replicas_reason.clone().unwrap_or_default(),
        recreate: workload.alone,
        mounts,
        schedule: workload.schedule.as_ref().map(|schedule| Clock {
            cron: schedule.cron.clone(),
            timezone: schedule.timezone.clone(),
        }),
        probe: probe(workload)?,
        cpu: workload.resources.cpu.clone(),
        memory: workload.resources.memory.clone(),
        memory_limit: workload.resources.memory_limit.clone(),
        relay: relay(workload)?,
        connects_to: connections(plan, workload)?,
        egress: outside(workload)?,
        public: plan.ingress.workload == workload.id,
    })
}

fn variables(plan: &Plan, workload: &Workload) -> Result<Vec<Variable>> {
    let mut variables = Vec::new();
    for variable in &workload.environment {
        let at = format!("workloads[{}].environment[{}]", workload.id, variable.name);
        let name = &variable.name;
        let first =
            name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if !first
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        {
            return Err(wrong(&format!("{at} is no name of a variable")));
        }
        if let Some(secret) = &variable.secret {
            known_secret(plan, secret, SecretKind::Value, &at)?;
        }
        if variable.secret.is_some() == variable.value.is_some() {
            return Err(wrong(&format!("{at} needs either a value or a secret")));
        }
        variables.push(Variable {
            name: name.clone(),
            value: variable.value.clone(),
            secret: variable.secret.clone(),
            reason: variable.reason.clone(),
        });
    }
    // What the entry point of a database makes: numbered, so that any name can be said.
    let fixed = |name: String, value: &str| Variable {
        name,
        value: Some(value.to_owned()),
        secret: None,
        reason: None,
    };
    for (number, account) in workload.accounts.iter().enumerate() {
        let at = format!("workloads[{}].accounts[{number}].password", workload.id);
        known_secret(plan, &account.password, SecretKind::Value, &at)?;
        variables.push(fixed(format!("MIGRATE_DATABASE_{number}"), &account.database));
        variables.push(fixed(format!("MIGRATE_USER_{number}"), &account.user));
        variables.push(Variable {
            name: format!("MIGRATE_PASSWORD_{number}"),
            value: None,
            secret: Some(account.password.clone()),
            reason: None,
        });
    }
    Ok(variables)
}

fn known_secret(plan: &Plan, name: &str, kind: SecretKind, at: &str) -> Result<()> {
    let valid = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    match plan.secret(name) {
        Some(secret) if secret.kind == kind && valid => Ok(()),
        Some(_) if !valid => {
            Err(wrong(&format!("{at}: {name:?} is no name of upper case, digits and underscores")))
        }
        Some(_) => Err(wrong(&format!("{at}: the secret {name} is of the other kind"))),
        None => Err(wrong(&format!("{at}: secrets has no {name}"))),
    }
}

fn files(plan: &Plan, workload: &Workload) -> Result<(Vec<PlainFile>, Vec<SecretFile>)> {
    let (mut plain_files, mut secret_files) = (Vec::new(), Vec::new());
    let mut keys = BTreeSet::new();
    for file in &workload.files {
        let at = format!("workloads[{}].files", workload.id);
        absolute(&file.path, &at)?;
        if let Some(name) = &file.secret {
            known_secret(plan, name, SecretKind::File, &at)?;
            let mode = plan.secret(name).and_then(|secret| secret.mode).unwrap_or(0);
            // Its user and group read it; what was executable stays so.
            let mode = 0o440 | (mode & 0o110);
            let open_mode = mode | ((mode >> 3) & 0o005);
            secret_files.push(SecretFile {
                name: name.clone(),
                target: file.path.clone(),
                mode: format!("0{mode:o}"),
                open_mode: format!("0{open_mode:o}"),
            });
        } else {
            let tree = tree_path(&file.path);
            let mut key = tree.replace('/', "-");
            while !keys.insert(key.clone()) {
                key.push('_');
            }
            plain_files.push(PlainFile { key, target: file.path.clone(), tree, executable: false });
        }
    }
    if workload.kind == WorkloadKind::Job {
        // compose has no clock: a script beside the job is one.
        plain_files.push(PlainFile {
            key: "migrate-cron.sh".to_owned(),
            target: format!("{SCRIPTS}/cron.sh"),
            tree: "migrate/cron.sh".to_owned(),
            executable: true,
        });
    }
    Ok((plain_files, secret_files))
}

/// A path of the server as a path in the tree: letters, digits, `._/-`; the rest as `_` and its
/// number in hex.
pub(crate) fn tree_path(path: &str) -> String {
    use std::fmt::Write as _;
    let mut tree = String::new();
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"._/-".contains(&byte) {
            tree.push(char::from(byte));
        } else {
            let _ = write!(tree, "_{byte:02x}");
        }
    }
    tree
}

fn mounts(plan: &Plan, workload: &Workload) -> Result<Vec<MountPoint>> {
    let mut mounts = Vec::new();
    for mount in &workload.mounts {
        let at = format!("workloads[{}].mounts", workload.id);
        absolute(&mount.path, &at)?;
        let volume = plan
            .volumes
            .iter()
            .find(|volume| volume.name == mount.volume)
            .ok_or_else(|| wrong(&format!("{at}: volumes has no {}", mount.volume)))?;
        label(&volume.name, "volumes")?;
        let own = workload.kind == WorkloadKind::Database && !mount.read_only;
        mounts.push(MountPoint {
            volume: mount.volume.clone(),
            claim: claim(plan, &mount.volume),
            path: mount.path.clone(),
            read_only: mount.read_only,
            own,
            shared: users(plan, &mount.volume).count() > 1,
            size: volume.size.clone(),
        });
    }
    Ok(mounts)
}

/// The workloads that see a volume.
fn users<'a>(plan: &'a Plan, volume: &'a str) -> impl Iterator<Item = &'a Workload> {
    plan.workloads
        .iter()
        .filter(move |workload| workload.mounts.iter().any(|mount| mount.volume == volume))
}

/// The claim behind a volume: a database's set makes its own.
pub(crate) fn claim(plan: &Plan, volume: &str) -> String {
    match owner(plan, volume) {
        Some(owner) if owner.kind == WorkloadKind::Database => format!("{volume}-{}-0", owner.id),
        _ => volume.to_owned(),
    }
}

/// The first workload that writes to a volume: its group owns it.
pub(crate) fn owner<'a>(plan: &'a Plan, volume: &str) -> Option<&'a Workload> {
    plan.workloads.iter().find(|workload| {
        workload.mounts.iter().any(|mount| mount.volume == volume && !mount.read_only)
    })
}

/// Groups of the volumes that a workload reads only, or writes to.
fn groups(plan: &Plan, workload: &Workload, read_only: bool) -> Vec<u32> {
    let mounts = workload.mounts.iter().filter(|mount| mount.read_only == read_only);
    let groups = mounts.filter_map(|mount| Some(owner(plan, &mount.volume)?.user.gid));
    let groups: BTreeSet<u32> = groups.filter(|gid| *gid != 0).collect();
    groups.into_iter().filter(|gid| !read_only || *gid != workload.user.gid).collect()
}

fn scratch(workload: &Workload) -> Vec<Scratch> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let named = workload.scratch.iter().map(|path| {
        let mut name = String::from("scratch");
        for part in path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty())
        {
            name.push('-');
            name.push_str(&part.to_ascii_lowercase());
        }
        name.truncate(55);
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}-{count}");
        }
        Scratch { name: name.trim_end_matches('-').to_owned(), path: path.clone() }
    });
    named.collect()
}

fn ports(workload: &Workload) -> Result<Vec<PortName>> {
    let mut ports = Vec::new();
    for port in &workload.ports {
        let at = format!("workloads[{}].ports", workload.id);
        label(&port.name, &at)?;
        if port.name.len() > 15 || port.port == 0 {
            return Err(wrong(&format!("{at}: {} {} is no port", port.name, port.port)));
        }
        ports.push(PortName { name: port.name.clone(), port: port.port });
    }
    Ok(ports)
}

fn probe(workload: &Workload) -> Result<Option<ProbeView>> {
    let Some(probe) = &workload.probe else { return Ok(None) };
    let kind = match (&probe.path, probe.port, probe.command.is_empty()) {
        (_, _, false) => "command",
        (Some(path), Some(_), true) if path.starts_with('/') => "http",
        (None, Some(_), true) => "tcp",
        _ => {
            let at = format!("workloads[{}].probe", workload.id);
            return Err(wrong(&format!("{at} needs a command, or a port with or without a path")));
        }
    };
    Ok(Some(ProbeView {
        kind,
        path: probe.path.clone().unwrap_or_default(),
        port: probe.port.unwrap_or(0),
        command: probe.command.clone(),
        reason: probe.reason.clone(),
    }))
}

/// What each place outside is to a network policy.
fn outside(workload: &Workload) -> Result<Vec<Outside>> {
    let each = workload.egress.iter().map(|egress| {
        let at = format!("workloads[{}].egress", workload.id);
        let host = egress.host.as_str();
        if !is_host(host) || egress.port == 0 {
            return Err(wrong(&format!("{at}: {host:?} with port {} is no place", egress.port))
                .help("write the name or the address of a host, and its port"));
        }
        let blocks = match host.parse() {
            Ok(IpAddr::V4(address)) => vec![format!("{address}/32")],
            Ok(IpAddr::V6(address)) => vec![format!("{address}/128")],
            Err(_) => vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
        };
        Ok(Outside { host: host.to_owned(), port: egress.port, blocks })
    });
    each.collect()
}

fn connections(plan: &Plan, workload: &Workload) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for connection in &workload.connects_to {
        let at = format!("workloads[{}].connects_to", workload.id);
        let to = plan
            .workload(&connection.workload)
            .ok_or_else(|| wrong(&format!("{at}: workloads has no {}", connection.workload)))?;
        targets.push(Target {
            workload: to.id.clone(),
            port: connection.port,
            pod_port: relay(to)?
                .and_then(|relay| relay.ports.into_iter().find(|port| port.to == connection.port))
                .map_or(connection.port, |port| port.port),
            awaited: to.kind == WorkloadKind::Database && to.probe.is_some(),
        });
    }
    Ok(targets)
}

/// More of one workload are a slip of the pen.
const MOST_REPLICAS: u32 = 100;

fn clock(schedule: &crate::model::plan::Schedule, at: &str) -> Result<()> {
    if crate::plan::expand(&schedule.cron).is_none() {
        return Err(wrong(&format!("{at}.cron: {:?} is no cron schedule", schedule.cron))
            .help("write five fields: minute, hour, day of month, month, day of week"));
    }
    let zone = &schedule.timezone;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    if zone.is_empty()
        || !zone.starts_with(|c: char| c.is_ascii_alphabetic())
        || !zone.chars().all(plain)
    {
        return Err(wrong(&format!("{at}.timezone: {zone:?} is no name of a time zone")));
    }
    Ok(())
}

/// A quantity as Kubernetes reads it: a number and a unit.
fn quantity(text: &str, at: &str) -> Result<()> {
    const UNITS: [&str; 11] = ["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "P"];
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let known = number.len() <= 18 && number.parse::<f64>().is_ok() && UNITS.contains(&unit);
    if known {
        return Ok(());
    }
    Err(wrong(&format!("{at}: {text:?} is no quantity"))
        .help("write a number and m, Ki, Mi, Gi, k, M or G"))
}

fn label(name: &str, at: &str) -> Result<()> {
    let inside = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if name.is_empty() || name.len() > 50 || !inside || name.starts_with('-') || name.ends_with('-')
    {
        return Err(wrong(&format!(
            "{at}: {name:?} is no name of lower case, digits and hyphens (at most 50)"
        )));
    }
    Ok(())
}

pub(super) fn absolute(path: &str, at: &str) -> Result<()> {
    let odd = path.split('/').any(|part| part == ".." || part == ".");
    // `:` separates the parts of a mount.
    if !path.starts_with('/')
        || path.len() < 2
        || odd
        || path.contains(|c: char| c.is_control() || c == ':')
    {
        return Err(wrong(&format!("{at}: {path:?} is no absolute path")));
    }
    Ok(())
}

pub(super) fn wrong(message: &str) -> Error {
    Error::input(format!("plan.yaml: {message}")).help("correct plan.yaml and generate again")
}
