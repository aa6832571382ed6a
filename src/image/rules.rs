//! What may enter an image and what never does.

use std::collections::BTreeSet;

use crate::model::inventory::Inventory;
use crate::model::plan::{Plan, SecretKind, Workload};

/// Folders whose content belongs to one machine or one person, or is made at run time.
const NEVER_BELOW: &[&str] = &[
    "/boot",
    "/dev",
    "/etc/ssl/private",
    "/lost+found",
    "/media",
    "/mnt",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/tmp",
    "/var/cache",
    "/var/lib/apt",
    "/var/log",
    "/var/mail",
    "/var/spool",
    "/var/tmp",
];

/// What packages ship for readers and for tools that no container has.
const DOCUMENTATION: &[&str] = &[
    "/usr/share/doc",
    "/usr/share/info",
    "/usr/share/lintian",
    "/usr/share/man",
    "/usr/share/bug",
];

/// Version control below a program's folder.
const VERSION_CONTROL: &[&str] = &[".git", ".hg", ".svn"];

/// What stays out of one workload's image.
#[derive(Debug, Default)]
pub(super) struct Rules {
    out: BTreeSet<String>,
    state: BTreeSet<String>,
}

impl Rules {
    /// The rules for a workload: the plan's own, every file that holds a secret, all state.
    pub(super) fn new(plan: &Plan, inventory: &Inventory, workload: &Workload) -> Self {
        let mut rules = Self::default();
        rules.out.extend(workload.image.leave_out.iter().map(|path| tidy(path)));
        for secret in &plan.secrets {
            // A value's file, too: the value stands in it.
            if let (Some(path), SecretKind::File | SecretKind::Value) = (&secret.path, secret.kind)
            {
                rules.out.insert(tidy(path));
            }
        }
        for service in &inventory.services {
            for file in service.configuration.iter().filter(|file| file.secret) {
                rules.out.insert(tidy(&file.path));
            }
            rules.state.extend(service.state.iter().map(|state| tidy(&state.path)));
        }
        rules.state.extend(plan.volumes.iter().map(|volume| tidy(&volume.source)));
        rules
    }

    /// Whether this path stays out, whoever owns it.
    pub(super) fn refuses(&self, path: &str) -> bool {
        below_any(path, &self.out, true)
            || below_any(path, &self.state, false)
            || NEVER_BELOW.iter().any(|folder| strictly_below(path, folder))
            || never(path)
    }

    /// Whether this path is a folder of state: the folder itself goes in, empty.
    pub(super) fn is_state(&self, path: &str) -> bool {
        self.state.contains(path)
    }

    /// Folders of state.
    pub(super) fn state(&self) -> impl Iterator<Item = &str> {
        self.state.iter().map(String::as_str)
    }
}

/// Whether a package's file is left out because it is for readers only.
pub(super) fn is_documentation(path: &str) -> bool {
    DOCUMENTATION.iter().any(|folder| strictly_below(path, folder)) && !path.ends_with("/copyright")
}

/// Password files, keys and histories by name, wherever they lie.
fn never(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let in_etc = path.starts_with("/etc/");
    // The builder would take such a name for a deletion.
    name.starts_with(".wh.")
        || (in_etc && (name.starts_with("shadow") || name.starts_with("gshadow")))
        || (path.starts_with("/etc/ssh/") && name.starts_with("ssh_host_"))
        || path.contains("/.ssh/")
        || (name.starts_with('.') && name.ends_with("_history"))
        || VERSION_CONTROL.contains(&name)
        || VERSION_CONTROL.iter().any(|folder| path.contains(&format!("/{folder}/")))
}

/// Whether a file's text holds a private key in PEM form.
pub(super) fn holds_private_key(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ")
            && line.windows(16).any(|window| window == b"PRIVATE KEY-----")
    })
}

fn below_any(path: &str, folders: &BTreeSet<String>, or_same: bool) -> bool {
    if or_same && folders.contains(path) {
        return true;
    }
    let mut rest = path;
    while let Some((folder, _)) = rest.rsplit_once('/') {
        if folders.contains(folder) {
            return true;
        }
        rest = folder;
    }
    false
}

fn strictly_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

/// A path as the index writes it.
pub(super) fn tidy(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(out: &[&str], state: &[&str]) -> Rules {
        let set = |paths: &[&str]| paths.iter().map(|path| tidy(path)).collect();
        Rules { out: set(out), state: set(state) }
    }

    #[test]
    fn secrets_state_and_what_is_one_machines_own_stay_out() {
        let rules = rules(&["/srv/app/.env", "/srv/app/tmp/"], &["/srv/app/files"]);
        for path in [
            "/srv/app/.env",
            "/srv/app/tmp",
            "/srv/app/tmp/x/y",
            "/srv/app/files/a.png",
            "/etc/shadow",
            "/etc/shadow-",
            "/etc/gshadow",
            "/etc/ssh/ssh_host_rsa_key",
            "/root/.bashrc",
            "/home/x/.ssh/id_rsa",
            "/srv/app/.git",
            "/srv/app/.git/config",
            "/srv/app/.mysql_history",
            "/etc/ssl/private/site.key",
            "/srv/app/.wh.x",
        ] {
            assert!(rules.refuses(path), "{path}");
        }
        for path in
            ["/srv/app/files", "/srv/app/.env.example", "/etc/passwd", "/root", "/srv/app/tmpl"]
        {
            assert!(!rules.refuses(path), "{path}");
        }
        assert!(rules.is_state("/srv/app/files"));
    }

    #[test]
    fn a_private_key_is_known_by_its_text() {
        assert!(holds_private_key(b"x\n-----BEGIN RSA PRIVATE KEY-----\nMII"));
        assert!(holds_private_key(b"-----BEGIN PRIVATE KEY-----"));
        assert!(!holds_private_key(b"-----BEGIN CERTIFICATE-----\n"));
        assert!(!holds_private_key(b"if (pem.includes('-----BEGIN PRIVATE KEY-----'))"));
    }

    #[test]
    fn copyright_stays_and_other_documentation_does_not() {
        assert!(is_documentation("/usr/share/doc/x/README"));
        assert!(!is_documentation("/usr/share/doc/x/copyright"));
        assert!(!is_documentation("/usr/share/doc"));
    }
}
