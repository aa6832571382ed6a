//! What was built: `.migrate/deployments/images.json`.

use serde::{Deserialize, Serialize};

use crate::model::plan::Plan;

/// The images of the last build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Images {
    /// The target whose tree they were built from.
    pub(crate) target: String,
    /// One a workload; workloads that share an image have equal ids.
    pub(crate) images: Vec<Built>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Built {
    /// The workload.
    pub(crate) workload: String,
    /// Its name on the engine (`shop-a1b2/web:1`).
    pub(crate) image: String,
    /// The engine's id (`sha256:…`).
    pub(crate) id: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its name in the registry, with the digest that the registry gave
    /// (`localhost:5000/shop-a1b2/web@sha256:…`).
    #[serde(default)]
    pub(crate) pushed: Option<String>,
}

/// The name of a workload's image on the engine; workloads that share an image share the name.
pub(crate) fn reference(plan: &Plan, workload: &str) -> String {
    let owner = plan
        .workload(workload)
        .and_then(|workload| workload.image.of.as_deref())
        .unwrap_or(workload);
    format!("{}/{owner}:1", plan.name)
}
