//! Quoting: any text into YAML, compose, shell and Dockerfile so that it means itself.

/// A text as a YAML scalar.
pub(crate) fn yaml(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { double_quoted(text) }
}

/// A text as a scalar of a compose file, where `$` begins a variable.
pub(crate) fn compose(text: &str) -> String {
    yaml(&text.replace('$', "$$"))
}

/// A text inside double quotes of a compose file.
pub(crate) fn inside_compose(text: &str) -> String {
    let quoted = double_quoted(&text.replace('$', "$$"));
    quoted[1..quoted.len() - 1].to_owned()
}

/// A variable of a compose file that must be set; `None` for what is no name.
pub(crate) fn required(name: &str) -> Option<String> {
    let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (good && !name.is_empty()).then(|| format!("${{{name}:?see .env.example}}"))
}

/// Permission bits as YAML reads them in octal; `None` for anything else.
pub(crate) fn octal(text: &str) -> Option<String> {
    let bits = text.len() == 4 && text.starts_with('0');
    (bits && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte))).then(|| text.to_owned())
}

/// Permission bits in octal as the number that every YAML reader takes for the same.
pub(crate) fn decimal(text: &str) -> Option<String> {
    octal(text)?;
    u32::from_str_radix(text, 8).ok().map(|bits| bits.to_string())
}

/// A text as one word of a POSIX shell.
pub(crate) fn shell(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=@%+,-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A text as a string of a Dockerfile's JSON form; `None` when no Dockerfile can say it.
///
/// Builders look for here-documents in such lines, so `<<` is refused.
pub(crate) fn dockerfile(text: &str) -> Option<String> {
    let sayable = !text.contains("<<") && !text.contains(|c: char| c.is_control());
    sayable.then(|| double_quoted(text))
}

/// A text as the argument of WORKDIR or a name after FROM, where the builder expands variables.
pub(crate) fn dockerfile_word(text: &str) -> Option<String> {
    dockerfile(text)?;
    let odd = |c: char| c.is_whitespace() && c != ' ' || c == '"' || c == '\'' || c == '`';
    if text.contains(odd) || text.starts_with('-') {
        return None;
    }
    Some(text.replace('\\', r"\\").replace('$', r"\$"))
}

/// A text as the rest of a comment line.
pub(crate) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_break(c) { ' ' } else { c }).collect()
}

/// Whether a YAML reader of either version takes this text as the string that it is.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let lower = text.to_ascii_lowercase();
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./@+-".contains(&b))
        && !WORDS.contains(&lower.as_str())
}

/// JSON's quoting, which YAML and Dockerfiles read too, with YAML's further line breaks escaped.
fn double_quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || is_break(c) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_break(character: char) -> bool {
    matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn yaml_reads_back_what_was_quoted(text in any::<String>()) {
            let document = format!("key: {}\nlist: [{}]\n", yaml(&text), yaml(&text));
            let read: serde_json::Value = serde_saphyr::from_str(&document).expect("YAML");
            prop_assert_eq!(read["key"].as_str(), Some(text.as_str()));
            prop_assert_eq!(read["list"][0].as_str(), Some(text.as_str()));
        }

        #[test]
        fn a_comment_stays_one_line(text in any::<String>()) {
            let document = format!("# {}\nkey: value\n", comment(&text));
            let read: serde_json::Value = serde_saphyr::from_str(&document).expect("YAML");
            prop_assert_eq!(read["key"].as_str(), Some("value"));
        }
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in ["", "a b", "it's", "$(id)", "`id`", "a\nb", "\\", "*", "~", "-n", "a;b"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", shell(text))])
                .output()
                .expect("a shell");
            let expected = if text == "-n" { "-n" } else { text };
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
        }
    }

    #[test]
    fn what_no_dockerfile_can_say_is_refused() {
        assert_eq!(dockerfile("a $x \"b\"").as_deref(), Some("\"a $x \\\"b\\\"\""));
        assert_eq!(dockerfile("a\nRUN id"), None);
        assert_eq!(dockerfile("<<EOF"), None);
        assert_eq!(dockerfile_word("/srv/$x").as_deref(), Some("/srv/\\$x"));
        assert_eq!(dockerfile_word("node:18 AS x\n"), None);
    }
}
