//! One rule for each kind of difference.

use super::nginx::{self, Directive};
use super::{Clues, at, manifest, text};
use crate::model::verdict::Cause;
use crate::verify::compare::{BELIEVED, Difference, Kind, LOST, What};

/// The likely cause.
pub(super) fn cause(clues: &Clues<'_>, difference: &Difference) -> Cause {
    let path = difference.path.as_str();
    match &difference.kind {
        Kind::Handshake(_, 401 | 403) => {
            session(clues, path, "the upgrade is refused as from a stranger")
        }
        Kind::Handshake(..) => upgrade(clues, path),
        Kind::Limit(status) => limit(clues, path, *status, &difference.summary),
        Kind::Status(_, 413) | Kind::Status(413, _) => body_size(clues, path),
        Kind::Lost | Kind::Surplus | Kind::Disorder | Kind::Value(_, true)
            if !is_wide(difference) =>
        {
            heard(clues, difference)
        }
        Kind::Doubled => replicas(clues, "messages arrive twice: two processes send them"),
        Kind::Closed => directive_or(
            clues,
            path,
            "proxy_read_timeout",
            "",
            "the proxy ends connections after its read timeout",
        ),
        Kind::ContentType(first, migrated) => mime(clues, path, first, migrated),
        Kind::Encoding => {
            directive_or(clues, path, "gzip", "", "compression is set in another way")
        }
        Kind::Cookie(attribute) => cookie(clues, path, attribute),
        Kind::Definition(kind, name) => definition(clues, kind, name, &difference.summary),
        Kind::Joined => text(
            "what stands between function and client joins cookies by commas: payload 2.0 has a list of them (`cookies`)",
        ),
        Kind::Encoded => text(
            "the function's answer is base64 without `isBase64Encoded`, or the API does not undo it",
        ),
        Kind::Frozen => text(
            "what the application does after its answer waits, frozen, for the function's next call: it has to be done before",
        ),
        Kind::Copied(table, keys) => copied(table, keys),
        Kind::Rows(table) => text(format!(
            "table {table} is not written as before: a trigger, a job, or a write of the app is missing"
        )),
        Kind::Identity => text(
            "an id is not kept or is given twice: sessions or sequences are not shared, or a cache answers for others",
        ),
        Kind::Location => forwarded(clues, path, &difference.group),
        Kind::Header(name) => header(clues, path, name),
        Kind::ErrorPage => {
            directive_or(clues, path, "error_page", "", "the proxy's own error page is not served")
        }
        Kind::Internals => {
            variable_or(clues, &["NODE_ENV", "_ENV", "DEBUG"], "the app runs in development mode")
        }
        Kind::Broken => directive_or(
            clues,
            path,
            "proxy_buffering",
            "",
            "the proxy or the app ends answers early (timeouts, memory limit)",
        ),
        Kind::Failed(_) | Kind::Status(_, 502 | 503) => directive_or(
            clues,
            path,
            "proxy_pass",
            "",
            "the app behind the proxy does not answer: see its log and its probes",
        ),
        Kind::Status(_, 504) => directive_or(
            clues,
            path,
            "proxy_read_timeout",
            "",
            "the proxy waits less long for the app",
        ),
        Kind::Status(..) => status(clues, path, difference),
        Kind::Answered => directive_or(
            clues,
            path,
            "allow",
            "",
            "what the original closes without an answer is answered",
        ),
        Kind::Skipped => text("an earlier answer lacks the value that the step needs"),
        Kind::Body => directive_or(
            clues,
            path,
            "root",
            "",
            "the file in the image or volume is another than on the source",
        ),
        _ => value(clues, path, difference),
    }
}

/// Charset, time zone and address faults are wide: they show in messages, too.
fn is_wide(difference: &Difference) -> bool {
    matches!(
        difference.kind,
        Kind::Value(What::Zone | What::Scheme | What::Authority | What::Address | What::Drift, _)
    ) || difference.group.ends_with("charset")
}

fn point(directive: &Directive, words: impl Into<String>) -> Cause {
    at(words, &directive.file, directive.line)
}

/// Points at a directive that holds for a path, else at the location, else nowhere; and at the
/// one that held on the source.
fn directive_or(clues: &Clues<'_>, path: &str, name: &str, word: &str, words: &str) -> Cause {
    let location = clues.nginx.location(path);
    let mut cause = if let Some(found) = clues.nginx.directive(location, name, word) {
        point(found, format!("{words} (`{} {}`)", found.name, cut(&found.value)))
    } else if let Some(index) = location {
        let block = &clues.nginx.blocks[index];
        at(format!("{words} (no `{name}` in location {})", block.path), &block.file, block.line)
    } else {
        text(words)
    };
    // Where requests are passed on, the app's own line says more.
    if name != "proxy_pass" {
        cause.evidence = clues.on_source(path, name, word);
    }
    cause
}

