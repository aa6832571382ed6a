//! Cookies, attribute by attribute.

use std::collections::BTreeMap;

use super::difference::{Difference, Kind, Scene};
use crate::model::verdict::{Class, Tier};
use crate::verify::learn::time::{self, Moments};
use crate::verify::learn::token;

/// A cookie as an answer sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie<'a> {
    name: &'a str,
    value: &'a str,
    /// Attribute names in lower case.
    attributes: BTreeMap<String, &'a str>,
}

fn parse(text: &str) -> Cookie<'_> {
    let mut parts = text.split(';');
    let (name, value) = parts.next().unwrap_or("").split_once('=').unwrap_or((text, ""));
    let attributes = parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_lowercase(), value.trim())
        })
        .filter(|(name, _)| !name.is_empty())
        .collect();
    Cookie { name: name.trim(), value: value.trim(), attributes }
}

/// The name as people write it.
fn written(attribute: &str) -> &str {
    match attribute {
        "secure" => "Secure",
        "httponly" => "HttpOnly",
        "samesite" => "SameSite",
        "domain" => "Domain",
        "path" => "Path",
        "max-age" => "Max-Age",
        "expires" => "Expires",
        "partitioned" => "Partitioned",
        other => other,
    }
}

/// Compares the `Set-Cookie` headers of three answers.
pub(crate) fn compare(
    scene: &Scene<'_>,
    headers: [&[&str]; 3],
    moments: &Moments,
    out: &mut Vec<Difference>,
) {
    const FAIL: (Tier, Class) = (Tier::Fail, Class::Session);
    let [first, again, migrated] =
        headers.map(|list| list.iter().map(|text| parse(text)).collect::<Vec<_>>());
    for one in &first {
        let Some(two) = again.iter().find(|cookie| cookie.name == one.name) else { continue };
        let count =
            |list: &[Cookie<'_>]| list.iter().filter(|cookie| cookie.name == one.name).count();
        let Some(mine) = migrated.iter().find(|cookie| cookie.name == one.name) else {
            out.push(scene.difference(
                Kind::Cookie(one.name.to_owned()),
                format!("cookie {} lost", one.name),
                FAIL,
                format!("cookie {} is not set", one.name),
                (format!("Set-Cookie: {}=…", one.name), "no such cookie is set"),
            ));
            continue;
        };
        if count(&first) == count(&again) && count(&first) != count(&migrated) {
            out.push(scene.difference(
                Kind::Cookie(one.name.to_owned()),
                format!("cookie {} doubled", one.name),
                FAIL,
                format!("cookie {} is set another number of times", one.name),
                (format!("{} times", count(&first)), format!("{} times", count(&migrated))),
            ));
        }
        attributes(scene, [one, two, mine], moments, out);
        if !value_fits([one.value, two.value, mine.value]) {
            out.push(scene.difference(
                Kind::Cookie(one.name.to_owned()),
                format!("cookie {} value", one.name),
                FAIL,
                format!("the value of cookie {} has another form", one.name),
                (form(one.value), form(mine.value)),
            ));
        }
    }
    for mine in &migrated {
        let known = |list: &[Cookie<'_>]| list.iter().any(|cookie| cookie.name == mine.name);
        if !known(&first) && !known(&again) {
            // Load balancers set one of their own for affinity.
            let lower = mine.name.to_ascii_lowercase();
            let balancer = lower.starts_with("awsalb")
                || lower.contains("affinity")
                || matches!(lower.as_str(), "route" | "ingresscookie" | "serverid" | "gclb");
            let tier = if balancer { Tier::Platform } else { Tier::Fail };
            out.push(scene.difference(
                Kind::Cookie(mine.name.to_owned()),
                format!("cookie {} new", mine.name),
                (tier, Class::Session),
                format!("cookie {} is set and was not before", mine.name),
                ("no such cookie is set", format!("Set-Cookie: {}=…", mine.name)),
            ));
        }
    }
}

fn attributes(
    scene: &Scene<'_>,
    cookies: [&Cookie<'_>; 3],
    moments: &Moments,
    out: &mut Vec<Difference>,
) {
    let [one, two, mine] = cookies;
    let mut names: Vec<&String> = one.attributes.keys().chain(mine.attributes.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let [first, again, migrated] = cookies.map(|cookie| cookie.attributes.get(name).copied());
        let same = match name.as_str() {
            "expires" => expires(first, again, migrated, moments),
            "max-age" => max_age(first, again, migrated),
            "samesite" | "domain" => {
                lower(first) == lower(migrated)
                    || (first != again && lower(again) == lower(migrated))
            }
            _ => first == migrated || (first != again && again == migrated),
        };
        if same || (one.attributes.contains_key(name) != two.attributes.contains_key(name)) {
            continue;
        }
        let verb = match (first, migrated) {
            (Some(_), None) => "lost",
            (None, Some(_)) => "gained",
            _ => "changed",
        };
        let name = written(name);
        let show = |value: Option<&str>| match value {
            None => format!("Set-Cookie: {}=…   (no {name})", one.name),
            Some("") => format!("Set-Cookie: {}=…; {name}", one.name),
            Some(value) => format!("Set-Cookie: {}=…; {name}={value}", one.name),
        };
        out.push(
            scene.difference(
                Kind::Cookie(name.to_owned()),
                format!("cookie {} {name} {verb}", one.name),
                (Tier::Fail, Class::Session),
                format!("cookie {} {verb} its attribute {name}", one.name)
                    .replace("gained its", "gained the"),
                (show(first), show(migrated)),
            ),
        );
    }
}

fn lower(value: Option<&str>) -> Option<String> {
    value.map(|value| value.trim_start_matches('.').to_ascii_lowercase())
}

/// Expiry relative to the request, within a minute.
fn expires(
    first: Option<&str>,
    again: Option<&str>,
    migrated: Option<&str>,
    moments: &Moments,
) -> bool {
    match (first, again, migrated) {
        // Nothing to hold the move to: neither has one, or the original itself is not of one mind.
        (None, _, None) | (None, Some(_), _) | (Some(_), None, _) => true,
        (Some(one), Some(two), Some(mine)) => {
            if one == mine || two == mine {
                return true;
            }
            match [one, two, mine].map(date) {
                [Some(one), Some(_), Some(mine)] => {
                    let since =
                        |seconds: f64, index: usize| seconds - time::seconds(moments.at[index]);
                    (since(one, 0) - since(mine, 2)).abs() <= 60.0
                        // In the past is in the past.
                        || (since(one, 0) < 0.0 && since(mine, 2) < 0.0)
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// An HTTP date, also with hyphens, in seconds.
fn date(text: &str) -> Option<f64> {
    time::parse(text).or_else(|| time::parse(&text.replace('-', " "))).map(|stamp| stamp.seconds)
}

fn max_age(first: Option<&str>, again: Option<&str>, migrated: Option<&str>) -> bool {
    let number = |value: Option<&str>| value.and_then(|value| value.parse::<i64>().ok());
    match (number(first), number(again), number(migrated)) {
        (Some(one), Some(two), Some(mine)) => {
            mine.abs_diff(one) <= 5 + one.abs_diff(two) || mine == two
        }
        _ => first == migrated,
    }
}

/// Whether the migrated's value has the form of the original's.
fn value_fits(values: [&str; 3]) -> bool {
    let [first, again, migrated] = values;
    if migrated == first || migrated == again {
        return true;
    }
    if first.is_empty() || migrated.is_empty() {
        return first == again && first.is_empty() == migrated.is_empty();
    }
    if first == again && !token::is_random(first) {
        return false;
    }
    // Signed and encoded values: escapes come and go with chance.
    let plain = |text: &str| text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    let [one, two, mine] = values.map(plain);
    token::fits(&one, &two, &mine) || token::alphabet(&one).is_none()
}

/// A value's form, without the value.
fn form(value: &str) -> String {
    format!("a value of {} characters", value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(first: &str, again: &str, migrated: &str) -> Vec<String> {
        let moments = Moments {
            at: ["2026-03-01T10:00:00Z", "2026-03-01T10:00:05Z", "2026-03-01T10:00:10Z"]
                .map(|text| text.parse().unwrap()),
            copied_at: None,
        };
        let scene = Scene {
            scenario: 0,
            order: 0,
            step: "s",
            sent: "GET /",
            claimed: &[],
            path: "/",
            origin: None,
        };
        let mut out = Vec::new();
        let list = |text: &'static str| if text.is_empty() { vec![] } else { vec![text] };
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let lists = [list(leak(first)), list(leak(again)), list(leak(migrated))];
        compare(&scene, [&lists[0], &lists[1], &lists[2]], &moments, &mut out);
        out.into_iter().map(|difference| difference.group).collect()
    }

    const ONE: &str = "sid=s%3Aaaaa1111bbbb2222; Path=/; HttpOnly; SameSite=Lax; Expires=Sun, 15 Mar 2026 10:00:00 GMT";
    const TWO: &str = "sid=s%3Acccc3333dddd4444; Path=/; HttpOnly; SameSite=Lax; Expires=Sun, 15 Mar 2026 10:00:05 GMT";

    #[test]
    fn the_same_cookie_raises_nothing() {
        let mine = "sid=s%3Aeeee5555ffff6666; path=/; SameSite=lax; httponly; Expires=Sun, 15 Mar 2026 10:00:10 GMT";
        assert_eq!(judge(ONE, TWO, mine), Vec::<String>::new());
    }

    #[test]
    fn each_attribute_is_seen() {
        let mine = "sid=s%3Aeeee5555ffff6666; Path=/; HttpOnly; SameSite=Lax; Expires=Sun, 15 Mar 2026 10:00:10 GMT";
        assert_eq!(judge(ONE, TWO, &format!("{mine}; Secure")), ["cookie sid Secure gained"]);
        assert_eq!(judge(ONE, TWO, &mine.replace("; HttpOnly", "")), ["cookie sid HttpOnly lost"]);
        assert_eq!(
            judge(ONE, TWO, &mine.replace("=Lax", "=None")),
            ["cookie sid SameSite changed"]
        );
        assert_eq!(
            judge(ONE, TWO, &mine.replace("Path=/", "Path=/app")),
            ["cookie sid Path changed"]
        );
        assert_eq!(
            judge(ONE, TWO, &mine.replace("15 Mar", "16 Mar")),
            ["cookie sid Expires changed"]
        );
        assert_eq!(judge(ONE, TWO, ""), ["cookie sid lost"]);
        assert_eq!(
            judge(ONE, TWO, &mine.replace("s%3Aeeee5555ffff6666", "x")),
            ["cookie sid value"]
        );
    }
}
