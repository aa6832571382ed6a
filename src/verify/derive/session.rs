//! People: accounts are made and logged in as the code shows, so that all else can be asked as
//! someone.

use serde_json::{Map, Value};

use super::Subject;
use super::build::{Builder, Draft};
use super::guess;
use crate::model::inventory::Route;
use crate::model::scenario::Body;

/// Everyone: two who do all, and six more who are only there. Log-ins are often rate limited.
pub(super) const EVERYONE: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Who can be made up on this server.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Clients that are logged in, if the application works as its code looks.
    pub clients: Vec<&'static str>,
    /// Whether a log-in gives a token that is sent along.
    bearer: bool,
}

impl People {
    /// Headers that show who a client is.
    pub(super) fn headers(&self, client: &str) -> Vec<(String, String)> {
        if self.bearer && self.clients.contains(&client) {
            vec![("Authorization".to_owned(), format!("Bearer ${{token-{client}}}"))]
        } else {
            Vec::new()
        }
    }
}

fn last(route: &Route) -> String {
    let last = route.path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    last.to_lowercase().replace(['-', '_'], "")
}

fn has_password(route: &Route) -> bool {
    route.fields.iter().any(|field| guess::is_password(field))
}

fn post<'i>(subject: &Subject<'i>, names: &[&str]) -> Option<&'i Route> {
    subject.app?.routes.iter().find(|route| {
        route.method == "POST" && has_password(route) && names.contains(&last(route).as_str())
    })
}

/// The route that makes an account, and the one that logs in.
pub(super) fn routes<'i>(subject: &Subject<'i>) -> (Option<&'i Route>, Option<&'i Route>) {
    let register = post(
        subject,
        &["register", "signup", "registration", "users", "accounts", "user", "account", "join"],
    );
    let login = post(
        subject,
        &["login", "signin", "session", "sessions", "auth", "authenticate", "token", "tokens"],
    );
    (register, login)
}

/// The route that logs out.
pub(super) fn logout<'i>(subject: &Subject<'i>) -> Option<&'i Route> {
    subject.app?.routes.iter().find(|route| {
        matches!(last(route).as_str(), "logout" | "signout" | "logoff")
            && matches!(route.method.as_str(), "POST" | "GET" | "DELETE" | "ALL")
    })
}

fn account(route: &Route, client: &str) -> Value {
    let fields: Map<String, Value> =
        route.fields.iter().map(|name| (name.clone(), guess::account(name, client))).collect();
    Value::Object(fields)
}

fn fact(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// Makes and logs in people.
pub(super) fn steps(subject: &Subject<'_>, builder: &mut Builder) -> People {
    let mut people = People::default();
    let Some(app) = subject.app else { return people };
    let (register, login) = routes(subject);
    people.bearer = app.environment.iter().any(|variable| variable.name.contains("JWT"));
    let sockets = app.sockets.iter().any(|socket| socket.library == "ws");
    let everyone = if sockets { &EVERYONE[..] } else { &EVERYONE[..2] };
    let mut ask = |name: String, route: &Route, client: &str, fields: Value, token: bool| {
        let Some(path) = subject.outside(&route.path) else { return false };
        let mut draft = Draft::request(&name, "POST", &path)
            .client(client)
            .body(Body::Json(fields))
            .writes()
            .origin(&app.id, fact(route), Some(&route.evidence));
        if token {
            draft = draft.keep_match(
                &format!("token-{client}"),
                r#""(?:access_?[tT]oken|token|jwt)"\s*:\s*"([^"]+)""#,
            );
        }
        builder.add(draft);
        true
    };
    if let Some(route) = register {
        ask("register-empty".to_owned(), route, "z", Value::Object(Map::new()), false);
        for client in everyone {
            let made = ask(
                format!("register-{client}"),
                route,
                client,
                account(route, client),
                people.bearer && login.is_none(),
            );
            if made {
                people.clients.push(client);
            }
        }
        ask("register-again".to_owned(), route, "z", account(route, "a"), false);
    }
    if let Some(route) = login {
        ask("login-wrong".to_owned(), route, "z", wrong(route), false);
        // Only those who are there can come in.
        for client in people.clients.clone() {
            ask(format!("login-{client}"), route, client, account(route, client), people.bearer);
        }
    }
    people
}

/// A log-in by someone who does not exist.
fn wrong(route: &Route) -> Value {
    account(route, "nobody")
}

/// Logs out again.
pub(super) fn end(subject: &Subject<'_>, builder: &mut Builder, people: &People) {
    let (Some(app), Some(route)) = (subject.app, logout(subject)) else { return };
    let Some(path) = subject.outside(&route.path) else { return };
    let method = if route.method == "ALL" { "POST" } else { &route.method };
    builder.add(
        Draft::request("logout", method, &path).headers(&people.headers("a")).writes().origin(
            &app.id,
            fact(route),
            Some(&route.evidence),
        ),
    );
    // What could be read before.
    let private = app.routes.iter().find(|it| {
        it.method == "GET"
            && matches!(last(it).as_str(), "me" | "profile" | "account" | "whoami" | "session")
    });
    if let Some(route) = private
        && let Some(path) = subject.outside(&route.path)
    {
        builder.add(Draft::get("after-logout", &path).origin(
            &app.id,
            fact(route),
            Some(&route.evidence),
        ));
    }
}