fn variable_or(clues: &Clues<'_>, words: &[&str], otherwise: &str) -> Cause {
    match manifest::variable(clues.tree, words) {
        Some(line) => at(format!("{otherwise}: see this variable"), &line.file, line.number),
        None => text(otherwise),
    }
}

fn cut(value: &str) -> String {
    value.chars().take(80).collect()
}

fn upgrade(clues: &Clues<'_>, path: &str) -> Cause {
    let location = clues.nginx.location(path);
    let Some(index) = location else {
        return text(
            "the proxy does not pass the upgrade on: `Upgrade` and `Connection` must be set for this path",
        );
    };
    let block = &clues.nginx.blocks[index];
    let set = clues.nginx.directive(location, "proxy_set_header", "Upgrade");
    let passed = set.filter(|directive| {
        directive.value.contains("http_upgrade")
            || directive.value.to_ascii_lowercase().contains("websocket")
    });
    match passed {
        None => at(
            format!(
                "location {} does not pass the upgrade on: `proxy_set_header Upgrade $http_upgrade;` and `Connection` are missing",
                block.path
            ),
            &block.file,
            set.map_or(block.line, |directive| directive.line),
        ),
        Some(directive) => {
            if clues.nginx.directive(location, "proxy_set_header", "Connection").is_none() {
                at(
                    format!("location {} sets no `Connection` header for the upgrade", block.path),
                    &block.file,
                    block.line,
                )
            } else {
                point(
                    directive,
                    "the upgrade to WebSocket is lost between proxy and app, or before the proxy (ingress)",
                )
            }
        }
    }
}

fn body_size(clues: &Clues<'_>, path: &str) -> Cause {
    let limit = clues.location(path).map(|location| location.body_limit);
    let was = limit.map_or(String::new(), |bytes| match bytes {
        0 => ", the original has no limit".to_owned(),
        bytes => format!(", the original allows {bytes} bytes"),
    });
    let location = clues.nginx.location(path);
    let ingress = manifest::find(clues.tree, |line| line.contains("proxy-body-size"));
    if let Some(found) = clues.nginx.directive(location, "client_max_body_size", "") {
        let same = nginx::bytes(&found.value).is_some_and(|own| Some(own) == limit);
        if same {
            if let Some(line) = ingress {
                return at(
                    format!("the ingress limits request bodies ({}){was}", line.text),
                    &line.file,
                    line.number,
                );
            }
            return point(
                found,
                format!(
                    "`client_max_body_size {}` is as before: a proxy in front of it limits request bodies{was}",
                    found.value
                ),
            );
        }
        return point(
            found,
            format!("`client_max_body_size {}` limits request bodies{was}", found.value),
        );
    }
    if let Some(line) = ingress {
        return at(
            format!("the ingress limits request bodies ({}){was}", line.text),
            &line.file,
            line.number,
        );
    }
    match location {
        Some(index) => {
            let block = &clues.nginx.blocks[index];
            let server = block.parent.map_or(block, |parent| &clues.nginx.blocks[parent]);
            at(
                format!("no `client_max_body_size`: the default of 1 MB holds{was}"),
                &server.file,
                server.line,
            )
        }
        None => text(format!(
            "a proxy limits request bodies (`client_max_body_size`, ingress `proxy-body-size`){was}"
        )),
    }
}

/// A limit that refuses in another way, more, less, or not at all.
fn limit(clues: &Clues<'_>, path: &str, status: u16, summary: &str) -> Cause {
    let location = clues.nginx.location(path);
    let limit = clues.nginx.directive(location, "limit_req", "");
    if summary.contains("in place of") {
        if let Some(found) = clues.nginx.directive(location, "limit_req_status", "") {
            return point(found, format!("`limit_req_status {}` holds here", found.value));
        }
        if let Some(found) = limit {
            return point(
                found,
                format!("no `limit_req_status` for this limit: refused with {status}, nginx's own"),
            );
        }
    }
    let Some(found) = limit else {
        return directive_or(clues, path, "limit_req", "", "requests are not limited here");
    };
    let zone = found.value.split_whitespace().find_map(|word| word.strip_prefix("zone="));
    let zones = || clues.nginx.directives.iter().filter(|one| one.name == "limit_req_zone");
    let rate =
        zone.and_then(|zone| zones().find(|one| one.value.contains(&format!("zone={zone}:"))));
    let rate = rate.map_or(String::new(), |one| format!(", its zone `{}`", cut(&one.value)));
    point(found, format!("requests are limited by `limit_req {}`{rate}", cut(&found.value)))
}

