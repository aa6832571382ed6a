//! When CloudFront compresses, and doing it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::emulate::message::{Request, Response};
use crate::emulate::template::types::Behaviour;

/// Bytes that an object must have, and may have at most.
const SIZES: std::ops::RangeInclusive<usize> = 1_000..=10_000_000;

/// Media types that CloudFront compresses.
const TYPES: &[&str] = &[
    "application/dash+xml",
    "application/eot",
    "application/font",
    "application/font-sfnt",
    "application/javascript",
    "application/json",
    "application/opentype",
    "application/otf",
    "application/pdf",
    "application/pkcs7-mime",
    "application/protobuf",
    "application/rss+xml",
    "application/truetype",
    "application/ttf",
    "application/vnd.apple.mpegurl",
    "application/vnd.mapbox-vector-tile",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/xhtml+xml",
    "application/xml",
    "application/x-font-opentype",
    "application/x-font-truetype",
    "application/x-font-ttf",
    "application/x-httpd-cgi",
    "application/x-javascript",
    "application/x-mpegurl",
    "application/x-opentype",
    "application/x-otf",
    "application/x-perl",
    "application/x-ttf",
    "font/eot",
    "font/opentype",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/js",
    "text/plain",
    "text/richtext",
    "text/tab-separated-values",
    "text/xml",
    "text/x-component",
    "text/x-java-source",
    "text/x-script",
    "vnd.apple.mpegurl",
];

/// What the viewer's `Accept-Encoding` comes down to for this behaviour: part of the cache key.
pub(crate) fn accepted(behaviour: &Behaviour, request: &Request) -> &'static str {
    let wants = |coding: &str| {
        request.headers.iter().filter(|(name, _)| name == "accept-encoding").any(|(_, value)| {
            value.split(',').any(|one| {
                let mut parts = one.split(';').map(str::trim);
                let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
                named
                    && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        })
    };
    if behaviour.cache.gzip && wants("gzip") { "gzip" } else { "" }
}

/// Compresses a response if CloudFront would.
pub(crate) fn compress(
    behaviour: &Behaviour,
    request: &Request,
    encoding: &str,
    response: &mut Response,
) {
    let kind = response.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fits = behaviour.compress
        && behaviour.cache.max > 0
        && encoding == "gzip"
        && request.method == "GET"
        && matches!(response.status, 200 | 403 | 404)
        && SIZES.contains(&response.body.len())
        && response.header("content-encoding").is_none()
        && TYPES.contains(&kind.as_str());
    if !fits {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let Ok(()) = encoder.write_all(&response.body) else { return };
    let Ok(body) = encoder.finish() else { return };
    response.body = body.into();
    response.set("content-encoding", "gzip");
    response.set("vary", "Accept-Encoding");
    response.remove("accept-ranges");
    if let Some(tag) =
        response.header("etag").filter(|tag| !tag.starts_with("W/")).map(ToOwned::to_owned)
    {
        response.set("etag", format!("W/{tag}"));
    }
}
