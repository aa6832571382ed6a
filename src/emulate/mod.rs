//! `sam/` on this machine: CloudFront in front of S3 and API Gateway's HTTP API in front of
//! Lambda, as docs/emulator.md says, with the application's real processes in containers.

mod bucket;
mod calls;
mod cdn;
mod container;
pub(crate) mod database;
mod environment;
mod event;
mod gateway;
mod message;
mod pool;
mod runtime;
mod samconfig;
mod server;
mod template;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::connection::docker;
use crate::deploy::compose::{part, text};
use crate::error::{Context, Error, Result};
use crate::model::plan::Plan;
use crate::secrets;
use crate::workspace::{Lock, Workspace};

use bucket::Store;
use cdn::Edge;
use container::Engine;
pub(crate) use container::Notice;
use gateway::Gateway;
use message::{Request, Response};
use pool::Pool;
use template::types::Function;
use template::{Application, REGION, Surroundings, Template};

/// The name of its record among the deployments: `verify` looks there for an address.
pub(crate) const DEPLOYMENT: &str = "emulate";
/// The folder of the workspace that it runs.
pub(crate) const TREE: &str = "sam";

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    /// `--listen`.
    pub(crate) listen: Option<&'a str>,
    /// `--database`.
    pub(crate) database: Option<&'a str>,
    /// `--instances`.
    pub(crate) instances: u32,
    /// `--secrets-from`.
    pub(crate) secrets_from: Option<&'a Path>,
    /// `--delete-data`.
    pub(crate) delete_data: bool,
}

/// What is told before anything is served.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Running {
    target: &'static str,
    /// Where users reach it.
    pub(crate) url: String,
    /// Lambda's own API, to call a function by hand.
    lambda: String,
    functions: Vec<RunningFunction>,
    buckets: Vec<RunningBucket>,
    database: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct RunningFunction {
    name: String,
    image: String,
    memory: u64,
    timeout: u64,
    schedules: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct RunningBucket {
    name: String,
    objects: usize,
}

impl Running {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for function in &self.functions {
            let _ = writeln!(
                text,
                "  function {:<12} {} ({} MB, {} s)",
                function.name, function.image, function.memory, function.timeout
            );
            for schedule in &function.schedules {
                let _ = writeln!(text, "    runs at {schedule}");
            }
        }
        for bucket in &self.buckets {
            let _ = writeln!(text, "  bucket {:<14} {} objects", bucket.name, bucket.objects);
        }
        if let Some(database) = &self.database {
            let _ = writeln!(text, "  database {database}");
        }
        let _ = writeln!(
            text,
            "  to call a function by hand: curl -d '{{}}' {}/2015-03-31/functions/NAME/invocations",
            self.lambda
        );
        let _ = writeln!(text, "reached at {} until Ctrl-C", self.url);
        text
    }
}

/// An application that is ready to be served.
pub(crate) struct Emulator {
    /// What to tell the user.
    pub(crate) running: Running,
    docker: Docker,
    plan: Plan,
    delete_data: bool,
    pools: Vec<Arc<Pool>>,
    entry: Arc<Entry>,
    front: TcpListener,
    calls: TcpListener,
    application: Application,
    notice: Notice,
    workspace: Workspace,
    _lock: Lock,
}

/// What users' requests meet first.
enum Entry {
    Edge(Box<Edge>),
    Api(Arc<Gateway>),
}

impl Entry {
    async fn answer(&self, request: Request) -> Response {
        match self {
            Self::Edge(edge) => edge.answer(request).await,
            Self::Api(gateway) => gateway.answer(request).await,
        }
    }
}

