//! Build contexts and images.

pub(crate) mod record;
