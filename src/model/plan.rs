//! What becomes of each part of the server (`plan.yaml`, schema `migrate/plan/1`).
//!
//! `analyze` writes the plan, the user edits it, `generate`, `build`, `deploy` and `data` obey it.
//! Each decision carries its reason.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inventory::StateKind;

/// The value of [`Plan::schema`].
pub const SCHEMA: &str = "migrate/plan/1";

/// The decisions of one engagement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Names the compose project, the namespace and the images; a DNS label, made once.
    pub name: String,
    /// The source that `data` and secrets come from.
    pub source: String,
    /// What runs.
    pub workloads: Vec<Workload>,
    /// Networks with addresses that are known beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// What is kept on disk.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Values and files that only the engine or cluster may hold.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// How users reach it.
    #[serde(default)]
    pub ingress: Ingress,
    /// How the proof is judged.
    #[serde(default)]
    pub verify: VerifyPolicy,
    /// Ids of questions that are settled without a change here: deploy waits for them no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<String>,
}

impl Plan {
    /// The workload of this id.
    pub fn workload(&self, id: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.id == id)
    }

    /// The secrets that a workload is given: in variables, as files, and for the accounts it makes.
    pub fn secrets_of(&self, workload: &Workload) -> Vec<&Secret> {
        let variables = workload.environment.iter().filter_map(|variable| variable.secret.as_ref());
        let files = workload.files.iter().filter_map(|file| file.secret.as_ref());
        let accounts = workload.accounts.iter().map(|account| &account.password);
        let named: Vec<&String> = variables.chain(files).chain(accounts).collect();
        self.secrets.iter().filter(|secret| named.contains(&&secret.name)).collect()
    }

    /// The secret of this name.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}

/// What a workload is to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkloadKind {
    /// Takes users' requests first: published, behind the ingress.
    Proxy,
    /// Runs all the time and can be replaced at will.
    App,
    /// Runs all the time and owns a volume.
    Database,
    /// Runs by the clock.
    Job,
}

/// One thing that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Also its host name on the new network; a DNS label.
    pub id: String,
    /// Id of the inventory's service that it comes from.
    pub service: String,
    /// What it is to the platform.
    pub kind: WorkloadKind,
    /// Why it is a workload of its own.
    pub reason: String,
    /// How its image is made.
    pub image: Image,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Who it runs as.
    pub user: RunAs,
    /// What it listens on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// What it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<EnvVar>,
    /// Files put in place at start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// Volumes it sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Empty folders that it needs to write to and whose content may be lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scratch: Vec<String>,
    /// Databases and accounts to make, for a database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Account>,
    /// How many at once.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Why that many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas_reason: Option<String>,
    /// Whether two must never run at once, not even while one replaces the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// When it runs, for a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// How the platform sees that it can serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// What it may use.
    #[serde(default)]
    pub resources: Resources,
    /// What stands between it and the others on Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<Relay>,
    /// Workloads that it connects to, with the port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connects_to: Vec<Connection>,
    /// Places outside that it connects to. On Kubernetes nothing else gets out.
    #[serde(default)]
    pub egress: Vec<Egress>,
}

const fn one() -> u32 {
    1
}

/// How an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// From nothing: program, package closure and configuration bit for bit from the source.
    Carry,
    /// From the official image of the same version.
    Upstream,
}

/// The image of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Use the image of this other workload; all else here is then empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// How it is made.
    pub strategy: Strategy,
    /// Why so.
    pub reason: String,
    /// Official image of the same version (`node:18-bookworm-slim`).
    pub upstream: String,
    /// Debian packages whose dependency closure is carried (`nodejs`); essential packages come along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// Files and folders of the source that go into the image at their old path, by both strategies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Paths below those that stay out: state, secrets. Version control never goes in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<String>,
    /// For an app whose dependencies can be fetched anew: the folder with its lock file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_directory: Option<String>,
}

/// Who a workload runs as; never root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunAs {
    /// Name on the source.
    pub name: String,
    /// User id, the same as on the source where files belong to it.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// A port that a workload listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Short name (`http`, `mysql`).
    pub name: String,
    /// The port.
    pub port: u16,
}

/// An environment variable of a workload: a plain value or the name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Name of an entry of [`Plan::secrets`] of kind `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Why the value differs from the server's, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A file that is put in place at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where the workload sees it; also its path on the source.
    pub path: String,
    /// Name of an entry of [`Plan::secrets`] of kind `file`; absent for plain configuration,
    /// whose text `generate` writes into the tree from the copy that `analyze` took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How `generate` translates it.
    #[serde(default)]
    pub translate: Translate,
}

/// How a configuration file is translated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Translate {
    /// As it is.
    #[default]
    None,
    /// nginx: upstream addresses become host names, logs go to the container's output, no user switch.
    Nginx,
    /// MariaDB: listens on the container's addresses.
    Mariadb,
}

