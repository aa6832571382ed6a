//! Kubernetes: the tree's overlay, applied by the server and waited for.

mod apply;
pub(crate) mod cluster;
mod reach;
mod render;
pub(crate) mod rollout;
mod undeploy;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::apply::{Change, Owner};
use self::cluster::Cluster;
use self::render::{Object, Rendered};
use self::rollout::{Awaited, Waiting};
pub(crate) use self::undeploy::undeploy;
use super::lack::{Lack, may_wait};
use super::{Deployment, WorkloadState};
use crate::connection::pod::failed;
use crate::console::Console;
use crate::error::{Error, Result};
use crate::image::record::Images;
use crate::model::plan::{Plan, Workload, WorkloadKind};
use crate::secrets::{self, Secrets};
use crate::workspace::Workspace;

/// What the command line says about a deploy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    pub(crate) overlay: &'a str,
    pub(crate) context: Option<&'a str>,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) dry_run: bool,
    pub(crate) secrets_from: Option<&'a Path>,
}

/// `.migrate/deployments/k8s.json`: the contract's fields, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) target: String,
    pub(crate) url: Option<String>,
    pub(crate) workloads: Vec<WorkloadState>,
    /// Context of the kubeconfig; absent when the kubeconfig has none.
    #[serde(default)]
    pub(crate) context: Option<String>,
    pub(crate) namespace: String,
    #[serde(default)]
    pub(crate) overlay: String,
    /// When this workspace first deployed there, in seconds since 1970.
    #[serde(default)]
    pub(crate) since: i64,
}

impl Record {
    /// The record of the last deploy, if there was one.
    pub(crate) fn load(workspace: &Workspace) -> Result<Option<Self>> {
        workspace.read_json(&workspace.deployment("k8s"))
    }
}

/// Notes in the record that these workloads can serve now.
pub(crate) fn mark_ready(workspace: &Workspace, workloads: &[String]) -> Result<()> {
    let Some(mut record) = Record::load(workspace)? else { return Ok(()) };
    for state in &mut record.workloads {
        if workloads.contains(&state.id) {
            state.ready = true;
            state.lacks = None;
        }
    }
    workspace.write_json(&workspace.deployment("k8s"), &record)
}

/// What a deploy did or, with `--dry-run`, would do.
#[derive(Debug)]
pub(crate) enum Outcome {
    Deployed(Deployment),
    Preview(Preview),
}

/// What a deploy would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Preview {
    pub(crate) target: String,
    pub(crate) dry_run: bool,
    pub(crate) namespace: String,
    pub(crate) changes: Vec<Change>,
}

impl Preview {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("would be done in namespace {}:\n", self.namespace);
        for change in &self.changes {
            let _ = writeln!(text, "  {:<7} {}", change.action, change.object);
            for field in &change.fields {
                let _ = writeln!(text, "          {field}");
            }
        }
        text
    }
}

/// Brings the overlay up.
pub(crate) async fn deploy(
    workspace: &Workspace,
    plan: &Plan,
    options: Options<'_>,
    console: Console,
) -> Result<Outcome> {
    check_name(options.overlay)?;
    let folder = workspace.path("k8s").join("overlays").join(options.overlay);
    let images: Images = workspace.read_json(&workspace.deployment("images"))?.unwrap_or_default();
    let mut rendered = render::render(&folder, plan, &images, options.namespace).await?;
    if !rendered.unpushed.is_empty() {
        return Err(Error::refused(format!(
            "no registry has {}: the cluster could not pull it",
            rendered.unpushed.join(", ")
        ))
        .help("run `migrate build --push REGISTRY` first"));
    }
    let cluster = Cluster::connect(options.context, &rendered.namespace).await?;
    let owner = apply::owner(&cluster, &plan.name).await?;
    if owner == Owner::Others && options.namespace.is_none() && !apply::is_empty(&cluster).await? {
        return Err(Error::refused(format!(
            "namespace {} exists and is not this engagement's",
            cluster.namespace
        ))
        .help("name a namespace with --namespace, this one if it is meant"));
    }
    let values = secrets::resolve(plan, options.secrets_from).await?;
    complete(&mut rendered, plan, &values, owner);
    if options.dry_run {
        return Ok(Outcome::Preview(preview(&cluster, plan, &rendered, owner).await?));
    }
    let waiting = Waiting { cluster: &cluster, plan, secrets: &values, console };
    bring_up(workspace, plan, options, &waiting, &rendered).await.map(Outcome::Deployed)
}

