//! What nginx did before and after the application, as rules for one CloudFront Function and as
//! behaviours of the distribution. What has no counterpart is a finding.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::site::{Configuration, Node, effective, names};
use super::{Found, note};
use crate::model::finding::Severity;

/// A location for the function: names are short because the function may have 10 KB.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Rule {
    /// Modifier: none, `=`, `^~`, `~`, `~*`.
    m: String,
    /// Prefix, path or pattern.
    p: String,
    /// Status of a fixed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<u16>,
    /// Where it leads, or its text.
    #[serde(skip_serializing_if = "String::is_empty")]
    t: String,
    /// Rewrites: pattern, replacement, flag.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    r: Vec<[String; 3]>,
    /// File of a folder.
    #[serde(skip_serializing_if = "String::is_empty")]
    i: String,
    /// What is asked for where a path names no file (`try_files … /index.html`).
    #[serde(skip_serializing_if = "String::is_empty")]
    f: String,
    /// What takes the place of the prefix on the way to the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    u: Option<String>,
    /// Largest body.
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<u64>,
    /// Headers for the application: name and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    q: Vec<[String; 2]>,
    /// Headers of good answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    h: Vec<[String; 2]>,
    /// Seconds until they expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<i64>,
    /// Charset that text without one is given.
    #[serde(skip_serializing_if = "String::is_empty")]
    c: String,
}

/// Where the requests of a behaviour go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Origin {
    Api,
    Static,
}

/// One behaviour of the distribution.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Behaviour {
    pub(super) pattern: String,
    pub(super) origin: Origin,
    /// Headers of every answer, errors included.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) compress: bool,
    /// Place of the location in nginx's configuration.
    pub(super) comment: String,
}

/// Files of the server that become objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// File or folder on the source.
    pub(crate) source: String,
    /// Its key, without a slash at either end; empty for the bucket's root.
    pub(crate) key: String,
}

/// What answers of the function itself look like.
#[derive(Debug, Default, Serialize)]
pub(super) struct Site {
    /// `http` where the server spoke no TLS: the distribution leads to HTTPS from there.
    scheme: &'static str,
    /// Whether redirects name the host (`absolute_redirect`).
    absolute: bool,
    /// What stands under an error page.
    server: String,
    charset: String,
}

/// All that a site becomes.
#[derive(Debug, Default)]
pub(super) struct Edge {
    pub(super) rules: Vec<Rule>,
    /// Rewrites and an answer of the server block itself.
    pub(super) first: Vec<Rule>,
    pub(super) site: Site,
    /// Other names that are led elsewhere.
    pub(super) hosts: BTreeMap<String, (u16, String)>,
    pub(super) behaviours: Vec<Behaviour>,
    pub(super) error_pages: Vec<(u16, String)>,
    pub(super) content: Vec<Content>,
    /// Seconds that the application has for an answer.
    pub(super) timeout: u64,
    /// Path prefixes that lead to the application, with the upstream.
    pub(super) upstreams: Vec<(String, String)>,
    /// Media types by ending.
    pub(super) types: BTreeMap<String, String>,
}

/// Variables that the function knows.
const VARIABLES: [&str; 12] = [
    "request_uri",
    "uri",
    "document_uri",
    "host",
    "http_host",
    "server_name",
    "scheme",
    "args",
    "query_string",
    "is_args",
    "remote_addr",
    "proxy_add_x_forwarded_for",
];

/// What needs no counterpart: logs, processes, buffers and connections are the platform's.
const PLATFORM: [&str; 63] = [
    "access_log",
    "error_log",
    "log_format",
    "log_not_found",
    "rewrite_log",
    "listen",
    "server_name",
    "root",
    "alias",
    "index",
    "types",
    "default_type",
    "location",
    "types_hash_max_size",
    "types_hash_bucket_size",
    "server_names_hash_bucket_size",
    "server_names_hash_max_size",
    "sendfile",
    "sendfile_max_chunk",
    "tcp_nopush",
    "tcp_nodelay",
    "keepalive_timeout",
    "keepalive_requests",
    "server_tokens",
    "charset_types",
    "override_charset",
    "client_body_buffer_size",
    "client_header_buffer_size",
    "large_client_header_buffers",
    "client_body_timeout",
    "client_header_timeout",
    "send_timeout",
    "reset_timedout_connection",
    "proxy_http_version",
    "proxy_buffering",
    "proxy_request_buffering",
    "proxy_buffers",
    "proxy_buffer_size",
    "proxy_busy_buffers_size",
    "proxy_connect_timeout",
    "proxy_send_timeout",
    "proxy_redirect",
    "gzip",
    "gzip_types",
    "gzip_vary",
    "gzip_proxied",
    "gzip_min_length",
    "gzip_comp_level",
    "gzip_buffers",
    "gzip_http_version",
    "gzip_disable",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_protocols",
    "ssl_ciphers",
    "ssl_prefer_server_ciphers",
    "ssl_session_cache",
    "ssl_session_timeout",
    "ssl_session_tickets",
    "ssl_dhparam",
    "open_file_cache",
    "http2",
    "upstream",
];

