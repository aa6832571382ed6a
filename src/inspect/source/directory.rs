//! A folder of this machine as a source: never a read outside of it, never a write.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use walkdir::WalkDir;

use super::{Entry, Index, Kind, MAX_DEPTH, MAX_ENTRIES, Source};
use crate::error::{Context, Error, Result};
use crate::progress::Progress;

/// Folders that hold no files of their own on a running machine.
const VIRTUAL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A folder.
#[derive(Debug)]
pub(super) struct Directory {
    name: String,
    root: OwnedFd,
    index: Index,
}

impl Directory {
    /// Lists the folder at `path`; `name` is what the user called it.
    pub(super) fn open(name: &str, path: &Path) -> Result<Self> {
        let what = format!("read {}", path.display());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).input(&what)?;
        let index = list(path)?;
        Ok(Self { name: name.to_owned(), root, index })
    }
}

fn list(root: &Path) -> Result<Index> {
    let device = std::fs::metadata(root).input(format_args!("read {}", root.display()))?.dev();
    let progress = Progress::spinner("listing files");
    let mut index = Index::default();
    let mut unreadable = 0_u64;
    let mut walk = WalkDir::new(root).max_depth(MAX_DEPTH).follow_root_links(true).into_iter();
    while let Some(item) = walk.next() {
        let item = match item {
            Ok(item) => item,
            // The root itself must be readable; what lies below may be gone or closed to us.
            Err(error) if error.depth() == 0 => return Err(error).input("list the source"),
            Err(_) => {
                unreadable += 1;
                continue;
            }
        };
        let relative = item.path().strip_prefix(root).unwrap_or_else(|_| Path::new(""));
        let Some(relative) = relative.to_str() else {
            index.unreadable_names += 1;
            if item.file_type().is_dir() {
                walk.skip_current_dir();
            }
            continue;
        };
        let path = format!("/{relative}");
        let metadata =
            if item.depth() == 0 { std::fs::metadata(root).ok() } else { item.metadata().ok() };
        let Some(metadata) = metadata else {
            unreadable += 1;
            continue;
        };
        if VIRTUAL.contains(&path.as_str()) && metadata.dev() != device {
            walk.skip_current_dir();
        }
        let kind = if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_file() {
            Kind::File
        } else if metadata.is_symlink() {
            match std::fs::read_link(item.path())
                .ok()
                .and_then(|target| target.into_os_string().into_string().ok())
            {
                Some(target) => Kind::Link(target),
                None => Kind::Other,
            }
        } else {
            Kind::Other
        };
        let size = if kind == Kind::File { metadata.size() } else { 0 };
        index.entries.insert(
            path,
            Entry {
                kind,
                size,
                mode: metadata.mode() & 0o7777,
                uid: metadata.uid(),
                gid: metadata.gid(),
                mtime: metadata.mtime(),
            },
        );
        if index.entries.len() > MAX_ENTRIES {
            return Err(Error::input(format!(
                "{} holds more than {MAX_ENTRIES} files",
                root.display()
            ))
            .help("name a folder further down"));
        }
        if index.entries.len() % 10_000 == 0 {
            progress.message(format!("listing files: {}", index.entries.len()));
        }
    }
    if unreadable > 0 {
        tracing::warn!("{unreadable} files or folders could not be listed: run as root to see all");
    }
    Ok(index)
}

impl Source for Directory {
    fn describe(&self) -> &str {
        &self.name
    }

    fn index(&self) -> &Index {
        &self.index
    }

    /// Goes down one folder at a time without following a link, so that a folder that is swapped
    /// for a link while we read leads nowhere.
    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        let what = format!("read {path} of {}", self.name);
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| *part == ".." || *part == ".") {
            return Err(Error::input(format!("failed to {what}: not a plain path")));
        }
        let Some(name) = parts.pop() else {
            return Err(Error::input(format!("failed to {what}: a folder")));
        };
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here = self.root.try_clone().input(&what)?;
        for part in parts {
            here = rustix::fs::openat(&here, part, folder, Mode::empty()).input(&what)?;
        }
        // NONBLOCK: opening a pipe must not wait for its other end.
        let file =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&here, name, file, Mode::empty()).input(&what)?;
        let stat = rustix::fs::fstat(&opened).input(&what)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::input(format!("failed to {what}: not a regular file")));
        }
        Ok(Box::new(File::from(opened)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Box<dyn Source> {
        Box::new(Directory::open("here", path).unwrap())
    }

    #[test]
    fn reads_stay_inside() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "outside").unwrap();
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir(at("etc")).unwrap();
        std::fs::write(at("etc/real"), "inside").unwrap();
        std::os::unix::fs::symlink("/etc/real", at("etc/link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), at("out")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        std::os::unix::fs::symlink("../../../../etc/real", at("etc/up")).unwrap();
        let source = open(root.path());
        assert_eq!(source.text("/etc/link").unwrap(), "inside");
        assert_eq!(source.text("/etc/up").unwrap(), "inside");
        assert!(source.read("/out/secret", 100).is_err());
        assert!(source.read("/loop", 100).is_err());
        assert!(source.open("/etc/link").is_err(), "open does not follow links");
        assert!(source.open("/../secret").is_err());
        assert!(source.open("/out/secret").is_err());
    }

    #[test]
    fn pipes_are_listed_and_never_opened() {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let source = open(root.path());
        assert_eq!(source.index().entries["/socket"].kind, Kind::Other);
        assert!(source.read("/socket", 100).is_err());
    }
}
