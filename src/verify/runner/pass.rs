//! One pass of one scenario against one side.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::cookies::Jar;
use super::events::Events;
use super::http::{Connection, Prepared};
use super::inbox::Inbox;
use super::limits::Limits;
use super::raw;
use super::target::{Stream, Target};
use super::values::{Unknown, Values};
use super::websocket::{self, Socket};
use super::{body, burst};
use crate::model::scenario::{
    Action, Burst, Effect, Request, Scenario, SseExpect, SseOpen, Step, WsExpect, WsOpen, WsSend,
};
use crate::verify::observation::{Failure, Heard, Message, Observation, Outcome, Pass, Side};

/// How long a socket is listened to before it is closed, so that late and doubled messages show.
const SETTLE: Duration = Duration::from_millis(150);

/// How long no socket may have heard anything before what was sent counts as dealt with: what the
/// next step does on another connection must not overtake it. Servers do not acknowledge.
const QUIET: Duration = Duration::from_millis(40);

/// The longest that is waited for such a silence.
const LONGEST_QUIET: Duration = Duration::from_millis(250);

/// The longest a message is waited for on the original the first time.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(5);

/// A pass in progress.
pub(super) struct Runner<'a> {
    target: &'a Target,
    limits: &'a Limits,
    /// How long an awaited message may take.
    wait: Duration,
    allow_writes: bool,
    values: Values,
    clients: BTreeMap<String, Client>,
    sockets: BTreeMap<String, Socket>,
    streams: BTreeMap<String, Events>,
    client_address: Option<IpAddr>,
    /// How many messages each socket and stream heard in the original's first pass, by name.
    expected: &'a BTreeMap<String, usize>,
    /// How many each has heard in this pass.
    heard: BTreeMap<String, usize>,
}

/// One user: cookies and a connection that is kept.
#[derive(Default)]
struct Client {
    jar: Jar,
    connection: Option<Connection>,
}

/// What ends a step before its outcome is known.
enum Stop {
    Failed(Failure),
    Skipped(String),
}

