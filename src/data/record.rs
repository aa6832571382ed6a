//! What the last copy left: `.migrate/deployments/data-TARGET.json`.

use serde::{Deserialize, Serialize};

use crate::data::tables::TableMark;
use crate::error::Result;
use crate::workspace::Workspace;

/// The record of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// Where the data came from.
    pub(crate) from: String,
    /// Where it went.
    pub(crate) to: String,
    /// When.
    pub(crate) at: String,
    /// Every table as it was copied. `verify` looks at rows up to these keys only.
    pub(crate) tables: Vec<TableMark>,
}

impl Copied {
    /// The record of the last copy to `compose`, `k8s` or `mysql`.
    pub(crate) fn load(workspace: &Workspace, target: &str) -> Result<Option<Self>> {
        workspace.read_json(&workspace.deployment(&format!("data-{target}")))
    }

    /// Keeps it.
    pub(crate) fn save(&self, workspace: &Workspace, target: &str) -> Result<()> {
        workspace.write_json(&workspace.deployment(&format!("data-{target}")), self)
    }
}
