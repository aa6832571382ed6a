//! A client's WebSocket.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::SinkExt;
use futures_util::stream::{SplitSink, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message as Frame};

use super::http::headers;
use super::inbox::{Inbox, Sound, channel};
use super::target::{Stream, failure};
use crate::verify::observation::{Answer, Failure, FailureKind, Message};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Largest message that is taken in.
const LARGEST: usize = 64 << 20;

/// An open WebSocket.
pub(super) struct Socket {
    sink: SplitSink<WebSocketStream<Stream>, Frame>,
    pub(super) inbox: Inbox,
}

/// Opens a WebSocket: the answer to the handshake, and the socket when it was accepted.
pub(super) async fn open(
    stream: Stream,
    host: &str,
    path: &str,
    extra: &[(String, String)],
) -> Result<(Answer, Option<Socket>), Failure> {
    let invalid = |error: &dyn std::fmt::Display| {
        failure(FailureKind::Protocol, format!("the scenario's handshake is not valid: {error}"))
    };
    let mut request =
        format!("ws://{host}{path}").into_client_request().map_err(|error| invalid(&error))?;
    for (name, value) in extra {
        let name: hyper::header::HeaderName = name.parse().map_err(|error| invalid(&error))?;
        let value = value.parse().map_err(|error| invalid(&error))?;
        request.headers_mut().append(name, value);
    }
    let config =
        WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let sent = Instant::now();
    let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
    match tokio::time::timeout(HANDSHAKE, handshake).await {
        Err(_) => Err(failure(FailureKind::Timeout, "no answer to the handshake within 10 s")),
        Ok(Err(WsError::Http(response))) => {
            let answer = answer(&response, path, sent);
            Ok((answer, None))
        }
        Ok(Err(error)) => Err(of_tungstenite(&error)),
        Ok(Ok((stream, response))) => {
            Ok((answer(&response, path, sent), Some(Socket::begin(stream))))
        }
    }
}

impl Socket {
    fn begin(stream: WebSocketStream<Stream>) -> Self {
        let (sink, mut source) = stream.split();
        let (sender, inbox) = channel();
        tokio::spawn(async move {
            let mut code = None;
            while let Some(Ok(frame)) = source.next().await {
                let (kind, data) = match frame {
                    Frame::Text(text) => ("text", text.as_str().to_owned()),
                    Frame::Binary(bytes) => ("binary", STANDARD.encode(&bytes)),
                    Frame::Close(frame) => {
                        code = frame.map(|frame| u16::from(frame.code));
                        continue;
                    }
                    _ => continue,
                };
                let message =
                    Message { kind: kind.to_owned(), id: None, data, after: Duration::ZERO };
                if sender.send(Sound::Message(message, Instant::now())).await.is_err() {
                    return;
                }
            }
            let _ = sender.send(Sound::Closed(code)).await;
        });
        Self { sink, inbox }
    }

    /// Sends a text message.
    pub(super) async fn send(&mut self, text: String) -> Result<(), Failure> {
        let send = self.sink.send(Frame::text(text));
        match tokio::time::timeout(HANDSHAKE, send).await {
            Err(_) => Err(failure(FailureKind::Timeout, "the message was not taken within 10 s")),
            Ok(result) => result.map_err(|error| of_tungstenite(&error)),
        }
    }

    /// Sends a close frame.
    pub(super) async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        let close = self.sink.send(Frame::Close(Some(frame)));
        // A peer that is gone already has nothing to be told.
        let _ = tokio::time::timeout(Duration::from_secs(1), close).await;
    }
}

/// The head of the answer only: of a refusal's body the library has what came along with the head,
/// which is chance. Pages of errors are compared at plain requests.
fn answer(response: &Response, path: &str, sent: Instant) -> Answer {
    Answer {
        method: "GET".to_owned(),
        path: path.to_owned(),
        status: response.status().as_u16(),
        headers: headers(response.headers()),
        body_bytes: 0,
        body: Vec::new(),
        digest: None,
        broken: None,
        first_byte: sent.elapsed(),
        total: sent.elapsed(),
    }
}

fn of_tungstenite(error: &WsError) -> Failure {
    let kind = match error {
        WsError::Io(_) | WsError::ConnectionClosed | WsError::AlreadyClosed => FailureKind::Reset,
        _ => FailureKind::Protocol,
    };
    failure(kind, error)
}
