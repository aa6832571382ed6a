//! What is on the server (`inventory.yaml`, schema `migrate/inventory/1`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::{Choice, Traffic};
use super::evidence::Evidence;
use super::finding::{Finding, Question};

/// The value of [`Inventory::schema`].
pub const SCHEMA: &str = "migrate/inventory/1";

/// Everything that was found on one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The source as it was given (`docker://old-server`, a path, …).
    pub source: String,
    /// The operating system.
    pub os: Os,
    /// The services, in the order proxy, app, job, database, cache, static, then by id.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Who talks to whom.
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// What matters for the move.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What the server does not say.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// What each target would take.
    #[serde(default)]
    pub fit: Fit,
    /// Requests as the access logs count them; absent when there is no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Kubernetes or serverless, side by side.
    #[serde(default, skip_serializing_if = "Choice::is_empty")]
    pub choice: Choice,
}

impl Inventory {
    /// The service of this id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }
}

/// The operating system of the source; empty strings where an application's folder was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Os {
    /// `ID` of os-release (`debian`).
    #[serde(default)]
    pub id: String,
    /// `VERSION_ID` of os-release (`12`).
    #[serde(default)]
    pub version: String,
    /// `PRETTY_NAME` of os-release.
    #[serde(default)]
    pub name: String,
    /// Debian's name of the architecture (`amd64`).
    #[serde(default)]
    pub architecture: String,
    /// The server's time zone (`Europe/Berlin`), `UTC` when none is set.
    #[serde(default)]
    pub timezone: String,
}

/// What a service is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes the users' requests and passes them on.
    Proxy,
    /// The application's own program.
    App,
    /// Runs by the clock.
    Job,
    /// Keeps rows.
    Database,
    /// Keeps what can be lost.
    Cache,
    /// Serves files only.
    Static,
}

impl Role {
    /// As the inventory writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::App => "app",
            Self::Job => "job",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Static => "static",
        }
    }
}

/// One service: a process that runs all the time, or a job that runs by the clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Unique in the inventory; a DNS label (lower case, digits, hyphens, at most 40 characters).
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// What runs it.
    pub runtime: Runtime,
    /// The command line as the server states it.
    #[serde(default)]
    pub command: Option<String>,
    /// Its working directory, or the application's folder.
    #[serde(default)]
    pub directory: Option<String>,
    /// The user it runs as.
    #[serde(default)]
    pub user: Option<String>,
    /// Where it listens; empty when nobody stated it (then there is a question).
    #[serde(default)]
    pub listens: Vec<Listen>,
    /// The variables it is given or reads.
    #[serde(default)]
    pub environment: Vec<Variable>,
    /// What it keeps on disk.
    #[serde(default)]
    pub state: Vec<State>,
    /// For a job: five cron fields, or `@daily` and the like.
    #[serde(default)]
    pub schedule: Option<String>,
    /// Where it was seen.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The user's numbers as the source's passwd states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<UserIds>,
    /// Debian packages that own its program, without their dependencies (`nodejs`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// Files and folders outside packages that its program consists of (`/srv/app`, scripts).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub program: Vec<String>,
    /// Its configuration files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configuration: Vec<ConfigFile>,
    /// For an app: the HTTP routes found in its code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// For an app: the WebSocket endpoints found in its code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<Socket>,
    /// For a proxy: its sites.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<Site>,
    /// For a database: the schemas it holds, the engine's own left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<String>,
    /// State kept in the process's memory that a second replica would not see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_process: Vec<InProcess>,
    /// For an app: which proxies it believes (`X-Forwarded-*`), when its code says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_proxy: Option<TrustProxy>,
    /// Places outside that its code connects to; what its variables name stands there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outgoing: Vec<Outgoing>,
}

impl Service {
    /// A service with nothing known but its id, role and runtime.
    pub fn new(id: impl Into<String>, role: Role, runtime: Runtime) -> Self {
        Self {
            id: id.into(),
            role,
            runtime,
            command: None,
            directory: None,
            user: None,
            listens: Vec::new(),
            environment: Vec::new(),
            state: Vec::new(),
            schedule: None,
            evidence: Vec::new(),
            ids: None,
            packages: Vec::new(),
            program: Vec::new(),
            configuration: Vec::new(),
            routes: Vec::new(),
            sockets: Vec::new(),
            sites: Vec::new(),
            databases: Vec::new(),
            in_process: Vec::new(),
            trust_proxy: None,
            outgoing: Vec::new(),
        }
    }
}

/// What runs a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Runtime {
    /// `nodejs`, `python`, `php`, `java`, `ruby`, `go`, `nginx`, `mariadb`, `mysql`,
    /// `postgresql`, `mongodb`, `redis`, `shell`, …
    pub name: String,
    /// The upstream version (`18.20.4`), without the distribution's suffix.
    #[serde(default)]
    pub version: Option<String>,
}

/// A socket that a service listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listen {
    /// An address (`127.0.0.1`, `0.0.0.0`, `::`), or the path of a Unix socket.
    pub address: String,
    /// The port; 0 for a Unix socket.
    pub port: u16,
    /// `tcp`, `udp`, `http`, `https` or `unix`.
    pub protocol: String,
    /// The environment variable that sets the address, when one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_from: Option<String>,
    /// The environment variable that sets the port, when one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_from: Option<String>,
    /// Where that was seen, when it is a place of its own (a `listen` in the code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// A place outside the server that a service's code connects to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outgoing {
    /// Its name or address.
    pub host: String,
    /// Its port, when the code says so.
    #[serde(default)]
    pub port: Option<u16>,
    /// Where the connection is opened.
    pub evidence: Evidence,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whether its value is a secret; then no value is kept.
    pub secret: bool,
    /// Its value on the server, or the default in the code; always absent for a secret.
    #[serde(default)]
    pub default: Option<String>,
    /// Where the server sets it; absent when only the code names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_in: Option<Evidence>,
    /// Where the code reads it; absent when nothing was seen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_in: Option<Evidence>,
}

