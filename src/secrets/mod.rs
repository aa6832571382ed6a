//! The values of the plan's secrets, straight from the source or the user's file into memory.

mod address;
mod lookup;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::connection::docker::{self, Container};
use crate::error::{Context, Error, Result};
use crate::inspect::source::{self, Source};
use crate::model::evidence::Evidence;
use crate::model::inventory::Inventory;
use crate::model::plan::{Lookup, NewHost, Plan, Replace, Secret, SecretKind};

/// No file that holds a secret is larger.
const LIMIT: u64 = 4 << 20;

/// The name under which `--secrets-from` gives the password of an end `mysql://…`.
pub(crate) const MYSQL_PASSWORD: &str = "MYSQL_PASSWORD";

/// Secrets by name. `Debug` shows names only.
#[derive(Default, Clone)]
pub(crate) struct Secrets {
    values: BTreeMap<String, Vec<u8>>,
}

impl Secrets {
    /// The bytes of a secret.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.values.get(name).map(Vec::as_slice)
    }

    /// Adds the secret variables of the plan's secret files as secrets of their own
    /// (`FILE/VARIABLE`): a file is carried by its values, too.
    pub(crate) fn add_from_files(&mut self, plan: &Plan, inventory: &Inventory) {
        for secret in plan.secrets.iter().filter(|secret| secret.kind == SecretKind::File) {
            let (Some(path), Some(bytes)) = (&secret.path, self.values.get(&secret.name)) else {
                continue;
            };
            let text = String::from_utf8_lossy(bytes).into_owned();
            let variables = inventory.services.iter().flat_map(|service| &service.environment);
            for variable in variables.filter(|variable| variable.secret) {
                let here = matches!(&variable.set_in, Some(Evidence::File { path: set, .. }) if set == path);
                if let (true, Some(value)) = (here, lookup::env_file(&text, &variable.name)) {
                    let name = format!("{}/{}", secret.name, variable.name);
                    self.values.insert(name, value.into_bytes());
                }
            }
        }
    }

    /// A text with every value of a secret taken out: for lines that a program wrote.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in self.values.values() {
            let value = String::from_utf8_lossy(value.trim_ascii());
            if value.len() >= 4 {
                text = text.replace(&*value, "[secret]");
            }
        }
        text
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// What was found, and what was not.
pub(crate) struct Found {
    /// The secrets that have a value.
    pub(crate) secrets: Secrets,
    /// The others, each with the place where it was expected.
    pub(crate) missing: Vec<String>,
}

/// Finds every secret of the plan: in `secrets_from` first, else on the source. All that are
/// missing are named at once.
pub(crate) async fn resolve(plan: &Plan, secrets_from: Option<&Path>) -> Result<Secrets> {
    let Found { secrets, missing } = find(plan, secrets_from).await?;
    if missing.is_empty() {
        return Ok(secrets);
    }
    let example = missing[0].split(' ').next().unwrap_or_default();
    Err(Error::refused(format!(
        "an open question: no value for {} of {} secrets: {}",
        missing.len(),
        plan.secrets.len(),
        missing.join(", ")
    ))
    .help(format!(
        "write a line {example}=VALUE for each into a file outside the workspace and name it with --secrets-from, or correct path and lookup under secrets in plan.yaml"
    )))
}

/// As [`resolve`], for those who can go on without some.
pub(crate) async fn find(plan: &Plan, secrets_from: Option<&Path>) -> Result<Found> {
    let mut given = match secrets_from {
        Some(path) => read_given(path)?,
        None => BTreeMap::new(),
    };
    let mut values = BTreeMap::new();
    let mut missing = Vec::new();
    let mut reader = Reader::new(&plan.source);
    for secret in &plan.secrets {
        if let Some(value) = given.remove(&secret.name) {
            values.insert(secret.name.clone(), value.into_bytes());
            continue;
        }
        let Some(path) = &secret.path else {
            missing.push(format!("{} (no place on the server is known)", secret.name));
            continue;
        };
        let found = match reader.read(path).await? {
            Some(bytes) => found_in(secret, bytes)?,
            None => None,
        };
        match found {
            Some(value) => {
                values.insert(secret.name.clone(), value);
            }
            None => missing.push(format!("{} (expected {})", secret.name, place(secret, path))),
        }
    }
    // The same file may hold the password of an end of `data`.
    for name in given.keys().filter(|name| *name != MYSQL_PASSWORD) {
        tracing::warn!("the plan has no secret {name}, which --secrets-from gives");
    }
    Ok(Found { secrets: Secrets { values }, missing })
}

