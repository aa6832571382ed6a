//! S3: the buckets of the template in a folder of their own, served by s3s-fs, filled from the
//! folders beside the template. What s3s-fs leaves out of an answer (conditions, S3's own errors)
//! is added here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use s3s::service::{S3Service, S3ServiceBuilder};

use super::message::{Request, Response};
use super::template::types::Bucket;
use crate::error::{Context, Error, Result};
use crate::read::read_limited;

/// S3 takes larger objects; nothing that a site serves is one.
const OBJECT_LIMIT: u64 = 1 << 30;
/// What must not stand in a path as it is.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'+')
    .add(b'&');

/// All buckets.
pub(crate) struct Store {
    service: S3Service,
    buckets: BTreeMap<String, Shelf>,
    /// Goes with the store.
    _folder: tempfile::TempDir,
}

#[derive(Default)]
struct Shelf {
    /// S3 has no folders: a key is there or it is not.
    keys: BTreeSet<String>,
    listed: bool,
}

impl Store {
    /// Makes and fills the buckets. `tree` is the folder of the template.
    pub(crate) async fn fill(tree: &Path, buckets: &[Bucket]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("migrate-s3-")
            .tempdir()
            .input("make a folder for the buckets")?;
        let files = s3s_fs::FileSystem::new(folder.path())
            .map_err(|error| Error::input(format!("failed to open the buckets: {error:?}")))?;
        let mut store = Self {
            service: S3ServiceBuilder::new(files).build(),
            buckets: BTreeMap::new(),
            _folder: folder,
        };
        for bucket in buckets {
            store.put(&bucket.physical, "", None).await?;
            let mut shelf = Shelf { listed: bucket.listed, ..Shelf::default() };
            if let Some(content) = &bucket.content {
                let from = inside(tree, content)?;
                for (key, path) in objects(&from)? {
                    let bytes = read_limited(&path, OBJECT_LIMIT)?;
                    let kind = media_type(bucket, &key);
                    store.put(&bucket.physical, &key, Some((bytes, kind))).await?;
                    shelf.keys.insert(key);
                }
            }
            store.buckets.insert(bucket.physical.clone(), shelf);
        }
        Ok(store)
    }

    /// How many objects a bucket holds.
    pub(crate) fn count(&self, bucket: &str) -> usize {
        self.buckets.get(bucket).map_or(0, |shelf| shelf.keys.len())
    }

    async fn put(&self, bucket: &str, key: &str, object: Option<(Vec<u8>, &str)>) -> Result<()> {
        let (bytes, kind) = object.unwrap_or_default();
        let mut headers = vec![("content-length".to_owned(), bytes.len().to_string())];
        if !kind.is_empty() {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        let path = target(bucket, key);
        let response = self.call("PUT", &path, &headers, bytes.into()).await?;
        if response.status == 200 {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&response.body).into_owned();
        Err(Error::input(format!("failed to put {key:?} into bucket {bucket}: {why}")))
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Response> {
        let mut builder = hyper::Request::builder()
            .method(Method::from_bytes(method.as_bytes()).input("ask S3")?)
            .uri(path)
            .header("host", "s3.amazonaws.com");
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let request = builder.body(s3s::Body::from(body)).input("ask S3")?;
        let answer = self.service.call(request).await;
        let answer = answer.map_err(|error| Error::input(format!("S3 failed: {error:?}")))?;
        let (parts, body) = answer.into_parts();
        let body =
            body.collect().await.map_err(|error| Error::input(format!("S3 failed: {error}")))?;
        let headers = parts
            .headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        Ok(Response { status: parts.status.as_u16(), headers, body: body.to_bytes() })
    }

    /// Answers CloudFront, which signs its requests.
    pub(crate) async fn answer(&self, bucket: &str, request: &Request) -> Response {
        let head = request.method == "HEAD";
        if !head && request.method != "GET" {
            return error(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            );
        }
        let key = percent_decode_str(request.path.trim_start_matches('/'))
            .decode_utf8_lossy()
            .into_owned();
        let Some(known) = self.buckets.get(bucket) else {
            return error(404, "NoSuchBucket", "The specified bucket does not exist");
        };
        if !known.keys.contains(&key) {
            // Whoever may not list is not told whether a key exists.
            return if known.listed {
                error(404, "NoSuchKey", "The specified key does not exist.")
            } else {
                error(403, "AccessDenied", "Access Denied")
            };
        }
        let range = request.header("range").filter(|range| single_range(range));
        let headers: Vec<_> =
            range.map(|range| ("range".to_owned(), range.to_owned())).into_iter().collect();
        let found = self.call("GET", &target(bucket, &key), &headers, Bytes::new()).await;
        let mut response = match found {
            Ok(response) => response,
            Err(failure) => return error(500, "InternalError", &failure.to_string()),
        };
        if response.status >= 400 {
            return match response.status {
                416 => error(416, "InvalidRange", "The requested range is not satisfiable"),
                status => error(status, "InternalError", "We encountered an internal error."),
            };
        }
        response
            .headers
            .retain(|(name, _)| !name.starts_with("x-amz-checksum") && name != "content-length");
        response.set("accept-ranges", "bytes");
        response.set("server", "AmazonS3");
        conditional(request, response)
    }
}

fn target(bucket: &str, key: &str) -> String {
    if key.is_empty() {
        return format!("/{bucket}");
    }
    format!("/{bucket}/{}", utf8_percent_encode(key, ESCAPED))
}

/// S3 answers one range; to several it sends the whole.
fn single_range(range: &str) -> bool {
    range.starts_with("bytes=") && !range.contains(',')
}

/// S3's own error document.
fn error(status: u16, code: &str, text: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    );
    let mut response = Response::new(status, "application/xml", body);
    response.set("server", "AmazonS3");
    response
}

/// `If-None-Match`, `If-Modified-Since`, `If-Match` and `If-Unmodified-Since`, as S3 takes them.
pub(crate) fn conditional(request: &Request, mut response: Response) -> Response {
    let tag = response.header("etag").unwrap_or_default().to_owned();
    let time = response.header("last-modified").and_then(date);
    let bare = tag.trim_start_matches("W/").to_owned();
    let among = |list: &str| {
        list.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == bare)
    };
    let failed =
        match (request.header("if-match"), request.header("if-unmodified-since").and_then(date)) {
            (Some(list), _) => !among(list),
            (None, Some(limit)) => time.is_some_and(|time| time > limit),
            (None, None) => false,
        };
    if failed {
        return error(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        );
    }
    let same =
        match (request.header("if-none-match"), request.header("if-modified-since").and_then(date))
        {
            (Some(list), _) => among(list),
            (None, Some(limit)) => time.is_some_and(|time| time <= limit),
            (None, None) => false,
        };
    if same {
        response.status = 304;
        response.body = Bytes::new();
        response.remove("content-type");
        response.remove("content-range");
    }
    response
}

