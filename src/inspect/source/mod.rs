//! A source of files: an index and reads, confined to the source's root.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::error::{Context, Error, Result};

mod archive;
mod compression;
mod directory;
pub(crate) mod docker;
#[cfg(test)]
pub(crate) mod memory;
mod placed;

pub(crate) use placed::FOLDER;

/// More files than this are no server.
const MAX_ENTRIES: usize = 8_000_000;

/// Folders nest no deeper than this.
const MAX_DEPTH: usize = 200;

/// Opens what the user named: a folder, a tar archive or `docker://CONTAINER`.
pub async fn open(spec: &str) -> Result<Box<dyn Source>> {
    /// What can be given.
    const HELP: &str = "give a folder, a .tar[.gz|.zst|.xz] of one, or docker://CONTAINER";
    if let Some(container) = spec.strip_prefix("docker://") {
        return docker::open(spec, container).await;
    }
    if let Some((scheme, _)) = spec.split_once("://") {
        return Err(
            Error::usage(format!("{spec}: sources of kind {scheme} are not supported")).help(HELP)
        );
    }
    let spec = spec.to_owned();
    tokio::task::spawn_blocking(move || {
        let path = Path::new(&spec);
        let metadata = std::fs::metadata(path)
            .input(format_args!("read {spec}"))
            .map_err(|error| error.help(HELP))?;
        if metadata.is_dir() {
            return Ok(Box::new(directory::Directory::open(&spec, path)?) as Box<dyn Source>);
        }
        if !metadata.is_file() {
            return Err(Error::input(format!("{spec} is neither a folder nor a file")).help(HELP));
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        if ["qcow2", "vmdk", "vhd", "vhdx", "raw", "img", "iso", "ova"].contains(&extension) {
            return Err(Error::usage(format!("{spec}: disk images are not supported")).help(HELP));
        }
        let file = std::fs::File::open(path).input(format_args!("read {spec}"))?;
        Ok(Box::new(archive::Archive::open(&spec, file)?) as Box<dyn Source>)
    })
    .await
    .input("read the source")?
}

/// Opens a source as its workloads see it: an application's folder lies in a folder of its image.
pub(crate) async fn open_placed(spec: &str) -> Result<Box<dyn Source>> {
    Ok(placed::placed(open(spec).await?))
}

/// How many links are followed before a path counts as a loop (Linux's own limit is 40).
const MAX_LINKS: usize = 40;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link with its target as written.
    Link(String),
    /// A device, pipe or socket.
    Other,
}

/// One entry of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Bytes of a regular file.
    pub size: u64,
    /// Permission bits, with setuid and the like (`0o755`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time in seconds since 1970.
    pub mtime: i64,
}

/// Every path of a source (`/etc/hosts`; the root is `/`) with its entry.
///
/// Names that are no UTF-8 are left out and counted.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The entries by path.
    pub entries: BTreeMap<String, Entry>,
    /// How many names were left out because they are no UTF-8.
    pub unreadable_names: u64,
}

/// Files of a server that can be listed and read, and nothing else.
pub trait Source: Send + Sync {
    /// The source as the user gave it.
    fn describe(&self) -> &str;

    /// Every path.
    fn index(&self) -> &Index;

    /// Opens the regular file at exactly this path; links are not followed.
    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>>;
}

impl dyn Source + '_ {
    /// The entry at this path, links in all parts of the path followed within the source.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.index().entries.get(&self.resolve(path)?)
    }

    /// Whether a regular file stands at this path, links followed.
    pub fn is_file(&self, path: &str) -> bool {
        self.entry(path).is_some_and(|entry| entry.kind == Kind::File)
    }

    /// Whether a folder stands at this path, links followed.
    pub fn is_folder(&self, path: &str) -> bool {
        self.entry(path).is_some_and(|entry| entry.kind == Kind::Folder)
    }

    /// The real path behind `path`: links followed within the source, `.` and `..` taken out.
    /// `None` when nothing is there or links go round in circles.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let entries = &self.index().entries;
        let mut pending: Vec<String> = parts(path);
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            match part.as_str() {
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            let here = join(&done);
            match entries.get(&here).map(|entry| &entry.kind) {
                Some(Kind::Link(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    done.pop();
                    if target.starts_with('/') {
                        done.clear();
                    }
                    pending.extend(parts(target));
                }
                Some(_) => {}
                None => return None,
            }
        }
        let path = join(&done);
        entries.contains_key(&path).then_some(path)
    }

    /// The names directly in the folder at `path` (links followed), sorted.
    pub fn list(&self, path: &str) -> Vec<String> {
        let Some(folder) = self.resolve(path) else { return Vec::new() };
        let prefix = if folder == "/" { "/".to_owned() } else { format!("{folder}/") };
        self.index()
            .entries
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .filter_map(|(path, _)| {
                let name = &path[prefix.len()..];
                (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
            })
            .collect()
    }

    /// Every path below the folder at `path` (links in `path` followed, links below it not).
    pub fn below<'a>(&'a self, path: &str) -> Box<dyn Iterator<Item = (&'a str, &'a Entry)> + 'a> {
        let Some(folder) = self.resolve(path) else { return Box::new(std::iter::empty()) };
        let prefix = if folder == "/" { "/".to_owned() } else { format!("{folder}/") };
        Box::new(
            self.index()
                .entries
                .range(prefix.clone()..)
                .take_while(move |(path, _)| path.starts_with(&prefix))
                .filter(|(path, _)| path.as_str() != "/")
                .map(|(path, entry)| (path.as_str(), entry)),
        )
    }

    /// The bytes of the file at `path`, links followed; an error above `limit` bytes.
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let real = self
            .resolve(path)
            .ok_or_else(|| Error::input(format!("{}: no file {path}", self.describe())))?;
        let mut bytes = Vec::new();
        self.open(&real)?
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::input(format!("failed to read {path}: {error}")))?;
        if bytes.len() as u64 > limit {
            return Err(Error::input(format!("{path} is larger than {limit} bytes")));
        }
        Ok(bytes)
    }

    /// The text of the file at `path`; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self, path: &str) -> Result<String> {
        /// No configuration file that a person wrote is larger.
        const LIMIT: u64 = 8 << 20;
        Ok(String::from_utf8_lossy(&self.read(path, LIMIT)?).into_owned())
    }
}

/// The parts of a path in reverse, without empty ones and `.`.
fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .rev()
        .map(str::to_owned)
        .collect()
}

fn join(parts: &[String]) -> String {
    if parts.is_empty() { "/".to_owned() } else { format!("/{}", parts.join("/")) }
}
