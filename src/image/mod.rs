//! Build contexts and images.
