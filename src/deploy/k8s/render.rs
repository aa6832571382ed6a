//! The objects of an overlay, as kustomize renders them, made ready for one namespace.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Map, Value, json};

use crate::error::{Context, Error, Result};
use crate::image::record::Images;
use crate::model::plan::Plan;

/// Says that an object is this program's.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "migrate");

/// Says which engagement an object belongs to.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: Value,
}

impl Object {
    /// An object with this content; it must have an apiVersion, a kind and a name.
    pub(super) fn new(value: Value) -> Option<Self> {
        let field = |pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        Some(Self {
            api_version: field("/apiVersion")?.to_owned(),
            kind: field("/kind")?.to_owned(),
            name: field("/metadata/name")?.to_owned(),
            value,
        })
    }

    /// `Kind/name`.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// When it is applied: what others need comes first.
    pub(super) fn rank(&self) -> u8 {
        match self.kind.as_str() {
            "Namespace" | "CustomResourceDefinition" => 0,
            "Secret" => 1,
            "ConfigMap" | "ServiceAccount" | "Role" | "RoleBinding" => 2,
            "PersistentVolume" | "PersistentVolumeClaim" => 3,
            "Service" => 4,
            "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" => 6,
            "HorizontalPodAutoscaler" => 7,
            "Ingress" => 8,
            _ => 5,
        }
    }

    fn metadata(&mut self) -> Option<&mut Map<String, Value>> {
        self.value.pointer_mut("/metadata")?.as_object_mut()
    }
}

/// The objects of an overlay and the namespace that they are for.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) namespace: String,
    pub(super) objects: Vec<Object>,
    /// Images of the plan that no registry has.
    pub(super) unpushed: Vec<String>,
}

/// Renders an overlay's folder.
pub(super) async fn render(
    folder: &Path,
    plan: &Plan,
    images: &Images,
    namespace: Option<&str>,
) -> Result<Rendered> {
    if !folder.join("kustomization.yaml").is_file() {
        return Err(Error::input(format!("{}: no kustomization.yaml", folder.display()))
            .help("run `migrate generate --to k8s`, with the same --overlay"));
    }
    prepare(&kustomize(folder).await?, plan, images, namespace)
}

async fn kustomize(folder: &Path) -> Result<String> {
    for (program, verb) in [("kubectl", "kustomize"), ("kustomize", "build")] {
        let output = tokio::process::Command::new(program)
            .arg(verb)
            .arg(folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        match output {
            Ok(output) if output.status.success() => {
                return String::from_utf8(output.stdout)
                    .input(format_args!("read what {program} rendered"));
            }
            Ok(output) => {
                let words = String::from_utf8_lossy(&output.stderr);
                return Err(Error::input(format!(
                    "failed to render {}: {}",
                    folder.display(),
                    words.trim()
                )));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).remote(format_args!("start {program}")),
        }
    }
    Err(Error::remote("neither kubectl nor kustomize is on the PATH")
        .help("install kubectl (or kustomize) on this machine"))
}

/// Reads the documents and makes them this engagement's own.
fn prepare(text: &str, plan: &Plan, images: &Images, namespace: Option<&str>) -> Result<Rendered> {
    let documents: Vec<Value> = serde_saphyr::from_str_multiple(text)
        .map_err(|error| Error::input(format!("the rendered objects are no YAML: {error}")))?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        if document.is_null() {
            continue;
        }
        objects.push(Object::new(document).ok_or_else(|| {
            Error::input(format!(
                "object {} of the rendered overlay has no apiVersion, kind or name",
                index + 1
            ))
        })?);
    }
    let stated = objects
        .iter()
        .find(|object| object.kind == "Namespace")
        .map(|object| object.name.clone())
        .or_else(|| {
            objects.iter().find_map(|object| {
                Some(object.value.pointer("/metadata/namespace")?.as_str()?.to_owned())
            })
        });
    let target = namespace
        .map_or_else(|| stated.clone().unwrap_or_else(|| plan.name.clone()), ToOwned::to_owned);
    let mut unpushed = Vec::new();
    for object in &mut objects {
        if let Some(stated) = stated.as_deref().filter(|stated| *stated != target) {
            rename(&mut object.value, stated, &target);
        }
        if object.kind == "Namespace" {
            object.name.clone_from(&target);
            if let Some(metadata) = object.metadata() {
                metadata.insert("name".into(), json!(target));
            }
        }
        place_images(&mut object.value, images, &mut unpushed);
        label(object, &plan.name);
    }
    objects.sort_by_key(Object::rank);
    unpushed.sort();
    unpushed.dedup();
    Ok(Rendered { namespace: target, objects, unpushed })
}

