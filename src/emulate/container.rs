//! One execution environment: a container from the function's image, its Runtime API, and the
//! extensions beside the function's own process; frozen and thawed as a whole.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, NetworkConnectRequest, NetworkingConfig,
    ResourcesUlimits,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions, TopOptionsBuilder, WaitContainerOptions,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::runtime::{Fault, RuntimeApi};
use super::template::function_arn;
use super::template::types::Function;
use crate::connection::docker::{Container, is_missing, reason};
use crate::error::{Context, Error, Result};
use crate::secrets::Secrets;

/// Marks the containers that one run of the emulator makes and the next may take away.
pub(crate) const LABEL: &str = "migrate.emulate";
/// The user that Lambda runs every image as, whatever its own USER says.
const USER: &str = "993:990";
/// Processes and threads, and open files, of an execution environment.
const PROCESSES: i64 = 1024;
/// How long the init phase may take.
const INIT: Duration = Duration::from_secs(10);
/// Lines of output that are kept to explain a failure.
const KEPT: usize = 12;
/// A folder of extensions is not larger.
const EXTENSIONS_LIMIT: usize = 512 << 20;

/// Where lines for the user go.
pub(crate) type Notice = Arc<dyn Fn(String) + Send + Sync>;

/// What all execution environments are made with.
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    pub(crate) project: String,
    pub(crate) network: String,
    /// Further networks to join: where a database that was there before is reached.
    pub(crate) others: Vec<String>,
    /// This machine, as containers on the network reach it.
    pub(crate) gateway: IpAddr,
    pub(crate) region: String,
    pub(crate) secrets: Secrets,
    pub(crate) notice: Notice,
    /// Extensions by image, so that an image is looked through once.
    pub(crate) extensions: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Engine {
    pub(crate) fn say(&self, text: impl Into<String>) {
        (self.notice)(text.into());
    }
}

/// How an execution environment is held still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// By the engine: the cgroup's freezer.
    Pause,
    /// By a signal to each process.
    Signal,
}

/// An execution environment that has started.
pub(crate) struct Instance {
    pub(crate) api: RuntimeApi,
    id: String,
    name: String,
    docker: Docker,
    /// Why it has ended, once it has.
    gone: watch::Receiver<Option<Fault>>,
    frozen: Mutex<Option<Hold>>,
    tasks: Vec<JoinHandle<()>>,
}

type Lines = Arc<Mutex<VecDeque<String>>>;

impl Instance {
    /// Starts one and waits for the end of its init phase; says how long that took.
    pub(crate) async fn start(
        engine: &Engine,
        function: &Function,
        environment: &[String],
        number: u32,
    ) -> Result<(Self, Duration), Fault> {
        let begin = Instant::now();
        let lines: Lines = Arc::default();
        let made = Self::make(engine, function, environment, number, &lines).await;
        let instance = made.map_err(|error| {
            Fault::new("Sandbox.Failure", engine.secrets.hide(&error.to_string()))
        })?;
        let mut late = false;
        let patience = INIT + Duration::from_secs(function.timeout);
        loop {
            let left = if late { patience } else { INIT }.saturating_sub(begin.elapsed());
            let fault = tokio::select! {
                started = instance.api.slot.started() => match started {
                    Ok(()) => break,
                    Err(fault) => fault,
                },
                fault = instance.ended() => fault,
                () = tokio::time::sleep(left) => {
                    if !late {
                        late = true;
                        engine.say(format!(
                            "{}: the init phase takes longer than 10 s: Lambda would begin it again within the first call",
                            function.name
                        ));
                        continue;
                    }
                    Fault::new("Sandbox.Timedout", "the init phase did not end: nothing asked the Runtime API for an event")
                }
            };
            let said = lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .fold(String::new(), |text, line| text + "\n  " + line);
            let heard = instance.api.slot.extensions();
            let heard = if heard.is_empty() {
                format!(
                    "; nothing has reached the Runtime API at {}: is the adapter in /opt/extensions, and does a firewall let containers reach this machine?",
                    instance.api.address
                )
            } else {
                String::new()
            };
            engine
                .say(format!("{}: failed to start: {}{heard}{said}", function.name, fault.message));
            instance.remove().await;
            return Err(fault);
        }
        Ok((instance, begin.elapsed()))
    }

