//! dpkg's status file: what is installed, and what it needs.

/// An installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// Name.
    pub(crate) name: String,
    /// Debian's version (`1:10.11.14-0+deb12u2`).
    pub(crate) version: String,
    /// Architecture.
    pub(crate) architecture: String,
    /// Whether no system can do without it.
    pub(crate) essential: bool,
    /// What it needs (`Depends`, `Pre-Depends`): one of each inner list.
    pub(crate) depends: Vec<Vec<String>>,
    /// Names that it also answers to.
    pub(crate) provides: Vec<String>,
}

/// The packages that are installed.
pub(crate) fn status(text: &str) -> Vec<Package> {
    text.split("\n\n").filter_map(package).collect()
}

fn package(paragraph: &str) -> Option<Package> {
    let mut package = Package::default();
    let mut installed = false;
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in paragraph.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key, value.trim().to_owned()));
        }
    }
    for (key, value) in fields {
        match key {
            "Package" => package.name = value,
            "Version" => package.version = value,
            "Architecture" => package.architecture = value,
            "Essential" => package.essential = value == "yes",
            "Status" => installed = value.ends_with(" installed"),
            "Depends" | "Pre-Depends" => package.depends.extend(relations(&value)),
            "Provides" => package.provides = relations(&value).into_iter().flatten().collect(),
            _ => {}
        }
    }
    (installed && !package.name.is_empty()).then_some(package)
}

/// `a (>= 1), b:any | c` → `[[a], [b, c]]`.
fn relations(value: &str) -> Vec<Vec<String>> {
    value
        .split(',')
        .map(|group| {
            group
                .split('|')
                .filter_map(|one| {
                    let name = one.split(['(', '[', '<']).next()?.trim();
                    let name = name.split(':').next()?.trim();
                    (!name.is_empty()).then(|| name.to_owned())
                })
                .collect::<Vec<_>>()
        })
        .filter(|group| !group.is_empty())
        .collect()
}

/// The upstream part of a Debian version: `5:7.0.15-1~deb12u1` → `7.0.15`.
pub(crate) fn upstream(version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    let end =
        version.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(version.len());
    let version = &version[..end];
    version.split(".dfsg").next().unwrap_or(version).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (debian, expected) in [
            ("1:10.11.14-0+deb12u2", "10.11.14"),
            ("18.20.4+dfsg-1~deb12u1", "18.20.4"),
            ("5:7.0.15-1~deb12u1", "7.0.15"),
            ("20.11.1-1nodesource1", "20.11.1"),
            ("15.8-0+deb12u1", "15.8"),
            ("2:8.2+93", "8.2"),
            ("", ""),
        ] {
            assert_eq!(upstream(debian), expected, "{debian}");
        }
    }

    #[test]
    fn only_what_is_installed() {
        let text = "Package: a\nStatus: install ok installed\nEssential: yes\nArchitecture: amd64\n\
                    Version: 1\nDepends: b (>= 2), c:any | d [amd64]\nPre-Depends: e\n\
                    Provides: v (= 1), w\nDescription: x\n y: z\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nVersion: 2\n";
        let packages = status(text);
        assert_eq!(packages.len(), 1);
        let a = &packages[0];
        assert!(a.essential);
        assert_eq!(a.depends, [vec!["b"], vec!["c", "d"], vec!["e"]]);
        assert_eq!(a.provides, ["v", "w"]);
    }
}
