//! Words of a text and what kind of word each is.

use std::net::IpAddr;
use std::sync::LazyLock;

use regex::Regex;

/// What a part of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A date or time.
    Time,
    /// A UUID.
    Uuid,
    /// An address.
    Address,
    /// Digits.
    Integer,
    /// Letters and digits.
    Word,
    /// What stands between.
    Between,
}

static PARTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?s)(?P<time>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?",
        r"|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT)",
        r"|(?P<uuid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})",
        r"|(?P<address>\d{1,3}(?:\.\d{1,3}){3})",
        r"|(?P<word>[\p{L}\p{N}_]+)",
        r"|\s+|."
    ))
    .ok()
});

/// Cuts a text into parts; together they are the whole text.
pub(crate) fn parts(text: &str) -> Vec<(Kind, &str)> {
    let Some(parts) = PARTS.as_ref() else { return vec![(Kind::Between, text)] };
    parts
        .captures_iter(text)
        .filter_map(|found| {
            let whole = found.get(0)?.as_str();
            let kind = if found.name("time").is_some() {
                Kind::Time
            } else if found.name("uuid").is_some() {
                Kind::Uuid
            } else if found.name("address").is_some() {
                if whole.parse::<IpAddr>().is_ok() { Kind::Address } else { Kind::Word }
            } else if found.name("word").is_some() {
                if whole.bytes().all(|byte| byte.is_ascii_digit()) {
                    Kind::Integer
                } else {
                    Kind::Word
                }
            } else {
                Kind::Between
            };
            Some((kind, whole))
        })
        .collect()
}

/// Whether a text is a UUID.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The letters that a token is made of, from narrow to wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alphabet {
    /// `0-9`.
    Digits,
    /// `0-9a-f` or `0-9A-F`.
    Hex,
    /// `0-9a-z`.
    Lower,
    /// `0-9A-Za-z`.
    Alphanumeric,
    /// With `-` and `_`.
    Url,
    /// With `+`, `/`, `=`, `.`, `%`, `:`, `~`, `$`, `!`, `|`.
    Wide,
}

/// The narrowest alphabet of a token; `None` for what is no token (spaces, other letters).
pub(crate) fn alphabet(text: &str) -> Option<Alphabet> {
    let mut widest = Alphabet::Digits;
    let (mut lower, mut upper) = (false, false);
    for byte in text.bytes() {
        lower |= byte.is_ascii_lowercase();
        upper |= byte.is_ascii_uppercase();
        let one = match byte {
            b'0'..=b'9' => Alphabet::Digits,
            b'a'..=b'f' | b'A'..=b'F' => Alphabet::Hex,
            b'g'..=b'z' => Alphabet::Lower,
            b'G'..=b'Z' => Alphabet::Alphanumeric,
            b'-' | b'_' => Alphabet::Url,
            b'+' | b'/' | b'=' | b'.' | b'%' | b':' | b'~' | b'$' | b'!' | b'|' => Alphabet::Wide,
            _ => return None,
        };
        widest = widest.max(one);
    }
    if lower && upper {
        widest = widest.max(Alphabet::Alphanumeric);
    }
    (!text.is_empty()).then_some(widest)
}

/// Whether a text looks made by chance: long, without spaces, with letters and digits.
pub(crate) fn is_random(text: &str) -> bool {
    is_uuid(text)
        || (text.len() >= 16
            && alphabet(text).is_some()
            && text.bytes().filter(u8::is_ascii_digit).count() >= 2
            && text.bytes().filter(u8::is_ascii_alphabetic).count() >= 2
            && !text.starts_with('/')
            && !text.contains("://"))
}

/// Whether a token fits two others by alphabet and length.
pub(crate) fn fits(first: &str, again: &str, migrated: &str) -> bool {
    let (Some(one), Some(two), Some(mine)) = (alphabet(first), alphabet(again), alphabet(migrated))
    else {
        return false;
    };
    let widest = one.max(two);
    let (short, long) = (first.len().min(again.len()), first.len().max(again.len()));
    let length = if short == long && widest <= Alphabet::Hex {
        migrated.len() == short
    } else {
        let slack = 4 + long / 4;
        migrated.len() + slack >= short && migrated.len() <= long + slack
    };
    // A single token of a wide alphabet may by chance lack its rarer letters, not the reverse;
    // percent signs and base64's symbols come and go.
    length && (mine <= widest || (widest >= Alphabet::Alphanumeric && mine <= Alphabet::Wide))
}

/// The mark of rows made by a verify run: `mv` and six lower-case letters or digits.
static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"mv[a-z0-9]{6}").ok());

/// Whether a text holds the mark of another pass or run with at least one digit or as a whole
/// word, so that ordinary words do not count.
pub(crate) fn is_foreign(text: &str) -> bool {
    let Some(mark) = MARK.as_ref() else { return false };
    mark.find_iter(text).any(|found| {
        let bounded_left = text[..found.start()]
            .chars()
            .next_back()
            .is_none_or(|letter| !letter.is_ascii_alphanumeric());
        bounded_left
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_whole() {
        for text in ["", "a b-c", "at 2026-03-01T10:00:00Z from 10.0.0.1, id 42", "ü €\n\0"] {
            let joined: String = parts(text).iter().map(|(_, part)| *part).collect();
            assert_eq!(joined, text);
        }
        let found = parts("at 2026-03-01T10:00:00Z from 10.0.0.1, id 42");
        assert!(found.contains(&(Kind::Time, "2026-03-01T10:00:00Z")));
        assert!(found.contains(&(Kind::Address, "10.0.0.1")));
        assert!(found.contains(&(Kind::Integer, "42")));
    }

    #[test]
    fn tokens_keep_alphabet_and_length() {
        assert!(fits("0123456789abcdef", "fedcba9876543210", "aaaa0000bbbb1111"));
        assert!(!fits("0123456789abcdef", "fedcba9876543210", "aaaa0000bbbb111"));
        assert!(!fits("0123456789abcdef", "fedcba9876543210", "zzzz0000bbbb1111"));
        assert!(!fits("0123456789abcdef", "fedcba9876543210", "hello there"));
    }

    #[test]
    fn only_marks_are_foreign() {
        assert!(
            is_foreign("mvk3f9q2")
                && is_foreign("user mvk3f9q2-bob")
                && is_foreign("mvk3f9q2alice")
        );
        assert!(!is_foreign("hello") && !is_foreign("${unique}") && !is_foreign("xmvk3f9q2"));
    }
}
