//! A burst: one request by itself, then all others at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::http::{Connection, Prepared};
use super::limits::{LONGEST_REFILL, Limits, refill};
use super::target::Target;
use crate::model::scenario::{Burst, Step};
use crate::verify::observation::{Failure, Observation, Outcome};

/// Sends a step's repetitions.
pub(super) async fn send(
    target: &Target,
    limits: &Limits,
    step: &Step,
    burst: &Burst,
    prepared: &Prepared,
    words: &str,
) -> Vec<Observation> {
    let seen = |repetition: u32, at: Timestamp, outcome: Outcome| Observation {
        step: step.id.clone(),
        repetition,
        sent: words.to_owned(),
        origin: step.origin.clone(),
        claimed: super::claim::claimed(&step.action),
        at,
        every: Some(Duration::from_millis(u64::from(burst.every_ms))),
        outcome,
    };
    if refill(burst) > LONGEST_REFILL {
        let reason = format!(
            "its rate limit takes {} s to forget a burst, longer than {} s",
            refill(burst).as_secs(),
            LONGEST_REFILL.as_secs()
        );
        return vec![seen(0, Timestamp::now(), Outcome::Skipped(reason))];
    }
    limits.empty(burst).await;
    let mut connections: Vec<_> = join_all((0..step.repeat).map(|_| open(target))).await;
    let mut observations = Vec::new();
    let others = connections.split_off(connections.len().min(1));
    for first in connections {
        let at = Timestamp::now();
        observations.push(seen(0, at, ask(first, prepared).await));
    }
    let others = others.into_iter().zip(1..).map(|(connection, repetition)| async move {
        let at = Timestamp::now();
        (repetition, at, ask(connection, prepared).await)
    });
    let others = join_all(others).await;
    limits.spent(burst);
    observations
        .extend(others.into_iter().map(|(repetition, at, what)| seen(repetition, at, what)));
    observations
}

async fn open(target: &Target) -> Result<Connection, Failure> {
    let (stream, _) = target.connect().await?;
    Connection::open(stream).await
}

async fn ask(connection: Result<Connection, Failure>, prepared: &Prepared) -> Outcome {
    let sent = async { connection?.send(prepared).await };
    match sent.await {
        Ok(head) if head.is_event_stream() => Outcome::Answer(head.answer),
        Ok(head) => Outcome::Answer(head.read().await),
        Err(failure) => Outcome::Failed(failure),
    }
}
