//! For tests: a source made of texts.

use std::io::Read;

use super::{Entry, Index, Kind, Source};
use crate::error::{Error, Result};

/// Files in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    index: Index,
    texts: std::collections::BTreeMap<String, String>,
}

impl Memory {
    /// These files by path; a text that begins with `-> ` is a link, a path that ends with `/` a
    /// folder.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let mut memory = Self::default();
        memory.add("/", Kind::Folder, 0o755, 0);
        for (path, text) in files {
            memory.file(path, text, 0o644);
        }
        memory
    }

    /// Adds one with a mode.
    pub(crate) fn file(&mut self, path: &str, text: &str, mode: u32) {
        for (at, _) in path.match_indices('/').skip(1) {
            if !self.index.entries.contains_key(&path[..at]) {
                self.add(&path[..at], Kind::Folder, 0o755, 0);
            }
        }
        if path.ends_with('/') {
            return;
        }
        if let Some(target) = text.strip_prefix("-> ") {
            self.add(path, Kind::Link(target.to_owned()), 0o777, 0);
        } else {
            self.add(path, Kind::File, mode, text.len() as u64);
            self.texts.insert(path.to_owned(), text.to_owned());
        }
    }

    fn add(&mut self, path: &str, kind: Kind, mode: u32, size: u64) {
        let entry = Entry { kind, size, mode, uid: 0, gid: 0, mtime: 0 };
        self.index.entries.insert(path.to_owned(), entry);
    }
}

impl Source for Memory {
    fn describe(&self) -> &'static str {
        "memory"
    }

    fn index(&self) -> &Index {
        &self.index
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        let text = self.texts.get(path).ok_or_else(|| Error::input(format!("no file {path}")))?;
        Ok(Box::new(text.as_bytes()))
    }
}
