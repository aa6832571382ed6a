//! What a workload that is not ready lacks: its data, which `data copy` brings, or something that
//! no data mends. Read from the plan, from how its process ended and from its last lines.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::plan::{Plan, WorkloadKind};

/// What a workload that is not ready lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lack {
    /// Its data: its own last lines miss a table, a database or a file that is moved.
    Data,
    /// Another workload, which is not ready itself.
    Other,
    /// Nothing that data would bring: it fails for a reason of its own.
    Broken,
    /// Its data is not there yet, and nothing says whether that is why.
    Unclear,
}

impl Lack {
    /// For people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Data => "waits for its data",
            Self::Other => "waits for another workload",
            Self::Broken => "fails",
            Self::Unclear => "not ready, maybe for want of its data",
        }
    }
}

/// Whether a workload may be unready until its data is there: it or one that it needs uses a
/// database or a volume whose content is moved.
pub(crate) fn may_wait(plan: &Plan, id: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut pending = vec![id];
    while let Some(id) = pending.pop() {
        let Some(workload) = plan.workload(id) else { continue };
        if !seen.insert(id) {
            continue;
        }
        let database = workload.kind == WorkloadKind::Database;
        if database && seen.len() > 1 {
            return true;
        }
        if !database && !moved_mounts(plan, id).is_empty() {
            return true;
        }
        pending.extend(workload.connects_to.iter().map(|connection| connection.workload.as_str()));
    }
    false
}

/// Where a workload sees volumes whose content is moved.
fn moved_mounts<'p>(plan: &'p Plan, id: &str) -> Vec<&'p str> {
    let moves = |name: &str| plan.volumes.iter().any(|volume| volume.name == name && volume.moves);
    let mounts = plan.workload(id).into_iter().flat_map(|workload| &workload.mounts);
    mounts.filter(|mount| moves(&mount.volume)).map(|mount| mount.path.as_str()).collect()
}

/// How a workload's process was last seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Exit code, when it ended.
    pub(crate) code: Option<i64>,
    /// Whether the system ended it because it used more memory than it may.
    pub(crate) out_of_memory: bool,
}

/// What a workload that is not ready lacks, whose data has not been copied yet.
///
/// `unready` names the others that are not ready either.
pub(crate) fn lack(
    plan: &Plan,
    id: &str,
    ending: Ending,
    lines: &[String],
    unready: &[&str],
) -> Lack {
    // 126 and 127: the program cannot be run, or is not there.
    if ending.out_of_memory || matches!(ending.code, Some(126 | 127)) || !may_wait(plan, id) {
        return Lack::Broken;
    }
    let mounts = moved_mounts(plan, id);
    let data = lines.iter().any(|line| misses_data(line, &mounts));
    let broken = lines.iter().any(|line| is_broken(line, &mounts));
    let needs = plan.workload(id).into_iter().flat_map(|workload| &workload.connects_to);
    let needs_unready =
        needs.map(|needed| needed.workload.as_str()).any(|needed| unready.contains(&needed));
    match (data, broken) {
        (true, false) => Lack::Data,
        (false, true) => Lack::Broken,
        _ if needs_unready => Lack::Other,
        _ => Lack::Unclear,
    }
}

/// What databases and drivers say of a table or database that is not there.
const MISSING_DATA: [&str; 12] = [
    "er_no_such_table",
    "er_bad_db_error",
    "unknown database",
    "42s02",
    "42p01",
    "3d000",
    "no such table",
    "undefinedtable",
    "unknown table",
    "base table or view not found",
    "(1146",
    "error 1146",
];

fn misses_data(line: &str, mounts: &[&str]) -> bool {
    let lower = line.to_lowercase();
    let named = ["table", "relation", "database", "view", "procedure", "function"]
        .iter()
        .any(|word| lower.contains(word));
    MISSING_DATA.iter().any(|words| lower.contains(words))
        || named && (lower.contains("doesn't exist") || lower.contains("does not exist"))
        || is_about_a_file(&lower) && mounts.iter().any(|mount| line.contains(mount))
}

/// A file that is not there or, before the copy has set owners and modes, not to be had.
fn is_about_a_file(lower: &str) -> bool {
    ["enoent", "no such file or directory", "eacces", "eperm", "permission denied"]
        .iter()
        .any(|words| lower.contains(words))
}

