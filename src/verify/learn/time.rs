//! Timestamps: which notation, and how far from the request.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

/// A point in time as a text states it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stamp {
    /// Seconds since 1970; a time without a zone is read as UTC.
    pub(crate) seconds: f64,
    /// The notation, digits written as `0`, the zone as it stands.
    pub(crate) notation: String,
    /// Digits of the fraction.
    pub(crate) fraction: usize,
}

static ISO: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(\d{4})-(\d\d)-(\d\d)(?:([T ])(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$",
    )
    .ok()
});

/// Reads an ISO 8601 or HTTP date.
pub(crate) fn parse(text: &str) -> Option<Stamp> {
    if text.len() < 10 || text.len() > 40 {
        return None;
    }
    if text.as_bytes()[0].is_ascii_alphabetic() {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        let zone = text.rsplit(' ').next().unwrap_or("");
        return Some(Stamp {
            seconds: seconds(at),
            notation: format!("http date {zone}"),
            fraction: 0,
        });
    }
    let found = ISO.as_ref()?.captures(text)?;
    let number = |index: usize| found.get(index).and_then(|part| part.as_str().parse::<i16>().ok());
    let small =
        |index: usize| found.get(index).map_or(Some(0), |part| part.as_str().parse::<i8>().ok());
    let date = jiff::civil::DateTime::new(
        number(1)?,
        small(2)?,
        small(3)?,
        small(5)?,
        small(6)?,
        small(7)?.min(59),
        0,
    )
    .ok()?;
    let zone = found.get(9).map_or("", |part| part.as_str());
    let fraction = found.get(8).map_or("", |part| part.as_str());
    let part = format!("0.{fraction}0").parse::<f64>().unwrap_or(0.0);
    let at = jiff::tz::Offset::UTC.to_timestamp(date).ok()?;
    Some(Stamp {
        seconds: seconds(at) + part - offset(zone),
        notation: format!(
            "{}{}{}{zone}",
            found.get(4).map_or("date", |part| part.as_str()),
            if found.get(7).is_some() { "s" } else { "" },
            if fraction.is_empty() { "" } else { "." },
        ),
        fraction: fraction.len(),
    })
}

/// An offset in seconds.
fn offset(zone: &str) -> f64 {
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 4 {
        return 0.0;
    }
    let hours = digits[..2].parse::<f64>().unwrap_or(0.0);
    let minutes = digits[2..].parse::<f64>().unwrap_or(0.0);
    let size = hours * 3600.0 + minutes * 60.0;
    if zone.starts_with('-') { -size } else { size }
}

/// A timestamp in seconds.
pub(crate) fn seconds(at: Timestamp) -> f64 {
    std::time::Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH))
        .map_or(0.0, |since| since.as_secs_f64())
}

/// A number that is seconds or milliseconds since 1970 within two years of `at`.
pub(crate) fn epoch(number: f64, at: Timestamp) -> Option<Stamp> {
    const YEARS: f64 = 2.0 * 366.0 * 86400.0;
    let now = seconds(at);
    [(1.0, "epoch seconds"), (1000.0, "epoch milliseconds"), (1e6, "epoch microseconds")]
        .into_iter()
        .find(|(scale, _)| (number / scale - now).abs() < YEARS)
        .map(|(scale, notation)| Stamp {
            seconds: number / scale,
            notation: notation.to_owned(),
            fraction: 0,
        })
}

/// How a timestamp of the migrated fits the two of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// As near to its request as the original's, in the same notation.
    Good,
    /// The notation differs.
    Notation,
    /// As far off as a time zone.
    Zone,
    /// Not as near to its request as it should be.
    Far,
    /// A recent time, but not where the original's is.
    Recent,
}

/// What is known about the moments of the three passes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    /// When each request was sent.
    pub(crate) at: [Timestamp; 3],
    /// When the data was copied, when that is known.
    pub(crate) copied_at: Option<Timestamp>,
}

const WEEK: f64 = 7.0 * 86400.0;

