//! HTTP answers: status, headers, body.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::LazyLock;

use regex::Regex;

use super::address;
use super::body::{self, Body};
use super::difference::{Difference, Kind, Scene, is_file};
use super::headers;
use super::serverless;
use super::value::{self, Sink, Walk, What, around_difference};
use crate::model::verdict::{Class, Tier};
use crate::verify::coding;
use crate::verify::learn::identity::Place;
use crate::verify::learn::time::Moments;
use crate::verify::observation::Answer;

/// What is known about the three passes at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passes<'a> {
    /// Moments of the requests.
    pub(crate) moments: Moments,
    /// Values of `${unique}`.
    pub(crate) uniques: [&'a str; 3],
    /// Whether the two sides are known to hold different numbers of rows.
    pub(crate) drifted: bool,
}

impl Passes<'_> {
    /// What a walk over data needs.
    pub(crate) fn walk(&self) -> Walk {
        Walk { moments: self.moments, drifted: self.drifted, budget: Cell::new(20_000) }
    }
}

/// Compares three answers.
pub(crate) fn compare(
    scene: &Scene<'_>,
    answers: [&Answer; 3],
    passes: &Passes<'_>,
    out: &mut Vec<Difference>,
    places: &mut Vec<Place>,
) {
    let [first, again, migrated] = answers;
    if migrated.status != first.status && migrated.status != again.status {
        out.push(status(scene, first, migrated));
        return;
    }
    // The original answers in two ways by itself: compare with the one that matches.
    let (first, again) = match (migrated.status == first.status, migrated.status == again.status) {
        (true, false) => (first, first),
        (false, true) => (again, again),
        _ => (first, again),
    };
    if first.status == 101 {
        websocket(scene, [first, again, migrated], out);
        return;
    }
    if migrated.broken.is_some() && first.broken.is_none() && again.broken.is_none() {
        out.push(scene.difference(
            Kind::Broken,
            "body broken",
            (Tier::Fail, Class::Proxy),
            "answers end early",
            (
                format!("{} bytes, whole", first.body_bytes),
                format!(
                    "{} bytes, then: {}",
                    migrated.body_bytes,
                    migrated.broken.as_deref().unwrap_or("")
                ),
            ),
        ));
        return;
    }
    let before = out.len();
    headers::compare(scene, [first, again, migrated], &passes.moments, passes.uniques, out);
    // A page of another media type is told once.
    let other_type = out[before..].iter().any(|difference| {
        matches!(&difference.kind, Kind::ContentType(one, mine)
            if one.split(';').next() != mine.split(';').next())
    });
    let same = |one: &Answer, two: &Answer| one.body == two.body && one.digest == two.digest;
    if same(first, migrated) && same(first, again) {
        return;
    }
    if [first, again, migrated].iter().any(|answer| answer.digest.is_some()) {
        // Of these only the beginning is there to be looked into.
        if same(first, again) {
            out.push(bytes(scene, &first.body, &migrated.body));
        }
        return;
    }
    bodies(scene, [first, again, migrated], passes, other_type, out, places);
}

