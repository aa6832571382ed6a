//! One service becomes one workload.

use super::{
    address, command, egress, environment, image, network, probe, resources, schedule, secret,
    storage,
};
use crate::model::inventory::{Inventory, Role, Service};
use crate::model::plan::{Connection, Plan, Port, RunAs, Workload, WorkloadKind};

/// The workload of a service. Secrets that it needs are added to the plan.
pub(super) fn decide(inventory: &Inventory, service: &Service, plan: &mut Plan) -> Workload {
    let kind = match service.role {
        Role::Proxy => WorkloadKind::Proxy,
        Role::Database => WorkloadKind::Database,
        Role::Job => WorkloadKind::Job,
        Role::App | Role::Cache | Role::Static => WorkloadKind::App,
    };
    let ports = ports(service);
    let mounts = storage::mounts(inventory, service, plan);
    let (replicas_reason, kept) = replicas(service, kind);
    let command = command::decide(service);
    Workload {
        id: service.id.clone(),
        service: service.id.clone(),
        kind,
        reason: reason(service, kind),
        image: image::decide(inventory, service),
        relay: network::relay(inventory, service, &command),
        command,
        directory: service.directory.clone().filter(|path| {
            path.starts_with('/') && matches!(kind, WorkloadKind::App | WorkloadKind::Job)
        }),
        user: user(inventory, service),
        environment: environment::decide(inventory, service, plan),
        files: secret::files(inventory, service, plan),
        scratch: storage::scratch(service, &mounts),
        mounts,
        accounts: Vec::new(),
        replicas: kept,
        alone: kind == WorkloadKind::App && !service.in_process.is_empty(),
        replicas_reason,
        schedule: schedule::decide(inventory, service).filter(|_| kind == WorkloadKind::Job),
        probe: probe::decide(inventory, service, &ports),
        resources: resources::decide(inventory, service),
        connects_to: connections(inventory, service),
        egress: egress::decide(inventory, service),
        ports,
    }
}

fn reason(service: &Service, kind: WorkloadKind) -> String {
    match (kind, service.role) {
        (WorkloadKind::Proxy, _) => {
            "stays in front with its own configuration, so that its behaviour stays".to_owned()
        }
        (WorkloadKind::Database, _) => "owns its data: one copy, one volume".to_owned(),
        (WorkloadKind::Job, _) => {
            "runs by the clock, once for all and not once a replica".to_owned()
        }
        (_, Role::Cache) => format!(
            "{} keeps what can be lost: it starts empty, and sessions in it end with the move",
            service.runtime.name
        ),
        _ => "the application's own program, replaced by itself when it changes".to_owned(),
    }
}

fn ports(service: &Service) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    if service.role == Role::Job {
        return ports;
    }
    let listens = service
        .listens
        .iter()
        .filter(|listen| listen.protocol != "unix" && listen.protocol != "udp")
        .map(|listen| (listen.port, listen.protocol.as_str()));
    let sites = service.sites.iter().flat_map(|site| {
        let protocol = if site.tls { "https" } else { "http" };
        site.ports.iter().map(move |port| (*port, protocol))
    });
    let mut found: Vec<(u16, &str)> = listens.chain(sites).filter(|(port, _)| *port != 0).collect();
    // A database that a socket alone reached listens on its usual port from now on.
    if service.runtime.name == "mariadb" && found.is_empty() {
        found.push((3306, "tcp"));
    }
    for (port, protocol) in found {
        if ports.iter().any(|known| known.port == port) {
            continue;
        }
        let name = match (service.runtime.name.as_str(), protocol) {
            ("mariadb", _) => "mysql".to_owned(),
            ("redis" | "valkey", _) => "redis".to_owned(),
            (_, "http" | "https") => protocol.to_owned(),
            _ if matches!(service.role, Role::App | Role::Proxy | Role::Static) => {
                "http".to_owned()
            }
            _ => "tcp".to_owned(),
        };
        let taken = ports.iter().any(|known| known.name == name);
        let name = if taken { format!("{name}-{port}") } else { name };
        ports.push(Port { name, port });
    }
    ports
}

/// The source's user; a service that starts as root runs as the user it drops to.
fn user(inventory: &Inventory, service: &Service) -> RunAs {
    let stated = service.user.as_deref().unwrap_or_default();
    if let Some(ids) = service.ids
        && ids.uid != 0
    {
        let name = if stated.is_empty() || stated == "root" { "app" } else { stated };
        // A name that only root's service carries is not the name of these numbers.
        return RunAs { name: name.to_owned(), uid: ids.uid, gid: ids.gid.max(1) };
    }
    let (name, id) = match service.runtime.name.as_str() {
        "nginx" | "php" if matches!(inventory.os.id.as_str(), "debian" | "ubuntu") => {
            ("www-data", 33)
        }
        "nginx" => ("nginx", 101),
        "mariadb" => ("mysql", 999),
        "redis" | "valkey" => ("redis", 999),
        _ if stated.is_empty() || stated == "root" => ("app", 10001),
        _ => (stated, 10001),
    };
    RunAs { name: name.to_owned(), uid: id, gid: id }
}

fn replicas(service: &Service, kind: WorkloadKind) -> (Option<String>, u32) {
    let reason = match kind {
        WorkloadKind::Job => return (None, 1),
        WorkloadKind::Database => "one writer owns the data".to_owned(),
        WorkloadKind::Proxy if rate_limited(service) => {
            "rate limits are counted in the proxy's memory".to_owned()
        }
        _ if service.in_process.is_empty() => {
            "as on the server; nothing was seen in its memory that a second one would miss"
                .to_owned()
        }
        _ => {
            let mut what: Vec<&str> =
                service.in_process.iter().map(|state| state.what.as_str()).collect();
            what.sort_unstable();
            what.dedup();
            format!("a second one would not see what lies in its memory: {}", what.join(", "))
        }
    };
    (Some(reason), 1)
}

fn rate_limited(service: &Service) -> bool {
    service.sites.iter().flat_map(|site| &site.locations).any(|location| location.rate_limited)
}

fn connections(inventory: &Inventory, service: &Service) -> Vec<Connection> {
    let mut connections: Vec<Connection> = Vec::new();
    for link in address::links(inventory, service) {
        let Some(port) = address::port(link) else { continue };
        let connection = Connection { workload: link.to.id.clone(), port };
        if link.to.id != service.id && !connections.contains(&connection) {
            connections.push(connection);
        }
    }
    connections
}
