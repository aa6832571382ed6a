//! Bringing the compose tree up with the engine's own API, and taking it down.

mod desired;
mod engine;
mod file;
mod network;
pub(crate) mod part;
pub(crate) mod text;
mod up;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;

use bollard::Docker;
use serde::{Deserialize, Serialize};

use super::lack::Lack;
use super::{Deployment, Kept, WorkloadState};
use crate::connection::docker;
use crate::error::{Context, Error, Result};
use crate::image::record::Images;
use crate::model::plan::{Plan, WorkloadKind};
use crate::secrets::{self, Secrets};
use crate::workspace::{Workspace, from_yaml};

use desired::{Desired, Reading};
use engine::Project;
use file::ComposeFile;
use up::{Change, ServiceState, Step, Up, in_order};

/// What the command line says about a deploy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    /// `--listen`.
    pub(crate) listen: Option<&'a str>,
    /// `--dry-run`.
    pub(crate) dry_run: bool,
    /// `--secrets-from`.
    pub(crate) secrets_from: Option<&'a Path>,
}

/// What a deploy did or would do.
pub(crate) enum Outcome {
    /// It is up; the notes say what is not ready and why.
    Deployed(Deployment, Vec<String>),
    /// What would be done.
    Preview(Preview),
}

/// What `--dry-run` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Preview {
    target: &'static str,
    url: Option<String>,
    steps: Vec<Step>,
}

impl Preview {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let change = match step.change {
                Change::Create => "create",
                Change::Recreate => "recreate",
                Change::Keep => "keep",
                Change::Remove => "remove",
            };
            let _ = write!(text, "  {change:<9} {}", step.container);
            if !step.secrets.is_empty() {
                let _ = write!(text, "  secrets: {}", step.secrets.join(", "));
            }
            text.push('\n');
        }
        if let Some(url) = &self.url {
            let _ = writeln!(text, "would be reached at {url}");
        }
        text
    }
}

/// `.migrate/deployments/compose.json`: the contract's fields, and what is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) target: String,
    pub(crate) url: Option<String>,
    pub(crate) workloads: Vec<WorkloadState>,
    pub(crate) project: String,
    /// Where the containers' ports are published, by service and port.
    #[serde(default)]
    pub(crate) published: BTreeMap<String, BTreeMap<u16, (String, u16)>>,
}

impl Record {
    /// The record of the last deploy, if there was one.
    pub(crate) fn load(workspace: &Workspace) -> Result<Option<Self>> {
        workspace.read_json(&workspace.deployment("compose"))
    }

    fn save(&self, workspace: &Workspace) -> Result<()> {
        workspace.write_json(&workspace.deployment("compose"), self)
    }
}

/// Brings up what lies in `compose/`.
pub(crate) async fn deploy(
    workspace: &Workspace,
    plan: &Plan,
    options: Options<'_>,
) -> Result<Outcome> {
    let mut record = Record::load(workspace)?.unwrap_or_default();
    let remembered = !record.published.is_empty();
    let file = read(workspace)?;
    let docker = docker::connect().await?;
    let secrets = secrets::resolve(plan, options.secrets_from).await?;
    let up =
        prepare(workspace, plan, &file, &docker, &secrets, &mut record, options.listen).await?;
    let url = url(plan, &up.desired, &record);
    let steps = up.steps().await?;
    if options.dry_run {
        // A port that is not remembered yet is chosen by the deploy itself.
        let url = url.filter(|_| remembered || options.listen.is_some());
        return Ok(Outcome::Preview(Preview { target: "compose", url, steps }));
    }
    // Remembered before anything is made, so that a run that is stopped half way chooses no other.
    "compose".clone_into(&mut record.target);
    record.project.clone_from(&plan.name);
    record.save(workspace)?;
    let states = hide(up.run(&steps).await, &secrets)?;
    record.url.clone_from(&url);
    record.workloads = workloads(plan, &up.desired, &states);
    record.save(workspace)?;
    let reasons = reasons(&states, &secrets);
    if states.iter().any(|state| state.lacks == Some(Lack::Broken)) {
        return Err(not_ready(&reasons));
    }
    let deployment = Deployment { target: record.target, url, workloads: record.workloads };
    Ok(Outcome::Deployed(deployment, reasons))
}

