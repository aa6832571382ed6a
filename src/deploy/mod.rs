//! Bringing a generated tree up and taking it down.

pub(crate) mod compose;
pub(crate) mod k8s;

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// What `deploy` reports: the contract's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    /// `compose` or `k8s`.
    pub(crate) target: String,
    /// Where users reach it; absent when nothing is published.
    pub(crate) url: Option<String>,
    /// What runs, in the order of the plan.
    pub(crate) workloads: Vec<WorkloadState>,
}

impl Deployment {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for workload in &self.workloads {
            let state = if workload.ready { "ready" } else { "waits for its data" };
            let _ = writeln!(text, "  {:<20} {state}", workload.id);
        }
        match &self.url {
            Some(url) => {
                let _ = writeln!(text, "reached at {url}");
            }
            None => text.push_str("nothing is published\n"),
        }
        if self.workloads.iter().any(|workload| !workload.ready) {
            let _ = writeln!(text, "next: migrate data copy --to {}", self.target);
        }
        text
    }
}

/// One workload of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkloadState {
    /// The workload's id.
    pub(crate) id: String,
    /// Its image.
    pub(crate) image: String,
    /// Whether it can serve. What still waits for its data cannot.
    pub(crate) ready: bool,
}
