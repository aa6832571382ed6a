//! Maps the local hosts of `DEFINER` clauses in a dump that streams by, and touches nothing else.

/// Longest account that is looked at; MariaDB allows 128 characters of user and 255 of host.
const MAX_ACCOUNT: usize = 4096;

/// What an account's host becomes on the new network: there, programs and database are on
/// different machines, so an account that was bound to the machine itself must be let in from
/// everywhere (the network policy says from where that is).
pub(crate) fn new_host<'a>(user: &str, host: &'a str) -> &'a str {
    let engine = matches!(
        user,
        "root" | "mysql" | "mariadb.sys" | "mysql.sys" | "mysql.session" | "mysql.infoschema" | ""
    );
    let local = matches!(host, "localhost" | "127.0.0.1" | "::1" | "localhost.localdomain");
    if local && !engine { "%" } else { host }
}

/// Where in the SQL text the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    /// In a literal or name that ends with this byte.
    Quoted(u8),
    /// The byte after a backslash in a literal.
    Escaped(u8),
    LineComment,
    BlockComment,
}

/// The rewriter. Feed it the dump piece by piece; pieces may end anywhere.
#[derive(Debug)]
pub(crate) struct Definers {
    state: State,
    /// The bytes before the next one, lower case, blanks run together: room for a keyword.
    last: [u8; 12],
    /// The text of the literal that is being read, as far as it may be a value of `sql_mode`.
    literal: Vec<u8>,
    /// Whether the literal is the value of `sql_mode`.
    mode_follows: bool,
    /// Whether backslashes are plain characters in literals (`sql_mode` of a routine).
    plain_backslash: bool,
    /// An account after `DEFINER=` that is not whole yet.
    account: Option<Vec<u8>>,
    /// Whether the first line, which may be a client's own switch, is still to come.
    first_line: Option<Vec<u8>>,
}

impl Default for Definers {
    fn default() -> Self {
        Self {
            state: State::Code,
            last: [0; 12],
            literal: Vec::new(),
            mode_follows: false,
            plain_backslash: false,
            account: None,
            first_line: Some(Vec::new()),
        }
    }
}

impl Definers {
    /// Rewrites the next piece of the dump into `output`.
    pub(crate) fn feed(&mut self, mut input: &[u8], output: &mut Vec<u8>) {
        if let Some(mut line) = self.first_line.take() {
            let end = input.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let taken = end.unwrap_or(input.len());
            line.extend_from_slice(&input[..taken]);
            input = &input[taken..];
            if end.is_none() && line.len() < 4096 {
                self.first_line = Some(line);
                return;
            }
            // Newer dumps begin with a line that only clients of the same age understand.
            if !line.starts_with(b"/*M!999999\\-") && !line.starts_with(b"/*!999999\\-") {
                self.scan(&line, output);
            }
        }
        self.scan(input, output);
    }

    /// What is still held back at the end.
    pub(crate) fn finish(&mut self, output: &mut Vec<u8>) {
        if let Some(line) = self.first_line.take() {
            self.scan(&line, output);
        }
        if let Some(account) = self.account.take() {
            output.extend_from_slice(&account);
        }
    }

    fn scan(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let mut at = 0;
        while at < input.len() {
            if self.account.is_some() {
                self.account_byte(input[at], output);
                at += 1;
                continue;
            }
            if let State::Quoted(quote) = self.state {
                // Nearly all of a dump is literals: jump over them.
                let rest = &input[at..];
                let length = rest
                    .iter()
                    .position(|byte| *byte == quote || *byte == b'\\')
                    .unwrap_or(rest.len());
                if length > 0 {
                    if self.mode_follows && self.literal.len() < 1024 {
                        self.literal.extend_from_slice(&rest[..length]);
                    }
                    output.extend_from_slice(&rest[..length]);
                    at += length;
                    continue;
                }
            }
            let byte = input[at];
            output.push(byte);
            at += 1;
            self.step(byte);
        }
    }

    fn step(&mut self, byte: u8) {
        match self.state {
            State::Code => self.code(byte),
            State::Quoted(quote) => {
                if byte == quote {
                    self.end_of_literal();
                } else if byte == b'\\' && quote != b'`' && !self.plain_backslash {
                    self.state = State::Escaped(quote);
                }
            }
            State::Escaped(quote) => self.state = State::Quoted(quote),
            State::LineComment => {
                if byte == b'\n' {
                    self.state = State::Code;
                    self.last = [0; 12];
                }
            }
            State::BlockComment => {
                if byte == b'/' && self.last[11] == b'*' {
                    self.state = State::Code;
                    self.last = [0; 12];
                } else {
                    self.push(byte);
                }
            }
        }
    }

