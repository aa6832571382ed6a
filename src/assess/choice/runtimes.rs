//! Whether the runtimes found are offered on each side.

use jiff::civil::{Date, date};

use super::server::{Server, runtime, seen};
use super::{Sides, because, count, side};
use crate::assess::lifecycle;
use crate::model::inventory::{Role, Service};

/// Managed runtimes of Lambda with the day of their deprecation, after AWS's list of runtimes as of
/// 2025-12.
const MANAGED: [(&str, &str, Date); 15] = [
    ("nodejs", "20", date(2026, 4, 30)),
    ("nodejs", "22", date(2027, 4, 30)),
    ("nodejs", "24", date(2028, 4, 30)),
    ("python", "3.10", date(2026, 10, 31)),
    ("python", "3.11", date(2027, 6, 30)),
    ("python", "3.12", date(2028, 10, 31)),
    ("python", "3.13", date(2029, 6, 30)),
    ("python", "3.14", date(2029, 6, 30)),
    ("ruby", "3.2", date(2026, 3, 31)),
    ("ruby", "3.3", date(2027, 3, 31)),
    ("ruby", "3.4", date(2028, 3, 31)),
    ("java", "11", date(2027, 6, 30)),
    ("java", "17", date(2027, 6, 30)),
    ("java", "21", date(2029, 6, 30)),
    ("java", "25", date(2029, 6, 30)),
];

/// Whether Lambda runs a version itself on that day.
fn is_managed(name: &str, version: &str, today: Date) -> bool {
    MANAGED.iter().any(|(known, start, until)| {
        *known == name
            && *until >= today
            && version
                .strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

pub(super) fn compare(server: &Server) -> Sides {
    let held = server.held();
    let ended = |service: &Service| {
        let version = service.runtime.version.as_deref()?;
        lifecycle::runtime_until(&service.runtime.name, version).filter(|day| *day < server.today)
    };
    let unknown: Vec<&Service> =
        held.iter().copied().filter(|service| service.runtime.version.is_none()).collect();
    let mut old = Vec::new();
    for service in &held {
        if let Some(day) = ended(service) {
            let text = format!(
                "{} runs {}, without fixes since {day}: its image carries it all the same",
                service.id,
                runtime(service)
            );
            old.push(because(text, seen(&[service])));
        }
    }
    let number = old.len();
    let mut names: Vec<String> = held.iter().map(|service| runtime(service)).collect();
    names.sort();
    names.dedup();
    let mut reasons = old;
    reasons
        .push(because(format!("an image brings its runtime: {}", names.join(", ")), seen(&held)));
    let k8s = side(
        match number {
            0 => format!("any: {}", count(names.len(), "runtime")),
            _ => format!("any; {} past its end", count(number, "workload")),
        },
        reasons,
    );

    let functions: Vec<&Service> =
        held.iter().copied().filter(|s| matches!(s.role, Role::App | Role::Job)).collect();
    let mut managed = 0;
    let mut reasons = Vec::new();
    for service in &functions {
        let name = &service.runtime.name;
        let version = service.runtime.version.as_deref();
        let offered = version.is_some_and(|version| is_managed(name, version, server.today));
        managed += usize::from(offered);
        let text = if offered {
            format!("{}: Lambda runs {} itself, or its image does", service.id, runtime(service))
        } else if version.is_none() {
            format!("{}: which {name} it needs is not known; an image decides", service.id)
        } else {
            format!(
                "{}: no managed runtime for {}, only a container image",
                service.id,
                runtime(service)
            )
        };
        reasons.push(because(text, seen(&[service])));
    }
    let summary = if functions.is_empty() {
        "no function would be needed".to_owned()
    } else if !unknown.is_empty() && managed == 0 {
        format!("{}; versions to be said", count(functions.len(), "function image"))
    } else {
        format!("{managed} of {} managed, else an image", functions.len())
    };
    if reasons.is_empty() {
        reasons.push(because("no app and no job was found".to_owned(), seen(&held)));
    }
    (k8s, side(summary, reasons))
}
