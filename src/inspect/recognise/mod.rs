//! From an index of files to facts, one file a kind of software, in a fixed order.
//!
//! A recogniser is a function over the source and what is known so far. It adds services or
//! enriches those that an earlier one found. Adding one takes a file here and a line in `run`.

use std::collections::{BTreeMap, BTreeSet};

use crate::inspect::source::Source;
use crate::model::finding::{Finding, Question};
use crate::model::inventory::{Edge, Os, Service, UserIds};

/// What is known about a source so far.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The operating system.
    pub(crate) os: Os,
    /// The services found so far.
    pub(crate) services: Vec<Service>,
    /// Edges that a recogniser knows by itself; `edges` finds the others afterwards.
    pub(crate) edges: Vec<Edge>,
    /// What the server does not say.
    pub(crate) questions: Vec<Question>,
    /// What matters for the move and only the recogniser sees.
    pub(crate) findings: Vec<Finding>,
    /// Configuration files that hold no secret: path on the source (links followed) → text.
    /// They are written into the workspace.
    pub(crate) captured: BTreeMap<String, String>,
    /// Users by name, from the source's passwd.
    pub(crate) users: BTreeMap<String, UserIds>,
    /// Their homes.
    pub(crate) homes: BTreeMap<String, String>,
    /// Groups by name.
    pub(crate) groups: BTreeMap<String, u32>,
    /// Values of variables, secrets among them: for finding edges, never written anywhere.
    pub(crate) values: Values,
    /// Installed packages: name → upstream version (`18.20.4`).
    pub(crate) packages: BTreeMap<String, String>,
    /// The package that owns a path, for every path that a package owns.
    pub(crate) owners: BTreeMap<String, String>,
    /// Units that start by themselves (`nginx.service`), aliases and templates resolved.
    pub(crate) enabled: BTreeSet<String>,
    /// Those of [`Facts::enabled`] that a recogniser took as its own; what is left over and owned
    /// by no package becomes an app.
    pub(crate) claimed: BTreeSet<String>,
}

/// Values of variables by service and name. They may be secrets: hence no `Debug` that shows them.
#[derive(Default)]
pub(crate) struct Values(BTreeMap<(String, String), String>);

impl Values {
    /// Keeps the value of a service's variable.
    pub(crate) fn set(&mut self, service: &str, name: &str, value: &str) {
        self.0.insert((service.to_owned(), name.to_owned()), value.to_owned());
    }

    /// The value of a service's variable.
    pub(crate) fn get(&self, service: &str, name: &str) -> Option<&str> {
        self.0.get(&(service.to_owned(), name.to_owned())).map(String::as_str)
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.0.len())
    }
}

impl Facts {
    /// An id that no service has yet: a DNS label made from `name`.
    pub(crate) fn new_id(&self, name: &str) -> String {
        let label = label(name);
        let mut id = label.clone();
        let mut number = 2;
        while self.services.iter().any(|service| service.id == id) {
            id = format!("{label}-{number}");
            number += 1;
        }
        id
    }

    /// The upstream version of an installed package.
    pub(crate) fn version(&self, package: &str) -> Option<String> {
        self.packages.get(package).cloned()
    }

    /// The package that owns the file at `path` (links followed, merged `/usr` allowed for).
    pub(crate) fn owner(&self, source: &dyn Source, path: &str) -> Option<&str> {
        let real = source.resolve(path);
        let candidates = [Some(path), real.as_deref()];
        candidates.into_iter().flatten().find_map(|path| {
            self.owners
                .get(path)
                .or_else(|| self.owners.get(path.strip_prefix("/usr")?))
                .map(String::as_str)
        })
    }

    /// Whether a unit starts by itself; takes it as the caller's own.
    pub(crate) fn claim(&mut self, unit: &str) -> bool {
        let enabled = self.enabled.contains(unit);
        if enabled {
            self.claimed.insert(unit.to_owned());
        }
        enabled
    }
}

/// A DNS label of at most 32 characters, so that a number can be added.
pub(crate) fn label(name: &str) -> String {
    let mut label = String::new();
    for character in name.to_lowercase().chars().take(200) {
        match character {
            'a'..='z' | '0'..='9' => label.push(character),
            _ if label.is_empty() || label.ends_with('-') => {}
            _ => label.push('-'),
        }
        if label.len() == 32 {
            break;
        }
    }
    let label = label.trim_end_matches('-');
    if label.is_empty() { "service".to_owned() } else { label.to_owned() }
}

/// Runs every recogniser.
pub(crate) fn run(source: &dyn Source) -> Facts {
    let mut facts = Facts::default();
    system::recognise(source, &mut facts);
    for recognise in [
        // Known software first: it claims its units.
        nginx::recognise,
        mariadb::recognise,
        stores::recognise,
        // What is left over runs the application's own programs …
        systemd::recognise,
        // … whose code says more. It adds an app by itself when there is no systemd.
        nodejs::recognise,
        cron::recognise,
        finish::recognise,
        constants::recognise,
    ] as [fn(&dyn Source, &mut Facts); 8]
    {
        recognise(source, &mut facts);
    }
    facts
}

mod constants;
mod cron;
mod finish;
mod folders;
mod mariadb;
pub(crate) mod nginx;
mod nodejs;
mod packaged;
mod runtime;
mod stores;
mod system;
mod systemd;
pub(crate) mod traffic;
mod units;
mod variables;

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn labels_are_dns_labels() {
        assert_eq!(label("My_App@1.service"), "my-app-1-service");
        assert_eq!(label("--"), "service");
        assert_eq!(label(&"x".repeat(80)).len(), 32);
        assert_eq!(label("Größe"), "gr-e");
    }
}
