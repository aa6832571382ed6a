//! WebSocket endpoints of an application and the messages that they take.

use super::modules::{Modules, Place};
use super::values::Values;
use crate::inspect::parse::javascript::{Function, Kind, Node, Pattern};
use crate::model::inventory::{Socket, SocketMessage};

/// Messages of one endpoint.
const MAX_MESSAGES: usize = 100;

/// The endpoints that the code opens.
pub(super) fn sockets(values: &Values<'_>) -> Vec<Socket> {
    let modules = values.modules;
    let mut sockets: Vec<Socket> = Vec::new();
    modules.each(&mut |place| {
        if let Some((library, options)) = server(modules, place) {
            // Options that are a variable declared elsewhere.
            let options = options
                .into_iter()
                .filter_map(|node| modules.code(Place { module: place.module, node }));
            let mut options = options;
            let path = options.find_map(|options| {
                let node = options.node.property("path")?;
                values.value(Place { module: options.module, node }).text
            });
            let (path, messages) = if library == "socket.io" {
                (Some(path.unwrap_or_else(|| "/socket.io/".to_owned())), events(modules))
            } else {
                (path.or_else(|| upgrade_path(values)), messages(modules))
            };
            sockets.push(Socket {
                path,
                library: library.to_owned(),
                messages,
                evidence: modules.evidence(place),
            });
        } else if let Some(path) = mounted(values, place) {
            sockets.push(Socket {
                path: Some(path),
                library: "ws".to_owned(),
                messages: messages(modules),
                evidence: modules.evidence(place),
            });
        }
    });
    sockets
}

/// Library and arguments of code that makes a WebSocket server.
pub(super) fn server<'m>(
    modules: &'m Modules,
    place: Place<'m>,
) -> Option<(&'static str, Vec<&'m Node>)> {
    let (callee, arguments) = place.node.call()?;
    let (package, name) = modules.package_of(Place { module: place.module, node: callee })?;
    let arguments = arguments.iter().collect();
    match (package.as_str(), name.as_str()) {
        ("ws", "WebSocketServer" | "Server") if matches!(place.node.kind, Kind::New(..)) => {
            Some(("ws", arguments))
        }
        ("socket.io", "Server" | "default") => {
            // `require('socket.io')` alone makes none.
            (callee.name() != Some("require")).then_some(("socket.io", arguments))
        }
        _ => None,
    }
}

/// `app.ws('/path', …)` of express-ws.
fn mounted(values: &Values<'_>, place: Place<'_>) -> Option<String> {
    let (callee, arguments) = place.node.call()?;
    let (_, "ws") = callee.member()? else { return None };
    let (first, rest) = arguments.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let path = first.text().filter(|path| path.starts_with('/'))?;
    let express_ws = values.modules.all.iter().any(|module| {
        module.nodes.iter().any(|node| {
            let mut found = false;
            node.walk(&mut |node| {
                found |= node.text() == Some("express-ws")
                    || matches!(&node.kind, Kind::Import(from, _) if from == "express-ws");
            });
            found
        })
    });
    express_ws.then(|| path.to_owned())
}

/// The path that a handler of `upgrade` compares the request's with.
fn upgrade_path(values: &Values<'_>) -> Option<String> {
    let modules = values.modules;
    let mut found = None;
    modules.each(&mut |place| {
        let Some((callee, [event, handler, ..])) = place.node.call() else { return };
        if !matches!(callee.member(), Some((_, "on" | "addListener" | "once")))
            || event.text() != Some("upgrade")
        {
            return;
        }
        let Some((module, function)) =
            modules.function(Place { module: place.module, node: handler })
        else {
            return;
        };
        for statement in &function.body {
            statement.walk(&mut |node| {
                let sides = match &node.kind {
                    Kind::Binary("===" | "!==" | "==" | "!=", a, b) => [Some(&**a), Some(&**b)],
                    Kind::Call(callee, arguments)
                        if matches!(callee.member(), Some((_, "startsWith"))) =>
                    {
                        [arguments.first(), None]
                    }
                    _ => return,
                };
                for side in sides.into_iter().flatten() {
                    let value = values.value(Place { module, node: side });
                    if let Some(path) = value.text.filter(|text| text.starts_with('/')) {
                        found.get_or_insert(path);
                    }
                }
            });
        }
    });
    found
}

/// Whether a module hears messages of sockets.
fn hears(nodes: &[Node]) -> bool {
    let mut found = false;
    for node in nodes {
        node.walk(&mut |node| match &node.kind {
            Kind::Call(callee, arguments) => {
                found |= matches!(callee.member(), Some((_, "on" | "addEventListener")))
                    && arguments.first().and_then(Node::text) == Some("message");
            }
            Kind::Assign(target, _) => {
                found |= matches!(target.member(), Some((_, "onmessage")));
            }
            Kind::Import(from, _) => found |= from == "ws",
            _ => {}
        });
    }
    found
}

