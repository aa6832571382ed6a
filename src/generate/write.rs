//! From a tree to the workspace: merged with the user's edits, written at the end or not at all.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::Tree;
use super::merge::merge;
use crate::error::{Context, Error, Result};
use crate::model::target::Target;
use crate::workspace::{self, Workspace};

/// What happens to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is written for the first time.
    New,
    /// It is written anew; the user had not edited it.
    Updated,
    /// It is written anew with the user's edits in it.
    Merged,
    /// It stays as it is.
    Unchanged,
    /// It is no longer generated and was not edited: it goes.
    Removed,
    /// It is no longer generated and was edited: it stays.
    Kept,
    /// The user deleted it: it stays deleted.
    Deleted,
}

/// What happens to one file of the workspace.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Its path, from the workspace's folder.
    pub path: String,
    /// What happens.
    pub change: What,
    /// Its text now; absent when it is not there.
    #[serde(skip)]
    pub before: Option<String>,
    /// Its text afterwards; absent when it is not there.
    #[serde(skip)]
    pub after: Option<String>,
    /// What is generated; absent when it no longer is.
    #[serde(skip)]
    generated: Option<String>,
}

impl Change {
    /// Whether the file is touched.
    pub fn changes(&self) -> bool {
        matches!(self.change, What::New | What::Updated | What::Merged | What::Removed)
    }
}

/// Compares a generated tree with the workspace. Edits that contradict the new text are an error
/// that names every such file and line.
pub fn compare(
    workspace: &Workspace,
    target: Target,
    tree: &Tree,
    overlay: &str,
) -> Result<Vec<Change>> {
    let known = known(workspace, target, overlay)?;
    let paths: BTreeSet<&String> = tree.keys().chain(&known).collect();
    let mut changes = Vec::new();
    let mut conflicts = Vec::new();
    for path in paths {
        let full = format!("{}/{path}", target.name());
        let mine = read(workspace, &full)?;
        let pristine = read(workspace, &format!(".migrate/pristine/{full}"))?;
        let new = tree.get(path);
        let (change, after) = match (&mine, &pristine, new) {
            (None, Some(_), Some(_)) => (What::Deleted, None),
            (None, None, Some(new)) => (What::New, Some(new.clone())),
            (Some(mine), pristine, Some(new)) => {
                let merged = merge(pristine.as_deref(), mine, new);
                if !merged.conflicts.is_empty() {
                    conflicts.push((full.clone(), merged.conflicts));
                }
                let what = if merged.text == *mine {
                    What::Unchanged
                } else if merged.text == *new {
                    What::Updated
                } else {
                    What::Merged
                };
                (what, Some(merged.text))
            }
            (Some(mine), Some(pristine), None) if mine == pristine => (What::Removed, None),
            (Some(mine), _, None) => (What::Kept, Some(mine.clone())),
            (None, _, None) => continue,
        };
        changes.push(Change { path: full, change, before: mine, after, generated: new.cloned() });
    }
    if conflicts.is_empty() { Ok(changes) } else { Err(conflict(&conflicts)) }
}

fn conflict(conflicts: &[(String, Vec<usize>)]) -> Error {
    let places: Vec<String> = conflicts
        .iter()
        .flat_map(|(path, lines)| lines.iter().map(move |line| format!("{path}:{line}")))
        .collect();
    Error::input(format!(
        "your edits and the new text contradict each other at {}; nothing was written",
        places.join(", ")
    ))
    .help("undo the edit at these lines, or delete the file, or carry the edit over to plan.yaml")
}

/// Writes what `compare` found and what was generated, for the next merge: all of it or nothing.
pub fn apply(workspace: &Workspace, changes: &[Change]) -> Result<()> {
    let write = |path: String, text: Option<&String>| match text {
        Some(text) => workspace::Change::file(path, text.as_bytes()),
        None => workspace::Change::removal(path),
    };
    let mut writes = Vec::new();
    for change in changes {
        if change.changes() {
            writes.push(write(change.path.clone(), change.after.as_ref()));
        }
        let pristine = format!(".migrate/pristine/{}", change.path);
        writes.push(write(pristine, change.generated.as_ref()));
    }
    workspace.commit(writes)
}

