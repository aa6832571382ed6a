//! What is kept on disk, who sees it, and which folders may be lost.

use std::collections::BTreeSet;

use super::image;
use super::naming::{self, within};
use crate::model::inventory::{Inventory, LocationKind, Role, Service, State, StateKind};
use crate::model::plan::{Mount, Plan, Volume};

/// One volume for each folder whose content must outlive its workload.
///
/// A folder inside another is part of that one. It belongs to the workload that writes to it: a
/// proxy comes last, as it mostly serves what an app keeps.
pub(super) fn volumes(inventory: &Inventory) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = Vec::new();
    let all: Vec<(&Service, &State)> = kept(inventory).collect();
    let (proxies, writers): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|(service, _)| service.role == Role::Proxy);
    for (service, state) in writers.into_iter().chain(proxies) {
        let source = folder(state);
        let inside = |(_, other): &(&Service, &State)| {
            let other = folder(other);
            other != source && within(&source, &other)
        };
        if !all.iter().any(inside) && !volumes.iter().any(|volume| volume.source == source) {
            let end = match state.kind {
                StateKind::Database => "data",
                // `shop-shop` would say nothing.
                _ if naming::base(&source) == service.id => "files",
                _ => naming::base(&source),
            };
            let taken: BTreeSet<String> =
                volumes.iter().map(|volume| volume.name.clone()).collect();
            let name = naming::label(&format!("{}-{end}", service.id));
            let reason = match state.kind {
                StateKind::Database if service.role == Role::Database => {
                    "rows move as statements, not as the engine's files"
                }
                StateKind::Database => "a database in a file",
                StateKind::Sessions => "users stay logged in",
                _ => "files that exist nowhere else",
            };
            volumes.push(Volume {
                name: naming::free(&name, '-', &taken),
                kind: state.kind,
                source,
                bytes: state.bytes,
                size: size(state),
                moves: true,
                reason: reason.to_owned(),
            });
        }
    }
    volumes
}

fn kept(inventory: &Inventory) -> impl Iterator<Item = (&Service, &State)> {
    let services = inventory.services.iter().filter(|service| super::moves(service));
    services.flat_map(|service| {
        let state = service.state.iter().filter(|state| is_kept(service, state));
        state.map(move |state| (service, state))
    })
}

fn is_kept(service: &Service, state: &State) -> bool {
    service.role != Role::Cache
        && matches!(state.kind, StateKind::Database | StateKind::Uploads | StateKind::Sessions)
}

/// The folder that a volume replaces; a single file lies in one.
fn folder(state: &State) -> String {
    let base = naming::base(&state.path);
    let is_file =
        [".db", ".sqlite", ".sqlite3", ".json", ".log"].iter().any(|end| base.ends_with(end));
    let path = if is_file { naming::folder(&state.path) } else { &state.path };
    path.trim_end_matches('/').to_owned()
}

/// Room to grow to twice the present size and a gibibyte more.
fn size(state: &State) -> String {
    let gibibytes = (state.bytes.saturating_mul(2) >> 30) + 1;
    let least = if state.kind == StateKind::Database { 5 } else { 1 };
    format!("{}Gi", gibibytes.max(least))
}

/// The volumes that a workload sees.
pub(super) fn mounts(inventory: &Inventory, service: &Service, plan: &Plan) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    let mut add = |source: &str, read_only: bool| {
        let Some(volume) = plan.volumes.iter().find(|volume| within(source, &volume.source)) else {
            return;
        };
        if !mounts.iter().any(|mount| mount.volume == volume.name) {
            mounts.push(Mount {
                volume: volume.name.clone(),
                path: volume.source.clone(),
                read_only,
            });
        }
    };
    for state in service.state.iter().filter(|state| is_kept(service, state)) {
        // A proxy only reads what another keeps.
        let elsewhere = kept(inventory).any(|(other, kept)| {
            let (one, two) = (folder(state), folder(kept));
            other.role != Role::Proxy && (within(&one, &two) || within(&two, &one))
        });
        add(&folder(state), service.role == Role::Proxy && elsewhere);
    }
    if service.role == Role::Job
        && let Some(app) = image::owner(inventory, service)
    {
        for state in app.state.iter().filter(|state| is_kept(app, state)) {
            add(&folder(state), false);
        }
    }
    for target in served(service) {
        for volume in &plan.volumes {
            let overlaps = within(target, &volume.source) || within(&volume.source, target);
            if overlaps && volume.kind != StateKind::Database {
                add(&volume.source, true);
            }
        }
    }
    mounts
}

/// The folders that a proxy serves from disk.
pub(super) fn served(service: &Service) -> impl Iterator<Item = &str> {
    let roots = service.sites.iter().filter_map(|site| site.root.as_deref());
    let targets = service
        .sites
        .iter()
        .flat_map(|site| &site.locations)
        .filter(|location| location.kind == LocationKind::Static)
        .filter_map(|location| location.target.as_deref());
    // A path with a variable in it names no folder.
    roots.chain(targets).filter(|path| path.starts_with('/') && !path.contains('$'))
}

/// Folders that a workload writes to and whose content may be lost.
pub(super) fn scratch(service: &Service, mounts: &[Mount]) -> Vec<String> {
    let fixed: &[&str] = match service.runtime.name.as_str() {
        "nginx" => &["/run", "/tmp", "/var/cache/nginx", "/var/lib/nginx", "/var/log/nginx"],
        "mariadb" => &["/run/mysqld", "/tmp", "/var/log/mysql"],
        "redis" | "valkey" => &["/run/redis", "/tmp", "/var/lib/redis"],
        _ => &["/tmp"],
    };
    let mut folders: BTreeSet<String> = fixed.iter().map(|path| (*path).to_owned()).collect();
    for state in &service.state {
        let folder = folder(state);
        // An empty folder must not hide a program.
        let hides =
            service.program.iter().chain(&service.directory).any(|own| within(own, &folder));
        if !is_kept(service, state) && !hides {
            folders.insert(folder);
        }
    }
    let all: Vec<String> = folders
        .iter()
        .filter(|path| {
            let inside = |other: &&String| other != path && within(path, other);
            !folders.iter().any(|other| inside(&other))
                && !mounts.iter().any(|mount| within(path, &mount.path))
        })
        .cloned()
        .collect();
    all
}
