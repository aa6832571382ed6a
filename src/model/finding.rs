//! What stands in the way of a move, and what cannot be known without asking.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;

/// How much a finding weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The application does not run on the target until this is changed.
    Blocker,
    /// It runs, but may lose data, availability or behaviour.
    Risk,
    /// Worth doing; nothing breaks without it.
    Advice,
}

/// One thing found on the server that matters for the move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable name of the rule, in kebab case (`state-in-process`).
    pub id: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The service it is about; absent when it is about the server as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What was found, in one sentence.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// Where it was seen.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// Something the server does not say and that the tool will not guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// Stable name, in kebab case, with the service's id in it (`shop-port`).
    pub id: String,
    /// The service it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The question, for a person.
    pub question: String,
    /// Where the answer goes: a path into plan.yaml (`workloads[shop].ports`).
    pub answer_in: String,
    /// Whether deploy must wait for the answer.
    #[serde(default)]
    pub blocking: bool,
    /// What led to the question.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}
