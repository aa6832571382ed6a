//! Giving variables to a service: secrets are told apart here, and their values stay in memory.

use super::Facts;
use crate::inspect::parse::{environment, secret};
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{ConfigFile, Service, Variable};

/// Gives a service a variable; one of the same name that was set before is replaced.
pub(super) fn set(
    facts: &mut Facts,
    service: &mut Service,
    name: &str,
    value: &str,
    seen: Evidence,
) {
    let secret = secret::is_secret(name, value);
    facts.values.set(&service.id, name, value);
    let variable = Variable {
        name: name.to_owned(),
        secret,
        default: (!secret).then(|| value.to_owned()),
        set_in: Some(seen),
        read_in: None,
    };
    match service.environment.iter_mut().find(|known| known.name == name) {
        Some(known) => *known = Variable { read_in: known.read_in.clone(), ..variable },
        None => service.environment.push(variable),
    }
}

/// Reads an environment file into a service and lists it among its configuration. Whether it was
/// there to be read.
pub(super) fn read_file(
    source: &dyn Source,
    facts: &mut Facts,
    service: &mut Service,
    path: &str,
) -> bool {
    let Some(real) = source.resolve(path).filter(|path| source.is_file(path)) else {
        return false;
    };
    let Ok(text) = source.text(&real) else { return false };
    for assignment in environment::parse(&text) {
        let seen = Evidence::line(&real, assignment.line);
        set(facts, service, &assignment.name, &assignment.value, seen);
    }
    configuration(source, facts, service, &real, &text);
    true
}

/// Lists a file among a service's configuration; its text is captured when no secret is in it.
pub(super) fn configuration(
    source: &dyn Source,
    facts: &mut Facts,
    service: &mut Service,
    path: &str,
    text: &str,
) {
    let secret = environment::parse(text)
        .iter()
        .any(|assignment| secret::is_secret(&assignment.name, &assignment.value));
    add_configuration(source, facts, service, path, (!secret).then_some(text));
}

/// Lists a file among a service's configuration. `plain` is its text when it holds no secret.
pub(super) fn add_configuration(
    source: &dyn Source,
    facts: &mut Facts,
    service: &mut Service,
    path: &str,
    plain: Option<&str>,
) {
    if service.configuration.iter().any(|known| known.path == path) {
        return;
    }
    let mode = source.entry(path).map_or(0, |entry| entry.mode);
    match plain {
        Some(text) => {
            facts.captured.insert(path.to_owned(), text.to_owned());
        }
        None => {
            facts.captured.remove(path);
        }
    }
    service.configuration.push(ConfigFile { path: path.to_owned(), secret: plain.is_none(), mode });
}

/// Takes a command line without the passwords in it; says so when there were any.
pub(super) fn command(
    facts: &mut Facts,
    service: &mut Service,
    line: &str,
    seen: &Evidence,
) -> String {
    let Some(redacted) = crate::inspect::parse::shell::redact(line) else {
        return line.to_owned();
    };
    facts.findings.push(Finding {
        id: "secret-in-command".to_owned(),
        severity: Severity::Blocker,
        service: Some(service.id.clone()),
        message: "the command line holds a secret, which every user of the server can read"
            .to_owned(),
        remedy: "have the program read it from a variable or a file, then analyze again".to_owned(),
        evidence: vec![seen.clone()],
    });
    redacted
}
