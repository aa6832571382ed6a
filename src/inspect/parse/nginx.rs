//! nginx configuration: from text to directives with their places in it.
//!
//! Follows nginx's own reading of tokens, so that what is a word here is a word there: quotes open
//! only at the start of a word, `#` only there begins a comment, `${` does not open a block. Places
//! are kept so that a translation can replace single words and leave all else as it is.

use std::ops::Range;

/// Blocks within blocks; real configurations have about five.
const MAX_DEPTH: usize = 64;
/// Words of one directive (`server_name` and `types` lists are the longest).
const MAX_WORDS: usize = 20_000;

/// A word of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its text without quotes, escapes undone.
    pub text: String,
    /// Its bytes, quotes included.
    pub span: Range<usize>,
}

/// A directive: a name, words, and a block or a semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    /// Name and arguments; never empty.
    pub words: Vec<Word>,
    /// From the name's first byte to the semicolon or closing brace, inclusive.
    pub span: Range<usize>,
    /// Line of the name, from 1.
    pub line: u32,
    /// What stands in its block; empty for a block of foreign code (Lua), whose text is not read.
    pub block: Option<Vec<Directive>>,
}

impl Directive {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.text.as_str())
    }

    /// The arguments.
    pub(crate) fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// Why a text is no nginx configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// The directives of a configuration.
pub(crate) fn parse(text: &str) -> Result<Vec<Directive>, Syntax> {
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0, line: 1 };
    let directives = reader.block(0)?;
    Ok(directives)
}

/// Calls `visit` for every directive with the names of the blocks it stands in, in file order.
pub(crate) fn walk<'d>(
    directives: &'d [Directive],
    inside: &mut Vec<&'d str>,
    visit: &mut dyn FnMut(&'d Directive, &[&'d str]),
) {
    for directive in directives {
        visit(directive, inside);
        if let Some(block) = &directive.block {
            inside.push(directive.name());
            walk(block, inside, visit);
            inside.pop();
        }
    }
}

struct Reader<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    line: u32,
}

enum Token {
    Word(Word, u32),
    Semicolon,
    Open,
    Close,
    End,
}

impl Reader<'_> {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Syntax> {
        Err(Syntax { line: self.line, message: message.into() })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn advance(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(byte)
    }

    fn block(&mut self, depth: usize) -> Result<Vec<Directive>, Syntax> {
        if depth > MAX_DEPTH {
            return self.fail("blocks are nested too deeply");
        }
        let mut directives = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut line = self.line;
        loop {
            match self.token()? {
                Token::Word(word, at) => {
                    if words.is_empty() {
                        line = at;
                    }
                    if words.len() >= MAX_WORDS {
                        return self.fail("a directive has too many words");
                    }
                    words.push(word);
                }
                Token::Semicolon => {
                    let Some(first) = words.first() else {
                        return self.fail("a semicolon stands where a directive should");
                    };
                    let span = first.span.start..self.at;
                    directives.push(Directive {
                        words: std::mem::take(&mut words),
                        span,
                        line,
                        block: None,
                    });
                }
                Token::Open => {
                    let Some(first) = words.first() else {
                        return self.fail("a block has no name");
                    };
                    let start = first.span.start;
                    let block = if first.text.ends_with("_by_lua_block") {
                        self.skip_foreign()?;
                        Vec::new()
                    } else {
                        self.block(depth + 1)?
                    };
                    directives.push(Directive {
                        words: std::mem::take(&mut words),
                        span: start..self.at,
                        line,
                        block: Some(block),
                    });
                }
                Token::Close if depth > 0 && words.is_empty() => return Ok(directives),
                Token::Close => return self.fail("unexpected \"}\""),
                Token::End if depth == 0 && words.is_empty() => return Ok(directives),
                Token::End => return self.fail("the file ends within a directive or block"),
            }
        }
    }

    fn token(&mut self) -> Result<Token, Syntax> {
        loop {
            match self.peek() {
                None => return Ok(Token::End),
                Some(b' ' | b'\t' | b'\r' | b'\n') => {
                    self.advance();
                }
                Some(b'#') => {
                    while !matches!(self.peek(), None | Some(b'\n')) {
                        self.advance();
                    }
                }
                Some(b';') => {
                    self.advance();
                    return Ok(Token::Semicolon);
                }
                Some(b'{') => {
                    self.advance();
                    return Ok(Token::Open);
                }
                Some(b'}') => {
                    self.advance();
                    return Ok(Token::Close);
                }
                Some(quote @ (b'"' | b'\'')) => return self.quoted(quote),
                Some(_) => return Ok(self.bare()),
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Token, Syntax> {
        let (start, line) = (self.at, self.line);
        self.advance();
        loop {
            match self.advance() {
                None => {
                    self.line = line;
                    return self.fail("a quoted text does not end");
                }
                Some(b'\\') => {
                    self.advance();
                }
                Some(byte) if byte == quote => break,
                Some(_) => {}
            }
        }
        if !matches!(self.peek(), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')')) {
            return self.fail("a quoted text is followed by something other than a space");
        }
        let text = unescape(self.text.get(start + 1..self.at - 1).unwrap_or_default());
        Ok(Token::Word(Word { text, span: start..self.at }, line))
    }

    fn bare(&mut self) -> Token {
        let (start, line) = (self.at, self.line);
        let mut after_dollar = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' if after_dollar => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                b'\\' => {
                    self.advance();
                }
                _ => {}
            }
            after_dollar = byte == b'$';
            self.advance();
        }
        // A backslash may stand before a character of several bytes.
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        let text = unescape(self.text.get(start..self.at).unwrap_or_default());
        Token::Word(Word { text, span: start..self.at }, line)
    }

    /// Passes over a block of Lua, whose braces are counted outside of its strings and comments.
    fn skip_foreign(&mut self) -> Result<(), Syntax> {
        let mut depth = 1_usize;
        while let Some(byte) = self.advance() {
            match byte {
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b'-' if self.peek() == Some(b'-') => {
                    while !matches!(self.peek(), None | Some(b'\n')) {
                        self.advance();
                    }
                }
                b'"' | b'\'' => loop {
                    match self.advance() {
                        Some(b'\\') => {
                            self.advance();
                        }
                        Some(b'\n') | None => break,
                        Some(other) if other == byte => break,
                        Some(_) => {}
                    }
                },
                _ => {}
            }
        }
        self.fail("a block of Lua code does not end")
    }
}

