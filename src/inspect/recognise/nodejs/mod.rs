//! Node.js: what the code of an application says about it.
//!
//! The services themselves come from whatever starts them; here their code is read: environment,
//! where they listen, routes, WebSockets, files they write, state in memory. An application's
//! folder without any system around it becomes a service by its package.json.

use std::collections::BTreeMap;

use super::Facts;
use crate::inspect::parse::{environment as env_file, secret};
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Question, Severity};
use crate::model::inventory::{ConfigFile, Role, Runtime, Service, StateKind, Variable};

mod environment;
mod handlers;
mod listens;
mod modules;
mod outgoing;
mod program;
mod routes;
mod sockets;
mod state;
mod values;

use modules::{Modules, Place};
use program::{Missing, Program};
use values::{Environment, Values};

/// Reads the code of every service that node runs.
pub(crate) fn recognise(source: &dyn Source, facts: &mut Facts) {
    if facts.services.is_empty() && facts.os.id.is_empty() {
        bare_folder(source, facts);
    }
    for index in 0..facts.services.len() {
        if !matches!(facts.services[index].role, Role::App | Role::Job) {
            continue;
        }
        let mut service = facts.services[index].clone();
        let Some(command) = service.command.clone() else { continue };
        match program::find(source, &command, service.directory.as_deref()) {
            Ok(program) => {
                read(source, facts, &mut service, &program);
                facts.services[index] = service;
            }
            Err(Missing::Entry) => facts.questions.push(Question {
                id: format!("{}-entry", service.id),
                service: Some(service.id.clone()),
                question: format!(
                    "{} starts node, but the file that it starts with was not found: which is it?",
                    service.id
                ),
                answer_in: format!("workloads[{}].command", service.id),
                blocking: false,
                evidence: service.evidence.clone(),
            }),
            Err(Missing::NotNode) => {}
        }
    }
    share(facts);
}

/// An application's folder without a system around it.
fn bare_folder(source: &dyn Source, facts: &mut Facts) {
    let Some(manifest) = program::manifest(source, "/") else { return };
    let name = manifest.get("name").and_then(|name| name.as_str()).unwrap_or("app").to_owned();
    let Ok(program) = program::in_folder(source, "/") else {
        facts.questions.push(Question {
            id: "app-entry".to_owned(),
            service: None,
            question: "there is a package.json, but the file that node starts with was not found: \
                       which is it?"
                .to_owned(),
            answer_in: "workloads[app].command".to_owned(),
            blocking: true,
            evidence: vec![Evidence::file("/package.json")],
        });
        return;
    };
    let id = facts.new_id(name.rsplit('/').next().unwrap_or("app"));
    let runtime = Runtime { name: "nodejs".to_owned(), version: None };
    let mut service = Service::new(id, Role::App, runtime);
    service.command = Some(format!("node {}", program.entry.trim_start_matches('/')));
    service.directory = Some("/".to_owned());
    facts.services.push(service);
}

fn read(source: &dyn Source, facts: &mut Facts, service: &mut Service, program: &Program) {
    "nodejs".clone_into(&mut service.runtime.name);
    if service.runtime.version.is_none() {
        service.runtime.version = version(source, facts, program);
    }
    for path in &program.manifests {
        add_evidence(service, Evidence::file(path.as_str()));
    }
    add_evidence(service, Evidence::file(program.entry.as_str()));
    let folder = &program.folder;
    if folder != "/" {
        service.program.retain(|path| !within(path, folder));
        if !service.program.iter().any(|outer| within(folder, outer)) {
            service.program.push(folder.clone());
        }
    }
    env_files(source, service, program);

    let modules = Modules::read(source, folder, &program.entry);
    let environment: Environment = service
        .environment
        .iter()
        .map(|variable| (variable.name.clone(), variable.default.clone()))
        .chain(program.variables.iter().map(|(name, value)| (name.clone(), Some(value.clone()))))
        .collect();
    let directory = service.directory.clone().unwrap_or_else(|| folder.clone());
    let values = Values { modules: &modules, environment: &environment, directory: &directory };

    variables(&values, service);
    unread(facts, service, &modules);
    secrets_in_code(source, service, &modules);
    service.outgoing = outgoing::outgoing(&values);
    keep_state(source, service, state::state(&values, source, folder));
    if service.role == Role::App {
        service.routes = routes::routes(&values);
        service.sockets = sockets::sockets(&values);
        service.trust_proxy = listens::trust_proxy(&values);
        let heard = listens::listens(&values);
        if service.listens.is_empty() {
            service.listens = heard.listens;
        }
        let mut evidence = heard.unknown;
        if service.listens.is_empty() || !evidence.is_empty() {
            if evidence.is_empty() {
                evidence.push(Evidence::file(program.entry.as_str()));
            }
            facts.questions.push(Question {
                id: format!("{}-port", service.id),
                service: Some(service.id.clone()),
                question: format!(
                    "on which port does {} listen? Its code does not say",
                    service.id
                ),
                answer_in: format!("workloads[{}].ports", service.id),
                blocking: service.listens.is_empty(),
                evidence,
            });
        }
    }
    let mut in_process = state::in_process(&modules, &program.dependencies);
    in_process.retain(|fact| !service.in_process.contains(fact));
    service.in_process.extend(in_process);
}

