//! The runner against servers that misbehave: each fault is an observation, never a hang or crash.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::limits::Limits;
use super::pass;
use super::target::Target;
use super::tls;
use crate::model::scenario::Scenario;
use crate::verify::observation::{FailureKind, Outcome, Side};
use crate::workspace::from_yaml;

/// A server that reads a request head on each connection and answers with fixed bytes.
async fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                let _ = stream.write_all(answer).await;
            });
        }
    });
    format!("http://{address}")
}

async fn outcomes(url: &str, steps: &str) -> Vec<Outcome> {
    outcomes_after(&BTreeMap::new(), url, steps).await
}

/// What is seen when the original heard so many messages.
async fn outcomes_after(
    expected: &BTreeMap<String, usize>,
    url: &str,
    steps: &str,
) -> Vec<Outcome> {
    let text = format!("schema: migrate/scenario/1\nname: t\nsteps:\n{steps}");
    let scenario: Scenario = from_yaml(&text, "t.yaml").expect("a valid scenario");
    let tls = tls::configuration(None, true).expect("TLS");
    let target = Target::new(url, None, &tls).expect("a URL");
    let wait = Duration::from_secs(1);
    let limits = Limits::default();
    let terms = pass::Terms { limits: &limits, wait, allow_writes: true, expected };
    let pass = pass::run(&scenario, Side::Original, &target, "mvabc123", terms).await;
    pass.observations.into_iter().map(|observation| observation.outcome).collect()
}

fn failure(outcome: &Outcome) -> Option<FailureKind> {
    match outcome {
        Outcome::Failed(failure) => Some(failure.kind),
        _ => None,
    }
}

#[tokio::test]
async fn garbage_is_a_protocol_failure() {
    let url = server(b"\x00\x01\x02 not http\r\n\r\n").await;
    let seen = outcomes(&url, "- {id: a, request: {path: /}}\n").await;
    assert_eq!(failure(&seen[0]), Some(FailureKind::Protocol));
}

#[tokio::test]
async fn an_early_end_is_seen_within_the_body_and_before_it() {
    let url = server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
    let seen = outcomes(&url, "- {id: a, request: {path: /}}\n").await;
    assert!(
        matches!(&seen[0], Outcome::Answer(answer) if answer.broken.is_some() && answer.body == b"abc"),
        "{seen:?}"
    );
    let url = server(b"").await;
    let seen = outcomes(&url, "- {id: a, request: {path: /}}\n").await;
    assert_eq!(failure(&seen[0]), Some(FailureKind::Reset));
}

#[tokio::test]
async fn nobody_there_is_a_connect_failure_and_what_depends_on_it_is_skipped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let steps = "- {id: a, request: {path: /}, capture: [{name: x, json: /x}]}\n\
                 - {id: b, request: {path: \"/${x}\"}}\n\
                 - {id: c, ws_open: {as: s, path: /ws}}\n\
                 - {id: d, ws_expect: {sockets: [s]}}\n";
    let seen = outcomes(&url, steps).await;
    assert_eq!(failure(&seen[0]), Some(FailureKind::Connect));
    assert!(matches!(&seen[1], Outcome::Skipped(why) if why.contains("`x`")), "{seen:?}");
    assert_eq!(failure(&seen[2]), Some(FailureKind::Connect));
    assert!(matches!(&seen[3], Outcome::Skipped(_)), "{seen:?}");
}

#[tokio::test]
async fn a_refused_handshake_is_an_answer() {
    let url = server(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno").await;
    let seen = outcomes(&url, "- {id: a, ws_open: {as: s, path: /ws}}\n").await;
    assert!(matches!(&seen[0], Outcome::Answer(answer) if answer.status == 426), "{seen:?}");
    // How much of a body comes along with the head is chance.
    assert!(matches!(&seen[0], Outcome::Answer(answer) if answer.body.is_empty()), "{seen:?}");
}

#[tokio::test]
async fn events_are_awaited_and_a_wait_that_fails_says_so() {
    let url = server(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: a\ndata: 1\n\ndata: 2\n\n",
    )
    .await;
    let steps = "- {id: o, sse_open: {as: e, path: /}}\n\
                 - {id: x, sse_expect: {stream: e, event: message}}\n\
                 - {id: y, sse_expect: {stream: e}}\n\
                 - {id: z, sse_close: {stream: e}}\n";
    let seen = outcomes(&url, steps).await;
    let Outcome::Messages(heard) = &seen[1] else { panic!("{seen:?}") };
    assert_eq!(heard[0].messages.len(), 2);
    assert!(heard[0].complete);
    let Outcome::Messages(heard) = &seen[2] else { panic!("{seen:?}") };
    assert!(!heard[0].complete);
}

#[tokio::test]
async fn what_the_original_heard_before_a_close_may_come_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n";
            let _ = stream.write_all(head).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            let _ = stream.write_all(b"data: late\n\n").await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let steps = "- {id: o, sse_open: {as: e, path: /}}\n- {id: z, sse_close: {stream: e}}\n";
    let expected = BTreeMap::from([("e".to_owned(), 1)]);
    let seen = outcomes_after(&expected, &url, steps).await;
    assert!(matches!(&seen[1], Outcome::Messages(heard) if heard[0].messages.len() == 1));
}

#[tokio::test]
async fn raw_bytes_come_back_raw() {
    let url = server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let seen = outcomes(&url, "- {id: a, raw: {text: \"GET /\\r\\n\\r\\n\"}}\n").await;
    assert!(matches!(&seen[0], Outcome::Raw(bytes) if bytes.starts_with(b"HTTP/1.1 400")));
}

#[tokio::test]
async fn a_plain_request_for_a_stream_ends_with_its_head() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n";
            let _ = stream.write_all(head).await;
            // Never closed: an event stream has no end.
            std::mem::forget(stream);
        }
    });
    let steps = "- {id: a, request: {path: /events}}\n";
    let seen = tokio::time::timeout(Duration::from_secs(5), outcomes(&url, steps)).await;
    let seen = seen.expect("it does not wait for the stream's end");
    assert!(matches!(&seen[0], Outcome::Answer(answer) if answer.body.is_empty()), "{seen:?}");
}
