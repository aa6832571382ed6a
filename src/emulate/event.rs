//! HTTP to an event of payload format 2.0, and a function's answer back to HTTP: pure, as API
//! Gateway's HTTP APIs do it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::message::{Request, Response};
use super::template::ACCOUNT;
use super::template::types::Api;

/// What is known of a call besides its request.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    pub(crate) api: &'a Api,
    pub(crate) route_key: String,
    pub(crate) path_parameters: Vec<(String, String)>,
    pub(crate) request_id: String,
    pub(crate) time: Timestamp,
}

/// Headers that belong to one connection and never reach a function.
const HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// The event that a function gets.
pub(crate) fn from_request(request: &Request, call: &Call<'_>) -> Value {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut cookies = Vec::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        if HOP.contains(&name.as_str()) {
            continue;
        }
        if name == "cookie" {
            cookies.extend(
                value.split(';').map(str::trim).filter(|one| !one.is_empty()).map(Value::from),
            );
            continue;
        }
        match headers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, joined)) => {
                joined.push(',');
                joined.push_str(value);
            }
            None => headers.push((name, value.clone())),
        }
    }
    headers.sort();
    let path = stage_path(&call.api.stage, &decode(&request.path));
    let (body, encoded) = body_of(request);
    let mut event = Map::new();
    event.insert("version".into(), "2.0".into());
    event.insert("routeKey".into(), call.route_key.clone().into());
    event.insert("rawPath".into(), path.clone().into());
    event.insert("rawQueryString".into(), request.query.clone().into());
    if !cookies.is_empty() {
        event.insert("cookies".into(), cookies.into());
    }
    let user_agent = request.header("user-agent").unwrap_or_default();
    event.insert("headers".into(), object(headers));
    let query = parameters(&request.query);
    if !query.is_empty() {
        event.insert("queryStringParameters".into(), object(query));
    }
    event.insert(
        "requestContext".into(),
        json!({
            "accountId": ACCOUNT,
            "apiId": call.api.id,
            "domainName": call.api.domain,
            "domainPrefix": call.api.id,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer.to_string(),
                "userAgent": user_agent,
            },
            "requestId": call.request_id,
            "routeKey": call.route_key,
            "stage": call.api.stage,
            "time": call.time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": call.time.as_millisecond(),
        }),
    );
    if !call.path_parameters.is_empty() {
        event.insert("pathParameters".into(), object(call.path_parameters.clone()));
    }
    if let Some(body) = body {
        event.insert("body".into(), body.into());
    }
    event.insert("isBase64Encoded".into(), encoded.into());
    Value::Object(event)
}

fn object(pairs: Vec<(String, String)>) -> Value {
    Value::Object(pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect())
}

/// HTTP APIs hand the path over decoded, unlike REST APIs and function URLs.
fn decode(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn stage_path(stage: &str, path: &str) -> String {
    if stage == "$default" { path.to_owned() } else { format!("/{stage}{path}") }
}

/// The query's parameters, decoded, those of one name joined by commas.
fn parameters(query: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, joined)) => {
                joined.push(',');
                joined.push_str(&value);
            }
            None => found.push((name.into_owned(), value.into_owned())),
        }
    }
    found
}

/// The body as text where its media type says that it is, else as base64.
fn body_of(request: &Request) -> (Option<String>, bool) {
    if request.body.is_empty() {
        return (None, false);
    }
    let kind = request.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let textual = kind.starts_with("text/")
        || matches!(
            kind.as_str(),
            "application/json" | "application/javascript" | "application/xml"
        );
    let plain = textual && request.header("content-encoding").is_none();
    match std::str::from_utf8(&request.body) {
        Ok(text) if plain => (Some(text.to_owned()), false),
        _ => (Some(STANDARD.encode(&request.body)), true),
    }
}

/// The response that a function's answer becomes; `None` when API Gateway cannot make one of it.
pub(crate) fn to_response(answer: &[u8]) -> Option<Response> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    let Some(fields) = value.as_object().filter(|fields| fields.contains_key("statusCode")) else {
        // An answer without a status is the body of a 200.
        let body = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return Some(Response::new(200, "application/json", body));
    };
    let status = match fields.get("statusCode")? {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    if !(100..=599).contains(&status) {
        return None;
    }
    let mut headers = Vec::new();
    match fields.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(map)) => {
            for (name, value) in map {
                headers.push((name.to_ascii_lowercase(), scalar(value)?));
            }
        }
        Some(_) => return None,
    }
    headers.retain(|(name, _)| !HOP.contains(&name.as_str()) && name != "content-length");
    match fields.get("cookies") {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) => {
            for cookie in list {
                headers.push(("set-cookie".to_owned(), scalar(cookie)?));
            }
        }
        Some(_) => return None,
    }
    let encoded = fields.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false);
    let body = match fields.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if encoded => STANDARD.decode(text).ok()?.into(),
        Some(Value::String(text)) => text.clone().into_bytes().into(),
        Some(other) => other.to_string().into_bytes().into(),
    };
    if !headers.iter().any(|(name, _)| name == "content-type") && !body.is_empty() {
        headers.push(("content-type".to_owned(), "text/plain;charset=UTF-8".to_owned()));
    }
    Some(Response { status, headers, body })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The event of a schedule: EventBridge Scheduler sends the input or nothing, a rule its own event.
