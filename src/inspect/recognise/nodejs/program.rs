//! From a command line to the file that node starts with, and the application's folder.

use std::collections::BTreeSet;

use serde_json::Value;

use super::modules::{folder_of, locate, normal};
use crate::inspect::parse::{environment, shell};
use crate::inspect::source::Source;

/// Options of node that take the next word.
const WITH_VALUE: [&str; 8] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--title",
];

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// The folder of its package.json, or of its entry point when there is none.
    pub folder: String,
    /// The file that node starts with.
    pub entry: String,
    /// Names of the packages that it depends on.
    pub dependencies: BTreeSet<String>,
    /// package.json and the lock file, those that are there.
    pub manifests: Vec<String>,
    /// Variables that its start script sets.
    pub variables: Vec<(String, String)>,
    /// Environment files that node is told to read.
    pub environment_files: Vec<String>,
}

/// Why no program was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// The command does not start node.
    NotNode,
    /// It does, and what it starts was not found.
    Entry,
}

/// The application that a command starts.
pub(super) fn find(
    source: &dyn Source,
    command: &str,
    directory: Option<&str>,
) -> Result<Program, Missing> {
    let folder = directory.unwrap_or("/");
    let mut program = Program {
        folder: folder.to_owned(),
        entry: String::new(),
        dependencies: BTreeSet::new(),
        manifests: Vec::new(),
        variables: Vec::new(),
        environment_files: Vec::new(),
    };
    program.entry = any_entry(source, command, folder, &mut program, 0)?;
    program.folder = package_folder(source, &program.entry);
    complete(source, &mut program);
    Ok(program)
}

/// The application in a folder with a package.json.
pub(super) fn in_folder(source: &dyn Source, folder: &str) -> Result<Program, Missing> {
    let manifest = manifest(source, folder).ok_or(Missing::NotNode)?;
    let start = manifest.pointer("/scripts/start").and_then(Value::as_str);
    if let Some(start) = start
        && let Ok(program) = find(source, start, Some(folder))
    {
        return Ok(program);
    }
    let folder = if folder == "/" { "" } else { folder };
    let main = manifest.get("main").and_then(Value::as_str).unwrap_or("index.js");
    find(source, &format!("node ./{main}"), Some(if folder.is_empty() { "/" } else { folder }))
}

/// package.json of a folder.
pub(super) fn manifest(source: &dyn Source, folder: &str) -> Option<Value> {
    let folder = folder.trim_end_matches('/');
    serde_json::from_slice(&source.read(&format!("{folder}/package.json"), 1 << 20).ok()?).ok()
}

fn complete(source: &dyn Source, program: &mut Program) {
    let folder = program.folder.trim_end_matches('/').to_owned();
    if let Some(manifest) = manifest(source, &folder) {
        for key in ["dependencies", "optionalDependencies"] {
            let names = manifest.get(key).and_then(Value::as_object);
            program.dependencies.extend(names.into_iter().flat_map(|names| names.keys().cloned()));
        }
    }
    let names =
        ["package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"];
    program.manifests = names
        .iter()
        .map(|name| format!("{folder}/{name}"))
        .filter(|path| source.is_file(path))
        .collect();
}

/// The entry point that one of the commands of a line or script starts.
fn any_entry(
    source: &dyn Source,
    text: &str,
    folder: &str,
    program: &mut Program,
    depth: usize,
) -> Result<String, Missing> {
    let mut folder = folder.to_owned();
    let mut missing = Missing::NotNode;
    for words in shell::commands(text) {
        if let [command, path] = words.as_slice()
            && command == "cd"
        {
            folder = absolute(path, &folder);
            continue;
        }
        match entry(source, &words, &folder, program, depth) {
            Ok(path) => return Ok(path),
            Err(Missing::Entry) => missing = Missing::Entry,
            Err(Missing::NotNode) => {}
        }
    }
    Err(missing)
}

