//! Calls that are no requests of users: Lambda's own `Invoke`, and schedules.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::container::Notice;
use super::message::{Request, Response};
use super::pool::Pool;
use super::template::schedule::Schedule;
use super::{event, uuid};

/// Lambda's `Invoke`: `POST /2015-03-31/functions/NAME/invocations`.
pub(super) async fn by_hand(pools: &[Arc<Pool>], request: Request) -> Response {
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    let ["2015-03-31", "functions", name, "invocations"] = parts.as_slice() else {
        return Response::new(
            404,
            "application/json",
            r#"{"Message":"this path is not emulated"}"#,
        );
    };
    let found =
        pools.iter().find(|pool| pool.function.name == *name || pool.function.physical == *name);
    let (Some(pool), "POST") = (found, request.method.as_str()) else {
        return Response::new(404, "application/json", r#"{"Message":"Function not found"}"#);
    };
    let event =
        if request.body.is_empty() { Bytes::from_static(b"{}") } else { request.body.clone() };
    if request.header("x-amz-invocation-type") == Some("Event") {
        let pool = Arc::clone(pool);
        tokio::spawn(async move { pool.invoke(event).await });
        return Response::new(202, "application/json", "");
    }
    match pool.invoke(event).await {
        Ok(answer) => Response::new(200, "application/json", answer),
        Err(fault) => {
            let mut response = Response::new(200, "application/json", fault.json().to_string());
            response.set("x-amz-function-error", "Unhandled");
            response
        }
    }
}

/// Calls a function whenever its schedule is due.
pub(super) async fn by_the_clock(
    pool: &Arc<Pool>,
    schedule: &Schedule,
    region: &str,
    stack: &str,
    notice: &Notice,
) {
    let started = Timestamp::now();
    while let Some(due) = schedule.next(started, Timestamp::now()) {
        // In pieces: a machine that slept wakes with another time.
        while Timestamp::now() < due {
            let left = due.duration_since(Timestamp::now()).as_millis().clamp(10, 30_000);
            tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(10))).await;
        }
        let event = event::of_schedule(schedule, region, stack, &uuid(), due);
        let outcome = pool.invoke(Bytes::from(event.to_string())).await;
        let how = match outcome {
            Ok(_) => "done".to_owned(),
            Err(fault) => format!("failed: {}: {}", fault.kind, fault.message),
        };
        notice(format!("{}: {} was due at {due}: {how}", pool.function.name, schedule.name));
    }
}
