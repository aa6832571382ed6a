//! What a request says of its own client's address.

use std::net::IpAddr;

use crate::model::scenario::Action;

/// Headers by which proxies, and those who pretend to be one, tell for whom they ask.
const NAMES: [&str; 8] = [
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-original-forwarded-for",
];

/// The addresses that a step names as the client's.
pub(super) fn claimed(action: &Action) -> Vec<IpAddr> {
    let headers = match action {
        Action::Request(request) => &request.headers,
        Action::WsOpen(open) => &open.headers,
        Action::SseOpen(open) => &open.headers,
        _ => return Vec::new(),
    };
    let named = headers
        .iter()
        .filter(|(name, _)| NAMES.iter().any(|known| name.trim().eq_ignore_ascii_case(known)));
    named.flat_map(|(_, value)| addresses(value)).collect()
}

/// The addresses in a header's value, whichever of the headers it is.
fn addresses(value: &str) -> impl Iterator<Item = IpAddr> {
    value.split([',', ';']).filter_map(|part| {
        let part = part.trim();
        let part = part.split_once('=').map_or(part, |(_, address)| address);
        part.trim_matches(['"', '[', ']', ' ']).parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_every_notation() {
        let all = |value: &str| addresses(value).map(|one| one.to_string()).collect::<Vec<_>>();
        assert_eq!(all("203.0.113.9, 10.0.0.1"), ["203.0.113.9", "10.0.0.1"]);
        assert_eq!(all("for=\"[2001:db8::9]\";proto=https"), ["2001:db8::9"]);
        assert!(all("unknown").is_empty());
    }
}
