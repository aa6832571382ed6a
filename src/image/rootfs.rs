//! Writing a root filesystem as a tar, and looking for secrets on the way.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Read, Write};

use super::rules::holds_private_key;
use super::select::{Origin, Selection};
use crate::error::{Context, Error, Result};
use crate::inspect::source::{Entry, Kind, Source};
use crate::secrets::Secrets;

/// Files of the server's own up to this size are searched for secrets.
const SEARCHED: u64 = 16 << 20;

/// Shorter values are found everywhere by chance.
const SHORTEST: usize = 8;

/// A root filesystem on disk.
pub(super) struct Rootfs {
    /// The tar, at its beginning.
    pub(super) file: File,
    /// Its size.
    pub(super) bytes: u64,
    /// Files left out because a secret's value stands in them, with the secret's name.
    pub(super) leaks: Vec<(String, String)>,
    /// Files left out because they hold a private key.
    pub(super) keys: Vec<String>,
}

/// Finds the values of secrets in bytes.
pub(super) struct Search {
    needles: Vec<(String, regex::bytes::Regex)>,
}

impl Search {
    /// A search for every secret that is long enough to be told from chance.
    pub(super) fn new(secrets: &Secrets) -> Result<Self> {
        let mut needles = Vec::new();
        for (name, value) in secrets.iter() {
            let value = value.trim_ascii();
            if value.len() < SHORTEST || value.len() as u64 > (64 << 10) {
                continue;
            }
            let pattern = value.iter().fold(String::new(), |mut pattern, byte| {
                let _ = write!(pattern, "\\x{byte:02x}");
                pattern
            });
            let regex = regex::bytes::RegexBuilder::new(&pattern)
                .unicode(false)
                .size_limit(64 << 20)
                .build()
                // The pattern holds the value: the cause must not be shown.
                .map_err(|_| Error::input(format!("cannot search for secret {name}")))?;
            needles.push((name.to_owned(), regex));
        }
        Ok(Self { needles })
    }

    /// The first secret whose value stands in these bytes.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<&str> {
        let hit = self.needles.iter().find(|(_, needle)| needle.is_match(bytes))?;
        Some(&hit.0)
    }
}

/// Writes the selection into a temporary file, in the order of its paths: same selection, same
/// bytes. `below` is put before every path.
pub(super) fn write(
    source: &dyn Source,
    selection: &Selection,
    search: &Search,
    below: &str,
) -> Result<Rootfs> {
    let file = tempfile::tempfile().input("make a temporary file")?;
    let mut builder = tar::Builder::new(BufWriter::with_capacity(1 << 20, file));
    builder.mode(tar::HeaderMode::Complete);
    let (mut leaks, mut keys) = (Vec::new(), Vec::new());
    for (path, (entry, origin)) in &selection.entries {
        let name = format!("{below}{}", path.trim_start_matches('/'));
        let mut header = header(entry);
        match &entry.kind {
            Kind::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                builder
                    .append_data(&mut header, format!("{name}/"), std::io::empty())
                    .input(format_args!("pack {path}"))?;
            }
            Kind::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                builder
                    .append_link(&mut header, &name, target)
                    .input(format_args!("pack {path}"))?;
            }
            Kind::File => {
                header.set_entry_type(tar::EntryType::Regular);
                if let Some(text) = selection.texts.get(path) {
                    append(&mut builder, header, &name, path, text)?;
                } else if *origin == Origin::Server && entry.size <= SEARCHED {
                    let bytes = source.read(path, SEARCHED)?;
                    if let Some(secret) = search.find(&bytes) {
                        leaks.push((path.clone(), secret.to_owned()));
                    } else if holds_private_key(&bytes) {
                        keys.push(path.clone());
                    } else {
                        append(&mut builder, header, &name, path, &bytes)?;
                    }
                } else {
                    stream(&mut builder, header, &name, path, entry.size, source)?;
                }
            }
            Kind::Other => {}
        }
    }
    let what = "write the root filesystem";
    let mut file = builder.into_inner().input(what)?.into_inner().input(what)?;
    let bytes = file.metadata().input(what)?.len();
    std::io::Seek::rewind(&mut file).input(what)?;
    Ok(Rootfs { file, bytes, leaks, keys })
}

fn header(entry: &Entry) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode & 0o7777);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(u64::try_from(entry.mtime).unwrap_or(0));
    header
}

fn append<W: Write>(
    builder: &mut tar::Builder<W>,
    mut header: tar::Header,
    name: &str,
    path: &str,
    bytes: &[u8],
) -> Result<()> {
    header.set_size(bytes.len() as u64);
    builder.append_data(&mut header, name, bytes).input(format_args!("pack {path}"))
}

/// Packs a file without holding it. Its size is fixed by the header, so a file that changed under
/// way is cut or filled with zeroes, as tar itself does.
fn stream<W: Write>(
    builder: &mut tar::Builder<W>,
    mut header: tar::Header,
    name: &str,
    path: &str,
    size: u64,
    source: &dyn Source,
) -> Result<()> {
    header.set_size(size);
    let bytes = source.open(path)?.chain(std::io::repeat(0)).take(size);
    builder.append_data(&mut header, name, bytes).input(format_args!("pack {path}"))
}
