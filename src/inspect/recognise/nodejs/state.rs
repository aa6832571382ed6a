//! What an application keeps: files on disk, and what stands in its memory only.

use std::collections::BTreeSet;

use super::modules::{Modules, Place};
use super::sockets::server;
use super::values::{Value, Values};
use crate::inspect::parse::javascript::{Kind, Node};
use crate::inspect::source::{Kind as FileKind, Source};
use crate::model::inventory::{InProcess, State, StateKind};

/// Functions that write to the path that is their first argument.
const WRITERS: [&str; 10] = [
    "writeFile",
    "writeFileSync",
    "appendFile",
    "appendFileSync",
    "createWriteStream",
    "mkdir",
    "mkdirSync",
    "outputFile",
    "ensureDir",
    "ensureDirSync",
];

/// Folders and files that the application writes to.
pub(super) fn state(values: &Values<'_>, source: &dyn Source, folder: &str) -> Vec<State> {
    let modules = values.modules;
    let mut found: Vec<Value> = Vec::new();
    let mut add = |place: Place<'_>, file: bool| {
        let Some(mut value) = values.path(place) else {
            return;
        };
        // The folder of a single file, unless the file is all there is to it.
        if file
            && let Some(path) = &value.text
            && let Some((outer, _)) = path.rsplit_once('/')
            && !source.is_folder(path)
            && outer.len() > 1
            && !matches!(outer, "/tmp" | "/var" | "/var/log" | "/var/lib" | "/srv" | "/etc")
            && outer != folder
        {
            value.text = Some(outer.to_owned());
        }
        found.push(value);
    };
    modules.each(&mut |place| {
        let Some((callee, arguments)) = place.node.call() else { return };
        let at = |node| Place { module: place.module, node };
        let name = callee.member().map_or_else(|| callee.name(), |(_, name)| Some(name));
        if let Some((package, _)) = modules.package_of(at(callee)) {
            let Some(options) = arguments.first().and_then(|node| modules.code(at(node))) else {
                return;
            };
            let inner = |key: &str| {
                let node = options.node.property(key)?;
                Some(Place { module: options.module, node })
            };
            if package.contains("multer") {
                for place in [inner("dest"), inner("destination")].into_iter().flatten() {
                    match modules.function(place) {
                        // `destination(req, file, done) { done(null, folder); }`
                        Some((module, function)) => {
                            for node in &function.body {
                                node.walk(&mut |node| {
                                    if let Some((_, [first, path])) = node.call()
                                        && matches!(first.kind, Kind::Null)
                                    {
                                        add(Place { module, node: path }, false);
                                    }
                                });
                            }
                        }
                        None => add(place, false),
                    }
                }
            }
            if matches!(package.as_str(), "fs" | "fs/promises" | "fs-extra" | "graceful-fs")
                && name.is_some_and(|name| WRITERS.contains(&name))
                && let Some(path) = arguments.first()
            {
                let folder =
                    name.is_some_and(|name| name.contains("Dir") || name.starts_with("mkdir"));
                add(at(path), !folder);
            }
        } else if name.is_some_and(|name| WRITERS.contains(&name))
            && callee.member().is_some_and(|(object, _)| {
                // `fs.promises.writeFile`.
                object.member().is_some_and(|(_, name)| name == "promises")
            })
            && let Some(path) = arguments.first()
        {
            let folder = name == Some("mkdir");
            add(at(path), !folder);
        }
    });
    let mut states: Vec<State> = Vec::new();
    for value in found {
        let Some(path) = value.text else { continue };
        let path = source.resolve(&path).unwrap_or(path);
        let outside = matches!(path.as_str(), "/tmp" | "/var" | "/etc" | "/dev/null" | "/usr")
            || path == folder
            || path.starts_with("/proc/")
            || path.starts_with("/dev/");
        if let Some(known) = states.iter_mut().find(|state| state.path == path) {
            known.path_from = known.path_from.take().or(value.variable);
        } else if !outside {
            states.push(State {
                kind: kind(&path),
                bytes: bytes(source, &path),
                path,
                path_from: value.variable,
            });
        }
    }
    states.sort_by(|a, b| a.path.cmp(&b.path));
    let paths: BTreeSet<String> = states.iter().map(|state| state.path.clone()).collect();
    states.retain(|state| {
        let mut outer = state.path.as_str();
        while let Some((folder, _)) = outer.rsplit_once('/') {
            if paths.contains(folder) {
                return false;
            }
            outer = folder;
        }
        true
    });
    states
}

fn kind(path: &str) -> StateKind {
    let has = |word: &str| path.split('/').any(|part| part.to_lowercase().contains(word));
    if path.starts_with("/var/log/") || has("logs") || path.ends_with(".log") {
        StateKind::Logs
    } else if path.starts_with("/tmp/")
        || path.starts_with("/var/tmp/")
        || has("cache")
        || has("tmp")
    {
        StateKind::Cache
    } else if has("session") {
        StateKind::Sessions
    } else {
        StateKind::Uploads
    }
}

fn bytes(source: &dyn Source, path: &str) -> u64 {
    match source.entry(path) {
        Some(entry) if entry.kind == FileKind::File => entry.size,
        _ => source
            .below(path)
            .filter(|(_, entry)| entry.kind == FileKind::File)
            .fold(0, |sum, (_, entry)| sum.saturating_add(entry.size)),
    }
}

