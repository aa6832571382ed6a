//! Static files: each kind once, and what browsers and caches ask of them.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Subject;
use super::build::{Builder, Draft};
use crate::inspect::source::Kind;
use crate::model::inventory::{Location, LocationKind};

/// Files in all, and of one kind in one folder.
const MAX_FILES: usize = 24;
const EACH: usize = 1;
/// Larger files say nothing more and take long.
const LARGEST: u64 = 1 << 20;
/// Characters that stay as they are in a path.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A file as users ask for it.
struct Served<'i> {
    url: String,
    bytes: u64,
    location: &'i Location,
}

/// Steps for the site's static files.
pub(super) fn steps(subject: &Subject<'_>, builder: &mut Builder) {
    let id = subject.proxy_id();
    let add = |builder: &mut Builder, draft: Draft, location: &Location| {
        let fact = fact(location);
        builder.add(draft.origin(id, fact, Some(&location.evidence)));
    };
    let files = served(subject);
    for file in &files {
        add(builder, Draft::get(&format!("file-{}", file.url), &file.url), file.location);
    }
    // A text and something else get the whole list of questions.
    let text = files.iter().filter(|f| f.bytes > 600).find(|f| is_text(&f.url));
    let other = files.iter().find(|f| !is_text(&f.url));
    for (number, file) in text.or_else(|| files.first()).into_iter().chain(other).enumerate() {
        let (url, location) = (file.url.as_str(), file.location);
        let (tag, date) = (format!("etag{number}"), format!("modified{number}"));
        add(
            builder,
            Draft::request(&format!("head-{url}"), "HEAD", url)
                .keep_header(&tag, "etag")
                .keep_header(&date, "last-modified"),
            location,
        );
        if number > 0 {
            continue;
        }
        let if_none = Draft::get(&format!("if-none-match-{url}"), url);
        add(builder, if_none.header("If-None-Match", &format!("${{{tag}}}")), location);
        let since = Draft::get(&format!("if-modified-{url}"), url);
        add(builder, since.header("If-Modified-Since", &format!("${{{date}}}")), location);
        let range = Draft::get(&format!("range-{url}"), url);
        add(builder, range.header("Range", "bytes=0-15"), location);
        let beyond = Draft::get(&format!("range-beyond-{url}"), url);
        add(builder, beyond.header("Range", "bytes=999999999-"), location);
        let gzip = Draft::get(&format!("gzip-{url}"), url);
        add(builder, gzip.header("Accept-Encoding", "gzip"), location);
        add(builder, Draft::request(&format!("options-{url}"), "OPTIONS", url), location);
        add(builder, Draft::request(&format!("post-{url}"), "POST", url), location);
        if let Some(wrong) = wrong_case(url)
            && let Some(location) = subject.location(&wrong)
        {
            add(builder, Draft::get(&format!("wrong-case-{url}"), &wrong), location);
        }
    }
    // What is not there: in each folder that files were seen in.
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    for file in &files {
        folders.extend(file.url.rsplit_once('/').map(|(folder, _)| folder));
    }
    for folder in folders.into_iter().take(4) {
        for name in ["migrate-no-such-file.js", "migrate-no-such-page"] {
            let url = format!("{folder}/{name}");
            if let Some(location) =
                subject.location(&url).filter(|location| location.kind == LocationKind::Static)
            {
                add(builder, Draft::get(&format!("missing-{url}"), &url), location);
            }
        }
        // A folder without its slash.
        if !folder.is_empty()
            && let Some(location) =
                subject.location(folder).filter(|location| location.kind == LocationKind::Static)
        {
            add(builder, Draft::get(&format!("folder-{folder}"), folder), location);
        }
    }
    for url in
        ["/", "/migrate/deep/link", "/.env", "/.git/config", "/package.json", "/%2e%2e/etc/passwd"]
    {
        if let Some(location) = subject
            .location(url)
            .filter(|it| matches!(it.kind, LocationKind::Static | LocationKind::Deny))
        {
            let name = if url == "/" { "index".to_owned() } else { format!("page-{url}") };
            add(builder, Draft::get(&name, url), location);
        }
    }
}

/// A location in words.
pub(super) fn fact(location: &Location) -> String {
    let space = if location.modifier.is_empty() { "" } else { " " };
    format!("location {}{space}{}", location.modifier, location.path)
}

fn is_text(url: &str) -> bool {
    let end = url.rsplit('.').next().unwrap_or_default();
    matches!(end, "html" | "css" | "js" | "mjs" | "json" | "svg" | "txt" | "xml" | "map")
}

fn wrong_case(url: &str) -> Option<String> {
    let (folder, name) = url.rsplit_once('/')?;
    let (stem, end) = name.rsplit_once('.')?;
    let upper = stem.to_uppercase();
    (upper != stem && !stem.contains('%')).then(|| format!("{folder}/{upper}.{end}"))
}

/// A few files of every kind in every folder, as their locations serve them.
fn served<'i>(subject: &Subject<'i>) -> Vec<Served<'i>> {
    let Some(site) = subject.site else { return Vec::new() };
    let mut found: Vec<Served<'i>> = Vec::new();
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut folders: BTreeSet<(String, String)> = BTreeSet::new();
    for location in &site.locations {
        if location.kind != LocationKind::Static || location.internal {
            continue;
        }
        let Some(target) = location.target.as_deref().filter(|target| !target.contains('$')) else {
            continue;
        };
        let prefix = if location.alias {
            if !matches!(location.modifier.as_str(), "" | "^~") {
                continue;
            }
            location.path.as_str()
        } else {
            ""
        };
        folders.insert((target.trim_end_matches('/').to_owned(), prefix.to_owned()));
    }
    for (folder, prefix) in folders {
        let Some(real) = subject.source.resolve(&folder) else { continue };
        for (path, entry) in subject.source.below(&real) {
            let Some(inner) = path.strip_prefix(&real) else { continue };
            let hidden = inner.split('/').any(|part| part.starts_with('.') && part.len() > 1);
            if entry.kind != Kind::File || hidden || entry.size > LARGEST || inner.len() > 300 {
                continue;
            }
            let url = if prefix.is_empty() {
                inner.to_owned()
            } else {
                format!("{prefix}{}", inner.trim_start_matches('/'))
            };
            let Some(location) = subject.location(&url) else { continue };
            if location.kind != LocationKind::Static
                || location.internal
                || location.auth
                || location.alias == prefix.is_empty()
                || location.target.as_deref().map(|it| it.trim_end_matches('/')) != Some(&folder)
            {
                continue;
            }
            let end = inner.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
            let end = end.map_or("", |(_, end)| end).to_lowercase();
            let first = url.split('/').nth(1).filter(|_| url.matches('/').count() > 1);
            let count = seen.entry((first.unwrap_or_default().to_owned(), end)).or_default();
            *count += 1;
            if *count <= EACH && found.len() < MAX_FILES {
                let url = utf8_percent_encode(&url, PATH).to_string();
                found.push(Served { url, bytes: entry.size, location });
            }
        }
    }
    found
}
