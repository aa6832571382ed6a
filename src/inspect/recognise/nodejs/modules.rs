//! The application's own source files: which belong to it, and what their names stand for.

use std::collections::{BTreeMap, BTreeSet};

use crate::inspect::parse::javascript::{Function, Kind, Node, Pattern, parse};
use crate::inspect::source::{Kind as FileKind, Source};
use crate::model::evidence::Evidence;

/// Files of one application; a folder with more is no hand-written program.
const MAX_FILES: usize = 600;
/// How often a name is followed to what it stands for.
pub(super) const MAX_HOPS: usize = 12;
const EXTENSIONS: [&str; 9] = ["", ".js", ".cjs", ".mjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"];

/// A source file.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Its path, links followed.
    pub path: String,
    /// Its statements.
    pub nodes: Vec<Node>,
    /// What each name declared in it is bound to; the first declaration counts.
    declares: BTreeMap<String, Bound>,
    /// What it exports: name, value. The whole of `module.exports` is `default`.
    exports: BTreeMap<String, Node>,
    /// Names that come from elsewhere: local name → module as written, name there.
    imports: BTreeMap<String, (String, String)>,
    /// What it passes on from elsewhere: module as written, name there, name here.
    passes: Vec<(String, String, String)>,
}

/// What a name is bound to: a value, or a part of one.
#[derive(Debug, Clone)]
struct Bound {
    value: Node,
    /// The keys that lead from the value to what is bound.
    keys: Vec<String>,
}

/// A piece of code with the module it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'m> {
    /// Index of the module.
    pub module: usize,
    /// The code.
    pub node: &'m Node,
}

/// What a piece of code comes down to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning<'m> {
    /// Code of the application.
    Code(Place<'m>),
    /// A whole module of the application.
    Module(usize),
}

/// All modules of an application.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// The modules, the entry point first.
    pub all: Vec<Module>,
    /// Files that could not be read, with the reason.
    pub unread: Vec<(String, String)>,
    by_path: BTreeMap<String, usize>,
}

