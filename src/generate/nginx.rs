//! nginx configuration on its way into a container: upstream addresses become host names, logs go
//! to the container's output, and nothing is left that needs root. All else stays byte for byte.

use std::fmt::Write as _;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::inspect::parse::nginx::{Directive, Word, parse, walk};

/// An address on the server and what stands for it on the new network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Host on the server, or the path of a Unix socket.
    pub host: String,
    /// Port; 0 for a Unix socket.
    pub port: u16,
    /// Host name of the workload.
    pub to: String,
    /// Its port.
    pub to_port: u16,
}

impl Address {
    /// Whether `host:port`, `host` or `unix:/path` means this address.
    pub(crate) fn names(&self, authority: &str) -> bool {
        match authority.strip_prefix("unix:") {
            Some(path) => self.port == 0 && self.host == path.trim_end_matches(':'),
            None => self.is(authority, 80),
        }
    }

    /// Whether an authority (`host:port`, `host`) means this address. All names of the machine
    /// itself are one.
    fn is(&self, authority: &str, default_port: u16) -> bool {
        if self.port == 0 {
            return false;
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => match port.parse() {
                Ok(port) => (host, port),
                Err(_) => return false,
            },
            _ => (authority, default_port),
        };
        let host = host.trim_matches(['[', ']']);
        let own = self.host.trim_matches(['[', ']']);
        port == self.port
            && (host.eq_ignore_ascii_case(own) || is_loopback(host) && is_loopback(own))
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || matches!(host, "::1" | "0.0.0.0" | "::")
        || host.starts_with("127.")
}

/// Where nginx keeps its process id: the one folder that is always writable.
const PID: &str = "/tmp/nginx.pid";

/// A change: the bytes it replaces, what with, and the comment above it.
struct Change {
    span: Range<usize>,
    text: String,
    comment: String,
}

/// Translates one configuration file; `path` is named in errors.
///
/// Above each changed line stands a comment that says what was there.
pub(crate) fn translate(text: &str, path: &str, rewrites: &[Address]) -> Result<String> {
    let directives = parse(text)
        .map_err(|syntax| Error::input_at(path, u64::from(syntax.line), syntax.message))?;
    let mut changes: Vec<Change> = Vec::new();
    let mut words: Vec<Range<usize>> = Vec::new();
    walk(&directives, &mut Vec::new(), &mut |directive, inside| {
        words.extend(directive.words.iter().map(|word| word.span.clone()));
        change(text, directive, inside, rewrites, &mut changes);
    });
    let mut out = apply(text, changes, &words);
    if let Some(head) = head(&directives) {
        out.insert_str(0, &head);
    }
    Ok(out)
}

/// For the main file: directives whose built-in default needs root, where the file has none.
fn head(directives: &[Directive]) -> Option<String> {
    let has = |name: &str| directives.iter().any(|directive| directive.name() == name);
    if !has("events") {
        return None;
    }
    let mut head = String::new();
    if !has("pid") {
        head.push_str("# migrate: the built-in place needs root\n");
        let _ = writeln!(head, "pid {PID};");
    }
    if !has("error_log") {
        head.push_str("# migrate: to the container's output\nerror_log /dev/stderr;\n");
    }
    (!head.is_empty()).then_some(head)
}

fn change(
    text: &str,
    directive: &Directive,
    inside: &[&str],
    rewrites: &[Address],
    changes: &mut Vec<Change>,
) {
    let was = text.get(directive.span.clone()).unwrap_or_default();
    let mut replace = |word: &Word, with: String| {
        changes.push(Change {
            span: word.span.clone(),
            text: with,
            comment: format!("was {}", one_line(was)),
        });
    };
    let arguments = directive.arguments();
    let first = arguments.first();
    match (directive.name(), inside.last().copied()) {
        ("user", None) => {
            changes.push(Change {
                span: directive.span.clone(),
                text: String::new(),
                comment: format!("was {} (the container runs as this user)", one_line(was)),
            });
        }
        ("pid", None) => {
            if let Some(word) = first.filter(|word| word.text != PID) {
                replace(word, PID.to_owned());
            }
        }
        ("access_log", _) => {
            let Some(word) = first.filter(|word| is_file(&word.text)) else { return };
            replace(word, "/dev/stdout".to_owned());
            // Compressed or held-back lines are of no use on an output that others read.
            for word in arguments {
                let option = word.text.split('=').next().unwrap_or_default();
                if matches!(option, "gzip" | "buffer" | "flush") {
                    let before = text[..word.span.start].trim_end_matches([' ', '\t']).len();
                    changes.push(Change {
                        span: before..word.span.end,
                        text: String::new(),
                        comment: format!("was {}", one_line(was)),
                    });
                }
            }
        }
        ("error_log", _) => {
            if let Some(word) = first.filter(|word| is_file(&word.text)) {
                replace(word, "/dev/stderr".to_owned());
            }
        }
        ("listen", Some("server")) => {
            if let Some(word) = first
                && let Some(with) = listen(&word.text)
            {
                replace(word, with);
            }
        }
        ("server", Some("upstream")) => {
            if let Some(word) = first
                && let Some(with) = authority(&word.text, 80, rewrites)
            {
                replace(word, with);
            }
        }
        (
            "proxy_pass" | "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "grpc_pass"
            | "memcached_pass" | "auth_http",
            _,
        ) => {
            if let Some(word) = first
                && let Some(with) = url(&word.text, rewrites)
            {
                replace(word, with);
            }
        }
        // An address that is kept in a variable and passed to later.
        ("set", _) => {
            if let Some(word) = arguments.get(1)
                && let Some(with) = url(&word.text, rewrites)
            {
                replace(word, quoted(word, text, &with));
            }
        }
        ("resolver", _) if arguments.iter().any(|word| is_loopback(&word.text)) => {
            changes.push(Change {
                span: directive.span.start..directive.span.start,
                text: String::new(),
                comment: "the server's own resolver is not here: name the platform's \
                              (Docker: 127.0.0.11, Kubernetes: the cluster's DNS service)"
                    .to_owned(),
            });
        }
        (_, Some("map" | "split_clients" | "geo")) => {
            if let Some(word) = first
                && let Some(with) = url(&word.text, rewrites)
            {
                replace(word, quoted(word, text, &with));
            }
        }
        _ => {}
    }
}

/// A word in place of one that was quoted keeps its quotes.
fn quoted(word: &Word, text: &str, with: &str) -> String {
    match text.as_bytes().get(word.span.start) {
        Some(quote @ (b'"' | b'\'')) => {
            let quote = char::from(*quote);
            format!("{quote}{with}{quote}")
        }
        _ => with.to_owned(),
    }
}

/// Whether a log goes to a file of its own.
fn is_file(target: &str) -> bool {
    !matches!(target, "off" | "stderr")
        && !target.starts_with("syslog:")
        && !target.starts_with("memory:")
        && !target.starts_with("/dev/")
}

/// A `listen` on one address of the old machine listens on all of the container's; one on loopback
/// or on all stays.
fn listen(place: &str) -> Option<String> {
    if place.starts_with("unix:") || place.starts_with('*') || place.parse::<u16>().is_ok() {
        return None;
    }
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, Some(port)),
        _ => (place, None),
    };
    let bare = host.trim_matches(['[', ']']);
    if is_loopback(bare) || bare.parse::<std::net::IpAddr>().is_err() {
        return None;
    }
    let all = if bare.contains(':') { "[::]" } else { "0.0.0.0" };
    Some(port.map_or_else(|| all.to_owned(), |port| format!("{all}:{port}")))
}

