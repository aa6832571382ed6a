//! WebSockets: who may open one, and whether all hear what one says. Eight are connected at once,
//! so that a second replica that hears nothing is met with near certainty.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Subject;
use super::build::{Builder, Draft};
use super::guess;
use super::routes::{Known, text_of};
use super::session::{EVERYONE, People};
use crate::inspect::parse::javascript::{Kind, parse};
use crate::model::inventory::{Service, Socket, SocketMessage};
use crate::model::scenario::{Action, WsClose, WsExpect, WsOpen, WsSend};

/// Values of messages by which someone comes in, and by which someone says something.
const ENTER: [&str; 12] = [
    "join",
    "enter",
    "subscribe",
    "hello",
    "open",
    "sub",
    "joinroom",
    "join_room",
    "join-room",
    "register",
    "connect",
    "watch",
];
const SAY: [&str; 12] = [
    "message",
    "say",
    "chat",
    "post",
    "send",
    "msg",
    "talk",
    "publish",
    "broadcast",
    "chatmessage",
    "chat_message",
    "chat-message",
];

/// Steps for the application's sockets.
pub(super) fn steps(subject: &Subject<'_>, builder: &mut Builder, people: &People, known: &Known) {
    let Some(app) = subject.app else { return };
    // Two endpoints at most: each takes some forty steps.
    for (number, socket) in app.sockets.iter().take(2).enumerate() {
        let Some(path) = path(subject, socket) else { continue };
        let mut talk = Talk { app, socket, path, number, builder, people };
        if socket.library == "socket.io" {
            talk.polling();
        } else {
            talk.handshakes();
            talk.conversation(subject, known);
        }
    }
}

/// The path to ask for: the app's own, else the proxy's that passes the upgrade on.
fn path(subject: &Subject<'_>, socket: &Socket) -> Option<String> {
    if let Some(path) = &socket.path {
        return subject.outside(path);
    }
    let locations = subject.site.map_or(&[][..], |site| &site.locations);
    match locations.iter().find(|it| it.upgrade && matches!(it.modifier.as_str(), "" | "=" | "^~"))
    {
        Some(location) => Some(location.path.clone()),
        None => subject.reaches_app("/").then(|| "/".to_owned()),
    }
}

struct Talk<'t, 'i> {
    app: &'i Service,
    socket: &'i Socket,
    path: String,
    number: usize,
    builder: &'t mut Builder,
    people: &'t People,
}

impl Talk<'_, '_> {
    fn name(&self, client: &str) -> String {
        if self.number == 0 { client.to_owned() } else { format!("{client}-{}", self.number) }
    }

    fn add(&mut self, draft: Draft) {
        let fact = format!("WebSocket {}", self.path);
        let evidence = &self.socket.evidence;
        self.builder.add(draft.origin(&self.app.id, fact, Some(evidence)));
    }

    fn open(&mut self, id: &str, client: &str, name: &str, path: &str, extra: &[(&str, &str)]) {
        let mut headers = self.people.headers(client);
        headers.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let action = Action::WsOpen(WsOpen {
            name: name.to_owned(),
            path: path.to_owned(),
            headers,
            protocols: Vec::new(),
        });
        self.add(Draft::new(id, action).client(client));
    }

    fn close(&mut self, client: &str, name: &str) {
        let close = WsClose { socket: name.to_owned(), code: 1000 };
        self.add(Draft::new(&format!("ws-close-{name}"), Action::WsClose(close)).client(client));
    }

    /// Who is let in.
    fn handshakes(&mut self) {
        let path = self.path.clone();
        let asked = [
            ("stranger", "z", path.clone(), None),
            ("elsewhere", "a", format!("{}-elsewhere", path.trim_end_matches('/')), None),
            ("foreign", "a", path.clone(), Some("https://elsewhere.example")),
            ("own", "a", path, Some("${base}")),
        ];
        for (what, client, path, origin) in asked {
            let name = self.name(&format!("try-{what}"));
            let headers: Vec<(&str, &str)> =
                origin.map(|origin| ("Origin", origin)).into_iter().collect();
            self.open(&format!("ws-{name}"), client, &name, &path, &headers);
            self.close(client, &name);
        }
    }

