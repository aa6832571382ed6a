//! Which questions of the inventory plan.yaml still leaves open.

use serde_json::Value;

use crate::model::finding::Question;
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;

/// The questions that deploy waits for and that are still open.
///
/// One is answered when the part of the plan that it names is no longer as `analyze` wrote it
/// (`pristine`), when what it asks about is not in the plan, or when the plan's `settled` names it.
pub fn open<'i>(
    inventory: &'i Inventory,
    plan: &Plan,
    pristine: Option<&Plan>,
) -> Vec<&'i Question> {
    let blocking = inventory.questions.iter().filter(|question| question.blocking);
    blocking.filter(|question| !answered(question, plan, pristine)).collect()
}

fn answered(question: &Question, plan: &Plan, pristine: Option<&Plan>) -> bool {
    if plan.settled.contains(&question.id) {
        return true;
    }
    // What `--only` left out is asked for by nobody.
    if let (Some(service), Some(pristine)) = (&question.service, pristine)
        && !pristine.workloads.iter().any(|one| one.service == *service)
        && place(&question.answer_in).is_none()
    {
        return true;
    }
    let Some((id, field)) = place(&question.answer_in) else {
        // All workloads are the place: an answer changes their list, or what one connects to.
        return pristine.is_some_and(|pristine| {
            let lists = |plan: &Plan| -> Vec<_> {
                plan.workloads
                    .iter()
                    .map(|one| (one.id.clone(), format!("{:?}", one.connects_to)))
                    .collect()
            };
            lists(pristine) != lists(plan)
        });
    };
    let part = |plan: &Plan| -> Option<Value> {
        let workload = serde_json::to_value(plan.workload(id)?).ok()?;
        if field.is_empty() {
            return Some(workload);
        }
        let mut value = &workload;
        for key in field.split('.') {
            value = value.get(key).unwrap_or(&Value::Null);
        }
        Some(value.clone())
    };
    match part(plan) {
        None => true,
        mine => pristine.is_some_and(|pristine| part(pristine) != mine),
    }
}

/// `workloads[web].schedule.cron` → `web`, `schedule.cron`.
fn place(text: &str) -> Option<(&str, &str)> {
    let (id, field) = text.strip_prefix("workloads[")?.split_once(']')?;
    Some((id, field.trim_start_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::{Role, Runtime, Service};

    #[test]
    fn a_question_is_open_until_its_place_changes_or_it_is_settled() {
        let runtime = Runtime { name: "nodejs".into(), version: None };
        let mut service = Service::new("web", Role::App, runtime);
        service.command = Some("/usr/bin/node /srv/web/x.js".into());
        let question = |answer_in: &str| Question {
            id: "web-listen-address".into(),
            service: Some("web".into()),
            question: "how?".into(),
            answer_in: answer_in.into(),
            blocking: true,
            evidence: Vec::new(),
        };
        let mut inventory = Inventory { services: vec![service], ..Inventory::default() };
        inventory.questions = vec![question("workloads[web].command")];
        let pristine = crate::plan::plan(&inventory, "x-abcd");
        let mut plan = pristine.clone();
        assert_eq!(open(&inventory, &plan, Some(&pristine)).len(), 1);
        plan.workloads[0].replicas = 2;
        assert_eq!(open(&inventory, &plan, Some(&pristine)).len(), 1, "another field");
        plan.workloads[0].command.push("--all".into());
        assert!(open(&inventory, &plan, Some(&pristine)).is_empty());
        plan = pristine.clone();
        plan.settled = vec!["web-listen-address".into()];
        assert!(open(&inventory, &plan, Some(&pristine)).is_empty());
        plan = pristine.clone();
        plan.workloads.clear();
        assert!(open(&inventory, &plan, Some(&pristine)).is_empty(), "no longer planned");
        inventory.questions = vec![question("workloads")];
        assert_eq!(open(&inventory, &pristine, Some(&pristine)).len(), 1);
        assert!(open(&inventory, &plan, Some(&pristine)).is_empty());
        inventory.questions[0].blocking = false;
        assert!(open(&inventory, &pristine, Some(&pristine)).is_empty());
    }
}