fn heard(clues: &Clues<'_>, difference: &Difference) -> Cause {
    let unbuffered = clues.location(&difference.path).is_some_and(|location| location.unbuffered);
    let path = difference.path.as_str();
    let many = clues.apps().map(|service| clues.workload(&service.id)).any(|workload| {
        manifest::replicas(clues.tree, &workload).is_some_and(|(_, number)| number > 1)
    });
    if unbuffered && !many {
        return directive_or(clues, path, "proxy_buffering", "", "the proxy holds events back");
    }
    replicas(
        clues,
        "messages do not reach clients of another replica: broadcast is kept in one process's memory",
    )
}

fn replicas(clues: &Clues<'_>, words: &str) -> Cause {
    let evidence = clues.in_process("broadcast").or_else(|| clues.in_process("session"));
    let app = clues
        .apps()
        .find(|service| !service.in_process.is_empty() || !service.sockets.is_empty())
        .or_else(|| clues.apps().next())
        .map(|service| clues.workload(&service.id));
    let mut cause = match manifest::replicas(clues.tree, app.as_deref().unwrap_or("")) {
        Some((line, number)) if number > 1 => {
            at(format!("{words} (`{}`)", line.text), &line.file, line.number)
        }
        Some((line, _)) => at(
            format!("{words}; the manifest asks for one replica: see how many run"),
            &line.file,
            line.number,
        ),
        None => text(format!("{words}; see how many replicas run")),
    };
    cause.evidence = evidence;
    cause
}

fn mime(clues: &Clues<'_>, path: &str, first: &str, migrated: &str) -> Cause {
    let name = path.split(['?', '#']).next().unwrap_or("");
    let extension =
        name.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, end)| end);
    let media = migrated.split(';').next().unwrap_or("").trim();
    if first.split(';').next() == migrated.split(';').next() {
        return directive_or(clues, path, "charset", "", "the charset is set in another way");
    }
    // A location with types of its own inherits none.
    if let Some(own) = clues.nginx.location(path).and_then(|block| {
        clues.nginx.directives.iter().find(|one| one.name == "types" && one.block == Some(block))
    }) {
        return point(
            own,
            format!("this location has types of its own: .{extension} is told here"),
        );
    }
    let maps = |directive: &&Directive| {
        !extension.is_empty()
            && directive.name.contains('/')
            && directive.value.split_whitespace().any(|word| word == extension)
    };
    let fitting = |directive: &&Directive| directive.name == media;
    if let Some(found) = clues
        .nginx
        .directives
        .iter()
        .filter(maps)
        .find(fitting)
        .or_else(|| clues.nginx.directives.iter().find(maps))
    {
        return point(
            found,
            format!("files ending in .{extension} are mapped to `{}`", found.name),
        );
    }
    if let Some(found) =
        clues.nginx.directives.iter().find(|one| one.name == "default_type" && one.value == media)
    {
        return point(
            found,
            format!("no type is mapped to .{extension}: `default_type {media}` holds"),
        );
    }
    if let Some(found) = clues
        .nginx
        .directives
        .iter()
        .find(|one| one.name == "include" && one.value.contains("mime.types"))
    {
        return point(found, format!("the MIME types for .{extension} come from here"));
    }
    directive_or(
        clues,
        path,
        "types",
        "",
        "the server maps this file's extension to another MIME type",
    )
}

fn cookie(clues: &Clues<'_>, path: &str, attribute: &str) -> Cause {
    let location = clues.nginx.location(path);
    for name in ["proxy_cookie_flags", "proxy_cookie_path", "proxy_cookie_domain"] {
        if let Some(found) = clues.nginx.directive(location, name, "") {
            return point(found, format!("the proxy rewrites cookies (`{name}`)"));
        }
    }
    let trust = clues.apps().find_map(|service| service.trust_proxy.as_ref());
    if attribute == "Secure" {
        let mut cause = forwarded(clues, path, "url scheme");
        cause.evidence = trust.map(|trust| trust.evidence.clone());
        if cause.path.is_some() {
            "the app decides `Secure` by the scheme that it is told, or by its environment: "
                .clone_into(&mut cause.text);
            cause.text.push_str(
                "see `X-Forwarded-Proto` here, the app's trusted proxies, and its variables",
            );
            return cause;
        }
    }
    let mut cause = variable_or(
        clues,
        &["COOKIE", "SAMESITE", "SECURE", "SESSION", "TRUST", "NODE_ENV"],
        &format!(
            "the app sets cookies by its environment or by what the proxy tells it ({attribute})"
        ),
    );
    cause.evidence = trust.map(|trust| trust.evidence.clone());
    cause
}

