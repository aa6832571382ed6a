//! The Docker engine: how it is reached, and a running container as a [`Host`].

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, InspectContainerOptions, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Command, Ended, Host, Running, keep_tail};
use crate::error::{Context, Error, Result};

/// Links followed before a path in a container counts as a loop.
const MAX_LINKS: usize = 10;

/// A connection to the engine that `DOCKER_HOST`, `DOCKER_CONTEXT` or the current docker context
/// names, with the API version agreed on.
pub(crate) async fn connect() -> Result<Docker> {
    let host = engine_address()?;
    let help = format!(
        "see that the engine at {host} runs and that you may use it (`docker info`), or name another with DOCKER_HOST"
    );
    let tls = std::env::var_os("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty());
    if tls && !host.starts_with("unix://") {
        return Err(Error::remote(format!("{host} wants TLS, which is not supported"))
            .help("forward its socket by ssh and set DOCKER_HOST=unix://…"));
    }
    let docker = Docker::connect_with_host(&host)
        .map_err(|error| match error {
            EngineError::UnsupportedURISchemeError { .. } => {
                Error::remote(format!("cannot reach a Docker engine at {host}: only unix://, tcp:// and http:// are understood"))
                    .help("forward its socket (`ssh -L /tmp/docker.sock:/var/run/docker.sock HOST`) and set DOCKER_HOST=unix:///tmp/docker.sock")
            }
            other => Error::remote(format!("cannot reach the Docker engine at {host}: {other}")).help(help.clone()),
        })?
        // A build step or an export answers late; the engine itself ends what hangs.
        .with_timeout(Duration::from_hours(1));
    let agreed = tokio::time::timeout(Duration::from_secs(15), docker.negotiate_version()).await;
    match agreed {
        Ok(Ok(docker)) => Ok(docker),
        Ok(Err(error)) => {
            Err(Error::remote(format!("cannot reach the Docker engine at {host}: {error}"))
                .help(help))
        }
        Err(_) => {
            Err(Error::remote(format!("the Docker engine at {host} did not answer within 15 s"))
                .help(help))
        }
    }
}

/// Where the engine is, by the order that the docker command line follows.
fn engine_address() -> Result<String> {
    const DEFAULT: &str = "unix:///var/run/docker.sock";
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(host) = set("DOCKER_HOST") {
        return Ok(host);
    }
    let Some(folder) = config_folder() else { return Ok(DEFAULT.into()) };
    let name = set("DOCKER_CONTEXT").or_else(|| {
        let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
        let config: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(config.get("currentContext")?.as_str()?.to_owned())
    });
    let Some(name) = name.filter(|name| !name.is_empty() && name != "default") else {
        return Ok(DEFAULT.into());
    };
    // A context lies in a folder that is named by the digest of its name.
    let path = folder.join("contexts/meta").join(hex_sha256(&name)).join("meta.json");
    let text = std::fs::read_to_string(&path)
        .remote(format_args!("read docker context {name} at {}", path.display()))
        .map_err(|error| error.help("`docker context ls` lists the contexts that there are"))?;
    context_host(&text).ok_or_else(|| {
        Error::remote(format!("docker context {name} names no engine ({})", path.display()))
    })
}

/// `~/.docker`, or what `DOCKER_CONFIG` names.
pub(crate) fn config_folder() -> Option<PathBuf> {
    std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))
}

fn context_host(meta: &str) -> Option<String> {
    let meta: serde_json::Value = serde_json::from_str(meta).ok()?;
    Some(meta.get("Endpoints")?.get("docker")?.get("Host")?.as_str()?.to_owned())
}

fn hex_sha256(text: &str) -> String {
    use sha2::Digest;
    use std::fmt::Write;
    sha2::Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What the engine says about a failure, without bollard's wrapping.
pub(crate) fn reason(error: &EngineError) -> String {
    match error {
        EngineError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => other.to_string(),
    }
}

/// Whether the engine says that there is no such thing.
pub(crate) fn is_missing(error: &EngineError) -> bool {
    matches!(error, EngineError::DockerResponseServerError { status_code: 404, .. })
}

/// A container of the engine.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    docker: Docker,
    name: String,
    label: String,
}