    async fn make(
        engine: &Engine,
        function: &Function,
        environment: &[String],
        number: u32,
        lines: &Lines,
    ) -> Result<Self> {
        let handler = function.command.as_ref().and_then(|command| command.first().cloned());
        let arn = function_arn(&engine.region, &function.physical);
        let api = RuntimeApi::listen(
            engine.gateway,
            &function.physical,
            &arn,
            handler.as_deref().unwrap_or_default(),
        )
        .await?;
        let name = format!("{}-{}-{number}", engine.project, function.name.to_ascii_lowercase());
        let body = body(engine, function, environment, &api);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let docker = &engine.docker;
        let made = docker.create_container(Some(options), body).await;
        let id = made
            .map_err(|error| {
                let error = if is_missing(&error) {
                    format!("the engine has no image {}", function.image)
                } else {
                    reason(&error)
                };
                Error::remote(format!("failed to create container {name}: {error}"))
            })?
            .id;
        let (tell, gone) = watch::channel(None);
        let mut instance = Self {
            api,
            id: id.clone(),
            name: name.clone(),
            docker: docker.clone(),
            gone,
            frozen: Mutex::new(None),
            tasks: Vec::new(),
        };
        if let Err(error) = instance.run(engine, function, lines, tell).await {
            instance.remove().await;
            return Err(error);
        }
        Ok(instance)
    }

    async fn run(
        &mut self,
        engine: &Engine,
        function: &Function,
        lines: &Lines,
        tell: watch::Sender<Option<Fault>>,
    ) -> Result<()> {
        let docker = &engine.docker;
        for network in &engine.others {
            let request =
                NetworkConnectRequest { container: self.id.clone(), endpoint_config: None };
            docker
                .connect_network(network, request)
                .await
                .map_err(|error| reason(&error))
                .remote(format_args!("join {} to network {network}", self.name))?;
        }
        let extensions = extensions(engine, &function.image, &self.id).await?;
        docker
            .start_container(&self.id, None::<StartContainerOptions>)
            .await
            .map_err(|error| reason(&error))
            .remote(format_args!("start {}", self.name))?;
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(true).build();
        let output = docker.logs(&self.id, Some(options));
        self.tasks.push(follow(output, function, engine, lines));
        let tell = Arc::new(tell);
        for extension in extensions {
            let config = CreateExecOptions {
                attach_stdout: Some(true),
                attach_stderr: Some(true),
                user: Some(USER.to_owned()),
                cmd: Some(vec![extension.clone()]),
                ..CreateExecOptions::default()
            };
            let what = format!("start {extension} in {}", self.name);
            let exec = docker.create_exec(&self.id, config).await;
            let exec = exec.map_err(|error| reason(&error)).remote(&what)?.id;
            let started = docker.start_exec(&exec, None).await;
            let started = started.map_err(|error| reason(&error)).remote(&what)?;
            if let StartExecResults::Attached { output, .. } = started {
                let reading = follow(output, function, engine, lines);
                let tell = Arc::clone(&tell);
                self.tasks.push(tokio::spawn(async move {
                    let _ = reading.await;
                    let message = format!("RequestId: Error: exit of {extension}");
                    tell.send_if_modified(|gone| end(gone, "Extension.Crash", message));
                }));
            }
        }
        let waiting = docker.clone();
        let id = self.id.clone();
        self.tasks.push(tokio::spawn(async move {
            let mut ended = Box::pin(waiting.wait_container(&id, None::<WaitContainerOptions>));
            let code = match ended.next().await {
                Some(Ok(response)) => response.status_code,
                Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => code,
                _ => -1,
            };
            let message = format!("Error: Runtime exited with exit status {code}");
            tell.send_if_modified(|gone| end(gone, "Runtime.ExitError", message));
        }));
        Ok(())
    }

