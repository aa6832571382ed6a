//! Runs the cases: cheap ones in parallel, those that use an engine or a cluster one after another, then the clean-up.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::case::Case;
use super::components::{Absence, Component, required};

/// Held by the one test that may use the engine and the cluster.
static ENGINE: Mutex<()> = Mutex::new(());

type Cleanup = Box<dyn FnOnce() + Send>;
static CLEANUPS: Mutex<Vec<Cleanup>> = Mutex::new(Vec::new());

thread_local! {
    /// Where the thread last panicked: the payload that `catch_unwind` returns does not say.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Has something done after the last test, for what several tests share; the last one named is done first.
pub(crate) fn at_end(cleanup: impl FnOnce() + Send + 'static) {
    CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(cleanup));
}

/// Runs the cases of all modules as the command line says.
pub(crate) fn run(modules: impl IntoIterator<Item = Vec<Case>>) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut cases: Vec<Case> = modules.into_iter().flatten().collect();
    let required = match check(&cases).and_then(|()| required()) {
        Ok(required) => Arc::new(required),
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "{problem}");
            return ExitCode::from(2);
        }
    };
    // Cheap tests first: they fail soonest.
    cases.sort_by_key(|case| case.needs().len());
    panic::set_hook(Box::new(|info| {
        let place =
            info.location().map(|location| format!("{}:{}: ", location.file(), location.line()));
        PLACE.with_borrow_mut(|kept| *kept = place.unwrap_or_default());
    }));
    let trials = cases
        .into_iter()
        .map(|case| {
            let required = Arc::clone(&required);
            Trial::ignorable_test(case.name, move || run_case(&case, &required))
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if clean_up() { conclusion.exit_code() } else { ExitCode::from(101) }
}

/// Two tests of one name could not be told apart.
fn check(cases: &[Case]) -> Result<(), String> {
    let mut seen = HashSet::new();
    match cases.iter().find(|case| !seen.insert(case.name)) {
        Some(case) => Err(format!("two tests are named {}", case.name)),
        None => Ok(()),
    }
}

fn run_case(case: &Case, required: &[Component]) -> Result<Completion, Failed> {
    let needs = case.needs();
    let _one_at_a_time =
        (!needs.is_empty()).then(|| ENGINE.lock().unwrap_or_else(PoisonError::into_inner));
    for component in needs {
        match component.probe() {
            Ok(()) => {}
            Err(Absence::Missing(why)) if !required.contains(component) => {
                return Ok(Completion::ignored_with(why));
            }
            Err(Absence::Missing(why) | Absence::Broken(why)) => {
                return Err(format!("needs {}: {why}", component.name()).into());
            }
        }
    }
    panic::catch_unwind(AssertUnwindSafe(case.run)).map(|()| Completion::Completed).map_err(
        |payload| {
            let message = message(payload.as_ref());
            // Said at once, too: a run that is stopped never comes to its list of failures.
            let _ = writeln!(std::io::stderr(), "{} failed: {message}", case.name);
            Failed::from(message)
        },
    )
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("panicked");
    format!("{}{text}", PLACE.take())
}

/// True if everything that was shared could be put away.
fn clean_up() -> bool {
    let mut all_well = true;
    loop {
        let Some(cleanup) = CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner).pop() else {
            return all_well;
        };
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(cleanup)) {
            let _ = writeln!(std::io::stderr(), "clean-up failed: {}", message(payload.as_ref()));
            all_well = false;
        }
    }
}