/// What is carried over below, or told in its own place.
const CARRIED: [&str; 21] = [
    "return",
    "rewrite",
    "add_header",
    "expires",
    "error_page",
    "try_files",
    "internal",
    "deny",
    "allow",
    "auth_basic",
    "auth_basic_user_file",
    "limit_req",
    "client_max_body_size",
    "proxy_pass",
    "proxy_set_header",
    "proxy_read_timeout",
    "charset",
    "limit_req_zone",
    "limit_req_status",
    "etag",
    "absolute_redirect",
];

/// Endings that sites serve, out of the hundreds that mime.types knows.
const ENDINGS: [&str; 32] = [
    "html",
    "htm",
    "css",
    "js",
    "mjs",
    "json",
    "map",
    "xml",
    "txt",
    "md",
    "csv",
    "svg",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "webp",
    "avif",
    "ico",
    "woff",
    "woff2",
    "ttf",
    "otf",
    "pdf",
    "mp4",
    "webm",
    "mp3",
    "ogg",
    "wasm",
    "webmanifest",
    "zip",
    "atom",
];

/// nginx's `charset_types` where the configuration names none.
pub(super) const CHARSET_TYPES: [&str; 6] = [
    "text/html",
    "text/xml",
    "text/plain",
    "text/vnd.wap.wml",
    "application/javascript",
    "application/rss+xml",
];

/// Reads a site.
pub(super) fn read(
    configuration: &Configuration,
    server: &Node,
    version: Option<&str>,
    found: &mut Found,
) -> Edge {
    let mut edge = Edge { timeout: 29, ..Edge::default() };
    let outer: Vec<&[Node]> = vec![&configuration.http, &server.block];
    edge.site = site(&outer, server, version);
    unknown(&configuration.http, found);
    unknown(&server.block, found);
    let mut first = Rule::default();
    answers(&server.block, &mut first, found);
    if first.s.is_some() || !first.r.is_empty() {
        edge.first.push(first);
    }
    edge.types = types(&outer);
    let locations: Vec<&Node> = flattened(&server.block);
    let mut statics: Vec<(&Node, Vec<&[Node]>)> = Vec::new();
    let has_root = locations.iter().any(|location| path(location) == ("", "/"));
    for location in locations.iter().copied() {
        let mut levels = outer.clone();
        levels.push(&location.block);
        if location.arguments.iter().any(|word| word.starts_with('@')) {
            note(
                found,
                Severity::Risk,
                Some(location),
                "a named location has no counterpart on CloudFront",
                "carry what it does into the application, or leave it to an error page",
            );
            continue;
        }
        unknown(&location.block, found);
        if self::location(location, &levels, &mut edge, found) == Some(Origin::Static) {
            statics.push((location, levels));
        }
    }
    if !has_root {
        // Without `location /` nginx serves files of the server's own root.
        let rule = Rule { i: index(&outer), ..Rule { p: "/".to_owned(), ..Rule::default() } };
        edge.rules.push(rule);
        content("/", false, &outer, &mut edge);
        edge.behaviours.push(behaviour("*", Origin::Static, &outer, server));
    }
    order(&mut edge.behaviours);
    error_pages(&outer, &statics, &mut edge, found);
    edge.content.sort_by(|a, b| (&a.key, &a.source).cmp(&(&b.key, &b.source)));
    edge.content.dedup();
    edge
}