pub(crate) fn of_schedule(
    schedule: &super::template::schedule::Schedule,
    region: &str,
    stack: &str,
    id: &str,
    time: Timestamp,
) -> Value {
    if let Some(input) = &schedule.input {
        return serde_json::from_str(input).unwrap_or_else(|_| Value::from(input.clone()));
    }
    if schedule.scheduler {
        return json!({});
    }
    let mut rule = String::new();
    let _ = write!(rule, "arn:aws:events:{region}:{ACCOUNT}:rule/{stack}-{}", schedule.name);
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": region,
        "resources": [rule],
        "detail": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: Bytes::copy_from_slice(body),
            peer: "198.51.100.7".parse().unwrap(),
        }
    }

    fn event(request: &Request) -> Value {
        let api = Api { id: "api".into(), stage: "$default".into(), domain: "api.example".into() };
        let call = Call {
            api: &api,
            route_key: "$default".into(),
            path_parameters: Vec::new(),
            request_id: "r-1".into(),
            time: "2026-01-02T03:04:05Z".parse().unwrap(),
        };
        from_request(request, &call)
    }

    #[test]
    fn names_are_lowered_values_joined_and_cookies_a_list() {
        let headers = [
            ("X-One", "1"),
            ("x-one", "2"),
            ("Cookie", "a=1; b=2"),
            ("cookie", "c=3"),
            ("Connection", "close"),
        ];
        let event = event(&request("GET", "/a%20b/%C3%BC?x=1&x=2%20&y", &headers, b""));
        assert_eq!(event["headers"], json!({"x-one": "1,2"}));
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert_eq!(event["rawPath"], "/a b/\u{fc}");
        assert_eq!(event["rawQueryString"], "x=1&x=2%20&y");
        assert_eq!(event["queryStringParameters"], json!({"x": "1,2 ", "y": ""}));
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "198.51.100.7");
        assert_eq!(event["requestContext"]["time"], "02/Jan/2026:03:04:05 +0000");
        assert_eq!(event["isBase64Encoded"], false);
        assert!(event.get("body").is_none());
    }

    #[test]
    fn bodies_are_text_only_where_their_type_says_so() {
        let body = |kind: &str, more: &[(&str, &str)], bytes: &[u8]| {
            let mut headers = vec![("content-type", kind)];
            headers.extend(more);
            let event = event(&request("POST", "/", &headers, bytes));
            (event["body"].as_str().unwrap().to_owned(), event["isBase64Encoded"] == true)
        };
        assert_eq!(body("application/json; charset=utf-8", &[], b"{}"), ("{}".into(), false));
        assert_eq!(body("text/plain", &[], b"a"), ("a".into(), false));
        assert_eq!(body("application/x-www-form-urlencoded", &[], b"a=1"), ("YT0x".into(), true));
        assert_eq!(
            body("text/plain", &[("content-encoding", "gzip")], b"a"),
            ("YQ==".into(), true)
        );
        assert_eq!(body("application/json", &[], &[0xff]), ("/w==".into(), true));
    }

    #[test]
    fn answers_become_responses() {
        let answer = json!({
            "statusCode": 201,
            "headers": {"Content-Type": "image/png", "X-N": 3, "Transfer-Encoding": "chunked"},
            "cookies": ["a=1; Path=/", "b=2"],
            "body": "/w==",
            "isBase64Encoded": true,
        });
        let response = to_response(answer.to_string().as_bytes()).unwrap();
        assert_eq!(response.status, 201);
        assert_eq!(response.body, Bytes::from_static(&[0xff]));
        let cookies: Vec<_> = response.headers.iter().filter(|(n, _)| n == "set-cookie").collect();
        assert_eq!(cookies.len(), 2);
        assert!(response.header("transfer-encoding").is_none());
        assert_eq!(response.header("x-n"), Some("3"));
        // Cookies joined into one header stay one header: API Gateway does not split them.
        let joined = br#"{"statusCode":200,"headers":{"set-cookie":"a=1, b=2"},"body":"x"}"#;
        let response = to_response(joined).unwrap();
        assert_eq!(response.header("set-cookie"), Some("a=1, b=2"));
        assert_eq!(response.header("content-type"), Some("text/plain;charset=UTF-8"));
    }

    #[test]
    fn an_answer_without_a_status_is_a_body_and_nonsense_is_nothing() {
        let response = to_response(br#"{"ok":true}"#).unwrap();
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, Some("application/json"))
        );
        assert_eq!(response.body, Bytes::from_static(br#"{"ok":true}"#));
        assert!(to_response(b"not json").is_none());
        assert!(to_response(br#"{"statusCode":"x"}"#).is_none());
        assert!(to_response(br#"{"statusCode":200,"headers":{"a":{}}}"#).is_none());
        assert!(to_response(br#"{"statusCode":200,"body":"%","isBase64Encoded":true}"#).is_none());
    }
}
