//! Taking a deployment down.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, ListParams};

use super::Record;
use super::apply::{self, Owner};
use super::cluster::Cluster;
use crate::connection::pod::failed;
use crate::console::Console;
use crate::error::{Error, Result};
use crate::model::plan::Plan;
use crate::workspace::Workspace;

/// Deletes what deploy made; volumes, secrets and the namespace only with `delete_data`.
/// Returns the deleted objects (`Kind/name`).
pub(crate) async fn undeploy(
    workspace: &Workspace,
    plan: &Plan,
    delete_data: bool,
    console: Console,
) -> Result<Vec<String>> {
    let Some(mut record) = Record::load(workspace)? else {
        return Err(Error::refused("nothing is deployed to k8s from this workspace"));
    };
    let cluster = Cluster::connect(record.context.as_deref(), &record.namespace).await?;
    let owner = apply::owner(&cluster, &plan.name).await?;
    let mut deleted = Vec::new();
    if owner != Owner::Nobody {
        let claims = claims(&cluster, plan).await?;
        let mut objects = apply::ours(&cluster, &plan.name, &apply::PRUNED).await?;
        if delete_data {
            objects.extend(apply::ours(&cluster, &plan.name, &[("v1", "Secret")]).await?);
            objects.extend(
                claims
                    .iter()
                    .map(|name| ("v1".into(), "PersistentVolumeClaim".into(), name.clone())),
            );
            if owner == Owner::Us {
                objects.push(("v1".into(), "Namespace".into(), cluster.namespace.clone()));
            }
        }
        for (api_version, kind, name) in objects {
            apply::delete(&cluster, &api_version, &kind, &name).await?;
            deleted.push(format!("{kind}/{name}"));
        }
        if delete_data && owner == Owner::Us {
            gone(&cluster, plan).await?;
        } else if !claims.is_empty() && !delete_data {
            console.say(format_args!(
                "kept in namespace {}: volumes {} and the secrets; --delete-data deletes them",
                cluster.namespace,
                claims.join(", ")
            ));
        }
    }
    if !delete_data {
        // Where the data was left must be known to an undeploy that deletes it later.
        record.url = None;
        record.workloads.clear();
        workspace.write_json(&workspace.deployment("k8s"), &record)?;
        return Ok(deleted);
    }
    for file in ["k8s", "data-k8s"] {
        let path = workspace.deployment(file);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Error::input(format!("failed to delete {}: {error}", path.display())));
            }
        }
    }
    Ok(deleted)
}

/// Claims that the tree states, and those that its StatefulSets made from their templates.
async fn claims(cluster: &Cluster, plan: &Plan) -> Result<Vec<String>> {
    let stated = apply::ours(cluster, &plan.name, &[("v1", "PersistentVolumeClaim")]).await?;
    let mut names: Vec<String> = stated.into_iter().map(|(_, _, name)| name).collect();
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let ours = apply::ours(cluster, &plan.name, &[("apps/v1", "StatefulSet")]).await?;
    let mut prefixes: Vec<String> = Vec::new();
    for (_, _, name) in ours {
        let set =
            sets.get_opt(&name).await.map_err(|error| failed("read a StatefulSet", &error))?;
        let templates = set.and_then(|set| set.spec).and_then(|spec| spec.volume_claim_templates);
        for template in templates.into_iter().flatten() {
            prefixes.push(format!("{}-{name}-", template.metadata.name.unwrap_or_default()));
        }
    }
    // The plan still knows the names when an earlier undeploy has deleted the StatefulSet.
    for workload in &plan.workloads {
        for mount in &workload.mounts {
            prefixes.push(format!("{}-{}-", mount.volume, workload.id));
        }
    }
    let api: Api<PersistentVolumeClaim> =
        Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let all = api
        .list(&ListParams::default())
        .await
        .map_err(|error| failed("list the volume claims", &error))?;
    for name in all.items.into_iter().filter_map(|claim| claim.metadata.name) {
        let made = prefixes.iter().any(|prefix| {
            name.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
            })
        });
        if made && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

async fn gone(cluster: &Cluster, plan: &Plan) -> Result<()> {
    let until = Instant::now() + Duration::from_mins(2);
    while apply::owner(cluster, &plan.name).await? != Owner::Nobody {
        if Instant::now() > until {
            return Err(Error::remote(format!(
                "namespace {} is still being deleted",
                cluster.namespace
            )));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
