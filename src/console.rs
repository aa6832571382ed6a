//! The one place that writes to stdout and stderr and that turns an error into text.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use crate::error::{Context, Error, Exit, Result};

/// Prints what clap has to say: help on stdout with exit code 0, a usage error with 2.
pub fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS }
}

/// Prints an error: what failed and what to do next.
pub fn failure(error: &Error) -> ExitCode {
    message(format_args!("error: {error}"));
    if let Some(help) = error.help_text() {
        message(format_args!("help: {help}"));
    }
    error.exit().into()
}

/// How a command talks to its user.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    /// Whether stdout carries JSON.
    pub json: bool,
    /// Whether only what failed is said.
    pub quiet: bool,
}

impl Console {
    /// The result: as JSON, or the text that `text` makes.
    pub fn result<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(value).input("write JSON")?
        } else {
            text(value)
        };
        self.print(&text);
        Ok(())
    }

    /// Text on stdout.
    pub fn print(self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        // As with messages: `| head` may have gone away.
        let _ = writeln!(stdout, "{}", text.trim_end_matches('\n'));
    }

    /// A message on stderr, not with `-q`.
    pub fn say(self, message: impl std::fmt::Display) {
        if !self.quiet {
            self::message(message);
        }
    }
}

/// A line on stderr. A reader that has gone away is no error of ours, on either stream.
fn message(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