impl Stop {
    fn outcome(self) -> Outcome {
        match self {
            Self::Failed(failure) => Outcome::Failed(failure),
            Self::Skipped(reason) => Outcome::Skipped(reason),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unknown> for Stop {
    fn from(Unknown(name): Unknown) -> Self {
        Self::Skipped(format!("no earlier step gave `{name}`"))
    }
}

/// What one pass has in common with the others of its scenario.
pub(super) struct Terms<'a> {
    /// What rate limits may still know of.
    pub(super) limits: &'a Limits,
    /// How long an awaited message may take.
    pub(super) wait: Duration,
    /// Whether steps that write are carried out.
    pub(super) allow_writes: bool,
    /// How many messages each socket and stream heard in the original's first pass, by name.
    pub(super) expected: &'a BTreeMap<String, usize>,
}

/// Carries out a scenario.
pub(super) async fn run(
    scenario: &Scenario,
    side: Side,
    target: &Target,
    unique: &str,
    terms: Terms<'_>,
) -> Pass {
    let Terms { limits, wait, allow_writes, expected } = terms;
    let mut runner = Runner {
        target,
        limits,
        wait,
        allow_writes,
        values: Values::new(&scenario.variables, unique, &target.base()),
        clients: BTreeMap::new(),
        sockets: BTreeMap::new(),
        streams: BTreeMap::new(),
        client_address: None,
        expected,
        heard: BTreeMap::new(),
    };
    let mut observations = Vec::new();
    for step in &scenario.steps {
        if let Some(burst) = &step.burst {
            observations.extend(runner.burst(step, burst).await);
            continue;
        }
        for repetition in 0..step.repeat.max(1) {
            observations.push(runner.step(step, repetition).await);
        }
    }
    Pass {
        side,
        scenario: scenario.name.clone(),
        unique: unique.to_owned(),
        base: target.base(),
        client_address: runner.client_address,
        observations,
    }
}

impl Runner<'_> {
    async fn step(&mut self, step: &Step, repetition: u32) -> Observation {
        let at = Timestamp::now();
        let outcome = if step.effect > Effect::Read && !self.allow_writes {
            Outcome::Skipped("it writes; --allow-writes carries it out".to_owned())
        } else {
            self.act(step, repetition).await.unwrap_or_else(Stop::outcome)
        };
        if let Outcome::Messages(heard) = &outcome {
            for one in heard {
                *self.heard.entry(one.name.clone()).or_default() += one.messages.len();
            }
        }
        for capture in &step.capture {
            self.values.capture(capture, &outcome);
        }
        Observation {
            step: step.id.clone(),
            repetition,
            sent: sent(&step.action),
            claimed: super::claim::claimed(&step.action),
            origin: step.origin.clone(),
            at,
            every: None,
            outcome,
        }
    }

    /// A burst is a request without a body of anyone's own.
    async fn burst(&mut self, step: &Step, burst: &Burst) -> Vec<Observation> {
        let Action::Request(request) = &step.action else {
            return vec![self.step(step, 0).await];
        };
        if step.effect > Effect::Read && !self.allow_writes {
            return vec![self.step(step, 0).await];
        }
        match self.prepare(&step.client, request) {
            Ok(prepared) => {
                let words = sent(&step.action);
                burst::send(self.target, self.limits, step, burst, &prepared, &words).await
            }
            // Said as for any other step.
            Err(_) => vec![self.step(step, 0).await],
        }
    }

    async fn act(&mut self, step: &Step, repetition: u32) -> Result<Outcome, Stop> {
        match &step.action {
            Action::Request(request) => self.request(&step.client, request, repetition > 0).await,
            Action::WsOpen(open) => self.ws_open(&step.client, open).await,
            Action::WsSend(send) => self.ws_send(send).await,
            Action::WsExpect(expect) => self.ws_expect(expect).await,
            Action::WsClose(close) => {
                // What was refused at its opening, and compared there, has nothing to close.
                let Some(mut socket) = self.sockets.remove(&close.socket) else {
                    return Ok(Outcome::Done);
                };
                let heard = self.rest(&close.socket, &mut socket.inbox).await;
                socket.close(close.code).await;
                // Others may be told that it left; the next to be closed must still hear it.
                if !self.sockets.is_empty() {
                    self.settle().await;
                }
                Ok(leftover(heard))
            }
            Action::SseOpen(open) => self.sse_open(&step.client, open).await,
            Action::SseExpect(expect) => self.sse_expect(expect).await,
            Action::SseClose(close) => {
                let Some(mut stream) = self.streams.remove(&close.stream) else {
                    return Ok(Outcome::Done);
                };
                let heard = self.rest(&close.stream, &mut stream.inbox).await;
                Ok(leftover(heard))
            }
            Action::Raw(raw) => {
                let text = self.values.fill(&raw.text)?;
                let stream = self.connect().await?;
                Ok(raw::exchange(stream, text.as_bytes()).await)
            }
        }
    }

    fn prepare(&self, client: &str, request: &Request) -> Result<Prepared, Unknown> {
        let (body, kind) = body::bytes(request.body.as_ref(), &self.values)?;
        let path = self.values.fill(&request.path)?;
        let mut headers = self.headers(client, &path, &request.headers)?;
        if let Some(kind) = kind {
            headers.push(("content-type".to_owned(), kind));
        }
        let has_body = !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
        if has_body || !body.is_empty() {
            headers.push(("content-length".to_owned(), body.len().to_string()));
        }
        Ok(Prepared { method: request.method.clone(), path, headers, body })
    }

    async fn request(
        &mut self,
        client: &str,
        request: &Request,
        fresh: bool,
    ) -> Result<Outcome, Stop> {
        let prepared = self.prepare(client, request)?;
        self.limits.ask(&prepared.path).await;
        let mut connection = match self.kept(client, fresh).await {
            Some(connection) => connection,
            None => Connection::open(self.connect().await?).await?,
        };
        let head = connection.send(&prepared).await?;
        let streams = head.is_event_stream();
        let answer = if streams { head.answer } else { head.read().await };
        let closes = streams
            || answer.broken.is_some()
            || answer
                .headers
                .iter()
                .any(|(name, value)| name == "connection" && value.eq_ignore_ascii_case("close"));
        let client = self.clients.entry(client.to_owned()).or_default();
        if !fresh && !closes {
            client.connection = Some(connection);
        }
        for (name, value) in &answer.headers {
            if name == "set-cookie" {
                client.jar.take(value, &answer.path);
            }
        }
        Ok(Outcome::Answer(answer))
    }

    /// The client's kept connection, when it has one that the peer has not closed.
    async fn kept(&mut self, client: &str, fresh: bool) -> Option<Connection> {
        if fresh {
            return None;
        }
        let mut connection = self.clients.get_mut(client)?.connection.take()?;
        // A server's keep-alive close may be on its way: let it arrive before the next request.
        tokio::task::yield_now().await;
        connection.is_open().await.then_some(connection)
    }

    async fn connect(&mut self) -> Result<Stream, Stop> {
        let (stream, own) = self.target.connect().await?;
        self.client_address = Some(own);
        Ok(stream)
    }

    fn headers(
        &self,
        client: &str,
        path: &str,
        extra: &[(String, String)],
    ) -> Result<Vec<(String, String)>, Unknown> {
        let given = |name: &str| extra.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut headers = Vec::new();
        if !given("host") {
            headers.push(("host".to_owned(), self.target.host.clone()));
        }
        if !given("user-agent") {
            headers.push(("user-agent".to_owned(), "migrate-verify".to_owned()));
        }
        if !given("accept") {
            headers.push(("accept".to_owned(), "*/*".to_owned()));
        }
        let tls = self.target.url().scheme() == "https";
        let jar = self.clients.get(client).map(|client| &client.jar);
        if let (false, Some(cookies)) = (given("cookie"), jar.and_then(|jar| jar.header(path, tls)))
        {
            headers.push(("cookie".to_owned(), cookies));
        }
        for (name, value) in extra {
            headers.push((name.clone(), self.values.fill(value)?));
        }
        Ok(headers)
    }

    async fn ws_open(&mut self, client: &str, open: &WsOpen) -> Result<Outcome, Stop> {
        let path = self.values.fill(&open.path)?;
        let mut headers = self.headers(client, &path, &open.headers)?;
        // The handshake brings its own Host.
        headers.retain(|(name, _)| name != "host");
        if !open.protocols.is_empty() {
            headers.push(("sec-websocket-protocol".to_owned(), open.protocols.join(", ")));
        }
        self.limits.ask(&path).await;
        let stream = self.connect().await?;
        let (answer, socket) = websocket::open(stream, &self.target.host, &path, &headers).await?;
        if let Some(socket) = socket {
            self.sockets.insert(open.name.clone(), socket);
        }
        Ok(Outcome::Answer(answer))
    }

    async fn ws_send(&mut self, send: &WsSend) -> Result<Outcome, Stop> {
        let text = match (&send.json, &send.text) {
            (Some(json), _) => self.values.fill_json(json)?.to_string(),
            (None, text) => self.values.fill(text.as_deref().unwrap_or_default())?,
        };
        let socket = self
            .sockets
            .get_mut(&send.socket)
            .ok_or_else(|| Stop::Skipped(format!("socket `{}` is not open", send.socket)))?;
        socket.send(text).await?;
        self.settle().await;
        Ok(Outcome::Done)
    }

    /// What a socket or stream still hears before it is closed. What the original heard by then
    /// may be late: only what does not come at all is lost.
    async fn rest(&self, name: &str, inbox: &mut Inbox) -> Heard {
        let count = |counts: &BTreeMap<String, usize>| counts.get(name).copied().unwrap_or(0);
        let open = count(self.expected).saturating_sub(count(&self.heard));
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        let mut heard = inbox.wait(name, open, self.wait, |_| true).await;
        let more = inbox.wait(name, u32::MAX, SETTLE, |_| true).await;
        heard.messages.extend(more.messages);
        heard.closed = more.closed;
        heard.waited += more.waited;
        heard
    }

    /// Lets what was sent take effect: until something was heard and then nothing for a while.
    async fn settle(&mut self) {
        let begin = Instant::now();
        let mut last = None;
        while begin.elapsed() < LONGEST_QUIET
            && last.is_none_or(|last: Instant| last.elapsed() < QUIET)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let mut heard = false;
            for socket in self.sockets.values_mut() {
                heard |= socket.inbox.collect();
            }
            if heard {
                last = Some(Instant::now());
            }
        }
    }

