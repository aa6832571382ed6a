//! From observations to the verdict.

mod junit;
mod name;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cause::{Clues, SOURCE};
use super::compare::{self, Known};
use super::observation::{Outcome, Pass};
use super::{cluster, coverage};
use crate::data::delta::{CopiedTable, Definition, TableDelta};
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;
use crate::model::verdict::{
    Answer, Cluster, Coverage, Latency, Part, Quantiles, SCHEMA, Tier, Verdict,
};

pub use self::junit::junit;
pub(crate) use self::name::{answer_name, class_name, tier_name};
pub(crate) use self::text::diff;
pub use self::text::text;

/// What is known of the databases on both sides; empty when they cannot be reached.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// What each pass wrote: one entry a scenario, in the order of the passes (or one for all).
    pub written: Vec<[Vec<TableDelta>; 3]>,
    /// The tables as they were copied.
    pub copied: Vec<CopiedTable>,
    /// Definitions and settings that differ.
    pub definitions: Vec<Definition>,
    /// When the data was copied.
    pub copied_at: Option<Timestamp>,
}

/// What is known beside the observations.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The inventory, with a workspace.
    pub inventory: Option<&'a Inventory>,
    /// The plan, with a workspace.
    pub plan: Option<&'a Plan>,
    /// The target's name (`compose`, `k8s`), with a workspace.
    pub target: Option<&'a str>,
    /// The generated files by their path in the workspace (`k8s/base/…`), and the copies of the
    /// source's configuration (`.migrate/source/…`).
    pub tree: &'a BTreeMap<String, String>,
    /// Address of the original.
    pub original: &'a str,
    /// Address of the migrated.
    pub migrated: &'a str,
}

/// Judges three passes a scenario: learns from the first two what varies by itself, compares the
/// third, and puts the differences together by cause.
pub fn judge(passes: &[[Pass; 3]], rows: &Rows, context: &Context<'_>) -> Verdict {
    let known = Known {
        written: &rows.written,
        copied: &rows.copied,
        definitions: &rows.definitions,
        copied_at: rows.copied_at,
    };
    let compared = compare::compare(passes, &known);
    let tree: BTreeMap<String, String> = match context.target {
        Some(target) if context.tree.keys().any(|file| file.starts_with(target)) => context
            .tree
            .iter()
            .filter(|(file, _)| file.starts_with(target))
            .map(|(file, text)| (file.clone(), text.clone()))
            .collect(),
        _ => {
            let mut tree = context.tree.clone();
            tree.retain(|file, _| !file.starts_with(SOURCE));
            tree
        }
    };
    let source: BTreeMap<String, String> = context
        .tree
        .iter()
        .filter_map(|(file, text)| Some((format!("/{}", file.strip_prefix(SOURCE)?), text.clone())))
        .collect();
    let clues = Clues::new(context.inventory, context.plan, &tree, &source);
    let clusters =
        cluster::cluster(&compared.differences, passes, &|difference| clues.cause(difference));
    let coverage = coverage::coverage(passes, context.inventory, &rows.written, &rows.copied);
    let (verdict, reasons) = answer(passes, &clusters, &coverage, &compared, context);
    Verdict {
        schema: SCHEMA.to_owned(),
        verdict,
        reasons,
        original: context.original.to_owned(),
        migrated: context.migrated.to_owned(),
        exchanges: compared.exchanges,
        coverage,
        clusters,
        latency: Latency {
            original: quantiles(passes, &[0, 1]),
            migrated: quantiles(passes, &[2]),
        },
    }
}

/// The answer, and why it is inconclusive if it is.
fn answer(
    passes: &[[Pass; 3]],
    clusters: &[Cluster],
    coverage: &Coverage,
    compared: &compare::Compared,
    context: &Context<'_>,
) -> (Answer, Vec<String>) {
    let mut reasons = Vec::new();
    let steps: usize = passes.iter().map(|three| three[0].observations.len()).sum();
    if compared.exchanges == 0 {
        reasons.push("no request of the scenarios got an answer from the original".to_owned());
        return (Answer::Inconclusive, reasons);
    }
    // Without a steady original there is nothing to compare with.
    if compared.unsteady * 2 > steps as u64 {
        reasons.push(format!(
            "the original did not answer alike twice, or not at all, at {} of {steps} steps",
            compared.unsteady
        ));
        return (Answer::Inconclusive, reasons);
    }
    if clusters.iter().any(|cluster| cluster.tier == Tier::Fail) {
        return (Answer::Different, reasons);
    }
    let least = context.plan.map(|plan| plan.verify.min_coverage);
    if let Some(least) = least
        && context.inventory.is_some()
        && coverage.locations.total > 0
        && share(&coverage.locations) < least
    {
        reasons.push(format!(
            "only {} of {} locations were answered on both sides; plan.yaml asks for {:.0} %",
            coverage.locations.seen,
            coverage.locations.total,
            least * 100.0
        ));
        return (Answer::Inconclusive, reasons);
    }
    (Answer::Equivalent, reasons)
}

#[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn share(part: &Part) -> f64 {
    part.seen as f64 / part.total.max(1) as f64
}

fn quantiles(passes: &[[Pass; 3]], sides: &[usize]) -> Quantiles {
    let mut times: Vec<f64> = passes
        .iter()
        .flat_map(|three| sides.iter().map(|side| &three[*side]))
        .flat_map(|pass| &pass.observations)
        .filter_map(|seen| match &seen.outcome {
            Outcome::Answer(answer) => Some(answer.first_byte.as_secs_f64() * 1000.0),
            _ => None,
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let index = (times.len().saturating_sub(1)) * percent / 100;
        times.get(index).map_or(0.0, |time| (time * 10.0).round() / 10.0)
    };
    Quantiles { p50: at(50), p95: at(95), max: at(100) }
}

#[cfg(test)]
mod tests;