fn bodies(
    scene: &Scene<'_>,
    answers: [&Answer; 3],
    passes: &Passes<'_>,
    other_type: bool,
    out: &mut Vec<Difference>,
    places: &mut Vec<Place>,
) {
    let [first, _, migrated] = answers;
    if let Some(encoded) = serverless::encoded(scene, first, migrated) {
        out.push(encoded);
        return;
    }
    let mut index = 0;
    let [one, two, mine] = answers.map(|answer| {
        index += 1;
        body::read(answer, passes.uniques[index - 1])
    });
    if mine == Body::Undecodable && one != Body::Undecodable {
        out.push(scene.difference(
            Kind::Encoding,
            "body undecodable",
            (Tier::Fail, Class::Proxy),
            "the body is not encoded as its Content-Encoding says",
            (
                "a body that can be decoded",
                format!(
                    "content-encoding: {}",
                    coding::header(migrated, "content-encoding").unwrap_or("none")
                ),
            ),
        ));
        return;
    }
    if one == mine {
        return;
    }
    if first.status >= 400 && internals(&mine) && !internals(&one) {
        out.push(scene.difference(
            Kind::Internals,
            "internals in an error page",
            (Tier::Fail, Class::Runtime),
            "error answers show internals (a stack trace)",
            ("no stack trace", "a stack trace"),
        ));
        return;
    }
    let trees = match (&one, &two, &mine) {
        (Body::Json(one), Body::Json(two), Body::Json(mine))
        | (Body::Html(one), Body::Html(two), Body::Html(mine))
        | (Body::Text(one), Body::Text(two), Body::Text(mine)) => [one, two, mine],
        (Body::Bytes(one), Body::Bytes(two), Body::Bytes(mine)) => {
            if one == two {
                out.push(bytes(scene, one, mine));
            }
            return;
        }
        _ if one_kind(&one) != one_kind(&two) => return,
        _ => {
            if first.status >= 400 {
                out.push(error_page(scene, first, migrated));
            } else if !other_type {
                out.push(scene.difference(
                    Kind::Body,
                    format!("body form {} {}", one_kind(&one), one_kind(&mine)),
                    (Tier::Fail, data_class(scene)),
                    format!("the body is {} in place of {}", one_kind(&mine), one_kind(&one)),
                    (one_kind(&one), one_kind(&mine)),
                ));
            }
            return;
        }
    };
    let mut sink = Sink::default();
    value::compare(trees, "", &passes.walk(), &mut sink);
    places.append(&mut sink.places);
    let markup = matches!(one, Body::Html(_) | Body::Text(_));
    if markup && first.status >= 400 && sink.found.iter().any(|found| found.what <= What::Order) {
        out.push(error_page(scene, first, migrated));
        return;
    }
    if markup && sink.found.len() > 3 {
        // One page, one difference.
        sink.found.truncate(1);
    }
    for found in sink.found {
        out.push(in_data(scene, &found, data_class(scene), false));
    }
}

fn data_class(scene: &Scene<'_>) -> Class {
    if is_file(scene.path) { Class::Static } else { Class::Data }
}

const fn one_kind(body: &Body) -> &'static str {
    match body {
        Body::Json(_) => "JSON",
        Body::Html(_) => "HTML",
        Body::Text(_) => "text",
        Body::Bytes(_) => "bytes",
        Body::Undecodable => "undecodable",
    }
}

static TRACE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:\n|\\n|<br>|;)\s*(?:&nbsp;|\s)*at .{1,200}:\d+|Traceback \(most recent|\.(?:js|py|rb|php|java):\d+").ok()
});

/// Whether a body shows a stack trace.
fn internals(body: &Body) -> bool {
    let text = match body {
        Body::Json(value) | Body::Html(value) | Body::Text(value) => value.to_string(),
        Body::Bytes(_) | Body::Undecodable => return false,
    };
    TRACE.as_ref().is_some_and(|trace| trace.is_match(&text))
}

fn error_page(scene: &Scene<'_>, first: &Answer, migrated: &Answer) -> Difference {
    let start = |answer: &Answer| {
        let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(400)]).into_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").chars().take(120).collect::<String>()
    };
    scene.difference(
        Kind::ErrorPage,
        format!("error page {}", first.status),
        (Tier::Fail, Class::Proxy),
        format!("the page of status {} is another", first.status),
        (start(first), start(migrated)),
    )
}

fn bytes(scene: &Scene<'_>, one: &[u8], mine: &[u8]) -> Difference {
    let at = one.iter().zip(mine).take_while(|(left, right)| left == right).count();
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(_) if bytes.len() < 100_000 => None,
        _ => Some(format!("{} bytes", bytes.len())),
    };
    let (original, migrated) = match (text(one), text(mine)) {
        (None, None) => {
            around_difference(&String::from_utf8_lossy(one), &String::from_utf8_lossy(mine))
        }
        (left, right) => (
            left.unwrap_or_else(|| format!("{} bytes", one.len())),
            format!(
                "{}, different from byte {at}",
                right.unwrap_or_else(|| format!("{} bytes", mine.len()))
            ),
        ),
    };
    let class = if is_file(scene.path) { Class::Static } else { Class::Data };
    scene.difference(
        Kind::Body,
        "body bytes",
        (Tier::Fail, class),
        "files have another content",
        (original, migrated),
    )
}

