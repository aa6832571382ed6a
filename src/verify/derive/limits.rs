//! Rate limits: a burst for each, last of all, so that no other step of the pass is refused.

use std::collections::BTreeSet;

use super::Subject;
use super::build::{Builder, Draft};
use super::files::fact;
use super::locations::path_of;
use crate::model::inventory::{Location, LocationKind, RateLimit};
use crate::model::scenario::Burst;

/// Most limits that are tried: each has waits of its own.
const MOST_LIMITS: usize = 3;
/// Most requests of a burst.
const MOST_REQUESTS: u32 = 200;
/// How many are sent beyond what a limit takes.
const BEYOND: u32 = 10;

/// One burst for each zone and size.
pub(super) fn steps(subject: &Subject<'_>, builder: &mut Builder) {
    let Some(site) = subject.site else { return };
    let mut seen: BTreeSet<(&str, u32)> = BTreeSet::new();
    for location in site.locations.iter().filter(|it| !it.internal && it.modifier != "@") {
        // nginx answers redirects and refusals before it counts.
        if !matches!(location.kind, LocationKind::Proxy | LocationKind::Static) {
            continue;
        }
        let Some(limit) = &location.rate else { continue };
        let (Some(path), Some((times, burst))) =
            (path_of(subject, location), size(location, limit))
        else {
            continue;
        };
        if seen.len() < MOST_LIMITS && seen.insert((&limit.zone, limit.burst)) {
            builder.insist(
                Draft::get(&format!("burst-{}", location.path), &path)
                    .client("burst")
                    .burst(times, burst)
                    .origin(subject.proxy_id(), fact(location), Some(&location.evidence)),
            );
        }
    }
}

/// How many requests go beyond a limit even when they take a second to arrive, and how long it
/// takes to forget them.
fn size(location: &Location, limit: &RateLimit) -> Option<(u32, Burst)> {
    let in_a_second = limit.per_minute.div_ceil(60);
    let times = limit.burst.checked_add(in_a_second)?.checked_add(BEYOND)?.checked_add(2)?;
    let every_ms = 60_000_u32.checked_div(limit.per_minute)?.max(1);
    // One interval more than the burst holds, and one for the clocks.
    let refill_ms = limit.burst.checked_add(2)?.checked_mul(every_ms)?;
    let under = match location.modifier.as_str() {
        // A pattern may take any path.
        "~" | "~*" => "/".to_owned(),
        _ => location.path.clone(),
    };
    (times <= MOST_REQUESTS).then_some((times, Burst { under, every_ms, refill_ms }))
}
