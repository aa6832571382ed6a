//! Environment files by systemd's rules (`EnvironmentFile=`), and `.env` files, which mostly keep
//! to the same ones.

use super::line_number;

/// One `NAME=value`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The name.
    pub(crate) name: String,
    /// The value, quotes taken off. It may be a secret: hence no `Debug` that shows it.
    pub(crate) value: String,
    /// The line that it begins on.
    pub(crate) line: u32,
}

impl std::fmt::Debug for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=… (line {})", self.name, self.line)
    }
}

/// The assignments of a file, in order; a later one of the same name counts.
pub(crate) fn parse(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut characters = text.chars().peekable();
    let mut line = 0_usize;
    while characters.peek().is_some() {
        let start = line;
        let mut name = String::new();
        let mut ended = true;
        for character in characters.by_ref() {
            if character == '=' {
                ended = false;
                break;
            }
            if character == '\n' {
                line += 1;
                break;
            }
            name.push(character);
        }
        let trimmed = name.trim();
        let comment = trimmed.starts_with('#') || trimmed.starts_with(';');
        if ended {
            continue;
        }
        if comment {
            skip_line(&mut characters, &mut line);
            continue;
        }
        let value = value(&mut characters, &mut line);
        let name = trimmed.strip_prefix("export ").unwrap_or(trimmed).trim();
        if is_name(name) {
            found.push(Assignment { name: name.to_owned(), value, line: line_number(start) });
        }
    }
    found
}

/// Whether it can be the name of a variable.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() < 256
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_line(characters: &mut Characters<'_>, line: &mut usize) {
    let mut escaped = false;
    for character in characters.by_ref() {
        if character == '\n' {
            *line += 1;
            if !escaped {
                break;
            }
        }
        escaped = character == '\\';
    }
}

fn value(characters: &mut Characters<'_>, line: &mut usize) -> String {
    let mut value = String::new();
    // Blanks at the end are cut, but only those outside of quotes.
    let mut keep = 0;
    let mut quote = None;
    let mut begun = false;
    while let Some(character) = characters.next() {
        if character == '\n' {
            *line += 1;
        }
        match (character, quote) {
            ('\n', None) => break,
            (open @ ('"' | '\''), None) if !begun || keep == value.len() => {
                quote = Some(open);
                keep = value.len();
            }
            (close, Some(open)) if close == open => {
                quote = None;
                keep = value.len();
            }
            ('\\', Some('"') | None) => match characters.next() {
                Some('\n') => *line += 1,
                Some(next @ ('"' | '\\' | '`' | '$')) => value.push(next),
                Some(next) if quote.is_some() => value.extend(['\\', next]),
                Some(next) => value.push(next),
                None => {}
            },
            ('\r', None) if matches!(characters.peek(), Some('\n') | None) => continue,
            (blank, None) if blank.is_whitespace() && !begun => continue,
            (other, _) => value.push(other),
        }
        begun = true;
        if quote.is_some() || !character.is_whitespace() {
            keep = value.len();
        }
    }
    value.truncate(keep);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, u32)> {
        parse(text).into_iter().map(|a| (a.name, a.value, a.line)).collect()
    }

    #[test]
    fn quotes_comments_and_lines() {
        let text = "# a comment = x\n\nA=1\n B = two words  \nC=\"q \\\"x\\\" \\$y\"\nD='s \\n'\n\
                    E=a\\\nb\nexport F=7\n; G=8\nnot a name=1\nH=\nI=x # no comment\nJ=\"two\nlines\"\nK=z";
        let expected = [
            ("A", "1", 3),
            ("B", "two words", 4),
            ("C", "q \"x\" $y", 5),
            ("D", "s \\n", 6),
            ("E", "ab", 7),
            ("F", "7", 9),
            ("H", "", 12),
            ("I", "x # no comment", 13),
            ("J", "two\nlines", 14),
            ("K", "z", 16),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), *c)).collect();
        assert_eq!(pairs(text), expected);
    }

    #[test]
    fn windows_line_ends_and_no_end() {
        assert_eq!(
            pairs("A=x\r\nB=y"),
            [("A".to_owned(), "x".to_owned(), 1), ("B".to_owned(), "y".to_owned(), 2)]
        );
    }

    #[test]
    fn values_are_not_shown() {
        assert!(!format!("{:?}", parse("P=hunter22")).contains("hunter22"));
    }
}
