//! Secrets by name, and the files that hold them.

use std::collections::BTreeSet;

use super::naming::{self, within};
use super::{address, environment};
use crate::model::evidence::Evidence;
use crate::model::inventory::{ConfigFile, Inventory, Role, Service};
use crate::model::plan::{File, Lookup, Plan, Replace, Secret, SecretKind, Translate};

/// Adds a secret value to the plan; its name.
pub(super) fn value(
    plan: &mut Plan,
    workload: &str,
    variable: &str,
    set_in: &Evidence,
    replace: Vec<Replace>,
) -> String {
    let path = match set_in {
        Evidence::File { path, .. } => Some(path.clone()),
        Evidence::Command { .. } => None,
    };
    let lookup = path.as_deref().map(|path| {
        let unit = naming::base(path);
        let is_unit = [".service", ".timer", ".socket"].iter().any(|end| unit.ends_with(end))
            || naming::folder(path).ends_with(".d") && path.contains("/systemd/");
        if is_unit {
            Lookup::Unit(variable.to_owned())
        } else {
            Lookup::EnvFile(variable.to_owned())
        }
    });
    let name = naming::free(&naming::secret(&[workload, variable]), '_', &names(plan));
    let kind = SecretKind::Value;
    plan.secrets.push(Secret { name: name.clone(), kind, path, lookup, replace, mode: None });
    name
}

fn names(plan: &Plan) -> BTreeSet<String> {
    plan.secrets.iter().map(|secret| secret.name.clone()).collect()
}

/// The files put in place for a workload. Those that hold a secret are added to the plan's secrets.
pub(super) fn files(inventory: &Inventory, service: &Service, plan: &mut Plan) -> Vec<File> {
    let translate = match service.runtime.name.as_str() {
        "nginx" => Translate::Nginx,
        "mariadb" => Translate::Mariadb,
        _ => Translate::None,
    };
    let mut files = Vec::new();
    for file in service.configuration.iter().filter(|file| is_read(service, file)) {
        let secret = file.secret.then(|| whole_file(inventory, service, file, plan));
        let translate =
            if file.secret || is_data(&file.path) { Translate::None } else { translate };
        files.push(File { path: file.path.clone(), secret, translate });
    }
    files
}

/// Certificates, keys and scripts that a configuration names: there is nothing in them to translate.
fn is_data(path: &str) -> bool {
    let ending = naming::base(path).rsplit_once('.').map_or("", |(_, ending)| ending);
    let data =
        ["pem", "crt", "cer", "ca", "key", "der", "p7b", "js", "mjs", "lua", "mmdb", "htpasswd"];
    data.contains(&ending.to_ascii_lowercase().as_str())
        || ["/etc/letsencrypt", "/etc/ssl", "/etc/pki"].iter().any(|folder| within(path, folder))
            && ending != "conf"
}

fn whole_file(
    inventory: &Inventory,
    service: &Service,
    file: &ConfigFile,
    plan: &mut Plan,
) -> String {
    let name = naming::secret(&[&service.id, "FILE", naming::base(&file.path)]);
    let name = naming::free(&name, '_', &names(plan));
    let mut replace: Vec<Replace> = Vec::new();
    let mut add = |entry: Replace| {
        if !replace.contains(&entry) {
            replace.push(entry);
        }
    };
    for other in &inventory.services {
        for change in environment::changes(inventory, other, &plan.networks) {
            if change.path.as_deref() == Some(file.path.as_str()) {
                for from in change.from {
                    let key = Some(change.name.clone());
                    add(Replace { from, to: change.to.clone(), key });
                }
            }
        }
        for link in address::links(inventory, other) {
            let Some(url) = link.variables.and_then(|variables| variables.url.as_ref()) else {
                continue;
            };
            let variable = other.environment.iter().find(|variable| variable.name == *url);
            let set_here = variable.is_some_and(|variable| {
                let path = match &variable.set_in {
                    Some(Evidence::File { path, .. }) => Some(path),
                    _ => None,
                };
                variable.secret && path == Some(&file.path)
            });
            if set_here {
                address::in_secret_url(url, link.to).into_iter().for_each(&mut add);
            }
        }
    }
    plan.secrets.push(Secret {
        name: name.clone(),
        kind: SecretKind::File,
        path: Some(file.path.clone()),
        lookup: None,
        replace,
        mode: Some(file.mode & 0o777),
    });
    name
}

/// Whether the workload itself reads a file. What systemd, cron or init read is the platform's now,
/// and so is an `EnvironmentFile` outside an app's folder: its variables are handed over as such.
fn is_read(service: &Service, file: &ConfigFile) -> bool {
    const PLATFORM: [&str; 8] = [
        "/etc/systemd",
        "/lib/systemd",
        "/usr/lib/systemd",
        "/run/systemd",
        "/etc/init.d",
        "/etc/crontab",
        "/var/spool/cron",
        "/etc/logrotate.d",
    ];
    let path = file.path.as_str();
    if PLATFORM.iter().any(|folder| within(path, folder)) || path.starts_with("/etc/cron.") {
        return false;
    }
    // Debian's own maintenance login, which only its scripts read.
    if service.runtime.name == "mariadb" && path.ends_with("/debian.cnf") {
        return false;
    }
    let feeds_variables = service.environment.iter().any(|variable| {
        matches!(&variable.set_in, Some(Evidence::File { path: set, .. }) if set == path)
    });
    let own = service.directory.iter().chain(&service.program).any(|own| within(path, own));
    service.role == Role::Job || own || !feeds_variables
}
