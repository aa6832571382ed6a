//! The application's own systemd services: those that start by themselves and that no package
//! brought.

use super::units::{self, Unit};
use super::{Facts, folders, packaged, runtime, variables};
use crate::inspect::parse::{calendar, environment, unit};
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::finding::{Question, Severity};
use crate::model::inventory::{Listen, Role, Runtime, Service, StateKind};

/// Adds a service for each unit that no recogniser has claimed.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    let names: Vec<String> = facts.enabled.difference(&facts.claimed).cloned().collect();
    let mut left = packaged::Left::default();
    for name in names {
        let Some(unit) = units::load(source, &name) else { continue };
        if let Some(package) = facts.owner(source, &unit.path).map(str::to_owned) {
            packaged::look(source, facts, &unit, &package, &mut left);
            continue;
        }
        match name.rsplit_once('.').map(|(_, kind)| kind) {
            Some("service") => {
                let oneshot = unit.value("Service", "Type").as_deref() == Some("oneshot");
                if oneshot {
                    ask_oneshot(facts, &unit);
                } else {
                    service(source, facts, &unit, Role::App);
                }
            }
            Some("timer") => timer(source, facts, &unit),
            Some("socket") => socket(source, facts, &unit),
            Some("path") => ask(
                facts,
                &unit,
                "starts something when a file changes; nothing on the new platform does that: \
                 should it run all the time, or by the clock?",
            ),
            _ => continue,
        }
        facts.claimed.insert(name);
    }
    packaged::scripts(source, facts, &mut left);
    left.report(facts);
}

pub(super) fn ask(facts: &mut Facts, unit: &Unit, question: &str) {
    facts.questions.push(Question {
        id: super::label(&format!("unit {}", unit.name)),
        service: None,
        question: format!("{} {question}", unit.name),
        answer_in: "workloads".to_owned(),
        blocking: false,
        evidence: vec![Evidence::file(&unit.path)],
    });
}

fn ask_oneshot(facts: &mut Facts, unit: &Unit) {
    ask(facts, unit, "runs once at each start of the server: is it needed on the new platform?");
}

fn timer(source: &dyn Source, facts: &mut Facts, timer: &Unit) {
    let target = timer
        .value("Timer", "Unit")
        .unwrap_or_else(|| format!("{}.service", timer.name.trim_end_matches(".timer")));
    let Some(unit) = units::load(source, &target) else {
        ask(facts, timer, &format!("starts {target}, which is not there: what should it do?"));
        return;
    };
    facts.claimed.insert(target);
    let id = service(source, facts, &unit, Role::Job);
    let calendars = timer.list("Timer", "OnCalendar");
    let cron = match calendars.as_slice() {
        [one] => calendar::to_cron(&one.value),
        _ => None,
    };
    if cron.is_none() {
        facts.questions.push(Question {
            id: format!("{id}-schedule"),
            service: Some(id.clone()),
            question: format!(
                "{} starts {id} at times that cron cannot say: which five cron fields come close?",
                timer.name
            ),
            answer_in: format!("workloads[{id}].schedule.cron"),
            blocking: true,
            evidence: calendars.iter().map(|setting| units::evidence(setting)).collect(),
        });
    }
    if let Some(service) = facts.services.iter_mut().find(|service| service.id == id) {
        service.schedule = cron;
        service.evidence.push(Evidence::file(&timer.path));
    }
}

fn socket(source: &dyn Source, facts: &mut Facts, socket: &Unit) {
    let target = socket
        .value("Socket", "Service")
        .unwrap_or_else(|| format!("{}.service", socket.name.trim_end_matches(".socket")));
    let Some(unit) = units::load(source, &target) else {
        ask(facts, socket, &format!("starts {target}, which is not there: what should it do?"));
        return;
    };
    let id = if facts.claimed.insert(target) || facts.enabled.contains(&unit.name) {
        match facts
            .services
            .iter()
            .find(|known| known.evidence.contains(&Evidence::file(&unit.path)))
        {
            Some(known) => known.id.clone(),
            None => service(source, facts, &unit, Role::App),
        }
    } else {
        return;
    };
    let listens: Vec<Listen> = socket
        .list("Socket", "ListenStream")
        .into_iter()
        .filter_map(|setting| listen(&socket.expand(&setting.value)))
        .collect();
    if let Some(service) = facts.services.iter_mut().find(|service| service.id == id) {
        service.listens.extend(listens);
        service.evidence.push(Evidence::file(&socket.path));
    }
}