    fn code(&mut self, byte: u8) {
        match byte {
            b'\'' | b'"' | b'`' => {
                self.literal.clear();
                self.state = State::Quoted(byte);
                self.last = [0; 12];
                return;
            }
            b'#' => self.state = State::LineComment,
            // `-- ` needs the blank; `a--1` is arithmetic.
            b' ' | b'\t' | b'\n' if self.last.ends_with(b"--") && byte != b'\n' => {
                self.state = State::LineComment;
            }
            // `/*!` and `/*M!` hold code that versions of the server carry out.
            b'!' | b'M' if self.last.ends_with(b"/*") => {}
            _ if self.last.ends_with(b"/*") => self.state = State::BlockComment,
            _ if self.last.ends_with(b"/*m") && byte != b'!' => self.state = State::BlockComment,
            b'=' => {
                let (definer, mode) = (self.word() == b"definer", self.word() == b"sql_mode");
                if definer {
                    self.account = Some(Vec::new());
                }
                self.mode_follows = mode;
            }
            // The mode of before, put back from a variable.
            b'@' if self.mode_follows => {
                self.mode_follows = false;
                self.plain_backslash = false;
            }
            b',' | b';' => self.mode_follows = false,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            self.push(byte.to_ascii_lowercase());
        } else if self.last[11] != b' ' {
            self.push(b' ');
        }
    }