fn site(outer: &[&[Node]], server: &Node, version: Option<&str>) -> Site {
    let off = |name: &str| effective(outer, name).first().is_some_and(|node| node.first() == "off");
    let tls = server.block.iter().any(|node| {
        node.name == "listen" && node.arguments.iter().any(|word| word == "ssl")
            || node.name == "ssl" && node.first() == "on"
    });
    let charset = effective(outer, "charset").first().map_or("off", |node| node.first());
    Site {
        scheme: if tls { "https" } else { "http" },
        absolute: !off("absolute_redirect"),
        server: match version {
            Some(version) if !off("server_tokens") => format!("nginx/{version}"),
            _ => "nginx".to_owned(),
        },
        charset: if charset == "off" { String::new() } else { charset.to_owned() },
    }
}

/// Locations within locations stand beside them.
fn flattened(nodes: &[Node]) -> Vec<&Node> {
    let own = nodes.iter().filter(|node| node.name == "location");
    own.flat_map(|node| std::iter::once(node).chain(flattened(&node.block))).collect()
}

/// Modifier and path.
fn path(location: &Node) -> (&str, &str) {
    match location.arguments.as_slice() {
        [modifier, path] => (modifier, path),
        [path] => match path.strip_prefix('=') {
            Some(exact) => ("=", exact),
            None => ("", path),
        },
        _ => ("", ""),
    }
}

