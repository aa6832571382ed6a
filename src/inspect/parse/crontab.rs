//! Crontabs: of the system (with a user column) and of a user.

use super::environment::is_name;
use super::line_number;

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Five fields, or `@daily` and the like.
    pub(crate) schedule: String,
    /// Who runs it, from the user column.
    pub(crate) user: Option<String>,
    /// The command, without what it is given as input.
    pub(crate) command: String,
    /// Whether an unescaped `%` gives it input.
    pub(crate) input: bool,
    /// The line.
    pub(crate) line: u32,
}

/// A crontab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Crontab {
    /// Its jobs.
    pub(crate) jobs: Vec<Job>,
    /// Its variables with their lines (`SHELL`, `PATH`, `MAILTO`, the user's own).
    pub(crate) environment: Vec<(String, String, u32)>,
    /// Lines that are neither.
    pub(crate) unknown: Vec<u32>,
}

/// Parses a crontab; `system` ones have a user column.
pub(crate) fn parse(text: &str, system: bool) -> Crontab {
    let mut crontab = Crontab::default();
    for (index, raw) in text.lines().enumerate() {
        let line = line_number(index);
        let content = raw.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = content.split_once('=')
            && is_name(name.trim())
        {
            let value = unquote(value.trim());
            crontab.environment.push((name.trim().to_owned(), value.to_owned(), line));
        } else if let Some(job) = job(content, system, line) {
            crontab.jobs.push(job);
        } else {
            crontab.unknown.push(line);
        }
    }
    crontab
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

fn job(content: &str, system: bool, line: u32) -> Option<Job> {
    // Debian's cron allows a leading `-`: do not log.
    let content = content.strip_prefix('-').unwrap_or(content);
    let fields = if content.starts_with('@') { 1 } else { 5 };
    let mut rest = content;
    let mut schedule = Vec::new();
    for _ in 0..fields {
        let (field, after) = next_word(rest)?;
        schedule.push(field.to_owned());
        rest = after;
    }
    let known = if fields == 1 {
        matches!(
            schedule[0].to_ascii_lowercase().as_str(),
            "@reboot"
                | "@yearly"
                | "@annually"
                | "@monthly"
                | "@weekly"
                | "@daily"
                | "@midnight"
                | "@hourly"
        )
    } else {
        schedule.iter().all(|field| {
            field
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | '-' | ',' | '~'))
        }) && schedule[0].starts_with(|c: char| c.is_ascii_digit() || c == '*')
    };
    if !known {
        return None;
    }
    let user = if system {
        let (user, after) = next_word(rest)?;
        rest = after;
        Some(user.to_owned())
    } else {
        None
    };
    let (command, input) = until_percent(rest.trim());
    (!command.is_empty()).then(|| Job { schedule: schedule.join(" "), user, command, input, line })
}

fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Some(text.split_at(end))
}

/// What comes after an unescaped `%` is the command's input.
fn until_percent(text: &str) -> (String, bool) {
    let mut command = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&'%') => {
                command.push('%');
                characters.next();
            }
            '%' => return (command.trim_end().to_owned(), true),
            other => command.push(other),
        }
    }
    (command, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_crontab() {
        let crontab = parse(
            "# c\nSHELL=/bin/sh\nMAILTO=\"ops@example.org\"\n\n17 3 * * *  app  /srv/x/bin/nightly --a=b\n\
             @daily root date +\\%F >> /x\n*/5 8-18 * * mon-fri app mail%hello\nnonsense\n@never x y\n",
            true,
        );
        assert_eq!(crontab.environment.len(), 2);
        assert_eq!(crontab.environment[1], ("MAILTO".into(), "ops@example.org".into(), 3));
        let job = &crontab.jobs[0];
        assert_eq!((job.schedule.as_str(), job.line), ("17 3 * * *", 5));
        assert_eq!(job.user.as_deref(), Some("app"));
        assert_eq!(job.command, "/srv/x/bin/nightly --a=b");
        assert_eq!(crontab.jobs[1].command, "date +%F >> /x");
        assert!(crontab.jobs[2].input);
        assert_eq!(crontab.jobs[2].command, "mail");
        assert_eq!(crontab.unknown, [8, 9]);
    }

    #[test]
    fn a_users_crontab_has_no_user_column() {
        let crontab = parse("0 * * * * /bin/x y", false);
        assert_eq!(
            (crontab.jobs[0].user.as_deref(), crontab.jobs[0].command.as_str()),
            (None, "/bin/x y")
        );
    }
}
