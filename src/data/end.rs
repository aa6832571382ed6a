//! The ends of `migrate data`: where data is and where it goes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;

use crate::connection::Host;
use crate::connection::docker::{self, Container};
use crate::connection::local::Local;
use crate::data::database::Database;
use crate::data::folder::Folder;
use crate::deploy::compose::part;
use crate::deploy::k8s;
use crate::deploy::k8s::cluster::Cluster;
use crate::emulate;
use crate::error::{Context, Error, Result};
use crate::inspect::source::{self, Source};
use crate::model::inventory::Inventory;
use crate::model::plan::{Plan, Volume, Workload, WorkloadKind};
use crate::model::target::Target;
use crate::secrets;
use crate::workspace::Workspace;

/// How long a container that is being restarted is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// An end as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Source,
    Compose,
    Emulate,
    K8s { context: Option<String>, namespace: Option<String> },
    Mysql { user: String, host: String, port: u16, database: String },
}

fn parse(text: &str) -> Result<Name> {
    let wrong = || {
        Error::usage(format!("{text:?} is no end of a copy")).help(
            "give source, compose, k8s[:CONTEXT[/NAMESPACE]], emulate or mysql://user@host:port/database",
        )
    };
    match text {
        "source" => return Ok(Name::Source),
        "compose" => return Ok(Name::Compose),
        "emulate" => return Ok(Name::Emulate),
        "k8s" => return Ok(Name::K8s { context: None, namespace: None }),
        _ => {}
    }
    if let Some(place) = text.strip_prefix("k8s:") {
        // Names of contexts may hold slashes (cloud providers' do); namespaces may not.
        let (context, namespace) = match place.rsplit_once('/') {
            Some((context, namespace)) => (context, Some(namespace)),
            None => (place, None),
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        return Ok(Name::K8s { context: some(context), namespace: namespace.and_then(some) });
    }
    if !text.starts_with("mysql://") {
        return Err(wrong());
    }
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    if url.password().is_some() {
        return Err(Error::usage("a password does not belong on the command line")
            .help("give it as MYSQL_PASSWORD in the file that --secrets-from names"));
    }
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .ok()
    };
    let database = decode(url.path().trim_start_matches('/')).filter(|name| !name.is_empty());
    match (decode(url.username()), url.host_str(), database) {
        (Some(user), Some(host), Some(database)) if !user.is_empty() => Ok(Name::Mysql {
            user,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(3306),
            database,
        }),
        _ => Err(wrong()),
    }
}

/// An end that can be reached.
pub(crate) struct End {
    /// As it is recorded: `source`, `compose`, `k8s:CONTEXT/NAMESPACE`, `mysql://…`.
    pub(crate) label: String,
    place: Place,
}

enum Place {
    Container(Container),
    Files(Arc<dyn Source>),
    Compose(Docker),
    /// The database of `migrate emulate`, which runs whether the emulator does or not.
    Emulate(Docker),
    Cluster(Cluster),
    Server {
        local: Arc<dyn Host>,
        options: Vec<String>,
        database: String,
        user: String,
    },
}

impl End {
    /// Reaches the end that `text` names.
    pub(crate) async fn open(
        workspace: &Workspace,
        plan: &Plan,
        text: &str,
        secrets_from: Option<&Path>,
    ) -> Result<Self> {
        let (label, place) = match parse(text)? {
            Name::Source => {
                let place = match plan.source.strip_prefix("docker://") {
                    Some(name) => {
                        Place::Container(Container::find(&docker::connect().await?, name).await?)
                    }
                    None => Place::Files(Arc::from(source::open_placed(&plan.source).await?)),
                };
                ("source".to_owned(), place)
            }
            Name::Compose => ("compose".to_owned(), Place::Compose(docker::connect().await?)),
            Name::Emulate => {
                let found = secrets::find(plan, secrets_from).await?;
                emulate::database::start(workspace, plan, &found.secrets).await?;
                ("emulate".to_owned(), Place::Emulate(docker::connect().await?))
            }
            Name::K8s { context, namespace } => {
                let record = k8s::Record::load(workspace)?;
                let known = record.as_ref();
                let context = context.or_else(|| known.and_then(|known| known.context.clone()));
                let namespace = namespace
                    .or_else(|| known.map(|known| known.namespace.clone()))
                    .unwrap_or_else(|| plan.name.clone());
                let cluster = Cluster::connect(context.as_deref(), &namespace).await?;
                let label = format!("k8s:{}/{namespace}", context.unwrap_or_default());
                (label, Place::Cluster(cluster))
            }
            Name::Mysql { user, host, port, database } => {
                let mut given =
                    secrets_from.map(secrets::read_given).transpose()?.unwrap_or_default();
                let password = given.remove("MYSQL_PASSWORD");
                let environment =
                    password.map(|value| ("MYSQL_PWD".to_owned(), value)).into_iter().collect();
                let options = vec![
                    format!("--host={host}"),
                    format!("--port={port}"),
                    format!("--user={user}"),
                    "--protocol=TCP".to_owned(),
                ];
                let label = format!("mysql://{user}@{host}:{port}/{database}");
                let local: Arc<dyn Host> =
                    Arc::new(Local::with_environment(environment).named(&label));
                (label, Place::Server { local, options, database, user })
            }
        };
        Ok(Self { label, place })
    }

