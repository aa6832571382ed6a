//! The one error type: what failed, where, what to do next, and the exit code that follows.

use std::fmt;

/// Exit codes of the program, as the command-line contract fixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and the answer is yes.
    Yes = 0,
    /// The check ran and the answer is no.
    No = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The source or a workspace file cannot be read or is invalid.
    Input = 3,
    /// An engine, cluster or server cannot be reached or refused.
    Remote = 4,
    /// It could not be told.
    Inconclusive = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What failed, where (in the message), and what to do next.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    message: String,
    help: Option<String>,
}

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that ends the program with `exit`. `message` is a lower-case fragment.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None }
    }

    /// The answer is no (exit code 1).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::No, message)
    }

    /// The command line is wrong (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The source or a workspace file cannot be read or is invalid (exit code 3).
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::Input, message)
    }

    /// As [`Error::input`], at a line of a file.
    pub fn input_at(path: impl fmt::Display, line: u64, message: impl fmt::Display) -> Self {
        Self::input(format!("{path}:{line}: {message}"))
    }

    /// An engine, cluster or server cannot be reached or refused (exit code 4).
    pub fn remote(message: impl Into<String>) -> Self {
        Self::new(Exit::Remote, message)
    }

    /// Adds what to do next: a sentence.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The exit code.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// What to do next.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Says what was being done when a lower error came up.
pub trait Context<T> {
    /// Turns the error into one with exit code 3: `failed to WHAT: CAUSE`.
    fn input(self, what: impl fmt::Display) -> Result<T>;
    /// Turns the error into one with exit code 4: `failed to WHAT: CAUSE`.
    fn remote(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn input(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|cause| Error::input(format!("failed to {what}: {cause}")))
    }

    fn remote(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|cause| Error::remote(format!("failed to {what}: {cause}")))
    }
}
