//! JavaScript and TypeScript: from text to a small tree that recognisers can ask about.
//!
//! The parser is oxc; its tree is turned into one of our own that keeps what facts are read from
//! (names, literals, calls, objects, functions) and forgets types, so that a recogniser need not
//! know every form that the language has for the same thing.

mod lower;

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;

/// Sources above this size are made by a bundler, and nesting is bounded by the size.
pub(crate) const MAX_BYTES: usize = 512 << 10;
/// Open brackets at a time; people use a dozen.
const MAX_BRACKETS: usize = 400;
/// The parser goes down once for each prefix operator, `else if` and the like.
const STACK: usize = 256 << 20;

/// A piece of code with the line it begins in, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its line.
    pub line: u32,
}

/// What a piece of code is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A string without parts to fill in.
    Text(String),
    /// A template: its texts and, between them, expressions.
    Template(Vec<String>, Vec<Node>),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A regular expression as written.
    Regex(String),
    /// A name, `this` included.
    Name(String),
    /// `object.name`, `object?.name`, `object['name']`.
    Member(Box<Node>, String),
    /// `object[index]`.
    Index(Box<Node>, Box<Node>),
    /// A call; `import('x')` is a call of `import`.
    Call(Box<Node>, Vec<Node>),
    /// `new X(…)`.
    New(Box<Node>, Vec<Node>),
    /// An object literal; a spread has no key.
    Object(Vec<(Option<String>, Node)>),
    /// An array literal.
    Array(Vec<Node>),
    /// A function of any form; an arrow's expression is a `Return`.
    Function(Function),
    /// A class: its methods and properties by name.
    Class(Option<String>, Vec<(String, Node)>),
    /// `a || b`, `a ?? b`.
    Or(Box<Node>, Box<Node>),
    /// Another operator with two sides.
    Binary(&'static str, Box<Node>, Box<Node>),
    /// An operator with one side.
    Unary(&'static str, Box<Node>),
    /// `test ? a : b`.
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    /// An assignment.
    Assign(Box<Node>, Box<Node>),
    /// `const pattern = value`.
    Declare(Pattern, Option<Box<Node>>),
    /// `if`: test, then, else.
    If(Box<Node>, Vec<Node>, Vec<Node>),
    /// `switch`: what is looked at, and the cases.
    Switch(Box<Node>, Vec<(Option<Node>, Vec<Node>)>),
    /// `return`.
    Return(Option<Box<Node>>),
    /// `import … from 'module'`: pairs of imported (`default`, `*`) and local name.
    Import(String, Vec<(String, String)>),
    /// `export … from 'module'`: pairs of imported and exported name (`*` for all).
    ExportFrom(String, Vec<(String, String)>),
    /// `export` of a value under a name (`default` included).
    Export(String, Box<Node>),
    /// `...x`.
    Spread(Box<Node>),
    /// Anything else with its parts.
    Other(Vec<Node>),
}

/// A function.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Function {
    /// Its name.
    pub name: Option<String>,
    /// Its parameters.
    pub parameters: Vec<Pattern>,
    /// Its body.
    pub body: Vec<Node>,
}

/// What a value is bound to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    /// A name.
    Name(String),
    /// `{ key: pattern }`.
    Object(Vec<(String, Pattern)>),
    /// `[pattern, …]`.
    Array(Vec<Pattern>),
    /// A pattern with a default.
    Default(Box<Pattern>, Box<Node>),
    /// What cannot be named.
    Other,
}

impl Pattern {
    /// The pattern without its default.
    pub(crate) fn bare(&self) -> &Self {
        match self {
            Self::Default(inner, _) => inner.bare(),
            other => other,
        }
    }

