//! Commands on this machine.

use std::process::Stdio;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Command, Ended, Host, Input, Running, keep_tail};
use crate::error::{Context, Error, Result};

/// This machine.
#[derive(Default)]
pub(crate) struct Local {
    environment: Vec<(String, String)>,
    /// What the commands speak to, when that is not this machine.
    name: Option<String>,
}

impl Local {
    /// With variables that only the commands see (a password that must not stand on their
    /// command line).
    pub(crate) fn with_environment(environment: Vec<(String, String)>) -> Self {
        Self { environment, name: None }
    }

    /// Named in messages for what its commands speak to.
    #[must_use]
    pub(crate) fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl Host for Local {
    fn describe(&self) -> String {
        self.name.clone().unwrap_or_else(|| "this machine".to_owned())
    }

    /// [`Command::user`] has no effect: commands run as the user who runs this program.
    fn start(&self, command: Command) -> BoxFuture<'_, Result<Running>> {
        Box::pin(async move {
            let [program, arguments @ ..] = command.arguments.as_slice() else {
                return Err(Error::usage("no command to run"));
            };
            let mut child = tokio::process::Command::new(program)
                .args(arguments)
                .envs(self.environment.iter().map(|(name, value)| (name, value)))
                .stdin(if command.stdin { Stdio::piped() } else { Stdio::null() })
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .remote(format_args!("start {program}"))
                .map_err(|error| error.help(format!("install {program} on this machine")))?;
            let stdin = child.stdin.take().map(|stdin| Box::pin(stdin) as Input);
            let stdout = child
                .stdout
                .take()
                .ok_or_else(|| Error::remote(format!("{program} has no standard output")))?;
            let errors = child.stderr.take().map(|stderr| tokio::spawn(tail(stderr)));
            let what = format!("run {program}");
            let ended = Box::pin(async move {
                let status = child.wait().await.remote(&what)?;
                let stderr = match errors {
                    Some(errors) => errors.await.unwrap_or_default(),
                    None => String::new(),
                };
                // 128 and above is how a shell tells of a signal.
                Ok(Ended { code: status.code().map_or(128, i64::from), stderr })
            });
            Ok(Running { stdin, stdout: Box::pin(stdout), ended })
        })
    }
}

async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 8 << 10];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        keep_tail(&mut kept, &buffer[..count]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn feeds_reads_and_tells_the_exit_code() {
        let host = Local::with_environment(vec![("WORD".into(), "hello".into())]);
        let host: &dyn Host = &host;
        let command = Command::new(["sh", "-c", "cat; echo $WORD; echo no >&2; exit 3"]);
        let finished = host.run(command, Some(b"in\n"), 1 << 20).await.expect("runs");
        assert_eq!(finished.stdout, b"in\nhello\n");
        assert_eq!((finished.code, finished.stderr.as_str()), (3, "no\n"));
    }
}