/// What a piece of state is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum StateKind {
    /// A database's data folder.
    Database,
    /// Files that users or the app put there.
    Uploads,
    /// Sessions.
    Sessions,
    /// What can be made again.
    Cache,
    /// Logs.
    Logs,
}

/// A folder or file that a service writes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// Its path on the source.
    pub path: String,
    /// What it is.
    pub kind: StateKind,
    /// Its size on the source in bytes.
    pub bytes: u64,
    /// The environment variable that names the path, when one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_from: Option<String>,
}

/// A user's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserIds {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

/// A configuration file of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigFile {
    /// Its path on the source, links followed.
    pub path: String,
    /// Whether it holds a secret; then no copy of it enters the workspace or an image.
    pub secret: bool,
    /// Permission bits, in octal (`"0640"`).
    #[serde(default, with = "super::octal")]
    #[schemars(with = "String")]
    pub mode: u32,
}

/// A route of an app, as its code states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// `GET`, `POST`, … or `ALL`.
    pub method: String,
    /// The full path with mount points joined, parameters as `:name` (`/api/orders/:id`).
    pub path: String,
    /// Fields that the handler reads from the query string.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<String>,
    /// Fields that the handler reads from the request's body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The multipart field of an upload, when the route takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// Whether it answers with a stream of server-sent events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub events: bool,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// A WebSocket endpoint of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Socket {
    /// Its path; absent when the server takes upgrades on any path.
    #[serde(default)]
    pub path: Option<String>,
    /// `ws` or `socket.io`.
    pub library: String,
    /// Messages that the server takes, as far as its code shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<SocketMessage>,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// A JSON message that a WebSocket server takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SocketMessage {
    /// The field that tells messages apart (`type`).
    pub tag: String,
    /// Its value for this message (`join`).
    pub value: String,
    /// Other fields that the handler reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// State that lives in a process's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InProcess {
    /// What it is for (`broadcast`, `sessions`, `timer`, `cache`).
    pub what: String,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// Which proxies an app believes (express `trust proxy`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustProxy {
    /// The value in force on the server (`loopback`, `true`, `1`, addresses).
    pub value: String,
    /// The environment variable that sets it, when one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// One server block of a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    /// The names it answers to, the main one first.
    #[serde(default)]
    pub server_names: Vec<String>,
    /// Whether it is the default server of its port.
    #[serde(default)]
    pub default: bool,
    /// Ports it listens on.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Whether it speaks TLS.
    #[serde(default)]
    pub tls: bool,
    /// Folder of its files.
    #[serde(default)]
    pub root: Option<String>,
    /// Its locations, in file order.
    #[serde(default)]
    pub locations: Vec<Location>,
    /// Where it was seen.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// What a location does with a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LocationKind {
    /// Serves files below a root or alias.
    #[default]
    Static,
    /// Passes on to an upstream.
    Proxy,
    /// Answers with a redirect.
    Redirect,
    /// Answers with a fixed status or text.
    Return,
    /// Refuses everyone.
    Deny,
}

/// One location of a site, with the settings it inherits already applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one directive, set apart from the others"
)]
pub struct Location {
    /// Nothing (prefix), `=`, `^~`, `~`, `~*` or `@` (named).
    #[serde(default)]
    pub modifier: String,
    /// The prefix, exact path, pattern or name.
    pub path: String,
    /// What it does.
    pub kind: LocationKind,
    /// Folder (root or alias), upstream URL, or redirect target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Status of a redirect or fixed answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Largest request body in bytes; 0 means no limit (nginx `client_max_body_size`).
    pub body_limit: u64,
    /// Whether a password is asked for (`auth_basic`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auth: bool,
    /// Whether requests are rate limited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rate_limited: bool,
    /// The limit that refuses first, when its zone is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateLimit>,
    /// Whether the upgrade to WebSocket is passed on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upgrade: bool,
    /// Whether answers are passed on unbuffered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unbuffered: bool,
    /// Whether it cannot be asked from outside (`internal`, named).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
    /// The last argument of `try_files`, when there is one (`/index.html`, `=404`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Whether the folder is given by `alias` (the prefix is cut) and not by `root`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alias: bool,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// How many requests a location takes (nginx `limit_req`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateLimit {
    /// Name of what counts: locations that name the same are counted together.
    pub zone: String,
    /// Requests in a minute.
    pub per_minute: u32,
    /// Requests above that rate that are still taken.
    #[serde(default)]
    pub burst: u32,
}

/// One service talks to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// Id of the service that connects.
    pub from: String,
    /// Id of the service it connects to.
    pub to: String,
    /// The port; 0 for a Unix socket.
    pub port: u16,
    /// Where it was seen.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The variables of `from` that say where `to` is and how to log in, when variables do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<EdgeVariables>,
    /// Socket path, for an edge over a Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
}

/// Names of the environment variables through which one service finds another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeVariables {
    /// Holds the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Holds the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Holds the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Holds the database's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Holds a URL with all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What each target would take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fit {
    /// Kubernetes.
    pub k8s: TargetFit,
    /// AWS SAM.
    pub sam: TargetFit,
}

/// Whether the application would run on a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FitVerdict {
    /// As it is.
    #[default]
    Ready,
    /// After named changes or a split.
    Changes,
    /// No useful part of it.
    Refused,
}

/// The fit for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetFit {
    /// Whether it runs there.
    pub verdict: FitVerdict,
    /// Why; empty only for `ready`.
    #[serde(default)]
    pub reasons: Vec<String>,
}
