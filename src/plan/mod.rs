//! From an inventory and its findings to decisions with reasons: pure, same input, same bytes.

mod account;
mod address;
mod command;
pub(crate) mod egress;
mod environment;
mod image;
mod ingress;
mod naming;
mod network;
mod open;
mod place;
mod probe;
mod question;
mod render;
pub(crate) mod resources;
mod schedule;
mod secret;
mod storage;
mod workload;

pub(crate) use environment::is_bound;
pub use open::open;
pub(crate) use place::placed;
pub use question::questions;
pub use render::render;
pub use schedule::{Fields, expand};

use crate::model::inventory::{Inventory, Role, Service};
use crate::model::plan::{Plan, SCHEMA, VerifyPolicy, Workload};

/// Decides what becomes of each part of the server. `name` names project, namespace and images.
pub fn plan(inventory: &Inventory, name: &str) -> Plan {
    let inventory = &*placed(inventory);
    let mut plan = Plan {
        settled: Vec::new(),
        schema: SCHEMA.to_owned(),
        name: name.to_owned(),
        source: inventory.source.clone(),
        workloads: Vec::new(),
        networks: network::decide(inventory, name),
        volumes: storage::volumes(inventory),
        secrets: Vec::new(),
        ingress: ingress::decide(inventory),
        verify: VerifyPolicy::default(),
    };
    for service in inventory.services.iter().filter(|service| moves(service)) {
        let workload = workload::decide(inventory, service, &mut plan);
        plan.workloads.push(workload);
    }
    image::share(inventory, &mut plan.workloads);
    for service in inventory.services.iter().filter(|service| is_mariadb(service)) {
        let accounts = account::decide(inventory, service, &plan);
        if let Some(workload) = workload_mut(&mut plan.workloads, &service.id) {
            workload.accounts = accounts;
        }
    }
    plan
}

fn workload_mut<'a>(workloads: &'a mut [Workload], id: &str) -> Option<&'a mut Workload> {
    workloads.iter_mut().find(|workload| workload.id == id)
}

/// Whether a service becomes a workload: it runs on the source and we know how to run it elsewhere.
fn moves(service: &Service) -> bool {
    match service.role {
        Role::Proxy | Role::App | Role::Job => true,
        Role::Database => is_mariadb(service) && is_on_source(service),
        Role::Cache => {
            matches!(service.runtime.name.as_str(), "redis" | "valkey" | "memcached")
                && is_on_source(service)
        }
        // Files that the proxy serves travel in the proxy's image.
        Role::Static => service.command.is_some() && !service.listens.is_empty(),
    }
}

fn is_mariadb(service: &Service) -> bool {
    service.role == Role::Database && service.runtime.name == "mariadb"
}

/// A database or cache that the application uses and the source does not hold has nothing on disk.
fn is_on_source(service: &Service) -> bool {
    service.command.is_some()
        || !service.packages.is_empty()
        || !service.program.is_empty()
        || !service.state.is_empty()
}
