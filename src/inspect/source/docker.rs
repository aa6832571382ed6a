//! A container as a source: its export, spooled to a file that has no name, and its volumes.

use std::io::Write;
use std::path::PathBuf;

use bollard::Docker;
use bollard::query_parameters::DownloadFromContainerOptions;
use futures_util::{Stream, StreamExt};

use super::Source;
use super::archive::Archive;
use crate::error::{Context, Error, Result};
use crate::progress::Progress;

const TIMEOUT_SECONDS: u64 = 120;

/// Connects to the engine that `DOCKER_HOST` or the current docker context names.
pub(crate) async fn connect() -> Result<Docker> {
    let host = host()?;
    let version = bollard::API_DEFAULT_VERSION;
    let docker = if host.starts_with("unix://") {
        Docker::connect_with_unix(&host, TIMEOUT_SECONDS, version)
    } else if host.starts_with("tcp://") || host.starts_with("http://") {
        if std::env::var_os("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty()) {
            return Err(Error::remote(format!("{host} wants TLS, which is not supported"))
                .help("forward its socket by ssh and set DOCKER_HOST=unix://…"));
        }
        Docker::connect_with_http(&host, TIMEOUT_SECONDS, version)
    } else {
        return Err(Error::remote(format!("no way to reach a Docker engine at {host}")).help(
            "set DOCKER_HOST to unix://PATH or tcp://HOST:PORT; a socket can be forwarded by ssh",
        ));
    };
    let help = "is the engine running, and may you use its socket? DOCKER_HOST names another";
    let reach = format!("reach the Docker engine at {host}");
    docker
        .remote(&reach)
        .map_err(|error| error.help(help))?
        .negotiate_version()
        .await
        .remote(&reach)
        .map_err(|error| error.help(help))
}

fn host() -> Result<String> {
    if let Ok(host) = std::env::var("DOCKER_HOST")
        && !host.is_empty()
    {
        return Ok(host);
    }
    let default = || "unix:///var/run/docker.sock".to_owned();
    let Some(folder) = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".docker")))
    else {
        return Ok(default());
    };
    let context = match std::env::var("DOCKER_CONTEXT") {
        Ok(context) if !context.is_empty() => context,
        _ => std::fs::read(folder.join("config.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
            .and_then(|config| Some(config.get("currentContext")?.as_str()?.to_owned()))
            .unwrap_or_default(),
    };
    if context.is_empty() || context == "default" {
        return Ok(default());
    }
    endpoint(&folder.join("contexts/meta"), &context).ok_or_else(|| {
        Error::remote(format!("docker context {context} names no engine"))
            .help("`docker context ls` lists those that there are; DOCKER_HOST goes before them")
    })
}

fn endpoint(folder: &std::path::Path, context: &str) -> Option<String> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let text = std::fs::read(entry.path().join("meta.json")).ok()?;
        let meta: serde_json::Value = serde_json::from_slice(&text).ok()?;
        (meta.get("Name")?.as_str()? == context).then_some(())?;
        Some(meta.pointer("/Endpoints/docker/Host")?.as_str()?.to_owned())
    })
}

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
    fn a_context_leads_to_its_engine() {
        let folder = tempfile::tempdir().unwrap();
        let meta = folder.path().join("abc");
        std::fs::create_dir(&meta).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"far","Endpoints":{"docker":{"Host":"unix:///far.sock"}}}"#,
        )
        .unwrap();
        assert_eq!(endpoint(folder.path(), "far").as_deref(), Some("unix:///far.sock"));
        assert_eq!(endpoint(folder.path(), "near"), None);
    }

    #[test]
    fn kernel_folders_are_no_volumes() {
        assert!(!holds_files("/sys/fs/cgroup"));
        assert!(!holds_files("/run"));
        assert!(holds_files("/var/lib/mysql"));
        assert!(holds_files("/runtime"));
    }
}
