//! cron's five fields: names and nicknames taken out, and expanded to lists.

use crate::model::inventory::{Inventory, Service};
use crate::model::plan::Schedule;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The five fields of a schedule as lists of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub minutes: Vec<u32>,
    /// 0 to 23.
    pub hours: Vec<u32>,
    /// 1 to 31.
    pub days: Vec<u32>,
    /// 1 to 12.
    pub months: Vec<u32>,
    /// 0 (Sunday) to 6.
    pub weekdays: Vec<u32>,
    /// Whether a day counts when either its number or its weekday fits, and not only when both do:
    /// cron's rule for a schedule that restricts both.
    pub either_day: bool,
}

/// When a job runs: in the server's own time zone. `None` for a schedule that no clock has
/// (`@reboot`) or that cannot be read.
pub(super) fn decide(inventory: &Inventory, service: &Service) -> Option<Schedule> {
    let cron = normalise(service.schedule.as_deref()?)?;
    let timezone = match inventory.os.timezone.as_str() {
        "" => "UTC",
        zone => zone,
    };
    Some(Schedule { cron, timezone: timezone.to_owned() })
}

/// Five fields that both cron and Kubernetes read.
fn normalise(schedule: &str) -> Option<String> {
    let text = match schedule.trim() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    let fields = expand(text)?;
    let mut parts: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    // Kubernetes knows Sunday only as 0; names are written as numbers for the same reason.
    let plain = |part: &str| !part.contains(|c: char| c.is_ascii_alphabetic());
    if !plain(&parts[3]) {
        parts[3] = list(&fields.months);
    }
    if !plain(&parts[4]) || parts[4].contains('7') {
        parts[4] = list(&fields.weekdays);
    }
    Some(parts.join(" "))
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Reads five cron fields; `None` when they are no such thing.
pub fn expand(cron: &str) -> Option<Fields> {
    let parts: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = parts.as_slice() else { return None };
    let mut weekdays = field(weekday, 0, 7, &WEEKDAYS, 0)?;
    if weekdays.contains(&7) {
        weekdays.retain(|number| *number != 7);
        if !weekdays.contains(&0) {
            weekdays.insert(0, 0);
        }
    }
    Some(Fields {
        minutes: field(minute, 0, 59, &[], 0)?,
        hours: field(hour, 0, 23, &[], 0)?,
        days: field(day, 1, 31, &[], 0)?,
        months: field(month, 1, 12, &MONTHS, 1)?,
        weekdays,
        either_day: !day.starts_with('*') && !weekday.starts_with('*'),
    })
}

fn field(text: &str, low: u32, high: u32, names: &[&str], first: u32) -> Option<Vec<u32>> {
    let number = |text: &str| -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        if let Some(position) = names.iter().position(|name| *name == lower) {
            return Some(u32::try_from(position).ok()? + first);
        }
        text.parse().ok().filter(|number| (low..=high).contains(number))
    };
    let mut numbers = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = if range == "*" {
            (low, if names.len() == 7 { 6 } else { high })
        } else if let Some((from, to)) = range.split_once('-') {
            (number(from)?, number(to)?)
        } else {
            let from = number(range)?;
            (from, if step.is_some() { high } else { from })
        };
        if from > to {
            return None;
        }
        numbers.extend((from..=to).step_by(step.unwrap_or(1)));
    }
    Some(numbers.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nicknames_and_names_become_numbers() {
        assert_eq!(normalise("@daily").as_deref(), Some("0 0 * * *"));
        assert_eq!(normalise("17 3 * * *").as_deref(), Some("17 3 * * *"));
        assert_eq!(normalise("0 4 * jan,jul mon-fri").as_deref(), Some("0 4 * 1,7 1,2,3,4,5"));
        assert_eq!(normalise("0 4 * * 5-7").as_deref(), Some("0 4 * * 0,5,6"));
        assert_eq!(normalise("@reboot"), None);
        assert_eq!(normalise("61 * * * *"), None);
        assert_eq!(normalise("* * * *"), None);
    }

    #[test]
    fn fields_expand_as_cron_reads_them() {
        let fields = expand("*/20 8-10 1,15 * 1").expect("a schedule");
        assert_eq!(fields.minutes, [0, 20, 40]);
        assert_eq!(fields.hours, [8, 9, 10]);
        assert_eq!(fields.days, [1, 15]);
        assert_eq!(fields.weekdays, [1]);
        assert!(fields.either_day);
        assert!(!expand("0 0 */2 * 1").expect("a schedule").either_day);
        assert_eq!(expand("0 0 * * *").expect("a schedule").weekdays.len(), 7);
    }
}
