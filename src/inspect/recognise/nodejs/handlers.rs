//! What a request handler reads: fields of the body and the query, and whether it answers with a
//! stream of events.

use super::modules::{Modules, Place};
use crate::inspect::parse::javascript::{Function, Kind, Node, Pattern};

/// How many functions down a request is followed.
const MAX_CALLS: usize = 3;

/// What a handler reads and does.
#[derive(Debug, Default)]
pub(super) struct Handling {
    /// Fields of the body.
    pub fields: Vec<String>,
    /// Fields of the query string.
    pub query: Vec<String>,
    /// Field of an upload.
    pub upload: Option<String>,
    /// Whether it answers with server-sent events.
    pub events: bool,
}

impl Handling {
    fn field(&mut self, name: &str) {
        add(&mut self.fields, name);
    }
}

fn add(list: &mut Vec<String>, name: &str) {
    const MAX_FIELDS: usize = 60;
    if list.len() < MAX_FIELDS && list.iter().all(|known| known != name) {
        list.push(name.to_owned());
    }
}

/// Which parts of a request names in a function stand for.
#[derive(Debug, Default, Clone)]
struct Names {
    request: Vec<String>,
    body: Vec<String>,
    query: Vec<String>,
}

/// Adds what the function at a handler's place reads.
pub(super) fn handle(modules: &Modules, place: Place<'_>, into: &mut Handling) {
    if let Some(field) = upload(modules, place) {
        into.upload.get_or_insert(field);
        return;
    }
    if let Kind::Array(items) = &place.node.kind {
        for node in items {
            handle(modules, Place { module: place.module, node }, into);
        }
        return;
    }
    // `wrap(async (req, res) => …)`: the function stands among the arguments.
    if let Some((_, arguments)) = place.node.call() {
        for node in arguments {
            let inner = Place { module: place.module, node };
            if modules.function(inner).is_some() {
                handle(modules, inner, into);
            }
        }
    }
    let Some((module, function)) = modules.function(place) else { return };
    let mut names = Names::default();
    if let Some(first) = function.parameters.first() {
        bind(first, &mut names);
    }
    read(modules, module, function, names, MAX_CALLS, into);
}

/// What a handler's first parameter gives names to.
fn bind(pattern: &Pattern, names: &mut Names) {
    match pattern.bare() {
        Pattern::Name(name) => names.request.push(name.clone()),
        Pattern::Object(keys) => {
            for (key, pattern) in keys {
                if let Some(name) = pattern.name() {
                    match key.as_str() {
                        "body" => names.body.push(name.to_owned()),
                        "query" => names.query.push(name.to_owned()),
                        "request" | "req" => names.request.push(name.to_owned()),
                        _ => {}
                    }
                }
            }
        }
        _ => {}
    }
}

fn read(
    modules: &Modules,
    module: usize,
    function: &Function,
    mut names: Names,
    calls: usize,
    into: &mut Handling,
) {
    for statement in &function.body {
        statement.walk(&mut |node| visit(modules, module, node, &mut names, calls, into));
    }
}

