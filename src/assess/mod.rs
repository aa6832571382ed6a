//! From an inventory to findings, questions and the fit for each target.

use crate::model::inventory::Inventory;

pub mod summary;

/// Adds findings, questions and the fit.
pub fn assess(inventory: &mut Inventory) {
    let _ = inventory;
}
