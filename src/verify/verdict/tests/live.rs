//! Faults in what is heard: sockets and broadcasts.

use super::*;

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
