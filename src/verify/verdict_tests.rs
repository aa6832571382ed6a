//! The whole way from hand-made passes to clusters.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::verdict::Class;
use crate::verify::observation::{
    Answer as Http, Failure, FailureKind, Heard, Message, Observation, Side,
};

/// A step as one side saw it.
#[derive(Clone)]
struct Seen(&'static str, Outcome);

fn http(path: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Outcome {
    Outcome::Answer(Http {
        method: "GET".into(),
        path: path.into(),
        status,
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.to_vec(),
        body_bytes: body.len() as u64,
        digest: None,
        broken: None,
        first_byte: Duration::from_millis(3),
        total: Duration::from_millis(4),
    })
}

fn json(path: &str, body: &Value) -> Outcome {
    http(
        path,
        200,
        &[("content-type", "application/json; charset=utf-8")],
        body.to_string().as_bytes(),
    )
}

fn heard(name: &str, messages: &[Value], complete: bool) -> Heard {
    Heard {
        name: name.into(),
        messages: messages
            .iter()
            .map(|data| Message {
                kind: "text".into(),
                id: None,
                data: data.to_string(),
                after: Duration::ZERO,
            })
            .collect(),
        complete,
        closed: None,
        waited: Duration::from_millis(20),
    }
}

fn pass(side: Side, steps: Vec<Seen>) -> Pass {
    let (unique, at) = match side {
        Side::Original => ("mvaaaaaa", "2026-03-01T10:00:00Z"),
        Side::Again => ("mvbbbbbb", "2026-03-01T10:00:05Z"),
        Side::Migrated => ("mvcccccc", "2026-03-01T10:00:10Z"),
    };
    Pass {
        side,
        scenario: "tour".into(),
        unique: unique.into(),
        base: "http://chat.example.org".into(),
        client_address: None,
        observations: steps
            .into_iter()
            .map(|Seen(step, outcome)| Observation {
                step: step.into(),
                repetition: 0,
                sent: format!("GET {step}"),
                origin: None,
                at: at.parse().unwrap(),
                every: None,
                outcome,
            })
            .collect(),
    }
}

fn three(first: Vec<Seen>, again: Vec<Seen>, migrated: Vec<Seen>) -> [Pass; 3] {
    [pass(Side::Original, first), pass(Side::Again, again), pass(Side::Migrated, migrated)]
}

fn with(passes: &[[Pass; 3]], rows: &Rows, tree: &[(&str, &str)]) -> Verdict {
    let tree = tree.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    judge(
        passes,
        rows,
        &Context {
            inventory: None,
            plan: None,
            target: Some("k8s"),
            tree: &tree,
            original: "http://old",
            migrated: "http://new",
        },
    )
}

fn run(first: Vec<Seen>, again: Vec<Seen>, migrated: Vec<Seen>) -> Verdict {
    with(&[three(first, again, migrated)], &Rows::default(), &[])
}

fn fails(verdict: &Verdict) -> Vec<&Cluster> {
    verdict.clusters.iter().filter(|cluster| cluster.tier == Tier::Fail).collect()
}

fn only(verdict: &Verdict, class: Class) -> &Cluster {
    let fails = fails(verdict);
    assert_eq!(fails.len(), 1, "{}", text(verdict));
    assert_eq!(fails[0].class, class, "{}", text(verdict));
    assert_eq!(verdict.verdict, Answer::Different);
    fails[0]
}

fn same(steps: &[Seen], migrated: Vec<Seen>) -> Verdict {
    run(steps.to_vec(), steps.to_vec(), migrated)
}

const SITE: &str = "server {\n  listen 8080;\n  include mime.types;\n  location / {\n    try_files $uri /index.html;\n  }\n  location /api/ {\n    proxy_pass http://app;\n    proxy_set_header X-Forwarded-Proto $scheme;\n  }\n  location = /ws {\n    proxy_pass http://app;\n  }\n}\n";
const APP: &str = "kind: Deployment\nmetadata:\n  name: app\nspec:\n  replicas: 2\n";
const TREE: &[(&str, &str)] =
    &[("k8s/base/web/site.conf", SITE), ("k8s/base/app/deployment.yaml", APP)];

#[test]
fn the_same_is_equivalent() {
    let steps = vec![Seen("a", json("/api/rooms", &json!({"rooms": [1, 2]})))];
    let verdict = same(&steps, steps.clone());
    assert_eq!(verdict.verdict, Answer::Equivalent, "{}", text(&verdict));
    assert!(text(&verdict).starts_with("equivalent: 1 exchanges"));
}

#[test]
fn nothing_seen_is_inconclusive() {
    let steps = vec![Seen("a", Outcome::Skipped("needs --allow-writes".into()))];
    let verdict = same(&steps, steps.clone());
    assert_eq!(verdict.verdict, Answer::Inconclusive);
    assert_eq!(verdict.coverage.skipped.len(), 1);
    let broken = vec![Seen(
        "a",
        Outcome::Failed(Failure { kind: FailureKind::Connect, message: "refused".into() }),
    )];
    assert_eq!(same(&broken, broken.clone()).verdict, Answer::Inconclusive);
}

#[test]
fn a_migrated_side_that_fails_is_different() {
    let steps = vec![Seen("a", json("/", &json!({}))), Seen("b", json("/b", &json!({})))];
    let dead = |step| {
        Seen(
            step,
            Outcome::Failed(Failure { kind: FailureKind::Connect, message: "refused".into() }),
        )
    };
    only(&same(&steps, vec![dead("a"), dead("b")]), Class::Runtime);
}

#[test]
fn the_benign_list_raises_no_fail() {
    let old = [
        ("server", "nginx/1.22"),
        ("date", "Sun, 01 Mar 2026 10:00:00 GMT"),
        ("x-request-id", "a1"),
        ("connection", "keep-alive"),
        ("etag", "\"65a-1\""),
        ("content-type", "application/json"),
        ("x-a", "1"),
        ("x-b", "2"),
        ("via", "1.1 old"),
    ];
    let new = [
        ("x-b", "2"),
        ("x-a", "1"),
        ("content-type", "application/json"),
        ("etag", "\"77b-2\""),
        ("server", "envoy"),
        ("via", "1.1 new"),
        ("strict-transport-security", "max-age=1"),
        ("date", "Sun, 01 Mar 2026 10:00:10 GMT"),
        ("x-request-id", "b2"),
        ("keep-alive", "timeout=5"),
        ("alt-svc", "h3=\":443\""),
    ];
    let first = vec![
        Seen("a", http("/api/a", 200, &old, br#"{"a": 1, "b": 2}"#)),
        Seen("b", json("/api/b", &json!({"user": {"id": 11}}))),
        Seen("c", json("/api/c", &json!({"message": {"userId": 11, "id": 5}, "ip": "172.17.0.1"}))),
    ];
    let again = vec![
        Seen("a", http("/api/a", 200, &old, br#"{"a": 1, "b": 2}"#)),
        Seen("b", json("/api/b", &json!({"user": {"id": 12}}))),
        Seen("c", json("/api/c", &json!({"message": {"userId": 12, "id": 6}, "ip": "172.17.0.1"}))),
    ];
    let migrated = vec![
        Seen("a", http("/api/a", 200, &new, br#"{"b": 2, "a": 1}"#)),
        Seen("b", json("/api/b", &json!({"user": {"id": 901}}))),
        Seen(
            "c",
            json("/api/c", &json!({"message": {"userId": 901, "id": 77}, "ip": "10.42.0.9"})),
        ),
    ];
    let verdict = run(first, again, migrated);
    assert_eq!(verdict.verdict, Answer::Equivalent, "{}", text(&verdict));
    assert!(verdict.clusters.iter().any(|cluster| cluster.tier == Tier::Platform));
}

#[test]
fn an_id_that_is_not_kept_is_seen() {
    let side = |id: u32, later: u32| {
        vec![
            Seen("b", json("/api/b", &json!({"user": {"id": id}}))),
            Seen("c", json("/api/c", &json!({"message": {"userId": later}}))),
        ]
    };
    only(&run(side(11, 11), side(12, 12), side(901, 902)), Class::Data);
}

#[test]
fn a_dropped_upgrade_is_one_cluster() {
    let open = http("/ws", 101, &[("upgrade", "websocket")], b"");
    let said =
        |unique: &str| json!({"type": "message", "user": format!("{unique}-bob"), "body": "hi"});
    let side = |unique: &str, id: u32| {
        vec![
            Seen("open", open.clone()),
            Seen("send", Outcome::Done),
            Seen("wait", Outcome::Messages(vec![heard("bob", &[said(unique)], true)])),
            Seen(
                "read",
                json("/api/messages", &json!([{"id": id, "by": format!("{unique}-bob")}])),
            ),
        ]
    };
    let migrated = vec![
        Seen("open", http("/ws", 400, &[], b"Bad Request")),
        Seen("send", Outcome::Skipped("socket bob is not open".into())),
        Seen("wait", Outcome::Skipped("socket bob is not open".into())),
        Seen("read", json("/api/messages", &json!([]))),
    ];
    let passes = [three(side("mvaaaaaa", 1), side("mvbbbbbb", 2), migrated)];
    let verdict = with(&passes, &Rows::default(), TREE);
    let cluster = only(&verdict, Class::Realtime);
    assert_eq!(cluster.likely_cause.path.as_deref(), Some("k8s/base/web/site.conf"));
    assert_eq!(cluster.likely_cause.line, Some(11));
    assert_eq!(cluster.count, 4);
}

#[test]
fn a_smaller_body_limit_is_one_cluster() {
    let ok = |step| Seen(step, http("/api/uploads", 201, &[], b"{}"));
    let large = |step| {
        Seen(step, http("/api/uploads", 413, &[("content-type", "text/html")], b"<h1>413</h1>"))
    };
    let get = Seen("get", http("/files/a.bin", 200, &[], b"x"));
    let steps = vec![ok("one"), ok("two"), get];
    let migrated =
        vec![large("one"), large("two"), Seen("get", Outcome::Skipped("no capture url".into()))];
    let tree = [(
        "k8s/base/web/site.conf",
        "server {\n  client_max_body_size 1m;\n  location /api/ {\n    proxy_pass http://app;\n  }\n}\n",
    )];
    let verdict = with(&[three(steps.clone(), steps, migrated)], &Rows::default(), &tree);
    let cluster = only(&verdict, Class::Proxy);
    assert_eq!(cluster.likely_cause.line, Some(2));
    // Without the directive the default holds.
    let verdict = same(&[ok("one")], vec![large("one")]);
    only(&verdict, Class::Proxy);
}

fn copied(original: (u64, &str), migrated: (u64, &str), only_original: &[&str]) -> CopiedTable {
    CopiedTable {
        database: "app".into(),
        table: "messages".into(),
        copied: (3, "aa".into()),
        original: (original.0, original.1.into()),
        migrated: (migrated.0, migrated.1.into()),
        only_original: only_original.iter().map(|key| (*key).to_owned()).collect(),
        only_migrated: Vec::new(),
        exists: true,
    }
}

#[test]
fn a_missing_row_is_one_cluster() {
    let list = |ids: &[u32]| {
        json(
            "/api/messages",
            &json!(
                ids.iter()
                    .map(|id| json!({"id": id, "body": format!("text {id}")}))
                    .collect::<Vec<_>>()
            ),
        )
    };
    let steps = vec![Seen("a", list(&[1, 2, 3]))];
    let rows = Rows { copied: vec![copied((3, "aa"), (2, "bb"), &["3"])], ..Rows::default() };
    let passes = [three(steps.clone(), steps.clone(), vec![Seen("a", list(&[1, 2]))])];
    let verdict = with(&passes, &rows, &[]);
    let cluster = only(&verdict, Class::Data);
    assert!(
        cluster.summary.contains("app.messages") && cluster.first.original.contains('3'),
        "{}",
        text(&verdict)
    );
    // Seen over HTTP alone, too.
    only(&same(&steps, vec![Seen("a", list(&[1, 2]))]), Class::Data);
    // Rows deleted in the original since, or changed, are no fault.
    let mut table = copied((2, "bb"), (3, "aa"), &[]);
    table.only_migrated = vec!["3".into()];
    let rows = Rows { copied: vec![table, copied((3, "cc"), (3, "dd"), &[])], ..Rows::default() };
    let verdict = with(&[three(steps.clone(), steps.clone(), steps)], &rows, &[]);
    assert_eq!(verdict.verdict, Answer::Equivalent, "{}", text(&verdict));
}

#[test]
fn a_cookie_attribute_is_one_cluster_also_when_it_locks_users_out() {
    let cookie = |value: &str, more: &str| format!("sid={value}; Path=/; HttpOnly{more}");
    let login = |value: &str, more: &str| {
        Seen("login", http("/api/login", 200, &[("set-cookie", &cookie(value, more))], b"{}"))
    };
    let side =
        |value: &str| vec![login(value, ""), Seen("me", json("/api/me", &json!({"name": "x"})))];
    let migrated = vec![
        login("e5e5e5e5f6f6f6f6a7", "; Secure"),
        Seen("me", http("/api/me", 401, &[("content-type", "application/json")], b"{}")),
    ];
    let passes = [three(side("a1a1a1a1b2b2b2b2c3"), side("c3c3c3c3d4d4d4d4e5"), migrated)];
    let verdict = with(&passes, &Rows::default(), TREE);
    let cluster = only(&verdict, Class::Session);
    assert!(
        cluster.summary.contains("Secure") && !cluster.first.migrated.contains("e5e5"),
        "{}",
        text(&verdict)
    );
    assert_eq!(cluster.likely_cause.line, Some(9));
    let lost = vec![
        login("e5e5e5e5f6f6f6f6a7", "").clone(),
        Seen("me", json("/api/me", &json!({"name": "x"}))),
    ];
    let first = |value: &str| vec![login(value, "; SameSite=Lax"), side(value)[1].clone()];
    let verdict = run(first("a1a1a1a1b2b2b2b2c3"), first("c3c3c3c3d4d4d4d4e5"), lost);
    assert!(only(&verdict, Class::Session).summary.contains("SameSite"));
}

#[test]
fn a_mime_type_is_one_cluster() {
    let file =
        |step, path, media| Seen(step, http(path, 200, &[("content-type", media)], b"let a = 1;"));
    let steps = vec![
        file("a", "/assets/a.js", "text/javascript"),
        file("b", "/assets/b.js", "text/javascript"),
    ];
    let migrated =
        vec![file("a", "/assets/a.js", "text/plain"), file("b", "/assets/b.js", "text/plain")];
    let passes = [three(steps.clone(), steps, migrated)];
    let verdict = with(&passes, &Rows::default(), TREE);
    let cluster = only(&verdict, Class::Static);
    assert_eq!((cluster.count, cluster.likely_cause.line), (2, Some(3)));
}

#[test]
fn a_broadcast_that_does_not_reach_all_is_one_cluster() {
    let said =
        |unique: &str| json!({"type": "message", "user": format!("{unique}-amy"), "body": "hi"});
    let joined = |unique: &str, present: &[&str]| json!({"type": "joined", "user": format!("{unique}-bob"), "present": present.iter().map(|name| format!("{unique}-{name}")).collect::<Vec<_>>()});
    let side = |unique: &str| {
        vec![
            Seen(
                "join",
                Outcome::Messages(vec![heard("amy", &[joined(unique, &["amy", "bob"])], true)]),
            ),
            Seen(
                "say",
                Outcome::Messages(vec![
                    heard("amy", &[said(unique)], true),
                    heard("bob", &[said(unique)], true),
                ]),
            ),
            Seen(
                "present",
                json(
                    "/api/present",
                    &json!({"present": [format!("{unique}-amy"), format!("{unique}-bob")]}),
                ),
            ),
        ]
    };
    let unique = "mvcccccc";
    let migrated = vec![
        Seen("join", Outcome::Messages(vec![heard("amy", &[joined(unique, &["bob"])], true)])),
        Seen(
            "say",
            Outcome::Messages(vec![heard("amy", &[said(unique)], true), heard("bob", &[], false)]),
        ),
        Seen("present", json("/api/present", &json!({"present": [format!("{unique}-amy")]}))),
    ];
    let passes = [three(side("mvaaaaaa"), side("mvbbbbbb"), migrated)];
    let verdict = with(&passes, &Rows::default(), TREE);
    let cluster = only(&verdict, Class::Realtime);
    assert_eq!(cluster.likely_cause.path.as_deref(), Some("k8s/base/app/deployment.yaml"));
    assert_eq!(cluster.likely_cause.line, Some(5));
}

#[test]
fn messages_doubled_or_out_of_order_are_seen() {
    let said = |body: &str| json!({"type": "message", "user": "anna", "body": body});
    let wait = |bodies: &[&str]| {
        vec![
            Seen("page", json("/", &json!({}))),
            Seen(
                "wait",
                Outcome::Messages(vec![heard(
                    "bob",
                    &bodies.iter().map(|body| said(body)).collect::<Vec<_>>(),
                    true,
                )]),
            ),
        ]
    };
    let steps = wait(&["one", "two"]);
    assert!(
        only(&same(&steps, wait(&["one", "one", "two"])), Class::Realtime)
            .summary
            .contains("more than once")
    );
    assert!(only(&same(&steps, wait(&["two", "one"])), Class::Realtime).summary.contains("order"));
    // What other passes say on a shared server does not count.
    let other = |mark: &str| {
        vec![
            steps[0].clone(),
            Seen(
                "wait",
                Outcome::Messages(vec![heard(
                    "bob",
                    &[
                        said("one"),
                        json!({"type": "message", "user": format!("{mark}-x"), "body": "z"}),
                        said("two"),
                    ],
                    true,
                )]),
            ),
        ]
    };
    let verdict = run(other("mvbbbbbb"), steps.clone(), steps.clone());
    assert_eq!(verdict.verdict, Answer::Equivalent, "{}", text(&verdict));
    // Different senders may interleave in another way.
    let two = |first: &str, second: &str| {
        vec![
            steps[0].clone(),
            Seen(
                "wait",
                Outcome::Messages(vec![heard(
                    "bob",
                    &[json!({"user": first, "n": 1}), json!({"user": second, "n": 1})],
                    true,
                )]),
            ),
        ]
    };
    let verdict = run(two("a", "b"), two("a", "b"), two("b", "a"));
    assert_eq!(verdict.verdict, Answer::Equivalent, "{}", text(&verdict));
}

#[test]
fn single_faults_have_their_class() {
    let page = |headers: &[(&str, &str)], body: &str| {
        vec![Seen("a", http("/api/a", 200, headers, body.as_bytes()))]
    };
    let json_type = ("content-type", "application/json");
    let cases: Vec<(Vec<Seen>, Vec<Seen>, Class)> = vec![
        (
            page(&[json_type, ("x-frame-options", "DENY")], "{}"),
            page(&[json_type], "{}"),
            Class::Proxy,
        ),
        (
            page(&[json_type], "{}"),
            page(&[json_type, ("access-control-allow-origin", "*")], "{}"),
            Class::Proxy,
        ),
        (
            page(&[json_type, ("cache-control", "no-store, private")], "{}"),
            page(&[json_type, ("cache-control", "private")], "{}"),
            Class::Proxy,
        ),
        (
            page(&[json_type], r#"{"a": "caf\u00e9 😀"}"#),
            page(&[json_type], r#"{"a": "caf? ????"}"#),
            Class::Data,
        ),
        (
            page(&[json_type], r#"{"at": "2020-01-01 10:00:00"}"#),
            page(&[json_type], r#"{"at": "2020-01-01 12:00:00"}"#),
            Class::Data,
        ),
        (
            page(&[json_type], r#"{"url": "http://a.example/x"}"#),
            page(&[json_type], r#"{"url": "https://a.example/x"}"#),
            Class::Proxy,
        ),
        (
            page(&[json_type], r#"{"headers": {"x_own": "1"}}"#),
            page(&[json_type], r#"{"headers": {}}"#),
            Class::Proxy,
        ),
        (
            vec![Seen("a", http("/old", 301, &[("location", "http://h/x")], b""))],
            vec![Seen("a", http("/old", 308, &[("location", "http://h/x")], b""))],
            Class::Proxy,
        ),
        (
            vec![Seen("a", http("/old", 301, &[("location", "http://h/x")], b""))],
            vec![Seen("a", http("/old", 301, &[("location", "https://h/x")], b""))],
            Class::Proxy,
        ),
        (
            vec![Seen("a", http("/x.png", 206, &[], b"a"))],
            vec![Seen("a", http("/x.png", 200, &[], b"abc"))],
            Class::Static,
        ),
        (
            vec![Seen("a", http("/x.png", 304, &[], b""))],
            vec![Seen("a", http("/x.png", 200, &[], b"abc"))],
            Class::Static,
        ),
        (
            vec![Seen("a", http("/x/y", 200, &[], b"a"))],
            vec![Seen("a", http("/x/y", 404, &[], b""))],
            Class::Routing,
        ),
        (
            vec![Seen("a", http("/x", 401, &[("www-authenticate", "Basic realm=x")], b"a"))],
            vec![Seen("a", http("/x", 200, &[], b""))],
            Class::Proxy,
        ),
        (
            vec![Seen("a", http("/x", 500, &[("content-type", "text/plain")], b"oops"))],
            vec![Seen(
                "a",
                http(
                    "/x",
                    500,
                    &[("content-type", "text/plain")],
                    b"Error: oops\n    at f (/srv/app.js:3:4)",
                ),
            )],
            Class::Runtime,
        ),
        (
            vec![Seen(
                "a",
                http("/x", 404, &[("content-type", "text/html")], b"<h1>We are sorry</h1>"),
            )],
            vec![Seen("a", http("/x", 404, &[("content-type", "text/html")], b"<h1>nginx</h1>"))],
            Class::Proxy,
        ),
        (
            vec![Seen("a", http("/x.css", 200, &[("content-type", "text/css")], b"a{}"))],
            vec![Seen("a", http("/x.css", 200, &[("content-type", "text/css")], b"b{}"))],
            Class::Static,
        ),
    ];
    for (steps, migrated, class) in cases {
        only(&same(&steps, migrated), class);
    }
}

#[test]
fn lost_compression_is_one_cluster() {
    use std::io::Write as _;
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(b"{\"a\": 1}").unwrap();
    let packed = writer.finish().unwrap();
    let media = ("content-type", "application/json");
    let steps = vec![Seen(
        "a",
        http(
            "/a",
            200,
            &[media, ("content-encoding", "gzip"), ("vary", "Accept-Encoding")],
            &packed,
        ),
    )];
    let verdict = same(&steps, vec![Seen("a", http("/a", 200, &[media], b"{\"a\":1}"))]);
    only(&verdict, Class::Proxy);
}

#[test]
fn a_burst_has_room_for_timing_but_not_for_a_lost_limit() {
    let burst = |refused: usize, code: u16| {
        let mut pass = Vec::new();
        for index in 0..30 {
            pass.push(if index >= 30 - refused { code } else { 200 });
        }
        pass
    };
    let side = |side: Side, statuses: &[u16]| {
        let mut all = pass(side, Vec::new());
        for (index, status) in statuses.iter().enumerate() {
            let mut one = pass(side, vec![Seen("login", http("/api/login", *status, &[], b""))])
                .observations
                .remove(0);
            one.repetition = u32::try_from(index).unwrap();
            all.observations.push(one);
        }
        all
    };
    let judge = |mine: &[u16]| {
        with(
            &[[
                side(Side::Original, &burst(8, 429)),
                side(Side::Again, &burst(9, 429)),
                side(Side::Migrated, mine),
            ]],
            &Rows::default(),
            &[],
        )
    };
    assert_eq!(judge(&burst(6, 429)).verdict, Answer::Equivalent);
    only(&judge(&burst(0, 429)), Class::Proxy);
    only(&judge(&burst(8, 503)), Class::Proxy);
}

#[test]
fn rows_that_are_not_written_are_seen() {
    let delta = |before: u64, after: u64| TableDelta {
        database: "app".into(),
        table: "messages".into(),
        before,
        after,
        columns: vec!["id".into(), "body".into()],
        added: (before..after).map(|id| vec![Some(id.to_string()), Some("text".into())]).collect(),
        key: Some(0),
    };
    let steps = vec![Seen("a", json("/", &json!({})))];
    let passes = [three(steps.clone(), steps.clone(), steps)];
    let judge = |mine: TableDelta| {
        let rows = Rows {
            written: vec![[vec![delta(10, 12)], vec![delta(12, 14)], vec![mine]]],
            ..Rows::default()
        };
        with(&passes, &rows, &[])
    };
    assert_eq!(judge(delta(5, 7)).verdict, Answer::Equivalent);
    only(&judge(delta(5, 6)), Class::Data);
    let mut other = delta(5, 7);
    other.added[1][1] = Some("t?xt".into());
    only(&judge(other), Class::Data);
    let mut null = delta(5, 7);
    null.added[1][1] = None;
    only(&judge(null), Class::Data);
}

#[test]
fn hostile_answers_do_no_harm() {
    let bodies: Vec<Vec<u8>> = vec![
        vec![0xff; 1000],
        "[".repeat(100_000).into_bytes(),
        "<b>".repeat(50_000).into_bytes(),
        vec![b'a'; 33 << 20],
        br#"{"a": "</script>\u0000"}"#.to_vec(),
    ];
    for body in bodies {
        let long = "x".repeat(5000);
        let one = vec![Seen(
            "a",
            http(
                "/a",
                200,
                &[
                    ("content-type", "text/html; =;;"),
                    ("set-cookie", "=;;;="),
                    ("location", "::"),
                    (&long, "\u{fffd}"),
                ],
                b"x",
            ),
        )];
        let mine = vec![Seen(
            "a",
            http(
                "/%ff?[",
                200,
                &[("content-encoding", "gzip"), ("set-cookie", ""), ("location", "http://[")],
                &body,
            ),
        )];
        let started = std::time::Instant::now();
        let verdict = run(one.clone(), one.clone(), mine.clone());
        let _ = (text(&verdict), junit(&verdict));
        run(mine.clone(), one, mine);
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn junit_is_escaped() {
    let steps = vec![Seen("a", json("/", &json!({"<b>": 1})))];
    let verdict = same(&steps, vec![Seen("a", json("/", &json!({"<b>": "\u{1}&"})))]);
    let xml = junit(&verdict);
    assert!(xml.contains("failures=\"1\"") && xml.contains("&lt;b&gt;") && !xml.contains("<b>"));
}

#[test]
fn a_second_run_on_data_that_has_moved_on_raises_nothing() {
    let message = |id: u32, by: &str, body: &str| json!({"id": id, "author": by, "body": body, "createdAt": format!("2026-02-0{}T09:00:00.000Z", id % 9 + 1)});
    // The original holds the rows of earlier runs, the migrated a copy from before and its own.
    let side = |unique: &str, from: u32, made: &[&str], count: u32, last: &str, now: &str| {
        let me = format!("{unique}-amy");
        let mut list: Vec<Value> =
            (from..8).map(|id| message(id, "anna", &format!("seeded {id}"))).collect();
        for (index, mark) in (0_u32..).zip(made) {
            list.push(message(100 + index, &format!("{mark}-amy"), "hello"));
        }
        let own = 200 + count;
        list.push(json!({"id": own, "author": me, "body": "hello", "createdAt": now}));
        let notices: Vec<Message> = made
            .iter()
            .map(|mark| json!({"id": 7, "kind": "info", "body": format!("{mark} notice")}))
            .chain([json!({"id": own, "kind": "info", "body": format!("{unique} notice")})])
            .map(|data| Message {
                kind: "notice".into(),
                id: Some(data["id"].to_string()),
                data: data.to_string(),
                after: Duration::ZERO,
            })
            .collect();
        vec![
            Seen(
                "rooms",
                json(
                    "/api/rooms",
                    &json!({"rooms": [{"slug": "general", "messageCount": count, "lastMessageAt": last}]}),
                ),
            ),
            Seen(
                "post",
                json(
                    "/api/rooms/general/messages",
                    &json!({"message": {"id": own, "author": me, "createdAt": now}}),
                ),
            ),
            Seen(
                "history",
                json("/api/rooms/general/messages", &json!({"messages": list, "before": from})),
            ),
            Seen(
                "notices",
                Outcome::Messages(vec![Heard {
                    name: "feed".into(),
                    messages: notices,
                    complete: true,
                    closed: None,
                    waited: Duration::ZERO,
                }]),
            ),
        ]
    };
    let passes = [three(
        side(
            "mvaaaaaa",
            5,
            &["mvzzzzz1", "mvzzzzz2", "mvzzzzz3"],
            105,
            "2026-02-28T11:00:00.000Z",
            "2026-03-01T10:00:00.100Z",
        ),
        side(
            "mvbbbbbb",
            6,
            &["mvzzzzz1", "mvzzzzz2", "mvzzzzz3", "mvaaaaaa"],
            105,
            "2026-02-28T11:00:00.000Z",
            "2026-03-01T10:00:05.100Z",
        ),
        side(
            "mvcccccc",
            3,
            &["mvzzzzz9"],
            103,
            "2026-02-28T11:00:09.000Z",
            "2026-03-01T10:00:10.100Z",
        ),
    )];
    let delta = |before: u64| TableDelta {
        database: "app".into(),
        table: "messages".into(),
        before,
        after: before + 1,
        columns: vec![],
        added: vec![],
        key: None,
    };
    let rows = Rows {
        definitions: Vec::new(),
        written: vec![[vec![delta(105)], vec![delta(106)], vec![delta(103)]]],
        copied: vec![copied((3, "cc"), (3, "dd"), &[])],
        copied_at: Some("2026-02-28T10:00:00Z".parse().unwrap()),
    };
    let verdict = with(&passes, &rows, &[]);
    assert_eq!(verdict.verdict, Answer::Equivalent, "{}", text(&verdict));
}

/// Data as servers answer with.
fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_u32..50).prop_map(Value::from),
        (0_i64..4_000_000_000_000).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        "[0-9a-f]{16}".prop_map(Value::from),
        "[ -~é😀]{0,12}".prop_map(Value::from),
        "mv[a-z0-9]{6}".prop_map(Value::from),
        "20[0-3][0-9]-0[1-9]-1[0-9][T ]1[0-9]:00:00(\\.[0-9]{1,3})?Z?".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("(id|userId|name|count|at|[a-c])", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// What the original itself answers is never a fault.
    #[test]
    fn either_answer_of_the_original_is_accepted(first in data(), again in data(), pick in any::<bool>()) {
        let seen = |value: &Value| vec![Seen("a", json("/api/a", value))];
        let mine = if pick { &again } else { &first };
        let verdict = run(seen(&first), seen(&again), seen(mine));
        prop_assert!(fails(&verdict).is_empty(), "{}", text(&verdict));
    }

    /// A scalar that never varied and is another on the migrated is always seen.
    #[test]
    fn a_changed_field_is_never_missed(mut map in prop::collection::btree_map("[a-c]", 0_u32..50, 1..4), other in 100_u32..200) {
        let first = json!({"data": map.clone()});
        if let Some(value) = map.values_mut().next() {
            *value = other;
        }
        let steps = vec![Seen("a", json("/api/a", &first))];
        let verdict = same(&steps, vec![Seen("a", json("/api/a", &json!({"data": map})))]);
        prop_assert!(!fails(&verdict).is_empty());
    }
}

/// A burst of so many, of which the first so many are taken, a tenth of a second between tokens.
fn burst(side: Side, taken: usize, refusal: u16, headers: &[(&str, &str)]) -> Pass {
    let steps = (0..40)
        .map(|index| {
            Seen(
                "/login",
                if index < taken {
                    http("/login", 404, &[], b"no")
                } else {
                    http("/login", refusal, headers, b"slow down")
                },
            )
        })
        .collect();
    let mut pass = pass(side, steps);
    for (repetition, seen) in (0..).zip(&mut pass.observations) {
        seen.repetition = repetition;
        seen.every = Some(Duration::from_millis(100));
    }
    pass
}

#[test]
fn a_burst_shows_what_a_rate_limit_does() {
    let judged = |migrated: Pass| {
        let originals = (burst(Side::Original, 21, 429, &[]), burst(Side::Again, 22, 429, &[]));
        let tree = BTreeMap::from([(
            "compose/nginx.conf".to_owned(),
            "server {\n  location /login {\n    limit_req zone=a burst=5;\n  }\n}\n".to_owned(),
        )]);
        let context = Context {
            inventory: None,
            plan: None,
            target: None,
            tree: &tree,
            original: "http://a",
            migrated: "http://b",
        };
        let passes = [[originals.0, originals.1, migrated]];
        judge(&passes, &Rows::default(), &context).clusters
    };
    let at = |status| burst(Side::Migrated, 21, status, &[]);
    assert!(judged(at(429)).is_empty());
    assert!(judged(burst(Side::Migrated, 22, 429, &[])).is_empty());
    for (migrated, summary) in [
        (at(503), "503 in place of 429"),
        (burst(Side::Migrated, 40, 429, &[]), "gone"),
        (burst(Side::Migrated, 6, 429, &[]), "fewer"),
        (burst(Side::Migrated, 35, 429, &[]), "more"),
        (burst(Side::Migrated, 21, 429, &[("retry-after", "1")]), "retry-after"),
    ] {
        let clusters = judged(migrated);
        assert_eq!(clusters.len(), 1, "{clusters:?}");
        assert_eq!(clusters[0].class, Class::Proxy);
        assert!(clusters[0].summary.contains(summary), "{}", clusters[0].summary);
        if !summary.contains("retry") {
            let cause = &clusters[0].likely_cause;
            assert_eq!((cause.path.as_deref(), cause.line), (Some("compose/nginx.conf"), Some(3)));
        }
    }
}
