//! Which Debian packages an image needs, and which files are theirs, from dpkg's own records.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::inspect::source::Source;

/// dpkg's status file is some MB on the largest servers.
const LIMIT: u64 = 64 << 20;

/// Where dpkg keeps what is installed.
pub(super) const STATUS: &str = "/var/lib/dpkg/status";

/// Where dpkg keeps its lists of files.
pub(super) const INFO: &str = "/var/lib/dpkg/info";

/// A package that is installed.
#[derive(Debug, Clone, Default)]
pub(super) struct Package {
    /// Its paragraph in the status file, as it stands there.
    pub(super) paragraph: String,
    essential: bool,
    architecture: String,
    /// Groups of alternatives, of which one is enough.
    depends: Vec<Vec<String>>,
    provides: Vec<String>,
}

/// What is installed, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Packages {
    by_name: BTreeMap<String, Package>,
}

impl Packages {
    /// What the source's dpkg says is installed; nothing when it has no dpkg.
    pub(super) fn read(source: &dyn Source) -> Result<Self> {
        if !source.is_file(STATUS) {
            return Ok(Self::default());
        }
        Ok(Self::parse(&String::from_utf8_lossy(&source.read(STATUS, LIMIT)?)))
    }

    fn parse(status: &str) -> Self {
        let mut by_name = BTreeMap::new();
        for paragraph in status.split("\n\n") {
            let paragraph = paragraph.trim_matches('\n');
            let field = |name: &str| field(paragraph, name);
            let Some(name) = field("Package") else { continue };
            if !field("Status").is_some_and(|status| status.ends_with(" installed")) {
                continue;
            }
            let mut depends = relations(&field("Pre-Depends").unwrap_or_default());
            depends.extend(relations(&field("Depends").unwrap_or_default()));
            let provides =
                relations(&field("Provides").unwrap_or_default()).into_iter().flatten().collect();
            let package = Package {
                paragraph: paragraph.to_owned(),
                essential: field("Essential").as_deref() == Some("yes"),
                architecture: field("Architecture").unwrap_or_default(),
                depends,
                provides,
            };
            by_name.insert(name, package);
        }
        Self { by_name }
    }

    /// Whether the source has dpkg at all.
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether a package of this name is installed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The package of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Package> {
        self.by_name.get(name)
    }

    /// These packages, the essential ones, and all that they depend on as installed.
    pub(super) fn closure(&self, wanted: &[String]) -> Result<BTreeSet<String>> {
        let mut pending: Vec<String> = self
            .by_name
            .iter()
            .filter(|(_, package)| package.essential)
            .map(|(name, _)| name.clone())
            .collect();
        for name in wanted {
            let plain = name.split(':').next().unwrap_or(name);
            let found = self.providers(plain);
            if found.is_empty() {
                return Err(Error::refused(format!(
                    "package {name} is not installed on the source"
                ))
                .help("correct image.packages of the workload in plan.yaml"));
            }
            pending.extend(found);
        }
        let mut closure = BTreeSet::new();
        while let Some(name) = pending.pop() {
            let Some(package) = self.by_name.get(&name) else { continue };
            if !closure.insert(name) {
                continue;
            }
            for alternatives in &package.depends {
                let met = alternatives
                    .iter()
                    .map(|alternative| self.providers(alternative))
                    .find(|providers| !providers.is_empty());
                pending.extend(met.unwrap_or_default());
            }
        }
        Ok(closure)
    }

    /// The package of this name, else all installed ones that provide it.
    fn providers(&self, name: &str) -> Vec<String> {
        if self.by_name.contains_key(name) {
            return vec![name.to_owned()];
        }
        let provides =
            |package: &&Package| package.provides.iter().any(|provided| provided == name);
        self.by_name
            .iter()
            .filter(|(_, package)| provides(package))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The paths that dpkg lists for a package, as listed; none when it keeps no list of it.
    pub(super) fn files(&self, source: &dyn Source, name: &str) -> Result<Vec<String>> {
        let Some(stem) = self.info_stem(source, name) else { return Ok(Vec::new()) };
        let text = source.read(&format!("{INFO}/{stem}.list"), LIMIT)?;
        Ok(String::from_utf8_lossy(&text)
            .lines()
            .filter(|line| line.starts_with('/') && *line != "/.")
            .map(str::to_owned)
            .collect())
    }

    /// How dpkg names a package's own files: `libc6:amd64` where several architectures may be
    /// installed side by side.
    pub(super) fn info_stem(&self, source: &dyn Source, name: &str) -> Option<String> {
        let architecture = &self.by_name.get(name)?.architecture;
        [name.to_owned(), format!("{name}:{architecture}")]
            .into_iter()
            .find(|stem| source.is_file(&format!("{INFO}/{stem}.list")))
    }
}

/// A field of a paragraph with its continuation lines.
fn field(paragraph: &str, name: &str) -> Option<String> {
    let mut lines = paragraph.lines();
    let first = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut value = first.trim().to_owned();
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push(' ');
        value.push_str(line.trim());
    }
    Some(value)
}

/// `a (>= 1) | b, c:any` as names.
fn relations(text: &str) -> Vec<Vec<String>> {
    text.split(',')
        .map(|group| {
            group
                .split('|')
                .filter_map(|one| one.split_whitespace().next())
                .map(|name| name.split([':', '(']).next().unwrap_or(name).to_owned())
                .filter(|name| !name.is_empty())
                .collect::<Vec<_>>()
        })
        .filter(|group| !group.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "\
Package: base
Essential: yes
Status: install ok installed
Architecture: amd64
Pre-Depends: libc (>= 2)

Package: libc
Status: install ok installed
Architecture: amd64

Package: web
Status: install ok installed
Architecture: all
Depends: missing | second (= 1), mta-virtual,
 libc
Description: a web server
 Depends: never

Package: second
Status: hold ok installed
Architecture: amd64

Package: postman
Status: install ok installed
Architecture: amd64
Provides: mta-virtual (= 1), other

Package: gone
Status: deinstall ok config-files
Architecture: amd64

Package: unrelated
Status: install ok installed
Architecture: amd64
";

    #[test]
    fn the_closure_follows_alternatives_and_providers_as_installed() {
        let packages = Packages::parse(STATUS);
        let closure = packages.closure(&["web".into()]).unwrap();
        let names: Vec<&str> = closure.iter().map(String::as_str).collect();
        assert_eq!(names, ["base", "libc", "postman", "second", "web"]);
        assert!(!packages.has("gone"));
    }

    #[test]
    fn a_package_that_is_not_there_is_said() {
        let error = Packages::parse(STATUS).closure(&["gone".into()]).unwrap_err();
        assert!(error.to_string().contains("package gone"));
    }
}
