//! Configuration files of the source, translated for the new place.

use super::nginx::{self, Address};
use super::unit::tree_path;
use super::{Tree, mariadb};
use crate::error::{Error, Result};
use crate::model::inventory::{Inventory, Service};
use crate::model::plan::{Plan, Translate, Workload};

/// The plain configuration files of all workloads, each below the folder that `folder` names for
/// its workload.
pub(crate) fn files(
    plan: &Plan,
    inventory: &Inventory,
    captured: &dyn Fn(&str) -> Result<Option<String>>,
    folder: impl Fn(&str) -> String,
) -> Result<Tree> {
    let mut tree = Tree::new();
    for workload in &plan.workloads {
        let addresses = addresses(inventory, workload);
        for file in workload.files.iter().filter(|file| file.secret.is_none()) {
            let text = captured(&file.path)?.ok_or_else(|| {
                Error::input(format!(
                    "plan.yaml: workloads[{}].files names {}, of which there is no copy",
                    workload.id, file.path
                ))
                .help("run `migrate analyze SOURCE` again, or take the file out of plan.yaml")
            })?;
            let text = match file.translate {
                Translate::None => text,
                Translate::Nginx => nginx::translate(&text, &file.path, &addresses)?,
                Translate::Mariadb => mariadb::translate(&text),
            };
            tree.insert(format!("{}/{}", folder(&workload.id), tree_path(&file.path)), text);
        }
    }
    Ok(tree)
}

/// Old addresses of what a workload connects to.
pub(crate) fn addresses(inventory: &Inventory, workload: &Workload) -> Vec<Address> {
    let mut addresses = Vec::new();
    for connection in &workload.connects_to {
        let edges = inventory
            .edges
            .iter()
            .filter(|edge| edge.from == workload.service && edge.to == connection.workload);
        // A Unix socket has its path for a host and 0 for a port.
        addresses.extend(edges.clone().filter_map(|edge| {
            Some(Address {
                host: edge.socket.clone()?,
                port: 0,
                to: connection.workload.clone(),
                to_port: connection.port,
            })
        }));
        let mut ports: Vec<u16> = edges.map(|edge| edge.port).filter(|port| *port != 0).collect();
        if ports.is_empty() {
            ports.push(connection.port);
        }
        for host in hosts(inventory.service(&connection.workload)) {
            for port in &ports {
                addresses.push(Address {
                    host: host.clone(),
                    port: *port,
                    to: connection.workload.clone(),
                    to_port: connection.port,
                });
            }
        }
    }
    addresses
}

/// The hosts under which a service is reached on its own machine.
fn hosts(service: Option<&Service>) -> Vec<String> {
    let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "::1"].map(str::to_owned).to_vec();
    for listen in service.iter().flat_map(|service| &service.listens) {
        let wildcard = matches!(listen.address.as_str(), "0.0.0.0" | "::" | "[::]" | "*" | "");
        if listen.protocol != "unix" && !wildcard && !hosts.contains(&listen.address) {
            hosts.push(listen.address.clone());
        }
    }
    hosts
}
