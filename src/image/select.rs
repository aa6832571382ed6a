//! Which paths of the source make up one workload's root filesystem.

use std::collections::{BTreeMap, BTreeSet};

use super::packages::{INFO, Packages, STATUS};
use super::rules::{Rules, is_documentation, tidy};
use crate::error::{Error, Result};
use crate::inspect::source::{Entry, Kind, Source};
use crate::model::plan::{Plan, Strategy, Workload};

/// What maintainers' scripts make on a server: carried, because they are not run again.
const MADE_BY_SCRIPTS: &[&str] = &[
    "/etc/default/locale",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/timezone",
    "/usr/lib/locale",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
];

/// Carried when a program belongs to no package: what nearly every program is linked to.
const COMMON_LIBRARIES: &[&str] = &["libc6", "libgcc-s1", "libstdc++6", "zlib1g"];

/// Folders that every root filesystem has, as (path, mode).
const SKELETON: &[(&str, u32)] = &[
    ("/dev", 0o755),
    ("/etc", 0o755),
    ("/proc", 0o555),
    ("/run", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),
    ("/var", 0o755),
    ("/var/tmp", 0o1777),
];

/// Links below these are made by init systems, not for programs.
const INIT_LINKS: &[&str] = &["/etc/systemd/", "/etc/rc", "/etc/cron"];

/// Registered by ucf: configuration that belongs to a package and is not in its list.
const UCF: &str = "/var/lib/ucf/registry";

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A package's own file: the same on every machine.
    Package,
    /// This server's own.
    Server,
}

/// The root filesystem to be.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Entries by path; parents come before what lies in them.
    pub(super) entries: BTreeMap<String, (Entry, Origin)>,
    /// Files whose text is not the source's: dpkg's status, cut down to what is in.
    pub(super) texts: BTreeMap<String, Vec<u8>>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

/// Chooses the paths for a workload that owns its image.
pub(super) fn select(
    source: &dyn Source,
    packages: &Packages,
    plan: &Plan,
    rules: &Rules,
    workload: &Workload,
) -> Result<Selection> {
    let mut chooser = Chooser { source, rules, selection: Selection::default() };
    if workload.image.strategy == Strategy::Carry {
        chooser.carry(packages, workload)?;
    }
    for path in &workload.image.paths {
        chooser.tree(&tidy(path), &workload.id)?;
    }
    // All workloads that share the image need their mount points in it.
    for sharer in &plan.workloads {
        if sharer.id == workload.id || sharer.image.of.as_deref() == Some(&workload.id) {
            chooser.mount_points(plan, sharer);
        }
    }
    Ok(chooser.selection)
}

struct Chooser<'a> {
    source: &'a dyn Source,
    rules: &'a Rules,
    selection: Selection,
}

