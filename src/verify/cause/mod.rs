//! The likely cause of a difference, and where in the workspace to look.

mod manifest;
pub(super) mod nginx;
mod rules;

use std::collections::BTreeMap;

use crate::model::evidence::Evidence;
use crate::model::inventory::{Inventory, Location, Role, Service};
use crate::model::plan::Plan;
use crate::model::verdict::Cause;
use crate::verify::compare::Difference;
use nginx::Nginx;

/// What is at hand for pointing.
#[derive(Debug)]
pub(super) struct Clues<'a> {
    inventory: Option<&'a Inventory>,
    plan: Option<&'a Plan>,
    tree: &'a BTreeMap<String, String>,
    nginx: Nginx,
    /// The source's own configuration, as far as `analyze` took copies.
    source: Nginx,
}

/// Where a workspace's tree has the copies of the source's configuration.
pub(crate) const SOURCE: &str = ".migrate/source/";

impl<'a> Clues<'a> {
    /// Reads the tree once.
    pub(super) fn new(
        inventory: Option<&'a Inventory>,
        plan: Option<&'a Plan>,
        tree: &'a BTreeMap<String, String>,
        source: &BTreeMap<String, String>,
    ) -> Self {
        Self { inventory, plan, tree, nginx: Nginx::read(tree), source: Nginx::read(source) }
    }

    /// Where the source's proxy has a directive for a path; else anywhere, when a word tells which
    /// one is meant.
    fn on_source(&self, path: &str, name: &str, word: &str) -> Option<Evidence> {
        let location = self.source.location(path);
        let other = || (!word.is_empty()).then(|| self.source.anywhere(name, word)).flatten();
        let found = self.source.directive(location, name, word).or_else(other)?;
        Some(Evidence::line(found.file.as_str(), found.line))
    }

    /// The likely cause of a difference.
    pub(super) fn cause(&self, difference: &Difference) -> Cause {
        let mut cause = rules::cause(self, difference);
        if cause.evidence.is_none() {
            cause.evidence =
                difference.origin.as_ref().and_then(|origin| origin.evidence.clone()).or_else(
                    || self.location(&difference.path).map(|location| location.evidence.clone()),
                );
        }
        cause
    }

    /// The inventory's location that answers a path.
    fn location(&self, path: &str) -> Option<&'a Location> {
        if path.is_empty() {
            return None;
        }
        let locations: Vec<&'a Location> = self
            .inventory?
            .services
            .iter()
            .flat_map(|service| &service.sites)
            .flat_map(|site| &site.locations)
            .filter(|location| location.modifier != "@")
            .collect();
        let named: Vec<(usize, &str, &str)> = locations
            .iter()
            .enumerate()
            .map(|(index, location)| (index, location.modifier.as_str(), location.path.as_str()))
            .collect();
        nginx::choose(&named, path).map(|index| locations[index])
    }

    /// The apps.
    fn apps(&self) -> impl Iterator<Item = &'a Service> {
        self.inventory
            .into_iter()
            .flat_map(|inventory| &inventory.services)
            .filter(|service| service.role == Role::App)
    }

    /// The workload's id of a service.
    fn workload(&self, service: &str) -> String {
        self.plan
            .and_then(|plan| plan.workloads.iter().find(|workload| workload.service == service))
            .map_or_else(|| service.to_owned(), |workload| workload.id.clone())
    }

    /// Where the code keeps something in memory.
    fn in_process(&self, what: &str) -> Option<Evidence> {
        self.apps()
            .flat_map(|service| &service.in_process)
            .find(|state| state.what.contains(what))
            .map(|state| state.evidence.clone())
    }
}

/// A cause without a place.
fn text(text: impl Into<String>) -> Cause {
    Cause { text: text.into(), path: None, line: None, evidence: None }
}

/// A cause at a line.
fn at(words: impl Into<String>, path: &str, line: u32) -> Cause {
    Cause { text: words.into(), path: Some(path.to_owned()), line: Some(line), evidence: None }
}