    /// Waits until it has ended by itself, and says why.
    pub(crate) async fn ended(&self) -> Fault {
        let mut gone = self.gone.clone();
        let found = gone.wait_for(Option::is_some).await;
        match found {
            Ok(fault) => {
                fault.clone().unwrap_or_else(|| Fault::new("Sandbox.Failure", "it has ended"))
            }
            Err(_) => Fault::new("Sandbox.Failure", "it has ended"),
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.borrow().is_some()
    }

    /// Holds every process of it still.
    pub(crate) async fn freeze(&self) -> Result<()> {
        let paused = self.docker.pause_container(&self.id).await;
        let how = match paused {
            Ok(()) => Hold::Pause,
            Err(error) => {
                tracing::debug!("{}: no pause ({}), signals instead", self.name, reason(&error));
                self.signal(rustix::process::Signal::STOP).await?;
                Hold::Signal
            }
        };
        *self.frozen.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
        Ok(())
    }

    /// Lets it go on.
    pub(crate) async fn thaw(&self) -> Result<()> {
        let how = self.frozen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match how {
            None => Ok(()),
            Some(Hold::Pause) => self
                .docker
                .unpause_container(&self.id)
                .await
                .map_err(|error| reason(&error))
                .remote(format_args!("let {} go on", self.name)),
            Some(Hold::Signal) => self.signal(rustix::process::Signal::CONT).await,
        }
    }

    async fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let what = format!("freeze {}", self.name);
        let options = TopOptionsBuilder::new().ps_args("-o pid").build();
        let top = self.docker.top_processes(&self.id, Some(options)).await;
        let top = top.map_err(|error| reason(&error)).remote(&what)?;
        let pids =
            top.processes.unwrap_or_default().into_iter().filter_map(|row| row.into_iter().next());
        for pid in pids.filter_map(|pid| pid.trim().parse().ok()) {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                rustix::process::kill_process(pid, signal).remote(&what)?;
            }
        }
        Ok(())
    }

    /// Takes it away.
    pub(crate) async fn remove(&self) {
        for task in &self.tasks {
            task.abort();
        }
        // A paused container takes no signal.
        let _ = self.thaw().await;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        if let Err(error) = self.docker.remove_container(&self.id, Some(options)).await
            && !is_missing(&error)
        {
            tracing::warn!("failed to remove container {}: {}", self.name, reason(&error));
        }
    }
}

fn end(gone: &mut Option<Fault>, kind: &str, message: String) -> bool {
    let first = gone.is_none();
    if first {
        *gone = Some(Fault::new(kind, message));
    }
    first
}

fn body(
    engine: &Engine,
    function: &Function,
    environment: &[String],
    api: &RuntimeApi,
) -> ContainerCreateBody {
    let megabytes = |count: u64| i64::try_from(count << 20).unwrap_or(i64::MAX);
    let mut variables = environment.to_vec();
    variables.push(format!("AWS_LAMBDA_RUNTIME_API={}", api.address));
    let limit = |name: &str, most: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(most),
        hard: Some(most),
    };
    ContainerCreateBody {
        image: Some(function.image.clone()),
        entrypoint: function.entry_point.clone(),
        cmd: function.command.clone(),
        working_dir: function.working_directory.clone(),
        user: Some(USER.to_owned()),
        env: Some(variables),
        labels: Some(HashMap::from([
            ("com.docker.compose.project".to_owned(), engine.project.clone()),
            (LABEL.to_owned(), function.name.clone()),
        ])),
        host_config: Some(HostConfig {
            network_mode: Some(engine.network.clone()),
            memory: Some(megabytes(function.memory)),
            memory_swap: Some(megabytes(function.memory)),
            pids_limit: Some(PROCESSES),
            ulimits: Some(vec![limit("nofile", PROCESSES)]),
            readonly_rootfs: Some(true),
            tmpfs: Some(HashMap::from([(
                "/tmp".to_owned(),
                format!("size={}m,mode=1777,exec", function.scratch),
            )])),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            ..HostConfig::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                engine.network.clone(),
                EndpointSettings::default(),
            )])),
        }),
        ..ContainerCreateBody::default()
    }
}

