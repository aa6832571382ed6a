//! API Gateway's HTTP API: routes, limits, and the errors that it answers by itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::event::{self, Call};
use super::message::{Request, Response};
use super::pool::Pool;
use super::runtime::Fault;
use super::template::types::{Api, Route};

/// The largest body of a request.
pub(crate) const BODY_LIMIT: usize = 10 << 20;
/// The request line and all values of headers together.
const HEADER_LIMIT: usize = 10_240;

/// The HTTP API with its functions.
pub(crate) struct Gateway {
    pub(crate) api: Api,
    pub(crate) functions: Vec<Arc<Pool>>,
}

impl Gateway {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        let id = super::uuid();
        let mut response = self.reply(request, &id).await;
        response
            .set("apigw-requestid", id.chars().filter(|c| *c != '-').take(16).collect::<String>());
        response
    }

    async fn reply(&self, mut request: Request, id: &str) -> Response {
        if request.body.len() > BODY_LIMIT {
            return too_large();
        }
        if size(&request) > HEADER_LIMIT {
            return message(431, "Request Header Fields Too Large");
        }
        let routes = self
            .functions
            .iter()
            .flat_map(|pool| pool.function.routes.iter().map(move |route| (route, pool)));
        let Some((route, pool, path_parameters)) = choose(routes, &request.method, &request.path)
        else {
            return message(404, "Not Found");
        };
        forwarded(&mut request, id);
        let call = Call {
            api: &self.api,
            route_key: route.key(),
            path_parameters,
            request_id: id.to_owned(),
            time: Timestamp::now(),
        };
        let event = Bytes::from(event::from_request(&request, &call).to_string());
        let answer =
            tokio::time::timeout(Duration::from_millis(route.timeout), pool.invoke(event)).await;
        match answer {
            Err(_) => message(503, "Service Unavailable"),
            Ok(Err(fault)) => of_fault(&fault),
            Ok(Ok(answer)) => {
                event::to_response(&answer).unwrap_or_else(|| message(500, "Internal Server Error"))
            }
        }
    }
}

fn of_fault(fault: &Fault) -> Response {
    match fault.kind.as_str() {
        "RequestEntityTooLargeException" => too_large(),
        "TooManyRequestsException" => message(503, "Service Unavailable"),
        _ => message(500, "Internal Server Error"),
    }
}

/// What a body over the limit gets.
pub(crate) fn too_large() -> Response {
    message(413, "Request Entity Too Large")
}

fn message(status: u16, text: &str) -> Response {
    Response::new(status, "application/json", json!({"message": text}).to_string())
}

fn size(request: &Request) -> usize {
    let line = request.method.len() + request.path.len() + request.query.len() + " HTTP/1.1 ".len();
    line + request.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

/// The headers that API Gateway adds. On AWS it is reached by HTTPS only and says so; here the
/// viewer came by HTTP, and an application that believed otherwise would make its cookies for
/// HTTPS alone, which no client sends back over HTTP.
fn forwarded(request: &mut Request, id: &str) {
    let before =
        request.header("x-forwarded-for").map(|before| format!("{before}, ")).unwrap_or_default();
    let chain = format!("{before}{}", request.peer);
    let set = [
        ("x-forwarded-for", chain),
        ("x-forwarded-port", "80".to_owned()),
        ("x-forwarded-proto", "http".to_owned()),
        ("content-length", request.body.len().to_string()),
        (
            "x-amzn-trace-id",
            format!("Root=1-{:08x}-{}", Timestamp::now().as_second(), &id.replace('-', "")[..24]),
        ),
    ];
    for (name, value) in set {
        request.headers.retain(|(known, _)| known != name);
        request.headers.push((name.to_owned(), value));
    }
}

/// What stood in the place of each `{name}`.
type Parameters = Vec<(String, String)>;
type Chosen<'a, T> = (&'a Route, T, Parameters);

