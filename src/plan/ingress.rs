//! How users reach the application.

use crate::model::inventory::{Inventory, Role, Service};
use crate::model::plan::Ingress;

/// The proxy with the most sites; without a proxy the first app that listens.
pub(super) fn decide(inventory: &Inventory) -> Ingress {
    let proxies = inventory.services.iter().filter(|service| service.role == Role::Proxy);
    // `max_by_key` takes the last of equals: count from the end to take the first.
    let proxy = proxies.rev().max_by_key(|proxy| proxy.sites.len());
    let apps = inventory.services.iter().filter(|service| service.role == Role::App);
    let front = proxy
        .or_else(|| apps.into_iter().find(|app| app.listens.iter().any(|listen| listen.port != 0)));
    let Some(front) = front else { return Ingress::default() };
    Ingress { workload: front.id.clone(), port: port(front), hosts: hosts(front), url: None }
}

/// The port of its default site without TLS, else of its first site, else what it listens on.
fn port(service: &Service) -> u16 {
    let plain = service.sites.iter().filter(|site| !site.tls);
    let sites = plain.clone().filter(|site| site.default).chain(plain).chain(&service.sites);
    let from_sites = sites.flat_map(|site| site.ports.iter().copied());
    let from_listens = service.listens.iter().map(|listen| listen.port);
    from_sites.chain(from_listens).find(|port| *port != 0).unwrap_or(0)
}

/// The host names of its sites, the default site's first; no patterns.
fn hosts(service: &Service) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let sites = service.sites.iter().filter(|site| site.default);
    for name in sites.chain(&service.sites).flat_map(|site| &site.server_names) {
        if is_host(name) && !hosts.contains(name) {
            hosts.push(name.clone());
        }
    }
    hosts
}

/// What an Ingress takes: a name with a dot, perhaps with `*` for its first label.
fn is_host(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let numeric = rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    rest.contains('.') && rest.len() <= 253 && !numeric && rest.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn only_host_names_reach_the_ingress() {
        assert!(is_host("shop.example.org") && is_host("*.example.org"));
        for name in ["_", "", "localhost", "10.0.0.1", "~^www\\d+$", "a_b.example.org"] {
            assert!(!is_host(name), "{name}");
        }
    }
}