fn listen(value: &str) -> Option<Listen> {
    if value.starts_with('/') {
        return Some(Listen {
            address: value.to_owned(),
            port: 0,
            protocol: "unix".to_owned(),
            address_from: None,
            port_from: None,
            evidence: None,
        });
    }
    let (address, port) = value.rsplit_once(':').unwrap_or(("::", value));
    Some(Listen {
        address: address.trim_matches(['[', ']']).to_owned(),
        port: port.parse().ok()?,
        protocol: "tcp".to_owned(),
        address_from: None,
        port_from: None,
        evidence: None,
    })
}

/// Adds the service that a unit runs; its id.
fn service(source: &dyn Source, facts: &mut Facts, unit: &Unit, role: Role) -> String {
    let stem = unit.name.trim_end_matches(".service");
    let id = facts.new_id(stem);
    let unknown = Runtime { name: String::new(), version: None };
    let mut service = Service::new(id.clone(), role, unknown);
    service.evidence.push(Evidence::file(&unit.path));
    user(facts, unit, &mut service);
    let directory = unit.value("Service", "WorkingDirectory").map(|folder| {
        let folder = folder.trim_start_matches('-');
        match (folder, service.user.as_deref().and_then(|user| facts.homes.get(user))) {
            ("~", Some(home)) => home.clone(),
            _ => folder.to_owned(),
        }
    });
    environment(source, facts, unit, &mut service);
    let commands = unit.list("Service", "ExecStart");
    if let Some(setting) = commands.last()
        && let Some(command) = unit::command(&unit.expand(&setting.value))
    {
        let seen = units::evidence(setting);
        let program = runtime::look(source, facts, &command.line, directory.as_deref());
        service.command = Some(variables::command(facts, &mut service, &command.line, &seen));
        service.evidence.push(seen);
        service.directory = directory.clone().or_else(|| program.directory.clone());
        service.runtime = program.runtime.clone();
        folders::program(source, facts, &mut service, &program);
        for path in &program.sourced {
            variables::read_file(source, facts, &mut service, path);
        }
    } else {
        service.directory = directory;
        "shell".clone_into(&mut service.runtime.name);
    }
    if service.command.as_deref().is_some_and(|line| {
        ["docker ", "podman ", "docker-compose ", "pm2 ", "pm2-runtime "]
            .iter()
            .any(|name| line.split('/').any(|part| part.starts_with(name)))
    }) {
        facts.questions.push(Question {
            id: format!("{id}-inner"),
            service: Some(id.clone()),
            question: format!(
                "{} starts other programs through a manager that is not looked into: what are they?",
                unit.name
            ),
            answer_in: format!("workloads[{id}].command"),
            blocking: true,
            evidence: vec![Evidence::file(&unit.path)],
        });
    }
    state(source, unit, &mut service);
    facts.services.push(service);
    id
}

fn user(facts: &mut Facts, unit: &Unit, service: &mut Service) {
    let setting = unit.last("Service", "User");
    let name = setting.map_or_else(|| "root".to_owned(), |setting| unit.expand(&setting.value));
    let dynamic = unit.value("Service", "DynamicUser").is_some_and(|value| value == "yes");
    service.ids = facts.users.get(&name).copied();
    if name == "root" && !dynamic {
        facts.findings.push(crate::model::finding::Finding {
            id: "runs-as-root".to_owned(),
            severity: Severity::Risk,
            service: Some(service.id.clone()),
            message: "runs as root, which the restricted Pod Security level refuses".to_owned(),
            remedy:
                "the plan gives it a user of its own; check that it can read and write its files"
                    .to_owned(),
            evidence: vec![setting.map_or_else(|| Evidence::file(&unit.path), units::evidence)],
        });
    }
    service.user = Some(name);
    if let Some(setting) = unit.last("Service", "Group")
        && let Some(ids) = &mut service.ids
        && let Some(gid) = facts.groups.get(&unit.expand(&setting.value))
    {
        ids.gid = *gid;
    }
}