/// Compares three timestamps that differ.
pub(crate) fn fit(stamps: [&Stamp; 3], moments: &Moments) -> Fit {
    let [first, again, migrated] = stamps;
    let known = migrated.notation == first.notation || migrated.notation == again.notation;
    let same_digits = first.fraction != again.fraction || migrated.fraction == first.fraction;
    // Some libraries leave trailing zeros out, so one digit fewer may be chance.
    let digits_by_chance = migrated.fraction > 0
        && first.fraction > 0
        && migrated.fraction + 2 >= first.fraction
        && migrated.fraction < first.fraction;
    if !known || !(same_digits || digits_by_chance) {
        return Fit::Notation;
    }
    let delta: Vec<f64> =
        stamps.iter().zip(moments.at).map(|(stamp, at)| stamp.seconds - seconds(at)).collect();
    // A date without a time moves in steps of a day.
    let grain = if migrated.notation == "date" { 86400.0 } else { 0.0 };
    let spread = (delta[0] - delta[1]).abs();
    let fixed = (first.seconds - again.seconds).abs() < 1e-6;
    let relative = !fixed && spread <= 30.0 + grain;
    let (low, high) = (delta[0].min(delta[1]), delta[0].max(delta[1]));
    let slack = 60.0 + 2.0 * spread + grain;
    if relative && delta[2] >= low - slack && delta[2] <= high + slack {
        return Fit::Good;
    }
    let wanted = if fixed { first.seconds } else { seconds(moments.at[2]) + delta[0] };
    let off = migrated.seconds - wanted;
    if (relative || fixed) && grain < 1.0 && zone_like(off) {
        return Fit::Zone;
    }
    if relative && low.abs() <= 60.0 && high.abs() <= 60.0 {
        return Fit::Far;
    }
    let recent = |index: usize| {
        let since =
            moments.copied_at.map_or(-WEEK, |copied| seconds(copied) - seconds(moments.at[index]));
        delta[index] <= 60.0 + grain && delta[index] >= since
    };
    if !relative && !fixed {
        // Neither fixed nor bound to the request: only the future is out of bounds.
        let latest = high.max(60.0 + grain);
        return if delta[2] <= latest + 60.0 { Fit::Good } else { Fit::Far };
    }
    // The original changed since the copy, or both did.
    if recent(0) && (moments.copied_at.is_some() || recent(2)) && delta[2] <= 60.0 + grain {
        return Fit::Recent;
    }
    Fit::Far
}

/// Whether a difference is a whole number of quarter hours, up to a day, within two seconds.
fn zone_like(off: f64) -> bool {
    let size = off.abs();
    if !(890.0..=86_500.0).contains(&size) {
        return false;
    }
    let rest = size % 900.0;
    rest <= 2.0 || rest >= 898.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        parse(text).unwrap()
    }

    fn moments(at: [&str; 3]) -> Moments {
        Moments { at: at.map(|text| text.parse().unwrap()), copied_at: None }
    }

    const NOW: [&str; 3] = ["2026-03-01T10:00:00Z", "2026-03-01T10:00:05Z", "2026-03-01T10:00:10Z"];

    fn judge(texts: [&str; 3]) -> Fit {
        let stamps = texts.map(stamp);
        fit([&stamps[0], &stamps[1], &stamps[2]], &moments(NOW))
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole and half seconds are exact")]
    fn notations_are_read() {
        assert_eq!(stamp("1970-01-02T00:00:00.500Z").seconds, 86400.5);
        assert_eq!(stamp("1970-01-01T01:00:00+01:00").seconds, 0.0);
        assert_eq!(stamp("Thu, 01 Jan 1970 00:00:09 GMT").seconds, 9.0);
        assert!(parse("2026-13-01T00:00:00Z").is_none());
        assert!(parse("not a time at all").is_none());
    }

    #[test]
    fn a_time_near_its_request_fits() {
        assert_eq!(
            judge([
                "2026-03-01T10:00:00.100Z",
                "2026-03-01T10:00:05.200Z",
                "2026-03-01T10:00:11.300Z"
            ]),
            Fit::Good
        );
    }

    #[test]
    fn a_time_zone_is_seen() {
        assert_eq!(
            judge(["2026-03-01 10:00:00", "2026-03-01 10:00:05", "2026-03-01 11:00:10"]),
            Fit::Zone
        );
        assert_eq!(
            judge(["2020-03-01 10:00:00", "2020-03-01 10:00:00", "2020-03-01 11:00:00"]),
            Fit::Zone
        );
    }

    #[test]
    fn another_notation_is_seen() {
        assert_eq!(
            judge(["2026-03-01T10:00:00Z", "2026-03-01T10:00:05Z", "2026-03-01 10:00:10"]),
            Fit::Notation
        );
        assert_eq!(
            judge(["2026-03-01T10:00:00.123Z", "2026-03-01T10:00:05.123Z", "2026-03-01T10:00:10Z"]),
            Fit::Notation
        );
    }

    #[test]
    fn a_stale_now_is_seen_and_an_old_fixed_time_must_be_the_same() {
        assert_eq!(
            judge(["2026-03-01T10:00:00Z", "2026-03-01T10:00:05Z", "2026-03-01T09:41:10Z"]),
            Fit::Far
        );
        assert_eq!(
            judge(["2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2020-01-01T00:00:07Z"]),
            Fit::Far
        );
    }
}
