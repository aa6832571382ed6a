//! The application's routes: asked as a stranger, then as someone; things are made, found again
//! and taken away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Subject;
use super::build::{Builder, Draft};
use super::guess;
use super::session::{self, People};
use crate::inspect::source::Source;
use crate::model::inventory::{LocationKind, Route, Service, StateKind};
use crate::model::scenario::{Action, Body, Part, SseClose, SseExpect, SseOpen};

/// Routes of one kind that are asked.
const MAX_ROUTES: usize = 24;

/// Things that are known to be there: the path of a list with a name for one of its entries.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Path of the collection (`/api/orders`) and parameter → text that stands for it.
    parameters: BTreeMap<(String, String), String>,
    /// Collections of uploads: theirs who uploaded them, so that nobody else speaks of them.
    uploads: BTreeSet<String>,
}

impl Known {
    /// The text for a parameter in a collection.
    fn parameter(&self, collection: &str, name: &str) -> Option<&String> {
        self.parameters.get(&(collection.to_owned(), name.to_owned()))
    }

    /// The text for one of the things of a kind (`order`), as paths name it.
    pub(super) fn thing(&self, kind: &str) -> Option<&str> {
        let kind = kind.to_lowercase();
        let kind = kind.strip_suffix("id").filter(|rest| !rest.is_empty()).unwrap_or(&kind);
        self.parameters.iter().find_map(|((collection, _), text)| {
            if self.uploads.contains(collection) {
                return None;
            }
            let last = collection.rsplit('/').next()?;
            (guess::singular(last) == kind).then_some(text.as_str())
        })
    }

    /// A path with its parameters filled in; `None` when one is not known.
    fn fill(&self, path: &str) -> Option<String> {
        let mut filled = String::new();
        let mut collection = String::new();
        for part in path.split('/').skip(1) {
            match part.strip_prefix(':') {
                Some(name) => {
                    filled = format!("{filled}/{}", self.parameter(&collection, name)?);
                }
                None if part.contains([':', '*', '(', '{']) => return None,
                None => filled = format!("{filled}/{part}"),
            }
            collection = format!("{collection}/{part}");
        }
        Some(if filled.is_empty() { "/".to_owned() } else { filled })
    }
}

