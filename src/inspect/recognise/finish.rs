//! What holds for every application, whatever runs it: its `.env` files, the folders and ports
//! that its variables name, and questions on what nobody said.

use std::net::IpAddr;

use super::{Facts, folders, variables};
use crate::inspect::source::Source;
use crate::model::finding::Question;
use crate::model::inventory::{Listen, Role, Service, StateKind};

/// Names of files that programs read variables from by themselves.
const DOTENV: [&str; 3] = [".env", ".env.production", ".env.local"];

/// Names of variables that say a port to listen on.
const PORTS: [&str; 7] =
    ["PORT", "HTTP_PORT", "APP_PORT", "SERVER_PORT", "LISTEN_PORT", "WEB_PORT", "BIND_PORT"];

/// Names of variables that say an address to listen on.
const ADDRESSES: [&str; 8] = [
    "HOST",
    "BIND",
    "BIND_ADDRESS",
    "LISTEN",
    "LISTEN_ADDRESS",
    "LISTEN_HOST",
    "APP_HOST",
    "SERVER_HOST",
];

/// Completes every service.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    for index in 0..facts.services.len() {
        // Taken out so that facts can be added to while it changes.
        let blank = Service::new("", Role::App, facts.services[index].runtime.clone());
        let mut service = std::mem::replace(&mut facts.services[index], blank);
        if matches!(service.role, Role::App | Role::Job) {
            dotenv(source, facts, &mut service);
            state(source, facts, &mut service);
            if service.role == Role::App && service.listens.is_empty() {
                ports(facts, &mut service);
                arguments(&mut service);
            }
            questions(facts, &service);
        }
        folders::tidy_state(&mut service);
        facts.services[index] = service;
    }
}

fn dotenv(source: &dyn Source, facts: &mut Facts, service: &mut Service) {
    let mut folders: Vec<String> = service.directory.iter().cloned().collect();
    folders.extend(service.program.iter().filter(|path| source.is_folder(path)).cloned());
    folders.dedup();
    // What the unit sets goes before what a program reads from a file by itself.
    let set: Vec<_> = service
        .environment
        .iter()
        .filter(|known| known.set_in.is_some())
        .map(|known| {
            let value = facts.values.get(&service.id, &known.name).map(str::to_owned);
            (known.clone(), value)
        })
        .collect();
    for folder in folders {
        for name in DOTENV {
            let path = format!("{}/{name}", folder.trim_end_matches('/'));
            if service.configuration.iter().any(|known| known.path == path) {
                continue;
            }
            variables::read_file(source, facts, service, &path);
        }
    }
    for (known, value) in set {
        if let Some(value) = value {
            facts.values.set(&service.id, &known.name, &value);
        }
        if let Some(now) = service.environment.iter_mut().find(|now| now.name == known.name) {
            *now = known;
        }
    }
}

/// Folders that variables name and that are there.
fn state(source: &dyn Source, facts: &Facts, service: &mut Service) {
    let named: Vec<(String, String)> = service
        .environment
        .iter()
        .filter_map(|variable| {
            let value = facts
                .values
                .get(&service.id, &variable.name)
                .or(variable.default.as_deref())
                .filter(|value| value.starts_with('/'))?;
            Some((variable.name.clone(), value.trim_end_matches('/').to_owned()))
        })
        .collect();
    for (name, path) in named {
        let Some(kind) = kind(&name) else { continue };
        let is_code =
            service.program.contains(&path) || service.directory.as_deref() == Some(&path);
        if is_code || !source.is_folder(&path) || facts.owner(source, &path).is_some() {
            continue;
        }
        folders::add_state(source, service, &path, kind, Some(&name));
    }
}

fn kind(name: &str) -> Option<StateKind> {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if !has(&["DIR", "PATH", "FOLDER", "ROOT", "UPLOAD", "STORAGE", "MEDIA"]) {
        return None;
    }
    if has(&["UPLOAD", "MEDIA", "STORAGE", "DATA", "FILES", "ATTACHMENT", "AVATAR", "IMAGES"]) {
        Some(StateKind::Uploads)
    } else if has(&["SESSION"]) {
        Some(StateKind::Sessions)
    } else if has(&["CACHE", "TMP", "TEMP"]) {
        Some(StateKind::Cache)
    } else if has(&["LOG"]) {
        Some(StateKind::Logs)
    } else {
        None
    }
}

/// A port that a variable says.
fn ports(facts: &Facts, service: &mut Service) {
    let value = |name: &str| {
        facts.values.get(&service.id, name).map(str::to_owned).or_else(|| {
            service.environment.iter().find(|v| v.name == name).and_then(|v| v.default.clone())
        })
    };
    let port = PORTS.iter().find_map(|name| Some((*name, value(name)?.parse::<u16>().ok()?)));
    let Some((port_from, port)) = port else { return };
    let address = ADDRESSES.iter().find_map(|name| {
        let value = value(name)?;
        let known = value.parse::<IpAddr>().is_ok() || value == "localhost";
        known.then_some((*name, value))
    });
    service.listens.push(Listen {
        address: address.as_ref().map_or("0.0.0.0", |(_, value)| value).to_owned(),
        port,
        protocol: "tcp".to_owned(),
        address_from: address.map(|(name, _)| name.to_owned()),
        port_from: Some(port_from.to_owned()),
        evidence: None,
    });
}

