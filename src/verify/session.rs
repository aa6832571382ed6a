//! One run of verify: what it is told, the passes, the verdict.

use std::path::PathBuf;

use super::load;
use super::observation::Pass;
use super::runner::target::Target;
use super::runner::{self, Around, Sides, tls};
use crate::error::Result;
use crate::model::inventory::{Inventory, Role};
use crate::model::scenario::Scenario;
use crate::progress::Progress;
use crate::workspace::Workspace;

/// What verify is told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Address of the original.
    pub original: String,
    /// Address of the migrated.
    pub migrated: String,
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

/// Carries out every scenario three times.
pub(crate) async fn passes(
    options: &Options,
    workspace: &Workspace,
    inventory: Option<&Inventory>,
    around: &mut impl Around,
) -> Result<Vec<[Pass; 3]>> {
    let scenarios = load::scenarios(&options.scenarios, &workspace.path("scenario"))?;
    let tls = tls::configuration(options.cacert.as_deref(), options.insecure)?;
    let host = match &options.host {
        Some(host) => Some(host.clone()),
        None => inventory.and_then(server_name),
    };
    // Both sides are asked for the same host: the original's own when nothing else is known.
    let original = Target::new(&options.original, host.as_deref(), &tls)?;
    let host = original.host.clone();
    let migrated = Target::new(&options.migrated, Some(&host), &tls)?;
    let sides = Sides {
        original,
        migrated,
        allow_writes: options.allow_writes,
        reset: options.reset.clone(),
    };
    sides.reach_original().await?;
    let progress = Progress::count("replaying scenarios", scenarios.len() as u64);
    let mut passes = Vec::new();
    for scenario in &scenarios {
        progress.message(format!("replaying {}", scenario.name));
        passes.push(sides.run(scenario, around).await?);
        progress.advance(1);
    }
    Ok(passes)
}

/// The main name of the site that users reach first.
fn server_name(inventory: &Inventory) -> Option<String> {
    let mut sites: Vec<_> = inventory
        .services
        .iter()
        .filter(|service| service.role == Role::Proxy)
        .flat_map(|service| &service.sites)
        .collect();
    sites.sort_by_key(|site| std::cmp::Reverse((!site.locations.is_empty(), site.locations.len())));
    sites.iter().flat_map(|site| &site.server_names).find(|name| is_plain(name)).cloned()
}

/// A name that can stand in `Host`: no wildcard, pattern or catch-all.
fn is_plain(name: &str) -> bool {
    name != "_"
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        && name.contains(|c: char| c.is_ascii_alphanumeric())
}

/// Carries out one scenario once against one address, writes included, and compares nothing.
pub async fn replay(scenario: &Scenario, url: &str) -> Result<Pass> {
    let tls = tls::configuration(None, false)?;
    let target = Target::new(url, None, &tls)?;
    Ok(runner::once(scenario, &target).await)
}
