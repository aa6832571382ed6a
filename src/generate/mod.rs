//! From a plan to a tree of files: pure, same input, same bytes.

pub mod merge;
