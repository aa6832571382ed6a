//! MariaDB and MySQL: where they listen, and which databases lie in the data folder.

use std::collections::BTreeMap;

use super::{Facts, folders, units, variables};
use crate::inspect::parse::mycnf::{self, Line};
use crate::inspect::parse::secret;
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::finding::Question;
use crate::model::inventory::{Listen, Role, Runtime, Service, StateKind};

/// Names of the unit.
const UNITS: [&str; 3] = ["mariadb.service", "mysql.service", "mysqld.service"];

/// Where the server program is found.
const PROGRAMS: [(&str, &str); 5] = [
    ("/usr/sbin/mariadbd", "mariadb"),
    ("/usr/local/bin/mariadbd", "mariadb"),
    ("/usr/libexec/mariadbd", "mariadb"),
    ("/usr/sbin/mysqld", "mysql"),
    ("/usr/libexec/mysqld", "mysql"),
];

/// The engine's own databases.
const OWN: [&str; 4] = ["mysql", "performance_schema", "sys", "information_schema"];

/// Option files include others; deeper than this is a loop.
const MAX_INCLUDES: usize = 200;

/// Options in force: value and where it stands.
type Options = BTreeMap<String, (String, Evidence)>;

/// Adds the database, when there is one.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    let unit = UNITS.into_iter().find(|unit| facts.enabled.contains(*unit));
    let program = PROGRAMS.into_iter().find(|(path, _)| source.is_file(path));
    for unit in UNITS {
        facts.claim(unit);
    }
    let loaded = unit.and_then(|unit| units::load(source, unit));
    let Some((program, name)) = program else {
        if let Some(unit) = &loaded {
            ask(facts, &unit.path, "is enabled, but its program is not where it usually is");
        }
        return;
    };
    let has_systemd = source.is_folder(units::LOCAL) && !facts.enabled.is_empty();
    if loaded.is_none() && has_systemd {
        if source.is_folder("/var/lib/mysql/mysql") {
            ask(
                facts,
                "/var/lib/mysql",
                "holds data, but no unit starts the server: is it in use?",
            );
        }
        return;
    }
    // The program of a MySQL package may be a link to MariaDB's.
    let real = source.resolve(program).unwrap_or_else(|| program.to_owned());
    let name = if real.ends_with("mariadbd") { "mariadb" } else { name };
    let owner = facts.owner(source, program).map(str::to_owned);
    let version = owner.as_deref().and_then(|owner| facts.version(owner));
    let id = facts.new_id(name);
    let runtime = Runtime { name: name.to_owned(), version };
    let mut service = Service::new(id, Role::Database, runtime);
    service.evidence.push(Evidence::file(
        loaded.as_ref().map_or_else(|| program.to_owned(), |unit| unit.path.clone()),
    ));
    service.command = Some(program.to_owned());
    let options = options(source, facts, &mut service);
    let option = |names: &[&str]| names.iter().find_map(|name| options.get(*name));
    let user = option(&["user"]).map_or("mysql", |(value, _)| value.as_str());
    service.user = Some(user.to_owned());
    service.ids = facts.users.get(user).copied();
    for tool in [program, "/usr/bin/mariadb", "/usr/bin/mariadb-admin", "/usr/bin/mysql"] {
        if let Some(owner) = facts.owner(source, tool)
            && !service.packages.iter().any(|known| known == owner)
        {
            service.packages.push(owner.to_owned());
        }
    }
    listens(&options, &mut service);
    let data = option(&["datadir"]).map_or("/var/lib/mysql", |(value, _)| value.as_str());
    let data = data.trim_end_matches('/').to_owned();
    folders::add_state(source, &mut service, &data, StateKind::Database, None);
    service.databases = databases(source, &data);
    if let Some((_, seen)) = option(&["datadir"]) {
        service.evidence.push(seen.clone());
    }
    facts.services.push(service);
}

fn ask(facts: &mut Facts, path: &str, question: &str) {
    facts.questions.push(Question {
        id: "database-in-use".to_owned(),
        service: None,
        question: format!("{path} {question}"),
        answer_in: "workloads".to_owned(),
        blocking: false,
        evidence: vec![Evidence::file(path)],
    });
}

/// Reads all option files as the server does: in order, the last one counts.
fn options(source: &dyn Source, facts: &mut Facts, service: &mut Service) -> Options {
    let mut options = Options::new();
    // Top of the list first when popped.
    let mut pending: Vec<String> =
        ["/etc/mysql/my.cnf", "/etc/my.cnf"].iter().map(|path| (*path).to_owned()).collect();
    let mut count = 0;
    while let Some(path) = pending.pop() {
        let Some(real) = source.resolve(&path).filter(|path| source.is_file(path)) else {
            continue;
        };
        count += 1;
        if count > MAX_INCLUDES || service.configuration.iter().any(|known| known.path == real) {
            continue;
        }
        let Ok(text) = source.text(&real) else { continue };
        let mut included = Vec::new();
        let mut holds_secret = false;
        for line in mycnf::parse(&text) {
            match line {
                Line::Include(path) => included.push(path),
                Line::IncludeFolder(folder) => {
                    let folder = folder.trim_end_matches('/');
                    for file in source.list(folder) {
                        if file.ends_with(".cnf") {
                            included.push(format!("{folder}/{file}"));
                        }
                    }
                }
                Line::Option { group, name, value, line } => {
                    holds_secret |= secret::is_secret(&name, &value);
                    if mycnf::is_server_group(&group) {
                        options.insert(name, (value, Evidence::line(&real, line)));
                    }
                }
            }
        }
        let plain = (!holds_secret).then_some(text.as_str());
        variables::add_configuration(source, facts, service, &real, plain);
        pending.extend(included.into_iter().rev());
    }
    options
}

