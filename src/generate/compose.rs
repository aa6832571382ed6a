//! The compose tree: one file for a Docker engine, and the names of its secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::unit::{SCRIPTS, Unit};
use super::{Tree, subnet, templates};
use crate::error::{Error, Result};
use crate::model::plan::{Lookup, Plan, SecretKind};

/// For `compose/compose.yaml.tera`.
#[derive(Debug, Serialize)]
struct ComposeFile<'a> {
    /// Name of the project.
    name: &'a str,
    /// Services.
    services: Vec<Service<'a>>,
    /// Networks.
    networks: Vec<NetworkView<'a>>,
    /// Whether any service has plain files.
    has_configs: bool,
    /// Names of volumes.
    volumes: Vec<&'a str>,
    /// Names of secrets that are files.
    secrets: Vec<&'a str>,
}

/// A network.
#[derive(Debug, Serialize)]
struct NetworkView<'a> {
    /// Name.
    name: String,
    /// Its addresses, when they are given.
    subnet: Option<Subnet<'a>>,
}

/// The addresses of a network.
#[derive(Debug, Serialize)]
struct Subnet<'a> {
    /// All of them.
    all: &'a str,
    /// Those that the engine gives out by itself.
    given: String,
    /// Why.
    reason: &'a str,
}

/// A network that a service is in.
#[derive(Debug, Serialize)]
struct Joined {
    /// Its name.
    name: String,
    /// The service's own address there.
    address: Option<String>,
}

/// One service of a compose file.
#[derive(Debug, Serialize)]
struct Service<'a> {
    /// The workload.
    unit: &'a Unit,
    /// What starts: for a job the clock in front of it.
    entrypoint: Vec<String>,
    /// The image's own folder.
    context: &'a str,
    /// Networks that it is in.
    networks: Vec<String>,
    /// The same with addresses; empty when it has none of its own.
    addresses: Vec<Joined>,
    /// Services that it waits for.
    depends_on: BTreeMap<&'a str, &'static str>,
    /// The test of a health check; empty for none.
    healthcheck: Vec<String>,
    /// Most memory as compose says it.
    memory: String,
    /// The port that is published.
    publish: Option<u16>,
    /// How long it has to end.
    grace: &'static str,
}

/// For `compose/env.example.tera`.
#[derive(Debug, Serialize)]
struct EnvExample {
    /// Values and files.
    secrets: Vec<SecretLine>,
}

/// One secret by name.
#[derive(Debug, Serialize)]
struct SecretLine {
    /// Name.
    name: String,
    /// Where it was found.
    found: String,
}

/// For `docker/cron.sh.tera`.
#[derive(Debug, Serialize)]
struct CronRunner<'a> {
    /// Five fields as they stand in the plan.
    cron: &'a str,
    /// Time zone.
    timezone: &'a str,
    /// Lists of numbers with spaces between.
    minutes: String,
    /// Hours.
    hours: String,
    /// Days of the month.
    days: String,
    /// Months.
    months: String,
    /// Days of the week.
    weekdays: String,
    /// `yes` when either kind of day suffices.
    either_day: &'static str,
}

/// `compose.yaml`, `.env.example` and the clocks of jobs.
pub(crate) fn files(plan: &Plan, units: &[Unit]) -> Result<Tree> {
    let mut tree = Tree::new();
    let services: Vec<Service<'_>> = plan
        .workloads
        .iter()
        .zip(units)
        .map(|(workload, unit)| {
            let context = workload.image.of.as_deref().unwrap_or(&workload.id);
            service(plan, units, unit, context)
        })
        .collect::<Result<_>>()?;
    let used: BTreeSet<&str> =
        units.iter().flat_map(|unit| &unit.mounts).map(|mount| mount.volume.as_str()).collect();
    let secrets: BTreeSet<&str> =
        units.iter().flat_map(|unit| &unit.secret_files).map(|file| file.name.as_str()).collect();
    let file = ComposeFile {
        name: &plan.name,
        networks: views(plan, &services)?,
        services,
        has_configs: units.iter().any(|unit| !unit.files.is_empty()),
        volumes: used.into_iter().collect(),
        secrets: secrets.into_iter().collect(),
    };
    tree.insert("compose.yaml".into(), templates::render("compose/compose.yaml.tera", &file)?);
    let example = EnvExample { secrets: secret_lines(plan) };
    tree.insert(".env.example".into(), templates::render("compose/env.example.tera", &example)?);
    for unit in units {
        if let Some(clock) = &unit.schedule
            && unit.kind == "job"
        {
            let fields = crate::plan::expand(&clock.cron).ok_or_else(|| {
                Error::input(format!(
                    "plan.yaml: workloads[{}].schedule.cron: {:?} is no cron schedule",
                    unit.id, clock.cron
                ))
                .help("write five fields: minute, hour, day of month, month, day of week")
            })?;
            let list =
                |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
            let runner = CronRunner {
                cron: &clock.cron,
                timezone: &clock.timezone,
                minutes: list(&fields.minutes),
                hours: list(&fields.hours),
                days: list(&fields.days),
                months: list(&fields.months),
                weekdays: list(&fields.weekdays),
                either_day: if fields.either_day { "yes" } else { "no" },
            };
            let script = templates::render("docker/cron.sh.tera", &runner)?;
            tree.insert(format!("config/{}/migrate/cron.sh", unit.id), script);
        }
    }
    Ok(tree)
}