/// nginx's escapes: `\"`, `\'`, `\\`, `\t`, `\r`, `\n`; before anything else the backslash stays.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some(quote @ ('"' | '\'' | '\\')) => text.push(quote),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

/// Whether `name` fits the glob `pattern` (`*`, `?`, `[a-z]`, `[!a]`), as one part of a path.
pub(crate) fn glob(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // The place to go back to when a `*` must swallow one character more.
    let (mut p, mut n, mut back) = (0, 0, None);
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                back = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => class(&pattern, p, name[n]),
            Some('\\') => (pattern.get(p + 1) == Some(&name[n])).then_some(p + 2),
            Some(char) => (*char == name[n]).then_some(p + 1),
            None => None,
        };
        match (step, back) {
            (Some(next), _) => {
                p = next;
                n += 1;
            }
            (None, Some((after, from))) => {
                p = after;
                n = from + 1;
                back = Some((after, n));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|char| *char == '*')
}

/// The place after a bracket expression at `at` when it holds `char`.
fn class(pattern: &[char], at: usize, char: char) -> Option<usize> {
    let mut i = at + 1;
    let negated = matches!(pattern.get(i), Some('!' | '^'));
    i += usize::from(negated);
    let mut found = false;
    let first = i;
    loop {
        let low = *pattern.get(i)?;
        if low == ']' && i > first {
            return (found != negated).then_some(i + 1);
        }
        if pattern.get(i + 1) == Some(&'-') && pattern.get(i + 2).is_some_and(|high| *high != ']') {
            found |= (low..=pattern[i + 2]).contains(&char);
            i += 3;
        } else {
            found |= low == char;
            i += 1;
        }
    }
}

/// A size as nginx writes it (`8m`, `64k`, `1g`, `100`) in bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        parse(text)
            .unwrap()
            .iter()
            .map(|directive| directive.words.iter().map(|word| word.text.clone()).collect())
            .collect()
    }

    #[test]
    fn reads_words_as_nginx_does() {
        assert_eq!(
            words("a \"b c\" 'd\\'e' f\\ g ${h}i; # j\nlog_format k '$l'\n  \"m\";"),
            vec![vec!["a", "b c", "d'e", "f\\ g", "${h}i"], vec!["log_format", "k", "$l", "m"]]
        );
        assert_eq!(words("rewrite ^/a#b$ /c'd last;")[0], ["rewrite", "^/a#b$", "/c'd", "last"]);
        assert_eq!(words("location ~ \\.(a|b)$ {}")[0], ["location", "~", "\\.(a|b)$"]);
    }

    #[test]
    fn reads_blocks_with_lines_and_spans() {
        let text = "http {\n  if ($a = \"b\") { return 1; }\n  map $x $y { default 1; '' 2; }\n}\n";
        let http = &parse(text).unwrap()[0];
        let block = http.block.as_ref().unwrap();
        assert_eq!(block[0].line, 2);
        assert_eq!(block[0].words.last().unwrap().text, ")");
        assert_eq!(&text[block[0].block.as_ref().unwrap()[0].span.clone()], "return 1;");
        assert_eq!(block[1].block.as_ref().unwrap()[1].words[0].text, "");
        assert_eq!(&text[http.span.clone()], text.trim_end());
    }

    #[test]
    fn passes_over_lua() {
        let text = "content_by_lua_block { local a = {'}'} -- }\n say('x') } b 1;";
        assert_eq!(words(text), vec![vec!["content_by_lua_block"], vec!["b", "1"]]);
    }

    #[test]
    fn says_where_the_text_is_wrong() {
        assert_eq!(parse("a;\nb {\n").unwrap_err().line, 3);
        assert_eq!(parse("a;\n}").unwrap_err().line, 2);
        assert_eq!(parse("\n\"a").unwrap_err().line, 2);
        assert!(parse(&"a{".repeat(100_000)).is_err());
    }

    #[test]
    fn matches_globs() {
        assert!(glob("*.conf", "a.conf"));
        assert!(glob("*", "default"));
        assert!(!glob("*", ".hidden"));
        assert!(glob("[0-9]?-*", "10-mod"));
        assert!(!glob("*.conf", "a.conf.bak"));
        assert!(glob("a*b*c", "aXbXbXc"));
        assert!(!glob("[!a]b", "ab"));
    }

    #[test]
    fn reads_sizes() {
        assert_eq!(size("8m"), Some(8 << 20));
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("64K"), Some(65536));
        assert_eq!(size("99999999999999999g"), None);
        assert_eq!(size(""), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z \\\\\"'${};#\n\u{e9}]{0,200}") {
            if let Ok(directives) = parse(&text) {
                walk(&directives, &mut Vec::new(), &mut |directive, _| {
                    assert!(text.get(directive.span.clone()).is_some());
                    for word in &directive.words {
                        assert!(text.get(word.span.clone()).is_some());
                    }
                });
            }
        }

        #[test]
        fn globs_never_panic(pattern in "[a*?\\[\\]!^\\\\-]{0,20}", name in "[a.-]{0,20}") {
            glob(&pattern, &name);
        }
    }
}
