//! From an inventory to findings, questions and the fit for each target.

use jiff::civil::Date;

use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{Inventory, Service};

mod choice;
mod fit;
mod lifecycle;
mod network;
mod security;
mod state;

/// A rule: what it sees in an inventory.
type Rule = fn(&Inventory, &mut Vec<Finding>);

/// The rules, in no order that matters. A new one takes a function and a line here.
const RULES: [Rule; 17] = [
    state::in_process,
    state::shared_uploads,
    state::unused_databases,
    state::lasting_cache,
    state::unread_code,
    state::logs,
    state::jobs,
    network::loopback,
    network::trusted_proxy,
    network::rate_limit,
    network::certificates,
    network::outgoing,
    network::several_sites,
    network::open_database,
    network::idle_connections,
    security::readable_secrets,
    security::root_proxy,
];

/// Adds findings and the fit. `today` decides which runtimes are past their end of life.
pub fn assess(inventory: &mut Inventory, today: Date) {
    let mut found = Vec::new();
    for rule in RULES {
        rule(inventory, &mut found);
    }
    lifecycle::end_of_life(inventory, today, &mut found);
    inventory.findings.extend(found);
    inventory.findings.sort_by(|a, b| {
        (a.severity, &a.service, &a.id, &a.message)
            .cmp(&(b.severity, &b.service, &b.id, &b.message))
    });
    inventory.findings.dedup();
    let mut seen = std::collections::BTreeSet::new();
    inventory.questions.retain(|question| seen.insert(question.id.clone()));
    inventory.fit.k8s = fit::k8s(inventory);
    inventory.fit.sam = fit::sam(inventory);
    inventory.choice = choice::compare(inventory, today);
}

/// A finding on a service.
fn finding(
    id: &str,
    severity: Severity,
    service: &Service,
    message: String,
    remedy: String,
    evidence: Vec<Evidence>,
) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        service: Some(service.id.clone()),
        message,
        remedy,
        evidence,
    }
}

#[cfg(test)]
mod tests;
