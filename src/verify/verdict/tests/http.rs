//! Faults in single answers: status, headers, cookies, bodies.

use super::*;

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
fn a_header_of_the_proxy_is_shown_where_the_source_sets_it() {
    let old = "http {\nserver {\nlocation / {\nproxy_pass http://app;\n}\nadd_header X-Frame-Options DENY;\n}\n}\n";
    let new = "server {\nlocation / {\nproxy_pass http://app;\n}\n}\n";
    let first = || vec![Seen("page", http("/x", 200, &[("x-frame-options", "DENY")], b"a"))];
    let verdict = with(
        &[three(first(), first(), vec![Seen("page", http("/x", 200, &[], b"a"))])],
        &Rows::default(),
        &[("k8s/base/web/site.conf", new), (".migrate/source/etc/nginx/nginx.conf", old)],
    );
    let cause = &only(&verdict, Class::Proxy).likely_cause;
    assert_eq!(
        cause.evidence,
        Some(crate::model::evidence::Evidence::line("/etc/nginx/nginx.conf", 6))
    );
    assert_eq!(cause.path.as_deref(), Some("k8s/base/web/site.conf"));
}