fn listens(options: &Options, service: &mut Service) {
    let get = |name: &str| options.get(name).map(|(value, _)| value.as_str());
    let networking_off = get("skip_networking")
        .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "off" | "false"));
    if !networking_off {
        let port = get("port").and_then(|port| port.parse().ok()).unwrap_or(3306);
        let addresses = get("bind_address").filter(|address| !address.is_empty()).unwrap_or("*");
        for address in addresses.split(',') {
            let address = match address.trim() {
                "*" => "::",
                "localhost" => "127.0.0.1",
                other => other,
            };
            service.listens.push(Listen {
                address: address.to_owned(),
                port,
                protocol: "tcp".to_owned(),
                address_from: None,
                port_from: None,
                evidence: None,
            });
        }
        for name in ["bind_address", "port"] {
            service.evidence.extend(options.get(name).map(|(_, seen)| seen.clone()));
        }
    }
    service.listens.push(Listen {
        address: get("socket").unwrap_or("/run/mysqld/mysqld.sock").to_owned(),
        port: 0,
        protocol: "unix".to_owned(),
        address_from: None,
        port_from: None,
        evidence: None,
    });
}

/// The schemas: folders of the data folder, their names decoded.
fn databases(source: &dyn Source, data: &str) -> Vec<String> {
    source
        .list(data)
        .into_iter()
        .filter(|name| source.is_folder(&format!("{data}/{name}")))
        .filter(|name| !name.starts_with(['#', '.']) && name != "lost+found")
        .filter(|name| !OWN.contains(&name.as_str()))
        .map(|name| decode(&name))
        .collect()
}

/// `my@002ddb` → `my-db`.
fn decode(name: &str) -> String {
    let mut result = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('@') {
        result.push_str(before);
        let code = after.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if let Some(character) = code.and_then(char::from_u32) {
            result.push(character);
            rest = &after[4..];
        } else {
            result.push('@');
            rest = after;
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    fn run(files: &[(&str, &str)]) -> Facts {
        let source = Memory::new(files);
        let mut facts = Facts::default();
        super::super::system::recognise(&source, &mut facts);
        recognise(&source, &mut facts);
        facts
    }

    #[test]
    fn a_debian_layout() {
        let facts = run(&[
            ("/etc/passwd", "mysql:x:105:106::/nonexistent:/bin/false\n"),
            ("/usr/sbin/mariadbd", "x"),
            (
                "/var/lib/dpkg/status",
                "Package: mariadb-server-core\nStatus: install ok installed\nVersion: 1:10.11.14-0+deb12u2\n",
            ),
            ("/var/lib/dpkg/info/mariadb-server-core.list", "/usr/sbin/mariadbd\n"),
            ("/lib/systemd/system/mariadb.service", "[Service]\n"),
            (
                "/etc/systemd/system/multi-user.target.wants/mariadb.service",
                "-> /lib/systemd/system/mariadb.service",
            ),
            ("/etc/mysql/my.cnf", "-> /etc/alternatives/my.cnf"),
            ("/etc/alternatives/my.cnf", "-> /etc/mysql/mariadb.cnf"),
            (
                "/etc/mysql/mariadb.cnf",
                "[client-server]\nsocket=/run/x.sock\n!includedir /etc/mysql/conf.d/\n",
            ),
            ("/etc/mysql/conf.d/50.cnf", "[mysqld]\nport=3306\nbind-address=0.0.0.0\n"),
            (
                "/etc/mysql/conf.d/70.cnf",
                "[mariadb-10.11]\nport=3307\nbind_address=127.0.0.1\ndatadir=/data/\n",
            ),
            ("/etc/mysql/conf.d/80.cnf", "[client]\npassword=hunter22\n"),
            ("/etc/mysql/conf.d/no.txt", "[mysqld]\nport=1\n"),
            ("/data/mysql/x", "1"),
            ("/data/my@002dshop/db.opt", "123"),
            ("/data/ibdata1", "1234"),
        ]);
        let [service] = facts.services.as_slice() else { panic!("{facts:?}") };
        assert_eq!(service.runtime.version.as_deref(), Some("10.11.14"));
        assert_eq!(
            (service.listens[0].address.as_str(), service.listens[0].port),
            ("127.0.0.1", 3307)
        );
        assert_eq!(service.databases, ["my-shop"]);
        assert_eq!(service.state[0].bytes, 8);
        assert_eq!(service.ids.unwrap().uid, 105);
        let secret: Vec<_> =
            service.configuration.iter().filter(|c| c.secret).map(|c| c.path.as_str()).collect();
        assert_eq!(secret, ["/etc/mysql/conf.d/80.cnf"]);
        assert!(facts.captured.contains_key("/etc/mysql/mariadb.cnf"));
        assert!(!facts.captured.contains_key("/etc/mysql/conf.d/80.cnf"));
    }

    #[test]
    fn one_that_does_not_start_is_a_question() {
        let facts = run(&[
            ("/usr/sbin/mysqld", "x"),
            ("/etc/systemd/system/multi-user.target.wants/x.service", "-> ../x.service"),
            ("/var/lib/mysql/mysql/x", "1"),
        ]);
        assert!(facts.services.is_empty());
        assert_eq!(facts.questions.len(), 1);
    }

    #[test]
    fn names_are_decoded() {
        assert_eq!(decode("a@002db@00e4"), "a-bä");
        assert_eq!(decode("a@zz@"), "a@zz@");
    }
}
