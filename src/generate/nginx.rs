//! Placeholder until the translation of nginx configuration is merged: text as it is.

use crate::error::Result;

/// An address of the old server and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Host on the old server.
    pub host: String,
    /// Port on the old server.
    pub port: u16,
    /// Host name of the workload.
    pub to: String,
    /// Port of the workload.
    pub to_port: u16,
}

/// Translates one file of an nginx configuration.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the translation that replaces this")]
pub(crate) fn translate(text: &str, _path: &str, rewrites: &[Address]) -> Result<String> {
    let _ = rewrites.iter().map(|a| (&a.host, a.port, &a.to, a.to_port)).count();
    Ok(text.to_owned())
}
