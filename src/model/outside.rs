//! Addresses outside the server, as they stand in variables and code.

use std::net::IpAddr;

/// Schemes of addresses that a program connects to, with their usual ports.
const SCHEMES: [(&str, u16); 18] = [
    ("http", 80),
    ("https", 443),
    ("ws", 80),
    ("wss", 443),
    ("smtp", 25),
    ("smtps", 465),
    ("imap", 143),
    ("imaps", 993),
    ("amqp", 5672),
    ("amqps", 5671),
    ("mqtt", 1883),
    ("mqtts", 8883),
    ("ldap", 389),
    ("ldaps", 636),
    ("redis", 6379),
    ("rediss", 6379),
    ("ftp", 21),
    ("sftp", 22),
];

/// Host and port of a URL that a program may connect to.
pub(crate) fn url(text: &str) -> Option<(String, Option<u16>)> {
    let url = url::Url::parse(text.trim()).ok()?;
    let (_, usual) = SCHEMES.iter().find(|(scheme, _)| *scheme == url.scheme())?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    is_host(&host).then(|| (host, Some(url.port().unwrap_or(*usual))))
}

/// Whether a text can be the name or address of a host.
pub(crate) fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || (text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)))
}

/// Whether a host is the machine itself, or every machine.
pub(crate) fn is_own(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| {
            address.is_loopback() || address.is_unspecified() || address.is_multicast()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_give_host_and_port() {
        let of = |text| url(text).map(|(host, port)| (host, port.unwrap_or(0)));
        assert_eq!(of("https://api.example.com/v1"), Some(("api.example.com".into(), 443)));
        assert_eq!(of("smtp://u:p@mail.example.com:587"), Some(("mail.example.com".into(), 587)));
        assert_eq!(of("redis://10.0.0.5"), Some(("10.0.0.5".into(), 6379)));
        assert_eq!(of("file:///etc/passwd"), None);
        assert_eq!(of("api.example.com"), None);
        assert!(is_own("127.0.0.1") && is_own("::1") && !is_own("10.0.0.5"));
        assert!(!is_host("a b") && !is_host("") && !is_host("{{x}}"));
    }
}
