//! Carries out scenarios: the original, the original again, the migrated.

mod body;
mod burst;
mod claim;
mod cookies;
mod events;
mod http;
mod inbox;
mod limits;
mod pass;
mod raw;
pub(crate) mod target;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod values;
mod websocket;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::observation::{Outcome, Pass, Side};
use crate::error::{Error, Result};
use crate::model::scenario::Scenario;
pub(crate) use limits::Limits;
use pass::Terms;
use target::Target;

/// The shortest wait for a message that the original sent at once.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// The two sides, and what may be done to them.
pub(crate) struct Sides {
    /// The original.
    pub(crate) original: Target,
    /// The migrated.
    pub(crate) migrated: Target,
    /// Whether steps that write are carried out.
    pub(crate) allow_writes: bool,
    /// A command that puts the data of a side back, run in a shell before each pass.
    pub(crate) reset: Option<String>,
    /// What rate limits may still know of.
    pub(crate) limits: Limits,
}

/// Runs around a pass: what the database holds before and after.
pub(crate) trait Around {
    /// Before a pass.
    fn before(&mut self, side: Side) -> impl Future<Output = Result<()>>;
    /// After it.
    fn after(&mut self, side: Side) -> impl Future<Output = Result<()>>;
}

impl Sides {
    /// The original must answer before anything is judged.
    pub(crate) async fn reach_original(&self) -> Result<()> {
        match self.original.connect().await {
            Ok(_) => Ok(()),
            Err(failure) => Err(Error::remote(format!(
                "the original at {} cannot be reached: {}",
                self.original.url(),
                failure.message
            ))
            .help("check --original, and that the old server is up")),
        }
    }

    /// Carries out one scenario three times. The original goes first, because how long it takes to
    /// send a message says how long the other two are waited for; the order of the other two is
    /// random, so that load and time of day hit both.
    pub(crate) async fn run(
        &self,
        scenario: &Scenario,
        around: &mut impl Around,
    ) -> Result<[Pass; 3]> {
        let nothing = BTreeMap::new();
        let original =
            self.pass(scenario, Side::Original, pass::FIRST_WAIT, &nothing, around).await?;
        let heard = heard(&original);
        let wait = (longest_wait(&original) * 5).max(SHORTEST_WAIT);
        let mut order = [Side::Again, Side::Migrated];
        order.shuffle(&mut rand::rng());
        let first = self.pass(scenario, order[0], wait, &heard, around).await?;
        let second = self.pass(scenario, order[1], wait, &heard, around).await?;
        let (again, migrated) =
            if order[0] == Side::Again { (first, second) } else { (second, first) };
        Ok([original, again, migrated])
    }

    /// Leaves the servers as the next run must find them: no limit knows of a burst.
    pub(crate) async fn rest(&self) {
        self.limits.rest().await;
    }

    async fn pass(
        &self,
        scenario: &Scenario,
        side: Side,
        wait: Duration,
        expected: &BTreeMap<String, usize>,
        around: &mut impl Around,
    ) -> Result<Pass> {
        let target = if side == Side::Migrated { &self.migrated } else { &self.original };
        if let Some(command) = &self.reset {
            reset(command, target).await?;
        }
        around.before(side).await?;
        let unique = unique();
        tracing::info!("{side:?}: scenario {} as {unique}", scenario.name);
        let terms = Terms { limits: &self.limits, wait, allow_writes: self.allow_writes, expected };
        let pass = pass::run(scenario, side, target, &unique, terms).await;
        around.after(side).await?;
        Ok(pass)
    }
}

/// Carries out a scenario once, writes included.
pub(crate) async fn once(scenario: &Scenario, target: &Target) -> Pass {
    let nothing = BTreeMap::new();
    let limits = Limits::default();
    let terms =
        Terms { limits: &limits, wait: pass::FIRST_WAIT, allow_writes: true, expected: &nothing };
    pass::run(scenario, Side::Original, target, &unique(), terms).await
}

/// Eight lower-case letters and digits that begin with `mv`: what a run of verify made is known by
/// them, also to later runs.
fn unique() -> String {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    let tail: String =
        (0..6).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
    format!("mv{tail}")
}

/// How many messages each socket and stream heard.
fn heard(pass: &Pass) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for observation in &pass.observations {
        if let Outcome::Messages(heard) = &observation.outcome {
            for one in heard {
                *counts.entry(one.name.clone()).or_default() += one.messages.len();
            }
        }
    }
    counts
}

fn longest_wait(pass: &Pass) -> Duration {
    let waits = pass.observations.iter().filter_map(|observation| match &observation.outcome {
        Outcome::Messages(heard) => {
            heard.iter().filter(|heard| heard.complete).map(|heard| heard.waited).max()
        }
        _ => None,
    });
    waits.max().unwrap_or_default().min(Duration::from_mins(1))
}

async fn reset(command: &str, target: &Target) -> Result<()> {
    let status = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env("MIGRATE_BASE_URL", target.url().as_str().trim_end_matches('/'))
        // Its output must not mix with the verdict on stdout.
        .stdout(std::process::Stdio::null())
        .status()
        .await
        .map_err(|error| Error::remote(format!("failed to run the reset command: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::remote(format!("the reset command failed for {} ({status})", target.url()))
        .help("run it by hand with MIGRATE_BASE_URL set; it must exit 0"))
}
