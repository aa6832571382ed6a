//! Bytes sent as they are.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::target::{Stream, failure};
use crate::verify::observation::{Failure, FailureKind, Outcome};

/// How long a peer may be silent before the answer counts as whole.
const SILENCE: Duration = Duration::from_millis(500);

/// How long it may take to begin.
const FIRST: Duration = Duration::from_secs(10);

/// How much is kept.
const KEPT: usize = 1 << 20;

/// Sends `bytes` and reads until the peer closes, is silent, or has sent 1 MiB.
pub(super) async fn exchange(mut stream: Stream, bytes: &[u8]) -> Outcome {
    // A peer may refuse and close before it has read all; what it said still counts.
    let _ = tokio::time::timeout(FIRST, stream.write_all(bytes)).await;
    let mut kept = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    while kept.len() < KEPT {
        let limit = if kept.is_empty() { FIRST } else { SILENCE };
        match tokio::time::timeout(limit, stream.read(&mut buffer)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(count)) => kept.extend_from_slice(&buffer[..count]),
            Ok(Err(error)) if kept.is_empty() => {
                return Outcome::Failed(Failure {
                    kind: FailureKind::Reset,
                    message: error.to_string(),
                });
            }
            Err(_) if kept.is_empty() => {
                return Outcome::Failed(failure(FailureKind::Timeout, "no answer within 10 s"));
            }
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Outcome::Raw(kept)
}
