//! As much of shell syntax as telling programs, sourced files and passwords in a command takes.

use super::{environment, line_number, secret};

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "[secret]";

/// The simple commands of a command line, as words (`a && b | c` are three). Quotes are taken off;
/// expansions stay as they are written.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (close, Some(open)) if close == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => {
                if let Some(next) = characters.next().filter(|next| *next != '\n') {
                    word.get_or_insert_default().push(next);
                }
            }
            ('#', None) if word.is_none() => {
                while characters.peek().is_some_and(|next| *next != '\n') {
                    characters.next();
                }
            }
            (';' | '|' | '\n' | '(' | ')' | '&', None) => {
                if let (Some(command), Some(word)) = (commands.last_mut(), word.take()) {
                    command.push(word);
                }
                // `2>&1` and `&>` join a redirection, not two commands.
                if !(character == '&' && characters.peek() == Some(&'1')) {
                    commands.push(Vec::new());
                }
            }
            (blank, None) if blank.is_whitespace() => {
                if let (Some(command), Some(word)) = (commands.last_mut(), word.take()) {
                    command.push(word);
                }
            }
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    if let (Some(command), Some(word)) = (commands.last_mut(), word) {
        command.push(word);
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// Assignments of a script that hold a secret as it stands: name and line.
pub(crate) fn secrets(text: &str) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if redact(line).is_some() {
            found.push((String::new(), line_number(index)));
            continue;
        }
        for word in commands(line).into_iter().flatten() {
            if let Some((name, value)) = word.split_once('=')
                && environment::is_name(name)
                && !value.contains('$')
                && !value.is_empty()
                && secret::is_secret(name, value)
            {
                found.push((name.to_owned(), line_number(index)));
            }
        }
    }
    found
}

/// A command line with the passwords in it replaced; `None` when there are none.
pub(crate) fn redact(line: &str) -> Option<String> {
    let words: Vec<String> = split_keeping_blanks(line);
    let client = words.iter().any(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        ["mysql", "mysqldump", "mariadb", "mariadb-dump", "mysqladmin", "mariadb-admin"]
            .contains(&name)
    });
    let mut result = String::new();
    let mut changed = false;
    let mut next_is_secret = false;
    for word in &words {
        if word.trim().is_empty() {
            result.push_str(word);
            continue;
        }
        let bare = word.trim_matches(['"', '\'']);
        let flag = bare.trim_start_matches('-');
        let redacted = if std::mem::take(&mut next_is_secret) && !bare.starts_with(['-', '$']) {
            Some(REDACTED.to_owned())
        } else if let Some((name, value)) = bare.split_once('=')
            && !value.is_empty()
            && !value.starts_with(['$', '"'])
            && (secret::is_secret(name.trim_start_matches('-'), value.trim_matches(['"', '\''])))
        {
            Some(format!("{name}={REDACTED}"))
        } else if bare.starts_with("--") && secret::is_secret_name(flag) && !bare.contains('=') {
            next_is_secret = true;
            None
        } else if client
            && bare.len() > 2
            && bare.starts_with("-p")
            && !bare.starts_with("-p$")
            && !bare.starts_with("-p\"$")
        {
            Some(format!("-p{REDACTED}"))
        } else if secret::is_secret_value(bare) {
            Some(REDACTED.to_owned())
        } else {
            None
        };
        match redacted {
            Some(text) => {
                changed = true;
                result.push_str(&text);
            }
            None => result.push_str(word),
        }
    }
    changed.then_some(result)
}

/// Words and the blanks between them, in order.
fn split_keeping_blanks(line: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut blank = None;
    let mut quote = None;
    for character in line.chars() {
        match quote {
            Some(open) if open == character => quote = None,
            None if character == '"' || character == '\'' => quote = Some(character),
            _ => {}
        }
        let is_blank = quote.is_none() && character.is_whitespace();
        if blank != Some(is_blank) {
            parts.push(String::new());
            blank = Some(is_blank);
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_a_line() {
        assert_eq!(
            commands("cd /srv/app && exec node 'a b.js' >> /x 2>&1 | tee y # end"),
            [
                vec!["cd", "/srv/app"],
                vec!["exec", "node", "a b.js", ">>", "/x", "2>", "1"],
                vec!["tee", "y"]
            ]
        );
    }

    #[test]
    fn passwords_in_commands() {
        for (line, expected) in [
            ("mysqldump -u app -phunter2 app", "mysqldump -u app -p[secret] app"),
            ("node x.js --db-password=abc -v", "node x.js --db-password=[secret] -v"),
            ("node x.js --api-key abc", "node x.js --api-key [secret]"),
            ("DB_PASSWORD=abc node x.js", "DB_PASSWORD=[secret] node x.js"),
            ("curl https://u:pw@example.org/x", "curl [secret]"),
        ] {
            assert_eq!(redact(line).as_deref(), Some(expected));
        }
        for line in [
            "mysqldump -p app",
            "node server.js --port=3000",
            "mkdir -p /x",
            "mysql -p\"$DB_PASSWORD\"",
            "/srv/app/bin/nightly",
        ] {
            assert_eq!(redact(line), None, "{line}");
        }
        assert_eq!(secrets("A=1\nDB_PASSWORD=abc\nTOKEN=$X\n").len(), 1);
    }
}
