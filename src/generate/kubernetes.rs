//! The Kubernetes tree: a kustomize base and one overlay.

use serde::Serialize;

use super::unit::{MountPoint, Unit, claim, owner};
use super::{Tree, templates};
use crate::error::{Error, Result};
use crate::model::plan::{Plan, WorkloadKind};

/// For `kubernetes/base/pod.yaml.tera`.
#[derive(Debug, Serialize)]
struct Pod<'a> {
    /// The workload.
    unit: &'a Unit,
    /// Name of the `ConfigMap`.
    config: String,
    /// Whether there is one.
    has_config: bool,
    /// Name of the Secret.
    secret: String,
    /// Volumes shared with pods of other workloads.
    shared: Vec<&'a MountPoint>,
    /// Whether root-owned files must be readable to everyone in the container.
    open_files: bool,
}

/// For the templates of one workload (`deployment`, `statefulset`, `cronjob`, `service`).
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    /// The workload.
    unit: &'a Unit,
    /// The pod's spec, rendered.
    pod: String,
    /// Volumes whose claims the set makes.
    claims: Vec<&'a MountPoint>,
    /// Volumes that bind its pods to one node.
    shared: Vec<&'a MountPoint>,
}

/// For `kubernetes/base/networkpolicy.yaml.tera`.
#[derive(Debug, Serialize)]
struct Policies<'a> {
    /// The workload.
    unit: &'a Unit,
}

/// For `kubernetes/base/kustomization.yaml.tera`.
#[derive(Debug, Serialize)]
struct Base<'a> {
    /// Name of the application.
    name: &'a str,
    /// Files.
    resources: Vec<String>,
    /// Workloads with plain configuration files.
    configured: Vec<&'a Unit>,
}

/// For `kubernetes/base/namespace.yaml.tera` and `networkpolicies.yaml.tera`.
#[derive(Debug, Serialize)]
struct Name<'a> {
    /// Name of the application.
    name: &'a str,
}

/// For `kubernetes/base/volumes.yaml.tera`.
#[derive(Debug, Serialize)]
struct Volumes<'a> {
    /// Name of the application.
    name: &'a str,
    /// Claims.
    claims: Vec<Claim<'a>>,
}

/// One claim.
#[derive(Debug, Serialize)]
struct Claim<'a> {
    /// Name.
    name: &'a str,
    /// Size.
    size: &'a str,
    /// Its path on the source.
    source: &'a str,
}

/// For `kubernetes/base/ingress.yaml.tera`.
#[derive(Debug, Serialize)]
struct IngressRules<'a> {
    /// Name of the application.
    name: &'a str,
    /// The workload behind it.
    workload: &'a str,
    /// Its port.
    port: u16,
    /// Hosts.
    hosts: &'a [String],
}

/// For `kubernetes/overlays/kustomization.yaml.tera`.
#[derive(Debug, Serialize)]
struct Overlay<'a> {
    /// Name of the application and of the namespace.
    name: &'a str,
    /// Images.
    images: Vec<&'a str>,
    /// Workloads that have replicas.
    scaled: Vec<&'a Unit>,
}

