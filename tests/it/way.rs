//! The whole way: the sample moved to a target is `equivalent`, each injected fault is `different`,
//! and no secret is left behind.

use serde_json::Value;

use crate::support::{CANARY, Case, Moved, cases, command};

pub(crate) fn tests() -> Vec<Case> {
    cases![
        docker_compose_is_equivalent,
        docker_compose_data_has_arrived,
        docker_compose_leaves_no_secret_behind,
        docker_compose_sees_a_lost_upgrade,
        docker_compose_sees_a_smaller_body_limit,
        docker_compose_sees_a_missing_row,
        docker_compose_sees_a_cookie_attribute,
        docker_compose_sees_a_wrong_mime_type,
        docker_compose_sees_two_replicas_with_broadcast_in_memory,
        docker_compose_sees_a_forged_address_believed,
        docker_compose_is_equivalent_again,
        cluster_k8s_is_equivalent,
        cluster_k8s_data_has_arrived,
        cluster_k8s_leaves_no_secret_behind,
        cluster_k8s_sees_a_lost_upgrade,
        cluster_k8s_sees_a_smaller_body_limit,
        cluster_k8s_sees_a_missing_row,
        cluster_k8s_sees_a_cookie_attribute,
        cluster_k8s_sees_a_wrong_mime_type,
        cluster_k8s_sees_two_replicas_with_broadcast_in_memory,
        cluster_k8s_is_equivalent_again,
    ]
}

/// Makes the tests of one target.
macro_rules! on_target {
    ($moved:path; $($name:ident = $check:ident),* $(,)?) => {
        $(fn $name() { $check($moved()); })*
    };
}

on_target! { Moved::to_compose;
    docker_compose_is_equivalent = equivalent,
    docker_compose_data_has_arrived = data_has_arrived,
    docker_compose_leaves_no_secret_behind = no_secret,
    docker_compose_sees_a_lost_upgrade = lost_upgrade,
    docker_compose_sees_a_smaller_body_limit = body_limit,
    docker_compose_sees_a_missing_row = missing_row,
    docker_compose_sees_a_cookie_attribute = cookie_attribute,
    docker_compose_sees_a_wrong_mime_type = mime_type,
    docker_compose_sees_two_replicas_with_broadcast_in_memory = two_replicas,
    docker_compose_sees_a_forged_address_believed = forged_address,
    docker_compose_is_equivalent_again = equivalent,
}

on_target! { Moved::to_k8s;
    cluster_k8s_is_equivalent = equivalent,
    cluster_k8s_data_has_arrived = data_has_arrived,
    cluster_k8s_leaves_no_secret_behind = no_secret,
    cluster_k8s_sees_a_lost_upgrade = lost_upgrade,
    cluster_k8s_sees_a_smaller_body_limit = body_limit,
    cluster_k8s_sees_a_missing_row = missing_row,
    cluster_k8s_sees_a_cookie_attribute = cookie_attribute,
    cluster_k8s_sees_a_wrong_mime_type = mime_type,
    cluster_k8s_sees_two_replicas_with_broadcast_in_memory = two_replicas,
    cluster_k8s_is_equivalent_again = equivalent,
}

fn equivalent(moved: &Moved) {
    let verdict = moved.verify(0);
    assert_eq!(verdict["schema"], "migrate/verdict/1");
    assert_eq!(verdict["verdict"], "equivalent", "{verdict:#}");
    assert!(verdict["exchanges"].as_u64() > Some(100), "much was compared: {verdict:#}");
    let locations = &verdict["coverage"]["locations"];
    let number = |name: &str| locations[name].as_u64().expect("a number of locations");
    assert!(number("total") > 5, "the sample has many locations: {verdict:#}");
    assert_eq!(number("seen"), number("total"), "all were looked at: {verdict:#}");
}

fn data_has_arrived(moved: &Moved) {
    // The old server lives on: sessions and what verify wrote differ; what was seeded must not.
    let check = moved
        .call(["data", "check", "--from", "source", "--to", moved.target, "--format", "json"])
        .json();
    let tables = check["tables"].as_array().expect("a list of tables");
    let digests = tables.iter().find(|table| table["table"] == "digests").expect("its table");
    assert_eq!(digests["equal"], true, "{check:#}");
    assert_eq!(moved.sql("SELECT COUNT(*) FROM chat.messages WHERE id <= 5000").trim(), "5000");
}

