//! `migrate status`: where this engagement stands, and the next command.

use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;

use crate::cmd::Session;
use crate::error::{Exit, Result};
use crate::model::target::Target;

/// What has been done for a target.
#[derive(Debug, Serialize)]
struct TargetStatus {
    target: &'static str,
    generated: bool,
    deployed: bool,
    url: Option<String>,
    waiting: Vec<String>,
    data_copied: bool,
}

/// Where an engagement stands.
#[derive(Debug, Serialize)]
struct Status {
    workspace: String,
    source: Option<String>,
    name: Option<String>,
    blocking_questions: Vec<String>,
    images: usize,
    targets: Vec<TargetStatus>,
    verdict: Option<String>,
    next: String,
}

pub(super) fn run(session: &Session) -> Result<Exit> {
    let status = look(session)?;
    session.console.result(&status, text)?;
    Ok(Exit::Yes)
}

fn look(session: &Session) -> Result<Status> {
    let workspace = &session.workspace;
    let mut status = Status {
        workspace: workspace.root().display().to_string(),
        source: None,
        name: None,
        blocking_questions: Vec::new(),
        images: 0,
        targets: Vec::new(),
        verdict: None,
        next: String::new(),
    };
    if workspace.plan_path().exists() {
        let plan = workspace.plan()?;
        status.source = Some(plan.source);
        status.name = Some(plan.name);
    }
    if workspace.inventory_path().exists() && workspace.plan_path().exists() {
        status.blocking_questions = workspace
            .open_questions()?
            .into_iter()
            .map(|question| format!("{} ({})", question.question, question.answer_in))
            .collect();
    }
    let record = |name: &str| workspace.read_json::<Value>(&workspace.deployment(name));
    status.images = record("images")?
        .and_then(|record| record.get("images")?.as_array().map(Vec::len))
        .unwrap_or(0);
    for target in Target::ALL.map(Target::name) {
        let deployment = record(target)?;
        let workloads = deployment.as_ref().and_then(|record| record.get("workloads")?.as_array());
        let waiting = workloads
            .into_iter()
            .flatten()
            .filter(|workload| workload.get("ready") == Some(&Value::Bool(false)))
            .filter_map(|workload| Some(workload.get("id")?.as_str()?.to_owned()))
            .collect();
        let url = deployment.as_ref().and_then(|record| record.get("url")?.as_str());
        status.targets.push(TargetStatus {
            target,
            generated: workspace.path(target).is_dir(),
            deployed: workloads.is_some_and(|workloads| !workloads.is_empty()),
            url: url.map(str::to_owned),
            waiting,
            data_copied: workspace.deployment(&format!("data-{target}")).exists(),
        });
    }
    status.verdict = workspace
        .read_json::<Value>(&workspace.path("verdict/verdict.json"))?
        .and_then(|verdict| verdict.get("verdict")?.as_str().map(str::to_owned));
    status.next = next(&status);
    Ok(status)
}

/// The next command, for the target that has come furthest.
fn next(status: &Status) -> String {
    let command = |rest: &str| format!("migrate -C {} {rest}", status.workspace);
    if status.source.is_none() {
        return command("analyze SOURCE");
    }
    let done = |one: &TargetStatus| {
        u8::from(one.generated) + u8::from(one.deployed) + u8::from(one.data_copied)
    };
    // Of two that have come equally far, compose: it needs the least.
    let furthest = status.targets.iter().rev().max_by_key(|one| done(one));
    match furthest {
        Some(one) if !one.generated => command("generate --to compose"),
        Some(one) if status.images == 0 => command(&format!("build --to {}", one.target)),
        Some(one) if !one.deployed => command(&format!("deploy --to {}", one.target)),
        Some(one) if !one.data_copied => command(&format!("data copy --to {}", one.target)),
        _ if status.verdict.is_none() => command("verify --original URL"),
        _ => command("report"),
    }
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10} {value}");
    };
    line("workspace", &status.workspace);
    if let (Some(source), Some(name)) = (&status.source, &status.name) {
        line("source", &format!("{source}, planned as {name}"));
    }
    if status.images > 0 {
        line("images", &format!("built for {} workloads", status.images));
    }
    for one in status.targets.iter().filter(|one| one.generated || one.deployed) {
        let mut parts = vec!["generated".to_owned()];
        if one.deployed {
            parts.push(match &one.url {
                Some(url) => format!("deployed at {url}"),
                None => "deployed".to_owned(),
            });
        }
        if one.data_copied {
            parts.push("data copied".to_owned());
        }
        if !one.waiting.is_empty() {
            parts.push(format!("not ready: {}", one.waiting.join(", ")));
        }
        line(one.target, &parts.join(", "));
    }
    if let Some(verdict) = &status.verdict {
        line("verdict", verdict);
    }
    for question in &status.blocking_questions {
        line("open", question);
    }
    line("next", &status.next);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(generated: bool, deployed: bool, copied: bool) -> Status {
        let target = |target, here: bool| TargetStatus {
            target,
            generated: generated && here,
            deployed: deployed && here,
            url: None,
            waiting: Vec::new(),
            data_copied: copied && here,
        };
        Status {
            workspace: "w".into(),
            source: Some("docker://x".into()),
            name: Some("x".into()),
            blocking_questions: Vec::new(),
            images: usize::from(deployed),
            targets: vec![target("compose", false), target("k8s", true)],
            verdict: None,
            next: String::new(),
        }
    }

    #[test]
    fn the_next_command_follows_the_target_that_has_come_furthest() {
        assert_eq!(next(&status(false, false, false)), "migrate -C w generate --to compose");
        assert_eq!(next(&status(true, false, false)), "migrate -C w build --to k8s");
        assert_eq!(next(&status(true, true, false)), "migrate -C w data copy --to k8s");
        assert_eq!(next(&status(true, true, true)), "migrate -C w verify --original URL");
    }
}
