//! Headers, each by its own meaning.

use std::collections::BTreeSet;

use super::cookie;
use super::difference::{Difference, Kind, Scene, by_name, is_file};
use super::value::around_difference;
use crate::model::verdict::{Class, Tier};
use crate::verify::learn::text::{self, Around, Word};
use crate::verify::learn::time::{self, Moments};
use crate::verify::observation::Answer;

/// Says nothing about behaviour, or follows from the body.
const IGNORED: &[&str] = &[
    "date",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "content-length",
    "trailer",
    "age",
    "sec-websocket-accept",
    "upgrade",
    "http2-settings",
    "x-response-time",
    "x-runtime",
    "server-timing",
];

/// Comes with the platform.
fn is_platform(name: &str) -> bool {
    matches!(
        name,
        "server"
            | "via"
            | "strict-transport-security"
            | "alt-svc"
            | "x-request-id"
            | "x-trace-id"
            | "x-correlation-id"
            | "traceparent"
            | "x-served-by"
            | "x-cache"
            | "x-cache-hits"
            | "x-amz-cf-id"
            | "x-amz-cf-pop"
            | "x-amzn-requestid"
            | "x-amzn-trace-id"
            | "cf-ray"
            | "x-timer"
            | "x-backend"
            | "nel"
            | "report-to"
    ) || name.starts_with("x-envoy-")
        || name.starts_with("x-kubernetes-")
}

/// A list in which order and case say nothing.
fn is_set(name: &str) -> bool {
    matches!(name, "vary" | "cache-control" | "allow" | "accept-ranges" | "pragma")
        || name.starts_with("access-control-")
}

/// Speaks of limits that other requests use up.
fn is_allowance(name: &str) -> bool {
    name.contains("ratelimit") || name.contains("rate-limit") || name == "retry-after"
}

/// What a browser or client acts on: a new one is a fault, not a curiosity.
fn is_acted_on(name: &str) -> bool {
    name.starts_with("access-control-")
        || name.starts_with("content-")
        || matches!(
            name,
            "cache-control"
                | "expires"
                | "location"
                | "refresh"
                | "retry-after"
                | "x-frame-options"
                | "www-authenticate"
                | "clear-site-data"
                | "link"
                | "x-content-type-options"
                | "referrer-policy"
                | "permissions-policy"
                | "sec-websocket-protocol"
                | "sec-websocket-extensions"
        )
}

/// The class of a header's fault.
fn class(name: &str, scene: &Scene<'_>) -> Class {
    match name {
        "content-type"
        | "content-disposition"
        | "etag"
        | "last-modified"
        | "accept-ranges"
        | "content-range"
        | "expires"
        | "cache-control" => {
            if is_file(scene.path) || matches!(name, "accept-ranges" | "content-range") {
                Class::Static
            } else {
                Class::Proxy
            }
        }
        _ if name.starts_with("sec-websocket") => Class::Realtime,
        _ => Class::Proxy,
    }
}

/// Compares the headers of three answers of the same status.
pub(crate) fn compare(
    scene: &Scene<'_>,
    answers: [&Answer; 3],
    moments: &Moments,
    uniques: [&str; 3],
    out: &mut Vec<Difference>,
) {
    let [first, again, migrated] = answers.map(|answer| by_name(&answer.headers));
    let none: Vec<&str> = Vec::new();
    let names: BTreeSet<&str> = first.keys().chain(migrated.keys()).copied().collect();
    for name in names {
        if IGNORED.contains(&name) {
            continue;
        }
        let lists = [&first, &again, &migrated].map(|map| map.get(name).unwrap_or(&none));
        let [one, two, mine] = lists;
        if name == "set-cookie" {
            continue;
        }
        if (one == two && one == mine) || one.is_empty() != two.is_empty() {
            continue;
        }
        if is_platform(name) {
            let removed = name == "strict-transport-security" && !one.is_empty() && one != mine;
            let tier = if removed { Tier::Fail } else { Tier::Platform };
            if one == two || removed {
                out.push(plain(scene, name, tier, one, mine));
            }
            continue;
        }
        compare_one(scene, name, lists, moments, uniques, out);
    }
    let cookies = [&first, &again, &migrated]
        .map(|map| map.get("set-cookie").map_or(&[][..], |list| list.as_slice()));
    cookie::compare(scene, cookies, moments, out);
}

