//! Rules on the network: addresses, proxies, certificates, what goes out.

use std::net::IpAddr;

use super::finding;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{Inventory, Location, LocationKind, Role, Service, Site};

fn is_loopback(address: &str) -> bool {
    address == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An app that no other container reaches.
pub(super) fn loopback(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in inventory.services.iter().filter(|service| service.role == Role::App) {
        let Some(listen) =
            service.listens.iter().find(|listen| listen.port != 0 && is_loopback(&listen.address))
        else {
            continue;
        };
        let place = format!("{}:{}", listen.address, listen.port);
        match &listen.address_from {
            Some(name) => found.push(finding(
                "listens-on-loopback",
                Severity::Advice,
                service,
                format!(
                    "listens on {place}, which no other container reaches; {name} sets the address"
                ),
                format!("the plan sets {name} to 0.0.0.0"),
                variable_places(service, name),
            )),
            None => found.push(finding(
                "listens-on-loopback",
                Severity::Blocker,
                service,
                format!(
                    "listens on {place}, which no other container reaches, and no variable \
                         changes that"
                ),
                "have it listen on all addresses, or take the address from a variable".to_owned(),
                service.evidence.clone(),
            )),
        }
    }
}

/// Where a variable is set and read.
fn variable_places(service: &Service, name: &str) -> Vec<Evidence> {
    service
        .environment
        .iter()
        .filter(|variable| variable.name == name)
        .flat_map(|variable| [variable.set_in.clone(), variable.read_in.clone()])
        .flatten()
        .collect()
}

/// An app that believes only a proxy on its own machine.
pub(super) fn trusted_proxy(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        let Some(trust) = &service.trust_proxy else { continue };
        let local =
            trust.value.split(',').map(str::trim).all(|part| {
                part == "loopback" || part.starts_with("127.") || part.starts_with("::1")
            });
        if !local || trust.value.is_empty() {
            continue;
        }
        let message = format!(
            "believes X-Forwarded-* headers only from {}: on a network of containers it would take \
             every client for the proxy and HTTPS for HTTP",
            trust.value
        );
        match &trust.variable {
            Some(name) => found.push(finding(
                "trusts-loopback-only",
                Severity::Risk,
                service,
                message,
                format!(
                    "the plan sets {name} so that the new proxy is believed, and with it every \
                     private address: where the platform hides clients behind one, set it to the \
                     proxy's network alone"
                ),
                vec![trust.evidence.clone()],
            )),
            None => found.push(finding(
                "trusts-loopback-only",
                Severity::Blocker,
                service,
                message,
                format!(
                    "change it at {} to the addresses of the new network, best by a variable",
                    trust.evidence
                ),
                vec![trust.evidence.clone()],
            )),
        }
    }
}

fn locations(service: &Service, wanted: impl Fn(&Location) -> bool) -> Vec<&Location> {
    service.sites.iter().flat_map(|site| &site.locations).filter(|l| wanted(l)).collect()
}

/// Limits that count by the client's address.
pub(super) fn rate_limit(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        let limited = locations(service, |location| location.rate_limited);
        if limited.is_empty() {
            continue;
        }
        let paths: Vec<&str> = limited.iter().map(|location| location.path.as_str()).collect();
        found.push(finding(
            "rate-limit-by-address",
            Severity::Risk,
            service,
            format!(
                "limits requests to {}; behind an ingress all clients may come from one address and \
                 share the limit",
                paths.join(", ")
            ),
            "have the ingress pass the client's address on and nginx believe it (set_real_ip_from, \
             externalTrafficPolicy: Local)"
                .to_owned(),
            limited.iter().map(|location| location.evidence.clone()).collect(),
        ));
    }
}

/// TLS that ends on the server.
pub(super) fn certificates(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        for site in service.sites.iter().filter(|site| site.tls) {
            let name = site.server_names.first().map_or("a site", String::as_str);
            found.push(finding(
                "tls-ends-here",
                Severity::Risk,
                service,
                format!("ends TLS for {name} with a certificate of its own"),
                "let the ingress end TLS with a certificate for the name, and see that it is renewed \
                 there"
                    .to_owned(),
                site.evidence.clone(),
            ));
        }
    }
}

