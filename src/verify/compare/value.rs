//! Three trees of data compared: the migrated's against what the two of the original allow.

use std::cell::Cell;

use serde_json::{Map, Number, Value};

use super::list;
use crate::verify::learn::identity::Place;
use crate::verify::learn::text::{self, Around, Word};
use crate::verify::learn::time::{self, Fit, Moments};
use crate::verify::learn::{name, token};

/// What differs at one place of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// Another value.
    Changed,
    /// Another type, or null.
    Type,
    /// A field is missing.
    Vanished,
    /// A field is new.
    Appeared,
    /// An element of a list is missing.
    Missing,
    /// An element of a list is new.
    Extra,
    /// The elements are in another order.
    Order,
    /// A time in another notation.
    Notation,
    /// A time is off as by a time zone.
    Zone,
    /// A time is not near its request.
    Stale,
    /// Scheme of a URL.
    Scheme,
    /// Host or port of a URL.
    Authority,
    /// A client address.
    Address,
    /// A recent time, or a count, that drifted since the copy.
    Drift,
    /// A header added by another proxy, as an app echoes it.
    Forwarded,
}

/// One difference in data.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where, array indices as `*`.
    pub(crate) pointer: String,
    /// What.
    pub(crate) what: What,
    /// What the original has.
    pub(crate) original: String,
    /// What the migrated has.
    pub(crate) migrated: String,
}

/// Where findings go.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    /// The differences.
    pub(crate) found: Vec<Found>,
    /// Ids to be mapped.
    pub(crate) places: Vec<Place>,
}

impl Sink {
    fn add(&mut self, pointer: &str, what: What, original: &Value, migrated: &Value) {
        self.note(pointer, what, shown(original), shown(migrated));
    }

    /// Adds a difference that is described in words.
    pub(crate) fn note(&mut self, pointer: &str, what: What, original: String, migrated: String) {
        // A page with a thousand different rows is one fault.
        if self.found.len() < 500 {
            self.found.push(Found { pointer: pointer.to_owned(), what, original, migrated });
        }
    }

    fn id(&mut self, pointer: &str, values: [String; 3]) {
        if self.places.len() < 20_000 {
            self.places.push(Place { pointer: pointer.to_owned(), values, step: 0 });
        }
    }
}

/// What is known while walking.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Moments of the three requests.
    pub(crate) moments: Moments,
    /// Whether the two sides are known to hold different numbers of rows.
    pub(crate) drifted: bool,
    /// How many more trial comparisons may be made.
    pub(crate) budget: Cell<u64>,
}

/// A value cut to what a reader needs.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 160 {
        return text;
    }
    let mut cut: String = text.chars().take(160).collect();
    cut.push('…');
    cut
}

/// Compares three values.
pub(crate) fn compare(values: [&Value; 3], pointer: &str, walk: &Walk, sink: &mut Sink) {
    let [first, again, migrated] = values;
    match (first, again, migrated) {
        (Value::Object(one), Value::Object(two), Value::Object(mine)) => {
            objects([one, two, mine], pointer, walk, sink);
        }
        (Value::Array(one), Value::Array(two), Value::Array(mine)) => {
            list::compare([one, two, mine], pointer, walk, sink);
        }
        (Value::String(one), Value::String(two), Value::String(mine)) => {
            texts([one, two, mine], pointer, walk, sink);
        }
        (Value::Number(one), Value::Number(two), Value::Number(mine)) => {
            numbers([one, two, mine], pointer, walk, sink);
        }
        _ if first == migrated || again == migrated => {}
        // The original varies between two types: the migrated may be either.
        _ if kind(first) != kind(again) => {
            if kind(migrated) != kind(first) && kind(migrated) != kind(again) {
                sink.add(pointer, What::Type, first, migrated);
            }
        }
        _ if kind(first) != kind(migrated) => sink.add(pointer, What::Type, first, migrated),
        // Two booleans that varied: either is fine; fixed ones differ.
        _ if first != again => {}
        _ => sink.add(pointer, What::Changed, first, migrated),
    }
}