    fn say(&mut self, id: &str, client: &str, message: Map<String, Value>) {
        let send =
            WsSend { socket: self.name(client), json: Some(Value::Object(message)), text: None };
        self.add(Draft::new(id, Action::WsSend(send)).client(client).writes());
    }

    fn hear(
        &mut self,
        id: &str,
        speaker: &str,
        all: &[&str],
        matching: Option<&Map<String, Value>>,
        containing: Option<String>,
    ) {
        let sockets = all
            .iter()
            .filter(|client| **client != speaker)
            .map(|client| self.name(client))
            .collect();
        let expect = WsExpect {
            sockets,
            matching: matching.cloned(),
            containing,
            count: 1,
            optional: false,
        };
        self.add(Draft::new(id, Action::WsExpect(expect)).client(speaker));
    }

    /// A server that answers has taken in what it was told: whoever speaks next is heard.
    fn settle(&mut self, id: &str, client: &str) {
        let sockets = vec![self.name(client)];
        let expect =
            WsExpect { sockets, matching: None, containing: None, count: 1, optional: true };
        self.add(Draft::new(id, Action::WsExpect(expect)).client(client));
    }

    /// Two, then eight, come in; each in turn says something that all others must hear.
    fn conversation(&mut self, subject: &Subject<'_>, known: &Known) {
        let enter = message(self.socket, &ENTER, false);
        let Some(say) = message(self.socket, &SAY, true) else { return };
        let everyone: Vec<&str> = if self.people.clients.is_empty() {
            EVERYONE.to_vec()
        } else {
            self.people.clients.clone()
        };
        let matching = sent_back(subject, self.socket, say);
        let mut here: Vec<&str> = Vec::new();
        for (round, all) in
            [&everyone[..everyone.len().min(2)], &everyone[..]].into_iter().enumerate()
        {
            for client in all {
                if here.contains(client) {
                    continue;
                }
                let (name, path) = (self.name(client), self.path.clone());
                self.open(&format!("ws-open-{name}"), client, &name, &path, &[]);
                self.settle(&format!("ws-greeted-{name}"), client);
                if let Some(enter) = enter {
                    let message = filled(enter, client, &spoken(client), known);
                    self.say(&format!("ws-enter-{name}"), client, message);
                    self.settle(&format!("ws-entered-{name}"), client);
                }
                here.push(client);
            }
            let speakers: &[usize] = if round == 0 { &[0, 1] } else { &[0, 3, 6] };
            for speaker in speakers.iter().filter_map(|index| here.get(*index).copied()) {
                if here.len() < 2 {
                    continue;
                }
                let of = here.len();
                let name = self.name(speaker);
                // A text of its own, so that no echo of an earlier message passes for it.
                let text = spoken(&format!("{speaker} of {of}"));
                let message = filled(say, speaker, &text, known);
                let said = message.values().any(|value| *value == json!(text)).then_some(text);
                self.say(&format!("ws-say-{name}-of-{of}"), speaker, message);
                let id = format!("ws-hear-{name}-of-{of}");
                self.hear(&id, speaker, &here, matching.as_ref(), said);
            }
        }
        for client in here {
            let name = self.name(client);
            self.close(client, &name);
        }
    }