/// What runtimes say of a program that cannot run, whatever data there is.
const BROKEN: [&str; 21] = [
    "cannot find module",
    "module_not_found",
    "err_module_not_found",
    "modulenotfounderror",
    "importerror",
    "syntaxerror",
    "referenceerror",
    "err_dlopen_failed",
    "invalid elf header",
    "exec format error",
    "error while loading shared libraries",
    "cannot open shared object",
    "unsupportedclassversionerror",
    "classnotfoundexception",
    "unable to access jarfile",
    "eaddrinuse",
    "address already in use",
    "read-only file system",
    "erofs",
    "heap out of memory",
    "command not found",
];

fn is_broken(line: &str, mounts: &[&str]) -> bool {
    let lower = line.to_lowercase();
    // A file that is missing outside what is moved stays missing after the copy.
    BROKEN.iter().any(|words| lower.contains(words))
        || is_about_a_file(&lower) && !mounts.iter().any(|mount| line.contains(mount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::from_yaml;

    fn plan() -> Plan {
        let workload = |id: &str, kind: &str, more: &str| {
            format!(
                "- {{id: {id}, service: {id}, kind: {kind}, reason: r, command: [x], \
                 user: {{name: u, uid: 1, gid: 1}}, \
                 image: {{strategy: carry, reason: r, upstream: x}}{more}}}\n"
            )
        };
        let text = format!(
            "schema: migrate/plan/1\nname: x-abcd\nsource: docker://old\nworkloads:\n{}{}{}{}\
             volumes:\n- {{name: files, kind: uploads, source: /srv/files, bytes: 1, size: 1Gi, \
             move: true, reason: r}}\n",
            workload("web", "proxy", ", connects_to: [{workload: app, port: 3000}]"),
            workload(
                "app",
                "app",
                ", connects_to: [{workload: db, port: 3306}], \
                 mounts: [{volume: files, path: /srv/files}]"
            ),
            workload("db", "database", ""),
            workload("alone", "app", ""),
        );
        from_yaml(&text, "plan").expect("plan")
    }

    fn of(id: &str, code: Option<i64>, lines: &[&str]) -> Lack {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lack(&plan(), id, Ending { code, out_of_memory: false }, &lines, &["app"])
    }

    #[test]
    fn a_missing_table_or_moved_file_is_missing_data() {
        for line in [
            "Error: Table 'shop.sessions' doesn't exist",
            "  code: 'ER_NO_SUCH_TABLE',",
            "ERROR 1049 (42000): Unknown database 'shop'",
            "psycopg.errors.UndefinedTable: relation \"users\" does not exist",
            "SQLSTATE[42S02]: Base table or view not found: 1146",
            "Error: ENOENT: no such file or directory, open '/srv/files/logo.png'",
        ] {
            assert_eq!(of("app", Some(1), &["starting", line]), Lack::Data, "{line}");
        }
    }

    #[test]
    fn what_no_data_mends_is_broken() {
        for line in [
            "Error: Cannot find module 'express'",
            "SyntaxError: Unexpected token '??='",
            "Error: listen EADDRINUSE: address already in use :::3000",
            "Error: ENOENT: no such file or directory, open '/etc/app/settings.json'",
            "bash: line 1: gunicorn: command not found",
        ] {
            assert_eq!(of("app", Some(1), &[line]), Lack::Broken, "{line}");
        }
        assert_eq!(of("app", Some(127), &[]), Lack::Broken);
        assert_eq!(of("alone", Some(1), &["whatever"]), Lack::Broken, "it uses no moved data");
        assert_eq!(of("db", Some(1), &[]), Lack::Broken, "a database starts empty");
        let ending = Ending { code: Some(137), out_of_memory: true };
        assert_eq!(lack(&plan(), "app", ending, &[], &[]), Lack::Broken);
    }

    #[test]
    fn what_says_nothing_or_both_is_unclear_and_a_proxy_waits_for_its_app() {
        assert_eq!(of("app", Some(1), &["boom"]), Lack::Unclear);
        assert_eq!(
            of("app", None, &["Cannot find module 'x'", "Table 'a.b' doesn't exist"]),
            Lack::Unclear
        );
        assert_eq!(of("web", Some(1), &["host not found in upstream \"app\""]), Lack::Other);
    }
}