fn environment(source: &dyn Source, facts: &mut Facts, unit: &Unit, service: &mut Service) {
    for setting in unit.list("Service", "Environment") {
        for word in unit::words(&setting.value) {
            if let Some((name, value)) = word.split_once('=')
                && environment::is_name(name)
            {
                let seen = units::evidence(setting);
                variables::set(facts, service, name, &unit.expand(value), seen);
            }
        }
    }
    let unit_holds_secret = service.environment.iter().any(|variable| variable.secret);
    if unit_holds_secret {
        for setting in unit.list("Service", "Environment") {
            variables::add_configuration(source, facts, service, &setting.path, None);
        }
    }
    // Files count after `Environment=`, in their order.
    for setting in unit.list("Service", "EnvironmentFile") {
        let value = unit.expand(&setting.value);
        let optional = value.starts_with('-');
        let pattern = value.trim_start_matches('-').trim_matches('"');
        let paths = folders::glob(source, pattern);
        let read =
            paths.iter().filter(|path| variables::read_file(source, facts, service, path)).count();
        if read == 0 && !optional {
            facts.questions.push(Question {
                id: format!("{}-environment", service.id),
                service: Some(service.id.clone()),
                question: format!(
                    "{} takes variables from {pattern}, which is not there: what do they say?",
                    unit.name
                ),
                answer_in: format!("workloads[{}].environment", service.id),
                blocking: true,
                evidence: vec![units::evidence(setting)],
            });
        }
    }
}

fn state(source: &dyn Source, unit: &Unit, service: &mut Service) {
    for (key, base, kind) in [
        ("StateDirectory", "/var/lib", StateKind::Uploads),
        ("CacheDirectory", "/var/cache", StateKind::Cache),
        ("LogsDirectory", "/var/log", StateKind::Logs),
    ] {
        for setting in unit.list("Service", key) {
            for name in setting.value.split_whitespace() {
                let name = name.split(':').next().unwrap_or(name);
                let path = format!("{base}/{}", unit.expand(name));
                folders::add_state(source, service, &path, kind, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    fn run(files: &[(&str, &str)]) -> Facts {
        let mut all = vec![
            ("/etc/passwd", "root:x:0:0::/root:/bin/sh\nshop:x:900:901::/opt/shop:/bin/false\n"),
            ("/etc/group", "media:x:950:\n"),
        ];
        all.extend(files);
        let source = Memory::new(&all);
        let mut facts = Facts::default();
        super::super::system::recognise(&source, &mut facts);
        recognise(&source, &mut facts);
        facts
    }

    #[test]
    fn a_service_with_its_environment() {
        let facts = run(&[
            (
                "/etc/systemd/system/shop.service",
                "[Service]\nUser=shop\nGroup=media\nWorkingDirectory=/opt/shop\nEnvironment=\"A=1 2\" API_TOKEN=abcdef\n\
                 EnvironmentFile=-/etc/none\nEnvironmentFile=/etc/shop.env\nStateDirectory=shop\nExecStart=/opt/shop/run --x\n",
            ),
            ("/etc/systemd/system/multi-user.target.wants/shop.service", "-> ../shop.service"),
            ("/etc/shop.env", "A=2\nDB_PASSWORD=hunter22\n"),
            ("/opt/shop/run", "#!/usr/bin/env python3\n"),
            ("/var/lib/shop/file", "12345"),
        ]);
        let [service] = facts.services.as_slice() else { panic!("{:?}", facts.services) };
        assert_eq!(service.id, "shop");
        assert_eq!(service.runtime.name, "python");
        assert_eq!(service.ids.unwrap().gid, 950);
        let of = |name: &str| service.environment.iter().find(|v| v.name == name).unwrap();
        assert_eq!(of("A").default.as_deref(), Some("2"));
        assert_eq!(of("A").set_in, Some(Evidence::line("/etc/shop.env", 1)));
        assert!(of("DB_PASSWORD").secret && of("DB_PASSWORD").default.is_none());
        assert!(of("API_TOKEN").secret);
        assert_eq!(service.state[0].bytes, 5);
        assert!(service.configuration.iter().any(|c| c.path == "/etc/shop.env" && c.secret));
        assert!(facts.captured.is_empty());
        assert_eq!(service.program, ["/opt/shop"]);
        assert!(!format!("{facts:?}").contains("hunter22"));
    }

    #[test]
    fn a_timer_becomes_a_job_and_a_missing_file_a_question() {
        let facts = run(&[
            ("/etc/systemd/system/tidy.timer", "[Timer]\nOnCalendar=*-*-* 03:17:00\n"),
            (
                "/etc/systemd/system/tidy.service",
                "[Service]\nType=oneshot\nEnvironmentFile=/etc/gone\nExecStart=/bin/true\n",
            ),
            ("/etc/systemd/system/timers.target.wants/tidy.timer", "-> ../tidy.timer"),
        ]);
        let [job] = facts.services.as_slice() else { panic!() };
        assert_eq!((job.role, job.schedule.as_deref()), (Role::Job, Some("17 3 * * *")));
        assert!(facts.questions.iter().any(|q| q.id == "tidy-environment" && q.blocking));
        assert!(facts.findings.iter().any(|f| f.id == "runs-as-root"));
    }
}
