//! `migrate report`.

use serde::Serialize;

use crate::cli;
use crate::cmd::Session;
use crate::error::{Exit, Result};
use crate::model::verdict::Verdict;
use crate::report;

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    report: String,
}

pub(super) fn run(session: &Session, arguments: &cli::Report) -> Result<Exit> {
    let workspace = &session.workspace;
    let inventory = workspace.inventory()?;
    let plan = if workspace.plan_path().exists() { Some(workspace.plan()?) } else { None };
    let verdict: Option<Verdict> = workspace.read_json(&workspace.path("verdict/verdict.json"))?;
    let page = report::page(&inventory, plan.as_ref(), verdict.as_ref())?;
    let path = arguments.output.clone().unwrap_or_else(|| workspace.path("verdict/report.html"));
    workspace.write(&path, page.as_bytes())?;
    let written = Written { report: path.display().to_string() };
    session.console.result(&written, |written| format!("wrote {}", written.report))?;
    Ok(Exit::Yes)
}
