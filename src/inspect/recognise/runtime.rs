//! What runs a command: the interpreter and its version, the package that owns it, the code.

use std::io::Read;

use super::Facts;
use crate::inspect::parse::shell;
use crate::inspect::source::Source;
use crate::model::inventory::Runtime;

/// Where programs are looked for by name.
const PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Scripts call scripts; deeper than this nobody can follow.
const MAX_DEPTH: usize = 4;

/// What was found out about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// The runtime.
    pub(super) runtime: Runtime,
    /// Packages that own what is called.
    pub(super) packages: Vec<String>,
    /// Scripts and binaries outside packages, absolute.
    pub(super) files: Vec<String>,
    /// The folder that the command changes to, when it does.
    pub(super) directory: Option<String>,
    /// Environment files that scripts read, absolute.
    pub(super) sourced: Vec<String>,
}

impl Program {
    fn new() -> Self {
        Self {
            runtime: Runtime { name: String::new(), version: None },
            packages: Vec::new(),
            files: Vec::new(),
            directory: None,
            sourced: Vec::new(),
        }
    }
}

/// Looks into a command line. `directory` is where it is run.
pub(super) fn look(
    source: &dyn Source,
    facts: &Facts,
    line: &str,
    directory: Option<&str>,
) -> Program {
    let mut program = Program::new();
    let mut here = directory.map(str::to_owned);
    script(source, facts, line, &mut here, &mut program, 0);
    if here.as_deref() != directory {
        program.directory = here;
    }
    if program.runtime.name.is_empty() {
        "shell".clone_into(&mut program.runtime.name);
    }
    program.packages.sort();
    program.packages.dedup();
    program.files.dedup();
    program.sourced.dedup();
    program
}

fn script(
    source: &dyn Source,
    facts: &Facts,
    text: &str,
    here: &mut Option<String>,
    program: &mut Program,
    depth: usize,
) {
    for words in shell::commands(text) {
        command(source, facts, &words, here, program, depth);
    }
}

fn command(
    source: &dyn Source,
    facts: &Facts,
    words: &[String],
    here: &mut Option<String>,
    program: &mut Program,
    depth: usize,
) {
    let words = without_wrappers(words);
    let Some(first) = words.first() else { return };
    match (first.as_str(), words.get(1)) {
        ("cd", Some(folder)) => {
            *here = absolute(folder, here.as_deref());
            return;
        }
        ("." | "source", Some(file)) => {
            program.sourced.extend(absolute(file, here.as_deref()));
            return;
        }
        _ => {}
    }
    let name = first.rsplit('/').next().unwrap_or(first);
    let Some(path) = find(source, first, here.as_deref()) else {
        // Not on the source (a builtin, or a mistake): the name may still tell.
        if let Some(kind) = interpreter(name) {
            take(program, kind, None);
        }
        return;
    };
    let owner = facts.owner(source, &path).map(str::to_owned);
    if let Some(owner) = &owner
        && !is_essential(owner)
    {
        program.packages.push(owner.clone());
    }
    if let Some(kind) = interpreter(name) {
        let version = version(facts, kind, owner.as_deref(), &path, source);
        if owner.is_none() {
            program.files.push(path.clone());
        }
        if kind == "shell" {
            if let Some(at) = words.iter().position(|word| word == "-c" || word == "-lc") {
                if let Some(inner) = words.get(at + 1).filter(|_| depth < MAX_DEPTH) {
                    script(source, facts, inner, here, program, depth + 1);
                }
                return;
            }
        } else {
            take(program, kind, version);
        }
        // The script that is run: the first argument that is a file.
        for word in words.iter().skip(1).filter(|word| !word.starts_with('-')) {
            if let Some(path) = absolute(word, here.as_deref()).filter(|path| source.is_file(path))
            {
                file(source, facts, &path, here, program, depth);
                break;
            }
        }
        return;
    }
    if owner.is_none() {
        file(source, facts, &path, here, program, depth);
    }
}

