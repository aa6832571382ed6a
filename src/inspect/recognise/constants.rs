//! Secrets that stand as constants in an application's own files, whatever language they are in:
//! such a file is a secret as a whole and enters no image.

use std::sync::LazyLock;

use regex::Regex;

use super::{Facts, variables};
use crate::inspect::parse::secret;
use crate::inspect::source::{Kind, Source};
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::inventory::{Role, Service};

/// Files of one service that are looked into, at most.
const FILES: usize = 20_000;

/// Larger files are data or bundles.
const LARGEST: u64 = 1 << 20;

/// Bytes that are read for one service, at most.
const BYTES: u64 = 64 << 20;

/// Longer lines are made by machines.
const LINE: usize = 4096;

/// Ends of names of files that people write settings into.
const KINDS: [&str; 30] = [
    "js",
    "mjs",
    "cjs",
    "ts",
    "jsx",
    "tsx",
    "php",
    "inc",
    "py",
    "rb",
    "pl",
    "lua",
    "go",
    "java",
    "sh",
    "bash",
    "env",
    "ini",
    "cfg",
    "conf",
    "cnf",
    "toml",
    "yaml",
    "yml",
    "json",
    "xml",
    "properties",
    "pem",
    "key",
    "local",
];

/// Of these, those that hold `name = value` without quotes.
const PLAIN: [&str; 10] =
    ["env", "ini", "cfg", "conf", "cnf", "toml", "yaml", "yml", "properties", "local"];

/// Folders of code of others, of texts, and of what is never carried.
const SKIPPED: [&str; 9] =
    ["node_modules", "vendor", ".git", ".hg", ".svn", "locales", "i18n", "lang", "translations"];

/// Files that hold logins, by their name.
const LOGINS: [&str; 7] = [
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".git-credentials",
    ".htpasswd",
    "credentials",
];

static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"([A-Za-z_$][A-Za-z0-9_.\-]{0,63})['"\]]{0,2}\s{0,8}(=>|:=|[:=,])\s{0,8}(?:"([^"]{4,300})"|'([^']{4,300})')"#)
        .ok()
});

static BARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-]{0,63})\s*[:=]\s*([^\s#]{4,300})\s*$")
        .ok()
});

static HOST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\bhost(?:name)?['"]?\s{0,8}(?::|=)"#).ok());

static TEXT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#""([^"\s]{12,400})"|'([^'\s]{12,400})'"#).ok());

/// Lists the files with a secret below each program's folders as secret files.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    for index in 0..facts.services.len() {
        if matches!(facts.services[index].role, Role::Database | Role::Cache) {
            continue;
        }
        let blank = Service::new("", Role::App, facts.services[index].runtime.clone());
        let mut service = std::mem::replace(&mut facts.services[index], blank);
        for (path, lines) in holding(source, &service) {
            if service.configuration.iter().any(|known| known.path == path && known.secret) {
                continue;
            }
            facts.findings.push(Finding {
                id: "secret-in-file".to_owned(),
                severity: Severity::Risk,
                service: Some(service.id.clone()),
                message: format!("{path} seems to hold a secret as it stands"),
                remedy: "it enters no image and is mounted whole from a secret; better, have it \
                         read a variable"
                    .to_owned(),
                evidence: lines.iter().map(|line| Evidence::line(&path, *line)).collect(),
            });
            service.configuration.retain(|known| known.path != path);
            variables::add_configuration(source, facts, &mut service, &path, None);
        }
        facts.services[index] = service;
    }
}

/// Files with secrets, and the lines.
fn holding(source: &dyn Source, service: &Service) -> Vec<(String, Vec<u32>)> {
    let mut found = Vec::new();
    let mut bytes = 0_u64;
    let mut files = 0_usize;
    let state =
        |path: &str| service.state.iter().any(|state| super::folders::is_within(path, &state.path));
    // What a proxy serves is carried in its image, programs among the pages, too.
    let served = service.sites.iter().flat_map(|site| {
        site.root
            .iter()
            .chain(site.locations.iter().filter_map(|location| location.target.as_ref()))
    });
    let mut folders: Vec<&str> = service
        .program
        .iter()
        .chain(served.filter(|path| path.starts_with('/') && source.is_folder(path)))
        .map(|path| path.trim_end_matches('/'))
        .filter(|path| path.len() > 1)
        .collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        for (path, entry) in source.below(folder) {
            if entry.kind != Kind::File || entry.size > LARGEST || !is_looked_into(path, folder) {
                continue;
            }
            files += 1;
            bytes += entry.size;
            if files > FILES || bytes > BYTES {
                return found;
            }
            if state(path) {
                continue;
            }
            let Ok(text) = source.text(path) else { continue };
            let lines = lines(path, &text);
            if !lines.is_empty() {
                found.push((path.to_owned(), lines));
            }
        }
    }
    found
}

