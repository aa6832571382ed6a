//! `migrate deploy`.

use crate::cli;
use crate::cmd::Session;
use crate::deploy::{Deployment, compose, k8s};
use crate::error::{Error, Exit, Result};
use crate::model::target::Target;

pub(super) async fn run(session: &Session, arguments: &cli::Deploy) -> Result<Exit> {
    if arguments.to == Target::Sam {
        return Err(Error::usage(
            "deploying functions to a cloud account is not part of this version",
        )
        .help("run `migrate emulate` on this machine, or `make deploy` in sam/ with an account"));
    }
    refuse_open_questions(session, arguments.dry_run)?;
    match arguments.to {
        Target::Compose => to_compose(session, arguments).await?,
        Target::K8s => to_k8s(session, arguments).await?,
        Target::Sam => {}
    }
    Ok(Exit::Yes)
}

fn refuse_open_questions(session: &Session, dry_run: bool) -> Result<()> {
    let open = session.workspace.open_questions()?;
    if open.is_empty() {
        return Ok(());
    }
    let questions: Vec<String> = open
        .iter()
        .map(|one| format!("{} (answer in {}; id {})", one.question, one.answer_in, one.id))
        .collect();
    let text = format!("open questions: {}", questions.join("; "));
    if !dry_run {
        return Err(Error::refused(text).help(
            "answer them in plan.yaml and generate again; what is settled without a change \
             goes by its id into `settled:` of plan.yaml",
        ));
    }
    session.console.say(text);
    Ok(())
}

async fn to_compose(session: &Session, arguments: &cli::Deploy) -> Result<()> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    let options = compose::Options {
        listen: arguments.listen.as_deref(),
        dry_run: arguments.dry_run,
        secrets_from: arguments.secrets_from.as_deref(),
    };
    match compose::deploy(workspace, &plan, options).await? {
        compose::Outcome::Deployed(deployment, notes) => {
            for note in notes {
                console.say(format_args!("note: {note}"));
            }
            console.result(&deployment, Deployment::text)
        }
        compose::Outcome::Preview(preview) => console.result(&preview, compose::Preview::text),
    }
}

async fn to_k8s(session: &Session, arguments: &cli::Deploy) -> Result<()> {
    let Session { workspace, console } = session;
    let plan = workspace.plan()?;
    let _lock = workspace.lock()?;
    let options = k8s::Options {
        overlay: &arguments.overlay,
        context: arguments.context.as_deref(),
        namespace: arguments.namespace.as_deref(),
        dry_run: arguments.dry_run,
        secrets_from: arguments.secrets_from.as_deref(),
    };
    match k8s::deploy(workspace, &plan, options, *console).await? {
        k8s::Outcome::Deployed(deployment) => console.result(&deployment, Deployment::text),
        k8s::Outcome::Preview(preview) => console.result(&preview, k8s::Preview::text),
    }
}
