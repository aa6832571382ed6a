//! Bodies of requests as bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::values::{Unknown, Values};
use crate::model::scenario::{Body, Part};

/// Bodies above this are refused: they would not fit beside each other in memory.
const LIMIT: u64 = 256 << 20;

/// A boundary that no body made of the fixed pattern or of scenario text is likely to hold; the
/// same in every pass, so that both sides are sent the same bytes.
const BOUNDARY: &str = "----migrate-7f3c1d9a5e2b4068";

/// The body's bytes and the content type that goes with them.
pub(super) fn bytes(
    body: Option<&Body>,
    values: &Values,
) -> Result<(Bytes, Option<String>), Unknown> {
    Ok(match body {
        None => (Bytes::new(), None),
        Some(Body::Json(value)) => {
            (Bytes::from(values.fill_json(value)?.to_string()), Some("application/json".into()))
        }
        Some(Body::Form(fields)) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in fields {
                form.append_pair(name, &values.fill(value)?);
            }
            (Bytes::from(form.finish()), Some("application/x-www-form-urlencoded".into()))
        }
        Some(Body::Multipart(parts)) => {
            (multipart(parts, values)?, Some(format!("multipart/form-data; boundary={BOUNDARY}")))
        }
        Some(Body::Text(text)) => (Bytes::from(values.fill(text)?), None),
        Some(Body::Bytes(count)) => (pattern(*count), None),
    })
}

fn multipart(parts: &[Part], values: &Values) -> Result<Bytes, Unknown> {
    let mut out = BytesMut::new();
    for part in parts {
        out.put_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data").as_bytes());
        out.put_slice(format!("; name=\"{}\"", quote(&values.fill(&part.name)?)).as_bytes());
        if let Some(name) = &part.filename {
            out.put_slice(format!("; filename=\"{}\"", quote(&values.fill(name)?)).as_bytes());
        }
        out.put_slice(b"\r\n");
        if let Some(kind) = &part.content_type {
            out.put_slice(format!("Content-Type: {kind}\r\n").as_bytes());
        }
        out.put_slice(b"\r\n");
        if let Some(text) = &part.text {
            out.put_slice(values.fill(text)?.as_bytes());
        }
        if let Some(count) = part.bytes {
            out.put_slice(&pattern(count));
        }
        out.put_slice(b"\r\n");
    }
    out.put_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Ok(out.freeze())
}

/// As browsers quote names in `Content-Disposition` (HTML, 4.10.21.8).
fn quote(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// So many bytes that compress badly and hold no boundary: a fixed xorshift sequence.
fn pattern(count: u64) -> Bytes {
    let count = usize::try_from(count.min(LIMIT)).unwrap_or_default();
    let mut state: u32 = 0x2545_f491;
    let mut out = BytesMut::with_capacity(count);
    while out.len() < count {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let room = (count - out.len()).min(4);
        out.put_slice(&state.to_le_bytes()[..room]);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_pattern_is_fixed_and_as_long_as_asked() {
        assert_eq!(pattern(7).len(), 7);
        assert_eq!(pattern(1000), pattern(1000));
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let part = Part {
            name: "file".into(),
            filename: Some("a\"\r\nX: y".into()),
            content_type: None,
            text: Some("${unique}".into()),
            bytes: None,
        };
        let values = Values::new(&BTreeMap::new(), "mvabc123", "http://h");
        let (body, kind) = bytes(Some(&Body::Multipart(vec![part])), &values).expect("known");
        let text = String::from_utf8(body.to_vec()).expect("text");
        assert!(text.contains("filename=\"a%22%0D%0AX: y\"\r\n\r\nmvabc123\r\n"), "{text}");
        assert!(kind.is_some_and(|kind| kind.ends_with(BOUNDARY)));
    }
}