impl Modules {
    /// Reads the entry point and all that it needs, and everything in the folder when a file is
    /// needed under a name that is made at run time.
    pub(super) fn read(source: &dyn Source, folder: &str, entry: &str) -> Self {
        let mut modules = Self::default();
        let mut waiting = vec![entry.to_owned()];
        let mut seen = BTreeSet::new();
        let mut whole = false;
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            if modules.all.len() >= MAX_FILES {
                modules.unread.push((path, format!("there are more than {MAX_FILES} files")));
                break;
            }
            let parsed = source
                .text(&path)
                .map_err(|error| error.to_string())
                .and_then(|text| parse(&path, &text));
            let nodes = match parsed {
                Ok(nodes) => nodes,
                Err(reason) => {
                    modules.unread.push((path, reason));
                    continue;
                }
            };
            let (needs, dynamic) = needed(&nodes);
            let mut found: Vec<String> = needs
                .iter()
                .filter_map(|need| locate(source, folder_of(&path), need))
                .filter(|path| is_code(path))
                .collect();
            if dynamic && !whole {
                whole = true;
                found.extend(own_files(source, folder));
            }
            // The first needed is read first.
            waiting.extend(found.into_iter().rev());
            modules.by_path.insert(path.clone(), modules.all.len());
            modules.all.push(Module::new(path, nodes));
        }
        modules
    }

    /// Where a piece of code stands.
    pub(super) fn evidence(&self, place: Place<'_>) -> Evidence {
        Evidence::line(self.all[place.module].path.as_str(), place.node.line)
    }

    /// Every statement with its module's index.
    pub(super) fn each<'m>(&'m self, visit: &mut dyn FnMut(Place<'m>)) {
        for (module, found) in self.all.iter().enumerate() {
            for node in &found.nodes {
                node.walk(&mut |node| visit(Place { module, node }));
            }
        }
    }

    /// The package that a name or expression comes from, with the name in it: `express` and
    /// `Router` for `Router` after `const { Router } = require('express')`.
    pub(super) fn package_of(&self, place: Place<'_>) -> Option<(String, String)> {
        let module = &self.all[place.module];
        match &place.node.kind {
            Kind::Name(name) => {
                if let Some((from, name)) = module.imports.get(name) {
                    return (!is_relative(from)).then(|| (plain(from), name.clone()));
                }
                let bound = module.declares.get(name)?;
                let inner = Place { module: place.module, node: &bound.value };
                if std::ptr::eq(inner.node, place.node) {
                    return None;
                }
                let (package, outer) = match required(inner.node) {
                    Some(from) if !is_relative(from) => (plain(from), "default".to_owned()),
                    _ => match &inner.node.kind {
                        Kind::Member(..) => self.package_of(inner)?,
                        _ => return None,
                    },
                };
                Some((package, bound.keys.last().cloned().unwrap_or(outer)))
            }
            Kind::Member(object, name) => {
                let inner = Place { module: place.module, node: object };
                let (package, _) = match required(object) {
                    Some(from) if !is_relative(from) => (plain(from), String::new()),
                    _ => self.package_of(inner)?,
                };
                Some((package, name.clone()))
            }
            _ => {
                let from = required(place.node)?;
                (!is_relative(from)).then(|| (plain(from), "default".to_owned()))
            }
        }
    }

    /// Follows names, members and imports to the code that they stand for.
    pub(super) fn meaning<'m>(&'m self, place: Place<'m>) -> Option<Meaning<'m>> {
        self.follow(place, MAX_HOPS)
    }

    /// As [`Modules::meaning`], when it is code.
    pub(super) fn code<'m>(&'m self, place: Place<'m>) -> Option<Place<'m>> {
        match self.meaning(place)? {
            Meaning::Code(place) => Some(place),
            Meaning::Module(module) => {
                self.exported(module, "default", MAX_HOPS).and_then(|it| match it {
                    Meaning::Code(place) => Some(place),
                    Meaning::Module(_) => None,
                })
            }
        }
    }

    /// The function that a piece of code stands for.
    pub(super) fn function<'m>(&'m self, place: Place<'m>) -> Option<(usize, &'m Function)> {
        let place = self.code(place)?;
        Some((place.module, place.node.function()?))
    }

    fn follow<'m>(&'m self, place: Place<'m>, hops: usize) -> Option<Meaning<'m>> {
        let hops = hops.checked_sub(1)?;
        let module = &self.all[place.module];
        match &place.node.kind {
            Kind::Name(name) => {
                if let Some((from, wanted)) = module.imports.get(name) {
                    let target = self.target(place.module, from)?;
                    return if wanted == "*" {
                        Some(Meaning::Module(target))
                    } else {
                        self.exported(target, wanted, hops)
                    };
                }
                let Some(bound) = module.declares.get(name) else {
                    return Some(Meaning::Code(place));
                };
                let value = Place { module: place.module, node: &bound.value };
                let mut meaning = self.follow(value, hops)?;
                for key in &bound.keys {
                    meaning = self.within(meaning, key, hops)?;
                }
                Some(meaning)
            }
            Kind::Member(object, name) => {
                let outer = Place { module: place.module, node: object };
                // What stands for nothing else stands for itself.
                let Some(meaning) = self.follow(outer, hops) else {
                    return Some(Meaning::Code(place));
                };
                Some(self.within(meaning, name, hops).unwrap_or(Meaning::Code(place)))
            }
            _ => match required(place.node) {
                Some(from) => Some(Meaning::Module(self.target(place.module, from)?)),
                None => Some(Meaning::Code(place)),
            },
        }
    }

    fn within<'m>(&'m self, outer: Meaning<'m>, name: &str, hops: usize) -> Option<Meaning<'m>> {
        match outer {
            Meaning::Module(module) => self.exported(module, name, hops),
            Meaning::Code(place) => {
                if let Some(value) = place.node.property(name) {
                    return self.follow(Place { module: place.module, node: value }, hops);
                }
                if let Kind::Class(_, members) = &place.node.kind {
                    let (_, value) = members.iter().find(|(member, _)| member == name)?;
                    return Some(Meaning::Code(Place { module: place.module, node: value }));
                }
                // `new Thing().method`.
                if let Kind::New(class, _) = &place.node.kind {
                    let class = self.follow(Place { module: place.module, node: class }, hops)?;
                    return self.within(class, name, hops.checked_sub(1)?);
                }
                // A property that is set after the object was made.
                None
            }
        }
    }

    /// What a module exports under a name.
    pub(super) fn exported<'m>(
        &'m self,
        module: usize,
        name: &str,
        hops: usize,
    ) -> Option<Meaning<'m>> {
        let hops = hops.checked_sub(1)?;
        let found = &self.all[module];
        if let Some(node) = found.exports.get(name) {
            return self.follow(Place { module, node }, hops);
        }
        for (from, theirs, ours) in &found.passes {
            let wanted = match (theirs.as_str(), ours.as_str()) {
                ("*", "*") => name,
                (theirs, ours) if ours == name => theirs,
                _ => continue,
            };
            let Some(target) = self.target(module, from) else { continue };
            if wanted == "*" {
                return Some(Meaning::Module(target));
            }
            if let Some(meaning) = self.exported(target, wanted, hops) {
                return Some(meaning);
            }
        }
        // A name within what a CommonJS module exports as a whole.
        let whole = found.exports.get("default")?;
        if name == "default" {
            return None;
        }
        let whole = self.follow(Place { module, node: whole }, hops)?;
        self.within(whole, name, hops)
    }

    fn target(&self, module: usize, from: &str) -> Option<usize> {
        if !is_relative(from) {
            return None;
        }
        let base = normal(&format!("{}/{from}", folder_of(&self.all[module].path)));
        let candidates = EXTENSIONS
            .iter()
            .map(|extension| format!("{base}{extension}"))
            .chain(EXTENSIONS.iter().skip(1).map(|extension| format!("{base}/index{extension}")))
            .chain(typescript_name(&base));
        candidates.into_iter().find_map(|path| self.by_path.get(&path).copied())
    }
}

