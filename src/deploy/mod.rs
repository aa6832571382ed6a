//! Bringing a generated tree up and taking it down.