fn service<'a>(
    plan: &Plan,
    units: &'a [Unit],
    unit: &'a Unit,
    context: &'a str,
) -> Result<Service<'a>> {
    let mut entrypoint = unit.command.clone();
    if unit.kind == "job" {
        entrypoint.splice(0..0, ["/bin/sh".to_owned(), format!("{SCRIPTS}/cron.sh")]);
    }
    let depends_on = unit
        .connects_to
        .iter()
        .map(|to| {
            let condition = if to.awaited { "service_healthy" } else { "service_started" };
            (to.workload.as_str(), condition)
        })
        .collect();
    let publish =
        (plan.ingress.workload == unit.id && plan.ingress.port != 0).then_some(plan.ingress.port);
    let networks = networks(units, unit);
    Ok(Service {
        unit,
        entrypoint,
        context,
        addresses: joined(plan, unit, &networks),
        networks,
        depends_on,
        healthcheck: healthcheck(unit),
        memory: memory(unit)?,
        publish,
        grace: if unit.kind == "database" { "60s" } else { "30s" },
    })
}

/// A network for each workload that others connect to, with it and them in it: two that need not
/// talk cannot. The published one has a network of its own.
fn networks(units: &[Unit], unit: &Unit) -> Vec<String> {
    let mut networks = BTreeSet::new();
    if unit.public {
        networks.insert("front".to_owned());
    }
    let is_target =
        units.iter().any(|other| other.connects_to.iter().any(|to| to.workload == unit.id));
    if is_target {
        networks.insert(network(&unit.id));
    }
    networks.extend(unit.connects_to.iter().map(|to| network(&to.workload)));
    if networks.is_empty() {
        networks.insert("alone".to_owned());
    }
    networks.into_iter().collect()
}

/// The networks of all services, those of the plan with their addresses.
fn views<'a>(plan: &'a Plan, services: &[Service<'_>]) -> Result<Vec<NetworkView<'a>>> {
    let names: BTreeSet<&String> = services.iter().flat_map(|service| &service.networks).collect();
    names
        .into_iter()
        .map(|name| {
            let planned = plan.networks.iter().find(|one| network(&one.workload) == *name);
            let subnet = planned
                .map(|planned| {
                    let given = subnet::check(plan, planned)?;
                    Ok(Subnet { all: &planned.subnet, given, reason: &planned.reason })
                })
                .transpose()?;
            Ok(NetworkView { name: name.clone(), subnet })
        })
        .collect()
}

/// The network of those that connect to a workload.
fn network(workload: &str) -> String {
    format!("to-{workload}")
}

/// The networks of a service with its own addresses; nothing when it has none.
fn joined(plan: &Plan, unit: &Unit, networks: &[String]) -> Vec<Joined> {
    let address = |name: &String| {
        let planned = plan.networks.iter().find(|one| network(&one.workload) == *name)?;
        planned.addresses.get(&unit.id).cloned()
    };
    let joined = networks.iter().map(|name| Joined { name: name.clone(), address: address(name) });
    let joined: Vec<Joined> = joined.collect();
    if joined.iter().any(|one| one.address.is_some()) { joined } else { Vec::new() }
}

/// The test of a health check with what every image has: bash opens connections by itself.
///
/// It asks the container's own address, as other containers do: what listens on 127.0.0.1 alone
/// serves nobody. The name comes from the kernel, as a program may be told another by `HOSTNAME`.
fn healthcheck(unit: &Unit) -> Vec<String> {
    let Some(probe) = &unit.probe else { return Vec::new() };
    let bash = |script: &str, arguments: &[&str]| {
        let mut test: Vec<String> =
            ["CMD", "bash", "-c", script, "probe"].map(str::to_owned).to_vec();
        test.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        test
    };
    let port = probe.port.to_string();
    match probe.kind {
        "http" => bash(
            r#"exec 3<>"/dev/tcp/$(</proc/sys/kernel/hostname)/$1" && printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3 && read -r _ status _ <&3 && [[ $status == [23]* ]]"#,
            &[&port, &probe.path],
        ),
        "tcp" => bash(r#"exec 3<>"/dev/tcp/$(</proc/sys/kernel/hostname)/$1""#, &[&port]),
        _ => {
            let mut test = vec!["CMD".to_owned()];
            test.extend(probe.command.iter().cloned());
            test
        }
    }
}

/// A Kubernetes quantity of memory as compose says it.
fn memory(unit: &Unit) -> Result<String> {
    let text = unit.memory_limit.as_str();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let number: Option<u64> = number.parse().ok();
    let bytes = |factor: u64| number.and_then(|number| number.checked_mul(factor));
    let said = match suffix {
        "Ki" => number.map(|number| format!("{number}k")),
        "Mi" => number.map(|number| format!("{number}m")),
        "Gi" => number.map(|number| format!("{number}g")),
        "" => bytes(1).map(|bytes| format!("{bytes}b")),
        "k" => bytes(1000).map(|bytes| format!("{bytes}b")),
        "M" => bytes(1_000_000).map(|bytes| format!("{bytes}b")),
        "G" => bytes(1_000_000_000).map(|bytes| format!("{bytes}b")),
        _ => None,
    };
    said.ok_or_else(|| {
        Error::input(format!(
            "plan.yaml: workloads[{}].resources.memory_limit: {text:?} is no quantity",
            unit.id
        ))
        .help("write a whole number and Ki, Mi, Gi, k, M or G")
    })
}

fn secret_lines(plan: &Plan) -> Vec<SecretLine> {
    let lines = plan.secrets.iter().map(|secret| {
        let found = match (&secret.path, &secret.lookup, secret.kind) {
            (Some(path), Some(Lookup::EnvFile(key) | Lookup::Unit(key)), _) => {
                format!("{key} in {path}")
            }
            (Some(path), None, SecretKind::File) => format!("the file {path}"),
            (Some(path), None, SecretKind::Value) => format!("in {path}"),
            (None, ..) => "not on the server: yours to give".to_owned(),
        };
        SecretLine { name: secret.name.clone(), found }
    });
    lines.collect()
}
