//! What happens when more requests come than one process takes.

use super::server::{Server, ids, seen};
use super::{Sides, because, count, side};
use crate::model::evidence::Evidence;
use crate::model::inventory::Role;

pub(super) fn compare(server: &Server) -> Sides {
    let states = server.in_process();
    let files = server.files();
    let apps = server.apps();
    let mut bound = Vec::new();
    if !states.is_empty() {
        let mut what: Vec<&str> = states.iter().map(|(what, _)| *what).collect();
        what.sort_unstable();
        what.dedup();
        bound.push(because(
            format!("the process keeps {}, which a second replica would not see", what.join(", ")),
            states.iter().map(|(_, evidence)| evidence.clone()).collect(),
        ));
    }
    if !files.is_empty() {
        let paths: Vec<&str> = files.iter().map(|state| state.path.as_str()).collect();
        bound.push(because(
            format!("{} must be reached by every replica", paths.join(", ")),
            paths.iter().map(|path| Evidence::file(*path)).collect(),
        ));
    }
    let summary = if !states.is_empty() {
        "one replica until state leaves the process".to_owned()
    } else if !files.is_empty() {
        "replicas, once they share a volume".to_owned()
    } else if apps.is_empty() {
        "replicas of the proxy".to_owned()
    } else {
        format!("replicas of {} at will", ids(&apps))
    };
    if bound.is_empty() {
        let free = server.held();
        bound.push(because(
            format!("no state was found in the memory or on the disk of {}", ids(&free)),
            seen(&free),
        ));
    }
    let k8s = side(summary, bound);

    let mut reasons = Vec::new();
    let long = server.long_lived();
    if !long.is_empty() {
        reasons.push(because(
            format!(
                "{} stay open: a function ends with its answer, so they are split off and scale as \
                 on Kubernetes",
                count(long.len(), "connection endpoint")
            ),
            long.clone(),
        ));
    }
    let databases = server.of(Role::Database);
    if !databases.is_empty() {
        reasons.push(because(
            format!(
                "every instance opens connections of its own to {}: its limit is the limit",
                ids(&databases)
            ),
            seen(&databases),
        ));
    }
    if reasons.is_empty() {
        reasons.push(because(
            format!("nothing of {} was found that limits the number of instances", ids(&apps)),
            seen(&apps),
        ));
    }
    let summary = match (server.is_refused(), long.is_empty(), databases.is_empty()) {
        (true, ..) => "none: it all sits on open connections".to_owned(),
        (_, false, _) => format!("HTTP by itself; {} not", count(long.len(), "endpoint")),
        (_, _, false) => format!("by itself, up to the connections of {}", ids(&databases)),
        _ => "by itself, from none to many".to_owned(),
    };
    (k8s, side(summary, reasons))
}
