//! Variables that belong together: `DB_HOST`, `DB_PORT`, `DB_USER`, …, or one URL.

use std::collections::BTreeMap;

use super::kind::Kind;
use crate::inspect::recognise::Values;
use crate::model::evidence::Evidence;
use crate::model::inventory::{EdgeVariables, Service, Variable};

/// What a group of variables says on one connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Family {
    /// What is connected to, when names or scheme say.
    pub(super) kind: Option<Kind>,
    /// Host.
    pub(super) host: Option<String>,
    /// Port.
    pub(super) port: Option<u16>,
    /// Socket path.
    pub(super) socket: Option<String>,
    /// Names of the variables.
    pub(super) variables: EdgeVariables,
    /// Where they are set.
    pub(super) evidence: Vec<Evidence>,
}

/// A part of a connection that a variable says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Port,
    User,
    Password,
    Database,
    Socket,
}

const SUFFIXES: [(&str, Part); 19] = [
    ("HOSTNAME", Part::Host),
    ("HOST", Part::Host),
    ("SERVER", Part::Host),
    ("ADDRESS", Part::Host),
    ("ADDR", Part::Host),
    ("SERVICE", Part::Host),
    ("PORT", Part::Port),
    ("USERNAME", Part::User),
    ("USER", Part::User),
    ("LOGIN", Part::User),
    ("PASSWORD", Part::Password),
    ("PASSWD", Part::Password),
    ("PASS", Part::Password),
    ("PWD", Part::Password),
    ("DATABASE", Part::Database),
    ("DBNAME", Part::Database),
    ("NAME", Part::Database),
    ("SCHEMA", Part::Database),
    ("SOCKET", Part::Socket),
];

/// Prefixes of variables that say where the service itself listens, or where mail goes.
const NOT_A_STORE: [&str; 14] = [
    "", "HTTP", "HTTPS", "APP", "SERVER", "WEB", "LISTEN", "BIND", "SMTP", "MAIL", "EMAIL",
    "PROXY", "API", "NODE",
];

/// The connections that a service's variables tell.
pub(super) fn families(service: &Service, values: &Values) -> Vec<Family> {
    let mut groups: BTreeMap<String, Vec<(Part, &Variable)>> = BTreeMap::new();
    let mut found = Vec::new();
    for variable in &service.environment {
        let value = values
            .get(&service.id, &variable.name)
            .or(variable.default.as_deref())
            .unwrap_or_default();
        if let Some(family) = url(variable, value) {
            found.push(family);
        } else if let Some((prefix, part)) = part(&variable.name) {
            groups.entry(prefix).or_default().push((part, variable));
        }
    }
    for (prefix, members) in groups {
        let kind = Kind::of_prefix(&prefix);
        if kind.is_none() && NOT_A_STORE.contains(&prefix.as_str()) {
            continue;
        }
        found.extend(group(service, values, &prefix, kind, &members));
    }
    found
}

/// `DB_HOST` → `DB`, host; `PGHOST` → `PG`, host; `dbHost` → `db`, host.
fn part(name: &str) -> Option<(String, Part)> {
    let upper = name.to_ascii_uppercase();
    SUFFIXES.iter().find_map(|(suffix, part)| {
        let prefix = upper.strip_suffix(suffix)?;
        let prefix = match prefix.strip_suffix('_') {
            Some(prefix) => prefix,
            None if matches!(prefix, "PG" | "DB" | "MYSQL" | "REDIS" | "MONGO" | "") => prefix,
            None => return None,
        };
        Some((prefix.to_owned(), *part))
    })
}

fn group(
    service: &Service,
    values: &Values,
    prefix: &str,
    kind: Option<Kind>,
    members: &[(Part, &Variable)],
) -> Option<Family> {
    let names = |part: Part| {
        members.iter().find(|(known, _)| *known == part).map(|(_, variable)| variable.name.clone())
    };
    let value = |part: Part| {
        let name = names(part)?;
        let default = members
            .iter()
            .find(|(known, _)| *known == part)
            .and_then(|(_, variable)| variable.default.clone());
        values.get(&service.id, &name).map(str::to_owned).or(default)
    };
    let host = value(Part::Host).filter(|host| !host.is_empty());
    // A user and a password alone (of mail, of an API) are no connection, unless the prefix says
    // that they are a database's.
    let is_store = kind.is_some()
        || prefix.split('_').any(|word| {
            matches!(
                word,
                "DB" | "DATABASE" | "SQL" | "RDS" | "JDBC" | "CACHE" | "SESSION" | "STORE"
            )
        });
    let says_where = host.is_some() || names(Part::Port).is_some() || names(Part::Socket).is_some();
    if !(is_store || says_where && names(Part::Password).is_some()) {
        return None;
    }
    if !says_where && names(Part::Password).is_none() {
        return None;
    }
    let (mut host, mut port) = match host {
        // `10.0.0.1:3306` in one variable.
        Some(host) => match host.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => {
                (Some(name.to_owned()), port.parse().ok())
            }
            _ => (Some(host), None),
        },
        None => (None, None),
    };
    let mut socket = value(Part::Socket).filter(|path| path.starts_with('/'));
    // libpq and PHP take a socket's path in place of the host.
    if host.as_deref().is_some_and(|host| host.starts_with('/')) {
        socket = host.take();
    }
    port = value(Part::Port).and_then(|port| port.trim().parse().ok()).or(port);
    let mut evidence: Vec<Evidence> = members
        .iter()
        .filter(|(part, _)| matches!(part, Part::Host | Part::Port | Part::Socket))
        .filter_map(|(_, variable)| seen(variable))
        .collect();
    if evidence.is_empty() {
        evidence.extend(members.iter().filter_map(|(_, variable)| seen(variable)));
    }
    Some(Family {
        kind,
        host,
        port,
        socket,
        variables: EdgeVariables {
            host: names(Part::Host).or_else(|| names(Part::Socket)),
            port: names(Part::Port),
            user: names(Part::User),
            password: names(Part::Password),
            database: names(Part::Database),
            url: None,
        },
        evidence,
    })
}

fn seen(variable: &Variable) -> Option<Evidence> {
    variable.set_in.clone().or_else(|| variable.read_in.clone())
}

/// A URL that names a store.
fn url(variable: &Variable, value: &str) -> Option<Family> {
    let (scheme, rest) = value.split_once("://")?;
    let kind = Kind::of_scheme(&scheme.to_lowercase())?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    // Of several hosts (replicas) the first one.
    let place = place.split(',').next().unwrap_or(place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (place, None),
    };
    let host = host.trim_matches(['[', ']']);
    let socket = host
        .starts_with("%2F")
        .then(|| percent_encoding::percent_decode_str(host).decode_utf8_lossy().into_owned());
    Some(Family {
        kind: Some(kind),
        host: (!host.is_empty() && socket.is_none()).then(|| host.to_owned()),
        port,
        socket,
        variables: EdgeVariables { url: Some(variable.name.clone()), ..EdgeVariables::default() },
        evidence: seen(variable).into_iter().collect(),
    })
}
