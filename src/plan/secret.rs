//! Secrets by name, and the files that hold them.

use std::collections::BTreeSet;

use super::naming::{self, within};
use super::{address, environment};
use crate::model::evidence::Evidence;
use crate::model::inventory::{ConfigFile, Inventory, Role, Service, Variable};
use crate::model::plan::{File, Lookup, NewHost, Plan, Replace, Secret, SecretKind, Translate};

/// Adds a secret value to the plan; its name.
pub(super) fn value(
    plan: &mut Plan,
    workload: &str,
    variable: &str,
    set_in: &Evidence,
    new: Option<NewHost>,
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
    let hosts = Vec::from_iter(new);
    let replace = Vec::new();
    plan.secrets.push(Secret {
        name: name.clone(),
        kind,
        path,
        lookup,
        hosts,
        replace,
        mode: None,
    });
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
    let mut hosts: Vec<NewHost> = Vec::new();
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
        for new in address::in_secrets(inventory, other) {
            let here = |variable: &&Variable| {
                variable.name == new.key
                    && matches!(&variable.set_in, Some(Evidence::File { path, .. }) if *path == file.path)
            };
            if other.environment.iter().any(|variable| here(&variable))
                && !hosts.iter().any(|known: &NewHost| known.key == new.key)
            {
                hosts.push(new);
            }
        }
    }
    plan.secrets.push(Secret {
        name: name.clone(),
        kind: SecretKind::File,
        path: Some(file.path.clone()),
        lookup: None,
        hosts,
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