/// Restarts what depends on workloads that were restarted, and waits until all is ready: after the
/// data has been copied.
pub(crate) async fn settle(
    workspace: &Workspace,
    plan: &Plan,
    restarted: &[String],
    secrets_from: Option<&Path>,
) -> Result<()> {
    let Some(mut record) = Record::load(workspace)? else { return Ok(()) };
    let file = read(workspace)?;
    let docker = docker::connect().await?;
    let secrets = secrets::resolve(plan, secrets_from).await?;
    let mut up = prepare(workspace, plan, &file, &docker, &secrets, &mut record, None).await?;
    up.waits_for_data = false;
    up.restart_after(restarted).await?;
    let states = hide(up.wait().await, &secrets)?;
    record.workloads = workloads(plan, &up.desired, &states);
    record.save(workspace)?;
    let reasons = reasons(&states, &secrets);
    if reasons.is_empty() { Ok(()) } else { Err(not_ready(&reasons)) }
}

/// Takes the project down; with `data` its volumes, too. Gives what was removed and what is kept.
pub(crate) async fn undeploy(
    workspace: &Workspace,
    plan: &Plan,
    data: bool,
) -> Result<(Vec<String>, Vec<Kept>)> {
    let docker = docker::connect().await?;
    let project = Project { docker: &docker, name: &plan.name };
    let mut removed = Vec::new();
    for container in project.containers().await? {
        project.remove(&container.name).await?;
        removed.push(container.name);
    }
    removed.extend(project.remove_networks().await?);
    removed.extend(project.remove_volumes(data).await?);
    let kept = Kept::here(project.volume_names().await?, images(workspace, &docker).await?);
    let gone: &[&str] = if data { &["compose", "data-compose", "verify-compose"] } else { &[] };
    for name in gone {
        let path = workspace.deployment(name);
        if path.exists() {
            std::fs::remove_file(&path).input(format_args!("remove {}", path.display()))?;
        }
    }
    if !data && let Some(mut record) = Record::load(workspace)? {
        // The port is remembered, that it runs is not.
        record.url = None;
        record.workloads.clear();
        record.save(workspace)?;
    }
    Ok((removed, kept))
}

/// The images of the last build that the engine has.
async fn images(workspace: &Workspace, docker: &Docker) -> Result<Vec<String>> {
    let built: Images = workspace.read_json(&workspace.deployment("images"))?.unwrap_or_default();
    let names: BTreeSet<String> = built.images.into_iter().map(|built| built.image).collect();
    let mut there = Vec::new();
    for name in names {
        if docker.inspect_image(&name).await.is_ok() {
            there.push(name);
        }
    }
    Ok(there)
}

fn read(workspace: &Workspace) -> Result<ComposeFile> {
    let path = workspace.path("compose/compose.yaml");
    let text = std::fs::read_to_string(&path)
        .input(format_args!("read {}", path.display()))
        .map_err(|error| error.help("run `migrate generate --to compose` first"))?;
    from_yaml(&text, &path.display().to_string())
}

async fn prepare<'a>(
    workspace: &Workspace,
    plan: &'a Plan,
    file: &'a ComposeFile,
    docker: &'a Docker,
    secrets: &Secrets,
    record: &mut Record,
    listen: Option<&str>,
) -> Result<Up<'a>> {
    if let Some(name) = &file.name
        && *name != plan.name
    {
        return Err(Error::input(format!(
            "compose.yaml names the project {name}, plan.yaml {}",
            plan.name
        ))
        .help("make both the same"));
    }
    let folder = workspace.path("compose");
    let environment: HashMap<String, String> = std::env::vars().collect();
    let reading = Reading {
        folder: &folder,
        project: &plan.name,
        secrets,
        environment: &environment,
        owners: desired::owners(file, plan),
    };
    let mut desired = Vec::new();
    for name in in_order(file)? {
        desired.push(reading.service(file, name, &file.services[name])?);
    }
    let listen = listen.map(text::listen).transpose()?;
    for one in &mut desired {
        let taken = choose(one, record, listen.as_ref())?;
        one.publish(&taken);
    }
    let images = image_ids(docker, &desired).await?;
    let place = std::fs::canonicalize(&folder).input(format_args!("read {}", folder.display()))?;
    let labels = BTreeMap::from([
        ("com.docker.compose.project.working_dir", place.display().to_string()),
        (
            "com.docker.compose.project.config_files",
            place.join("compose.yaml").display().to_string(),
        ),
    ]);
    let waits_for_data = plan.volumes.iter().any(|volume| volume.moves)
        && !workspace.deployment("data-compose").exists();
    Ok(Up {
        project: Project { docker, name: &plan.name },
        file,
        desired,
        images,
        labels,
        plan,
        waits_for_data,
    })
}

