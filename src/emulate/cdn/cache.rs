//! The cache of an edge location: what CloudFront keeps, under which key, and for how long.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::emulate::bucket::date;
use crate::emulate::message::{Request, Response};
use crate::emulate::template::types::CachePolicy;

/// Bytes that are kept; beyond, all is forgotten, as an edge location may at any time.
const CAPACITY: usize = 128 << 20;

/// What an edge location keeps.
#[derive(Default)]
pub(crate) struct Cache {
    kept: Mutex<(usize, HashMap<String, Entry>)>,
}

struct Entry {
    response: Response,
    stored: Instant,
    fresh: Duration,
}

impl Cache {
    /// A response that is still fresh, with its age in seconds.
    pub(crate) fn get(&self, key: &str) -> Option<(Response, u64)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = kept.1.get(key)?;
        let age = entry.stored.elapsed();
        (age < entry.fresh).then(|| (entry.response.clone(), age.as_secs()))
    }

    pub(crate) fn put(&self, key: String, response: &Response, seconds: u64) {
        let size = key.len() + response.body.len() + 1024;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 + size > CAPACITY {
            *kept = (0, HashMap::new());
        }
        let entry = Entry {
            response: response.clone(),
            stored: Instant::now(),
            fresh: Duration::from_secs(seconds),
        };
        kept.0 += size;
        if let Some(old) = kept.1.insert(key, entry) {
            kept.0 = kept.0.saturating_sub(old.response.body.len());
        }
    }
}

/// What makes two requests the same to CloudFront.
pub(crate) fn key(
    behaviour: usize,
    policy: &CachePolicy,
    request: &Request,
    encoding: &str,
) -> String {
    let mut key = format!("{behaviour}\n{}\n{encoding}", request.path);
    for part in query(&request.query, |name| policy.queries.has(name)) {
        key.push_str("\nq ");
        key.push_str(part);
    }
    for (name, value) in
        request.headers.iter().filter(|(name, _)| name != "cookie" && policy.headers.has(name))
    {
        key.extend(["\nh ", name, ": ", value]);
    }
    for part in cookies(request).filter(|part| policy.cookies.has(name_of(part))) {
        key.push_str("\nc ");
        key.push_str(part);
    }
    key
}

/// The parts of a query whose names pass.
pub(crate) fn query<'a>(
    query: &'a str,
    passes: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = &'a str> {
    query.split('&').filter(move |part| !part.is_empty() && passes(name_of(part)))
}

/// The pairs of all cookies of a request.
pub(crate) fn cookies(request: &Request) -> impl Iterator<Item = &str> {
    request
        .headers
        .iter()
        .filter(|(name, _)| name == "cookie")
        .flat_map(|(_, value)| value.split(';'))
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// The name before `=`.
pub(crate) fn name_of(part: &str) -> &str {
    part.split('=').next().unwrap_or(part)
}

/// For how many seconds CloudFront keeps a response; 0 is not at all.
pub(crate) fn seconds(policy: &CachePolicy, response: &Response) -> u64 {
    if policy.max == 0 || !matches!(response.status, 200 | 301 | 302 | 307 | 308) {
        return 0;
    }
    let control = response.header("cache-control").unwrap_or_default().to_ascii_lowercase();
    let directives: Vec<&str> = control.split(',').map(str::trim).collect();
    if directives.iter().any(|one| matches!(*one, "no-store" | "no-cache" | "private")) {
        return policy.min;
    }
    let number = |name: &str| {
        directives.iter().find_map(|one| {
            one.strip_prefix(name)?.strip_prefix('=')?.trim_matches('"').parse::<u64>().ok()
        })
    };
    let expires = || {
        let at = date(response.header("expires")?)?;
        let from = response
            .header("date")
            .and_then(date)
            .unwrap_or_else(|| jiff::Timestamp::now().as_second());
        Some(u64::try_from(at - from).unwrap_or(0))
    };
    match number("s-maxage").or_else(|| number("max-age")).or_else(expires) {
        Some(said) => said.clamp(policy.min, policy.max),
        None => policy.default.clamp(policy.min, policy.max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::template::types::Which;

    fn policy(min: u64, default: u64, max: u64) -> CachePolicy {
        CachePolicy {
            min,
            default,
            max,
            gzip: true,
            brotli: false,
            cookies: Which::Only(vec!["lang".into()]),
            headers: Which::None,
            queries: Which::Except(vec!["utm".into()]),
        }
    }

    fn response(headers: &[(&str, &str)]) -> Response {
        let mut response = Response::new(200, "text/plain", "x");
        response.headers.extend(headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        response
    }

    #[test]
    fn times_follow_the_origin_within_the_policy() {
        let told =
            |control: &str| seconds(&policy(1, 60, 3600), &response(&[("cache-control", control)]));
        assert_eq!(told("max-age=600"), 600);
        assert_eq!(told("public, max-age=600, s-maxage=5"), 5);
        assert_eq!(told("max-age=99999"), 3600);
        assert_eq!(told("no-store"), 1);
        assert_eq!(seconds(&policy(1, 60, 3600), &response(&[])), 60);
        let old = [
            ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("expires", "Thu, 01 Jan 2026 00:00:30 GMT"),
        ];
        assert_eq!(seconds(&policy(1, 60, 3600), &response(&old)), 30);
        assert_eq!(seconds(&policy(0, 0, 0), &response(&[("cache-control", "max-age=600")])), 0);
        assert_eq!(seconds(&policy(0, 0, 3600), &response(&[("cache-control", "private")])), 0);
    }

    #[test]
    fn the_key_holds_what_the_policy_names() {
        let request = |query: &str, cookie: &str| Request {
            method: "GET".into(),
            path: "/a".into(),
            query: query.into(),
            headers: vec![("cookie".into(), cookie.into()), ("accept".into(), "x".into())],
            body: bytes::Bytes::new(),
            peer: "127.0.0.1".parse().unwrap(),
        };
        let of =
            |query: &str, cookie: &str| key(0, &policy(0, 0, 1), &request(query, cookie), "gzip");
        assert_eq!(of("a=1&utm=2", "sid=1; lang=de"), of("a=1", "sid=2; lang=de"));
        assert_ne!(of("a=1", "lang=de"), of("a=2", "lang=de"));
        assert_ne!(of("a=1", "lang=de"), of("a=1", "lang=fr"));
    }
}