/// A volume that a workload sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Name of an entry of [`Plan::volumes`].
    pub volume: String,
    /// Where the workload sees it.
    pub path: String,
    /// Whether it only reads.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// A database and an account on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The database.
    pub database: String,
    /// The user.
    pub user: String,
    /// Name of the secret that holds the password.
    pub password: String,
}

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Five cron fields.
    pub cron: String,
    /// Time zone name, the server's own.
    pub timezone: String,
}

/// How the platform sees that a workload can serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// HTTP path to get; absent for a TCP connect or a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Command that exits 0 when it can serve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Why this probe.
    pub reason: String,
}

/// What a workload may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// CPU that is reserved (Kubernetes quantity).
    pub cpu: String,
    /// Memory that is reserved.
    pub memory: String,
    /// Memory at which it is ended.
    pub memory_limit: String,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu: "100m".into(), memory: "128Mi".into(), memory_limit: "512Mi".into() }
    }
}

/// A place outside that a workload connects to.
///
/// A network policy knows no host names: for a name it opens the port to every address, for an
/// address to that one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How that is known.
    #[serde(default)]
    pub reason: String,
}

/// A connection that a workload opens to another: one network policy each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Id of the workload.
    pub workload: String,
    /// Its port.
    pub port: u16,
}

/// Lets connections from others reach an app from its own machine, as they did on the server: on
/// Kubernetes no proxy has an address that is known beforehand, so none can be named to an app that
/// believes only some. compose names a fixed one ([`Plan::networks`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// The Node.js of the workload's image, which carries the relay out.
    pub program: String,
    /// Why it is needed.
    pub reason: String,
}

/// The network of those that connect to a workload, with fixed addresses, for compose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Id of the workload that they connect to.
    pub workload: String,
    /// Its addresses (IPv4, /16 to /28); no other network of the engine may have one of them.
    pub subnet: String,
    /// Addresses of workloads that have a fixed one, in the upper half of the subnet.
    pub addresses: BTreeMap<String, String>,
    /// The variable by which the workload is told to believe these addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub believed_by: Option<String>,
    /// Why the addresses are fixed.
    pub reason: String,
}

/// A piece of state that outlives its workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Name; a DNS label.
    pub name: String,
    /// What it is.
    pub kind: StateKind,
    /// Its path on the source.
    pub source: String,
    /// Bytes on the source when it was analyzed.
    pub bytes: u64,
    /// Size to ask for (Kubernetes quantity).
    pub size: String,
    /// Whether `data copy` moves its content.
    #[serde(rename = "move")]
    pub moves: bool,
    /// Why so.
    pub reason: String,
}

/// A secret: a value or a file, by name. Its content is never here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Upper case, digits, underscores (`SHOP_DB_PASSWORD`, `SHOP_FILE_SHOP_ENV`).
    pub name: String,
    /// Value or file.
    pub kind: SecretKind,
    /// The file on the source that holds it; absent when the user must give it
    /// (`--secrets-from`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How the value is found in that file; absent for a whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<Lookup>,
    /// Addresses in it whose host becomes another on the way; all else in them stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<NewHost>,
    /// Texts replaced in it on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<Replace>,
    /// Permission bits of a file, in octal (`"0640"`).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::octal::optional")]
    #[schemars(with = "Option<String>")]
    pub mode: Option<u32>,
}

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretKind {
    /// One value.
    Value,
    /// A whole file.
    File,
}

/// How a value is found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lookup {
    /// `KEY=value` in an environment file.
    EnvFile(String),
    /// `Environment=KEY=value` in a systemd unit.
    Unit(String),
}

/// A variable that holds an address which nobody may read (a URL with a password, `host:port`, a
/// host), and the host that takes the place of the server's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHost {
    /// The variable.
    pub key: String,
    /// The new host.
    pub to: String,
}

/// A text and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// What stands on the server.
    pub from: String,
    /// What stands in the new place.
    pub to: String,
    /// Replace only in the value of this variable (an environment file); everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// How users reach the application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ingress {
    /// The workload that takes their requests.
    #[serde(default)]
    pub workload: String,
    /// Its port.
    #[serde(default)]
    pub port: u16,
    /// Host names, the main one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Address under which the ingress controller answers, when the user knows it; `verify` then
    /// uses it in place of a node port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How the proof is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyPolicy {
    /// Share of the inventory's HTTP locations that must have been answered on both sides for a
    /// verdict other than `inconclusive` (0 to 1).
    pub min_coverage: f64,
}

impl Default for VerifyPolicy {
    fn default() -> Self {
        Self { min_coverage: 0.5 }
    }
}
