//! Whom an app believes: on the server its proxy came from the machine itself, in the new place it
//! comes from an address of its own.
//!
//! compose gives the proxy a fixed address, which the app is told; on Kubernetes, where none is
//! known beforehand, a relay beside the app keeps the server's own answer true. Both let the proxy
//! speak for a client and nobody else: what a client says of itself stays unbelieved, even where
//! the platform shows it under a private address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

use super::address;
use super::environment::is_loopback;
use crate::model::finding::Question;
use crate::model::inventory::{Inventory, Role, Service, TrustProxy};
use crate::model::plan::{Network, Relay};

/// 198.18.0.0/15, set aside for tests of network devices: neither a company's network nor an
/// engine's own pools have addresses there, and no host that an app may want to reach.
const RANGE: u32 = 0xc612_0000;

/// How many networks of [`SIZE`] addresses lie in it.
const NETWORKS: u32 = 4096;

/// Addresses of one network.
const SIZE: u32 = 32;

/// Whether the apps believe the machine itself, among others or alone.
pub(crate) fn believes_loopback(trust: &TrustProxy) -> bool {
    trust.value.split(',').any(|part| is_loopback(part.trim()))
}

/// Those whose word an app may take: what passes requests on, and may say for whom.
fn passing_on(inventory: &Inventory, to: &Service) -> Vec<String> {
    let connects = |service: &&Service| {
        service.id != to.id
            && super::moves(service)
            && matches!(service.role, Role::Proxy | Role::App)
            && address::links(inventory, service).iter().any(|link| link.to.id == to.id)
    };
    let mut ids: Vec<String> =
        inventory.services.iter().filter(connects).map(|service| service.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The services that believe only the machine itself, with those that came from it.
fn believing(inventory: &Inventory) -> impl Iterator<Item = (&Service, Vec<String>)> {
    let services = inventory.services.iter().filter(|service| {
        super::moves(service) && service.trust_proxy.as_ref().is_some_and(believes_loopback)
    });
    services
        .map(|service| (service, passing_on(inventory, service)))
        .filter(|(_, from)| !from.is_empty())
}

/// The networks that need fixed addresses: a function of names alone.
pub(super) fn decide(inventory: &Inventory, name: &str) -> Vec<Network> {
    let mut taken = BTreeSet::new();
    let mut networks = Vec::new();
    for (service, mut from) in believing(inventory) {
        // More would not fit into the upper half.
        from.truncate(SIZE as usize / 2 - 2);
        let number = place(name, &service.id, &taken);
        taken.insert(number);
        let first = RANGE + number * SIZE;
        let fixed = (first + SIZE / 2..).map(|address| Ipv4Addr::from(address).to_string());
        let addresses: BTreeMap<String, String> = from.into_iter().zip(fixed).collect();
        networks.push(Network {
            workload: service.id.clone(),
            subnet: format!("{}/{}", Ipv4Addr::from(first), 32 - SIZE.trailing_zeros()),
            addresses,
            believed_by: service.trust_proxy.as_ref().and_then(|trust| trust.variable.clone()),
            reason: format!(
                "{} believes what these say of a client, as it believed its own machine; for \
                 compose alone",
                service.id
            ),
        });
    }
    networks
}

/// The place of a network in the range, by its names; the next when it is taken.
fn place(name: &str, workload: &str, taken: &BTreeSet<u32>) -> u32 {
    let digest = Sha256::digest(format!("{name}\n{workload}"));
    let start = u32::from(u16::from_be_bytes([digest[0], digest[1]])) % NETWORKS;
    (0..NETWORKS)
        .map(|step| (start + step) % NETWORKS)
        .find(|number| !taken.contains(number))
        .unwrap_or(start)
}

/// What the server's app believed, and the fixed addresses.
pub(super) fn believed(value: &str, network: &Network) -> String {
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.chain(network.addresses.values().map(String::as_str)).collect::<Vec<_>>().join(",")
}

/// The relay of an app that believes the machine itself, when its image can carry one out.
pub(super) fn relay(inventory: &Inventory, service: &Service, command: &[String]) -> Option<Relay> {
    let (_, from) = believing(inventory).find(|(one, _)| one.id == service.id)?;
    let program = program(service, command)?;
    let reason = format!(
        "{} believes connections of its own machine; {} has no address there that is known \
         beforehand; for Kubernetes alone",
        service.id,
        from.join(" and ")
    );
    Some(Relay { program, reason })
}

/// What is asked of an app that believes its own machine and that nothing can be told, or beside
/// which no relay can run.
pub(super) fn question(inventory: &Inventory, service: &Service) -> Option<Question> {
    let (_, from) = believing(inventory).find(|(one, _)| one.id == service.id)?;
    let trust = service.trust_proxy.as_ref()?;
    let id = &service.id;
    let from = from.join(" and ");
    let relayed = relay(inventory, service, &super::command::decide(service)).is_some();
    let (question, answer_in) = match (&trust.variable, relayed) {
        (Some(_), true) => return None,
        (None, _) => (
            format!(
                "{id} believes {} alone, and no variable changes that: how is it told to believe \
                 {from} on compose?",
                trust.value
            ),
            format!("workloads[{id}].environment"),
        ),
        (Some(_), false) => (
            format!(
                "{id} believes {}, and its image has no Node.js that was found: whom does it \
                 believe on Kubernetes, where {from} has no address that is known beforehand?",
                trust.value
            ),
            format!("workloads[{id}].relay"),
        ),
    };
    Some(Question {
        id: format!("{id}-trusted-proxy"),
        service: Some(id.clone()),
        question,
        answer_in,
        // It runs without, with every client under one address.
        blocking: false,
        evidence: vec![trust.evidence.clone()],
    })
}

/// The Node.js of an app's image.
fn program(service: &Service, command: &[String]) -> Option<String> {
    if service.runtime.name != "nodejs" {
        return None;
    }
    let is_node = |path: &&String| {
        path.starts_with('/') && matches!(super::naming::base(path), "node" | "nodejs")
    };
    command.iter().find(is_node).cloned().or_else(|| {
        service.packages.iter().any(|one| one == "nodejs").then(|| "/usr/bin/node".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evidence::Evidence;
    use crate::model::inventory::{Edge, Runtime};

    fn service(id: &str, role: Role, runtime: &str) -> Service {
        let mut service = Service::new(id, role, Runtime { name: runtime.into(), version: None });
        service.command = Some(format!("/usr/bin/{runtime}"));
        service
    }

    fn inventory(trust: &str, variable: Option<&str>) -> Inventory {
        let mut app = service("shop", Role::App, "nodejs");
        app.trust_proxy = Some(TrustProxy {
            value: trust.into(),
            variable: variable.map(Into::into),
            evidence: Evidence::line("/srv/shop/app.js", 9),
        });
        let edge = Edge {
            from: "nginx".into(),
            to: "shop".into(),
            port: 3000,
            variables: None,
            socket: None,
            evidence: Vec::new(),
        };
        Inventory {
            services: vec![app, service("nginx", Role::Proxy, "nginx")],
            edges: vec![edge],
            ..Inventory::default()
        }
    }

    #[test]
    fn the_proxy_has_an_address_that_follows_from_names() {
        let inventory = inventory("loopback, 10.0.0.5", Some("TRUST"));
        let networks = decide(&inventory, "shop-a1b2");
        assert_eq!(networks, decide(&inventory, "shop-a1b2"));
        assert_ne!(networks[0].subnet, decide(&inventory, "shop-c3d4")[0].subnet);
        let network = &networks[0];
        assert_eq!(network.believed_by.as_deref(), Some("TRUST"));
        let (first, bits) = network.subnet.split_once('/').unwrap();
        let first = u32::from(first.parse::<Ipv4Addr>().unwrap());
        assert_eq!((bits, first % SIZE), ("27", 0));
        assert!((RANGE..RANGE + (1 << 17)).contains(&first));
        let address = network.addresses["nginx"].parse::<Ipv4Addr>().unwrap();
        assert_eq!(u32::from(address), first + 16);
        assert_eq!(believed("loopback, 10.0.0.5", network), format!("loopback,10.0.0.5,{address}"));
    }

    #[test]
    fn only_an_app_that_believes_the_machine_needs_it() {
        for trust in ["1", "true", "uniquelocal", "10.0.0.0/8"] {
            assert!(decide(&inventory(trust, Some("TRUST")), "a-b").is_empty(), "{trust}");
        }
        let mut alone = inventory("loopback", None);
        assert!(decide(&alone, "a-b")[0].believed_by.is_none());
        alone.edges.clear();
        assert!(decide(&alone, "a-b").is_empty(), "nobody passes anything on");
    }

    #[test]
    fn two_networks_never_share_a_place() {
        let mut taken = BTreeSet::new();
        for _ in 0..100 {
            let number = place("a-b", "web", &taken);
            assert!(taken.insert(number));
        }
    }

    #[test]
    fn the_relay_runs_with_the_program_of_the_app() {
        let inventory = inventory("127.0.0.1", None);
        let app = &inventory.services[0];
        let with = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|&text| text.to_owned()).collect();
            relay(&inventory, app, &command).map(|relay| relay.program)
        };
        assert_eq!(with(&["/opt/node/bin/node", "x.js"]).as_deref(), Some("/opt/node/bin/node"));
        assert_eq!(with(&["/usr/bin/npm", "start"]), None);
        // A constant in the code is asked about.
        let asked = question(&inventory, app).unwrap();
        assert_eq!(asked.answer_in, "workloads[shop].environment");
    }
}
