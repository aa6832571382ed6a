//! Names and values that try to be something else: they stay what they are, or are refused.

use std::path::Path;

use super::golden::{cases, planned};
use crate::generate::{templates, tree};
use crate::model::inventory::Inventory;
use crate::model::plan::{EnvVar, Plan};
use crate::model::target::Target;

const VALUES: [&str; 9] = [
    "line\nbreak: true\n- x",
    "\"quoted\" 'twice' \\ back",
    "${PATH} $PATH $$ $(id) `id`",
    "{{ name }} {% raw %} {# x #}",
    "a: b # c",
    "\u{2028}\u{85}\u{feff}\u{7}",
    "$(MIGRATE_OTHER) $$(NOT)",
    "- [x, {y: z}]",
    "",
];

fn generate(
    target: Target,
    case: &Path,
    inventory: &Inventory,
    plan: &Plan,
) -> crate::error::Result<crate::generate::Tree> {
    let captured = |path: &str| {
        Ok(std::fs::read_to_string(case.join("source").join(path.trim_start_matches('/'))).ok())
    };
    tree(target, plan, inventory, &captured, "private")
}

/// What Kubernetes makes of a variable's value: `$$` is a dollar, `$(NAME)` a reference.
fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('$', Some('$')) => {
                characters.next();
                out.push('$');
            }
            ('$', Some('(')) => out.push_str("<reference>"),
            _ => out.push(character),
        }
    }
    out
}

/// What compose makes of a value: `$$` is a dollar, any other dollar a variable.
fn interpolated(text: &str) -> String {
    assert!(!text.replace("$$", "").contains('$'), "{text:?} would be filled in");
    text.replace("$$", "$")
}

#[test]
fn values_arrive_as_they_are() {
    let case = &cases()[0];
    let (inventory, mut plan) = planned(case);
    let app = plan.workloads.iter_mut().find(|workload| workload.id == "talk").expect("talk");
    app.environment = VALUES
        .iter()
        .enumerate()
        .map(|(number, value)| EnvVar {
            name: format!("V{number}"),
            value: Some((*value).to_owned()),
            secret: None,
            reason: Some((*value).to_owned()),
        })
        .collect();
    app.command =
        VALUES.iter().map(|value| (*value).to_owned()).filter(|v| !v.is_empty()).collect();
    app.command.retain(|word| !word.contains(|c: char| c.is_control()));
    app.reason = VALUES.join(" ");
    let command = app.command.clone();
    let compose = generate(Target::Compose, case, &inventory, &plan).expect("a tree");
    let file: serde_json::Value =
        serde_saphyr::from_str(&compose["compose.yaml"]).expect("compose.yaml");
    let k8s = generate(Target::K8s, case, &inventory, &plan).expect("a tree");
    let pod: serde_json::Value =
        serde_saphyr::from_str(&k8s["base/talk/deployment.yaml"]).expect("a deployment");
    let container = &pod["spec"]["template"]["spec"]["containers"][0];
    for (number, value) in VALUES.iter().enumerate() {
        let read = file["services"]["talk"]["environment"][format!("V{number}")].as_str();
        assert_eq!(interpolated(read.expect("a value")), *value);
        let read = container["env"][number]["value"].as_str().expect("a value");
        assert_eq!(expanded(read), *value);
    }
    for (number, word) in command.iter().enumerate() {
        let read = file["services"]["talk"]["entrypoint"][number].as_str().expect("a word");
        assert_eq!(interpolated(read), *word);
        assert_eq!(expanded(container["command"][number].as_str().expect("a word")), *word);
    }
}

/// An edit that makes a plan hostile.
type Edit = fn(&mut Plan);

#[test]
fn names_and_paths_that_could_break_out_are_refused() {
    let case = &cases()[0];
    let (inventory, plan) = planned(case);
    let edits: [(&str, Edit); 12] = [
        ("name", |plan| plan.name = "a/../b".into()),
        ("id", |plan| plan.workloads[0].id = "x\ny".into()),
        ("path", |plan| plan.workloads[0].files[0].path = "/etc/../../x".into()),
        ("scratch", |plan| plan.workloads[0].scratch[0] = "/run:exec".into()),
        ("variable", |plan| plan.workloads[1].environment[0].name = "A: b".into()),
        ("secret", |plan| plan.secrets[0].name = "x}".into()),
        ("root", |plan| plan.workloads[0].user.uid = 0),
        ("base", |plan| plan.workloads[0].image.upstream = "x\nRUN id".into()),
        ("directory", |plan| plan.workloads[1].directory = Some("/srv\nRUN id".into())),
        ("command", |plan| plan.workloads[1].command = vec!["x\nRUN id".into()]),
        ("egress", |plan| {
            let (host, reason) = ("x\n    - to: []".into(), String::new());
            plan.workloads[1].egress.push(crate::model::plan::Egress { host, port: 25, reason });
        }),
        ("volume", |plan| plan.workloads[1].mounts[0].volume = "none".into()),
    ];
    for (what, edit) in edits {
        let mut plan = plan.clone();
        edit(&mut plan);
        for target in Target::ALL {
            let refused = generate(target, case, &inventory, &plan);
            assert!(refused.is_err(), "{what} was taken for {}", target.name());
        }
    }
}

#[test]
fn every_template_is_rendered_by_a_case() {
    let mut unused: Vec<String> = templates::names();
    // Parts of others, and what no case of the goldens has.
    let included = ["docker/upstream-tail.tera"];
    unused.retain(|name| !included.contains(&name.as_str()) && !templates::was_rendered(name));
    for case in cases() {
        let (inventory, plan) = planned(&case);
        for target in Target::ALL {
            generate(target, &case, &inventory, &plan).expect("a tree");
        }
    }
    unused.retain(|name| !templates::was_rendered(name));
    assert!(unused.is_empty(), "no case renders {unused:?}");
}
