//! What was seen when a step was carried out: plain data between the runner and the comparison.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::scenario::Origin;

/// Which of the three passes an observation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The original, first time.
    Original,
    /// The original again: what differs from the first time varies by itself.
    Again,
    /// The migrated.
    Migrated,
}

/// One pass of one scenario.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Which pass.
    pub side: Side,
    /// Name of the scenario.
    pub scenario: String,
    /// The value of `${unique}` in this pass.
    pub unique: String,
    /// Values of `Host` sent, as scheme and authority (`http://shop.example.org`).
    pub base: String,
    /// Own address of the connections, as this machine saw it.
    pub client_address: Option<IpAddr>,
    /// One a step and repetition, in the scenario's order.
    pub observations: Vec<Observation>,
}

/// What was seen at one step.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Id of the step.
    pub step: String,
    /// Which repetition, from 0.
    pub repetition: u32,
    /// What was sent, for people (`GET /api/orders`, `message to bob`).
    pub sent: String,
    /// Addresses that the request itself named as the client's (`X-Forwarded-For` and its kin).
    pub claimed: Vec<IpAddr>,
    /// The route, location or file behind the step.
    pub origin: Option<Origin>,
    /// When it was sent.
    pub at: Timestamp,
    /// For one of a burst: after how long the limit takes one more.
    pub every: Option<Duration>,
    /// What came back.
    pub outcome: Outcome,
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// An HTTP answer; for the opening of a WebSocket the answer to the handshake (101 or a refusal),
    /// for the opening of an event stream the answer's head with an empty body.
    Answer(Answer),
    /// What came on sockets or a stream during a wait.
    Messages(Vec<Heard>),
    /// A message was sent, or a socket or stream closed as asked.
    Done,
    /// Bytes that came back on a raw connection, until it was closed or silent.
    Raw(Vec<u8>),
    /// The connection or the protocol failed.
    Failed(Failure),
    /// The step was not carried out, with the reason.
    Skipped(String),
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Method of the request.
    pub method: String,
    /// Path of the request, as sent.
    pub path: String,
    /// Status.
    pub status: u16,
    /// Headers in order of arrival, names in lower case; bytes that are no UTF-8 become U+FFFD.
    pub headers: Vec<(String, String)>,
    /// Body as it came, content encoding not undone; cut at the runner's limit.
    pub body: Vec<u8>,
    /// Bytes of the body that came, which may be more than were kept.
    pub body_bytes: u64,
    /// SHA-256 of all that came, when more came than was kept.
    pub digest: Option<[u8; 32]>,
    /// How the body ended early, when it did.
    pub broken: Option<String>,
    /// From the request's last byte to the answer's first.
    pub first_byte: Duration,
    /// To the answer's last byte.
    pub total: Duration,
}

/// What one socket or stream heard during a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Name of the socket or stream.
    pub name: String,
    /// What came, in order of arrival, including what was not waited for.
    pub messages: Vec<Message>,
    /// Whether all that was waited for came in time.
    pub complete: bool,
    /// Whether the peer closed, with the close code of a WebSocket.
    pub closed: Option<Option<u16>>,
    /// How long the wait took.
    pub waited: Duration,
}

/// A WebSocket message or a server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `text`, `binary`, or the event's name.
    pub kind: String,
    /// Id of an event.
    pub id: Option<String>,
    /// Content; binary as base64.
    pub data: String,
    /// Since the wait began.
    pub after: Duration,
}

/// How a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// The lower layer's words.
    pub message: String,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection.
    Connect,
    /// TLS failed.
    Tls,
    /// The connection ended or was reset before the answer was whole.
    Reset,
    /// Nothing came in time.
    Timeout,
    /// What came is no HTTP, WebSocket or event stream, or is too large.
    Protocol,
}
