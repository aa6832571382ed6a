//! Rules on the network: addresses, proxies, certificates, what goes out.

use std::net::IpAddr;

use super::finding;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{Inventory, Location, LocationKind, Role, Service, Site, TrustProxy};
use crate::plan::egress::outside;
use crate::plan::is_bound;

fn is_loopback(address: &str) -> bool {
    address == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An app that no other container reaches.
pub(super) fn loopback(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in inventory.services.iter().filter(|service| service.role == Role::App) {
        let Some(listen) =
            service.listens.iter().find(|listen| listen.port != 0 && is_bound(&listen.address))
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
                format!(
                    "have it listen on all addresses, or take the address from a variable; the \
                     open question {}-listen-address holds the ways and what each costs",
                    service.id
                ),
                match &listen.evidence {
                    Some(place) => vec![place.clone()],
                    None => service.evidence.clone(),
                },
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

/// Whom an app believes when it is told a client's address.
pub(super) fn trusted_proxy(inventory: &Inventory, found: &mut Vec<Finding>) {
    for service in &inventory.services {
        let Some(trust) = &service.trust_proxy else { continue };
        let parts: Vec<&str> = trust.value.split(',').map(str::trim).collect();
        if parts.iter().any(|part| is_own(part)) {
            own_machine(service, trust, found);
        }
        let wide = parts.iter().any(|part| is_private(part));
        let (id, message, remedy) = if trust.value == "true" {
            (
                "trusts-everyone",
                "believes the address that anyone gives of a client (X-Forwarded-For), as it did \
                 on the server"
                    .to_owned(),
                "have it believe its proxy alone; until then a client can pass for any other",
            )
        } else if trust.value != "0" && trust.value.parse::<u8>().is_ok() {
            (
                "trusts-by-count",
                format!(
                    "believes the last {} that passed a request on, whoever they are",
                    trust.value
                ),
                "an Ingress or load balancer in front is one more: count it only when nothing \
                 passes by it, or a client can pass for any other",
            )
        } else if wide {
            (
                "trusts-private-addresses",
                format!(
                    "believes private addresses ({}): where the platform shows clients under one \
                     (a port published by Docker, the node port of a cluster), a client can pass \
                     for any other",
                    trust.value
                ),
                "name the addresses of the proxies alone",
            )
        } else {
            continue;
        };
        let evidence = vec![trust.evidence.clone()];
        found.push(finding(id, Severity::Risk, service, message, remedy.to_owned(), evidence));
    }
}

/// Whether a part of a list of trusted addresses is the machine itself.
fn is_own(part: &str) -> bool {
    part == "loopback" || is_loopback(part) || part.starts_with("127.") || part.starts_with("::1/")
}

/// Whether it is a whole private network, under which a platform may show clients.
fn is_private(part: &str) -> bool {
    if matches!(part, "uniquelocal" | "linklocal") {
        return true;
    }
    let Some((address, bits)) = part.split_once('/') else { return false };
    let network = address.parse::<IpAddr>().is_ok_and(|address| match address {
        IpAddr::V4(four) => four.is_private() || four.is_unspecified(),
        IpAddr::V6(six) => six.is_unique_local() || six.is_unspecified(),
    });
    network && !matches!(bits, "32" | "128")
}

/// An app that believes a proxy on its own machine.
fn own_machine(service: &Service, trust: &TrustProxy, found: &mut Vec<Finding>) {
    let message = format!(
        "believes X-Forwarded-* headers from {}: on a network of containers it would take every \
         client for the proxy and HTTPS for HTTP",
        trust.value
    );
    let (severity, remedy) = match &trust.variable {
        Some(name) => (
            Severity::Risk,
            format!(
                "the plan gives the proxy a fixed address on compose and names it in {name}, and \
                 puts a relay beside the app on Kubernetes; what is let in to the app beside the \
                 proxy (a cluster whose network enforces no policies, an Ingress that passes on \
                 what clients say) would be believed, too"
            ),
        ),
        None => (
            Severity::Blocker,
            format!(
                "on Kubernetes the plan puts a relay beside the app; for compose change it at {} \
                 to the proxy's address (networks in plan.yaml), best by a variable",
                trust.evidence
            ),
        ),
    };
    let evidence = vec![trust.evidence.clone()];
    found.push(finding("trusts-loopback-only", severity, service, message, remedy, evidence));
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

/// Connections to places outside: Kubernetes lets out what the plan names, and nothing else.
pub(super) fn outgoing(inventory: &Inventory, found: &mut Vec<Finding>) {
    let inside = |service: &&Service| matches!(service.role, Role::App | Role::Job);
    for service in inventory.services.iter().filter(inside) {
        for out in outside(inventory, service) {
            let place = match (&out.host, out.port) {
                (Some(host), Some(port)) => format!("{host}:{port}"),
                (Some(host), None) => host.clone(),
                (None, _) => "a place outside".to_owned(),
            };
            let told = match &out.variable {
                Some(name) => format!("is told of {place} by {name}: it may connect there"),
                None => format!("connects to {place}"),
            };
            let known = out.host.is_some() && out.port.is_some();
            let (severity, remedy) = if known {
                (
                    Severity::Advice,
                    format!(
                        "on Kubernetes `workloads[{}].egress` of plan.yaml lets it out; see that the \
                         other side lets the new addresses in",
                        service.id
                    ),
                )
            } else {
                (
                    Severity::Risk,
                    format!(
                        "on Kubernetes it is blocked until host and port stand in \
                         `workloads[{}].egress` of plan.yaml",
                        service.id
                    ),
                )
            };
            found.push(finding(
                "outgoing-connection",
                severity,
                service,
                told,
                remedy,
                out.evidence,
            ));
        }
    }
    let apps: Vec<&str> =
        inventory.services.iter().filter(inside).map(|service| service.id.as_str()).collect();
    if !apps.is_empty() {
        found.push(Finding {
            id: "egress-closed".to_owned(),
            severity: Severity::Advice,
            service: None,
            message: format!(
                "on Kubernetes network policies block what {} send outside, but for name look-ups, \
                 the connections above and `egress` of plan.yaml; compose blocks nothing",
                apps.join(", ")
            ),
            remedy: "where they reach an address that neither their variables nor their code name \
                     (it comes from a database, say), add it to `workloads[ID].egress` and generate \
                     again"
                .to_owned(),
            evidence: Vec::new(),
        });
    }
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