fn entry(
    source: &dyn Source,
    words: &[String],
    folder: &str,
    program: &mut Program,
    depth: usize,
) -> Result<String, Missing> {
    if depth > 4 {
        return Err(Missing::Entry);
    }
    let mut rest = words;
    // `cd x &&` is the systemd recogniser's; here: variables and wrappers before the program.
    while let Some((first, after)) = rest.split_first() {
        let name = first.trim_start_matches(['-', '@', '+', '!', ':']);
        let base = name.rsplit('/').next().unwrap_or(name);
        if let Some((key, value)) = name.split_once('=')
            && environment::is_name(key)
        {
            program.variables.push((key.to_owned(), value.to_owned()));
            rest = after;
            continue;
        }
        match base {
            "env" | "cross-env" | "exec" | "nice" | "dotenv" | "npx" | "--" => rest = after,
            "node" | "nodejs" | "nodemon" | "tsx" | "ts-node" | "ts-node-dev" | "bun" => {
                return script(source, after, folder, program);
            }
            "npm" | "yarn" | "pnpm" => {
                let mut words = after.iter().filter(|word| !word.starts_with('-'));
                let name = match words.next().map(String::as_str) {
                    Some("run" | "run-script") => words.next().map_or("start", String::as_str),
                    Some(other) => other,
                    None => return Err(Missing::Entry),
                };
                let manifest = manifest(source, folder).ok_or(Missing::Entry)?;
                let line = manifest.get("scripts").and_then(|scripts| scripts.get(name));
                let line = match line.and_then(Value::as_str) {
                    Some(line) => line.to_owned(),
                    // npm's own default.
                    None if name == "start" => "node server.js".to_owned(),
                    None => return Err(Missing::Entry),
                };
                return any_entry(source, &line, folder, program, depth + 1);
            }
            _ => return own_script(source, &absolute(first, folder), folder, program, depth),
        }
    }
    Err(Missing::NotNode)
}

/// A script that starts node itself, by its first line or by a command in it.
fn own_script(
    source: &dyn Source,
    path: &str,
    folder: &str,
    program: &mut Program,
    depth: usize,
) -> Result<String, Missing> {
    let real = source.resolve(path).filter(|path| source.is_file(path)).ok_or(Missing::NotNode)?;
    let bytes = source.read(&real, 256 << 10).map_err(|_| Missing::NotNode)?;
    let text = String::from_utf8_lossy(&bytes);
    let first = text.lines().next().unwrap_or_default();
    if !first.starts_with("#!") {
        Err(Missing::NotNode)
    } else if first.contains("node") {
        Ok(real)
    } else {
        any_entry(source, &text, folder, program, depth + 1)
    }
}

/// The script among node's arguments.
fn script(
    source: &dyn Source,
    words: &[String],
    folder: &str,
    program: &mut Program,
) -> Result<String, Missing> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(path) = word.strip_prefix("--env-file=") {
            program.environment_files.push(absolute(path, folder));
        } else if word == "--env-file" {
            program.environment_files.extend(words.next().map(|path| absolute(path, folder)));
        } else if WITH_VALUE.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            let path = absolute(word, folder);
            if source.is_folder(&path) {
                let main = manifest(source, &path)
                    .and_then(|manifest| Some(manifest.get("main")?.as_str()?.to_owned()));
                let main = main.unwrap_or_else(|| "index".to_owned());
                return locate(source, &path, &main).ok_or(Missing::Entry);
            }
            return locate(source, "", path.trim_start_matches('/')).ok_or(Missing::Entry);
        }
    }
    Err(Missing::Entry)
}

fn absolute(path: &str, folder: &str) -> String {
    if path.starts_with('/') { normal(path) } else { normal(&format!("{folder}/{path}")) }
}

/// The nearest folder above a file that has a package.json, else the file's own.
fn package_folder(source: &dyn Source, entry: &str) -> String {
    let own = folder_of(entry);
    let mut folder = own;
    loop {
        if source.is_file(&format!("{folder}/package.json")) {
            return if folder.is_empty() { "/".to_owned() } else { folder.to_owned() };
        }
        match folder.rsplit_once('/') {
            Some((outer, _)) => folder = outer,
            None => return if own.is_empty() { "/".to_owned() } else { own.to_owned() },
        }
    }
}
