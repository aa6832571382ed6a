//! The HTTP routes of an application: routers, where they are mounted, and their paths in full.

use std::collections::BTreeMap;

use super::handlers::{Handling, handle};
use super::modules::{Meaning, Modules, Place};
use super::values::Values;
use crate::inspect::parse::javascript::{Kind, Node};
use crate::model::inventory::Route;

/// Routers within routers.
const MAX_MOUNTS: usize = 8;
/// Routes of one application.
const MAX_ROUTES: usize = 2_000;
/// Methods by the name under which routers know them.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("del", "DELETE"),
    ("all", "ALL"),
    ("options", "OPTIONS"),
];
/// Packages whose call makes an application or a router.
const MAKERS: [&str; 10] = [
    "express",
    "router",
    "fastify",
    "koa",
    "koa-router",
    "@koa/router",
    "hono",
    "restify",
    "polka",
    "express-promise-router",
];

/// A router: the variable it is kept in, or the parameter it is handed over by.
type Id = (usize, String);

#[derive(Debug, Default)]
struct Router {
    /// Set when nothing is above it: the application itself.
    top: bool,
    prefix: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
enum Entry {
    Route(Route),
    Mount(String, Id),
}

/// The routes, in the order in which the application meets them.
pub(super) fn routes(values: &Values<'_>) -> Vec<Route> {
    let mut finder = Finder { values, modules: values.modules, routers: BTreeMap::new() };
    finder.makers();
    values.modules.each(&mut |place| finder.statement(place));
    finder.flatten()
}

/// Whether a name stands for an application or router.
pub(super) fn is_router(values: &Values<'_>, place: Place<'_>) -> bool {
    let mut finder = Finder { values, modules: values.modules, routers: BTreeMap::new() };
    finder.makers();
    finder.router(place).is_some()
}

struct Finder<'v, 'm> {
    values: &'v Values<'m>,
    modules: &'m Modules,
    routers: BTreeMap<Id, Router>,
}

impl<'m> Finder<'_, 'm> {
    /// Finds the variables that hold an application or router.
    fn makers(&mut self) {
        let modules = self.modules;
        modules.each(&mut |place| {
            let (name, value) = match &place.node.kind {
                Kind::Declare(pattern, Some(value)) => (pattern.name(), &**value),
                Kind::Assign(target, value) => (target.name(), &**value),
                _ => return,
            };
            let Some(name) = name else { return };
            if let Some(router) = self.made(place.module, value) {
                self.routers.entry((place.module, name.to_owned())).or_insert(router);
            }
        });
        // `module.exports = (app) => { app.get(…) }`, and a plugin of fastify.
        for module in 0..modules.all.len() {
            let Some(Meaning::Code(place)) =
                modules.exported(module, "default", super::modules::MAX_HOPS)
            else {
                continue;
            };
            if let Some(function) = place.node.function()
                && let Some(name) = function.parameters.first().and_then(|first| first.name())
                && !matches!(name, "req" | "request" | "err" | "error" | "ctx")
            {
                self.routers.entry((place.module, name.to_owned())).or_default();
            }
        }
    }

    fn made(&self, module: usize, value: &'m Node) -> Option<Router> {
        let (callee, arguments) = value.call()?;
        let (package, name) = self.modules.package_of(Place { module, node: callee })?;
        if !MAKERS.contains(&package.as_str())
            || !matches!(
                name.as_str(),
                "default" | "Router" | "express" | "fastify" | "Fastify" | "Hono" | "createServer"
            )
        {
            return None;
        }
        let top = name != "Router" && !package.to_lowercase().contains("router");
        let prefix = arguments
            .first()
            .and_then(|options| options.property("prefix"))
            .and_then(|node| self.values.value(Place { module, node }).text)
            .unwrap_or_default();
        Some(Router { top, prefix, entries: Vec::new() })
    }

    /// The router that code stands for.
    fn router(&self, place: Place<'m>) -> Option<Id> {
        // By its own name first: parameters are no declarations.
        if let Some(name) = place.node.name() {
            let id = (place.module, name.to_owned());
            if self.routers.contains_key(&id) {
                return Some(id);
            }
        }
        match &place.node.kind {
            // `router.routes()` of koa.
            Kind::Call(callee, arguments) => {
                if let Some((object, "routes" | "middleware")) = callee.member() {
                    return self.router(Place { module: place.module, node: object });
                }
                let function = Place { module: place.module, node: callee };
                if let (Some(Meaning::Module(module)), true) =
                    (self.modules.meaning(place), arguments.len() == 1)
                {
                    return self.exported_router(module);
                }
                // A function that makes a router and gives it back.
                let (module, function) = self.modules.function(function)?;
                let mut found = None;
                for statement in &function.body {
                    statement.walk(&mut |node| {
                        if let Kind::Return(Some(value)) = &node.kind
                            && let Some(name) = value.name()
                            && self.routers.contains_key(&(module, name.to_owned()))
                        {
                            found = Some((module, name.to_owned()));
                        }
                    });
                }
                found
            }
            Kind::Name(_) | Kind::Member(..) => match self.modules.meaning(place)? {
                Meaning::Module(module) => self.exported_router(module),
                Meaning::Code(code) => self.variable_of(code),
            },
            _ => None,
        }
    }

