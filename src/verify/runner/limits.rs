//! Keeps rate limits out of each other's way: what a limit counts is not asked while it still
//! knows of a burst, and no burst is sent while it still knows of other requests.
//!
//! It lives as long as a run of verify: two passes go to one server, and both sides may be one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::scenario::Burst;

/// A limit that takes longer to forget is not tried.
pub(super) const LONGEST_REFILL: Duration = Duration::from_secs(15);

/// What was sent when.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    sent: Mutex<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    /// Beginnings of paths that a limit counts, and when it has forgotten.
    bursts: BTreeMap<String, Instant>,
    /// When each path was last asked.
    asked: BTreeMap<String, Instant>,
}

pub(super) fn refill(burst: &Burst) -> Duration {
    Duration::from_millis(u64::from(burst.refill_ms))
}

impl Limits {
    fn with<T>(&self, act: impl FnOnce(&mut Sent) -> T) -> T {
        act(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a path can be asked without hearing of an earlier burst.
    pub(super) async fn ask(&self, path: &str) {
        let path = path.split('?').next().unwrap_or(path);
        let until = self.with(|sent| {
            let counts = |(under, _): &(&String, &Instant)| path.starts_with(under.as_str());
            sent.bursts.iter().filter(counts).map(|(_, until)| *until).max()
        });
        wait(until).await;
        self.with(|sent| sent.asked.insert(path.to_owned(), Instant::now()));
    }

    /// Waits until a limit has forgotten all that it has counted.
    pub(super) async fn empty(&self, burst: &Burst) {
        let until = self.with(|sent| {
            let asked = sent.asked.iter().filter(|(path, _)| path.starts_with(&burst.under));
            let bursts = sent.bursts.iter().filter(|(under, _)| {
                under.starts_with(&burst.under) || burst.under.starts_with(under.as_str())
            });
            let asked = asked.map(|(_, at)| *at + refill(burst));
            asked.chain(bursts.map(|(_, until)| *until)).max()
        });
        wait(until).await;
    }

    /// Takes note of a burst that was sent.
    pub(super) fn spent(&self, burst: &Burst) {
        let until = Instant::now() + refill(burst);
        self.with(|sent| sent.bursts.insert(burst.under.clone(), until));
    }

    /// Waits until no limit knows of a burst: the next run must not be refused.
    pub(super) async fn rest(&self) {
        wait(self.with(|sent| sent.bursts.values().max().copied())).await;
    }
}

async fn wait(until: Option<Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_limit_counts_waits_and_nothing_else() {
        let limits = Limits::default();
        let burst = Burst { under: "/login".into(), every_ms: 100, refill_ms: 200 };
        limits.ask("/login?x=1").await;
        let begin = Instant::now();
        limits.empty(&burst).await;
        assert!(begin.elapsed() > Duration::from_millis(150));
        limits.spent(&burst);
        let begin = Instant::now();
        limits.empty(&burst).await;
        assert!(begin.elapsed() > Duration::from_millis(150), "a burst after a burst waits, too");
        limits.spent(&burst);
        let begin = Instant::now();
        limits.ask("/rooms").await;
        assert!(begin.elapsed() < Duration::from_millis(100));
        limits.ask("/login").await;
        assert!(begin.elapsed() > Duration::from_millis(150));
    }
}
