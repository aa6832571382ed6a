//! Where an application can go.

/// Where the application goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A Docker engine.
    Compose,
    /// A Kubernetes cluster.
    K8s,
    /// Functions, by AWS SAM.
    Sam,
}

impl Target {
    /// All of them, the one that needs least first.
    pub const ALL: [Self; 3] = [Self::Compose, Self::K8s, Self::Sam];

    /// Its name: on the command line, as a folder of the workspace, in records and verdicts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::K8s => "k8s",
            Self::Sam => "sam",
        }
    }
}
