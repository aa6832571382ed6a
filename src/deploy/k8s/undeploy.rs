//! Taking a deployment down.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, ListParams};

use super::Record;
use super::apply::{self, Owner};
use super::cluster::Cluster;
use crate::connection::pod::failed;
use crate::deploy::Kept;
use crate::error::{Error, Result};
use crate::image::record::Images;
use crate::model::plan::Plan;
use crate::workspace::Workspace;

/// Deletes what deploy made; volumes, secrets and the namespace only with `delete_data`.
/// Returns the deleted objects (`Kind/name`) and what is kept.
pub(crate) async fn undeploy(
    workspace: &Workspace,
    plan: &Plan,
    delete_data: bool,
) -> Result<(Vec<String>, Vec<Kept>)> {
    let Some(mut record) = Record::load(workspace)? else {
        return Err(Error::refused("nothing is deployed to k8s from this workspace"));
    };
    let cluster = Cluster::connect(record.context.as_deref(), &record.namespace).await?;
    let owner = apply::owner(&cluster, &plan.name).await?;
    let mut deleted = Vec::new();
    let mut kept = Vec::new();
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
        } else if !delete_data {
            let secrets = apply::ours(&cluster, &plan.name, &[("v1", "Secret")]).await?;
            kept = left(&cluster, owner, claims, secrets.into_iter().map(|(.., name)| name));
        }
        if delete_data && owner == Owner::Others {
            kept.push(Kept {
                kind: "namespace",
                names: vec![cluster.namespace.clone()],
                delete: "it is not this engagement's: delete it yourself if nobody needs it".into(),
            });
        }
    }
    kept.extend(images(workspace)?);
    if !delete_data {
        // Where the data was left must be known to an undeploy that deletes it later.
        record.url = None;
        record.workloads.clear();
        workspace.write_json(&workspace.deployment("k8s"), &record)?;
        return Ok((deleted, kept));
    }
    for file in ["k8s", "data-k8s", "verify-k8s"] {
        let path = workspace.deployment(file);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Error::input(format!("failed to delete {}: {error}", path.display())));
            }
        }
    }
    Ok((deleted, kept))
}

/// What stays in the namespace without `--delete-data`.
fn left(
    cluster: &Cluster,
    owner: Owner,
    claims: Vec<String>,
    secrets: impl Iterator<Item = String>,
) -> Vec<Kept> {
    let delete = || "migrate undeploy --to k8s --delete-data".to_owned();
    let mut kept = vec![
        Kept { kind: "volumes", names: claims, delete: delete() },
        Kept { kind: "secrets", names: secrets.collect(), delete: delete() },
    ];
    if owner == Owner::Us {
        let names = vec![cluster.namespace.clone()];
        kept.push(Kept { kind: "namespace", names, delete: delete() });
    }
    kept.retain(|kept| !kept.names.is_empty());
    kept
}

/// The images that were pushed for this tree.
fn images(workspace: &Workspace) -> Result<Option<Kept>> {
    let built: Images = workspace.read_json(&workspace.deployment("images"))?.unwrap_or_default();
    let names: BTreeSet<String> =
        built.images.into_iter().filter_map(|built| built.pushed).collect();
    Ok((!names.is_empty()).then(|| Kept {
        kind: "images",
        names: names.into_iter().collect(),
        delete: "in the registry, by its own means".to_owned(),
    }))
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
