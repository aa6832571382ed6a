//! Option files of MariaDB and MySQL.

use super::line_number;

/// One line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// `name = value` in a group; a name alone has an empty value.
    Option {
        /// `mysqld`, `client`, …
        group: String,
        /// In lower case, with `_` where `-` or `_` stands.
        name: String,
        /// Quotes taken off.
        value: String,
        /// The line.
        line: u32,
    },
    /// `!include FILE`.
    Include(String),
    /// `!includedir FOLDER`.
    IncludeFolder(String),
}

/// The lines of a file, in order.
pub(crate) fn parse(text: &str) -> Vec<Line> {
    let mut group = String::new();
    let mut lines = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let content = raw.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = content.strip_prefix("!includedir") {
            lines.push(Line::IncludeFolder(rest.trim().to_owned()));
        } else if let Some(rest) = content.strip_prefix("!include") {
            lines.push(Line::Include(rest.trim().to_owned()));
        } else if let Some(rest) = content.strip_prefix('[') {
            rest.split(']').next().unwrap_or_default().trim().clone_into(&mut group);
        } else {
            let (name, value) = content.split_once('=').unwrap_or((content, ""));
            let name = name.trim().trim_start_matches("loose-").trim_start_matches("loose_");
            lines.push(Line::Option {
                group: group.clone(),
                name: name.to_lowercase().replace('-', "_"),
                value: clean(value.trim()).to_owned(),
                line: line_number(index),
            });
        }
    }
    lines
}

fn clean(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(end) = rest.find(quote)
        {
            return &rest[..end];
        }
    }
    // A `#` in the middle of a line begins a comment.
    value.split('#').next().unwrap_or_default().trim_end()
}

/// Whether the server reads this group (`mysqld`, `mariadb-10.11`, …).
pub(crate) fn is_server_group(group: &str) -> bool {
    let (name, version) = match group.split_once('-') {
        Some((name, version)) => (name, Some(version)),
        None => (group, None),
    };
    matches!(name, "server" | "mysqld" | "mariadb" | "mariadbd")
        && version.is_none_or(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_names_and_includes() {
        let lines = parse(
            "[client]\npassword=\"x#y\" # c\n!includedir /etc/mysql/conf.d/\n[mysqld]\nBind-Address = 127.0.0.1\n\
             skip-networking\nport=3307 # other\n!include /x.cnf",
        );
        assert_eq!(lines.len(), 6);
        let Line::Option { name, value, line, group } = &lines[2] else { panic!() };
        assert_eq!(
            (group.as_str(), name.as_str(), value.as_str(), *line),
            ("mysqld", "bind_address", "127.0.0.1", 5)
        );
        let Line::Option { value, .. } = &lines[0] else { panic!() };
        assert_eq!(value, "x#y");
        assert_eq!(lines[5], Line::Include("/x.cnf".into()));
    }

    #[test]
    fn groups_of_the_server() {
        for group in ["mysqld", "mariadb", "mariadb-10.11", "server", "mariadbd", "mysqld-8.0"] {
            assert!(is_server_group(group), "{group}");
        }
        for group in ["client", "mysqldump", "mariadb-client", "mysqld_safe", "mariadb-backup"] {
            assert!(!is_server_group(group), "{group}");
        }
    }
}