/// `base/…` and `overlays/…`.
pub(crate) fn files(plan: &Plan, units: &[Unit], overlay: &str) -> Result<Tree> {
    let good = overlay.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if overlay.is_empty() || !good {
        return Err(Error::usage(format!("--overlay {overlay:?} is no name of a folder")));
    }
    let mut tree = Tree::new();
    let mut resources = Vec::new();
    let mut add = |tree: &mut Tree, path: String, text: String| {
        resources.push(path.clone());
        tree.insert(format!("base/{path}"), text);
    };
    let name = Name { name: &plan.name };
    add(
        &mut tree,
        "namespace.yaml".into(),
        templates::render("kubernetes/base/namespace.yaml.tera", &name)?,
    );
    let policies = templates::render("kubernetes/base/networkpolicies.yaml.tera", &name)?;
    add(&mut tree, "networkpolicies.yaml".into(), policies);
    let claims = claims(plan);
    if !claims.is_empty() {
        let volumes = Volumes { name: &plan.name, claims };
        add(
            &mut tree,
            "volumes.yaml".into(),
            templates::render("kubernetes/base/volumes.yaml.tera", &volumes)?,
        );
    }
    for unit in units {
        let manifest = manifest(unit)?;
        let (file, template) = match unit.kind {
            "database" => ("statefulset", "kubernetes/base/statefulset.yaml.tera"),
            "job" => ("cronjob", "kubernetes/base/cronjob.yaml.tera"),
            _ => ("deployment", "kubernetes/base/deployment.yaml.tera"),
        };
        add(&mut tree, format!("{}/{file}.yaml", unit.id), templates::render(template, &manifest)?);
        if !unit.ports.is_empty() && unit.kind != "job" {
            let service = templates::render("kubernetes/base/service.yaml.tera", &manifest)?;
            add(&mut tree, format!("{}/service.yaml", unit.id), service);
        }
        if unit.public || !unit.connects_to.is_empty() || !unit.egress.is_empty() {
            let text =
                templates::render("kubernetes/base/networkpolicy.yaml.tera", &Policies { unit })?;
            add(&mut tree, format!("{}/networkpolicy.yaml", unit.id), text);
        }
    }
    let public = units.iter().find(|unit| unit.public);
    if let Some(unit) = public
        && unit.ports.iter().any(|port| port.port == plan.ingress.port)
    {
        let rules = IngressRules {
            name: &plan.name,
            workload: &plan.ingress.workload,
            port: plan.ingress.port,
            hosts: &plan.ingress.hosts,
        };
        add(
            &mut tree,
            "ingress.yaml".into(),
            templates::render("kubernetes/base/ingress.yaml.tera", &rules)?,
        );
    }
    let configured = units.iter().filter(|unit| has_config(unit)).collect();
    let base = Base { name: &plan.name, resources, configured };
    let text = templates::render("kubernetes/base/kustomization.yaml.tera", &base)?;
    tree.insert("base/kustomization.yaml".into(), text);
    let mut images: Vec<&str> =
        units.iter().filter_map(|unit| unit.image.strip_suffix(":1")).collect();
    images.sort_unstable();
    images.dedup();
    let scaled = units.iter().filter(|unit| matches!(unit.kind, "app" | "proxy")).collect();
    let text = templates::render(
        "kubernetes/overlays/kustomization.yaml.tera",
        &Overlay { name: &plan.name, images, scaled },
    )?;
    tree.insert(format!("overlays/{overlay}/kustomization.yaml"), text);
    Ok(tree)
}

/// Whether a workload has plain files here; the clock of a job is for compose only.
fn has_config(unit: &Unit) -> bool {
    unit.files.iter().any(|file| !file.executable)
}

/// Claims that no set makes by itself.
fn claims(plan: &Plan) -> Vec<Claim<'_>> {
    let volumes = plan.volumes.iter().filter(|volume| {
        owner(plan, &volume.name).is_none_or(|owner| owner.kind != WorkloadKind::Database)
            && claim(plan, &volume.name) == volume.name
    });
    volumes
        .map(|volume| Claim { name: &volume.name, size: &volume.size, source: &volume.source })
        .collect()
}

fn manifest(unit: &Unit) -> Result<Manifest<'_>> {
    let shared: Vec<&MountPoint> = unit.mounts.iter().filter(|mount| mount.shared).collect();
    let pod = Pod {
        unit,
        config: format!("{}-config", unit.id),
        secret: format!("{}-secrets", unit.id),
        has_config: has_config(unit),
        shared: shared.clone(),
        open_files: unit.volume_group.is_none(),
    };
    Ok(Manifest {
        unit,
        pod: templates::render("kubernetes/base/pod.yaml.tera", &pod)?,
        claims: unit.mounts.iter().filter(|mount| mount.own).collect(),
        shared,
    })
}
