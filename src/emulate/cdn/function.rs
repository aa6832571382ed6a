//! CloudFront Functions: the event of `viewer-request` and `viewer-response`, run by QuickJS with
//! the limits of runtime 2.0.

use std::time::{Duration, Instant};

use rquickjs::context::EvalOptions;
use rquickjs::{CatchResultExt, Context, Ctx, Function, Runtime, Value as Js};
use serde_json::{Map, Value, json};

use crate::emulate::message::{Request, Response};

/// The memory of a function.
const MEMORY: usize = 2 << 20;
/// What the engine itself needs before a function has done anything. It is not the function's.
const ENGINE: usize = 1 << 20;
/// AWS allows about a millisecond of its processors; this machine is another, and an engine that
/// interprets is slower, so only what never ends is stopped.
const TIME: Duration = Duration::from_millis(500);

/// What a function on `viewer-request` decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The request goes on, changed or not.
    Request(Request),
    /// This is the answer.
    Response(Response),
}

/// Who runs a function, for its event.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub(crate) domain: &'a str,
    pub(crate) id: &'a str,
    pub(crate) request_id: &'a str,
}

/// Runs a function on `viewer-request`; the error is what its log would say.
pub(crate) fn on_request(source: &str, at: &At<'_>, request: &Request) -> Result<Decision, String> {
    let event = json!({
        "version": "1.0",
        "context": context(at, "viewer-request"),
        "viewer": {"ip": request.peer.to_string()},
        "request": request_object(request),
    });
    let result = run(source, &event)?;
    let Value::Object(object) = &result else {
        return Err("the function returned no object".into());
    };
    if object.contains_key("statusCode") {
        return response_of(object).map(Decision::Response);
    }
    request_of(object, request).map(Decision::Request)
}

/// Runs a function on `viewer-response`.
pub(crate) fn on_response(
    source: &str,
    at: &At<'_>,
    request: &Request,
    response: &Response,
) -> Result<Response, String> {
    let (headers, cookies) = response_headers(response);
    let event = json!({
        "version": "1.0",
        "context": context(at, "viewer-response"),
        "viewer": {"ip": request.peer.to_string()},
        "request": request_object(request),
        "response": {
            "statusCode": response.status,
            "statusDescription": reason(response.status),
            "headers": headers,
            "cookies": cookies,
        },
    });
    let result = run(source, &event)?;
    let Value::Object(object) = &result else {
        return Err("the function returned no object".into());
    };
    let mut changed = response_of(object)?;
    if changed.status != response.status {
        return Err("a function on viewer-response may not change the status".into());
    }
    if !object.contains_key("body") {
        changed.body = response.body.clone();
    }
    Ok(changed)
}

fn context(at: &At<'_>, kind: &str) -> Value {
    json!({
        "distributionDomainName": at.domain,
        "distributionId": at.id,
        "eventType": kind,
        "requestId": at.request_id,
    })
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("")
}

/// `{name: {value, multiValue?}}`.
fn values(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut map: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        match map.get_mut(&name).and_then(Value::as_object_mut) {
            None => {
                map.insert(name, json!({"value": value}));
            }
            Some(known) => {
                let first = known.get("value").cloned().unwrap_or_default();
                let list = known.entry("multiValue").or_insert_with(|| json!([{"value": first}]));
                if let Some(list) = list.as_array_mut() {
                    list.push(json!({"value": value}));
                }
                // The first value stands beside the list of all.
            }
        }
    }
    Value::Object(map)
}

fn request_object(request: &Request) -> Value {
    let plain = request.headers.iter().filter(|(name, _)| name != "cookie").cloned();
    let cookies = request
        .headers
        .iter()
        .filter(|(name, _)| name == "cookie")
        .flat_map(|(_, value)| value.split(';'))
        .filter_map(|one| one.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    // Names and values stay encoded, as they were sent.
    let query = request.query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.to_owned(), value.to_owned())
    });
    json!({
        "method": request.method,
        "uri": request.path,
        "querystring": values(query),
        "headers": values(plain),
        "cookies": values(cookies),
    })
}

fn response_headers(response: &Response) -> (Value, Value) {
    let plain = response.headers.iter().filter(|(name, _)| name != "set-cookie").cloned();
    let mut cookies = Map::new();
    for (_, value) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
        let (pair, attributes) = value.split_once(';').unwrap_or((value, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        cookies.insert(
            name.trim().to_owned(),
            json!({"value": value.trim(), "attributes": attributes.trim()}),
        );
    }
    (values(plain), Value::Object(cookies))
}

/// Pairs of `{name: {value, multiValue?}}`, and of the attributes beside them.
fn pairs(value: Option<&Value>, what: &str) -> Result<Vec<(String, String, String)>, String> {
    let map = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(format!("{what} is no object")),
    };
    let text = |entry: &Value, key: &str| match entry.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let mut found = Vec::new();
    for (name, entry) in map {
        let list = entry.get("multiValue").and_then(Value::as_array);
        let entries: Vec<&Value> = match list {
            Some(list) if !list.is_empty() => list.iter().collect(),
            _ => vec![entry],
        };
        for entry in entries {
            let value =
                text(entry, "value").ok_or_else(|| format!("{what}.{name} has no value"))?;
            let attributes = text(entry, "attributes").unwrap_or_default();
            if value.contains(['\r', '\n']) || name.contains(['\r', '\n']) {
                return Err(format!("{what}.{name} holds a line break"));
            }
            found.push((name.clone(), value, attributes));
        }
    }
    Ok(found)
}

