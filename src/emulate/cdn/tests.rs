//! A distribution in front of a bucket, and what an API behind it would get.

use std::collections::BTreeMap;

use super::*;
use crate::emulate::template::types::{
    Bucket, CachePolicy, ErrorPage, OriginRequestPolicy, ResponseHeaders,
};

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: Bytes::new(),
        peer: "203.0.113.9".parse().unwrap(),
    }
}

/// As [`request`], to the site's own name.
fn viewed(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
    let mut all = vec![("host", "shop.example")];
    all.extend(headers);
    request(method, target, &all)
}

fn behaviour(pattern: &str, origin: &str, max: u64) -> Behaviour {
    Behaviour {
        pattern: pattern.into(),
        origin: origin.into(),
        methods: vec!["GET".into(), "HEAD".into()],
        compress: true,
        cache: CachePolicy {
            min: 0,
            default: max,
            max,
            gzip: max > 0,
            brotli: false,
            cookies: Which::None,
            headers: Which::None,
            queries: Which::None,
        },
        forward: None,
        headers: None,
        on_request: None,
        on_response: None,
    }
}

fn origin(target: Target, domain: &str) -> Origin {
    Origin { target, path: String::new(), headers: Vec::new(), domain: domain.into() }
}

async fn edge() -> (tempfile::TempDir, Edge) {
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(tree.path().join("s/static")).unwrap();
    std::fs::write(tree.path().join("s/static/a.css"), "a{}".repeat(1000)).unwrap();
    std::fs::write(tree.path().join("s/static/404.html"), "gone").unwrap();
    let bucket = Bucket {
        name: "S".into(),
        physical: "shop".into(),
        content: Some("s".into()),
        types: BTreeMap::from([
            ("css".into(), "text/css".into()),
            ("html".into(), "text/html".into()),
        ]),
        listed: true,
    };
    let store = Store::fill(tree.path(), &[bucket]).await.unwrap();
    let mut fixed = behaviour("/static/*", "static", 3600);
    fixed.headers = Some(ResponseHeaders {
        set: vec![
            ("Cache-Control".into(), "max-age=60".into(), true),
            ("Server".into(), "x".into(), false),
        ],
        remove: vec!["x-amz-meta".into()],
    });
    let mut rest = behaviour("*", "static", 0);
    rest.on_request = Some("function handler(e) { if (e.request.uri === '/old') return {statusCode: 301, headers: {location: {value: '/new'}}}; if (e.request.uri === '/throw') throw 1; return e.request; }".into());
    let distribution = Distribution {
        id: "E1".into(),
        domain: "d1.cloudfront.net".into(),
        root_object: "static/404.html".into(),
        origins: BTreeMap::from([(
            "static".into(),
            origin(Target::Bucket("shop".into()), "shop.s3.amazonaws.com"),
        )]),
        behaviours: vec![fixed, rest],
        error_pages: vec![ErrorPage {
            code: 404,
            path: Some("/static/404.html".into()),
            becomes: None,
        }],
    };
    let notice: Notice = Arc::new(|_| {});
    (tree, Edge::new(distribution, None, Arc::new(store), notice))
}

#[tokio::test]
async fn files_are_compressed_cached_and_given_their_headers() {
    let (_tree, edge) = edge().await;
    let gzip = [("accept-encoding", "gzip, br")];
    let first = edge.answer(viewed("GET", "/static/a.css", &gzip)).await;
    assert_eq!((first.status, first.header("x-cache")), (200, Some("Miss from cloudfront")));
    assert_eq!(
        (first.header("content-encoding"), first.header("vary")),
        (Some("gzip"), Some("Accept-Encoding"))
    );
    assert_eq!(
        (first.header("cache-control"), first.header("server")),
        (Some("max-age=60"), Some("AmazonS3"))
    );
    let tag = first.header("etag").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    let second = edge.answer(viewed("GET", "/static/a.css", &gzip)).await;
    assert_eq!(
        (second.header("x-cache"), second.body.clone()),
        (Some("Hit from cloudfront"), first.body.clone())
    );
    let mut known = gzip.to_vec();
    known.push(("if-none-match", tag));
    assert_eq!(edge.answer(viewed("GET", "/static/a.css", &known)).await.status, 304);
    let plain = edge.answer(viewed("GET", "/static/a.css", &[])).await;
    assert_eq!((plain.header("x-cache"), plain.body.len()), (Some("Miss from cloudfront"), 3000));
    let part = edge.answer(viewed("GET", "/static/a.css", &[("range", "bytes=0-2")])).await;
    assert_eq!((part.status, part.body.clone()), (206, Bytes::from_static(b"a{}")));
}

#[tokio::test]
async fn methods_functions_and_error_pages() {
    let (_tree, edge) = edge().await;
    assert_eq!(edge.answer(viewed("POST", "/static/a.css", &[])).await.status, 403);
    assert_eq!(edge.answer(request("GET", "/static/a.css", &[])).await.status, 400);
    let moved = edge.answer(viewed("GET", "/old", &[])).await;
    assert_eq!((moved.status, moved.header("location")), (301, Some("/new")));
    assert_eq!(edge.answer(viewed("GET", "/throw", &[])).await.status, 503);
    let missing = edge.answer(viewed("GET", "/static/none", &[])).await;
    assert_eq!((missing.status, missing.body.clone()), (404, Bytes::from_static(b"gone")));
    assert_eq!(missing.header("content-type"), Some("text/html"));
    let root = edge.answer(viewed("GET", "/", &[])).await;
    assert_eq!((root.status, root.body.clone()), (200, Bytes::from_static(b"gone")));
}

