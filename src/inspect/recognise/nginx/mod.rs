//! nginx: the proxy with its sites, its static files, its secrets, and whom it passes requests to.

use std::collections::BTreeSet;

use super::Facts;
use crate::inspect::parse::secret;
use crate::inspect::source::{Kind, Source};
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Question, Severity};
use crate::model::inventory::{
    ConfigFile, Edge, Listen, LocationKind, Role, Runtime, Service, State, StateKind,
};

mod load;
mod sites;
mod upstreams;

use load::{Loaded, Node, absolute, load};
use sites::{Listening, sites};
use upstreams::Upstreams;

const UNIT: &str = "nginx.service";
const MAIN: &str = "/etc/nginx/nginx.conf";
/// Directives whose argument is a file that holds a secret.
const SECRET_FILES: [&str; 9] = [
    "auth_basic_user_file",
    "auth_jwt_key_file",
    "grpc_ssl_certificate_key",
    "proxy_ssl_certificate_key",
    "proxy_ssl_password_file",
    "ssl_certificate_key",
    "ssl_password_file",
    "ssl_session_ticket_key",
    "uwsgi_ssl_certificate_key",
];
/// Directives whose argument is another file that nginx reads.
const PLAIN_FILES: [&str; 8] = [
    "geoip2",
    "js_import",
    "proxy_ssl_certificate",
    "proxy_ssl_trusted_certificate",
    "ssl_certificate",
    "ssl_client_certificate",
    "ssl_dhparam",
    "ssl_trusted_certificate",
];

/// Finds nginx and reads its configuration.
pub(crate) fn recognise(source: &dyn Source, facts: &mut Facts) {
    if !facts.claim(UNIT) {
        return;
    }
    let main = main_file(source);
    if !source.is_file(&main) {
        facts.questions.push(Question {
            id: "nginx-configuration".to_owned(),
            service: Some("nginx".to_owned()),
            question: format!(
                "nginx starts by itself, but its configuration {main} is missing: where is it?"
            ),
            answer_in: "workloads[nginx].files".to_owned(),
            blocking: true,
            evidence: Vec::new(),
        });
        return;
    }
    let loaded = load(source, &main);
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let version = ["nginx", "nginx-core", "nginx-light", "nginx-full", "nginx-extras"]
        .iter()
        .find_map(|package| facts.version(package));
    let id = facts.new_id("nginx");
    let runtime = Runtime { name: "nginx".to_owned(), version };
    let mut service = Service::new(id, Role::Proxy, runtime);
    service.command = Some("/usr/sbin/nginx".to_owned());
    service.packages = packages(source, facts, &loaded);
    service.evidence.push(Evidence::file(source.resolve(&main).unwrap_or(main)));

    let user = find(&loaded.nodes, "user");
    let name = user.and_then(Node::first).unwrap_or("www-data").to_owned();
    service.ids = facts.users.get(&name).copied();
    service.user = Some(name);

    let groups = Upstreams::read(&loaded.nodes);
    service.sites = sites(&loaded.nodes, &folder, &groups);
    service.listens = listens(&loaded.nodes);
    configuration(source, facts, &loaded, &folder, &mut service);
    content(source, facts, &mut service);
    logs(source, &loaded.nodes, &folder, &mut service);
    connections(&loaded.nodes, &groups, facts, &service.id);
    problems(&loaded, facts, &service.id);
    facts.services.push(service);
}

/// The main file: the `-c` of the unit, else Debian's.
fn main_file(source: &dyn Source) -> String {
    for folder in ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"] {
        let Ok(text) = source.text(&format!("{folder}/{UNIT}")) else { continue };
        let start =
            text.lines().filter_map(|line| line.trim().strip_prefix("ExecStart=")).next_back();
        let Some(words) = start else { continue };
        let mut words = words.split_whitespace();
        while let Some(word) = words.next() {
            if word == "-c" {
                if let Some(path) = words.next().filter(|path| path.starts_with('/')) {
                    return path.to_owned();
                }
            } else if let Some(path) = word.strip_prefix("-c").filter(|p| p.starts_with('/')) {
                return path.to_owned();
            }
        }
        break;
    }
    MAIN.to_owned()
}

fn find<'n>(nodes: &'n [Node], name: &str) -> Option<&'n Node> {
    nodes.iter().find(|node| node.name == name)
}

/// Calls `visit` for every directive with the name of the block around it.
fn each<'n>(nodes: &'n [Node], visit: &mut dyn FnMut(&'n Node)) {
    for node in nodes {
        visit(node);
        each(node.children(), visit);
    }
}