fn location(
    location: &Node,
    levels: &[&[Node]],
    edge: &mut Edge,
    found: &mut Found,
) -> Option<Origin> {
    let (modifier, path) = path(location);
    let own = &location.block;
    let has = |name: &str| own.iter().find(|node| node.name == name);
    let mut rule = Rule { m: modifier.to_owned(), p: path.to_owned(), ..Rule::default() };
    if modifier.starts_with('~') && !speaks(path) {
        note(
            found,
            Severity::Risk,
            Some(location),
            "the pattern of this location is not one that JavaScript reads the same way",
            "write it with plain groups and classes, or carry it into the application",
        );
        return None;
    }
    answers(own, &mut rule, found);
    if has("internal").is_some() {
        rule.s = Some(404);
    }
    access(levels, location, &mut rule, found);
    let proxied = has("proxy_pass");
    let foreign = ["fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];
    if let Some(other) = foreign.iter().find_map(|name| has(name)) {
        note(
            found,
            Severity::Blocker,
            Some(other),
            "no function answers this protocol",
            "give the application an HTTP server in its image, or leave this part on Kubernetes",
        );
        rule.s = Some(502);
    }
    let upgrade = own.iter().find(|node| {
        node.name == "proxy_set_header" && node.first().eq_ignore_ascii_case("upgrade")
    });
    if let Some(upgrade) = upgrade {
        note(
            found,
            Severity::Blocker,
            Some(upgrade),
            format!("WebSocket connections on {path} are refused: a function ends with its answer"),
            "leave this part on Kubernetes (generate --to k8s) and give its address to the pages, or move \
             the connections to API Gateway and their state to a table",
        );
        rule.s = Some(501);
    }
    let answered = rule.s.is_some();
    let origin =
        if proxied.is_some() || answered && !serves(own) { Origin::Api } else { Origin::Static };
    if let Some(pass) = proxied.filter(|_| !answered) {
        proxy(pass, path, modifier, levels, &mut rule, edge, found);
    } else if origin == Origin::Static && rule.s.is_none_or(|_| has("internal").is_some()) {
        files(location, levels, &mut rule, edge, found);
    }
    response(levels, &mut rule, found);
    let patterns = patterns(modifier, path);
    if patterns.is_empty() && origin == Origin::Static && rule.s.is_none() {
        note(
            found,
            Severity::Risk,
            Some(location),
            "CloudFront has path patterns with * and ? only: the files of this location are not served",
            "name the folder or the endings in a location of its own",
        );
    }
    // What the function answers by itself needs no origin, and what all goes to the application
    // needs no behaviour but the last, unless a shorter one leads elsewhere.
    for pattern in patterns {
        edge.behaviours.push(behaviour(&pattern, origin, levels, location));
    }
    edge.rules.push(rule);
    Some(origin)
}

/// Whether a block says where its files lie.
fn serves(own: &[Node]) -> bool {
    own.iter().any(|node| matches!(node.name.as_str(), "root" | "alias" | "try_files" | "internal"))
}

/// `return`, `rewrite`, `if`.
fn answers(own: &[Node], rule: &mut Rule, found: &mut Found) {
    for node in own {
        match node.name.as_str() {
            "return" => fixed(node, rule, found),
            "rewrite" => {
                let [pattern, replacement, flag @ ..] = node.arguments.as_slice() else { continue };
                if !speaks(pattern) || !known(replacement) {
                    note(
                        found,
                        Severity::Risk,
                        Some(node),
                        "this rewrite uses what a CloudFront Function cannot tell",
                        "carry it into the application",
                    );
                    continue;
                }
                let flag = flag.first().map_or("", String::as_str);
                rule.r.push([pattern.clone(), replacement.clone(), flag.to_owned()]);
            }
            _ => {}
        }
    }
}

fn fixed(node: &Node, rule: &mut Rule, found: &mut Found) {
    let (status, text) = match node.arguments.as_slice() {
        [status, rest @ ..] if status.parse::<u16>().is_ok() => {
            (status.parse().unwrap_or(500), rest.first().cloned().unwrap_or_default())
        }
        [url] => (302, url.clone()),
        _ => return,
    };
    if !known(&text) {
        note(
            found,
            Severity::Risk,
            Some(node),
            "this answer uses a variable that a CloudFront Function does not know",
            "write the value, or carry it into the application",
        );
        return;
    }
    // nginx closes the connection without a word; there is none to close here.
    rule.s = Some(if status == 444 { 403 } else { status });
    rule.t = text;
}

/// Who may come in: what cannot be asked here is refused to everyone, never let in.
fn access(levels: &[&[Node]], location: &Node, rule: &mut Rule, found: &mut Found) {
    let mut rules = effective(levels, "deny");
    rules.retain(|node| node.first() == "all");
    let allowed = effective(levels, "allow");
    if !rules.is_empty() {
        rule.s = Some(403);
        if let Some(allow) = allowed.first().copied() {
            note(
                found,
                Severity::Risk,
                Some(allow),
                "addresses are allowed here: CloudFront has no counterpart without a web ACL, and nobody is let in",
                "make a WAF rule with these addresses and attach it to the distribution, then take the refusal out of functions/edge.js",
            );
        }
    }
    if let Some(auth) =
        effective(levels, "auth_basic").first().copied().filter(|node| node.first() != "off")
    {
        rule.s = Some(403);
        note(
            found,
            Severity::Blocker,
            Some(auth),
            format!(
                "a password is asked for on {}: its file holds a secret that a CloudFront Function must not hold; nobody is let in",
                path(location).1
            ),
            "let the application ask for it, or put an authorizer of API Gateway in front",
        );
    }
    for limit in effective(levels, "limit_req") {
        note(
            found,
            Severity::Risk,
            Some(limit),
            "requests are limited by address: CloudFront has no counterpart without a web ACL",
            "make a rate-based rule of WAF, or throttle the routes of the HTTP API",
        );
    }
}

fn proxy(
    pass: &Node,
    path: &str,
    modifier: &str,
    levels: &[&[Node]],
    rule: &mut Rule,
    edge: &mut Edge,
    found: &mut Found,
) {
    let url = pass.first();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, tail) = match rest.find('/') {
        Some(at) if !rest.starts_with("unix:") => rest.split_at(at),
        _ => (rest, ""),
    };
    if authority.contains('$') || tail.contains('$') {
        note(
            found,
            Severity::Blocker,
            Some(pass),
            "where this goes is decided by a variable",
            "write the address, and generate again",
        );
        rule.s = Some(502);
        return;
    }
    edge.upstreams.push((path.to_owned(), authority.to_owned()));
    if !tail.is_empty() && !modifier.starts_with('~') && tail != path {
        rule.u = Some(tail.to_owned());
    }
    for node in effective(levels, "proxy_read_timeout") {
        match seconds(node.first()) {
            Some(time) if (1..30).contains(&time) => {
                edge.timeout = edge.timeout.min(u64::try_from(time).unwrap_or(29));
            }
            _ => note(
                found,
                Severity::Risk,
                Some(node),
                "API Gateway waits 30 seconds for an answer and no longer",
                "answer at once and work on in a queue, or leave this part on Kubernetes",
            ),
        }
    }
    // nginx takes 1 MB where nothing is said.
    let limit = effective(levels, "client_max_body_size");
    let bytes = limit
        .first()
        .map_or(Some(1 << 20), |node| crate::inspect::parse::nginx::size(node.first()));
    match (bytes, limit.first()) {
        (Some(bytes), _) if bytes > 0 && bytes <= 6 << 20 => rule.b = Some(bytes),
        (_, node) => note(
            found,
            Severity::Risk,
            node.copied(),
            "Lambda takes bodies of 6 MB at most, 4.5 MB when they are not text",
            "let browsers put large files straight into a bucket (a presigned URL)",
        ),
    }
    for node in effective(levels, "proxy_set_header") {
        header(node, rule, found);
    }
}

