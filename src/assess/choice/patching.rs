//! Who renews what, and what waits already.

use super::server::{Server, ids, runtime, seen};
use super::{Sides, because, count, side};
use crate::assess::lifecycle;
use crate::model::evidence::Evidence;
use crate::model::inventory::{Role, Service};

pub(super) fn compare(server: &Server) -> Sides {
    let held = server.held();
    let os = &server.inventory.os;
    let until = lifecycle::system_until(&os.id, &os.version);
    let ended = |service: &&Service| {
        service.runtime.version.as_deref().is_some_and(|version| {
            lifecycle::runtime_until(&service.runtime.name, version)
                .is_some_and(|day| day < server.today)
        })
    };
    let mut reasons = vec![because(
        format!("you rebuild {} when a fix comes out: {}", count(held.len(), "image"), ids(&held)),
        seen(&held),
    )];
    if let Some(day) = until {
        let tense = if day < server.today { "got its last fixes on" } else { "gets fixes until" };
        reasons.push(because(
            format!("{} {} below them {tense} {day}", os.id, os.version),
            vec![Evidence::file("/etc/os-release")],
        ));
    }
    let late: Vec<&Service> = held.iter().copied().filter(ended).collect();
    for service in &late {
        reasons.push(because(
            format!("{} gets none any more: {}", runtime(service), service.id),
            seen(&[service]),
        ));
    }
    let overdue = late.len() + usize::from(until.is_some_and(|day| day < server.today));
    let mut summary = format!("yours: {}", count(held.len(), "image"));
    if overdue > 0 {
        summary.push_str(&format!(", {overdue} overdue"));
    }
    let k8s = side(summary, reasons);

    let functions: Vec<&Service> =
        held.iter().copied().filter(|s| matches!(s.role, Role::App | Role::Job)).collect();
    let taken: Vec<&Service> =
        held.iter().copied().filter(|s| !matches!(s.role, Role::App | Role::Job)).collect();
    let mut reasons = Vec::new();
    if !taken.is_empty() {
        reasons.push(because(
            format!("AWS renews what replaces {} by itself", ids(&taken)),
            seen(&taken),
        ));
    }
    let stale: Vec<&Service> = functions.iter().copied().filter(ended).collect();
    if !functions.is_empty() {
        let also = match stale.len() {
            0 => String::new(),
            _ => format!("; no fixes come for that of {}", ids(&stale)),
        };
        reasons.push(because(
            format!("the images of {} and their runtime stay yours{also}", ids(&functions)),
            seen(&functions),
        ));
    }
    let retired: Vec<&Service> =
        server.of(Role::Database).into_iter().filter(|service| ended(service)).collect();
    if !retired.is_empty() {
        reasons.push(because(
            format!("{} must be raised first: a managed one is kept current", ids(&retired)),
            seen(&retired),
        ));
    }
    let summary = if server.is_refused() {
        "yours: nothing is taken over".to_owned()
    } else if stale.is_empty() {
        format!("yours: {}; AWS's: {}", functions.len(), taken.len())
    } else {
        format!("yours: {} ({} overdue); AWS's: {}", functions.len(), stale.len(), taken.len())
    };
    (k8s, side(summary, reasons))
}