fn place(secret: &Secret, path: &str) -> String {
    match &secret.lookup {
        Some(Lookup::EnvFile(key)) => format!("as {key} in {path}"),
        Some(Lookup::Unit(key)) => format!("as Environment={key} in {path}"),
        None => format!("at {path}"),
    }
}

/// The value of a secret in the file that holds it, with the addresses of the new place.
fn found_in(secret: &Secret, bytes: Vec<u8>) -> Result<Option<Vec<u8>>> {
    let text = || String::from_utf8_lossy(&bytes);
    let found = match &secret.lookup {
        Some(Lookup::EnvFile(key)) => lookup::env_file(&text(), key).map(String::into_bytes),
        Some(Lookup::Unit(key)) => lookup::unit(&text(), key).map(String::into_bytes),
        // A value without a lookup is a file that holds nothing else.
        None if secret.kind == SecretKind::Value => Some(trim_line_end(&bytes).to_vec()),
        None => Some(bytes),
    };
    let Some(mut value) = found else { return Ok(None) };
    for new in &secret.hosts {
        value = relocate(secret, new, &value)?;
    }
    Ok(Some(replace_all(secret, value)))
}

/// Gives the address that a variable holds its new host.
fn relocate(secret: &Secret, new: &NewHost, value: &[u8]) -> Result<Vec<u8>> {
    let wrong = |what: &str| {
        Error::input(format!(
            "secret {}: {} {what}, so that {} cannot take the place of its host",
            secret.name, new.key, new.to
        ))
        .help(format!(
            "write {}=VALUE with the new address into a file outside the workspace and name it \
             with --secrets-from, or take the entry out of hosts under secrets in plan.yaml",
            secret.name
        ))
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| wrong("is no text"));
    if secret.kind == SecretKind::Value {
        let found = address::with_host(text(value)?.trim(), &new.to).map_err(wrong)?;
        return Ok(found.into_bytes());
    }
    let spans = lookup::spans(value, &new.key);
    if spans.is_empty() {
        return Err(wrong("is not set in the file"));
    }
    let mut out = Vec::with_capacity(value.len());
    let mut done = 0;
    for span in spans {
        out.extend_from_slice(&value[done..span.start]);
        let found = address::in_raw(&text(&value[span.clone()])?, &new.to).map_err(wrong)?;
        out.extend_from_slice(found.as_bytes());
        done = span.end;
    }
    out.extend_from_slice(&value[done..]);
    Ok(out)
}

fn trim_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Applies the plan's replacements; what they do not name stays byte for byte.
fn replace_all(secret: &Secret, mut value: Vec<u8>) -> Vec<u8> {
    let mut replaced = secret.replace.is_empty();
    for Replace { from, to, key } in &secret.replace {
        let spans = match key {
            Some(key) if secret.kind == SecretKind::File => lookup::spans(&value, key),
            _ => std::iter::once(0..value.len()).collect(),
        };
        let mut hits = 0;
        let mut out = Vec::with_capacity(value.len());
        let mut done = 0;
        for span in spans {
            out.extend_from_slice(&value[done..span.start]);
            hits += replace(&value[span.clone()], from.as_bytes(), to.as_bytes(), &mut out);
            done = span.end;
        }
        out.extend_from_slice(&value[done..]);
        replaced |= hits > 0;
        value = out;
    }
    if !replaced {
        tracing::warn!(
            "secret {}: none of the texts to replace is there; see secrets in plan.yaml",
            secret.name
        );
    }
    value
}

fn replace(text: &[u8], from: &[u8], to: &[u8], out: &mut Vec<u8>) -> usize {
    let mut hits = 0;
    let mut at = 0;
    while at < text.len() {
        if !from.is_empty() && text[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
            hits += 1;
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    hits
}

/// The user's own file: `NAME=VALUE` lines taken as they stand, whole-line comments, empty lines.
pub(crate) fn read_given(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).input(format_args!("read {}", path.display()))?;
    let mut given = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            let at = number as u64 + 1;
            return Err(Error::input_at(path.display(), at, "a line is NAME=VALUE or a comment"));
        };
        given.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(given)
}

/// Reads single files of the source, opening it once and only when one is asked for.
struct Reader<'a> {
    source: &'a str,
    open: Option<Open>,
}

/// A live container is asked for the file alone; anything else is opened as a whole.
enum Open {
    Container(Container),
    Source(Box<dyn Source>),
}

impl<'a> Reader<'a> {
    const fn new(source: &'a str) -> Self {
        Self { source, open: None }
    }

