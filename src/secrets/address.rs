//! Another host in an address that nobody may read: a URL, `host:port`, or a host alone. All else
//! in it, login, port, path and options, stays byte for byte.

/// `value` with `to` in the place of its one host; else what it is that cannot be read, in words
/// that hold nothing of it.
pub(super) fn with_host(value: &str, to: &str) -> Result<String, &'static str> {
    let Some((scheme, rest)) = value.split_once("://") else {
        return match port_of(value)? {
            Some(port) => Ok(format!("{to}:{port}")),
            None => Ok(to.to_owned()),
        };
    };
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return Err("has no scheme that can be read before its //");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (path, options) = tail.split_once('?').unwrap_or((tail, ""));
    if path.contains('@') {
        return Err("has an @ after its host: a /, ? or # of its password is not percent-encoded");
    }
    let by_socket =
        options.split('&').filter_map(|option| option.split_once('=')).any(|(name, place)| {
            matches!(name, "host" | "hostaddr")
                || name.contains("socket") && place.starts_with(['/', '%'])
        });
    if by_socket {
        return Err("names its host or a socket among its options");
    }
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority),
    };
    let port = port_of(place)?;
    let mut out = format!("{scheme}://");
    if let Some(login) = login {
        out.push_str(login);
        out.push('@');
    }
    out.push_str(to);
    if let Some(port) = port {
        out.push(':');
        out.push_str(port);
    }
    out.push_str(tail);
    Ok(out)
}

/// The port of `host:port`, `[::1]:port`; `None` for a host alone.
fn port_of(place: &str) -> Result<Option<&str>, &'static str> {
    let is_host = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    if place.contains(',') {
        return Err("names several hosts");
    }
    if place.is_empty() {
        return Err("names no host");
    }
    let is_v6 = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    if is_host(place) || is_v6(place) {
        return Ok(None);
    }
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) if is_v6(host) => return Ok(None),
        Some((host, rest)) if is_v6(host) => {
            ("v6", rest.strip_prefix(':').ok_or("has no host that can be read")?)
        }
        _ => place.rsplit_once(':').ok_or("has no host that can be read")?,
    };
    if is_host(host) && port.parse::<u16>().is_ok() {
        Ok(Some(port))
    } else {
        Err("has no host and port that can be read")
    }
}

/// The same in the raw text of an environment file's value, whose quotes and blanks stay.
pub(super) fn in_raw(raw: &str, to: &str) -> Result<String, &'static str> {
    let inner = raw.trim();
    let before = &raw[..raw.len() - raw.trim_start().len()];
    let after = &raw[raw.trim_end().len()..];
    for quote in ["\"", "'"] {
        if let Some(inner) = inner.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return Ok(format!("{before}{quote}{}{quote}{after}", with_host(inner, to)?));
        }
    }
    Ok(format!("{before}{}{after}", with_host(inner, to)?))
}

#[cfg(test)]
mod tests {
    use super::{in_raw, with_host};

    #[test]
    fn the_host_alone_changes_whatever_else_has_its_name() {
        for (from, to) in [
            (
                "mysql://localhost:localhost@localhost/localhost",
                "mysql://localhost:localhost@db/localhost",
            ),
            (
                "postgresql+psycopg2://u:p%40x@127.0.0.1:5433/x?sslmode=off",
                "postgresql+psycopg2://u:p%40x@db:5433/x?sslmode=off",
            ),
            ("redis://:p:w@[::1]:6379/0", "redis://:p:w@db:6379/0"),
            (
                "jdbc:mysql://localhost:3306/x?user=u&password=a@b",
                "jdbc:mysql://db:3306/x?user=u&password=a@b",
            ),
            ("redis://u:p@old.example.org#x", "redis://u:p@db#x"),
            ("amqp://u:a@b@localhost", "amqp://u:a@b@db"),
            ("localhost:3306", "db:3306"),
            ("::1", "db"),
            ("localhost", "db"),
        ] {
            assert_eq!(with_host(from, "db").as_deref(), Ok(to), "{from}");
        }
        assert_eq!(in_raw(" \"redis://:x@localhost\"\r", "c").unwrap(), " \"redis://:x@c\"\r");
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_repeated() {
        for value in [
            "",
            "mysql://",
            "://localhost",
            "mysql://u:pa/ss@localhost/x",
            "mysql://u:1/ss@localhost/x",
            "mongodb://u:p@a:1,b:2/x",
            "postgres:///x?host=/run/postgresql",
            "mysql://u:p@localhost/x?socket=/run/mysqld/mysqld.sock",
            "unix:///run/x.sock",
            "u:p@tcp(127.0.0.1:3306)/x",
            "host=localhost password=hunter22",
            "redis://u:p@localhost:port",
            "redis://${HOST}/0",
        ] {
            let error = with_host(value, "db").unwrap_err();
            assert!(!error.contains("hunter"), "{value}");
        }
    }
}