impl Container {
    /// The container of this name or id; it must run.
    pub(crate) async fn find(docker: &Docker, name: &str) -> Result<Self> {
        let container = Self::known(docker, name)?;
        let state = docker
            .inspect_container(name, None::<InspectContainerOptions>)
            .await
            .map_err(|error| {
                Error::remote(format!("failed to look at container {name}: {}", reason(&error)))
                    .help("`docker ps` lists the containers that run")
            })?
            .state;
        if state.and_then(|state| state.running) != Some(true) {
            return Err(Error::remote(format!("container {name} does not run"))
                .help(format!("start it: `docker start {name}`")));
        }
        Ok(container)
    }

    /// The container of this name or id, running or not. The name must be one: it goes into URLs.
    pub(crate) fn known(docker: &Docker, name: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Error::usage(format!("{name:?} is no name of a container")));
        }
        Ok(Self {
            docker: docker.clone(),
            name: name.to_owned(),
            label: format!("container {name}"),
        })
    }

    /// Its name or id.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A file or folder as a tar whose first entry is its last path part; links are not followed.
    pub(crate) fn download(
        &self,
        path: &str,
    ) -> impl Stream<Item = Result<Bytes, EngineError>> + use<> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        self.docker.download_from_container(&self.name, Some(options))
    }

    /// The bytes of one regular file, links followed; `None` when nothing is there.
    pub(crate) async fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Some(tar) = self.download_small(&path, limit).await? else { return Ok(None) };
            match first_entry(&tar, &path, limit)? {
                First::File(bytes) => return Ok(Some(bytes)),
                First::Link(target) => {
                    path = if target.starts_with('/') {
                        target
                    } else {
                        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                        format!("{folder}/{target}")
                    };
                }
                First::Other => return Ok(None),
            }
        }
        Err(Error::input(format!("{}: links at {path} go round in circles", self.label)))
    }

    async fn download_small(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut tar = Vec::new();
        let mut stream = Box::pin(self.download(path));
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => tar.extend_from_slice(&chunk),
                Err(error) if is_missing(&error) => return Ok(None),
                Err(error) => {
                    let why = reason(&error);
                    return Err(Error::remote(format!(
                        "{}: failed to read {path}: {why}",
                        self.label
                    )));
                }
            }
            if tar.len() as u64 > limit + (64 << 10) {
                return Err(Error::input(format!(
                    "{}: {path} is larger than {limit} bytes",
                    self.label
                )));
            }
        }
        Ok(Some(tar))
    }

    /// Unpacks a tar in the folder at `path`; owners are taken from the tar.
    pub(crate) async fn upload(&self, path: &str, tar: Vec<u8>) -> Result<(), EngineError> {
        let options = UploadToContainerOptionsBuilder::new().path(path).build();
        let body = bollard::body_full(Bytes::from(tar));
        self.docker.upload_to_container(&self.name, Some(options), body).await
    }

    /// As [`Container::upload`], from a stream.
    pub(crate) async fn upload_stream(
        &self,
        path: &str,
        tar: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    ) -> Result<(), EngineError> {
        let options = UploadToContainerOptionsBuilder::new().path(path).build();
        let body = bollard::body_try_stream(tar);
        self.docker.upload_to_container(&self.name, Some(options), body).await
    }

    async fn exec(&self, command: Command) -> Result<Running> {
        let what = format!("run {} in {}", command.arguments.first().map_or("", |a| a), self.label);
        let config = CreateExecOptions {
            attach_stdin: Some(command.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.arguments),
            user: command.user,
            ..CreateExecOptions::default()
        };
        let exec = self
            .docker
            .create_exec(&self.name, config)
            .await
            .map_err(|error| Error::remote(format!("failed to {what}: {}", reason(&error))))?
            .id;
        let options = StartExecOptions { output_capacity: Some(64 << 10), ..Default::default() };
        let started = self.docker.start_exec(&exec, Some(options)).await;
        let StartExecResults::Attached { mut output, input } = started
            .map_err(|error| Error::remote(format!("failed to {what}: {}", reason(&error))))?
        else {
            return Err(Error::remote(format!("failed to {what}: the engine did not attach")));
        };

        let stdin = command.stdin.then(|| feed(input));
        let (mut write, read) = tokio::io::duplex(256 << 10);
        let pump = tokio::spawn(async move {
            let mut tail = Vec::new();
            // A reader that has gone must not stop the command: its output is then thrown away.
            let mut wanted = true;
            while let Some(part) = output.next().await {
                match part {
                    Ok(LogOutput::StdErr { message }) => keep_tail(&mut tail, &message),
                    Ok(other) => wanted = wanted && write.write_all(other.as_ref()).await.is_ok(),
                    Err(error) => return Err(reason(&error)),
                }
            }
            Ok(String::from_utf8_lossy(&tail).into_owned())
        });
        let docker = self.docker.clone();
        let ended = Box::pin(async move {
            let stderr = pump
                .await
                .remote(&what)?
                .map_err(|why| Error::remote(format!("failed to {what}: {why}")))?;
            // The stream may end a moment before the engine has noted the exit code.
            for _ in 0..100 {
                let state = docker.inspect_exec(&exec).await.remote(&what)?;
                if let (Some(false), Some(code)) = (state.running, state.exit_code) {
                    return Ok(Ended { code, stderr });
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(Error::remote(format!("failed to {what}: the engine tells no exit code")))
        });
        Ok(Running { stdin, stdout: Box::pin(read), ended })
    }
}

impl Host for Container {
    fn describe(&self) -> String {
        self.label.clone()
    }

    fn start(&self, command: Command) -> BoxFuture<'_, Result<Running>> {
        Box::pin(self.exec(command))
    }
}

