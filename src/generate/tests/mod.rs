//! Whole trees against `tests/golden/CASE`: BLESS=1 rewrites them.

mod golden;