async fn bring_up(
    workspace: &Workspace,
    plan: &Plan,
    options: Options<'_>,
    waiting: &Waiting<'_>,
    rendered: &Rendered,
) -> Result<Deployment> {
    let Waiting { cluster, console, .. } = *waiting;
    let mut rolled = Vec::new();
    for object in &rendered.objects {
        let stale = object.kind == "Secret" && secret_changes(cluster, object).await?;
        let before = version(cluster, object).await?;
        let after = apply::apply(cluster, object, false).await?.metadata.generation;
        if stale {
            rolled.push(object.name.clone());
        } else if is_workload(object) && before != after {
            // A new template rolls by itself, with the new values of its secrets.
            rolled.retain(|secret| *secret != secret_name(&object.name));
        }
    }
    // Pods read their secrets when they start.
    for workload in &plan.workloads {
        if rolled.contains(&secret_name(&workload.id)) && workload.kind != WorkloadKind::Job {
            cluster.restart(&workload.id).await?;
        }
    }
    let moved = has_data(workspace, cluster)?;
    let awaited: Vec<Awaited> = rendered
        .objects
        .iter()
        .filter(|object| matches!(object.kind.as_str(), "Deployment" | "StatefulSet"))
        .map(|object| Awaited {
            name: object.name.clone(),
            may_wait: !moved && may_wait(plan, &object.name),
        })
        .collect();
    let lacks = waiting.wait(&awaited).await?;
    // Pods of the former rollout needed what is deleted now.
    let kept: BTreeSet<_> =
        rendered.objects.iter().map(|object| (object.kind.clone(), object.name.clone())).collect();
    for (api_version, kind, name) in apply::ours(cluster, &plan.name, &apply::PRUNED).await? {
        if !kept.contains(&(kind.clone(), name.clone())) {
            apply::delete(cluster, &api_version, &kind, &name).await?;
            console.say(format_args!("deleted {kind}/{name}, which the tree holds no more"));
        }
    }
    let url = reach::url(cluster, plan).await?;
    let workloads = states(plan, rendered, &lacks);
    let since = Record::load(workspace)
        .ok()
        .flatten()
        .filter(|record| record.namespace == cluster.namespace && record.since > 0)
        .map_or_else(|| jiff::Timestamp::now().as_second(), |record| record.since);
    let record = Record {
        target: "k8s".into(),
        url,
        workloads,
        context: options.context.map(ToOwned::to_owned).or_else(current_context),
        namespace: cluster.namespace.clone(),
        overlay: options.overlay.to_owned(),
        since,
    };
    workspace.write_json(&workspace.deployment("k8s"), &record)?;
    Ok(Deployment { target: record.target, url: record.url, workloads: record.workloads })
}

/// The context that the kubeconfig has in force, so that later commands reach the same cluster.
fn current_context() -> Option<String> {
    kube::config::Kubeconfig::read().ok()?.current_context
}

fn check_name(overlay: &str) -> Result<()> {
    let plain = !overlay.is_empty()
        && !overlay.starts_with('.')
        && overlay.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    if plain { Ok(()) } else { Err(Error::usage(format!("{overlay:?} is no name of an overlay"))) }
}

/// The Secret that holds a workload's secrets.
fn secret_name(workload: &str) -> String {
    format!("{workload}-secrets")
}