/// The new form of `host:port` or `unix:/path`.
fn authority(text: &str, default_port: u16, rewrites: &[Address]) -> Option<String> {
    let found = match text.strip_prefix("unix:") {
        Some(path) => rewrites.iter().find(|rewrite| rewrite.port == 0 && rewrite.host == path)?,
        None => rewrites.iter().find(|rewrite| rewrite.is(text, default_port))?,
    };
    Some(format!("{}:{}", found.to, found.to_port))
}

/// The new form of an address with or without scheme and path.
fn url(text: &str, rewrites: &[Address]) -> Option<String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None => ("", text),
    };
    let prefix = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    if let Some(socket) = rest.strip_prefix("unix:") {
        // In a URL a colon stands between the socket and the path.
        let (path, tail) = socket.split_once(':').unwrap_or((socket, ""));
        let found = authority(&format!("unix:{path}"), 0, rewrites)?;
        return Some(format!("{prefix}{found}{tail}"));
    }
    let end = rest.find(['/', '$', '?', '#']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at(end);
    // Without a scheme there is no port that goes without saying.
    let default_port = match scheme {
        "http" | "grpc" => 80,
        "https" | "grpcs" => 443,
        _ => 0,
    };
    Some(format!("{prefix}{}{tail}", authority(host, default_port, rewrites)?))
}

fn one_line(text: &str) -> String {
    const LONGEST: usize = 160;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > LONGEST {
        line.chars().take(LONGEST).chain(['…']).collect()
    } else {
        line
    }
}

