//! Accounts and what they may do, from one server to another.

use std::fmt::Write;

use crate::data::database::Database;
use crate::data::definer::{new_host, quoted};
use crate::error::Result;

/// Accounts that belong to the engine or the distribution.
const ENGINE: [&str; 9] = [
    "root",
    "mysql",
    "mariadb.sys",
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
    "debian-sys-maint",
    "PUBLIC",
    "",
];

/// An account or role with the statements that make it. Holds password hashes: never shown.
pub(crate) struct Account {
    /// `user@host` as it is on the source, for messages.
    pub(crate) name: String,
    /// What `user@host` becomes.
    pub(crate) becomes: String,
    make: String,
    grants: Vec<String>,
}

/// The accounts of a server, and what cannot be carried over.
pub(crate) struct Accounts {
    pub(crate) accounts: Vec<Account>,
    pub(crate) notes: Vec<String>,
}

/// Names of the accounts that are not the engine's own, as `user@host`, mapped or as they are.
///
/// Those that log in by the operating system's user are left out: they belong to one machine.
pub(crate) async fn names(database: &Database, mapped: bool) -> Result<Vec<String>> {
    let local = database
        .rows(
            "SELECT User,Host FROM mysql.user \
             WHERE CAST(plugin AS BINARY) IN ('unix_socket','auth_socket');\n",
        )
        .await?;
    let mut names: Vec<String> = list(database)
        .await?
        .into_iter()
        .filter(|(user, host, _)| !local.contains(&vec![user.clone(), host.clone()]))
        .map(|(user, host, _)| {
            let host = if mapped { new_host(&user, &host) } else { &host };
            format!("{user}@{host}")
        })
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

async fn list(database: &Database) -> Result<Vec<(String, String, bool)>> {
    let roles = if database.is_mariadb() { "CAST(is_role AS BINARY)='Y'" } else { "0" };
    // `%` first, so that an account that already was open to the network wins; roles before
    // those who are granted them.
    let rows = database
        .rows(&format!(
            "SELECT User,Host,{roles} FROM mysql.user \
             ORDER BY 3 DESC,Host='%' DESC,Host='localhost' DESC,1,2;\n"
        ))
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| <[String; 3]>::try_from(row).ok())
        .map(|[user, host, role]| (user, host, role == "1"))
        .filter(|(user, _, _)| !ENGINE.contains(&user.as_str()))
        .collect())
}

/// Reads accounts and grants. `kept` are users that deploy makes by itself with the same password.
pub(crate) async fn read(database: &Database, kept: &[String]) -> Result<Accounts> {
    let mut read = Accounts { accounts: Vec::new(), notes: Vec::new() };
    let accounts = list(database).await?;
    let mut sql = String::new();
    for (index, (user, host, role)) in accounts.iter().enumerate() {
        let name = name(user, host, *role);
        if !role {
            let _ = writeln!(sql, "SELECT 'u',{index};\nSHOW CREATE USER {name};");
        }
        let _ = writeln!(sql, "SELECT 'g',{index};\nSHOW GRANTS FOR {name};");
    }
    let mut statements: Vec<(Vec<String>, Vec<String>)> = vec![Default::default(); accounts.len()];
    let (mut current, mut grants) = (0, false);
    for row in database.rows(&sql).await? {
        match row.as_slice() {
            [kind, index] if kind == "u" || kind == "g" => {
                current = index.parse().unwrap_or(0);
                grants = kind == "g";
            }
            [statement] => {
                if let Some(found) = statements.get_mut(current) {
                    if grants { &mut found.1 } else { &mut found.0 }.push(statement.clone());
                }
            }
            _ => {}
        }
    }
    for ((user, host, role), (make, grants)) in accounts.into_iter().zip(statements) {
        let to = new_host(&user, &host);
        let old = if role { user.clone() } else { format!("{user}@{host}") };
        let becomes = name(&user, to, role);
        if read.accounts.iter().any(|known: &Account| known.becomes == becomes) {
            read.notes.push(format!(
                "{old} and another account of the same user become {user}@{to}: the first one's \
                 password holds, the rights of both are granted"
            ));
        } else if !role && host == to && host != "%" {
            read.notes.push(format!(
                "{old} is bound to an address of the old network and is copied as it is"
            ));
        }
        let mut statement = String::new();
        if role {
            let _ = writeln!(statement, "CREATE ROLE IF NOT EXISTS {becomes};");
        } else if let Some(how) =
            make.first().and_then(|make| after_name(make, "CREATE USER ", &user, &host))
        {
            if how.contains("unix_socket") || how.contains("auth_socket") {
                read.notes.push(format!(
                    "{old} logs in by the operating system's user, which does not exist on the \
                     new network: not copied"
                ));
                continue;
            }
            let _ = writeln!(statement, "CREATE USER IF NOT EXISTS {becomes}{how};");
            if !kept.contains(&user) {
                let _ = writeln!(statement, "ALTER USER {becomes}{how};");
            }
        } else {
            read.notes.push(format!("{old} is made in a way that is not understood: not copied"));
            continue;
        }
        let grants = grants
            .iter()
            .filter_map(|grant| {
                let mapped = map_grant(grant, &user, &host, &becomes, role);
                if mapped.is_none() {
                    read.notes.push(format!("one right of {old} is not understood: not copied"));
                }
                mapped
            })
            .collect();
        read.accounts.push(Account { name: old, becomes, make: statement, grants });
    }
    Ok(read)
}

