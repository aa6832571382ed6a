//! The text of plan.yaml.

use crate::error::Result;
use crate::model::plan::Plan;
use crate::workspace::to_yaml;

/// A plan as YAML with a few words on how to edit it.
pub fn render(plan: &Plan) -> Result<String> {
    let body = to_yaml(plan)?;
    Ok(format!(
        "# yaml-language-server: $schema=.migrate/schemas/plan.json\n\
         #\n\
         # What becomes of each part of the server. Yours to edit: `migrate analyze` merges its new\n\
         # findings around your changes and comments, `migrate generate` writes the files from it.\n\
         #   image.strategy   carry (bits of the server) or upstream (the official image named below it)\n\
         #   environment      a value, or the name of a secret; add what the server does not say\n\
         #   secrets          names and places only; values go from the source to the target at deploy\n\
         #   networks         fixed addresses on compose; the variable in believed_by names them, too\n\
         #   volumes.move     whether `migrate data copy` moves the content\n\
         \n{body}"
    ))
}