fn header(node: &Node, rule: &mut Rule, found: &mut Found) {
    let [name, value] = node.arguments.as_slice() else { return };
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        // CloudFront and API Gateway set these themselves.
        "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-port" | "connection" | "upgrade"
        | "accept-encoding" => {}
        "host" => rule.q.push(["x-forwarded-host".to_owned(), "$host".to_owned()]),
        _ if known(value) => rule.q.push([lower, value.clone()]),
        _ => note(
            found,
            Severity::Risk,
            Some(node),
            "this header's value is not known to a CloudFront Function",
            "let the application do without it",
        ),
    }
}

/// A location that serves files.
fn files(location: &Node, levels: &[&[Node]], rule: &mut Rule, edge: &mut Edge, found: &mut Found) {
    let (modifier, path) = path(location);
    rule.i = index(levels);
    if let Some(tries) = effective(levels, "try_files").first().copied()
        && let Some(last) = tries.arguments.last().filter(|last| !last.starts_with('='))
    {
        if last.starts_with('/') && known(last) && !last.contains('$') {
            rule.f.clone_from(last);
            note(
                found,
                Severity::Advice,
                Some(tries),
                format!(
                    "a path without an ending is answered with {last}: CloudFront does not know beforehand which files exist"
                ),
                "name such paths in locations of their own if some are files",
            );
        } else {
            note(
                found,
                Severity::Risk,
                Some(tries),
                "what is tried last has no counterpart on CloudFront",
                "lead these paths to the application in a location of their own",
            );
        }
    }
    let prefix = if modifier.starts_with('~') { "/" } else { path };
    content(prefix, modifier == "=", levels, edge);
}

fn content(path: &str, exact: bool, levels: &[&[Node]], edge: &mut Edge) {
    let key = path.trim_matches('/').to_owned();
    let aliased = levels.last().and_then(|level| level.iter().find(|node| node.name == "alias"));
    let source = match (aliased, effective(levels, "root").first()) {
        (Some(alias), _) => alias.first().trim_end_matches('/').to_owned(),
        (None, Some(root)) => format!("{}/{key}", root.first().trim_end_matches('/')),
        // nginx's built-in root; nobody keeps a site there.
        (None, None) => return,
    };
    let source = if exact { source } else { source.trim_end_matches('/').to_owned() };
    if source.starts_with('/') && !source.contains('$') && source.len() > 1 {
        edge.content.push(Content { source, key });
    }
}

fn index(levels: &[&[Node]]) -> String {
    let found = effective(levels, "index");
    found.first().map_or_else(|| "index.html".to_owned(), |node| node.first().to_owned())
}

/// `add_header` that holds for good answers only, `expires`, `charset`.
fn response(levels: &[&[Node]], rule: &mut Rule, found: &mut Found) {
    for node in effective(levels, "add_header") {
        let [name, value, more @ ..] = node.arguments.as_slice() else { continue };
        if !known(value) || value.contains('$') {
            note(
                found,
                Severity::Risk,
                Some(node),
                "this header's value is made anew for each answer",
                "let the application set it",
            );
        } else if more.is_empty() {
            rule.h.push([name.to_ascii_lowercase(), value.clone()]);
        }
    }
    for node in effective(levels, "expires") {
        match (node.first(), node.arguments.len()) {
            ("off", _) => {}
            ("max", 1) => rule.e = Some(315_360_000),
            ("epoch", 1) => rule.e = Some(-1),
            (time, 1) if seconds(time).is_some() => rule.e = seconds(time),
            _ => note(
                found,
                Severity::Risk,
                Some(node),
                "this time of expiry has no counterpart in a CloudFront Function",
                "give a time that counts from the answer",
            ),
        }
    }
    if let Some(charset) = effective(levels, "charset").first().filter(|node| node.first() != "off")
    {
        charset.first().clone_into(&mut rule.c);
    }
}

/// A time of nginx (`10m`, `1h 30m` is not one) in seconds.
fn seconds(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = text.get(..end)?.parse().ok()?;
    let unit = match text.get(end..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        "M" => 2_592_000,
        "y" => 31_536_000,
        _ => return None,
    };
    number.checked_mul(unit)?.checked_mul(sign)
}

