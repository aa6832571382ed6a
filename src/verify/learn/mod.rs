//! What a value may be: typed constraints learned from the two passes over the original.

pub(super) mod identity;
pub(super) mod name;
pub(super) mod text;
pub(super) mod time;
pub(super) mod token;
