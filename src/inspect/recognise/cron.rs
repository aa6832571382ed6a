//! Jobs of cron: of the system's crontabs, of users', and of the daily folders.

use super::{Facts, folders, runtime, variables};
use crate::inspect::parse::{crontab, shell};
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Question, Severity};
use crate::model::inventory::{Role, Runtime, Service};

/// Where users' crontabs lie: on Debian, elsewhere.
const SPOOLS: [&str; 2] = ["/var/spool/cron/crontabs", "/var/spool/cron"];

/// Folders whose scripts run by themselves, with the times that Debian's crontab gives them.
const PERIODIC: [(&str, &str); 4] = [
    ("/etc/cron.hourly", "17 * * * *"),
    ("/etc/cron.daily", "25 6 * * *"),
    ("/etc/cron.weekly", "47 6 * * 7"),
    ("/etc/cron.monthly", "52 6 1 * *"),
];

/// Adds every job that no package brought.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    for unit in ["cron.service", "crond.service", "cronie.service"] {
        facts.claim(unit);
    }
    tab(source, facts, "/etc/crontab", "cron", None);
    for file in source.list("/etc/cron.d") {
        // cron itself skips names with other characters.
        let plain = file.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let path = format!("/etc/cron.d/{file}");
        if plain && facts.owner(source, &path).is_none() {
            tab(source, facts, &path, &file, None);
        }
    }
    for spool in SPOOLS {
        for user in source.list(spool) {
            let path = format!("{spool}/{user}");
            if source.is_file(&path) {
                tab(source, facts, &path, &user, Some(&user));
            }
        }
    }
    for (folder, schedule) in PERIODIC {
        for file in source.list(folder) {
            let path = format!("{folder}/{file}");
            let runs = source.entry(&path).is_some_and(|entry| entry.mode & 0o111 != 0);
            if source.is_file(&path) && runs && facts.owner(source, &path).is_none() {
                let job = crontab::Job {
                    schedule: schedule.to_owned(),
                    user: Some("root".to_owned()),
                    command: path.clone(),
                    input: false,
                    line: 1,
                };
                add(source, facts, &job, &[], &Evidence::file(&path), &file);
            }
        }
    }
}

fn tab(source: &dyn Source, facts: &mut Facts, path: &str, name: &str, user: Option<&str>) {
    if !source.is_file(path) {
        return;
    }
    let Ok(text) = source.text(path) else { return };
    let crontab = crontab::parse(&text, user.is_none());
    let mut mailed = None;
    for mut job in crontab.jobs {
        // Debian's own lines run the daily folders, which are looked at by themselves.
        if job.command.contains("run-parts") {
            continue;
        }
        if job.user.is_none() {
            job.user = user.map(str::to_owned);
        }
        let id =
            add(source, facts, &job, &crontab.environment, &Evidence::line(path, job.line), name);
        mailed = Some(id);
    }
    let mailto =
        crontab.environment.iter().find(|(name, value, _)| name == "MAILTO" && !value.is_empty());
    if let (Some(id), Some((_, _, line))) = (mailed, mailto) {
        facts.findings.push(Finding {
            id: "cron-mail".to_owned(),
            severity: Severity::Advice,
            service: Some(id),
            message: "cron mails what this job prints; the new platform keeps it as a log"
                .to_owned(),
            remedy: "have the platform's alerts watch for failed jobs".to_owned(),
            evidence: vec![Evidence::line(path, *line)],
        });
    }
    for line in crontab.unknown {
        facts.questions.push(Question {
            id: super::label(&format!("cron {name} {line}")),
            service: None,
            question: format!("{path}:{line} is no line that cron takes: is a job meant?"),
            answer_in: "workloads".to_owned(),
            blocking: false,
            evidence: vec![Evidence::line(path, line)],
        });
    }
}

/// Adds one job; its id.
fn add(
    source: &dyn Source,
    facts: &mut Facts,
    job: &crontab::Job,
    environment: &[(String, String, u32)],
    seen: &Evidence,
    tab: &str,
) -> String {
    let home = job.user.as_deref().and_then(|user| facts.homes.get(user)).cloned();
    let program = runtime::look(source, facts, &job.command, home.as_deref());
    let id = facts.new_id(&name(tab, &program.files, &job.command));
    let unknown = Runtime { name: String::new(), version: None };
    let mut service = Service::new(id.clone(), Role::Job, unknown);
    service.evidence.push(seen.clone());
    service.command = Some(variables::command(facts, &mut service, &job.command, seen));
    service.directory.clone_from(&program.directory);
    service.runtime = program.runtime.clone();
    service.ids = job.user.as_deref().and_then(|user| facts.users.get(user)).copied();
    service.user.clone_from(&job.user);
    folders::program(source, facts, &mut service, &program);
    let path = match seen {
        Evidence::File { path, .. } => path.clone(),
        Evidence::Command { command } => command.clone(),
    };
    for (name, value, line) in environment {
        // These are settings of cron and of its shell; the image has its own.
        if !matches!(name.as_str(), "MAILTO" | "MAILFROM" | "SHELL" | "HOME" | "LOGNAME" | "USER") {
            variables::set(facts, &mut service, name, value, Evidence::line(&path, *line));
        }
    }
    if service.environment.iter().any(|variable| variable.secret) {
        variables::add_configuration(source, facts, &mut service, &path, None);
    }
    for file in &program.sourced {
        variables::read_file(source, facts, &mut service, file);
    }
    scripts_with_secrets(source, facts, &mut service, &program.files);
    if job.schedule.eq_ignore_ascii_case("@reboot") {
        ask(
            facts,
            &id,
            "schedule",
            "runs once at each start of the server: when should it run?",
            seen,
        );
    } else {
        service.schedule = Some(job.schedule.clone());
    }
    if job.input {
        ask(
            facts,
            &id,
            "input",
            "is given input by a % in its line: how should it get that?",
            seen,
        );
    }
    if service.user.as_deref() == Some("root") {
        facts.findings.push(Finding {
            id: "runs-as-root".to_owned(),
            severity: Severity::Risk,
            service: Some(id.clone()),
            message: "runs as root, which the restricted Pod Security level refuses".to_owned(),
            remedy:
                "the plan gives it a user of its own; check that it can read and write its files"
                    .to_owned(),
            evidence: vec![seen.clone()],
        });
    }
    facts.services.push(service);
    id
}