/// State in memory that a second replica would not see.
pub(super) fn in_process(modules: &Modules, dependencies: &BTreeSet<String>) -> Vec<InProcess> {
    let mut found: Vec<InProcess> = Vec::new();
    let shared_io = dependencies.iter().any(|name| {
        name.starts_with("@socket.io/") && name.contains("adapter")
            || name.starts_with("socket.io-redis")
    });
    let mut add = |what: &str, place: Place<'_>| {
        let evidence = modules.evidence(place);
        if !found.iter().any(|known| known.what == what && known.evidence == evidence) {
            found.push(InProcess { what: what.to_owned(), evidence });
        }
    };
    modules.each(&mut |place| {
        if let Some((library, _)) = server(modules, place) {
            // One who is connected here hears nothing from one who is connected elsewhere.
            if library == "ws" || !shared_io {
                add("broadcast", place);
            }
        }
        let Some((callee, arguments)) = place.node.call() else { return };
        let package = modules.package_of(Place { module: place.module, node: callee });
        match package.as_ref().map(|(package, name)| (package.as_str(), name.as_str())) {
            Some(("express-session" | "@fastify/session" | "koa-session", "default")) => {
                let options = arguments.iter().rev().find_map(|node| {
                    let code = modules.code(Place { module: place.module, node })?;
                    matches!(code.node.kind, Kind::Object(_)).then_some(code)
                });
                // koa-session keeps all in the cookie unless told otherwise.
                let told = options.is_some_and(|options| options.node.property("store").is_some());
                let makes = callee.name() != Some("require");
                if makes
                    && options.is_some()
                    && !told
                    && package.is_some_and(|(p, _)| p != "koa-session")
                {
                    add("sessions", place);
                }
            }
            Some((
                "node-cache" | "lru-cache" | "memory-cache" | "quick-lru" | "memorystore",
                _,
            )) if matches!(place.node.kind, Kind::New(..)) => {
                add("cache", place);
            }
            Some(("express-rate-limit", _)) => {
                let store = arguments.first().and_then(|options| options.property("store"));
                if callee.name() != Some("require") && store.is_none() && !arguments.is_empty() {
                    add("cache", place);
                }
            }
            Some(("node-cron" | "cron" | "node-schedule" | "croner", _)) if arguments.len() > 1 => {
                add("timer", place);
            }
            _ => {}
        }
        if callee.name() == Some("setInterval") && !is_heartbeat(modules, place, arguments) {
            add("timer", place);
        }
    });
    collections(modules, &mut add);
    found.sort_by(|a, b| (&a.what, &a.evidence).cmp(&(&b.what, &b.evidence)));
    found
}

/// A timer that only keeps connections alive is each replica's own business.
fn is_heartbeat(modules: &Modules, place: Place<'_>, arguments: &[Node]) -> bool {
    let Some(first) = arguments.first() else { return true };
    let Some((_, function)) = modules.function(Place { module: place.module, node: first }) else {
        return false;
    };
    let (mut keeps, mut other) = (false, false);
    for node in &function.body {
        node.walk(&mut |node| {
            let Some((callee, _)) = node.call() else { return };
            match callee.member().map(|(_, name)| name) {
                Some("ping" | "terminate" | "write" | "send" | "close" | "end") => keeps = true,
                Some(
                    "forEach" | "stringify" | "now" | "values" | "keys" | "entries" | "get" | "has",
                ) => {}
                _ => other = true,
            }
        });
    }
    keeps && !other
}

/// Collections at the top of a module that are filled later: of listeners, when the module also
/// sends to someone, else of something remembered.
fn collections(modules: &Modules, add: &mut dyn FnMut(&str, Place<'_>)) {
    for (index, module) in modules.all.iter().enumerate() {
        let mut filled = BTreeSet::new();
        let mut sends = false;
        for node in &module.nodes {
            node.walk(&mut |node| match &node.kind {
                Kind::Call(callee, _) => {
                    if let Some((object, method)) = callee.member() {
                        match method {
                            "add" | "set" | "push" | "unshift" => {
                                filled.extend(object.name());
                            }
                            // Not `res.send` of a handler.
                            "send" | "write" => {
                                sends |= !matches!(object.name(), Some("reply" | "response"));
                            }
                            _ => {}
                        }
                    }
                }
                Kind::Assign(target, _) => {
                    if let Kind::Index(object, _) = &target.kind {
                        filled.extend(object.name());
                    }
                }
                _ => {}
            });
        }
        for node in &module.nodes {
            let declared: Vec<&Node> = match &node.kind {
                Kind::Other(parts) => parts.iter().collect(),
                _ => vec![node],
            };
            for node in declared {
                let Kind::Declare(pattern, Some(value)) = &node.kind else { continue };
                let empty = match &value.kind {
                    Kind::New(class, arguments) => {
                        matches!(class.name(), Some("Map" | "Set" | "WeakMap"))
                            && arguments.is_empty()
                    }
                    Kind::Array(items) => items.is_empty(),
                    Kind::Object(properties) => properties.is_empty(),
                    _ => false,
                };
                if empty && pattern.name().is_some_and(|name| filled.contains(name)) {
                    let what = if sends { "broadcast" } else { "cache" };
                    add(what, Place { module: index, node });
                }
            }
        }
    }
}