/// The type of a value.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

fn objects(maps: [&Map<String, Value>; 3], pointer: &str, walk: &Walk, sink: &mut Sink) {
    let [first, again, migrated] = maps;
    let known = |key: &String| first.contains_key(key) || again.contains_key(key);
    for (key, one) in first {
        let below = format!("{pointer}/{key}");
        match (again.get(key), migrated.get(key)) {
            (Some(two), Some(mine)) => compare([one, two, mine], &below, walk, sink),
            (Some(_), None) => {
                sink.note(
                    &below,
                    What::Vanished,
                    format!("{key}: {}", shown(one)),
                    "no such field".into(),
                );
            }
            // A field that comes and goes must have its type when it is there.
            (None, Some(mine)) if kind(one) != kind(mine) => {
                sink.add(&below, What::Type, one, mine);
            }
            (None, _) => {}
        }
    }
    for (key, two) in again {
        if !first.contains_key(key)
            && let Some(mine) = migrated.get(key)
            && kind(two) != kind(mine)
        {
            sink.add(&format!("{pointer}/{key}"), What::Type, two, mine);
        }
    }
    let varying = |one: &Map<String, Value>, two: &Map<String, Value>| {
        one.keys().filter(|key| !two.contains_key(*key)).cloned().collect::<Vec<_>>()
    };
    let keyed_by_id = {
        let (left, right) = (varying(first, again), varying(again, first));
        !left.is_empty() && !right.is_empty() && left.iter().chain(&right).all(|key| made_up(key))
    };
    for (key, mine) in migrated.iter().filter(|(key, _)| !known(key)) {
        if token::is_foreign(key) || (keyed_by_id && made_up(key)) {
            continue;
        }
        let below = format!("{pointer}/{key}");
        let what = if is_forwarded(&below) { What::Forwarded } else { What::Appeared };
        sink.note(&below, what, "no such field".into(), format!("{key}: {}", shown(mine)));
    }
}

