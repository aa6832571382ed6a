//! Reading a server: from a source to facts with evidence. Changes nothing, runs nothing of it.

use std::collections::BTreeMap;

use crate::inspect::source::Source;
use crate::model::finding::Question;
use crate::model::inventory::{self, Inventory, Role};

pub(crate) mod edges;
pub mod parse;
pub mod recognise;
mod secrecy;
pub mod source;

/// What was read from a source.
#[derive(Debug)]
pub struct Inspection {
    /// What is on the server; findings and fit are not assessed yet.
    pub inventory: Inventory,
    /// Configuration files that hold no secret: path on the source → text.
    pub captured: BTreeMap<String, String>,
}

/// Reads a source.
pub fn inspect(source: &dyn Source) -> Inspection {
    let mut facts = recognise::run(source);
    edges::find(source, &mut facts);
    if facts.services.is_empty() {
        nothing_found(source, &mut facts);
    }
    for service in &mut facts.services {
        service.evidence.dedup();
    }
    facts.services.sort_by(|a, b| (order(a.role), &a.id).cmp(&(order(b.role), &b.id)));
    secrecy::enforce(&mut facts);
    let inventory = Inventory {
        schema: inventory::SCHEMA.to_owned(),
        source: source.describe().to_owned(),
        os: facts.os,
        services: facts.services,
        edges: facts.edges,
        findings: facts.findings,
        questions: facts.questions,
        fit: inventory::Fit::default(),
    };
    Inspection { inventory, captured: facts.captured }
}

/// Places in the list of services: as a request passes through them.
const fn order(role: Role) -> u8 {
    match role {
        Role::Proxy => 0,
        Role::App => 1,
        Role::Job => 2,
        Role::Database => 3,
        Role::Cache => 4,
        Role::Static => 5,
    }
}

fn nothing_found(source: &dyn Source, facts: &mut recognise::Facts) {
    facts.questions.push(Question {
        id: "what-runs".to_owned(),
        service: None,
        question: format!(
            "nothing in {} is known to run by itself: is it the root of the server, or an \
             application's folder?",
            source.describe()
        ),
        answer_in: "workloads".to_owned(),
        blocking: true,
        evidence: Vec::new(),
    });
}

/// Marks and counts that hold for what was read as a whole.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn an_empty_source_is_a_question() {
        let inspection = inspect(&Memory::new(&[("/README", "hello")]));
        assert!(inspection.inventory.services.is_empty());
        assert_eq!(inspection.inventory.questions[0].id, "what-runs");
        assert!(inspection.inventory.questions[0].blocking);
    }
}
