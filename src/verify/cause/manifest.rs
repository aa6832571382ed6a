//! Finds lines of manifests in a generated tree.

use std::collections::BTreeMap;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) number: u32,
    pub(super) text: String,
}

fn lines(tree: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, u32, &str)> {
    tree.iter()
        .filter(|(file, _)| {
            std::path::Path::new(file).extension().is_some_and(|extension| {
                ["yaml", "yml"].iter().any(|known| extension.eq_ignore_ascii_case(known))
            })
        })
        .flat_map(|(file, text)| {
            (1_u32..).zip(text.lines()).map(move |(number, line)| (file, number, line))
        })
}

/// The first line of a manifest that `fits`.
pub(super) fn find(tree: &BTreeMap<String, String>, fits: impl Fn(&str) -> bool) -> Option<Line> {
    lines(tree).find(|(_, _, line)| fits(line)).map(|(file, line, text)| Line {
        file: file.clone(),
        number: line,
        text: text.trim().to_owned(),
    })
}

/// The line of a database's configuration that sets a variable.
pub(super) fn setting(tree: &BTreeMap<String, String>, name: &str) -> Option<Line> {
    tree.iter().find_map(|(file, text)| {
        (1_u32..).zip(text.lines()).find_map(|(number, line)| {
            let key = line.trim().trim_start_matches("- ").trim_start_matches("--");
            let key = key.split(['=', ':']).next().unwrap_or("").trim().to_ascii_lowercase();
            let key = key.replace('-', "_");
            let fits = key.trim_start_matches("default_") == name;
            fits.then(|| Line { file: file.clone(), number, text: line.trim().to_owned() })
        })
    })
}

/// The line that says how many of a workload run: the largest number, a workload's own first.
pub(super) fn replicas(tree: &BTreeMap<String, String>, workload: &str) -> Option<(Line, u32)> {
    lines(tree)
        .filter_map(|(file, line, text)| {
            let (key, value) = text.trim().trim_start_matches("- ").split_once(':')?;
            let number: u32 = matches!(key, "replicas" | "scale" | "count")
                .then(|| value.trim().parse().ok())
                .flatten()?;
            Some((Line { file: file.clone(), number: line, text: text.trim().to_owned() }, number))
        })
        .max_by_key(|(line, number)| {
            let own = line.file.split(['/', '.', '-']).any(|part| part == workload);
            (*number > 1, own, *number, std::cmp::Reverse(line.file.clone()))
        })
}

/// The line that gives a workload another time zone than the source has (`TZ: …`, or the `value:`
/// after `name: TZ`).
pub(super) fn other_zone(tree: &BTreeMap<String, String>, source: &str) -> Option<Line> {
    let mut named = false;
    lines(tree).find_map(|(file, number, text)| {
        let line = text.trim().trim_start_matches("- ");
        let (key, value) = line.split_once([':', '=']).unwrap_or((line, ""));
        let value = value.trim().trim_matches(['"', '\'']);
        let set = key == "TZ" || (named && key == "value");
        named = key == "name" && value == "TZ";
        (set && !value.is_empty() && value != source).then(|| Line {
            file: file.clone(),
            number,
            text: text.trim().to_owned(),
        })
    })
}

/// The line of an environment variable whose name holds one of the words.
pub(super) fn variable(tree: &BTreeMap<String, String>, words: &[&str]) -> Option<Line> {
    words.iter().find_map(|word| {
        find(tree, |line| {
            let line = line.trim().trim_start_matches("- ");
            let name = line
                .strip_prefix("name:")
                .map_or_else(|| line.split([':', '=']).next().unwrap_or("").trim(), str::trim);
            !name.is_empty()
                && name.len() <= 64
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
                && name.contains(word)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_and_variables_are_found() {
        let tree = BTreeMap::from([
            ("k8s/base/app/deployment.yaml".to_owned(), "kind: Deployment\nspec:\n  replicas: 2\n      env:\n        - name: COOKIE_SECURE\n".to_owned()),
            ("k8s/base/web/deployment.yaml".to_owned(), "spec:\n  replicas: 1\n".to_owned()),
        ]);
        let (line, number) = replicas(&tree, "app").unwrap();
        assert_eq!(
            (line.file.as_str(), line.number, number),
            ("k8s/base/app/deployment.yaml", 3, 2)
        );
        assert_eq!(variable(&tree, &["COOKIE"]).unwrap().number, 5);
    }
}