fn is_workload(object: &Object) -> bool {
    matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

/// Adds what no file may hold (Secrets) and the namespace, where the tree does not.
fn complete(rendered: &mut Rendered, plan: &Plan, values: &Secrets, owner: Owner) {
    if owner == Owner::Others {
        // The user's own namespace stays as it is.
        rendered.objects.retain(|object| object.kind != "Namespace");
    } else if !rendered.objects.iter().any(|object| object.kind == "Namespace") {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": rendered.namespace}
        });
        rendered.objects.extend(Object::new(namespace));
    }
    for workload in &plan.workloads {
        let names = secrets_of(workload);
        if names.is_empty() {
            continue;
        }
        let data: BTreeMap<&str, String> = names
            .into_iter()
            .filter_map(|name| {
                let value = values.get(name)?;
                Some((name, base64::engine::general_purpose::STANDARD.encode(value)))
            })
            .collect();
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": secret_name(&workload.id), "namespace": rendered.namespace},
            "data": data
        });
        rendered.objects.extend(Object::new(secret));
    }
    for object in &mut rendered.objects {
        render::label(object, &plan.name);
    }
    rendered.objects.sort_by_key(Object::rank);
}

fn secrets_of(workload: &Workload) -> BTreeSet<&str> {
    let variables = workload.environment.iter().filter_map(|variable| variable.secret.as_deref());
    let files = workload.files.iter().filter_map(|file| file.secret.as_deref());
    let accounts = workload.accounts.iter().map(|account| account.password.as_str());
    variables.chain(files).chain(accounts).filter(|name| !name.is_empty()).collect()
}

/// Whether a Secret exists with other values.
async fn secret_changes(cluster: &Cluster, object: &Object) -> Result<bool> {
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = api
        .get_opt(&object.name)
        .await
        .map_err(|error| failed(format_args!("read {}", object.title()), &error))?;
    let Some(found) = found else { return Ok(false) };
    let data = serde_json::to_value(found.data).unwrap_or(Value::Null);
    Ok(object.value.get("data").is_some_and(|wanted| *wanted != data))
}

async fn version(cluster: &Cluster, object: &Object) -> Result<Option<i64>> {
    if !is_workload(object) {
        return Ok(None);
    }
    let found = cluster.api_of(object).await?.get_opt(&object.name).await;
    let found = found.map_err(|error| failed(format_args!("read {}", object.title()), &error))?;
    Ok(found.and_then(|found| found.metadata.generation))
}

/// Whether `data copy` has filled this deployment.
fn has_data(workspace: &Workspace, cluster: &Cluster) -> Result<bool> {
    let record: Option<Value> = workspace.read_json(&workspace.deployment("data-k8s"))?;
    let end = format!("/{}", cluster.namespace);
    Ok(record
        .as_ref()
        .and_then(|record| record.get("to"))
        .and_then(Value::as_str)
        .is_some_and(|to| to.ends_with(&end)))
}

async fn preview(
    cluster: &Cluster,
    plan: &Plan,
    rendered: &Rendered,
    owner: Owner,
) -> Result<Preview> {
    let mut changes = Vec::new();
    for object in &rendered.objects {
        // In a namespace that is not there yet the server checks nothing.
        let exists = owner != Owner::Nobody || object.kind == "Namespace";
        changes.push(apply::preview(cluster, object, exists).await?);
    }
    if owner != Owner::Nobody {
        for (_, kind, name) in apply::ours(cluster, &plan.name, &apply::PRUNED).await? {
            if !rendered.objects.iter().any(|object| object.kind == kind && object.name == name) {
                let object = format!("{kind}/{name}");
                changes.push(Change { action: "delete", object, fields: Vec::new() });
            }
        }
    }
    let namespace = cluster.namespace.clone();
    Ok(Preview { target: "k8s".into(), dry_run: true, namespace, changes })
}

fn states(
    plan: &Plan,
    rendered: &Rendered,
    lacks: &BTreeMap<String, Option<Lack>>,
) -> Vec<WorkloadState> {
    plan.workloads
        .iter()
        .filter_map(|workload| {
            let object = rendered.objects.iter().find(|object| {
                object.name == workload.id && (is_workload(object) || object.kind == "CronJob")
            })?;
            let pods = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
            let image = pods.iter().find_map(|pods| {
                object.value.pointer(&format!("{pods}/containers/0/image"))?.as_str()
            });
            Some(WorkloadState {
                id: workload.id.clone(),
                image: image.unwrap_or_default().to_owned(),
                // A job that runs by the clock is as ready as it can be once it is known.
                ready: lacks.get(&workload.id).map_or(object.kind == "CronJob", Option::is_none),
                lacks: lacks.get(&workload.id).copied().flatten(),
            })
        })
        .collect()
}