fn ask(facts: &mut Facts, id: &str, what: &str, question: &str, seen: &Evidence) {
    facts.questions.push(Question {
        id: format!("{id}-{what}"),
        service: Some(id.to_owned()),
        question: format!("{id} {question}"),
        answer_in: if what == "schedule" {
            format!("workloads[{id}].schedule.cron")
        } else {
            format!("workloads[{id}].command")
        },
        blocking: true,
        evidence: vec![seen.clone()],
    });
}

/// A script that holds a password is a secret file: it enters no image.
fn scripts_with_secrets(
    source: &dyn Source,
    facts: &mut Facts,
    service: &mut Service,
    files: &[String],
) {
    for file in files {
        let small = source.entry(file).is_some_and(|entry| entry.size < 1 << 20);
        let Ok(text) = source.text(file) else { continue };
        if !small || !text.starts_with("#!") || !is_shell(&text) {
            continue;
        }
        let secrets = shell::secrets(&text);
        if let Some(real) = source.resolve(file)
            && !secrets.is_empty()
        {
            facts.findings.push(Finding {
                id: "secret-in-script".to_owned(),
                severity: Severity::Risk,
                service: Some(service.id.clone()),
                message: format!("{real} holds a secret as it stands"),
                remedy: "it is mounted whole from a secret; better, have it read a variable"
                    .to_owned(),
                evidence: secrets.iter().map(|(_, line)| Evidence::line(&real, *line)).collect(),
            });
            variables::add_configuration(source, facts, service, &real, None);
        }
    }
}

fn is_shell(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.contains("sh"))
}

/// A name from the crontab and what it runs (`shop`, `/srv/shop/bin/nightly` → `shop-nightly`).
fn name(tab: &str, files: &[String], command: &str) -> String {
    let called = shell::commands(command)
        .into_iter()
        .filter_map(|words| runtime::without_wrappers(&words).first().cloned())
        .find(|word| !matches!(word.as_str(), "cd" | "." | "source"));
    let program = files.first().cloned().or(called).unwrap_or_else(|| "job".to_owned());
    let program = program.as_str();
    let stem = program.rsplit('/').next().unwrap_or(program);
    let stem = stem.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(stem);
    if stem.contains(tab) || tab == "cron" { stem.to_owned() } else { format!("{tab}-{stem}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn jobs_of_all_kinds() {
        let mut source = Memory::new(&[
            ("/etc/passwd", "shop:x:900:901::/opt/shop:/bin/false\nroot:x:0:0::/root:/bin/sh\n"),
            ("/etc/crontab", "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n"),
            (
                "/etc/cron.d/shop",
                "MAILTO=a@example.org\n5 4 * * * shop /opt/shop/bin/tidy\n@reboot shop /x\n",
            ),
            ("/etc/cron.d/shop.dpkg-old", "5 4 * * * shop /opt/shop/bin/old\n"),
            ("/etc/cron.d/packaged", "5 4 * * * root /usr/bin/y\n"),
            ("/var/lib/dpkg/status", "Package: y\nStatus: install ok installed\nVersion: 1\n"),
            ("/var/lib/dpkg/info/y.list", "/etc/cron.d/packaged\n"),
            ("/var/spool/cron/crontabs/shop", "@daily mysqldump -u shop -phunter22 shop > /b\n"),
            ("/opt/shop/bin/tidy", "#!/bin/sh\n. /etc/shop.env\nnode /opt/shop/tidy.js\n"),
            ("/etc/shop.env", "DB_HOST=127.0.0.1\nDB_PASSWORD=hunter22\n"),
        ]);
        source.file("/etc/cron.daily/report", "#!/bin/bash\nTOKEN=hunter22x\n", 0o755);
        let mut facts = Facts::default();
        super::super::system::recognise(&source, &mut facts);
        recognise(&source, &mut facts);
        let ids: Vec<_> = facts.services.iter().map(|service| service.id.as_str()).collect();
        assert_eq!(ids, ["shop-tidy", "shop-x", "shop-mysqldump", "report"]);
        let tidy = &facts.services[0];
        assert_eq!(tidy.runtime.name, "nodejs");
        assert_eq!(tidy.schedule.as_deref(), Some("5 4 * * *"));
        assert!(tidy.environment.iter().any(|v| v.name == "DB_PASSWORD" && v.secret));
        assert_eq!(facts.services[1].schedule, None);
        assert!(facts.questions.iter().any(|question| question.id == "shop-x-schedule"));
        assert_eq!(
            facts.services[2].command.as_deref(),
            Some("mysqldump -u shop -p[secret] shop > /b")
        );
        assert!(facts.findings.iter().any(|finding| finding.id == "secret-in-command"));
        assert!(facts.services[3].configuration.iter().any(|file| file.secret));
        assert!(!format!("{facts:?}").contains("hunter22"));
    }
}