    /// socket.io: the polling handshake, then two over WebSocket.
    fn polling(&mut self) {
        let base = format!("{}/", self.path.trim_end_matches('/'));
        let polling = format!("{base}?EIO=4&transport=polling");
        self.add(Draft::get("socketio-polling", &polling).repeat(6));
        let path = format!("{base}?EIO=4&transport=websocket");
        let pair = ["a", "b"];
        let names = pair.map(|client| self.name(client));
        for (client, name) in pair.iter().zip(&names) {
            self.open(&format!("socketio-open-{name}"), client, name, &path, &[]);
            self.send_text(&format!("socketio-enter-{name}"), client, name, "40");
            // The server's greeting, and its answer to ours.
            let expect = WsExpect {
                sockets: vec![name.clone()],
                matching: None,
                containing: None,
                count: 2,
                optional: false,
            };
            let action = Action::WsExpect(expect);
            self.add(Draft::new(&format!("socketio-in-{name}"), action).client(client));
        }
        let say = message(self.socket, &SAY, true);
        if let Some(say) = say {
            let fields = guess::object(&say.fields);
            let content =
                if fields.is_empty() { json!("hello ${unique}") } else { Value::Object(fields) };
            let text = format!("42{}", json!([say.value, content]));
            self.send_text("socketio-say", "a", &names[0].clone(), &text);
            let expect = WsExpect {
                containing: None,
                sockets: vec![names[1].clone()],
                matching: None,
                count: 1,
                optional: false,
            };
            self.add(Draft::new("socketio-hear", Action::WsExpect(expect)));
        }
        for (client, name) in pair.iter().zip(&names) {
            self.close(client, name);
        }
    }

    fn send_text(&mut self, id: &str, client: &str, name: &str, text: &str) {
        let send = WsSend { socket: name.to_owned(), json: None, text: Some(text.to_owned()) };
        self.add(Draft::new(id, Action::WsSend(send)).client(client).writes());
    }
}

/// The message whose value is one of these; one with a text in it when asked for.
fn message<'i>(socket: &'i Socket, values: &[&str], text: bool) -> Option<&'i SocketMessage> {
    let by_value = values.iter().find_map(|value| {
        socket.messages.iter().find(|message| message.value.to_lowercase() == *value)
    });
    by_value.or_else(|| {
        let has_text =
            |message: &&SocketMessage| message.fields.iter().any(|field| guess::is_text(field));
        socket.messages.iter().find(has_text).filter(|_| text)
    })
}

/// What a client says.
fn spoken(client: &str) -> String {
    format!("Grüße von {client} 😀 ${{unique}}")
}

/// A message with what its fields can hold; `text` where one is spoken.
fn filled(message: &SocketMessage, client: &str, text: &str, known: &Known) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert(message.tag.clone(), json!(message.value));
    for name in &message.fields {
        let value = if let Some(thing) = known.thing(name) {
            Some(json!(thing))
        } else if guess::is_text(name) {
            Some(json!(text))
        } else if guess::is_user(name) {
            Some(json!(format!("p${{unique}}{client}")))
        } else if matches!(name.to_lowercase().as_str(), "room" | "channel" | "topic" | "group") {
            Some(json!("probe-${unique}"))
        } else {
            guess::field(name)
        };
        if let Some(value) = value {
            fields.insert(name.clone(), value);
        }
    }
    fields
}

/// What all others are sent when someone says something, by the literals in the server's code:
/// most often the same kind of message.
fn sent_back(
    subject: &Subject<'_>,
    socket: &Socket,
    say: &SocketMessage,
) -> Option<Map<String, Value>> {
    let (path, text) = text_of(subject.source, &socket.evidence)?;
    let nodes = parse(&path, &text).ok()?;
    let mut sent: BTreeSet<String> = BTreeSet::new();
    for node in &nodes {
        node.walk(&mut |node| {
            if let Kind::Object(_) = &node.kind
                && let Some(value) = node.property(&say.tag).and_then(|value| value.text())
            {
                sent.insert(value.to_owned());
            }
        });
    }
    let same =
        std::iter::once(say.value.as_str()).chain(SAY).find(|value| sent.contains(*value))?;
    let mut matching = Map::new();
    matching.insert(say.tag.clone(), json!(same));
    Some(matching)
}
