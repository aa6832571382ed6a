//! From observations to the verdict, and the verdict as text and as `JUnit` XML.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;

use super::cause::Clues;
use super::cluster;
use super::compare::{self, Known};
use super::coverage;
use super::observation::{Outcome, Pass};
use super::rows::{CopiedTable, Definition, TableDelta};
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;
use crate::model::verdict::{
    Answer, Class, Cluster, Coverage, Latency, Part, Quantiles, SCHEMA, Tier, Verdict,
};

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
    /// The generated files by their path in the workspace (`k8s/base/…`).
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
        _ => context.tree.clone(),
    };
    let clues = Clues::new(context.inventory, context.plan, &tree);
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

/// A tier's name, as in verdict.json.
pub(crate) const fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Fail => "fail",
        Tier::NonStrict => "non_strict",
        Tier::Platform => "platform",
        Tier::Info => "info",
    }
}

/// A class's name, as in verdict.json.
pub(crate) const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Proxy => "proxy",
        Class::Routing => "routing",
        Class::Static => "static",
        Class::Session => "session",
        Class::Realtime => "realtime",
        Class::Data => "data",
        Class::Runtime => "runtime",
        Class::Serverless => "serverless",
    }
}

/// The answer in a word.
pub(crate) const fn answer_name(answer: Answer) -> &'static str {
    match answer {
        Answer::Equivalent => "equivalent",
        Answer::Different => "different",
        Answer::Inconclusive => "inconclusive",
    }
}

/// The verdict for a terminal.
pub fn text(verdict: &Verdict) -> String {
    let mut out = String::new();
    let failed = verdict.clusters.iter().filter(|cluster| cluster.tier == Tier::Fail).count();
    let tolerated: u64 = verdict
        .clusters
        .iter()
        .filter(|cluster| cluster.tier != Tier::Fail)
        .map(|cluster| cluster.count)
        .sum();
    let _ = writeln!(
        out,
        "{}: {} exchanges compared, {} {} that a user could notice, {} tolerated",
        answer_name(verdict.verdict),
        verdict.exchanges,
        if failed == 0 { "no".to_owned() } else { failed.to_string() },
        if failed == 1 { "difference" } else { "differences" },
        if tolerated == 0 { "none".to_owned() } else { tolerated.to_string() },
    );
    let _ = writeln!(out, "  original {}\n  migrated {}", verdict.original, verdict.migrated);
    for reason in &verdict.reasons {
        let _ = writeln!(out, "  because {reason}");
    }
    for cluster in verdict.clusters.iter().filter(|cluster| cluster.tier == Tier::Fail) {
        cluster_text(&mut out, cluster);
    }
    let rest: Vec<&Cluster> =
        verdict.clusters.iter().filter(|cluster| cluster.tier != Tier::Fail).collect();
    if !rest.is_empty() {
        let _ = writeln!(out, "\nnot counted as different:");
        for cluster in rest {
            let _ = writeln!(
                out,
                "  {} · {}, {} ({} times)",
                tier_name(cluster.tier),
                class_name(cluster.class),
                cluster.summary,
                cluster.count
            );
        }
    }
    let _ = writeln!(out);
    let coverage = &verdict.coverage;
    for (name, part) in [
        ("locations", &coverage.locations),
        ("routes", &coverage.routes),
        ("tables", &coverage.tables),
        ("kinds of message", &coverage.messages),
    ] {
        if part.total == 0 {
            continue;
        }
        let _ = write!(out, "looked at {} of {} {name}", part.seen, part.total);
        let _ = writeln!(out, "{}", few(&part.missing, "; not at "));
    }
    if !coverage.skipped.is_empty() {
        let steps: Vec<String> = coverage
            .skipped
            .iter()
            .map(|skipped| format!("{} ({})", skipped.step, skipped.reason))
            .collect();
        let _ = writeln!(out, "{} steps left out{}", steps.len(), few(&steps, ": "));
    }
    let _ = writeln!(
        out,
        "first byte after {} ms (95 %: {} ms) on the original, {} ms (95 %: {} ms) on the migrated",
        verdict.latency.original.p50,
        verdict.latency.original.p95,
        verdict.latency.migrated.p50,
        verdict.latency.migrated.p95
    );
    out
}

