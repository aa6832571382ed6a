//! The doorway: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use migrate::{cli, cmd};

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::output::usage(&error),
    };
    match cmd::run(arguments) {
        Ok(exit) => exit.into(),
        Err(error) => cli::output::failure(&error),
    }
}
