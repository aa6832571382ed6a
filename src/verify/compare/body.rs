//! Bodies as data: content encoding undone, then JSON, HTML or lines as a tree; all else as bytes.

use serde_json::{Map, Value};

use crate::verify::coding::{decode, header};
use crate::verify::observation::Answer;

/// Largest body that is read as data.
const LARGEST_TREE: usize = 4 * 1024 * 1024;
/// Largest page that is read as a tree, and the deepest.
const LARGEST_PAGE: usize = 1024 * 1024;
const DEEPEST_PAGE: usize = 400;
/// Deepest HTML that is read as data.
const DEEPEST: usize = 120;
/// Most nodes of HTML that are read as data.
const MOST_NODES: usize = 100_000;

/// A body as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// JSON.
    Json(Value),
    /// HTML, as a tree of elements.
    Html(Value),
    /// Text, as a list of lines.
    Text(Value),
    /// Anything else.
    Bytes(Vec<u8>),
    /// The content encoding could not be undone.
    Undecodable,
}

/// The media type, without parameters, in lower case.
pub(crate) fn media_type(answer: &Answer) -> String {
    let value = header(answer, "content-type").unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Reads a body; the pass's own unique text becomes `${unique}`.
pub(crate) fn read(answer: &Answer, unique: &str) -> Body {
    let Some(bytes) = decode(answer) else { return Body::Undecodable };
    let media = media_type(answer);
    let opaque =
        ["image/", "audio/", "video/", "font/", "application/octet-stream", "application/zip"]
            .iter()
            .any(|prefix| media.starts_with(prefix))
            && media != "image/svg+xml";
    if opaque || bytes.len() > LARGEST_TREE {
        return Body::Bytes(bytes);
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return Body::Bytes(bytes) };
    let text = own(text, unique);
    let start = text.trim_start().as_bytes().first().copied();
    let code = media.contains("javascript") || media == "text/css";
    if code {
        return Body::Bytes(text.into_bytes());
    }
    if (media.contains("json") || (matches!(start, Some(b'{' | b'[')) && !media.contains("html")))
        && let Ok(value) = serde_json::from_str(&text)
    {
        return Body::Json(value);
    }
    let page = media.contains("html") || (media.is_empty() && text.trim_start().starts_with("<!"));
    // Parsing takes time with the square of the depth.
    if page && text.len() <= LARGEST_PAGE && nesting(&text) <= DEEPEST_PAGE {
        return Body::Html(html(&text));
    }
    Body::Text(lines(&text))
}

/// A text with the pass's own unique text taken out.
pub(crate) fn own(text: &str, unique: &str) -> String {
    if unique.len() < 4 { text.to_owned() } else { text.replace(unique, "${unique}") }
}

/// How deep a page's tags are nested at most, roughly: opening less closing tags.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        if *byte == b'<' {
            match bytes.get(index + 1) {
                Some(b'/') => depth = depth.saturating_sub(1),
                Some(letter) if letter.is_ascii_alphabetic() && !is_void(&bytes[index + 1..]) => {
                    depth += 1;
                }
                _ => {}
            }
            deepest = deepest.max(depth);
        }
    }
    deepest
}

/// Whether a tag has no content and is not closed.
fn is_void(tag: &[u8]) -> bool {
    ["br", "hr", "img", "link", "meta", "input", "source", "path", "use"].iter().any(|name| {
        tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
            && tag.get(name.len()).is_none_or(|next| !next.is_ascii_alphanumeric())
    })
}

fn lines(text: &str) -> Value {
    Value::Array(text.split('\n').map(|line| Value::String(line.to_owned())).collect())
}

/// Undoes the content encoding; `None` when it cannot be undone.
/// HTML as a tree: an element is `{tag: …, attributes, children}`.
fn html(text: &str) -> Value {
    let document = scraper::Html::parse_document(text);
    let mut left = MOST_NODES;
    let children = document.tree.root().children();
    Value::Array(children.filter_map(|node| element(node, 0, &mut left)).collect())
}

fn element(node: ego::NodeRef<'_>, depth: usize, left: &mut usize) -> Option<Value> {
    use scraper::Node;
    *left = left.checked_sub(1)?;
    match node.value() {
        Node::Text(text) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            (!words.is_empty()).then(|| Value::String(words.join(" ")))
        }
        Node::Element(element_data) => {
            let mut map = Map::new();
            map.insert("tag".into(), Value::String(element_data.name().to_owned()));
            for (name, value) in element_data.attrs() {
                map.insert(format!("@{name}"), Value::String(value.to_owned()));
            }
            if depth < DEEPEST {
                let children: Vec<Value> =
                    node.children().filter_map(|child| element(child, depth + 1, left)).collect();
                if !children.is_empty() {
                    map.insert("children".into(), Value::Array(children));
                }
            }
            Some(Value::Object(map))
        }
        _ => None,
    }
}

/// The tree's node type, which `scraper` does not name itself.
mod ego {
    pub(super) type NodeRef<'a> = <scraper::ElementRef<'a> as std::ops::Deref>::Target;
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::*;
    use crate::verify::coding::LARGEST;

    fn answer(headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Answer {
            method: "GET".into(),
            path: "/".into(),
            status: 200,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            body: body.to_vec(),
            body_bytes: body.len() as u64,
            digest: None,
            broken: None,
            first_byte: Duration::ZERO,
            total: Duration::ZERO,
        }
    }

    #[test]
    fn encodings_are_undone() {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(b"{\"a\": \"mvabc123\"}").unwrap();
        let packed = writer.finish().unwrap();
        let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
        assert_eq!(
            read(&answer(&headers, &packed), "mvabc123"),
            Body::Json(serde_json::json!({"a": "${unique}"}))
        );
        assert_eq!(read(&answer(&headers, b"no gzip"), ""), Body::Undecodable);
    }

    #[test]
    fn what_unpacks_to_too_much_is_compared_packed() {
        let pack = |end: u8| {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::copy(&mut std::io::repeat(0).take(LARGEST), &mut writer).unwrap();
            writer.write_all(&[end]).unwrap();
            writer.finish().unwrap()
        };
        let headers = [("content-type", "image/bmp"), ("content-encoding", "gzip")];
        let (one, two) = (answer(&headers, &pack(1)), answer(&headers, &pack(2)));
        assert_ne!(read(&one, ""), read(&two, ""));
    }

    #[test]
    fn html_is_read_as_a_tree() {
        let one = read(&answer(&[("content-type", "text/html")], b"<p  class=a>x\n y</p>"), "");
        let two = read(&answer(&[("content-type", "text/html")], b"<p class=\"a\">x y</p>\n"), "");
        assert_eq!(one, two);
    }

    #[test]
    fn hostile_bodies_do_no_harm() {
        let deep = "[".repeat(200_000);
        read(&answer(&[("content-type", "application/json")], deep.as_bytes()), "");
        let deep = "<div>".repeat(20_000);
        read(&answer(&[("content-type", "text/html")], deep.as_bytes()), "");
        read(&answer(&[("content-type", "text/html")], &[0xff, 0xfe, 0, 1]), "");
    }
}
