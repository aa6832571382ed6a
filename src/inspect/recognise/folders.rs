//! Folders of a service: its program, its state, and names with `*` in them.

use super::Facts;
use super::runtime::Program;
use crate::inspect::source::{Kind, Source};
use crate::model::inventory::{Service, State, StateKind};

/// Folders that hold more than one application's files.
const SHARED: [&str; 22] = [
    "/",
    "/bin",
    "/boot",
    "/etc",
    "/home",
    "/lib",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/var",
    "/var/lib",
    "/var/www",
];

/// Sets what a service's program consists of.
pub(super) fn program(source: &dyn Source, facts: &Facts, service: &mut Service, found: &Program) {
    service.packages.extend(found.packages.iter().cloned());
    let folder = service
        .directory
        .clone()
        .filter(|folder| !SHARED.contains(&folder.as_str()) && !is_data(folder))
        .filter(|folder| source.is_folder(folder) && facts.owner(source, folder).is_none());
    if let Some(folder) = folder {
        service.program.push(folder);
    }
    for file in &found.files {
        // Code comes with what lies beside it; a lone script in a shared folder does not.
        let owning = project(source, file).unwrap_or_else(|| file.clone());
        let covered = service.program.iter().any(|known| is_within(&owning, known));
        if !covered {
            service.program.retain(|known| !is_within(known, &owning));
            service.program.push(owning);
        }
    }
}

/// The nearest folder above a file that holds a project.
fn project(source: &dyn Source, file: &str) -> Option<String> {
    const MARKS: [&str; 9] = [
        "package.json",
        "requirements.txt",
        "pyproject.toml",
        "composer.json",
        "Gemfile",
        "pyvenv.cfg",
        "manage.py",
        "pom.xml",
        "go.mod",
    ];
    let mut folder = file;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if SHARED.contains(&above) || above.is_empty() {
            return None;
        }
        if MARKS.iter().any(|mark| source.is_file(&format!("{above}/{mark}"))) {
            return Some(above.to_owned());
        }
        folder = above;
    }
    None
}

fn is_data(folder: &str) -> bool {
    ["/var/lib/", "/var/cache/", "/var/log/", "/run/", "/tmp/", "/var/tmp/"]
        .iter()
        .any(|base| folder.starts_with(base))
}

/// Whether `path` is `folder` or lies in it.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder == "/")
}

/// Adds a folder that a service writes to, with its size.
pub(super) fn add_state(
    source: &dyn Source,
    service: &mut Service,
    path: &str,
    kind: StateKind,
    path_from: Option<&str>,
) {
    let path = path.trim_end_matches('/');
    if path.is_empty() || SHARED.contains(&path) {
        return;
    }
    if let Some(known) = service.state.iter_mut().find(|known| known.path == path) {
        known.path_from = known.path_from.take().or_else(|| path_from.map(str::to_owned));
        return;
    }
    service.state.push(State {
        path: path.to_owned(),
        kind,
        bytes: bytes(source, path),
        path_from: path_from.map(str::to_owned),
    });
}

/// Bytes of all files at or below a path.
pub(super) fn bytes(source: &dyn Source, path: &str) -> u64 {
    let own = source.entry(path).filter(|entry| entry.kind == Kind::File).map_or(0, |e| e.size);
    own + source.below(path).map(|(_, entry)| entry.size).sum::<u64>()
}

/// Leaves out folders of state whose whole content is listed by folders below them.
pub(super) fn tidy_state(service: &mut Service) {
    let all = service.state.clone();
    service.state.retain(|outer| {
        let inner: Vec<_> = all
            .iter()
            .filter(|i| i.path != outer.path && is_within(&i.path, &outer.path))
            .collect();
        inner.is_empty() || outer.bytes > inner.iter().map(|inner| inner.bytes).sum()
    });
}

/// The paths that match a pattern with `*` and `?` in its last part.
pub(super) fn glob(source: &dyn Source, pattern: &str) -> Vec<String> {
    let Some((folder, name)) = pattern.rsplit_once('/') else { return Vec::new() };
    if !name.contains(['*', '?']) {
        return vec![pattern.to_owned()];
    }
    source
        .list(if folder.is_empty() { "/" } else { folder })
        .into_iter()
        .filter(|file| matches(name.as_bytes(), file.as_bytes()))
        .map(|file| format!("{folder}/{file}"))
        .collect()
}

/// Shell matching of `*` and `?`, without recursion: hostile patterns take no longer than others.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches(b"*.env", b"a.env"));
        assert!(matches(b"a*c?e", b"abbcde"));
        assert!(!matches(b"*.env", b"a.envx"));
        assert!(!matches(b"?", b""));
    }

    #[test]
    fn within() {
        assert!(is_within("/srv/app/x", "/srv/app"));
        assert!(is_within("/srv/app", "/srv/app"));
        assert!(!is_within("/srv/app2", "/srv/app"));
    }
}
