//! Every point is turned on both targets by a change of the server, and by nothing else.

use jiff::civil::date;

use super::*;
use crate::model::choice::Traffic;
use crate::model::finding::Question;
use crate::model::inventory::{
    ConfigFile, InProcess, Location, Outgoing, Route, Runtime, Service, Site, Socket, State,
    StateKind, Variable,
};

fn service(id: &str, role: Role, runtime: &str, version: &str) -> Service {
    let runtime = Runtime { name: runtime.into(), version: Some(version.into()) };
    let mut service = Service::new(id, role, runtime);
    service.user = Some("shop".into());
    service.evidence = vec![Evidence::line(format!("/etc/systemd/system/{id}.service"), 1)];
    service
}

fn database(gibibytes: u64) -> Service {
    let mut database = service("db", Role::Database, "mariadb", "10.11.6");
    database.state.push(State {
        path: "/var/lib/mysql".into(),
        kind: StateKind::Database,
        bytes: gibibytes << 30,
        path_from: None,
    });
    database
}

/// A server with one app, changed, assessed on a day of 2026.
fn compared(change: impl FnOnce(&mut Inventory)) -> Choice {
    let mut app = service("shop", Role::App, "nodejs", "24.1.0");
    app.routes.push(Route {
        method: "GET".into(),
        path: "/items".into(),
        query: vec![],
        fields: vec![],
        upload: None,
        events: false,
        evidence: Evidence::line("/srv/shop/app.js", 3),
    });
    let mut inventory = Inventory { services: vec![app], ..Inventory::default() };
    inventory.os.id = "debian".into();
    inventory.os.version = "12".into();
    change(&mut inventory);
    crate::assess::assess(&mut inventory, date(2026, 11, 25));
    inventory.choice
}

fn point(choice: &Choice, id: &str) -> Point {
    choice.points.iter().find(|point| point.id == id).unwrap().clone()
}

/// The point is another on both targets, and the changed side says why with a place.
fn turns(id: &str, change: impl FnOnce(&mut Inventory)) -> Point {
    let before = point(&compared(|_| ()), id);
    let after = point(&compared(change), id);
    assert_ne!(before.k8s.reasons, after.k8s.reasons, "{id} on Kubernetes");
    assert_ne!(before.sam.reasons, after.sam.reasons, "{id} on serverless");
    assert_ne!(before.k8s.summary, after.k8s.summary, "{id} on Kubernetes");
    assert_ne!(before.sam.summary, after.sam.summary, "{id} on serverless");
    for side in [&after.k8s, &after.sam] {
        assert!(side.reasons.iter().any(|reason| !reason.evidence.is_empty()), "{side:?}");
    }
    after
}

fn proxy(app: &mut Inventory, kind: crate::model::inventory::LocationKind) {
    let mut proxy = service("web", Role::Proxy, "nginx", "1.22.1");
    proxy.configuration.push(ConfigFile {
        path: "/etc/nginx/nginx.conf".into(),
        secret: false,
        mode: 0o644,
    });
    let location = Location {
        modifier: String::new(),
        path: "/".into(),
        kind,
        target: None,
        status: None,
        body_limit: 20 << 20,
        auth: false,
        rate_limited: false,
        rate: None,
        upgrade: false,
        unbuffered: false,
        internal: false,
        fallback: None,
        alias: false,
        evidence: Evidence::line("/etc/nginx/nginx.conf", 9),
    };
    proxy.sites.push(Site { locations: vec![location], ..Site::default() });
    app.services.push(proxy);
}

use crate::model::inventory::LocationKind;

#[test]
fn control() {
    let point = turns("control", |it| proxy(it, LocationKind::Proxy));
    assert!(point.sam.reasons.iter().any(|reason| reason.text.contains("6 MB")));
}

#[test]
fn scaling() {
    let point = turns("scaling", |it| {
        let evidence = Evidence::line("/srv/shop/ws.js", 14);
        it.services[0]
            .in_process
            .push(InProcess { what: "broadcast".into(), evidence: evidence.clone() });
        it.services[0].sockets.push(Socket {
            path: Some("/ws".into()),
            library: "ws".into(),
            messages: vec![],
            evidence,
        });
    });
    assert!(point.k8s.summary.contains("one replica"), "{point:?}");
    assert_eq!(point.sam.reasons[0].evidence, [Evidence::line("/srv/shop/ws.js", 14)]);
}

