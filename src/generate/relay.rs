//! The relay beside an app on Kubernetes, and its ports.

use std::collections::BTreeSet;

use serde::Serialize;

use super::unit::{absolute, wrong};
use crate::error::Result;
use crate::model::plan::Workload;

/// A relay.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RelayView {
    /// The Node.js that carries it out.
    pub program: String,
    /// Why it is needed.
    pub reason: String,
    /// Its ports.
    pub ports: Vec<RelayPort>,
}

/// A port of a relay.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RelayPort {
    /// The name of the app's port.
    pub name: String,
    /// Where it listens.
    pub port: u16,
    /// The app's port.
    pub to: u16,
}

/// How far a relay's port is from the app's.
const RELAY_OFFSET: u16 = 10_000;

/// The relay of a workload, when it has one: for each of the app's ports one of its own.
pub(super) fn relay(workload: &Workload) -> Result<Option<RelayView>> {
    let Some(relay) = &workload.relay else { return Ok(None) };
    absolute(&relay.program, &format!("workloads[{}].relay.program", workload.id))?;
    let mut taken: BTreeSet<u16> = workload.ports.iter().map(|port| port.port).collect();
    let mut ports = Vec::new();
    for port in &workload.ports {
        let first = port.port.checked_add(RELAY_OFFSET).unwrap_or_else(|| port.port - RELAY_OFFSET);
        let free = (first..=u16::MAX).chain(1024..first).find(|number| !taken.contains(number));
        let number = free.unwrap_or(first);
        taken.insert(number);
        ports.push(RelayPort { name: port.name.clone(), port: number, to: port.port });
    }
    if ports.is_empty() {
        return Err(wrong(&format!("workloads[{}].relay: it has no ports", workload.id)));
    }
    Ok(Some(RelayView { program: relay.program.clone(), reason: relay.reason.clone(), ports }))
}
