//! The build context of one image, as a stream: the tree's files and the root filesystem.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;

use super::rootfs::Rootfs;
use crate::error::{Context as _, Result};
use crate::read::read_limited;

/// Files that a person writes into `images/WORKLOAD/` are small.
const LIMIT: u64 = 16 << 20;

/// How a Dockerfile takes the root filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// `ADD rootfs.tar /`: one file, unpacked by the builder, owners kept.
    Tar,
    /// `COPY rootfs/ /`: a folder.
    Folder,
    /// Not at all.
    Not,
}

/// Reads off a Dockerfile how it takes the root filesystem.
pub(super) fn taken(dockerfile: &str) -> Taken {
    let instructions = || {
        dockerfile
            .lines()
            .map(str::trim_start)
            .filter(|line| !line.starts_with('#'))
            .flat_map(|line| line.split(|c: char| c.is_whitespace() || "\"[],".contains(c)))
    };
    let folder =
        |word: &str| word == "rootfs" || word.trim_start_matches("./").starts_with("rootfs/");
    if instructions().any(|word| word.trim_start_matches("./") == "rootfs.tar") {
        Taken::Tar
    } else if instructions().any(folder) {
        Taken::Folder
    } else {
        Taken::Not
    }
}

/// A context that is ready to be sent.
pub(super) struct BuildContext {
    parts: Vec<Part>,
    /// Its size.
    pub(super) bytes: u64,
}

enum Part {
    Bytes(Vec<u8>),
    File(File, u64),
}

impl BuildContext {
    /// The files in `folder`, and the root filesystem as the Dockerfile takes it.
    pub(super) fn new(folder: &Path, rootfs: Option<Rootfs>, taken: Taken) -> Result<Self> {
        let mut parts = vec![Part::Bytes(small_files(folder)?)];
        if let Some(rootfs) = rootfs {
            if taken == Taken::Tar {
                let mut header = tar::Header::new_gnu();
                header.set_path("rootfs.tar").input("make the build context")?;
                header.set_mode(0o644);
                header.set_uid(0);
                header.set_gid(0);
                header.set_mtime(0);
                header.set_size(rootfs.bytes);
                header.set_cksum();
                parts.push(Part::Bytes(header.as_bytes().to_vec()));
                parts.push(Part::File(rootfs.file, rootfs.bytes));
                let padding = (512 - rootfs.bytes % 512) % 512;
                parts.push(Part::Bytes(vec![0; usize::try_from(padding).unwrap_or(0)]));
            } else {
                // The root filesystem's own entries, without the two blocks that end its tar.
                parts.push(Part::File(rootfs.file, rootfs.bytes.saturating_sub(1024)));
            }
        }
        parts.push(Part::Bytes(vec![0; 1024]));
        let bytes = parts
            .iter()
            .map(|part| match part {
                Part::Bytes(bytes) => bytes.len() as u64,
                Part::File(_, bytes) => *bytes,
            })
            .sum();
        Ok(Self { parts, bytes })
    }

    /// The context as a tar; `sent` is told how much has gone.
    pub(super) fn stream(
        self,
        mut sent: impl FnMut(u64) + Send + 'static,
    ) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            for part in self.parts {
                let mut reader: Box<dyn Read> = match part {
                    Part::Bytes(bytes) => Box::new(std::io::Cursor::new(bytes)),
                    Part::File(mut file, bytes) => {
                        if let Err(error) = file.rewind() {
                            let _ = sender.blocking_send(Err(error));
                            return;
                        }
                        Box::new(file.take(bytes))
                    }
                };
                loop {
                    let mut chunk = vec![0; 256 << 10];
                    let item = match reader.read(&mut chunk) {
                        Ok(0) => break,
                        Ok(count) => {
                            chunk.truncate(count);
                            sent(count as u64);
                            Ok(Bytes::from(chunk))
                        }
                        Err(error) => Err(error),
                    };
                    let failed = item.is_err();
                    // The engine hangs up when it refuses the build: its own answer says why.
                    if sender.blocking_send(item).is_err() || failed {
                        return;
                    }
                }
            }
        });
        futures_util::stream::unfold(receiver, |mut receiver| async {
            Some((receiver.recv().await?, receiver))
        })
    }
}

/// The tree's own files as tar entries, in order of their names, without the tar's end.
fn small_files(folder: &Path) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let walk = walkdir::WalkDir::new(folder).min_depth(1).max_depth(16).sort_by_file_name();
    for entry in walk {
        let entry = entry.input(format_args!("read {}", folder.display()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path();
        let relative = path.strip_prefix(folder).input("make the build context")?;
        let what = format!("read {}", path.display());
        let metadata = entry.metadata().input(&what)?;
        let bytes = read_limited(path, LIMIT)?;
        let mut header = tar::Header::new_gnu();
        let run = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
        header.set_mode(if run { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, relative, bytes.as_slice()).input(&what)?;
    }
    let mut bytes = builder.into_inner().input("make the build context")?;
    bytes.truncate(bytes.len() - 1024);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[test]
    fn a_dockerfile_says_how_it_takes_the_root_filesystem() {
        assert_eq!(taken("FROM scratch\nADD rootfs.tar /\n"), Taken::Tar);
        assert_eq!(taken("ADD [\"rootfs.tar\", \"/\"]"), Taken::Tar);
        assert_eq!(
            taken("FROM node:18\n# rootfs.tar\nCOPY --chown=1:1 rootfs/srv /srv\n"),
            Taken::Folder
        );
        assert_eq!(taken("FROM scratch\n"), Taken::Not);
    }

    #[tokio::test]
    async fn the_context_is_one_tar_with_the_root_filesystem_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
        let mut inner = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut inner, &[7; 1000]).unwrap();
        let rootfs = Rootfs { file: inner, bytes: 1000, leaks: Vec::new(), keys: Vec::new() };
        let context = BuildContext::new(folder.path(), Some(rootfs), Taken::Tar).unwrap();
        let size = context.bytes;
        let chunks: Vec<_> = context.stream(|_| ()).map(|chunk| chunk.unwrap()).collect().await;
        let tar = chunks.concat();
        assert_eq!(tar.len() as u64, size);
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            names.push((entry.path().unwrap().display().to_string(), entry.size()));
        }
        assert_eq!(names, [("Dockerfile".to_owned(), 13), ("rootfs.tar".to_owned(), 1000)]);
    }
}
