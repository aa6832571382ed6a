//! From three passes to differences, step by step.

mod address;
mod answer;
mod body;
mod burst;
mod cookie;
mod definitions;
mod difference;
mod headers;
mod list;
mod pair;
mod rows;
pub(super) mod serverless;
mod stream;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub(super) use address::{BELIEVED, LOST};
pub(super) use answer::Passes;
pub(super) use difference::{Difference, Kind, Scene};
pub(super) use value::What;

use crate::data::delta::{CopiedTable, Definition, TableDelta};
use crate::model::verdict::{Class, Tier};
use crate::verify::learn::identity::{self, Place};
use crate::verify::learn::time::Moments;
use crate::verify::observation::{Answer, FailureKind, Observation, Outcome, Pass};

/// What the comparison found.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// The differences, in the order of scenarios and steps.
    pub(super) differences: Vec<Difference>,
    /// Answers and waits that were compared.
    pub(super) exchanges: u64,
    /// Steps at which the two passes over the original did not answer alike, or not at all.
    pub(super) unsteady: u64,
}

/// What is known beside the passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// What the passes of each scenario wrote.
    pub(super) written: &'a [[Vec<TableDelta>; 3]],
    /// The tables as they were copied.
    pub(super) copied: &'a [CopiedTable],
    /// Definitions and settings of the databases that differ.
    pub(super) definitions: &'a [Definition],
    /// When the data was copied.
    pub(super) copied_at: Option<Timestamp>,
}

/// Compares all scenarios.
pub(super) fn compare(passes: &[[Pass; 3]], known: &Known<'_>) -> Compared {
    let mut compared = Compared::default();
    let mut places = Vec::new();
    let mut base = 0;
    let drifted = drifted(known);
    for (index, three) in passes.iter().enumerate() {
        let mut own = Vec::new();
        scenario(index, three, known.copied_at, drifted, &mut compared, &mut own);
        places.extend(own.into_iter().map(|place| Place { step: base + place.step, ..place }));
        base += three[0].observations.len();
    }
    let unique = |index: usize, side: usize| {
        passes.get(index).map_or("", |three| three[side].unique.as_str())
    };
    for (index, deltas) in known.written.iter().enumerate() {
        let now = Timestamp::now();
        let at = [0, 1, 2].map(|side| {
            passes
                .get(index)
                .and_then(|three| three[side].observations.first())
                .map_or(now, |seen| seen.at)
        });
        let context = Passes {
            moments: Moments { at, copied_at: known.copied_at },
            uniques: [unique(index, 0), unique(index, 1), unique(index, 2)],
            drifted,
        };
        let mut own = Vec::new();
        rows::written(index, deltas, &context, &mut compared.differences, &mut own);
        // Rows belong to no step of their own; a break is shown at the last.
        places.extend(own.into_iter().map(|place| Place { step: base.saturating_sub(1), ..place }));
    }
    for table in known.copied {
        rows::copied(table, &mut compared.differences);
    }
    definitions::compare(known.definitions, known.copied, &mut compared.differences);
    ids(passes, &places, &mut compared.differences);
    compared
}

/// Whether the two sides are known to have held different data at the start.
fn drifted(known: &Known<'_>) -> bool {
    let grown = known.written.first().is_some_and(|deltas| {
        deltas[0].iter().any(|one| {
            deltas[2].iter().any(|mine| {
                one.database == mine.database
                    && one.table == mine.table
                    && one.before != mine.before
            })
        })
    });
    grown || known.copied.iter().any(|table| table.original != table.copied)
}

/// Ids that do not map one to one.
fn ids(passes: &[[Pass; 3]], places: &[Place], out: &mut Vec<Difference>) {
    let steps: Vec<(usize, usize)> = passes
        .iter()
        .enumerate()
        .flat_map(|(scenario, three)| {
            (0..three[0].observations.len()).map(move |order| (scenario, order))
        })
        .collect();
    for broken in identity::check(places) {
        let Some((scenario, order)) = steps.get(broken.step).copied() else { continue };
        let seen = &passes[scenario][0].observations[order];
        let scene = scene(scenario, order, seen);
        out.push(scene.difference(
            Kind::Identity,
            "identity",
            (Tier::Fail, Class::Data),
            "ids do not stand for the same things throughout",
            (
                format!("{}: {}", broken.pointer, broken.original),
                format!("{}: {}", broken.pointer, broken.migrated),
            ),
        ));
    }
}

fn scene(scenario: usize, order: usize, seen: &Observation) -> Scene<'_> {
    let path = match &seen.outcome {
        Outcome::Answer(answer) => answer.path.as_str(),
        _ => "",
    };
    Scene {
        scenario,
        order,
        step: &seen.step,
        sent: &seen.sent,
        claimed: &seen.claimed,
        path,
        origin: seen.origin.as_ref(),
    }
}

