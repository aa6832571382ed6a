//! Services that packages brought and that no recogniser reads: a question when the application
//! may need one, else named as left behind, with who does its work from now on.

use std::collections::BTreeMap;

use super::Facts;
use super::systemd::ask;
use super::units::{self, Unit};
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Question, Severity};

/// Services that keep a machine going: who does their work on the new platform, and their packages.
const PLATFORM: [(&str, &[&str]); 5] = [
    (
        "logging in to the machine is the engine's or cluster's own (`exec`)",
        &["openssh-server", "dropbear", "dropbear-bin"],
    ),
    (
        "the platform is the clock: jobs were read and become workloads",
        &["anacron", "at", "cron", "cronie", "systemd-cron"],
    ),
    (
        "what may connect to what is said by networks and network policies: bring rules that count \
         along by hand",
        &[
            "fail2ban",
            "firewalld",
            "iptables-persistent",
            "netfilter-persistent",
            "nftables",
            "ufw",
        ],
    ),
    (
        "the platform collects logs and watches what runs: set up alarms anew",
        &[
            "auditd",
            "collectd",
            "logrotate",
            "monit",
            "prometheus-node-exporter",
            "rsyslog",
            "smartmontools",
            "syslog-ng-core",
            "sysstat",
        ],
    ),
    (
        "updates come as new images",
        &["apt", "debsums", "man-db", "needrestart", "snapd", "unattended-upgrades"],
    ),
];

/// Of those, the ones that every machine has and that nobody chose: not worth a word.
const PLUMBING: [&str; 37] = [
    "acpid",
    "apparmor",
    "avahi-daemon",
    "bluez",
    "chrony",
    "cloud-guest-utils",
    "cloud-init",
    "console-setup",
    "console-setup-linux",
    "dbus",
    "dhcpcd",
    "dhcpcd-base",
    "dmsetup",
    "e2fsprogs",
    "hwclock",
    "ifupdown",
    "init-system-helpers",
    "irqbalance",
    "keyboard-configuration",
    "kmod",
    "lvm2",
    "mdadm",
    "modemmanager",
    "multipath-tools",
    "network-manager",
    "networkd-dispatcher",
    "ntp",
    "ntpsec",
    "open-vm-tools",
    "policykit-1",
    "polkitd",
    "qemu-guest-agent",
    "thermald",
    "udev",
    "udisks2",
    "util-linux",
    "wpasupplicant",
];

/// What stays on the old machine: for each reason the services, with where they were seen.
#[derive(Default)]
pub(super) struct Left {
    by_reason: BTreeMap<usize, Vec<(String, Evidence)>>,
}

impl Left {
    fn add(&mut self, reason: usize, name: &str, seen: Evidence) {
        let list = self.by_reason.entry(reason).or_default();
        if !list.iter().any(|(known, _)| known == name) {
            list.push((name.to_owned(), seen));
        }
    }

    /// Says what stays behind: one finding a reason.
    pub(super) fn report(self, facts: &mut Facts) {
        for (reason, services) in self.by_reason {
            let names: Vec<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
            facts.findings.push(Finding {
                id: "left-behind".to_owned(),
                severity: Severity::Advice,
                service: None,
                message: format!("{} was seen and stays on the old server", names.join(", ")),
                remedy: PLATFORM[reason].0.to_owned(),
                evidence: services.into_iter().map(|(_, seen)| seen).take(8).collect(),
            });
        }
    }
}

/// A service that keeps the machine going.
enum Platform {
    /// Someone chose it: its reason to stay behind.
    Chosen(usize),
    /// Every machine has it.
    Plumbing,
}

/// Whether a service keeps the machine going.
fn platform(unit: &str, package: &str) -> Option<Platform> {
    if let Some(reason) = PLATFORM.iter().position(|(_, packages)| packages.contains(&package)) {
        return Some(Platform::Chosen(reason));
    }
    let plumbing = PLUMBING.contains(&package)
        || ["systemd", "linux-", "zfs", "cloud-"].iter().any(|start| package.starts_with(start))
        || ["systemd-", "getty@", "serial-getty@"].iter().any(|start| unit.starts_with(start));
    plumbing.then_some(Platform::Plumbing)
}

