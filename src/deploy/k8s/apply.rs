//! Objects onto the cluster: applied by the server, shown before, pruned after.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, ValidationDirective,
};
use serde::Serialize;
use serde_json::Value;

use super::cluster::Cluster;
use super::render::{INSTANCE, MANAGED_BY, Object};
use crate::connection::pod::failed;
use crate::error::{Error, Result};

/// Who owns the fields that deploy sets.
const MANAGER: &str = "migrate";

/// Kinds that a tree may hold and that are deleted when a later tree holds them no more. Claims of
/// volumes are not among them: data is only deleted on demand.
pub(super) const PRUNED: [(&str, &str); 13] = [
    ("networking.k8s.io/v1", "Ingress"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "Service"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "ConfigMap"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("v1", "ServiceAccount"),
];

/// What a deploy would do to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// `create`, `change`, `keep` or `delete`.
    pub(crate) action: &'static str,
    /// `Kind/name`.
    pub(crate) object: String,
    /// For a change: the fields, with the value before and after.
    pub(crate) fields: Vec<String>,
}

fn parameters(dry_run: bool) -> PatchParams {
    PatchParams {
        dry_run,
        force: false,
        field_manager: Some(MANAGER.into()),
        field_validation: Some(ValidationDirective::Strict),
    }
}

/// Applies one object; returns it as it then is.
pub(super) async fn apply(
    cluster: &Cluster,
    object: &Object,
    dry_run: bool,
) -> Result<DynamicObject> {
    let api = cluster.api_of(object).await?;
    api.patch(&object.name, &parameters(dry_run), &Patch::Apply(&object.value))
        .await
        .map_err(|error| explain(object, &error))
}

/// An error of apply; another owner of a field is named with what to do.
fn explain(object: &Object, error: &kube::Error) -> Error {
    let what = format!("apply {}", object.title());
    let kube::Error::Api(status) = error else { return failed(what, error) };
    if status.code == 409 && status.reason == "Conflict" {
        let causes: Vec<String> = status
            .details
            .iter()
            .flat_map(|details| &details.causes)
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        return Error::remote(format!(
            "failed to {what}: others have set fields that the tree sets ({})",
            causes.join("; ")
        ))
        .help("take their values into the overlay, or undo their change, and deploy again");
    }
    if status.code == 422 && object.kind == "StatefulSet" {
        return Error::remote(format!("failed to {what}: {}", status.message)).help(format!(
            "this field of a StatefulSet cannot be changed: delete it with `kubectl -n NAMESPACE \
             delete statefulset {} --cascade=orphan` (its volumes stay) and deploy again",
            object.name
        ));
    }
    // The server repeats the value that it refuses; that of a Secret must not be shown.
    if object.kind == "Secret" {
        return Error::remote(format!("failed to {what}: {}", status.reason));
    }
    let unknown = status.message.contains("field not declared in schema");
    if status.code == 400 || status.code == 422 || unknown {
        return Error::input(format!("failed to {what}: {}", status.message))
            .help("mend the overlay under k8s/ and deploy again");
    }
    failed(what, error)
}

/// What applying an object would change.
pub(super) async fn preview(cluster: &Cluster, object: &Object, exists: bool) -> Result<Change> {
    let title = object.title();
    let api = cluster.api_of(object).await?;
    let now = if exists {
        api.get_opt(&object.name)
            .await
            .map_err(|error| failed(format_args!("read {title}"), &error))?
    } else {
        None
    };
    let Some(now) = now else {
        if exists {
            apply(cluster, object, true).await?;
        }
        return Ok(Change { action: "create", object: title, fields: Vec::new() });
    };
    let then = apply(cluster, object, true).await?;
    let mut fields = Vec::new();
    let (now, then) = (plain(&now), plain(&then));
    differences("", &now, &then, object.kind == "Secret", &mut fields);
    let action = if fields.is_empty() { "keep" } else { "change" };
    Ok(Change { action, object: title, fields })
}

/// An object without what the server writes.
fn plain(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = value.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        for name in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.remove(name);
        }
    }
    value
}