fn is_looked_into(path: &str, folder: &str) -> bool {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    let lock = lower.contains("lock") || lower.ends_with(".min.js") || lower.ends_with(".map");
    if lock || below.split('/').any(|part| SKIPPED.contains(&part)) {
        return false;
    }
    LOGINS.contains(&name) || lower == ".npmrc" || KINDS.contains(&ending(&lower))
}

fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The lines of a file that hold a secret.
fn lines(path: &str, text: &str) -> Vec<u32> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if text.contains('\0') {
        return Vec::new();
    }
    if LOGINS.contains(&name.as_str()) && !text.trim().is_empty() {
        return vec![1];
    }
    // Examples hold none by their nature.
    if ["example", "sample", ".dist", "template"].iter().any(|word| name.contains(word)) {
        return Vec::new();
    }
    let settings = ["config", "setting", "secret", "credential", "database", "npmrc", ".env"]
        .iter()
        .any(|word| name.contains(word));
    let plain = PLAIN.contains(&ending(&name)) || name == ".npmrc";
    // Who names a host, too, logs in somewhere: what stands there is no label.
    let connects = HOST.as_ref().is_some_and(|regex| regex.is_match(text));
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.len() <= LINE && is_secret_line(line, settings, plain, connects) {
            found.push(crate::inspect::parse::line_number(index));
        }
    }
    found
}

fn is_secret_line(line: &str, settings: bool, plain: bool, connects: bool) -> bool {
    if line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY-----") {
        return true;
    }
    let named = |name: &str, value: &str| {
        let name = name.rsplit('.').next().unwrap_or(name);
        secret::is_secret_name(name) && is_literal(value, settings || plain)
    };
    let quoted = QUOTED.iter().flat_map(|regex| regex.captures_iter(line)).any(|found| {
        let value = found.get(3).or_else(|| found.get(4)).map_or("", |value| value.as_str());
        // A comma joins a name and a value only in calls that set one; elsewhere it is a list.
        let joined = &found[2] != "," || line.contains("define(");
        // `password: 'Passwort'` in a table of texts.
        let label =
            !settings && !plain && !connects && matches!(&found[2], ":" | "=>") && is_label(value);
        joined && !label && named(&found[1], value)
    });
    if quoted {
        return true;
    }
    let bare = || {
        BARE.as_ref().and_then(|regex| regex.captures(line)).is_some_and(|found| {
            !found[2].contains(['(', '"', '\'']) && named(&found[1], &found[2])
        })
    };
    if plain && bare() {
        return true;
    }
    // By its look alone only what is sure: a URL with a password, a well-known kind of token.
    TEXT.iter().flat_map(|regex| regex.captures_iter(line)).any(|found| {
        let value = found.get(1).or_else(|| found.get(2)).map_or("", |value| value.as_str());
        !value.contains(['$', '{', '<', '`']) && secret::is_certain(value)
    })
}

/// Whether a value is a word of a language, as labels are: letters alone, a capital at most at the
/// beginning of each part (`Passwort`, `Mot-de-passe:`).
fn is_label(value: &str) -> bool {
    value.trim_end_matches([':', '*', '…', '?']).split(['-', '/']).all(|part| {
        part.chars().count() > 1
            && part.chars().all(char::is_alphabetic)
            && part.chars().skip(1).all(|c| !c.is_uppercase())
    })
}

