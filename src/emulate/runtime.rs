//! The Lambda Runtime API and the Extensions API, as one execution environment sees them: an HTTP
//! server of its own for each, so that nothing in a request has to say who asks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::{Context, Result};

/// The largest event and the largest answer of a synchronous call: 6 MB, as Lambda's own errors
/// give it.
pub(crate) const PAYLOAD_LIMIT: usize = 6_291_556;

/// An error that a function or Lambda itself reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: String,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into() }
    }

    /// As `Invoke` answers it.
    pub(crate) fn json(&self) -> Value {
        json!({"errorMessage": self.message, "errorType": self.kind})
    }
}

/// One call, on its way to the function.
#[derive(Debug, Clone)]
struct Pending {
    id: String,
    event: Bytes,
    deadline_ms: i64,
}

#[derive(Debug, Default)]
struct State {
    /// The runtime has asked for its first event: the init phase is over.
    ready: bool,
    /// It said itself that it cannot start.
    broken: Option<Fault>,
    /// Given to the runtime when it asks.
    waiting: Option<Pending>,
    /// Given to the runtime and not answered yet.
    running: Option<String>,
    answer: Option<(String, Result<Bytes, Fault>)>,
    /// The runtime waits for its next event.
    idle: bool,
    /// Extensions by id.
    extensions: BTreeMap<String, Extension>,
}

#[derive(Debug, Default)]
struct Extension {
    name: String,
    /// Registered for INVOKE: the environment is frozen only once it has asked for the next event.
    invoke: bool,
    waiting: Option<Pending>,
    idle: bool,
}

/// What both sides of an execution environment share.
#[derive(Debug)]
pub(crate) struct Slot {
    state: Mutex<State>,
    changed: Notify,
    arn: String,
    name: String,
    handler: String,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `look` finds something.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that nothing is missed between the two.
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }

    fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        let result = how(&mut self.state());
        self.changed.notify_waiters();
        result
    }

    /// Waits for the end of the init phase.
    pub(crate) async fn started(&self) -> Result<(), Fault> {
        self.until(|state| match &state.broken {
            Some(fault) => Some(Err(fault.clone())),
            // Extensions, too, say that they are ready by asking for their next event.
            None => {
                (state.ready && state.extensions.values().all(|one| one.idle)).then_some(Ok(()))
            }
        })
        .await
    }

    /// Gives the function an event and waits for its answer.
    pub(crate) async fn invoke(
        &self,
        id: &str,
        event: Bytes,
        deadline_ms: i64,
    ) -> Result<Bytes, Fault> {
        let pending = Pending { id: id.to_owned(), event, deadline_ms };
        self.change(|state| {
            state.answer = None;
            for extension in state.extensions.values_mut().filter(|extension| extension.invoke) {
                extension.waiting = Some(pending.clone());
                extension.idle = false;
            }
            state.idle = false;
            state.waiting = Some(pending);
        });
        self.until(|state| match &state.answer {
            Some((answered, _)) if answered == id => state.answer.take().map(|(_, answer)| answer),
            _ => None,
        })
        .await
    }

    /// Waits until the runtime and every extension have asked for the next event: then, and not at
    /// the response, Lambda freezes the environment.
    pub(crate) async fn settled(&self) {
        self.until(|state| {
            let extensions = state.extensions.values().all(|one| !one.invoke || one.idle);
            (state.idle && extensions).then_some(())
        })
        .await;
    }

    /// Names of the extensions that have registered.
    pub(crate) fn extensions(&self) -> Vec<String> {
        self.state().extensions.values().map(|one| one.name.clone()).collect()
    }
}