fn within(path: &str, folder: &str) -> bool {
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn add_evidence(service: &mut Service, evidence: Evidence) {
    if !service.evidence.contains(&evidence) {
        service.evidence.push(evidence);
    }
}

/// The version of node: its package's, else what the application's folder asks for exactly.
fn version(source: &dyn Source, facts: &Facts, program: &Program) -> Option<String> {
    if let Some(version) = facts.version("nodejs") {
        return Some(version);
    }
    let folder = program.folder.trim_end_matches('/');
    [".nvmrc", ".node-version"].iter().find_map(|name| {
        let text = source.text(&format!("{folder}/{name}")).ok()?;
        let version = text.trim().trim_start_matches('v').to_owned();
        let exact = version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_digit() || c == '.');
        exact.then_some(version)
    })
}

/// Variables from files that the application itself reads: `--env-file`, and `.env` by dotenv.
fn env_files(source: &dyn Source, service: &mut Service, program: &Program) {
    let mut paths = program.environment_files.clone();
    if program
        .dependencies
        .iter()
        .any(|name| matches!(name.as_str(), "dotenv" | "dotenv-flow" | "dotenv-expand"))
    {
        let folder = service.directory.as_deref().unwrap_or(&program.folder);
        paths.push(format!("{}/.env", folder.trim_end_matches('/')));
    }
    for path in paths {
        let Some(real) = source.resolve(&path).filter(|path| source.is_file(path)) else {
            continue;
        };
        let Ok(text) = source.text(&real) else { continue };
        let mut any_secret = false;
        for assignment in env_file::parse(&text) {
            let secret = secret::is_secret(&assignment.name, &assignment.value);
            any_secret |= secret;
            // What the system sets goes before the file.
            if service.environment.iter().any(|known| known.name == assignment.name) {
                continue;
            }
            service.environment.push(Variable {
                name: assignment.name,
                secret,
                default: (!secret).then_some(assignment.value),
                set_in: Some(Evidence::line(real.as_str(), assignment.line)),
                read_in: None,
            });
        }
        configuration(source, service, &real, any_secret);
    }
}

fn configuration(source: &dyn Source, service: &mut Service, path: &str, secret: bool) {
    if let Some(known) = service.configuration.iter_mut().find(|file| file.path == path) {
        known.secret |= secret;
        return;
    }
    let mode = source.entry(path).map_or(0, |entry| entry.mode & 0o7777);
    service.configuration.push(ConfigFile { path: path.to_owned(), secret, mode });
}

/// Variables that the code reads, joined with those that the server sets.
fn variables(values: &Values<'_>, service: &mut Service) {
    let readings: BTreeMap<_, _> = environment::read(values);
    for (name, reading) in readings {
        if let Some(known) = service.environment.iter_mut().find(|known| known.name == name) {
            known.read_in = Some(reading.evidence);
        } else {
            let secret = match &reading.default {
                Some(value) => secret::is_secret(&name, value),
                None => secret::is_secret_name(&name),
            };
            service.environment.push(Variable {
                name,
                secret,
                default: reading.default.filter(|_| !secret),
                set_in: None,
                read_in: Some(reading.evidence),
            });
        }
    }
}

