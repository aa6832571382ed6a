//! Content encodings undone: what was sent packed is read as what it means.

use std::io::Read;

use super::observation::Answer;

/// Largest body after decompression, in bytes.
pub(crate) const LARGEST: u64 = 64 * 1024 * 1024;

/// The one value of a header.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The body without its content encoding; `None` when that cannot be undone.
pub(crate) fn decode(answer: &Answer) -> Option<Vec<u8>> {
    let encoding = header(answer, "content-encoding").unwrap_or("").trim().to_ascii_lowercase();
    let body = answer.body.as_slice();
    if body.is_empty() {
        return Some(Vec::new());
    }
    let all = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        reader.take(LARGEST + 1).read_to_end(&mut out).ok()?;
        // A part must not pass for the whole: what unpacks to more is compared packed.
        Some(if out.len() as u64 > LARGEST { body.to_vec() } else { out })
    };
    match encoding.as_str() {
        "gzip" | "x-gzip" => all(&mut flate2::read::MultiGzDecoder::new(body)),
        "deflate" => all(&mut flate2::read::ZlibDecoder::new(body))
            .or_else(|| all(&mut flate2::read::DeflateDecoder::new(body))),
        "zstd" => {
            zstd::stream::read::Decoder::new(body).ok().and_then(|mut reader| all(&mut reader))
        }
        "br" => all(&mut brotli_decompressor::Decompressor::new(body, 4096)),
        // What else there may be is compared as it is.
        _ => Some(body.to_vec()),
    }
}
