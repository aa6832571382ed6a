//! Lists: aligned, with what other verify runs left behind taken out.

use serde_json::Value;

use super::pair::{alike, common, matching};
use super::value::{self, Sink, Walk, What, shown};
use crate::verify::learn::{name, token};

/// Largest product of lengths for which lists are aligned element by element.
pub(super) const LARGEST: usize = 40_000;

/// A list without what other runs made, and how much that was at either end.
struct Cleaned<'a> {
    kept: Vec<&'a Value>,
    length: usize,
    dropped: usize,
    /// Whether what verify runs made stands at the end (the newest last) or at the start; unknown
    /// when there is nothing else.
    at_end: Option<bool>,
}

fn clean(list: &[Value]) -> Cleaned<'_> {
    let mut kept = Vec::with_capacity(list.len());
    for element in list {
        if !is_foreign(element) {
            kept.push(element);
        }
    }
    let dropped = list.len() - kept.len();
    let at_end = if dropped > 0 { made_at_end(list) } else { None };
    Cleaned { kept, length: list.len(), dropped, at_end }
}

/// Whether what this and other runs made stands, on the whole, behind what they did not.
fn made_at_end(list: &[Value]) -> Option<bool> {
    let (mut made, mut others) = ((0_usize, 0_usize), (0_usize, 0_usize));
    for (index, element) in list.iter().enumerate() {
        let is_made = is_foreign(element) || element.to_string().contains("${unique}");
        let sum = if is_made { &mut made } else { &mut others };
        *sum = (sum.0 + index, sum.1 + 1);
    }
    // The means compared, without fractions.
    (made.1 > 0 && others.1 > 0).then(|| made.0 * others.1 > others.0 * made.1)
}

/// Whether an element was made by another pass or run.
fn is_foreign(value: &Value) -> bool {
    match value {
        Value::String(text) => token::is_foreign(text),
        Value::Array(list) => list.iter().any(is_foreign),
        Value::Object(map) => {
            map.iter().any(|(key, value)| token::is_foreign(key) || is_foreign(value))
        }
        _ => false,
    }
}

/// Compares three lists.
pub(crate) fn compare(lists: [&[Value]; 3], pointer: &str, walk: &Walk, sink: &mut Sink) {
    let below = format!("{pointer}/*");
    let [first, again, migrated] = lists.map(clean);
    let (one, two, mine) = (&first.kept, &again.kept, &migrated.kept);
    // Mostly nothing differs at all.
    if one == two && one == mine {
        return;
    }
    if lists.iter().flat_map(|list| list.iter()).all(is_address)
        && !lists[2].is_empty()
        && !one.is_empty()
    {
        // A chain of proxies may have one more link.
        if one.len() != mine.len() || one != mine {
            sink.note(pointer, What::Address, values(one), values(mine));
        }
        return;
    }
    if one.len() == two.len() {
        let ordered =
            one.iter().zip(two).all(|(left, right)| alike(left, right, name::last(pointer)));
        if !ordered && let Some(order) = matching(one, two, pointer) {
            let two: Vec<&Value> = order.iter().map(|index| two[*index]).collect();
            unordered(one, &two, mine, &below, walk, sink);
            return;
        }
        if one.len() == mine.len() {
            same_length(one, two, mine, pointer, walk, sink);
            return;
        }
        let pairs: Vec<[&Value; 2]> =
            one.iter().zip(two).map(|(left, right)| [*left, *right]).collect();
        align(&pairs, &[&first, &again, &migrated], false, pointer, walk, sink);
        return;
    }
    let shared = common(one.len(), two.len(), &|left, right| {
        alike(one[left], two[right], name::last(pointer))
    });
    let pairs: Vec<[&Value; 2]> =
        shared.into_iter().map(|(left, right)| [one[left], two[right]]).collect();
    align(&pairs, &[&first, &again, &migrated], true, pointer, walk, sink);
}

fn values(list: &[&Value]) -> String {
    shown(&Value::Array(list.iter().take(8).map(|value| (*value).clone()).collect()))
}

fn is_address(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok())
}

/// As many on all sides: by position; if that fails, see whether it is a matter of order.
fn same_length(
    one: &[&Value],
    two: &[&Value],
    mine: &[&Value],
    pointer: &str,
    walk: &Walk,
    sink: &mut Sink,
) {
    let below = format!("{pointer}/*");
    let mut own = Sink::default();
    for index in 0..one.len() {
        value::compare([one[index], two[index], mine[index]], &below, walk, &mut own);
    }
    let moved = !own.found.is_empty()
        && one.len() > 1
        && own.found.iter().any(|found| found.what <= What::Appeared)
        && matching(one, mine, pointer).is_some_and(|order| !order.is_sorted());
    if moved {
        sink.note(pointer, What::Order, order_of(one), order_of(mine));
        return;
    }
    // One taken out and another pulled in is not a change of every element.
    let changed = own.found.iter().filter(|found| found.what <= What::Appeared).count();
    if changed > 2 && one.len() > 2 && one.len() * mine.len() <= LARGEST {
        let shared = common(one.len(), mine.len(), &|left, right| {
            alike(one[left], mine[right], name::last(pointer))
        });
        if shared.len() * 2 >= one.len() && shared.len() < one.len() {
            let lost: Vec<usize> =
                (0..one.len()).filter(|index| shared.iter().all(|pair| pair.0 != *index)).collect();
            let gained: Vec<usize> = (0..mine.len())
                .filter(|index| shared.iter().all(|pair| pair.1 != *index))
                .collect();
            if lost != gained {
                for index in lost {
                    sink.note(pointer, What::Missing, shown(one[index]), "not in the list".into());
                }
                for index in gained {
                    sink.note(pointer, What::Extra, "not in the list".into(), shown(mine[index]));
                }
                return;
            }
        }
    }
    sink.found.append(&mut own.found);
    sink.places.append(&mut own.places);
}