/// Whether a key is data and not a name.
fn made_up(key: &str) -> bool {
    token::is_random(key) || token::is_foreign(key) || key.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a pointer leads to an echoed header that a further proxy adds.
fn is_forwarded(pointer: &str) -> bool {
    let key = name::last(pointer).to_ascii_lowercase();
    pointer.to_ascii_lowercase().contains("header")
        && (key.starts_with("x-forwarded-")
            || key.starts_with("x-original-")
            || key.starts_with("x-envoy-")
            || matches!(
                key.as_str(),
                "forwarded" | "via" | "x-real-ip" | "x-request-id" | "x-scheme" | "traceparent"
            ))
}

fn texts(texts: [&str; 3], pointer: &str, walk: &Walk, sink: &mut Sink) {
    let [first, again, migrated] = texts;
    if first == again && first == migrated {
        return;
    }
    let around = Around { moments: &walk.moments, pointer };
    let what = match text::compare(texts, &around) {
        Word::Good | Word::Made => {
            if first != again && name::is_id(name::last(pointer)) {
                sink.id(pointer, texts.map(str::to_owned));
            }
            return;
        }
        Word::Id => {
            sink.id(pointer, texts.map(str::to_owned));
            return;
        }
        Word::Address => What::Address,
        Word::Recent => What::Drift,
        Word::Time(Fit::Zone) => What::Zone,
        Word::Time(Fit::Notation) => What::Notation,
        Word::Time(_) => What::Stale,
        Word::Different => url_part(first, migrated).unwrap_or(What::Changed),
    };
    let (original, migrated) = around_difference(first, migrated);
    sink.note(pointer, what, original, migrated);
}

/// Which part of a URL differs, when both texts are URLs that differ only there.
fn url_part(first: &str, migrated: &str) -> Option<What> {
    let (one, mine) = (url::Url::parse(first).ok()?, url::Url::parse(migrated).ok()?);
    if !one.has_host()
        || !mine.has_host()
        || one.path() != mine.path()
        || one.query() != mine.query()
    {
        return None;
    }
    if one.host() != mine.host() || (one.port() != mine.port() && one.scheme() == mine.scheme()) {
        return Some(What::Authority);
    }
    (one.scheme() != mine.scheme()).then_some(What::Scheme)
}

/// Two texts cut to where they begin to differ.
pub(crate) fn around_difference(first: &str, migrated: &str) -> (String, String) {
    let common =
        first.chars().zip(migrated.chars()).take_while(|(left, right)| left == right).count();
    let from = common.saturating_sub(40);
    let cut = |text: &str| {
        let mut out = String::new();
        if from > 0 {
            out.push('…');
        }
        out.extend(text.chars().skip(from).take(120));
        if text.chars().count() > from + 120 {
            out.push('…');
        }
        Value::String(out).to_string()
    };
    (cut(first), cut(migrated))
}

fn numbers(numbers: [&Number; 3], pointer: &str, walk: &Walk, sink: &mut Sink) {
    let floats = numbers.map(|number| number.as_f64().unwrap_or(0.0));
    let [first, again, migrated] = floats;
    let whole = |number: &Number| number.is_i64() || number.is_u64();
    let key = name::last(pointer);
    let id = name::is_id(key) && numbers.iter().all(|number| whole(number));
    let shown = numbers.map(ToString::to_string);
    if id && shown[0] != shown[1] {
        sink.id(pointer, shown);
        return;
    }
    if same(first, again) && same(first, migrated) {
        return;
    }
    let stamps = [
        time::epoch(first, walk.moments.at[0]),
        time::epoch(again, walk.moments.at[1]),
        time::epoch(migrated, walk.moments.at[2]),
    ];
    if let [Some(one), Some(two), mine] = &stamps {
        let what = match mine.as_ref().map(|mine| time::fit([one, two, mine], &walk.moments)) {
            Some(Fit::Good) => return,
            _ if !same(first, again) && (same(migrated, first) || same(migrated, again)) => return,
            Some(Fit::Recent) => What::Drift,
            Some(Fit::Zone) => What::Zone,
            Some(Fit::Far) => What::Stale,
            Some(Fit::Notation) | None => What::Notation,
        };
        sink.note(pointer, what, shown[0].clone(), shown[2].clone());
        return;
    }
    if same(first, again) {
        if id {
            sink.id(pointer, shown);
            return;
        }
        let what = if walk.drifted && (name::is_count(key) || name::is_cursor(key)) {
            What::Drift
        } else {
            What::Changed
        };
        sink.note(pointer, what, shown[0].clone(), shown[2].clone());
        return;
    }
    // It varied: a counter or a measure. It keeps its sign and, for integers, being one.
    let integers = whole(numbers[0]) && whole(numbers[1]);
    if first >= 0.0 && again >= 0.0 && migrated < 0.0 {
        sink.note(pointer, What::Changed, shown[0].clone(), shown[2].clone());
    } else if integers && !whole(numbers[2]) && migrated.fract() != 0.0 {
        sink.note(pointer, What::Type, shown[0].clone(), shown[2].clone());
    } else if integers && far(first, again, migrated) {
        sink.note(pointer, What::Drift, shown[0].clone(), shown[2].clone());
    }
}

/// Whether two numbers are one.
fn same(left: f64, right: f64) -> bool {
    (left - right).abs() < f64::EPSILON * left.abs().max(right.abs()).max(1.0)
}

/// Whether a counter is far from where the two of the original stand.
fn far(first: f64, again: f64, migrated: f64) -> bool {
    let (low, high) = (first.min(again), first.max(again));
    let slack = 1000.0 + 20.0 * (high - low);
    migrated < low - slack || migrated > high + slack
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn walk() -> Walk {
        Walk {
            moments: Moments {
                at: ["2026-03-01T10:00:00Z", "2026-03-01T10:00:05Z", "2026-03-01T10:00:10Z"]
                    .map(|text| text.parse().unwrap()),
                copied_at: None,
            },
            drifted: false,
            budget: Cell::new(100_000),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tests")]
    fn judge(first: Value, again: Value, migrated: Value) -> Vec<(String, What)> {
        let mut sink = Sink::default();
        compare([&first, &again, &migrated], "", &walk(), &mut sink);
        sink.found.into_iter().map(|found| (found.pointer, found.what)).collect()
    }

    fn one(pointer: &str, what: What) -> Vec<(String, What)> {
        vec![(pointer.to_owned(), what)]
    }

    #[test]
    fn fixed_values_must_be_the_same() {
        let seen = json!({"a": 1, "b": [true, null], "c": "x"});
        assert_eq!(
            judge(seen.clone(), seen.clone(), json!({"c": "x", "b": [true, null], "a": 1})),
            []
        );
        assert_eq!(
            judge(json!({"a": 1}), json!({"a": 1}), json!({"a": 2})),
            one("/a", What::Changed)
        );
        assert_eq!(
            judge(json!({"a": 1}), json!({"a": 1}), json!({"a": "1"})),
            one("/a", What::Type)
        );
        assert_eq!(
            judge(json!({"a": 1}), json!({"a": 1}), json!({"a": null})),
            one("/a", What::Type)
        );
        assert_eq!(judge(json!({"a": 1}), json!({"a": 1}), json!({})), one("/a", What::Vanished));
        assert_eq!(judge(json!({}), json!({}), json!({"a": 1})), one("/a", What::Appeared));
        assert_eq!(
            judge(json!({"a": false}), json!({"a": false}), json!({"a": true})),
            one("/a", What::Changed)
        );
    }

    #[test]
    fn varying_values_keep_their_type() {
        assert_eq!(judge(json!({"n": 5}), json!({"n": 6}), json!({"n": 9})), []);
        assert_eq!(
            judge(json!({"n": 5}), json!({"n": 6}), json!({"n": "9"})),
            one("/n", What::Type)
        );
        assert_eq!(
            judge(json!({"n": 5}), json!({"n": 6}), json!({"n": -9})),
            one("/n", What::Changed)
        );
        assert_eq!(judge(json!({"n": 5}), json!({"n": null}), json!({"n": null})), []);
        assert_eq!(
            judge(
                json!({"at": "2026-03-01T10:00:00Z"}),
                json!({"at": "2026-03-01T10:00:05Z"}),
                json!({"at": "2026-03-01T10:00:10+00:00"})
            ),
            one("/at", What::Notation)
        );
        assert_eq!(
            judge(
                json!({"at": 1_772_359_200_000_u64}),
                json!({"at": 1_772_359_205_000_u64}),
                json!({"at": 1_772_359_210_u64})
            ),
            one("/at", What::Notation)
        );
    }

    #[test]
    fn urls_are_told_apart() {
        let judge = |mine: &str| {
            judge(json!(["http://a.example/x"]), json!(["http://a.example/x"]), json!([mine]))
        };
        assert_eq!(judge("https://a.example/x")[0].1, What::Scheme);
        assert_eq!(judge("http://a.example:8080/x")[0].1, What::Authority);
        assert_eq!(judge("http://a.example/y")[0].1, What::Changed);
    }

    #[test]
    fn headers_of_a_further_proxy_are_told_apart() {
        let seen = json!({"headers": {"host": "a"}});
        assert_eq!(
            judge(
                seen.clone(),
                seen.clone(),
                json!({"headers": {"host": "a", "x-forwarded-port": "80"}})
            )[0]
            .1,
            What::Forwarded
        );
        assert_eq!(
            judge(seen.clone(), seen, json!({"headers": {"host": "a", "x-y": "80"}}))[0].1,
            What::Appeared
        );
    }
}
