//! The proof: the same scenarios against the original twice and the migrated once, compared.

pub(crate) mod load;
pub mod observation;
pub mod rows;
pub(crate) mod runner;
pub mod session;