/// A refused or taken upgrade.
fn websocket(scene: &Scene<'_>, answers: [&Answer; 3], out: &mut Vec<Difference>) {
    for name in ["sec-websocket-protocol", "sec-websocket-extensions"] {
        let [one, two, mine] = answers.map(|answer| coding::header(answer, name));
        if one == two && one != mine {
            let tier = if name.ends_with("protocol") { Tier::Fail } else { Tier::NonStrict };
            out.push(scene.difference(
                Kind::Header(name.to_owned()),
                format!("header {name}"),
                (tier, Class::Realtime),
                format!("header {name} of the WebSocket handshake differs"),
                (one.unwrap_or("none").to_owned(), mine.unwrap_or("none").to_owned()),
            ));
        }
    }
}

/// A difference in data, with its group, class and tier.
pub(crate) fn in_data(
    scene: &Scene<'_>,
    found: &value::Found,
    class: Class,
    heard: bool,
) -> Difference {
    let key = crate::verify::learn::name::last(&found.pointer);
    let (tier, class, group, summary) = judged(found, key, class, scene.claimed);
    let secret = ["password", "secret", "token", "session", "authorization", "cookie", "apikey"]
        .iter()
        .any(|word| key.to_ascii_lowercase().contains(word));
    let show = |text: &str| {
        if secret {
            format!("{}: (cut: {} characters)", found.pointer, text.chars().count())
        } else if found.pointer.is_empty() {
            text.to_owned()
        } else {
            format!("{}: {text}", found.pointer)
        }
    };
    let group = if heard { format!("heard {group}") } else { group };
    scene.difference(
        Kind::Value(found.what, heard),
        group,
        (tier, class),
        summary,
        (show(&found.original), show(&found.migrated)),
    )
}

/// Tier, class, group and summary of a difference in data at a key.
fn judged(
    found: &value::Found,
    key: &str,
    class: Class,
    claimed: &[IpAddr],
) -> (Tier, Class, String, String) {
    let place = if key.is_empty() { "the list" } else { key };
    let echoed = found.pointer.to_ascii_lowercase().contains("header");
    let charset = found.what == What::Changed
        && !found.original.is_ascii()
        && found
            .original
            .chars()
            .filter(|c| !c.is_ascii())
            .ne(found.migrated.chars().filter(|c| !c.is_ascii()));
    match found.what {
        _ if charset => (
            Tier::Fail,
            Class::Data,
            "charset".to_owned(),
            "text with letters beyond ASCII comes out changed".to_owned(),
        ),
        What::Scheme => {
            (Tier::Fail, Class::Proxy, "url scheme".into(), "URLs have another scheme".into())
        }
        What::Authority => {
            (Tier::Fail, Class::Proxy, "url host".into(), "URLs have another host or port".into())
        }
        What::Address => address::judged(found, claimed),
        What::Forwarded => (
            Tier::Platform,
            Class::Proxy,
            "forwarded headers".into(),
            "a further proxy adds headers to requests".into(),
        ),
        What::Drift => (
            Tier::NonStrict,
            class,
            "drift".into(),
            "counts or times differ because the data has moved on since the copy".into(),
        ),
        What::Zone => {
            (Tier::Fail, Class::Data, "time zone".into(), "times are off as by a time zone".into())
        }
        What::Notation => (
            Tier::Fail,
            class,
            "time notation".into(),
            "times are written in another notation".into(),
        ),
        What::Stale => (
            Tier::Fail,
            class,
            format!("time {key}"),
            format!("{place} is not the time it should be"),
        ),
        What::Missing if address::only(&found.original) => (
            Tier::Fail,
            Class::Proxy,
            address::LOST.into(),
            "the app no longer lists a client's address: it does not believe its proxy".into(),
        ),
        What::Missing => {
            (Tier::Fail, class, "list missing".into(), "elements are missing from lists".into())
        }
        What::Extra => (
            Tier::Fail,
            class,
            "list extra".into(),
            "lists have elements they should not have".into(),
        ),
        What::Order => {
            (Tier::Fail, class, "list order".into(), "lists are in another order".into())
        }
        What::Vanished if echoed => (
            Tier::Fail,
            Class::Proxy,
            format!("request header {key}"),
            format!("the app no longer gets the header {key}"),
        ),
        What::Changed | What::Appeared | What::Type if echoed => (
            Tier::Fail,
            Class::Proxy,
            format!("request header {key}"),
            format!("the app gets another header {key}"),
        ),
        What::Vanished => {
            (Tier::Fail, class, format!("field {key}"), format!("field {key} is missing"))
        }
        What::Appeared => {
            (Tier::Fail, class, format!("field {key}"), format!("field {key} is new"))
        }
        What::Type => {
            (Tier::Fail, class, format!("field {key}"), format!("{place} has another type"))
        }
        What::Changed if key == "protocol" || key == "scheme" => {
            (Tier::Fail, Class::Proxy, "url scheme".into(), "the app sees another scheme".into())
        }
        What::Changed => {
            (Tier::Fail, class, format!("field {key}"), format!("{place} has another value"))
        }
    }
}

