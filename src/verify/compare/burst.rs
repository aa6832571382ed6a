//! Bursts: requests that go beyond a rate limit, and repetitions that are answered in more than
//! one way.

use std::collections::{BTreeMap, BTreeSet};

use super::Compared;
use super::answer::{self, Passes};
use super::difference::{Difference, Kind, Scene};
use crate::model::verdict::{Class, Tier};
use crate::verify::observation::{Answer, Observation, Outcome, Pass};

/// Whether the repetitions of a step are compared as a whole.
pub(super) fn is_burst(three: &[Pass; 3], step: &str) -> bool {
    let statuses = |pass: &Pass| {
        pass.observations
            .iter()
            .filter(|seen| seen.step == step)
            .filter_map(|seen| match &seen.outcome {
                Outcome::Answer(answer) => Some(answer.status),
                _ => None,
            })
            .collect::<BTreeSet<u16>>()
    };
    let sent_at_once = |pass: &Pass| {
        pass.observations
            .iter()
            .any(|seen| seen.step == step && seen.repetition > 0 && seen.every.is_some())
    };
    three.iter().any(sent_at_once) || statuses(&three[0]).len() > 1 || statuses(&three[1]).len() > 1
}

/// Compares all repetitions of a step.
pub(super) fn compare(
    scene: &Scene<'_>,
    three: &[Pass; 3],
    context: &Passes<'_>,
    compared: &mut Compared,
) {
    let own = three.each_ref().map(|pass| {
        pass.observations.iter().filter(|seen| seen.step == scene.step).collect::<Vec<_>>()
    });
    if own[0].first().is_some_and(|seen| seen.every.is_some()) {
        compared.exchanges += own[0].len() as u64;
        limit(
            scene,
            &own.each_ref().map(|seen| Taken::of(seen)),
            context,
            &mut compared.differences,
        );
    } else {
        repeated(scene, &own, context, compared);
    }
}

/// How a limit took a burst.
struct Taken<'a> {
    /// Status of the request that came alone; 0 for none.
    alone: u16,
    /// How many were answered like it.
    admitted: i64,
    /// How many of these the limit took because time had passed, at most.
    by_time: i64,
    /// How many were answered in another way.
    refused: BTreeMap<u16, usize>,
    /// An answer of each status.
    answers: BTreeMap<u16, &'a Answer>,
}