impl Module {
    fn new(path: String, nodes: Vec<Node>) -> Self {
        let mut module = Self { path, ..Self::default() };
        for node in &nodes {
            node.walk(&mut |node| module.learn(node));
        }
        module.nodes = nodes;
        module
    }

    fn learn(&mut self, node: &Node) {
        match &node.kind {
            Kind::Declare(pattern, Some(value)) => self.bind(pattern, value, &mut Vec::new()),
            Kind::Function(Function { name: Some(name), .. }) | Kind::Class(Some(name), _) => {
                self.declare(name, node, &[]);
            }
            Kind::Import(from, names) => {
                for (theirs, ours) in names {
                    self.imports.insert(ours.clone(), (from.clone(), theirs.clone()));
                }
            }
            Kind::ExportFrom(from, names) => {
                for (theirs, ours) in names {
                    self.passes.push((from.clone(), theirs.clone(), ours.clone()));
                }
            }
            Kind::Export(name, value) => {
                self.exports.entry(name.clone()).or_insert_with(|| (**value).clone());
            }
            Kind::Assign(target, value) => match &target.kind {
                Kind::Name(name) => self.declare(name, value, &[]),
                Kind::Member(object, name) => {
                    let whole = object.name() == Some("module") && name == "exports";
                    let part =
                        object.name() == Some("exports") || object.is_member("module", "exports");
                    // `module.exports = exports = x` and `exports = module.exports = x`.
                    if whole {
                        let value = match &value.kind {
                            Kind::Assign(_, inner) => inner,
                            _ => value,
                        };
                        self.exports.insert("default".to_owned(), (**value).clone());
                    } else if part {
                        self.exports.entry(name.clone()).or_insert_with(|| (**value).clone());
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn bind(&mut self, pattern: &Pattern, value: &Node, keys: &mut Vec<String>) {
        match pattern {
            Pattern::Name(name) => self.declare(name, value, keys),
            Pattern::Object(parts) => {
                for (key, pattern) in parts {
                    keys.push(key.clone());
                    self.bind(pattern, value, keys);
                    keys.pop();
                }
            }
            Pattern::Default(inner, _) => self.bind(inner, value, keys),
            Pattern::Array(_) | Pattern::Other => {}
        }
    }

    fn declare(&mut self, name: &str, value: &Node, keys: &[String]) {
        // `let app;` and a later `app = …` make one name; a name bound to itself is none.
        if value.name() == Some(name) {
            return;
        }
        self.declares
            .entry(name.to_owned())
            .or_insert_with(|| Bound { value: value.clone(), keys: keys.to_vec() });
    }

    /// The value that a name declared here is bound to, when it is a whole one.
    pub(super) fn declared(&self, name: &str) -> Option<&Node> {
        self.declares.get(name).filter(|bound| bound.keys.is_empty()).map(|bound| &bound.value)
    }

    /// The key under which a destructured name stood in its value: value, key.
    pub(super) fn destructured(&self, name: &str) -> Option<(&Node, &str)> {
        let bound = self.declares.get(name)?;
        match bound.keys.as_slice() {
            [key] => Some((&bound.value, key)),
            _ => None,
        }
    }
}

/// What `require('x')` or `import('x')` asks for.
fn required(node: &Node) -> Option<&str> {
    let (callee, arguments) = node.call()?;
    match (callee.name()?, arguments) {
        ("require" | "import", [from]) => from.text(),
        // `const Store = require('store')(session)` is the package's, too.
        _ => None,
    }
}

/// What a file asks for, and whether it asks for a file whose name is made at run time.
fn needed(nodes: &[Node]) -> (Vec<String>, bool) {
    let (mut needs, mut dynamic) = (Vec::new(), false);
    for node in nodes {
        node.walk(&mut |node| match &node.kind {
            Kind::Import(from, _) | Kind::ExportFrom(from, _) => needs.push(from.clone()),
            Kind::Call(callee, arguments)
                if matches!(callee.name(), Some("require" | "import")) =>
            {
                if let [from] = arguments.as_slice() {
                    match from.text() {
                        Some(from) => needs.push(from.to_owned()),
                        None => dynamic = true,
                    }
                }
            }
            _ => {}
        });
    }
    needs.retain(|from| is_relative(from));
    (needs, dynamic)
}

fn is_relative(from: &str) -> bool {
    from.starts_with("./") || from.starts_with("../") || matches!(from, "." | "..")
}

/// A package's name without `node:`.
fn plain(from: &str) -> String {
    from.strip_prefix("node:").unwrap_or(from).to_owned()
}

fn is_code(path: &str) -> bool {
    EXTENSIONS.iter().skip(1).any(|extension| path.ends_with(extension))
}

/// The file that a relative name means, as node and TypeScript find it.
pub(super) fn locate(source: &dyn Source, folder: &str, from: &str) -> Option<String> {
    let base = normal(&format!("{folder}/{from}"));
    let candidates = EXTENSIONS
        .iter()
        .map(|extension| format!("{base}{extension}"))
        .chain(EXTENSIONS.iter().skip(1).map(|extension| format!("{base}/index{extension}")))
        .chain(typescript_name(&base));
    candidates.into_iter().find(|path| source.is_file(path)).and_then(|path| source.resolve(&path))
}

/// TypeScript's modules name the `.js` that is made of them.
fn typescript_name(base: &str) -> Option<String> {
    base.strip_suffix(".js").map(|stem| format!("{stem}.ts"))
}

/// The folder of a file.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path with `.` and `..` taken out, links not looked at.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The application's own code below a folder: no dependencies, no tests, no front end's output.
fn own_files(source: &dyn Source, folder: &str) -> Vec<String> {
    source
        .below(folder)
        .filter(|(path, entry)| entry.kind == FileKind::File && is_code(path))
        .map(|(path, _)| path)
        .filter(|path| {
            let inner = path.strip_prefix(folder).unwrap_or(path);
            !inner.split('/').any(|part| {
                matches!(
                    part,
                    "node_modules" | "test" | "tests" | "__tests__" | "spec" | "public" | "static"
                ) || (part.starts_with('.') && part.len() > 1)
            }) && ![".test.", ".spec.", ".d.ts", ".min.js", ".config."]
                .iter()
                .any(|no| inner.contains(no))
        })
        .map(str::to_owned)
        .take(MAX_FILES)
        .collect()
}
