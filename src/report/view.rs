//! What the page's template is given: texts, ready to be shown.

use serde::Serialize;

use super::drawing::{self, Drawing};
use crate::model::finding::Severity;
use crate::model::inventory::{FitVerdict, Inventory, StateKind, TargetFit};
use crate::model::plan::Plan;
use crate::model::verdict::{Answer, Cluster, Coverage, Part, Tier, Verdict};
use crate::verify::verdict::{answer_name, class_name, diff, tier_name};

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    title: String,
    source: String,
    system: String,
    proof: Option<Proof>,
    services: Vec<Service>,
    drawing: Drawing,
    workloads: Vec<Workload>,
    findings: Vec<Finding>,
    questions: Vec<Question>,
    fits: Vec<Fit>,
    choice: Choice,
}

/// The verdict.
#[derive(Debug, Serialize)]
struct Proof {
    answer: &'static str,
    sentence: String,
    reasons: Vec<String>,
    original: String,
    migrated: String,
    exchanges: u64,
    clusters: Vec<Difference>,
    coverage: Vec<Covered>,
    skipped: Vec<[String; 3]>,
    latency: Vec<Speed>,
}

#[derive(Debug, Serialize)]
struct Difference {
    tier: &'static str,
    tier_text: &'static str,
    class: &'static str,
    summary: String,
    count: u64,
    scenario: String,
    step: String,
    same: Vec<String>,
    original: Vec<String>,
    migrated: Vec<String>,
    cause: String,
    place: String,
    evidence: String,
}