/// The route that fits best: whole paths before parameters before `{proxy+}` before `$default`,
/// and among equals one with a method before any.
pub(crate) fn choose<'a, T>(
    routes: impl Iterator<Item = (&'a Route, T)>,
    method: &str,
    path: &str,
) -> Option<Chosen<'a, T>> {
    let mut best: Option<(Vec<u8>, Chosen<'a, T>)> = None;
    for (route, value) in routes {
        if route.method.as_deref().is_some_and(|one| one != method) {
            continue;
        }
        let Some((mut rank, parameters)) = fits(route.path.as_deref(), path) else { continue };
        rank.push(u8::from(route.method.is_none()));
        if best.as_ref().is_none_or(|(least, _)| rank < *least) {
            best = Some((rank, (route, value, parameters)));
        }
    }
    best.map(|(_, chosen)| chosen)
}

/// How well a route's path fits, segment by segment; lower is better.
fn fits(pattern: Option<&str>, path: &str) -> Option<(Vec<u8>, Parameters)> {
    let Some(pattern) = pattern else { return Some((vec![3], Vec::new())) };
    let mut rank = Vec::new();
    let mut parameters = Vec::new();
    let wanted: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    let given: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    for (at, want) in wanted.iter().enumerate() {
        let name = want.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        match name {
            Some(name) if name.ends_with('+') => {
                let rest = given.get(at..)?.join("/");
                if rest.is_empty() {
                    return None;
                }
                parameters.push((name.trim_end_matches('+').to_owned(), rest));
                rank.push(2);
                return Some((rank, parameters));
            }
            Some(name) => {
                let value = given.get(at).filter(|value| !value.is_empty())?;
                parameters.push((name.to_owned(), (*value).to_owned()));
                rank.push(1);
            }
            None if given.get(at) == Some(want) => rank.push(0),
            None => return None,
        }
    }
    (wanted.len() == given.len()).then_some((rank, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: Option<&str>, path: Option<&str>) -> Route {
        Route {
            method: method.map(ToOwned::to_owned),
            path: path.map(ToOwned::to_owned),
            timeout: 30_000,
        }
    }

    #[test]
    fn the_most_exact_route_is_chosen() {
        let routes = [
            route(None, None),
            route(None, Some("/{proxy+}")),
            route(None, Some("/items/{id}")),
            route(Some("GET"), Some("/items/{id}")),
            route(None, Some("/items/new")),
        ];
        let pick = |method: &str, path: &str| {
            let all = routes.iter().enumerate().map(|(at, route)| (route, at));
            choose(all, method, path).map(|(_, at, parameters)| (at, parameters))
        };
        assert_eq!(pick("GET", "/").unwrap().0, 0);
        assert_eq!(pick("GET", "/other/x"), Some((1, vec![("proxy".into(), "other/x".into())])));
        assert_eq!(pick("POST", "/items/7"), Some((2, vec![("id".into(), "7".into())])));
        assert_eq!(pick("GET", "/items/7").unwrap().0, 3);
        assert_eq!(pick("GET", "/items/new").unwrap().0, 4);
        let only = [route(Some("GET"), Some("/a"))];
        let all = || only.iter().map(|route| (route, ()));
        assert!(choose(all(), "POST", "/a").is_none() && choose(all(), "GET", "/a/").is_none());
    }

    #[test]
    fn the_caller_is_added_and_a_scheme_from_outside_is_not_believed() {
        let mut request = Request {
            method: "GET".into(),
            path: "/".into(),
            query: String::new(),
            headers: vec![
                ("x-forwarded-for".into(), "203.0.113.9".into()),
                ("x-forwarded-proto".into(), "gopher".into()),
            ],
            body: Bytes::new(),
            peer: "198.51.100.7".parse().unwrap(),
        };
        forwarded(&mut request, "00000000-0000-4000-8000-000000000000");
        assert_eq!(request.header("x-forwarded-for"), Some("203.0.113.9, 198.51.100.7"));
        assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    }
}
