//! One difference at one step, before differences are put together by cause.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::value::What;
use crate::model::scenario::Origin;
use crate::model::verdict::{Class, Tier};
use crate::verify::observation::FailureKind;

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The status.
    Status(u16, u16),
    /// A rate limit, with the status that tells it.
    Limit(u16),
    /// The migrated gave no answer.
    Failed(FailureKind),
    /// The original gives no answer, the migrated does.
    Answered,
    /// The step could not be carried out on the migrated.
    Skipped,
    /// A header other than those below.
    Header(String),
    /// The content type.
    ContentType(String, String),
    /// The content encoding.
    Encoding,
    /// An attribute of a cookie, or the cookie.
    Cookie(String),
    /// The target of a redirect.
    Location,
    /// A body that is compared as bytes.
    Body,
    /// An error page of another server.
    ErrorPage,
    /// Internals in an error page.
    Internals,
    /// A body that ended early.
    Broken,
    /// A place in data; of a socket's or stream's message when the flag is set.
    Value(What, bool),
    /// The handshake of a WebSocket.
    Handshake(u16, u16),
    /// Messages that did not come.
    Lost,
    /// Messages that came twice.
    Doubled,
    /// Messages that should not have come.
    Surplus,
    /// Messages in another order.
    Disorder,
    /// A socket or stream that was closed in another way.
    Closed,
    /// Ids that do not map one to one.
    Identity,
    /// Rows that a pass wrote.
    Rows(String),
    /// An object or setting of the database, by kind and name.
    Definition(String, String),
    /// Rows as they were copied; with the keys that are missing.
    Copied(String, Vec<String>),
}

/// One difference.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// Index of the scenario.
    pub(crate) scenario: usize,
    /// Index of the step in it.
    pub(crate) order: usize,
    /// Id of the step.
    pub(crate) step: String,
    /// What differs.
    pub(crate) kind: Kind,
    /// Differences of one group have one cause.
    pub(crate) group: String,
    /// How much it weighs.
    pub(crate) tier: Tier,
    /// The kind of fault.
    pub(crate) class: Class,
    /// What differs, in one sentence.
    pub(crate) summary: String,
    /// The original's side.
    pub(crate) original: String,
    /// The migrated's side.
    pub(crate) migrated: String,
    /// Path of the request, empty when there is none.
    pub(crate) path: String,
    /// Where the step comes from.
    pub(crate) origin: Option<Origin>,
}

/// The step at which differences are found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// Index of the scenario.
    pub(crate) scenario: usize,
    /// Index of the step in it.
    pub(crate) order: usize,
    /// Id of the step.
    pub(crate) step: &'a str,
    /// What was sent.
    pub(crate) sent: &'a str,
    /// Addresses that the request itself named as the client's.
    pub(crate) claimed: &'a [IpAddr],
    /// Path of the request, empty when there is none.
    pub(crate) path: &'a str,
    /// Where the step comes from.
    pub(crate) origin: Option<&'a Origin>,
}

impl Scene<'_> {
    /// A difference at this step. `group` names its cause among others.
    pub(crate) fn difference(
        &self,
        kind: Kind,
        group: impl Into<String>,
        (tier, class): (Tier, Class),
        summary: impl Into<String>,
        (original, migrated): (impl Into<String>, impl Into<String>),
    ) -> Difference {
        Difference {
            scenario: self.scenario,
            order: self.order,
            step: self.step.to_owned(),
            kind,
            group: group.into(),
            tier,
            class,
            summary: summary.into(),
            original: format!("{}\n{}", self.sent, original.into()),
            migrated: format!("{}\n{}", self.sent, migrated.into()),
            path: self.path.to_owned(),
            origin: self.origin.cloned(),
        }
    }
}

/// Whether a path leads to a file.
pub(crate) fn is_file(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or("");
    let name = path.rsplit('/').next().unwrap_or("");
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=11).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !matches!(extension, "php" | "jsp" | "aspx" | "cgi" | "do" | "json")
    })
}

/// Headers by name, values in order.
pub(crate) fn by_name(headers: &[(String, String)]) -> BTreeMap<&str, Vec<&str>> {
    let mut map: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in headers {
        map.entry(name.as_str()).or_default().push(value.as_str());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_routes() {
        assert!(is_file("/assets/app.3f2a.js?x=1") && is_file("/favicon.ico"));
        assert!(!is_file("/api/orders") && !is_file("/.env") && !is_file("/v1.2/orders"));
    }
}
