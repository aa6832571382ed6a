//! What a WebSocket or an event stream hears: a reader in the background fills it, waits take from
//! it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::verify::observation::{Heard, Message};

/// How many messages may wait to be looked at before the reader waits, too.
const CAPACITY: usize = 10_000;

/// Something that was heard.
#[derive(Debug)]
pub(super) enum Sound {
    /// A message, with the moment it came.
    Message(Message, Instant),
    /// The peer closed, with its close code.
    Closed(Option<u16>),
}

/// The receiving end.
#[derive(Debug)]
pub(super) struct Inbox {
    sounds: mpsc::Receiver<Sound>,
    /// What came and no wait has taken yet.
    held: VecDeque<Sound>,
    #[expect(clippy::option_option, reason = "whether it closed, and whether with a code")]
    closed: Option<Option<u16>>,
}

/// A channel from a reader to waits.
pub(super) fn channel() -> (mpsc::Sender<Sound>, Inbox) {
    let (sender, sounds) = mpsc::channel(CAPACITY);
    (sender, Inbox { sounds, held: VecDeque::new(), closed: None })
}

impl Inbox {
    /// Keeps what has come for later waits; whether there was anything.
    pub(super) fn collect(&mut self) -> bool {
        let before = self.held.len();
        while self.held.len() < CAPACITY
            && let Ok(sound) = self.sounds.try_recv()
        {
            self.held.push_back(sound);
        }
        self.held.len() > before
    }

    /// Takes messages until `count` of them satisfy `matching`, the peer closes, or `limit` is over.
    pub(super) async fn wait(
        &mut self,
        name: &str,
        count: u32,
        limit: Duration,
        matching: impl Fn(&Message) -> bool,
    ) -> Heard {
        let begin = Instant::now();
        let deadline = tokio::time::Instant::now() + limit;
        let mut heard = Heard {
            name: name.to_owned(),
            messages: Vec::new(),
            complete: false,
            closed: self.closed,
            waited: Duration::ZERO,
        };
        let mut found = 0;
        while found < count && heard.closed.is_none() {
            let sound = match self.held.pop_front() {
                Some(held) => Some(held),
                None => match tokio::time::timeout_at(deadline, self.sounds.recv()).await {
                    Ok(sound) => sound,
                    Err(_) => break,
                },
            };
            match sound {
                Some(Sound::Message(mut message, at)) => {
                    message.after = at.saturating_duration_since(begin);
                    found += u32::from(matching(&message));
                    heard.messages.push(message);
                }
                Some(Sound::Closed(code)) => heard.closed = Some(code),
                None => heard.closed = Some(None),
            }
        }
        self.closed = heard.closed;
        heard.complete = found >= count;
        heard.waited = begin.elapsed();
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_collected_is_heard_in_order() {
        let (sender, mut inbox) = channel();
        let message = |data: &str| {
            let data = data.to_owned();
            let message =
                Message { kind: "text".to_owned(), id: None, data, after: Duration::ZERO };
            Sound::Message(message, Instant::now())
        };
        sender.send(message("one")).await.unwrap();
        assert!(inbox.collect());
        assert!(!inbox.collect());
        sender.send(message("two")).await.unwrap();
        let heard = inbox.wait("s", 2, Duration::from_secs(1), |_| true).await;
        let data: Vec<_> = heard.messages.iter().map(|message| message.data.as_str()).collect();
        assert_eq!(data, ["one", "two"]);
        assert!(heard.complete);
    }
}