fn few(names: &[String], before: &str) -> String {
    const MOST: usize = 6;
    if names.is_empty() {
        return String::new();
    }
    let mut text =
        format!("{before}{}", names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", "));
    if names.len() > MOST {
        let _ = write!(text, " and {} more", names.len() - MOST);
    }
    text
}

fn cluster_text(out: &mut String, cluster: &Cluster) {
    let _ = writeln!(
        out,
        "\n{} · {}: {} ({} {})",
        tier_name(cluster.tier),
        class_name(cluster.class),
        cluster.summary,
        cluster.count,
        if cluster.count == 1 { "time" } else { "times" }
    );
    let _ = writeln!(out, "  at {} / {}", cluster.first.scenario, cluster.first.step);
    let (same, original, migrated) = diff(&cluster.first.original, &cluster.first.migrated);
    for line in same {
        let _ = writeln!(out, "    {line}");
    }
    for line in original {
        let _ = writeln!(out, "  - {line}");
    }
    for line in migrated {
        let _ = writeln!(out, "  + {line}");
    }
    let cause = &cluster.likely_cause;
    let _ = writeln!(out, "  cause: {}", cause.text);
    if let Some(path) = &cause.path {
        match cause.line {
            Some(line) => {
                let _ = writeln!(out, "  look at {path}:{line}");
            }
            None => {
                let _ = writeln!(out, "  look at {path}");
            }
        }
    }
    if let Some(evidence) = &cause.evidence {
        let _ = writeln!(out, "  on the source: {evidence}");
    }
}

/// The lines that both sides begin with, then each side's own.
pub(crate) fn diff<'a>(
    original: &'a str,
    migrated: &'a str,
) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let (left, right): (Vec<&str>, Vec<&str>) =
        (original.lines().collect(), migrated.lines().collect());
    let same = left.iter().zip(&right).take_while(|(one, two)| one == two).count();
    (left[..same].to_vec(), left[same..].to_vec(), right[same..].to_vec())
}

/// The verdict as `JUnit` XML: one case for each `fail` cluster, one for coverage, and one that
/// passes when there is no difference.
pub fn junit(verdict: &Verdict) -> String {
    let failed: Vec<&Cluster> =
        verdict.clusters.iter().filter(|cluster| cluster.tier == Tier::Fail).collect();
    let inconclusive = verdict.verdict == Answer::Inconclusive;
    let cases = failed.len() + 1;
    let failures = failed.len();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"migrate verify\" tests=\"{cases}\" failures=\"{failures}\" errors=\"{}\">",
        u8::from(inconclusive)
    );
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{cases}\" failures=\"{failures}\" errors=\"{}\">",
        xml(&verdict.migrated),
        u8::from(inconclusive)
    );
    let _ = write!(out, "    <testcase classname=\"migrate.verify\" name=\"verdict\"");
    if inconclusive {
        let _ = writeln!(
            out,
            ">\n      <error message=\"{}\"/>\n    </testcase>",
            xml(&format!("inconclusive: {}", verdict.reasons.join("; ")))
        );
    } else {
        let _ = writeln!(out, "/>");
    }
    for cluster in failed {
        let mut body = String::new();
        cluster_text(&mut body, cluster);
        let _ = writeln!(
            out,
            "    <testcase classname=\"migrate.verify.{}\" name=\"{}\">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
            class_name(cluster.class),
            xml(&cluster.summary),
            xml(&cluster.likely_cause.text),
            xml(body.trim())
        );
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text in XML; characters that XML has no form for become U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(letter),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
