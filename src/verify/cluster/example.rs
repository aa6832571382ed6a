//! Examples cut to a few lines, without secrets and without control characters.

use std::sync::LazyLock;

use regex::Regex;

static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?i)("[^"]{0,40}(?:password|passwd|secret|token|session|apikey|api_key|authorization|cookie)[^"]{0,40}"\s*:\s*")[^"]*"#,
        r"|((?:authorization|cookie|set-cookie):\s*[^=\s]{0,60}[= ])[^;\s…]+",
        r"|([?&](?:password|token|secret|key|sid)=)[^&\s]+"
    ))
    .ok()
});

/// A side of an example.
pub(super) fn cut(text: &str) -> String {
    let text = SECRETS.as_ref().map_or_else(
        || text.to_owned(),
        |secrets| secrets.replace_all(text, "${1}${2}${3}…").into_owned(),
    );
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .take(5)
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// One line, at most 240 characters, nothing that moves a terminal's cursor.
pub(super) fn line(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(240)
        .collect();
    if text.chars().nth(240).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut() {
        let text = cut(
            "{\"password\": \"hunter2\", \"name\": \"x\"}\nSet-Cookie: sid=abcdef; Path=/\n/x?token=abc&y=1",
        );
        assert!(!text.contains("hunter2") && !text.contains("abcdef") && !text.contains("=abc"));
        assert!(text.contains("\"name\": \"x\"") && text.contains("y=1"));
    }

    #[test]
    fn terminals_are_left_alone() {
        assert_eq!(line("a\u{1b}[31mb"), "a [31mb");
    }
}