/// Reads the tree, starts what the functions need, and listens; nothing is served yet.
pub(crate) async fn prepare(
    workspace: &Workspace,
    options: Options<'_>,
    notice: Notice,
) -> Result<Emulator> {
    let plan = workspace.plan()?;
    let lock = workspace.lock_as("emulate.lock", "an emulator runs already")?;
    let tree = workspace.path(TREE);
    let (template, mut around) = read(&tree, &plan)?;
    let wanted = template.database()?;

    let docker = docker::connect().await?;
    let secrets::Found { secrets, missing } = secrets::find(&plan, options.secrets_from).await?;
    let project = database::project(&plan);
    clear(&docker, &project).await?;
    let gateway_address = part::gateway(&docker, &project).await?;
    let mut reached = None;
    if let Some(wanted) = &wanted {
        let found =
            database::reach(workspace, &plan, wanted, options.database, &secrets, &docker, &notice)
                .await?;
        around.parameters.insert(wanted.host.clone(), found.host.clone());
        if let (Some(name), Some(port)) = (&wanted.port, found.port) {
            around.parameters.insert(name.clone(), port.to_string());
        }
        reached = Some(found);
    } else if options.database.is_some() {
        return Err(Error::usage("the template names no database (Metadata.migrate.database)"));
    }
    let application = template.application(&around)?;
    let store = Arc::new(Store::fill(&tree, &application.buckets).await?);
    let engine = Arc::new(Engine {
        docker: docker.clone(),
        network: part::network(&project),
        project,
        others: reached.as_ref().map(|one| one.networks.clone()).unwrap_or_default(),
        gateway: gateway_address,
        region: application.region.clone(),
        secrets: secrets.clone(),
        notice: Arc::clone(&notice),
        extensions: std::sync::Mutex::default(),
    });
    let pools = pools(&engine, &application, &missing, options.instances).await?;
    let entry = entry(&tree, &application, &pools, &store, &notice)?;
    let (address, port) = match options.listen {
        Some(text) => text::listen(text)?,
        None => ("127.0.0.1".to_owned(), None),
    };
    let front = TcpListener::bind((address.as_str(), port.unwrap_or(0)))
        .await
        .remote(format_args!("listen on {address}:{}", port.unwrap_or(0)))?;
    let calls = TcpListener::bind(("127.0.0.1", 0)).await.remote("listen for calls by hand")?;
    let running = Running {
        target: DEPLOYMENT,
        url: url(&front)?,
        lambda: url(&calls)?,
        functions: application.functions.iter().map(describe).collect(),
        buckets: application
            .buckets
            .iter()
            .map(|bucket| RunningBucket {
                name: bucket.name.clone(),
                objects: store.count(&bucket.physical),
            })
            .collect(),
        database: reached.as_ref().map(|one| one.label.clone()),
    };
    Ok(Emulator {
        running,
        docker,
        plan,
        delete_data: options.delete_data,
        pools,
        entry: Arc::new(entry),
        front,
        calls,
        application,
        notice,
        workspace: workspace.clone(),
        _lock: lock,
    })
}

/// The template, and what its references stand for.
fn read(tree: &Path, plan: &Plan) -> Result<(Template, Surroundings)> {
    let path = tree.join("template.yaml");
    let text = std::fs::read_to_string(&path)
        .input(format_args!("read {}", path.display()))
        .map_err(|error| error.help("run `migrate generate --to sam` first"))?;
    let template = Template::parse(&text, &path.display().to_string())?;
    let config = match std::fs::read_to_string(tree.join("samconfig.toml")) {
        Ok(text) => samconfig::parse(&text),
        Err(_) => samconfig::Config::default(),
    };
    let mut around = Surroundings {
        stack: plan.name.clone(),
        region: config.region.unwrap_or_else(|| REGION.to_owned()),
        parameters: config.parameters,
    };
    // Read once before anything is started, so that a mistake in the file is told at once.
    if let Some(wanted) = template.database()? {
        around.parameters.insert(wanted.host, wanted.workload);
    }
    template.application(&around)?;
    Ok((template, around))
}

/// The functions, none of them started.
async fn pools(
    engine: &Arc<Engine>,
    application: &Application,
    missing: &[String],
    instances: u32,
) -> Result<Vec<Arc<Pool>>> {
    let mut pools = Vec::new();
    for function in &application.functions {
        image_is_there(&engine.docker, &function.image).await?;
        let variables =
            environment::environment(function, &application.region, &engine.secrets, missing)?;
        let pool = Pool::new(Arc::clone(engine), function.clone(), variables, instances.max(1));
        pools.push(Arc::new(pool));
    }
    Ok(pools)
}

/// The distribution, or the HTTP API alone.
fn entry(
    tree: &Path,
    application: &Application,
    pools: &[Arc<Pool>],
    store: &Arc<Store>,
    notice: &Notice,
) -> Result<Entry> {
    let gateway =
        application.api.clone().map(|api| Arc::new(Gateway { api, functions: pools.to_vec() }));
    match (&application.distribution, gateway) {
        (Some(distribution), gateway) => Ok(Entry::Edge(Box::new(Edge::new(
            distribution.clone(),
            gateway,
            Arc::clone(store),
            Arc::clone(notice),
        )))),
        (None, Some(gateway)) => Ok(Entry::Api(gateway)),
        (None, None) => Err(Error::input(format!(
            "{}: has neither a distribution nor an HTTP API to serve",
            tree.join("template.yaml").display()
        ))),
    }
}

