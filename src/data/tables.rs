//! Tables as they stand: columns, keys, counts and checksums that mean the same on every version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::data::database::Database;
use crate::data::definer::quoted;
use crate::error::{Error, Result};

/// A table and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) database: String,
    pub(crate) name: String,
    pub(crate) engine: String,
    /// Unix time at which it was made, by the server's clock; 0 when the server does not know.
    pub(crate) made: i64,
    pub(crate) columns: Vec<Column>,
    /// Index of the primary key among the columns, when it is a single integer.
    pub(crate) key: Option<usize>,
}

impl Table {
    /// `` `database`.`table` ``.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", quoted(&self.database), quoted(&self.name))
    }

    /// The name of the integer primary key.
    pub(crate) fn key_name(&self) -> Option<&str> {
        self.key.and_then(|key| self.columns.get(key)).map(|column| column.name.as_str())
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    kind: String,
    has_charset: bool,
}

impl Column {
    fn is_integer(&self) -> bool {
        matches!(self.kind.as_str(), "tinyint" | "smallint" | "mediumint" | "int" | "bigint")
    }

    fn is_geometry(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "geometry"
                | "point"
                | "linestring"
                | "polygon"
                | "multipoint"
                | "multilinestring"
                | "multipolygon"
                | "geometrycollection"
                | "geomcollection"
        )
    }

    fn is_binary(&self) -> bool {
        !self.has_charset
            && matches!(
                self.kind.as_str(),
                "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector"
            )
    }

    /// An expression that tells any two values apart and holds no comma.
    fn digest(&self) -> String {
        let name = quoted(&self.name);
        let value = if self.is_geometry() {
            format!("MD5(ST_AsWKB({name}))")
        } else if self.is_binary() {
            format!("MD5({name})")
        } else if self.kind == "bit" {
            format!("{name}+0")
        } else if self.has_charset || self.kind == "json" {
            // Compared as characters: a column may change its character set, not its text.
            format!("MD5(CAST(CONVERT({name} USING utf8mb4) AS BINARY))")
        } else {
            name
        };
        format!("COALESCE(CONCAT('=',{value}),'N')")
    }

    /// An expression for people and comparisons: `=` and the value, NULL for NULL.
    fn shown(&self) -> String {
        let name = quoted(&self.name);
        if self.is_geometry() {
            format!("CONCAT('=0x',HEX(ST_AsWKB({name})))")
        } else if self.is_binary() {
            format!("CONCAT('=0x',HEX({name}))")
        } else if self.kind == "bit" {
            format!("CONCAT('=',{name}+0)")
        } else {
            format!("CONCAT('=',CONVERT({name} USING utf8mb4))")
        }
    }

    /// [`Self::shown`], cut so that one value cannot fill the memory.
    pub(crate) fn shown_cut(&self) -> String {
        format!("LEFT({},65536)", self.shown())
    }
}

/// A table at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableMark {
    pub(crate) database: String,
    pub(crate) table: String,
    pub(crate) rows: u64,
    /// Empty when only counted.
    pub(crate) checksum: String,
    /// Name of the primary key, when it is a single integer.
    pub(crate) key: Option<String>,
    /// Its largest value; `None` for an empty table.
    pub(crate) max: Option<i128>,
}

/// The tables of the databases, sorted by name.
pub(crate) async fn layout(database: &Database) -> Result<Vec<Table>> {
    let list = database.list();
    let rows = database
        .rows(&format!(
            "SELECT 'c',c.TABLE_SCHEMA,c.TABLE_NAME,c.COLUMN_NAME,LOWER(c.DATA_TYPE),\
             c.CHARACTER_SET_NAME IS NOT NULL,COALESCE(t.ENGINE,''),\
             COALESCE(UNIX_TIMESTAMP(t.CREATE_TIME),0) \
             FROM information_schema.COLUMNS c JOIN information_schema.TABLES t \
             ON t.TABLE_SCHEMA=c.TABLE_SCHEMA AND t.TABLE_NAME=c.TABLE_NAME \
             WHERE t.TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') AND c.TABLE_SCHEMA IN ({list}) \
             AND t.TABLE_SCHEMA IN ({list}) \
             ORDER BY c.TABLE_SCHEMA,c.TABLE_NAME,c.ORDINAL_POSITION;\n\
             SELECT 'k',TABLE_SCHEMA,TABLE_NAME,MAX(COLUMN_NAME) FROM information_schema.STATISTICS \
             WHERE INDEX_NAME='PRIMARY' AND TABLE_SCHEMA IN ({list}) \
             GROUP BY TABLE_SCHEMA,TABLE_NAME HAVING COUNT(*)=1;\n"
        ))
        .await?;
    let mut tables: BTreeMap<(String, String), Table> = BTreeMap::new();
    for row in rows {
        match row.as_slice() {
            [kind, schema, name, column, data_type, charset, engine, made] if kind == "c" => {
                let table = tables.entry((schema.clone(), name.clone())).or_insert_with(|| Table {
                    database: schema.clone(),
                    name: name.clone(),
                    engine: engine.clone(),
                    made: made.split('.').next().and_then(|made| made.parse().ok()).unwrap_or(0),
                    columns: Vec::new(),
                    key: None,
                });
                table.columns.push(Column {
                    name: column.clone(),
                    kind: data_type.clone(),
                    has_charset: charset == "1",
                });
            }
            [kind, schema, name, column] if kind == "k" => {
                if let Some(table) = tables.get_mut(&(schema.clone(), name.clone())) {
                    table.key = table
                        .columns
                        .iter()
                        .position(|known| known.name == *column && known.is_integer());
                }
            }
            _ => return Err(unreadable(database)),
        }
    }
    Ok(tables.into_values().collect())
}

