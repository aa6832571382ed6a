//! Rate limits, tried by a burst.

use super::*;

/// A burst of so many, of which the first so many are taken, a tenth of a second between tokens.
fn burst(side: Side, taken: usize, refusal: u16, headers: &[(&str, &str)]) -> Pass {
    let steps = (0..40)
        .map(|index| {
            if index < taken {
                Seen("/login", http("/login", 404, &[], b"no"))
            } else {
                Seen("/login", http("/login", refusal, headers, b"slow down"))
            }
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
