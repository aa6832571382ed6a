//! Compares a tree of files with the one that lies in the repository; `BLESS=1` makes the latter what the former is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;
use walkdir::WalkDir;

/// The expected tree, and what is replaced in an actual one before they are compared.
pub(crate) struct Golden {
    expected: PathBuf,
    replacements: Vec<(String, String)>,
}

/// Files by their path from the tree's root; a link is the text `-> its target`.
type Tree = BTreeMap<String, Vec<u8>>;

impl Golden {
    /// The expected tree lies here.
    pub(crate) fn new(expected: impl Into<PathBuf>) -> Self {
        Self { expected: expected.into(), replacements: Vec::new() }
    }

    /// Replaces, in paths and texts of the actual tree, what differs from run to run.
    pub(crate) fn replace(mut self, from: &str, to: &str) -> Self {
        self.replacements.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Fails with every difference, or blesses when `BLESS=1`.
    #[track_caller]
    pub(crate) fn check(&self, actual: &Path) {
        if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
            self.bless(actual);
            return;
        }
        let differences = self.differences(actual);
        assert!(
            differences.is_empty(),
            "{} is not what it was; if it is right now, run the test again with BLESS=1\n{}",
            self.expected.display(),
            differences.join("\n")
        );
    }

    /// One text per difference: files that are missing, those that are unexpected, those that differ.
    pub(crate) fn differences(&self, actual: &Path) -> Vec<String> {
        let (expected, actual) = (read(&self.expected), self.read_actual(actual));
        let missing = expected
            .keys()
            .filter(|path| !actual.contains_key(*path))
            .map(|path| format!("missing: {path}"));
        let unexpected = actual
            .keys()
            .filter(|path| !expected.contains_key(*path))
            .map(|path| format!("unexpected: {path}"));
        let differing = expected.iter().filter_map(|(path, old)| {
            let new = actual.get(path)?;
            (old != new).then(|| format!("differs: {path}\n{}", difference(old, new)))
        });
        missing.chain(unexpected).chain(differing).collect()
    }

    /// Makes the expected tree what the actual one is.
    pub(crate) fn bless(&self, actual: &Path) {
        let actual = self.read_actual(actual);
        if self.expected.exists() {
            fs::remove_dir_all(&self.expected).expect("remove the expected tree");
        }
        for (path, bytes) in actual {
            let path = self.expected.join(path);
            fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .expect("create a folder");
            fs::write(path, bytes).expect("write a file of the expected tree");
        }
    }

    fn read_actual(&self, folder: &Path) -> Tree {
        let replaced = |mut text: String| {
            for (from, to) in &self.replacements {
                text = text.replace(from, to);
            }
            text
        };
        read(folder)
            .into_iter()
            .map(|(path, bytes)| {
                let bytes = String::from_utf8(bytes)
                    .map_or_else(std::string::FromUtf8Error::into_bytes, |text| {
                        replaced(text).into_bytes()
                    });
                (replaced(path), bytes)
            })
            .collect()
    }
}

fn read(folder: &Path) -> Tree {
    if !folder.exists() {
        return Tree::new();
    }
    WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("read a folder"))
        .filter(|entry| !entry.file_type().is_dir())
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).expect("lies in the folder");
            let bytes = if entry.path_is_symlink() {
                let target = fs::read_link(entry.path()).expect("read a link");
                format!("-> {}", target.display()).into_bytes()
            } else {
                fs::read(entry.path()).expect("read a file")
            };
            (path.to_string_lossy().into_owned(), bytes)
        })
        .collect()
}

fn difference(old: &[u8], new: &[u8]) -> String {
    match (str::from_utf8(old), str::from_utf8(new)) {
        (Ok(old), Ok(new)) => TextDiff::from_lines(old, new)
            .unified_diff()
            .context_radius(3)
            .header("expected", "actual")
            .to_string(),
        _ => format!(
            "{} bytes were expected, there are {}, not all of them text",
            old.len(),
            new.len()
        ),
    }
}
