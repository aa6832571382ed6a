//! The proof: the same scenarios against the original twice and the migrated once, compared.

mod cause;
mod cluster;
mod coding;
mod compare;
pub mod coverage;
mod databases;
pub mod derive;
mod learn;
pub(crate) mod load;
pub mod observation;
pub mod run;
pub(crate) mod runner;
pub mod verdict;
