//! What `verify` replays (schema `migrate/scenario/1`): clients and their steps.
//!
//! Texts in a step may hold `${name}`: a capture of an earlier step of the same pass, a variable
//! of the scenario, or one of the built-in `${unique}` (eight lower-case letters and digits, new
//! in each pass) and `${base}` (scheme and authority as sent in `Host`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;

/// The value of [`Scenario::schema`].
pub const SCHEMA: &str = "migrate/scenario/1";

/// A sequence of steps by one or more clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Names it in the verdict.
    pub name: String,
    /// Texts for `${name}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The steps, carried out in order.
    pub steps: Vec<Step>,
}

/// What a step does to the server's data.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing.
    #[default]
    Read,
    /// Adds to it; needs `--allow-writes`.
    Write,
    /// Changes or deletes what others may need; needs `--allow-writes`.
    Destructive,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in its scenario; names it in the verdict.
    pub id: String,
    /// Who does it: each client has its own cookies.
    #[serde(default = "first_client", skip_serializing_if = "is_first_client")]
    pub client: String,
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// Values kept from the answer for later steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capture: Vec<Capture>,
    /// What it does to the server's data.
    #[serde(default)]
    pub effect: Effect,
    /// How many times over, each on a fresh connection.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub repeat: u32,
    /// Sends all repetitions but the first at the same time, to reach a rate limit; the first says
    /// how a request is answered that no limit refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// The route, location or file that it exercises, for coverage and for the likely cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

fn first_client() -> String {
    "a".to_owned()
}

fn is_first_client(client: &str) -> bool {
    client == "a"
}

const fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_once(repeat: &u32) -> bool {
    *repeat == 1
}

/// The rate limit that a burst is sent against. It counts by client address, and all passes come
/// from one: what it counts is not asked while it still knows of a burst, nor a burst sent while
/// it still knows of other requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Paths that begin so are counted by it.
    pub under: String,
    /// Milliseconds after which it takes one more request.
    pub every_ms: u32,
    /// Milliseconds after which it has forgotten a burst; a step with more than 15,000 is left
    /// out.
    pub refill_ms: u32,
}

/// Where a step comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The service whose fact it is.
    pub service: String,
    /// The fact in words (`location /api/`, `POST /api/login`).
    pub fact: String,
    /// Where the fact was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// What a step does. Exactly one of these keys stands in a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Sends an HTTP request and reads the whole answer; redirects are not followed.
    Request(Request),
    /// Opens a WebSocket, which later steps name by `as`.
    WsOpen(WsOpen),
    /// Sends a WebSocket message.
    WsSend(WsSend),
    /// Waits for WebSocket messages.
    WsExpect(WsExpect),
    /// Closes a WebSocket.
    WsClose(WsClose),
    /// Opens a stream of server-sent events, which later steps name by `as`.
    SseOpen(SseOpen),
    /// Waits for server-sent events.
    SseExpect(SseExpect),
    /// Ends a stream of server-sent events.
    SseClose(SseClose),
    /// Sends bytes on a fresh connection and reads until the peer closes or is silent.
    Raw(Raw),
}

/// An HTTP request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Method.
    #[serde(default = "get", skip_serializing_if = "is_get")]
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// Headers beside Host, Cookie, Content-Length and the body's Content-Type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

fn get() -> String {
    "GET".to_owned()
}

fn is_get(method: &str) -> bool {
    method == "GET"
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `application/json`.
    Json(serde_json::Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
    /// Text, with the Content-Type among the headers.
    Text(String),
    /// So many bytes of a fixed pattern, with the Content-Type among the headers.
    Bytes(u64),
}

/// A part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Field.
    pub name: String,
    /// File name; absent for a plain field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Content type of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Text content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// So many bytes of a fixed pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Opening of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WsOpen {
    /// Name for later steps.
    #[serde(rename = "as")]
    pub name: String,
    /// Path with query.
    pub path: String,
    /// Further headers of the handshake (`Origin`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Subprotocols offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<String>,
}

/// A WebSocket message to send: `json` or `text`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WsSend {
    /// The socket.
    pub socket: String,
    /// A JSON message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
    /// A text message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A wait for WebSocket messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WsExpect {
    /// The sockets, each of which is waited for.
    pub sockets: Vec<String>,
    /// Wait for a JSON message that has these fields with these values, others in between are
    /// kept; any message when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<serde_json::Map<String, serde_json::Value>>,
    /// Wait for a message in which some text, at any depth of its JSON, holds this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containing: Option<String>,
    /// So many messages.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub count: u32,
    /// Go on after a moment when nothing comes: for a server that may or may not answer. What
    /// came is compared all the same; that nothing came is no difference by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// Closing of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WsClose {
    /// The socket.
    pub socket: String,
    /// Close code.
    #[serde(default = "normal")]
    pub code: u16,
}

const fn normal() -> u16 {
    1000
}

/// Opening of a stream of server-sent events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SseOpen {
    /// Name for later steps.
    #[serde(rename = "as")]
    pub name: String,
    /// Path with query.
    pub path: String,
    /// Further headers (`Last-Event-ID`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

/// A wait for server-sent events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SseExpect {
    /// The stream.
    pub stream: String,
    /// Wait for an event of this name; any event when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// So many events.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub count: u32,
}

/// End of a stream of server-sent events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SseClose {
    /// The stream.
    pub stream: String,
}

/// Bytes sent as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// The bytes as text; `\r\n` is written out by the author.
    pub text: String,
}

/// A value kept from an answer. Exactly one of `json`, `header`, `cookie`, `regex` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Name for `${name}`.
    pub name: String,
    /// JSON pointer into the body or, after a wait, into the last awaited message (`/order/id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Cookie set by the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// First group of the first match in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}