/// Carries out the changes and writes the comments, each once, above the line of its change.
fn apply(text: &str, mut changes: Vec<Change>, words: &[Range<usize>]) -> String {
    changes.sort_by_key(|change| change.span.start);
    let mut out = String::with_capacity(text.len() + changes.len() * 80);
    let mut at = 0;
    let mut commented: Vec<(usize, String)> = Vec::new();
    for change in changes {
        if change.span.start < at {
            continue;
        }
        let start = text[..change.span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let key = (start, change.comment.clone());
        // No comment where the line begins within a word, nor twice for two changes.
        let within = words.iter().any(|word| word.start < start && start < word.end);
        let mut line = text.get(at..change.span.start).unwrap_or_default().to_owned();
        if start >= at && !within && !commented.contains(&key) {
            let indent: String =
                text[start..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
            line.insert_str(start - at, &format!("{indent}# migrate: {}\n", change.comment));
        }
        commented.push(key);
        out.push_str(&line);
        out.push_str(&change.text);
        at = change.span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(host: &str, port: u16, to: &str, to_port: u16) -> Address {
        Address { host: host.to_owned(), port, to: to.to_owned(), to_port }
    }

    fn translated(text: &str) -> String {
        let rewrites = [
            address("127.0.0.1", 3000, "web", 3000),
            address("10.0.0.9", 80, "old", 8080),
            address("/run/php/fpm.sock", 0, "php", 9000),
        ];
        translate(text, "/etc/nginx/x.conf", &rewrites).unwrap()
    }

    #[test]
    fn addresses_become_host_names() {
        assert_eq!(
            translated("upstream a {\n    server localhost:3000 max_fails=0; # main\n}\n"),
            "upstream a {\n    # migrate: was server localhost:3000 max_fails=0;\n    \
             server web:3000 max_fails=0; # main\n}\n"
        );
        let pass = |url: &str| {
            let text = translated(&format!("proxy_pass {url};"));
            text.lines().last().unwrap().to_owned()
        };
        assert_eq!(pass("http://127.0.0.1:3000/a/"), "proxy_pass http://web:3000/a/;");
        assert_eq!(
            pass("http://[::1]:3000$request_uri"),
            "proxy_pass http://web:3000$request_uri;"
        );
        assert_eq!(pass("http://10.0.0.9"), "proxy_pass http://old:8080;");
        assert_eq!(pass("http://unix:/run/php/fpm.sock:/x"), "proxy_pass http://php:9000/x;");
        assert_eq!(pass("http://127.0.0.1:3001"), "proxy_pass http://127.0.0.1:3001;");
        assert_eq!(pass("http://group"), "proxy_pass http://group;");
        let set = translated("set $to \"http://127.0.0.1:3000\";");
        assert!(set.ends_with("set $to \"http://web:3000\";"), "{set}");
        assert!(
            translated("fastcgi_pass unix:/run/php/fpm.sock;").ends_with("fastcgi_pass php:9000;")
        );
    }

    #[test]
    fn nothing_needs_root_and_logs_go_out() {
        assert_eq!(
            translated(
                "user www-data;\npid /run/nginx.pid;\nerror_log /var/log/e.log warn;\nevents {}\n\
                 http {\n\taccess_log /var/log/a.log main gzip=9 flush=1s;\n\taccess_log off;\n}\n"
            ),
            "# migrate: was user www-data; (the container runs as this user)\n\n\
             # migrate: was pid /run/nginx.pid;\npid /tmp/nginx.pid;\n\
             # migrate: was error_log /var/log/e.log warn;\nerror_log /dev/stderr warn;\nevents {}\n\
             http {\n\t# migrate: was access_log /var/log/a.log main gzip=9 flush=1s;\n\
             \taccess_log /dev/stdout main;\n\taccess_log off;\n}\n"
        );
        assert!(translated("events {}").contains("pid /tmp/nginx.pid;\n"));
    }

    #[test]
    fn listens_stay_unless_they_name_an_address_of_the_old_machine() {
        let listen = |place: &str| {
            let text = translated(&format!("server {{ listen {place} ssl; }}"));
            text.lines().last().unwrap().to_owned()
        };
        assert_eq!(listen("80"), "server { listen 80 ssl; }");
        assert_eq!(listen("[::]:80"), "server { listen [::]:80 ssl; }");
        assert_eq!(listen("127.0.0.1:81"), "server { listen 127.0.0.1:81 ssl; }");
        assert_eq!(listen("203.0.113.7:443"), "server { listen 0.0.0.0:443 ssl; }");
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        let error = translate("a;\nb", "/etc/nginx/x.conf", &[]).unwrap_err();
        assert!(error.to_string().starts_with("/etc/nginx/x.conf:2: "), "{error}");
    }

    proptest! {
        #[test]
        fn what_needs_no_change_stays_as_it_is(text in "[a-z \\\\\"'${};#\n\u{e9}]{0,200}") {
            if let Ok(out) = translate(&text, "x", &[]) {
                prop_assert!(out == text || text.contains("user") || text.contains("pid"));
            }
        }
    }
}