    fn exported_router(&self, module: usize) -> Option<Id> {
        match self.modules.exported(module, "default", super::modules::MAX_HOPS)? {
            Meaning::Code(code) => self.variable_of(code),
            Meaning::Module(inner) if inner != module => self.exported_router(inner),
            Meaning::Module(_) => None,
        }
    }

    /// The variable that holds what was made here.
    fn variable_of(&self, code: Place<'m>) -> Option<Id> {
        if let Some(function) = code.node.function() {
            let name = function.parameters.first()?.name()?;
            let id = (code.module, name.to_owned());
            return self.routers.contains_key(&id).then_some(id);
        }
        self.routers.keys().find_map(|(module, name)| {
            let declared = self.modules.all[*module].declared(name)?;
            (*module == code.module && declared == code.node).then(|| (*module, name.clone()))
        })
    }

    fn statement(&mut self, place: Place<'m>) {
        let Some((callee, arguments)) = place.node.call() else { return };
        let at = |node: &'m Node| Place { module: place.module, node };
        let Some((object, method)) = callee.member() else {
            // `require('./routes')(app)`, `routes(app)`.
            for argument in arguments {
                if let Some(outer) = self.router(at(argument))
                    && let Some((module, function)) = self.handed(at(callee))
                    && let Some(name) = function
                    && (module, &name) != (outer.0, &outer.1)
                {
                    self.mount(&outer, String::new(), (module, name));
                }
            }
            return;
        };
        match method {
            "use" | "register" | "route" | "prefix" => {}
            _ if METHODS.iter().any(|(name, _)| *name == method) => {}
            _ => return,
        }
        if let Some(router) = self.router(at(object)) {
            match method {
                "use" => self.used(&router, place.module, arguments),
                "register" => self.registered(&router, place.module, arguments),
                "route" => self.described(&router, place, arguments),
                "prefix" => {
                    if let Some(prefix) = arguments.first().and_then(Node::text)
                        && let Some(found) = self.routers.get_mut(&router)
                    {
                        prefix.clone_into(&mut found.prefix);
                    }
                }
                _ => self.routed(&router, place, method, arguments),
            }
        } else if let Some((router, path)) = self.chained(at(object)) {
            // `router.route('/x').get(…).post(…)`.
            self.add(&router, place, method, &path, arguments);
        }
    }

    /// The module and first parameter of a function that is handed a router.
    fn handed(&self, place: Place<'m>) -> Option<(usize, Option<String>)> {
        let (module, function) = match self.modules.meaning(place)? {
            Meaning::Code(code) => (code.module, code.node.function()?),
            Meaning::Module(module) => {
                let exported =
                    self.modules.exported(module, "default", super::modules::MAX_HOPS)?;
                let Meaning::Code(code) = exported else { return None };
                (code.module, code.node.function()?)
            }
        };
        let name = function.parameters.first()?.name()?.to_owned();
        let known = self.routers.contains_key(&(module, name.clone()));
        Some((module, known.then_some(name)))
    }

    fn mount(&mut self, outer: &Id, prefix: String, inner: Id) {
        if let Some(router) = self.routers.get_mut(outer) {
            router.entries.push(Entry::Mount(prefix, inner));
        }
    }

    fn paths(&self, module: usize, node: &'m Node) -> Vec<String> {
        match &node.kind {
            Kind::Array(items) => items.iter().flat_map(|item| self.paths(module, item)).collect(),
            Kind::Function(_) | Kind::Regex(_) => Vec::new(),
            _ => self
                .values
                .value(Place { module, node })
                .text
                .filter(|text| text.starts_with('/') || text.is_empty() || text == "*")
                .into_iter()
                .collect(),
        }
    }

    fn used(&mut self, router: &Id, module: usize, arguments: &'m [Node]) {
        let mut prefixes =
            arguments.first().map(|first| self.paths(module, first)).unwrap_or_default();
        if prefixes.is_empty() {
            prefixes.push(String::new());
        }
        for node in arguments {
            if let Some(inner) = self.router(Place { module, node })
                && inner != *router
            {
                for prefix in &prefixes {
                    self.mount(router, prefix.clone(), inner.clone());
                }
            }
        }
    }

