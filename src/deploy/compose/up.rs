//! From the tree and what runs to what is to be done, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::desired::Desired;
use super::engine::{HASH, Health, Present, Project, SALT, container_name};
use super::file::{ComposeFile, Condition};
use crate::deploy::lack::{Lack, lack, may_wait};
use crate::error::{Error, Result};
use crate::model::plan::Plan;
use crate::progress::Progress;

/// How long a dependency, and in the end everything, is waited for.
const PATIENCE: Duration = Duration::from_mins(3);

/// How often a container may end while it is waited for until it is clear that it will go on so.
const HOPELESS: i64 = 5;

/// Last lines of a workload that are shown.
const SHOWN: usize = 16;

/// Last lines that are looked at: a stack trace is longer than what is shown.
const LOOKED_AT: usize = 60;

/// How long what still needs its data is waited for: it may serve without.
const PATIENCE_WITHOUT_DATA: Duration = Duration::from_secs(25);

/// What becomes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    /// Made new.
    Create,
    /// Taken away and made new, because something in it changed.
    Recreate,
    /// Left as it is.
    Keep,
    /// Taken away: the tree does not name it.
    Remove,
}

/// One container and what becomes of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    /// The container.
    pub(crate) container: String,
    /// Its service.
    pub(crate) service: String,
    /// What becomes of it.
    pub(crate) change: Change,
    /// Its image.
    pub(crate) image: String,
    /// Names of the secrets that it is given.
    pub(crate) secrets: Vec<String>,
    #[serde(skip)]
    number: u32,
}

/// What is to be done, with what it is done.
pub(super) struct Up<'a> {
    pub(super) project: Project<'a>,
    pub(super) file: &'a ComposeFile,
    /// Services, dependencies first.
    pub(super) desired: Vec<Desired>,
    /// Ids of images by service.
    pub(super) images: BTreeMap<String, String>,
    /// Labels that say where the tree lies.
    pub(super) labels: BTreeMap<&'static str, String>,
    /// What becomes of each workload.
    pub(super) plan: &'a Plan,
    /// Whether data is still to be copied: then what is not ready for want of it fails nothing.
    pub(super) waits_for_data: bool,
}

/// How a service came out.
pub(super) struct ServiceState {
    pub(super) service: String,
    pub(super) ready: bool,
    /// What it lacks when it is not ready.
    pub(super) lacks: Option<Lack>,
    /// Why it is not ready, with its last lines.
    pub(super) why: Option<String>,
}

