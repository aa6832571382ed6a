//! Kubernetes or serverless, for one application: points side by side, with reasons.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;

/// The comparison; empty when nothing was found that could go anywhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// The points, in a fixed order.
    #[serde(default)]
    pub points: Vec<Point>,
    /// What the figures rest on and the server does not say.
    #[serde(default)]
    pub assumptions: Vec<Assumption>,
    /// Where the prices are from and what they leave out.
    #[serde(default)]
    pub prices: String,
}

impl Choice {
    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

/// One point of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Stable name, in kebab case (`cost-at-idle`).
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Kubernetes.
    pub k8s: Side,
    /// Serverless (AWS SAM).
    pub sam: Side,
}

/// What a point comes to on one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// In a few words.
    pub summary: String,
    /// Why, with what was seen on the server.
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

/// Why a point comes out as it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// One sentence.
    pub text: String,
    /// Where the fact behind it was seen.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// A figure that the server does not say and that a cost rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assumption {
    /// What it is (`time of one request`).
    pub what: String,
    /// The figure with its unit (`100 ms`).
    pub figure: String,
}

/// Requests as the proxy's access logs count them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// Requests that were counted.
    pub requests: u64,
    /// From the first to the last of them, in seconds.
    pub seconds: u64,
    /// Requests in the busiest hour.
    pub busiest_hour: u64,
    /// The logs that were read.
    pub evidence: Vec<Evidence>,
    /// Whether a log was longer than what was read of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}
