//! Where a fact was seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a fact was seen: a line of a file on the source, or the output of a read-only command.
///
/// Evidence names the place and never repeats the text found there, which may hold a secret.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(untagged)]
pub enum Evidence {
    /// A file, counted from the source's root (`/etc/nginx/nginx.conf`).
    File {
        /// Path from the source's root, beginning with `/`.
        path: String,
        /// Line, from 1; absent when the file as a whole is meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
    },
    /// A command that was run on a live source.
    Command {
        /// The command line as it was run.
        command: String,
    },
}

impl Evidence {
    /// Evidence at a line of a file.
    pub fn line(path: impl Into<String>, line: u32) -> Self {
        Self::File { path: path.into(), line: Some(line) }
    }

    /// Evidence that is a file as a whole.
    pub fn file(path: impl Into<String>) -> Self {
        Self::File { path: path.into(), line: None }
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{path}:{line}"),
            Self::File { path, line: None } => f.write_str(path),
            Self::Command { command } => write!(f, "`{command}`"),
        }
    }
}
