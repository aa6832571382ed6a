//! How rows differ between two moments or two sides: plain data between the databases and the
//! comparison of verify.

/// What one pass changed in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDelta {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Rows before the pass.
    pub before: u64,
    /// Rows after it.
    pub after: u64,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows whose integer primary key is above the largest before the pass, in key order, bounded;
    /// `None` for NULL, binary values as `0x…`. Empty for a table without such a key.
    pub added: Vec<Vec<Option<String>>>,
    /// Index of the primary key among the columns, when it is a single integer.
    pub key: Option<usize>,
}

/// How a table as it was copied stands now on both sides.
///
/// Only rows up to the largest key at the time of the copy are looked at, so that rows written
/// since do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Rows at the time of the copy, and their checksum.
    pub copied: (u64, String),
    /// The same rows in the original now.
    pub original: (u64, String),
    /// The same rows in the migrated now.
    pub migrated: (u64, String),
    /// Keys that only the original has, at most ten.
    pub only_original: Vec<String>,
    /// Keys that only the migrated has, at most ten.
    pub only_migrated: Vec<String>,
    /// Whether the table is in the migrated at all.
    pub exists: bool,
}

/// A collation, trigger, routine, event, view, index or setting that is another on each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// `collation`, `trigger`, `procedure`, `function`, `event`, `view`, `index`, `setting`.
    pub kind: String,
    /// Its name, database and table included.
    pub name: String,
    /// What the original says; `None` when it has none.
    pub original: Option<String>,
    /// What the migrated says.
    pub migrated: Option<String>,
}
