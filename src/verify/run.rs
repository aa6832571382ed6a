//! One run of verify: what it is told, the passes, the verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use super::cause::SOURCE;
use super::databases::Databases;
use super::load;
use super::observation::Pass;
use super::runner::target::Target;
use super::runner::{self, Limits, Sides, tls};
use super::verdict::{Context, judge};
use crate::emulate;
use crate::error::{Error, Result};
use crate::model;
use crate::model::inventory::{Inventory, Role};
use crate::model::plan::Plan;
use crate::model::scenario::Scenario;
use crate::model::verdict::Verdict;
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Generated files above this are no text that a cause could point into.
const LARGEST_FILE: u64 = 1 << 20;

/// What verify is told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Address of the original.
    pub original: String,
    /// Address of the migrated; that of the last deploy when absent.
    pub migrated: Option<String>,
    /// Scenario files; all of the workspace when empty.
    pub scenarios: Vec<PathBuf>,
    /// `Host` to send.
    pub host: Option<String>,
    /// Authorities to believe.
    pub cacert: Option<PathBuf>,
    /// Whether any certificate is believed.
    pub insecure: bool,
    /// Whether steps that write are carried out.
    pub allow_writes: bool,
    /// A command that puts the data back before each pass.
    pub reset: Option<String>,
}

/// What the workspace knows of both sides; all of it may be missing.
#[derive(Debug, Default)]
struct Known {
    inventory: Option<Inventory>,
    plan: Option<Plan>,
    /// Name and address of the deployment that is looked at.
    deployment: Option<(&'static str, String)>,
    tree: BTreeMap<String, String>,
}

/// Replays every scenario against the original twice and the migrated once, and judges.
pub async fn verify(options: &Options, workspace: &Workspace) -> Result<Verdict> {
    let known = Known::read(workspace, options.migrated.as_deref())?;
    let migrated = match (&options.migrated, &known.deployment) {
        (Some(url), _) | (None, Some((_, url))) => url.clone(),
        (None, None) => {
            return Err(Error::usage("no address of the migrated application")
                .help("give --migrated URL, or run `migrate deploy` first"));
        }
    };
    let scenarios = load::scenarios(&options.scenarios, &workspace.path("scenario"))?;
    let sides = known.sides(options, &migrated)?;
    sides.reach_original().await?;
    let mut databases = match (&known.plan, &known.deployment) {
        (Some(plan), Some((target, _))) => Databases::open(workspace, plan, target).await?,
        _ => Databases::default(),
    };
    let progress = Progress::count("replaying", scenarios.len() as u64);
    let mut passes: Vec<[Pass; 3]> = Vec::new();
    for scenario in &scenarios {
        progress.message(format!("replaying {}", scenario.name));
        passes.push(sides.run(scenario, &mut databases).await?);
        progress.advance(1);
    }
    sides.rest().await;
    drop(progress);
    let context = Context {
        inventory: known.inventory.as_ref(),
        plan: known.plan.as_ref(),
        target: known.deployment.as_ref().map(|(target, _)| *target),
        tree: &known.tree,
        original: &options.original,
        migrated: &migrated,
    };
    Ok(judge(&passes, &databases.into_rows(), &context))
}

/// Carries out one scenario once against one address, writes included, and compares nothing.
pub async fn replay(scenario: &Scenario, url: &str) -> Result<Pass> {
    let tls = tls::configuration(None, false)?;
    let target = Target::new(url, None, &tls)?;
    Ok(runner::once(scenario, &target).await)
}

impl Known {
    /// A workspace is not needed; one that is there must be readable.
    fn read(workspace: &Workspace, migrated: Option<&str>) -> Result<Self> {
        let mut known = Self::default();
        if workspace.inventory_path().exists() {
            known.inventory = Some(workspace.inventory()?);
        }
        if workspace.plan_path().exists() {
            known.plan = Some(workspace.plan()?);
        }
        let mut deployments: Vec<(SystemTime, &'static str, String)> = Vec::new();
        let targets = model::target::Target::ALL.map(model::target::Target::name);
        for target in targets.into_iter().chain([emulate::DEPLOYMENT]) {
            let path = workspace.deployment(target);
            let record: Option<serde_json::Value> = workspace.read_json(&path)?;
            let url = record.as_ref().and_then(|record| record["url"].as_str());
            let written = path.metadata().and_then(|metadata| metadata.modified());
            if let (Some(url), Ok(written)) = (url, written) {
                deployments.push((written, target, url.to_owned()));
            }
        }
        deployments.sort();
        if let Some(migrated) = migrated {
            let given = runner::target::parse(migrated)?;
            deployments.retain(|(_, _, url)| url::Url::parse(url).is_ok_and(|url| url == given));
        }
        known.deployment = deployments.pop().map(|(_, target, url)| (target, url));
        if let Some((target, _)) = &known.deployment {
            let folder = if *target == emulate::DEPLOYMENT { emulate::TREE } else { target };
            known.tree = tree(workspace, folder);
            known.tree.extend(tree(workspace, SOURCE));
        }
        Ok(known)
    }

    fn sides(&self, options: &Options, migrated: &str) -> Result<Sides> {
        let tls = tls::configuration(options.cacert.as_deref(), options.insecure)?;
        let host = match &options.host {
            Some(host) => Some(host.clone()),
            None => self.inventory.as_ref().and_then(server_name),
        };
        // Both sides are asked for the same host: the original's own when nothing else is known.
        let original = Target::new(&options.original, host.as_deref(), &tls)?;
        let migrated = Target::new(migrated, Some(&original.host), &tls)?;
        Ok(Sides {
            original,
            migrated,
            allow_writes: options.allow_writes,
            reset: options.reset.clone(),
            limits: Limits::default(),
        })
    }
}

/// The generated files of a target, by their path in the workspace. What cannot be read as text
/// is left out: nothing could point into it.
fn tree(workspace: &Workspace, target: &str) -> BTreeMap<String, String> {
    walkdir::WalkDir::new(workspace.path(target))
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_FILE))
        .filter_map(|entry| {
            let path = entry.path().strip_prefix(workspace.root()).ok()?;
            let text = std::fs::read_to_string(entry.path()).ok()?;
            Some((path.to_str()?.to_owned(), text))
        })
        .collect()
}

/// The main name of the site with most locations.
fn server_name(inventory: &Inventory) -> Option<String> {
    let mut sites: Vec<_> = inventory
        .services
        .iter()
        .filter(|service| service.role == Role::Proxy)
        .flat_map(|service| &service.sites)
        .collect();
    sites.sort_by_key(|site| std::cmp::Reverse(site.locations.len()));
    sites.iter().flat_map(|site| &site.server_names).find(|name| is_plain(name)).cloned()
}

/// A name that can stand in `Host`: no wildcard, pattern or catch-all.
fn is_plain(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
}
