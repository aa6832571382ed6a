//! The one place that writes to stdout and stderr and that turns an error into text.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Color, Format, Global};
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
    format: Format,
    quiet: bool,
    color: bool,
}

impl Console {
    /// As the command line says.
    pub fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::io::stdout().is_terminal()
            }
        };
        Self { format: global.format, quiet: global.quiet, color }
    }

    /// Whether stdout carries JSON.
    pub const fn json(self) -> bool {
        matches!(self.format, Format::Json)
    }

    /// Whether stdout may be coloured.
    pub const fn color(self) -> bool {
        self.color
    }

    /// The result: as JSON, or the text that `text` makes.
    pub fn result<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let text = if self.json() {
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