fn visit(
    modules: &Modules,
    module: usize,
    node: &Node,
    names: &mut Names,
    calls: usize,
    into: &mut Handling,
) {
    match &node.kind {
        Kind::Text(text) if text.contains("text/event-stream") => into.events = true,
        Kind::Member(object, name) => match part(object, names) {
            Some(Part::Body) => into.field(name),
            Some(Part::Query) => add(&mut into.query, name),
            Some(Part::Files) => {
                into.upload.get_or_insert_with(|| name.clone());
            }
            _ => {}
        },
        Kind::Declare(pattern, Some(value)) => {
            // `const { a } = req.body || {}`.
            let value = match &value.kind {
                Kind::Or(left, _) => left,
                _ => value,
            };
            match part(value, names) {
                Some(Part::Body) => match pattern.bare() {
                    Pattern::Name(name) => names.body.push(name.clone()),
                    other => other.keys().into_iter().for_each(|key| into.field(key)),
                },
                Some(Part::Query) => match pattern.bare() {
                    Pattern::Name(name) => names.query.push(name.clone()),
                    other => other.keys().into_iter().for_each(|key| add(&mut into.query, key)),
                },
                Some(Part::Request) => {
                    for (key, pattern) in match pattern.bare() {
                        Pattern::Object(keys) => keys.as_slice(),
                        _ => &[],
                    } {
                        match (key.as_str(), pattern.name()) {
                            ("body", None) => {
                                pattern.keys().into_iter().for_each(|key| into.field(key));
                            }
                            ("query", None) => {
                                pattern
                                    .keys()
                                    .into_iter()
                                    .for_each(|key| add(&mut into.query, key));
                            }
                            ("body", Some(name)) => names.body.push(name.to_owned()),
                            ("query", Some(name)) => names.query.push(name.to_owned()),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Kind::Call(callee, arguments) => {
            call(modules, module, callee, arguments, names, calls, into);
        }
        _ => {}
    }
}

fn call(
    modules: &Modules,
    module: usize,
    callee: &Node,
    arguments: &[Node],
    names: &Names,
    calls: usize,
    into: &mut Handling,
) {
    let given: Vec<Option<Part>> = arguments.iter().map(|node| part(node, names)).collect();
    let response =
        arguments.iter().any(|node| matches!(node.name(), Some("res" | "reply" | "response")));
    if given.iter().all(Option::is_none) && !response {
        return;
    }
    // `schema.parse(req.body)`: the schema names the fields.
    if given.contains(&Some(Part::Body))
        && let Some((schema, method)) = callee.member()
        && matches!(
            method,
            "parse" | "parseAsync" | "safeParse" | "validate" | "validateAsync" | "cast"
        )
        && let Some(schema) = modules.code(Place { module, node: schema })
    {
        schema_fields(schema.node, into);
        return;
    }
    let Some(calls) = calls.checked_sub(1) else { return };
    let Some((module, function)) = modules.function(Place { module, node: callee }) else { return };
    let mut inner = Names::default();
    for (given, pattern) in given.iter().zip(&function.parameters) {
        match given {
            Some(Part::Request) => bind(pattern, &mut inner),
            Some(Part::Body) => match pattern.name() {
                Some(name) => inner.body.push(name.to_owned()),
                None => pattern.keys().into_iter().for_each(|key| into.field(key)),
            },
            Some(Part::Query) => match pattern.name() {
                Some(name) => inner.query.push(name.to_owned()),
                None => pattern.keys().into_iter().for_each(|key| add(&mut into.query, key)),
            },
            Some(Part::Files) | None => {}
        }
    }
    read(modules, module, function, inner, calls, into);
}

/// The keys of the outermost object that a schema is made of.
fn schema_fields(node: &Node, into: &mut Handling) {
    let mut found = false;
    node.walk(&mut |node| {
        if let (Kind::Object(properties), false) = (&node.kind, found) {
            found = true;
            properties.iter().filter_map(|(key, _)| key.as_deref()).for_each(|key| into.field(key));
        }
    });
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Request,
    Body,
    Query,
    Files,
}

fn part(node: &Node, names: &Names) -> Option<Part> {
    let is = |list: &[String], name: &str| list.iter().any(|known| known == name);
    match &node.kind {
        Kind::Name(name) if is(&names.body, name) => Some(Part::Body),
        Kind::Name(name) if is(&names.query, name) => Some(Part::Query),
        Kind::Name(name) if is(&names.request, name) => Some(Part::Request),
        Kind::Member(object, name) if part(object, names) == Some(Part::Request) => {
            match name.as_str() {
                "body" => Some(Part::Body),
                "query" => Some(Part::Query),
                "files" => Some(Part::Files),
                // Koa: `ctx.request.body`.
                "request" | "req" => Some(Part::Request),
                _ => None,
            }
        }
        // `(req.body || {}).name`.
        Kind::Or(left, _) => part(left, names),
        _ => None,
    }
}

/// The form field that an upload middleware takes (`upload.single('file')`).
fn upload(modules: &Modules, place: Place<'_>) -> Option<String> {
    let place = modules.code(place)?;
    let (callee, arguments) = place.node.call()?;
    let (object, method) = callee.member()?;
    if !matches!(method, "single" | "array" | "fields" | "any") {
        return None;
    }
    let maker = modules.code(Place { module: place.module, node: object })?;
    let (factory, _) = maker.node.call()?;
    let (package, _) = modules.package_of(Place { module: maker.module, node: factory })?;
    if !package.contains("multer") {
        return None;
    }
    let first = arguments.first();
    let text = first.and_then(Node::text).map(str::to_owned);
    let listed = first.and_then(|first| match &first.kind {
        Kind::Array(items) => items.first()?.property("name")?.text().map(str::to_owned),
        _ => None,
    });
    text.or(listed).or_else(|| (method == "any").then(|| "file".to_owned()))
}
