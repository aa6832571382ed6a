//! `Schedule` and `ScheduleV2` events: AWS's cron and rate expressions, and when they are due.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, ZonedDateTime};

/// When a function is called by the clock.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// The event's name in the template.
    pub(crate) name: String,
    /// As it is written.
    pub(crate) text: String,
    pub(crate) expression: Expression,
    pub(crate) timezone: TimeZone,
    pub(crate) input: Option<String>,
    pub(crate) enabled: bool,
    /// Whether it is EventBridge Scheduler's (`ScheduleV2`) and not a rule's.
    pub(crate) scheduler: bool,
}

/// An expression that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Every so many minutes from the start.
    Rate(u32),
    Cron(Cron),
}

/// `cron(minutes hours day-of-month month day-of-week year)`; each field as the values it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: Vec<u16>,
    hours: Vec<u16>,
    /// `None` is `?` or `*`.
    days: Option<Vec<u16>>,
    /// `L`: the last day of the month.
    last_day: bool,
    months: Vec<u16>,
    /// 1 is Sunday; `None` is `?` or `*`.
    weekdays: Option<Vec<u16>>,
    years: Option<Vec<u16>>,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Reads `cron(…)` or `rate(…)`; the error says what is wrong.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let inside = |name: &str| {
        text.trim().strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')').map(str::trim)
    };
    if let Some(rate) = inside("rate") {
        let (count, unit) = rate.split_once(' ').ok_or("rate needs a number and a unit")?;
        let count: u32 = count.parse().map_err(|_| format!("{count:?} is no number"))?;
        let minutes = match unit.trim() {
            "minute" | "minutes" => 1,
            "hour" | "hours" => 60,
            "day" | "days" => 1440,
            other => return Err(format!("{other:?} is no unit of a rate")),
        };
        return match count.checked_mul(minutes) {
            Some(minutes @ 1..) => Ok(Expression::Rate(minutes)),
            _ => Err("the rate is too small or too large".to_owned()),
        };
    }
    let Some(cron) = inside("cron") else {
        return Err("neither cron(…) nor rate(…); at(…) is not emulated".to_owned());
    };
    let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
    let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else {
        return Err(format!("cron has six fields on AWS, here are {}", fields.len()));
    };
    if (*days == "?") == (*weekdays == "?") {
        return Err("one of day-of-month and day-of-week must be ?".to_owned());
    }
    let any = |text: &str| matches!(text, "?" | "*");
    Ok(Expression::Cron(Cron {
        minutes: field(minutes, 0, 59, &[])?,
        hours: field(hours, 0, 23, &[])?,
        days: if any(days) || *days == "L" { None } else { Some(field(days, 1, 31, &[])?) },
        last_day: *days == "L",
        months: field(months, 1, 12, &MONTHS)?,
        weekdays: if any(weekdays) { None } else { Some(field(weekdays, 1, 7, &WEEKDAYS)?) },
        years: if any(years) { None } else { Some(field(years, 1970, 2199, &[])?) },
    }))
}