/// The files that were generated last time. Other overlays are not this run's to judge.
fn known(workspace: &Workspace, target: Target, overlay: &str) -> Result<Vec<String>> {
    let root = workspace.pristine(target.name());
    let mut known = Vec::new();
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 => break,
            Err(error) => return Err(error).input(format_args!("read {}", root.display())),
        };
        let relative = entry.path().strip_prefix(&root).ok().and_then(Path::to_str);
        let Some(relative) = relative.filter(|_| entry.file_type().is_file()) else { continue };
        let other_overlay = relative.starts_with("overlays/")
            && !relative.starts_with(&format!("overlays/{overlay}/"));
        if !other_overlay {
            known.push(relative.to_owned());
        }
    }
    Ok(known)
}

/// The text of a file of the workspace; links that lead out of it are refused.
fn read(workspace: &Workspace, relative: &str) -> Result<Option<String>> {
    workspace.confined(relative)?;
    let path = workspace.path(relative);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).input(format_args!("read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(workspace: &Workspace, files: &[(&str, &str)]) -> Result<Vec<(String, What)>> {
        let tree: Tree =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let changes = compare(workspace, Target::K8s, &tree, "private")?;
        apply(workspace, &changes)?;
        Ok(changes.into_iter().map(|change| (change.path, change.change)).collect())
    }

    fn what(changes: &[(String, What)], path: &str) -> Option<What> {
        changes.iter().find(|(known, _)| known == path).map(|(_, what)| *what)
    }

    #[test]
    fn edits_survive_a_new_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::new(folder.path());
        std::fs::create_dir(workspace.private()).expect("a folder");
        let first = [
            ("a.yaml", "a\nb\nc\nd\ne\n"),
            ("b.yaml", "x\n"),
            ("c.yaml", "c\n"),
            ("d.yaml", "d\n"),
        ];
        assert!(
            run(&workspace, &first).expect("written").iter().all(|(_, what)| *what == What::New)
        );
        workspace.write(&workspace.path("k8s/a.yaml"), b"# mine\na\nb\nc\nd\ne\n").expect("edit");
        workspace.write(&workspace.path("k8s/d.yaml"), b"mine\n").expect("edit");
        std::fs::remove_file(workspace.path("k8s/b.yaml")).expect("deleted");
        let second =
            run(&workspace, &[("a.yaml", "a\nb\nc\nd\nE\n"), ("b.yaml", "y\n")]).expect("merged");
        assert_eq!(what(&second, "k8s/a.yaml"), Some(What::Merged));
        assert_eq!(what(&second, "k8s/b.yaml"), Some(What::Deleted));
        assert_eq!(what(&second, "k8s/c.yaml"), Some(What::Removed));
        assert_eq!(what(&second, "k8s/d.yaml"), Some(What::Kept));
        let text = std::fs::read_to_string(workspace.path("k8s/a.yaml")).expect("text");
        assert_eq!(text, "# mine\na\nb\nc\nd\nE\n");
        assert!(!workspace.path("k8s/b.yaml").exists() && !workspace.path("k8s/c.yaml").exists());
    }

    #[test]
    fn a_conflict_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::new(folder.path());
        std::fs::create_dir(workspace.private()).expect("a folder");
        run(&workspace, &[("a.yaml", "a\nb\nc\n")]).expect("written");
        workspace.write(&workspace.path("k8s/a.yaml"), b"a\nmine\nc\n").expect("edit");
        let error = run(&workspace, &[("a.yaml", "a\nnew\nc\n"), ("z.yaml", "z\n")])
            .expect_err("a conflict");
        assert_eq!(error.exit(), crate::error::Exit::Input);
        assert!(error.to_string().contains("k8s/a.yaml:2"), "{error}");
        assert!(!workspace.path("k8s/z.yaml").exists());
    }

    #[test]
    fn other_overlays_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::new(folder.path());
        std::fs::create_dir(workspace.private()).expect("a folder");
        run(&workspace, &[("overlays/public/kustomization.yaml", "x\n")]).expect("written");
        let changes = run(&workspace, &[("a.yaml", "a\n")]).expect("written");
        assert_eq!(what(&changes, "k8s/overlays/public/kustomization.yaml"), None);
    }

    #[test]
    fn links_out_of_the_workspace_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::new(folder.path());
        std::fs::create_dir(workspace.private()).expect("a folder");
        std::os::unix::fs::symlink(outside.path(), workspace.path("k8s")).expect("a link");
        let error = run(&workspace, &[("a.yaml", "a\n")]).expect_err("refused");
        assert!(error.to_string().contains("link out of the workspace"), "{error}");
        assert!(!outside.path().join("a.yaml").exists());
    }
}