fn differences(path: &str, now: &Value, then: &Value, hidden: bool, fields: &mut Vec<String>) {
    match (now, then) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                let nothing = Value::Null;
                differences(
                    &format!("{path}.{name}"),
                    old.get(name).unwrap_or(&nothing),
                    new.get(name).unwrap_or(&nothing),
                    hidden,
                    fields,
                );
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                differences(&format!("{path}[{index}]"), old, new, hidden, fields);
            }
        }
        _ if now == then => {}
        _ if hidden && (path.starts_with(".data") || path.starts_with(".stringData")) => {
            fields.push(format!("{path}: (hidden)"));
        }
        _ => fields.push(format!("{path}: {} -> {}", short(now), short(then))),
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => return "(none)".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > 80 {
        format!("{}…", text.chars().take(80).collect::<String>())
    } else {
        text
    }
}

/// What a namespace is to this engagement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It does not exist.
    Nobody,
    /// It carries this engagement's labels.
    Us,
    /// It does not.
    Others,
}

/// Whose the namespace is.
pub(super) async fn owner(cluster: &Cluster, instance: &str) -> Result<Owner> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let name = &cluster.namespace;
    let found = api
        .get_opt(name)
        .await
        .map_err(|error| failed(format_args!("read namespace {name}"), &error))?;
    Ok(match found {
        None => Owner::Nobody,
        Some(namespace) => {
            let labels = namespace.metadata.labels.unwrap_or_default();
            let ours = labels.get(MANAGED_BY.0).is_some_and(|value| value == MANAGED_BY.1)
                && labels.get(INSTANCE).is_some_and(|value| value == instance);
            if ours { Owner::Us } else { Owner::Others }
        }
    })
}

/// Whether nothing runs or lies in the namespace but what Kubernetes itself puts there.
pub(super) async fn is_empty(cluster: &Cluster) -> Result<bool> {
    let kinds = PRUNED.into_iter().chain([
        ("v1", "Pod"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Secret"),
    ]);
    for (api_version, kind) in kinds {
        let api = cluster.api(api_version, kind).await?;
        let list = api
            .list(&ListParams::default().limit(5))
            .await
            .map_err(|error| failed(format_args!("list every {kind}"), &error))?;
        let foreign = list.items.iter().any(|object| {
            !matches!(
                (kind, object.metadata.name.as_deref()),
                ("ConfigMap", Some("kube-root-ca.crt")) | ("ServiceAccount", Some("default"))
            )
        });
        if foreign {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Objects of the given kinds that carry this engagement's labels and that nothing else owns.
pub(super) async fn ours(
    cluster: &Cluster,
    instance: &str,
    kinds: &[(&str, &str)],
) -> Result<Vec<(String, String, String)>> {
    let labels = format!("{}={},{INSTANCE}={instance}", MANAGED_BY.0, MANAGED_BY.1);
    let mut found = Vec::new();
    for (api_version, kind) in kinds {
        let api = cluster.api(api_version, kind).await?;
        let list = api
            .list(&ListParams::default().labels(&labels))
            .await
            .map_err(|error| failed(format_args!("list every {kind}"), &error))?;
        found.extend(
            list.items
                .into_iter()
                .filter(|object| {
                    object.metadata.owner_references.as_deref().unwrap_or_default().is_empty()
                })
                .filter_map(|object| object.metadata.name)
                .map(|name| ((*api_version).to_owned(), (*kind).to_owned(), name)),
        );
    }
    Ok(found)
}

/// Deletes an object; one that is gone already is no error.
pub(super) async fn delete(
    cluster: &Cluster,
    api_version: &str,
    kind: &str,
    name: &str,
) -> Result<()> {
    let api = cluster.api(api_version, kind).await?;
    match api.delete(name, &DeleteParams::background()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(failed(format_args!("delete {kind}/{name}"), &error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_fields_and_hide_secrets() {
        let (now, then) =
            (json!({"spec": {"a": 1, "b": [1, 2]}}), json!({"spec": {"a": 2, "b": [1, 3]}}));
        let mut fields = Vec::new();
        differences("", &now, &then, false, &mut fields);
        assert_eq!(fields, [".spec.a: 1 -> 2", ".spec.b[1]: 2 -> 3"]);
        let mut fields = Vec::new();
        let (now, then) = (json!({"data": {"P": "old"}}), json!({"data": {"P": "new"}}));
        differences("", &now, &then, true, &mut fields);
        assert_eq!(fields, [".data.P: (hidden)"]);
    }
}
