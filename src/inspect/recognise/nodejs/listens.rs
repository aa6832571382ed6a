//! Where an application listens, and which proxies it believes.

use super::modules::Place;
use super::routes::is_router;
use super::values::{Value, Values};
use crate::inspect::parse::javascript::{Kind, Node};
use crate::model::inventory::{Listen, TrustProxy};

/// What the code says about listening.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// Where it listens, as far as it is known.
    pub listens: Vec<Listen>,
    /// Places whose port is not known.
    pub unknown: Vec<crate::model::evidence::Evidence>,
}

/// Reads every `listen` of a server.
pub(super) fn listens(values: &Values<'_>) -> Listening {
    let modules = values.modules;
    let mut found = Listening::default();
    modules.each(&mut |place| {
        let Some((callee, arguments)) = place.node.call() else { return };
        let at = |node| Place { module: place.module, node };
        let (port, address, is_server) = if let Some((object, "listen")) = callee.member() {
            let fastify = package(values, at(object)).is_some_and(|name| name == "fastify");
            let (port, host) = asked(values, at, arguments);
            let host = host.or_else(|| {
                fastify.then(|| Value { text: Some("127.0.0.1".to_owned()), variable: None })
            });
            (port, host, is_server(values, at(object)))
        } else {
            // `new WebSocketServer({ port })` opens a port of its own.
            let Some(("ws", options)) = super::sockets::server(modules, place) else { return };
            let Some(options) = options.first().and_then(|node| modules.code(at(node))) else {
                return;
            };
            let inner = |key: &str| {
                let node = options.node.property(key)?;
                Some(values.value(Place { module: options.module, node }))
            };
            let Some(port) = inner("port") else { return };
            (Some(port), inner("host"), true)
        };
        let number = port.as_ref().and_then(|port| port.text.as_ref()?.parse::<u16>().ok());
        let socket =
            port.as_ref().and_then(|port| port.text.clone()).filter(|text| text.starts_with('/'));
        let variable = port.and_then(|port| port.variable);
        if let Some(path) = socket {
            found.listens.push(Listen {
                address: path,
                port: 0,
                protocol: "unix".to_owned(),
                address_from: variable,
                port_from: None,
                evidence: Some(modules.evidence(place)),
            });
        } else if let Some(port) = number {
            let (text, from) = address.map_or((None, None), |value| (value.text, value.variable));
            let listen = Listen {
                address: match text.as_deref() {
                    None | Some("") => "::".to_owned(),
                    Some("localhost") => "127.0.0.1".to_owned(),
                    Some(other) => other.to_owned(),
                },
                port,
                protocol: "http".to_owned(),
                address_from: from,
                port_from: variable,
                evidence: Some(modules.evidence(place)),
            };
            let known = |other: &Listen| Listen { evidence: None, ..other.clone() };
            if !found.listens.iter().any(|other| known(other) == known(&listen)) {
                found.listens.push(listen);
            }
        } else if is_server {
            found.unknown.push(modules.evidence(place));
        }
    });
    found
}

/// Port and host that the arguments of a `listen` ask for.
fn asked<'m>(
    values: &Values<'m>,
    at: impl Fn(&'m Node) -> Place<'m>,
    arguments: &'m [Node],
) -> (Option<Value>, Option<Value>) {
    let Some(first) = arguments.first() else { return (None, None) };
    if let Some(options) = values.modules.code(at(first))
        && matches!(options.node.kind, Kind::Object(_))
    {
        let inner = |key: &str| {
            let node = options.node.property(key)?;
            Some(values.value(Place { module: options.module, node }))
        };
        return (inner("path").or_else(|| inner("port")), inner("host"));
    }
    let host = arguments
        .get(1)
        .filter(|node| !matches!(node.kind, Kind::Function(_) | Kind::Number(_)))
        .map(|node| values.value(at(node)))
        // A callback that has a name is no address.
        .filter(|value| value.text.is_some());
    (Some(values.value(at(first))), host)
}

fn package(values: &Values<'_>, place: Place<'_>) -> Option<String> {
    let code = values.modules.code(place)?;
    let (callee, _) = code.node.call()?;
    Some(values.modules.package_of(Place { module: code.module, node: callee })?.0)
}

/// Whether code is a server or an application, so that its `listen` is the one that matters.
fn is_server(values: &Values<'_>, place: Place<'_>) -> bool {
    let http = package(values, place)
        .is_some_and(|name| matches!(name.as_str(), "http" | "https" | "http2" | "net"));
    http || is_router(values, place)
}

/// Which proxies the application believes.
pub(super) fn trust_proxy(values: &Values<'_>) -> Option<TrustProxy> {
    let modules = values.modules;
    let mut found = None;
    modules.each(&mut |place| {
        let at = |node| Place { module: place.module, node };
        let value = match &place.node.kind {
            Kind::Call(callee, arguments) => match (callee.member(), arguments.as_slice()) {
                (Some((_, "set")), [name, value]) if name.text() == Some("trust proxy") => {
                    values.value(at(value))
                }
                (Some((_, "enable")), [name]) if name.text() == Some("trust proxy") => {
                    Value { text: Some("true".to_owned()), variable: None }
                }
                (_, [options, ..]) => {
                    let fastify = modules
                        .package_of(at(callee))
                        .is_some_and(|(package, _)| package == "fastify");
                    match options.property("trustProxy").filter(|_| fastify) {
                        Some(value) => values.value(at(value)),
                        None => return,
                    }
                }
                _ => return,
            },
            // Koa: `app.proxy = true`.
            Kind::Assign(target, value) => match target.member() {
                Some((object, "proxy"))
                    if package(values, at(object)).is_some_and(|name| name == "koa") =>
                {
                    values.value(at(value))
                }
                _ => return,
            },
            _ => return,
        };
        if let Some(text) = value.text {
            found.get_or_insert(TrustProxy {
                value: text,
                variable: value.variable,
                evidence: modules.evidence(place),
            });
        }
    });
    found
}