fn order_of(list: &[&Value]) -> String {
    let names: Vec<String> = list
        .iter()
        .take(4)
        .map(|value| {
            let named = ["name", "title", "slug", "id"].iter().find_map(|key| value.get(key));
            shown(named.unwrap_or(value))
        })
        .collect();
    names.join(", ")
}

/// The original's own order varies: any order will do.
fn unordered(
    one: &[&Value],
    two: &[&Value],
    mine: &[&Value],
    below: &str,
    walk: &Walk,
    sink: &mut Sink,
) {
    let mut left: Vec<&Value> = mine.to_vec();
    for (first, again) in one.iter().zip(two) {
        let found = left.iter().position(|candidate| fits([first, again, candidate], below, walk));
        match found {
            Some(index) => {
                left.swap_remove(index);
            }
            None => sink.note(below, What::Missing, shown(first), "not in the list".into()),
        }
    }
    for extra in left {
        sink.note(below, What::Extra, "not in the list".into(), shown(extra));
    }
}

/// Whether an element would raise nothing.
fn fits(values: [&Value; 3], pointer: &str, walk: &Walk) -> bool {
    let left = walk.budget.get();
    if left == 0 {
        return values[0] == values[2];
    }
    walk.budget.set(left - 1);
    let mut trial = Sink::default();
    value::compare(values, pointer, walk, &mut trial);
    trial.found.iter().all(|found| found.what >= What::Address)
}

