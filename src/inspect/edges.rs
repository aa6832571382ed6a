//! Who talks to whom: by addresses in variables, and by the upstreams of a proxy.

use crate::inspect::recognise::Facts;
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Question, Severity};
use crate::model::inventory::{Edge, EdgeVariables, Listen, Role, Runtime, Service};

mod driver;
mod family;
mod kind;

use family::{Family, families};
use kind::Kind;

/// Resolves the edges that recognisers left as addresses and adds those that variables tell.
pub(crate) fn find(source: &dyn Source, facts: &mut Facts) {
    upstreams(facts);
    let hosts = own_names(source);
    let mut found = Vec::new();
    for index in 0..facts.services.len() {
        let service = facts.services[index].clone();
        if matches!(service.role, Role::App | Role::Job) {
            let drivers = driver::drivers(source, &service);
            for mut family in families(&service, &facts.values) {
                // Variables that are called DB_… say nothing: the library that speaks to it does.
                if family.kind.is_none() && !is_known_port(facts, &family) {
                    family.kind = match drivers.as_slice() {
                        [only] => Some(*only),
                        many => {
                            family.port.and_then(Kind::of_port).filter(|kind| many.contains(kind))
                        }
                    };
                }
                found.extend(connect(facts, &service, &family, &hosts, &drivers));
            }
        }
    }
    for edge in found {
        add(facts, edge);
    }
    share_with_jobs(facts);
    facts.edges.sort_by(|a, b| (&a.from, &a.to, a.port).cmp(&(&b.from, &b.to, b.port)));
}

/// Replaces the address that a proxy's edge leads to by the service that listens there.
fn upstreams(facts: &mut Facts) {
    for mut edge in std::mem::take(&mut facts.edges) {
        if facts.services.iter().any(|service| service.id == edge.to) {
            add(facts, edge);
            continue;
        }
        let target = match &edge.socket {
            Some(path) => listener_on_socket(facts, path),
            None => edge
                .to
                .rsplit_once(':')
                .filter(|(host, _)| is_local(host, &[]))
                .and_then(|_| listener(facts, edge.port, &edge.from)),
        };
        if let Some(target) = target {
            edge.to = target;
            add(facts, edge);
        } else {
            let local = edge.socket.is_some()
                || edge.to.rsplit_once(':').is_some_and(|(host, _)| is_local(host, &[]));
            facts.questions.push(Question {
                id: crate::inspect::recognise::label(&format!("{} to {}", edge.from, edge.to)),
                service: Some(edge.from.clone()),
                question: if local {
                    format!(
                        "{} passes requests on to {}, where nothing known listens: what is it?",
                        edge.from, edge.to
                    )
                } else {
                    format!(
                        "{} passes requests on to {}, outside of this server: can the new \
                             platform reach it?",
                        edge.from, edge.to
                    )
                },
                answer_in: "workloads".to_owned(),
                blocking: local,
                evidence: edge.evidence,
            });
        }
    }
}

fn add(facts: &mut Facts, edge: Edge) {
    let known = facts
        .edges
        .iter_mut()
        .find(|known| known.from == edge.from && known.to == edge.to && known.port == edge.port);
    match known {
        Some(known) => {
            for seen in edge.evidence {
                if !known.evidence.contains(&seen) {
                    known.evidence.push(seen);
                }
            }
            known.variables = known.variables.take().or(edge.variables);
            known.socket = known.socket.take().or(edge.socket);
        }
        None => facts.edges.push(edge),
    }
}

/// Whether something is known to listen where the family leads: what it is, is known then.
fn is_known_port(facts: &Facts, family: &Family) -> bool {
    family.port.is_some_and(|port| listener(facts, port, "").is_some())
}