fn request_of(object: &Map<String, Value>, before: &Request) -> Result<Request, String> {
    let uri = match object.get("uri") {
        Some(Value::String(uri)) if uri.starts_with('/') => uri.clone(),
        None => before.path.clone(),
        Some(_) => return Err("request.uri must be text that begins with /".into()),
    };
    if object.get("method").is_some_and(|method| method != before.method.as_str()) {
        return Err("request.method is read-only".into());
    }
    let mut headers = Vec::new();
    for (name, value, _) in pairs(object.get("headers"), "headers")? {
        headers.push((name.to_ascii_lowercase(), value));
    }
    let cookies: Vec<_> = pairs(object.get("cookies"), "cookies")?
        .into_iter()
        .map(|(name, value, _)| format!("{name}={value}"))
        .collect();
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    let query: Vec<_> = pairs(object.get("querystring"), "querystring")?
        .into_iter()
        .map(|(name, value, _)| if value.is_empty() { name } else { format!("{name}={value}") })
        .collect();
    // Untouched, the query stays as it was sent: `a=` and `a` are two things.
    let same = request_object(before).get("querystring") == object.get("querystring");
    Ok(Request {
        path: uri,
        query: if same { before.query.clone() } else { query.join("&") },
        headers,
        ..before.clone()
    })
}

fn response_of(object: &Map<String, Value>) -> Result<Response, String> {
    let status =
        object.get("statusCode").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status =
        status.filter(|code| (200..600).contains(code)).ok_or("statusCode is no status")?;
    let mut headers: Vec<(String, String)> = pairs(object.get("headers"), "headers")?
        .into_iter()
        .map(|(name, value, _)| (name.to_ascii_lowercase(), value))
        .collect();
    for (name, value, attributes) in pairs(object.get("cookies"), "cookies")? {
        let end = if attributes.is_empty() { String::new() } else { format!("; {attributes}") };
        headers.push(("set-cookie".to_owned(), format!("{name}={value}{end}")));
    }
    let body = match object.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(Value::Object(body)) => {
            let data = body.get("data").and_then(Value::as_str).unwrap_or_default();
            match body.get("encoding").and_then(Value::as_str) {
                Some("base64") => {
                    use base64::Engine as _;
                    let decoded = base64::engine::general_purpose::STANDARD.decode(data);
                    decoded.map_err(|_| "body.data is no base64")?
                }
                _ => data.as_bytes().to_vec(),
            }
        }
        Some(_) => return Err("body is neither text nor an object".into()),
    };
    Ok(Response { status, headers, body: body.into() })
}

/// What the runtime leaves out: code from text, timers, the network, modules.
const PRELUDE: &str = "\
delete globalThis.eval;\
Object.defineProperty((function(){}).constructor.prototype,'constructor',{value:undefined});\
Object.defineProperty((async function(){}).constructor.prototype,'constructor',{value:undefined});\
Object.defineProperty((function*(){}).constructor.prototype,'constructor',{value:undefined});\
delete globalThis.Function;\
globalThis.console={log:function(){},error:function(){}};";

fn run(source: &str, event: &Value) -> Result<Value, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    runtime.set_memory_limit(MEMORY + ENGINE);
    runtime.set_max_stack_size(256 << 10);
    let until = Instant::now() + TIME;
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() > until)));
    let context = Context::full(&runtime).map_err(|error| error.to_string())?;
    context.with(|ctx| {
        let text = evaluate(&ctx, source, &event.to_string()).catch(&ctx).map_err(|error| {
            if Instant::now() > until {
                "the function exceeded its time".to_owned()
            } else {
                error.to_string().lines().next().unwrap_or_default().to_owned()
            }
        })?;
        serde_json::from_str(&text).map_err(|_| "the function returned nothing".to_owned())
    })
}

