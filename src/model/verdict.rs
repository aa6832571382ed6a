//! What `verify` says (`verdict/verdict.json`, schema `migrate/verdict/1`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;

/// The value of [`Verdict::schema`].
pub const SCHEMA: &str = "migrate/verdict/1";

/// The answer of the proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The answer.
    pub verdict: Answer,
    /// Why it is `inconclusive`; empty otherwise.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Address of the original.
    pub original: String,
    /// Address of the migrated.
    pub migrated: String,
    /// Answers and awaited messages that were compared.
    pub exchanges: u64,
    /// What was and was not looked at.
    pub coverage: Coverage,
    /// The differences, by cause; `fail` first.
    pub clusters: Vec<Cluster>,
    /// How long answers took.
    pub latency: Latency,
}

/// Whether the migrated behaves as the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// No cluster of tier `fail`.
    Equivalent,
    /// At least one cluster of tier `fail`.
    Different,
    /// Too little was seen to tell.
    Inconclusive,
}

/// How much a difference weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// A user or client could notice.
    Fail,
    /// Different to the letter, the same in meaning.
    NonStrict,
    /// Comes with the platform and is benign (`Server`, HSTS).
    Platform,
    /// Worth knowing.
    Info,
}

/// The kind of fault.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A header on every answer, sizes, rate limits, encodings, redirect codes.
    Proxy,
    /// A method or path answered differently.
    Routing,
    /// Headers and ranges of files and downloads.
    Static,
    /// Log-in, cookies, CSRF, who may see what.
    Session,
    /// WebSocket, SSE.
    Realtime,
    /// A value, type, order or presence in an answer's data, or stored text.
    Data,
    /// Internals in an error page, uploads lost, jobs lost.
    Runtime,
    /// What a function platform changes.
    Serverless,
}

/// Differences with one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// How much it weighs.
    pub tier: Tier,
    /// The kind of fault.
    pub class: Class,
    /// What differs, in one sentence.
    pub summary: String,
    /// In how many exchanges.
    pub count: u64,
    /// The smallest example.
    pub first: Example,
    /// What most likely causes it and where to look.
    pub likely_cause: Cause,
}

/// One example of a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// Name of the scenario.
    pub scenario: String,
    /// Id of the step.
    pub step: String,
    /// What the original did, in at most a few lines; secrets cut.
    pub original: String,
    /// What the migrated did.
    pub migrated: String,
}

/// The likely cause of a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The cause, in one sentence.
    pub text: String,
    /// The file of the workspace to look into (`k8s/base/nginx/site.conf`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The fact of the source behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// What was and was not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Locations of the proxy.
    pub locations: Part,
    /// Routes of the app.
    pub routes: Part,
    /// Tables of the databases that were compared.
    pub tables: Part,
    /// Kinds of WebSocket message.
    pub messages: Part,
    /// Steps that were not carried out, each with its reason.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
}

/// A part of what there is to look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// How many were exercised and answered on both sides.
    pub seen: u64,
    /// How many there are; 0 when that is not known.
    pub total: u64,
    /// Names of those not exercised.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// A step that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Name of the scenario.
    pub scenario: String,
    /// Id of the step.
    pub step: String,
    /// Why.
    pub reason: String,
}

/// How long answers took, in milliseconds from the request's last byte to the answer's first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// The original.
    pub original: Quantiles,
    /// The migrated.
    pub migrated: Quantiles,
}

/// Quantiles in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// Half are faster.
    pub p50: f64,
    /// 95 of 100 are faster.
    pub p95: f64,
    /// The slowest.
    pub max: f64,
}
