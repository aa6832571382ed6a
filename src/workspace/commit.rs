//! Changes to several files of a workspace that take place together or not at all.
//!
//! What is to be written is put into `.migrate/next` first. Once that folder is called
//! `.migrate/commit`, the changes count as made: whoever finds it moves the rest into place. So a
//! run that is killed at any moment leaves the old files or the new.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Workspace;
use crate::error::{Context, Error, Result};

/// What shall stand at a path of the workspace.
#[derive(Debug)]
pub struct Change {
    path: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File(Vec<u8>),
    Folder(Vec<(String, Vec<u8>)>),
    Nothing,
}

impl Change {
    /// A file with this content. `path` counts from the workspace's folder.
    pub fn file(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: Content::File(content.into()) }
    }

    /// A folder with these files and no others.
    pub fn folder(path: impl Into<String>, files: Vec<(String, Vec<u8>)>) -> Self {
        Self { path: path.into(), content: Content::Folder(files) }
    }

    /// Nothing: the file that stands there goes.
    pub fn removal(path: impl Into<String>) -> Self {
        Self { path: path.into(), content: Content::Nothing }
    }
}

/// One line of `changes.json`: `from` is the name in the folder of the commit; without it, what
/// stands at `path` goes.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    path: String,
    from: Option<String>,
}

const LIST: &str = "changes.json";

impl Workspace {
    /// Makes all these changes. The caller holds the lock.
    pub fn commit(&self, changes: Vec<Change>) -> Result<()> {
        if self.stage(changes)? { self.finish() } else { Ok(()) }
    }

