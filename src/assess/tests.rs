//! Tests of the rules.

use jiff::civil::date;

use super::*;
use crate::model::inventory::{
    ConfigFile, FitVerdict, InProcess, Listen, Location, Os, Role, Route, Runtime, Site, Socket,
    State, StateKind, TrustProxy,
};

fn service(id: &str, role: Role, runtime: &str, version: &str) -> Service {
    Service::new(id, role, Runtime { name: runtime.into(), version: Some(version.into()) })
}

fn app() -> Service {
    let mut app = service("shop", Role::App, "nodejs", "18.20.4");
    app.listens.push(Listen {
        address: "127.0.0.1".into(),
        port: 3000,
        protocol: "http".into(),
        address_from: Some("HOST".into()),
        port_from: None,
        evidence: None,
    });
    app
}

fn assessed(services: Vec<Service>) -> Inventory {
    let os =
        Os { id: "debian".into(), version: "12".into(), timezone: "UTC".into(), ..Os::default() };
    let mut inventory = Inventory { os, services, ..Inventory::default() };
    assess(&mut inventory, date(2026, 11, 24));
    inventory
}

fn severity(inventory: &Inventory, id: &str) -> Option<Severity> {
    inventory.findings.iter().find(|finding| finding.id == id).map(|finding| finding.severity)
}

#[test]
fn an_address_that_a_variable_sets_is_advice_and_a_fixed_one_a_blocker() {
    assert_eq!(severity(&assessed(vec![app()]), "listens-on-loopback"), Some(Severity::Advice));
    let mut fixed = app();
    fixed.listens[0].address_from = None;
    fixed.listens[0].evidence = Some(Evidence::line("/srv/shop/app.js", 12));
    let inventory = assessed(vec![fixed]);
    assert_eq!(severity(&inventory, "listens-on-loopback"), Some(Severity::Blocker));
    assert_eq!(inventory.fit.k8s.verdict, FitVerdict::Changes);
    let blocker = inventory.findings.iter().find(|one| one.id == "listens-on-loopback");
    assert_eq!(blocker.unwrap().evidence, [Evidence::line("/srv/shop/app.js", 12)]);
    let asked = crate::plan::questions(&inventory);
    let asked = asked.iter().find(|one| one.id == "shop-listen-address").unwrap();
    assert!(asked.blocking && asked.question.contains("/srv/shop/app.js:12"), "{asked:?}");
    // An address of the old machine is as unreachable as loopback: no container has it.
    let mut old = app();
    old.listens[0].address = "192.0.2.7".into();
    assert_eq!(severity(&assessed(vec![old]), "listens-on-loopback"), Some(Severity::Advice));
    let mut open = app();
    open.listens[0].address = "0.0.0.0".into();
    let inventory = assessed(vec![open]);
    assert_eq!(severity(&inventory, "listens-on-loopback"), None);
    assert_eq!(inventory.fit.k8s.verdict, FitVerdict::Ready);
    assert!(inventory.fit.k8s.reasons.is_empty());
}

#[test]
fn trust_of_loopback() {
    let mut app = app();
    let evidence = Evidence::line("/srv/shop/app.js", 9);
    app.trust_proxy = Some(TrustProxy { value: "loopback".into(), variable: None, evidence });
    let inventory = assessed(vec![app.clone()]);
    assert_eq!(severity(&inventory, "trusts-loopback-only"), Some(Severity::Blocker));
    assert!(inventory.findings[0].remedy.contains("/srv/shop/app.js:9"));
    if let Some(trust) = &mut app.trust_proxy {
        trust.variable = Some("TRUST_PROXY".into());
    }
    assert_eq!(
        severity(&assessed(vec![app.clone()]), "trusts-loopback-only"),
        Some(Severity::Risk)
    );
    if let Some(trust) = &mut app.trust_proxy {
        trust.value = "10.0.0.0/8".into();
    }
    let inventory = assessed(vec![app.clone()]);
    assert_eq!(severity(&inventory, "trusts-loopback-only"), None);
    assert_eq!(severity(&inventory, "trusts-private-addresses"), Some(Severity::Risk));
    let mut with = |value: &str, id: &str| {
        app.trust_proxy.as_mut().unwrap().value = value.into();
        severity(&assessed(vec![app.clone()]), id)
    };
    assert_eq!(with("1", "trusts-by-count"), Some(Severity::Risk));
    assert_eq!(with("true", "trusts-everyone"), Some(Severity::Risk));
    assert_eq!(with("loopback, uniquelocal", "trusts-private-addresses"), Some(Severity::Risk));
    assert_eq!(with("loopback, uniquelocal", "trusts-loopback-only"), Some(Severity::Risk));
    for value in ["0", "false", "10.0.0.5", "10.0.0.5/32", "203.0.113.0/24"] {
        app.trust_proxy.as_mut().unwrap().value = value.into();
        assert!(assessed(vec![app.clone()]).findings.iter().all(|one| !one.id.contains("trust")));
    }
}

