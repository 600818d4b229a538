//! The one stack that the tests of a binary share, started by the first test that asks for it.
//!
//! Started lazily, so that listing tests, or running some that need no server, starts nothing. Not
//! dropped by itself, since nothing drops a static: the binary's `main` calls [`stop`] at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow, bail};
use libtest_mimic::{Completion, Failed, Trial};

use super::{Stack, Unavailable, under_ci};

static STATE: Mutex<State> = Mutex::new(State::NotAsked);
static SKIPPED: AtomicU32 = AtomicU32::new(0);
static NATIVE: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

enum State {
    NotAsked,
    Up(Arc<Stack>),
    /// Not tried again: each try may take minutes.
    Unavailable(String),
    Failed(String),
    /// What ran until it was stopped.
    Stopped(String),
}

/// A test that gets the shared servers. `name` is its module and a sentence.
pub(crate) fn trial(name: &str, test: impl FnOnce(&Stack) -> Result<()> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || verdict(get().and_then(|stack| test(&stack))))
}

/// A test that starts its own servers, or none, and leaves the shared ones alone.
pub(crate) fn solo_trial(name: &str, test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || verdict(test()))
}

/// Stops the shared servers, if they run. With `failed` the ends of their logs are printed first.
pub(crate) fn stop(failed: bool) {
    let mut state = lock(&STATE);
    let State::Up(stack) = &*state else { return };
    if failed {
        eprint!("{}", stack.log_tails());
    }
    let what = stack.what.clone();
    *state = State::Stopped(what);
}

/// What the tests ran on, for the last lines of the binary's output; each begins with `servers:`.
/// None where no test asked for a server.
pub(crate) fn report() -> Option<String> {
    let skipped = SKIPPED.load(Ordering::Relaxed);
    let mut lines = match &*lock(&STATE) {
        State::NotAsked => Vec::new(),
        State::Up(stack) => vec![format!("servers: {}", stack.what)],
        State::Stopped(what) => vec![format!("servers: {what}")],
        State::Unavailable(why) => vec![format!("servers: none, {why}")],
        State::Failed(why) => {
            vec![format!("servers: none, {}", why.lines().next().unwrap_or_default())]
        }
    };
    let alone = lock(&NATIVE);
    if !alone.is_empty() {
        let each = alone.iter().map(|(name, count)| format!("{name}, {count} times"));
        let each: Vec<String> = each.collect();
        lines.push(format!("servers: started natively in all: {}", each.join("; ")));
    }
    if skipped > 0 {
        lines.push(format!("servers: {skipped} tests were SKIPPED for want of servers"));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Counts a native server, shared or a test's own.
pub(super) fn note_native(name: &str) {
    *lock(&NATIVE).entry(name.to_owned()).or_default() += 1;
}

fn get() -> Result<Arc<Stack>> {
    // Held while starting: tests on other threads wait here.
    let mut state = lock(&STATE);
    if matches!(*state, State::NotAsked) {
        *state = match Stack::start() {
            Ok(stack) => State::Up(Arc::new(stack)),
            Err(error) if error.is::<Unavailable>() => State::Unavailable(format!("{error:#}")),
            Err(error) => State::Failed(format!("{error:#}")),
        };
    }
    match &*state {
        State::Up(stack) => Ok(Arc::clone(stack)),
        State::Unavailable(why) => bail!(Unavailable(why.clone())),
        State::Failed(why) => Err(anyhow!("{why}").context("starting the shared servers")),
        State::NotAsked | State::Stopped(_) => bail!("the shared servers are stopped"),
    }
}

fn verdict(result: Result<()>) -> Result<Completion, Failed> {
    match result {
        Ok(()) => Ok(Completion::Completed),
        Err(error) if error.is::<Unavailable>() && !under_ci() => {
            eprintln!("SKIPPED, {error:#}");
            SKIPPED.fetch_add(1, Ordering::Relaxed);
            Ok(Completion::ignored_with(format!("{error:#}")))
        }
        Err(error) => Err(Failed::from(format!("{error:?}"))),
    }
}

/// A test that panicked left nothing half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
