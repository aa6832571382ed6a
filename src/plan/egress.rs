//! What a workload connects to outside: Kubernetes lets nothing else out.

use super::environment;
use crate::model::evidence::Evidence;
use crate::model::inventory::{Inventory, Role, Service, Variable};
use crate::model::outside;
use crate::model::plan::Egress;

/// A place outside that a service is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Its name or address; absent when only a secret holds it.
    pub host: Option<String>,
    /// Its port, when that is known.
    pub port: Option<u16>,
    /// The variable that names it; absent for one that stands in the code.
    pub variable: Option<String>,
    /// Where it was seen.
    pub evidence: Vec<Evidence>,
}

/// The places outside that a service is told of, by its variables and its code.
pub(crate) fn outside(inventory: &Inventory, service: &Service) -> Vec<Outside> {
    let mut found: Vec<Outside> = Vec::new();
    for variable in &service.environment {
        if is_edge(inventory, &variable.name) {
            continue;
        }
        let evidence: Vec<Evidence> =
            variable.set_in.iter().chain(&variable.read_in).take(1).cloned().collect();
        let name = Some(variable.name.clone());
        if variable.secret {
            // Only what the server sets: a name in the code alone is used for nothing there.
            if variable.set_in.is_some() && is_address(&variable.name) {
                found.push(Outside { host: None, port: None, variable: name, evidence });
            }
            continue;
        }
        let Some((host, port)) = place(service, variable) else { continue };
        if !is_inside(inventory, service, &host) {
            found.push(Outside { host: Some(host), port, variable: name, evidence });
        }
    }
    for out in &service.outgoing {
        if !is_inside(inventory, service, &out.host) {
            found.push(Outside {
                host: Some(out.host.clone()),
                port: out.port,
                variable: None,
                evidence: vec![out.evidence.clone()],
            });
        }
    }
    found
}

/// What the plan lets out: each place whose port is known.
pub(super) fn decide(inventory: &Inventory, service: &Service) -> Vec<Egress> {
    let mut egress: Vec<Egress> = Vec::new();
    if !matches!(service.role, Role::App | Role::Job) {
        return egress;
    }
    // A job that runs an app's code may connect where the app does.
    let owner = (service.role == Role::Job).then(|| super::image::owner(inventory, service));
    for service in [Some(service), owner.flatten()].into_iter().flatten() {
        for out in outside(inventory, service) {
            let (Some(host), Some(port)) = (out.host, out.port) else { continue };
            if egress.iter().any(|known| known.host == host && known.port == port) {
                continue;
            }
            let from = match (&out.variable, out.evidence.first()) {
                (Some(name), Some(place)) => format!("{name} names it ({place})"),
                (None, Some(place)) => format!("the code connects to it ({place})"),
                (Some(name), None) => format!("{name} names it"),
                (None, None) => "the code connects to it".to_owned(),
            };
            egress.push(Egress { host, port, reason: from });
        }
    }
    egress
}

/// Host and port that a variable's value names.
fn place(service: &Service, variable: &Variable) -> Option<(String, Option<u16>)> {
    let value = variable.default.as_deref()?.trim();
    if let Some(found) = outside::url(value) {
        return Some(found);
    }
    let name = variable.name.to_ascii_uppercase();
    let is_host_name = ["HOST", "HOSTNAME", "SERVER", "ENDPOINT", "RELAY", "SMARTHOST", "ADDR"]
        .iter()
        .any(|end| name == *end || name.ends_with(&format!("_{end}")));
    if !is_host_name {
        return None;
    }
    let (host, port) = match value.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port.parse().ok()?)),
        _ => (value, None),
    };
    // A bare word is as often a name of something else as that of a host.
    if !outside::is_host(host) || !(host.contains('.') || host.contains(':') || is_mail(&name)) {
        return None;
    }
    // The variable that the service itself listens by.
    let listens = service.listens.iter().any(|listen| {
        listen.address_from.as_deref() == Some(&variable.name) || listen.address == host
    });
    if listens {
        return None;
    }
    let sibling = name.rsplit_once('_').map(|(stem, _)| format!("{stem}_PORT"));
    let beside = sibling.and_then(|sibling| {
        let mut named =
            service.environment.iter().filter(|one| one.name.eq_ignore_ascii_case(&sibling));
        named.find_map(|one| one.default.as_deref()?.trim().parse::<u16>().ok())
    });
    Some((host.to_owned(), port.or(beside)))
}

fn is_mail(name: &str) -> bool {
    ["SMTP", "MAIL"].iter().any(|word| name.contains(word))
}

/// Whether a variable's name says that its value is an address.
fn is_address(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["URL", "URI", "DSN", "ENDPOINT", "WEBHOOK"].iter().any(|end| name.ends_with(end))
}

/// Whether the connection that a variable speaks of is an edge of the inventory.
fn is_edge(inventory: &Inventory, name: &str) -> bool {
    inventory.edges.iter().any(|edge| {
        edge.variables
            .as_ref()
            .is_some_and(|v| [&v.host, &v.url].into_iter().flatten().any(|known| known == name))
    })
}

/// A site's own name is where users come in, and this machine is no place outside.
fn is_inside(inventory: &Inventory, service: &Service, host: &str) -> bool {
    let names = |other: &Service| {
        other.sites.iter().any(|site| site.server_names.iter().any(|name| name == host))
    };
    outside::is_own(host)
        || environment::is_loopback(host)
        || inventory.services.iter().any(names)
        || service.listens.iter().any(|listen| listen.address == host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::{Outgoing, Runtime};

    fn variable(name: &str, value: Option<&str>) -> Variable {
        Variable {
            name: name.to_owned(),
            secret: value.is_none(),
            default: value.map(str::to_owned),
            set_in: Some(Evidence::line("/etc/shop.env", 3)),
            read_in: None,
        }
    }

    #[test]
    fn variables_and_code_name_what_is_outside() {
        let runtime = Runtime { name: "nodejs".into(), version: None };
        let mut service = Service::new("shop", Role::App, runtime);
        for (name, value) in [
            ("SMTP_HOST", Some("mail.example.com")),
            ("SMTP_PORT", Some("587")),
            ("PAY_API", Some("https://pay.example.com/v2")),
            ("MQ_SERVER", Some("mq.example.com:5671")),
            ("LDAP_HOST", Some("ldap.example.com")),
            ("HOST", Some("127.0.0.1")),
            ("PUBLIC_NAME", Some("x.example.com")),
            ("HOOK_URL", None),
            ("SESSION_SECRET", None),
        ] {
            service.environment.push(variable(name, value));
        }
        service.outgoing.push(Outgoing {
            host: "geo.example.com".into(),
            port: Some(443),
            evidence: Evidence::line("/srv/shop/geo.js", 7),
        });
        let inventory = Inventory { services: vec![service], ..Inventory::default() };
        let service = &inventory.services[0];
        let egress = decide(&inventory, service);
        let places: Vec<String> =
            egress.iter().map(|one| format!("{}:{}", one.host, one.port)).collect();
        assert_eq!(
            places,
            [
                "mail.example.com:587",
                "pay.example.com:443",
                "mq.example.com:5671",
                "geo.example.com:443"
            ]
        );
        assert!(egress[0].reason.contains("SMTP_HOST") && egress[3].reason.contains("geo.js:7"));
        let open: Vec<_> = outside(&inventory, service)
            .into_iter()
            .filter(|out| out.host.is_none() || out.port.is_none())
            .filter_map(|out| out.variable)
            .collect();
        assert_eq!(open, ["LDAP_HOST", "HOOK_URL"]);
    }
}
