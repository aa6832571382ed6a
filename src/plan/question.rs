//! What the plan cannot decide without asking.

use super::egress::outside;
use super::{environment, moves, network};
use crate::model::finding::Question;
use crate::model::inventory::{Inventory, Listen, Role, Service};

/// Questions that follow from what the plan can and cannot do, beside those of the inventory.
pub fn questions(inventory: &Inventory) -> Vec<Question> {
    let mut questions = sockets(inventory);
    for service in &inventory.services {
        let id = &service.id;
        let runtime = &service.runtime.name;
        if matches!(service.role, Role::Database | Role::Cache) && !moves(service) {
            let users: Vec<&str> = inventory
                .edges
                .iter()
                .filter(|edge| edge.to == *id)
                .map(|edge| edge.from.as_str())
                .collect();
            let user = users.first().copied().unwrap_or(id.as_str());
            questions.push(Question {
                id: format!("{id}-stays"),
                service: Some(id.clone()),
                question: format!(
                    "{id} ({runtime}) is not moved by this version and stays where it is: under \
                     which address do the new workloads reach it?"
                ),
                answer_in: format!("workloads[{user}].environment"),
                blocking: true,
                evidence: service.evidence.clone(),
            });
        }
        let loopback = service.listens.iter().find(|listen| {
            listen.address_from.is_none()
                && listen.port != 0
                && environment::is_bound(&listen.address)
        });
        if service.role == Role::App
            && let Some(listen) = loopback
        {
            questions.push(Question {
                id: format!("{id}-listen-address"),
                service: Some(id.clone()),
                question: listen_question(id, listen),
                answer_in: format!("workloads[{id}].command"),
                blocking: true,
                evidence: match &listen.evidence {
                    Some(place) => vec![place.clone()],
                    None => service.evidence.clone(),
                },
            });
        }
        questions.extend(network::question(inventory, service));
        questions.extend(egress(inventory, service));
        let schedule = service.schedule.as_deref();
        if service.role == Role::Job && super::schedule::decide(inventory, service).is_none() {
            questions.push(Question {
                id: format!("{id}-schedule"),
                service: Some(id.clone()),
                question: match schedule {
                    Some(text) => format!("{id} runs at `{text}`, which no clock has: when then?"),
                    None => format!("when does {id} run?"),
                },
                answer_in: format!("workloads[{id}].schedule"),
                blocking: true,
                evidence: service.evidence.clone(),
            });
        }
        if moves(service) && !super::image::runs(service) {
            questions.push(Question {
                id: format!("{id}-command"),
                service: Some(id.clone()),
                question: format!("which command starts {id}?"),
                answer_in: format!("workloads[{id}].command"),
                blocking: true,
                evidence: service.evidence.clone(),
            });
        }
    }
    questions
}

/// What may be done about an address that is fixed in the code, and what each way costs.
fn listen_question(id: &str, listen: &Listen) -> String {
    let place = match &listen.evidence {
        Some(place) => format!(" at {place}"),
        None => String::new(),
    };
    format!(
        "{id} listens on {} and no variable changes that: how is it told to listen on all \
         addresses? (a) If an option of its command does, add it to the command: nothing else \
         differs. (b) Change the address{place} on the old server and analyze again: one line, but \
         the old server is touched, and listens on its network until a firewall or bind says \
         otherwise. (c) Put a corrected copy of that file beside the Dockerfile in images/{id}/ of \
         each tree, COPY it over the old one, and write {id}-listen-address under `settled:`: the \
         old server stays as it is, and the copy is yours to keep up",
        listen.address
    )
}

/// Places outside of which the port or the host is not known: on Kubernetes they are blocked.
fn egress(inventory: &Inventory, service: &Service) -> Vec<Question> {
    if !matches!(service.role, Role::App | Role::Job) {
        return Vec::new();
    }
    let id = &service.id;
    let unknown = outside(inventory, service)
        .into_iter()
        .filter(|out| out.host.is_none() || out.port.is_none());
    unknown
        .map(|out| {
            let name = out.variable.as_deref().or(out.host.as_deref()).unwrap_or_default();
            let told = match (&out.host, &out.variable) {
                (Some(host), Some(name)) => {
                    format!("{id} is told of {host} by {name}: on which port")
                }
                (Some(host), None) => format!("the code of {id} connects to {host}: on which port"),
                (None, _) => format!(
                    "{id} is given an address by {name}, which is kept as a secret: to which host \
                     and port"
                ),
            };
            let slug: String = name
                .to_ascii_lowercase()
                .chars()
                .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
                .collect();
            Question {
                id: format!("{id}-egress-{slug}"),
                service: Some(id.clone()),
                question: format!(
                    "{told} does it connect? Until it stands there, Kubernetes blocks it"
                ),
                answer_in: format!("workloads[{id}].egress"),
                blocking: false,
                evidence: out.evidence,
            }
        })
        .collect()
}

/// Connections over a socket of the file system, which two containers do not share.
fn sockets(inventory: &Inventory) -> Vec<Question> {
    let mut questions = Vec::new();
    for edge in &inventory.edges {
        let (Some(path), Some(from), Some(to)) =
            (&edge.socket, inventory.service(&edge.from), inventory.service(&edge.to))
        else {
            continue;
        };
        if !moves(from) || !moves(to) {
            continue;
        }
        let app = to.role == Role::App;
        questions.push(Question {
            id: format!("{}-to-{}-socket", from.id, to.id),
            service: Some(to.id.clone()),
            question: if app {
                format!(
                    "{} listens on the socket {path}, which {} cannot reach from another \
                     container: how is it told to listen on a port of all addresses? Name the port \
                     under ports, too",
                    to.id, from.id
                )
            } else {
                format!(
                    "{} reaches {} by the socket {path}, which two containers do not share: which \
                     variables make it connect to host {} instead?",
                    from.id, to.id, to.id
                )
            },
            answer_in: if app {
                format!("workloads[{}].command", to.id)
            } else {
                format!("workloads[{}].environment", from.id)
            },
            blocking: true,
            evidence: edge.evidence.clone(),
        });
    }
    questions
}

#[cfg(test)]
mod tests {
    use super::questions;
    use crate::model::inventory::{Edge, Inventory, Role, Runtime, Service};

    #[test]
    fn a_socket_that_two_containers_do_not_share_is_asked_for() {
        let service = |id: &str, role: Role, runtime: &str| {
            let mut service =
                Service::new(id, role, Runtime { name: runtime.into(), version: None });
            service.command = Some("/usr/bin/x".into());
            service
        };
        let edge = |from: &str, to: &str| Edge {
            from: from.into(),
            to: to.into(),
            port: 0,
            evidence: Vec::new(),
            variables: None,
            socket: Some("/run/x.sock".into()),
        };
        let inventory = Inventory {
            services: vec![
                service("nginx", Role::Proxy, "nginx"),
                service("web", Role::App, "python"),
                service("mariadb", Role::Database, "mariadb"),
            ],
            edges: vec![edge("nginx", "web"), edge("web", "mariadb"), edge("web", "gone")],
            ..Inventory::default()
        };
        let asked: Vec<(String, String)> = questions(&inventory)
            .into_iter()
            .filter(|question| question.blocking)
            .map(|question| (question.id, question.answer_in))
            .collect();
        assert_eq!(
            asked,
            [
                ("nginx-to-web-socket".to_owned(), "workloads[web].command".to_owned()),
                ("web-to-mariadb-socket".to_owned(), "workloads[web].environment".to_owned()),
            ]
        );
    }
}
