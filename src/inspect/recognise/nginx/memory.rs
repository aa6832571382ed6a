//! For tests: a source that stands in memory.

use std::collections::BTreeMap;
use std::io::Read;

use crate::error::{Error, Result};
use crate::inspect::source::{Entry, Index, Kind, Source};

/// Files by path, links as `-> target`.
pub(crate) struct Memory {
    index: Index,
    files: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    /// A source with these files; a text that begins with `-> ` is a link, folders come by themselves.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let mut memory = Self { index: Index::default(), files: BTreeMap::new() };
        memory.add("/", Kind::Folder, 0);
        for (path, text) in files {
            let mut folder = *path;
            while let Some((outer, _)) =
                folder.rsplit_once('/').filter(|(outer, _)| !outer.is_empty())
            {
                memory.add(outer, Kind::Folder, 0);
                folder = outer;
            }
            match text.strip_prefix("-> ") {
                Some(target) => memory.add(path, Kind::Link(target.to_owned()), 0),
                None => memory.add(path, Kind::File, text.len() as u64),
            }
            memory.files.insert((*path).to_owned(), text.as_bytes().to_vec());
        }
        memory
    }

    fn add(&mut self, path: &str, kind: Kind, size: u64) {
        let entry = Entry { kind, size, mode: 0o644, uid: 0, gid: 0, mtime: 0 };
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
        let bytes = self.files.get(path).ok_or_else(|| Error::input(format!("no file {path}")))?;
        Ok(Box::new(bytes.as_slice()))
    }
}
