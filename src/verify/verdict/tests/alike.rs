//! What must not be told as a difference.

use super::*;

#[test]
fn the_same_is_equivalent() {
    let steps = vec![Seen("a", json("/api/orders", &json!({"orders": [1, 2]})))];
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
                "orders",
                json(
                    "/api/orders",
                    &json!({"orders": [{"slug": "general", "itemCount": count, "lastItemAt": last}]}),
                ),
            ),
            Seen(
                "post",
                json(
                    "/api/orders/general/items",
                    &json!({"message": {"id": own, "author": me, "createdAt": now}}),
                ),
            ),
            Seen(
                "history",
                json("/api/orders/general/items", &json!({"messages": list, "before": from})),
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
        written: vec![[vec![delta(105)], vec![delta(106)], vec![delta(103)]]],
        copied: vec![copied((3, "cc"), (3, "dd"), &[])],
        copied_at: Some("2026-02-28T10:00:00Z".parse().unwrap()),
        definitions: Vec::new(),
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
