//! What an expression is worth on the server: literals, environment variables, and what is made
//! of them.

use std::collections::BTreeMap;

use super::modules::{Modules, Place, folder_of, normal};
use crate::inspect::parse::javascript::{Function, Kind, Node};

/// How deep expressions are looked into.
const MAX_DEPTH: usize = 24;

/// A value as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// Its text; absent when it is not known (or a secret).
    pub text: Option<String>,
    /// The environment variable that sets it.
    pub variable: Option<String>,
}

impl Value {
    fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), variable: None }
    }
}

/// The environment on the server: name → value, absent for a secret.
pub(super) type Environment = BTreeMap<String, Option<String>>;

/// Reads values of an application.
pub(super) struct Values<'m> {
    /// Its modules.
    pub modules: &'m Modules,
    /// What the server sets.
    pub environment: &'m Environment,
    /// Its working directory, for relative paths.
    pub directory: &'m str,
}

impl<'m> Values<'m> {
    /// What an expression is worth.
    pub(super) fn value(&self, place: Place<'m>) -> Value {
        self.look(place, &BTreeMap::new(), MAX_DEPTH)
    }

    /// A folder or file: the part of a path that is known, absolute. `None` when not even its
    /// beginning is.
    pub(super) fn path(&self, place: Place<'m>) -> Option<Value> {
        let (mut value, whole) = self.prefix(place, MAX_DEPTH)?;
        let text = value.text.take()?;
        // A file's name that is made at run time: its folder is what is known.
        let text = if whole { text.as_str() } else { &text[..=text.rfind('/')?] };
        let path = if text.starts_with('/') {
            normal(text)
        } else if text.is_empty() {
            return None;
        } else {
            normal(&format!("{}/{text}", self.directory))
        };
        (path != "/").then_some(Value { text: Some(path), variable: value.variable })
    }

    /// The environment variable that an expression reads directly: name and, when one is given
    /// beside it, its default.
    pub(super) fn variable(&self, place: Place<'m>) -> Option<String> {
        match &place.node.kind {
            Kind::Member(object, name) if self.is_environment(place.module, object) => {
                Some(name.clone())
            }
            _ => None,
        }
    }

    /// Whether code is `process.env` or a name for it.
    pub(super) fn is_environment(&self, module: usize, node: &'m Node) -> bool {
        if node.is_member("process", "env") {
            return true;
        }
        let Kind::Name(_) = node.kind else { return false };
        let place = Place { module, node };
        if self
            .modules
            .package_of(place)
            .is_some_and(|(from, name)| from == "process" && name == "env")
        {
            return true;
        }
        self.modules.code(place).is_some_and(|place| place.node.is_member("process", "env"))
    }

    /// For a function that reads a variable whose name is one of its parameters: the places of
    /// the name and of the default among them.
    pub(super) fn reader(function: &Function) -> Option<(usize, Option<usize>)> {
        let index = |node: &Node| {
            let name = node.name()?;
            function.parameters.iter().position(|pattern| pattern.name() == Some(name))
        };
        let (mut name, mut default) = (None, None);
        for node in &function.body {
            node.walk(&mut |node| match &node.kind {
                Kind::Index(object, key) if object.is_member("process", "env") => {
                    name = name.or_else(|| index(key));
                }
                Kind::Or(_, right) => default = default.or_else(|| index(right)),
                Kind::Conditional(_, a, b) => {
                    default = default.or_else(|| index(a)).or_else(|| index(b));
                }
                Kind::Return(Some(value)) => default = default.or_else(|| index(value)),
                _ => {}
            });
        }
        Some((name?, default.filter(|default| Some(*default) != name)))
    }

