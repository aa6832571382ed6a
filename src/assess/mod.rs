//! From an inventory to findings, questions and the fit for each target.