#[derive(Debug, Serialize)]
struct Covered {
    name: &'static str,
    seen: u64,
    total: u64,
    percent: u64,
    missing: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Speed {
    name: &'static str,
    p50: String,
    p95: String,
    max: String,
    bar50: u32,
    bar95: u32,
}

#[derive(Debug, Serialize)]
struct Service {
    id: String,
    role: &'static str,
    runtime: String,
    listens: String,
    state: Vec<[String; 3]>,
    evidence: String,
}

#[derive(Debug, Serialize)]
struct Workload {
    id: String,
    reason: String,
    image: String,
    replicas: u32,
}

#[derive(Debug, Serialize)]
struct Finding {
    severity: &'static str,
    service: String,
    message: String,
    remedy: String,
    evidence: String,
}

#[derive(Debug, Serialize)]
struct Question {
    text: String,
    answer_in: String,
    blocking: bool,
}

#[derive(Debug, Serialize)]
struct Fit {
    target: &'static str,
    verdict: &'static str,
    reasons: Vec<String>,
}

/// Kubernetes or serverless.
#[derive(Debug, Serialize)]
struct Choice {
    points: Vec<Point>,
    assumptions: Vec<[String; 2]>,
    prices: String,
}

#[derive(Debug, Serialize)]
struct Point {
    title: String,
    /// Kubernetes, serverless.
    sides: [Side; 2],
}

#[derive(Debug, Serialize)]
struct Side {
    summary: String,
    /// Sentence and places.
    reasons: Vec<[String; 2]>,
}

impl Page {
    /// From what is known.
    pub(super) fn new(
        inventory: &Inventory,
        plan: Option<&Plan>,
        verdict: Option<&Verdict>,
    ) -> Self {
        let evidence = |list: &[crate::model::evidence::Evidence]| {
            list.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        Self {
            title: plan.map_or_else(|| "Migration".to_owned(), |plan| plan.name.clone()),
            source: inventory.source.clone(),
            system: inventory.os.name.clone(),
            proof: verdict.map(Proof::new),
            services: inventory
                .services
                .iter()
                .map(|service| Service {
                    id: service.id.clone(),
                    role: service.role.name(),
                    runtime: format!(
                        "{} {}",
                        service.runtime.name,
                        service.runtime.version.as_deref().unwrap_or("")
                    ),
                    listens: service
                        .listens
                        .iter()
                        .map(|listen| {
                            if listen.port == 0 {
                                listen.address.clone()
                            } else {
                                format!("{}:{}", listen.address, listen.port)
                            }
                        })
                        .collect::<Vec<_>>()
                        .join(", "),
                    state: service
                        .state
                        .iter()
                        .map(|state| {
                            [state.path.clone(), kind_name(state.kind).into(), size(state.bytes)]
                        })
                        .collect(),
                    evidence: evidence(&service.evidence),
                })
                .collect(),
            drawing: drawing::draw(inventory),
            workloads: plan.map_or_else(Vec::new, |plan| {
                plan.workloads
                    .iter()
                    .map(|workload| Workload {
                        id: workload.id.clone(),
                        reason: workload.reason.clone(),
                        image: workload.image.of.as_ref().map_or_else(
                            || workload.image.reason.clone(),
                            |of| format!("the image of {of}"),
                        ),
                        replicas: workload.replicas,
                    })
                    .collect()
            }),
            findings: inventory
                .findings
                .iter()
                .map(|finding| Finding {
                    severity: match finding.severity {
                        Severity::Blocker => "blocker",
                        Severity::Risk => "risk",
                        Severity::Advice => "advice",
                    },
                    service: finding.service.clone().unwrap_or_default(),
                    message: finding.message.clone(),
                    remedy: finding.remedy.clone(),
                    evidence: evidence(&finding.evidence),
                })
                .collect(),
            questions: inventory
                .questions
                .iter()
                .map(|question| Question {
                    text: question.question.clone(),
                    answer_in: question.answer_in.clone(),
                    blocking: question.blocking,
                })
                .collect(),
            fits: [("Kubernetes", &inventory.fit.k8s), ("AWS SAM", &inventory.fit.sam)]
                .map(|(target, fit)| Fit {
                    target,
                    verdict: fit_name(fit),
                    reasons: fit.reasons.clone(),
                })
                .into(),
            choice: Choice::new(inventory),
        }
    }
}

impl Choice {
    fn new(inventory: &Inventory) -> Self {
        let choice = &inventory.choice;
        Self {
            points: choice
                .points
                .iter()
                .map(|point| Point {
                    title: point.title.clone(),
                    sides: [&point.k8s, &point.sam].map(|side| Side {
                        summary: side.summary.clone(),
                        reasons: side
                            .reasons
                            .iter()
                            .map(|reason| {
                                let mut places: Vec<String> = reason
                                    .evidence
                                    .iter()
                                    .take(3)
                                    .map(ToString::to_string)
                                    .collect();
                                if reason.evidence.len() > 3 {
                                    places.push(format!("and {} more", reason.evidence.len() - 3));
                                }
                                [reason.text.clone(), places.join(", ")]
                            })
                            .collect(),
                    }),
                })
                .collect(),
            assumptions: choice
                .assumptions
                .iter()
                .map(|one| [one.what.clone(), one.figure.clone()])
                .collect(),
            prices: choice.prices.clone(),
        }
    }
}

impl Proof {
    fn new(verdict: &Verdict) -> Self {
        let failed = verdict.clusters.iter().filter(|cluster| cluster.tier == Tier::Fail).count();
        let sentence = match verdict.verdict {
            Answer::Equivalent => {
                "The new deployment behaves as the old server did, in all that was looked at."
                    .to_owned()
            }
            Answer::Different if failed == 1 => {
                "The new deployment differs in one way that a user could notice.".to_owned()
            }
            Answer::Different => {
                format!("The new deployment differs in {failed} ways that a user could notice.")
            }
            Answer::Inconclusive => "Too little was seen to tell.".to_owned(),
        };
        Self {
            answer: answer_name(verdict.verdict),
            sentence,
            reasons: verdict.reasons.clone(),
            original: verdict.original.clone(),
            migrated: verdict.migrated.clone(),
            exchanges: verdict.exchanges,
            clusters: verdict.clusters.iter().map(Difference::new).collect(),
            coverage: covered(&verdict.coverage),
            skipped: verdict
                .coverage
                .skipped
                .iter()
                .map(|one| [one.scenario.clone(), one.step.clone(), one.reason.clone()])
                .collect(),
            latency: speeds(verdict),
        }
    }
}

impl Difference {
    fn new(cluster: &Cluster) -> Self {
        let (same, original, migrated) = diff(&cluster.first.original, &cluster.first.migrated);
        let owned = |lines: Vec<&str>| lines.into_iter().map(str::to_owned).collect();
        let cause = &cluster.likely_cause;
        Self {
            tier: tier_name(cluster.tier),
            tier_text: match cluster.tier {
                Tier::Fail => "fail",
                Tier::NonStrict => "same in meaning",
                Tier::Platform => "platform",
                Tier::Info => "info",
            },
            class: class_name(cluster.class),
            summary: cluster.summary.clone(),
            count: cluster.count,
            scenario: cluster.first.scenario.clone(),
            step: cluster.first.step.clone(),
            same: owned(same),
            original: owned(original),
            migrated: owned(migrated),
            cause: cause.text.clone(),
            place: match (&cause.path, cause.line) {
                (Some(path), Some(line)) => format!("{path}:{line}"),
                (Some(path), None) => path.clone(),
                (None, _) => String::new(),
            },
            evidence: cause.evidence.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

fn covered(coverage: &Coverage) -> Vec<Covered> {
    let one = |name, part: &Part| Covered {
        name,
        seen: part.seen,
        total: part.total,
        percent: part.seen * 100 / part.total.max(1),
        missing: part.missing.clone(),
    };
    [
        one("Locations of the proxy", &coverage.locations),
        one("Routes of the app", &coverage.routes),
        one("Tables", &coverage.tables),
        one("Kinds of WebSocket message", &coverage.messages),
    ]
    .into_iter()
    .filter(|part| part.total > 0)
    .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=400")]
fn speeds(verdict: &Verdict) -> Vec<Speed> {
    let latency = &verdict.latency;
    let longest = latency.original.p95.max(latency.migrated.p95).max(0.1);
    [("original", &latency.original), ("migrated", &latency.migrated)]
        .map(|(name, times)| Speed {
            name,
            p50: format!("{:.1}", times.p50),
            p95: format!("{:.1}", times.p95),
            max: format!("{:.1}", times.max),
            bar50: (times.p50 / longest * 400.0).clamp(0.0, 400.0) as u32,
            bar95: (times.p95 / longest * 400.0).clamp(0.0, 400.0) as u32,
        })
        .into()
}

const fn kind_name(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Database => "database",
        StateKind::Uploads => "uploads",
        StateKind::Sessions => "sessions",
        StateKind::Cache => "cache",
        StateKind::Logs => "logs",
    }
}

fn fit_name(fit: &TargetFit) -> &'static str {
    match fit.verdict {
        FitVerdict::Ready => "ready",
        FitVerdict::Changes => "changes",
        FitVerdict::Refused => "refused",
    }
}

/// Bytes for people.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut number = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if number < 1000.0 {
            break;
        }
        number /= 1000.0;
        unit = next;
    }
    format!("{number:.1} {unit}")
}
