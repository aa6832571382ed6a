//! The execution environments of one function: one call each at a time, so many at most, the one
//! that has been idle longest first, frozen between calls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::container::{Engine, Instance};
use super::runtime::{Fault, PAYLOAD_LIMIT};
use super::template::types::Function;

/// A function with its execution environments.
pub(crate) struct Pool {
    engine: Arc<Engine>,
    pub(crate) function: Function,
    environment: Vec<String>,
    most: u32,
    permits: Arc<Semaphore>,
    state: Mutex<Shelf>,
    changed: Notify,
    /// All that run, so that they can be taken away at the end.
    all: Mutex<Vec<Arc<Instance>>>,
    waiting: AtomicUsize,
    made: AtomicU32,
}

/// Execution environments that have no call, or are about to have none.
#[derive(Default)]
struct Shelf {
    /// The one that has been idle longest first.
    idle: VecDeque<Arc<Instance>>,
    /// Between a response and being idle.
    settling: usize,
    /// Calls that wait for one of those: starting another would take longer.
    claims: usize,
}

/// How long a call waits for an environment that is about to be idle before it starts another.
const SETTLING: Duration = Duration::from_secs(1);

/// What a call came to.
pub(crate) type Outcome = Result<Bytes, Fault>;

impl Pool {
    pub(crate) fn new(
        engine: Arc<Engine>,
        function: Function,
        environment: Vec<String>,
        most: u32,
    ) -> Self {
        Self {
            engine,
            function,
            environment,
            most,
            permits: Arc::new(Semaphore::new(most as usize)),
            state: Mutex::default(),
            changed: Notify::new(),
            all: Mutex::default(),
            waiting: AtomicUsize::new(0),
            made: AtomicU32::new(0),
        }
    }

    /// Calls the function. The call goes on when nobody waits for it any more, as on Lambda.
    pub(crate) async fn invoke(self: &Arc<Self>, event: Bytes) -> Outcome {
        if event.len() > PAYLOAD_LIMIT {
            return Err(Fault::new(
                "RequestEntityTooLargeException",
                format!(
                    "{} byte payload is too large for the RequestResponse invocation type (limit {PAYLOAD_LIMIT} bytes)",
                    event.len()
                ),
            ));
        }
        let pool = Arc::clone(self);
        match tokio::spawn(async move { pool.call(event).await }).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::new("Sandbox.Failure", "the emulator is ending")),
        }
    }

    async fn call(self: Arc<Self>, event: Bytes) -> Outcome {
        let permit = self.permit().await?;
        let id = super::uuid();
        let instance = match self.warm().await {
            Some(instance) => instance,
            None => self.cold().await?,
        };
        let began = Instant::now();
        let timeout = Duration::from_secs(self.function.timeout);
        let deadline =
            Timestamp::now().as_millisecond() + i64::try_from(timeout.as_millis()).unwrap_or(0);
        let outcome = tokio::select! {
            outcome = instance.api.slot.invoke(&id, event, deadline) => outcome,
            fault = instance.ended() => Err(fault),
            () = tokio::time::sleep(timeout) => Err(Fault::new(
                "Sandbox.Timedout",
                format!("RequestId: {id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64()),
            )),
        };
        tracing::info!("{}: {id} took {} ms", self.function.name, began.elapsed().as_millis());
        if let Err(fault) = &outcome {
            self.engine.say(format!("{}: {}: {}", self.function.name, fault.kind, fault.message));
        }
        let lost = matches!(&outcome, Err(fault) if fault.kind.starts_with("Sandbox.")
            || fault.kind == "Runtime.ExitError" || fault.kind == "Extension.Crash");
        let pool = Arc::clone(&self);
        lock(&self.state).settling += 1;
        tokio::spawn(async move {
            let left = timeout.saturating_sub(began.elapsed());
            pool.release(instance, lost, left, permit).await;
        });
        outcome
    }

    /// A new execution environment.
    async fn cold(&self) -> Result<Arc<Instance>, Fault> {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let (instance, took) =
            Instance::start(&self.engine, &self.function, &self.environment, number).await?;
        self.engine.say(format!(
            "{}: cold start of instance {number}: {} ms",
            self.function.name,
            took.as_millis()
        ));
        let instance = Arc::new(instance);
        lock(&self.all).push(Arc::clone(&instance));
        Ok(instance)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let free = Arc::clone(&self.permits).try_acquire_owned();
        if let Ok(permit) = free {
            let busy = u64::from(self.most) - self.permits.available_permits() as u64;
            if self.function.reserved.is_some_and(|reserved| busy > reserved) {
                return Err(Fault::new("TooManyRequestsException", "Rate Exceeded."));
            }
            return Ok(permit);
        }
        if self.function.reserved.is_some_and(|reserved| reserved <= u64::from(self.most)) {
            return Err(Fault::new("TooManyRequestsException", "Rate Exceeded."));
        }
        tracing::info!(
            "{}: all {} instances are busy: Lambda would start another",
            self.function.name,
            self.most
        );
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        permit.map_err(|_| Fault::new("Sandbox.Failure", "the emulator is ending"))
    }

    /// An idle execution environment that still lives, thawed.
    async fn warm(&self) -> Option<Arc<Instance>> {
        loop {
            let instance = self.idle().await?;
            if instance.is_gone() {
                self.drop_instance(&instance).await;
                continue;
            }
            match instance.thaw().await {
                Ok(()) => return Some(instance),
                Err(error) => {
                    self.engine.say(error.to_string());
                    self.drop_instance(&instance).await;
                }
            }
        }
    }

    /// The environment that has been idle longest, or one that is about to be idle.
    async fn idle(&self) -> Option<Arc<Instance>> {
        let until = tokio::time::Instant::now() + SETTLING;
        let mut claimed = false;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = lock(&self.state);
                let found = state.idle.pop_front();
                let others = state.claims - usize::from(claimed);
                let wait = found.is_none()
                    && state.settling > others
                    && tokio::time::Instant::now() < until;
                match (wait, claimed) {
                    (true, false) => state.claims += 1,
                    (false, true) => state.claims -= 1,
                    _ => {}
                }
                if !wait {
                    return found;
                }
                claimed = true;
            }
            let _ = tokio::time::timeout_at(until, changed).await;
        }
    }

    /// Freezes an execution environment once it has settled, and makes it idle.
    async fn release(
        &self,
        instance: Arc<Instance>,
        lost: bool,
        left: Duration,
        permit: OwnedSemaphorePermit,
    ) {
        let settled = !lost
            && tokio::select! {
                () = instance.api.slot.settled() => true,
                _ = instance.ended() => false,
                () = tokio::time::sleep(left) => false,
            };
        // With a call waiting, Lambda hands it over at once.
        let wanted = self.waiting.load(Ordering::SeqCst) > 0 || lock(&self.state).claims > 0;
        if settled
            && !wanted
            && let Err(error) = instance.freeze().await
        {
            self.engine.say(error.to_string());
        }
        {
            let mut state = lock(&self.state);
            state.settling -= 1;
            if settled {
                state.idle.push_back(Arc::clone(&instance));
            }
        }
        self.changed.notify_waiters();
        if !settled {
            self.drop_instance(&instance).await;
        }
        drop(permit);
    }

    async fn drop_instance(&self, instance: &Arc<Instance>) {
        lock(&self.all).retain(|known| !Arc::ptr_eq(known, instance));
        instance.remove().await;
    }

    /// Takes all execution environments away.
    pub(crate) async fn shut(&self) {
        self.permits.close();
        let all = std::mem::take(&mut *lock(&self.all));
        for instance in all {
            instance.remove().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