#[test]
fn cost_at_idle() {
    let point = turns("cost-at-idle", |it| it.services.push(database(1)));
    assert!(point.sam.summary.starts_with("$13.98"), "{}", point.sam.summary);
    let larger = turns("cost-at-idle", |it| it.services.push(database(100)));
    assert!(larger.sam.summary.starts_with("$70.45"), "{}", larger.sam.summary);
    // What only stands elsewhere is in no sum.
    let mut outside = service("db", Role::Database, "mysql", "8");
    outside.listens.clear();
    let choice = compared(|it| it.services.push(outside));
    assert!(point_sum(&choice).starts_with("$0.00"), "{choice:?}");
    let called = compared(|it| {
        it.services.push(database(1));
        let evidence = Evidence::line("/srv/shop/mail.js", 2);
        it.services[0].outgoing.push(Outgoing { host: "mail".into(), port: None, evidence });
    });
    assert!(point_sum(&called).starts_with("$46.83"), "{}", point_sum(&called));
}

fn point_sum(choice: &Choice) -> String {
    point(choice, "cost-at-idle").sam.summary
}

#[test]
fn cost_at_peak() {
    let traffic = |busiest_hour| Traffic {
        requests: 500_000,
        seconds: 36_000,
        busiest_hour,
        evidence: vec![Evidence::file("/var/log/nginx/access.log")],
        partial: false,
    };
    let point = turns("cost-at-peak", |it| it.traffic = Some(traffic(360_000)));
    // 79.2 million requests: 1.20 dollars a million, and 0.1 s of half a gigabyte each.
    assert!(point.sam.summary.starts_with("$161.04"), "{}", point.sam.summary);
    assert!(point.k8s.reasons[0].text.contains("2 replicas"), "{point:?}");
    // State in the process holds it at one.
    let held = compared(|it| {
        it.traffic = Some(traffic(360_000));
        let evidence = Evidence::line("/srv/shop/app.js", 4);
        it.services[0].in_process.push(InProcess { what: "sessions".into(), evidence });
    });
    assert!(!super::tests::point(&held, "cost-at-peak").k8s.reasons[0].text.contains("replicas"));
    // A rate that nobody counted is said to be an assumption.
    assert!(compared(|_| ()).assumptions.iter().any(|one| one.what.contains("no access log")));
    let counted = compared(|it| it.traffic = Some(traffic(9)));
    assert!(counted.assumptions.iter().any(|one| one.figure.starts_with("9 (500000")));
}

#[test]
fn lock_in() {
    let point = turns("lock-in", |it| {
        it.services.push(database(1));
        it.services[0].environment.push(Variable {
            name: "DB_PASSWORD".into(),
            secret: true,
            default: None,
            set_in: Some(Evidence::line("/etc/shop.env", 2)),
            read_in: None,
        });
    });
    assert!(point.sam.reasons.iter().any(|reason| {
        reason.text.starts_with("Secrets Manager")
            && reason.evidence == [Evidence::line("/etc/shop.env", 2)]
    }));
}

#[test]
fn runtimes() {
    let old = |it: &mut Inventory| it.services[0].runtime.version = Some("18.20.4".into());
    let point = turns("runtimes", old);
    assert_eq!(point.sam.summary, "0 of 1 managed, else an image");
    assert!(point.k8s.summary.contains("past its end"), "{}", point.k8s.summary);
}

#[test]
fn local_development() {
    let point = turns("local-development", |it| it.services.push(database(1)));
    assert!(point.sam.reasons.iter().any(|reason| reason.text.contains("SAM starts no db")));
}

#[test]
fn patching() {
    let point = turns("patching", |it| it.services[0].runtime.version = Some("18.20.4".into()));
    assert!(point.sam.summary.contains("1 overdue"), "{}", point.sam.summary);
    let system = compared(|it| it.os.version = "10".into());
    assert!(super::tests::point(&system, "patching").k8s.summary.contains("overdue"));
}

#[test]
fn effort() {
    let point = turns("effort", |it| {
        it.questions.push(Question {
            id: "shop-port".into(),
            service: Some("shop".into()),
            question: "where does shop listen?".into(),
            answer_in: "workloads[shop].ports".into(),
            blocking: true,
            evidence: vec![Evidence::line("/srv/shop/app.js", 9)],
        });
    });
    assert_eq!(point.k8s.summary, "1 change");
}

#[test]
fn nothing_that_runs_is_compared() {
    assert!(compared(|it| it.services.clear()).is_empty());
}

/// Only sockets: no figure pretends that functions could be paid for.
#[test]
fn a_refused_target_has_no_price() {
    let choice = compared(|it| {
        let evidence = Evidence::line("/srv/shop/ws.js", 14);
        let app = &mut it.services[0];
        app.routes.clear();
        app.in_process.push(InProcess { what: "broadcast".into(), evidence: evidence.clone() });
        app.sockets.push(Socket { path: None, library: "ws".into(), messages: vec![], evidence });
    });
    for point in &choice.points {
        assert!(!point.sam.summary.contains('$'), "{}", point.sam.summary);
    }
}
