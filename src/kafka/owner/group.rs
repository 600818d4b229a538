//! What the threads share: the assignment in force, and what the engine believes it to be.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::consumer::Member;
use super::{OwnerConfig, Sink};
use crate::domain::ids::Partition;
use crate::kafka::error::Error;
use crate::kafka::native::Membership;
use crate::ports::clock::ticks;
use crate::ports::log::{FromLog, Topic};

/// One assignment of the group to this member, from callback to callback.
pub(super) struct Generation {
    /// Counts assignments; the first epoch of its partitions is made of it.
    pub(super) count: u32,
    /// The declared partitions among those assigned.
    pub(super) partitions: Vec<Partition>,
    /// Captured in the callback, and never again for this assignment.
    pub(super) membership: Membership,
    /// The member it was made to.
    pub(super) consumer: Arc<Member>,
    over: AtomicBool,
}

impl Generation {
    pub(super) fn new(
        count: u32,
        partitions: Vec<Partition>,
        membership: Membership,
        consumer: Arc<Member>,
    ) -> Self {
        Generation { count, partitions, membership, consumer, over: AtomicBool::new(false) }
    }

    /// Whether it has been revoked. The coordinator may know before we do.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Notes that it has been revoked.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Whether the partition belongs to it.
    pub(super) fn has(&self, partition: Partition) -> bool {
        self.partitions.contains(&partition)
    }
}

/// A revocation that the engine has been told of; it has let go once the other end is dropped.
struct Revocation {
    of: Arc<Generation>,
    done: Receiver<()>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Generation>>,
    revocations: Vec<Revocation>,
    publications: usize,
}

/// What the threads share.
pub(super) struct Group {
    /// As given at the start.
    pub(super) config: OwnerConfig,
    topics: BTreeMap<Topic, String>,
    ending: AtomicBool,
    sink: Sink,
    count: AtomicU32,
    state: Mutex<State>,
    idle: Condvar,
}

impl Group {
    pub(super) fn new(config: OwnerConfig, sink: Sink) -> Self {
        let name = |topic: Topic| (topic, format!("{}{}", config.prefix, topic.name()));
        Group {
            topics: Topic::ALL.into_iter().map(name).collect(),
            config,
            ending: AtomicBool::new(false),
            sink,
            count: AtomicU32::new(0),
            state: Mutex::default(),
            idle: Condvar::new(),
        }
    }

    /// The real name of a topic.
    pub(super) fn topic(&self, topic: Topic) -> &str {
        &self.topics[&topic]
    }

    /// Whether the threads are to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Lets the threads end, and forgets everything that keeps the member alive.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.finish();
        self.state().revocations.clear();
    }

    /// Starts a thread. Should it panic, the engine hears of it: a driver with a thread missing
    /// would look alive and do nothing.
    pub(super) fn spawn(
        self: &Arc<Self>,
        purpose: &'static str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, Error> {
        let group = Arc::clone(self);
        let guarded = move || {
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                let sentence = format!("the Kafka {purpose} thread panicked: report this as a bug");
                group.report(FromLog::Failed(sentence));
            }
        };
        thread::Builder::new()
            .name(format!("kafka-{purpose}"))
            .spawn(guarded)
            .map_err(|source| Error::Thread { purpose, source })
    }

    /// Reports to the engine.
    pub(super) fn report(&self, report: FromLog) {
        (self.sink)(report);
    }

    /// The next count of an assignment or of a term taken anew.
    pub(super) fn next_count(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The assignment in force.
    pub(super) fn current(&self) -> Option<Arc<Generation>> {
        self.state().current.clone()
    }

    /// The assignment that whatever the engine asks for *now* was decided under. As long as it has
    /// not let go of a revoked one, that is the revoked one, even if another is in force already:
    /// a cycle must never get the metadata of a later assignment.
    pub(super) fn believed(&self) -> Option<Arc<Generation>> {
        let mut state = self.state();
        let let_go = |revocation: &Revocation| {
            matches!(revocation.done.try_recv(), Err(TryRecvError::Disconnected))
        };
        while state.revocations.first().is_some_and(let_go) {
            state.revocations.remove(0);
        }
        match state.revocations.first() {
            Some(revocation) => Some(Arc::clone(&revocation.of)),
            None => state.current.clone(),
        }
    }

    /// Puts an assignment in force.
    pub(super) fn begin(&self, generation: Arc<Generation>) {
        self.state().current = Some(generation);
    }

    /// Notes that the engine is being told to let go of `of`, before it is.
    pub(super) fn revoking(&self, of: Arc<Generation>, done: Receiver<()>) {
        self.state().revocations.push(Revocation { of, done });
    }

    /// Waits until the engine has let go of everything revoked.
    pub(super) fn wait_for_engine(&self, until: Instant) -> bool {
        loop {
            let held = |revocation: &Revocation| {
                !matches!(revocation.done.try_recv(), Err(TryRecvError::Disconnected))
            };
            if !self.state().revocations.iter().any(held) {
                return true;
            }
            if ticks() >= until {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Takes the assignment out of force.
    pub(super) fn finish(&self) {
        if let Some(generation) = self.state().current.take() {
            generation.end();
        }
    }

    /// Counts a publication that has been asked for.
    pub(super) fn job_queued(&self) {
        self.state().publications += 1;
    }

    /// Counts a publication that has ended.
    pub(super) fn job_done(&self) {
        let mut state = self.state();
        state.publications = state.publications.saturating_sub(1);
        if state.publications == 0 {
            self.idle.notify_all();
        }
    }

    /// Waits until no publication is queued or under way.
    pub(super) fn wait_until_idle(&self, until: Instant) -> bool {
        let state = self.state();
        let left = until.saturating_duration_since(ticks());
        let waited = self.idle.wait_timeout_while(state, left, |state| state.publications > 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.publications == 0
    }
}
