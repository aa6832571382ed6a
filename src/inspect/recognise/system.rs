//! What holds for the whole server: operating system, users, packages, enabled units.

use std::collections::BTreeSet;

use super::{Facts, units};
use crate::inspect::parse::{accounts, dpkg, environment};
use crate::inspect::source::{Kind, Source};
use crate::model::inventory::Os;

/// dpkg's database.
const DPKG: &str = "/var/lib/dpkg";

/// Reads them.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    facts.os = os(source);
    if let Ok(text) = source.text("/etc/passwd") {
        for user in accounts::users(&text) {
            facts.homes.insert(user.name.clone(), user.home);
            facts.users.insert(user.name, user.ids);
        }
    }
    if let Ok(text) = source.text("/etc/group") {
        for line in text.lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(Ok(gid))) = (fields.next(), fields.nth(1).map(str::parse)) {
                facts.groups.insert(name.to_owned(), gid);
            }
        }
    }
    packages(source, facts);
    facts.enabled = enabled(source);
}

fn os(source: &dyn Source) -> Os {
    let mut os = Os { timezone: timezone(source), ..Os::default() };
    let text = ["/etc/os-release", "/usr/lib/os-release"]
        .into_iter()
        .find_map(|path| source.text(path).ok())
        .unwrap_or_default();
    for assignment in environment::parse(&text) {
        match assignment.name.as_str() {
            "ID" => os.id = assignment.value,
            "VERSION_ID" => os.version = assignment.value,
            "PRETTY_NAME" => os.name = assignment.value,
            _ => {}
        }
    }
    os
}

/// `/etc/localtime` counts for the C library, `/etc/timezone` is Debian's note of it.
fn timezone(source: &dyn Source) -> String {
    if let Some(entry) = source.index().entries.get("/etc/localtime")
        && let Kind::Link(target) = &entry.kind
        && let Some((_, zone)) = target.split_once("zoneinfo/")
        && !zone.is_empty()
    {
        return zone.to_owned();
    }
    source
        .text("/etc/timezone")
        .ok()
        .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
        .filter(|zone| !zone.is_empty())
        .unwrap_or_else(|| "UTC".to_owned())
}

fn packages(source: &dyn Source, facts: &mut Facts) {
    let Ok(bytes) = source.read(&format!("{DPKG}/status"), 256 << 20) else { return };
    for package in dpkg::status(&String::from_utf8_lossy(&bytes)) {
        if package.name == "dpkg" {
            facts.os.architecture.clone_from(&package.architecture);
        }
        let lists = [
            format!("{DPKG}/info/{}.list", package.name),
            format!("{DPKG}/info/{}:{}.list", package.name, package.architecture),
        ];
        if let Some(text) = lists.iter().find_map(|path| source.text(path).ok()) {
            for path in text.lines().filter(|line| line.starts_with('/')) {
                facts.owners.insert(path.to_owned(), package.name.clone());
            }
        }
        facts.packages.insert(package.name, dpkg::upstream(&package.version));
    }
}

/// Units that start by themselves: linked from a `.wants` or `.requires` folder, and what those
/// want in turn.
fn enabled(source: &dyn Source) -> BTreeSet<String> {
    let mut pending: Vec<String> = Vec::new();
    for folder in source.list(units::LOCAL) {
        if !(folder.ends_with(".wants") || folder.ends_with(".requires")) {
            continue;
        }
        let folder = format!("{}/{folder}", units::LOCAL);
        for name in source.list(&folder) {
            pending.push(canonical(source, &format!("{folder}/{name}"), &name));
        }
    }
    let mut enabled = BTreeSet::new();
    while let Some(name) = pending.pop() {
        if !enabled.insert(name.clone()) {
            continue;
        }
        let Some(unit) = units::load(source, &name) else { continue };
        for key in ["Wants", "Requires", "BindsTo", "Upholds"] {
            for setting in unit.list("Unit", key) {
                for wanted in setting.value.split_whitespace() {
                    let wanted = unit.expand(wanted);
                    let path = format!("{}/{wanted}", units::LOCAL);
                    pending.push(canonical(source, &path, &wanted));
                }
            }
        }
    }
    enabled.retain(|name| !units::is_masked(source, name));
    enabled
}

/// The unit's own name behind an alias; an instance keeps its name.
fn canonical(source: &dyn Source, path: &str, name: &str) -> String {
    if name.contains('@') {
        return name.to_owned();
    }
    match source.index().entries.get(path).map(|entry| &entry.kind) {
        Some(Kind::Link(target)) if target != "/dev/null" => {
            target.rsplit('/').next().unwrap_or(name).to_owned()
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn a_debian_server() {
        let source = Memory::new(&[
            (
                "/etc/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n",
            ),
            ("/etc/localtime", "-> /usr/share/zoneinfo/Europe/Berlin"),
            ("/etc/passwd", "app:x:998:997::/srv/app:/bin/false\n"),
            (
                "/var/lib/dpkg/status",
                "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n\n\
                 Package: nodejs\nStatus: install ok installed\nArchitecture: amd64\nVersion: 18.20.4+dfsg-1\n",
            ),
            ("/var/lib/dpkg/info/nodejs.list", "/.\n/usr\n/usr/bin/node\n"),
            ("/usr/bin/node", "x"),
            ("/bin", "-> usr/bin"),
            (
                "/etc/systemd/system/app.service",
                "[Unit]\nWants=helper.service\n[Service]\nExecStart=/x\n",
            ),
            ("/etc/systemd/system/helper.service", "[Service]\nExecStart=/y\n"),
            ("/etc/systemd/system/off.service", "[Service]\nExecStart=/z\n"),
            ("/etc/systemd/system/dead.service", "-> /dev/null"),
            ("/etc/systemd/system/multi-user.target.wants/app.service", "-> ../app.service"),
            ("/etc/systemd/system/multi-user.target.wants/dead.service", "-> ../dead.service"),
            ("/etc/systemd/system/multi-user.target.wants/w@2.service", "-> ../w@.service"),
            (
                "/etc/systemd/system/multi-user.target.wants/mysql.service",
                "-> /lib/systemd/system/mariadb.service",
            ),
        ]);
        let mut facts = Facts::default();
        recognise(&source, &mut facts);
        assert_eq!(facts.os.id, "debian");
        assert_eq!(facts.os.timezone, "Europe/Berlin");
        assert_eq!(facts.os.architecture, "amd64");
        assert_eq!(facts.users["app"].uid, 998);
        assert_eq!(facts.version("nodejs").as_deref(), Some("18.20.4"));
        assert_eq!(facts.owner(&source, "/bin/node"), Some("nodejs"));
        let enabled: Vec<_> = facts.enabled.iter().map(String::as_str).collect();
        assert_eq!(enabled, ["app.service", "helper.service", "mariadb.service", "w@2.service"]);
    }
}