/// A pipe to a command's input; dropping its end closes the input, which dropping the engine's
/// own half would not do.
fn feed(mut input: super::Input) -> super::Input {
    let (write, mut read) = tokio::io::duplex(256 << 10);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = read.read(&mut buffer).await {
            if input.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
        let _ = input.shutdown().await;
    });
    Box::pin(write)
}

enum First {
    File(Vec<u8>),
    Link(String),
    Other,
}

fn first_entry(tar: &[u8], path: &str, limit: u64) -> Result<First> {
    let mut archive = tar::Archive::new(tar);
    let what = format!("read {path}");
    let Some(entry) = archive.entries().input(&what)?.next() else { return Ok(First::Other) };
    let entry = entry.input(&what)?;
    match entry.header().entry_type() {
        tar::EntryType::Regular | tar::EntryType::Continuous => {
            let mut bytes = Vec::new();
            entry.take(limit + 1).read_to_end(&mut bytes).input(&what)?;
            if bytes.len() as u64 > limit {
                return Err(Error::input(format!("{path} is larger than {limit} bytes")));
            }
            Ok(First::File(bytes))
        }
        tar::EntryType::Symlink => {
            let target = entry.link_name().input(&what)?.map(|target| target.display().to_string());
            Ok(target.map_or(First::Other, First::Link))
        }
        _ => Ok(First::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_found_by_the_digest_of_its_name_and_gives_its_host() {
        assert_eq!(
            hex_sha256("default"),
            "37a8eec1ce19687d132fe29051dca629d164e2c4958ba141d5f4133a33f0688f"
        );
        let meta = r#"{"Name":"lab","Endpoints":{"docker":{"Host":"tcp://10.0.0.5:2375"}}}"#;
        assert_eq!(context_host(meta).as_deref(), Some("tcp://10.0.0.5:2375"));
        assert_eq!(context_host("{}"), None);
    }

    #[test]
    fn a_tar_of_one_file_gives_its_bytes_and_a_link_its_target() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o600);
        builder.append_data(&mut header, "shop.env", &b"A=1\n\n"[..]).unwrap();
        let tar = builder.into_inner().unwrap();
        assert!(matches!(first_entry(&tar, "/x", 10).unwrap(), First::File(b) if b == b"A=1\n\n"));
        assert!(first_entry(&tar, "/x", 4).is_err());

        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "x", "../y").unwrap();
        let tar = builder.into_inner().unwrap();
        assert!(matches!(first_entry(&tar, "/x", 10).unwrap(), First::Link(t) if t == "../y"));
    }

    #[test]
    fn a_name_that_would_change_the_url_is_refused() {
        let docker =
            Docker::connect_with_http("http://127.0.0.1:1", 1, bollard::API_DEFAULT_VERSION)
                .unwrap();
        assert!(Container::known(&docker, "../images").is_err());
        assert!(Container::known(&docker, "a?force=1").is_err());
        assert!(Container::known(&docker, "old-server").is_ok());
    }
}
