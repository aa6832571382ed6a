//! How the platform sees that a workload can serve.

use crate::model::inventory::{Inventory, LocationKind, Role, Service};
use crate::model::plan::{Port, Probe};

/// Health routes by convention, the most telling first.
const HEALTH: [&str; 12] = [
    "/readyz",
    "/ready",
    "/healthz",
    "/health",
    "/livez",
    "/api/health",
    "/api/healthz",
    "/api/ready",
    "/status",
    "/api/status",
    "/ping",
    "/api/ping",
];

/// The probe of a workload; none for a job or when its port is unknown.
pub(super) fn decide(_inventory: &Inventory, service: &Service, ports: &[Port]) -> Option<Probe> {
    if service.role == Role::Job {
        return None;
    }
    if service.runtime.name == "mariadb" {
        let socket = service
            .listens
            .iter()
            .find(|listen| listen.protocol == "unix")
            .map_or("/run/mysqld/mysqld.sock", |listen| listen.address.as_str());
        let command = vec!["mariadb-admin".into(), format!("--socket={socket}"), "ping".into()];
        let reason = "answers once the server takes connections, with no password".to_owned();
        return Some(Probe { path: None, port: None, command, reason });
    }
    let port = Some(ports.first()?.port);
    let (path, reason) = match service.role {
        Role::Proxy => match answers_by_itself(service) {
            Some(path) => {
                (Some(path), "the proxy answers it without asking another workload".to_owned())
            }
            None => (None, "every HTTP path asks another workload or may be refused".to_owned()),
        },
        _ => match health_route(service) {
            Some((path, evidence)) => {
                (Some(path), format!("the app's own health route ({evidence})"))
            }
            None => (None, "no health route was found in the code".to_owned()),
        },
    };
    Some(Probe { path, port, command: Vec::new(), reason })
}

fn health_route(service: &Service) -> Option<(String, String)> {
    HEALTH.iter().find_map(|path| {
        let route = service.routes.iter().find(|route| {
            matches!(route.method.as_str(), "GET" | "ALL")
                && route.path.trim_end_matches('/') == *path
                && !route.events
        })?;
        Some(((*path).to_owned(), route.evidence.to_string()))
    })
}

/// A path of the default site that is answered with a file or a fixed 2xx.
fn answers_by_itself(service: &Service) -> Option<String> {
    let default = service.sites.iter().find(|site| site.default);
    let site = default.or_else(|| service.sites.first()).filter(|site| !site.tls)?;
    let open = |location: &&crate::model::inventory::Location| !location.auth && !location.internal;
    let fixed = site.locations.iter().filter(open).find(|location| {
        location.kind == LocationKind::Return
            && matches!(location.modifier.as_str(), "" | "=")
            && location.status.is_some_and(|status| (200..300).contains(&status))
    });
    let page = site.locations.iter().filter(open).find(|location| {
        location.kind == LocationKind::Static
            && location.modifier.is_empty()
            && location.path == "/"
            && location.fallback.as_deref().is_some_and(|path| path.starts_with('/'))
    });
    fixed.or(page).map(|location| location.path.clone())
}