impl Accounts {
    /// Leaves out the account that this program logs in with: it may do all, and belongs to the
    /// old server's keepers.
    pub(crate) fn leave_out(&mut self, login: &str) {
        let is = |account: &Account| {
            account.name.rsplit_once('@').is_some_and(|(user, _)| user == login)
        };
        let before = self.accounts.len();
        self.accounts.retain(|account| !is(account));
        if self.accounts.len() < before {
            self.notes.push(format!("{login}, the account of this copy, is not copied"));
        }
    }

    /// Makes the accounts; before the dump, which names them.
    pub(crate) async fn make(&self, to: &Database) -> Result<()> {
        let statements: String =
            self.accounts.iter().map(|account| account.make.as_str()).collect();
        if !statements.is_empty() {
            to.rows(&statements).await?;
        }
        Ok(())
    }

    /// Grants their rights; after the dump, as some name tables.
    pub(crate) async fn grant(&self, to: &Database) -> Result<()> {
        let mut statements = String::new();
        for account in &self.accounts {
            for grant in &account.grants {
                statements.push_str(grant);
                statements.push_str(";\n");
            }
        }
        if !statements.is_empty() {
            to.rows(&statements).await?;
        }
        Ok(())
    }
}

fn name(user: &str, host: &str, role: bool) -> String {
    if role { quoted(user) } else { format!("{}@{}", quoted(user), quoted(host)) }
}

/// The ways in which servers write an account.
fn spellings(user: &str, host: &str) -> [String; 2] {
    let single = |name: &str| format!("'{}'", name.replace('\'', "''"));
    [format!("{}@{}", quoted(user), quoted(host)), format!("{}@{}", single(user), single(host))]
}

fn after_name<'a>(statement: &'a str, verb: &str, user: &str, host: &str) -> Option<&'a str> {
    let rest = statement.strip_prefix(verb)?;
    spellings(user, host).iter().find_map(|name| rest.strip_prefix(name.as_str()))
}

/// A grant for the account's new name. The password's hash, which older servers repeat here, is
/// left out, and so are limits and TLS, which the account itself carries.
fn map_grant(grant: &str, user: &str, host: &str, becomes: &str, role: bool) -> Option<String> {
    let names = if role {
        [quoted(user), format!("'{}'", user.replace('\'', "''"))]
    } else {
        spellings(user, host)
    };
    if let Some(default) = grant.strip_prefix("SET DEFAULT ROLE ") {
        let (role, _) = default.rsplit_once(" FOR ")?;
        return Some(format!("SET DEFAULT ROLE {role} FOR {becomes}"));
    }
    if !grant.starts_with("GRANT ") || grant.starts_with("GRANT PROXY ") {
        return None;
    }
    for name in names {
        let marker = format!(" TO {name}");
        let Some(at) = grant.rfind(&marker) else { continue };
        let (rights, rest) = (&grant[..at], &grant[at + marker.len()..]);
        let mut mapped = format!("{rights} TO {becomes}");
        if rest.contains(" WITH GRANT OPTION") {
            mapped.push_str(" WITH GRANT OPTION");
        } else if rest.contains(" WITH ADMIN OPTION") {
            mapped.push_str(" WITH ADMIN OPTION");
        }
        return Some(mapped);
    }
    None
}

/// Whether the server's scheduler of events runs.
pub(crate) async fn scheduler(database: &Database) -> Result<bool> {
    let rows = database.rows("SELECT @@GLOBAL.event_scheduler;\n").await?;
    Ok(rows.into_iter().flatten().next().is_some_and(|value| value == "ON" || value == "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_mapped_without_the_hash() {
        let grant = "GRANT USAGE ON *.* TO `app`@`localhost` IDENTIFIED BY PASSWORD '*AB' WITH GRANT OPTION";
        assert_eq!(
            map_grant(grant, "app", "localhost", "`app`@`%`", false).as_deref(),
            Some("GRANT USAGE ON *.* TO `app`@`%` WITH GRANT OPTION")
        );
        assert_eq!(
            map_grant("GRANT SELECT ON `d`.* TO 'a''b'@'::1'", "a'b", "::1", "X", false).as_deref(),
            Some("GRANT SELECT ON `d`.* TO X")
        );
        assert_eq!(
            map_grant("SET DEFAULT ROLE `r` FOR `app`@`localhost`", "app", "localhost", "X", false)
                .as_deref(),
            Some("SET DEFAULT ROLE `r` FOR X")
        );
        assert_eq!(map_grant("GRANT PROXY ON ''@'%' TO `app`@`%`", "app", "%", "X", false), None);
    }

    #[test]
    fn the_way_of_logging_in_follows_the_name() {
        assert_eq!(
            after_name(
                "CREATE USER `app`@`localhost` IDENTIFIED BY PASSWORD '*AB'",
                "CREATE USER ",
                "app",
                "localhost"
            ),
            Some(" IDENTIFIED BY PASSWORD '*AB'")
        );
        assert_eq!(after_name("CREATE USER `x`@`y`", "CREATE USER ", "app", "localhost"), None);
    }
}
