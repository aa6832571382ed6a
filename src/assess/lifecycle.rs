//! Runtimes and systems that get no fixes any more.
//!
//! Dates are those that the projects publish (nodejs.org, devguide.python.org, php.net,
//! mariadb.org, mysql.com, postgresql.org, wiki.debian.org with LTS, ubuntu.com without paid
//! support), as of 2025-12.

use jiff::civil::{Date, date};

use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::Inventory;

/// Runtime, the beginning of its version, last day.
const RUNTIMES: [(&str, &str, Date); 36] = [
    ("nodejs", "10", date(2021, 4, 30)),
    ("nodejs", "12", date(2022, 4, 30)),
    ("nodejs", "14", date(2023, 4, 30)),
    ("nodejs", "16", date(2023, 9, 11)),
    ("nodejs", "18", date(2025, 4, 30)),
    ("nodejs", "19", date(2023, 6, 1)),
    ("nodejs", "20", date(2026, 4, 30)),
    ("nodejs", "21", date(2024, 6, 1)),
    ("nodejs", "22", date(2027, 4, 30)),
    ("nodejs", "23", date(2025, 6, 1)),
    ("nodejs", "24", date(2028, 4, 30)),
    ("python", "2.7", date(2020, 1, 1)),
    ("python", "3.7", date(2023, 6, 27)),
    ("python", "3.8", date(2024, 10, 7)),
    ("python", "3.9", date(2025, 10, 31)),
    ("python", "3.10", date(2026, 10, 31)),
    ("python", "3.11", date(2027, 10, 31)),
    ("php", "7", date(2022, 11, 28)),
    ("php", "8.0", date(2023, 11, 26)),
    ("php", "8.1", date(2025, 12, 31)),
    ("php", "8.2", date(2026, 12, 31)),
    ("php", "8.3", date(2027, 12, 31)),
    ("mariadb", "10.3", date(2023, 5, 25)),
    ("mariadb", "10.4", date(2024, 6, 18)),
    ("mariadb", "10.5", date(2025, 6, 24)),
    ("mariadb", "10.6", date(2026, 7, 6)),
    ("mariadb", "10.11", date(2028, 2, 16)),
    ("mysql", "5.7", date(2023, 10, 21)),
    ("mysql", "8.0", date(2026, 4, 30)),
    ("postgresql", "11", date(2023, 11, 9)),
    ("postgresql", "12", date(2024, 11, 21)),
    ("postgresql", "13", date(2025, 11, 13)),
    ("postgresql", "14", date(2026, 11, 12)),
    ("postgresql", "15", date(2027, 11, 11)),
    ("ruby", "2", date(2023, 3, 31)),
    ("ruby", "3.1", date(2025, 3, 26)),
];

/// System, version, last day.
const SYSTEMS: [(&str, &str, Date); 9] = [
    ("debian", "9", date(2022, 6, 30)),
    ("debian", "10", date(2024, 6, 30)),
    ("debian", "11", date(2026, 8, 31)),
    ("debian", "12", date(2028, 6, 30)),
    ("ubuntu", "18.04", date(2023, 5, 31)),
    ("ubuntu", "20.04", date(2025, 5, 31)),
    ("ubuntu", "22.04", date(2027, 4, 30)),
    ("centos", "7", date(2024, 6, 30)),
    ("centos", "8", date(2021, 12, 31)),
];

/// The last day on which a service's runtime gets fixes from its makers, when it is known.
pub(super) fn runtime_until(name: &str, version: &str) -> Option<Date> {
    last_day(&RUNTIMES, name, version)
}

/// The last day on which a system gets fixes, when it is known.
pub(super) fn system_until(name: &str, version: &str) -> Option<Date> {
    last_day(&SYSTEMS, name, version)
}

fn last_day(table: &[(&str, &str, Date)], name: &str, version: &str) -> Option<Date> {
    table
        .iter()
        .find(|(known, start, _)| {
            *known == name
                && version
                    .strip_prefix(start)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .map(|(_, _, day)| *day)
}

/// What is past its last day.
pub(super) fn end_of_life(inventory: &Inventory, today: Date, found: &mut Vec<Finding>) {
    let os = &inventory.os;
    let system_until = last_day(&SYSTEMS, &os.id, &os.version);
    if let Some(day) = system_until.filter(|day| *day < today) {
        found.push(Finding {
            id: "system-end-of-life".to_owned(),
            severity: Severity::Risk,
            service: None,
            message: format!("{} {} gets no fixes since {day}", os.id, os.version),
            remedy:
                "build the images on a release that is still supported (strategy upstream), or \
                     carry it as it is first and renew it after the move"
                    .to_owned(),
            evidence: vec![Evidence::file("/etc/os-release")],
        });
    }
    let mut reported: Vec<(&str, &str)> = Vec::new();
    for service in &inventory.services {
        let Some(version) = &service.runtime.version else { continue };
        if reported.contains(&(&service.runtime.name, version)) {
            continue;
        }
        let name = &service.runtime.name;
        let Some(day) = last_day(&RUNTIMES, name, version).filter(|day| *day < today) else {
            continue;
        };
        reported.push((name, version));
        // A distribution goes on mending its own packages as long as it lives.
        let mended = system_until.filter(|until| *until >= today && !service.packages.is_empty());
        let (severity, also) = match mended {
            Some(until) => (
                Severity::Advice,
                format!("; {} {} may still mend its package until {until}", os.id, os.version),
            ),
            None => (Severity::Risk, String::new()),
        };
        found.push(Finding {
            id: "runtime-end-of-life".to_owned(),
            severity,
            service: Some(service.id.clone()),
            message: format!("{name} {version} gets no fixes from its makers since {day}{also}"),
            remedy:
                "move it as it is first, so that the proof compares like with like; then raise \
                     the version in a step of its own"
                    .to_owned(),
            evidence: service.evidence.iter().take(1).cloned().collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_whole_numbers() {
        assert!(last_day(&RUNTIMES, "python", "3.1.4").is_none());
        assert_eq!(last_day(&RUNTIMES, "python", "3.10.4"), Some(date(2026, 10, 31)));
        assert_eq!(last_day(&RUNTIMES, "nodejs", "18.20.4"), Some(date(2025, 4, 30)));
    }
}
