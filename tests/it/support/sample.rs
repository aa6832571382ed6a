//! The old server of `samples/chat`, running: started by its own script, taken down when the value goes.

use std::sync::{Mutex, PoisonError};

use super::command::command;
use super::{at_end, keep, root};

/// A server that tests read.
#[derive(Clone)]
pub(crate) struct Sample {
    name: String,
    url: String,
}

impl Sample {
    /// The one that tests share which only read it, or write what does not disturb others; it goes after the last test.
    pub(crate) fn shared() -> Self {
        static SHARED: Mutex<Option<Sample>> = Mutex::new(None);
        // A start that failed is tried again by the next test: it then fails by itself and says why.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared
            .get_or_insert_with(|| {
                let sample = Self::start("shared");
                let last = sample.clone();
                at_end(move || last.down());
                sample
            })
            .clone()
    }

    fn start(name: &str) -> Self {
        let name = format!("migrate-it-{name}-{}", std::process::id());
        let out = command(root().join("samples/chat/up"), ["--name", &name]).run();
        if out.code != 0 {
            Self { name, url: String::new() }.down();
            panic!("the sample did not come up\n{out}");
        }
        let url = out.stdout.trim().to_owned();
        assert!(url.starts_with("http://"), "samples/chat/up prints its URL, got\n{out}");
        Self { name, url }
    }

    fn down(&self) {
        if keep() {
            return;
        }
        command(root().join("samples/chat/down"), ["--name", &self.name]).run().expect_code(0);
    }

    /// The name of its container.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How `migrate analyze` is told to read it.
    pub(crate) fn source(&self) -> String {
        format!("docker://{}", self.name)
    }
}
