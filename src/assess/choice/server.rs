//! What the points ask of an inventory.

use jiff::civil::Date;

use crate::model::evidence::Evidence;
use crate::model::inventory::{
    FitVerdict, Inventory, LocationKind, Role, Service, State, StateKind,
};

/// An inventory on a day.
pub(super) struct Server<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) today: Date,
}

impl<'a> Server<'a> {
    pub(super) fn of(&self, role: Role) -> Vec<&'a Service> {
        self.inventory.services.iter().filter(|service| service.role == role).collect()
    }

    pub(super) fn apps(&self) -> Vec<&'a Service> {
        self.of(Role::App)
    }

    /// Services that the source holds, and that would run as workloads.
    pub(super) fn held(&self) -> Vec<&'a Service> {
        let runs = |service: &&Service| service.role != Role::Static && is_here(service);
        self.inventory.services.iter().filter(runs).collect()
    }

    /// Databases and caches, those outside of the server among them.
    pub(super) fn stores(&self) -> Vec<&'a Service> {
        let store = |service: &&Service| matches!(service.role, Role::Database | Role::Cache);
        self.inventory.services.iter().filter(store).collect()
    }

    /// Files that users or the application put on disk, each folder once.
    pub(super) fn files(&self) -> Vec<&'a State> {
        let mut found: Vec<&State> = Vec::new();
        for service in &self.inventory.services {
            if matches!(service.role, Role::Database | Role::Cache) {
                continue;
            }
            for state in &service.state {
                let kept = matches!(state.kind, StateKind::Uploads | StateKind::Sessions);
                if kept && found.iter().all(|known| known.path != state.path) {
                    found.push(state);
                }
            }
        }
        found
    }

    pub(super) fn database_bytes(&self) -> u64 {
        self.of(Role::Database)
            .iter()
            .flat_map(|service| &service.state)
            .filter(|state| state.kind == StateKind::Database)
            .map(|state| state.bytes)
            .sum()
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.files().iter().map(|state| state.bytes).sum()
    }

    /// Whether nothing of it runs as functions.
    pub(super) fn is_refused(&self) -> bool {
        self.inventory.fit.sam.verdict == FitVerdict::Refused
    }

    /// WebSocket endpoints and event streams, which a function cannot hold.
    pub(super) fn long_lived(&self) -> Vec<Evidence> {
        let apps = self.apps();
        let sockets = apps.iter().flat_map(|app| &app.sockets).map(|socket| &socket.evidence);
        let streams = apps.iter().flat_map(|app| &app.routes).filter(|route| route.events);
        sockets.chain(streams.map(|route| &route.evidence)).cloned().collect()
    }

    /// Places where the application keeps state in its own memory, with what it is.
    pub(super) fn in_process(&self) -> Vec<(&'a str, Evidence)> {
        self.apps()
            .into_iter()
            .flat_map(|app| &app.in_process)
            .map(|state| (state.what.as_str(), state.evidence.clone()))
            .collect()
    }

    /// Locations of the proxies that serve files.
    pub(super) fn static_locations(&self) -> Vec<Evidence> {
        self.locations(|kind| kind == LocationKind::Static)
    }

    /// Locations of the proxies that `wanted` takes.
    pub(super) fn locations(&self, wanted: fn(LocationKind) -> bool) -> Vec<Evidence> {
        self.of(Role::Proxy)
            .into_iter()
            .flat_map(|proxy| &proxy.sites)
            .flat_map(|site| &site.locations)
            .filter(|location| wanted(location.kind))
            .map(|location| location.evidence.clone())
            .collect()
    }
}

/// Whether a service runs on the source: one that is only connected to has nothing on it.
pub(super) fn is_here(service: &Service) -> bool {
    let store = matches!(service.role, Role::Database | Role::Cache);
    !store
        || service.command.is_some()
        || !service.state.is_empty()
        || !service.packages.is_empty()
        || !service.program.is_empty()
        || !service.configuration.is_empty()
}

/// `mariadb 10.11.6`.
pub(super) fn runtime(service: &Service) -> String {
    match &service.runtime.version {
        Some(version) => format!("{} {version}", service.runtime.name),
        None => service.runtime.name.clone(),
    }
}

/// Where services were seen, one place each.
pub(super) fn seen(services: &[&Service]) -> Vec<Evidence> {
    services.iter().filter_map(|service| service.evidence.first().cloned()).collect()
}

/// Their ids, for a sentence.
pub(super) fn ids(services: &[&Service]) -> String {
    services.iter().map(|service| service.id.as_str()).collect::<Vec<_>>().join(", ")
}
