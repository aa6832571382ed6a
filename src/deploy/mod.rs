//! Bringing a generated tree up and taking it down.

pub(crate) mod compose;
pub(crate) mod k8s;
pub(crate) mod lack;

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use lack::Lack;

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
            let state = match workload.lacks {
                _ if workload.ready => "ready",
                Some(lack) => lack.text(),
                None => "not ready",
            };
            let _ = writeln!(text, "  {:<20} {state}", workload.id);
        }
        match &self.url {
            Some(url) => {
                let _ = writeln!(text, "reached at {url}");
            }
            None => text.push_str("nothing is published\n"),
        }
        if self.workloads.iter().any(|workload| workload.lacks == Some(Lack::Unclear)) {
            text.push_str(
                "what is not ready says nothing of missing data: its last lines are above; copy \
                 the data, and what is still not ready then fails for another reason\n",
            );
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
    /// What it lacks when it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lacks: Option<Lack>,
}

/// What `undeploy` reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Undeployed {
    pub(crate) target: &'static str,
    pub(crate) deleted: Vec<String>,
    pub(crate) kept: Vec<Kept>,
}

/// What stays, and how it is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Kept {
    /// `volumes`, `images`, `secrets`, `namespace`.
    pub(crate) kind: &'static str,
    pub(crate) names: Vec<String>,
    /// The command that deletes it, or words where there is none.
    pub(crate) delete: String,
}

impl Kept {
    /// What an engine keeps.
    fn here(volumes: Vec<String>, images: Vec<String>) -> Vec<Self> {
        let mut kept = Vec::new();
        if !volumes.is_empty() {
            let delete = "migrate undeploy --to compose --delete-data".to_owned();
            kept.push(Self { kind: "volumes", names: volumes, delete });
        }
        if !images.is_empty() {
            let delete = format!("docker rmi {}", images.join(" "));
            kept.push(Self { kind: "images", names: images, delete });
        }
        kept
    }
}

impl Undeployed {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = if self.deleted.is_empty() {
            "nothing was there to delete\n".to_owned()
        } else {
            format!("deleted {}\n", self.deleted.join(", "))
        };
        for kept in &self.kept {
            let _ = writeln!(
                text,
                "kept {}: {}\n  to delete: {}",
                kept.kind,
                kept.names.join(", "),
                kept.delete
            );
        }
        text
    }
}