fn unread(facts: &mut Facts, service: &Service, modules: &Modules) {
    for (path, reason) in &modules.unread {
        facts.findings.push(Finding {
            id: "code-unread".to_owned(),
            severity: Severity::Advice,
            service: Some(service.id.clone()),
            message: format!("a source file could not be read: {reason}"),
            remedy:
                "look through it by hand for settings, files and routes that the inventory lacks"
                    .to_owned(),
            evidence: vec![Evidence::file(path.as_str())],
        });
    }
}

/// A module with a password written out in it is a secret as a whole.
fn secrets_in_code(source: &dyn Source, service: &mut Service, modules: &Modules) {
    use crate::inspect::parse::javascript::Kind;
    let mut paths: Vec<String> = Vec::new();
    modules.each(&mut |place: Place<'_>| {
        let telling = match &place.node.kind {
            Kind::Object(properties) => {
                // Only beside a host or user: a word like `password` is a label elsewhere.
                let beside = |names: &[&str]| {
                    properties
                        .iter()
                        .any(|(key, _)| key.as_deref().is_some_and(|k| names.contains(&k)))
                };
                beside(&[
                    "host",
                    "user",
                    "username",
                    "database",
                    "connectionString",
                    "auth",
                    "pass",
                ]) && properties.iter().any(|(key, value)| {
                    let name = key.as_deref().unwrap_or_default();
                    secret::is_secret_name(name)
                        && value.text().is_some_and(|text| !text.is_empty() && !text.contains(' '))
                })
            }
            Kind::Text(text) => secret::is_secret_value(text),
            _ => false,
        };
        let path = &modules.all[place.module].path;
        if telling && !paths.contains(path) {
            paths.push(path.clone());
        }
    });
    for path in paths {
        configuration(source, service, &path, true);
    }
}

/// Adds what the code writes; a folder that is known already learns its variable.
///
/// A folder that a unit names and that holds nothing but what the code writes further in is left
/// out for the inner one.
fn keep_state(
    source: &dyn Source,
    service: &mut Service,
    found: Vec<crate::model::inventory::State>,
) {
    for state in found {
        service.state.retain(|outer| {
            let encloses = outer.path != state.path && within(&state.path, &outer.path);
            let only = || {
                source.below(&outer.path).all(|(path, entry)| {
                    entry.kind == crate::inspect::source::Kind::Folder || within(path, &state.path)
                })
            };
            !(encloses && outer.kind == StateKind::Uploads && only())
        });
        if service
            .state
            .iter()
            .any(|outer| outer.path != state.path && within(&state.path, &outer.path))
        {
            continue;
        }
        if let Some(known) = service.state.iter_mut().find(|known| known.path == state.path) {
            known.path_from = known.path_from.take().or(state.path_from);
            if known.kind == StateKind::Cache {
                known.kind = state.kind;
            }
        } else {
            service.state.push(state);
        }
    }
}

/// What one service writes and a proxy serves is state for both, and no part of the proxy's image.
fn share(facts: &mut Facts) {
    let written: Vec<crate::model::inventory::State> = facts
        .services
        .iter()
        .filter(|service| matches!(service.role, Role::App | Role::Job))
        .flat_map(|service| &service.state)
        .filter(|state| state.kind == StateKind::Uploads)
        .cloned()
        .collect();
    for proxy in facts.services.iter_mut().filter(|service| service.role == Role::Proxy) {
        let served: Vec<String> = proxy
            .sites
            .iter()
            .flat_map(|site| &site.locations)
            .filter(|location| location.kind == crate::model::inventory::LocationKind::Static)
            .filter_map(|location| location.target.clone())
            .map(|target| target.trim_end_matches('/').to_owned())
            .collect();
        for state in &written {
            // Served at this folder, above it, or below it.
            let touches = served
                .iter()
                .any(|folder| within(folder, &state.path) || within(&state.path, folder));
            if !touches {
                continue;
            }
            proxy.program.retain(|path| !within(path, &state.path));
            proxy.state.retain(|known| {
                known.kind != StateKind::Uploads || !within(&known.path, &state.path)
            });
            let shared = crate::model::inventory::State { path_from: None, ..state.clone() };
            proxy.state.push(shared);
        }
        proxy.state.sort_by(|a, b| a.path.cmp(&b.path));
        proxy.state.dedup();
    }
}

#[cfg(test)]
mod tests;
