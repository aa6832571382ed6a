//! How images are built, by both strategies, and the scripts that go into them.

use serde::Serialize;

use super::unit::{SCRIPTS, Unit};
use super::{Tree, templates};
use crate::error::Result;
use crate::model::inventory::Inventory;
use crate::model::plan::{Plan, Strategy, Workload, WorkloadKind};

/// For `docker/Dockerfile.*.tera`.
#[derive(Debug, Serialize)]
struct Dockerfile<'a> {
    /// The workload.
    unit: &'a Unit,
    /// The official image.
    upstream: &'a str,
    /// Why the plan's strategy was chosen.
    reason: &'a str,
    /// Which strategy that is: `carry` or `upstream`.
    chosen: &'static str,
    /// Name of the user.
    user: String,
    /// Folder with the lock file, for dependencies that are fetched anew.
    lock_directory: Option<&'a str>,
    /// Whether there is an entry point script.
    entrypoint: bool,
    /// Folders that the user must own: mounts and scratch.
    folders: Vec<&'a str>,
    /// Programs by their path on the server, which an official image may keep elsewhere.
    programs: Vec<&'a str>,
    /// Where scripts lie.
    scripts: &'static str,
}

/// For `docker/mariadb-entrypoint.sh.tera`.
#[derive(Debug, Serialize)]
struct Entrypoint<'a> {
    /// The data folder.
    data: &'a str,
}

/// `images/…`: one folder for each image.
pub(crate) fn files(plan: &Plan, inventory: &Inventory, units: &[Unit]) -> Result<Tree> {
    let mut tree = Tree::new();
    for (workload, unit) in plan.workloads.iter().zip(units) {
        if workload.image.of.is_some() {
            continue;
        }
        let users: Vec<&Workload> = plan
            .workloads
            .iter()
            .filter(|other| {
                other.id == workload.id || other.image.of.as_deref() == Some(&workload.id)
            })
            .collect();
        let mut folders: Vec<&str> = users
            .iter()
            .flat_map(|user| {
                let written = user.mounts.iter().filter(|mount| !mount.read_only);
                written
                    .map(|mount| mount.path.as_str())
                    .chain(user.scratch.iter().map(String::as_str))
            })
            .filter(|path| *path != "/tmp")
            .collect();
        folders.sort_unstable();
        folders.dedup();
        let mut programs: Vec<&str> = users
            .iter()
            .filter_map(|user| user.command.first())
            .map(String::as_str)
            .filter(|program| program.starts_with('/'))
            .filter(|program| !workload.image.paths.iter().any(|path| program.starts_with(path)))
            .collect();
        programs.sort_unstable();
        programs.dedup();
        let entrypoint = workload.kind == WorkloadKind::Database;
        let context = Dockerfile {
            unit,
            upstream: &workload.image.upstream,
            reason: &workload.image.reason,
            chosen: match workload.image.strategy {
                Strategy::Carry => "carry",
                Strategy::Upstream => "upstream",
            },
            user: user_name(&workload.user.name),
            lock_directory: workload.image.lock_directory.as_deref(),
            entrypoint,
            folders,
            programs,
            scripts: SCRIPTS,
        };
        let folder = format!("images/{}", workload.id);
        let carry = templates::render("docker/Dockerfile.carry.tera", &context)?;
        tree.insert(format!("{folder}/Dockerfile.carry"), carry);
        let runtime =
            inventory.service(&workload.service).map(|service| service.runtime.name.as_str());
        let template = match (runtime, &context.lock_directory) {
            (Some("nodejs"), Some(_)) => "docker/Dockerfile.upstream.nodejs.tera",
            _ => "docker/Dockerfile.upstream.tera",
        };
        let upstream = templates::render(template, &context)?;
        tree.insert(format!("{folder}/Dockerfile.upstream"), upstream);
        if entrypoint {
            let data = workload.mounts.iter().find(|mount| !mount.read_only);
            let data = data.map_or("/var/lib/mysql", |mount| mount.path.as_str());
            let script =
                templates::render("docker/mariadb-entrypoint.sh.tera", &Entrypoint { data })?;
            tree.insert(format!("{folder}/entrypoint.sh"), script);
        }
    }
    Ok(tree)
}

/// A name that passwd takes.
fn user_name(name: &str) -> String {
    let good = name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if good { name.to_owned() } else { "app".to_owned() }
}