/// What [`measure`] looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Counts and largest keys.
    Count,
    /// Checksums, too.
    Checksum,
}

/// Measures tables at one moment; `up_to` limits the table of that index to keys up to a value.
pub(crate) async fn measure(
    database: &Database,
    tables: &[Table],
    depth: Depth,
    up_to: &BTreeMap<usize, i128>,
) -> Result<Vec<TableMark>> {
    let limits = up_to.iter().filter_map(|(index, limit)| {
        let key = quoted(tables.get(*index)?.key_name()?);
        Some((*index, format!(" WHERE {key}<={limit}")))
    });
    measure_where(database, tables, depth, &limits.collect()).await
}

/// Measures tables at one moment without the rows of these keys.
pub(crate) async fn measure_without(
    database: &Database,
    tables: &[Table],
    keys: &BTreeMap<usize, &BTreeSet<i128>>,
) -> Result<Vec<TableMark>> {
    let limits = keys.iter().filter(|(_, keys)| !keys.is_empty()).filter_map(|(index, keys)| {
        let key = quoted(tables.get(*index)?.key_name()?);
        Some((*index, format!(" WHERE {key} NOT IN ({})", list(keys))))
    });
    measure_where(database, tables, Depth::Checksum, &limits.collect()).await
}

/// What stands in the rows of these keys, as text, cell by cell; short values are left out.
pub(crate) async fn cells(
    database: &Database,
    table: &Table,
    keys: &BTreeSet<i128>,
) -> Result<Vec<String>> {
    let Some(key) = table.key_name().map(quoted) else { return Ok(Vec::new()) };
    let columns: Vec<_> =
        table.columns.iter().filter(|column| column.has_charset).map(Column::shown_cut).collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE {key} IN ({});\n",
        columns.join(","),
        table.path(),
        list(keys)
    );
    let rows = database.rows(&sql).await?;
    Ok(rows
        .into_iter()
        .flatten()
        .filter_map(|cell| cell.strip_prefix('=').map(ToOwned::to_owned))
        .filter(|cell| cell.len() >= 8)
        .collect())
}

fn list(keys: &BTreeSet<i128>) -> String {
    keys.iter().map(i128::to_string).collect::<Vec<_>>().join(",")
}

/// Measures tables at one moment; `limits` holds the condition for the table of that index.
async fn measure_where(
    database: &Database,
    tables: &[Table],
    depth: Depth,
    limits: &BTreeMap<usize, String>,
) -> Result<Vec<TableMark>> {
    let mut sql = String::from("START TRANSACTION WITH CONSISTENT SNAPSHOT;\n");
    for (index, table) in tables.iter().enumerate() {
        let key = table.key_name().map(quoted);
        let max =
            key.as_ref().map_or_else(|| "''".to_owned(), |key| format!("COALESCE(MAX({key}),'')"));
        let limit = limits.get(&index).map_or("", String::as_str);
        let path = table.path();
        if depth == Depth::Count {
            let _ = writeln!(sql, "SELECT {index},COUNT(*),'',{max} FROM {path}{limit};");
            continue;
        }
        let columns: Vec<_> = table.columns.iter().map(Column::digest).collect();
        // Two sums of a row's hash: one alone would not see rows that are twice there.
        let carried = key.as_ref().map_or_else(String::new, |key| format!(",{key} AS k"));
        let max = if key.is_some() { "COALESCE(MAX(k),'')" } else { "''" };
        let _ = writeln!(
            sql,
            "SELECT {index},COUNT(*),CONCAT(\
             LPAD(HEX(BIT_XOR(CAST(CONV(LEFT(h,15),16,10) AS UNSIGNED))),16,'0'),'-',\
             COALESCE(SUM(CAST(CONV(RIGHT(h,12),16,10) AS DECIMAL(20,0))),0)),{max} \
             FROM (SELECT MD5(CONCAT_WS(',',{})) AS h{carried} FROM {path}{limit}) x;",
            columns.join(",")
        );
    }
    sql.push_str("COMMIT;\n");
    let mut marks: Vec<Option<TableMark>> = vec![None; tables.len()];
    for row in database.rows(&sql).await? {
        let [index, rows, checksum, max] = row.as_slice() else {
            return Err(unreadable(database));
        };
        let index: usize = index.parse().map_err(|_| unreadable(database))?;
        let (Some(table), Some(mark)) = (tables.get(index), marks.get_mut(index)) else {
            return Err(unreadable(database));
        };
        *mark = Some(TableMark {
            database: table.database.clone(),
            table: table.name.clone(),
            rows: rows.parse().map_err(|_| unreadable(database))?,
            checksum: checksum.clone(),
            key: table.key_name().map(ToOwned::to_owned),
            max: max.parse().ok(),
        });
    }
    marks.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| unreadable(database))
}

/// The schemas' default character sets and collations.
pub(crate) async fn schemas(database: &Database) -> Result<Vec<(String, String, String)>> {
    let rows = database
        .rows(&format!(
            "SELECT SCHEMA_NAME,DEFAULT_CHARACTER_SET_NAME,DEFAULT_COLLATION_NAME \
             FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ({});\n",
            database.list()
        ))
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| match <[String; 3]>::try_from(row) {
            Ok([name, charset, collation]) => Some((name, charset, collation)),
            Err(_) => None,
        })
        .collect())
}

/// The error for an answer of a shape that was not asked for.
pub(crate) fn unreadable(database: &Database) -> Error {
    Error::remote(format!(
        "the database on {} gave an answer of unknown shape",
        database.describe()
    ))
}
