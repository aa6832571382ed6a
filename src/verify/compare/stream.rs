//! What sockets and event streams heard, over a whole scenario.
//!
//! A message may come in one wait or the next, so all that a socket heard is put together. Within
//! one sender and kind of message the order must be kept; between senders only if both passes
//! over the original had the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::{Passes, in_data};
use super::body::own;
use super::difference::{Difference, Kind, Scene};
use super::list;
use super::value::{Sink, What, shown};
use crate::model::verdict::{Class, Tier};
use crate::verify::learn::identity::Place;
use crate::verify::learn::token;
use crate::verify::observation::{Heard, Message};

const FAIL: (Tier, Class) = (Tier::Fail, Class::Realtime);

/// All that one socket or stream heard in one pass.
#[derive(Debug, Default)]
pub(crate) struct Ear<'a> {
    /// The waits, with the index of their step.
    pub(crate) waits: Vec<(usize, &'a Heard)>,
}

/// A message as data.
struct Said {
    /// Kind, tag and sender.
    group: (String, String, String),
    tree: Value,
}

fn said(message: &Message, unique: &str) -> Said {
    let text = own(&message.data, unique);
    let data = serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text));
    let tag = ["type", "event", "kind", "op", "action", "t", "cmd"]
        .iter()
        .find_map(|key| data.get(key).and_then(Value::as_str))
        .unwrap_or("")
        .to_owned();
    let sender = sender(&data, 0).unwrap_or_default();
    let mut map = serde_json::Map::new();
    if let Some(id) = &message.id {
        let id = id.parse::<u64>().map_or_else(|_| Value::String(id.clone()), Value::from);
        map.insert("id".into(), id);
    }
    // Ids in messages of one kind name one kind of thing.
    map.insert(if tag.is_empty() { message.kind.clone() } else { tag.clone() }, data);
    Said { group: (message.kind.clone(), tag, sender), tree: Value::Object(map) }
}

/// Who a message is from, as far as its fields say.
fn sender(data: &Value, depth: usize) -> Option<String> {
    let map = data.as_object()?;
    for key in ["user", "author", "from", "sender", "nick", "username"] {
        match map.get(key) {
            Some(Value::String(text)) => return Some(text.clone()),
            Some(Value::Object(inner)) => {
                if let Some(Value::String(text)) =
                    inner.get("name").or_else(|| inner.get("username"))
                {
                    return Some(text.clone());
                }
            }
            _ => {}
        }
    }
    if depth < 2 { map.values().find_map(|inner| sender(inner, depth + 1)) } else { None }
}

/// Compares what one socket or stream heard.
pub(crate) fn compare(
    name: &str,
    scene: &dyn Fn(usize) -> Scene<'static>,
    ears: [&Ear<'_>; 3],
    passes: &Passes<'_>,
    out: &mut Vec<Difference>,
    places: &mut Vec<Place>,
) {
    let mut side = 0;
    let [first, again, migrated] = ears.map(|ear| {
        let unique = passes.uniques[side];
        side += 1;
        ear.waits
            .iter()
            .flat_map(|(_, heard)| &heard.messages)
            .map(|message| said(message, unique))
            .collect::<Vec<_>>()
    });
    let Some((last, _)) = ears[0].waits.last() else { return };
    // The first wait that was not filled on the migrated but was on the original.
    let unfilled = waits(ears)
        .into_iter()
        .find(|(_, [one, two, mine])| one.complete && two.complete && !mine.complete);
    let at = unfilled.as_ref().map_or(*last, |(order, _)| *order);
    let before = out.len();
    let groups: BTreeSet<_> =
        first.iter().chain(&migrated).map(|said| said.group.clone()).collect();
    for group in groups {
        let of = |list: &[Said]| -> Vec<Value> {
            list.iter().filter(|said| said.group == group).map(|said| said.tree.clone()).collect()
        };
        let lists = [of(&first), of(&again), of(&migrated)];
        if token::is_foreign(&group.2) {
            continue;
        }
        let mut sink = Sink::default();
        list::compare([&lists[0], &lists[1], &lists[2]], "", &passes.walk(), &mut sink);
        places.append(&mut sink.places);
        for found in sink.found {
            out.push(difference(name, &scene(at), &group, &lists, found));
        }
    }
    if let Some((_, [_, _, mine])) = &unfilled
        && !out[before..].iter().any(|difference| matches!(difference.kind, Kind::Lost))
    {
        out.push(scene(at).difference(
            Kind::Lost,
            "heard lost",
            FAIL,
            "messages do not come in time",
            (
                format!("{name}: all that was waited for"),
                format!(
                    "{name}: {} messages, then nothing for {} ms",
                    mine.messages.len(),
                    mine.waited.as_millis()
                ),
            ),
        ));
    }
    let whole = out.len() == before;
    closed(name, scene, ears, out);
    if whole {
        order(name, &scene(at), [&first, &again, &migrated], out);
    }
}

/// The waits at the same step in all three passes.
fn waits<'a>(ears: [&Ear<'a>; 3]) -> Vec<(usize, [&'a Heard; 3])> {
    ears[0]
        .waits
        .iter()
        .filter_map(|(order, one)| {
            let at = |ear: &Ear<'a>| {
                ear.waits.iter().find(|(other, _)| other == order).map(|(_, heard)| *heard)
            };
            Some((*order, [*one, at(ears[1])?, at(ears[2])?]))
        })
        .collect()
}

