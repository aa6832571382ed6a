//! Answers that mean harm, and the forms that the verdict is printed in.

use super::*;

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