#[test]
fn files_shared_by_proxy_and_app() {
    let state = |path: &str| State {
        path: path.into(),
        kind: StateKind::Uploads,
        bytes: 1,
        path_from: None,
    };
    let mut proxy = service("nginx", Role::Proxy, "nginx", "1.22.1");
    proxy.state.push(state("/var/lib/shop/media"));
    let mut app = app();
    app.state.push(state("/var/lib/shop"));
    let inventory = assessed(vec![proxy, app.clone()]);
    assert_eq!(severity(&inventory, "files-shared"), Some(Severity::Risk));
    assert_eq!(severity(&assessed(vec![app]), "files-shared"), None);
}

#[test]
fn proxies() {
    let location = |path: &str| Location {
        modifier: String::new(),
        path: path.into(),
        kind: crate::model::inventory::LocationKind::Proxy,
        target: None,
        status: None,
        body_limit: 0,
        auth: false,
        rate_limited: path == "/login",
        rate: None,
        upgrade: path == "/ws",
        unbuffered: false,
        internal: false,
        fallback: None,
        alias: false,
        evidence: Evidence::line("/etc/nginx/x", 3),
    };
    let mut proxy = service("nginx", Role::Proxy, "nginx", "1.22.1");
    proxy.sites.push(Site {
        server_names: vec!["shop.example.org".into()],
        tls: true,
        locations: vec![location("/login"), location("/ws")],
        ..Site::default()
    });
    let inventory = assessed(vec![proxy]);
    for id in ["rate-limit-by-address", "tls-ends-here"] {
        assert_eq!(severity(&inventory, id), Some(Severity::Risk), "{id}");
    }
    assert_eq!(severity(&inventory, "long-connections"), Some(Severity::Advice));
}

#[test]
fn end_of_life_depends_on_the_day_and_the_package() {
    assert_eq!(severity(&assessed(vec![app()]), "runtime-end-of-life"), Some(Severity::Risk));
    let mut packaged = app();
    packaged.packages.push("nodejs".into());
    assert_eq!(severity(&assessed(vec![packaged]), "runtime-end-of-life"), Some(Severity::Advice));
    let current = service("x", Role::App, "nodejs", "24.1.0");
    assert_eq!(severity(&assessed(vec![current]), "runtime-end-of-life"), None);
}

#[test]
fn readable_secret_files() {
    let mut app = app();
    app.configuration.push(ConfigFile { path: "/etc/shop.env".into(), secret: true, mode: 0o644 });
    assert_eq!(
        severity(&assessed(vec![app.clone()]), "secret-file-readable"),
        Some(Severity::Risk)
    );
    app.configuration[0].mode = 0o640;
    assert_eq!(severity(&assessed(vec![app]), "secret-file-readable"), None);
}

#[test]
fn functions_split_or_refuse() {
    let mut app = app();
    let evidence = Evidence::line("/srv/shop/ws.js", 4);
    app.sockets.push(Socket {
        path: Some("/ws".into()),
        library: "ws".into(),
        messages: vec![],
        evidence: evidence.clone(),
    });
    app.in_process.push(InProcess { what: "broadcast".into(), evidence: evidence.clone() });
    let inventory = assessed(vec![app.clone()]);
    assert_eq!(inventory.fit.sam.verdict, FitVerdict::Refused);
    assert_eq!(severity(&inventory, "state-in-process"), Some(Severity::Risk));
    app.routes.push(Route {
        method: "GET".into(),
        path: "/api/items".into(),
        query: vec![],
        fields: vec![],
        upload: None,
        events: false,
        evidence,
    });
    let inventory = assessed(vec![app]);
    assert_eq!(inventory.fit.sam.verdict, FitVerdict::Changes);
    assert!(inventory.fit.sam.reasons.iter().any(|reason| reason.contains("/srv/shop/ws.js:4")));
}

#[test]
fn nothing_found_is_refused_with_a_reason() {
    let inventory = assessed(vec![]);
    assert_eq!(inventory.fit.k8s.verdict, FitVerdict::Refused);
    assert!(!inventory.fit.sam.reasons.is_empty());
}