fn difference(
    name: &str,
    scene: &Scene<'_>,
    group: &(String, String, String),
    lists: &[Vec<Value>; 3],
    found: super::value::Found,
) -> Difference {
    let what =
        if group.1.is_empty() { group.0.clone() } else { format!("{} {:?}", group.0, group.1) };
    let counts = (
        format!("{name} heard {} × {what}", lists[0].len()),
        format!("{name} heard {} × {what}", lists[2].len()),
    );
    let top = found.pointer.is_empty();
    match found.what {
        What::Missing if top => scene.difference(
            Kind::Lost,
            "heard lost",
            FAIL,
            "messages do not arrive at every client",
            counts,
        ),
        What::Extra if top => {
            let doubled = lists[2].len() > lists[0].len() && !lists[0].is_empty();
            if doubled {
                scene.difference(
                    Kind::Doubled,
                    "heard doubled",
                    FAIL,
                    "messages arrive more than once",
                    counts,
                )
            } else {
                scene.difference(
                    Kind::Surplus,
                    "heard surplus",
                    FAIL,
                    "messages arrive that did not before",
                    (counts.0, format!("{}\n{}", counts.1, found.migrated)),
                )
            }
        }
        What::Order if top => scene.difference(
            Kind::Disorder,
            "heard order",
            FAIL,
            "messages of one sender arrive in another order",
            (found.original, found.migrated),
        ),
        _ => in_data(scene, &found, Class::Realtime, true),
    }
}

fn closed(
    name: &str,
    scene: &dyn Fn(usize) -> Scene<'static>,
    ears: [&Ear<'_>; 3],
    out: &mut Vec<Difference>,
) {
    let show = |closed: Option<Option<u16>>| match closed {
        None => format!("{name} stays open"),
        Some(None) => format!("{name} is closed without a code"),
        Some(Some(code)) => format!("{name} is closed with code {code}"),
    };
    for (order, [one, two, mine]) in waits(ears) {
        if one.closed == two.closed && one.closed != mine.closed {
            out.push(scene(order).difference(
                Kind::Closed,
                "heard closed",
                FAIL,
                "connections are closed in another way",
                (show(one.closed), show(mine.closed)),
            ));
            return;
        }
    }
}

/// The order between kinds of message.
fn order(name: &str, scene: &Scene<'_>, said: [&Vec<Said>; 3], out: &mut Vec<Difference>) {
    let own = said.map(|list| {
        list.iter()
            .filter(|said| !token::is_foreign(&said.tree.to_string()))
            .map(|said| &said.group)
            .collect::<Vec<_>>()
    });
    let count = |list: &[&(String, String, String)]| {
        let mut counts: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for group in list {
            *counts.entry((*group).clone()).or_default() += 1;
        }
        counts
    };
    if own[0] != own[1] || own[0] == own[2] || count(&own[0]) != count(&own[2]) {
        return;
    }
    let of = |index: usize, sender: &str| -> Vec<&(String, String, String)> {
        own[index].iter().copied().filter(|group| group.2 == sender).collect()
    };
    let senders: BTreeSet<&str> =
        own[0].iter().map(|group| group.2.as_str()).filter(|sender| !sender.is_empty()).collect();
    let within = senders.into_iter().any(|sender| of(0, sender) != of(2, sender));
    let tier = if within { Tier::Fail } else { Tier::NonStrict };
    let names = |index: usize| {
        let list: Vec<String> = own[index]
            .iter()
            .map(|group| format!("{} {}", group.1, group.2).trim().to_owned())
            .collect();
        format!("{name}: {}", shown(&Value::String(list.join(", "))))
    };
    out.push(scene.difference(
        Kind::Disorder,
        if within { "heard order" } else { "heard interleaving" },
        (tier, Class::Realtime),
        if within {
            "messages of one sender arrive in another order"
        } else {
            "messages of different senders interleave in another way"
        },
        (names(0), names(2)),
    ));
}