/// The packages of the program and of the modules it loads.
fn packages(source: &dyn Source, facts: &Facts, loaded: &Loaded) -> Vec<String> {
    let mut packages = BTreeSet::new();
    if let Some(owner) = facts.owner(source, "/usr/sbin/nginx") {
        packages.insert(owner.to_owned());
    }
    for node in loaded.nodes.iter().filter(|node| node.name == "load_module") {
        let path = node.first().unwrap_or_default();
        // A relative path counts from the prefix, where Debian has a link to the modules.
        let path = absolute(path, "/usr/share/nginx");
        if let Some(owner) = facts.owner(source, &path) {
            packages.insert(owner.to_owned());
        }
    }
    packages.into_iter().collect()
}

fn listens(nodes: &[Node]) -> Vec<Listen> {
    let mut listens: Vec<Listen> = Vec::new();
    let mut add = |listen: Listen| {
        if !listens.contains(&listen) {
            listens.push(listen);
        }
    };
    for block in nodes.iter().filter(|node| matches!(node.name.as_str(), "http" | "stream")) {
        for server in block.children().iter().filter(|node| node.name == "server") {
            let mut stated = false;
            for node in server.children().iter().filter(|node| node.name == "listen") {
                stated = true;
                let Some(listening) = Listening::read(&node.arguments) else { continue };
                let udp = node.arguments.iter().any(|argument| argument == "udp");
                let protocol = match (&*block.name, listening.port, listening.tls) {
                    (_, 0, _) => "unix",
                    ("stream", ..) if udp => "udp",
                    ("stream", ..) => "tcp",
                    (_, _, true) => "https",
                    (_, _, false) => "http",
                };
                add(Listen {
                    address: listening.address,
                    port: listening.port,
                    protocol: protocol.to_owned(),
                    address_from: None,
                    port_from: None,
                    evidence: None,
                });
            }
            if !stated && block.name == "http" {
                add(Listen {
                    address: "0.0.0.0".to_owned(),
                    port: 80,
                    protocol: "http".to_owned(),
                    address_from: None,
                    port_from: None,
                    evidence: None,
                });
            }
        }
    }
    listens
}

/// The files of the configuration, and copies of those that hold no secret.
fn configuration(
    source: &dyn Source,
    facts: &mut Facts,
    loaded: &Loaded,
    folder: &str,
    service: &mut Service,
) {
    let mode = |path: &str| source.entry(path).map_or(0, |entry| entry.mode & 0o7777);
    let mut secret_in = BTreeSet::new();
    each(&loaded.nodes, &mut |node| {
        if states_secret(node) {
            secret_in.insert(node.file.to_string());
        }
    });
    for file in &loaded.files {
        let secret = secret_in.contains(&file.path);
        if !secret {
            facts.captured.insert(file.path.clone(), file.text.clone());
        }
        let mode = mode(&file.path);
        service.configuration.push(ConfigFile { path: file.path.clone(), secret, mode });
    }
    let mut others: Vec<(String, bool, Evidence)> = Vec::new();
    each(&loaded.nodes, &mut |node| {
        let secret = SECRET_FILES.contains(&node.name.as_str());
        if (secret || PLAIN_FILES.contains(&node.name.as_str()))
            && let Some(path) = node.first()
            && !path.contains('$')
            && !path.starts_with("data:")
            && !path.starts_with("engine:")
        {
            others.push((absolute(path, folder), secret, node.evidence()));
        }
    });
    for (path, secret, evidence) in others {
        let Some(real) = source.resolve(&path).filter(|real| source.is_file(real)) else {
            facts.findings.push(Finding {
                id: "file-missing".to_owned(),
                severity: Severity::Risk,
                service: Some(service.id.clone()),
                message: format!("nginx names the file {path}, which is not there"),
                remedy: "put the file in place or take the directive out".to_owned(),
                evidence: vec![evidence],
            });
            continue;
        };
        if service.configuration.iter().any(|file| file.path == real) {
            continue;
        }
        let bytes = source.entry(&real).map_or(0, |entry| entry.size);
        // A file that holds key and certificate in one is a secret although it is named as plain.
        let text = if bytes <= 1 << 20 { source.text(&real).ok() } else { None };
        let secret = secret || text.as_ref().is_none_or(|text| text.contains("PRIVATE KEY"));
        if let (false, Some(text)) = (secret, text) {
            facts.captured.insert(real.clone(), text);
        }
        let mode = mode(&real);
        service.configuration.push(ConfigFile { path: real, secret, mode });
    }
}

