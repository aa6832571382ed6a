//! What a test deployed, removed with its data when the value goes.

use super::keep;
use super::migrate::{Migrate, Workspace};

/// A deployment that lasts as long as the value.
pub(crate) struct Deployment<'a> {
    workspace: &'a Workspace,
    target: &'static str,
    /// What `deploy` answered: the target, its URL, the workloads.
    pub(crate) answer: serde_json::Value,
}

impl<'a> Deployment<'a> {
    /// Deploys what lies in the workspace; `compose` or `k8s`, the latter to the cluster of the tests.
    #[track_caller]
    pub(crate) fn up(workspace: &'a Workspace, target: &'static str) -> Self {
        // Made first: a deployment that fails half-way is removed, too.
        let mut deployment = Self { workspace, target, answer: serde_json::Value::Null };
        let out =
            on(target, workspace.migrate(["deploy", "--format", "json", "--to", target])).run();
        deployment.answer = out.expect_code(0).json();
        deployment
    }

    /// Where the new application answers.
    #[track_caller]
    pub(crate) fn url(&self) -> &str {
        self.answer["url"].as_str().expect("deploy answers with a URL")
    }
}

impl Drop for Deployment<'_> {
    fn drop(&mut self) {
        if keep() {
            return;
        }
        let undeploy = self.workspace.migrate(["undeploy", "--delete-data", "--to", self.target]);
        let out = on(self.target, undeploy).run();
        // While a failed test unwinds, its own message is the one to see.
        assert!(out.code == 0 || std::thread::panicking(), "undeploy failed\n{out}");
    }
}

fn on(target: &str, migrate: Migrate) -> Migrate {
    if target == "k8s" { migrate.on_cluster() } else { migrate }
}
