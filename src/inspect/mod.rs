//! Reading a server: from a source to facts with evidence. Changes nothing, runs nothing of it.

pub mod parse;
pub mod recognise;
pub mod source;