/// The server of one execution environment; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    pub(crate) slot: Arc<Slot>,
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl RuntimeApi {
    /// Listens on a free port of this address.
    pub(crate) async fn listen(at: IpAddr, name: &str, arn: &str, handler: &str) -> Result<Self> {
        let listener = TcpListener::bind((at, 0))
            .await
            .remote(format_args!("listen on {at} for the Runtime API"))?;
        let address = listener.local_addr().remote("read the address of the Runtime API")?;
        let slot = Arc::new(Slot {
            state: Mutex::default(),
            changed: Notify::new(),
            arn: arn.to_owned(),
            name: name.to_owned(),
            handler: handler.to_owned(),
        });
        let shared = Arc::clone(&slot);
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let slot = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let slot = Arc::clone(&slot);
                        async move { Ok::<_, Infallible>(serve(&slot, request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { slot, address, server })
    }
}

type Answer = Response<Full<Bytes>>;

fn reply(status: StatusCode, body: &Value) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    response
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Answer {
    reply(status, &json!({"errorType": kind, "errorMessage": message}))
}

fn accepted() -> Answer {
    reply(StatusCode::ACCEPTED, &json!({"status": "OK"}))
}

async fn serve(slot: &Slot, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let header = |name: &str| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
    };
    let identifier = header("lambda-extension-identifier").unwrap_or_default();
    let extension_name = header("lambda-extension-name").unwrap_or_default();
    let error_type = header("lambda-runtime-function-error-type");
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if let ["2018-06-01", "runtime", "invocation", "next"] = parts.as_slice() {
        return if method == Method::GET { next(slot).await } else { not_found() };
    }
    if let ["2020-01-01", "extension", "event", "next"] = parts.as_slice() {
        return extension_next(slot, &identifier).await;
    }
    if method != Method::POST {
        return not_found();
    }
    let limited = Limited::new(request.into_body(), PAYLOAD_LIMIT + 1).collect().await;
    let body = match limited {
        Ok(body) => Some(body.to_bytes()).filter(|body| body.len() <= PAYLOAD_LIMIT),
        Err(error) if error.downcast_ref::<http_body_util::LengthLimitError>().is_some() => None,
        Err(_) => return refuse(StatusCode::BAD_REQUEST, "InvalidRequest", "the body ended early"),
    };
    match parts.as_slice() {
        ["2018-06-01", "runtime", "invocation", id, "response"] => {
            let (answer, reply) = match body {
                Some(body) => (Ok(body), accepted()),
                None => (
                    Err(too_large()),
                    refuse(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "RequestEntityTooLarge",
                        "Exceeded maximum allowed payload size (6291556 bytes).",
                    ),
                ),
            };
            finish(slot, id, answer, reply)
        }
        ["2018-06-01", "runtime", "invocation", id, "error"] => {
            finish(slot, id, Err(fault(error_type, body)), accepted())
        }
        ["2018-06-01", "runtime", "init", "error"] => {
            let fault = fault(error_type, body);
            slot.change(|state| state.broken = Some(fault));
            accepted()
        }
        ["2020-01-01", "extension", "register"] => register(slot, extension_name, body.as_ref()),
        ["2020-01-01", "extension", "init" | "exit", "error"] => {
            let fault = fault(header_or(error_type, "Extension.Error"), body);
            slot.change(|state| state.broken = Some(fault));
            accepted()
        }
        _ => not_found(),
    }
}

fn header_or(value: Option<String>, other: &str) -> Option<String> {
    value.or_else(|| Some(other.to_owned()))
}

fn not_found() -> Answer {
    refuse(StatusCode::NOT_FOUND, "NotFound", "this path is not emulated")
}

fn too_large() -> Fault {
    Fault::new(
        "Function.ResponseSizeTooLarge",
        format!(
            "Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
        ),
    )
}

fn fault(header: Option<String>, body: Option<Bytes>) -> Fault {
    let value: Value = body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    Fault {
        kind: field("errorType").or(header).unwrap_or_else(|| "Unhandled".to_owned()),
        message: field("errorMessage").unwrap_or_default(),
    }
}

fn finish(slot: &Slot, id: &str, answer: Result<Bytes, Fault>, reply: Answer) -> Answer {
    slot.change(|state| {
        if state.running.as_deref() != Some(id) {
            return refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "no such invocation runs");
        }
        state.running = None;
        state.answer = Some((id.to_owned(), answer));
        reply
    })
}

async fn next(slot: &Slot) -> Answer {
    slot.change(|state| {
        state.ready = true;
        state.idle = true;
    });
    let pending = slot
        .until(|state| {
            let pending = state.waiting.take()?;
            state.running = Some(pending.id.clone());
            state.idle = false;
            Some(pending)
        })
        .await;
    let mut response = Response::new(Full::new(pending.event));
    let trace = format!(
        "Root=1-{:08x}-{:024x};Sampled=0",
        pending.deadline_ms / 1000,
        rand::random::<u128>() >> 32
    );
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", pending.id),
        ("lambda-runtime-deadline-ms", pending.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", slot.arn.clone()),
        ("lambda-runtime-trace-id", trace),
    ];
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn register(slot: &Slot, name: String, body: Option<&Bytes>) -> Answer {
    let value: Value = body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let events = value.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    if name.is_empty()
        || events.iter().any(|event| !matches!(event.as_str(), Some("INVOKE" | "SHUTDOWN")))
    {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Extension.InvalidRequest",
            "name or events are wrong",
        );
    }
    let invoke = events.iter().any(|event| event == "INVOKE");
    let id = super::uuid();
    slot.change(|state| {
        state.extensions.insert(id.clone(), Extension { name, invoke, ..Extension::default() });
    });
    let mut response = reply(
        StatusCode::OK,
        &json!({"functionName": slot.name, "functionVersion": "$LATEST", "handler": slot.handler}),
    );
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("lambda-extension-identifier", id);
    }
    response
}

