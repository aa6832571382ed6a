//! Server blocks and their locations, with the settings that each location inherits.

use super::load::{Node, absolute};
use super::upstreams::Upstreams;
use crate::inspect::parse::nginx::size;
use crate::model::inventory::{Location, LocationKind, RateLimit, Site};
use std::collections::BTreeMap;

/// nginx's own `client_max_body_size`.
const DEFAULT_BODY_LIMIT: u64 = 1 << 20;
/// nginx's own `root`, below its prefix.
const DEFAULT_ROOT: &str = "/usr/share/nginx/html";

/// What a block hands down to the blocks within it.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one directive, set apart from the others"
)]
struct Settings {
    root: String,
    body_limit: u64,
    auth: bool,
    rate_limited: bool,
    rate: Option<RateLimit>,
    upgrade: bool,
    buffering: bool,
    denied: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root: DEFAULT_ROOT.to_owned(),
            body_limit: DEFAULT_BODY_LIMIT,
            auth: false,
            rate_limited: false,
            rate: None,
            upgrade: false,
            buffering: true,
            denied: false,
        }
    }
}

impl Settings {
    /// The settings within a block that holds `nodes`.
    fn within(&self, nodes: &[Node], folder: &str, zones: &Zones) -> Self {
        let mut settings = self.clone();
        // Lists replace the outer level's as a whole as soon as the inner level has one entry.
        if nodes.iter().any(|node| node.name == "limit_req") {
            settings.rate_limited = true;
            settings.rate = rate(nodes, zones);
        }
        if nodes.iter().any(|node| node.name == "proxy_set_header") {
            settings.upgrade = nodes.iter().any(is_upgrade);
        }
        if nodes.iter().any(|node| matches!(node.name.as_str(), "allow" | "deny")) {
            settings.denied = denies_all(nodes);
        }
        for node in nodes {
            let Some(first) = node.first() else { continue };
            match node.name.as_str() {
                "root" => settings.root = absolute(first, folder),
                "client_max_body_size" => {
                    settings.body_limit = size(first).unwrap_or(settings.body_limit);
                }
                "auth_basic" => settings.auth = first != "off",
                "proxy_buffering" => settings.buffering = first != "off",
                _ => {}
            }
        }
        settings
    }
}

fn is_upgrade(node: &Node) -> bool {
    node.name == "proxy_set_header"
        && node.first().is_some_and(|name| name.eq_ignore_ascii_case("upgrade"))
        && node.arguments.get(1).is_some_and(|value| !value.is_empty())
}

fn denies_all(nodes: &[Node]) -> bool {
    let first = nodes.iter().find(|node| matches!(node.name.as_str(), "allow" | "deny"));
    first.is_some_and(|node| node.name == "deny" && node.first() == Some("all"))
}

/// Requests a minute of each zone that counts requests.
type Zones = BTreeMap<String, u32>;

/// The zones of an `http` block.
fn zones(nodes: &[Node]) -> Zones {
    let value = |node: &Node, key: &str| {
        node.arguments.iter().find_map(|argument| argument.strip_prefix(key).map(str::to_owned))
    };
    nodes
        .iter()
        .filter(|node| node.name == "limit_req_zone")
        .filter_map(|node| {
            let zone = value(node, "zone=")?;
            let rate = value(node, "rate=")?;
            let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
            let per_minute = match rate.strip_suffix("r/s") {
                Some(seconds) => number(seconds)?.checked_mul(60)?,
                None => number(rate.strip_suffix("r/m")?)?,
            };
            Some((zone.split(':').next()?.to_owned(), per_minute))
        })
        .collect()
}

/// The limit of a block that refuses first: the one that takes fewest at once.
fn rate(nodes: &[Node], zones: &Zones) -> Option<RateLimit> {
    let value = |node: &Node, key: &str| {
        node.arguments.iter().find_map(|argument| argument.strip_prefix(key).map(str::to_owned))
    };
    nodes
        .iter()
        .filter(|node| node.name == "limit_req")
        .filter_map(|node| {
            let zone = value(node, "zone=")?;
            let burst = value(node, "burst=").map_or(Some(0), |burst| burst.parse().ok())?;
            Some(RateLimit { per_minute: *zones.get(&zone)?, zone, burst })
        })
        .min_by_key(|limit| (limit.burst, limit.per_minute))
}