/// Another status.
fn status(scene: &Scene<'_>, first: &Answer, migrated: &Answer) -> Difference {
    let (from, to) = (first.status, migrated.status);
    let hint = |answer: &Answer| {
        let location = coding::header(answer, "location").map(|to| format!("\nlocation: {to}"));
        format!("{} {}{}", answer.status, reason(answer.status), location.unwrap_or_default())
    };
    if from == 101 || to == 101 {
        return scene.difference(
            Kind::Handshake(from, to),
            "websocket handshake",
            (Tier::Fail, Class::Realtime),
            if from == 101 {
                "the upgrade to WebSocket is refused".to_owned()
            } else {
                "an upgrade to WebSocket that was refused is taken".to_owned()
            },
            (hint(first), hint(migrated)),
        );
    }
    let redirect = |status: u16| matches!(status, 301 | 302 | 303 | 307 | 308);
    let body =
        String::from_utf8_lossy(&migrated.body[..migrated.body.len().min(2000)]).into_owned();
    let (class, group) = match (from, to) {
        (_, 413) => (Class::Proxy, "status 413".to_owned()),
        (413, _) => (Class::Proxy, "status from 413".to_owned()),
        (429, _) | (_, 429) => (Class::Proxy, "rate limit".to_owned()),
        (_, 431 | 414 | 494) => (Class::Proxy, "request head refused".to_owned()),
        (_, 400) if body.contains("Session ID unknown") => {
            (Class::Realtime, "session id unknown".to_owned())
        }
        (_, 400) if body.contains("Header Or Cookie Too Large") => {
            (Class::Proxy, "request head refused".to_owned())
        }
        (_, 502..=504) => (Class::Proxy, format!("status {to}")),
        (_, 500) => (Class::Runtime, "status 500".to_owned()),
        (401, _) if first.headers.iter().any(|(name, _)| name == "www-authenticate") => {
            (Class::Proxy, "basic auth".to_owned())
        }
        (_, 401) if migrated.headers.iter().any(|(name, _)| name == "www-authenticate") => {
            (Class::Proxy, "basic auth".to_owned())
        }
        // Nobody logs in for a file that must not be served.
        (401 | 403, _) | (_, 401 | 403) if is_hidden(scene.path) => {
            (Class::Static, "hidden file".to_owned())
        }
        (401 | 403, _) | (_, 401 | 403) => (Class::Session, format!("status {from} {to}")),
        (206 | 304 | 416 | 412, _) | (_, 206 | 304 | 416 | 412) => {
            (Class::Static, format!("status {from} {to}"))
        }
        _ if redirect(from) && redirect(to) => (Class::Proxy, format!("status {from} {to}")),
        (400 | 409 | 422, _) | (_, 409 | 422) => (Class::Data, format!("status {from} {to}")),
        _ => (Class::Routing, format!("status {from} {to}")),
    };
    scene.difference(
        Kind::Status(from, to),
        group,
        (Tier::Fail, class),
        format!("status {to} in place of {from}"),
        (hint(first), hint(migrated)),
    )
}

/// Whether a path leads to a file or folder that begins with a dot; `/.well-known/` is public.
fn is_hidden(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or("");
    path.split('/').any(|part| part.len() > 1 && part.starts_with('.') && part != "..")
        && !path.starts_with("/.well-known/")
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_are_known_by_their_dot() {
        assert!(is_hidden("/.env") && is_hidden("/a/.git/config?x=1"));
        assert!(!is_hidden("/a.b/c") && !is_hidden("/x?y=/.env") && !is_hidden("/../x"));
        assert!(!is_hidden("/.well-known/acme-challenge/x"));
    }
}
