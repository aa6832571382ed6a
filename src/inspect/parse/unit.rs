//! systemd unit files: sections, settings, and the words of a value.

use super::{MAX_LINE, line_number};

/// One `Key=value` of a unit or of a drop-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// `Service`, `Install`, …
    pub(crate) section: String,
    /// `ExecStart`, …
    pub(crate) key: String,
    /// The value with continued lines joined; empty resets a list.
    pub(crate) value: String,
    /// The file.
    pub(crate) path: String,
    /// The line that it begins on.
    pub(crate) line: u32,
}

/// The settings of a file, in order.
pub(crate) fn parse(path: &str, text: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut section = String::new();
    let mut pending: Option<(u32, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim_end_matches('\r');
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') || trimmed.starts_with(';') {
            // A comment does not end a continued line.
            continue;
        }
        let (start, mut whole) = pending.take().unwrap_or((line_number(index), String::new()));
        if let Some(head) = line.strip_suffix('\\') {
            if whole.len() < MAX_LINE {
                whole.push_str(head);
                whole.push(' ');
            }
            pending = Some((start, whole));
            continue;
        }
        whole.push_str(line);
        finish(path, &mut section, &whole, start, &mut settings);
    }
    if let Some((start, whole)) = pending {
        finish(path, &mut section, &whole, start, &mut settings);
    }
    settings
}

fn finish(path: &str, section: &mut String, whole: &str, line: u32, settings: &mut Vec<Setting>) {
    let whole = whole.trim();
    if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        name.clone_into(section);
    } else if let Some((key, value)) = whole.split_once('=') {
        settings.push(Setting {
            section: section.clone(),
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
            path: path.to_owned(),
            line,
        });
    }
}

/// The last setting of this key.
pub(crate) fn last<'a>(settings: &'a [Setting], section: &str, key: &str) -> Option<&'a Setting> {
    list(settings, section, key).into_iter().next_back()
}

/// All settings of this key that are in force: an empty one takes back those before it.
pub(crate) fn list<'a>(settings: &'a [Setting], section: &str, key: &str) -> Vec<&'a Setting> {
    let mut found = Vec::new();
    for setting in settings {
        if setting.section == section && setting.key == key {
            if setting.value.is_empty() {
                found.clear();
            } else {
                found.push(setting);
            }
        }
    }
    found
}

/// The words of a value by systemd's rules: quotes of both kinds, C escapes.
pub(crate) fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) if word.is_none() || value.contains('=') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            ('\\', _) => word.get_or_insert_default().push_str(&escape(&mut characters)),
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn escape(characters: &mut std::str::Chars<'_>) -> String {
    let digits = |characters: &mut std::str::Chars<'_>, count: usize| {
        let text: String = characters.clone().take(count).collect();
        match u8::from_str_radix(&text, 16) {
            Ok(byte) if text.len() == count => {
                characters.nth(count - 1);
                char::from(byte).to_string()
            }
            _ => String::new(),
        }
    };
    match characters.next() {
        Some('n') => "\n".to_owned(),
        Some('t') => "\t".to_owned(),
        Some('r') => "\r".to_owned(),
        Some('s') => " ".to_owned(),
        Some('x') => digits(characters, 2),
        Some(other @ ('"' | '\'' | '\\' | ' ')) => other.to_string(),
        Some(other) => format!("\\{other}"),
        None => "\\".to_owned(),
    }
}

/// A command of `ExecStart=` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// The line without its prefixes.
    pub(crate) line: String,
    /// Program and arguments.
    pub(crate) words: Vec<String>,
    /// Whether `+` or `!` gives it all rights whatever `User=` says.
    pub(crate) privileged: bool,
}

/// Takes the prefixes (`@ - : + !`) off a command; `None` when nothing is left.
pub(crate) fn command(value: &str) -> Option<Command> {
    let line = value.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let prefixes = &value[..value.len() - line.len()];
    let mut words = words(line);
    if prefixes.contains('@') && words.len() > 1 {
        // `@`: the second word is only the name that the program sees.
        words.remove(1);
    }
    let line = if prefixes.contains('@') { words.join(" ") } else { line.trim().to_owned() };
    let privileged = prefixes.contains(['+', '!']);
    (!words.is_empty()).then_some(Command { line, words, privileged })
}

/// Replaces the specifiers that follow from the unit's name alone; others stay.
pub(crate) fn specifiers(value: &str, unit: &str) -> String {
    if !value.contains('%') {
        return value.to_owned();
    }
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut result = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => result.push_str(unit),
            Some('N') => result.push_str(stem),
            Some('p') => result.push_str(prefix),
            Some('P') => result.push_str(&unescape_name(prefix)),
            Some('i') => result.push_str(instance),
            Some('I') => result.push_str(&unescape_name(instance)),
            Some('f') => {
                result.push('/');
                let name = if instance.is_empty() { prefix } else { instance };
                result.push_str(unescape_name(name).trim_start_matches('/'));
            }
            Some('S') => result.push_str("/var/lib"),
            Some('C') => result.push_str("/var/cache"),
            Some('L') => result.push_str("/var/log"),
            Some('t') => result.push_str("/run"),
            Some('E') => result.push_str("/etc"),
            Some('%') | None => result.push('%'),
            Some(other) => {
                result.push('%');
                result.push(other);
            }
        }
    }
    result
}

/// `srv-app` → `srv/app`, `\x2d` → `-`.
fn unescape_name(name: &str) -> String {
    let mut result = String::new();
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '-' => result.push('/'),
            '\\' => result.push_str(&escape(&mut characters)),
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_comments_and_resets() {
        let text = "[Service]\nExecStart=/bin/a \\\n# said in between\n  --flag\n; no\n\
                    ExecStart=\nExecStart=-/bin/b\n[Install]\nWantedBy=multi-user.target";
        let settings = parse("/etc/x.service", text);
        assert_eq!(settings[0].value, "/bin/a    --flag");
        assert_eq!(settings[0].line, 2);
        let commands = list(&settings, "Service", "ExecStart");
        assert_eq!(commands.len(), 1);
        assert_eq!((commands[0].value.as_str(), commands[0].line), ("-/bin/b", 7));
        assert_eq!(last(&settings, "Install", "WantedBy").unwrap().value, "multi-user.target");
    }

    #[test]
    fn quoting_of_environment() {
        assert_eq!(
            words(r#""A=one two" B=three 'C=x"y' D="q r" E=a\"b"#),
            ["A=one two", "B=three", "C=x\"y", "D=q r", "E=a\"b"]
        );
        assert_eq!(words(""), Vec::<String>::new());
        assert_eq!(words(r#"sh -c 'echo "hi"'"#), ["sh", "-c", "echo \"hi\""]);
    }

    #[test]
    fn prefixes_of_commands() {
        let command = command("@-/usr/bin/python3 myname app.py").unwrap();
        assert_eq!(command.words, ["/usr/bin/python3", "app.py"]);
        assert!(super::command("+/bin/x").unwrap().privileged);
        assert_eq!(super::command("-"), None);
    }

    #[test]
    fn specifiers_follow_from_the_name() {
        let unit = "worker@srv-my\\x2dapp.service";
        assert_eq!(
            specifiers("%p %i %I %n 100%%", unit),
            "worker srv-my\\x2dapp srv/my-app worker@srv-my\\x2dapp.service 100%"
        );
        assert_eq!(specifiers("%H %", unit), "%H %");
    }
}