/// Connections to places outside.
pub(super) fn outgoing(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        for variable in &service.environment {
            let Some(value) = variable.default.as_deref() else { continue };
            let host = if variable.name.ends_with("HOST") && is_mail(&variable.name) {
                Some(value.to_owned())
            } else {
                url::Url::parse(value)
                    .ok()
                    .filter(|url| matches!(url.scheme(), "http" | "https" | "smtp" | "smtps"))
                    .and_then(|url| url.host_str().map(str::to_owned))
            };
            let Some(host) = host.filter(|host| !host.is_empty() && !is_loopback(host)) else {
                continue;
            };
            // A site's own name is where users come in, not where the app goes out.
            let own = inventory
                .services
                .iter()
                .flat_map(|service| &service.sites)
                .any(|site| site.server_names.contains(&host));
            let known = inventory.edges.iter().any(|edge| {
                edge.from == service.id
                    && edge.variables.as_ref().is_some_and(|v| {
                        [&v.host, &v.url].into_iter().flatten().any(|name| *name == variable.name)
                    })
            });
            if own || known {
                continue;
            }
            found.push(finding(
                "outgoing-connection",
                Severity::Advice,
                service,
                format!("is told of {host} by {}: it may connect there", variable.name),
                "allow it in the network policies, and see that the other side lets the new addresses in"
                    .to_owned(),
                variable.set_in.iter().chain(&variable.read_in).take(1).cloned().collect(),
            ));
        }
    }
}

fn is_mail(name: &str) -> bool {
    ["SMTP", "MAIL"].iter().any(|word| name.contains(word))
}

/// Several sites behind one proxy: the proof asks for one host.
pub(super) fn several_sites(inventory: &Inventory, found: &mut Vec<Finding>) {
    for proxy in inventory.services.iter().filter(|service| service.role == Role::Proxy) {
        let with_more = |site: &&Site| {
            site.locations.iter().any(|location| location.kind != LocationKind::Redirect)
        };
        let mut sites: Vec<&Site> = proxy.sites.iter().filter(with_more).collect();
        sites.sort_by_key(|site| std::cmp::Reverse(site.locations.len()));
        let mut names: Vec<&str> =
            sites.iter().filter_map(|site| site.server_names.first().map(String::as_str)).collect();
        names.dedup();
        if let [main, others @ ..] = names.as_slice()
            && !others.is_empty()
            && others.iter().any(|other| other != main)
        {
            found.push(finding(
                "several-sites",
                Severity::Advice,
                proxy,
                format!(
                    "serves {} beside {main}: `verify` asks for one host at a time",
                    others.join(", ")
                ),
                "all of them move; derive asks for the site with most locations: write scenarios \
                 for the others, and run `verify --host NAME` for each"
                    .to_owned(),
                sites
                    .iter()
                    .skip(1)
                    .flat_map(|site| site.evidence.iter().take(1).cloned())
                    .collect(),
            ));
        }
    }
}

/// A database that anyone may reach.
pub(super) fn open_database(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        if !matches!(service.role, Role::Database | Role::Cache) || service.state.is_empty() {
            continue;
        }
        let open = service.listens.iter().find(|listen| {
            listen.address.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
        });
        if let Some(listen) = open {
            found.push(finding(
                "open-to-the-network",
                Severity::Advice,
                service,
                format!("listens on all addresses (port {})", listen.port),
                "who else connects to it does not stand on this server: ask before it moves; on the \
                 new platform a network policy lets only the known ones in"
                    .to_owned(),
                service.evidence.clone(),
            ));
        }
    }
}

/// Connections that stay open and mostly silent.
pub(super) fn idle_connections(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in inventory.services.iter().filter(|service| service.role == Role::Proxy) {
        let long = locations(service, |location| location.upgrade || location.unbuffered);
        if long.is_empty() {
            continue;
        }
        let paths: Vec<&str> = long.iter().map(|location| location.path.as_str()).collect();
        found.push(finding(
            "long-connections",
            Severity::Advice,
            service,
            format!("keeps connections to {} open for long", paths.join(", ")),
            "give the ingress and every load balancer before it the same timeouts: many cut silent \
             connections after 60 s"
                .to_owned(),
            long.iter().map(|location| location.evidence.clone()).collect(),
        ));
    }
}