/// Seconds of an HTTP date.
pub(crate) fn date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().as_second())
}

fn media_type<'a>(bucket: &'a Bucket, key: &str) -> &'a str {
    let name = key.rsplit('/').next().unwrap_or(key);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let found = bucket.types.get(ending).or_else(|| bucket.types.get("*"));
    // What S3 gives an object that was put without a type.
    found.map_or("binary/octet-stream", String::as_str)
}

/// A folder below the tree.
fn inside(tree: &Path, content: &str) -> Result<std::path::PathBuf> {
    let relative = Path::new(content);
    let normal = relative
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if !normal {
        return Err(Error::input(format!(
            "template.yaml: content {content} lies outside of the tree"
        )));
    }
    let folder = tree.join(relative);
    if !folder.is_dir() {
        return Err(Error::input(format!("there is no folder {}", folder.display()))
            .help("`migrate build --to sam` puts the static files there"));
    }
    Ok(folder)
}

/// Keys and files below a folder; links are not followed.
fn objects(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.input(format_args!("read {}", folder.display()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path();
        let key = path.strip_prefix(folder).ok().and_then(Path::to_str);
        let key = key.ok_or_else(|| {
            Error::input(format!("{} has a name that is no UTF-8", path.display()))
        })?;
        found.push((key.to_owned(), path.to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &[(&str, &str)]) -> Request {
        Request {
            method: "GET".into(),
            path: path.into(),
            query: String::new(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: Bytes::new(),
            peer: "127.0.0.1".parse().unwrap(),
        }
    }

    async fn store(listed: bool) -> (tempfile::TempDir, Store) {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("static/a b")).unwrap();
        std::fs::write(tree.path().join("static/a b/x+%.css"), "body{}").unwrap();
        std::fs::write(tree.path().join("static/plain"), "0123456789").unwrap();
        let bucket = Bucket {
            name: "Static".into(),
            physical: "n-static".into(),
            content: Some("static".into()),
            types: BTreeMap::from([("css".into(), "text/css".into())]),
            listed,
        };
        let store = Store::fill(tree.path(), &[bucket]).await.unwrap();
        (tree, store)
    }

    #[tokio::test]
    async fn objects_answer_with_type_range_and_conditions() {
        let (_tree, store) = store(true).await;
        let answer = async |path: &str, headers: &[(&str, &str)]| {
            store.answer("n-static", &get(path, headers)).await
        };
        let css = answer("/a%20b/x%2B%25.css", &[]).await;
        assert_eq!((css.status, css.header("content-type")), (200, Some("text/css")));
        assert_eq!(css.body, Bytes::from_static(b"body{}"));
        let part = answer("/plain", &[("range", "bytes=2-4")]).await;
        assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 2-4/10")));
        assert_eq!(part.body, Bytes::from_static(b"234"));
        assert_eq!(answer("/plain", &[("range", "bytes=20-")]).await.status, 416);
        let whole = answer("/plain", &[]).await;
        assert_eq!(whole.header("content-type"), Some("binary/octet-stream"));
        let tag = whole.header("etag").unwrap();
        let same = answer("/plain", &[("if-none-match", tag)]).await;
        assert_eq!((same.status, same.body.len()), (304, 0));
        let time = whole.header("last-modified").unwrap();
        assert_eq!(answer("/plain", &[("if-modified-since", time)]).await.status, 304);
        assert_eq!(answer("/plain", &[("if-match", "\"other\"")]).await.status, 412);
    }

    #[tokio::test]
    async fn what_is_missing_is_404_only_for_those_who_may_list() {
        for (listed, status) in [(true, 404), (false, 403)] {
            let (_tree, store) = store(listed).await;
            // A folder is no object, and no path leads out.
            for path in ["/none", "/a%20b", "/a%20b/", "/", "/../plain", "/..%2f..%2fetc/passwd"] {
                assert_eq!(
                    store.answer("n-static", &get(path, &[])).await.status,
                    status,
                    "{path}"
                );
            }
        }
    }
}