    /// The word that ends here, as far as it fits.
    fn word(&self) -> &[u8] {
        let text = self.last.trim_ascii_end();
        let start = text
            .iter()
            .rposition(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
            .map_or(0, |at| at + 1);
        &text[start..]
    }

    fn push(&mut self, byte: u8) {
        self.last.rotate_left(1);
        self.last[11] = byte;
    }

    fn end_of_literal(&mut self) {
        self.state = State::Code;
        if std::mem::take(&mut self.mode_follows) {
            let text = String::from_utf8_lossy(&self.literal).to_ascii_uppercase();
            self.plain_backslash = text.contains("NO_BACKSLASH_ESCAPES");
        }
    }

    /// Takes the next byte of what follows `DEFINER=`.
    fn account_byte(&mut self, byte: u8, output: &mut Vec<u8>) {
        let Some(account) = &mut self.account else { return };
        account.push(byte);
        match parse(account) {
            Parsed::More if account.len() < MAX_ACCOUNT => {}
            Parsed::Whole { user, host } => {
                output.extend(account.iter().take_while(|byte| **byte == b' '));
                let quote = account.iter().copied().find(|byte| *byte != b' ').unwrap_or(b'`');
                for (name, before) in [(user.as_str(), None), (new_host(&user, &host), Some(b'@'))]
                {
                    output.extend(before);
                    output.push(quote);
                    for byte in name.bytes() {
                        output.push(byte);
                        if byte == quote {
                            output.push(quote);
                        }
                    }
                    output.push(quote);
                }
                self.account = None;
                self.last = [0; 12];
            }
            Parsed::More | Parsed::Other => {
                // No account as dumps write it (`CURRENT_USER`, a role): it stays, read anew as code.
                let text = self.account.take().unwrap_or_default();
                for byte in text {
                    output.push(byte);
                    self.step(byte);
                }
            }
        }
    }
}

/// A name in backticks.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

enum Parsed {
    More,
    Whole { user: String, host: String },
    Other,
}

/// Reads `` `user`@`host` ``, blanks before it allowed; under `ANSI_QUOTES` dumps write `"`.
fn parse(text: &[u8]) -> Parsed {
    let mut rest = text;
    while let [b' ', tail @ ..] = rest {
        rest = tail;
    }
    let mut parts = Vec::new();
    for part in 0..2 {
        let [quote, tail @ ..] = rest else { return Parsed::More };
        if !matches!(quote, b'`' | b'\'' | b'"') {
            return Parsed::Other;
        }
        rest = tail;
        let mut name = Vec::new();
        loop {
            match rest {
                [] => return Parsed::More,
                [first, second, tail @ ..] if first == quote && second == quote => {
                    name.push(*first);
                    rest = tail;
                }
                // The byte after the host's last quote is never asked for: a dump follows it with
                // a blank or `*/`, and a doubled quote in a host does not exist.
                [first] if first == quote && part == 0 => return Parsed::More,
                [first, tail @ ..] if first == quote => {
                    rest = tail;
                    break;
                }
                [first, tail @ ..] => {
                    name.push(*first);
                    rest = tail;
                }
            }
        }
        match String::from_utf8(name) {
            Ok(name) => parts.push(name),
            Err(_) => return Parsed::Other,
        }
        if part == 0 {
            match rest {
                [b'@', tail @ ..] => rest = tail,
                [] => return Parsed::More,
                _ => return Parsed::Other,
            }
        }
    }
    match (parts.pop(), parts.pop()) {
        (Some(host), Some(user)) => Parsed::Whole { user, host },
        _ => Parsed::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(text: &str, piece: usize) -> String {
        let mut definers = Definers::default();
        let mut output = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            definers.feed(piece, &mut output);
        }
        definers.finish(&mut output);
        String::from_utf8(output).expect("UTF-8")
    }

    fn check(text: &str, expected: &str) {
        for piece in [1, 2, 3, 7, text.len().max(1)] {
            assert_eq!(rewrite(text, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn definers_of_local_accounts_are_mapped() {
        check(
            "-- dump\n/*!50003 CREATE*/ /*!50017 DEFINER=`app`@`localhost`*/ /*!50003 TRIGGER t */;\n",
            "-- dump\n/*!50003 CREATE*/ /*!50017 DEFINER=`app`@`%`*/ /*!50003 TRIGGER t */;\n",
        );
        check(
            "CREATE DEFINER = `a``b`@`127.0.0.1` PROCEDURE p() x;\n",
            "CREATE DEFINER = `a``b`@`%` PROCEDURE p() x;\n",
        );
        check("x DEFINER=\"app\"@\"localhost\" y", "x DEFINER=\"app\"@\"%\" y");
        check("x DEFINER=`app`@`10.0.0.3` y", "x DEFINER=`app`@`10.0.0.3` y");
        check("x DEFINER=`root`@`localhost` y", "x DEFINER=`root`@`localhost` y");
    }

    #[test]
    fn data_names_and_comments_stay() {
        for text in [
            "INSERT INTO t VALUES ('DEFINER=`app`@`localhost`',\"DEFINER=`app`@`localhost`\");\n",
            "INSERT INTO t VALUES ('it\\'s DEFINER=`app`@`localhost`','''DEFINER=`app`@`localhost`');\n",
            "INSERT INTO `DEFINER=``app``@``localhost``` VALUES (1);\n",
            "-- DEFINER=`app`@`localhost`\n",
            "/* DEFINER=`app`@`localhost` */\n",
            "# DEFINER=`app`@`localhost`\n",
            "SET x_definer=`app`@`localhost`;\n",
            "CREATE DEFINER=CURRENT_USER VIEW v AS SELECT 1;\n",
            "SELECT DEFINER=`app`.`localhost`",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn plain_backslashes_end_no_literal() {
        let mode = "/*!50003 SET sql_mode              = 'NO_BACKSLASH_ESCAPES' */;\n";
        check(
            &format!("{mode}SELECT 'a\\'; CREATE DEFINER=`app`@`::1` VIEW v;\n"),
            &format!("{mode}SELECT 'a\\'; CREATE DEFINER=`app`@`%` VIEW v;\n"),
        );
    }

    #[test]
    fn a_mode_that_is_put_back_counts_no_more() {
        let text = "SET sql_mode = 'NO_BACKSLASH_ESCAPES';\nSET sql_mode = @saved_sql_mode;\n\
                    INSERT INTO t VALUES ('\\' DEFINER=`app`@`localhost`');\n/*Don't*/ /*M don't*/ \
                    /*!50013 DEFINER=`app`@`localhost`*/";
        check(
            text,
            &text.replace("/*!50013 DEFINER=`app`@`localhost`", "/*!50013 DEFINER=`app`@`%`"),
        );
    }

    #[test]
    fn the_clients_own_switch_is_left_out() {
        check(
            "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\nSELECT 1;\n",
            "-- MariaDB dump\nSELECT 1;\n",
        );
        check("short", "short");
    }
}
