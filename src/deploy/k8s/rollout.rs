//! Waiting until what was applied runs, and saying why when it does not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, LogParams};

use super::cluster::{Cluster, is_ready};
use crate::connection::pod::failed;
use crate::console::Console;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// How long a rollout may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long a state that may pass by itself (an image that is not pulled yet, no node with room)
/// is borne.
const GRACE: Duration = Duration::from_secs(30);

/// How long a workload that may lack its data is given to become ready.
const SETTLE: Duration = Duration::from_secs(20);

/// A workload that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Awaited {
    pub(super) name: String,
    /// Whether it may stay unready because its data is not there yet.
    pub(super) may_wait: bool,
}

/// Waits; returns which of the workloads are ready.
pub(super) async fn wait(
    cluster: &Cluster,
    awaited: &[Awaited],
    console: Console,
) -> Result<BTreeMap<String, bool>> {
    let progress = Progress::spinner("waiting for the pods");
    let begun = Instant::now();
    let mut since: BTreeMap<String, Instant> = BTreeMap::new();
    let mut settled: Option<Instant> = None;
    loop {
        let mut ready = BTreeMap::new();
        let mut seen = Vec::new();
        for workload in awaited {
            let state = state(cluster, &workload.name).await?;
            if let Some((reason, at_once)) = &state.stuck {
                let key = format!("{} {reason}", workload.name);
                let first = *since.entry(key.clone()).or_insert_with(Instant::now);
                seen.push(key);
                if *at_once || first.elapsed() > GRACE {
                    explain(cluster, &workload.name, console).await;
                    return Err(Error::remote(format!(
                        "{} cannot start in namespace {}: {reason}",
                        workload.name, cluster.namespace
                    ))
                    .help("mend the cause and deploy again"));
                }
            }
            if state.crashing && !workload.may_wait && begun.elapsed() > GRACE {
                explain(cluster, &workload.name, console).await;
                return Err(Error::remote(format!(
                    "{} ends again and again in namespace {}",
                    workload.name, cluster.namespace
                ))
                .help("its last log lines are above"));
            }
            ready.insert(workload.name.clone(), state.ready);
        }
        since.retain(|key, _| seen.contains(key));
        let waiting: Vec<&str> =
            ready.iter().filter(|(_, ready)| !**ready).map(|(name, _)| name.as_str()).collect();
        if waiting.is_empty() {
            return Ok(ready);
        }
        progress.message(format!("waiting for {}", waiting.join(", ")));
        let only_patient = awaited
            .iter()
            .all(|workload| workload.may_wait || ready.get(&workload.name) == Some(&true));
        if only_patient {
            // What still may be on its way by itself is given some time; then it waits for data.
            let from = *settled.get_or_insert_with(Instant::now);
            if from.elapsed() > SETTLE && since.is_empty() {
                return Ok(ready);
            }
        } else {
            settled = None;
        }
        if begun.elapsed() > PATIENCE {
            let names = waiting.join(", ");
            for workload in waiting {
                explain(cluster, workload, console).await;
            }
            return Err(Error::remote(format!(
                "not ready after {} s in namespace {}: {names}",
                PATIENCE.as_secs(),
                cluster.namespace
            ))
            .help("the pods' events and last log lines are above"));
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

/// Waits until every one of the workloads is ready.
pub(crate) async fn ready(cluster: &Cluster, workloads: &[String], console: Console) -> Result<()> {
    let awaited: Vec<_> =
        workloads.iter().map(|name| Awaited { name: name.clone(), may_wait: false }).collect();
    wait(cluster, &awaited, console).await.map(|_| ())
}

#[derive(Debug, Default)]
struct State {
    ready: bool,
    crashing: bool,
    /// Why it cannot start, and whether that is sure at once.
    stuck: Option<(String, bool)>,
}

async fn state(cluster: &Cluster, name: &str) -> Result<State> {
    let what = format!("read {name}");
    let mut state = State::default();
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    if let Some(found) = deployments.get_opt(name).await.map_err(|error| failed(&what, &error))? {
        let wanted = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = found.status.unwrap_or_default();
        state.ready = status.observed_generation >= found.metadata.generation
            && status.updated_replicas.unwrap_or(0) >= wanted
            && status.available_replicas.unwrap_or(0) >= wanted
            && status.replicas.unwrap_or(0) <= wanted.max(status.updated_replicas.unwrap_or(0));
        let refused =
            status.conditions.iter().flatten().find(|condition| {
                condition.type_ == "ReplicaFailure" && condition.status == "True"
            });
        if let Some(refused) = refused {
            let words = refused.message.clone().unwrap_or_default();
            state.stuck = Some((words, false));
        }
    } else if let Some(found) = sets.get_opt(name).await.map_err(|error| failed(&what, &error))? {
        let wanted = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = found.status.unwrap_or_default();
        state.ready = status.observed_generation >= found.metadata.generation
            && status.ready_replicas.unwrap_or(0) >= wanted
            && status.updated_replicas.unwrap_or(0) >= wanted
            && (wanted == 0 || status.current_revision == status.update_revision);
        if !state.ready && status.replicas == 0 && wanted > 0 {
            let refused = events(cluster, name)
                .await
                .into_iter()
                .rev()
                .find(|event| event.reason.as_deref() == Some("FailedCreate"));
            if let Some(refused) = refused {
                state.stuck = Some((refused.message.unwrap_or_default(), false));
            }
        }
    } else {
        state.stuck = Some(("there is no such Deployment or StatefulSet".to_owned(), true));
    }
    if state.ready {
        return Ok(state);
    }
    for pod in cluster.pods(name).await? {
        if is_ready(&pod) {
            continue;
        }
        let Some(status) = pod.status else { continue };
        for condition in status.conditions.iter().flatten() {
            if condition.type_ == "PodScheduled" && condition.status == "False" {
                let words = condition.message.clone().unwrap_or_default();
                state.stuck = Some((format!("no node takes its pod: {words}"), false));
            }
        }
        let containers = status
            .init_container_statuses
            .iter()
            .flatten()
            .chain(status.container_statuses.iter().flatten());
        for container in containers {
            if container.restart_count > 0 {
                state.crashing = true;
            }
            let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
            let Some(waiting) = waiting else { continue };
            let reason = waiting.reason.as_deref().unwrap_or_default();
            let words = waiting.message.as_deref().unwrap_or_default();
            let at_once = match reason {
                "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => true,
                "ErrImagePull"
                | "CreateContainerConfigError"
                | "CreateContainerError"
                | "RunContainerError" => false,
                _ => continue,
            };
            state.stuck = Some((format!("{reason}: {words}"), at_once));
        }
    }
    Ok(state)
}

/// The events about objects whose name begins with a workload's, oldest first.
async fn events(cluster: &Cluster, workload: &str) -> Vec<Event> {
    let api: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let Ok(list) = api.list(&ListParams::default().limit(2000)).await else { return Vec::new() };
    let prefix = format!("{workload}-");
    let mut events: Vec<Event> = list
        .items
        .into_iter()
        .filter(|event| {
            let name = event.involved_object.name.as_deref().unwrap_or_default();
            name == workload || name.starts_with(&prefix)
        })
        .collect();
    events.sort_by_key(|event| {
        event
            .last_timestamp
            .clone()
            .map(|time| time.0)
            .or(event.event_time.clone().map(|time| time.0))
    });
    events
}

/// Prints a workload's events and its pods' last log lines.
async fn explain(cluster: &Cluster, workload: &str, console: Console) {
    let all = events(cluster, workload).await;
    for event in all.iter().rev().take(12).rev() {
        console.say(format_args!(
            "event: {} {}: {} {}",
            event.involved_object.kind.as_deref().unwrap_or_default(),
            event.involved_object.name.as_deref().unwrap_or_default(),
            event.reason.as_deref().unwrap_or_default(),
            clean(event.message.as_deref().unwrap_or_default())
        ));
    }
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    for pod in cluster.pods(workload).await.unwrap_or_default().into_iter().take(2) {
        let Some(name) = pod.metadata.name else { continue };
        let parameters =
            LogParams { tail_lines: Some(20), limit_bytes: Some(64 << 10), ..LogParams::default() };
        let previous = LogParams { previous: true, ..parameters.clone() };
        let text = match api.logs(&name, &parameters).await {
            Ok(text) if !text.trim().is_empty() => text,
            _ => api.logs(&name, &previous).await.unwrap_or_default(),
        };
        for line in text.lines() {
            console.say(format_args!("log: {name}: {}", clean(line)));
        }
    }
}

/// Text from the cluster without control characters, which could steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(600).collect()
}