fn connect(
    facts: &mut Facts,
    from: &Service,
    family: &Family,
    hosts: &[String],
    drivers: &[Kind],
) -> Option<Edge> {
    let edge = |to: String, port: u16, socket: Option<String>| Edge {
        from: from.id.clone(),
        to,
        port,
        evidence: family.evidence.clone(),
        variables: Some(family.variables.clone()),
        socket,
    };
    if let Some(path) = &family.socket {
        let Some(to) = listener_on_socket(facts, path) else {
            missing(facts, from, family, path);
            return None;
        };
        return Some(edge(to, 0, Some(path.clone())));
    }
    let port = family.port.or_else(|| family.kind.and_then(Kind::port));
    let local = family.host.as_deref().is_none_or(|host| is_local(host, hosts));
    if local {
        let by_port = port.and_then(|port| Some((listener(facts, port, &from.id)?, port)));
        let Some((to, port)) = by_port.or_else(|| only_of_kind(facts, family)) else {
            let place = match port {
                Some(port) => format!("port {port} of this server"),
                None => "this server".to_owned(),
            };
            missing(facts, from, family, &place);
            let to = absent(facts, from, family, drivers)?;
            return Some(edge(to, port?, None));
        };
        return Some(edge(to, port, None));
    }
    let host = family.host.clone()?;
    let kind = family.kind.or_else(|| port.and_then(Kind::of_port))?;
    let port = port.or_else(|| kind.port())?;
    let to = external(facts, &host, port, kind, &family.evidence);
    Some(edge(to, port, None))
}

/// A database or cache that an application is told of and that is not on the source: asked for,
/// where the variables say what it is.
fn missing(facts: &mut Facts, from: &Service, family: &Family, place: &str) {
    let Some(kind) = family.kind else { return };
    let variables = &family.variables;
    let names = [&variables.url, &variables.host, &variables.port, &variables.password];
    let Some(name) = names.into_iter().flatten().next() else { return };
    let runtime = kind.runtime();
    // A job with the app's own variables asks nothing new.
    if facts.questions.iter().any(|known| {
        !family.evidence.is_empty()
            && known.evidence == family.evidence
            && known.question.contains(runtime)
    }) {
        return;
    }
    // A default that stands in the code alone may never be used.
    let is_set = from.environment.iter().any(|it| it.name == *name && it.set_in.is_some());
    facts.questions.push(Question {
        id: crate::inspect::recognise::label(&format!("{} {name} {runtime}", from.id)),
        service: Some(from.id.clone()),
        question: format!(
            "{} is told by {name} of {runtime} on {place}, where none was found: where is it, and \
             under which address do the new workloads reach it?",
            from.id
        ),
        answer_in: format!("workloads[{}].environment", from.id),
        blocking: is_set,
        evidence: family.evidence.clone(),
    });
}

/// The service of a store that is told to be on this machine and that the source does not hold.
/// A default in the code is no use of it by itself, a library for it with such a default is.
fn absent(facts: &mut Facts, from: &Service, family: &Family, drivers: &[Kind]) -> Option<String> {
    let kind = family.kind?;
    let variables = &family.variables;
    let names = [&variables.url, &variables.host, &variables.port, &variables.password];
    let is_set = from.environment.iter().any(|variable| {
        variable.set_in.is_some()
            && names.iter().any(|name| name.as_deref() == Some(variable.name.as_str()))
    });
    if !is_set && !drivers.contains(&kind) {
        return None;
    }
    if let Some(known) = facts.services.iter().find(|known| kind.is(&known.runtime.name)) {
        return Some(known.id.clone());
    }
    let runtime = Runtime { name: kind.runtime().to_owned(), version: None };
    let mut service = Service::new(facts.new_id(kind.runtime()), kind.role(), runtime);
    if let Some(port) = family.port {
        service.listens.push(Listen {
            address: family.host.clone().unwrap_or_else(|| "localhost".to_owned()),
            port,
            protocol: "tcp".to_owned(),
            address_from: None,
            port_from: None,
            evidence: None,
        });
    }
    service.evidence.clone_from(&family.evidence);
    let id = service.id.clone();
    facts.services.push(service);
    Some(id)
}

/// A database that the source does not hold is a service too.
fn external(facts: &mut Facts, host: &str, port: u16, kind: Kind, seen: &[Evidence]) -> String {
    let known = facts.services.iter().find(|service| {
        service.listens.iter().any(|listen| listen.address == host && listen.port == port)
    });
    if let Some(known) = known {
        return known.id.clone();
    }
    let id = facts.new_id(kind.runtime());
    let runtime = Runtime { name: kind.runtime().to_owned(), version: None };
    let mut service = Service::new(id.clone(), kind.role(), runtime);
    service.listens.push(Listen {
        address: host.to_owned(),
        port,
        protocol: "tcp".to_owned(),
        address_from: None,
        port_from: None,
        evidence: None,
    });
    service.evidence = seen.to_vec();
    facts.services.push(service);
    facts.findings.push(Finding {
        id: "external-service".to_owned(),
        severity: Severity::Risk,
        service: Some(id.clone()),
        message: format!("{} runs on {host}:{port}, outside of this server", kind.runtime()),
        remedy: "decide whether it stays there (the new platform must reach it) or moves along"
            .to_owned(),
        evidence: seen.to_vec(),
    });
    id
}