fn field(text: &str, low: u16, high: u16, names: &[&str]) -> Result<Vec<u16>, String> {
    let number = |text: &str| -> Result<u16, String> {
        let place = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let found = match place {
            Some(at) => u16::try_from(at).unwrap_or(0) + low,
            None => text.parse().map_err(|_| format!("{text:?} is not understood in cron"))?,
        };
        if (low..=high).contains(&found) {
            Ok(found)
        } else {
            Err(format!("{found} is not between {low} and {high}"))
        }
    };
    let mut values = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = step.parse().map_err(|_| format!("{step:?} is no step"))?;
                (range, if step == 0 { return Err("a step of 0".to_owned()) } else { step })
            }
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/15` goes on to the end, `5` is one value.
            None if part.contains('/') => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(format!("{range:?} goes backwards"));
        }
        values.extend((from..=to).step_by(step));
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

impl Schedule {
    /// The next time after `now`; `started` is when the rate began.
    pub(crate) fn next(&self, started: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match &self.expression {
            Expression::Rate(minutes) => {
                let every = SignedDuration::from_mins(i64::from(*minutes));
                let passed = now.duration_since(started).as_secs().max(0);
                let times = passed / every.as_secs() + 1;
                started.checked_add(SignedDuration::from_secs(times * every.as_secs())).ok()
            }
            Expression::Cron(cron) => cron.next(&now.to_zoned_datetime(self.timezone.clone())),
        }
    }
}

impl Cron {
    fn day_fits(&self, time: DateTime) -> bool {
        let day = |value: i8| u16::try_from(value).unwrap_or(0);
        let weekday = day(time.weekday().to_sunday_one_offset());
        let year = u16::try_from(time.year()).unwrap_or(0);
        self.months.contains(&day(time.month()))
            && self.years.as_ref().is_none_or(|years| years.contains(&year))
            && self.days.as_ref().is_none_or(|days| days.contains(&day(time.day())))
            && (!self.last_day || time.day() == time.days_in_month())
            && self.weekdays.as_ref().is_none_or(|days| days.contains(&weekday))
    }

    fn next(&self, now: &ZonedDateTime) -> Option<Timestamp> {
        let zone = now.time_zone().clone();
        let mut day = now.datetime().date();
        // Four years hold every day that there is, a leap day included.
        for _ in 0..=(4 * 366) {
            if self.day_fits(day.at(0, 0, 0, 0)) {
                for hour in &self.hours {
                    for minute in &self.minutes {
                        let at = day.at(
                            i8::try_from(*hour).unwrap_or(0),
                            i8::try_from(*minute).unwrap_or(0),
                            0,
                            0,
                        );
                        // A time that the change to summer time leaves out is an hour later.
                        let Ok(at) = at.to_zoned_datetime(zone.clone()) else { continue };
                        if at.timestamp() > now.timestamp() {
                            return Some(at.timestamp());
                        }
                    }
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, zone: &str, now: &str) -> String {
        let schedule = Schedule {
            name: "S".into(),
            text: text.into(),
            expression: parse(text).unwrap(),
            timezone: TimeZone::get(zone).unwrap(),
            input: None,
            enabled: true,
            scheduler: true,
        };
        let now: Timestamp = now.parse().unwrap();
        schedule.next(now, now).unwrap().to_string()
    }

    #[test]
    fn expressions_give_their_next_time_in_their_zone() {
        let berlin = "Europe/Berlin";
        assert_eq!(
            next("cron(15 3 * * ? *)", berlin, "2026-01-10T02:20:00Z"),
            "2026-01-11T02:15:00Z"
        );
        assert_eq!(
            next("cron(15 3 * * ? *)", berlin, "2026-07-10T00:20:00Z"),
            "2026-07-10T01:15:00Z"
        );
        assert_eq!(
            next("cron(0/15 * * * ? *)", "UTC", "2026-01-10T02:20:30Z"),
            "2026-01-10T02:30:00Z"
        );
        assert_eq!(
            next("cron(0 8 ? * MON-FRI *)", "UTC", "2026-01-09T09:00:00Z"),
            "2026-01-12T08:00:00Z"
        );
        assert_eq!(
            next("cron(0 0 L * ? *)", "UTC", "2026-02-10T00:00:00Z"),
            "2026-02-28T00:00:00Z"
        );
        assert_eq!(next("rate(5 minutes)", "UTC", "2026-01-10T02:20:00Z"), "2026-01-10T02:25:00Z");
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for text in [
            "cron(0 3 * * *)",
            "cron(0 3 * * * *)",
            "cron(0 25 * * ? *)",
            "rate(0 minutes)",
            "at(2026-01-01T00:00:00)",
            "5 * * * *",
            "cron(9-5 * * * ? *)",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
