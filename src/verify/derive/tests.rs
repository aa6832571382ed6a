use super::derive;
use crate::inspect::source::memory::Memory;
use crate::model::evidence::Evidence;
use crate::model::inventory::{
    Inventory, Location, LocationKind, Role, Route, Runtime, Service, Site, Socket, SocketMessage,
};
use crate::model::scenario::{Action, Scenario};

fn location(modifier: &str, path: &str, kind: LocationKind, target: &str) -> Location {
    Location {
        modifier: modifier.to_owned(),
        path: path.to_owned(),
        kind,
        target: Some(target.to_owned()),
        status: None,
        body_limit: 2 << 20,
        auth: false,
        rate_limited: false,
        rate: None,
        upgrade: false,
        unbuffered: false,
        internal: false,
        fallback: None,
        alias: false,
        evidence: Evidence::line("/etc/nginx/nginx.conf", 1),
    }
}

fn route(method: &str, path: &str, fields: &[&str]) -> Route {
    Route {
        method: method.to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        upload: None,
        events: path.ends_with("stream"),
        evidence: Evidence::line("/srv/a/app.js", 3),
    }
}

fn derived() -> Scenario {
    let runtime = |name: &str| Runtime { name: name.to_owned(), version: None };
    let mut proxy = Service::new("nginx", Role::Proxy, runtime("nginx"));
    proxy.sites.push(Site {
        locations: vec![
            location("", "/", LocationKind::Static, "/var/www"),
            location("", "/v1/", LocationKind::Proxy, "http://127.0.0.1:1"),
            location("=", "/old", LocationKind::Redirect, "/new"),
        ],
        ..Site::default()
    });
    let mut app = Service::new("app", Role::App, runtime("nodejs"));
    app.routes = vec![
        route("GET", "/v1/stream", &[]),
        route("POST", "/v1/signup", &["email", "password"]),
        route("POST", "/v1/session", &["email", "password"]),
        route("POST", "/v1/channels", &["title", "ownerId"]),
        route("GET", "/v1/channels/:channelId", &[]),
        route("GET", "/hidden", &[]),
    ];
    app.sockets.push(Socket {
        path: Some("/v1/live".to_owned()),
        library: "ws".to_owned(),
        messages: vec![SocketMessage {
            tag: "op".to_owned(),
            value: "say".to_owned(),
            fields: vec!["channel".to_owned(), "words".to_owned()],
        }],
        evidence: Evidence::line("/srv/a/app.js", 9),
    });
    let inventory = Inventory { services: vec![proxy, app], ..Inventory::default() };
    let source = Memory::new(&[
        ("/var/www/index.html", "<html>"),
        ("/var/www/a b.css", "x"),
        ("/var/www/.secret", "x"),
        ("/srv/a/app.js", "send({ op: 'say', words });"),
    ]);
    derive(&inventory, &source)
}

fn requests(scenario: &Scenario) -> Vec<String> {
    scenario
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Request(request) => Some(format!("{} {}", request.method, request.path)),
            _ => None,
        })
        .collect()
}

#[test]
fn asks_what_is_there_and_only_that() {
    let asked = requests(&derived());
    for wanted in [
        "GET /index.html",
        "GET /a%20b.css",
        "GET /old",
        "POST /v1/signup",
        "POST /v1/session",
        "POST /v1/channels",
        "GET /v1/channels/${v1-channels-made-channelId}",
    ] {
        assert!(asked.iter().any(|request| request == wanted), "{wanted} is not in {asked:?}");
    }
    // Not behind the proxy; a file nobody may see; a stream that does not end.
    for not in ["GET /hidden", "GET /.secret", "GET /v1/stream"] {
        assert!(!asked.iter().any(|request| request == not), "{not}");
    }
}

#[test]
fn eight_hear_what_one_says() {
    let scenario = derived();
    let wait = scenario
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::WsExpect(expect) => Some(expect),
            _ => None,
        })
        .find(|expect| expect.sockets.len() == 7)
        .unwrap();
    assert_eq!(wait.matching.as_ref().unwrap()["op"], "say");
    let said = scenario.steps.iter().find_map(|step| match &step.action {
        Action::WsSend(send) => send.json.clone(),
        _ => None,
    });
    assert_eq!(said.unwrap()["channel"], "${v1-channels-made-channelId}");
}

#[test]
fn is_the_same_each_time_and_has_ids_of_its_own() {
    let (first, second) = (derived(), derived());
    assert_eq!(first, second);
    let mut ids: Vec<_> = first.steps.iter().map(|step| &step.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), first.steps.len());
    assert!(first.steps.len() <= 190);
}

#[test]
fn a_location_of_any_kind_is_asked() {
    use crate::model::inventory::LocationKind::{Deny, Proxy, Redirect, Return, Static};
    let mut proxy =
        Service::new("nginx", Role::Proxy, Runtime { name: "nginx".into(), version: None });
    let mut about = location("=", "/about", Static, "/srv/text/about.html");
    about.alias = true;
    let mut folder = location("^~", "/media/", Static, "/srv/media/");
    folder.alias = true;
    let mut captures = location("~", r"^/u/([a-z]+)/pic\.(png|jpg)$", Static, "/srv/pics/$1.$2");
    captures.alias = true;
    let locations = vec![
        location("", "/", Static, "/var/www"),
        about,
        folder,
        captures,
        location("~*", r"\.(css|js)$", Static, "/var/www"),
        location("~", r"^/v\d+/(.*)$", Proxy, "http://127.0.0.1:1"),
        location("~", r"^/(former|old)/(.+)$", Redirect, "/new/$2"),
        location("=", "/ping", Return, ""),
        location("~", r"/\.ht", Deny, ""),
        location("", "/empty/", Static, "/srv/none"),
    ];
    proxy.sites.push(Site { locations: locations.clone(), ..Site::default() });
    let inventory = Inventory { services: vec![proxy], ..Inventory::default() };
    let source = Memory::new(&[("/srv/text/about.html", "<html>"), ("/srv/media/a.png", "x")]);
    let scenario = derive(&inventory, &source);
    let asked = requests(&scenario);
    let steps: Vec<String> = scenario
        .steps
        .iter()
        .filter_map(|step| step.origin.as_ref().map(|origin| origin.fact.clone()))
        .collect();
    for location in &locations {
        let fact = super::files::fact(location);
        assert!(steps.contains(&fact), "{fact} is asked by none of {asked:?}");
    }
    for wanted in ["GET /about", "GET /media/a.png", "GET /ping", "GET /empty/"] {
        assert!(asked.iter().any(|request| request == wanted), "{wanted} is not in {asked:?}");
    }
}

#[test]
fn an_app_behind_a_named_location_is_asked() {
    let runtime = |name: &str| Runtime { name: name.to_owned(), version: None };
    let mut proxy = Service::new("nginx", Role::Proxy, runtime("nginx"));
    let mut files = location("", "/", LocationKind::Static, "/var/www");
    files.fallback = Some("@app".to_owned());
    let mut named = location("@", "app", LocationKind::Proxy, "http://127.0.0.1:1");
    named.internal = true;
    proxy.sites.push(Site { locations: vec![files, named], ..Site::default() });
    let mut app = Service::new("app", Role::App, runtime("nodejs"));
    app.routes = vec![route("GET", "/v1/items", &[])];
    let inventory = Inventory { services: vec![proxy, app], ..Inventory::default() };
    let asked = requests(&derive(&inventory, &Memory::new(&[("/var/www/index.html", "<html>")])));
    assert!(asked.iter().any(|request| request == "GET /v1/items"), "{asked:?}");
}
