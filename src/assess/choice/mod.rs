//! Kubernetes or serverless for this very application, one point a function. Each is computed from
//! the inventory: no sentence stands whatever the server is like.

use jiff::civil::Date;

use crate::model::choice::{Choice, Point, Reason, Side};
use crate::model::evidence::Evidence;
use crate::model::inventory::{Inventory, Role};
use server::Server;

mod control;
mod cost;
mod effort;
mod local;
mod lockin;
mod patching;
mod prices;
mod runtimes;
mod scaling;
mod server;

/// Both sides of a point: Kubernetes, then serverless.
type Sides = (Side, Side);

/// A point without the clock: id, title, how it is computed.
type Rule = (&'static str, &'static str, fn(&Server) -> Sides);

const RULES: [Rule; 9] = [
    ("control", "control over the stack", control::compare),
    ("scaling", "scaling", scaling::compare),
    ("cost-at-idle", "cost at idle", cost::idle),
    ("cost-at-peak", "cost at peak", cost::peak),
    ("lock-in", "lock-in", lockin::compare),
    ("runtimes", "supported runtimes", runtimes::compare),
    ("local-development", "local development", local::compare),
    ("patching", "patching", patching::compare),
    ("effort", "effort to get there", effort::compare),
];

/// Compares both targets; empty when nothing runs that could go to either. The findings and the
/// fit must be assessed before.
pub(super) fn compare(inventory: &Inventory, today: Date) -> Choice {
    let runs = |role| matches!(role, Role::App | Role::Proxy | Role::Job | Role::Static);
    if !inventory.services.iter().any(|service| runs(service.role)) {
        return Choice::default();
    }
    let server = Server { inventory, today };
    let points = RULES
        .iter()
        .map(|(id, title, rule)| {
            let (k8s, sam) = rule(&server);
            Point { id: (*id).to_owned(), title: (*title).to_owned(), k8s, sam }
        })
        .collect();
    Choice { points, assumptions: cost::assumptions(&server), prices: prices::about() }
}

fn side(summary: impl Into<String>, reasons: Vec<Reason>) -> Side {
    Side { summary: summary.into(), reasons }
}

fn because(text: impl Into<String>, evidence: Vec<Evidence>) -> Reason {
    Reason { text: text.into(), evidence }
}

/// `1 image`, `2 images`.
fn count(number: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number == 1 => format!("1 {noun}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests;