/// Aligns what both passes of the original have with the migrated's list.
fn align(
    pairs: &[[&Value; 2]],
    cleaned: &[&Cleaned<'_>; 3],
    grows: bool,
    pointer: &str,
    walk: &Walk,
    sink: &mut Sink,
) {
    let below = format!("{pointer}/*");
    let mine = &cleaned[2].kept;
    let fit = |left: usize, right: usize| {
        fits([pairs[left][0], pairs[left][1], mine[right]], &below, walk)
    };
    let shared = common(pairs.len(), mine.len(), &fit);
    for (left, right) in &shared {
        // Once more, for the ids.
        value::compare([pairs[*left][0], pairs[*left][1], mine[*right]], &below, walk, sink);
    }
    let missing: Vec<usize> =
        (0..pairs.len()).filter(|index| shared.iter().all(|pair| pair.0 != *index)).collect();
    let extra: Vec<usize> =
        (0..mine.len()).filter(|index| shared.iter().all(|pair| pair.1 != *index)).collect();
    // A list of the newest few: what other runs made has pushed others out at the far end.
    let [first, again, migrated] = cleaned;
    let full_mine = migrated.length >= first.length.min(again.length);
    let pushed_out = if full_mine { migrated.dropped } else { 0 };
    let full_first = first.length >= migrated.length || again.length >= migrated.length;
    let pulled_in = if full_first { first.dropped.max(again.dropped) } else { 0 };
    // What takes the place of what was taken out on the other side goes by it.
    let at_end = cleaned.iter().find_map(|list| list.at_end);
    let excused_missing = at_far_end(&missing, pairs.len(), at_end, pushed_out);
    let excused_extra = at_far_end(&extra, mine.len(), at_end, pulled_in);
    if !excused_missing {
        for index in &missing {
            sink.note(pointer, What::Missing, shown(pairs[*index][0]), "not in the list".into());
        }
    }
    if !excused_extra && !grows {
        for index in &extra {
            sink.note(pointer, What::Extra, "not in the list".into(), shown(mine[*index]));
        }
    }
}

/// Whether these are at most `most` elements, all at the end opposite to where others came in; at
/// either end when that is unknown.
fn at_far_end(indices: &[usize], length: usize, came_at_end: Option<bool>, most: usize) -> bool {
    let count = indices.len();
    if count > most {
        return false;
    }
    let at_start = indices.iter().copied().eq(0..count);
    let at_end = indices.iter().copied().eq(length - count..length);
    match came_at_end {
        Some(true) => at_start,
        Some(false) => at_end,
        None => at_start || at_end,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::compare::value::tests::walk;

    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tests")]
    fn judge(first: Value, again: Value, migrated: Value) -> Vec<What> {
        let mut sink = Sink::default();
        value::compare([&first, &again, &migrated], "", &walk(), &mut sink);
        sink.found.into_iter().map(|found| found.what).collect()
    }

    #[test]
    fn a_missing_or_new_element_is_seen() {
        let orders = json!([{"slug": "a"}, {"slug": "b"}, {"slug": "c"}]);
        assert_eq!(
            judge(orders.clone(), orders.clone(), json!([{"slug": "a"}, {"slug": "c"}])),
            [What::Missing]
        );
        assert_eq!(
            judge(
                orders.clone(),
                orders.clone(),
                json!([{"slug": "a"}, {"slug": "b"}, {"slug": "c"}, {"slug": "d"}])
            ),
            [What::Extra]
        );
        assert_eq!(
            judge(orders.clone(), orders, json!([{"slug": "b"}, {"slug": "a"}, {"slug": "c"}])),
            [What::Order]
        );
        assert_eq!(judge(json!([1]), json!([1]), json!([])), [What::Missing]);
    }

    #[test]
    fn what_other_runs_made_does_not_count() {
        let element = |name: &str| json!({"name": name, "body": "x"});
        assert_eq!(
            judge(
                json!([element("anna"), element("mvaaaaaa-bob"), element("${unique}-bob")]),
                json!([
                    element("anna"),
                    element("mvaaaaaa-bob"),
                    element("mvbbbbbb-bob"),
                    element("${unique}-bob")
                ]),
                json!([element("anna"), element("${unique}-bob")]),
            ),
            []
        );
        // One's own row must be there.
        assert_eq!(
            judge(
                json!([element("anna"), element("${unique}-bob")]),
                json!([element("anna"), element("mvbbbbbb-bob"), element("${unique}-bob")]),
                json!([element("anna")]),
            ),
            [What::Missing]
        );
        // And so must a seeded one.
        assert_eq!(
            judge(
                json!([element("anna"), element("zoe"), element("${unique}-bob")]),
                json!([
                    element("anna"),
                    element("zoe"),
                    element("mvbbbbbb-bob"),
                    element("${unique}-bob")
                ]),
                json!([element("anna"), element("mvcccccc-bob"), element("${unique}-bob")]),
            ),
            [What::Missing]
        );
    }

    #[test]
    fn a_list_of_the_newest_few_may_be_all_made_by_runs_on_one_side() {
        let others = |count: usize| (0..count).map(|n| json!({"body": format!("mvaaaaa{n}")}));
        let window = |old: &[&str], made: usize| -> Value {
            let old = old.iter().map(|body| json!({"body": body}));
            let own = std::iter::once(json!({"body": "by ${unique}"}));
            Value::Array(old.chain(others(made)).chain(own).collect())
        };
        assert_eq!(judge(window(&[], 3), window(&[], 3), window(&["old"], 2)), []);
        // What is not at the far end is still new.
        let mut strange = window(&["old"], 2);
        strange.as_array_mut().unwrap().swap(0, 1);
        strange.as_array_mut().unwrap().push(json!({"body": "stranger"}));
        assert_ne!(judge(window(&[], 3), window(&[], 3), strange), []);
        // And so is one more than was pushed out.
        let more = window(&["a", "b", "c", "d"], 0);
        assert_ne!(judge(window(&[], 3), window(&[], 3), more), []);
    }

    #[test]
    fn a_list_of_the_newest_few_may_lack_the_oldest() {
        assert_eq!(
            judge(
                json!(["mvaaaaaa", "mvbbbbbb", "mvcccccc"]),
                json!(["mvbbbbbb", "mvcccccc", "mvdddddd"]),
                json!(["seed 2", "seed 3", "mveeeeee"])
            ),
            []
        );
        assert_eq!(
            judge(
                json!(["seed 1", "seed 2", "mvaaaaaa"]),
                json!(["seed 2", "mvaaaaaa", "mvcccccc"]),
                json!(["seed 1", "seed 2", "seed 3"])
            ),
            []
        );
    }

    #[test]
    fn a_list_that_grows_may_grow_and_keeps_what_it_had() {
        let log = |count: usize| {
            Value::Array(
                (0..count).map(|index| json!({"line": format!("entry number {index}")})).collect(),
            )
        };
        assert_eq!(judge(log(3), log(4), log(5)), []);
        assert_eq!(judge(log(3), log(4), log(2)), [What::Missing]);
    }

    #[test]
    fn an_order_that_varies_by_itself_may_vary() {
        assert_eq!(
            judge(json!(["a", "b", "c"]), json!(["c", "a", "b"]), json!(["b", "c", "a"])),
            []
        );
        assert_eq!(
            judge(json!(["a", "b", "c"]), json!(["c", "a", "b"]), json!(["b", "c", "d"])),
            [What::Missing, What::Extra]
        );
    }

    #[test]
    fn a_chain_of_proxies_may_have_another_link() {
        assert_eq!(
            judge(json!(["10.0.0.1"]), json!(["10.0.0.1"]), json!(["10.0.0.1", "10.42.0.3"])),
            [What::Address]
        );
    }
}
