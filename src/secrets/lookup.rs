//! Finding one variable in an environment file or a unit, by systemd's own rules.

use std::ops::Range;

/// The value that systemd would give `key` from an environment file; the last assignment counts.
pub(super) fn env_file(text: &str, key: &str) -> Option<String> {
    assignments(text.as_bytes())
        .into_iter()
        .rev()
        .find(|assignment| assignment.key == key.as_bytes())
        .map(|assignment| String::from_utf8_lossy(&assignment.value).into_owned())
}

/// Where the raw text of `key`'s values lies in an environment file, quotes included.
pub(super) fn spans(text: &[u8], key: &str) -> Vec<Range<usize>> {
    assignments(text)
        .into_iter()
        .filter(|assignment| assignment.key == key.as_bytes())
        .map(|assignment| assignment.raw)
        .collect()
}

struct Assignment {
    key: Vec<u8>,
    value: Vec<u8>,
    raw: Range<usize>,
}

#[derive(Clone, Copy)]
enum State {
    BeforeValue,
    Value,
    ValueEscape,
    Single,
    Double,
    DoubleEscape,
}

/// Reads an environment file as systemd does (`man systemd.exec`, `EnvironmentFile=`).
fn assignments(text: &[u8]) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        // Comments and blank space before a key.
        if text[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let end_of_line =
            text[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |n| at + n);
        if matches!(text[at], b'#' | b';') {
            at = end_of_line;
            continue;
        }
        let Some(equals) = text[at..end_of_line].iter().position(|b| *b == b'=') else {
            at = end_of_line;
            continue;
        };
        let key = text[at..at + equals].trim_ascii_end();
        // A file that a shell reads, too, may say so.
        let key = key.strip_prefix(b"export ").unwrap_or(key).trim_ascii_start().to_vec();
        let start = at + equals + 1;
        let (value, end) = value(&text[start..]);
        found.push(Assignment { key, value, raw: start..start + end });
        at = start + end;
    }
    found
}

/// The value at the beginning of `text`, and where it ends (a newline or the end).
fn value(text: &[u8]) -> (Vec<u8>, usize) {
    let mut state = State::BeforeValue;
    let mut value = Vec::new();
    // Unquoted blank space at the end is not part of the value: its length so far without it.
    let mut solid = 0;
    let mut end = text.len();
    for (at, &byte) in text.iter().enumerate() {
        match (state, byte) {
            (State::BeforeValue | State::Value, b'\n') => {
                end = at;
                break;
            }
            (State::BeforeValue, b'\'') => state = State::Single,
            (State::BeforeValue, b'"') => state = State::Double,
            (State::BeforeValue | State::Value, b'\\') => state = State::ValueEscape,
            (State::BeforeValue, byte) if byte.is_ascii_whitespace() => {}
            (State::BeforeValue | State::Value, byte) => {
                state = State::Value;
                value.push(byte);
                if !byte.is_ascii_whitespace() {
                    solid = value.len();
                }
            }
            (State::ValueEscape, byte) => {
                state = State::Value;
                if byte != b'\n' {
                    value.push(byte);
                }
                solid = value.len();
            }
            (State::Single, b'\'') | (State::Double, b'"') => {
                state = State::BeforeValue;
                solid = value.len();
            }
            (State::Double, b'\\') => state = State::DoubleEscape,
            (State::DoubleEscape, byte) => {
                state = State::Double;
                match byte {
                    b'\n' => {}
                    b'"' | b'\\' | b'`' | b'$' => value.push(byte),
                    other => value.extend_from_slice(&[b'\\', other]),
                }
                solid = value.len();
            }
            (State::Single | State::Double, byte) => {
                value.push(byte);
                solid = value.len();
            }
        }
    }
    value.truncate(solid);
    (value, end)
}

/// The value that `Environment=` lines of a unit give `key`; the last one counts, and an empty
/// `Environment=` forgets all before it.
pub(super) fn unit(text: &str, key: &str) -> Option<String> {
    let mut found = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.starts_with(['#', ';']) {
            continue;
        }
        let mut whole = line.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            whole.push(' ');
            // Comment lines inside a continued line are skipped, as systemd does.
            match lines.by_ref().find(|next| !next.trim_start().starts_with(['#', ';'])) {
                Some(next) => whole.push_str(next),
                None => break,
            }
        }
        let Some((name, rest)) = whole.split_once('=') else { continue };
        if name.trim_end() != "Environment" {
            continue;
        }
        let words = words(rest);
        if words.is_empty() {
            found = None;
        }
        for word in words {
            if let Some((name, value)) = word.split_once('=')
                && name == key
            {
                found = Some(value.replace("%%", "%"));
            }
        }
    }
    found
}

/// Splits as systemd splits a list of assignments: quotes around a word or within it, backslash
/// before any character outside single quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some('\''), letter) => word.get_or_insert_default().push(letter),
            (_, '\\') => {
                if let Some(next) = letters.next() {
                    word.get_or_insert_default().push(match next {
                        'n' => '\n',
                        't' => '\t',
                        other => other,
                    });
                }
            }
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_file_is_read_as_systemd_reads_it() {
        let text = "# A=no\n; A=no\n A = plain value  \nB='a \"b\" \\n'\nC=\"x \\\"y\\\" \\n $Z\"\nD=a\\\n b\nE=\nF=\"two\nlines\"\nG=a'b' # not a comment\nA=last\n";
        let get = |key| env_file(text, key);
        assert_eq!(get("A").as_deref(), Some("last"));
        assert_eq!(get("B").as_deref(), Some("a \"b\" \\n"));
        assert_eq!(get("C").as_deref(), Some("x \"y\" \\n $Z"));
        assert_eq!(get("D").as_deref(), Some("a b"));
        assert_eq!(get("E").as_deref(), Some(""));
        assert_eq!(get("F").as_deref(), Some("two\nlines"));
        assert_eq!(get("G").as_deref(), Some("a'b' # not a comment"));
        assert_eq!(get("Z"), None);
        assert_eq!(env_file(" A = plain value  \n", "A").as_deref(), Some("plain value"));
    }

    #[test]
    fn a_value_of_any_bytes_ends_without_a_panic() {
        for text in ["", "=", "A", "A=\\", "A=\"", "A='\n", "\n\n", "A=\"\\"] {
            let _ = env_file(text, "A");
            let _ = unit(&format!("Environment={text}"), "A");
        }
    }

    #[test]
    fn a_unit_gives_the_last_assignment_and_an_empty_one_forgets() {
        let text = "[Service]\nEnvironment=A=1 \"B=two words\" 'C=x\\y'\nEnvironment=A=50%%\nEnvironment=D=\\\n  E=5\n";
        assert_eq!(unit(text, "A").as_deref(), Some("50%"));
        assert_eq!(unit(text, "B").as_deref(), Some("two words"));
        assert_eq!(unit(text, "C").as_deref(), Some("x\\y"));
        assert_eq!(unit(text, "E").as_deref(), Some("5"));
        assert_eq!(unit("Environment=A=1\nEnvironment=\n", "A"), None);
    }
}