fn fact(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

fn is_session(subject: &Subject<'_>, route: &Route) -> bool {
    let (register, login) = session::routes(subject);
    let logout = session::logout(subject);
    [register, login, logout].into_iter().flatten().any(|known| std::ptr::eq(known, route))
}

/// The method to ask a route with.
fn method(route: &Route) -> &str {
    if route.method == "ALL" { "GET" } else { &route.method }
}

fn plain(app: &Service) -> impl Iterator<Item = &Route> {
    app.routes.iter().filter(|route| !route.path.contains([':', '*', '(', '{']))
}

/// Routes as a stranger asks them.
pub(super) fn open(subject: &Subject<'_>, builder: &mut Builder) {
    let Some(app) = subject.app else { return };
    let gets = plain(app).filter(|route| method(route) == "GET" && !route.events);
    for route in gets.take(MAX_ROUTES) {
        let Some(path) = subject.outside(&route.path) else { continue };
        // Behind a password the proxy answers: asked there.
        if subject.location(&path).is_some_and(|location| location.auth) {
            continue;
        }
        let path = format!("{path}{}", guess::query(&route.query));
        let draft = Draft::get(&format!("stranger-{}", route.path), &path).client("z");
        builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
    }
    // Writing as a stranger, with nothing in it: what is refused, and how.
    let posts = plain(app).filter(|route| {
        route.method == "POST" && route.upload.is_none() && !is_session(subject, route)
    });
    for route in posts.take(3) {
        let Some(path) = subject.outside(&route.path) else { continue };
        if subject.location(&path).is_some_and(|location| location.auth) {
            continue;
        }
        let draft = Draft::request(&format!("stranger-post-{}", route.path), "POST", &path)
            .client("z")
            .body(Body::Json(Value::Object(serde_json::Map::new())))
            .writes();
        builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
    }
    // A method that a route does not take.
    if let Some(route) = plain(app).find(|route| {
        route.method == "GET"
            && !route.events
            && !app.routes.iter().any(|other| other.path == route.path && other.method != "GET")
            && subject.reaches_app(&route.path)
    }) {
        let draft = Draft::request("other-method", "PUT", &route.path).client("z").writes();
        builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
        let options = Draft::request("options-route", "OPTIONS", &route.path)
            .client("z")
            .header("Origin", "https://elsewhere.example")
            .header("Access-Control-Request-Method", "GET");
        builder.add(options.origin(&app.id, fact(route), Some(&route.evidence)));
        let head = Draft::request("head-route", "HEAD", &route.path).client("z");
        builder.add(head.origin(&app.id, fact(route), Some(&route.evidence)));
    }
    headers(subject, builder, app);
}

/// What the proxy tells the app about a request, where the app says it back; elsewhere whether
/// unusual headers are let through.
fn headers(subject: &Subject<'_>, builder: &mut Builder, app: &Service) {
    let echoes = |route: &&Route| {
        let last = route.path.rsplit('/').next().unwrap_or_default().to_lowercase();
        ["echo", "headers", "whoami", "debug", "request", "ip", "inspect"]
            .iter()
            .any(|word| last.contains(word))
    };
    let open = |route: &&Route| {
        method(route) == "GET"
            && !route.events
            && subject.reaches_app(&route.path)
            && subject.location(&route.path).is_none_or(|location| !location.auth)
    };
    let Some(route) = plain(app).filter(open).find(echoes).or_else(|| plain(app).find(open)) else {
        return;
    };
    let mut add = |draft: Draft| {
        builder.add(draft.client("z").origin(&app.id, fact(route), Some(&route.evidence)));
    };
    let path = route.path.as_str();
    add(Draft::get("headers-passed", &format!("{path}?a=1&b=%20%2F"))
        .header("X-Migrate-Probe", "one")
        .header("X_Migrate_Probe", "underscore")
        .header("Accept-Language", "de"));
    add(Draft::get("headers-forged", path)
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X-Forwarded-Proto", "https")
        .header("X-Real-IP", "203.0.113.9"));
    add(Draft::get("header-7k", path).header("X-Large", &"x".repeat(7_000)));
    add(Draft::get("header-20k", path).header("X-Large", &"x".repeat(20_000)));
    add(Draft::get("gzip-route", path).header("Accept-Encoding", "gzip"));
}

/// Routes as someone who is logged in; what is made here is known afterwards.
pub(super) fn known(subject: &Subject<'_>, builder: &mut Builder, people: &People) -> Known {
    let mut known = Known::default();
    let Some(app) = subject.app else { return known };
    stream_open(subject, builder, people, app);
    let uploads = app.routes.iter().filter(|route| route.upload.is_some());
    known.uploads = uploads.map(|route| route.path.clone()).collect();
    // First what makes things, those that need least first; then lists, then single things.
    let mut writes: Vec<&Route> = app
        .routes
        .iter()
        .filter(|route| matches!(route.method.as_str(), "POST") && !is_session(subject, route))
        .collect();
    writes.sort_by_key(|route| (route.path.matches(':').count(), route.upload.is_none()));
    let lists: Vec<&Route> =
        plain(app).filter(|route| route.method == "GET" && !route.events).collect();
    for route in lists.iter().take(MAX_ROUTES) {
        list(subject, builder, people, app, route, &mut known);
    }
    for route in writes.into_iter().take(MAX_ROUTES) {
        make(subject, builder, people, app, route, &mut known);
    }
    stream_close(subject, builder, people, app);
    let singles = app
        .routes
        .iter()
        .filter(|route| route.method == "GET" && !route.events && route.path.contains(':'));
    for route in singles.take(MAX_ROUTES) {
        let Some(path) = known.fill(&route.path).and_then(|path| subject.outside(&path)) else {
            continue;
        };
        let path = format!("{path}{}", guess::query(&route.query));
        let draft = Draft::get(&format!("one-{}", route.path), &path).headers(&people.headers("a"));
        builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
    }
    if let Some(route) = app.routes.iter().find(|it| it.method == "GET" && it.path.contains("/:")) {
        let end = route.path.find("/:").unwrap_or_default();
        let path = format!("{}/migrate-no-such-thing", &route.path[..end]);
        if subject.reaches_app(&path) {
            let draft = Draft::get("no-such-thing", &path).headers(&people.headers("a"));
            builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
        }
    }
    for route in
        app.routes.iter().filter(|it| matches!(it.method.as_str(), "PUT" | "PATCH")).take(6)
    {
        change(subject, builder, people, app, route, &known);
    }
    known
}

/// A list, by someone who may see it; its first entry's name is kept where single things have a
/// parameter.
fn list(
    subject: &Subject<'_>,
    builder: &mut Builder,
    people: &People,
    app: &Service,
    route: &Route,
    known: &mut Known,
) {
    let Some(path) = subject.outside(&route.path) else { return };
    if people.clients.is_empty() || subject.location(&path).is_some_and(|location| location.auth) {
        return;
    }
    let asked = format!("{path}{}", guess::query(&route.query));
    let mut draft =
        Draft::get(&format!("list-{}", route.path), &asked).headers(&people.headers("a"));
    let mut kept = 0;
    for name in parameters(app, &route.path) {
        let variable = variable(&route.path, &name);
        draft = draft.keep_match(&variable, &matcher(&name));
        let key = (route.path.clone(), name);
        known.parameters.entry(key).or_insert_with(|| format!("${{{variable}}}"));
        kept += 1;
    }
    // Sessions that live in one replica's memory show when asked again and again.
    if kept == 0 && route.path.rsplit('/').next().is_some_and(|it| it == "me" || it == "profile") {
        draft = draft.repeat(6);
    }
    builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
}

/// The parameters that paths have right below a collection.
fn parameters(app: &Service, collection: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for route in &app.routes {
        let below = route.path.strip_prefix(collection).and_then(|rest| rest.strip_prefix("/:"));
        let name = below.and_then(|rest| rest.split('/').next());
        if let Some(name) =
            name.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

fn variable(collection: &str, name: &str) -> String {
    format!("{}-{name}", crate::inspect::recognise::label(collection))
}

/// A pattern for the value of a parameter in an answer.
fn matcher(name: &str) -> String {
    let lower = name.to_lowercase();
    let key = if lower.ends_with("id") { "_?id".to_owned() } else { regex::escape(name) };
    format!(r#""{key}"\s*:\s*"?([A-Za-z0-9_.-]+)"?"#)
}

/// Makes a thing.
fn make(
    subject: &Subject<'_>,
    builder: &mut Builder,
    people: &People,
    app: &Service,
    route: &Route,
    known: &mut Known,
) {
    let Some(path) = known.fill(&route.path).and_then(|path| subject.outside(&path)) else {
        return;
    };
    if subject.location(&path).is_some_and(|location| location.auth) {
        return;
    }
    if let Some(field) = &route.upload {
        upload(subject, builder, people, app, (route, field, &path), known);
        return;
    }
    let fields = guess::object(&route.fields);
    if fields.is_empty() {
        return;
    }
    let mut draft = Draft::request(&format!("make-{}", route.path), "POST", &path)
        .headers(&people.headers("a"))
        .body(Body::Json(Value::Object(fields.clone())))
        .writes();
    for name in parameters(app, &route.path) {
        // What we say ourselves need not be read back.
        let text = if let Some(Value::String(text)) = fields.get(&name) {
            text.clone()
        } else {
            let variable = variable(&format!("{}-made", route.path), &name);
            draft = draft.keep_match(&variable, &matcher(&name));
            format!("${{{variable}}}")
        };
        known.parameters.insert((route.path.clone(), name), text);
    }
    builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
    // The same again: what is unique is refused, and how.
    if route.path.matches(':').count() == 0 {
        let again = Draft::request(&format!("make-again-{}", route.path), "POST", &path)
            .client("b")
            .headers(&people.headers("b"))
            .body(Body::Json(Value::Object(fields)))
            .writes();
        builder.add(again.origin(&app.id, fact(route), Some(&route.evidence)));
    }
}

/// Uploads a small and a larger file, and gets it back where the proxy serves it.
fn upload(
    subject: &Subject<'_>,
    builder: &mut Builder,
    people: &People,
    app: &Service,
    (route, field, path): (&Route, &str, &str),
    known: &mut Known,
) {
    let served = served_uploads(subject, app);
    for (name, bytes) in [("small", 2_048), ("1-5m", 3 << 19)] {
        let part = Part {
            name: field.to_owned(),
            filename: Some(format!("probe-{name}.png")),
            content_type: Some("image/png".to_owned()),
            text: None,
            bytes: Some(bytes),
        };
        let mut draft = Draft::request(&format!("upload-{name}-{}", route.path), "POST", path)
            .headers(&people.headers("a"))
            .body(Body::Multipart(vec![part]))
            .writes();
        for parameter in parameters(app, &route.path) {
            let variable = variable(&format!("{}-made", route.path), &parameter);
            draft = draft.keep_match(&variable, &matcher(&parameter));
            known.parameters.insert((route.path.clone(), parameter), format!("${{{variable}}}"));
        }
        let url = format!("uploaded-{name}");
        if let Some(prefix) = &served {
            draft = draft.keep_match(&url, &format!(r#"({}[^"\\?# ]+)"#, regex::escape(prefix)));
        }
        builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
        if let Some(prefix) = &served {
            let location = subject.location(prefix);
            let fact = location.map_or_else(|| fact(route), super::files::fact);
            let evidence = location.map(|location| &location.evidence);
            let get = Draft::get(&format!("get-{url}"), &format!("${{{url}}}")).repeat(3);
            builder.add(get.origin(subject.proxy_id(), fact.clone(), evidence));
            if name == "small" {
                let range = Draft::get(&format!("range-{url}"), &format!("${{{url}}}"));
                let range = range.header("Range", "bytes=0-9");
                builder.add(range.origin(subject.proxy_id(), fact, evidence));
            }
        }
    }
}

/// The path under which the proxy itself serves what the app keeps.
fn served_uploads(subject: &Subject<'_>, app: &Service) -> Option<String> {
    let site = subject.site?;
    let kept = app.state.iter().filter(|state| state.kind == StateKind::Uploads);
    let folders: Vec<&str> = kept.map(|state| state.path.as_str()).collect();
    site.locations
        .iter()
        .filter(|location| location.kind == LocationKind::Static && !location.internal)
        .filter(|location| matches!(location.modifier.as_str(), "" | "^~"))
        .find(|location| {
            let Some(target) = &location.target else { return false };
            let target = target.trim_end_matches('/');
            location.path != "/"
                && folders
                    .iter()
                    .any(|folder| target == *folder || target.starts_with(&format!("{folder}/")))
        })
        .map(|location| location.path.clone())
}

/// Changes a thing of ours.
fn change(
    subject: &Subject<'_>,
    builder: &mut Builder,
    people: &People,
    app: &Service,
    route: &Route,
    known: &Known,
) {
    let Some(path) = known.fill(&route.path).and_then(|path| subject.outside(&path)) else {
        return;
    };
    let fields = guess::object(&route.fields);
    // Only what was made in this scenario: a thing from a list may be someone else's.
    if fields.is_empty() || !(path.contains("-made-") || path.contains("${unique}")) {
        return;
    }
    let draft = Draft::request(&format!("change-{}", route.path), &route.method, &path)
        .headers(&people.headers("a"))
        .body(Body::Json(Value::Object(fields)))
        .writes();
    builder.add(draft.origin(&app.id, fact(route), Some(&route.evidence)));
}

/// The stream of events that is listened to while things are made.
fn stream<'i>(subject: &Subject<'i>, app: &'i Service) -> Option<(&'i Route, String)> {
    let route = plain(app).find(|route| route.events)?;
    Some((route, subject.outside(&route.path)?))
}

fn stream_open(subject: &Subject<'_>, builder: &mut Builder, people: &People, app: &Service) {
    let Some((route, path)) = stream(subject, app) else { return };
    let mut headers = people.headers("a");
    // What went before is another on each side by what runs of verify added: only what comes now
    // is heard, where the server knows event ids.
    headers.push(("last-event-id".to_owned(), "999999999".to_owned()));
    let open = Action::SseOpen(SseOpen { name: "events".to_owned(), path, headers });
    builder.add(Draft::new("events-open", open).origin(
        &app.id,
        fact(route),
        Some(&route.evidence),
    ));
}

fn stream_close(subject: &Subject<'_>, builder: &mut Builder, _people: &People, app: &Service) {
    let Some((route, _)) = stream(subject, app) else { return };
    let stream = "events".to_owned();
    let expect = SseExpect { stream: stream.clone(), event: None, count: 1 };
    for (name, action) in [
        ("events-heard", Action::SseExpect(expect)),
        ("events-close", Action::SseClose(SseClose { stream })),
    ] {
        builder.add(Draft::new(name, action).origin(&app.id, fact(route), Some(&route.evidence)));
    }
}

/// The text of the file in which a fact was seen.
pub(super) fn text_of(
    source: &dyn Source,
    evidence: &crate::model::evidence::Evidence,
) -> Option<(String, String)> {
    let crate::model::evidence::Evidence::File { path, .. } = evidence else { return None };
    Some((path.clone(), source.text(path).ok()?))
}
