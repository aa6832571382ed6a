//! What the emulator runs, as plain data.

use std::collections::BTreeMap;

use super::schedule::Schedule;

/// A whole application.
#[derive(Debug, Clone, Default)]
pub(crate) struct Application {
    pub(crate) region: String,
    pub(crate) functions: Vec<Function>,
    pub(crate) api: Option<Api>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) distribution: Option<Distribution>,
}

/// An `AWS::Serverless::Function` from an image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Function {
    /// The logical name.
    pub(crate) name: String,
    /// The name on AWS.
    pub(crate) physical: String,
    pub(crate) image: String,
    pub(crate) entry_point: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) working_directory: Option<String>,
    /// Values may hold `{{resolve:secretsmanager:…}}`.
    pub(crate) environment: BTreeMap<String, String>,
    /// Megabytes.
    pub(crate) memory: u64,
    /// Seconds.
    pub(crate) timeout: u64,
    /// Megabytes of `/tmp`.
    pub(crate) scratch: u64,
    /// `ReservedConcurrentExecutions`.
    pub(crate) reserved: Option<u64>,
    pub(crate) routes: Vec<Route>,
    pub(crate) schedules: Vec<Schedule>,
}

/// A route of the HTTP API to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// `None` is any.
    pub(crate) method: Option<String>,
    /// `/items/{id}`, `/{proxy+}`; `None` is `$default`.
    pub(crate) path: Option<String>,
    /// Milliseconds.
    pub(crate) timeout: u64,
}

impl Route {
    /// As API Gateway names it.
    pub(crate) fn key(&self) -> String {
        match &self.path {
            None => "$default".to_owned(),
            Some(path) => format!("{} {path}", self.method.as_deref().unwrap_or("ANY")),
        }
    }
}

/// An `AWS::Serverless::HttpApi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) domain: String,
}

/// An `AWS::S3::Bucket`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) physical: String,
    /// `Metadata.migrate.content`: the folder beside the template that is put into it.
    pub(crate) content: Option<String>,
    /// `Metadata.migrate.types`: media types by file name ending, `*` for all others.
    pub(crate) types: BTreeMap<String, String>,
    /// Whether a policy lets CloudFront list it: what is missing is 404 then, and not 403.
    pub(crate) listed: bool,
}

/// An `AWS::CloudFront::Distribution`.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    pub(crate) id: String,
    pub(crate) domain: String,
    pub(crate) root_object: String,
    pub(crate) origins: BTreeMap<String, Origin>,
    /// In the order in which they are tried; the default is the last and has the pattern `*`.
    pub(crate) behaviours: Vec<Behaviour>,
    pub(crate) error_pages: Vec<ErrorPage>,
}

/// Where a behaviour's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) target: Target,
    /// Put before every path.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) domain: String,
}

/// What an origin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// By its name on AWS.
    Bucket(String),
    Api,
}

/// A cache behaviour.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    pub(crate) pattern: String,
    pub(crate) origin: String,
    pub(crate) methods: Vec<String>,
    pub(crate) compress: bool,
    pub(crate) cache: CachePolicy,
    pub(crate) forward: Option<OriginRequestPolicy>,
    pub(crate) headers: Option<ResponseHeaders>,
    /// Source of the function on `viewer-request`.
    pub(crate) on_request: Option<String>,
    /// Source of the function on `viewer-response`.
    pub(crate) on_response: Option<String>,
}

/// Which names of a kind pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    None,
    All,
    Only(Vec<String>),
    Except(Vec<String>),
}

impl Which {
    /// Whether a name passes; header names are compared without case by lowering them before.
    pub(crate) fn has(&self, name: &str) -> bool {
        let among = |list: &[String]| list.iter().any(|one| one.eq_ignore_ascii_case(name));
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(list) => among(list),
            Self::Except(list) => !among(list),
        }
    }
}

/// An `AWS::CloudFront::CachePolicy`, or one of AWS's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CachePolicy {
    /// Seconds.
    pub(crate) min: u64,
    pub(crate) default: u64,
    pub(crate) max: u64,
    pub(crate) gzip: bool,
    pub(crate) brotli: bool,
    pub(crate) cookies: Which,
    pub(crate) headers: Which,
    pub(crate) queries: Which,
}

/// An `AWS::CloudFront::OriginRequestPolicy`, or one of AWS's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OriginRequestPolicy {
    pub(crate) cookies: Which,
    pub(crate) headers: Which,
    pub(crate) queries: Which,
}

/// An `AWS::CloudFront::ResponseHeadersPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResponseHeaders {
    /// Name, value, and whether it replaces the origin's.
    pub(crate) set: Vec<(String, String, bool)>,
    pub(crate) remove: Vec<String>,
}

/// A custom error response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorPage {
    pub(crate) code: u16,
    pub(crate) path: Option<String>,
    pub(crate) becomes: Option<u16>,
}
