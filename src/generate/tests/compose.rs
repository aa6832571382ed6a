//! compose.yaml holds together: what a service names is there, and no secret is a value.

use std::collections::BTreeSet;

use serde_json::Value;

use super::golden::{cases, generated, planned};
use crate::model::target::Target;

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The networks of a service: a list, or a mapping when it has an address of its own.
fn joined(service: &Value) -> BTreeSet<String> {
    let networks = &service["networks"];
    let listed = list(networks).map(|name| name.as_str().expect("a name").to_owned());
    listed.chain(keys(networks)).collect()
}

#[test]
fn every_name_leads_somewhere() {
    const KEYS: [&str; 24] = [
        "image",
        "user",
        "group_add",
        "entrypoint",
        "command",
        "working_dir",
        "environment",
        "configs",
        "secrets",
        "volumes",
        "read_only",
        "tmpfs",
        "networks",
        "ports",
        "depends_on",
        "healthcheck",
        "restart",
        "stop_grace_period",
        "mem_limit",
        "cap_drop",
        "security_opt",
        "sysctls",
        "init",
        "labels",
    ];
    for case in cases() {
        let (_, plan) = planned(&case);
        let tree = generated(&case, Target::Compose);
        let file: Value = serde_saphyr::from_str(&tree["compose.yaml"]).expect("compose.yaml");
        let (services, volumes) = (keys(&file["services"]), keys(&file["volumes"]));
        let (networks, secrets) = (keys(&file["networks"]), keys(&file["secrets"]));
        assert_eq!(services.len(), plan.workloads.len());
        let mut named_volumes = BTreeSet::new();
        for (id, service) in file["services"].as_object().expect("services") {
            for key in keys(service) {
                assert!(KEYS.contains(&key.as_str()), "{id}: {key}");
            }
            for config in list(&service["configs"]) {
                let name = config["source"].as_str().expect("a name");
                let path = file["configs"][name]["file"].as_str().expect("a file");
                let path = path.strip_prefix("./").expect("beside compose.yaml");
                assert!(tree.contains_key(path), "{id}: {path} is not in the tree");
            }
            for secret in list(&service["secrets"]) {
                assert!(secrets.contains(secret["source"].as_str().expect("a name")), "{id}");
            }
            for volume in list(&service["volumes"]) {
                named_volumes.insert(volume["source"].as_str().expect("a name").to_owned());
            }
            for network in joined(service) {
                assert!(networks.contains(&network), "{id}");
            }
            for other in keys(&service["depends_on"]) {
                assert!(services.contains(&other), "{id} waits for {other}");
                let shared = |name: &str| joined(&file["services"][name]);
                assert!(!shared(id).is_disjoint(&shared(&other)), "{id} does not reach {other}");
            }
        }
        assert_eq!(named_volumes, volumes);
        for secret in &plan.secrets {
            assert!(
                tree[".env.example"].contains(&format!("\n{}=\n", secret.name)),
                "{}",
                secret.name
            );
        }
    }
}

#[test]
fn the_clock_runs_in_a_shell() {
    for case in cases() {
        for (path, text) in generated(&case, Target::Compose) {
            if !path.ends_with(".sh") {
                continue;
            }
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), &text).expect("written");
            let checked = std::process::Command::new("sh")
                .arg("-n")
                .arg(file.path())
                .status()
                .expect("a shell");
            assert!(checked.success(), "{path}");
        }
    }
}
