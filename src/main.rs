//! The doorway: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use migrate::{cli, cmd, console};

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return console::usage(&error),
    };
    match cmd::run(arguments) {
        Ok(exit) => exit.into(),
        Err(error) => console::failure(&error),
    }
}
