//! Many worlds, on as many threads as asked for, and what came of them together.
//!
//! Which thread runs which seed says nothing about the result: the worlds share nothing, and what
//! is summed up does not depend on the order.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use super::coverage::{Coverage, Run};
use super::matrix::Matrix;
use super::world::{Verdict, World};
use crate::domain::rule::{Rule, Without};
use crate::engine::path::{self, Path};

/// Failures that are kept with their words; the others are counted.
const FAILURES_MAX: usize = 20;

/// Which worlds.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub count: u64,
    /// The rule they are without.
    pub without: Option<Rule>,
    /// How many to run at a time.
    pub threads: usize,
    /// Whether the first failure ends it.
    pub until_failure: bool,
}

/// A world in which something was that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What was wrong, the first thing first.
    pub violations: Vec<String>,
}

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Summary {
    /// Worlds that were run.
    pub seeds: u64,
    /// Requests that were judged.
    pub requests: u64,
    /// Worlds with violations.
    pub failed: u64,
    /// Violations in all.
    pub violations: u64,
    /// The failures with the lowest seeds.
    pub failures: Vec<Failure>,
    /// One number for all that happened, whatever the order of the worlds.
    pub hash: u64,
    /// Faults by step.
    pub matrix: Matrix,
    /// What was asked and answered.
    pub coverage: Coverage,
    /// Ways the engines went.
    pub paths: BTreeMap<Path, u64>,
    /// Troubles there were.
    pub troubles: BTreeMap<&'static str, u64>,
}

/// Runs the world of one seed.
#[must_use]
pub fn one(seed: u64, without: Option<Rule>, in_words: bool) -> Verdict {
    quiet_panics();
    let _without = Without::new(without);
    let _ = path::take_counts();
    let run = AssertUnwindSafe(|| World::new(seed, in_words).run());
    let mut verdict =
        catch_unwind(run).unwrap_or_else(|panic| Verdict::panicked(seed, words_of(&*panic)));
    verdict.paths = path::take_counts();
    verdict
}

/// Runs the worlds of many seeds; tells after each how many are done.
pub fn many(seeds: &Seeds, tell: impl Fn(u64) + Sync) -> Summary {
    let total = Mutex::new(Summary::default());
    in_parallel(seeds.count, seeds.threads, |index| {
        let verdict = one(seeds.from + index, seeds.without, false);
        let goes_on = !seeds.until_failure || verdict.violations.is_empty();
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.add(verdict);
        tell(total.seeds);
        goes_on
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Does the work of each number below a count, on so many threads, in about this order; once one of
/// them says that it is enough, no higher one is begun.
pub(super) fn in_parallel(count: u64, threads: usize, work: impl Fn(u64) -> bool + Sync) {
    let next = AtomicU64::new(0);
    let stop = AtomicU64::new(u64::MAX);
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || index > stop.load(Ordering::Relaxed) {
                return;
            }
            if !work(index) {
                stop.fetch_min(index, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(run);
        }
    });
}

/// The words of a panic.
pub(super) fn words_of(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}

impl Summary {
    /// Takes one more world in.
    pub fn add(&mut self, verdict: Verdict) {
        self.seeds += 1;
        self.requests += verdict.requests;
        // A sum is the same in any order.
        self.hash = self.hash.wrapping_add(verdict.hash);
        self.matrix.merge(&verdict.matrix);
        self.coverage.merge(&verdict.coverage);
        for (path, count) in verdict.paths {
            *self.paths.entry(path).or_default() += count;
        }
        if let Some(trouble) = verdict.trouble {
            *self.troubles.entry(trouble).or_default() += 1;
        }
        if !verdict.violations.is_empty() {
            self.failed += 1;
            self.violations += verdict.violations.len() as u64;
            self.failures.push(Failure { seed: verdict.seed, violations: verdict.violations });
            self.failures.sort_by_key(|failure| failure.seed);
            self.failures.truncate(FAILURES_MAX);
        }
    }

    /// What should have been met and never was: faults, ways, requests and answers.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let mut missing = self.matrix.missing();
        let gone = |path: &Path| self.paths.get(path).is_some_and(|count| *count > 0);
        let ways = Path::ALL.iter().filter(|path| !gone(path) && !out_of_reach(**path));
        missing.extend(ways.map(|path| format!("way {}", path.name())));
        missing.extend(self.coverage.missing(Run::WithFaults));
        missing
    }
}

/// Ways no world can go, and why.
pub const OUT_OF_REACH: &[(Path, &str)] = &[
    (Path::OtherLedger, BEFORE_A_TERM),
    (Path::OtherPartitionCount, BEFORE_A_TERM),
    (Path::OffsetsLost, BEFORE_A_TERM),
    (Path::PositionCaughtUp, "what is beyond all this owner sent drops the partition first"),
];
const BEFORE_A_TERM: &str = "the driver refuses it before it takes a term";

fn out_of_reach(path: Path) -> bool {
    OUT_OF_REACH.iter().any(|(other, _)| *other == path)
}

thread_local! {
    static IN_WORLD: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A panic of a world is a violation among others, and is told as one.
pub(super) fn quiet_panics() {
    static ONCE: Once = Once::new();
    IN_WORLD.set(true);
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IN_WORLD.get() {
                before(info);
            }
        }));
    });
}