    /// The name of the record that a copy to this end leaves (`data-NAME`).
    pub(crate) fn record(&self) -> &'static str {
        match self.place {
            Place::Container(_) | Place::Files(_) => "source",
            Place::Compose(_) => "compose",
            Place::Emulate(_) => "emulate",
            Place::Cluster(_) => "k8s",
            Place::Server { .. } => "mysql",
        }
    }

    /// Whether data may be written to it.
    pub(crate) fn is_source(&self) -> bool {
        matches!(self.place, Place::Container(_) | Place::Files(_))
    }

    /// Whether it is a database alone, without folders and workloads.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self.place, Place::Emulate(_) | Place::Server { .. })
    }

    /// The database of a workload at this end.
    pub(crate) async fn database(
        &self,
        plan: &Plan,
        workload: &Workload,
        databases: Vec<String>,
    ) -> Result<Database> {
        match &self.place {
            Place::Container(container) => {
                let host: Arc<dyn Host> = Arc::new(container.clone());
                Database::connect(host, &[Some("0"), None], Vec::new(), databases).await
            }
            Place::Files(source) => Err(Error::input(format!(
                "{} holds the files of a database, not a running server",
                source.describe()
            ))
            .help("copy from the live server: analyze docker://CONTAINER, or --from mysql://…")),
            Place::Emulate(docker) => {
                let project = emulate::database::project(plan);
                let container = part::container(docker, &project, &workload.id).await?;
                patiently(Arc::new(container), &[None, Some("0")], databases).await
            }
            Place::Compose(docker) => {
                let container = part::container(docker, &plan.name, &workload.id).await?;
                patiently(Arc::new(container), &[None, Some("0")], databases).await
            }
            Place::Cluster(cluster) => {
                let pod = cluster.pod(&workload.id, PATIENCE).await?;
                patiently(Arc::new(pod), &[None], databases).await
            }
            Place::Server { local, options, database, .. } => {
                let databases = vec![database.clone()];
                Database::connect(Arc::clone(local), &[None], options.clone(), databases)
                    .await
                    .map_err(|error| {
                        error.help(
                            "check address, user and password (MYSQL_PASSWORD=… in the file that \
                             --secrets-from names), and that `mariadb` or `mysql` is installed here",
                        )
                    })
            }
        }
    }

    /// The account that this program logs in with where that is one of the server's own accounts.
    pub(crate) fn login(&self) -> Option<&str> {
        match &self.place {
            Place::Server { user, .. } => Some(user),
            _ => None,
        }
    }

    /// Where a volume's content is at this end; `None` when no workload mounts it for writing.
    pub(crate) async fn folder(&self, plan: &Plan, volume: &Volume) -> Result<Option<Folder>> {
        let mounted = || {
            let mut found: Vec<_> = plan
                .workloads
                .iter()
                .filter(|workload| workload.kind != WorkloadKind::Job)
                .flat_map(|workload| workload.mounts.iter().map(move |mount| (workload, mount)))
                .filter(|(_, mount)| mount.volume == volume.name && !mount.read_only)
                .collect();
            found.sort_by_key(|(workload, _)| workload.kind != WorkloadKind::App);
            found.into_iter().next()
        };
        Ok(match &self.place {
            Place::Container(container) => {
                Some(Folder::live(Arc::new(container.clone()), Some("0"), &volume.source))
            }
            Place::Files(source) => {
                Some(Folder::Files { source: Arc::clone(source), path: volume.source.clone() })
            }
            Place::Compose(docker) => match mounted() {
                Some((workload, mount)) => {
                    let container = part::container(docker, &plan.name, &workload.id).await?;
                    Some(Folder::Engine { container, path: mount.path.clone() })
                }
                None => None,
            },
            Place::Cluster(cluster) => match mounted() {
                Some((workload, mount)) => {
                    let pod = cluster.pod(&workload.id, PATIENCE).await?;
                    Some(Folder::live(Arc::new(pod), None, &mount.path))
                }
                None => None,
            },
            // A function keeps no files.
            Place::Emulate(_) | Place::Server { .. } => None,
        })
    }

    /// Restarts workloads.
    pub(crate) async fn restart(&self, plan: &Plan, workloads: &[String]) -> Result<()> {
        for workload in workloads {
            match &self.place {
                Place::Compose(docker) => {
                    let container = part::container(docker, &plan.name, workload).await?;
                    docker
                        .restart_container(container.name(), None)
                        .await
                        .map_err(|error| docker::reason(&error))
                        .remote(format_args!("restart {workload}"))?;
                }
                Place::Cluster(cluster) => cluster.restart(workload).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The cluster, for an end on one.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        match &self.place {
            Place::Cluster(cluster) => Some(cluster),
            _ => None,
        }
    }

    /// The engine, for an end in compose.
    pub(crate) fn engine(&self) -> Option<&Docker> {
        match &self.place {
            Place::Compose(docker) => Some(docker),
            _ => None,
        }
    }
}

/// Has both ends speak of the same databases; says which of them are left out.
///
/// An end `mysql://…/NAME` is one database, and a copy keeps its name.
pub(crate) fn agree(source: &mut Database, target: &mut Database) -> Result<Option<String>> {
    let (ours, theirs) = (source.databases.clone(), target.databases.clone());
    let common: Vec<String> = ours.iter().filter(|name| theirs.contains(name)).cloned().collect();
    if common.is_empty() {
        return Err(Error::usage(format!(
            "the databases are {} on {} and {} on {}: a copy keeps their names",
            ours.join(", "),
            source.describe(),
            theirs.join(", "),
            target.describe()
        ))
        .help("name the same database at both ends"));
    }
    let rest: Vec<String> =
        ours.iter().chain(&theirs).filter(|name| !common.contains(name)).cloned().collect();
    source.databases.clone_from(&common);
    target.databases = common;
    Ok((!rest.is_empty()).then(|| format!("only at one end, and left out: {}", rest.join(", "))))
}

/// Connects to a server that may just be starting.
async fn patiently(
    host: Arc<dyn Host>,
    users: &[Option<&str>],
    databases: Vec<String>,
) -> Result<Database> {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let tried =
            Database::connect(Arc::clone(&host), users, Vec::new(), databases.clone()).await;
        match tried {
            Err(error)
                if error.to_string().contains("Can't connect")
                    && std::time::Instant::now() < until =>
            {
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            other => return other,
        }
    }
}

/// The database workloads whose engine this program can copy, with their schemas.
pub(crate) fn databases(
    plan: &Plan,
    inventory: Option<&Inventory>,
) -> Result<Vec<(Workload, Vec<String>)>> {
    let mut found = Vec::new();
    for workload in &plan.workloads {
        if workload.kind != WorkloadKind::Database {
            continue;
        }
        let service = inventory.and_then(|inventory| inventory.service(&workload.service));
        if let Some(service) = service
            && !matches!(service.runtime.name.as_str(), "mariadb" | "mysql")
        {
            return Err(Error::input(format!(
                "{}: data of {} cannot be copied, only of mariadb and mysql",
                workload.id, service.runtime.name
            )));
        }
        let mut names: Vec<String> =
            workload.accounts.iter().map(|account| account.database.clone()).collect();
        names.extend(service.into_iter().flat_map(|service| service.databases.iter().cloned()));
        names.retain(|name| {
            !name.is_empty()
                && !["mysql", "sys", "information_schema", "performance_schema"]
                    .contains(&name.to_ascii_lowercase().as_str())
        });
        names.sort();
        names.dedup();
        found.push((workload.clone(), names));
    }
    Ok(found)
}

/// The default for `--to`: the target that was deployed last.
pub(crate) fn last_target(workspace: &Workspace) -> Result<String> {
    let time = |name: &str| {
        std::fs::metadata(workspace.deployment(name)).and_then(|file| file.modified()).ok()
    };
    Target::ALL
        .into_iter()
        .map(Target::name)
        .filter_map(|name| Some((time(name)?, name)))
        .max()
        .map(|(_, name)| name.to_owned())
        .ok_or_else(|| {
            Error::refused("nothing has been deployed from this workspace")
                .help("run `migrate deploy --to compose` first, or say where with --to")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read() {
        let k8s = |context: Option<&str>, namespace: Option<&str>| Name::K8s {
            context: context.map(ToOwned::to_owned),
            namespace: namespace.map(ToOwned::to_owned),
        };
        assert_eq!(parse("k8s").expect("k8s"), k8s(None, None));
        assert_eq!(parse("k8s:lab").expect("context"), k8s(Some("lab"), None));
        assert_eq!(parse("k8s:a/b/c").expect("both"), k8s(Some("a/b"), Some("c")));
        assert_eq!(parse("k8s:/c").expect("namespace"), k8s(None, Some("c")));
        assert_eq!(
            parse("mysql://u%40x@db.example:3307/shop").expect("server"),
            Name::Mysql {
                user: "u@x".into(),
                host: "db.example".into(),
                port: 3307,
                database: "shop".into()
            }
        );
        for wrong in ["", "docker", "mysql://host/db", "mysql://u@host", "mysql://u:p@host/db"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
