//! What people must do before it runs there.

use super::server::Server;
use super::{Sides, because, count, side};
use crate::model::choice::Reason;
use crate::model::evidence::Evidence;
use crate::model::finding::Severity;
use crate::model::inventory::{FitVerdict, Role, TargetFit};

pub(super) fn compare(server: &Server) -> Sides {
    let inventory = server.inventory;
    let mut common: Vec<Reason> = inventory
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Blocker)
        .map(|finding| because(finding.remedy.clone(), finding.evidence.clone()))
        .collect();
    common.extend(
        inventory
            .questions
            .iter()
            .filter(|question| question.blocking)
            .map(|question| because(question.question.clone(), question.evidence.clone())),
    );
    let bytes = server.database_bytes() + server.file_bytes();
    if bytes > 0 {
        let places = server
            .of(Role::Database)
            .into_iter()
            .flat_map(|service| &service.state)
            .chain(server.files())
            .map(|state| Evidence::file(state.path.clone()))
            .collect();
        common.push(because(format!("{} of data are moved", super::cost::size(bytes)), places));
    }
    let mut k8s = common.clone();
    if k8s.is_empty() {
        let held = server.held();
        k8s.push(because(
            format!("no change, no open answer and no data for {}", super::server::ids(&held)),
            super::server::seen(&held),
        ));
    }
    let mut sam = common;
    for reason in &inventory.fit.sam.reasons {
        // Open questions are in the common part with their evidence.
        if !reason.starts_with("open question") {
            sam.push(because(reason.clone(), evidence_of(server, reason)));
        }
    }
    if sam.is_empty() {
        let apps = server.apps();
        sam.push(because(
            format!("{} keeps nothing and holds no connection", super::server::ids(&apps)),
            super::server::seen(&apps),
        ));
    }
    (
        side(summary(&inventory.fit.k8s, &k8s, bytes), k8s),
        side(summary(&inventory.fit.sam, &sam, bytes), sam),
    )
}

fn summary(fit: &TargetFit, reasons: &[Reason], bytes: u64) -> String {
    let data = if bytes > 0 { " + data" } else { "" };
    let changes = reasons.len() - usize::from(bytes > 0);
    match fit.verdict {
        FitVerdict::Refused => "refused".to_owned(),
        FitVerdict::Ready => format!("as it is{data}"),
        FitVerdict::Changes => format!("{}{data}", count(changes, "change")),
    }
}

/// The places of the services that a reason begins with or names.
fn evidence_of(server: &Server, reason: &str) -> Vec<Evidence> {
    server
        .inventory
        .services
        .iter()
        .filter(|service| {
            reason
                .split(|c: char| !(c.is_alphanumeric() || c == '-'))
                .any(|word| word == service.id)
        })
        .filter_map(|service| service.evidence.first().cloned())
        .collect()
}
