//! Moving databases and folders, and checking that all has arrived.

pub(crate) mod database;
mod definer;
pub(crate) mod rows;
pub(crate) mod tables;