/// What the copy of a database left out or changed beside rows, or how its server is set.
fn definition(clues: &Clues<'_>, kind: &str, name: &str, summary: &str) -> Cause {
    match kind {
        "setting" => {
            let words = format!("the server of the migrated runs with another `{name}`");
            let own = name.trim_start_matches("default_");
            match manifest::setting(clues.tree, own) {
                Some(line) => at(words, &line.file, line.number),
                None => text(format!("{words}: its configuration does not set it")),
            }
        }
        "collation" => text(format!(
            "{name} has another collation than on the original (made anew, or converted, in place \
             of copied): run `migrate data check`, then `migrate data copy` again"
        )),
        _ if summary.contains("missing") => text(format!(
            "the {kind} {name} is not in the copied database (a dump leaves routines and events \
             out unless told): run `migrate data check`, then `migrate data copy` again"
        )),
        _ => text(format!(
            "the {kind} {name} is another than on the original: run `migrate data check`"
        )),
    }
}

fn copied(table: &str, keys: &[String]) -> Cause {
    let rows = if keys.is_empty() { String::new() } else { format!(", keys {}", keys.join(", ")) };
    text(format!(
        "the copy of table {table} is not whole{rows}: run `migrate data check`, then `migrate data copy` again"
    ))
}

fn forwarded(clues: &Clues<'_>, path: &str, group: &str) -> Cause {
    let (name, words) = if group.contains("host") {
        ("Host", "the app is told another host")
    } else if group.contains("scheme") {
        ("X-Forwarded-Proto", "the app is told another scheme")
    } else {
        return directive_or(clues, path, "return", "", "the redirect's target differs");
    };
    let location = clues.nginx.location(path);
    if let Some(found) = clues.nginx.directive(location, "proxy_set_header", name) {
        return point(found, format!("{words} (`{} {}`)", found.name, cut(&found.value)));
    }
    if let Some(beside) = clues.nginx.beside(location, "proxy_set_header") {
        return point(beside, format!("{words}: no `proxy_set_header {name}` beside this one"));
    }
    // It may stand in a file that is included.
    if let Some(found) = clues.nginx.directives.iter().find(|one| {
        one.name == "proxy_set_header"
            && one
                .value
                .split_whitespace()
                .next()
                .is_some_and(|first| first.eq_ignore_ascii_case(name))
    }) {
        return point(found, format!("{words} (`{} {}`)", found.name, cut(&found.value)));
    }
    directive_or(clues, path, "proxy_set_header", name, words)
}

fn header(clues: &Clues<'_>, path: &str, name: &str) -> Cause {
    if matches!(name, "etag" | "last-modified") {
        return directive_or(
            clues,
            path,
            "etag",
            "",
            "files are served by another server or were changed on the way",
        );
    }
    let location = clues.nginx.location(path);
    let mut cause = added(clues, location, path, name);
    let before = clues.on_source(path, "add_header", name);
    if before.is_some() {
        cause.evidence = before;
    }
    cause
}

/// The directive that adds a response header, or the one beside which it is missing.
fn added(clues: &Clues<'_>, location: Option<usize>, path: &str, name: &str) -> Cause {
    if let Some(found) = clues.nginx.directive(location, "add_header", name) {
        return point(found, format!("`add_header {}` holds here", cut(&found.value)));
    }
    if matches!(name, "cache-control" | "expires")
        && let Some(found) = clues.nginx.directive(location, "expires", "")
    {
        return point(found, format!("`expires {}` holds here", cut(&found.value)));
    }
    // Others of its kind stand where it is missing; nearer than one of another location.
    if let Some(beside) = clues.nginx.beside(location, "add_header") {
        return point(
            beside,
            format!(
                "no `add_header {name}` beside this one: a block with its own `add_header` inherits none"
            ),
        );
    }
    if let Some(found) = clues.nginx.anywhere("add_header", name) {
        return point(
            found,
            format!(
                "`add_header {}` is in force elsewhere or differs; a block with its own `add_header` inherits none",
                cut(&found.value)
            ),
        );
    }
    if clues.on_source(path, "add_header", name).is_some() {
        let words = format!("the proxy on the source adds {name}, and this one does not");
        return directive_or(clues, path, "add_header", "", &words);
    }
    let words = format!("the proxy or the app sets {name} in another way");
    directive_or(clues, path, "proxy_pass", "", &words)
}

