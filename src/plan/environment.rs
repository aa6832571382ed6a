//! What a workload is told: the server's variables, with addresses that hold in the new place.

use super::{address, network, secret};
use crate::model::evidence::Evidence;
use crate::model::inventory::{Inventory, Role, Service, Variable};
use crate::model::plan::{EnvVar, Network, Plan};

/// A variable whose value must differ from the server's.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The variable.
    pub name: String,
    /// What stands on the server: each text that may stand there.
    pub from: Vec<String>,
    /// What stands in the new place.
    pub to: String,
    /// Why.
    pub reason: String,
    /// The file of the server that sets it.
    pub path: Option<String>,
}

/// The variables of a service that must change.
pub(super) fn changes(
    inventory: &Inventory,
    service: &Service,
    networks: &[Network],
) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for listen in &service.listens {
        let Some(name) = &listen.address_from else { continue };
        if is_bound(&listen.address) {
            let reason = format!("{} reaches no other container", listen.address);
            changes.push(change(service, name, &listen.address, "0.0.0.0", reason));
        }
    }
    if let Some(network) = networks.iter().find(|network| network.workload == service.id)
        && let (Some(name), Some(trust)) = (&network.believed_by, &service.trust_proxy)
    {
        let reason = format!(
            "the proxy is no longer on the same machine: {} on compose, a relay beside {} on \
             Kubernetes; nobody else is believed",
            network.addresses.values().cloned().collect::<Vec<_>>().join(" and "),
            service.id
        );
        let to = network::believed(&trust.value, network);
        changes.push(change(service, name, &trust.value, &to, reason));
    }
    for link in address::links(inventory, service) {
        let Some(variables) = link.variables else { continue };
        for name in [&variables.host, &variables.url].into_iter().flatten() {
            // Nobody knows its value here: `address::in_secrets` says what becomes of it.
            if is_secret(inventory, name) {
                continue;
            }
            let value = value_of(service, name)
                .or_else(|| inventory.services.iter().find_map(|other| value_of(other, name)));
            // A database that was reached without naming a host was reached on this machine.
            let value = value.unwrap_or("localhost");
            if let Some(to) = address::relocate(value, link.to) {
                let reason = format!("{} is a workload of its own", link.to.id);
                changes.push(change(service, name, value, &to, reason));
            }
        }
    }
    // The first reason for a variable stands.
    let mut seen = std::collections::BTreeSet::new();
    changes.retain(|change| seen.insert(change.name.clone()));
    changes
}

fn change(service: &Service, name: &str, from: &str, to: &str, reason: String) -> Change {
    let variable = variable(service, name);
    let known = variable.and_then(|variable| variable.default.clone());
    let path = variable.and_then(|variable| match &variable.set_in {
        Some(Evidence::File { path, .. }) => Some(path.clone()),
        _ => None,
    });
    let from = vec![known.unwrap_or_else(|| from.to_owned())];
    Change { name: name.to_owned(), from, to: to.to_owned(), reason, path }
}

fn variable<'a>(service: &'a Service, name: &str) -> Option<&'a Variable> {
    service.environment.iter().find(|variable| variable.name == name)
}

fn is_secret(inventory: &Inventory, name: &str) -> bool {
    let variables = inventory.services.iter().flat_map(|service| &service.environment);
    variables.filter(|variable| variable.name == name).any(|variable| variable.secret)
}

fn value_of<'a>(service: &'a Service, name: &str) -> Option<&'a str> {
    variable(service, name).and_then(|variable| variable.default.as_deref())
}

/// Whether a process that listens on this address is reached by no other container: loopback, or
/// one of the old server's own addresses, which a container has not.
pub(crate) fn is_bound(address: &str) -> bool {
    is_loopback(address)
        || address
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| !address.is_unspecified())
}

pub(super) fn is_loopback(address: &str) -> bool {
    matches!(address, "localhost" | "::1" | "[::1]" | "loopback") || address.starts_with("127.")
}

/// Files from which a job's script takes its variables by itself: cron hands over none, and the
/// file is put in place with the new addresses.
fn sourced(service: &Service) -> Vec<&str> {
    let by_cron = service.evidence.iter().any(|evidence| {
        matches!(evidence, Evidence::File { path, .. }
            if path.starts_with("/etc/cron") || path.starts_with("/var/spool/cron"))
    });
    let files = service.configuration.iter().filter(|_| service.role == Role::Job && by_cron);
    // The crontab itself is not put in place: what it sets is handed over as variables.
    files
        .filter(|file| file.secret)
        .map(|file| file.path.as_str())
        .filter(|path| !path.starts_with("/etc/cron") && !path.starts_with("/var/spool/cron"))
        .collect()
}

/// The environment of a workload. Secrets that it names are added to the plan.
pub(super) fn decide(inventory: &Inventory, service: &Service, plan: &mut Plan) -> Vec<EnvVar> {
    let sourced = sourced(service);
    let mut changes = changes(inventory, service, &plan.networks);
    changes.retain(|change| change.path.as_deref().is_none_or(|path| !sourced.contains(&path)));
    let hosts = address::in_secrets(inventory, service);
    let mut environment: Vec<EnvVar> = Vec::new();
    for variable in &service.environment {
        // Only the code names it: the server does not set it, and neither do we.
        let Some(set_in) = &variable.set_in else { continue };
        if matches!(set_in, Evidence::File { path, .. } if sourced.contains(&path.as_str())) {
            continue;
        }
        if variable.secret {
            let new = hosts.iter().find(|new| new.key == variable.name).cloned();
            let reason = new.as_ref().map(|new| format!("{} is a workload of its own", new.to));
            let secret = secret::value(plan, &service.id, &variable.name, set_in, new);
            let name = variable.name.clone();
            environment.push(EnvVar { name, value: None, secret: Some(secret), reason });
            continue;
        }
        let change = changes.iter().find(|change| change.name == variable.name);
        let value = match change {
            Some(change) => Some(change.to.clone()),
            None => variable.default.clone(),
        };
        let reason = change.map(|change| change.reason.clone());
        if value.is_some() {
            let name = variable.name.clone();
            environment.push(EnvVar { name, value, secret: None, reason });
        }
    }
    // What the code would otherwise take from its own defaults.
    for change in &changes {
        let secret = variable(service, &change.name).is_some_and(|variable| variable.secret);
        if !secret && !environment.iter().any(|known| known.name == change.name) {
            environment.push(EnvVar {
                name: change.name.clone(),
                value: Some(change.to.clone()),
                secret: None,
                reason: Some(change.reason.clone()),
            });
        }
    }
    let zone = inventory.os.timezone.as_str();
    if !zone.is_empty() && !environment.iter().any(|known| known.name == "TZ") {
        environment.push(EnvVar {
            name: "TZ".into(),
            value: Some(zone.to_owned()),
            secret: None,
            reason: Some("the server's time zone, which a container does not inherit".into()),
        });
    }
    environment
}
