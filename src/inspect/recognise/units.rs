//! Loading a systemd unit with its drop-ins.

use crate::inspect::parse::unit::{self, Setting};
use crate::inspect::source::{Kind, Source};
use crate::model::evidence::Evidence;

/// Where the administrator's units lie.
pub(super) const LOCAL: &str = "/etc/systemd/system";

/// Where units lie, the first one of a name counts.
const FOLDERS: [&str; 4] =
    [LOCAL, "/usr/local/lib/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];

/// A unit as it is in force.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// Its name (`app@1.service`).
    pub(super) name: String,
    /// Its file.
    pub(super) path: String,
    /// Its settings, those of drop-ins last.
    settings: Vec<Setting>,
}

impl Unit {
    /// The settings of a key that are in force.
    pub(super) fn list(&self, section: &str, key: &str) -> Vec<&Setting> {
        unit::list(&self.settings, section, key)
    }

    /// The last setting of a key.
    pub(super) fn last(&self, section: &str, key: &str) -> Option<&Setting> {
        unit::last(&self.settings, section, key)
    }

    /// The value of [`Unit::last`] with the specifiers that follow from the name replaced.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<String> {
        self.last(section, key).map(|setting| self.expand(&setting.value))
    }

    /// Replaces the specifiers that follow from the name.
    pub(super) fn expand(&self, value: &str) -> String {
        unit::specifiers(value, &self.name)
    }
}

/// Where a setting stands.
pub(super) fn evidence(setting: &Setting) -> Evidence {
    Evidence::line(&setting.path, setting.line)
}

/// The file of a unit, or of its template.
fn file(source: &dyn Source, name: &str) -> Option<String> {
    let names = [Some(name.to_owned()), template(name)];
    names.into_iter().flatten().find_map(|name| {
        FOLDERS.iter().map(|folder| format!("{folder}/{name}")).find(|path| source.is_file(path))
    })
}

/// `app@1.service` → `app@.service`.
fn template(name: &str) -> Option<String> {
    let (stem, suffix) = name.rsplit_once('.')?;
    let (prefix, _) = stem.split_once('@')?;
    Some(format!("{prefix}@.{suffix}"))
}

/// Whether a unit is masked, by the administrator or by its package: linked to `/dev/null`, or
/// empty. The first file of the name counts.
pub(super) fn is_masked(source: &dyn Source, name: &str) -> bool {
    let entries = &source.index().entries;
    match FOLDERS.iter().find_map(|folder| entries.get(&format!("{folder}/{name}"))) {
        Some(entry) => match &entry.kind {
            Kind::Link(target) => target == "/dev/null",
            kind => *kind == Kind::File && entry.size == 0,
        },
        None => false,
    }
}

/// Loads a unit; `None` when there is none of this name.
pub(super) fn load(source: &dyn Source, name: &str) -> Option<Unit> {
    if name.contains('/') {
        return None;
    }
    let path = file(source, name)?;
    let mut settings = unit::parse(&path, &source.text(&path).ok()?);
    let mut drop_ins: Vec<(String, String)> = Vec::new();
    let mut stems = vec![name.to_owned()];
    stems.extend(template(name));
    if let Some((_, suffix)) = name.rsplit_once('.') {
        stems.push(suffix.to_owned());
    }
    for stem in stems {
        for folder in FOLDERS {
            for file in source.list(&format!("{folder}/{stem}.d")) {
                // The first folder that has a drop-in of this name hides those after it.
                if file.ends_with(".conf") && !drop_ins.iter().any(|(known, _)| *known == file) {
                    drop_ins.push((file.clone(), format!("{folder}/{stem}.d/{file}")));
                }
            }
        }
    }
    drop_ins.sort();
    for (_, path) in drop_ins {
        if let Ok(text) = source.text(&path) {
            settings.extend(unit::parse(&path, &text));
        }
    }
    Some(Unit { name: name.to_owned(), path, settings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    #[test]
    fn drop_ins_add_and_reset() {
        let source = Memory::new(&[
            ("/lib/systemd/system/w@.service", "[Service]\nExecStart=/old\nUser=%i\n"),
            (
                "/etc/systemd/system/w@.service.d/20.conf",
                "[Service]\nExecStart=\nExecStart=/new %i\n",
            ),
            ("/etc/systemd/system/w@a.service.d/10.conf", "[Service]\nEnvironment=A=1\n"),
        ]);
        let source: &dyn Source = &source;
        let unit = load(source, "w@a.service").unwrap();
        assert_eq!(unit.value("Service", "User").unwrap(), "a");
        assert_eq!(unit.value("Service", "ExecStart").unwrap(), "/new a");
        let evidence = evidence(unit.last("Service", "ExecStart").unwrap());
        assert_eq!(evidence.to_string(), "/etc/systemd/system/w@.service.d/20.conf:3");
        assert!(load(source, "none.service").is_none());
    }
}
