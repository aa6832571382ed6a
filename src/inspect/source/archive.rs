//! A tar archive as a source: an index of offsets into a file that has no name.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use super::{Entry, Index, Kind, MAX_DEPTH, MAX_ENTRIES, Source};
use crate::error::{Context, Error, Result};
use crate::progress::Progress;

/// Where the bytes of a regular file lie.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// As they are, in this spool.
    Plain { spool: usize, offset: u64 },
    /// As an old GNU sparse file, whose header lies here.
    Sparse { spool: usize, header: u64 },
    /// In a way that this program does not read.
    Unknown,
}

/// One or several tar archives laid over each other.
#[derive(Debug)]
pub(super) struct Archive {
    name: String,
    spools: Vec<File>,
    index: Index,
    places: HashMap<String, Place>,
}

impl Archive {
    /// An archive without content; `name` is what the user called it.
    pub(super) fn new(name: &str) -> Self {
        let mut index = Index::default();
        index.entries.insert("/".to_owned(), folder());
        Self { name: name.to_owned(), spools: Vec::new(), index, places: HashMap::new() }
    }

    /// The archive in this file, compressed or not.
    pub(super) fn open(name: &str, file: File) -> Result<Self> {
        let mut archive = Self::new(name);
        archive.add(super::compression::uncompressed(name, file)?, "")?;
        if archive.index.entries.contains_key("/manifest.json")
            && (archive.index.entries.contains_key("/oci-layout")
                || archive.index.entries.contains_key("/repositories"))
        {
            return Err(Error::input(format!("{name} is an image, not a root filesystem")).help(
                "make a container of it (`docker create IMAGE`) and analyze docker://CONTAINER",
            ));
        }
        Ok(archive)
    }

    /// Lays the uncompressed archive in `file` over what is there already. Its paths count from
    /// `base` (`""` for the root).
    pub(super) fn add(&mut self, mut file: File, base: &str) -> Result<()> {
        let length = file.metadata().input(format_args!("read {}", self.name))?.len();
        file.seek(SeekFrom::Start(0)).input(format_args!("read {}", self.name))?;
        let spool = self.spools.len();
        let progress = Progress::spinner("listing files");
        let mut archive = tar::Archive::new(&file);
        let mut refused = 0_u64;
        let mut seen = 0_usize;
        let broken = |name: &str, error: &dyn std::fmt::Display| {
            Error::input(format!("{name} is no tar archive, or a damaged one: {error}"))
                .help("give a folder, a .tar[.gz|.zst|.xz] of a root filesystem, or docker://NAME")
        };
        for entry in archive.entries_with_seek().map_err(|error| broken(&self.name, &error))? {
            // The library's own words repeat bytes of the file, which may be anything.
            let mut entry = entry.map_err(|_| {
                broken(&self.name, &format_args!("no valid header after {seen} entries"))
            })?;
            seen += 1;
            if seen > MAX_ENTRIES || self.index.entries.len() > MAX_ENTRIES {
                return Err(Error::input(format!(
                    "{} holds more than {MAX_ENTRIES} files",
                    self.name
                )));
            }
            if seen.is_multiple_of(10_000) {
                progress.message(format!("listing files: {seen}"));
            }
            let Ok(raw) = String::from_utf8(entry.path_bytes().into_owned()) else {
                self.index.unreadable_names += 1;
                continue;
            };
            let Some(path) = clean(base, &raw) else {
                refused += 1;
                continue;
            };
            let (place, kind, size) = describe(&mut entry, spool, base, self);
            if let Some(Place::Plain { offset, .. }) = place
                && offset.saturating_add(size) > length
            {
                return Err(broken(&self.name, &format_args!("it ends within {path}")));
            }
            let header = entry.header();
            let listed = Entry {
                kind,
                size,
                mode: header.mode().unwrap_or(0) & 0o7777,
                uid: number(header.uid()),
                gid: number(header.gid()),
                mtime: header.mtime().map_or(0, |time| i64::try_from(time).unwrap_or(0)),
            };
            self.insert(path, listed, place);
        }
        drop(progress);
        // The reader takes an end in the middle of a header for the end of the archive.
        if length == 0 || (seen > 0 && !length.is_multiple_of(512)) {
            return Err(broken(
                &self.name,
                &format_args!("it ends within a header, after {seen} entries"),
            ));
        }
        if refused > 0 {
            tracing::warn!("{refused} names in {} lead out of it or are too deep", self.name);
        }
        self.spools.push(file);
        Ok(())
    }

