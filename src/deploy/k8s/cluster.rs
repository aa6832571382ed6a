//! One namespace of one cluster: where a deployment lives.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod as PodObject;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::Scope;
use serde_json::json;

use super::render::Object;
use crate::connection::pod::{self, Pod, failed};
use crate::error::{Error, Result};

/// A namespace of a cluster.
pub(crate) struct Cluster {
    pub(crate) client: kube::Client,
    pub(crate) namespace: String,
    /// Host name or address of the API server.
    pub(super) api_host: String,
    kinds: Mutex<BTreeMap<(String, String), (ApiResource, bool)>>,
}

impl Cluster {
    /// Connects; an API server that does not answer is an error.
    pub(crate) async fn connect(context: Option<&str>, namespace: &str) -> Result<Self> {
        let config = pod::config(context).await?;
        let api_host = config.cluster_url.host().unwrap_or_default().to_owned();
        let client = kube::Client::try_from(config)
            .map_err(|error| failed("set up the connection to the cluster", &error))?;
        let version =
            tokio::time::timeout(Duration::from_secs(20), client.apiserver_version()).await;
        match version {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(failed("reach the cluster", &error)),
            Err(_) => {
                return Err(Error::remote(format!("the cluster at {api_host} does not answer"))
                    .help("check that it runs and that KUBECONFIG or --context names it"));
            }
        }
        Ok(Self {
            client,
            namespace: namespace.to_owned(),
            api_host,
            kinds: Mutex::new(BTreeMap::new()),
        })
    }

    /// The API for objects of this kind in the namespace.
    pub(super) async fn api(&self, api_version: &str, kind: &str) -> Result<Api<DynamicObject>> {
        let key = (api_version.to_owned(), kind.to_owned());
        let known = self.kinds.lock().ok().and_then(|kinds| kinds.get(&key).cloned());
        let (resource, namespaced) = if let Some(known) = known {
            known
        } else {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            let kinds = GroupVersionKind::gvk(group, version, kind);
            let (resource, capabilities) =
                kube::discovery::pinned_kind(&self.client, &kinds).await.map_err(|error| {
                    failed(format_args!("find the kind {kind} ({api_version})"), &error)
                })?;
            let found = (resource, capabilities.scope == Scope::Namespaced);
            if let Ok(mut kinds) = self.kinds.lock() {
                kinds.insert(key, found.clone());
            }
            found
        };
        Ok(if namespaced {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        })
    }

    pub(super) async fn api_of(&self, object: &Object) -> Result<Api<DynamicObject>> {
        self.api(&object.api_version, &object.kind).await
    }

    /// The pods of a workload, ready ones first, those that are being ended left out.
    pub(crate) async fn pods(&self, workload: &str) -> Result<Vec<PodObject>> {
        let Some(selector) = self.selector(workload).await? else { return Ok(Vec::new()) };
        let api: Api<PodObject> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut pods = api
            .list(&ListParams::default().labels(&selector))
            .await
            .map_err(|error| failed(format_args!("list the pods of {workload}"), &error))?
            .items;
        pods.retain(|pod| {
            pod.metadata.deletion_timestamp.is_none()
                && !pod.metadata.owner_references.iter().flatten().any(|owner| owner.kind == "Job")
        });
        pods.sort_by_key(|pod| !is_ready(pod));
        Ok(pods)
    }

    /// A running container of a workload to run commands in; waits for one.
    pub(crate) async fn pod(&self, workload: &str, patience: Duration) -> Result<Pod> {
        let until = Instant::now() + patience;
        loop {
            let mut seen = Vec::new();
            for pod in self.pods(workload).await? {
                let name = pod.metadata.name.clone().unwrap_or_default();
                if is_running(&pod) {
                    let container = pod
                        .spec
                        .as_ref()
                        .and_then(|spec| {
                            let named =
                                spec.containers.iter().find(|container| container.name == workload);
                            named.or_else(|| spec.containers.first())
                        })
                        .map(|container| container.name.clone());
                    return Ok(Pod::new(self.client.clone(), &self.namespace, name, container));
                }
                seen.push(format!("{name} {}", why(&pod)));
            }
            if Instant::now() > until {
                let seen = if seen.is_empty() { "no pod".to_owned() } else { seen.join("; ") };
                return Err(Error::remote(format!(
                    "no container of {workload} runs in namespace {}: {seen}",
                    self.namespace
                ))
                .help(format!("see `kubectl -n {} get pods`", self.namespace)));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn selector(&self, workload: &str) -> Result<Option<String>> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let what = format!("read {workload}");
        let found = deployments.get_opt(workload).await.map_err(|error| failed(&what, &error))?;
        let labels =
            if let Some(selector) = found.and_then(|found| found.spec).map(|spec| spec.selector) {
                selector.match_labels
            } else {
                let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.namespace);
                let found = sets.get_opt(workload).await.map_err(|error| failed(&what, &error))?;
                found.and_then(|found| found.spec).and_then(|spec| spec.selector.match_labels)
            };
        Ok(labels.map(|labels| {
            labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(",")
        }))
    }

    /// Whether pods of an older rollout of a Deployment are still there, or new ones not yet.
    pub(crate) async fn is_rolling(&self, workload: &str) -> Result<bool> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let found = api
            .get_opt(workload)
            .await
            .map_err(|error| failed(format_args!("read {workload}"), &error))?;
        let Some(found) = found else { return Ok(false) };
        let status = found.status.unwrap_or_default();
        Ok(status.observed_generation < found.metadata.generation
            || status.updated_replicas.unwrap_or(0) < status.replicas.unwrap_or(0)
            || status.replicas.unwrap_or(0)
                < found.spec.and_then(|spec| spec.replicas).unwrap_or(1))
    }

    /// Rolls a workload's pods anew.
    pub(crate) async fn restart(&self, workload: &str) -> Result<()> {
        let now = jiff::Timestamp::now().to_string();
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {
            "kubectl.kubernetes.io/restartedAt": now
        }}}}});
        // A manager of its own: a later apply must not take the annotation for drift.
        let parameters =
            PatchParams { field_manager: Some("migrate-restart".into()), ..PatchParams::default() };
        for kind in ["Deployment", "StatefulSet"] {
            let api = self.api("apps/v1", kind).await?;
            match api.patch(workload, &parameters, &Patch::Merge(&patch)).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(failed(format_args!("restart {workload}"), &error)),
            }
        }
        Err(Error::remote(format!("no workload {workload} in namespace {}", self.namespace)))
    }
}

/// Why a pod does not run, in its own words.
fn why(pod: &PodObject) -> String {
    let Some(status) = &pod.status else { return "has no status yet".to_owned() };
    let waiting = status
        .container_statuses
        .iter()
        .flatten()
        .filter_map(|container| container.state.as_ref()?.waiting.as_ref())
        .filter_map(|waiting| waiting.reason.clone());
    let refused = status
        .conditions
        .iter()
        .flatten()
        .filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .filter_map(|condition| condition.message.clone());
    let phase = status.phase.clone().unwrap_or_default();
    std::iter::once(phase).chain(waiting).chain(refused).collect::<Vec<_>>().join(", ")
}

/// Whether a pod serves.
pub(super) fn is_ready(pod: &PodObject) -> bool {
    pod.status.as_ref().and_then(|status| status.conditions.as_ref()).is_some_and(|conditions| {
        conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}

fn is_running(pod: &PodObject) -> bool {
    pod.status.as_ref().and_then(|status| status.container_statuses.as_ref()).is_some_and(
        |containers| {
            containers.iter().all(|container| {
                container.state.as_ref().is_some_and(|state| state.running.is_some())
            })
        },
    )
}
