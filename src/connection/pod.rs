//! Commands in a pod's container, over the cluster's API.

use std::sync::Once;
use std::time::Duration;

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod as PodObject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams};
use kube::config::KubeConfigOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;

use super::{Command, Ended, Host, Input, Running, STDERR_TAIL, keep_tail};
use crate::error::{Context, Error, Result};

/// Bytes in flight between this program and a command.
const BUFFER: usize = 256 << 10;

/// The settings of the cluster that `context` names, else of the one that the kubeconfig (or, in a
/// cluster, the pod's own account) names.
pub(crate) async fn config(context: Option<&str>) -> Result<kube::Config> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another part may have chosen one already: theirs serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let help = "point KUBECONFIG at the cluster's file, or name a context of it with --context";
    let mut config = match context {
        Some(context) => {
            let options =
                KubeConfigOptions { context: Some(context.to_owned()), ..Default::default() };
            kube::Config::from_kubeconfig(&options)
                .await
                .remote(format_args!("read context {context} of the kubeconfig"))
        }
        None => kube::Config::infer().await.remote("find a cluster"),
    }
    .map_err(|error| error.help(help))?;
    config.connect_timeout = Some(Duration::from_secs(10));
    Ok(config)
}

/// Turns an error of the cluster's API into one with exit code 4, the server's own words kept.
pub(crate) fn failed(what: impl std::fmt::Display, error: &kube::Error) -> Error {
    match error {
        kube::Error::Api(status) => {
            let failed = Error::remote(format!("failed to {what}: {}", status.message));
            if status.code == 401 || status.code == 403 {
                failed.help("ask for the right to do this in that namespace")
            } else {
                failed
            }
        }
        other => {
            let mut words = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                let text = error.to_string();
                if !words.contains(&text) {
                    words = format!("{words}: {text}");
                }
                cause = error.source();
            }
            Error::remote(format!("failed to {what}: {words}"))
                .help("check that the cluster runs and that KUBECONFIG or --context names it")
        }
    }
}

/// How long the server may take to close after it has told how a command ended.
const CLOSING: Duration = Duration::from_mins(1);

/// How long nothing may come before a stream that does not end is taken for ended.
const SILENCE: Duration = Duration::from_secs(10);

/// One container of a pod.
#[derive(Clone)]
pub(crate) struct Pod {
    client: kube::Client,
    namespace: String,
    name: String,
    container: Option<String>,
}

impl Pod {
    /// The container of this name, or the pod's default one.
    pub(crate) fn new(
        client: kube::Client,
        namespace: impl Into<String>,
        name: impl Into<String>,
        container: Option<String>,
    ) -> Self {
        Self { client, namespace: namespace.into(), name: name.into(), container }
    }
}

impl Host for Pod {
    fn describe(&self) -> String {
        format!("pod {}/{}", self.namespace, self.name)
    }

    /// [`Command::user`] has no effect: a container's processes run as the one user that its pod
    /// states, and the API has no way to ask for another.
    fn start(&self, command: Command) -> BoxFuture<'_, Result<Running>> {
        Box::pin(async move {
            let api: Api<PodObject> = Api::namespaced(self.client.clone(), &self.namespace);
            let parameters = AttachParams {
                container: self.container.clone(),
                stdin: command.stdin,
                stdout: true,
                stderr: true,
                tty: false,
                max_stdin_buf_size: Some(BUFFER),
                max_stdout_buf_size: Some(BUFFER),
                max_stderr_buf_size: Some(STDERR_TAIL),
            };
            let what = format!("run a command in {}", self.describe());
            let mut process = api
                .exec(&self.name, command.arguments, &parameters)
                .await
                .map_err(|error| failed(&what, &error))?;
            let status = process.take_status();
            let (over, ending) = watch::channel(false);
            let stdin = process.stdin().map(|mut to| {
                // The API's own writer does not end the input when it is dropped; this pipe does.
                let (near, mut far) = tokio::io::duplex(BUFFER);
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut far, &mut to).await;
                    let _ = to.shutdown().await;
                });
                Box::pin(near) as Input
            });
            let (near, far) = tokio::io::duplex(BUFFER);
            if let Some(from) = process.stdout() {
                tokio::spawn(forward(from, far, ending.clone()));
            }
            let errors = process.stderr().map(|from| tokio::spawn(tail(from, ending)));
            let (send, receive) = tokio::sync::oneshot::channel();
            tokio::spawn(async move {
                let status = match status {
                    Some(status) => status.await,
                    None => None,
                };
                let _ = send.send(status);
                // The message loop ends once the server has sent all and closes: then what is left
                // lies in the buffers and the streams end by themselves.
                let _ = tokio::time::timeout(CLOSING, process.join()).await;
                let _ = over.send(true);
            });
            let ended = Box::pin(async move {
                let status = receive.await.ok().flatten();
                let stderr = match errors {
                    Some(errors) => errors.await.unwrap_or_default(),
                    None => String::new(),
                };
                Ok(Ended { code: code(status, &what)?, stderr })
            });
            Ok(Running { stdin, stdout: Box::pin(near), ended })
        })
    }
}

/// The exit code that the status channel carries.
fn code(status: Option<Status>, what: &str) -> Result<i64> {
    let status = status.ok_or_else(|| {
        Error::remote(format!("failed to {what}: the connection to the cluster was lost"))
    })?;
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    status
        .details
        .as_ref()
        .and_then(|details| details.causes.as_ref())
        .and_then(|causes| causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode")))
        .and_then(|cause| cause.message.as_deref()?.parse().ok())
        .ok_or_else(|| {
            let words = status.message.unwrap_or_default();
            Error::remote(format!("failed to {what}: {words}"))
        })
}

/// Reads a stream of the API, which may not end by itself when the connection is lost: once the
/// command is over and the server had time to close, silence is the end.
async fn next(
    from: &mut (impl AsyncRead + Unpin),
    ending: &mut watch::Receiver<bool>,
    buffer: &mut [u8],
) -> usize {
    if !*ending.borrow() {
        tokio::select! {
            biased;
            count = from.read(buffer) => return count.unwrap_or(0),
            _ = ending.wait_for(|over| *over) => {}
        }
    }
    tokio::time::timeout(SILENCE, from.read(buffer)).await.map_or(0, |count| count.unwrap_or(0))
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: DuplexStream,
    mut ending: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 << 10];
    let mut open = true;
    loop {
        let count = next(&mut from, &mut ending, &mut buffer).await;
        if count == 0 {
            break;
        }
        // A reader that went away must not stop the command: the rest is read and dropped.
        open = open && to.write_all(&buffer[..count]).await.is_ok();
    }
}

async fn tail(mut from: impl AsyncRead + Unpin, mut ending: watch::Receiver<bool>) -> String {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 8 << 10];
    loop {
        let count = next(&mut from, &mut ending, &mut buffer).await;
        if count == 0 {
            break;
        }
        keep_tail(&mut kept, &buffer[..count]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{StatusCause, StatusDetails};

    use super::*;

    #[test]
    fn exit_code_comes_from_the_status() {
        let success = Status { status: Some("Success".into()), ..Status::default() };
        assert_eq!(code(Some(success), "x").expect("success"), 0);
        let failure = Status {
            status: Some("Failure".into()),
            details: Some(StatusDetails {
                causes: Some(vec![StatusCause {
                    reason: Some("ExitCode".into()),
                    message: Some("3".into()),
                    field: None,
                }]),
                ..StatusDetails::default()
            }),
            ..Status::default()
        };
        assert_eq!(code(Some(failure), "x").expect("exit code"), 3);
        assert!(code(None, "x").is_err());
    }
}
