//! What the proxy does by itself: redirects, passwords, limits, refusals, and requests that are
//! barely HTTP.

use std::collections::BTreeSet;

use regex::Regex;

use super::build::{Builder, Draft};
use super::files::fact;
use super::{Subject, sample};
use crate::model::inventory::{Location, LocationKind};
use crate::model::scenario::{Action, Body, Raw};

/// Limits above this are not filled.
const LARGEST_BODY: u64 = 32 << 20;
/// Above the limit that other proxies come with (1 MB).
const ABOVE_COMMON_LIMIT: u64 = 3 << 19;
/// Paths that patterns are tried on.
const PROBES: [&str; 10] = [
    "/.hidden",
    "/.git/config",
    "/index.php",
    "/probe.php",
    "/probe.png",
    "/probe.js",
    "/probe.bak",
    "/probe/probe",
    "/probe/1",
    "/wp-login.php",
];

/// Steps for the site's locations.
pub(super) fn steps(subject: &Subject<'_>, builder: &mut Builder) {
    let Some(site) = subject.site else { return raw(subject, builder) };
    let id = subject.proxy_id();
    let mut limits: BTreeSet<u64> = BTreeSet::new();
    for location in site.locations.iter().filter(|it| !it.internal && it.modifier != "@") {
        let Some(path) = path_of(subject, location) else { continue };
        let seen = location.kind == LocationKind::Static && asked(subject, builder, location);
        let mut add = |draft: Draft| {
            builder.add(draft.origin(id, fact(location), Some(&location.evidence)));
        };
        let name = |what: &str| format!("{what}-{}", location.path);
        match location.kind {
            LocationKind::Redirect => {
                add(Draft::get(&name("redirect"), &path));
                add(Draft::get(&name("redirect-query"), &format!("{path}?page=2&q=a%20b")));
                add(Draft::request(&name("redirect-post"), "POST", &path));
            }
            LocationKind::Return => add(Draft::get(&name("answer"), &path)),
            LocationKind::Deny => add(Draft::get(&name("refused"), &path)),
            // A stream of events does not end by itself.
            LocationKind::Proxy
                if !location.auth && !location.unbuffered && !streams(subject, &path) =>
            {
                add(Draft::get(&name("passed"), &path));
            }
            // Its files were asked for, when the source shows some.
            LocationKind::Static if !location.auth && !seen => {
                add(Draft::get(&name("served"), &path));
            }
            LocationKind::Proxy | LocationKind::Static => {}
        }
        if location.auth {
            add(Draft::get(&name("no-password"), &path));
            let wrong = Draft::get(&name("wrong-password"), &path);
            add(wrong.header("Authorization", "Basic bWlncmF0ZTp3cm9uZw=="));
        }
        let filled = location.body_limit > 0 && location.body_limit <= LARGEST_BODY;
        if location.kind == LocationKind::Proxy
            && !location.auth
            && !location.rate_limited
            && !location.upgrade
            && !location.unbuffered
            && !streams(subject, &path)
            && limits.insert(location.body_limit)
        {
            let post = |what: &str, bytes: u64| {
                Draft::request(&name(what), "POST", &path)
                    .header("Content-Type", "application/octet-stream")
                    .body(Body::Bytes(bytes))
                    .writes()
            };
            if location.body_limit == 0 || location.body_limit > ABOVE_COMMON_LIMIT {
                add(post("body-above-1m", ABOVE_COMMON_LIMIT));
            }
            if filled {
                add(post("body-at-limit", location.body_limit));
                add(post("body-above-limit", location.body_limit + 1));
            }
        }
    }
    raw(subject, builder);
}

/// Whether a step asks for something that a location takes.
fn asked(subject: &Subject<'_>, builder: &Builder, location: &Location) -> bool {
    builder.steps.iter().any(|step| match &step.action {
        Action::Request(request) => {
            subject.location(&request.path).is_some_and(|taken| std::ptr::eq(taken, location))
        }
        _ => false,
    })
}

/// Whether the app answers a path with a stream of events.
fn streams(subject: &Subject<'_>, path: &str) -> bool {
    let routes = subject.app.into_iter().flat_map(|app| &app.routes);
    routes
        .filter(|route| route.events)
        .any(|route| route.path.trim_end_matches('/') == path.trim_end_matches('/'))
}

/// A path that this location takes.
pub(super) fn path_of(subject: &Subject<'_>, location: &Location) -> Option<String> {
    let takes =
        |path: &str| subject.location(path).is_some_and(|chosen| std::ptr::eq(chosen, location));
    let candidates: Vec<String> = match location.modifier.as_str() {
        "=" => vec![location.path.clone()],
        "~" | "~*" => {
            let flags = if location.modifier == "~*" { "(?i)" } else { "" };
            let pattern = Regex::new(&format!("{flags}{}", location.path)).ok()?;
            PROBES
                .iter()
                .filter(|path| pattern.is_match(path))
                .map(|path| (*path).to_owned())
                .chain(sample::paths(&location.path))
                .collect()
        }
        _ => {
            let base = location.path.as_str();
            let slash = if base.ends_with('/') { "" } else { "/" };
            let probe = format!("{base}{slash}migrate-probe");
            match location.kind {
                // The app's own routes come later; here it is asked for what it does not know.
                LocationKind::Proxy if !location.auth => vec![probe, base.to_owned()],
                LocationKind::Redirect => vec![format!("{base}{slash}a/b"), base.to_owned()],
                _ => vec![base.to_owned(), probe],
            }
        }
    };
    candidates.into_iter().find(|path| path.starts_with('/') && takes(path))
}

/// Requests that clients should not send and some do.
fn raw(subject: &Subject<'_>, builder: &mut Builder) {
    let host = subject
        .site
        .and_then(|site| site.server_names.iter().find(|name| !name.contains(['*', '~', '$'])))
        .map_or("localhost", String::as_str);
    let id = subject.proxy_id();
    let target = subject
        .app
        .into_iter()
        .flat_map(|app| &app.routes)
        .filter(|route| !route.events && !route.path.contains(':'))
        .filter(|route| matches!(route.method.as_str(), "POST" | "ALL"))
        .filter_map(|route| subject.outside(&route.path))
        .find(|path| {
            subject.location(path).is_none_or(|location| !location.auth && !location.rate_limited)
        })
        .unwrap_or_else(|| "/".to_owned());
    let requests = [
        ("raw-no-request", "NONSENSE\r\n\r\n".to_owned()),
        ("raw-no-host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned()),
        (
            "raw-chunked",
            format!(
                "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
                 Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                 7\r\n{{\"a\":1}}\r\n0\r\n\r\n"
            ),
        ),
    ];
    for (name, text) in requests {
        builder.add(Draft::new(name, Action::Raw(Raw { text })).origin(
            id,
            format!("requests to {host}"),
            None,
        ));
    }
}
