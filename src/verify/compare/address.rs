//! A client's address that is another on each side: the platform's, or one that was given by the
//! client itself and believed.

use std::net::IpAddr;

use super::value::Found;
use crate::model::verdict::{Class, Tier};

/// The differences of this group are of an app that believes what a client says of itself.
pub(crate) const BELIEVED: &str = "client address believed";

/// The differences of this group are of an app that no longer believes its proxy.
pub(crate) const LOST: &str = "client address lost";

/// A client's address that is another on each side.
pub(super) fn judged(found: &Found, claimed: &[IpAddr]) -> (Tier, Class, String, String) {
    let shows = |text: &str| addresses(text).any(|address| claimed.contains(&address));
    let (tier, group, summary) = match (shows(&found.original), shows(&found.migrated)) {
        (false, true) => (
            Tier::Fail,
            BELIEVED,
            "the app believes the address that a client gives of itself (X-Forwarded-For)",
        ),
        // A proxy of the platform may put its own word in the place of a client's in a header.
        (true, false) if !found.pointer.to_ascii_lowercase().contains("header") => (
            Tier::Fail,
            LOST,
            "the app no longer believes the address that it is told (X-Forwarded-For)",
        ),
        // No platform shows a public address where the client is on a private network; only what
        // the client says, or what another proxy believed, does.
        _ if private(&found.original) == Some(true) && private(&found.migrated) == Some(false) => {
            (Tier::Fail, BELIEVED, "the app sees clients under an address that is not theirs")
        }
        _ => (Tier::Platform, "client address", "the app sees clients under another address"),
    };
    (tier, Class::Proxy, group.into(), summary.into())
}

/// Whether a text is addresses and nothing else.
pub(super) fn only(text: &str) -> bool {
    !text.is_empty() && text.split(',').count() == addresses(text).count()
}

/// The addresses in a text that is one or a list of them.
fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
    text.split(',').filter_map(|part| {
        let part = part.trim().trim_matches(['"', '[', ']']);
        part.strip_prefix("::ffff:").unwrap_or(part).parse().ok()
    })
}

/// Whether a text is one address of a private network.
fn private(text: &str) -> Option<bool> {
    let text = text.trim_matches('"');
    match text.strip_prefix("::ffff:").unwrap_or(text).parse::<IpAddr>() {
        Ok(IpAddr::V4(four)) => {
            // 198.18.0.0/15 is nobody's on the internet: the compose tree's own networks.
            let bench = matches!(four.octets(), [198, 18 | 19, ..]);
            Some(four.is_private() || four.is_loopback() || four.is_link_local() || bench)
        }
        Ok(IpAddr::V6(six)) => {
            Some(six.is_unique_local() || six.is_loopback() || six.is_unicast_link_local())
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::compare::What;

    fn tier(pointer: &str, original: &str, migrated: &str) -> (Tier, String) {
        let found = Found {
            pointer: pointer.into(),
            what: What::Address,
            original: original.into(),
            migrated: migrated.into(),
        };
        let claimed = ["203.0.113.9".parse().unwrap(), "10.1.2.3".parse().unwrap()];
        let (tier, _, group, _) = judged(&found, &claimed);
        (tier, group)
    }

    #[test]
    fn a_forged_address_that_is_believed_is_a_failure() {
        let fail = (Tier::Fail, BELIEVED.to_owned());
        assert_eq!(tier("/ip", "172.17.0.1", "203.0.113.9"), fail);
        assert_eq!(tier("/ip", "\"198.51.100.7\"", "\"203.0.113.9\""), fail, "public both");
        assert_eq!(tier("/ip", "172.17.0.1", "10.1.2.3"), fail, "private both");
        assert_eq!(tier("/ip", "::ffff:127.0.0.1", "::ffff:203.0.113.9"), fail);
        assert_eq!(tier("/ip", "172.17.0.1", "192.0.2.55"), fail, "not theirs in any case");
        assert_eq!(tier("/ips/*", "172.17.0.1", "203.0.113.9, 172.17.0.1"), fail);
    }

    #[test]
    fn addresses_alone_are_told_from_words() {
        assert!(only("\"172.17.0.1\"") && only("203.0.113.9, ::1"));
        assert!(!only("") && !only("\"shop\"") && !only("10.0.0.1, shop"));
    }

    #[test]
    fn an_address_that_is_no_longer_believed_is_one_too() {
        let lost = (Tier::Fail, "client address lost".to_owned());
        assert_eq!(tier("/ip", "203.0.113.9", "172.17.0.1"), lost);
        let platform = (Tier::Platform, "client address".to_owned());
        assert_eq!(tier("/headers/x-forwarded-for", "203.0.113.9", "172.17.0.1"), platform);
    }

    #[test]
    fn the_platforms_own_addresses_are_no_failure() {
        let platform = (Tier::Platform, "client address".to_owned());
        assert_eq!(tier("/ip", "172.17.0.1", "10.244.0.1"), platform);
        assert_eq!(tier("/ip", "172.17.0.1", "198.18.7.65"), platform);
        assert_eq!(tier("/ip", "198.51.100.7", "192.0.2.55"), platform);
        let (one, two) = ("203.0.113.9, 172.17.0.1", "203.0.113.9, 10.244.0.1");
        assert_eq!(tier("/headers/x-forwarded-for", one, two), platform);
    }
}