/// The ids of the images that services run, by service; one that is not there is an error.
async fn image_ids(docker: &Docker, desired: &[Desired]) -> Result<BTreeMap<String, String>> {
    let mut images = BTreeMap::new();
    for one in desired {
        let image = docker.inspect_image(&one.image).await.map_err(|error| {
            if docker::is_missing(&error) {
                Error::refused(format!("the engine has no image {}", one.image))
                    .help("run `migrate build --to compose` first")
            } else {
                Error::remote(format!(
                    "failed to look at image {}: {}",
                    one.image,
                    docker::reason(&error)
                ))
            }
        })?;
        images.insert(one.service.clone(), image.id.unwrap_or_default());
    }
    Ok(images)
}

/// Where a service's ports are published: as `--listen` says, else as the tree says, else as it
/// was the last time, else on a free port.
fn choose(
    desired: &Desired,
    record: &mut Record,
    listen: Option<&(String, Option<u16>)>,
) -> Result<BTreeMap<u16, (String, u16)>> {
    let former = record.published.remove(&desired.service).unwrap_or_default();
    let mut chosen = BTreeMap::new();
    for port in &desired.published {
        let before = former.get(&port.container);
        let address = listen.map_or_else(
            || match before {
                Some((address, _)) if port.port.is_none() => address.clone(),
                _ => port.address.clone(),
            },
            |(address, _)| address.clone(),
        );
        let fixed = listen.and_then(|(_, port)| *port).or(port.port);
        let same_place = before.filter(|(former, _)| *former == address).map(|(_, port)| *port);
        let number = match fixed.or(same_place) {
            Some(number) => number,
            None => free_port(&address)?,
        };
        chosen.insert(port.container, (address, number));
    }
    if !chosen.is_empty() {
        record.published.insert(desired.service.clone(), chosen.clone());
    }
    Ok(chosen)
}

/// A port that nobody listens on now, below those that the system hands out by itself: one of
/// those could be taken while the container is being restarted.
fn free_port(address: &str) -> Result<u16> {
    let address = if address.is_empty() { "0.0.0.0" } else { address };
    for _ in 0..200 {
        let port = rand::random_range(20_000..30_000);
        if TcpListener::bind((address, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::remote(format!("found no free port on {address}"))
        .help("give one with --listen ADDR:PORT"))
}

/// The address of the plan's proxy.
fn url(plan: &Plan, desired: &[Desired], record: &Record) -> Option<String> {
    let entry = plan.workloads.iter().find(|workload| workload.id == plan.ingress.workload);
    let service = entry
        .or_else(|| plan.workloads.iter().find(|workload| workload.kind == WorkloadKind::Proxy))
        .map(|workload| workload.id.clone())
        .filter(|id| record.published.contains_key(id))
        .or_else(|| {
            let mut published = desired.iter().filter(|one| !one.published.is_empty());
            published.next().map(|one| one.service.clone())
        })?;
    let ports = record.published.get(&service)?;
    let (address, port) = ports.get(&plan.ingress.port).or_else(|| ports.values().next())?;
    let host = match address.as_str() {
        "" | "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        other if other.contains(':') => format!("[{other}]"),
        other => other.to_owned(),
    };
    Some(format!("http://{host}:{port}"))
}

fn workloads(plan: &Plan, desired: &[Desired], states: &[ServiceState]) -> Vec<WorkloadState> {
    let state = |one: &Desired| {
        let state = states.iter().find(|state| state.service == one.service);
        WorkloadState {
            id: one.service.clone(),
            image: one.image.clone(),
            ready: state.is_some_and(|state| state.ready),
            lacks: state.and_then(|state| state.lacks),
        }
    };
    let place = |id: &str| plan.workloads.iter().position(|workload| workload.id == id);
    let mut all: Vec<WorkloadState> = desired.iter().map(state).collect();
    all.sort_by_key(|state| place(&state.id).unwrap_or(usize::MAX));
    all
}

fn reasons(states: &[ServiceState], secrets: &Secrets) -> Vec<String> {
    states.iter().filter_map(|state| state.why.as_deref()).map(|why| secrets.hide(why)).collect()
}

fn not_ready(reasons: &[String]) -> Error {
    Error::remote(format!("not everything became ready:\n{}", reasons.join("\n")))
        .help("`docker logs CONTAINER` says more; correct the tree or the plan and deploy again")
}

/// Takes secrets out of an error that repeats a container's lines.
fn hide<T>(result: Result<T>, secrets: &Secrets) -> Result<T> {
    result.map_err(|error| {
        let hidden = Error::new(error.exit(), secrets.hide(&error.to_string()));
        match error.help_text() {
            Some(help) => hidden.help(help),
            None => hidden,
        }
    })
}