/// The sites of a configuration, in file order.
pub(super) fn sites(nodes: &[Node], folder: &str, upstreams: &Upstreams) -> Vec<Site> {
    let mut sites = Vec::new();
    for http in nodes.iter().filter(|node| node.name == "http") {
        let zones = zones(http.children());
        let settings = Settings::default().within(http.children(), folder, &zones);
        for server in http.children().iter().filter(|node| node.name == "server") {
            sites.push(site(server, &settings, &Scope { folder, upstreams, zones: &zones }));
        }
    }
    mark_default(&mut sites);
    sites
}

/// The first server of a port is its default when none says so.
fn mark_default(sites: &mut [Site]) {
    let ports: Vec<u16> = sites.iter().flat_map(|site| site.ports.clone()).collect();
    for port in ports {
        if !sites.iter().any(|site| site.default && site.ports.contains(&port))
            && let Some(first) = sites.iter_mut().find(|site| site.ports.contains(&port))
        {
            first.default = true;
        }
    }
}

fn site(server: &Node, outer: &Settings, scope: &Scope<'_>) -> Site {
    let nodes = server.children();
    let settings = outer.within(nodes, scope.folder, scope.zones);
    let mut site = Site { evidence: vec![server.evidence()], ..Site::default() };
    for node in nodes {
        match node.name.as_str() {
            "server_name" => {
                let names = node.arguments.iter().filter(|name| !matches!(name.as_str(), "_" | ""));
                site.server_names.extend(names.cloned());
            }
            "listen" => {
                if let Some(listen) = Listening::read(&node.arguments) {
                    site.default |= listen.default;
                    site.tls |= listen.tls;
                    if listen.port > 0 && !site.ports.contains(&listen.port) {
                        site.ports.push(listen.port);
                    }
                }
            }
            _ => {}
        }
    }
    if !nodes.iter().any(|node| node.name == "listen") {
        site.ports.push(80);
    }
    site.root = nodes.iter().any(|node| node.name == "root").then(|| settings.root.clone());
    locations(nodes, &settings, scope, 0, &mut site.locations);
    // What no location takes is answered by the server block itself.
    let takes_all = |location: &Location| location.path == "/" && location.modifier != "=";
    if !site.locations.iter().any(takes_all) || answers_all(nodes) {
        let mut rest = scope.location(server, "", "/", nodes, &settings);
        rest.internal = false;
        if answers_all(nodes) {
            site.locations.clear();
        }
        site.locations.push(rest);
    }
    site
}

/// Whether a server block answers everything before it looks at its locations.
fn answers_all(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| node.name == "return")
}

struct Scope<'s> {
    folder: &'s str,
    upstreams: &'s Upstreams,
    zones: &'s Zones,
}

/// Locations within locations; nginx itself sets no limit, people use two.
const MAX_NESTING: usize = 8;

fn locations(
    nodes: &[Node],
    outer: &Settings,
    scope: &Scope<'_>,
    depth: usize,
    into: &mut Vec<Location>,
) {
    if depth > MAX_NESTING {
        return;
    }
    for node in nodes.iter().filter(|node| node.name == "location") {
        let (modifier, path) = match node.arguments.as_slice() {
            [path] => split_modifier(path),
            [modifier, path, ..] => (modifier.as_str(), path.as_str()),
            [] => continue,
        };
        let settings = outer.within(node.children(), scope.folder, scope.zones);
        into.push(scope.location(node, modifier, path, node.children(), &settings));
        locations(node.children(), &settings, scope, depth + 1, into);
    }
}

/// `=/path`, `~*pattern` and `@name` may be written without a space.
fn split_modifier(path: &str) -> (&str, &str) {
    for modifier in ["=", "^~", "~*", "~", "@"] {
        if let Some(rest) = path.strip_prefix(modifier) {
            return (modifier, rest);
        }
    }
    ("", path)
}

