//! The verdict as `JUnit` XML.

use std::fmt::Write;

use super::name::class_name;
use super::text::cluster_text;
use crate::model::verdict::{Answer, Cluster, Tier, Verdict};

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