/// A script or binary outside packages.
fn file(
    source: &dyn Source,
    facts: &Facts,
    path: &str,
    here: &mut Option<String>,
    program: &mut Program,
    depth: usize,
) {
    if program.files.iter().any(|known| known == path) || depth >= MAX_DEPTH {
        return;
    }
    program.files.push(path.to_owned());
    let head = head(source, path);
    if let Some(rest) = head.strip_prefix(b"#!") {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let words = without_wrappers(&words);
        let name = words.first().map(|word| word.rsplit('/').next().unwrap_or(word).to_owned());
        match name.as_deref().and_then(interpreter) {
            Some("shell") => {
                if let Ok(text) = source.text(path) {
                    // A script's own `cd` does not move its caller.
                    let mut inner = here.clone();
                    script(source, facts, &text, &mut inner, program, depth + 1);
                    if here.is_none() {
                        *here = inner;
                    }
                }
            }
            _ => command(source, facts, words, here, program, depth + 1),
        }
    } else if head.starts_with(b"\x7fELF") && program.runtime.name.is_empty() {
        let go = head.windows(12).any(|window| window == b"Go build ID:");
        take(program, if go { "go" } else { "binary" }, None);
    }
}

/// The first real runtime counts; a shell only when there is none.
fn take(program: &mut Program, name: &str, version: Option<String>) {
    if program.runtime.name.is_empty() && name != "shell" {
        program.runtime = Runtime { name: name.to_owned(), version };
    }
}

fn head(source: &dyn Source, path: &str) -> Vec<u8> {
    let mut head = Vec::new();
    if let Some(real) = source.resolve(path)
        && let Ok(file) = source.open(&real)
    {
        let _ = file.take(64 << 10).read_to_end(&mut head);
    }
    head
}

/// Takes `VAR=x`, `exec`, `nice -n 5`, `flock -n FILE`, … off a command.
pub(super) fn without_wrappers(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some(first) = rest.first() {
        let name = first.rsplit('/').next().unwrap_or(first);
        let with_argument: &[&str] = match name {
            "env" => &["-u", "-C", "-S"],
            "nice" => &["-n"],
            "ionice" => &["-c", "-n"],
            "chronic" | "exec" | "nohup" | "setsid" | "command" | "time" | "then" | "do"
            | "else" | "if" | "!" | "{" => &[],
            "timeout" => &["-s", "-k"],
            "flock" => &["-w", "-E"],
            "sudo" => &["-u", "-g"],
            "runuser" | "su" => &["-u", "-s", "-g"],
            "systemd-cat" => &["-t", "-p"],
            _ if first
                .split_once('=')
                .is_some_and(|(name, _)| crate::inspect::parse::environment::is_name(name)) =>
            {
                rest = &rest[1..];
                continue;
            }
            _ => return rest,
        };
        let positional = usize::from(matches!(name, "timeout" | "flock"));
        rest = &rest[1..];
        while let Some(option) = rest.first().filter(|word| word.starts_with('-')) {
            let skip = if with_argument.contains(&option.as_str()) { 2 } else { 1 };
            rest = rest.get(skip..).unwrap_or_default();
        }
        rest = rest.get(positional..).unwrap_or_default();
    }
    rest
}

/// The runtime that a program is, by its name.
pub(super) fn interpreter(name: &str) -> Option<&'static str> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match stem {
        "node" | "nodejs" | "npm" | "npx" | "yarn" | "pnpm" => "nodejs",
        "python" | "gunicorn" | "uwsgi" | "uvicorn" | "celery" | "hypercorn" | "daphne"
        | "waitress-serve" | "flask" | "django-admin" => "python",
        "php" | "php-fpm" | "php-cgi" | "composer" => "php",
        "java" => "java",
        "ruby" | "puma" | "unicorn" | "bundle" | "rake" | "sidekiq" | "rails" => "ruby",
        "perl" => "perl",
        "dotnet" => "dotnet",
        "deno" => "deno",
        "bun" => "bun",
        "beam.smp" | "elixir" | "erl" => "erlang",
        "sh" | "bash" | "dash" | "zsh" | "ksh" => "shell",
        _ => return None,
    })
}

/// The version: of the package that owns the interpreter, or what its path says.
fn version(
    facts: &Facts,
    kind: &str,
    owner: Option<&str>,
    path: &str,
    source: &dyn Source,
) -> Option<String> {
    if let Some(owner) = owner {
        let named = match kind {
            // `/usr/bin/npm` says nothing on Node.js itself.
            "nodejs" => facts.version("nodejs"),
            "python" => facts.version("python3"),
            _ => None,
        };
        return named.or_else(|| facts.version(owner));
    }
    let real = source.resolve(path)?;
    real.split('/').find_map(version_in)
}

/// `v18.20.4`, `node-v20.11.1-linux-x64`, `python-3.11.2`.
fn version_in(part: &str) -> Option<String> {
    part.split('-').find_map(|piece| {
        let number = piece.strip_prefix('v').unwrap_or(piece);
        let dots = number.matches('.').count();
        (dots >= 1
            && number.chars().all(|c| c.is_ascii_digit() || c == '.')
            && number.starts_with(|c: char| c.is_ascii_digit()))
        .then(|| number.to_owned())
    })
}