#[test]
fn an_origin_gets_what_the_policies_let_through() {
    let mut all = behaviour("*", "api", 0);
    all.forward = Some(OriginRequestPolicy {
        cookies: Which::All,
        headers: Which::Except(vec!["host".into()]),
        queries: Which::All,
    });
    let api = origin(Target::Api, "api.execute-api.eu-central-1.amazonaws.com");
    let headers = [
        ("host", "notes.example"),
        ("cookie", "a=1; b=2"),
        ("x-mine", "1"),
        ("user-agent", "me"),
        ("accept-encoding", "gzip"),
        ("x-forwarded-for", "10.0.0.1"),
    ];
    let sent = forward(&all, &api, &request("GET", "/x?a=1&a=", &headers), "");
    assert_eq!(sent.header("host"), Some("api.execute-api.eu-central-1.amazonaws.com"));
    assert_eq!((sent.header("cookie"), sent.header("x-mine")), (Some("a=1; b=2"), Some("1")));
    assert_eq!((sent.query.as_str(), sent.header("accept-encoding")), ("a=1&a=", Some("gzip")));
    assert_eq!(sent.header("x-forwarded-for"), Some("10.0.0.1, 203.0.113.9"));
    let none = behaviour("*", "api", 0);
    let sent = forward(&none, &api, &request("GET", "/x?a=1", &headers), "");
    assert_eq!(
        (sent.header("cookie"), sent.header("x-mine"), sent.query.as_str()),
        (None, None, "")
    );
    assert_eq!(sent.header("user-agent"), Some("Amazon CloudFront"));
    assert!(passes_no_cookies(&none) && !passes_no_cookies(&all));
}

/// What `generate` writes for a web server, run as CloudFront runs it.
#[test]
fn the_generated_function_does_what_nginx_did() {
    let (source, findings) = crate::generate::sam::function_of(
        r"
        charset utf-8;
        server {
            listen 80; server_name shop.example; root /srv/www;
            client_max_body_size 1k;
            location / { proxy_pass http://127.0.0.1:3000; proxy_set_header X-Real-IP $remote_addr; }
            location /api/ { proxy_pass http://127.0.0.1:3000/v1/; }
            location /docs/ { expires 10m; add_header X-A b; }
            location = /docs { return 301 /docs/; }
            location /old/ { rewrite ^/old/([0-9]+)\.php$ /items/$1 permanent; return 404; }
            location ~ /\. { deny all; }
            location /live { proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; }
            location /image/ { proxy_pass http://127.0.0.1:3000; image_filter resize 100 100; }
        }
        server { listen 80; server_name www.shop.example; return 301 http://shop.example$request_uri; }
        ",
    );
    let at = At { domain: "d1.cloudfront.net", id: "E1", request_id: "r" };
    let ask = |method: &str, target: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("host", "shop.example")];
        all.extend(headers.iter().filter(|(name, _)| *name != "host"));
        all.extend(headers.iter().filter(|(name, _)| *name == "host"));
        let kept =
            if headers.iter().any(|(name, _)| *name == "host") { &all[1..] } else { &all[..] };
        function::on_request(&source, &at, &request(method, target, kept)).expect("no error")
    };
    let answered = |decision: Decision| match decision {
        Decision::Response(response) => {
            (response.status, response.header("location").unwrap_or_default().to_owned())
        }
        Decision::Request(request) => panic!("{} goes on", request.path),
    };
    let goes_on = |decision: Decision| match decision {
        Decision::Request(request) => request,
        Decision::Response(response) => panic!("answered with {}", response.status),
    };
    assert_eq!(answered(ask("GET", "/docs", &[])), (301, "http://shop.example/docs/".into()));
    assert_eq!(
        answered(ask("GET", "/old/3.php?a=1", &[])),
        (301, "http://shop.example/items/3?a=1".into())
    );
    assert_eq!(answered(ask("GET", "/old/x", &[])).0, 404);
    assert_eq!(answered(ask("GET", "/docs/.git/config", &[])).0, 403);
    assert_eq!(answered(ask("POST", "/docs/", &[])).0, 405);
    assert_eq!(answered(ask("POST", "/", &[("content-length", "1025")])).0, 413);
    assert_eq!(answered(ask("GET", "/live", &[])).0, 501);
    assert_eq!(
        answered(ask("GET", "/a?b=c", &[("host", "www.shop.example")])),
        (301, "http://shop.example/a?b=c".into())
    );
    assert_eq!(goes_on(ask("GET", "/docs/", &[])).path, "/docs/index.html");
    assert_eq!(goes_on(ask("GET", "/api/x", &[])).path, "/v1/x");
    let page = goes_on(ask("GET", "/x", &[]));
    assert_eq!(page.header("x-real-ip"), Some("203.0.113.9"));

    let viewer = request("GET", "/docs/index.html", &[]);
    let response =
        function::on_response(&source, &at, &viewer, &Response::new(200, "text/html", "x"));
    let response = response.expect("no error");
    assert_eq!(response.header("cache-control"), Some("max-age=600"));
    assert_eq!(response.header("x-a"), Some("b"));
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.header("expires").is_some());

    let told = |part: &str| {
        findings.iter().any(|one| one.message.contains(part) && !one.evidence.is_empty())
    };
    assert!(told("WebSocket") && told("image_filter"), "{findings:?}");
}