impl Scope<'_> {
    fn location(
        &self,
        at: &Node,
        modifier: &str,
        path: &str,
        nodes: &[Node],
        settings: &Settings,
    ) -> Location {
        let find = |name: &str| nodes.iter().find(|node| node.name == name);
        let alias = find("alias").and_then(Node::first);
        let mut location = Location {
            modifier: modifier.to_owned(),
            path: path.to_owned(),
            kind: LocationKind::Static,
            target: None,
            status: None,
            body_limit: settings.body_limit,
            auth: settings.auth,
            rate_limited: settings.rate_limited,
            rate: settings.rate.clone(),
            upgrade: false,
            unbuffered: false,
            internal: modifier == "@" || find("internal").is_some(),
            fallback: find("try_files")
                .filter(|node| node.arguments.len() > 1)
                .and_then(|node| node.arguments.last().cloned()),
            alias: false,
            evidence: at.evidence(),
        };
        if let Some((status, target)) = find("return").and_then(returned) {
            let redirect = matches!(status, 301 | 302 | 303 | 307 | 308) && target.is_some();
            location.kind = if redirect { LocationKind::Redirect } else { LocationKind::Return };
            location.status = Some(status);
            location.target = target.filter(|_| redirect);
        } else if settings.denied {
            location.kind = LocationKind::Deny;
        } else if let Some((scheme, url)) = nodes.iter().find_map(passes) {
            location.kind = LocationKind::Proxy;
            location.target = Some(self.upstreams.url(scheme, url));
            location.upgrade = settings.upgrade && matches!(scheme, "http" | "https");
            location.unbuffered = !settings.buffering;
        } else if find("stub_status").is_some() || find("empty_gif").is_some() {
            location.kind = LocationKind::Return;
            location.status = Some(200);
        } else if let Some((status, target)) =
            nodes.iter().find_map(|node| rewritten(node, modifier, path))
            && find("try_files").is_none()
        {
            location.kind = LocationKind::Redirect;
            location.status = Some(status);
            location.target = Some(target);
        } else {
            location.target = Some(
                alias.map_or_else(|| settings.root.clone(), |path| absolute(path, self.folder)),
            );
            location.alias = alias.is_some();
        }
        location
    }
}

/// Status and target of a `return`.
fn returned(node: &Node) -> Option<(u16, Option<String>)> {
    match node.arguments.as_slice() {
        [only] => {
            Some(only.parse().map_or_else(|_| (302, Some(only.clone())), |code| (code, None)))
        }
        [code, target, ..] => Some((code.parse().ok()?, Some(target.clone()))),
        [] => None,
    }
}

/// Status and target of a `rewrite` that ends in a redirect, whatever is asked below `path`; one
/// that takes some of it leaves the rest to the location.
fn rewritten(node: &Node, modifier: &str, path: &str) -> Option<(u16, String)> {
    if node.name != "rewrite" {
        return None;
    }
    let pattern = node.first()?.trim_start_matches('^');
    let (pattern, ends) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let rest = pattern.strip_prefix(path.trim_end_matches('/')).unwrap_or(pattern);
    let rest = rest.trim_start_matches('/').trim_end_matches('?');
    let all = matches!(rest, ".*" | "(.*)" | ".+" | "(.+)")
        || rest.is_empty() && (!ends || modifier == "=")
        || modifier.starts_with('~');
    if !all {
        return None;
    }
    let target = node.arguments.get(1)?;
    match node.arguments.get(2).map(String::as_str) {
        Some("permanent") => Some((301, target.clone())),
        Some("redirect") => Some((302, target.clone())),
        None if target.starts_with("http://") || target.starts_with("https://") => {
            Some((302, target.clone()))
        }
        _ => None,
    }
}

/// Scheme and address of a directive that passes requests on.
fn passes(node: &Node) -> Option<(&'static str, &str)> {
    let scheme = match node.name.as_str() {
        "proxy_pass" => "http",
        "fastcgi_pass" => "fastcgi",
        "uwsgi_pass" => "uwsgi",
        "scgi_pass" => "scgi",
        "grpc_pass" => "grpc",
        _ => return None,
    };
    Some((scheme, node.first()?))
}

/// What a `listen` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listening {
    /// Address, or path of a Unix socket.
    pub address: String,
    /// Port; 0 for a Unix socket.
    pub port: u16,
    /// Whether it is its port's default server.
    pub default: bool,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl Listening {
    /// Reads the arguments of a `listen`.
    pub(super) fn read(arguments: &[String]) -> Option<Self> {
        let (place, options) = arguments.split_first()?;
        let default = options.iter().any(|o| matches!(o.as_str(), "default_server" | "default"));
        let tls = options.iter().any(|o| matches!(o.as_str(), "ssl" | "quic"));
        let (address, port) = if let Some(path) = place.strip_prefix("unix:") {
            (path.to_owned(), 0)
        } else if let Ok(port) = place.parse() {
            ("0.0.0.0".to_owned(), port)
        } else if let Some(rest) = place.strip_prefix('[') {
            let (address, rest) = rest.split_once(']')?;
            let port = rest.strip_prefix(':').map_or(Some(80), |port| port.parse().ok())?;
            (address.to_owned(), port)
        } else {
            let (address, port) = match place.rsplit_once(':') {
                Some((address, port)) => (address, port.parse().ok()?),
                None => (place.as_str(), 80),
            };
            (if address == "*" { "0.0.0.0" } else { address }.to_owned(), port)
        };
        Some(Self { address, port, default, tls })
    }
}
