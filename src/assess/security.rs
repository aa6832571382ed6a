//! Rules on secrets and rights.

use super::finding;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{Inventory, Role};

/// Others may read.
const OTHERS_READ: u32 = 0o004;

/// Files with secrets that every user of the server may read.
pub(super) fn readable_secrets(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        for file in service.configuration.iter().filter(|file| file.secret) {
            if file.mode & OTHERS_READ != 0 {
                found.push(finding(
                    "secret-file-readable",
                    Severity::Risk,
                    service,
                    format!(
                        "{} holds a secret and every user may read it (mode {:o})",
                        file.path, file.mode
                    ),
                    format!("chmod o-r {}, and change the secret in it before the move", file.path),
                    vec![Evidence::file(&file.path)],
                ));
            }
        }
    }
}

/// A proxy on a port that only root may take.
pub(super) fn root_proxy(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in inventory.services.iter().filter(|service| service.role == Role::Proxy) {
        let ports: Vec<String> = service
            .listens
            .iter()
            .filter(|listen| (1..1024).contains(&listen.port))
            .map(|listen| listen.port.to_string())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        if !ports.is_empty() {
            found.push(finding(
                "port-of-root",
                Severity::Advice,
                service,
                format!("starts as root to listen on port {}", ports.join(", ")),
                "on the new platform it runs without root; the plan says on which port".to_owned(),
                service.evidence.iter().take(1).cloned().collect(),
            ));
        }
    }
}
