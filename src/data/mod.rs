//! Moving databases and folders, and checking that all has arrived.

mod accounts;
pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod database;
mod definer;
pub(crate) mod definitions;
pub mod delta;
mod end;
mod folder;
mod objects;
pub(crate) mod record;
pub(crate) mod rows;
pub(crate) mod tables;
mod transfer;
pub(crate) mod written;
