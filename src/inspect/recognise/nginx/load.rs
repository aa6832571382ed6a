//! The configuration as nginx sees it: the main file with all includes in place, each directive
//! with the file it stands in.

use std::rc::Rc;

use crate::inspect::parse::nginx::{Directive, glob, parse};
use crate::inspect::source::Source;
use crate::model::evidence::Evidence;

/// Includes within includes.
const MAX_INCLUDE_DEPTH: usize = 12;
/// Directives in all, includes counted each time.
const MAX_DIRECTIVES: usize = 200_000;

/// A directive and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Path of its file, links followed.
    pub file: Rc<str>,
    /// Its line.
    pub line: u32,
    /// Its block.
    pub block: Option<Vec<Node>>,
}

impl Node {
    /// Where it stands.
    pub(super) fn evidence(&self) -> Evidence {
        Evidence::line(&*self.file, self.line)
    }

    /// Its first argument.
    pub(super) fn first(&self) -> Option<&str> {
        self.arguments.first().map(String::as_str)
    }

    /// What stands in its block.
    pub(super) fn children(&self) -> &[Node] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// Its path, links followed.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The directives of the main file, includes in place.
    pub nodes: Vec<Node>,
    /// Every file that was read, in order of first reading.
    pub files: Vec<Read>,
    /// What could not be read: place and words.
    pub problems: Vec<(Evidence, String)>,
    directives: usize,
}

/// Reads the main file and all that it includes.
pub(super) fn load(source: &dyn Source, main: &str) -> Loaded {
    let mut loaded = Loaded::default();
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    loaded.nodes = read(source, main, &folder, &mut Vec::new(), &mut loaded);
    loaded
}

fn read(
    source: &dyn Source,
    path: &str,
    folder: &str,
    open: &mut Vec<String>,
    loaded: &mut Loaded,
) -> Vec<Node> {
    let Some(real) = source.resolve(path) else { return Vec::new() };
    if open.contains(&real) || open.len() >= MAX_INCLUDE_DEPTH {
        loaded.problems.push((Evidence::file(real), "includes go round in circles".to_owned()));
        return Vec::new();
    }
    let text = match source.text(&real) {
        Ok(text) => text,
        Err(error) => {
            loaded.problems.push((Evidence::file(real), error.to_string()));
            return Vec::new();
        }
    };
    let parsed = parse(&text);
    if loaded.files.iter().all(|file| file.path != real) {
        loaded.files.push(Read { path: real.clone(), text });
    }
    match parsed {
        Ok(directives) => {
            open.push(real.clone());
            let nodes = expand(source, &directives, &Rc::from(real), folder, open, loaded);
            open.pop();
            nodes
        }
        Err(syntax) => {
            let evidence = Evidence::line(real, syntax.line);
            loaded.problems.push((evidence, syntax.message));
            Vec::new()
        }
    }
}

fn expand(
    source: &dyn Source,
    directives: &[Directive],
    file: &Rc<str>,
    folder: &str,
    open: &mut Vec<String>,
    loaded: &mut Loaded,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for directive in directives {
        loaded.directives += 1;
        if loaded.directives > MAX_DIRECTIVES {
            if loaded.directives == MAX_DIRECTIVES + 1 {
                let evidence = Evidence::line(&**file, directive.line);
                loaded.problems.push((evidence, "there are too many directives".to_owned()));
            }
            return nodes;
        }
        let arguments: Vec<String> =
            directive.arguments().iter().map(|word| word.text.clone()).collect();
        if directive.name() == "include"
            && directive.block.is_none()
            && let [pattern] = arguments.as_slice()
        {
            let found = matches(source, &absolute(pattern, folder));
            if found.is_empty() && !pattern.contains(['*', '?', '[']) {
                let evidence = Evidence::line(&**file, directive.line);
                loaded.problems.push((evidence, format!("the included file {pattern} is missing")));
            }
            for path in found {
                nodes.extend(read(source, &path, folder, open, loaded));
            }
            continue;
        }
        let block =
            directive.block.as_ref().map(|block| expand(source, block, file, folder, open, loaded));
        nodes.push(Node {
            name: directive.name().to_owned(),
            arguments,
            file: Rc::clone(file),
            line: directive.line,
            block,
        });
    }
    nodes
}

/// A path of the configuration, relative ones counted from its folder.
pub(super) fn absolute(path: &str, folder: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") }
}

/// The files that a path with globs stands for, sorted.
fn matches(source: &dyn Source, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for base in found {
            if part.contains(['*', '?', '[']) {
                let folder = if base.is_empty() { "/" } else { &base };
                let names = source.list(folder).into_iter().filter(|name| glob(part, name));
                next.extend(names.map(|name| format!("{base}/{name}")));
            } else {
                next.push(format!("{base}/{part}"));
            }
        }
        found = next;
    }
    found.retain(|path| source.is_file(path));
    found.sort();
    found
}
