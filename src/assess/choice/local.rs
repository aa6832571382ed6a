//! How a developer runs it on a machine of their own.

use super::server::{Server, ids, is_here, seen};
use super::{Sides, because, count, side};
use crate::model::inventory::{Role, Service};

pub(super) fn compare(server: &Server) -> Sides {
    let held = server.held();
    let outside: Vec<&Service> =
        server.stores().into_iter().filter(|store| !is_here(store)).collect();
    let mut reasons = vec![because(
        format!("`generate --to compose` brings {} up with the images of the cluster", ids(&held)),
        seen(&held),
    )];
    if !outside.is_empty() {
        reasons.push(because(
            format!("{} runs elsewhere: a developer needs one of their own", ids(&outside)),
            seen(&outside),
        ));
    }
    let k8s = side(
        match outside.len() {
            0 => format!("whole: {}, same images", count(held.len(), "container")),
            more => format!("{}, {more} to bring", count(held.len(), "container")),
        },
        reasons,
    );

    let apps = server.apps();
    let jobs = server.of(Role::Job);
    let mut reasons = Vec::new();
    if !server.is_refused() && !apps.is_empty() {
        reasons.push(because(
            format!("`sam local start-api` runs the image of {}, an invocation each", ids(&apps)),
            seen(&apps),
        ));
    }
    let mut apart = 0;
    let stores = server.stores();
    if !stores.is_empty() {
        apart += stores.len();
        reasons.push(because(
            format!("SAM starts no {}: it runs beside, from a container", ids(&stores)),
            seen(&stores),
        ));
    }
    let pages = server.static_locations();
    if !pages.is_empty() {
        apart += 1;
        reasons.push(because(
            format!(
                "{} that serve files are CloudFront's, which SAM does not run",
                count(pages.len(), "location")
            ),
            pages,
        ));
    }
    let long = server.long_lived();
    if !long.is_empty() {
        apart += 1;
        reasons.push(because(
            format!("{} run as a container", count(long.len(), "long-lived endpoint")),
            long,
        ));
    }
    if !jobs.is_empty() {
        reasons.push(because(
            format!("{} runs by hand (`sam local invoke`), no schedule fires", ids(&jobs)),
            seen(&jobs),
        ));
    }
    let summary = if server.is_refused() {
        "none: nothing of it runs as functions".to_owned()
    } else if apart == 0 {
        format!("{}, nothing beside", count(apps.len() + jobs.len(), "function"))
    } else {
        format!("{}, {} beside", count(apps.len() + jobs.len(), "function"), count(apart, "part"))
    };
    (k8s, side(summary, reasons))
}
