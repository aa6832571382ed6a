//! YAML as a tree that keeps lines and CloudFormation's tags (`!Ref`, `!Sub`, …).

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::error::{Error, Result};

/// A template is small; a deeper or larger one is an attack or a mistake.
const MAX_DEPTH: usize = 40;
const MAX_NODES: usize = 100_000;

/// One value with the line that it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// What a value is. A tag such as `!Ref x` is the mapping `{Ref: x}`, as CloudFormation has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn text(line: u64, text: impl Into<String>) -> Self {
        Self { line, value: Value::Text(text.into()) }
    }

    /// A key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The entries of a mapping; of anything else none.
    pub(crate) fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }
}

/// Parses one document. `path` is for errors.
pub(crate) fn parse(text: &str, path: &str) -> Result<Node> {
    let mut reader = Reader { parser: Parser::new_from_str(text), path, nodes: 0 };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => {
                return Err(Error::input(format!("{path}: the file is empty")));
            }
            event => return reader.node(event, span, 0),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    path: &'a str,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span)> {
        loop {
            return match self.parser.next_event() {
                Some(Ok((Event::Comment(..), _))) => continue,
                Some(Ok(found)) => Ok(found),
                Some(Err(error)) => {
                    Err(Error::input_at(self.path, error.marker().line() as u64, error.info()))
                }
                None => Err(Error::input(format!("{}: the file ends too early", self.path))),
            };
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node> {
        let line = span.start.line() as u64;
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(Error::input_at(self.path, line, "nested too deeply or too large"));
        }
        let (value, tag) = match event {
            Event::Scalar(text, style, _, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if plain && matches!(&*text, "" | "~" | "null") {
                    Value::Null
                } else {
                    Value::Text(text.into_owned())
                };
                (value, tag)
            }
            Event::SequenceStart(_, _, tag) => {
                let mut list = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    list.push(self.node(event, span, depth + 1)?);
                }
                (Value::List(list), tag)
            }
            Event::MappingStart(_, _, tag) => (Value::Map(self.map(depth)?), tag),
            Event::Alias(_) => {
                return Err(Error::input_at(
                    self.path,
                    line,
                    "anchors and aliases are not understood",
                ));
            }
            _ => return Err(Error::input_at(self.path, line, "is not understood")),
        };
        let node = Node { line, value };
        Ok(match tag.and_then(|tag| intrinsic(&tag)) {
            Some(name) => Node { line, value: Value::Map(vec![(name, node)]) },
            None => node,
        })
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(String, Node)>> {
        let mut map: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line() as u64;
            let key = match event {
                Event::MappingEnd => return Ok(map),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(Error::input_at(self.path, line, "a key must be text")),
            };
            if map.iter().any(|(known, _)| *known == key) {
                return Err(Error::input_at(self.path, line, format_args!("{key} stands twice")));
            }
            let (event, span) = self.next()?;
            let mut node = self.node(event, span, depth + 1)?;
            // A block begins on the line of its first entry; the key is what a person looks for.
            node.line = line;
            map.push((key, node));
        }
    }
}

/// `!Ref` is `Ref`, `!Condition` is `Condition`, `!Sub` is `Fn::Sub`; YAML's own tags are none.
fn intrinsic(tag: &Tag) -> Option<String> {
    if tag.is_yaml_core_schema() {
        return None;
    }
    let name = tag.suffix();
    Some(match name {
        "Ref" | "Condition" => name.to_owned(),
        _ => format!("Fn::{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_the_long_form_and_lines_are_kept() {
        let node = parse(
            "a:\n  b: !Ref X\n  c: !Sub\n    - \"${Y}-1\"\n    - {Y: 2}\n  d: !GetAtt A.B\n",
            "t",
        )
        .unwrap();
        let a = node.get("a").unwrap();
        assert_eq!(a.get("b").unwrap().get("Ref").unwrap().value, Value::Text("X".into()));
        assert_eq!(a.get("b").unwrap().line, 2);
        let Value::List(list) = &a.get("c").unwrap().get("Fn::Sub").unwrap().value else {
            panic!()
        };
        assert_eq!(list.len(), 2);
        assert_eq!(a.get("d").unwrap().get("Fn::GetAtt").unwrap().value, Value::Text("A.B".into()));
    }

    #[test]
    fn what_could_grow_or_hide_is_refused_with_its_line() {
        let error = parse("a: &x [1]\nb: *x\n", "t.yaml").unwrap_err();
        assert!(error.to_string().starts_with("t.yaml:2:"), "{error}");
        let error = parse("a: 1\na: 2\n", "t.yaml").unwrap_err();
        assert!(error.to_string().starts_with("t.yaml:2: a stands twice"), "{error}");
        let deep = "[".repeat(60) + &"]".repeat(60);
        assert!(parse(&deep, "t").is_err());
    }
}