    fn registered(&mut self, router: &Id, module: usize, arguments: &'m [Node]) {
        let Some(first) = arguments.first() else { return };
        let prefix = arguments
            .get(1)
            .and_then(|options| options.property("prefix"))
            .and_then(|node| self.values.value(Place { module, node }).text)
            .unwrap_or_default();
        if let Some((module, Some(name))) = self.handed(Place { module, node: first }) {
            self.mount(router, prefix, (module, name));
        }
    }

    /// fastify's `route({ method, url, handler })`.
    fn described(&mut self, router: &Id, place: Place<'m>, arguments: &'m [Node]) {
        let Some(options) = arguments.first() else { return };
        let path = options.property("url").or_else(|| options.property("path"));
        let Some(path) = path.and_then(Node::text).map(str::to_owned) else { return };
        let methods: Vec<String> = match options.property("method").map(|node| &node.kind) {
            Some(Kind::Text(method)) => vec![method.clone()],
            Some(Kind::Array(items)) => {
                items.iter().filter_map(Node::text).map(str::to_owned).collect()
            }
            _ => return,
        };
        let handlers = options.property("handler").map_or(&[][..], std::slice::from_ref);
        for method in methods {
            self.add(router, place, &method.to_lowercase(), &path, handlers);
        }
    }

    fn routed(&mut self, router: &Id, place: Place<'m>, method: &str, arguments: &'m [Node]) {
        let Some((first, handlers)) = arguments.split_first() else { return };
        // `app.get('setting')` is no route.
        if handlers.is_empty() {
            return;
        }
        for path in self.paths(place.module, first) {
            self.add(router, place, method, &path, handlers);
        }
    }

    /// Router and path of a chain that begins with `route('/path')`.
    fn chained(&self, place: Place<'m>) -> Option<(Id, String)> {
        let mut node = place.node;
        for _ in 0..20 {
            let (callee, arguments) = node.call()?;
            let (object, method) = callee.member()?;
            if method == "route" {
                let router = self.router(Place { module: place.module, node: object })?;
                return Some((router, arguments.first()?.text()?.to_owned()));
            }
            node = object;
        }
        None
    }

    fn add(&mut self, id: &Id, place: Place<'m>, method: &str, path: &str, handlers: &'m [Node]) {
        let Some((_, method)) = METHODS.iter().find(|(name, _)| *name == method) else { return };
        let mut handling = Handling::default();
        for node in handlers {
            handle(self.modules, Place { module: place.module, node }, &mut handling);
        }
        // A chain begins where its first link does; the last argument's place is nearer.
        let line = match handlers.first() {
            Some(first) if self.chained(place).is_some() => first.line,
            _ => place.node.line,
        };
        let evidence = crate::model::evidence::Evidence::line(
            self.modules.all[place.module].path.as_str(),
            line,
        );
        let route = Route {
            method: (*method).to_owned(),
            path: path.to_owned(),
            query: handling.query,
            fields: handling.fields,
            upload: handling.upload,
            events: handling.events,
            evidence,
        };
        if let Some(router) = self.routers.get_mut(id) {
            router.entries.push(Entry::Route(route));
        }
    }

    fn flatten(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        let mounted: Vec<&Id> = self
            .routers
            .values()
            .flat_map(|router| &router.entries)
            .filter_map(|entry| match entry {
                Entry::Mount(_, inner) => Some(inner),
                Entry::Route(_) => None,
            })
            .collect();
        let tops = self.routers.iter().filter(|(id, router)| router.top && !mounted.contains(id));
        for (id, _) in tops {
            self.collect(id, "", MAX_MOUNTS, &mut routes);
        }
        routes
    }

    fn collect(&self, id: &Id, prefix: &str, depth: usize, into: &mut Vec<Route>) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let Some(router) = self.routers.get(id) else { return };
        let prefix = joined(prefix, &router.prefix);
        for entry in &router.entries {
            match entry {
                Entry::Route(route) => {
                    let path = joined(&prefix, &route.path);
                    let path = if path.is_empty() { "/".to_owned() } else { path };
                    let same = |known: &Route| known.method == route.method && known.path == path;
                    if into.len() < MAX_ROUTES && !into.iter().any(same) {
                        into.push(Route { path, ..route.clone() });
                    }
                }
                Entry::Mount(at, inner) => self.collect(inner, &joined(&prefix, at), depth, into),
            }
        }
    }
}

/// Two parts of a path: `/api` and `/` make `/api`.
fn joined(prefix: &str, path: &str) -> String {
    let prefix = prefix.trim_end_matches('/');
    match path.trim_start_matches('/') {
        "" if prefix.is_empty() => String::new(),
        "" => prefix.to_owned(),
        rest => format!("{prefix}/{rest}"),
    }
}