fn compare_one(
    scene: &Scene<'_>,
    name: &str,
    lists: [&Vec<&str>; 3],
    moments: &Moments,
    uniques: [&str; 3],
    out: &mut Vec<Difference>,
) {
    let [one, two, mine] = lists;
    if one.is_empty() {
        let tier = if is_acted_on(name) { Tier::Fail } else { Tier::NonStrict };
        out.push(plain(scene, name, tier, one, mine));
        return;
    }
    if mine.is_empty() {
        let tier = if name == "x-powered-by" { Tier::NonStrict } else { Tier::Fail };
        out.push(plain(scene, name, tier, one, mine));
        return;
    }
    if is_set(name) {
        let [one_set, two_set, mine_set] = lists.map(|list| set(list));
        if one.len() != mine.len() && one.len() == two.len() && mine_set.len() == one_set.len() {
            out.push(plain(scene, name, Tier::NonStrict, one, mine));
        } else if mine_set != one_set && mine_set != two_set {
            let added_only = mine_set.is_superset(&one_set);
            let tier = if added_only && name == "vary" { Tier::NonStrict } else { Tier::Fail };
            out.push(plain(scene, name, tier, one, mine));
        }
        return;
    }
    if one.len() == two.len() && one.len() != mine.len() {
        out.push(plain(scene, name, Tier::Fail, one, mine));
        return;
    }
    if one.len() != two.len() || mine.len() != one.len() {
        return;
    }
    // Several lines of one name: their order says nothing.
    let [one, two, mine] = [sorted(one), sorted(two), sorted(mine)];
    for index in 0..one.len() {
        let values = [one[index], two[index], mine[index]];
        if values[0] == values[2] || values[1] == values[2] && values[0] != values[1] {
            continue;
        }
        out.extend(value(scene, name, values, moments, uniques));
    }
}

fn value(
    scene: &Scene<'_>,
    name: &str,
    values: [&str; 3],
    moments: &Moments,
    uniques: [&str; 3],
) -> Option<Difference> {
    let [first, again, migrated] = values;
    let weak = |text: &str| text.starts_with("W/");
    match name {
        "content-type" => return content_type(scene, first, migrated),
        "content-encoding" => {
            return Some(scene.difference(
                Kind::Encoding,
                "header content-encoding",
                (Tier::Fail, Class::Proxy),
                "answers are compressed in another way",
                (format!("content-encoding: {first}"), format!("content-encoding: {migrated}")),
            ));
        }
        // Made from the time at which a file was written: varies by itself for one that a pass
        // uploads, and must then only be there and in its form.
        "etag" if first != again && weak(first) == weak(migrated) => return None,
        "last-modified" if first != again && time::parse(migrated).is_some() => return None,
        "etag" => {
            let tier = if weak(first) == weak(migrated) { Tier::Platform } else { Tier::NonStrict };
            return Some(plain(scene, name, tier, &[first], &[migrated]));
        }
        "last-modified" => {
            let tier = if time::parse(migrated).is_some() { Tier::Platform } else { Tier::Fail };
            return Some(plain(scene, name, tier, &[first], &[migrated]));
        }
        "expires" => {
            let since = |index: usize| {
                time::parse(values[index])
                    .map(|stamp| stamp.seconds - time::seconds(moments.at[index]))
            };
            let same = match (since(0), since(2)) {
                (Some(one), Some(mine)) => (one - mine).abs() <= 60.0 || (one < 0.0 && mine < 0.0),
                _ => false,
            };
            return (!same).then(|| plain(scene, name, Tier::Fail, &[first], &[migrated]));
        }
        "location" | "content-location" | "refresh" => {
            return location(scene, values, moments, uniques);
        }
        _ => {}
    }
    if is_allowance(name) {
        let number = |text: &str| text.trim().parse::<i64>().ok();
        return match (number(first), number(migrated)) {
            (Some(_), Some(_)) if first != again || !name.contains("limit-limit") => None,
            _ if text_fits(name, values, moments, uniques) => None,
            _ => Some(plain(scene, name, Tier::Fail, &[first], &[migrated])),
        };
    }
    if text_fits(name, values, moments, uniques) {
        return None;
    }
    Some(plain(scene, name, Tier::Fail, &[first], &[migrated]))
}

