//! One self-contained page on an engagement.