/// A place that the command line says (`--bind 127.0.0.1:8000`, `--port=8080`).
fn arguments(service: &mut Service) {
    if !service.listens.is_empty() {
        return;
    }
    let Some(command) = service.command.clone() else { return };
    let words: Vec<&str> = command.split_whitespace().collect();
    let value = |names: &[&str]| {
        words.iter().enumerate().find_map(|(index, word)| {
            names.iter().find_map(|name| match word.strip_prefix(name)? {
                "" => words.get(index + 1).copied(),
                rest => rest.strip_prefix('='),
            })
        })
    };
    let bind = value(&["--bind", "-b", "--http", "--http-socket", "--socket", "--listen"]);
    let listen = if let Some(path) =
        bind.map(|bind| bind.trim_start_matches("unix:")).filter(|bind| bind.starts_with('/'))
    {
        Some((path.to_owned(), 0, "unix"))
    } else if let Some((address, port)) = bind.and_then(|bind| bind.rsplit_once(':')) {
        let address = if address.is_empty() { "0.0.0.0" } else { address };
        port.parse().ok().map(|port| (address.trim_matches(['[', ']']).to_owned(), port, "tcp"))
    } else {
        value(&["--port", "-p", "-Dserver.port", "--server.port"])
            .and_then(|port| port.parse().ok())
            .map(|port| {
                let address =
                    value(&["--host", "--address", "-Dserver.address"]).unwrap_or("0.0.0.0");
                (address.to_owned(), port, "tcp")
            })
    };
    if let Some((address, port, protocol)) = listen {
        service.listens.push(Listen {
            address,
            port,
            protocol: protocol.to_owned(),
            address_from: None,
            port_from: None,
            evidence: None,
        });
    }
}

fn questions(facts: &mut Facts, service: &Service) {
    if service.role == Role::App && service.listens.is_empty() {
        facts.questions.push(Question {
            id: format!("{}-port", service.id),
            service: Some(service.id.clone()),
            question: format!(
                "nothing says where {} listens: on which port, or does it only work in the \
                 background?",
                service.id
            ),
            answer_in: format!("workloads[{}].ports", service.id),
            blocking: false,
            evidence: service.evidence.clone(),
        });
    }
    if service.runtime.name == "binary" {
        facts.questions.push(Question {
            id: format!("{}-runtime", service.id),
            service: Some(service.id.clone()),
            question: format!("what is {} written in, and what does it need?", service.id),
            answer_in: format!("workloads[{}].image", service.id),
            blocking: false,
            evidence: service.evidence.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    fn run(unit: &str, extra: &[(&str, &str)]) -> Facts {
        let mut files = vec![
            ("/etc/systemd/system/web.service", unit),
            ("/etc/systemd/system/multi-user.target.wants/web.service", "-> ../web.service"),
        ];
        files.extend(extra);
        let source = Memory::new(&files);
        let mut facts = Facts::default();
        super::super::system::recognise(&source, &mut facts);
        super::super::systemd::recognise(&source, &mut facts);
        recognise(&source, &mut facts);
        facts
    }

    #[test]
    fn dotenv_ports_and_folders() {
        let facts = run(
            "[Service]\nWorkingDirectory=/opt/web\nEnvironment=PORT=8000\nExecStart=/usr/bin/python3 app.py\n",
            &[
                (
                    "/opt/web/.env",
                    "PORT=9\nHOST=127.0.0.1\nMEDIA_ROOT=/data/media\nSECRET_KEY=hunter22\n",
                ),
                ("/data/media/a", "123"),
            ],
        );
        let service = &facts.services[0];
        assert_eq!(
            (service.listens[0].address.as_str(), service.listens[0].port),
            ("127.0.0.1", 8000)
        );
        assert_eq!(service.listens[0].address_from.as_deref(), Some("HOST"));
        assert_eq!((service.state[0].path.as_str(), service.state[0].bytes), ("/data/media", 3));
        assert!(
            service.configuration.iter().any(|file| file.path == "/opt/web/.env" && file.secret)
        );
    }

    #[test]
    fn command_lines_say_ports() {
        for (command, address, port) in [
            ("gunicorn --bind 127.0.0.1:8000 app:app", "127.0.0.1", 8000),
            ("gunicorn -b unix:/run/web.sock app:app", "/run/web.sock", 0),
            ("uvicorn app:app --port=9000 --host ::", "::", 9000),
            ("java -Dserver.port=8080 -jar /opt/web/x.jar", "0.0.0.0", 8080),
        ] {
            let facts = run(&format!("[Service]\nExecStart=/usr/bin/{command}\n"), &[]);
            let listen = &facts.services[0].listens[0];
            assert_eq!((listen.address.as_str(), listen.port), (address, port), "{command}");
        }
        let facts = run("[Service]\nExecStart=/opt/web/worker\n", &[]);
        assert!(facts.services[0].listens.is_empty());
        assert!(facts.questions.iter().any(|question| question.id == "web-port"));
    }
}
