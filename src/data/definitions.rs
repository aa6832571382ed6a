//! What two servers hold beside rows: collations, triggers, routines, events, views, indexes, and
//! the settings by which they read statements. For the proof: rows alone do not show these.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::database::Database;
use crate::data::delta::Definition;
use crate::error::Result;

/// Most facts of a server that are read.
const MOST: usize = 100_000;

/// Settings that change what statements do.
const SETTINGS: &str = "'sql_mode','lower_case_table_names','event_scheduler','tx_isolation',\
    'transaction_isolation','group_concat_max_len','max_allowed_packet','innodb_strict_mode',\
    'explicit_defaults_for_timestamp','ft_min_word_len','innodb_ft_min_token_size',\
    'character_set_server','collation_server','max_connections','wait_timeout'";

/// Kind and name of a fact, and what it says.
type Facts = BTreeMap<(String, String), String>;

/// What differs between the original and the migrated, in the order of kinds and names.
pub(crate) async fn compare(from: &Database, to: &Database) -> Result<Vec<Definition>> {
    // Versions write definitions down in different ways: then only what there is is compared.
    let whole = series(&from.version) == series(&to.version);
    let (ours, theirs) = (facts(from, whole).await?, facts(to, whole).await?);
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    Ok(names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| Definition {
            kind: name.0.clone(),
            name: name.1.clone(),
            original: ours.get(name).cloned(),
            migrated: theirs.get(name).cloned(),
        })
        .collect())
}

/// `10.11 mariadb` of `10.11.6-MariaDB-1`.
fn series(version: &str) -> String {
    let number: Vec<&str> = version.split(['-', '.']).take(2).collect();
    let mariadb = version.to_ascii_lowercase().contains("mariadb");
    format!("{} {mariadb}", number.join("."))
}

async fn facts(database: &Database, whole: bool) -> Result<Facts> {
    let list = database.list();
    // A body is compared by its hash; it may hold a password.
    let hash = |column: &str| {
        if whole { format!("MD5(COALESCE({column},''))") } else { "''".to_owned() }
    };
    let sql = format!(
        "SELECT 'collation',CONCAT('database ',SCHEMA_NAME),DEFAULT_COLLATION_NAME \
         FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ({list});\n\
         SELECT 'collation',CONCAT('table ',TABLE_SCHEMA,'.',TABLE_NAME),TABLE_COLLATION \
         FROM information_schema.TABLES \
         WHERE TABLE_TYPE='BASE TABLE' AND TABLE_SCHEMA IN ({list});\n\
         SELECT 'collation',CONCAT('column ',c.TABLE_SCHEMA,'.',c.TABLE_NAME,'.',c.COLUMN_NAME),\
         c.COLLATION_NAME FROM information_schema.COLUMNS c JOIN information_schema.TABLES t \
         ON t.TABLE_SCHEMA=c.TABLE_SCHEMA AND t.TABLE_NAME=c.TABLE_NAME \
         WHERE t.TABLE_TYPE='BASE TABLE' AND c.COLLATION_NAME IS NOT NULL \
         AND c.TABLE_SCHEMA IN ({list});\n\
         SELECT 'trigger',CONCAT(TRIGGER_SCHEMA,'.',TRIGGER_NAME),\
         CONCAT(ACTION_TIMING,' ',EVENT_MANIPULATION,' ',EVENT_OBJECT_TABLE,' ',{trigger}) \
         FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA IN ({list});\n\
         SELECT LOWER(ROUTINE_TYPE),CONCAT(ROUTINE_SCHEMA,'.',ROUTINE_NAME),{routine} \
         FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA IN ({list});\n\
         SELECT 'event',CONCAT(EVENT_SCHEMA,'.',EVENT_NAME),\
         CONCAT(STATUS,' ',COALESCE(INTERVAL_VALUE,''),' ',COALESCE(INTERVAL_FIELD,''),' ',{event}) \
         FROM information_schema.EVENTS WHERE EVENT_SCHEMA IN ({list});\n\
         SELECT 'view',CONCAT(TABLE_SCHEMA,'.',TABLE_NAME),{view} \
         FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN ({list});\n\
         SELECT 'index',CONCAT(TABLE_SCHEMA,'.',TABLE_NAME,'.',INDEX_NAME),\
         CONCAT(IF(MIN(NON_UNIQUE)=0,'unique ',''),\
         GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX SEPARATOR ', ')) \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN ({list}) \
         GROUP BY TABLE_SCHEMA,TABLE_NAME,INDEX_NAME;\n\
         SET SESSION time_zone=@@GLOBAL.time_zone;\n\
         SELECT 'setting','time_zone',\
         CONCAT(TIMESTAMPDIFF(MINUTE,UTC_TIMESTAMP(),NOW()),' minutes from UTC');\n\
         SHOW GLOBAL VARIABLES WHERE Variable_name IN ({SETTINGS});\n",
        trigger = hash("ACTION_STATEMENT"),
        routine = hash("ROUTINE_DEFINITION"),
        event = hash("EVENT_DEFINITION"),
        view = hash("VIEW_DEFINITION"),
    );
    let mut facts = Facts::new();
    for row in database.rows(&sql).await?.into_iter().take(MOST) {
        match row.as_slice() {
            [kind, name, fact] => {
                facts.insert((kind.clone(), name.clone()), fact.trim().to_owned());
            }
            [name, value] => {
                facts.insert(("setting".to_owned(), name.clone()), value.clone());
            }
            _ => {}
        }
    }
    let events = facts.keys().any(|(kind, _)| kind == "event");
    if !events {
        facts.remove(&("setting".to_owned(), "event_scheduler".to_owned()));
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_series_are_compared_whole() {
        assert_eq!(series("10.11.6-MariaDB-0+deb12u1"), series("10.11.14-MariaDB"));
        assert_ne!(series("10.11.6-MariaDB"), series("11.4.2-MariaDB"));
        assert_ne!(series("8.0.36"), series("8.0.36-MariaDB"));
    }
}
