//! Databases and caches that are known by package and unit: Redis, Memcached, `PostgreSQL`,
//! `MongoDB`. Where they listen and what they keep; what is in them is not looked at.

use super::{Facts, folders, units, variables};
use crate::inspect::parse::secret;
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::inventory::{Listen, Role, Runtime, Service, StateKind};

/// One kind of store.
struct Store {
    runtime: &'static str,
    role: Role,
    /// Beginnings of its units' names.
    units: &'static [&'static str],
    program: &'static [&'static str],
    configuration: &'static [&'static str],
    data: &'static str,
    port: u16,
    user: &'static str,
}

const STORES: [Store; 5] = [
    Store {
        runtime: "redis",
        role: Role::Cache,
        units: &["redis-server.service", "redis.service", "redis-server@"],
        program: &["/usr/bin/redis-server", "/usr/local/bin/redis-server"],
        configuration: &["/etc/redis/redis.conf", "/etc/redis.conf"],
        data: "/var/lib/redis",
        port: 6379,
        user: "redis",
    },
    Store {
        runtime: "valkey",
        role: Role::Cache,
        units: &["valkey-server.service", "valkey.service"],
        program: &["/usr/bin/valkey-server"],
        configuration: &["/etc/valkey/valkey.conf"],
        data: "/var/lib/valkey",
        port: 6379,
        user: "valkey",
    },
    Store {
        runtime: "memcached",
        role: Role::Cache,
        units: &["memcached.service"],
        program: &["/usr/bin/memcached"],
        configuration: &["/etc/memcached.conf"],
        data: "",
        port: 11211,
        user: "memcache",
    },
    Store {
        runtime: "postgresql",
        role: Role::Database,
        units: &["postgresql.service", "postgresql@"],
        program: &["/usr/lib/postgresql", "/usr/bin/postgres"],
        configuration: &[],
        data: "/var/lib/postgresql",
        port: 5432,
        user: "postgres",
    },
    Store {
        runtime: "mongodb",
        role: Role::Database,
        units: &["mongod.service", "mongodb.service"],
        program: &["/usr/bin/mongod"],
        configuration: &["/etc/mongod.conf", "/etc/mongodb.conf"],
        data: "/var/lib/mongodb",
        port: 27017,
        user: "mongodb",
    },
];

/// Adds those that start by themselves.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    for store in &STORES {
        let units: Vec<String> = facts
            .enabled
            .iter()
            .filter(|unit| {
                store.units.iter().any(|name| {
                    unit.as_str() == *name || (name.ends_with('@') && unit.starts_with(name))
                })
            })
            .cloned()
            .collect();
        for unit in &units {
            facts.claim(unit);
        }
        let Some(unit) = units.first() else { continue };
        let program = store.program.iter().find(|path| source.entry(path).is_some());
        let clusters = if store.runtime == "postgresql" { clusters(source) } else { Vec::new() };
        if program.is_none() && clusters.is_empty() {
            continue;
        }
        if clusters.is_empty() {
            let files = store.configuration.iter().map(|path| (*path).to_owned()).collect();
            add(source, facts, store, unit, files, None);
        }
        for (version, file) in clusters {
            add(source, facts, store, unit, vec![file], Some(version));
        }
    }
}

/// Debian's clusters of `PostgreSQL`: version and main configuration file.
fn clusters(source: &dyn Source) -> Vec<(String, String)> {
    let base = "/etc/postgresql";
    let mut found = Vec::new();
    for version in source.list(base) {
        for name in source.list(&format!("{base}/{version}")) {
            let file = format!("{base}/{version}/{name}/postgresql.conf");
            if source.is_file(&file) {
                found.push((version.clone(), file));
            }
        }
    }
    found
}