fn describe(function: &Function) -> RunningFunction {
    let zone = |zone: &jiff::tz::TimeZone| zone.iana_name().unwrap_or("UTC").to_owned();
    RunningFunction {
        name: function.name.clone(),
        image: function.image.clone(),
        memory: function.memory,
        timeout: function.timeout,
        schedules: function
            .schedules
            .iter()
            .map(|one| {
                format!(
                    "{} {}{}",
                    one.text,
                    zone(&one.timezone),
                    if one.enabled { "" } else { " (disabled)" }
                )
            })
            .collect(),
    }
}

impl Emulator {
    /// Serves until `end`, then takes the execution environments away.
    pub(crate) async fn serve(self, end: impl Future<Output = ()>) -> Result<()> {
        let record = self.workspace.deployment(DEPLOYMENT);
        self.workspace.write_json(&record, &self.running)?;
        let entry = Arc::clone(&self.entry);
        let front = server::serve(self.front, move |request| {
            let entry = Arc::clone(&entry);
            async move { entry.answer(request).await }
        });
        let pools = self.pools.clone();
        let calls = server::serve(self.calls, move |request| {
            let pools = pools.clone();
            async move { calls::by_hand(&pools, request).await }
        });
        let mut clocks = tokio::task::JoinSet::new();
        for pool in &self.pools {
            for schedule in pool.function.schedules.iter().filter(|one| one.enabled) {
                let (pool, schedule) = (Arc::clone(pool), schedule.clone());
                let (region, stack) = (self.application.region.clone(), self.plan.name.clone());
                let notice = Arc::clone(&self.notice);
                clocks.spawn(async move {
                    calls::by_the_clock(&pool, &schedule, &region, &stack, &notice).await;
                });
            }
        }
        tokio::select! {
            () = front => {}
            () = calls => {}
            () = end => {}
        }
        clocks.abort_all();
        (self.notice)("ending: taking the execution environments away".to_owned());
        for pool in &self.pools {
            pool.shut().await;
        }
        // The address is nobody's any more.
        let _ = std::fs::remove_file(&record);
        if self.delete_data {
            let _ = std::fs::remove_file(self.workspace.deployment("data-emulate"));
        }
        remove(&self.docker, &self.plan, self.delete_data).await?;
        Ok(())
    }
}

/// Takes away what the emulator made on the engine; with `data` its database's volume, too.
pub(crate) async fn remove(docker: &Docker, plan: &Plan, data: bool) -> Result<Vec<String>> {
    let project = database::project(plan);
    clear(docker, &project).await?;
    part::remove(docker, &project, data).await
}

/// Removes execution environments: of this run, or of one that was killed.
async fn clear(docker: &Docker, project: &str) -> Result<()> {
    let labels = vec![container::LABEL.to_owned(), format!("com.docker.compose.project={project}")];
    let filters = std::collections::HashMap::from([("label".to_owned(), labels)]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let left = docker
        .list_containers(Some(options))
        .await
        .map_err(|error| docker::reason(&error))
        .remote("list the engine's containers")?;
    for id in left.into_iter().filter_map(|container| container.id) {
        let _ = docker.unpause_container(&id).await;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match docker.remove_container(&id, Some(options)).await {
            Ok(()) => {}
            Err(error) if docker::is_missing(&error) => {}
            Err(error) => {
                return Err(Error::remote(format!(
                    "failed to remove container {id}: {}",
                    docker::reason(&error)
                )));
            }
        }
    }
    Ok(())
}

async fn image_is_there(docker: &Docker, image: &str) -> Result<()> {
    match docker.inspect_image(image).await {
        Ok(_) => Ok(()),
        Err(error) if docker::is_missing(&error) => {
            Err(Error::refused(format!("the engine has no image {image}"))
                .help("run `migrate build --to sam` first"))
        }
        Err(error) => Err(Error::remote(format!(
            "failed to look at image {image}: {}",
            docker::reason(&error)
        ))),
    }
}

fn url(listener: &TcpListener) -> Result<String> {
    let address = listener.local_addr().remote("read the address that is listened on")?;
    let ip = match address.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => "127.0.0.1".to_owned(),
        ip if ip.is_unspecified() => "[::1]".to_owned(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        std::net::IpAddr::V4(ip) => ip.to_string(),
    };
    Ok(format!("http://{ip}:{}", address.port()))
}

/// A random identifier as AWS's are.
fn uuid() -> String {
    let bits = rand::random::<u128>();
    let bits = (bits & !(0xf << 76) & !(0xc << 60)) | (0x4 << 76) | (0x8 << 60);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_form_of_a_random_uuid() {
        let id = uuid();
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
    }
}