/// Looks at a unit that a package brought and that starts with the server.
pub(super) fn look(
    source: &dyn Source,
    facts: &mut Facts,
    unit: &Unit,
    package: &str,
    left: &mut Left,
) {
    if !unit.name.ends_with(".service") {
        return;
    }
    if let Some(kind) = platform(&unit.name, package) {
        if let Platform::Chosen(reason) = kind {
            left.add(reason, unit.name.trim_end_matches(".service"), Evidence::file(&unit.path));
        }
        return;
    }
    let kind = unit.value("Service", "Type").unwrap_or_default();
    // One that stays on stands for daemons that it starts (postfix); others are over at once.
    let stays = unit
        .value("Service", "RemainAfterExit")
        .is_some_and(|value| matches!(value.as_str(), "yes" | "true" | "1" | "on"));
    if package == "supervisor" {
        return supervised(source, facts, unit);
    }
    if kind == "oneshot" && !stays || is_read(facts, &unit.name, package) {
        return;
    }
    ask(
        facts,
        unit,
        &format!(
            "(package {package}) starts with the server and is not understood by this version: \
             does the application need it? If so, add it to the plan, or say where it runs"
        ),
    );
}

/// The programs that Supervisor keeps running: the application's own, and not looked into.
fn supervised(source: &dyn Source, facts: &mut Facts, unit: &Unit) {
    let mut programs: Vec<String> = Vec::new();
    let mut seen = vec![Evidence::file(&unit.path)];
    let folder = "/etc/supervisor/conf.d";
    let others = source.list(folder).into_iter().take(200).map(|name| format!("{folder}/{name}"));
    for path in std::iter::once("/etc/supervisor/supervisord.conf".to_owned()).chain(others) {
        if !path.ends_with(".conf") || !source.is_file(&path) {
            continue;
        }
        let Ok(text) = source.text(&path) else { continue };
        for (index, line) in text.lines().enumerate() {
            let name = line.trim().strip_prefix("[program:").and_then(|it| it.strip_suffix(']'));
            if let Some(name) = name.filter(|name| name.len() < 100 && programs.len() < 50) {
                programs.push(name.to_owned());
                seen.push(Evidence::line(&path, crate::inspect::parse::line_number(index)));
            }
        }
    }
    if programs.is_empty() {
        return;
    }
    facts.questions.push(Question {
        id: "supervisor-programs".to_owned(),
        service: None,
        question: format!(
            "Supervisor starts {}, which this version does not look into: add each that the \
             application needs to the plan",
            programs.join(", ")
        ),
        answer_in: "workloads".to_owned(),
        blocking: true,
        evidence: seen,
    });
}

/// Whether a recogniser read it. Instances of a template are what its plain name only groups
/// (`postgresql@15-main`).
fn is_read(facts: &Facts, unit: &str, package: &str) -> bool {
    let stem = unit.split(['@', '.']).next().unwrap_or_default();
    facts.services.iter().any(|service| {
        service.runtime.name == stem || service.packages.iter().any(|known| known == package)
    })
}

