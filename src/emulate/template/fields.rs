//! Reading a mapping's keys one by one, so that one that nobody read is an error with its line.

use super::node::{Node, Value};
use crate::error::{Error, Result};

/// The keys of one mapping that are still to be read.
pub(super) struct Fields<'a> {
    path: &'a str,
    /// What it belongs to, for errors: `App`, `Cdn.DistributionConfig`.
    what: String,
    line: u64,
    entries: Vec<(String, Node)>,
}

impl<'a> Fields<'a> {
    /// The keys of a mapping; nothing at all is an empty one.
    pub(super) fn of(path: &'a str, what: impl Into<String>, node: Option<&Node>) -> Result<Self> {
        let what = what.into();
        let (line, entries) = match node {
            None => (0, Vec::new()),
            Some(Node { line, value: Value::Map(entries) }) => (*line, entries.clone()),
            Some(Node { line, value: Value::Null }) => (*line, Vec::new()),
            Some(node) => {
                return Err(Error::input_at(
                    path,
                    node.line,
                    format_args!("{what} must be a mapping"),
                ));
            }
        };
        Ok(Self { path, what, line, entries })
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn error(&self, line: u64, what: impl std::fmt::Display) -> Error {
        Error::input_at(self.path, line, format_args!("{}: {what}", self.what))
    }

    /// Takes a key.
    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(at).1)
    }

    /// Takes a mapping.
    pub(super) fn map(&mut self, key: &str) -> Result<Option<Fields<'a>>> {
        let Some(node) = self.take(key) else { return Ok(None) };
        Fields::of(self.path, format!("{}.{key}", self.what), Some(&node)).map(Some)
    }

    /// Takes a list of mappings; a single mapping stands for a list of one.
    pub(super) fn maps(&mut self, key: &str) -> Result<Vec<Fields<'a>>> {
        let Some(node) = self.take(key) else { return Ok(Vec::new()) };
        let what = format!("{}.{key}", self.what);
        match &node.value {
            Value::List(list) => {
                list.iter().map(|one| Fields::of(self.path, what.clone(), Some(one))).collect()
            }
            Value::Map(_) => Ok(vec![Fields::of(self.path, what, Some(&node))?]),
            Value::Null => Ok(Vec::new()),
            Value::Text(_) => Err(self.error(node.line, format_args!("{key} must be a list"))),
        }
    }

    /// Takes a text.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None | Some(Node { value: Value::Null, .. }) => Ok(None),
            Some(Node { value: Value::Text(text), .. }) => Ok(Some(text)),
            Some(node) => Err(self.error(node.line, format_args!("{key} must be text"))),
        }
    }

    /// Takes a text that must be there.
    pub(super) fn needed(&mut self, key: &str) -> Result<String> {
        let line = self.line;
        self.text(key)?.ok_or_else(|| self.error(line, format_args!("has no {key}")))
    }

    /// Takes a whole number.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<u64>> {
        let line = self.entries.iter().find(|(name, _)| name == key).map_or(0, |(_, n)| n.line);
        let Some(text) = self.text(key)? else { return Ok(None) };
        // CloudFormation takes 86400 and 86400.0 alike.
        let whole = text.strip_suffix(".0").unwrap_or(&text);
        whole
            .parse()
            .map(Some)
            .map_err(|_| self.error(line, format_args!("{key} {text:?} is no whole number")))
    }

    /// Takes true or false.
    pub(super) fn boolean(&mut self, key: &str) -> Result<Option<bool>> {
        let line = self.entries.iter().find(|(name, _)| name == key).map_or(0, |(_, n)| n.line);
        match self.text(key)?.as_deref() {
            None => Ok(None),
            Some("true" | "True" | "TRUE") => Ok(Some(true)),
            Some("false" | "False" | "FALSE") => Ok(Some(false)),
            Some(text) => {
                Err(self.error(line, format_args!("{key} {text:?} is not true or false")))
            }
        }
    }

    /// Takes a list of texts.
    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        let Some(node) = self.take(key) else { return Ok(None) };
        let list = match node.value {
            Value::List(list) => list,
            Value::Text(_) => vec![node],
            Value::Null => return Ok(None),
            Value::Map(_) => {
                return Err(self.error(node.line, format_args!("{key} must be a list")));
            }
        };
        list.into_iter()
            .map(|one| match one.value {
                Value::Text(text) => Ok(text),
                _ => Err(self.error(one.line, format_args!("{key} must hold texts"))),
            })
            .collect::<Result<Vec<_>>>()
            .map(Some)
    }

    /// Keys that matter on AWS and change nothing here; docs/emulator.md lists them.
    pub(super) fn ignore(&mut self, keys: &[&str]) {
        self.entries.retain(|(name, _)| !keys.contains(&name.as_str()));
    }

    /// The keys that are left, each a name that the template's author chose.
    pub(super) fn rest(self) -> Vec<(String, Node)> {
        self.entries
    }

    /// Nothing may be left.
    pub(super) fn done(self) -> Result<()> {
        match self.entries.first() {
            None => Ok(()),
            Some((key, node)) => Err(self
                .error(node.line, format_args!("{key} is not emulated"))
                .help("docs/emulator.md lists what is; `sam deploy` to an account runs the rest")),
        }
    }
}
