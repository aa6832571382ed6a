//! `migrate` takes an application off its virtual machines and proves that it still behaves as it
//! did. ARCHITECTURE.md maps the modules.

pub mod assess;
pub mod cli;
pub mod cmd;
pub mod connection;
pub mod console;
pub mod data;
pub mod deploy;
pub mod emulate;
pub mod error;
pub mod generate;
pub mod image;
pub mod inspect;
pub mod model;
pub mod plan;
pub mod progress;
mod read;
pub mod report;
mod secrets;
pub mod verify;
pub mod workspace;
