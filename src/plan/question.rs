//! What the plan cannot decide without asking.

use super::{environment, moves, network};
use crate::model::finding::Question;
use crate::model::inventory::{Inventory, Role};

/// Questions that follow from what the plan can and cannot do, beside those of the inventory.
pub fn questions(inventory: &Inventory) -> Vec<Question> {
    let mut questions = Vec::new();
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
                && environment::is_loopback(&listen.address)
        });
        if service.role == Role::App
            && let Some(listen) = loopback
        {
            questions.push(Question {
                id: format!("{id}-listen-address"),
                service: Some(id.clone()),
                question: format!(
                    "{id} listens on {} and no variable changes that: how is it told to listen on \
                     all addresses?",
                    listen.address
                ),
                answer_in: format!("workloads[{id}].command"),
                blocking: true,
                evidence: service.evidence.clone(),
            });
        }
        questions.extend(network::question(inventory, service));
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
