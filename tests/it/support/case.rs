//! One test: its name, which says what it costs, and its function, which panics when the test fails.

use super::components::Component;

/// A test of the registry.
pub(crate) struct Case {
    /// Unique in the binary; its prefix names what it needs.
    pub(crate) name: &'static str,
    /// What the test does.
    pub(crate) run: fn(),
}

impl Case {
    /// The components the test needs, by the prefix of its name.
    pub(crate) fn needs(&self) -> &'static [Component] {
        if self.name.starts_with("cluster_") {
            &[Component::Docker, Component::Cluster]
        } else if self.name.starts_with("docker_") {
            &[Component::Docker]
        } else if self.name.starts_with("sam_") {
            &[Component::Sam]
        } else {
            &[]
        }
    }
}

/// Makes cases of functions; each is named as its function is.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::support::Case { name: stringify!($name), run: $name }),*]
    };
}
pub(crate) use cases;