    /// Completes what an earlier run had decided and not finished.
    pub fn recover(&self) -> Result<()> {
        if !self.committed().exists() {
            return Ok(());
        }
        match self.lock() {
            Ok(lock) => drop(lock),
            // Who holds the lock is completing it.
            Err(error) if error.exit() == crate::error::Exit::No => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn committed(&self) -> PathBuf {
        self.private().join("commit")
    }

    /// Puts everything down beside its place; true when there is something to do.
    fn stage(&self, changes: Vec<Change>) -> Result<bool> {
        let next = self.private().join("next");
        remove_folder(&next)?;
        let mut steps = Vec::new();
        for (number, Change { path, content }) in changes.into_iter().enumerate() {
            self.confined(&path)?;
            let staged = next.join(number.to_string());
            let from = match content {
                Content::File(content) => {
                    if fs::read(self.path(&path)).is_ok_and(|there| there == content) {
                        continue;
                    }
                    self.write(&staged, &content)?;
                    Some(number.to_string())
                }
                Content::Folder(files) => {
                    fs::create_dir_all(&staged).input(format_args!("make {}", staged.display()))?;
                    for (name, content) in files {
                        inside(&name)?;
                        self.write(&staged.join(name), &content)?;
                    }
                    Some(number.to_string())
                }
                Content::Nothing if self.path(&path).symlink_metadata().is_err() => continue,
                Content::Nothing => None,
            };
            steps.push(Step { path, from });
        }
        if steps.is_empty() {
            return Ok(false);
        }
        self.write_json(&next.join(LIST), &steps)?;
        let committed = self.committed();
        fs::rename(&next, &committed).input(format_args!("write {}", committed.display()))?;
        Ok(true)
    }

    /// Moves what is committed into place; again after an earlier end, it does the rest.
    pub(super) fn finish(&self) -> Result<()> {
        let committed = self.committed();
        if !committed.exists() {
            return Ok(());
        }
        let list = committed.join(LIST);
        // Without its list all has been moved already.
        for Step { path, from } in self.read_json::<Vec<Step>>(&list)?.unwrap_or_default() {
            self.confined(&path)?;
            let place = self.path(&path);
            let Some(from) = from else {
                remove_file(&place)?;
                continue;
            };
            inside(&from)?;
            let staged = committed.join(from);
            match staged.symlink_metadata() {
                Err(_) => {}
                Ok(data) if data.is_dir() => {
                    remove_folder(&place)?;
                    move_to(&staged, &place)?;
                }
                Ok(_) => move_to(&staged, &place)?,
            }
        }
        if list.exists() {
            fs::remove_file(&list).input(format_args!("remove {}", list.display()))?;
        }
        remove_folder(&committed)
    }

    /// Refuses a path that leads out of the workspace, by itself or by a link on the way.
    pub fn confined(&self, relative: &str) -> Result<()> {
        inside(relative)?;
        let Ok(root) = self.root().canonicalize() else { return Ok(()) };
        let mut path = root.clone();
        for part in Path::new(relative).components() {
            path.push(part);
            let is_link = path.symlink_metadata().is_ok_and(|data| data.is_symlink());
            if is_link && !path.canonicalize().is_ok_and(|real| real.starts_with(&root)) {
                return Err(Error::input(format!(
                    "{} is a link out of the workspace",
                    path.display()
                ))
                .help("replace the link by what it leads to"));
            }
        }
        Ok(())
    }
}

fn inside(relative: &str) -> Result<()> {
    let path = Path::new(relative);
    if relative.is_empty() || path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(Error::input(format!("{relative:?} leads out of the workspace")));
    }
    Ok(())
}

fn move_to(staged: &Path, place: &Path) -> Result<()> {
    let what = format!("write {}", place.display());
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).input(&what)?;
    }
    fs::rename(staged, place).input(&what).map_err(|error| {
        error.help("mend that; the next command on this workspace writes the rest")
    })
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).input(format_args!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).input(format_args!("remove {}", path.display()))
        }
        _ => {
            // Empty folders go with their last file; one that is not empty stays.
            if let Some(folder) = path.parent() {
                let _ = fs::remove_dir(folder);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(folder.path());
        fs::create_dir_all(workspace.private()).unwrap();
        for (path, text) in [("a", "old"), ("gone/b", "old"), (".migrate/source/x/y", "old")] {
            workspace.write(&workspace.path(path), text.as_bytes()).unwrap();
        }
        (folder, workspace)
    }

    fn changes() -> Vec<Change> {
        vec![
            Change::file("a", "new"),
            Change::removal("gone/b"),
            Change::folder(".migrate/source", vec![("z/y".into(), b"new".to_vec())]),
            Change::file("new/c", "new"),
        ]
    }

    fn all_new(workspace: &Workspace) {
        let text = |path: &str| fs::read_to_string(workspace.path(path)).unwrap();
        assert_eq!(text("a"), "new");
        assert_eq!(text("new/c"), "new");
        assert_eq!(text(".migrate/source/z/y"), "new");
        for gone in ["gone", ".migrate/source/x", ".migrate/next", ".migrate/commit"] {
            assert!(!workspace.path(gone).exists(), "{gone}");
        }
    }

    #[test]
    fn all_changes_are_made() {
        let (_folder, workspace) = workspace();
        workspace.commit(changes()).unwrap();
        all_new(&workspace);
        workspace.commit(changes()).unwrap();
        all_new(&workspace);
    }

    #[test]
    fn what_was_only_put_down_is_forgotten() {
        let (_folder, workspace) = workspace();
        workspace.stage(changes()).unwrap();
        fs::rename(workspace.committed(), workspace.path(".migrate/next")).unwrap();
        workspace.recover().unwrap();
        assert_eq!(fs::read_to_string(workspace.path("a")).unwrap(), "old");
        workspace.commit(changes()).unwrap();
        all_new(&workspace);
    }

    /// The run ends after each of the moves.
    #[test]
    fn what_was_decided_is_completed() {
        for moved in 0..5 {
            let (_folder, workspace) = workspace();
            workspace.stage(changes()).unwrap();
            let at = |name: &str| workspace.committed().join(name);
            for step in 0..moved {
                match step {
                    0 => move_to(&at("0"), &workspace.path("a")).unwrap(),
                    1 => remove_file(&workspace.path("gone/b")).unwrap(),
                    2 => remove_folder(&workspace.path(".migrate/source")).unwrap(),
                    3 => move_to(&at("2"), &workspace.path(".migrate/source")).unwrap(),
                    _ => move_to(&at("3"), &workspace.path("new/c")).unwrap(),
                }
            }
            workspace.recover().unwrap();
            all_new(&workspace);
        }
    }

    #[test]
    fn a_commit_does_not_lead_out_of_the_workspace() {
        let (folder, workspace) = workspace();
        for path in ["../out", "/etc/out", "a/../../out", ""] {
            assert!(workspace.commit(vec![Change::file(path, "x")]).is_err(), "{path}");
        }
        // A workspace that someone else made.
        let commit = workspace.committed();
        fs::create_dir_all(&commit).unwrap();
        for list in [
            r#"[{"path": "../out", "from": "0"}]"#,
            r#"[{"path": "in", "from": "../../../out"}]"#,
            r#"[{"path": "../out", "from": null}]"#,
        ] {
            fs::write(commit.join(LIST), list).unwrap();
            let error = workspace.recover().unwrap_err();
            assert!(error.to_string().contains("leads out"), "{error}");
        }
        drop(folder);
    }
}