/// Whether a value is one that somebody has chosen, and no name, label or reference.
fn is_literal(value: &str, settings: bool) -> bool {
    if value.contains(char::is_whitespace)
        || value.starts_with(['$', '<', '{', '[', '!', '%', '/', '&', '*', '@', '.', '|'])
        || value.contains("${")
        || value.contains("{{")
        || value.contains("process.env")
        || matches!(value, "null" | "none" | "true" | "false" | "undefined" | "string" | "text")
    {
        return false;
    }
    let has = |test: fn(&char) -> bool| value.chars().any(|c| test(&c));
    let digit = has(char::is_ascii_digit);
    if !digit && value.len() < 16 && secret::is_secret_name(value) {
        return false;
    }
    let (upper, lower) = (has(char::is_ascii_uppercase), has(char::is_ascii_lowercase));
    let symbol = value.chars().any(|c| !c.is_alphanumeric() && !"_-.:/".contains(c));
    settings
        || value.len() >= 6
            && ((digit && (upper || lower)) || (upper && lower && value.len() >= 8) || symbol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::source::memory::Memory;
    use crate::model::inventory::Runtime;

    #[test]
    fn constants_of_many_languages() {
        for (path, line) in [
            ("a/lib/x.js", "export default { dbPassword: 'Canary-pw-9' };"),
            ("a/wp-config.php", "define( 'DB_PASSWORD', 'hunter' );"),
            ("a/config.php", "$config['api_key'] = \"abcdef\";"),
            ("a/settings.py", "SECRET_KEY = 'django-insecure'"),
            ("a/app.yml", "  password: hunter22"),
            ("a/x.go", "const apiToken = \"Zk29dkqpA\""),
            ("a/db.ts", "connect('postgres://u:pw12@db/x')"),
            ("a/.pgpass", "h:5432:*:u:pw"),
            ("a/lib/db.js", "connect({ host: 'db', password: 'Sommerwind' })"),
            ("a/lib/x.js", "const password = 'Sommerwind';"),
            ("a/texts.js", "password: 'Passwort7'"),
            ("a/key.pem", "-----BEGIN RSA PRIVATE KEY-----"),
            ("a/.npmrc", "//registry.npmjs.org/:_authToken=npm_abc123"),
        ] {
            let found = !lines(path, line).is_empty() || path.ends_with(".npmrc");
            assert!(found, "{path}: {line}");
        }
        for (path, line) in [
            ("a/x.js", "const password = req.body.password;"),
            ("a/x.js", "res.render('login', { password: 'password' })"),
            ("a/x.js", "const fields = ['password', 'username1'];"),
            ("a/x.js", "label: { password: 'Your password here' }"),
            ("a/config.js", "password: process.env.DB_PASSWORD,"),
            ("a/x.yml", "password: ${DB_PASSWORD}"),
            ("a/x.js", "const url = `mysql://${user}:${password}@db`"),
            ("a/config.example.php", "$password = 'hunter22';"),
            ("a/x.js", "tokenHeader: 'X-CSRF-Token'"),
            ("a/texts.js", "  password: 'Passwort',"),
            ("a/texts.js", "  password: \"Contraseña\","),
            ("a/texts.php", "'password' => 'Kennwort:',"),
        ] {
            assert!(lines(path, line).is_empty(), "{path}: {line}");
        }
    }

    #[test]
    fn files_with_secrets_are_listed_whole_and_others_are_not_read() {
        let source = Memory::new(&[
            ("/opt/a/lib/db.js", "x\nconst dbPassword = 'Hunter22';\n"),
            ("/opt/a/node_modules/x/y.js", "const password = 'Hunter22';\n"),
            ("/opt/a/main.js", "run()\n"),
        ]);
        let runtime = Runtime { name: "nodejs".into(), version: None };
        let mut service = Service::new("a", Role::App, runtime);
        service.program = vec!["/opt/a".into()];
        let mut facts = Facts { services: vec![service], ..Facts::default() };
        recognise(&source, &mut facts);
        let paths: Vec<_> =
            facts.services[0].configuration.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["/opt/a/lib/db.js"]);
        assert!(facts.services[0].configuration[0].secret);
        assert_eq!(facts.findings[0].evidence, [Evidence::line("/opt/a/lib/db.js", 2)]);
        assert!(!format!("{facts:?}").contains("Hunter22"));
    }
}
