//! Waiting until what was applied runs, and saying why when it does not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, LogParams};

use super::cluster::{Cluster, is_ready};
use crate::connection::pod::failed;
use crate::console::Console;
use crate::deploy::lack::{Ending, Lack, lack};
use crate::error::{Error, Result};
use crate::model::plan::Plan;
use crate::progress::Progress;
use crate::secrets::Secrets;

/// How long a rollout may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long a state that may pass by itself (an image that is not pulled yet, no node with room)
/// is borne.
const GRACE: Duration = Duration::from_secs(30);

/// How long a workload that may lack its data is given to become ready.
const SETTLE: Duration = Duration::from_secs(20);

/// Last lines of a pod that are shown.
const SHOWN: i64 = 20;

/// Last lines that are looked at: a stack trace is longer than what is shown.
const LOOKED_AT: i64 = 60;

/// A workload that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Awaited {
    pub(super) name: String,
    /// Whether it may stay unready because its data is not there yet.
    pub(super) may_wait: bool,
}

/// What waiting needs to know.
pub(crate) struct Waiting<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) plan: &'a Plan,
    /// Taken out of what the pods have written before it is shown.
    pub(crate) secrets: &'a Secrets,
    pub(crate) console: Console,
}

impl Waiting<'_> {
    /// Waits until every one of the workloads is ready.
    pub(crate) async fn ready(&self, workloads: &[String]) -> Result<()> {
        let awaited: Vec<_> =
            workloads.iter().map(|name| Awaited { name: name.clone(), may_wait: false }).collect();
        self.wait(&awaited).await.map(|_| ())
    }

    /// Waits until a workload keeps running, ready or not: only then can files be put into it.
    pub(crate) async fn steady(&self, workload: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let state = state(self.cluster, workload).await?;
            if state.ready {
                return Ok(());
            }
            if begun.elapsed() > GRACE {
                break if state.crashing {
                    self.explain(workload).await;
                    Err(Error::remote(format!(
                        "{workload} does not keep running in namespace {}, with its database \
                         copied: its files cannot be put in place",
                        self.cluster.namespace
                    ))
                    .help("its events and last log lines are above; mend the cause and copy again"))
                } else {
                    Ok(())
                };
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }

    /// Waits; returns what each of the workloads lacks, nothing when it is ready.
    pub(super) async fn wait(&self, awaited: &[Awaited]) -> Result<BTreeMap<String, Option<Lack>>> {
        let progress = Progress::spinner("waiting for the pods");
        let begun = Instant::now();
        let mut since: BTreeMap<String, Instant> = BTreeMap::new();
        let mut settled: Option<Instant> = None;
        loop {
            let mut waiting: Vec<&Awaited> = Vec::new();
            let mut seen = Vec::new();
            for workload in awaited {
                let state = state(self.cluster, &workload.name).await?;
                if let Some((reason, at_once)) = &state.stuck {
                    let key = format!("{} {reason}", workload.name);
                    let first = *since.entry(key.clone()).or_insert_with(Instant::now);
                    seen.push(key);
                    if *at_once || first.elapsed() > GRACE {
                        return Err(self.stuck(&workload.name, reason).await);
                    }
                }
                if state.crashing && !workload.may_wait && begun.elapsed() > GRACE {
                    return Err(self.broken(&workload.name).await);
                }
                if !state.ready {
                    waiting.push(workload);
                }
            }
            since.retain(|key, _| seen.contains(key));
            if waiting.is_empty() {
                return Ok(awaited.iter().map(|one| (one.name.clone(), None)).collect());
            }
            let names: Vec<&str> = waiting.iter().map(|one| one.name.as_str()).collect();
            progress.message(format!("waiting for {}", names.join(", ")));
            if waiting.iter().all(|workload| workload.may_wait) {
                // What still may be on its way by itself is given some time; then it waits for data.
                let from = *settled.get_or_insert_with(Instant::now);
                if from.elapsed() > SETTLE && since.is_empty() {
                    drop(progress);
                    return self.lacks(awaited, &names).await;
                }
            } else {
                settled = None;
            }
            if begun.elapsed() > PATIENCE {
                for workload in &names {
                    self.explain(workload).await;
                }
                return Err(Error::remote(format!(
                    "not ready after {} s in namespace {}: {}",
                    PATIENCE.as_secs(),
                    self.cluster.namespace,
                    names.join(", ")
                ))
                .help("the pods' events and last log lines are above"));
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }

    async fn stuck(&self, workload: &str, reason: &str) -> Error {
        self.explain(workload).await;
        Error::remote(format!(
            "{workload} cannot start in namespace {}: {}",
            self.cluster.namespace,
            self.secrets.hide(reason)
        ))
        .help("mend the cause and deploy again")
    }

    async fn broken(&self, workload: &str) -> Error {
        self.explain(workload).await;
        Error::remote(format!(
            "{workload} ends again and again in namespace {}",
            self.cluster.namespace
        ))
        .help("its events and last log lines are above; no data mends that")
    }

    /// What those lack that are not ready before the data is there. One that fails for another
    /// reason is an error.
    async fn lacks(
        &self,
        awaited: &[Awaited],
        unready: &[&str],
    ) -> Result<BTreeMap<String, Option<Lack>>> {
        let mut found: BTreeMap<String, Option<Lack>> =
            awaited.iter().map(|one| (one.name.clone(), None)).collect();
        for workload in unready {
            let pods = self.cluster.pods(workload).await?;
            let lines = self.lines(&pods, LOOKED_AT).await;
            let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
            let lack = lack(self.plan, workload, ending(&pods), &lines, unready);
            if lack == Lack::Broken {
                return Err(self.broken(workload).await);
            }
            self.explain(workload).await;
            found.insert((*workload).to_owned(), Some(lack));
        }
        Ok(found)
    }

    /// Prints a workload's events and its pods' last log lines.
    pub(crate) async fn explain(&self, workload: &str) {
        let all = events(self.cluster, workload).await;
        for event in all.iter().rev().take(12).rev() {
            self.console.say(format_args!(
                "event: {} {}: {} {}",
                event.involved_object.kind.as_deref().unwrap_or_default(),
                event.involved_object.name.as_deref().unwrap_or_default(),
                event.reason.as_deref().unwrap_or_default(),
                clean(&self.secrets.hide(event.message.as_deref().unwrap_or_default()))
            ));
        }
        let pods = self.cluster.pods(workload).await.unwrap_or_default();
        for (pod, line) in self.lines(&pods, SHOWN).await {
            self.console.say(format_args!("log: {pod}: {line}"));
        }
    }

    /// The last lines of at most two pods, of the run before when this one has written nothing.
    async fn lines(&self, pods: &[Pod], count: i64) -> Vec<(String, String)> {
        let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &self.cluster.namespace);
        let mut lines = Vec::new();
        for pod in pods.iter().take(2) {
            let Some(name) = &pod.metadata.name else { continue };
            let parameters = LogParams {
                tail_lines: Some(count),
                limit_bytes: Some(64 << 10),
                ..LogParams::default()
            };
            let previous = LogParams { previous: true, ..parameters.clone() };
            let text = match api.logs(name, &parameters).await {
                Ok(text) if !text.trim().is_empty() => text,
                _ => api.logs(name, &previous).await.unwrap_or_default(),
            };
            let text = self.secrets.hide(&text);
            lines.extend(text.lines().map(|line| (name.clone(), clean(line))));
        }
        lines
    }
}

/// How the containers of a workload's pods last ended.
fn ending(pods: &[Pod]) -> Ending {
    let statuses = pods.iter().filter_map(|pod| pod.status.as_ref());
    let containers = statuses.flat_map(|status| status.container_statuses.iter().flatten());
    let ended = containers.filter_map(|container| {
        let now = container.state.as_ref().and_then(|state| state.terminated.as_ref());
        let before = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        now.or(before)
    });
    ended.fold(Ending::default(), |all, one| Ending {
        code: Some(i64::from(one.exit_code)),
        out_of_memory: all.out_of_memory || one.reason.as_deref() == Some("OOMKilled"),
    })
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

/// Text from the cluster without control characters, which could steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(600).collect()
}