    /// Its name, when it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self.bare() {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The keys of an object pattern.
    pub(crate) fn keys(&self) -> Vec<&str> {
        match self.bare() {
            Self::Object(keys) => keys.iter().map(|(key, _)| key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    fn defaults<'p>(&'p self, into: &mut Vec<&'p Node>) {
        match self {
            Self::Default(inner, default) => {
                into.push(default);
                inner.defaults(into);
            }
            Self::Object(keys) => keys.iter().for_each(|(_, pattern)| pattern.defaults(into)),
            Self::Array(items) => items.iter().for_each(|pattern| pattern.defaults(into)),
            Self::Name(_) | Self::Other => {}
        }
    }
}

impl Node {
    /// Its parts, in order.
    pub(crate) fn parts(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Bool(_)
            | Kind::Null
            | Kind::Regex(_)
            | Kind::Name(_)
            | Kind::Import(..)
            | Kind::ExportFrom(..) => Vec::new(),
            Kind::Template(_, nodes) | Kind::Array(nodes) | Kind::Other(nodes) => {
                nodes.iter().collect()
            }
            Kind::Member(node, _)
            | Kind::Unary(_, node)
            | Kind::Export(_, node)
            | Kind::Spread(node) => vec![node],
            Kind::Index(a, b) | Kind::Or(a, b) | Kind::Binary(_, a, b) | Kind::Assign(a, b) => {
                vec![a, b]
            }
            Kind::Call(callee, arguments) | Kind::New(callee, arguments) => {
                std::iter::once(&**callee).chain(arguments).collect()
            }
            Kind::Object(properties) => properties.iter().map(|(_, value)| value).collect(),
            Kind::Class(_, members) => members.iter().map(|(_, value)| value).collect(),
            Kind::Function(function) => {
                let mut parts = Vec::new();
                function.parameters.iter().for_each(|pattern| pattern.defaults(&mut parts));
                parts.extend(&function.body);
                parts
            }
            Kind::Conditional(a, b, c) => vec![a, b, c],
            Kind::Declare(pattern, value) => {
                let mut parts = Vec::new();
                pattern.defaults(&mut parts);
                parts.extend(value.as_deref());
                parts
            }
            Kind::If(test, then, otherwise) => {
                std::iter::once(&**test).chain(then).chain(otherwise).collect()
            }
            Kind::Switch(subject, cases) => std::iter::once(&**subject)
                .chain(cases.iter().flat_map(|(test, body)| test.iter().chain(body)))
                .collect(),
            Kind::Return(value) => value.as_deref().into_iter().collect(),
        }
    }

    /// Calls `visit` for it and every part of it.
    pub(crate) fn walk<'n>(&'n self, visit: &mut dyn FnMut(&'n Node)) {
        visit(self);
        for part in self.parts() {
            part.walk(visit);
        }
    }

    /// Its text, when it is a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Template(texts, nodes) if nodes.is_empty() => texts.first().map(String::as_str),
            _ => None,
        }
    }

    /// Its name, when it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// Object and name of a member.
    pub(crate) fn member(&self) -> Option<(&Node, &str)> {
        match &self.kind {
            Kind::Member(object, name) => Some((object, name)),
            _ => None,
        }
    }

    /// Whether it reads `object.name`, both given.
    pub(crate) fn is_member(&self, object: &str, name: &str) -> bool {
        self.member().is_some_and(|(left, right)| right == name && left.name() == Some(object))
    }

    /// Callee and arguments of a call or `new`.
    pub(crate) fn call(&self) -> Option<(&Node, &[Node])> {
        match &self.kind {
            Kind::Call(callee, arguments) | Kind::New(callee, arguments) => {
                Some((callee, arguments))
            }
            _ => None,
        }
    }

    /// The value of a property of an object literal.
    pub(crate) fn property(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Object(properties) => properties
                .iter()
                .find(|(key, _)| key.as_deref() == Some(name))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The function, when it is one.
    pub(crate) fn function(&self) -> Option<&Function> {
        match &self.kind {
            Kind::Function(function) => Some(function),
            _ => None,
        }
    }
}

/// The statements of a file; an error says why it cannot be read.
pub(crate) fn parse(path: &str, text: &str) -> Result<Vec<Node>, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it is larger than {} KiB", MAX_BYTES >> 10));
    }
    if too_deep(text) {
        return Err("its brackets are nested too deeply".to_owned());
    }
    let (path, text) = (path.to_owned(), text.to_owned());
    // On a thread of its own: its stack must hold what a hostile text can nest.
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || parse_here(&path, &text))
        .map_err(|error| format!("no thread to parse it on: {error}"))?
        .join()
        .unwrap_or_else(|_| Err("the parser failed".to_owned()))
}

fn parse_here(path: &str, text: &str) -> Result<Vec<Node>, String> {
    let kind = SourceType::from_path(path).unwrap_or_default();
    let kinds = [kind, SourceType::cjs(), SourceType::tsx()];
    let allocator = Allocator::default();
    for kind in kinds {
        let parsed = Parser::new(&allocator, text, kind).parse();
        if !parsed.panicked {
            return Ok(lower::program(&parsed.program, text));
        }
    }
    Err("it is no JavaScript that can be read".to_owned())
}

fn too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_forms_of_the_language_as_one() {
        let nodes = parse(
            "a.js",
            "const { port = 1, b: { c } } = require('./x');\nexport default (a) => a?.b['c'];\n\
             import d, { e as f } from \"g\";\nclass H { go() { return `x${1}y`; } }",
        )
        .unwrap();
        let Kind::Declare(pattern, Some(value)) = &nodes[0].kind else { panic!() };
        assert_eq!(pattern.keys(), ["port", "b"]);
        assert_eq!(value.call().unwrap().0.name(), Some("require"));
        let Kind::Export(name, arrow) = &nodes[1].kind else { panic!() };
        assert_eq!((name.as_str(), nodes[1].line), ("default", 2));
        let Kind::Return(Some(result)) = &arrow.function().unwrap().body[0].kind else { panic!() };
        assert_eq!(result.member().unwrap().1, "c");
        let import = Kind::Import(
            "g".to_owned(),
            vec![("default".to_owned(), "d".to_owned()), ("e".to_owned(), "f".to_owned())],
        );
        assert_eq!(nodes[2].kind, import);
        let Kind::Class(Some(_), members) = &nodes[3].kind else { panic!() };
        assert_eq!(members[0].0, "go");
    }

    #[test]
    fn reads_typescript() {
        let nodes = parse("a.ts", "const a: number = <any>b as unknown as number;").unwrap();
        let Kind::Declare(_, Some(value)) = &nodes[0].kind else { panic!() };
        assert_eq!(value.name(), Some("b"));
    }

    #[test]
    fn survives_nesting() {
        assert!(parse("a.js", &"[".repeat(100_000)).is_err());
        let _ = parse("a.js", &format!("{}a", "!".repeat(50_000)));
        let _ = parse("a.js", &format!("{}a", "a=".repeat(50_000)));
        let _ = parse("a.js", &format!("{}a", "a+".repeat(50_000)));
        let _ = parse("a.js", &format!("{}a", "a=>".repeat(50_000)));
        let _ = parse("a.js", &"if(a)b;else ".repeat(20_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn never_panics(text in "[a-z(){}\\[\\];=>.,'\"`$ \n]{0,80}") {
            let _ = parse("a.js", &text);
        }
    }
}
