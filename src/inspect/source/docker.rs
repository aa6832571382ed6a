//! A container as a source: its export, spooled to a file that has no name, and its volumes.

use std::io::Write;

use bollard::query_parameters::DownloadFromContainerOptions;
use futures_util::{Stream, StreamExt};

use super::Source;
use super::archive::Archive;
use crate::connection::docker::connect;
use crate::error::{Context, Error, Result};
use crate::progress::Progress;

/// The files of a container, running or not.
pub(super) async fn open(name: &str, container: &str) -> Result<Box<dyn Source>> {
    if container.is_empty()
        || !container.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    {
        return Err(Error::usage(format!("{name}: not a container's name or id")));
    }
    let docker = connect().await?;
    let details = docker.inspect_container(container, None).await.map_err(|error| match error {
        bollard::errors::Error::DockerResponseServerError { status_code: 404, .. } => {
            Error::remote(format!("no container {container} on this engine"))
                .help("`docker ps -a` lists those that there are")
        }
        error => Error::remote(format!("failed to look at container {container}: {error}")),
    })?;
    let whole = spool("reading the container", docker.export_container(container)).await?;
    let mut volumes = Vec::new();
    for mount in details.mounts.unwrap_or_default() {
        let Some(destination) = mount.destination.filter(|path| holds_files(path)) else {
            continue;
        };
        // An export leaves volumes out. The archive of one begins with the folder's own name.
        let options = DownloadFromContainerOptions { path: destination.clone() };
        let content = docker.download_from_container(container, Some(options));
        let base = destination.trim_end_matches('/').rsplit_once('/').map_or("", |(base, _)| base);
        match spool("reading a volume", content).await {
            Ok(file) => volumes.push((file, base.to_owned())),
            Err(error) => tracing::warn!("{destination} of {container} is left out: {error}"),
        }
    }
    let name = name.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut archive = Archive::new(&name);
        archive.add(whole, "")?;
        for (file, base) in volumes {
            archive.add(file, &base)?;
        }
        Ok(Box::new(archive) as Box<dyn Source>)
    })
    .await
    .remote("read the container")?
}

/// Kernel interfaces and what does not outlive a boot are no files of the application.
fn holds_files(path: &str) -> bool {
    !["/sys", "/proc", "/dev", "/run", "/tmp"].iter().any(|folder| {
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

async fn spool(
    what: &'static str,
    content: impl Stream<Item = Result<bytes::Bytes, bollard::errors::Error>>,
) -> Result<std::fs::File> {
    let progress = Progress::spinner(what);
    let mut file = tempfile::tempfile().input("make a temporary file")?;
    let mut content = std::pin::pin!(content);
    let mut total = 0;
    while let Some(piece) = content.next().await {
        let piece = piece.remote(what)?;
        total += piece.len();
        file.write_all(&piece).input("write a temporary file (TMPDIR says where)")?;
        progress.message(format!("{what}: {} MiB", total >> 20));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_folders_are_no_volumes() {
        assert!(!holds_files("/sys/fs/cgroup"));
        assert!(!holds_files("/run"));
        assert!(holds_files("/var/lib/mysql"));
        assert!(holds_files("/runtime"));
    }
}
