//! Every generated Kubernetes document is what its type says, with no field unknown to it.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, PodSpec, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::golden::{cases, generated};
use crate::model::target::Target;

/// The documents of a YAML text as data.
fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).expect("YAML")
}

/// Parses as `T` and back: a field that `T` does not know would be lost.
fn strict<T: Serialize + DeserializeOwned>(document: &Value, path: &str) {
    let typed: T =
        serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut back = serde_json::to_value(&typed).expect("JSON");
    let mut document = document.clone();
    normalise(&mut document);
    normalise(&mut back);
    similar_asserts(&document, &back, path);
}

fn similar_asserts(left: &Value, right: &Value, path: &str) {
    let text = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    assert!(
        left == right,
        "{path} holds what its type does not know:\n{}",
        diffy::create_patch(&text(left), &text(right))
    );
}

/// Empty maps are left out by the types.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(normalise);
            map.retain(|key, value| {
                key == "emptyDir"
                    || key == "podSelector"
                    || !value.as_object().is_some_and(serde_json::Map::is_empty)
            });
            map.retain(|_, value| !value.is_null());
        }
        Value::Array(list) => list.iter_mut().for_each(normalise),
        _ => {}
    }
}

#[test]
fn documents_parse_as_their_types() {
    for case in cases() {
        let mut seen = 0;
        for (path, text) in generated(&case, Target::K8s) {
            if !path.starts_with("base/")
                || path.contains("/config/")
                || path.ends_with("kustomization.yaml")
            {
                continue;
            }
            for document in documents(&text) {
                let check = match document["kind"].as_str().expect("a kind") {
                    "Namespace" => strict::<Namespace>,
                    "Deployment" => strict::<Deployment>,
                    "StatefulSet" => strict::<StatefulSet>,
                    "CronJob" => strict::<CronJob>,
                    "Service" => strict::<Service>,
                    "Ingress" => strict::<Ingress>,
                    "NetworkPolicy" => strict::<NetworkPolicy>,
                    "PersistentVolumeClaim" => strict::<PersistentVolumeClaim>,
                    kind => panic!("{path}: a {kind} that nobody checks"),
                };
                check(&document, &path);
                seen += 1;
            }
        }
        assert!(seen > 10, "{}: {seen} documents", case.display());
    }
}

/// The pod specs of a tree.
fn pods(case: &std::path::Path) -> Vec<(String, PodSpec)> {
    let mut pods = Vec::new();
    for (path, text) in generated(case, Target::K8s) {
        let pointer = if path.ends_with("/cronjob.yaml") {
            "/spec/jobTemplate/spec/template/spec"
        } else if path.ends_with("/deployment.yaml") || path.ends_with("/statefulset.yaml") {
            "/spec/template/spec"
        } else {
            continue;
        };
        let document = documents(&text).remove(0);
        let spec = document.pointer(pointer).expect("a pod").clone();
        pods.push((path, serde_json::from_value(spec).expect("a pod spec")));
    }
    pods
}

#[test]
fn pods_meet_the_restricted_level_and_every_mount_has_its_volume() {
    for case in cases() {
        for (path, pod) in pods(&case) {
            let security = pod.security_context.clone().expect("a security context");
            assert_eq!(security.run_as_non_root, Some(true), "{path}");
            assert!(security.run_as_user.is_some_and(|uid| uid > 0), "{path}");
            assert_eq!(pod.automount_service_account_token, Some(false), "{path}");
            assert_eq!(
                security.seccomp_profile.map(|profile| profile.type_).as_deref(),
                Some("RuntimeDefault"),
                "{path}"
            );
            let mut volumes: Vec<String> =
                pod.volumes.iter().flatten().map(|volume| volume.name.clone()).collect();
            if path.ends_with("/statefulset.yaml") {
                volumes.push(format!("{}-data", path.split('/').nth(1).expect("an id")));
            }
            for container in pod.containers.iter().chain(pod.init_containers.iter().flatten()) {
                let own = container.security_context.clone().expect("a security context");
                assert_eq!(own.allow_privilege_escalation, Some(false), "{path}");
                assert_eq!(own.read_only_root_filesystem, Some(true), "{path}");
                let drop = own.capabilities.and_then(|capabilities| capabilities.drop);
                assert_eq!(drop, Some(vec!["ALL".to_owned()]), "{path}");
                for mount in container.volume_mounts.iter().flatten() {
                    assert!(volumes.contains(&mount.name), "{path}: {} is no volume", mount.name);
                }
                for variable in container.env.iter().flatten() {
                    assert!(variable.value.is_some() != variable.value_from.is_some(), "{path}");
                }
            }
        }
    }
}

#[test]
fn a_relay_stands_where_the_others_connect() {
    let mut relays = 0;
    for case in cases() {
        let tree = generated(&case, Target::K8s);
        for (path, pod) in pods(&case) {
            let Some(relay) = pod.init_containers.iter().flatten().find(|one| one.name == "relay")
            else {
                continue;
            };
            assert_eq!(relay.restart_policy.as_deref(), Some("Always"), "it runs beside the app");
            let id = path.split('/').nth(1).expect("an id");
            let port = relay.ports.as_ref().expect("ports")[0].container_port;
            let service = documents(&tree[&format!("base/{id}/service.yaml")]).remove(0);
            assert_eq!(service["spec"]["ports"][0]["targetPort"], port);
            let app = service["spec"]["ports"][0]["port"].as_i64().expect("a port");
            assert_eq!(
                relay.command.as_ref().expect("a command").last(),
                Some(&format!("{port}:{app}"))
            );
            // The app itself is reached by nobody but the relay.
            let policies: Vec<Value> = tree
                .iter()
                .filter(|(path, _)| path.ends_with("/networkpolicy.yaml"))
                .flat_map(|(_, text)| documents(text))
                .filter(|policy| {
                    policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == *id
                        && policy["spec"]["policyTypes"][0] == "Ingress"
                })
                .collect();
            assert!(!policies.is_empty(), "{path}");
            for policy in policies {
                assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], port);
            }
            relays += 1;
        }
    }
    assert!(relays > 0, "a case has one");
}
