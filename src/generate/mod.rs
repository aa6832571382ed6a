//! From a plan to a tree of files: pure, same input, same bytes.

mod compose;
mod config;
mod docker;
mod kubernetes;
mod mariadb;
pub mod merge;
mod nginx;
pub(crate) mod place;
mod quote;
mod relay;
pub(crate) mod sam;
mod subnet;
mod templates;
mod unit;
pub mod write;

use std::collections::BTreeMap;

use crate::error::Result;
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;
use crate::model::target::Target;

/// A tree of text files by their path relative to the target's folder.
pub type Tree = BTreeMap<String, String>;

/// The files of a target.
///
/// `captured` gives the text of a configuration file of the source by its path there, `None` when there is no copy; `overlay`
/// names the overlay beside the base (Kubernetes).
pub fn tree(
    target: Target,
    plan: &Plan,
    inventory: &Inventory,
    captured: &dyn Fn(&str) -> Result<Option<String>>,
    overlay: &str,
) -> Result<Tree> {
    let units = unit::units(plan)?;
    if target == Target::Sam {
        return Ok(sam::files(plan, inventory, &units, captured)?.tree);
    }
    let mut tree = docker::files(plan, inventory, &units)?;
    match target {
        Target::Sam => {}
        Target::Compose => {
            tree.extend(config::files(plan, inventory, captured, |id| format!("config/{id}"))?);
            tree.extend(compose::files(plan, &units)?);
        }
        Target::K8s => {
            tree.extend(config::files(plan, inventory, captured, |id| {
                format!("base/{id}/config")
            })?);
            tree.extend(kubernetes::files(plan, &units, overlay)?);
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests;