/// Whether a directive itself holds a secret: a credential that is written out.
fn states_secret(node: &Node) -> bool {
    let literal = |text: &str| !text.is_empty() && !text.starts_with('$');
    if node.arguments.iter().any(|argument| secret::is_certain(argument)) {
        return true;
    }
    match (node.name.as_str(), node.arguments.as_slice()) {
        ("proxy_set_header" | "grpc_set_header" | "more_set_input_headers", [name, value, ..]) => {
            let name = name.to_ascii_lowercase();
            let telling = name.contains("authorization")
                || ["token", "secret", "api-key", "apikey", "password"]
                    .iter()
                    .any(|w| name.contains(w));
            telling && literal(value)
        }
        ("fastcgi_param" | "uwsgi_param" | "scgi_param", [name, value, ..]) => {
            literal(value) && secret::is_secret(name, value)
        }
        ("secure_link_md5" | "secure_link_secret", [_, ..]) => true,
        ("set", [name, value]) => {
            let name = name.to_ascii_lowercase();
            ["secret", "password", "token", "apikey", "api_key"].iter().any(|w| name.contains(w))
                && literal(value)
        }
        ("proxy_pass", [url]) => url.split_once("://").is_some_and(|(_, rest)| {
            rest.split('/').next().is_some_and(|authority| authority.contains('@'))
        }),
        _ => false,
    }
}

/// Folders that locations serve: the program's own files, or files that someone else puts there.
fn content(source: &dyn Source, facts: &Facts, service: &mut Service) {
    let mut folders: Vec<String> = Vec::new();
    let served = service.sites.iter().flat_map(|site| &site.locations);
    for location in served.filter(|location| location.kind == LocationKind::Static) {
        let Some(target) = &location.target else { continue };
        // Up to the first variable: what comes after it depends on the request.
        let target = target.split('$').next().unwrap_or_default();
        if let Some(real) = source.resolve(target)
            && !matches!(real.as_str(), "/" | "/etc" | "/usr" | "/var" | "/home" | "/srv")
            && !folders.contains(&real)
        {
            folders.push(real);
        }
    }
    folders.sort();
    let mut kept: Vec<String> = Vec::new();
    for folder in folders {
        let packaged = folder.starts_with("/usr/") && facts.owner(source, &folder).is_some();
        if packaged {
            continue;
        }
        if is_state(&folder) {
            service.state.push(State {
                bytes: bytes_below(source, &folder),
                path: folder,
                kind: StateKind::Uploads,
                path_from: None,
            });
        } else if !kept.iter().any(|outer| folder.starts_with(&format!("{outer}/"))) {
            kept.push(folder);
        }
    }
    service.program = kept;
}

/// Whether files in this folder come from users, by where it lies or what it is called.
fn is_state(folder: &str) -> bool {
    let name = folder.rsplit('/').next().unwrap_or_default();
    folder.starts_with("/var/lib/")
        || matches!(name, "uploads" | "upload" | "media" | "files" | "attachments" | "storage")
}

/// Bytes of all files below a folder.
fn bytes_below(source: &dyn Source, folder: &str) -> u64 {
    source
        .below(folder)
        .filter(|(_, entry)| entry.kind == Kind::File)
        .fold(0, |sum, (_, entry)| sum.saturating_add(entry.size))
}

fn logs(source: &dyn Source, nodes: &[Node], folder: &str, service: &mut Service) {
    let mut paths = BTreeSet::new();
    each(nodes, &mut |node| {
        if matches!(node.name.as_str(), "access_log" | "error_log")
            && let Some(path) = node.first()
            && !matches!(path, "off" | "stderr")
            && !path.contains(['$', ':'])
            && !path.starts_with("/dev/")
        {
            paths.insert(absolute(path, folder));
        }
    });
    for path in paths {
        let bytes = source.entry(&path).map_or(0, |entry| entry.size);
        service.state.push(State { path, kind: StateKind::Logs, bytes, path_from: None });
    }
}

/// Edges to the upstreams, with the address in place of the service's id: resolved when
/// all services are known.
fn connections(nodes: &[Node], groups: &Upstreams, facts: &mut Facts, from: &str) {
    let mut edges: Vec<Edge> = Vec::new();
    each(nodes, &mut |node| {
        if !node.name.ends_with("_pass") {
            return;
        }
        for address in groups.addresses(node) {
            let socket = (address.port == 0).then(|| address.host.clone());
            let to = match &socket {
                Some(path) => format!("unix:{path}"),
                None => format!("{}:{}", address.host, address.port),
            };
            if let Some(edge) = edges.iter_mut().find(|edge| edge.to == to) {
                if !edge.evidence.contains(&address.evidence) {
                    edge.evidence.push(address.evidence);
                }
                continue;
            }
            edges.push(Edge {
                from: from.to_owned(),
                to,
                port: address.port,
                evidence: vec![address.evidence],
                variables: None,
                socket,
            });
        }
    });
    facts.edges.extend(edges);
}

fn problems(loaded: &Loaded, facts: &mut Facts, id: &str) {
    for (evidence, message) in &loaded.problems {
        facts.findings.push(Finding {
            id: "configuration-unread".to_owned(),
            severity: Severity::Risk,
            service: Some(id.to_owned()),
            message: format!("a part of nginx's configuration could not be read: {message}"),
            remedy: "check with `nginx -t` on the server; what was not read is not moved"
                .to_owned(),
            evidence: vec![evidence.clone()],
        });
    }
}

#[cfg(test)]
mod tests;
