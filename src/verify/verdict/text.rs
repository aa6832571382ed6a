//! The verdict for a terminal.

use std::fmt::Write;

use super::name::{answer_name, class_name, tier_name};
use crate::model::verdict::{Cluster, Tier, Verdict};

/// The verdict as text.
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

pub(super) fn cluster_text(out: &mut String, cluster: &Cluster) {
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
