//! The whole way from hand-made passes to clusters.

mod alike;
mod burst;
mod hostile;
mod http;
mod live;
mod rows;

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
        base: "http://shop.example.org".into(),
        client_address: None,
        observations: steps
            .into_iter()
            .map(|Seen(step, outcome)| Observation {
                step: step.into(),
                repetition: 0,
                every: None,
                sent: format!("GET {step}"),
                claimed: Vec::new(),
                origin: None,
                at: at.parse().unwrap(),
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

const SITE: &str = "server {\n  listen 8080;\n  include mime.types;\n  location / {\n    try_files $uri /index.html;\n  }\n  location /api/ {\n    proxy_pass http://app;\n    proxy_set_header X-Forwarded-Proto $scheme;\n  }\n  location = /ws {\n    proxy_pass http://app;\n  }\n}\n";
const APP: &str = "kind: Deployment\nmetadata:\n  name: app\nspec:\n  replicas: 2\n";
const TREE: &[(&str, &str)] =
    &[("k8s/base/web/site.conf", SITE), ("k8s/base/app/deployment.yaml", APP)];