fn text_fits(name: &str, values: [&str; 3], moments: &Moments, uniques: [&str; 3]) -> bool {
    let own: Vec<String> =
        values.iter().zip(uniques).map(|(value, unique)| super::body::own(value, unique)).collect();
    let around = Around { moments, pointer: name };
    !matches!(text::compare([&own[0], &own[1], &own[2]], &around), Word::Different | Word::Time(_))
}

fn sorted<'a>(list: &[&'a str]) -> Vec<&'a str> {
    let mut list = list.to_vec();
    list.sort_unstable();
    list
}

fn set(list: &[&str]) -> BTreeSet<String> {
    list.iter()
        .flat_map(|value| value.split(','))
        .map(|part| part.trim().to_ascii_lowercase())
        .filter(|part| !part.is_empty())
        .collect()
}

fn content_type(scene: &Scene<'_>, first: &str, migrated: &str) -> Option<Difference> {
    // A boundary is chance; the rest is compared without regard to case and spaces.
    let normal = |text: &str| {
        text.split(';')
            .map(|part| part.trim().to_ascii_lowercase().replace('"', ""))
            .filter(|part| !part.is_empty() && !part.starts_with("boundary="))
            .collect::<Vec<_>>()
    };
    let (one, mine) = (normal(first), normal(migrated));
    if one == mine {
        return None;
    }
    let (short, long) =
        (one.first().cloned().unwrap_or_default(), mine.first().cloned().unwrap_or_default());
    let what = if short == long { "charset" } else { "content type" };
    Some(scene.difference(
        Kind::ContentType(first.to_owned(), migrated.to_owned()),
        format!("{what} {} {}", one.join(";"), mine.join(";")),
        (
            Tier::Fail,
            if is_file(scene.path) { Class::Static } else { class("content-type", scene) },
        ),
        format!("the {what} is {migrated} in place of {first}"),
        (format!("content-type: {first}"), format!("content-type: {migrated}")),
    ))
}

fn location(
    scene: &Scene<'_>,
    values: [&str; 3],
    moments: &Moments,
    uniques: [&str; 3],
) -> Option<Difference> {
    let [first, _, migrated] = values;
    let difference = |what: &str| {
        Some(scene.difference(
            Kind::Location,
            format!("location {what}"),
            (Tier::Fail, Class::Proxy),
            format!("redirects lead elsewhere: the {what} differs"),
            (format!("location: {first}"), format!("location: {migrated}")),
        ))
    };
    let parsed = (url::Url::parse(first), url::Url::parse(migrated));
    match parsed {
        (Ok(one), Ok(mine)) => {
            if one.scheme() != mine.scheme() {
                return difference("scheme");
            }
            if one.host() != mine.host() || one.port() != mine.port() {
                return difference("host or port");
            }
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => return difference("form (absolute or relative)"),
        (Err(_), Err(_)) => {}
    }
    if text_fits("location_id", values, moments, uniques) { None } else { difference("path") }
}

/// A header that is there, is not, or has another value.
fn plain(scene: &Scene<'_>, name: &str, tier: Tier, one: &[&str], mine: &[&str]) -> Difference {
    let verb = match (one.len(), mine.len()) {
        (0, _) => "is new",
        (_, 0) => "is missing",
        (left, right) if right > left => "comes more than once",
        (left, right) if right < left => "comes fewer times",
        _ => "has another value",
    };
    let show = |list: &[&str], other: &[&str]| match list {
        [] => format!("no {name}"),
        [only] if other.len() == 1 => {
            let (left, _) = around_difference(only, other[0]);
            // Not the notation of JSON: a header is shown as it came.
            let left = serde_json::from_str::<String>(&left).unwrap_or(left);
            format!("{name}: {left}")
        }
        many => many
            .iter()
            .take(3)
            .map(|value| format!("{name}: {}", value.chars().take(120).collect::<String>()))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    let kind =
        if name == "content-encoding" { Kind::Encoding } else { Kind::Header(name.to_owned()) };
    scene.difference(
        kind,
        format!("header {name}"),
        (tier, class(name, scene)),
        format!("header {name} {verb}"),
        (show(one, mine), show(mine, one)),
    )
}