fn add(
    source: &dyn Source,
    facts: &mut Facts,
    store: &Store,
    unit: &str,
    files: Vec<String>,
    version: Option<String>,
) {
    let program = match &version {
        Some(version) => format!("/usr/lib/postgresql/{version}/bin/postgres"),
        None => store.program.first().map_or_else(String::new, |path| (*path).to_owned()),
    };
    let owner = facts.owner(source, &program).map(str::to_owned);
    let version = owner.as_deref().and_then(|owner| facts.version(owner)).or(version);
    let id = facts.new_id(store.runtime);
    let runtime = Runtime { name: store.runtime.to_owned(), version };
    let mut service = Service::new(id, store.role, runtime);
    service.command = Some(program);
    service.packages.extend(owner);
    service.user = Some(store.user.to_owned());
    service.ids = facts.users.get(store.user).copied();
    service.evidence.extend(units::load(source, unit).map(|unit| Evidence::file(unit.path)));
    let mut settings: Vec<(String, String, Evidence)> = Vec::new();
    for path in files {
        let Some(real) = source.resolve(&path) else { continue };
        let Ok(text) = source.text(&real) else { continue };
        let stated = read(&text, &real);
        let secret = stated.iter().any(|(name, value, _)| is_secret(name, value));
        variables::add_configuration(
            source,
            facts,
            &mut service,
            &real,
            (!secret).then_some(&text),
        );
        settings.extend(stated);
    }
    let get =
        |names: &[&str]| settings.iter().rev().find(|(name, _, _)| names.contains(&name.as_str()));
    let port =
        get(&["port", "-p"]).and_then(|(_, value, _)| value.parse().ok()).unwrap_or(store.port);
    let addresses = get(&["bind", "-l", "listen_addresses", "bindip"])
        .map_or("127.0.0.1", |(_, value, _)| value.as_str());
    if port != 0 {
        for address in addresses.split([',', ' ']).filter(|address| !address.is_empty()) {
            let address = match address.trim_start_matches('-') {
                "*" => "0.0.0.0",
                "localhost" => "127.0.0.1",
                other => other,
            };
            service.listens.push(listen(address, port, "tcp"));
        }
    }
    if let Some((_, path, _)) = get(&["unixsocket", "-s"]) {
        service.listens.push(listen(path, 0, "unix"));
    } else if store.runtime == "postgresql" {
        service.listens.push(listen(&format!("/run/postgresql/.s.PGSQL.{port}"), 0, "unix"));
    }
    service.evidence.extend(get(&["port", "-p"]).map(|(_, _, seen)| seen.clone()));
    let data = get(&["dir", "data_directory", "dbpath"]).map_or(store.data, |(_, value, _)| value);
    if !data.is_empty() {
        let lasting = store.role == Role::Database
            || get(&["appendonly"]).is_some_and(|(_, value, _)| value == "yes");
        let kind = if lasting { StateKind::Database } else { StateKind::Cache };
        folders::add_state(source, &mut service, data, kind, None);
    }
    facts.services.push(service);
}

fn listen(address: &str, port: u16, protocol: &str) -> Listen {
    Listen {
        address: address.to_owned(),
        port,
        protocol: protocol.to_owned(),
        address_from: None,
        port_from: None,
        evidence: None,
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    matches!(name, "requirepass" | "masterauth" | "user" | "rename-command")
        || secret::is_secret(name, value)
}

/// `name value`, `name = 'value'` and `name: value` lines, whichever the store writes.
fn read(text: &str, path: &str) -> Vec<(String, String, Evidence)> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                return None;
            }
            let end = line.find([' ', '\t', '=', ':'])?;
            let (name, value) = line.split_at(end);
            let value = value.trim_start_matches([' ', '\t', '=', ':']);
            let value = value.split(" #").next().unwrap_or(value).trim().trim_matches(['\'', '"']);
            let seen = Evidence::line(path, crate::inspect::parse::line_number(index));
            Some((name.to_lowercase(), value.to_owned(), seen))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn redis_and_postgresql() {
        let source = Memory::new(&[
            ("/lib/systemd/system/redis-server.service", "[Service]\n"),
            ("/lib/systemd/system/postgresql.service", "[Service]\n"),
            (
                "/etc/systemd/system/multi-user.target.wants/redis-server.service",
                "-> /lib/systemd/system/redis-server.service",
            ),
            (
                "/etc/systemd/system/multi-user.target.wants/postgresql.service",
                "-> /lib/systemd/system/postgresql.service",
            ),
            ("/usr/bin/redis-server", "x"),
            (
                "/etc/redis/redis.conf",
                "bind 127.0.0.1 -::1\nport 6380\nrequirepass hunter22\nappendonly yes\ndir /data/redis\n",
            ),
            ("/data/redis/dump.rdb", "12"),
            (
                "/etc/postgresql/15/main/postgresql.conf",
                "port = 5433 # (change)\ndata_directory = '/var/lib/postgresql/15/main'\nlisten_addresses = '*'\n",
            ),
            ("/var/lib/postgresql/15/main/x", "123"),
        ]);
        let mut facts = Facts::default();
        super::super::system::recognise(&source, &mut facts);
        recognise(&source, &mut facts);
        let [redis, postgresql] = facts.services.as_slice() else { panic!("{facts:?}") };
        assert_eq!((redis.listens[0].port, redis.listens[1].address.as_str()), (6380, "::1"));
        assert_eq!(redis.state[0].kind, StateKind::Database);
        assert!(redis.configuration[0].secret);
        assert!(!facts.captured.contains_key("/etc/redis/redis.conf"));
        assert_eq!(postgresql.listens[0].address, "0.0.0.0");
        assert_eq!(postgresql.listens[0].port, 5433);
        assert_eq!(postgresql.runtime.version.as_deref(), Some("15"));
        assert_eq!(postgresql.state[0].bytes, 3);
    }
}