/// Packages that every image has anyway.
fn is_essential(package: &str) -> bool {
    matches!(
        package,
        "bash"
            | "dash"
            | "coreutils"
            | "util-linux"
            | "findutils"
            | "grep"
            | "sed"
            | "gzip"
            | "tar"
            | "hostname"
            | "debianutils"
            | "diffutils"
            | "login"
            | "base-files"
            | "perl-base"
    )
}

fn find(source: &dyn Source, program: &str, here: Option<&str>) -> Option<String> {
    if program.contains('/') {
        return absolute(program, here).filter(|path| source.is_file(path));
    }
    PATH.iter().map(|folder| format!("{folder}/{program}")).find(|path| source.is_file(path))
}

/// A path from the root; `None` when it holds an expansion or nothing says where it counts from.
fn absolute(path: &str, here: Option<&str>) -> Option<String> {
    if path.contains(['$', '`', '*']) || path.is_empty() {
        return None;
    }
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", here?.trim_end_matches('/'))
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;

    fn facts() -> Facts {
        let mut facts = Facts::default();
        for (path, package) in [
            ("/usr/bin/node", "nodejs"),
            ("/usr/bin/python3.11", "python3.11-minimal"),
            ("/usr/bin/mysqldump", "mariadb-client"),
            ("/bin/sh", "dash"),
        ] {
            facts.owners.insert(path.to_owned(), package.to_owned());
        }
        facts.packages.insert("nodejs".into(), "18.20.4".into());
        facts.packages.insert("python3".into(), "3.11.2".into());
        facts
    }

    fn server() -> Memory {
        Memory::new(&[
            ("/usr/bin/node", "\x7fELF"),
            ("/usr/bin/python3", "-> python3.11"),
            ("/usr/bin/python3.11", "\x7fELF"),
            ("/usr/bin/mysqldump", "\x7fELF"),
            ("/bin/sh", "\x7fELF"),
            (
                "/opt/shop/bin/nightly",
                "#!/bin/sh\n. /etc/shop/env\ncd /opt/shop/app\nexec node jobs/x.js\n",
            ),
            ("/opt/shop/app/jobs/x.js", "1"),
            ("/opt/web/venv/bin/gunicorn", "#!/opt/web/venv/bin/python3\nimport x\n"),
            ("/opt/web/venv/bin/python3", "-> /usr/bin/python3"),
            ("/opt/tool", "\x7fELF...Go build ID: \"x\""),
            ("/home/app/.nvm/versions/node/v20.11.1/bin/node", "\x7fELF"),
            ("/usr/local/bin/backup", "#!/usr/bin/env bash\nmysqldump shop | gzip > /backup/x\n"),
        ])
    }

    #[test]
    fn a_script_leads_to_what_it_runs() {
        let source = server();
        let program = look(&source, &facts(), "/opt/shop/bin/nightly", None);
        assert_eq!(program.runtime.name, "nodejs");
        assert_eq!(program.runtime.version.as_deref(), Some("18.20.4"));
        assert_eq!(program.packages, ["nodejs"]);
        assert_eq!(program.files, ["/opt/shop/bin/nightly", "/opt/shop/app/jobs/x.js"]);
        assert_eq!(program.sourced, ["/etc/shop/env"]);
        assert_eq!(program.directory.as_deref(), Some("/opt/shop/app"));
    }

    #[test]
    fn other_runtimes() {
        let source = server();
        let look = |line: &str| look(&source, &facts(), line, None);
        assert_eq!(look("/opt/tool serve").runtime.name, "go");
        let python = look("cd /opt/web && venv/bin/gunicorn app:app");
        assert_eq!(python.runtime.name, "python");
        let nvm = look("/home/app/.nvm/versions/node/v20.11.1/bin/node /opt/shop/app/jobs/x.js");
        assert_eq!(nvm.runtime.version.as_deref(), Some("20.11.1"));
        let backup = look("flock -n /run/x /usr/local/bin/backup");
        assert_eq!(backup.runtime.name, "shell");
        assert_eq!(backup.packages, ["mariadb-client"]);
        assert_eq!(look("sh -c 'cd /opt/shop/app && node jobs/x.js'").runtime.name, "nodejs");
        assert_eq!(look("").runtime.name, "shell");
    }
}
