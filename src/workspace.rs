//! Where each file of an engagement lies, and how it is written whole or not at all.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Context, Error, Result};
use crate::model::finding::Question;
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;

mod commit;
mod schemas;

pub use commit::Change;

/// What belongs to one machine or is being written.
const IGNORED: &str = ".migrate/deployments/\n.migrate/lock\n.migrate/next/\n.migrate/commit/\n*.secrets\n\
     sam/static/\nsam/images/*/lambda-adapter\n";

/// What to do where there is no workspace.
const NO_WORKSPACE: &str = "run `migrate analyze SOURCE` first, or name the workspace with -C";

/// The folder of one engagement.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace at this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below its folder.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// `inventory.yaml`.
    pub fn inventory_path(&self) -> PathBuf {
        self.path("inventory.yaml")
    }

    /// `plan.yaml`.
    pub fn plan_path(&self) -> PathBuf {
        self.path("plan.yaml")
    }

    /// `.migrate/`: what the program keeps for itself.
    pub fn private(&self) -> PathBuf {
        self.path(".migrate")
    }

    /// `.migrate/source/`: copies of the source's configuration files that hold no secret,
    /// at their path on the source.
    pub fn captured(&self, path: &str) -> PathBuf {
        self.private().join("source").join(path.trim_start_matches('/'))
    }

    /// The text of such a copy; none where there is none. One that cannot be read is not one that
    /// is missing.
    pub fn copy(&self, path: &str) -> Result<Option<String>> {
        let path = self.captured(path);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).input(format_args!("read {}", path.display())),
        }
    }

    /// `.migrate/pristine/`: generated files as they were last written, for merging.
    pub fn pristine(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.private().join("pristine").join(relative)
    }

    /// `.migrate/deployments/NAME.json`: what was built (`images`) or deployed where (`compose`,
    /// `k8s`), what the last copy of the data left (`data-compose`, `data-k8s`), and which rows
    /// appeared while verify ran since (`verify-compose`, `verify-k8s`).
    pub fn deployment(&self, name: &str) -> PathBuf {
        self.private().join("deployments").join(format!("{name}.json"))
    }

    /// Reads `inventory.yaml`.
    pub fn inventory(&self) -> Result<Inventory> {
        self.read_analyzed(&self.inventory_path())
    }

    /// Reads `plan.yaml`.
    pub fn plan(&self) -> Result<Plan> {
        self.read_analyzed(&self.plan_path())
    }

    /// The questions that deploy waits for and that plan.yaml leaves open.
    pub fn open_questions(&self) -> Result<Vec<Question>> {
        if !self.inventory_path().exists() {
            return Ok(Vec::new());
        }
        let plan = self.plan()?;
        let path = self.pristine("plan.yaml");
        let pristine = if path.exists() { Some(self.read_yaml::<Plan>(&path)?) } else { None };
        let inventory = self.inventory()?;
        let open = crate::plan::open(&inventory, &plan, pristine.as_ref());
        Ok(open.into_iter().cloned().collect())
    }

    /// Reads a file that analyze writes; when there is none, that is what to do next.
    fn read_analyzed<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        self.read_yaml(path).map_err(
            |error| {
                if path.exists() { error } else { error.help(NO_WORKSPACE) }
            },
        )
    }

    /// Reads a YAML file; errors carry path and line.
    pub fn read_yaml<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        let text = std::fs::read_to_string(path).input(format_args!("read {}", path.display()))?;
        from_yaml(&text, &path.display().to_string())
    }

    /// Reads a JSON file, `None` when there is none.
    pub fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).input(format_args!("read {}", path.display())),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Error::input_at(path.display(), error.line() as u64, error))
    }

    /// Writes a value as JSON.
    pub fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<()> {
        let mut text =
            serde_json::to_string_pretty(value).input(format_args!("write {}", path.display()))?;
        text.push('\n');
        self.write(path, text.as_bytes())
    }

    /// Writes a file whole or not at all, making its folders.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        let what = format!("write {}", path.display());
        std::fs::create_dir_all(folder).input(&what)?;
        let mut file = tempfile::Builder::new()
            .prefix(".migrate-")
            .permissions(permissions(0o644))
            .tempfile_in(folder)
            .input(&what)?;
        file.write_all(content).input(&what)?;
        file.persist(path).input(&what)?;
        Ok(())
    }

    /// Makes the folder and what always lies in it: its `.gitignore` and the schemas. Takes the
    /// lock.
    pub fn make(&self) -> Result<Lock> {
        let private = self.private();
        std::fs::create_dir_all(&private).input(format_args!("make {}", private.display()))?;
        let lock = self.lock()?;
        let mut changes: Vec<Change> = schemas::changes().collect();
        if !self.path(".gitignore").exists() {
            changes.push(Change::file(".gitignore", IGNORED));
        }
        self.commit(changes)?;
        Ok(lock)
    }

    /// Takes the lock that keeps a second run out, and completes what an earlier one left.
    pub fn lock(&self) -> Result<Lock> {
        let private = self.private();
        let known = [&private, &self.inventory_path(), &self.plan_path()];
        if !known.into_iter().any(|path| path.exists()) {
            return Err(Error::input(format!("{} is no workspace yet", self.root.display()))
                .help(NO_WORKSPACE));
        }
        std::fs::create_dir_all(&private).input(format_args!("make {}", private.display()))?;
        let lock = self.hold(&private.join("lock"), "another migrate works")?;
        self.finish()?;
        Ok(lock)
    }

    /// Takes a lock of its own beside [`Workspace::lock`]: for what runs on while other commands
    /// work in the same folder. `taken` says who holds it.
    pub fn lock_as(&self, name: &str, taken: &str) -> Result<Lock> {
        let folder = self.private().join("deployments");
        std::fs::create_dir_all(&folder).input(format_args!("make {}", folder.display()))?;
        self.hold(&folder.join(name), taken)
    }

    fn hold(&self, path: &Path, taken: &str) -> Result<Lock> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .input(format_args!("open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::refused(format!("{taken} in {}", self.root.display()))
                    .help("wait for it to end"))
            }
            Err(TryLockError::Error(error)) => {
                Err(error).input(format_args!("lock {}", path.display()))
            }
        }
    }
}

fn permissions(mode: u32) -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

/// Holds a workspace until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Parses YAML; the error names `path` and the line.
pub fn from_yaml<T: DeserializeOwned>(text: &str, path: &str) -> Result<T> {
    serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(location) => {
            let text = error.to_string();
            // The parser's own words begin with the place, which stands in front already.
            let place = format!("error: line {} column {}: ", location.line(), location.column());
            let line = first_line(&text);
            Error::input_at(path, location.line(), line.strip_prefix(&place).unwrap_or(line))
        }
        None => Error::input(format!("{path}: {}", first_line(&error.to_string()))),
    })
}

/// A value as YAML.
pub fn to_yaml(value: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(value).input("write YAML")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_copy_that_is_not_there_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(folder.path());
        assert_eq!(workspace.copy("/etc/none").unwrap(), None);
        std::fs::create_dir_all(workspace.captured("/etc")).unwrap();
        let error = workspace.copy("/etc").unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Input);
    }
}
