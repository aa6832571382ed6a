//! What people read of an engagement: one self-contained page that opens from disk and asks no
//! network for anything, and the summary on the terminal.

mod drawing;
pub(crate) mod summary;
mod view;

use crate::error::{Context, Result};
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;
use crate::model::verdict::Verdict;

/// The page as HTML. Plan and verdict are left out while there are none.
pub fn page(
    inventory: &Inventory,
    plan: Option<&Plan>,
    verdict: Option<&Verdict>,
) -> Result<String> {
    let mut tera = tera::Tera::default();
    // The name ends in .html, so that every value is escaped.
    tera.add_raw_template("page.html", include_str!("../../templates/report/page.html.tera"))
        .input("read the report's template")?;
    let view = view::Page::new(inventory, plan, verdict);
    let context = tera::Context::from_serialize(&view).input("fill the report's template")?;
    tera.render("page.html", &context).input("write the report")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evidence::Evidence;
    use crate::model::finding::{Finding, Question, Severity};
    use crate::model::inventory::{Edge, Role, Runtime, Service, State, StateKind};
    use crate::model::verdict::{
        Answer, Cause, Class, Cluster, Coverage, Example, Latency, Part, Quantiles, SCHEMA,
        Skipped, Tier,
    };

    const HOSTILE: &str = "<script>alert(1)</script>\" onload='x'";

    fn inventory() -> Inventory {
        let mut inventory =
            Inventory { source: format!("docker://{HOSTILE}"), ..Inventory::default() };
        for (id, role, runtime) in [
            ("web", Role::Proxy, "nginx"),
            ("app", Role::App, "nodejs"),
            ("db", Role::Database, "mariadb"),
            ("nightly", Role::Job, "shell"),
        ] {
            let mut service = Service::new(
                id,
                role,
                Runtime { name: runtime.into(), version: Some("1.2".into()) },
            );
            service.state.push(State {
                path: format!("/var/lib/{id}"),
                kind: StateKind::Uploads,
                bytes: 5 << 20,
                path_from: None,
            });
            inventory.services.push(service);
        }
        for (from, to) in [("web", "app"), ("app", "db"), ("nightly", "db")] {
            inventory.edges.push(Edge {
                from: from.into(),
                to: to.into(),
                port: 3000,
                evidence: vec![],
                variables: None,
                socket: None,
            });
        }
        inventory.findings.push(Finding {
            id: "x".into(),
            severity: Severity::Risk,
            service: Some("app".into()),
            message: HOSTILE.into(),
            remedy: "one replica".into(),
            evidence: vec![Evidence::line("/srv/a.js", 3)],
        });
        inventory.questions.push(Question {
            id: "q".into(),
            service: None,
            question: HOSTILE.into(),
            answer_in: "workloads[app].ports".into(),
            blocking: true,
            evidence: vec![],
        });
        inventory
    }

    fn verdict() -> Verdict {
        let cluster = |tier, class| Cluster {
            tier,
            class,
            summary: format!("status 413 in place of 201 {HOSTILE}"),
            count: 3,
            first: Example {
                scenario: "tour".into(),
                step: HOSTILE.into(),
                original: "POST /api/uploads\n201 Created".into(),
                migrated: format!("POST /api/uploads\n413 {HOSTILE}"),
            },
            likely_cause: Cause {
                text: "client_max_body_size 1m".into(),
                path: Some("k8s/base/web/site.conf".into()),
                line: Some(12),
                evidence: Some(Evidence::line("/etc/nginx/a", 3)),
            },
        };
        Verdict {
            schema: SCHEMA.into(),
            verdict: Answer::Different,
            reasons: vec![],
            original: "http://old".into(),
            migrated: "http://new".into(),
            exchanges: 214,
            coverage: Coverage {
                locations: Part { seen: 9, total: 12, missing: vec!["/a".into(), HOSTILE.into()] },
                skipped: vec![Skipped {
                    scenario: "t".into(),
                    step: "s".into(),
                    reason: HOSTILE.into(),
                }],
                ..Coverage::default()
            },
            clusters: vec![
                cluster(Tier::Fail, Class::Proxy),
                cluster(Tier::Platform, Class::Proxy),
            ],
            latency: Latency {
                original: Quantiles { p50: 2.1, p95: 9.0, max: 80.0 },
                migrated: Quantiles { p50: 2.6, p95: 12.0, max: 70.0 },
            },
        }
    }

    #[test]
    fn hostile_texts_are_escaped_and_nothing_is_loaded() {
        let page = page(&inventory(), None, Some(&verdict())).unwrap();
        assert!(!page.contains("<script>alert"), "escaped");
        assert!(page.contains("&lt;script&gt;alert(1)"));
        assert!(
            !page.contains("src=\"http")
                && !page.contains("href=\"http")
                && !page.contains("@import")
        );
        if let Some(path) = std::env::var_os("MIGRATE_TEST_REPORT") {
            std::fs::write(path, page).unwrap();
        }
    }

    #[test]
    fn an_inventory_alone_is_enough() {
        let page = page(&inventory(), None, None).unwrap();
        assert!(page.contains("No verdict yet") && page.contains("mariadb"));
    }
}