/// Messages told apart by a field: by `switch`, by `if`, or by a table of handlers.
fn messages(modules: &Modules) -> Vec<SocketMessage> {
    let mut found = Vec::new();
    let hearing = modules.all.iter().any(|module| hears(&module.nodes));
    for (index, module) in modules.all.iter().enumerate() {
        if hearing && !hears(&module.nodes) && !dispatches(&module.nodes) {
            continue;
        }
        for node in &module.nodes {
            node.walk(&mut |node| match &node.kind {
                Kind::Switch(subject, cases) => {
                    let Some((message, tag)) = tag(modules, index, subject) else { return };
                    // A case without a body falls through to the next.
                    for (i, (test, _)) in cases.iter().enumerate() {
                        let Some(value) = test.as_ref().and_then(Node::text) else { continue };
                        let body = cases[i..].iter().map(|(_, body)| body).find(|b| !b.is_empty());
                        let fields = body.map_or_else(Vec::new, |body| {
                            fields(modules, index, body, message, &tag)
                        });
                        add(&mut found, &tag, value, fields);
                    }
                }
                Kind::If(test, then, _) => {
                    let Some((message, tag, value)) = compared(modules, index, test) else {
                        return;
                    };
                    let fields = fields(modules, index, then, message, &tag);
                    add(&mut found, &tag, &value, fields);
                }
                Kind::Index(table, key) => {
                    let Some((message, tag)) = tag(modules, index, key) else { return };
                    let table = Place { module: index, node: table };
                    handlers(modules, table, node, &module.nodes, message, &tag, &mut found);
                }
                Kind::Call(callee, arguments) => {
                    let (Some((table, "get")), [key]) = (callee.member(), arguments.as_slice())
                    else {
                        return;
                    };
                    let Some((message, tag)) = tag(modules, index, key) else { return };
                    let table = Place { module: index, node: table };
                    handlers(modules, table, node, &module.nodes, message, &tag, &mut found);
                }
                _ => {}
            });
        }
    }
    found
}

/// Whether a module parses messages itself.
fn dispatches(nodes: &[Node]) -> bool {
    let mut found = false;
    for node in nodes {
        node.walk(&mut |node| {
            found |= node.call().is_some_and(|(callee, _)| callee.is_member("JSON", "parse"));
        });
    }
    found
}

fn add(found: &mut Vec<SocketMessage>, tag: &str, value: &str, fields: Vec<String>) {
    if let Some(known) = found.iter_mut().find(|known| known.tag == tag && known.value == value) {
        for field in fields {
            if !known.fields.contains(&field) {
                known.fields.push(field);
            }
        }
    } else if found.len() < MAX_MESSAGES {
        found.push(SocketMessage { tag: tag.to_owned(), value: value.to_owned(), fields });
    }
}

/// The variable of a message and the field of it that code reads: `msg.type`, or `type` after
/// `const { type } = msg`.
fn tag<'m>(modules: &'m Modules, module: usize, node: &'m Node) -> Option<(&'m str, String)> {
    let (message, tag) = match &node.kind {
        Kind::Member(object, tag) => (object.name()?, tag.clone()),
        Kind::Name(name) => {
            let (value, key) = modules.all[module].destructured(name)?;
            let message = match value.name() {
                Some(name) => name,
                None => value
                    .call()
                    .filter(|(callee, _)| callee.is_member("JSON", "parse"))
                    .map(|_| "")?,
            };
            (message, key.to_owned())
        }
        _ => return None,
    };
    let known = matches!(
        tag.as_str(),
        "type"
            | "event"
            | "action"
            | "op"
            | "kind"
            | "cmd"
            | "command"
            | "t"
            | "method"
            | "name"
            | "topic"
    );
    let other = matches!(message, "req" | "request" | "err" | "error" | "e" | "process" | "res");
    (known && !other).then_some((message, tag))
}

fn compared<'m>(
    modules: &'m Modules,
    module: usize,
    test: &'m Node,
) -> Option<(&'m str, String, String)> {
    match &test.kind {
        Kind::Binary("===" | "==", a, b) => {
            let (subject, value) = match (a.text(), b.text()) {
                (None, Some(value)) => (a, value),
                (Some(value), None) => (b, value),
                _ => return None,
            };
            let (message, tag) = tag(modules, module, subject)?;
            Some((message, tag, value.to_owned()))
        }
        Kind::Binary("&&", a, b) => {
            compared(modules, module, a).or_else(|| compared(modules, module, b))
        }
        _ => None,
    }
}

