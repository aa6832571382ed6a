//! Reading scenarios.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::model::scenario::{SCHEMA, Scenario};
use crate::workspace::from_yaml;

/// The scenarios in these files, or in all of `folder` when no file is named.
pub(crate) fn scenarios(files: &[PathBuf], folder: &Path) -> Result<Vec<Scenario>> {
    let found = if files.is_empty() { in_folder(folder)? } else { files.to_vec() };
    if found.is_empty() {
        return Err(Error::input(format!("{} holds no scenario", folder.display()))
            .help("run `migrate analyze SOURCE`, which derives one, or name one with --scenario"));
    }
    let scenarios: Vec<Scenario> = found.iter().map(|path| one(path)).collect::<Result<_>>()?;
    let mut names = BTreeSet::new();
    for (scenario, path) in scenarios.iter().zip(&found) {
        if !names.insert(&scenario.name) {
            return Err(Error::input(format!(
                "{}: another scenario is named `{}`, too",
                path.display(),
                scenario.name
            )));
        }
    }
    Ok(scenarios)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let what = format!("read {}", folder.display());
    let mut paths = Vec::new();
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        entries => {
            for entry in entries.input(&what)? {
                paths.push(entry.input(&what)?.path());
            }
        }
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"));
    paths.sort();
    Ok(paths)
}

fn one(path: &Path) -> Result<Scenario> {
    let text = std::fs::read_to_string(path).input(format_args!("read {}", path.display()))?;
    let scenario: Scenario = from_yaml(&text, &path.display().to_string())?;
    if scenario.schema != SCHEMA {
        return Err(Error::input(format!(
            "{}: schema `{}` is not known",
            path.display(),
            scenario.schema
        ))
        .help(format!("this version reads `{SCHEMA}`")));
    }
    let mut ids = BTreeSet::new();
    for step in &scenario.steps {
        if !ids.insert(&step.id) {
            return Err(Error::input(format!(
                "{}: the step id `{}` stands twice",
                path.display(),
                step.id
            )));
        }
    }
    Ok(scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        file
    }

    fn load(text: &str) -> Result<Vec<Scenario>> {
        scenarios(&[write(text).path().to_owned()], Path::new("/nowhere"))
    }

    #[test]
    fn reads_every_kind_of_step() {
        let text = r#"
schema: migrate/scenario/1
name: tour
variables: {order: "general-${unique}"}
steps:
- id: login
  client: b
  request: {method: POST, path: /login, headers: [[x-a, b]], body: {form: [[user, ada]]}}
  effect: write
  capture: [{name: id, json: /id}]
- {id: open, ws_open: {as: s, path: /ws, headers: [[origin, "${base}"]]}}
- {id: say, ws_send: {socket: s, json: {type: post, text: "${unique}"}}, effect: write}
- {id: hear, ws_expect: {sockets: [s], matching: {type: post}, count: 2}}
- {id: shut, ws_close: {socket: s}}
- {id: listen, sse_open: {as: e, path: /events}}
- {id: event, sse_expect: {stream: e, event: notice}}
- {id: end, sse_close: {stream: e}}
- {id: odd, raw: {text: "GET / HTTP/1.0\r\n\r\n"}, repeat: 3}
- id: upload
  request:
    method: POST
    path: /files
    body: {multipart: [{name: file, filename: a.png, content_type: image/png, bytes: 10}]}
"#;
        let all = load(text).expect("valid");
        assert_eq!(all[0].steps.len(), 10);
        assert_eq!(all[0].steps[8].repeat, 3);
    }

    #[test]
    fn names_the_line_of_a_mistake() {
        let text = "schema: migrate/scenario/1\nname: x\nsteps:\n- {id: a, request: {pth: /}}\n";
        let error = load(text).expect_err("a field is unknown").to_string();
        assert!(error.contains(":4:"), "{error}");
    }

    #[test]
    fn refuses_the_same_id_twice() {
        let text = "schema: migrate/scenario/1\nname: x\nsteps:\n- {id: a, raw: {text: x}}\n- {id: a, raw: {text: x}}\n";
        let error = load(text).expect_err("twice").to_string();
        assert!(error.contains("`a` stands twice"), "{error}");
    }
}
