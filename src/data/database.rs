//! A MariaDB or MySQL server, spoken to through its own client on its own machine.

use std::sync::Arc;

use crate::connection::{Command, Host, Running};
use crate::error::{Error, Result};

/// Most bytes of an answer that are kept.
const MAX_ANSWER: usize = 256 << 20;

/// A server and the databases on it that are being moved.
#[derive(Clone)]
pub(crate) struct Database {
    host: Arc<dyn Host>,
    user: Option<String>,
    options: Vec<String>,
    client: &'static str,
    /// Schemas that are moved.
    pub(crate) databases: Vec<String>,
    /// Version of the server (`10.11.6-MariaDB`).
    pub(crate) version: String,
}

impl Database {
    /// Connects with the client that the machine has, as the first of `users` that gets in.
    pub(crate) async fn connect(
        host: Arc<dyn Host>,
        users: &[Option<&str>],
        options: Vec<String>,
        databases: Vec<String>,
    ) -> Result<Self> {
        let mut failure = None;
        for user in users {
            for client in ["mariadb", "mysql"] {
                let mut database = Self {
                    host: Arc::clone(&host),
                    user: user.map(ToOwned::to_owned),
                    options: options.clone(),
                    client,
                    databases: databases.clone(),
                    version: String::new(),
                };
                match database.rows("SELECT VERSION(),CURRENT_USER();").await {
                    Ok(rows) => {
                        let mut row = rows.into_iter().flatten();
                        let version = row.next().unwrap_or_default();
                        // Servers with an anonymous account let everyone in and show them nothing.
                        if row.next().is_some_and(|account| account.starts_with('@')) {
                            failure =
                                Some(Error::remote("ERROR only the anonymous account is open"));
                            continue;
                        }
                        database.version = version;
                        return Ok(database);
                    }
                    // The server's own words beat those about a client that is not there.
                    Err(error) => {
                        if failure.is_none() || error.to_string().contains("ERROR ") {
                            failure = Some(error);
                        }
                    }
                }
            }
        }
        let cause = failure.map_or_else(String::new, |error| format!(": {error}"));
        Err(Error::remote(format!("failed to reach the database on {}{cause}", host.describe()))
            .help("check that it runs, and that `mariadb` or `mysql` works there"))
    }

    /// For messages.
    pub(crate) fn describe(&self) -> String {
        self.host.describe()
    }

    /// Whether it is MariaDB rather than MySQL.
    pub(crate) fn is_mariadb(&self) -> bool {
        self.version.to_ascii_lowercase().contains("mariadb")
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut all = vec![program.to_owned()];
        all.extend(self.options.iter().cloned());
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        Command { arguments: all, user: self.user.clone(), stdin: false }
    }

    /// Runs statements and returns the rows of all their answers, one after another. NULL reads
    /// `NULL`: where that matters the statement marks it.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        // Statements go in by standard input: a command line can be seen by others.
        let script = format!("{SESSION}{sql}");
        let command = self.command(
            self.client,
            &[
                "--batch",
                "--skip-column-names",
                "--default-character-set=utf8mb4",
                "--max-allowed-packet=1G",
            ],
        );
        let host: &dyn Host = &*self.host;
        let finished = host.run(command, Some(script.as_bytes()), MAX_ANSWER).await?;
        if finished.code != 0 {
            return Err(self.failed("ask the database", &finished.stderr));
        }
        if finished.stdout.len() >= MAX_ANSWER {
            return Err(Error::remote(format!(
                "the answer of the database on {} is larger than {MAX_ANSWER} bytes",
                self.describe()
            )));
        }
        Ok(finished
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(row)
            .collect())
    }

    /// Starts the client with its input open, for a dump.
    pub(crate) async fn import(&self) -> Result<Running> {
        let command = self.command(
            self.client,
            &[
                "--batch",
                "--binary-mode",
                "--default-character-set=utf8mb4",
                "--max-allowed-packet=1G",
            ],
        );
        self.host.start(command.with_stdin()).await
    }

    /// Starts a dump of all that the databases hold, from one moment.
    pub(crate) async fn dump(&self) -> Result<Running> {
        let mut arguments = vec![
            "--single-transaction",
            "--quick",
            "--skip-lock-tables",
            "--routines",
            "--triggers",
            "--events",
            "--hex-blob",
            "--no-tablespaces",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
        ];
        let program = if self.client == "mariadb" { "mariadb-dump" } else { "mysqldump" };
        if !self.is_mariadb() && self.client == "mysql" {
            arguments.push("--set-gtid-purged=OFF");
        }
        arguments.push("--databases");
        arguments.push("--");
        arguments.extend(self.databases.iter().map(String::as_str));
        self.host.start(self.command(program, &arguments)).await
    }

    /// An error from what a client wrote to standard error, without any text of the statement:
    /// that may hold a password's hash or a row.
    pub(crate) fn failed(&self, what: &str, stderr: &str) -> Error {
        let line = stderr
            .lines()
            .rev()
            .find(|line| line.contains("ERROR") || line.contains("error"))
            .or_else(|| stderr.lines().last())
            .unwrap_or("no reason given");
        let line = line.split(" near '").next().unwrap_or_default();
        let line = line.split(" for the right syntax").next().unwrap_or_default();
        let line: String = line.chars().take(300).collect();
        Error::remote(format!("failed to {what} on {}: {line}", self.describe()))
    }

    /// The databases as a list for `IN`.
    pub(crate) fn list(&self) -> String {
        let names: Vec<_> = self.databases.iter().map(|name| text(name)).collect();
        if names.is_empty() { "NULL".to_owned() } else { names.join(",") }
    }
}

/// What every session begins with: the same meaning of literals and times on both ends.
const SESSION: &str = "SET SESSION sql_mode='', time_zone='+00:00';\n";

/// A literal, in a form that no setting of the server reads otherwise.
pub(crate) fn text(value: &str) -> String {
    use std::fmt::Write;
    let mut literal = String::from("_utf8mb4 X'");
    for byte in value.bytes() {
        let _ = write!(literal, "{byte:02X}");
    }
    literal.push('\'');
    literal
}

/// One line of the client's batch output.
fn row(line: &[u8]) -> Vec<String> {
    line.split(|byte| *byte == b'\t')
        .map(|field| {
            let mut plain = Vec::with_capacity(field.len());
            let mut bytes = field.iter();
            while let Some(byte) = bytes.next() {
                if *byte != b'\\' {
                    plain.push(*byte);
                    continue;
                }
                match bytes.next() {
                    Some(b'n') => plain.push(b'\n'),
                    Some(b't') => plain.push(b'\t'),
                    Some(b'0') => plain.push(0),
                    Some(other) => plain.push(*other),
                    None => plain.push(b'\\'),
                }
            }
            String::from_utf8_lossy(&plain).into_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_output_is_read_back() {
        assert_eq!(row(b"a\\tb\tNULL\t\\\\n\t"), ["a\tb", "NULL", "\\n", ""]);
    }

    #[test]
    fn literals_are_hexadecimal() {
        assert_eq!(text("a'\\"), "_utf8mb4 X'61275C'");
    }
}
