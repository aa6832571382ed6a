//! CloudFront: a request to its behaviour, through its function and cache, to its origin and back.

mod cache;
mod compress;
mod function;
mod pattern;

use std::sync::Arc;

use bytes::Bytes;

use super::bucket::{Store, conditional};
use super::container::Notice;
use super::gateway::Gateway;
use super::message::{Request, Response};
use super::template::types::{Behaviour, Distribution, Origin, Target, Which};
use cache::Cache;
use function::{At, Decision};

/// The address that origins see: one of CloudFront's own ranges.
const EDGE: [u8; 4] = [130, 176, 0, 1];
/// The longest URL that CloudFront takes.
const URL_LIMIT: usize = 8_192;

/// A distribution with its origins.
pub(crate) struct Edge {
    pub(crate) distribution: Distribution,
    pub(crate) gateway: Option<Arc<Gateway>>,
    pub(crate) store: Arc<Store>,
    pub(crate) notice: Notice,
    cache: Cache,
}

impl Edge {
    pub(crate) fn new(
        distribution: Distribution,
        gateway: Option<Arc<Gateway>>,
        store: Arc<Store>,
        notice: Notice,
    ) -> Self {
        Self { distribution, gateway, store, notice, cache: Cache::default() }
    }

    /// Answers a viewer.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        let id = super::uuid();
        let (mut response, how) = self.reply(request, &id).await;
        response.set("x-cache", format!("{how} from cloudfront"));
        response.set("via", format!("1.1 {} (CloudFront)", self.distribution.domain));
        response.set("x-amz-cf-pop", "EMU50-P1");
        response.set("x-amz-cf-id", id);
        response
    }

    /// The behaviour of a path, with its place.
    fn behaviour(&self, path: &str) -> Option<(usize, &Behaviour)> {
        self.distribution
            .behaviours
            .iter()
            .enumerate()
            .find(|(_, one)| pattern::fits(&one.pattern, path))
    }

    async fn reply(&self, viewer: Request, id: &str) -> (Response, &'static str) {
        if viewer.path.len() + viewer.query.len() > URL_LIMIT {
            return (own_error(414, "The URI of the request is too long."), "Error");
        }
        if viewer.header("host").is_none() {
            return (own_error(400, "Bad request."), "Error");
        }
        let Some((place, behaviour)) = self.behaviour(&viewer.path) else {
            return (own_error(404, "No behaviour fits this path."), "Error");
        };
        if !behaviour.methods.contains(&viewer.method) {
            let text = "This distribution is not configured to allow the HTTP request method that was used for this request.";
            return (own_error(403, text), "Error");
        }
        let at =
            At { domain: &self.distribution.domain, id: &self.distribution.id, request_id: id };
        let mut request = viewer.clone();
        if let Some(source) = &behaviour.on_request {
            match function::on_request(source, &at, &request) {
                Ok(Decision::Request(changed)) => request = changed,
                Ok(Decision::Response(mut response)) => {
                    policy_headers(behaviour, &mut response);
                    return (response, "FunctionGeneratedResponse");
                }
                Err(why) => {
                    return (self.failed(&behaviour.pattern, &why), "FunctionExecutionError");
                }
            }
        }
        if request.path == "/" && !self.distribution.root_object.is_empty() {
            request.path = format!("/{}", self.distribution.root_object);
        }
        let (mut response, how) = self.fetch(place, behaviour, &request).await;
        if let Some(page) =
            self.distribution.error_pages.iter().find(|page| page.code == response.status)
        {
            response = self.error_page(page.path.as_deref(), &request, response).await;
            response.status = page.becomes.unwrap_or(response.status);
        }
        policy_headers(behaviour, &mut response);
        if let Some(source) = &behaviour.on_response
            && response.status < 400
        {
            match function::on_response(source, &at, &request, &response) {
                Ok(changed) => response = changed,
                Err(why) => {
                    return (self.failed(&behaviour.pattern, &why), "FunctionExecutionError");
                }
            }
        }
        let how = if response.status >= 400 && how == "Miss" { "Error" } else { how };
        (response, how)
    }

    fn failed(&self, pattern: &str, why: &str) -> Response {
        (self.notice)(format!("the function of behaviour {pattern} failed: {why}"));
        own_error(
            503,
            "The CloudFront function associated with the CloudFront distribution is invalid or could not run.",
        )
    }

    /// The page of a custom error response, or the error as it is when there is none.
    async fn error_page(&self, path: Option<&str>, request: &Request, error: Response) -> Response {
        let Some(path) = path else { return error };
        let Some((place, behaviour)) = self.behaviour(path) else { return error };
        let page = Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            body: Bytes::new(),
            headers: request
                .headers
                .iter()
                .filter(|(name, _)| name == "host" || name == "accept-encoding")
                .cloned()
                .collect(),
            peer: request.peer,
        };
        let (mut found, _) = self.fetch(place, behaviour, &page).await;
        if found.status != 200 {
            return error;
        }
        found.status = error.status;
        found
    }

    /// From the cache or the origin.
    async fn fetch(
        &self,
        place: usize,
        behaviour: &Behaviour,
        request: &Request,
    ) -> (Response, &'static str) {
        let encoding = compress::accepted(behaviour, request);
        let whole = request.header("range").is_none();
        let caches = behaviour.cache.max > 0 && request.method == "GET";
        let key = cache::key(place, &behaviour.cache, request, encoding);
        if caches
            && whole
            && let Some((mut response, age)) = self.cache.get(&key)
        {
            response.set("age", age.to_string());
            return (conditional(request, response), "Hit");
        }
        let Some(origin) = self.distribution.origins.get(&behaviour.origin) else {
            return (own_error(502, "The origin is not known."), "Error");
        };
        let mut asked = forward(behaviour, origin, request, encoding);
        if caches {
            // The edge keeps the whole and decides itself what the viewer has already.
            asked.headers.retain(|(name, _)| {
                !matches!(name.as_str(), "if-none-match" | "if-modified-since")
            });
        }
        let mut response = self.ask(origin, asked).await;
        if passes_no_cookies(behaviour) {
            response.remove("set-cookie");
        }
        compress::compress(behaviour, request, encoding, &mut response);
        if caches && whole {
            let seconds = cache::seconds(&behaviour.cache, &response);
            if seconds > 0 {
                self.cache.put(key, &response, seconds);
            }
        }
        let response = if caches && response.status == 200 {
            conditional(request, response)
        } else {
            response
        };
        (response, "Miss")
    }

    async fn ask(&self, origin: &Origin, request: Request) -> Response {
        match (&origin.target, &self.gateway) {
            (Target::Bucket(bucket), _) => self.store.answer(bucket, &request).await,
            // API Gateway knows itself by its own name only: a Host that is let through ends here.
            (Target::Api, Some(_)) if request.header("host") != Some(origin.domain.as_str()) => {
                Response::new(403, "application/json", r#"{"message":"Forbidden"}"#)
            }
            (Target::Api, Some(gateway)) => gateway.answer(request).await,
            (Target::Api, None) => own_error(502, "The origin is not known."),
        }
    }
}