fn scenario(
    index: usize,
    three: &[Pass; 3],
    copied_at: Option<Timestamp>,
    drifted: bool,
    compared: &mut Compared,
    places: &mut Vec<Place>,
) {
    let by_key = |pass: &Pass| {
        pass.observations
            .iter()
            .enumerate()
            .map(|(order, seen)| ((seen.step.clone(), seen.repetition), order))
            .collect::<BTreeMap<_, _>>()
    };
    let keys = [by_key(&three[1]), by_key(&three[2])];
    let mut bursts: BTreeSet<&str> = BTreeSet::new();
    for (order, first) in three[0].observations.iter().enumerate() {
        let key = (first.step.clone(), first.repetition);
        let (Some(again), Some(migrated)) = (
            keys[0].get(&key).and_then(|order| three[1].observations.get(*order)),
            keys[1].get(&key).and_then(|order| three[2].observations.get(*order)),
        ) else {
            // Nothing seen is nothing proven.
            if keys[0].contains_key(&key) && !matches!(first.outcome, Outcome::Skipped(_)) {
                compared.differences.push(scene(index, order, first).difference(
                    Kind::Skipped,
                    "skipped",
                    (Tier::Fail, Class::Runtime),
                    "steps were not carried out on the migrated",
                    ("carried out", "not carried out"),
                ));
            }
            continue;
        };
        let mut scene = scene(index, order, first);
        if scene.path.is_empty()
            && let Outcome::Answer(answer) = &migrated.outcome
        {
            scene.path = &answer.path;
        }
        let context = Passes {
            moments: Moments { at: [first.at, again.at, migrated.at], copied_at },
            uniques: three.each_ref().map(|pass| pass.unique.as_str()),
            drifted,
        };
        if burst::is_burst(three, &first.step) {
            if bursts.insert(&first.step) {
                burst::compare(&scene, three, &context, compared);
            }
            continue;
        }
        let mut own = Vec::new();
        step(&scene, [first, again, migrated], &context, compared, &mut own);
        places.extend(own.into_iter().map(|place| Place { step: order, ..place }));
    }
    sockets(index, three, copied_at, drifted, compared, places);
}

fn step(
    scene: &Scene<'_>,
    seen: [&Observation; 3],
    context: &Passes<'_>,
    compared: &mut Compared,
    places: &mut Vec<Place>,
) {
    let [first, again, migrated] = seen.map(|seen| &seen.outcome);
    let out = &mut compared.differences;
    match (first, again, migrated) {
        (Outcome::Skipped(_), _, _) | (_, Outcome::Skipped(_), _) => return,
        (_, _, Outcome::Skipped(reason)) => {
            out.push(scene.difference(
                Kind::Skipped,
                "skipped",
                (Tier::Fail, Class::Data),
                "steps cannot be carried out because an earlier answer lacks what they need",
                ("carried out", format!("left out: {reason}")),
            ));
            return;
        }
        (Outcome::Answer(one), Outcome::Answer(two), Outcome::Answer(mine)) => {
            let statuses = |status: u16| status / 100;
            if statuses(one.status) != statuses(two.status) {
                compared.unsteady += 1;
            }
            answer::compare(scene, [one, two, mine], context, out, places);
        }
        (Outcome::Raw(one), Outcome::Raw(two), Outcome::Raw(mine)) => {
            let [one, two, mine] = [one, two, mine].map(|bytes| raw(bytes));
            match (one, two, mine) {
                (Some(one), Some(two), Some(mine)) => {
                    answer::compare(scene, [&one, &two, &mine], context, out, places);
                }
                (None, None, Some(_)) | (Some(_), Some(_), None) => out.push(scene.difference(
                    Kind::Body,
                    "raw",
                    (Tier::Fail, Class::Proxy),
                    "raw requests are answered in another way",
                    ("", ""),
                )),
                _ => {}
            }
        }
        (Outcome::Failed(_), Outcome::Failed(_), Outcome::Failed(_)) => compared.unsteady += 1,
        (Outcome::Failed(one), Outcome::Failed(_), _) => {
            compared.unsteady += 1;
            out.push(scene.difference(
                Kind::Answered,
                "answered",
                (Tier::Fail, Class::Proxy),
                "requests are answered that the original does not answer",
                (one.message.clone(), "an answer"),
            ));
        }
        (Outcome::Failed(_), _, _) | (_, Outcome::Failed(_), _) => compared.unsteady += 1,
        (one, _, Outcome::Failed(failure)) => {
            let handshake = matches!(one, Outcome::Answer(answer) if answer.status == 101);
            let (class, group) = match failure.kind {
                _ if handshake => (Class::Realtime, "websocket handshake".to_owned()),
                _ if matches!(one, Outcome::Done | Outcome::Messages(_)) => {
                    (Class::Realtime, "socket failed".into())
                }
                FailureKind::Timeout => (Class::Proxy, "timeout".into()),
                FailureKind::Tls => (Class::Proxy, "tls".into()),
                kind => (Class::Runtime, format!("failed {kind:?}").to_lowercase()),
            };
            let was = match one {
                Outcome::Answer(answer) => {
                    format!("{} in {} ms", answer.status, answer.total.as_millis())
                }
                _ => "goes well".to_owned(),
            };
            let kind = if handshake { Kind::Handshake(101, 0) } else { Kind::Failed(failure.kind) };
            let summary = if handshake {
                "the upgrade to WebSocket is refused"
            } else {
                "requests get no answer"
            };
            let message: String = failure.message.chars().take(160).collect();
            out.push(scene.difference(kind, group, (Tier::Fail, class), summary, (was, message)));
        }
        // Waits are compared socket by socket, over the whole scenario.
        (Outcome::Messages(heard), _, _) => {
            compared.exchanges += heard.iter().map(|one| one.messages.len() as u64).sum::<u64>();
        }
        _ => {}
    }
    if matches!(first, Outcome::Answer(_) | Outcome::Raw(_)) {
        compared.exchanges += 1;
    }
}

