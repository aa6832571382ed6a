//! From an index of files to facts, one file a kind of software.