/// CloudFront's own error page.
fn own_error(status: u16, text: &str) -> Response {
    let body = format!(
        "<!DOCTYPE html>\n<html><head><title>ERROR: The request could not be satisfied</title></head>\n<body><h1>{status} ERROR</h1>\n<h2>The request could not be satisfied.</h2>\n<p>{text}</p></body></html>\n"
    );
    let mut response = Response::new(status, "text/html", body);
    response.set("server", "CloudFront");
    response
}

/// A response headers policy.
fn policy_headers(behaviour: &Behaviour, response: &mut Response) {
    let Some(policy) = &behaviour.headers else { return };
    for name in &policy.remove {
        response.remove(name);
    }
    for (name, value, replaces) in &policy.set {
        if *replaces || response.header(name).is_none() {
            response.set(&name.to_ascii_lowercase(), value.clone());
        }
    }
}

/// With no cookie sent to the origin, CloudFront takes the origin's cookies out of the answer.
fn passes_no_cookies(behaviour: &Behaviour) -> bool {
    let none = |which: &Which| *which == Which::None;
    none(&behaviour.cache.cookies)
        && behaviour.forward.as_ref().is_none_or(|policy| none(&policy.cookies))
}

/// The request that an origin gets: what the policies let through, and CloudFront's own.
fn forward(behaviour: &Behaviour, origin: &Origin, request: &Request, encoding: &str) -> Request {
    let passes = |kind: fn(&Behaviour) -> (&Which, Option<&Which>), name: &str| {
        let (cache, more) = kind(behaviour);
        cache.has(name) || more.is_some_and(|which| which.has(name))
    };
    let headers = |name: &str| {
        passes(|one| (&one.cache.headers, one.forward.as_ref().map(|policy| &policy.headers)), name)
    };
    let queries = |name: &str| {
        passes(|one| (&one.cache.queries, one.forward.as_ref().map(|policy| &policy.queries)), name)
    };
    let cookies = |name: &str| {
        passes(|one| (&one.cache.cookies, one.forward.as_ref().map(|policy| &policy.cookies)), name)
    };
    // These reach the origin whatever the policies say.
    let always = |name: &str| {
        matches!(name, "content-type" | "content-encoding" | "range" | "if-range")
            || name.starts_with("if-")
    };
    let mut sent: Vec<(String, String)> = request
        .headers
        .iter()
        .filter(|(name, _)| {
            !matches!(
                name.as_str(),
                "cookie" | "host" | "x-forwarded-for" | "accept-encoding" | "via"
            )
        })
        .filter(|(name, _)| headers(name) || always(name))
        .cloned()
        .collect();
    let host = if headers("host") {
        request.header("host").unwrap_or(&origin.domain)
    } else {
        &origin.domain
    };
    sent.push(("host".to_owned(), host.to_owned()));
    let kept: Vec<&str> =
        cache::cookies(request).filter(|part| cookies(cache::name_of(part))).collect();
    if !kept.is_empty() {
        sent.push(("cookie".to_owned(), kept.join("; ")));
    }
    if !sent.iter().any(|(name, _)| name == "user-agent") {
        sent.push(("user-agent".to_owned(), "Amazon CloudFront".to_owned()));
    }
    let normal = behaviour.cache.gzip || behaviour.cache.brotli;
    let codings = request.header("accept-encoding");
    if normal {
        if !encoding.is_empty() {
            sent.push(("accept-encoding".to_owned(), encoding.to_owned()));
        }
    } else if let Some(codings) = codings.filter(|_| headers("accept-encoding")) {
        sent.push(("accept-encoding".to_owned(), codings.to_owned()));
    }
    let before =
        request.header("x-forwarded-for").map(|before| format!("{before}, ")).unwrap_or_default();
    sent.push(("x-forwarded-for".to_owned(), format!("{before}{}", request.peer)));
    sent.push(("via".to_owned(), "1.1 emulated.cloudfront.net (CloudFront)".to_owned()));
    if behaviour.forward.as_ref().is_some_and(|policy| {
        matches!(&policy.headers, Which::Only(list) if list.iter().any(|one| one.eq_ignore_ascii_case("cloudfront-viewer-address")))
    }) {
        sent.push(("cloudfront-viewer-address".to_owned(), format!("{}:443", request.peer)));
    }
    for (name, value) in &origin.headers {
        sent.retain(|(known, _)| known != name);
        sent.push((name.clone(), value.clone()));
    }
    let query: Vec<&str> = cache::query(&request.query, queries).collect();
    let all_pass = query.len() == request.query.split('&').filter(|part| !part.is_empty()).count();
    Request {
        method: request.method.clone(),
        path: format!("{}{}", origin.path, request.path),
        query: if all_pass { request.query.clone() } else { query.join("&") },
        headers: sent,
        body: request.body.clone(),
        peer: EDGE.into(),
    }
}

#[cfg(test)]
mod tests;