    /// The last entry of a name counts, as it does for tar.
    fn insert(&mut self, path: String, entry: Entry, place: Option<Place>) {
        if path == "/" {
            if entry.kind == Kind::Folder {
                self.index.entries.insert(path, entry);
            }
            return;
        }
        let mut parent = path.as_str();
        while let Some((above, _)) = parent.rsplit_once('/') {
            if above.is_empty() || self.index.entries.contains_key(above) {
                break;
            }
            self.index.entries.insert(above.to_owned(), folder());
            parent = above;
        }
        match place {
            Some(place) => self.places.insert(path.clone(), place),
            None => self.places.remove(&path),
        };
        self.index.entries.insert(path, entry);
    }
}

fn describe<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    spool: usize,
    base: &str,
    archive: &Archive,
) -> (Option<Place>, Kind, u64) {
    use tar::EntryType;
    let size = entry.size();
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => {
            let sparse = entry.pax_extensions().ok().flatten().is_some_and(|extensions| {
                extensions
                    .filter_map(std::result::Result::ok)
                    .any(|extension| extension.key_bytes().starts_with(b"GNU.sparse."))
            });
            let place = if sparse {
                Place::Unknown
            } else {
                Place::Plain { spool, offset: entry.raw_file_position() }
            };
            (Some(place), Kind::File, size)
        }
        EntryType::GNUSparse => {
            (Some(Place::Sparse { spool, header: entry.raw_header_position() }), Kind::File, size)
        }
        EntryType::Directory => (None, Kind::Folder, 0),
        EntryType::Symlink => {
            let target = entry
                .link_name_bytes()
                .and_then(|target| String::from_utf8(target.into_owned()).ok());
            (None, target.map_or(Kind::Other, Kind::Link), 0)
        }
        EntryType::Link => {
            let target = entry
                .link_name_bytes()
                .and_then(|target| String::from_utf8(target.into_owned()).ok())
                .and_then(|target| clean(base, &target));
            let known = target.as_ref().and_then(|target| {
                Some((archive.places.get(target)?, archive.index.entries.get(target)?))
            });
            match known {
                Some((place, entry)) => (Some(*place), entry.kind.clone(), entry.size),
                None => (None, Kind::Other, 0),
            }
        }
        _ => (None, Kind::Other, 0),
    }
}

/// The path from the root; `None` when it leads out of it or is too deep.
fn clean(base: &str, raw: &str) -> Option<String> {
    let mut path = base.trim_end_matches('/').to_owned();
    for (depth, part) in raw.split('/').filter(|part| !part.is_empty() && *part != ".").enumerate()
    {
        if part == ".." || depth >= MAX_DEPTH || part.contains('\0') {
            return None;
        }
        path.push('/');
        path.push_str(part);
    }
    Some(if path.is_empty() { "/".to_owned() } else { path })
}

fn number(value: std::io::Result<u64>) -> u32 {
    value.ok().and_then(|value| u32::try_from(value).ok()).unwrap_or(u32::MAX)
}

const fn folder() -> Entry {
    Entry { kind: Kind::Folder, size: 0, mode: 0o755, uid: 0, gid: 0, mtime: 0 }
}

impl Source for Archive {
    fn describe(&self) -> &str {
        &self.name
    }

    fn index(&self) -> &Index {
        &self.index
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        let place = self
            .places
            .get(path)
            .ok_or_else(|| Error::input(format!("{}: no file {path}", self.name)))?;
        let size = self.index.entries.get(path).map_or(0, |entry| entry.size);
        match *place {
            Place::Plain { spool, offset } => {
                Ok(Box::new(Range { file: &self.spools[spool], at: offset, end: offset + size }))
            }
            Place::Sparse { spool, header } => {
                let rest = Range { file: &self.spools[spool], at: header, end: u64::MAX };
                read_sparse(rest).input(format_args!("read {path} of {}", self.name))
            }
            Place::Unknown => Err(Error::input(format!(
                "failed to read {path} of {}: it is stored as a sparse file",
                self.name
            ))
            .help("make the archive anew without --sparse")),
        }
    }
}

