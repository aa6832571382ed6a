//! From the text of configuration files to syntax: no I/O, never a panic.

pub(crate) mod nginx;
