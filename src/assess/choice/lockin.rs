//! What would have to be built again to leave.

use super::server::{Server, ids, seen};
use super::{Sides, because, count, side};
use crate::model::evidence::Evidence;
use crate::model::inventory::{Role, Service};

pub(super) fn compare(server: &Server) -> Sides {
    let held = server.held();
    let mut reasons = vec![because(
        format!("{} run unchanged on any cluster: {}", count(held.len(), "image"), ids(&held)),
        seen(&held),
    )];
    let volumes =
        server.files().len() + held.iter().filter(|service| service.role == Role::Database).count();
    if volumes > 0 {
        let places: Vec<Evidence> = held
            .iter()
            .flat_map(|service| &service.state)
            .map(|state| Evidence::file(state.path.clone()))
            .collect();
        reasons.push(because(
            format!("{} hang on the cluster's storage class", count(volumes, "volume")),
            places,
        ));
    }
    let k8s = side(format!("low: {} to take along", count(held.len(), "image")), reasons);

    let mut services: Vec<(&str, Vec<Evidence>)> = Vec::new();
    let mut add = |name: &'static str, from: &[&Service]| {
        if !from.is_empty() {
            services.push((name, seen(from)));
        }
    };
    let apps = server.apps();
    add("Lambda", &apps);
    add("API Gateway", &apps);
    add("EventBridge Scheduler", &server.of(Role::Job));
    add("RDS", &server.of(Role::Database));
    add("ElastiCache", &server.of(Role::Cache));
    let secrets: Vec<Evidence> = server
        .inventory
        .services
        .iter()
        .flat_map(|service| &service.environment)
        .filter(|variable| variable.secret)
        .filter_map(|variable| variable.set_in.clone().or_else(|| variable.read_in.clone()))
        .collect();
    if !secrets.is_empty() {
        services.push(("Secrets Manager", secrets));
    }
    let pages = server.static_locations();
    let files = server.files();
    if !pages.is_empty() || !files.is_empty() {
        let folders = files.iter().map(|state| Evidence::file(state.path.clone()));
        services.push(("S3", pages.iter().cloned().chain(folders).collect()));
    }
    if !pages.is_empty() {
        services.push(("CloudFront", pages));
    }
    let number = services.len();
    // The database and the code leave with their own tools; the rest is written anew.
    let reasons = services
        .into_iter()
        .map(|(name, evidence)| because(format!("{name} takes over what was seen here"), evidence))
        .collect();
    let level = match number {
        0..=2 => "some",
        3..=5 => "medium",
        _ => "high",
    };
    let summary = if server.is_refused() {
        "does not arise: nothing of it runs there".to_owned()
    } else {
        format!("{level}: {} of one provider", count(number, "service"))
    };
    (k8s, side(summary, reasons))
}