impl Up<'_> {
    /// Compares the tree with what runs.
    pub(super) async fn steps(&self) -> Result<Vec<Step>> {
        let present = self.project.containers().await?;
        let mut steps = Vec::new();
        let mut named = BTreeSet::new();
        for desired in &self.desired {
            let image_id = self.images.get(&desired.service).map_or("", String::as_str);
            for number in 1..=desired.replicas {
                let name = container_name(self.project.name, &desired.service, number);
                let there = present.iter().find(|present| present.name == name);
                let change = match there {
                    None => Change::Create,
                    Some(there) if same(desired, there, image_id)? => Change::Keep,
                    Some(_) => Change::Recreate,
                };
                named.insert(name.clone());
                steps.push(Step {
                    container: name,
                    service: desired.service.clone(),
                    change,
                    image: desired.image.clone(),
                    secrets: desired.secrets.clone(),
                    number,
                });
            }
        }
        for orphan in present.iter().filter(|present| !named.contains(&present.name)) {
            steps.push(Step {
                container: orphan.name.clone(),
                service: orphan.service().to_owned(),
                change: Change::Remove,
                image: String::new(),
                secrets: Vec::new(),
                number: orphan.number(),
            });
        }
        Ok(steps)
    }

    /// Carries the steps out and waits until all is ready, or as ready as it can be.
    pub(super) async fn run(&self, steps: &[Step]) -> Result<Vec<ServiceState>> {
        let bar = Progress::spinner("prepare networks and volumes");
        let networks = self.desired.iter().flat_map(|one| &one.networks);
        let used: BTreeSet<&String> = networks.map(|network| &network.name).collect();
        for name in used {
            let network = self.file.networks.get(name).and_then(Option::as_ref);
            self.project.network(name, network).await?;
        }
        for name in self.file.volumes.keys() {
            self.project.volume(name).await?;
        }
        let mut changed: BTreeSet<String> = BTreeSet::new();
        for step in steps.iter().filter(|step| step.change == Change::Remove) {
            bar.message(format!("remove {}", step.container));
            self.project.remove(&step.container).await?;
            changed.insert(step.service.clone());
        }
        for desired in &self.desired {
            bar.message(format!("{}: waiting for what it needs", desired.service));
            self.dependencies(&desired.service).await?;
            for step in steps.iter().filter(|step| step.service == desired.service) {
                bar.message(format!("start {}", step.container));
                self.one(desired, step, &mut changed).await?;
            }
        }
        self.restart_dependents(&changed, steps).await?;
        drop(bar);
        self.wait().await
    }

    async fn one(
        &self,
        desired: &Desired,
        step: &Step,
        changed: &mut BTreeSet<String>,
    ) -> Result<()> {
        let id = match step.change {
            Change::Remove => return Ok(()),
            Change::Keep => step.container.clone(),
            Change::Create | Change::Recreate => {
                self.project.remove(&step.container).await?;
                changed.insert(desired.service.clone());
                let salt = format!("{:032x}", rand::random::<u128>());
                let image_id = self.images.get(&desired.service).map_or("", String::as_str);
                let mut labels = self.labels.clone();
                labels.insert(HASH, desired.fingerprint(image_id, &salt)?);
                labels.insert(SALT, salt);
                labels.insert("com.docker.compose.image", image_id.to_owned());
                self.project.create(desired, step.number, labels).await?
            }
        };
        self.project.start(&id).await.map_err(|why| {
            let error = Error::remote(format!("failed to start {}: {why}", step.container));
            if why.contains("already allocated") || why.contains("address already in use") {
                error.help("another program has that port: give another with --listen ADDR:PORT")
            } else {
                error.help(format!("`docker logs {}` may say more", step.container))
            }
        })
    }

    /// Waits until the conditions under `depends_on` hold.
    async fn dependencies(&self, service: &str) -> Result<()> {
        let Some(entry) = self.file.services.get(service) else { return Ok(()) };
        for (name, depends) in &entry.depends_on {
            if depends.condition != Condition::ServiceHealthy {
                continue;
            }
            let begin = Instant::now();
            loop {
                match self.service_health(name).await? {
                    Health::Ready => break,
                    Health::Failing(_) | Health::Ended(_)
                        if self.waits_for_data && begin.elapsed() > PATIENCE_WITHOUT_DATA =>
                    {
                        break;
                    }
                    _ if begin.elapsed() > PATIENCE => {
                        let why = self.why(name).await;
                        return Err(Error::remote(format!(
                            "{service} waits for {name}, which was not healthy within {} s{why}",
                            PATIENCE.as_secs()
                        )));
                    }
                    _ => tokio::time::sleep(Duration::from_millis(400)).await,
                }
            }
        }
        Ok(())
    }

    /// The worst of a service's containers.
    async fn service_health(&self, service: &str) -> Result<Health> {
        let Some(desired) = self.desired.iter().find(|one| one.service == service) else {
            return Err(Error::input(format!(
                "compose.yaml: depends_on names no service {service}"
            )));
        };
        for number in 1..=desired.replicas {
            let name = container_name(self.project.name, service, number);
            match self.project.health(&name).await? {
                Health::Ready => {}
                other => return Ok(other),
            }
        }
        Ok(Health::Ready)
    }

    async fn why(&self, service: &str) -> String {
        let name = container_name(self.project.name, service, 1);
        let lines = self.project.last_lines(&name, SHOWN).await;
        lines.iter().fold(String::new(), |text, line| text + "\n  " + service + ": " + line)
    }

    /// A container that was made new has another address, and a proxy keeps the one that it looked
    /// up when it started: what depends on it and was kept is restarted.
    async fn restart_dependents(&self, changed: &BTreeSet<String>, steps: &[Step]) -> Result<()> {
        for step in steps.iter().filter(|step| step.change == Change::Keep) {
            let Some(service) = self.file.services.get(&step.service) else { continue };
            if service.depends_on.keys().any(|name| changed.contains(name)) {
                self.restart(&step.container).await?;
            }
        }
        Ok(())
    }

    async fn restart(&self, container: &str) -> Result<()> {
        let _bar = Progress::spinner(format!("restart {container}"));
        self.project.docker.restart_container(container, None).await.map_err(|error| {
            let why = crate::connection::docker::reason(&error);
            Error::remote(format!("failed to restart {container}: {why}"))
        })
    }

    /// Restarts all that depends on these services.
    pub(super) async fn restart_after(&self, restarted: &[String]) -> Result<()> {
        for desired in &self.desired {
            let Some(service) = self.file.services.get(&desired.service) else { continue };
            if restarted.contains(&desired.service)
                || !service.depends_on.keys().any(|name| restarted.contains(name))
            {
                continue;
            }
            for number in 1..=desired.replicas {
                self.restart(&container_name(self.project.name, &desired.service, number)).await?;
            }
        }
        Ok(())
    }

    /// Waits until every service is ready, or until it is clear which are not.
    pub(super) async fn wait(&self) -> Result<Vec<ServiceState>> {
        let bar = Progress::spinner("wait until all is ready");
        let begin = Instant::now();
        let mut before: BTreeMap<&str, i64> = BTreeMap::new();
        loop {
            let mut open = Vec::new();
            let mut hopeless = true;
            for desired in &self.desired {
                let health = self.service_health(&desired.service).await?;
                if health != Health::Ready {
                    hopeless &= match health {
                        Health::Failing(restarts) => {
                            let first = *before.entry(&desired.service).or_insert(restarts);
                            restarts >= 3 && self.waits_for_data || restarts - first >= HOPELESS
                        }
                        Health::Ended(_) => true,
                        _ => false,
                    };
                    open.push((desired.service.clone(), health));
                }
            }
            // What needs no data has no reason to be late.
            let for_data =
                self.waits_for_data && open.iter().all(|(service, _)| may_wait(self.plan, service));
            let patience = if for_data { PATIENCE_WITHOUT_DATA } else { PATIENCE };
            if open.is_empty() || hopeless || begin.elapsed() > patience {
                drop(bar);
                return Ok(self.states(open).await);
            }
            let names: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
            bar.message(format!("wait until ready: {}", names.join(", ")));
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }

    async fn states(&self, open: Vec<(String, Health)>) -> Vec<ServiceState> {
        let unready: Vec<&str> = open.iter().map(|(service, _)| service.as_str()).collect();
        let mut states = Vec::new();
        for desired in &self.desired {
            let service = &desired.service;
            let Some((_, health)) = open.iter().find(|(open, _)| open == service) else {
                let service = service.clone();
                states.push(ServiceState { service, ready: true, lacks: None, why: None });
                continue;
            };
            let how = match health {
                Health::Ended(code) => format!("has ended with exit code {code}"),
                Health::Failing(0) => "fails its health check".to_owned(),
                Health::Failing(times) => format!("was started again {times} times"),
                Health::Starting | Health::Ready => "is still starting".to_owned(),
            };
            let lacks = self.lacks(service, &unready).await;
            let how = match lacks {
                Lack::Broken => how,
                other => format!("{how} ({})", other.text()),
            };
            let why = Some(format!("{service} {how}{}", self.why(service).await));
            states.push(ServiceState {
                service: service.clone(),
                ready: false,
                lacks: Some(lacks),
                why,
            });
        }
        states
    }

    async fn lacks(&self, service: &str, unready: &[&str]) -> Lack {
        // Once the data is there, nothing waits for it.
        if !self.waits_for_data {
            return Lack::Broken;
        }
        let name = container_name(self.project.name, service, 1);
        let lines = self.project.last_lines(&name, LOOKED_AT).await;
        lack(self.plan, service, self.project.ending(&name).await, &lines, unready)
    }
}

