//! Folders as streams of tar: copied from end to end, or listed with a hash of every file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;

use crate::connection::docker::{self, Container};
use crate::connection::{Command, Host, Output, Running};
use crate::error::{Context, Error, Result};
use crate::inspect::source::{Kind, Source};
use crate::progress::Progress;

/// More entries than this are not compared.
const MAX_ENTRIES: usize = 4_000_000;

/// A folder at an end.
#[derive(Clone)]
pub(crate) enum Folder {
    /// On a live machine.
    Live { host: Arc<dyn Host>, user: Option<String>, path: String },
    /// In a container that may hold no right to read or write it by itself: the engine does.
    Engine { container: Container, path: String },
    /// In a source of files.
    Files { source: Arc<dyn Source>, path: String },
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// `file`, `folder`, `link` or `other`.
    pub(crate) kind: &'static str,
    pub(crate) mode: u32,
    pub(crate) owner: (u64, u64),
    pub(crate) size: u64,
    /// SHA-256 of a file, target of a link.
    pub(crate) content: String,
}

impl Folder {
    /// A folder on a live machine.
    pub(crate) fn live(host: Arc<dyn Host>, user: Option<&str>, path: &str) -> Self {
        Self::Live { host, user: user.map(ToOwned::to_owned), path: path.to_owned() }
    }

    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Live { host, path, .. } => format!("{path} of {}", host.describe()),
            Self::Engine { container, path } => format!("{path} of {}", container.describe()),
            Self::Files { source, path } => format!("{path} of {}", source.describe()),
        }
    }

    /// Its content as a tar, and what tells at the end whether it was read whole.
    async fn read(&self) -> Result<(Output, futures_util::future::BoxFuture<'static, Result<()>>)> {
        let what = format!("read {}", self.describe());
        match self {
            Self::Live { host, user, path } => {
                let command = Command {
                    arguments: ["tar", "--numeric-owner", "-C", path, "-cf", "-", "."]
                        .map(ToOwned::to_owned)
                        .to_vec(),
                    user: user.clone(),
                    stdin: false,
                };
                let Running { stdout, ended, .. } = host.start(command).await?;
                let whole = Box::pin(async move {
                    let ended = ended.await?;
                    // 1: a file changed while it was read, which `data check` tells of.
                    if ended.code > 1 {
                        let words = last_line(&ended.stderr);
                        return Err(Error::remote(format!("failed to {what}: {words}")));
                    }
                    Ok(())
                });
                Ok((stdout, whole))
            }
            Self::Engine { container, path } => {
                let (near, mut far) = tokio::io::duplex(256 << 10);
                // With `/.` the entries are named from the folder on.
                let mut parts = Box::pin(container.download(&format!("{path}/.")));
                let pumped = tokio::spawn(async move {
                    while let Some(part) = parts.next().await {
                        let part = part.map_err(|error| docker::reason(&error)).remote(&what)?;
                        if far.write_all(&part).await.is_err() {
                            break;
                        }
                    }
                    Ok(())
                });
                let whole = Box::pin(async move { pumped.await.input("read a folder")? });
                Ok((Box::pin(near), whole))
            }
            Self::Files { source, path } => {
                let (near, far) = tokio::io::duplex(256 << 10);
                let (source, path) = (Arc::clone(source), path.clone());
                let handle = Handle::current();
                let written = tokio::task::spawn_blocking(move || {
                    pack(&*source, &path, Blocking { handle, stream: far })
                });
                let whole = Box::pin(async move { written.await.input(&what)? });
                Ok((Box::pin(near), whole))
            }
        }
    }

    /// Every entry below it, with a hash of every file.
    pub(crate) async fn list(&self) -> Result<BTreeMap<String, Item>> {
        let (stream, whole) = self.read().await?;
        let handle = Handle::current();
        let listed = tokio::task::spawn_blocking(move || list(Blocking { handle, stream }));
        let listed = listed.await.remote(format_args!("read {}", self.describe()))?;
        whole.await?;
        listed.remote(format_args!("read {}", self.describe()))
    }

    /// Copies all of it into `to`; returns the bytes of the tar.
    pub(crate) async fn copy(&self, to: &Self, progress: &Progress) -> Result<u64> {
        match to {
            Self::Files { .. } => Err(Error::usage("a source is not written to")),
            Self::Engine { container, path } => {
                let (near, far) = tokio::io::duplex(256 << 10);
                let stream = futures_util::stream::try_unfold(far, |mut far| async {
                    let mut piece = vec![0; 256 << 10];
                    let count = far.read(&mut piece).await?;
                    piece.truncate(count);
                    Ok((count > 0).then(|| (Bytes::from(piece), far)))
                });
                let put = container.upload_stream(path, stream);
                let (sent, put) = tokio::join!(self.send(near, progress), put);
                put.map_err(|error| docker::reason(&error))
                    .remote(format_args!("write {}", to.describe()))?;
                let (bytes, whole) = sent?;
                whole.await?;
                Ok(bytes)
            }
            Self::Live { host, user, path } => {
                let command = Command {
                    arguments: ["tar", "--numeric-owner", "-C", path, "-xpf", "-"]
                        .map(ToOwned::to_owned)
                        .to_vec(),
                    user: user.clone(),
                    stdin: true,
                };
                let Running { stdin, mut stdout, ended } = host.start(command).await?;
                let input = stdin.ok_or_else(|| Error::remote("tar takes no input"))?;
                let drained = tokio::spawn(async move {
                    let mut sink = tokio::io::sink();
                    let _ = tokio::io::copy(&mut stdout, &mut sink).await;
                });
                let (bytes, whole) = self.send(input, progress).await?;
                let ended = ended.await?;
                let _ = drained.await;
                if ended.code != 0 {
                    return Err(Error::remote(format!(
                        "failed to write {}: {}",
                        to.describe(),
                        last_line(&ended.stderr)
                    )));
                }
                whole.await?;
                Ok(bytes)
            }
        }
    }

    /// Sends its content as a tar; returns the bytes, and what tells whether it was read whole.
    async fn send(
        &self,
        mut input: impl AsyncWrite + Unpin,
        progress: &Progress,
    ) -> Result<(u64, futures_util::future::BoxFuture<'static, Result<()>>)> {
        let (mut from, whole) = self.read().await?;
        let mut buffer = vec![0; 256 << 10];
        // The first entry is the folder itself. It is the mount, whose owner is the platform's.
        let mut head = Vec::new();
        let mut bytes = 0;
        loop {
            let count =
                from.read(&mut buffer).await.remote(format_args!("read {}", self.describe()))?;
            if count == 0 {
                break;
            }
            bytes += count as u64;
            progress.advance(count as u64);
            let mut piece = &buffer[..count];
            if head.len() < 512 {
                let taken = piece.len().min(512 - head.len());
                head.extend_from_slice(&piece[..taken]);
                piece = &piece[taken..];
                if head.len() < 512 {
                    continue;
                }
                let itself = head.starts_with(b"./\0") || head.starts_with(b".\0");
                if !itself && input.write_all(&head).await.is_err() {
                    break;
                }
            }
            // A tar that gave up says why by itself.
            if input.write_all(piece).await.is_err() {
                break;
            }
        }
        let _ = input.flush().await;
        let _ = input.shutdown().await;
        Ok((bytes, whole))
    }
}

