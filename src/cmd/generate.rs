//! `migrate generate`.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli;
use crate::cmd::Session;
use crate::error::{Context, Error, Exit, Result};
use crate::generate::write::{Change, What, apply, compare};
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{FitVerdict, Inventory};
use crate::model::target::Target;
use crate::workspace::Workspace;

/// What was or would be written.
#[derive(Serialize)]
struct Outcome<'a> {
    target: &'a str,
    files: &'a [Change],
    /// What would change, when that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    /// What the target does otherwise than the server did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

pub(super) async fn run(session: &Session, arguments: &cli::Generate) -> Result<Exit> {
    let shows = arguments.diff || arguments.check;
    let lock = if shows { None } else { Some(session.workspace.lock()?) };
    let (workspace, given) = (session.workspace.clone(), arguments.clone());
    // Long, and without a wait in it: beside the task that hears Ctrl-C.
    let compared = tokio::task::spawn_blocking(move || compared(&workspace, &given));
    let (changes, findings) = compared.await.input("generate")??;
    let workspace = &session.workspace;
    if !shows {
        apply(workspace, &changes)?;
    }
    drop(lock);
    let diff = arguments.diff.then(|| diff(&changes));
    let outcome = Outcome { target: arguments.to.name(), files: &changes, diff, findings };
    session.console.result(&outcome, |outcome| {
        outcome.diff.clone().unwrap_or_else(|| summary(outcome, shows))
    })?;
    for finding in &outcome.findings {
        session.console.say(told(finding));
    }
    let open = workspace.open_questions()?.len();
    if open > 0 && !shows {
        session.console.say(format_args!(
            "{open} open question{} in inventory.yaml must be answered in plan.yaml before deploy",
            if open == 1 { "" } else { "s" }
        ));
    }
    let differs = changes.iter().any(Change::changes);
    Ok(if arguments.check && differs { Exit::No } else { Exit::Yes })
}

/// What would be written. Writes nothing.
fn compared(
    workspace: &Workspace,
    arguments: &cli::Generate,
) -> Result<(Vec<Change>, Vec<Finding>)> {
    let inventory = workspace.inventory()?;
    let plan = workspace.plan()?;
    refuse_what_does_not_fit(arguments.to, &inventory)?;
    let captured = |path: &str| workspace.copy(path);
    let tree =
        crate::generate::tree(arguments.to, &plan, &inventory, &captured, &arguments.overlay)
            .map_err(|error| in_plan(workspace, error))?;
    let findings = match arguments.to {
        Target::Sam => crate::generate::sam::findings(&plan, &inventory, &captured)?,
        Target::Compose | Target::K8s => Vec::new(),
    };
    Ok((compare(workspace, arguments.to, &tree, &arguments.overlay)?, findings))
}

/// A finding on one line, with its place.
fn told(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Blocker => "blocker",
        Severity::Risk => "risk",
        Severity::Advice => "advice",
    };
    let service = finding.service.as_deref().map(|id| format!("{id}: ")).unwrap_or_default();
    let place = finding.evidence.first().map(|at| format!(" ({at})")).unwrap_or_default();
    format!("{severity}: {service}{}{place}: {}", finding.message, finding.remedy)
}

/// An error on plan.yaml with the file's path and the line.
fn in_plan(workspace: &Workspace, error: Error) -> Error {
    let text = error.to_string();
    let Some(message) = text.strip_prefix("plan.yaml: ") else { return error };
    let path = workspace.plan_path();
    let plan = std::fs::read_to_string(&path).unwrap_or_default();
    let line = crate::generate::place::line(&plan, message);
    let placed = Error::new(error.exit(), format!("{}:{line}: {message}", path.display()));
    match error.help_text() {
        Some(help) => placed.help(help),
        None => placed,
    }
}

fn refuse_what_does_not_fit(target: Target, inventory: &Inventory) -> Result<()> {
    let fit = match target {
        Target::K8s => &inventory.fit.k8s,
        Target::Sam => &inventory.fit.sam,
        // Whatever runs in a container runs here.
        Target::Compose => return Ok(()),
    };
    if fit.verdict == FitVerdict::Refused {
        return Err(Error::refused(format!(
            "{} is refused for this application: {}",
            target.name(),
            fit.reasons.join("; ")
        ))
        .help("see the findings in inventory.yaml for what would have to change"));
    }
    Ok(())
}

fn summary(outcome: &Outcome<'_>, shows: bool) -> String {
    let mut text = String::new();
    let count = |what: What| outcome.files.iter().filter(|file| file.change == what).count();
    for file in outcome.files {
        let note = match file.change {
            What::New | What::Unchanged => continue,
            What::Updated => "updated",
            What::Merged => "updated, your edits kept",
            What::Removed => "removed: no longer generated",
            What::Kept => "kept: no longer generated, but you edited it",
            What::Deleted => "not written: you deleted it",
        };
        let _ = writeln!(text, "{}: {note}", file.path);
    }
    let written = count(What::New) + count(What::Updated) + count(What::Merged);
    let verb = if shows { "would be written" } else { "written" };
    let _ = write!(
        text,
        "{}/: {written} of {} files {verb}, {} unchanged",
        outcome.target,
        outcome.files.len(),
        count(What::Unchanged)
    );
    text
}

fn diff(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes.iter().filter(|change| change.changes()) {
        let before = change.before.as_deref().unwrap_or_default();
        let after = change.after.as_deref().unwrap_or_default();
        let patch = diffy::DiffOptions::new()
            .set_original_filename(format!("a/{}", change.path))
            .set_modified_filename(format!("b/{}", change.path))
            .create_patch(before, after)
            .to_string();
        text.push_str(&patch);
    }
    text
}
