//! One HTTP/1.1 exchange on a connection.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};

use super::target::{Stream, failure};
use crate::verify::observation::{Answer, Failure, FailureKind};

/// How long a server may take to begin or to go on with its answer.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a whole body may take: one that trickles on is endless, too.
const WHOLE: Duration = Duration::from_mins(2);

/// How much of a body is kept.
const KEPT: usize = 32 << 20;

/// How much of a body is read before it counts as endless.
const ENDLESS: u64 = 256 << 20;

/// An open connection that requests are sent on.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// A request that is ready to be sent.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// An answer whose body has not been read.
pub(crate) struct Head {
    pub(crate) answer: Answer,
    pub(crate) body: Incoming,
    sent: Instant,
}

impl Connection {
    /// Begins HTTP/1.1 on a stream.
    pub(crate) async fn open(stream: Stream) -> Result<Self, Failure> {
        let (sender, connection) = http1::Builder::new()
            .max_headers(20_000)
            .max_buf_size(1 << 20)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(FailureKind::Protocol, error))?;
        // It ends by itself when the sender or the peer goes away.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Whether another request can be sent: the peer has not closed.
    pub(crate) async fn is_open(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(1), self.sender.ready())
            .await
            .is_ok_and(|ready| ready.is_ok())
    }

    /// Sends a request and reads the head of the answer.
    pub(crate) async fn send(&mut self, prepared: &Prepared) -> Result<Head, Failure> {
        let request = request(prepared)?;
        let sent = Instant::now();
        let response = tokio::time::timeout(SILENCE, self.sender.send_request(request))
            .await
            .map_err(|_| {
                failure(FailureKind::Timeout, format!("no answer within {} s", SILENCE.as_secs()))
            })?
            .map_err(|error| of_hyper(&error))?;
        let first_byte = sent.elapsed();
        let answer = Answer {
            method: prepared.method.clone(),
            path: prepared.path.clone(),
            status: response.status().as_u16(),
            headers: headers(response.headers()),
            body: Vec::new(),
            body_bytes: 0,
            digest: None,
            broken: None,
            first_byte,
            total: first_byte,
        };
        Ok(Head { answer, body: response.into_body(), sent })
    }
}

impl Head {
    /// Whether the answer is a stream of server-sent events, which has no end to be read to.
    pub(crate) fn is_event_stream(&self) -> bool {
        self.answer.headers.iter().any(|(name, value)| {
            name == "content-type" && value.trim_start().starts_with("text/event-stream")
        })
    }

    /// Reads the body to its end, or to where it broke.
    pub(crate) async fn read(self) -> Answer {
        let Self { mut answer, mut body, sent } = self;
        let mut hash = Sha256::new();
        loop {
            if sent.elapsed() > WHOLE {
                answer.broken = Some(format!("not whole within {} s", WHOLE.as_secs()));
                answer.total = sent.elapsed();
                answer.digest = digest(&answer, hash);
                return answer;
            }
            match tokio::time::timeout(SILENCE, body.frame()).await {
                Err(_) => {
                    answer.broken =
                        Some(format!("silent for {} s within the body", SILENCE.as_secs()));
                }
                Ok(Some(Err(error))) => answer.broken = Some(of_hyper(&error).message),
                Ok(Some(Ok(frame))) => {
                    let Some(data) = frame.data_ref() else { continue };
                    // What is cut off as endless is cut at the same byte whatever the frames.
                    let left = ENDLESS.saturating_sub(answer.body_bytes);
                    let hashed = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                    hash.update(&data[..hashed]);
                    answer.body_bytes += data.len() as u64;
                    let room = KEPT.saturating_sub(answer.body.len()).min(data.len());
                    answer.body.extend_from_slice(&data[..room]);
                    if answer.body_bytes <= ENDLESS {
                        continue;
                    }
                    answer.broken = Some(format!("larger than {} MiB", ENDLESS >> 20));
                }
                Ok(None) => {}
            }
            answer.total = sent.elapsed();
            answer.digest = digest(&answer, hash);
            return answer;
        }
    }
}

/// What tells bodies apart of which only the beginning is kept.
fn digest(answer: &Answer, hash: Sha256) -> Option<[u8; 32]> {
    (answer.body_bytes > answer.body.len() as u64).then(|| hash.finalize().into())
}

fn request(prepared: &Prepared) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let bad = |error: &dyn std::fmt::Display| {
        failure(FailureKind::Protocol, format!("the scenario's request is not valid: {error}"))
    };
    let mut builder =
        hyper::Request::builder().method(prepared.method.as_bytes()).uri(prepared.path.as_str());
    for (name, value) in &prepared.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| bad(&error))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|error| bad(&error))?;
        builder = builder.header(name, value);
    }
    builder.body(Full::new(prepared.body.clone())).map_err(|error| bad(&error))
}

pub(super) fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

pub(super) fn of_hyper(error: &hyper::Error) -> Failure {
    let kind = if error.is_parse() || error.is_parse_too_large() || error.is_user() {
        FailureKind::Protocol
    } else {
        FailureKind::Reset
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    failure(kind, format!("{error}{}", cause.unwrap_or_default()))
}
