//! What only functions do to an answer.

use super::*;

#[test]
fn cookies_joined_to_one_header_are_one_cluster_also_when_they_lock_users_out() {
    let two = [("set-cookie", "lang=de; Path=/"), ("set-cookie", "sid=abc123; HttpOnly")];
    let one = [("set-cookie", "lang=de; Path=/,sid=abc123; HttpOnly")];
    let steps = |cookies: &[(&str, &str)], status| {
        vec![
            Seen("login", http("/login", 303, cookies, b"")),
            Seen("account", http("/account", status, &[], b"x")),
        ]
    };
    let verdict = same(&steps(&two, 200), steps(&one, 401));
    let cluster = only(&verdict, Class::Serverless);
    assert!(cluster.summary.contains("joined"), "{cluster:?}");
    // A comma in a date or a value joins nothing.
    let dated =
        [("set-cookie", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), ("set-cookie", "b=1,c=2")];
    assert!(fails(&same(&steps(&dated, 200), steps(&dated, 200))).is_empty());
}

#[test]
fn a_body_left_in_base64_is_named() {
    let image = [("content-type", "image/png")];
    let verdict = same(
        &[Seen("a", http("/a.png", 200, &image, b"\x89PNG\r\n\x1a\n\x00\x01"))],
        vec![Seen("a", http("/a.png", 200, &image, b"iVBORw0KGgoAAQ=="))],
    );
    assert!(only(&verdict, Class::Serverless).summary.contains("base64"));
}

#[test]
fn what_is_not_there_yet_on_functions_is_work_after_the_answer() {
    let entries =
        |list: &[&str]| vec![Seen("readers", json("/api/readers", &json!({"readers": list})))];
    let judged = |target| {
        let passes = [three(entries(&["ann", "bob"]), entries(&["ann", "bob"]), entries(&["ann"]))];
        let context = Context {
            inventory: None,
            plan: None,
            target: Some(target),
            tree: &BTreeMap::new(),
            original: "http://a",
            migrated: "http://b",
        };
        judge(&passes, &Rows::default(), &context).clusters
    };
    let classes = |target| judged(target).iter().map(|one| one.class).collect::<Vec<_>>();
    assert_eq!(classes("emulate"), [Class::Serverless]);
    assert_eq!(classes("compose"), [Class::Data]);
}
