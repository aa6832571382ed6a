//! Definitions: schemas, tables, views, routines, triggers and events, as the server states them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

use crate::data::database::Database;
use crate::data::definer::{Definers, quoted};
use crate::data::tables::{schemas, unreadable};
use crate::error::Result;

/// Definitions by kind and name.
pub(crate) type Objects = BTreeMap<(String, String), String>;

/// Reads all definitions. Hosts of definers are given as a copy maps them when `mapped`; the next
/// automatic number of a table, which lives with its rows, is left out.
pub(crate) async fn read(database: &Database, mapped: bool) -> Result<Objects> {
    let list = database.list();
    let names = database
        .rows(&format!(
            "SELECT IF(TABLE_TYPE='VIEW','VIEW','TABLE'),TABLE_SCHEMA,TABLE_NAME \
             FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ({list});\n\
             SELECT ROUTINE_TYPE,ROUTINE_SCHEMA,ROUTINE_NAME FROM information_schema.ROUTINES \
             WHERE ROUTINE_SCHEMA IN ({list}) AND ROUTINE_TYPE IN ('PROCEDURE','FUNCTION');\n\
             SELECT 'TRIGGER',TRIGGER_SCHEMA,TRIGGER_NAME FROM information_schema.TRIGGERS \
             WHERE TRIGGER_SCHEMA IN ({list});\n\
             SELECT 'EVENT',EVENT_SCHEMA,EVENT_NAME FROM information_schema.EVENTS \
             WHERE EVENT_SCHEMA IN ({list});\n"
        ))
        .await?;
    let mut titles = Vec::new();
    let mut sql = String::new();
    for row in names {
        let [kind, schema, name] = row.as_slice() else { return Err(unreadable(database)) };
        let verb = match kind.as_str() {
            "VIEW" | "TABLE" | "PROCEDURE" | "FUNCTION" | "TRIGGER" | "EVENT" => kind,
            _ => return Err(unreadable(database)),
        };
        let _ = writeln!(sql, "SHOW CREATE {verb} {}.{};", quoted(schema), quoted(name));
        titles.push((kind.to_ascii_lowercase(), format!("{schema}.{name}")));
    }
    let mut objects = Objects::new();
    for (name, charset, collation) in schemas(database).await? {
        objects.insert(("schema".into(), name), format!("{charset} {collation}"));
    }
    if titles.is_empty() {
        return Ok(objects);
    }
    let rows = database.rows(&sql).await?;
    if rows.len() != titles.len() {
        return Err(unreadable(database));
    }
    for (title, mut row) in titles.into_iter().zip(rows) {
        // The last column of a trigger is when it was made.
        if title.0 == "trigger" && row.len() > 6 {
            row.truncate(6);
        }
        objects.insert(title, normal(&row.join("\n"), mapped));
    }
    Ok(objects)
}

fn normal(definition: &str, mapped: bool) -> String {
    static NEXT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r" AUTO_INCREMENT=[0-9]+").ok());
    let mut text = definition.to_owned();
    if mapped {
        let mut output = Vec::new();
        let mut definers = Definers::default();
        definers.feed(definition.as_bytes(), &mut output);
        definers.finish(&mut output);
        text = String::from_utf8_lossy(&output).into_owned();
    }
    match NEXT.as_ref() {
        Some(next) => next.replace(&text, "").into_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_made_comparable() {
        assert_eq!(
            normal(
                "t\nCREATE TABLE `t` (\n `a` int\n) ENGINE=InnoDB AUTO_INCREMENT=12 COMMENT='x'",
                true
            ),
            "t\nCREATE TABLE `t` (\n `a` int\n) ENGINE=InnoDB COMMENT='x'"
        );
        assert_eq!(
            normal("v\nCREATE DEFINER=`app`@`localhost` VIEW `v` AS select 1", true),
            normal("v\nCREATE DEFINER=`app`@`%` VIEW `v` AS select 1", false)
        );
    }
}
