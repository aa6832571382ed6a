//! The small languages inside compose.yaml: `${NAME}`, durations, sizes, ports.

use crate::error::{Error, Result};

/// Puts values in the place of `${NAME}`, `${NAME:?message}` and `${NAME:-default}`; `$$` is one
/// dollar sign. `value` knows the values.
pub(super) fn interpolate<'a>(
    text: &str,
    value: &impl Fn(&str) -> Option<&'a str>,
) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some(braced) = rest.strip_prefix('{') else {
            return Err(Error::input("compose.yaml: a single $ stands before no {NAME}")
                .help("write $$ for a dollar sign, ${NAME} for a value"));
        };
        let Some((inside, after)) = braced.split_once('}') else {
            return Err(Error::input("compose.yaml: ${ without }"));
        };
        rest = after;
        let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, operator) = inside.split_at(end.unwrap_or(inside.len()));
        let found = value(name);
        let filled = found.filter(|found| !found.is_empty());
        match operator {
            "" => out.push_str(found.ok_or_else(|| unknown(name, ""))?),
            _ if operator.starts_with(":?") => {
                out.push_str(filled.ok_or_else(|| unknown(name, &operator[2..]))?);
            }
            _ if operator.starts_with('?') => {
                out.push_str(found.ok_or_else(|| unknown(name, &operator[1..]))?);
            }
            _ if operator.starts_with(":-") => out.push_str(filled.unwrap_or(&operator[2..])),
            _ if operator.starts_with('-') => out.push_str(found.unwrap_or(&operator[1..])),
            _ => {
                return Err(Error::input(format!("compose.yaml: ${{{inside}}} is not understood")));
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn unknown(name: &str, message: &str) -> Error {
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    Error::refused(format!("an open question: {name} has no value{message}"))
        .help(format!("give it with --secrets-from, or set {name} in the environment"))
}

/// `1m30s` in nanoseconds.
pub(super) fn nanoseconds(text: &str) -> Result<i64> {
    let bad = || Error::input(format!("compose.yaml: {text:?} is no duration such as 30s"));
    let mut total = 0i64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let number: i64 = rest[..digits].parse().map_err(|_| bad())?;
        let units = &rest[digits..];
        let end = units.find(|c: char| c.is_ascii_digit()).unwrap_or(units.len());
        let factor = match &units[..end] {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(bad()),
        };
        total =
            number.checked_mul(factor).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
        rest = &units[end..];
    }
    Ok(total)
}

/// `512m` in bytes.
pub(super) fn bytes(text: &str) -> Result<i64> {
    let bad = || Error::input(format!("compose.yaml: {text:?} is no size such as 512m"));
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let number: i64 = lower[..end].parse().map_err(|_| bad())?;
    let shift = match lower[end..].trim() {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        _ => return Err(bad()),
    };
    number.checked_mul(1 << shift).ok_or_else(bad)
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    /// Address on this machine; empty for all.
    pub(super) address: String,
    /// Port on this machine; absent when any free one will do.
    pub(super) port: Option<u16>,
    /// The container's port.
    pub(super) container: u16,
    /// `tcp` or `udp`.
    pub(super) protocol: String,
}

/// `[ADDRESS:][PORT:]CONTAINER[/PROTOCOL]`; an IPv6 address stands in brackets.
pub(super) fn published(text: &str) -> Result<Published> {
    let bad =
        || Error::input(format!("compose.yaml: {text:?} is no port such as \"127.0.0.1::80\""));
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !matches!(protocol, "tcp" | "udp") {
        return Err(bad());
    }
    let (rest, container) = ports.rsplit_once(':').unwrap_or(("", ports));
    let (address, port) = if rest.is_empty() && !ports.contains(':') {
        ("", "")
    } else {
        match rest.rsplit_once(':') {
            Some((address, port)) => (address, port),
            None => ("", rest),
        }
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
        return Err(bad());
    }
    Ok(Published {
        address: address.to_owned(),
        port: if port.is_empty() { None } else { Some(port.parse().map_err(|_| bad())?) },
        container: container.parse().map_err(|_| bad())?,
        protocol: protocol.to_owned(),
    })
}

/// `--listen ADDR[:PORT]`.
pub(crate) fn listen(text: &str) -> Result<(String, Option<u16>)> {
    let bad = || Error::usage(format!("{text:?} is no ADDR[:PORT]"));
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Ok((socket.ip().to_string(), Some(socket.port()).filter(|port| *port != 0)));
    }
    let address = text.trim_start_matches('[').trim_end_matches(']');
    let address: std::net::IpAddr = address.parse().map_err(|_| bad())?;
    Ok((address.to_string(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_place_of_their_names() {
        let value = |name: &str| match name {
            "A" => Some("1$"),
            "EMPTY" => Some(""),
            _ => None,
        };
        let get = |text: &str| interpolate(text, &value);
        assert_eq!(get("x ${A} $$A ${B:-two} ${EMPTY}").unwrap(), "x 1$ $A two ");
        assert_eq!(get("${A:?see}").unwrap(), "1$");
        assert!(
            get("${B:?see .env}").unwrap_err().to_string().contains("B has no value: see .env")
        );
        assert!(get("${EMPTY:?x}").is_err());
        for wrong in ["$A", "${A", "${A+b}", "$"] {
            assert!(get(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(nanoseconds("5s").unwrap(), 5_000_000_000);
        assert_eq!(nanoseconds("1m30s").unwrap(), 90_000_000_000);
        for wrong in ["", "5", "s", "5x", "99999999999h"] {
            assert!(nanoseconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bytes("512m").unwrap(), 512 << 20);
        assert!(bytes("m").is_err() && bytes("9999999999g").is_err());
    }

    #[test]
    fn ports_and_addresses() {
        let one = published("127.0.0.1::80").unwrap();
        assert_eq!((one.address.as_str(), one.port, one.container), ("127.0.0.1", None, 80));
        let two = published("[::1]:8080:80/tcp").unwrap();
        assert_eq!((two.address.as_str(), two.port), ("::1", Some(8080)));
        assert_eq!(published("8080:80").unwrap().port, Some(8080));
        assert_eq!(published("80").unwrap().port, None);
        assert!(published("x:80").is_err() && published("80/sctp").is_err());
        assert_eq!(listen("0.0.0.0:8080").unwrap(), ("0.0.0.0".into(), Some(8080)));
        assert_eq!(listen("::1").unwrap(), ("::1".into(), None));
        assert!(listen("localhost").is_err());
    }
}