fn no_secret(moved: &Moved) {
    for entry in walkdir::WalkDir::new(moved.workspace.path()) {
        let path = entry.expect("listed").into_path();
        if path.is_file() {
            let bytes = std::fs::read(&path).expect("readable");
            assert!(!holds(&bytes, CANARY), "{} holds the password", path.display());
        }
    }
    let images = moved.build["images"].as_array().expect("a list of images");
    assert!(images.len() >= 3, "app, proxy and database have images: {images:#?}");
    for image in images {
        let name = image["image"].as_str().expect("its name");
        let file = moved.workspace.path().join("image.tar");
        let path = file.to_str().expect("a plain path");
        command("docker", ["save", "-o", path, name]).run().expect_code(0);
        let search = ["--text", "--count", CANARY, path];
        let found = command("grep", search).run();
        std::fs::remove_file(&file).expect("removable");
        // This engine saves layers as they are; `file` would be far smaller if it packed them.
        assert_eq!(found.stdout.trim(), "0", "{name}: a layer or the history holds the password");
    }
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// The clusters of tier `fail`, which must be there, all of this class first, and few.
#[track_caller]
fn fails(verdict: &Value, class: &str) -> Vec<Value> {
    assert_eq!(verdict["verdict"], "different", "{verdict:#}");
    let all = verdict["clusters"].as_array().expect("a list of clusters");
    let fails: Vec<Value> =
        all.iter().filter(|cluster| cluster["tier"] == "fail").cloned().collect();
    assert!(!fails.is_empty(), "{verdict:#}");
    assert_eq!(fails[0]["class"], class, "{fails:#?}");
    assert!(fails.len() <= 2, "one fault, not a list of symptoms: {fails:#?}");
    fails
}

/// The likely cause of the first cluster names this file of the workspace.
#[track_caller]
fn points_at(fails: &[Value], file: &str) {
    assert_eq!(fails[0]["likely_cause"]["path"], file, "{:#}", fails[0]);
}

fn lost_upgrade(moved: &Moved) {
    let edit = moved.with_edit("proxy_set_header Upgrade $http_upgrade;", "");
    points_at(&fails(&moved.verify(1), "realtime"), &edit.file());
}

fn body_limit(moved: &Moved) {
    let edit = moved.with_edit("client_max_body_size 8m;", "client_max_body_size 1m;");
    points_at(&fails(&moved.verify(1), "proxy"), &edit.file());
}

fn missing_row(moved: &Moved) {
    let columns = "id, room_id, user_id, upload_id, body, created_at";
    let last = "ORDER BY id DESC LIMIT 1";
    let seeded = "FROM chat.messages WHERE id <= 5000";
    let row = moved.sql(&format!(
        "SELECT CONCAT_WS(',', id, room_id, user_id, QUOTE(upload_id), QUOTE(body), \
         QUOTE(created_at)) {seeded} {last}"
    ));
    moved.sql(&format!("DELETE {seeded} {last}"));
    let verdict = std::panic::catch_unwind(|| moved.verify(1));
    moved.sql(&format!("INSERT INTO chat.messages ({columns}) VALUES ({})", row.trim_end()));
    let verdict = verdict.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let first = &fails(&verdict, "data")[0];
    let cause = first["likely_cause"]["text"].as_str().expect("a cause in words");
    assert!(cause.contains("messages"), "the table is named: {first:#}");
}

fn cookie_attribute(moved: &Moved) {
    let edit = moved.with_edit(
        "proxy_http_version 1.1;",
        "proxy_http_version 1.1;\nproxy_cookie_flags chat.sid nosamesite;",
    );
    points_at(&fails(&moved.verify(1), "session"), &edit.file());
}

fn mime_type(moved: &Moved) {
    let edit = moved.with_edit("application/javascript  ", "text/plain  ");
    points_at(&fails(&moved.verify(1), "static"), &edit.file());
}

fn two_replicas(moved: &Moved) {
    let edit = if moved.target == "k8s" {
        let file = moved.workspace.path().join("k8s/overlays/private/kustomization.yaml");
        moved.with_edit_of(&file, "- name: chat\n    count: 1", "- name: chat\n    count: 2")
    } else {
        let service = "\n  chat:\n";
        moved.with_edit(service, &format!("{service}    scale: 2\n"))
    };
    points_at(&fails(&moved.verify(1), "realtime"), &edit.file());
}

/// An app that believes every private network believes what a client behind the engine's gateway
/// says of itself.
fn forged_address(moved: &Moved) {
    let file = moved.workspace.path().join("compose/compose.yaml");
    let text = std::fs::read_to_string(&file).expect("readable");
    let line = text.lines().find(|line| line.contains("TRUST_PROXY:")).expect("the app's trust");
    let wide = format!(
        "{}: \"loopback, uniquelocal, 198.18.0.0/15\"",
        line.split(':').next().unwrap_or(line)
    );
    let edit = moved.with_edit_of(&file, line, &wide);
    points_at(&fails(&moved.verify(1), "proxy"), &edit.file());
}
