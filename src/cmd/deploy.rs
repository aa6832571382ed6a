//! `migrate deploy`.

use crate::cli;
use crate::cmd::Session;
use crate::deploy::{compose, k8s};
use crate::error::{Error, Exit, Result};
use crate::model::target::Target;

pub(super) async fn run(session: &Session, arguments: &cli::Deploy) -> Result<Exit> {
    let open = session.workspace.open_questions()?;
    if !open.is_empty() {
        let questions: Vec<String> = open
            .iter()
            .map(|one| format!("{} (answer in {}; id {})", one.question, one.answer_in, one.id))
            .collect();
        let text = format!("open questions: {}", questions.join("; "));
        if !arguments.dry_run {
            return Err(Error::refused(text).help(
                "answer them in plan.yaml and generate again; what is settled without a change \
                 goes by its id into `settled:` of plan.yaml",
            ));
        }
        session.console.say(text);
    }
    match arguments.to {
        Target::K8s => k8s::command::run_deploy(session, arguments).await,
        Target::Compose => compose::command::run_deploy(session, arguments).await,
    }
}