/// What starts by a script of System V's kind and has no unit of its own, and `/etc/rc.local`.
pub(super) fn scripts(source: &dyn Source, facts: &mut Facts, left: &mut Left) {
    let mut names: Vec<String> = Vec::new();
    for folder in ["/etc/rc2.d", "/etc/rc3.d", "/etc/rc5.d"] {
        for entry in source.list(folder) {
            let name = entry
                .strip_prefix('S')
                .map(|it| it.trim_start_matches(|c: char| c.is_ascii_digit()));
            if let Some(name) = name.filter(|name| !name.is_empty() && name.len() < 100)
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
    }
    for name in names.into_iter().take(200) {
        let unit = format!("{name}.service");
        let path = format!("/etc/init.d/{name}");
        // A unit of the same name takes the script's place, also one that keeps it from starting.
        let unit_counts = units::is_masked(source, &unit) || units::load(source, &unit).is_some();
        if unit_counts || !source.is_file(&path) {
            continue;
        }
        let package = facts.owner(source, &path).map(str::to_owned);
        match package.as_deref().map(|package| platform(&unit, package)) {
            Some(Some(Platform::Chosen(reason))) => left.add(reason, &name, Evidence::file(&path)),
            Some(Some(Platform::Plumbing)) => {}
            Some(None) if is_read(facts, &unit, package.as_deref().unwrap_or_default()) => {}
            _ => ask_script(facts, &name, &path, package.as_deref()),
        }
    }
    let local = "/etc/rc.local";
    let says = |text: String| {
        text.lines().map(str::trim).any(|line| {
            !line.is_empty()
                && !line.starts_with('#')
                && !matches!(line, "exit 0" | "exit" | "true")
        })
    };
    if source.is_file(local) && source.text(local).is_ok_and(says) {
        ask_script(facts, "rc.local", local, None);
    }
}

fn ask_script(facts: &mut Facts, name: &str, path: &str, package: Option<&str>) {
    let package = package.map(|package| format!(" (package {package})")).unwrap_or_default();
    facts.questions.push(Question {
        id: super::label(&format!("script {name}")),
        service: None,
        question: format!(
            "{path}{package} starts with the server, and scripts of this kind are not understood \
             by this version: does the application need what it starts? If so, add it to the plan, \
             or say where it runs"
        ),
        answer_in: "workloads".to_owned(),
        blocking: false,
        evidence: vec![Evidence::file(path)],
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    fn run(files: &[(&str, &str)]) -> Facts {
        let source = Memory::new(files);
        let mut facts = Facts::default();
        super::super::system::recognise(&source, &mut facts);
        super::super::systemd::recognise(&source, &mut facts);
        facts
    }

    /// A package with one unit, enabled.
    fn package(name: &str, unit: &str, text: &str) -> Vec<(String, String)> {
        let path = format!("/lib/systemd/system/{unit}");
        vec![
            (format!("/var/lib/dpkg/info/{name}.list"), format!("{path}\n")),
            (path.clone(), text.to_owned()),
            (format!("/etc/systemd/system/multi-user.target.wants/{unit}"), format!("-> {path}")),
        ]
    }

    #[test]
    fn what_a_package_starts_is_asked_for_or_named_as_left_behind() {
        let mut files = vec![(
            "/var/lib/dpkg/status".to_owned(),
            [
                "apache2",
                "cron",
                "openssh-server",
                "postfix",
                "dbus",
                "exim4-base",
                "x",
                "supervisor",
            ]
            .map(|name| format!("Package: {name}\nStatus: install ok installed\nVersion: 2\n"))
            .join("\n"),
        )];
        let forking = "[Service]\nType=forking\nExecStart=/usr/sbin/apachectl start\n";
        files.extend(package("apache2", "apache2.service", forking));
        files.extend(package("cron", "cron.service", "[Service]\nExecStart=/usr/sbin/cron -f\n"));
        files.extend(package("dbus", "dbus.service", "[Service]\nExecStart=/usr/bin/dbus\n"));
        files.extend(package("openssh-server", "ssh.service", "[Service]\nExecStart=/sshd\n"));
        let stays = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n";
        files.extend(package("postfix", "postfix.service", stays));
        files.extend(package("x", "x.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n"));
        files.push(("/var/lib/dpkg/info/exim4-base.list".into(), "/etc/init.d/exim4\n".into()));
        files.push(("/etc/init.d/exim4".into(), "#!/bin/sh\n".into()));
        files.push(("/etc/rc2.d/S01exim4".into(), "-> ../init.d/exim4".into()));
        files.push(("/etc/rc2.d/S01cron".into(), "-> ../init.d/cron".into()));
        // Its package masks the unit: the script never starts.
        files.push(("/etc/rc2.d/S01sudo".into(), "-> ../init.d/sudo".into()));
        files.push(("/etc/init.d/sudo".into(), "#!/bin/sh\n".into()));
        files.push(("/lib/systemd/system/sudo.service".into(), "-> /dev/null".into()));
        files.push(("/etc/init.d/cron".into(), "#!/bin/sh\n".into()));
        files.extend(package("supervisor", "supervisor.service", "[Service]\nExecStart=/x\n"));
        let programs = "[program:worker]\ncommand=/srv/x\n".to_owned();
        files.push(("/etc/supervisor/conf.d/a.conf".into(), programs));
        files.push(("/etc/rc.local".into(), "#!/bin/sh\n# x\n/opt/x &\nexit 0\n".into()));
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let facts = run(&files);
        assert!(facts.services.is_empty());
        let asked: Vec<&str> = facts
            .questions
            .iter()
            .map(|it| it.question.split([' ', ':']).next().unwrap_or_default())
            .collect();
        assert_eq!(
            asked,
            [
                "apache2.service",
                "postfix.service",
                "Supervisor",
                "/etc/init.d/exim4",
                "/etc/rc.local"
            ]
        );
        let left: Vec<&str> = facts.findings.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            left,
            [
                "ssh was seen and stays on the old server",
                "cron was seen and stays on the old server"
            ]
        );
        assert_eq!(facts.findings[0].evidence, [Evidence::file("/lib/systemd/system/ssh.service")]);
    }
}
