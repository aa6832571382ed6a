//! The facts and decisions of one engagement as plain data.
//!
//! Every type here is read from or written to a file of the workspace. Nothing in this module
//! knows Docker, Kubernetes, templates or the network.

pub mod choice;
pub mod evidence;
pub mod finding;
pub mod inventory;
mod octal;
pub(crate) mod outside;
pub mod plan;
pub mod scenario;
pub mod target;
pub mod verdict;
