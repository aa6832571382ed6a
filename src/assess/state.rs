//! Rules on state: in the process, on disk, and by the clock.

use super::finding;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{Inventory, Role, StateKind};

/// State in a process's memory: one replica only.
pub(super) fn in_process(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        let mut kinds: Vec<&str> =
            service.in_process.iter().map(|state| state.what.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let evidence: Vec<Evidence> = service
                .in_process
                .iter()
                .filter(|state| state.what == kind)
                .map(|state| state.evidence.clone())
                .collect();
            let (id, effect, way_out) = match kind {
                "sessions" => (
                    "sessions-in-memory",
                    "users are logged out by each restart and on a second replica",
                    "keep sessions in the database or in Redis",
                ),
                "timer" => (
                    "timer-in-process",
                    "each replica would do it once more",
                    "make it a job of its own",
                ),
                "broadcast" => (
                    "state-in-process",
                    "clients of one replica would not hear those of another",
                    "pass messages on through Redis",
                ),
                _ => (
                    "state-in-process",
                    "a second replica would not see it",
                    "keep it in the database or in Redis",
                ),
            };
            let shown = if kind == "timer" { "a timer" } else { kind };
            found.push(finding(
                id,
                Severity::Risk,
                service,
                format!("keeps {shown} in its own memory: {effect}"),
                format!("run one replica, as the plan does; for more, {way_out}"),
                evidence,
            ));
        }
    }
}

/// Databases that no application is told of: they are copied like the others, and someone should
/// know. Where an address is a secret URL its database is not known, and nothing is said.
pub(super) fn unused_databases(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in inventory.services.iter().filter(|service| service.role == Role::Database) {
        let edges = || inventory.edges.iter().filter(|edge| edge.to == service.id);
        let named = |name: &String| {
            let variables = inventory.services.iter().flat_map(|service| &service.environment);
            variables.filter(|it| it.name == *name).find_map(|it| it.default.clone())
        };
        let used: Option<Vec<String>> = edges()
            .filter(|edge| inventory.service(&edge.from).is_some_and(|it| it.role != Role::Proxy))
            .map(|edge| edge.variables.as_ref()?.database.as_ref().and_then(named))
            .collect();
        let Some(used) = used.filter(|used| !used.is_empty()) else { continue };
        let rest: Vec<&str> = service
            .databases
            .iter()
            .filter(|name| !used.contains(name))
            .map(String::as_str)
            .collect();
        if !rest.is_empty() {
            found.push(finding(
                "unused-database",
                Severity::Advice,
                service,
                format!("holds {}, which no application seen here is told of", rest.join(", ")),
                "it is copied with the others; drop it on the source before if nobody needs it"
                    .to_owned(),
                service.evidence.iter().take(1).cloned().collect(),
            ));
        }
    }
}

/// A cache that writes to disk: someone may rely on what it keeps.
pub(super) fn lasting_cache(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in inventory.services.iter().filter(|service| service.role == Role::Cache) {
        if let Some(state) = service.state.iter().find(|it| it.kind == StateKind::Database) {
            found.push(finding(
                "cache-keeps-data",
                Severity::Risk,
                service,
                format!("writes all it holds to {}, and the plan starts it empty", state.path),
                "see whether anyone relies on what it keeps (queues, sessions); if so, keep it \
                 where it is, or move its content by hand (`redis-cli --rdb`)"
                    .to_owned(),
                service.evidence.iter().take(1).cloned().collect(),
            ));
        }
    }
}