/// Sparse files are small in an archive that holds configuration; the hole-filling reader borrows
/// its archive, so the content is read at once, up to a limit.
fn read_sparse(rest: Range<'_>) -> std::io::Result<Box<dyn Read + Send + 'static>> {
    const LIMIT: u64 = 64 << 20;
    let mut archive = tar::Archive::new(rest);
    let mut content = Vec::new();
    if let Some(entry) = archive.entries()?.next() {
        entry?.take(LIMIT + 1).read_to_end(&mut content)?;
    }
    if content.len() as u64 > LIMIT {
        return Err(std::io::Error::other("a sparse file larger than 64 MiB"));
    }
    Ok(Box::new(std::io::Cursor::new(content)))
}

/// A part of a file, read without a shared cursor.
struct Range<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn header(kind: tar::EntryType, name: &str, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        // Past the checks that the writer makes: hostile archives come from elsewhere.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_cksum();
        header
    }

    fn open(file: File) -> Result<Box<dyn Source>> {
        Ok(Box::new(Archive::open("x.tar", file)?))
    }

    fn hostile() -> File {
        let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
        let mut add = |kind, name: &str, content: &[u8], link: &str| {
            let mut header = header(kind, name, content.len() as u64);
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_cksum();
            builder.append(&header, content).unwrap();
        };
        let regular = tar::EntryType::Regular;
        add(regular, "./etc/a", b"one", "");
        add(regular, "../../etc/shadow", b"bad", "");
        add(regular, "/etc/b", b"absolute", "");
        add(regular, "etc/a", b"two", "");
        add(tar::EntryType::Link, "etc/hard", b"", "etc/a");
        add(tar::EntryType::Link, "etc/dangling", b"", "etc/none");
        add(tar::EntryType::Symlink, "etc/soft", b"", "../../../etc/a");
        add(tar::EntryType::Fifo, "etc/pipe", b"", "");
        builder.into_inner().unwrap()
    }

    #[test]
    fn hostile_names_stay_inside_and_links_are_resolved() {
        let source = open(hostile()).unwrap();
        assert_eq!(source.text("/etc/a").unwrap(), "two", "the last one counts");
        assert_eq!(source.text("/etc/hard").unwrap(), "two");
        assert_eq!(source.text("/etc/soft").unwrap(), "two");
        assert_eq!(source.text("/etc/b").unwrap(), "absolute");
        assert!(source.entry("/etc/shadow").is_none());
        assert!(source.read("/etc/pipe", 10).is_err());
        assert!(source.read("/etc/dangling", 10).is_err());
        let entry = source.entry("/etc/a").unwrap();
        assert_eq!((entry.mode, entry.uid, entry.size), (0o640, 7, 3));
        assert_eq!(source.list("/"), ["etc"]);
    }

    #[test]
    fn compressed_archives_are_told_by_their_bytes() {
        let mut plain = Vec::new();
        let mut file = hostile();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut plain).unwrap();
        let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let mut xz = xz2::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&plain).unwrap();
        for bytes in [plain, zstd, gzip.finish().unwrap(), xz.finish().unwrap()] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            assert_eq!(open(file).unwrap().text("/etc/a").unwrap(), "two");
        }
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        for bytes in [b"hello".to_vec(), vec![b'x'; 4096], b"\x1f\x8bnonsense".to_vec()] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            assert!(open(file).is_err());
        }
        let mut file = tempfile::tempfile().unwrap();
        let cut = header(tar::EntryType::Regular, "big", 1 << 20);
        file.write_all(cut.as_bytes()).unwrap();
        file.write_all(b"short").unwrap();
        assert!(open(file).err().unwrap().to_string().contains("ends within /big"));
    }
}
