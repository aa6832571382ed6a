//! The proof: the same scenarios against the original twice and the migrated once, compared.

mod cause;
mod cluster;
mod compare;
pub mod coverage;
mod learn;
pub mod observation;
pub mod rows;
pub mod verdict;
