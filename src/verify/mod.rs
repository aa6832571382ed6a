//! The proof: the same scenarios against the original twice and the migrated once, compared.

pub mod observation;
pub mod rows;
