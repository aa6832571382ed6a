//! A client's stream of server-sent events (HTML, 9.2).

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::JoinHandle;

use super::http::Connection;
use super::inbox::{Inbox, Sound, channel};
use crate::verify::observation::Message;

/// Longest line or event that is kept.
const LONGEST: usize = 4 << 20;

/// An open stream.
pub(super) struct Events {
    pub(super) inbox: Inbox,
    reader: JoinHandle<()>,
    /// Dropping it would end the connection.
    _connection: Connection,
}

impl Events {
    /// Reads events from a body in the background.
    pub(super) fn begin(mut body: Incoming, connection: Connection) -> Self {
        let (sender, inbox) = channel();
        let reader = tokio::spawn(async move {
            let mut parser = Parser::default();
            while let Some(Ok(frame)) = body.frame().await {
                let Some(data) = frame.data_ref() else { continue };
                for message in parser.take(data) {
                    if sender.send(Sound::Message(message, Instant::now())).await.is_err() {
                        return;
                    }
                }
            }
            let _ = sender.send(Sound::Closed(None)).await;
        });
        Self { inbox, reader, _connection: connection }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// From bytes to events; comments and fields that are not known are passed over.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    after_return: bool,
    event: String,
    data: Option<String>,
    id: Option<String>,
}

impl Parser {
    fn take(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    messages.extend(self.line(&String::from_utf8_lossy(&line)));
                }
                _ if self.line.len() < LONGEST => self.line.push(byte),
                _ => {}
            }
        }
        messages
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Some(Message {
                kind: if event.is_empty() { "message".to_owned() } else { event },
                id: self.id.clone(),
                data: self.data.take()?,
                after: Duration::ZERO,
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "id" => self.id = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) if data.len() < LONGEST => {
                    data.push('\n');
                    data.push_str(value);
                }
                Some(_) => {}
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_events_in_pieces() {
        let mut parser = Parser::default();
        let mut all = parser.take(b": hello\n\nid: 1\nevent: notice\ndata: one\r\nda");
        all.extend(parser.take(b"ta:two\r\n\r\ndata\n\n"));
        let seen: Vec<_> =
            all.iter().map(|m| (m.kind.as_str(), m.id.as_deref(), m.data.as_str())).collect();
        assert_eq!(seen, [("notice", Some("1"), "one\ntwo"), ("message", Some("1"), "")]);
    }
}
