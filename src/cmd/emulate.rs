//! `migrate emulate`.

use std::sync::Arc;

use crate::cli;
use crate::cmd::Session;
use crate::emulate::{self, Notice, Options};
use crate::error::{Context, Exit, Result};

/// Runs until SIGINT or SIGTERM, also while it starts; what was started is taken away again.
pub(super) async fn run(session: &Session, arguments: &cli::Emulate) -> Result<Exit> {
    let Session { workspace, console } = session;
    let console = *console;
    let notice: Notice = Arc::new(move |line| console.say(line));
    let options = Options {
        listen: arguments.listen.as_deref(),
        database: arguments.database.as_deref(),
        instances: arguments.instances,
        secrets_from: arguments.secrets_from.as_deref(),
        delete_data: arguments.delete_data,
    };
    let mut ending = Box::pin(ended()?);
    let emulator = tokio::select! {
        prepared = emulate::prepare(workspace, options, notice) => prepared?,
        () = &mut ending => return Ok(Exit::Interrupted),
    };
    console.result(&emulator.running, emulate::Running::text)?;
    emulator.serve(ending).await?;
    Ok(Exit::Yes)
}

/// The first SIGINT or SIGTERM.
fn ended() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).remote("listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).remote("listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