fn listener(facts: &Facts, port: u16, from: &str) -> Option<String> {
    facts
        .services
        .iter()
        .find(|service| {
            service.id != from
                && service.listens.iter().any(|listen| {
                    listen.port == port
                        && (listen.address.parse::<std::net::IpAddr>().is_ok()
                            || is_local(&listen.address, &[]))
                })
        })
        .map(|service| service.id.clone())
}

fn listener_on_socket(facts: &Facts, path: &str) -> Option<String> {
    // `/var/run` is a link to `/run` everywhere.
    let plain = |path: &str| {
        path.strip_prefix("/var/run/").map_or(path.to_owned(), |p| format!("/run/{p}"))
    };
    facts
        .services
        .iter()
        .find(|service| {
            service
                .listens
                .iter()
                .any(|listen| listen.port == 0 && plain(&listen.address) == plain(path))
        })
        .map(|service| service.id.clone())
}

/// The one service of the family's kind, when the variables say no port that is known.
fn only_of_kind(facts: &Facts, family: &Family) -> Option<(String, u16)> {
    if family.port.is_some() {
        return None;
    }
    let mut candidates = facts.services.iter().filter(|service| match family.kind {
        Some(kind) => kind.is(&service.runtime.name),
        None => service.role == Role::Database,
    });
    let one = candidates.next()?;
    if candidates.next().is_some() {
        return None;
    }
    let listen = one.listens.iter().find(|listen| listen.port != 0)?;
    Some((one.id.clone(), listen.port))
}

/// A job that runs an app's code talks to whom the app talks to.
fn share_with_jobs(facts: &mut Facts) {
    let mut shared = Vec::new();
    for job in facts.services.iter().filter(|service| service.role == Role::Job) {
        for app in facts.services.iter().filter(|service| service.role == Role::App) {
            let code = job.program.iter().find(|path| {
                app.program.iter().any(|folder| {
                    path.as_str() == folder || path.starts_with(&format!("{folder}/"))
                })
            });
            let same_file = job.configuration.iter().any(|file| {
                file.path.starts_with("/etc/")
                    && app.configuration.iter().any(|known| known.path == file.path)
            });
            if code.is_none() && !same_file {
                continue;
            }
            for edge in facts.edges.iter().filter(|edge| edge.from == app.id) {
                if facts.edges.iter().any(|known| known.from == job.id && known.to == edge.to) {
                    continue;
                }
                let mut edge = Edge { from: job.id.clone(), ..edge.clone() };
                edge.evidence.extend(job.evidence.first().cloned());
                edge.variables = edge.variables.and_then(|variables| only_of(variables, job));
                shared.push(edge);
            }
        }
    }
    for edge in shared {
        add(facts, edge);
    }
}

/// Those of an edge's variables that the job has, too.
fn only_of(variables: EdgeVariables, job: &Service) -> Option<EdgeVariables> {
    let has = |name: Option<String>| {
        name.filter(|name| job.environment.iter().any(|variable| variable.name == *name))
    };
    let variables = EdgeVariables {
        host: has(variables.host),
        port: has(variables.port),
        user: has(variables.user),
        password: has(variables.password),
        database: has(variables.database),
        url: has(variables.url),
    };
    (variables != EdgeVariables::default()).then_some(variables)
}

fn is_local(host: &str, names: &[String]) -> bool {
    let host = host.trim_matches(['[', ']']).to_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback() || address.is_unspecified())
        || names.contains(&host)
}

/// Names and addresses that `/etc/hostname` and `/etc/hosts` give this machine.
fn own_names(source: &dyn Source) -> Vec<String> {
    let mut names = Vec::new();
    if let Ok(text) = source.text("/etc/hostname") {
        names.extend(text.split_whitespace().next().map(str::to_lowercase));
    }
    if let Ok(text) = source.text("/etc/hosts") {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(address) = words.next() else { continue };
            let words: Vec<String> = words.map(str::to_lowercase).collect();
            if is_local(address, &[]) || words.iter().any(|word| names.contains(word)) {
                names.push(address.to_owned());
                names.extend(words);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests;