/// Apps whose routes nobody saw: the proof asks for less than they do.
pub(super) fn unread_code(inventory: &Inventory, found: &mut Vec<Finding>) {
    let apps = inventory.services.iter().filter(|service| {
        service.role == Role::App && service.routes.is_empty() && service.sockets.is_empty()
    });
    for app in apps {
        let runtime = app.runtime.name.as_str();
        let why = if runtime == "nodejs" {
            "no route was recognised in its code".to_owned()
        } else {
            format!("code of this kind ({runtime}) is not read by this version")
        };
        found.push(finding(
            "code-not-read",
            Severity::Advice,
            app,
            format!("{why}: its routes, state in memory and outgoing connections are not known"),
            "write steps for what it does into a file beside scenario/derived.yaml, or `verify` \
             asks only what the proxy shows; look for state in its memory before more than one \
             replica runs"
                .to_owned(),
            app.evidence.iter().take(1).cloned().collect(),
        ));
    }
}

/// Files that services share through the server's disk: one finding a folder.
pub(super) fn shared_uploads(inventory: &Inventory, found: &mut Vec<Finding>) {
    let mut reported: Vec<&str> = Vec::new();
    let uploads = inventory
        .services
        .iter()
        .flat_map(|service| service.state.iter().filter(|state| state.kind == StateKind::Uploads));
    for state in uploads {
        if reported.iter().any(|path| overlap(path, &state.path)) {
            continue;
        }
        let sharing: Vec<_> = inventory
            .services
            .iter()
            .filter(|service| {
                service.state.iter().any(|known| {
                    known.kind == StateKind::Uploads && overlap(&known.path, &state.path)
                })
            })
            .collect();
        // The app is what a reader looks for; the proxy only reads.
        let Some(owner) = sharing
            .iter()
            .find(|service| service.role == Role::App)
            .or_else(|| sharing.first())
            .filter(|_| sharing.len() > 1)
        else {
            continue;
        };
        reported.push(&state.path);
        let others: Vec<&str> = sharing
            .iter()
            .map(|service| service.id.as_str())
            .filter(|id| *id != owner.id)
            .collect();
        let mut evidence: Vec<Evidence> = sharing
            .iter()
            .flat_map(|service| &service.sites)
            .flat_map(|site| &site.locations)
            .filter(|location| {
                location.target.as_deref().is_some_and(|target| overlap(target, &state.path))
            })
            .map(|location| location.evidence.clone())
            .collect();
        evidence.push(Evidence::file(&state.path));
        found.push(finding(
            "files-shared",
            Severity::Risk,
            owner,
            format!(
                "shares the files in {} with {} through the server's disk",
                state.path,
                others.join(" and ")
            ),
            "give them the same volume: one that many nodes can mount (ReadWriteMany), or keep \
             them on one node"
                .to_owned(),
            evidence,
        ));
    }
}

/// Whether one path is the other or lies in it.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_end_matches('/'), b.trim_end_matches('/'));
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !a.is_empty() && !b.is_empty() && (within(a, b) || within(b, a))
}

/// Logs written to files.
pub(super) fn logs(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        let logs: Vec<&str> = service
            .state
            .iter()
            .filter(|state| state.kind == StateKind::Logs)
            .map(|state| state.path.as_str())
            .collect();
        if logs.is_empty() {
            continue;
        }
        let (what, remedy) = if service.runtime.name == "nginx" {
            (
                "writes its logs to",
                "the configuration is translated so that they go to the \
                                    container's output",
            )
        } else {
            (
                "writes logs to",
                "have it log to its standard output; what is in the folder is not \
                                moved",
            )
        };
        found.push(finding(
            "logs-on-disk",
            Severity::Advice,
            service,
            format!("{what} {}", logs.join(", ")),
            remedy.to_owned(),
            logs.iter().map(|path| Evidence::file(*path)).collect(),
        ));
    }
}

/// Jobs leave cron.
pub(super) fn jobs(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in inventory.services.iter().filter(|service| service.role == Role::Job) {
        if let Some(schedule) = &service.schedule {
            found.push(finding(
                "job-by-the-clock",
                Severity::Advice,
                service,
                format!("runs at `{schedule}` by the server's clock ({})", inventory.os.timezone),
                "it becomes a CronJob in that time zone that never runs twice at once; stop it on \
                 the old server when the new one takes over"
                    .to_owned(),
                service.evidence.clone(),
            ));
        }
    }
}
