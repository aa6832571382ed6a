//! An application's folder without a system around it, seen as it will lie in its image: the
//! source's root is [`FOLDER`] there.

use std::io::Read;

use super::{Entry, Index, Kind, Source};
use crate::error::{Error, Result};

/// Where an application that was given as a folder lies in its image.
pub(crate) const FOLDER: &str = "/app";

/// Whether a source is an application's folder and no server: there is a package.json at its root
/// and nothing that a system has.
fn is_bare(source: &dyn Source) -> bool {
    source.is_file("/package.json")
        && ["/etc/os-release", "/usr/lib/os-release", "/var/lib/dpkg/status"]
            .iter()
            .all(|path| !source.is_file(path))
}

/// The source as its workloads see it.
pub(crate) fn placed(source: Box<dyn Source>) -> Box<dyn Source> {
    if is_bare(&*source) { Box::new(Placed::new(source)) } else { source }
}

struct Placed {
    inner: Box<dyn Source>,
    index: Index,
}

impl Placed {
    fn new(inner: Box<dyn Source>) -> Self {
        let mut index =
            Index { unreadable_names: inner.index().unreadable_names, ..Index::default() };
        let root = Entry { kind: Kind::Folder, size: 0, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
        index.entries.insert("/".to_owned(), root.clone());
        index.entries.insert(FOLDER.to_owned(), root);
        for (path, entry) in inner.index().entries.iter().filter(|(path, _)| *path != "/") {
            let mut entry = entry.clone();
            if let Kind::Link(target) = &mut entry.kind
                && target.starts_with('/')
            {
                target.insert_str(0, FOLDER);
            }
            index.entries.insert(format!("{FOLDER}{path}"), entry);
        }
        Self { inner, index }
    }
}

impl Source for Placed {
    fn describe(&self) -> &str {
        self.inner.describe()
    }

    fn index(&self) -> &Index {
        &self.index
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        match path.strip_prefix(FOLDER).filter(|rest| rest.starts_with('/')) {
            Some(rest) => self.inner.open(rest),
            None => Err(Error::input(format!("{path} is not in {}", self.describe()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn an_apps_folder_is_placed_and_a_server_is_not() {
        let app =
            Memory::new(&[("/package.json", "{}"), ("/lib/a.js", "a"), ("/b.js", "-> /lib/a.js")]);
        let app = placed(Box::new(app));
        assert_eq!(app.text("/app/lib/a.js").unwrap(), "a");
        assert_eq!(app.text("/app/b.js").unwrap(), "a");
        assert!(app.open("/lib/a.js").is_err() && app.open("/apple").is_err());
        let server = Memory::new(&[("/package.json", "{}"), ("/etc/os-release", "ID=debian\n")]);
        assert!(placed(Box::new(server)).is_file("/package.json"));
    }
}
