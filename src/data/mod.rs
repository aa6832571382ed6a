//! Moving databases and folders, and checking that all has arrived.

mod accounts;
pub(crate) mod database;
mod definer;
pub(crate) mod rows;
pub(crate) mod tables;
mod transfer;
