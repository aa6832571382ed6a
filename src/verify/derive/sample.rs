//! A text that a pattern takes: for locations that are patterns, which nobody can ask otherwise.

use std::iter::Peekable;
use std::str::Chars;

/// Longer patterns are nobody's locations.
const LONGEST: usize = 500;
/// Groups within groups.
const DEEPEST: usize = 20;

/// Paths that a pattern may take, the likeliest first; whoever uses one tries it before.
pub(super) fn paths(pattern: &str) -> Vec<String> {
    if pattern.len() > LONGEST {
        return Vec::new();
    }
    let text = alternatives(&mut pattern.chars().peekable(), 0);
    [
        text.clone(),
        format!("{text}migrate-probe"),
        format!("/{text}"),
        format!("/migrate-probe{text}"),
        format!("/migrate-probe/{text}"),
        format!("/migrate-probe{text}migrate-probe"),
    ]
    .into_iter()
    .filter(|path| path.starts_with('/') && !path.starts_with("//"))
    .collect()
}

/// Up to the end of a group: the first alternative.
fn alternatives(rest: &mut Peekable<Chars<'_>>, depth: usize) -> String {
    let mut text = String::new();
    let mut first = true;
    while let Some(next) = rest.next() {
        let piece = match next {
            ')' => break,
            '|' => {
                first = false;
                continue;
            }
            '(' if depth < DEEPEST => group(rest, depth),
            '[' => class(rest).to_string(),
            '\\' => escape(rest.next().unwrap_or_default()).to_owned(),
            '.' => "a".to_owned(),
            // Anchors, and repetitions: once fits them all.
            '^' | '$' | '*' | '+' | '?' => continue,
            '{' => {
                while rest.next().is_some_and(|it| it != '}') {}
                continue;
            }
            other => other.to_string(),
        };
        let piece = match rest.peek() {
            Some('{') => piece.repeat(count(&rest.clone().skip(1).collect::<String>())),
            _ => piece,
        };
        if first {
            text.push_str(&piece);
        }
    }
    text
}

/// The `2` of `{2,5}`.
fn count(rest: &str) -> usize {
    let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().unwrap_or(1).clamp(1, 64)
}

/// What stands in a group; nothing for one that only looks.
fn group(rest: &mut Peekable<Chars<'_>>, depth: usize) -> String {
    let mut looks = false;
    if rest.peek() == Some(&'?') {
        rest.next();
        match rest.next() {
            Some('P') => while rest.next().is_some_and(|it| it != '>') {},
            Some('<') => match rest.peek() {
                Some('=' | '!') => looks = true,
                _ => while rest.next().is_some_and(|it| it != '>') {},
            },
            Some('=' | '!') => looks = true,
            // `(?i)` and `(?i:…)`.
            Some(':') | None => {}
            Some(_) => loop {
                match rest.next() {
                    Some(':') => break,
                    Some(')') | None => return String::new(),
                    Some(_) => {}
                }
            },
        }
    }
    let inner = alternatives(rest, depth + 1);
    if looks { String::new() } else { inner }
}

fn escape(character: char) -> &'static str {
    match character {
        'd' => "1",
        'w' | 'S' | 'D' => "a",
        's' | 'W' => " ",
        '.' => ".",
        '/' => "/",
        '-' => "-",
        '_' => "_",
        '+' => "+",
        '~' => "~",
        '?' => "?",
        '$' => "$",
        _ => "",
    }
}

/// A character that a class takes.
fn class(rest: &mut Peekable<Chars<'_>>) -> char {
    let not = rest.next_if_eq(&'^').is_some();
    let mut inside = String::new();
    let mut start = true;
    while let Some(next) = rest.next() {
        match next {
            ']' if !start => break,
            '\\' => {
                let escaped = rest.next().unwrap_or_default();
                match escaped {
                    'd' => inside.push_str("1234567890"),
                    'w' => inside.push_str("a1_"),
                    other => inside.push(other),
                }
            }
            other => inside.push(other),
        }
        start = false;
    }
    if not {
        return "a1-x".chars().find(|it| !inside.contains(*it)).unwrap_or('a');
    }
    inside.chars().find(char::is_ascii_alphanumeric).or(inside.chars().next()).unwrap_or('a')
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn patterns_of_real_locations_take_one_of_their_paths() {
        for pattern in [
            r"^/(old|former)/(.*)$",
            r"\.(?:css|js|woff2?)$",
            r"^/u/(?<name>[a-z0-9_-]+)/avatar\.(png|jpg)$",
            r"/api/v\d+/",
            r"^/[a-f0-9]{8}/file$",
            r"^/(?:en|de)(?:/|$)",
            r"/\.",
            r"^/files/[^/]+\.pdf$",
            "^/a/?$",
            r"^\/x\/(\d{4})-(\d{2})",
        ] {
            let regex = regex::Regex::new(pattern).unwrap();
            let taken = paths(pattern).into_iter().find(|path| regex.is_match(path));
            assert!(taken.is_some(), "{pattern}: {:?}", paths(pattern));
        }
    }

    #[test]
    fn what_is_no_pattern_ends_without_a_panic() {
        for pattern in
            ["(", "[", "\\", "((((", "{", "a{99999999999}", "(?", "(?<", "[^]", "a{64}{64}"]
        {
            let _ = paths(pattern);
        }
        let _ = paths(&"(".repeat(499));
    }
}