fn evaluate<'js>(ctx: &Ctx<'js>, source: &str, event: &str) -> rquickjs::Result<String> {
    ctx.eval::<(), _>(PRELUDE)?;
    let mut options = EvalOptions::default();
    options.strict = false;
    ctx.eval_with_options::<Js<'js>, _>(source, options)?;
    let handler: Function<'js> = ctx.globals().get("handler")?;
    let event: Js<'js> = ctx.json_parse(event)?;
    let mut result: Js<'js> = handler.call((event,))?;
    if let Some(promise) = result.as_promise() {
        result = promise.finish()?;
    }
    let text = ctx.json_stringify(result)?;
    match text {
        Some(text) => text.to_string(),
        None => Ok("null".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const AT: At<'static> = At { domain: "d1.cloudfront.net", id: "E1", request_id: "r" };

    fn request(target: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: "GET".into(),
            path: path.into(),
            query: query.into(),
            headers: vec![
                ("host".into(), "notes.example".into()),
                ("accept".into(), "a".into()),
                ("accept".into(), "b".into()),
                ("cookie".into(), "sid=1; lang=de".into()),
            ],
            body: Bytes::new(),
            peer: "203.0.113.9".parse().unwrap(),
        }
    }

    fn decide(source: &str, target: &str) -> Result<Decision, String> {
        on_request(source, &AT, &request(target))
    }

    #[test]
    fn a_request_that_nothing_changes_stays_as_it_was() {
        let got =
            decide("function handler(event){ return event.request; }", "/a%20b?x=1&x=&y&z=%20")
                .unwrap();
        assert_eq!(got, Decision::Request(request("/a%20b?x=1&x=&y&z=%20")));
    }

    #[test]
    fn uri_headers_cookies_and_query_can_be_changed() {
        let source = "async function handler(event) {
            const r = event.request;
            if (event.context.eventType !== 'viewer-request' || event.viewer.ip !== '203.0.113.9') throw new Error('event');
            r.uri = r.uri.replace(/^\\/old/, '/new') + (r.cookies.lang.value);
            r.headers['x-forwarded-host'] = {value: r.headers.host.value};
            r.querystring.n = {value: String(r.headers.accept.multiValue.length)};
            delete r.cookies.sid;
            return r;
        }";
        let Decision::Request(got) = decide(source, "/old/x?a=1").unwrap() else { panic!() };
        assert_eq!((got.path.as_str(), got.query.as_str()), ("/new/xde", "a=1&n=2"));
        assert_eq!(got.header("x-forwarded-host"), Some("notes.example"));
        assert_eq!(got.header("cookie"), Some("lang=de"));
        assert_eq!(got.headers.iter().filter(|(name, _)| name == "accept").count(), 2);
    }

    #[test]
    fn a_function_can_answer_by_itself() {
        let source = "function handler(event) { return {statusCode: 301, statusDescription: 'Moved',
            headers: {location: {value: '/n'}}, cookies: {a: {value: '1', attributes: 'Path=/; Secure'}},
            body: {encoding: 'base64', data: 'aGk='}}; }";
        let Decision::Response(got) = decide(source, "/").unwrap() else { panic!() };
        assert_eq!((got.status, got.header("location")), (301, Some("/n")));
        assert_eq!(got.header("set-cookie"), Some("a=1; Path=/; Secure"));
        assert_eq!(got.body, Bytes::from_static(b"hi"));
    }

    #[test]
    fn the_answer_can_be_changed_on_its_way_back() {
        let response = Response {
            status: 200,
            headers: vec![("set-cookie".into(), "a=1; Path=/".into()), ("x".into(), "1".into())],
            body: Bytes::from_static(b"body"),
        };
        let source = "function handler(event) { const r = event.response; r.headers.y = {value: r.headers.x.value + r.cookies.a.attributes}; return r; }";
        let got = on_response(source, &AT, &request("/"), &response).unwrap();
        assert_eq!(
            (got.header("y"), got.header("set-cookie")),
            (Some("1Path=/"), Some("a=1; Path=/"))
        );
        assert_eq!(got.body, response.body);
        let source =
            "function handler(event) { event.response.statusCode = 404; return event.response; }";
        assert!(on_response(source, &AT, &request("/"), &response).is_err());
    }

    #[test]
    fn what_the_runtime_forbids_fails() {
        for source in [
            "function handler(e) { for (;;) {} }",
            "function handler(e) { let a = []; for (;;) a.push('x'.repeat(1000) + a.length); }",
            "function handler(e) { return handler(e); }",
            "function handler(e) { return eval('e.request'); }",
            "function handler(e) { return new Function('return 1')(); }",
            "function handler(e) { return handler.constructor('return {}')(); }",
            "function handler(e) { fetch('http://x'); }",
            "function handler(e) { setTimeout(function () {}, 1); }",
            "function handler(e) { return require('fs'); }",
            "function handler(e) { throw new Error('no'); }",
            "function handler(e) { return null; }",
            "function handler(e) { e.request.method = 'POST'; return e.request; }",
            "function handler(e) { return {statusCode: 302, headers: {location: {value: 'a\\nb: c'}}}; }",
            "var x = ;",
            "var handlers = 1;",
        ] {
            assert!(decide(source, "/").is_err(), "{source}");
        }
    }
}