fn last_line(text: &str) -> String {
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty() && !line.contains("Exiting with failure status"));
    line.unwrap_or("no reason given").chars().take(300).collect()
}

/// An asynchronous stream for code that blocks, on a thread made for that.
struct Blocking<S> {
    handle: Handle,
    stream: S,
}

impl Read for Blocking<Output> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.handle.block_on(self.stream.read(buffer))
    }
}

impl Write for Blocking<DuplexStream> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.handle.block_on(self.stream.write(buffer))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.handle.block_on(self.stream.flush())
    }
}

fn list(stream: Blocking<Output>) -> std::io::Result<BTreeMap<String, Item>> {
    let mut archive = tar::Archive::new(stream);
    let mut items = BTreeMap::new();
    let mut twins = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_end_matches('/').to_owned();
        if path.is_empty() || path == "." {
            continue;
        }
        if items.len() >= MAX_ENTRIES {
            return Err(std::io::Error::other(format!("more than {MAX_ENTRIES} entries")));
        }
        let header = entry.header();
        let (kind, mode) = (header.entry_type(), header.mode()? & 0o7777);
        let owner = (header.uid()?, header.gid()?);
        let target = entry
            .link_name_bytes()
            .map(|target| String::from_utf8_lossy(&target).into_owned())
            .unwrap_or_default();
        let mut item = Item { kind: "other", mode, owner, size: 0, content: String::new() };
        if kind.is_hard_link() {
            item.kind = "file";
            twins.push((path.clone(), target.trim_start_matches("./").to_owned()));
        } else if kind.is_dir() {
            item.kind = "folder";
        } else if kind.is_symlink() {
            item.kind = "link";
            item.content = target;
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            item.kind = "file";
            let mut hash = Sha256::new();
            let mut buffer = vec![0; 64 << 10];
            loop {
                let count = entry.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                item.size += count as u64;
                hash.update(&buffer[..count]);
            }
            for byte in hash.finalize() {
                let _ = write!(item.content, "{byte:02x}");
            }
        }
        items.insert(path, item);
    }
    // A second name of a file has the content of the first.
    for (path, target) in twins {
        let first = items.get(&target).map(|first| (first.size, first.content.clone()));
        if let (Some((size, content)), Some(item)) = (first, items.get_mut(&path)) {
            (item.size, item.content) = (size, content);
        }
    }
    Ok(items)
}

/// Writes a folder of a source as a tar.
fn pack(source: &dyn Source, path: &str, stream: Blocking<DuplexStream>) -> Result<()> {
    let root = source
        .resolve(path)
        .ok_or_else(|| Error::input(format!("{}: no folder {path}", source.describe())))?;
    let mut builder = tar::Builder::new(stream);
    for (path, entry) in source.below(&root) {
        let name = path.strip_prefix(&root).unwrap_or(path).trim_start_matches('/');
        let mut header = tar::Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_uid(entry.uid.into());
        header.set_gid(entry.gid.into());
        header.set_mtime(u64::try_from(entry.mtime).unwrap_or(0));
        header.set_size(0);
        let what = format!("pack {path}");
        match &entry.kind {
            Kind::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                builder
                    .append_data(&mut header, format!("{name}/"), std::io::empty())
                    .input(&what)?;
            }
            Kind::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, name, target).input(&what)?;
            }
            Kind::File => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(entry.size);
                let content = source.open(path)?.take(entry.size);
                builder.append_data(&mut header, name, content).input(&what)?;
            }
            Kind::Other => {}
        }
    }
    let mut stream = builder.into_inner().input("pack a folder")?;
    stream.flush().input("pack a folder")
}