    async fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>> {
        if self.open.is_none() {
            self.open = Some(match self.source.strip_prefix("docker://") {
                Some(name) => Open::Container(Container::known(&docker::connect().await?, name)?),
                None => Open::Source(source::open_placed(self.source).await?),
            });
        }
        match &self.open {
            Some(Open::Container(container)) => container.read(path, LIMIT).await,
            Some(Open::Source(source)) if source.is_file(path) => {
                source.read(path, LIMIT).map(Some)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(kind: SecretKind, lookup: Option<Lookup>, replace: Vec<Replace>) -> Secret {
        Secret {
            name: "S".into(),
            kind,
            path: None,
            lookup,
            hosts: Vec::new(),
            replace,
            mode: None,
        }
    }

    fn swap(from: &str, to: &str, key: Option<&str>) -> Replace {
        Replace { from: from.into(), to: to.into(), key: key.map(Into::into) }
    }

    #[test]
    fn a_replacement_with_a_key_leaves_the_rest_of_the_file_byte_for_byte() {
        let file = b"# db at 127.0.0.1\nBIND=127.0.0.1\nDB_HOST = \"127.0.0.1\" \n\xff=\n".to_vec();
        let secret =
            secret(SecretKind::File, None, vec![swap("127.0.0.1", "mariadb", Some("DB_HOST"))]);
        assert_eq!(
            found_in(&secret, file).unwrap().unwrap(),
            b"# db at 127.0.0.1\nBIND=127.0.0.1\nDB_HOST = \"mariadb\" \n\xff=\n"
        );
    }

    #[test]
    fn a_value_is_looked_up_and_its_address_replaced() {
        let lookup = Some(Lookup::EnvFile("URL".into()));
        let mut secret = secret(SecretKind::Value, lookup, Vec::new());
        secret.hosts = vec![NewHost { key: "URL".into(), to: "mariadb".into() }];
        let found = found_in(&secret, b"URL='mysql://u:localhost@localhost/x'\n".to_vec()).unwrap();
        assert_eq!(found.unwrap(), b"mysql://u:localhost@mariadb/x");
        let unreadable = found_in(&secret, b"URL='mysql://u:hunter/22@localhost/x'\n".to_vec());
        let error = unreadable.unwrap_err().to_string();
        assert!(error.contains("secret S: URL") && !error.contains("hunter"), "{error}");
    }

    #[test]
    fn an_address_in_a_file_gets_its_new_host_and_the_rest_stays() {
        let mut secret = secret(SecretKind::File, None, Vec::new());
        secret.hosts = vec![NewHost { key: "URL".into(), to: "db".into() }];
        let file = b"# localhost\nexport URL=\"mysql://localhost:localhost@localhost:3306/x\"\nB=localhost\n";
        assert_eq!(
            found_in(&secret, file.to_vec()).unwrap().unwrap(),
            b"# localhost\nexport URL=\"mysql://localhost:localhost@db:3306/x\"\nB=localhost\n"
        );
        assert!(found_in(&secret, b"OTHER=1\n".to_vec()).is_err());
    }

    #[test]
    fn debug_shows_no_value() {
        let values = BTreeMap::from([("DB_PASSWORD".to_owned(), b"hunter2-hunter2".to_vec())]);
        assert_eq!(format!("{:?}", Secrets { values }), r#"{"DB_PASSWORD"}"#);
    }

    #[test]
    fn what_the_user_gives_is_taken_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("given");
        std::fs::write(&path, "# comment\n\nA= x=\"1\" #no\n").unwrap();
        assert_eq!(read_given(&path).unwrap()["A"], " x=\"1\" #no");
        std::fs::write(&path, "A=1\nnonsense\n").unwrap();
        let error = read_given(&path).unwrap_err().to_string();
        assert!(error.contains(":2:") && !error.contains("nonsense"), "{error}");
    }

    #[tokio::test]
    async fn all_missing_secrets_are_named_at_once() {
        let plan = Plan {
            settled: Vec::new(),
            schema: String::new(),
            name: "x".into(),
            source: "docker://none".into(),
            networks: Vec::new(),
            workloads: Vec::new(),
            volumes: Vec::new(),
            secrets: vec![
                Secret { name: "A".into(), ..secret(SecretKind::Value, None, Vec::new()) },
                Secret { name: "B".into(), ..secret(SecretKind::Value, None, Vec::new()) },
            ],
            ingress: crate::model::plan::Ingress::default(),
            verify: crate::model::plan::VerifyPolicy::default(),
        };
        let error = resolve(&plan, None).await.unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::No);
        assert!(
            error.to_string().contains("A (no place") && error.to_string().contains("B (no place")
        );
    }
}