/// The path patterns that fit what a location fits; none when there are no such patterns.
fn patterns(modifier: &str, path: &str) -> Vec<String> {
    let plain = |text: &str| {
        !text.contains(['*', '?', '\\', '"', '$']) && text.is_ascii() && text.len() < 250
    };
    match modifier {
        "=" if plain(path) => vec![path.to_owned()],
        "" | "^~" if path == "/" => vec!["*".to_owned()],
        "" | "^~" if plain(path) => vec![format!("{path}*")],
        "~" | "~*" => {
            // `\.(css|js)$` and the like: endings.
            let Some(rest) = path.strip_prefix("\\.").and_then(|rest| rest.strip_suffix('$'))
            else {
                return Vec::new();
            };
            let inner = rest
                .strip_prefix("(?:")
                .or_else(|| rest.strip_prefix('('))
                .and_then(|r| r.strip_suffix(')'))
                .unwrap_or(rest);
            let endings: Vec<&str> = inner.split('|').collect();
            if endings
                .iter()
                .all(|one| !one.is_empty() && one.bytes().all(|b| b.is_ascii_alphanumeric()))
            {
                endings.iter().map(|one| format!("*.{one}")).collect()
            } else {
                Vec::new()
            }
        }
        _ => Vec::new(),
    }
}

fn behaviour(pattern: &str, origin: Origin, levels: &[&[Node]], at: &Node) -> Behaviour {
    let mut headers = BTreeMap::new();
    for node in effective(levels, "add_header") {
        let [name, value, more @ ..] = node.arguments.as_slice() else { continue };
        if more.first().is_some_and(|word| word == "always") && !value.contains('$') {
            headers.insert(name.clone(), value.clone());
        }
    }
    let compress = effective(levels, "gzip").first().is_some_and(|node| node.first() == "on");
    Behaviour {
        pattern: pattern.to_owned(),
        origin,
        headers,
        compress,
        comment: at.evidence().to_string(),
    }
}

/// As nginx chooses: exact paths, `^~`, endings, then the longest prefix. CloudFront takes the first that fits.
fn order(behaviours: &mut Vec<Behaviour>) {
    let rank = |pattern: &str| match (pattern, pattern.starts_with('*'), pattern.ends_with('*')) {
        ("*", ..) => 3,
        (_, true, _) => 1,
        (_, false, true) => 2,
        _ => 0,
    };
    behaviours.sort_by_key(|one| {
        (rank(&one.pattern), std::cmp::Reverse(one.pattern.len()), one.pattern.clone())
    });
    let mut seen = BTreeSet::new();
    behaviours.retain(|one| seen.insert(one.pattern.clone()));
}

/// `error_page`: CloudFront has one list for the whole distribution.
fn error_pages(
    outer: &[&[Node]],
    statics: &[(&Node, Vec<&[Node]>)],
    edge: &mut Edge,
    found: &mut Found,
) {
    let asks_application = !edge.upstreams.is_empty();
    let mut nodes = effective(outer, "error_page");
    for (_, levels) in statics {
        nodes.extend(effective(&levels[levels.len() - 1..], "error_page"));
    }
    for node in nodes {
        let Some((page, codes)) = node.arguments.split_last() else { continue };
        for code in codes.iter().filter_map(|code| code.parse::<u16>().ok()) {
            let own = page.starts_with('/') && !page.contains('$');
            let allowed = matches!(code, 400 | 403..=405 | 414 | 416 | 500..=504);
            if !own || !allowed || codes.iter().any(|code| code.starts_with('=')) {
                note(
                    found,
                    Severity::Risk,
                    Some(node),
                    format!("the page for {code} has no counterpart on CloudFront"),
                    "let the application answer so",
                );
            } else if asks_application && code < 500 {
                note(
                    found,
                    Severity::Risk,
                    Some(node),
                    format!(
                        "the page for {code} is not carried over: CloudFront would put it in place of the application's own answers with {code}, too"
                    ),
                    "leave it so, or serve the files by a distribution of their own (CustomErrorResponses)",
                );
            } else if !edge.error_pages.iter().any(|(known, _)| *known == code) {
                edge.error_pages.push((code, page.clone()));
            }
        }
    }
    edge.error_pages.sort();
}

