//! One short file a subcommand: what the command line said becomes calls into the library.

use std::io::IsTerminal;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Arguments, Color, Command, Format, Global};
use crate::console::Console;
use crate::error::{Context, Error, Exit, Result};
use crate::workspace::Workspace;

/// What every command is given.
#[derive(Debug)]
pub struct Session {
    /// The workspace.
    pub workspace: Workspace,
    /// How to talk to the user.
    pub console: Console,
}

/// Carries out the command line. Ctrl-C and SIGTERM end it with exit code 130; nothing is
/// half-written, because all that belongs together is written together, without a wait in it.
pub fn run(arguments: Arguments) -> Result<Exit> {
    set_up_messages(&arguments.global);
    let session = Session {
        workspace: Workspace::new(&arguments.global.workspace),
        console: Console {
            json: arguments.global.format == Format::Json,
            quiet: arguments.global.quiet,
        },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .input("start the runtime")?;
    // A command that runs until then takes down by itself what it has started.
    let until_ctrl_c = matches!(arguments.command, Command::Emulate(_));
    let exit = runtime.block_on(async {
        // Both are heard from here on, not from the first wait of the command on.
        let mut interrupt = signal(SignalKind::interrupt()).input("listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).input("listen for SIGTERM")?;
        tokio::select! {
            exit = dispatch(&session, arguments.command) => exit,
            _ = interrupt.recv(), if !until_ctrl_c => Err(Error::new(Exit::Interrupted, "interrupted")),
            _ = terminate.recv(), if !until_ctrl_c => Err(Error::new(Exit::Interrupted, "interrupted")),
        }
    });
    runtime.shutdown_background();
    exit
}

fn set_up_messages(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        // kube says by itself what our own error says better.
        (false, 0) => "warn,kube_client=off",
        (false, 1) => "migrate=info,warn,kube_client=off",
        (false, _) => "migrate=debug,info",
    };
    if global.quiet {
        crate::progress::quiet();
    }
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(coloured(global.color))
        .without_time()
        // A stderr that has gone away (`2>&1 | head`) is no error of ours.
        .log_internal_errors(false)
        .try_init();
}

/// Whether messages may be coloured.
fn coloured(color: Color) -> bool {
    let wanted = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::io::stdout().is_terminal()
        }
    };
    wanted && std::io::stderr().is_terminal()
}

async fn dispatch(session: &Session, command: Command) -> Result<Exit> {
    if !matches!(command, Command::Completions { .. } | Command::Man) {
        session.workspace.recover()?;
    }
    match command {
        Command::Analyze(arguments) => analyze::run(session, &arguments).await,
        Command::Generate(arguments) => generate::run(session, &arguments).await,
        Command::Build(arguments) => build::run(session, &arguments).await,
        Command::Deploy(arguments) => deploy::run(session, &arguments).await,
        Command::Undeploy(arguments) => undeploy::run(session, &arguments).await,
        Command::Data(arguments) => data::run(session, &arguments).await,
        Command::Verify(arguments) => verify::run(session, &arguments).await,
        Command::Emulate(arguments) => emulate::run(session, &arguments).await,
        Command::Status => status::run(session),
        Command::Report(arguments) => report::run(session, &arguments),
        Command::Completions { shell } => Ok(manual::completions(session.console, shell)),
        Command::Man => manual::page(session.console),
    }
}

mod analyze;
mod build;
mod data;
mod deploy;
mod emulate;
mod generate;
mod manual;
mod report;
mod status;
mod undeploy;
mod verify;