/// Puts the labels on the object itself (not on its pods), by which it is found again.
pub(super) fn label(object: &mut Object, instance: &str) {
    let Some(metadata) = object.metadata() else { return };
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert(MANAGED_BY.0.into(), json!(MANAGED_BY.1));
        labels.insert(INSTANCE.into(), json!(instance));
    }
}

/// Replaces the namespace wherever an object names it.
fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if matches!(name.as_str(), "namespace" | "kubernetes.io/metadata.name")
                    && value.as_str() == Some(from)
                {
                    *value = json!(to);
                } else {
                    rename(value, from, to);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        _ => {}
    }
}

/// Puts what was pushed in the place of the plan's image names: with the digest in it, a new
/// build makes a new rollout.
fn place_images(value: &mut Value, images: &Images, unpushed: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if !matches!(name.as_str(), "containers" | "initContainers") {
                    place_images(value, images, unpushed);
                    continue;
                }
                for container in value.as_array_mut().into_iter().flatten() {
                    let Some(image) = container.get_mut("image") else { continue };
                    let Some(built) =
                        images.images.iter().find(|built| Some(&*built.image) == image.as_str())
                    else {
                        continue;
                    };
                    match &built.pushed {
                        Some(pushed) => *image = json!(pushed),
                        None => unpushed.push(built.image.clone()),
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                place_images(item, images, unpushed);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::record::Built;
    use crate::model::plan::{Ingress, VerifyPolicy};

    fn plan() -> Plan {
        Plan {
            settled: Vec::new(),
            schema: String::new(),
            name: "shop-a1b2".into(),
            source: String::new(),
            networks: Vec::new(),
            workloads: Vec::new(),
            volumes: Vec::new(),
            secrets: Vec::new(),
            ingress: Ingress::default(),
            verify: VerifyPolicy::default(),
        }
    }

    fn images(pushed: Option<&str>) -> Images {
        let built = Built {
            workload: "web".into(),
            image: "shop-a1b2/web:1".into(),
            id: "sha256:1".into(),
            bytes: 1,
            pushed: pushed.map(ToOwned::to_owned),
        };
        Images { target: "k8s".into(), images: vec![built] }
    }

    const TREE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  \
        namespace: shop-a1b2\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        \
        image: shop-a1b2/web:1\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop-a1b2\n";

    #[test]
    fn images_namespace_and_labels_are_put_in_place() {
        let pushed = "localhost:5000/shop-a1b2/web@sha256:22";
        let rendered =
            prepare(TREE, &plan(), &images(Some(pushed)), Some("other")).expect("renders");
        assert_eq!(rendered.namespace, "other");
        let kinds: Vec<_> = rendered.objects.iter().map(Object::title).collect();
        assert_eq!(kinds, ["Namespace/other", "Deployment/web"]);
        let web = &rendered.objects[1].value;
        assert_eq!(web["metadata"]["namespace"], "other");
        assert_eq!(web["metadata"]["labels"][INSTANCE], "shop-a1b2");
        assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], pushed);
    }

    #[test]
    fn images_that_no_registry_has_are_named() {
        let rendered = prepare(TREE, &plan(), &images(None), None).expect("renders");
        assert_eq!(rendered.namespace, "shop-a1b2");
        assert_eq!(rendered.unpushed, ["shop-a1b2/web:1"]);
    }

    #[test]
    fn a_document_without_a_kind_is_refused() {
        let error = prepare("a: 1\n", &plan(), &images(None), None).expect_err("no object");
        assert_eq!(error.exit(), crate::error::Exit::Input);
    }
}
