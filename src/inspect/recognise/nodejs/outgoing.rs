//! Where an application's code connects to outside: addresses that stand in calls which open
//! connections. What a variable says is read from the environment.

use super::modules::Place;
use super::values::Values;
use crate::inspect::parse::javascript::{Kind, Node};
use crate::model::inventory::Outgoing;
use crate::model::outside;

/// Packages and modules of Node whose calls open connections.
const CLIENTS: [&str; 22] = [
    "axios",
    "got",
    "node-fetch",
    "undici",
    "superagent",
    "needle",
    "request",
    "request-promise",
    "ky",
    "phin",
    "bent",
    "http",
    "https",
    "http2",
    "net",
    "tls",
    "ws",
    "nodemailer",
    "amqplib",
    "mqtt",
    "ldapjs",
    "socket.io-client",
];

/// Most places that are kept; a list of a thousand feeds is no list of edges.
const MOST: usize = 100;

/// Reads every call that opens a connection to a place written in the code.
pub(super) fn outgoing(values: &Values<'_>) -> Vec<Outgoing> {
    let modules = values.modules;
    let mut found: Vec<Outgoing> = Vec::new();
    modules.each(&mut |place| {
        let Some((callee, arguments)) = place.node.call() else { return };
        let at = |node| Place { module: place.module, node };
        if found.len() >= MOST || !opens(values, at(callee)) {
            return;
        }
        for argument in arguments.iter().take(3) {
            let Some((host, port)) = named(values, at(argument)) else { continue };
            if outside::is_own(&host) {
                continue;
            }
            if !found.iter().any(|known| known.host == host && known.port == port) {
                found.push(Outgoing { host, port, evidence: modules.evidence(place) });
            }
        }
    });
    found
}

fn opens(values: &Values<'_>, callee: Place<'_>) -> bool {
    if matches!(callee.node.name(), Some("fetch" | "WebSocket" | "EventSource")) {
        return true;
    }
    // An instance made by a client (`axios.create()`) is a client.
    let made = || {
        let (object, _) = callee.node.member()?;
        let code = values.modules.code(Place { module: callee.module, node: object })?;
        let (maker, _) = code.node.call()?;
        values.modules.package_of(Place { module: code.module, node: maker })
    };
    let package = values.modules.package_of(callee).or_else(made);
    package.is_some_and(|(package, _)| CLIENTS.contains(&package.trim_start_matches("node:")))
}

/// The host and port that an argument names: a URL, or an object with `host` and `port`.
fn named<'m>(values: &Values<'m>, place: Place<'m>) -> Option<(String, Option<u16>)> {
    if let Kind::Template(texts, _) = &place.node.kind {
        // `https://api.example.com/things/${id}`: the host is whole before the first part.
        let text = texts.first()?;
        let rest = text.split_once("://")?.1;
        return rest.contains('/').then(|| outside::url(text)).flatten();
    }
    let node = values.modules.code(place).unwrap_or(place);
    if matches!(node.node.kind, Kind::Object(_)) {
        let inner = |key: &str| {
            let value = values.value(Place { module: node.module, node: node.node.property(key)? });
            // The environment is read on its own.
            value.text.filter(|_| value.variable.is_none())
        };
        if let Some((host, port)) =
            ["url", "baseURL", "uri"].iter().find_map(|key| outside::url(&inner(key)?))
        {
            return Some((host, port));
        }
        let host = ["host", "hostname"].iter().find_map(|key| inner(key))?;
        let port = inner("port").and_then(|port| port.parse().ok());
        let port = port.or_else(|| number(node.node.property("port")?));
        return outside::is_host(&host).then_some((host, port));
    }
    let value = values.value(place);
    if value.variable.is_some() {
        return None;
    }
    outside::url(&value.text?)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn number(node: &Node) -> Option<u16> {
    match node.kind {
        Kind::Number(number) if (1.0..65536.0).contains(&number) => Some(number as u16),
        _ => None,
    }
}