/// Directives that nothing here reads.
fn unknown(nodes: &[Node], found: &mut Found) {
    for node in nodes {
        let name = node.name.as_str();
        if PLATFORM.contains(&name) || CARRIED.contains(&name) {
            continue;
        }
        note(
            found,
            Severity::Risk,
            Some(node),
            format!("nginx's {name} has no counterpart in the template"),
            "see whether users depend on it; carry it into the application if they do",
        );
    }
}

/// Whether JavaScript reads a pattern as PCRE does.
fn speaks(pattern: &str) -> bool {
    let odd = [
        "++", "*+", "?+", "\\A", "\\z", "\\Z", "\\h", "\\K", "\\Q", "[[:", "(?i", "(?s", "(?m",
        "(?x", "(?P", "(?>", "(?|", "(?#",
    ];
    !odd.iter().any(|part| pattern.contains(part)) && pattern.len() < 500
}

/// Whether all variables of a text are known.
fn known(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        rest = rest[at + 1..].trim_start_matches('{');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let capture = name.len() == 1 && name.bytes().all(|byte| byte.is_ascii_digit());
        if !capture && !VARIABLES.contains(&name) {
            return false;
        }
        rest = after;
    }
    true
}

fn types(levels: &[&[Node]]) -> BTreeMap<String, String> {
    let charset = effective(levels, "charset").first().map_or("off", |node| node.first());
    let named: Vec<&str> = effective(levels, "charset_types")
        .iter()
        .flat_map(|node| node.arguments.iter().map(String::as_str))
        .collect();
    let with = |media: &str| {
        let text = if named.is_empty() {
            CHARSET_TYPES.contains(&media)
        } else {
            named.contains(&media) || media == "text/html"
        };
        if text && charset != "off" {
            format!("{media}; charset={charset}")
        } else {
            media.to_owned()
        }
    };
    let mut types = BTreeMap::new();
    for block in effective(levels, "types") {
        for node in &block.block {
            for ending in node.arguments.iter().filter(|ending| ENDINGS.contains(&ending.as_str()))
            {
                types.insert(ending.clone(), with(&node.name));
            }
        }
    }
    let rest = effective(levels, "default_type").first().map_or("text/plain", |node| node.first());
    types.insert("*".to_owned(), with(rest));
    types
}

/// Other server blocks: names that are led elsewhere, and sites that stay behind.
pub(super) fn others(
    configuration: &Configuration,
    main: &Node,
    edge: &mut Edge,
    found: &mut Found,
) {
    for server in &configuration.servers {
        if server.file == main.file && server.line == main.line {
            continue;
        }
        let answer = server.block.iter().find(|node| node.name == "return");
        let own = names(main);
        let new: Vec<&str> = names(server).into_iter().filter(|name| !own.contains(name)).collect();
        // The plain half of a site with TLS: CloudFront leads to HTTPS itself.
        if answer.is_some() && new.is_empty() && !names(server).is_empty() {
            continue;
        }
        let mut rule = Rule::default();
        if let Some(answer) = answer {
            fixed(answer, &mut rule, found);
        }
        let plain = new.iter().all(|name| !name.contains(['*', '~', '_']) && !name.is_empty());
        match rule.s {
            Some(status) if plain && !new.is_empty() => {
                for name in new {
                    edge.hosts.insert(name.to_ascii_lowercase(), (status, rule.t.clone()));
                }
            }
            _ => note(
                found,
                Severity::Risk,
                Some(server),
                "this site is not part of the template, which has one distribution",
                "generate a workspace of its own for it, or give its names to the distribution",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_become_path_patterns() {
        assert_eq!(patterns("=", "/help"), ["/help"]);
        assert_eq!(patterns("", "/a/"), ["/a/*"]);
        assert_eq!(patterns("^~", "/"), ["*"]);
        assert_eq!(patterns("~*", r"\.(css|js)$"), ["*.css", "*.js"]);
        assert!(patterns("~", "^/user/[0-9]+").is_empty());
        assert!(patterns("", "/a*b").is_empty());
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds("10m"), Some(600));
        assert_eq!(seconds("-1"), Some(-1));
        assert_eq!(seconds("1h30m"), None);
        assert_eq!(seconds(""), None);
        assert_eq!(seconds("99999999999999999y"), None);
    }

    #[test]
    fn a_variable_nobody_knows_is_seen() {
        assert!(known("/items/$1"));
        assert!(known("http://x${request_uri}"));
        assert!(!known("$cookie_a"));
        assert!(!known("a$"));
    }
}