    async fn ws_expect(&mut self, expect: &WsExpect) -> Result<Outcome, Stop> {
        let wanted = match &expect.matching {
            None => Map::new(),
            Some(fields) => match self.values.fill_json(&Value::Object(fields.clone()))? {
                Value::Object(fields) => fields,
                _ => Map::new(),
            },
        };
        let text = expect.containing.as_ref().map(|text| self.values.fill(text)).transpose()?;
        let mut waits = Vec::new();
        for (name, socket) in &mut self.sockets {
            if expect.sockets.contains(name) {
                let matching = |message: &Message| {
                    has_fields(message, &wanted)
                        && text.as_ref().is_none_or(|text| contains(message, text))
                };
                let limit = if expect.optional { SETTLE } else { self.wait };
                waits.push(socket.inbox.wait(name, expect.count, limit, matching));
            }
        }
        if waits.is_empty() {
            let names = expect.sockets.join("`, `");
            return Err(Stop::Skipped(format!("socket `{names}` is not open")));
        }
        let mut heard = join_all(waits).await;
        if expect.optional {
            for heard in &mut heard {
                heard.complete = true;
            }
        }
        Ok(Outcome::Messages(heard))
    }

    async fn sse_open(&mut self, client: &str, open: &SseOpen) -> Result<Outcome, Stop> {
        let path = self.values.fill(&open.path)?;
        let mut headers = self.headers(client, &path, &open.headers)?;
        headers.retain(|(name, _)| name != "accept");
        headers.push(("accept".to_owned(), "text/event-stream".to_owned()));
        let prepared =
            Prepared { method: "GET".to_owned(), path, headers, body: bytes::Bytes::new() };
        self.limits.ask(&prepared.path).await;
        let mut connection = Connection::open(self.connect().await?).await?;
        let head = connection.send(&prepared).await?;
        if head.answer.status != 200 || !head.is_event_stream() {
            return Ok(Outcome::Answer(head.read().await));
        }
        let answer = head.answer.clone();
        self.streams.insert(open.name.clone(), Events::begin(head.body, connection));
        Ok(Outcome::Answer(answer))
    }