/// Programs in `/opt/extensions` of an image, which Lambda starts beside the function's own.
async fn extensions(engine: &Engine, image: &str, container: &str) -> Result<Vec<String>> {
    let known =
        engine.extensions.lock().unwrap_or_else(PoisonError::into_inner).get(image).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let container = Container::known(&engine.docker, container)?;
    let mut tar = Vec::new();
    let mut stream = Box::pin(container.download("/opt/extensions"));
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => tar.extend_from_slice(&chunk),
            Err(error) if is_missing(&error) => break,
            Err(error) => {
                return Err(Error::remote(format!(
                    "failed to read /opt/extensions of {image}: {}",
                    reason(&error)
                )));
            }
        }
        if tar.len() > EXTENSIONS_LIMIT {
            return Err(Error::input(format!("{image}: /opt/extensions is too large")));
        }
    }
    let found = programs(&tar);
    engine
        .extensions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(image.to_owned(), found.clone());
    Ok(found)
}

/// Executable files directly in the folder that the tar holds.
fn programs(tar: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(tar);
    let Ok(entries) = archive.entries() else { return found };
    for entry in entries.flatten() {
        let Ok(path) = entry.path() else { continue };
        let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        let kind = entry.header().entry_type();
        if let ["extensions", name] = parts.as_slice()
            && executable
            && (kind.is_file() || kind.is_symlink())
        {
            found.push(format!("/opt/extensions/{name}"));
        }
    }
    found.sort();
    found
}

/// Reads a program's output line by line: kept for failures, shown with `-v`.
fn follow(
    output: impl Stream<Item = Result<bollard::container::LogOutput, bollard::errors::Error>>
    + Send
    + 'static,
    function: &Function,
    engine: &Engine,
    lines: &Lines,
) -> JoinHandle<()> {
    let function = function.name.clone();
    let secrets = engine.secrets.clone();
    let lines = Arc::clone(lines);
    tokio::spawn(async move {
        let mut output = Box::pin(output);
        let mut open = Vec::new();
        while let Some(Ok(part)) = output.next().await {
            let bytes: Bytes = part.into_bytes();
            let mut rest: &[u8] = &bytes;
            while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                open.extend_from_slice(&rest[..at]);
                rest = &rest[at + 1..];
                line(&function, &secrets, &lines, &open);
                open.clear();
            }
            open.extend_from_slice(rest);
            if open.len() > 64 << 10 {
                line(&function, &secrets, &lines, &open);
                open.clear();
            }
        }
        if !open.is_empty() {
            line(&function, &secrets, &lines, &open);
        }
    })
}

fn line(function: &str, secrets: &Secrets, lines: &Lines, bytes: &[u8]) {
    let text: String =
        String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(2000).collect();
    let text = secrets.hide(&text);
    tracing::info!("{function}: {text}");
    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == KEPT {
        lines.pop_front();
    }
    lines.push_back(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_the_executable_files_of_the_folder() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |path: &str, mode: u32, kind: tar::EntryType| {
            let mut header = tar::Header::new_gnu();
            header.set_mode(mode);
            header.set_size(0);
            header.set_entry_type(kind);
            builder.append_data(&mut header, path, &b""[..]).unwrap();
        };
        add("extensions/", 0o755, tar::EntryType::Directory);
        add("extensions/lambda-adapter", 0o755, tar::EntryType::Regular);
        add("extensions/README", 0o644, tar::EntryType::Regular);
        add("extensions/lib/", 0o755, tar::EntryType::Directory);
        add("extensions/lib/x", 0o755, tar::EntryType::Regular);
        let tar = builder.into_inner().unwrap();
        assert_eq!(programs(&tar), ["/opt/extensions/lambda-adapter"]);
        assert!(programs(b"").is_empty());
    }
}
