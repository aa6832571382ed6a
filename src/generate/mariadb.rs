//! `MariaDB`'s configuration for a container: reachable by other workloads, logs to the output.

/// Translates one option file. Lines that need no change stay as they are.
pub(crate) fn translate(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let (name, value) = option(line);
        let dropped = |why: &str| format!("# {line}  # migrate: {why}");
        let line = match name.as_str() {
            "bind-address" if is_local(&value) => {
                format!("bind-address = 0.0.0.0  # migrate: was {value}; other workloads connect")
            }
            "skip-networking" => dropped("other workloads connect"),
            "log-error" | "syslog" => dropped("errors go to the container's output"),
            "user" => dropped("the container already runs as its own user"),
            _ => line.to_owned(),
        };
        lines.push(line);
    }
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Name (with hyphens) and value of an option line; empty for anything else.
fn option(line: &str) -> (String, String) {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';', '[', '!']) {
        return (String::new(), String::new());
    }
    let (name, value) = line.split_once('=').unwrap_or((line, ""));
    let value = value.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    (name.trim().to_ascii_lowercase().replace('_', "-"), value.to_owned())
}

fn is_local(value: &str) -> bool {
    value == "localhost"
        || value == "::1"
        || value.starts_with("127.")
        || value.parse::<std::net::IpAddr>().is_ok_and(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn only_what_must_change_changes() {
        let text = "[mysqld]\n# bind-address = 127.0.0.1\nbind_address=127.0.0.1\nskip-networking\nlog_error = /var/log/mysql/error.log\nmax_connections = 60\n";
        let expected = "[mysqld]\n# bind-address = 127.0.0.1\nbind-address = 0.0.0.0  # migrate: was 127.0.0.1; other workloads connect\n# skip-networking  # migrate: other workloads connect\n# log_error = /var/log/mysql/error.log  # migrate: errors go to the container's output\nmax_connections = 60\n";
        assert_eq!(translate(text), expected);
        assert_eq!(
            translate("[mysqld]\nbind-address = 0.0.0.0\n"),
            "[mysqld]\nbind-address = 0.0.0.0\n"
        );
    }
}