impl<'a> Taken<'a> {
    fn of(seen: &[&'a Observation]) -> Self {
        let mut answers = BTreeMap::new();
        let mut statuses = Vec::new();
        let (mut begin, mut end) = (None, None);
        for one in seen {
            let mut done = one.at;
            let status = match &one.outcome {
                Outcome::Answer(answer) => {
                    answers.entry(answer.status).or_insert(answer);
                    done = done.checked_add(answer.first_byte).unwrap_or(done);
                    answer.status
                }
                // A refusal may be a closed connection.
                _ => 0,
            };
            statuses.push((status, done));
            begin = begin.min(Some(one.at)).or(Some(one.at));
        }
        let alone = statuses.first().map_or(0, |(status, ..)| *status);
        // On a busy machine the last may have been looked at late.
        for (.., done) in &statuses {
            end = end.max(Some(*done));
        }
        let every = seen.iter().find_map(|one| one.every).unwrap_or_default();
        let took = match (begin, end) {
            (Some(begin), Some(end)) => end.duration_since(begin).as_millis(),
            _ => 0,
        };
        let every = i128::try_from(every.as_millis()).unwrap_or(i128::MAX).max(1);
        let mut refused = BTreeMap::new();
        for (status, ..) in statuses.iter().filter(|(status, ..)| *status != alone) {
            *refused.entry(*status).or_default() += 1;
        }
        let admitted = statuses.len() - refused.values().sum::<usize>();
        Self {
            alone,
            admitted: i64::try_from(admitted).unwrap_or(i64::MAX),
            // The clocks of both ends round.
            by_time: i64::try_from(took / every + 1).unwrap_or(i64::MAX),
            refused,
            answers,
        }
    }

    /// How many it takes at once, at least and at most.
    const fn size(&self) -> (i64, i64) {
        (self.admitted - self.by_time, self.admitted)
    }

    fn words(&self) -> String {
        let refusals: Vec<String> = self
            .refused
            .iter()
            .map(|(status, count)| match status {
                0 => format!("{count} without an answer"),
                status => format!("{count} answered {status}"),
            })
            .collect();
        let refused =
            if refusals.is_empty() { "none refused".to_owned() } else { refusals.join(", ") };
        format!("{} at once: {} taken, {refused}", self.count(), self.admitted)
    }

    fn count(&self) -> i64 {
        let refused = self.refused.values().sum::<usize>();
        self.admitted + i64::try_from(refused).unwrap_or(i64::MAX)
    }
}

/// A burst against a rate limit: whether it refuses, how, and after about how many.
fn limit(
    scene: &Scene<'_>,
    taken: &[Taken<'_>; 3],
    context: &Passes<'_>,
    out: &mut Vec<Difference>,
) {
    let [first, again, migrated] = taken;
    let mut push = |kind: Kind, summary: String| {
        out.push(scene.difference(
            kind,
            "rate limit",
            (Tier::Fail, Class::Proxy),
            summary,
            (first.words(), migrated.words()),
        ));
    };
    let status = |one: &Taken<'_>| one.refused.keys().next_back().copied();
    match (status(first).max(status(again)), status(migrated)) {
        (Some(refusal), None) => {
            push(
                Kind::Limit(refusal),
                "the rate limit is gone: no request of a burst is refused".to_owned(),
            );
            return;
        }
        // It may lie beyond what was sent.
        (None, Some(refusal)) => {
            push(Kind::Limit(refusal), "a burst that the original takes is refused".to_owned());
            return;
        }
        (None, None) => {}
        (Some(_), Some(_)) => {
            let new = migrated.refused.keys().find(|status| {
                !first.refused.contains_key(status) && !again.refused.contains_key(status)
            });
            if let Some(new) = new {
                let was = status(first).max(status(again)).unwrap_or(0);
                push(Kind::Limit(*new), format!("a burst is refused with {new} in place of {was}"));
                return;
            }
            // How many it takes at once lies within what both originals allow for.
            let (one, two, mine) = (first.size(), again.size(), migrated.size());
            let (low, high) = (one.0.max(two.0), one.1.min(two.1));
            let (low, high) = (low.min(high), low.max(high));
            if mine.1 < low || mine.0 > high {
                push(
                    Kind::Limit(*migrated.refused.keys().next().unwrap_or(&0)),
                    format!(
                        "the rate limit takes {} requests at once",
                        if mine.1 < low { "fewer" } else { "more" }
                    ),
                );
                return;
            }
        }
    }
    for status in migrated.answers.keys() {
        let (Some(one), Some(mine)) = (first.answers.get(status), migrated.answers.get(status))
        else {
            continue;
        };
        let two = again.answers.get(status).unwrap_or(one);
        answer::compare(scene, [one, two, mine], context, out, &mut Vec::new());
    }
    if migrated.alone != first.alone
        && migrated.alone != again.alone
        && let (Some(one), Some(mine)) =
            (first.answers.get(&first.alone), migrated.answers.get(&migrated.alone))
    {
        answer::compare(scene, [one, one, mine], context, out, &mut Vec::new());
    }
}

/// Repetitions one after another: how many were answered how, with room for timing.
fn repeated(
    scene: &Scene<'_>,
    own: &[Vec<&Observation>; 3],
    context: &Passes<'_>,
    compared: &mut Compared,
) {
    let [first, again, migrated] = own.each_ref().map(|seen| {
        seen.iter()
            .filter_map(|seen| match &seen.outcome {
                Outcome::Answer(answer) => Some(answer),
                _ => None,
            })
            .collect::<Vec<&Answer>>()
    });
    let count = |list: &[&Answer], status: u16| {
        list.iter().filter(|answer| answer.status == status).count()
    };
    let sent = first.len();
    compared.exchanges += sent as u64;
    let statuses: BTreeSet<u16> =
        first.iter().chain(&again).chain(&migrated).map(|answer| answer.status).collect();
    for status in statuses {
        let (one, two, mine) =
            (count(&first, status), count(&again, status), count(&migrated, status));
        let (low, high) = (one.min(two), one.max(two));
        let slack = 2 + sent / 5 + 2 * (high - low);
        let new = high == 0 && mine > 0;
        let gone = low > 0 && mine == 0 && low > 1;
        if new || gone || mine + slack < low || mine > high + slack {
            compared.differences.push(scene.difference(
                Kind::Status(first.first().map_or(0, |answer| answer.status), status),
                "rate limit",
                (Tier::Fail, Class::Proxy),
                "a burst of requests is answered in another way",
                (
                    format!("{one} of {sent} answered {status}"),
                    format!("{mine} of {} answered {status}", migrated.len()),
                ),
            ));
            return;
        }
        let find = |list: &[&'_ Answer]| {
            list.iter().find(|answer| answer.status == status).map(|answer| (*answer).clone())
        };
        if let (Some(one), Some(mine)) = (find(&first), find(&migrated)) {
            let two = find(&again).unwrap_or_else(|| one.clone());
            answer::compare(
                scene,
                [&one, &two, &mine],
                context,
                &mut compared.differences,
                &mut Vec::new(),
            );
        }
    }
}
