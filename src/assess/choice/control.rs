//! How much of what the server sets by itself can still be set.

use super::server::{Server, ids, is_here};
use super::{Sides, because, count, side};
use crate::model::evidence::Evidence;
use crate::model::inventory::Role;

/// The largest request that a function takes, in bytes.
const PAYLOAD: u64 = 6 << 20;

pub(super) fn compare(server: &Server) -> Sides {
    let settings: Vec<Evidence> = server
        .inventory
        .services
        .iter()
        .flat_map(|service| &service.configuration)
        .map(|file| Evidence::file(file.path.clone()))
        .collect();
    let mut kept = vec![because(
        format!(
            "{} of this server and the versions it runs go along as they are",
            count(settings.len(), "configuration file")
        ),
        settings.clone(),
    )];
    let root: Vec<_> = server
        .held()
        .into_iter()
        .filter(|service| service.user.as_deref().is_none_or(|user| user == "root"))
        .filter(|service| matches!(service.role, Role::App | Role::Job))
        .collect();
    if !root.is_empty() {
        kept.push(because(
            format!("{} may run as root, which many clusters refuse", ids(&root)),
            super::server::seen(&root),
        ));
    }
    let k8s = side(format!("all: {} kept", count(settings.len(), "settings file")), kept);

    let mut lost = Vec::new();
    let proxied = server.locations(|_| true);
    if !proxied.is_empty() {
        lost.push(because(
            format!(
                "{} of the proxy are rewritten for API Gateway, CloudFront and a bucket, which set \
                 limits of their own",
                count(proxied.len(), "location")
            ),
            proxied,
        ));
    }
    for proxy in server.of(Role::Proxy) {
        let large: Vec<Evidence> = proxy
            .sites
            .iter()
            .flat_map(|site| &site.locations)
            .filter(|location| location.body_limit == 0 || location.body_limit > PAYLOAD)
            .map(|location| location.evidence.clone())
            .collect();
        if !large.is_empty() {
            lost.push(because(
                format!(
                    "{} let in more than 6 MB a request, the most that a function takes",
                    count(large.len(), "location")
                ),
                large,
            ));
        }
    }
    let stores: Vec<_> = server.stores().into_iter().filter(|store| is_here(store)).collect();
    let tuned: Vec<Evidence> = stores
        .iter()
        .flat_map(|store| &store.configuration)
        .map(|file| Evidence::file(file.path.clone()))
        .collect();
    if !stores.is_empty() {
        lost.push(because(
            format!(
                "{} {} a managed service without access to its machine; {} become parameters",
                ids(&stores),
                if stores.len() == 1 { "is" } else { "are" },
                count(tuned.len(), "configuration file")
            ),
            if tuned.is_empty() { super::server::seen(&stores) } else { tuned },
        ));
    }
    let apps = server.apps();
    if lost.is_empty() {
        lost.push(because(
            format!("{} keeps its image; the machine and its network are AWS's", ids(&apps)),
            super::server::seen(&apps),
        ));
    }
    let summary = if server.is_refused() {
        "nothing of it runs there".to_owned()
    } else if stores.is_empty() && server.of(Role::Proxy).is_empty() {
        format!("{} kept, the machine is not", count(apps.len(), "app image"))
    } else {
        format!("code kept; {} given over", count(lost.len(), "part"))
    };
    (k8s, side(summary, lost))
}