    fn look(&self, place: Place<'m>, bound: &BTreeMap<String, Value>, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else { return Value::default() };
        let at = |node: &'m Node| Place { module: place.module, node };
        if let Some(name) = self.variable(place) {
            let text = self.environment.get(&name).cloned().flatten();
            return Value { text, variable: Some(name) };
        }
        match &place.node.kind {
            Kind::Text(text) => Value::text(text),
            Kind::Number(number) => Value::text(number.to_string()),
            Kind::Bool(value) => Value::text(value.to_string()),
            Kind::Template(texts, nodes) => {
                let mut out = String::new();
                let mut variable = None;
                for (i, text) in texts.iter().enumerate() {
                    out.push_str(text);
                    if let Some(node) = nodes.get(i) {
                        let part = self.look(at(node), bound, depth);
                        let Some(text) = part.text else { return Value::default() };
                        variable = variable.or(part.variable);
                        out.push_str(&text);
                    }
                }
                Value { text: Some(out), variable }
            }
            Kind::Or(left, right) => {
                let value = self.look(at(left), bound, depth);
                if value.text.as_ref().is_some_and(|text| !text.is_empty()) {
                    return value;
                }
                let other = self.look(at(right), bound, depth);
                Value { text: other.text, variable: value.variable.or(other.variable) }
            }
            // `x ? Number(x) : 80`: whichever part names a variable or is known.
            Kind::Conditional(_, a, b) => {
                let (a, b) = (self.look(at(a), bound, depth), self.look(at(b), bound, depth));
                if a.text.is_some() || b.variable.is_some() && a.variable.is_none() {
                    Value { variable: a.variable.or(b.variable), text: a.text }
                } else {
                    Value { text: b.text, variable: a.variable.or(b.variable) }
                }
            }
            Kind::Unary("+", inner) => self.look(at(inner), bound, depth),
            Kind::Binary(operator, left, right) => {
                let (left, right) =
                    (self.look(at(left), bound, depth), self.look(at(right), bound, depth));
                let variable = left.variable.or(right.variable);
                let text = left.text.zip(right.text).and_then(|(a, b)| operate(operator, &a, &b));
                Value { text, variable }
            }
            Kind::Name(name) => {
                if let Some(value) = bound.get(name) {
                    return value.clone();
                }
                match name.as_str() {
                    "__dirname" => Value::text(folder_of(&self.modules.all[place.module].path)),
                    "__filename" => Value::text(self.modules.all[place.module].path.as_str()),
                    _ => self.followed(place, depth),
                }
            }
            Kind::Member(object, name)
                if matches!(name.as_str(), "dirname" | "filename")
                    && matches!(&object.kind, Kind::Other(parts) if parts.is_empty()) =>
            {
                // `import.meta.dirname`.
                let path = self.modules.all[place.module].path.as_str();
                Value::text(if name == "dirname" { folder_of(path) } else { path })
            }
            Kind::Member(..) => self.followed(place, depth),
            Kind::Call(callee, arguments) => self.call(place, callee, arguments, bound, depth),
            _ => Value::default(),
        }
    }

    fn followed(&self, place: Place<'m>, depth: usize) -> Value {
        // `const { PORT } = process.env`.
        if let Kind::Name(name) = &place.node.kind
            && let Some((value, key)) = self.modules.all[place.module].destructured(name)
            && value.is_member("process", "env")
        {
            let text = self.environment.get(key).cloned().flatten();
            return Value { text, variable: Some(key.to_owned()) };
        }
        match self.modules.code(place) {
            Some(code) if !std::ptr::eq(code.node, place.node) => {
                self.look(code, &BTreeMap::new(), depth)
            }
            _ => Value::default(),
        }
    }