/// A raw answer read as an HTTP answer.
fn raw(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = bytes[end + 4..].to_vec();
    Some(Answer {
        method: String::new(),
        path: String::new(),
        status,
        headers,
        body_bytes: body.len() as u64,
        body,
        digest: None,
        broken: None,
        first_byte: std::time::Duration::ZERO,
        total: std::time::Duration::ZERO,
    })
}

fn sockets(
    index: usize,
    three: &[Pass; 3],
    copied_at: Option<Timestamp>,
    drifted: bool,
    compared: &mut Compared,
    places: &mut Vec<Place>,
) {
    let ears = three.each_ref().map(|pass| {
        let mut ears: BTreeMap<&str, stream::Ear<'_>> = BTreeMap::new();
        for (order, seen) in pass.observations.iter().enumerate() {
            if let Outcome::Messages(heard) = &seen.outcome {
                for one in heard {
                    ears.entry(one.name.as_str()).or_default().waits.push((order, one));
                }
            }
        }
        ears
    });
    for (name, first) in &ears[0] {
        let (Some(again), Some(migrated)) = (ears[1].get(name), ears[2].get(name)) else {
            continue;
        };
        let when =
            |pass: &Pass| pass.observations.first().map_or_else(Timestamp::now, |seen| seen.at);
        let at = first.waits.last().map_or(0, |(order, _)| *order);
        let moment =
            |pass: &Pass| pass.observations.get(at).map_or_else(|| when(pass), |seen| seen.at);
        let context = Passes {
            moments: Moments { at: three.each_ref().map(moment), copied_at },
            uniques: three.each_ref().map(|pass| pass.unique.as_str()),
            drifted,
        };
        let mut own = Vec::new();
        let mut found = Vec::new();
        // The scene is filled in afterwards: it borrows nothing.
        let scene = |order: usize| Scene {
            scenario: index,
            order,
            step: "",
            sent: "",
            claimed: &[],
            path: "",
            origin: None,
        };
        stream::compare(name, &scene, [first, again, migrated], &context, &mut found, &mut own);
        for mut difference in found {
            difference.path = stream_path(&three[0], difference.order);
            if let Some(seen) = three[0].observations.get(difference.order) {
                difference.step.clone_from(&seen.step);
                difference.origin.clone_from(&seen.origin);
                difference.original = format!("{}{}", seen.sent, difference.original);
                difference.migrated = format!("{}{}", seen.sent, difference.migrated);
            }
            compared.differences.push(difference);
        }
        places.extend(own.into_iter().map(|place| Place { step: at, ..place }));
    }
}

/// The path of the socket or stream that was opened last before a step.
fn stream_path(pass: &Pass, order: usize) -> String {
    pass.observations[..order.min(pass.observations.len())]
        .iter()
        .rev()
        .find_map(|seen| match &seen.outcome {
            Outcome::Answer(answer)
                if answer.status == 101
                    || answer.headers.iter().any(|(name, value)| {
                        name == "content-type" && value.starts_with("text/event-stream")
                    }) =>
            {
                Some(answer.path.clone())
            }
            _ => None,
        })
        .unwrap_or_default()
}
