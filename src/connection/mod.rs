//! Running commands on a live machine: a container, a pod, this machine.

pub(crate) mod docker;
pub(crate) mod local;
pub(crate) mod pod;

use std::pin::Pin;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Result;

/// How much of a command's standard error is kept.
const STDERR_TAIL: usize = 64 << 10;

/// Bytes from a running command.
pub type Output = Pin<Box<dyn AsyncRead + Send>>;

/// Bytes to a running command.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// A command that runs on a host.
pub struct Running {
    /// Its standard input; dropping it ends the input.
    pub stdin: Option<Input>,
    /// Its standard output.
    pub stdout: Output,
    /// Resolves when it has ended, with its exit code and the last 64 KiB of its standard error.
    pub ended: BoxFuture<'static, Result<Ended>>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code.
    pub code: i64,
    /// The end of its standard error.
    pub stderr: String,
}

/// A command to run, as program and arguments: no shell in between.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// Program and arguments. Secrets do not belong here: other users of the host can read them.
    pub arguments: Vec<String>,
    /// Who runs it; the host's own default when absent.
    pub user: Option<String>,
    /// Whether something will be written to its standard input.
    pub stdin: bool,
}

impl Command {
    /// A command without input, as the host's default user.
    pub fn new<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// As this user.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// With standard input.
    #[must_use]
    pub const fn with_stdin(mut self) -> Self {
        self.stdin = true;
        self
    }
}

/// A live machine on which commands can be run.
pub trait Host: Send + Sync {
    /// What it is, for messages (`container old-server`, `pod mariadb-0`).
    fn describe(&self) -> String;

    /// Starts a command.
    fn start(&self, command: Command) -> BoxFuture<'_, Result<Running>>;
}

impl dyn Host + '_ {
    /// Runs a command to its end, gives it `input`, and returns its standard output, of which at
    /// most `limit` bytes are kept.
    pub async fn run(
        &self,
        command: Command,
        input: Option<&[u8]>,
        limit: usize,
    ) -> Result<Finished> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let command = Command { stdin: input.is_some(), ..command };
        let mut running = self.start(command).await?;
        let stdin = running.stdin.take();
        let feed = async {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // A command that ends without reading its input closes the pipe: its exit code tells.
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
        };
        let read = async {
            let mut kept = Vec::new();
            let mut buffer = vec![0; 64 << 10];
            loop {
                let count = running.stdout.read(&mut buffer).await.unwrap_or(0);
                if count == 0 {
                    break;
                }
                let room = limit.saturating_sub(kept.len()).min(count);
                kept.extend_from_slice(&buffer[..room]);
            }
            kept
        };
        let ((), stdout) = tokio::join!(feed, read);
        let ended = running.ended.await?;
        Ok(Finished { code: ended.code, stdout, stderr: ended.stderr })
    }
}

/// A command that was run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Exit code.
    pub code: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: String,
}

/// Adds to the end of standard error that is kept.
fn keep_tail(tail: &mut Vec<u8>, more: &[u8]) {
    tail.extend_from_slice(more);
    if tail.len() > STDERR_TAIL {
        tail.drain(..tail.len() - STDERR_TAIL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_standard_error_is_kept() {
        let mut tail = vec![b'a'; STDERR_TAIL];
        keep_tail(&mut tail, b"end");
        assert_eq!(tail.len(), STDERR_TAIL);
        assert!(tail.ends_with(b"aend"));
    }
}
