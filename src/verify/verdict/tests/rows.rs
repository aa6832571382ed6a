//! Faults in what is stored.

use super::*;

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
