//! Old addresses and what stands in their place.

use crate::model::inventory::{Edge, EdgeVariables, Inventory, Role, Service};
use crate::model::plan::NewHost;

/// Names under which a process reaches its own machine.
const LOCAL: [&str; 4] = ["127.0.0.1", "localhost", "[::1]", "::1"];

/// An edge to a service that becomes a workload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    /// The edge.
    pub edge: &'a Edge,
    /// The service it leads to.
    pub to: &'a Service,
    /// The variables that say where that is and how to log in.
    pub variables: Option<&'a EdgeVariables>,
}

/// The edges from a service to others that become workloads.
///
/// A job that runs an app's code makes that app's connections to databases and caches, with the
/// app's variables, where nothing of its own was seen.
pub(super) fn links<'a>(inventory: &'a Inventory, from: &Service) -> Vec<Link<'a>> {
    let of = |id: &str| -> Vec<Link<'a>> {
        let edges = inventory.edges.iter().filter(|edge| edge.from == id);
        let links = edges.filter_map(|edge| {
            let to = inventory.service(&edge.to)?;
            Some(Link { edge, to, variables: edge.variables.as_ref() })
        });
        links.filter(|link| super::moves(link.to)).collect()
    };
    let mut own = of(&from.id);
    let owner = (from.role == Role::Job).then(|| super::image::owner(inventory, from)).flatten();
    let borrowed = owner.map(|app| of(&app.id)).unwrap_or_default();
    for link in borrowed {
        if !matches!(link.to.role, Role::Database | Role::Cache) {
            continue;
        }
        match own.iter_mut().find(|known| known.to.id == link.to.id) {
            Some(known) => known.variables = known.variables.or(link.variables),
            None => own.push(link),
        }
    }
    own
}

/// The hosts under which a service is reached on the old machine.
pub(super) fn hosts(service: &Service) -> Vec<String> {
    let mut hosts: Vec<String> = LOCAL.map(str::to_owned).to_vec();
    for listen in &service.listens {
        let address = listen.address.as_str();
        let wildcard = matches!(address, "0.0.0.0" | "::" | "[::]" | "*" | "");
        if listen.protocol != "unix" && !wildcard && !hosts.iter().any(|host| host == address) {
            hosts.push(address.to_owned());
        }
    }
    hosts
}

/// The port under which a service is reached over the network.
pub(super) fn port(link: Link<'_>) -> Option<u16> {
    if link.edge.port != 0 {
        return Some(link.edge.port);
    }
    let stated = link.to.listens.iter().map(|listen| listen.port).find(|port| *port != 0);
    stated.or(match link.to.runtime.name.as_str() {
        "mariadb" | "mysql" => Some(3306),
        "postgresql" => Some(5432),
        "redis" | "valkey" => Some(6379),
        "memcached" => Some(11211),
        _ => None,
    })
}

/// `value` with the old host of `to` replaced by its workload's name; `None` when it is not there.
///
/// Understands a bare host, `host:port`, and a URL.
pub(super) fn relocate(value: &str, to: &Service) -> Option<String> {
    let trimmed = value.trim();
    for host in hosts(to) {
        if trimmed == host {
            return Some(to.id.clone());
        }
        if let Some(rest) = trimmed.strip_prefix(&host)
            && let Some(port) = rest.strip_prefix(':')
            && !port.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Some(format!("{}:{port}", to.id));
        }
        let (scheme, rest) = trimmed.split_once("://").unwrap_or(("", ""));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (format!("{login}@"), place),
            None => (String::new(), authority),
        };
        if let Some(port) = place.strip_prefix(&host)
            && (port.is_empty() || port.starts_with(':'))
        {
            return Some(format!("{scheme}://{login}{}{port}{tail}", to.id));
        }
    }
    None
}

/// The new hosts of those variables of a service that hold the address of another and are secret:
/// the plan has no value to relocate, `deploy` reads it from the source.
pub(super) fn in_secrets(inventory: &Inventory, service: &Service) -> Vec<NewHost> {
    let mut hosts: Vec<NewHost> = Vec::new();
    for link in links(inventory, service) {
        let Some(variables) = link.variables else { continue };
        for name in [&variables.url, &variables.host].into_iter().flatten() {
            let secret = service.environment.iter().any(|it| it.name == *name && it.secret);
            if secret && !hosts.iter().any(|known| known.key == *name) {
                hosts.push(NewHost { key: name.clone(), to: link.to.id.clone() });
            }
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::{Role, Runtime};

    #[test]
    fn hosts_are_replaced_in_every_form() {
        let runtime = Runtime { name: "mariadb".into(), version: None };
        let to = Service::new("db", Role::Database, runtime);
        assert_eq!(relocate("localhost", &to).as_deref(), Some("db"));
        assert_eq!(relocate("127.0.0.1:3306", &to).as_deref(), Some("db:3306"));
        assert_eq!(
            relocate("mysql://u:p@localhost:3306/x?y=localhost", &to).as_deref(),
            Some("mysql://u:p@db:3306/x?y=localhost")
        );
        assert_eq!(relocate("http://[::1]/x", &to).as_deref(), Some("http://db/x"));
        assert_eq!(relocate("localhost.example.org", &to), None);
        assert_eq!(relocate("https://127.0.0.1.example.org/", &to), None);
    }
}