async fn extension_next(slot: &Slot, id: &str) -> Answer {
    let known = slot.change(|state| match state.extensions.get_mut(id) {
        Some(extension) => {
            extension.idle = true;
            true
        }
        None => false,
    });
    if !known {
        return refuse(
            StatusCode::FORBIDDEN,
            "Extension.UnknownExtensionIdentifier",
            "register first",
        );
    }
    let pending = slot
        .until(|state| {
            let extension = state.extensions.get_mut(id)?;
            let pending = extension.waiting.take()?;
            extension.idle = false;
            Some(pending)
        })
        .await;
    reply(
        StatusCode::OK,
        &json!({
            "eventType": "INVOKE",
            "deadlineMs": pending.deadline_ms,
            "requestId": pending.id,
            "invokedFunctionArn": slot.arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": ""},
        }),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn send(to: SocketAddr, request: String) -> String {
        let mut stream = tokio::net::TcpStream::connect(to).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn post(path: &str, headers: &str, body: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn get(path: &str, headers: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
    }

    const NEXT: &str = "/2018-06-01/runtime/invocation/next";

    async fn api() -> RuntimeApi {
        RuntimeApi::listen("127.0.0.1".parse().unwrap(), "f", "arn", "h").await.unwrap()
    }

    #[tokio::test]
    async fn an_event_goes_out_and_its_answer_comes_back() {
        let api = api().await;
        let at = api.address;
        let runtime = tokio::spawn(async move {
            let event = send(at, get(NEXT, "")).await;
            assert!(
                event.contains("lambda-runtime-aws-request-id: r1") && event.ends_with("{\"a\":1}"),
                "{event}"
            );
            let wrong = send(at, post("/2018-06-01/runtime/invocation/r2/response", "", "1")).await;
            assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
            let right = send(at, post("/2018-06-01/runtime/invocation/r1/response", "", "2")).await;
            assert!(right.starts_with("HTTP/1.1 202"), "{right}");
        });
        api.slot.started().await.unwrap();
        let answer = api.slot.invoke("r1", Bytes::from_static(b"{\"a\":1}"), 1000).await;
        assert_eq!(answer, Ok(Bytes::from_static(b"2")));
        runtime.await.unwrap();
        // Not frozen before the runtime asks again.
        assert!(tokio::time::timeout(Duration::from_millis(50), api.slot.settled()).await.is_err());
        let again = tokio::spawn(async move { send(at, get(NEXT, "")).await });
        api.slot.settled().await;
        again.abort();
    }

    #[tokio::test]
    async fn an_extension_that_wants_invocations_is_waited_for() {
        let api = api().await;
        let at = api.address;
        let answer = send(
            at,
            post(
                "/2020-01-01/extension/register",
                "Lambda-Extension-Name: e\r\n",
                "{\"events\":[\"INVOKE\"]}",
            ),
        )
        .await;
        let id = answer
            .lines()
            .find_map(|line| line.strip_prefix("lambda-extension-identifier: "))
            .unwrap()
            .to_owned();
        assert_eq!(api.slot.extensions(), ["e"]);
        let runtime = tokio::spawn(async move { send(at, get(NEXT, "")).await });
        assert!(tokio::time::timeout(Duration::from_millis(50), api.slot.started()).await.is_err());
        assert!(tokio::time::timeout(Duration::from_millis(50), api.slot.settled()).await.is_err());
        let headers = format!("Lambda-Extension-Identifier: {id}\r\n");
        let waiting = tokio::spawn(async move {
            send(at, get("/2020-01-01/extension/event/next", &headers)).await
        });
        api.slot.settled().await;
        api.slot.started().await.unwrap();
        let slot = Arc::clone(&api.slot);
        let call =
            tokio::spawn(async move { slot.invoke("r1", Bytes::from_static(b"{}"), 1).await });
        assert!(waiting.await.unwrap().contains("\"INVOKE\""));
        assert!(runtime.await.unwrap().contains("r1"));
        call.abort();
        let unknown = send(
            at,
            get("/2020-01-01/extension/event/next", "Lambda-Extension-Identifier: no\r\n"),
        )
        .await;
        assert!(unknown.starts_with("HTTP/1.1 403"), "{unknown}");
    }

    #[tokio::test]
    async fn errors_and_what_is_too_large_are_faults() {
        let api = api().await;
        let at = api.address;
        let runtime = tokio::spawn(async move {
            send(at, get(NEXT, "")).await;
            let body = "x".repeat(PAYLOAD_LIMIT + 1);
            let answer =
                send(at, post("/2018-06-01/runtime/invocation/r1/response", "", &body)).await;
            assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
            send(at, get(NEXT, "")).await;
            let body = "{\"errorType\":\"T\",\"errorMessage\":\"m\"}";
            send(at, post("/2018-06-01/runtime/invocation/r2/error", "", body)).await;
            send(at, post("/2018-06-01/runtime/init/error", "", body)).await;
        });
        api.slot.started().await.unwrap();
        let large = api.slot.invoke("r1", Bytes::from_static(b"{}"), 1).await.unwrap_err();
        assert_eq!(large.kind, "Function.ResponseSizeTooLarge");
        let own = api.slot.invoke("r2", Bytes::from_static(b"{}"), 1).await.unwrap_err();
        assert_eq!(own, Fault::new("T", "m"));
        runtime.await.unwrap();
        assert_eq!(api.slot.started().await, Err(Fault::new("T", "m")));
    }
}