impl Chooser<'_> {
    fn carry(&mut self, packages: &Packages, workload: &Workload) -> Result<()> {
        if packages.is_empty() {
            return Err(Error::refused(format!(
                "workload {}: strategy carry needs a source with dpkg's records in {STATUS}",
                workload.id
            ))
            .help("set image.strategy of the workload to upstream in plan.yaml"));
        }
        let mut wanted = workload.image.packages.clone();
        if wanted.is_empty() {
            let common = COMMON_LIBRARIES.iter().filter(|name| packages.has(name));
            wanted.extend(common.map(|name| (*name).to_owned()));
            self.selection.notes.push(format!(
                "workload {}: no package owns its program; {} are carried, other libraries that it loads are not: name their packages in image.packages if it does not start",
                workload.id,
                wanted.join(", ")
            ));
        }
        let closure = packages.closure(&wanted)?;
        for name in &closure {
            for path in packages.files(self.source, name)? {
                self.package_file(&path);
            }
        }
        for (path, mode) in SKELETON {
            self.folder(path, *mode, 0, 0);
        }
        // Top-level links of a merged /usr (`/bin` → `usr/bin`) belong to no package.
        for name in self.source.list("/") {
            let path = format!("/{name}");
            if let Some(entry) = self.source.index().entries.get(&path)
                && matches!(&entry.kind, Kind::Link(target) if target.trim_start_matches('/').starts_with("usr/"))
            {
                self.add(&path, Origin::Package);
            }
        }
        for path in MADE_BY_SCRIPTS {
            if self.source.index().entries.contains_key(*path) {
                self.tree(path, &workload.id)?;
            }
        }
        self.registered(&closure);
        self.links_to_chosen();
        self.records(packages, &closure);
        Ok(())
    }

    /// A path of a package's list. The list says `/lib/x` where a merged `/usr` has `/usr/lib/x`.
    fn package_file(&mut self, listed: &str) {
        let Some(path) = self.real_place(listed) else { return };
        let Some(entry) = self.source.index().entries.get(&path) else { return };
        let folder = entry.kind == Kind::Folder;
        if is_documentation(&path) && (!folder || path.starts_with("/usr/share/doc/")) {
            return;
        }
        // A package's empty folders below /var/log and the like are wanted, files there are not.
        if !folder && self.rules.refuses(&path) {
            return;
        }
        self.add(&path, Origin::Package);
    }

    /// The path with links followed in all parts but the last.
    fn real_place(&self, path: &str) -> Option<String> {
        let (folder, name) = path.trim_end_matches('/').rsplit_once('/')?;
        if name.is_empty() || name == "." || name == ".." {
            return None;
        }
        let folder =
            if folder.is_empty() { "/".to_owned() } else { self.source.resolve(folder)? };
        Some(format!("{}/{name}", folder.trim_end_matches('/')))
    }

    /// A file, or a folder with all below it; a link is followed, and both ends go in.
    fn tree(&mut self, path: &str, workload: &str) -> Result<()> {
        let Some(place) = self.real_place(path) else {
            return Err(missing(path, workload));
        };
        let Some(entry) = self.source.index().entries.get(&place) else {
            return Err(missing(path, workload));
        };
        if self.rules.refuses(&place) && !self.rules.is_state(&place) {
            return Ok(());
        }
        if matches!(entry.kind, Kind::Link(_)) {
            self.add(&place, Origin::Server);
            return match self.source.resolve(&place) {
                Some(real) => self.tree(&real, workload),
                None => Ok(()),
            };
        }
        self.add(&place, Origin::Server);
        if entry.kind == Kind::Folder {
            let below: Vec<String> =
                self.source.below(&place).map(|(path, _)| path.to_owned()).collect();
            for path in below.iter().filter(|path| !self.rules.refuses(path)) {
                self.add(path, Origin::Server);
            }
        }
        Ok(())
    }

    /// Puts one entry in, with the folders above it. A package's file stays marked as one.
    fn add(&mut self, path: &str, origin: Origin) {
        let Some(entry) = self.source.index().entries.get(path) else { return };
        if entry.kind == Kind::Other || path == "/" {
            return;
        }
        if let Some((folder, _)) = path.rsplit_once('/')
            && !folder.is_empty()
            && !self.selection.entries.contains_key(folder)
        {
            self.add(folder, origin);
        }
        self.selection.entries.entry(path.to_owned()).or_insert_with(|| (entry.clone(), origin));
    }

    /// An empty folder: as on the source where it is there, else with this mode and owner.
    fn folder(&mut self, path: &str, mode: u32, uid: u32, gid: u32) {
        let Some(place) = self.real_place_to_be(path) else { return };
        if self.selection.entries.contains_key(&place) {
            return;
        }
        if let Some(entry) = self.source.index().entries.get(&place)
            && entry.kind == Kind::Folder
        {
            self.add(&place, Origin::Server);
            return;
        }
        if let Some((above, _)) = place.rsplit_once('/')
            && !above.is_empty()
        {
            self.folder(above, 0o755, 0, 0);
        }
        let entry = Entry { kind: Kind::Folder, size: 0, mode, uid, gid, mtime: 0 };
        self.selection.entries.insert(place, (entry, Origin::Server));
    }

    /// As [`Chooser::real_place`], for a path that need not be there: links are followed as far as
    /// it is (`/var/run/x` is `/run/x`).
    fn real_place_to_be(&self, path: &str) -> Option<String> {
        let path = tidy(path);
        if path.split('/').any(|part| part == "..") || path == "/" {
            return None;
        }
        let (folder, name) = path.rsplit_once('/')?;
        let folder = if folder.is_empty() {
            String::new()
        } else {
            match self.source.resolve(folder) {
                Some(real) => real.trim_end_matches('/').to_owned(),
                None => self.real_place_to_be(folder)?,
            }
        };
        Some(format!("{folder}/{name}"))
    }

    /// Where volumes and scratch folders are mounted: a fresh volume takes owner and mode from here.
    fn mount_points(&mut self, plan: &Plan, workload: &Workload) {
        let (uid, gid) = (workload.user.uid, workload.user.gid);
        for mount in &workload.mounts {
            let volume = plan.volumes.iter().find(|volume| volume.name == mount.volume);
            let original = volume
                .and_then(|volume| self.source.entry(&volume.source))
                .filter(|entry| entry.kind == Kind::Folder);
            let (mode, uid, gid) =
                original.map_or((0o755, uid, gid), |entry| (entry.mode, entry.uid, entry.gid));
            self.folder(&mount.path, mode, uid, gid);
        }
        for path in &workload.scratch {
            self.folder(path, 0o755, uid, gid);
        }
        if let Some(directory) = &workload.directory {
            self.folder(directory, 0o755, 0, 0);
        }
        for path in self.rules.state().map(str::to_owned).collect::<Vec<_>>() {
            // State below a folder that is in: the empty folder, so that what is next to it works.
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            if self.selection.entries.contains_key(above)
                && self.source.index().entries.get(&path).is_some_and(|e| e.kind == Kind::Folder)
            {
                self.add(&path, Origin::Server);
            }
        }
    }

    /// Configuration that packages of the closure registered with ucf.
    fn registered(&mut self, closure: &BTreeSet<String>) {
        let Ok(registry) = self.source.text(UCF) else { return };
        for line in registry.lines() {
            let mut words = line.split_whitespace();
            let (Some(package), Some(path)) = (words.next(), words.next()) else { continue };
            if closure.contains(package)
                && let Some(place) = self.real_place(path)
                && !self.rules.refuses(&place)
            {
                self.add(&place, Origin::Server);
            }
        }
    }

    /// Links that lead to something chosen: alternatives, diverted names, `sites-enabled`. One link
    /// may lead to another, so until nothing is added.
    fn links_to_chosen(&mut self) {
        loop {
            let links: Vec<String> = ["/etc", "/usr"]
                .iter()
                .flat_map(|folder| self.source.below(folder))
                .filter(|(path, entry)| {
                    matches!(entry.kind, Kind::Link(_))
                        && !self.selection.entries.contains_key(*path)
                        && !INIT_LINKS.iter().any(|folder| path.starts_with(folder))
                        && !is_documentation(path)
                        && !self.rules.refuses(path)
                })
                .filter(|(path, entry)| self.leads_to_chosen(path, entry))
                .map(|(path, _)| path.to_owned())
                .collect();
            if links.is_empty() {
                return;
            }
            for link in links {
                self.add(&link, Origin::Server);
            }
        }
    }

    fn leads_to_chosen(&self, path: &str, entry: &Entry) -> bool {
        let Kind::Link(target) = &entry.kind else { return false };
        let target = if target.starts_with('/') {
            target.clone()
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{target}")
        };
        let Some(next) = self.real_place(&target) else { return false };
        self.selection.entries.get(&next).is_some_and(|(entry, _)| entry.kind != Kind::Folder)
    }

    /// dpkg's records, cut down to what is in, so that scanners see what the image holds.
    fn records(&mut self, packages: &Packages, closure: &BTreeSet<String>) {
        let mut status = String::new();
        for name in closure {
            if let Some(package) = packages.get(name) {
                status.push_str(&package.paragraph);
                status.push_str("\n\n");
            }
            let Some(stem) = packages.info_stem(self.source, name) else { continue };
            for kind in ["list", "md5sums", "conffiles"] {
                self.add(&format!("{INFO}/{stem}.{kind}"), Origin::Package);
            }
        }
        self.add(STATUS, Origin::Package);
        if self.selection.entries.contains_key(STATUS) {
            self.selection.texts.insert(STATUS.to_owned(), status.into_bytes());
        }
    }
}

fn missing(path: &str, workload: &str) -> Error {
    Error::refused(format!("workload {workload}: {path} is not on the source"))
        .help("correct image.paths of the workload in plan.yaml")
}