    async fn sse_expect(&mut self, expect: &SseExpect) -> Result<Outcome, Stop> {
        let stream = self
            .streams
            .get_mut(&expect.stream)
            .ok_or_else(|| Stop::Skipped(format!("stream `{}` is not open", expect.stream)))?;
        let heard = stream
            .inbox
            .wait(&expect.stream, expect.count, self.wait, |message| {
                expect.event.as_ref().is_none_or(|event| *event == message.kind)
            })
            .await;
        Ok(Outcome::Messages(vec![heard]))
    }
}

/// What was still heard when a socket or stream was closed.
fn leftover(mut heard: Heard) -> Outcome {
    if heard.messages.is_empty() {
        return Outcome::Done;
    }
    heard.complete = true;
    Outcome::Messages(vec![heard])
}

/// Whether some text of a message holds `text`.
fn contains(message: &Message, text: &str) -> bool {
    fn within(value: &Value, text: &str) -> bool {
        match value {
            Value::String(found) => found.contains(text),
            Value::Array(items) => items.iter().any(|item| within(item, text)),
            Value::Object(fields) => fields.values().any(|field| within(field, text)),
            _ => false,
        }
    }
    match serde_json::from_str::<Value>(&message.data) {
        Ok(value) => within(&value, text),
        Err(_) => message.data.contains(text),
    }
}

fn has_fields(message: &Message, wanted: &Map<String, Value>) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(&message.data) else {
        return false;
    };
    wanted.iter().all(|(name, value)| fields.get(name) == Some(value))
}

/// The step in a few words.
fn sent(action: &Action) -> String {
    match action {
        Action::Request(request) => format!("{} {}", request.method, request.path),
        Action::WsOpen(open) => format!("open WebSocket {}", open.path),
        // As the scenario has it: values that are filled in are not shown.
        Action::WsSend(send) => {
            let message = match (&send.json, &send.text) {
                (Some(json), _) => json.to_string(),
                (None, text) => text.clone().unwrap_or_default(),
            };
            format!("message on {}: {message}", send.socket)
        }
        Action::WsExpect(expect) => format!("wait for messages on {}", expect.sockets.join(", ")),
        Action::WsClose(close) => format!("close {}", close.socket),
        Action::SseOpen(open) => format!("open event stream {}", open.path),
        Action::SseExpect(expect) => format!("wait for events on {}", expect.stream),
        Action::SseClose(close) => format!("close {}", close.stream),
        Action::Raw(_) => "raw bytes".to_owned(),
    }
}