    fn call(
        &self,
        place: Place<'m>,
        callee: &'m Node,
        arguments: &'m [Node],
        bound: &BTreeMap<String, Value>,
        depth: usize,
    ) -> Value {
        let at = |node: &'m Node| Place { module: place.module, node };
        let name = callee.member().map_or_else(|| callee.name(), |(_, name)| Some(name));
        let first = arguments.first();
        match (name.unwrap_or_default(), first) {
            // What it is given is this module's own URL.
            ("fileURLToPath", Some(_)) => {
                return Value::text(self.modules.all[place.module].path.as_str());
            }
            ("Number" | "parseInt" | "parseFloat" | "String", Some(first)) => {
                return self.look(at(first), bound, depth);
            }
            ("trim" | "toString" | "toLowerCase", None) => {
                if let Some((object, _)) = callee.member() {
                    return self.look(at(object), bound, depth);
                }
            }
            ("cwd", None) => return Value::text(self.directory),
            ("dirname", Some(first)) => {
                let known = self.look(at(first), bound, depth);
                let text = known.text.map(|path| folder_of(&path).to_owned());
                return Value { text, variable: known.variable };
            }
            ("join" | "resolve", Some(_)) => {
                let parts: Vec<Value> = arguments
                    .iter()
                    .map(|argument| self.look(at(argument), bound, depth))
                    .collect();
                let variable = parts.iter().find_map(|part| part.variable.clone());
                let texts: Option<Vec<String>> = parts.into_iter().map(|part| part.text).collect();
                let text = texts.map(|texts| join(&texts, name == Some("resolve"), self.directory));
                return Value { text, variable };
            }
            _ => {}
        }
        // A function of the application's own that reads a variable by its name.
        let Some((_, function)) = self.modules.function(at(callee)) else {
            return Value::default();
        };
        let Some((name, default)) = Self::reader(function) else { return Value::default() };
        let Some(variable) = arguments.get(name).and_then(Node::text) else {
            return Value::default();
        };
        if let Some(Some(text)) = self.environment.get(variable) {
            return Value { text: Some(text.clone()), variable: Some(variable.to_owned()) };
        }
        let default = default.and_then(|default| arguments.get(default));
        let text = default.and_then(|default| self.look(at(default), bound, depth).text);
        Value { text, variable: Some(variable.to_owned()) }
    }

    /// The known beginning of a path, and whether it is the whole.
    fn prefix(&self, place: Place<'m>, depth: usize) -> Option<(Value, bool)> {
        let depth = depth.checked_sub(1)?;
        let at = |node: &'m Node| Place { module: place.module, node };
        let value = self.value(place);
        if value.text.is_some() {
            return Some((value, true));
        }
        match &place.node.kind {
            Kind::Call(callee, arguments) => {
                let name = callee.member().map_or_else(|| callee.name(), |(_, name)| Some(name))?;
                if !matches!(name, "join" | "resolve") {
                    return None;
                }
                let mut parts = Vec::new();
                let mut variable = None;
                for argument in arguments {
                    let part = self.value(at(argument));
                    let Some(text) = part.text else { break };
                    variable = variable.or(part.variable);
                    parts.push(text);
                }
                if parts.is_empty() {
                    return None;
                }
                let text = format!("{}/", join(&parts, name == "resolve", self.directory));
                Some((Value { text: Some(text), variable }, false))
            }
            Kind::Template(texts, nodes) => {
                let mut out = String::new();
                let mut variable = None;
                for (i, text) in texts.iter().enumerate() {
                    out.push_str(text);
                    let Some(node) = nodes.get(i) else { break };
                    let part = self.value(at(node));
                    let Some(text) = part.text else { break };
                    variable = variable.or(part.variable);
                    out.push_str(&text);
                }
                Some((Value { text: Some(out), variable }, false))
            }
            Kind::Binary("+", left, _) => {
                let (value, _) = self.prefix(at(left), depth)?;
                Some((value, false))
            }
            Kind::Name(_) | Kind::Member(..) => {
                let code = self.modules.code(place)?;
                (!std::ptr::eq(code.node, place.node)).then(|| self.prefix(code, depth))?
            }
            _ => None,
        }
    }
}

fn operate(operator: &str, a: &str, b: &str) -> Option<String> {
    let numbers = a.parse::<f64>().ok().zip(b.parse::<f64>().ok());
    match (operator, numbers) {
        ("*", Some((a, b))) => Some((a * b).to_string()),
        ("-", Some((a, b))) => Some((a - b).to_string()),
        ("+", Some((a, b))) => Some((a + b).to_string()),
        ("+", None) => Some(format!("{a}{b}")),
        _ => None,
    }
}

/// `path.join` and `path.resolve`.
fn join(parts: &[String], resolve: bool, directory: &str) -> String {
    let mut path = if resolve { directory.to_owned() } else { String::new() };
    for (i, part) in parts.iter().enumerate() {
        let starts =
            if part.starts_with('/') { resolve || i == 0 } else { path.is_empty() && i == 0 };
        if starts {
            path.clone_from(part);
        } else {
            path = format!("{path}/{part}");
        }
    }
    if path.starts_with('/') { normal(&path) } else { path }
}
