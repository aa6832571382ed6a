//! From the text of configuration files to syntax: no I/O, never a panic.

pub(crate) mod javascript;
pub(crate) mod nginx;
