//! Where nginx passes requests on to: upstream groups and addresses.

use std::collections::BTreeMap;

use super::load::Node;
use crate::model::evidence::Evidence;

/// An address that nginx connects to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// Host, or path of a Unix socket.
    pub host: String,
    /// Port; 0 for a Unix socket.
    pub port: u16,
    /// Where it is written.
    pub evidence: Evidence,
}

/// The upstream groups by name, in file order of their servers.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    groups: BTreeMap<String, Vec<Address>>,
}

impl Upstreams {
    /// Reads the groups of a configuration.
    pub(super) fn read(nodes: &[Node]) -> Self {
        let mut groups: BTreeMap<String, Vec<Address>> = BTreeMap::new();
        let blocks = nodes.iter().filter(|node| matches!(node.name.as_str(), "http" | "stream"));
        for node in blocks.flat_map(Node::children).filter(|node| node.name == "upstream") {
            let Some(name) = node.first() else { continue };
            let servers = groups.entry(name.to_owned()).or_default();
            for server in node.children().iter().filter(|node| node.name == "server") {
                let place = server.first().unwrap_or_default();
                servers.extend(address(place, 80, server.evidence()));
            }
        }
        Self { groups }
    }

    /// A URL with the group's name replaced by its first server.
    pub(super) fn url(&self, scheme: &str, target: &str) -> String {
        let (scheme, rest) = target.split_once("://").unwrap_or((scheme, target));
        let end = rest.find(['/', '$', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        match self.groups.get(authority).and_then(|servers| servers.first()) {
            Some(first) if first.port == 0 => format!("{scheme}://unix:{}", first.host),
            Some(first) => format!("{scheme}://{}:{}{tail}", first.host, first.port),
            None => format!("{scheme}://{rest}"),
        }
    }

    /// Every address that a directive which passes on (`proxy_pass` and the like) leads to.
    pub(super) fn addresses(&self, node: &Node) -> Vec<Address> {
        let Some(target) = node.first() else { return Vec::new() };
        let (scheme, rest) = target.split_once("://").unwrap_or(("", target));
        if rest.starts_with("unix:") {
            return address(rest, 0, node.evidence()).into_iter().collect();
        }
        let authority = &rest[..rest.find(['/', '$', '?']).unwrap_or(rest.len())];
        if let Some(servers) = self.groups.get(authority) {
            return servers.clone();
        }
        let port = if scheme == "https" { 443 } else { 80 };
        address(authority, port, node.evidence()).into_iter().collect()
    }
}

/// Reads `host`, `host:port`, `[v6]:port` or `unix:/path`.
fn address(text: &str, default_port: u16, evidence: Evidence) -> Option<Address> {
    if let Some(path) = text.strip_prefix("unix:") {
        // In a URL a colon ends the socket's path.
        let path = path.split(':').next().unwrap_or(path);
        return Some(Address { host: path.to_owned(), port: 0, evidence });
    }
    if text.is_empty() || text.contains('$') {
        return None;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, default_port),
    };
    Some(Address { host: host.trim_matches(['[', ']']).to_owned(), port, evidence })
}