/// Fields of the message that code reads, other than the tag.
fn fields(
    modules: &Modules,
    module: usize,
    body: &[Node],
    message: &str,
    tag: &str,
) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    let mut add = |field: &str| {
        if field != tag && fields.len() < 40 && fields.iter().all(|known| known != field) {
            fields.push(field.to_owned());
        }
    };
    for node in body {
        node.walk(&mut |node| match &node.kind {
            Kind::Member(object, field)
                if !message.is_empty() && object.name() == Some(message) =>
            {
                add(field);
            }
            Kind::Declare(pattern, Some(value)) if value.name() == Some(message) => {
                pattern.keys().into_iter().for_each(&mut add);
            }
            Kind::Name(name) => {
                if let Some((value, key)) = modules.all[module].destructured(name)
                    && (value.name() == Some(message)
                        || message.is_empty() && value.name().is_none())
                {
                    add(key);
                }
            }
            // `join(socket, msg)`: the function reads it.
            Kind::Call(callee, arguments) => {
                let given = arguments.iter().position(|node| node.name() == Some(message));
                if let Some(at) = given
                    && let Some((_, function)) = modules.function(Place { module, node: callee })
                {
                    for field in parameter_fields(function, at) {
                        add(&field);
                    }
                }
            }
            _ => {}
        });
    }
    fields
}

/// Fields that a function reads of its parameter at a place.
fn parameter_fields(function: &Function, at: usize) -> Vec<String> {
    let Some(pattern) = function.parameters.get(at) else { return Vec::new() };
    let Some(name) = pattern.name() else {
        return pattern.keys().into_iter().map(str::to_owned).collect();
    };
    let mut fields: Vec<String> = Vec::new();
    let mut add = |field: &str| {
        if fields.iter().all(|known| known != field) {
            fields.push(field.to_owned());
        }
    };
    for node in &function.body {
        node.walk(&mut |node| match &node.kind {
            Kind::Member(object, field) if object.name() == Some(name) => add(field),
            Kind::Declare(pattern, Some(value)) if value.name() == Some(name) => {
                pattern.keys().into_iter().for_each(&mut add);
            }
            _ => {}
        });
    }
    fields
}

/// Messages whose handlers stand in an object or a `Map` by the value of the tag.
fn handlers(
    modules: &Modules,
    table: Place<'_>,
    lookup: &Node,
    nodes: &[Node],
    message: &str,
    tag: &str,
    found: &mut Vec<SocketMessage>,
) {
    let Some(table) = modules.code(table) else { return };
    let entries: Vec<(&str, &Node)> = match &table.node.kind {
        Kind::Object(properties) => {
            properties.iter().filter_map(|(key, value)| Some((key.as_deref()?, value))).collect()
        }
        Kind::New(class, arguments) if class.name() == Some("Map") => match arguments.first() {
            Some(Node { kind: Kind::Array(pairs), .. }) => pairs
                .iter()
                .filter_map(|pair| match &pair.kind {
                    Kind::Array(items) => Some((items.first()?.text()?, items.get(1)?)),
                    _ => None,
                })
                .collect(),
            _ => return,
        },
        _ => return,
    };
    let at = position(lookup, nodes, message);
    for (value, handler) in entries {
        let Some((_, function)) = modules.function(Place { module: table.module, node: handler })
        else {
            continue;
        };
        let fields = at.map_or_else(Vec::new, |at| parameter_fields(function, at));
        add(found, tag, value, fields);
    }
}

/// At which place a handler that was looked up is given the message.
fn position(lookup: &Node, nodes: &[Node], message: &str) -> Option<usize> {
    let mut variable: Option<String> = None;
    for node in nodes {
        node.walk(&mut |node| {
            if let Kind::Declare(Pattern::Name(name), Some(value)) = &node.kind
                && **value == *lookup
            {
                variable = Some(name.clone());
            }
        });
    }
    let mut at = None;
    for node in nodes {
        node.walk(&mut |node| {
            if let Some((callee, arguments)) = node.call()
                && (callee == lookup || variable.is_some() && callee.name() == variable.as_deref())
            {
                at = at.or_else(|| {
                    arguments.iter().position(|argument| argument.name() == Some(message))
                });
            }
        });
    }
    at
}

/// Events that a socket.io server takes.
fn events(modules: &Modules) -> Vec<SocketMessage> {
    let mut found = Vec::new();
    modules.each(&mut |place| {
        let Some((callee, [event, handler, ..])) = place.node.call() else { return };
        let (Some((object, "on")), Some(event)) = (callee.member(), event.text()) else { return };
        if !matches!(object.name(), Some("socket" | "client" | "conn" | "connection"))
            || matches!(event, "connection" | "connect" | "disconnect" | "disconnecting" | "error")
        {
            return;
        }
        let function = modules.function(Place { module: place.module, node: handler });
        let fields = function.map_or_else(Vec::new, |(_, function)| parameter_fields(function, 0));
        add(&mut found, "event", event, fields);
    });
    found
}
