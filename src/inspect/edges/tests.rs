//! Tests of the edges.

use super::*;
use crate::inspect::parse::secret;
use crate::inspect::source::memory::Memory;
use crate::model::inventory::Variable;

fn service(id: &str, role: Role, runtime: &str, listens: &[(&str, u16)]) -> Service {
    let mut service = Service::new(id, role, Runtime { name: runtime.to_owned(), version: None });
    service.listens = listens
        .iter()
        .map(|(address, port)| Listen {
            address: (*address).to_owned(),
            port: *port,
            protocol: "tcp".to_owned(),
            address_from: None,
            port_from: None,
            evidence: None,
        })
        .collect();
    service
}

fn facts(environment: &[(&str, &str)]) -> Facts {
    let mut facts = Facts::default();
    let mut app = service("app", Role::App, "nodejs", &[("127.0.0.1", 3000)]);
    for (line, (name, value)) in environment.iter().enumerate() {
        let secret = secret::is_secret(name, value);
        facts.values.set("app", name, value);
        app.environment.push(Variable {
            name: (*name).to_owned(),
            secret,
            default: (!secret).then(|| (*value).to_owned()),
            set_in: Some(Evidence::line("/etc/app.env", u32::try_from(line + 1).unwrap())),
            read_in: None,
        });
    }
    facts.services = vec![
        app,
        service(
            "mariadb",
            Role::Database,
            "mariadb",
            &[("127.0.0.1", 3306), ("/run/mysqld/mysqld.sock", 0)],
        ),
        service("redis", Role::Cache, "redis", &[("127.0.0.1", 6379)]),
    ];
    facts
}

fn edges(environment: &[(&str, &str)]) -> Facts {
    let mut facts = facts(environment);
    find(&Memory::new(&[("/etc/hosts", "127.0.1.1 old-server db\n")]), &mut facts);
    facts
}

fn pairs(facts: &Facts) -> Vec<(&str, u16)> {
    facts.edges.iter().map(|edge| (edge.to.as_str(), edge.port)).collect()
}

#[test]
fn variables_of_a_database() {
    let facts = edges(&[
        ("HOST", "127.0.0.1"),
        ("PORT", "3000"),
        ("DB_HOST", "127.0.0.1"),
        ("DB_PORT", "3306"),
        ("DB_USER", "shop"),
        ("DB_PASSWORD", "x"),
        ("DB_NAME", "shop"),
    ]);
    assert_eq!(pairs(&facts), [("mariadb", 3306)]);
    let variables = facts.edges[0].variables.clone().unwrap();
    assert_eq!(variables.host.as_deref(), Some("DB_HOST"));
    assert_eq!(variables.password.as_deref(), Some("DB_PASSWORD"));
    assert_eq!(variables.database.as_deref(), Some("DB_NAME"));
    assert_eq!(facts.edges[0].evidence[0], Evidence::line("/etc/app.env", 3));
}

#[test]
fn a_url_with_a_password() {
    let facts =
        edges(&[("DATABASE_URL", "mysql://a:p@db/shop"), ("CACHE", "redis://:x@localhost:6379/1")]);
    assert_eq!(pairs(&facts), [("mariadb", 3306), ("redis", 6379)]);
    assert_eq!(facts.edges[0].variables.clone().unwrap().url.as_deref(), Some("DATABASE_URL"));
}

#[test]
fn a_socket() {
    let facts = edges(&[
        ("MYSQL_SOCKET", "/var/run/mysqld/mysqld.sock"),
        ("MYSQL_USER", "a"),
        ("MYSQL_PASSWORD", "x"),
    ]);
    assert_eq!(pairs(&facts), [("mariadb", 0)]);
    assert_eq!(facts.edges[0].socket.as_deref(), Some("/var/run/mysqld/mysqld.sock"));
}

#[test]
fn a_database_elsewhere_is_a_service_with_a_finding() {
    let facts = edges(&[("DATABASE_URL", "postgres://a:hunter22@pg.example.org/shop")]);
    assert_eq!(pairs(&facts), [("postgresql", 5432)]);
    assert!(facts.services.iter().any(|s| s.id == "postgresql" && s.role == Role::Database));
    assert_eq!(facts.findings[0].id, "external-service");
    assert!(!format!("{facts:?}").contains("hunter22"));
}

#[test]
fn a_proxys_upstream() {
    let mut facts = facts(&[]);
    facts.services.push(service("nginx", Role::Proxy, "nginx", &[("0.0.0.0", 80)]));
    for (to, port) in [("127.0.0.1:3000", 3000), ("localhost:4000", 4000), ("10.1.1.1:80", 80)] {
        facts.edges.push(Edge {
            from: "nginx".into(),
            to: to.into(),
            port,
            evidence: vec![],
            variables: None,
            socket: None,
        });
    }
    find(&Memory::new(&[]), &mut facts);
    assert_eq!(pairs(&facts), [("app", 3000)]);
    let blocking: Vec<_> = facts.questions.iter().map(|q| q.blocking).collect();
    assert_eq!(blocking, [true, false]);
}

#[test]
fn mail_is_no_database() {
    let facts =
        edges(&[("SMTP_HOST", "mail.example.org"), ("SMTP_PASSWORD", "x"), ("APP_NAME", "x")]);
    assert!(facts.edges.is_empty());
}

#[test]
fn a_store_that_is_not_there_is_asked_for() {
    let facts = edges(&[
        ("BROKER", "amqp://a:hunter22@localhost"),
        ("PG_SOCKET", "/run/postgresql/.s.PGSQL.5432"),
        ("PG_PASSWORD", "hunter22"),
    ]);
    // What is set and not there is a service all the same; a socket's is asked for alone.
    assert_eq!(pairs(&facts), [("rabbitmq", 5672)]);
    let asked: Vec<&str> = facts.questions.iter().map(|it| it.question.as_str()).collect();
    assert!(asked[0].contains("by BROKER of rabbitmq on port 5672"), "{asked:?}");
    assert!(asked[1].contains("of postgresql on /run/postgresql/"), "{asked:?}");
    assert!(facts.questions.iter().all(|it| it.blocking));
    assert!(!format!("{facts:?}").contains("hunter22"));
}

#[test]
fn a_library_tells_what_variables_do_not() {
    let mut facts = facts(&[]);
    let place = |line| Some(Evidence::line("/config.js", line));
    for (name, default, line) in [("DB_HOST", "127.0.0.1", 3), ("DB_PORT", "3306", 4)] {
        facts.services.retain(|service| service.role == Role::App);
        facts.services[0].environment.push(crate::model::inventory::Variable {
            name: name.into(),
            secret: false,
            default: Some(default.into()),
            set_in: None,
            read_in: place(line),
        });
    }
    facts.services[0].environment.push(crate::model::inventory::Variable {
        name: "DB_PASSWORD".into(),
        secret: true,
        default: None,
        set_in: None,
        read_in: place(5),
    });
    facts.services[0].evidence.push(Evidence::file("/package.json"));
    let manifest = "{\"dependencies\": {\"mysql2\": \"3\", \"express\": \"4\"}}";
    find(&Memory::new(&[("/package.json", manifest)]), &mut facts);
    let store = facts.services.iter().find(|service| service.role == Role::Database).unwrap();
    assert_eq!((store.runtime.name.as_str(), store.listens[0].port), ("mysql", 3306));
    assert_eq!(pairs(&facts), [("mysql", 3306)]);
    assert!(facts.questions[0].question.contains("of mysql on port 3306"));
    assert_eq!(store.evidence, [Evidence::line("/config.js", 3), Evidence::line("/config.js", 4)]);
}
