//! From an inventory and its findings to decisions with reasons.