/// Whether a container that is there is what the tree asks for.
fn same(desired: &Desired, there: &Present, image_id: &str) -> Result<bool> {
    let (Some(hash), Some(salt)) = (there.labels.get(HASH), there.labels.get(SALT)) else {
        return Ok(false);
    };
    Ok(desired.fingerprint(image_id, salt)? == *hash)
}

/// The services of the file with dependencies first; a circle is an error.
pub(super) fn in_order(file: &ComposeFile) -> Result<Vec<&String>> {
    let mut order: Vec<&String> = Vec::new();
    while order.len() < file.services.len() {
        let before = order.len();
        for (name, service) in &file.services {
            let free = service
                .depends_on
                .keys()
                .all(|other| order.contains(&other) || !file.services.contains_key(other));
            if free && !order.contains(&name) {
                order.push(name);
            }
        }
        if order.len() == before {
            return Err(Error::input("compose.yaml: depends_on goes round in a circle"));
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::from_yaml;

    #[test]
    fn dependencies_come_first_and_a_circle_is_an_error() {
        let text = "services:\n  a: {image: x, depends_on: {b: {condition: service_started}}}\n  b: {image: x, depends_on: {c: {condition: service_healthy}}}\n  c: {image: x}\n";
        let file: ComposeFile = from_yaml(text, "c").unwrap();
        assert_eq!(in_order(&file).unwrap(), ["c", "b", "a"]);
        let text = "services:\n  a: {image: x, depends_on: {b: {condition: service_started}}}\n  b: {image: x, depends_on: {a: {condition: service_started}}}\n";
        let file: ComposeFile = from_yaml(text, "c").unwrap();
        assert!(in_order(&file).is_err());
    }
}