fn status(clues: &Clues<'_>, path: &str, difference: &Difference) -> Cause {
    match difference.group.as_str() {
        "rate limit" => {
            directive_or(clues, path, "limit_req", "", "requests are limited in another way")
        }
        "basic auth" => directive_or(
            clues,
            path,
            "auth_basic",
            "",
            "the password of this location is asked for in another way",
        ),
        "request head refused" => directive_or(
            clues,
            path,
            "large_client_header_buffers",
            "",
            "the proxy takes only smaller request heads",
        ),
        "session id unknown" => replicas(clues, "requests of one client reach different replicas"),
        group if difference.class == crate::model::verdict::Class::Session => {
            session(clues, path, group)
        }
        _ => {
            let location = clues.nginx.location(path);
            for name in ["return", "rewrite", "try_files", "alias", "proxy_pass"] {
                if let Some(found) = clues.nginx.directive(location, name, "") {
                    return point(
                        found,
                        format!("this path is answered by `{} {}`", found.name, cut(&found.value)),
                    );
                }
            }
            directive_or(clues, path, "location", "", "this path is answered in another way")
        }
    }
}

fn session(clues: &Clues<'_>, _path: &str, words: &str) -> Cause {
    let many = clues.apps().map(|service| clues.workload(&service.id)).any(|workload| {
        manifest::replicas(clues.tree, &workload).is_some_and(|(_, number)| number > 1)
    });
    if many {
        return replicas(
            clues,
            "sessions are kept in one process's memory and are unknown to other replicas",
        );
    }
    variable_or(
        clues,
        &["SESSION", "SECRET", "COOKIE"],
        &format!("sessions are not recognised ({words}): their store or secret differs"),
    )
}

fn value(clues: &Clues<'_>, path: &str, difference: &Difference) -> Cause {
    if difference.group.ends_with("charset") {
        let line =
            manifest::find(clues.tree, |line| line.contains("character") || line.contains("utf8"));
        return match line {
            Some(line) => {
                at("text is stored or sent in another character set", &line.file, line.number)
            }
            None => text(
                "text is stored or sent in another character set: compare the database's and the connection's (utf8mb4)",
            ),
        };
    }
    match difference.kind {
        Kind::Value(What::Zone, _) => {
            let words = "the time zone of the app or the database differs";
            match manifest::other_zone(
                clues.tree,
                clues.inventory.map_or("", |known| known.os.timezone.as_str()),
            ) {
                Some(line) => at(format!("{words}: see this variable"), &line.file, line.number),
                None => variable_or(clues, &["TZ"], words),
            }
        }
        Kind::Value(What::Scheme, _) => forwarded(clues, path, "url scheme"),
        Kind::Value(What::Authority, _) => forwarded(clues, path, "url host"),
        Kind::Value(..) if difference.group == BELIEVED => variable_or(
            clues,
            &["TRUST", "FORWARDED", "PROX"],
            "the app trusts an address under which the platform shows it clients: it may believe \
             its proxy alone (by a fixed address or the relay, as generate writes it), and clients \
             are to keep their own addresses (externalTrafficPolicy: Local)",
        ),
        Kind::Value(..) if difference.group == LOST => variable_or(
            clues,
            &["TRUST", "FORWARDED", "PROX"],
            "the app does not trust its proxy, or the proxy does not pass the client's address on",
        ),
        Kind::Value(What::Address, _) => text(
            "the platform's proxies stand between client and app; logs and rate limits see their addresses unless each is trusted",
        ),
        Kind::Value(What::Drift, _) => text("both sides have been written to since the copy"),
        Kind::Value(What::Missing | What::Extra | What::Order, _) => text(
            "rows are missing, new or sorted in another way (collation): run `migrate data check`",
        ),
        _ if difference.group.starts_with("request header") => {
            let name = difference.group.trim_start_matches("request header ");
            if name == "x-forwarded-proto" {
                return forwarded(clues, path, "url scheme");
            }
            directive_or(
                clues,
                path,
                "proxy_set_header",
                name,
                &format!("the proxy passes {name} on in another way"),
            )
        }
        _ if difference.group == "url scheme" => forwarded(clues, path, "url scheme"),
        _ => directive_or(
            clues,
            path,
            "proxy_pass",
            "",
            "the app behind this path answers with other data: compare its version, environment and rows",
        ),
    }
}
