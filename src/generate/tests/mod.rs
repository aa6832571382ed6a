//! Whole trees against `tests/golden/CASE`: BLESS=1 rewrites them.

mod compose;
mod golden;
mod hostile;
mod kubernetes;
mod schemas;
