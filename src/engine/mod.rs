//! The owner of request partitions as a state machine without IO.
//!
//! [`Engine::on`] takes what happened and returns what is to be done. It owns no socket, thread,
//! clock or runtime: Kafka with ScyllaDB, the embedded log and ledger and the simulator drive the
//! same code.
//!
//! What it keeps true, whatever the drivers report and in whatever order:
//! - an event is decided on only after its takeover, by a term no later owner has outbid;
//! - one batch of an event is under way at a time, and an unsettled one is sent again as it is;
//! - what is published is a contiguous prefix of each partition, and rests on nothing unsettled;
//! - every entry from `published_below` to `applied_offset` of an event is in its outbox;
//! - nothing is published again, and no partition rewound, before its position was read anew.
//!
//! Alternatives that are wrong: publishing before the ledger has the hold (a refusal would name a
//! hold nobody ever gets); writing refusals to Kafka only (a successor decides them anew,
//! otherwise); trusting the assignment alone (a sleeper that wakes up still believes in its own).

pub mod arrival;
mod assignment;
mod batch;
mod entry;
mod event;
mod partition;
pub mod path;
mod publication;
mod restore;
mod takeover;
#[cfg(test)]
mod tests;
pub mod window;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::ids::{EventId, Partition};
use crate::domain::limits::{
    BATCH_ROWS_GOAL, DECISION_BYTES_MAX, EVENTS_IN_MEMORY_MAX, LEDGER_RETRY, OUTBOX_BYTES_MAX,
    OUTBOX_PENDING_SHARE, PARTITION_RECORDS_MAX, PUBLICATION_ENTRIES_MAX,
};
use crate::domain::rule::Rule;
use crate::domain::time::At;
use crate::ports::ledger::{Batch, CommitResult, FenceRead, OpId, ReadError, RowsRead};
use crate::ports::log::{Assignment, Published, ToLog};

use arrival::Arrival;
use partition::{Mode, PartitionState};
use path::Path;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A partition may be worked on. Beside it the records read back, as arrivals.
    Assigned(Box<Assignment>, Vec<Arrival>),
    /// Partitions are taken away, or lost already.
    Revoked(Vec<Partition>),
    /// Records, in offset order for each partition.
    Records(Vec<Arrival>),
    /// A fence was read, or could not be.
    Fence(Ticket, Result<Option<FenceRead>, ReadError>),
    /// Rows were read, or could not be.
    Rows(Ticket, Result<RowsRead, ReadError>),
    /// What became of a batch.
    Committed(Ticket, CommitResult),
    /// What became of the publication under way.
    Published(Published),
    /// Stable positions, as asked for.
    Positions(Vec<(Partition, Option<i64>)>),
    /// Read no more; finish what has been read.
    Drain,
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Read the fence of an event.
    ReadFence(Ticket, EventId),
    /// Read the rows of an event.
    ReadRows(Ticket, EventId),
    /// Send a batch.
    Commit(Ticket, Arc<Batch>),
    /// Something for the log's driver. No transaction is asked for before the last one was
    /// answered, and the engine never leaves: that is for whoever runs it.
    Log(ToLog),
    /// The partition stays assigned and is not worked on; why, and what to do.
    Refuse {
        /// Which.
        partition: Partition,
        /// One sentence for log and metric.
        sentence: String,
    },
    /// All that was read is published.
    Drained,
}

/// Ties an answer of the ledger to its question; an answer to a forgotten question is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Counts since the start, for metrics and benchmarks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests decided.
    pub decided: u64,
    /// Entries published again after a takeover.
    pub republished: u64,
    /// Batches sent, takeovers among them.
    pub batches: u64,
    /// Transactions asked for.
    pub publications: u64,
    /// Decisions whose log time was clamped to the owner's clock.
    pub clamped: u64,
    /// Events suspended.
    pub suspended: u64,
    /// Partitions dropped and read again.
    pub drops: u64,
}

/// How much one owner takes on. Small bounds make a small world meet what a full one would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Records of a partition, read and not yet published, after which reading pauses.
    pub partition_records: usize,
    /// Entries of one publication, over all partitions.
    pub publication_entries: usize,
    /// Seat rows after which no further decision joins a batch that has room for it.
    pub batch_rows: usize,
    /// Events in memory beyond which idle ones are forgotten.
    pub events: usize,
    /// Bytes an event owes Kafka beyond which no batch of it is sent. Some of them may be decided
    /// between two batches; the rest is more than one decision comes to, so that what Kafka is
    /// waited for is never what the batch itself would let go.
    pub outbox_bytes: usize,
}

impl Bounds {
    /// Bytes of an event's entries that may be decided between two batches of it.
    fn pending_bytes(&self) -> usize {
        self.outbox_bytes / OUTBOX_PENDING_SHARE
    }
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            partition_records: PARTITION_RECORDS_MAX,
            publication_entries: PUBLICATION_ENTRIES_MAX,
            batch_rows: BATCH_ROWS_GOAL,
            events: EVENTS_IN_MEMORY_MAX,
            outbox_bytes: OUTBOX_BYTES_MAX,
        }
    }
}

/// The state machine of one owner.
#[derive(Debug)]
pub struct Engine {
    now: At,
    bounds: Bounds,
    /// Drawn by whoever starts the engine: makes its operation ids unlike any other's.
    nonce: u64,
    counter: u64,
    /// In order, as all that outputs follow is: the same inputs give the same outputs, everywhere.
    partitions: BTreeMap<Partition, PartitionState>,
    /// Which partition and event a question to the ledger was about.
    questions: HashMap<Ticket, (Partition, EventId)>,
    publishing: Option<Vec<publication::Sent>>,
    publish_not_before: At,
    draining: bool,
    drained: bool,
    counts: Counts,
    outputs: Vec<Output>,
}

impl Engine {
    /// An owner without partitions.
    ///
    /// # Panics
    /// When the bound of the outbox is too small for what one decision may come to.
    #[must_use]
    pub fn new(nonce: u64, bounds: Bounds) -> Engine {
        assert!(bounds.pending_bytes() + DECISION_BYTES_MAX <= bounds.outbox_bytes);
        Engine {
            now: At(0),
            bounds,
            nonce,
            counter: 0,
            partitions: BTreeMap::new(),
            questions: HashMap::new(),
            publishing: None,
            publish_not_before: At(0),
            draining: false,
            drained: false,
            counts: Counts::default(),
            outputs: vec![],
        }
    }

    /// Takes one input, at `now` by the owner's clock, and says what is to be done, in order.
    pub fn on(&mut self, now: At, input: Input) -> Vec<Output> {
        self.now = now;
        match input {
            Input::Assigned(assignment, read_back) => self.on_assigned(*assignment, read_back),
            Input::Revoked(partitions) => self.on_revoked(&partitions),
            Input::Records(arrivals) => self.on_records(arrivals),
            Input::Fence(ticket, result) => self.on_fence(ticket, result),
            Input::Rows(ticket, result) => self.on_rows(ticket, result),
            Input::Committed(ticket, result) => self.on_committed(ticket, result),
            Input::Published(published) => self.on_published(published),
            Input::Positions(positions) => self.on_positions(&positions),
            Input::Drain => self.on_drain(),
            Input::Tick => self.on_tick(),
        }
        self.publish_what_is_settled();
        if self.draining && !self.drained && self.is_idle() {
            self.drained = true;
            Path::Drained.reached();
            self.outputs.push(Output::Drained);
        }
        std::mem::take(&mut self.outputs)
    }

    /// Counts since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether everything read has been answered and published.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.publishing.is_none() && self.partitions.values().all(PartitionState::is_idle)
    }

    fn on_revoked(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if !Rule::MemoryEndsWithAssignment.holds() {
                self.lay_aside(*partition);
            } else if let Some(state) = self.partitions.remove(partition) {
                let undone = state.slots.len();
                if undone > 0 {
                    Path::RevokedUndone.reached();
                }
                tracing::info!(%partition, term = state.term, undone, "partition let go");
            }
        }
        self.questions.retain(|_, (partition, _)| !partitions.contains(partition));
    }

    fn on_drain(&mut self) {
        self.draining = true;
        for partition in self.partitions.keys() {
            self.outputs.push(Output::Log(ToLog::Pause(*partition)));
        }
    }

    fn on_tick(&mut self) {
        let partitions: Vec<Partition> = self.partitions.keys().copied().collect();
        for partition in partitions {
            self.retry_ledger(partition);
        }
        self.forget_idle_events();
    }

    /// Sends again what the ledger left open, and asks again what it did not answer.
    fn retry_ledger(&mut self, partition: Partition) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if !matches!(state.mode, Mode::Running) {
            return;
        }
        let now = self.now;
        let mut due: Vec<EventId> = state
            .events
            .iter()
            .filter(|(_, event)| event.retry_at.is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        due.sort_unstable();
        for id in due {
            self.retry_event(partition, &id);
        }
    }

    fn forget_idle_events(&mut self) {
        let total: usize = self.partitions.values().map(|state| state.events.len()).sum();
        let mut excess = total.saturating_sub(self.bounds.events);
        for state in self.partitions.values_mut() {
            if excess == 0 {
                break;
            }
            excess -= state.forget_idle_events(excess);
        }
    }

    /// What [`Engine::forget_idle_events`] does when memory is short, whatever there is.
    #[cfg(test)]
    fn forget_all_idle_events(&mut self) {
        for state in self.partitions.values_mut() {
            state.forget_idle_events(usize::MAX);
        }
    }

    fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn next_op(&mut self) -> OpId {
        let number = self.next_number();
        OpId(Uuid::from_u64_pair(self.nonce, number))
    }

    fn ask(&mut self, partition: Partition, event: &EventId) -> Ticket {
        let ticket = Ticket(self.next_number());
        self.questions.insert(ticket, (partition, event.clone()));
        ticket
    }

    /// What a question to the ledger was about; nothing, if it is forgotten.
    fn asked(&mut self, ticket: Ticket) -> Option<(Partition, EventId)> {
        let about = self.questions.remove(&ticket);
        if about.is_none() {
            Path::LateAnswerDropped.reached();
        }
        about
    }

    fn retry_later(&self) -> Option<At> {
        Some(self.now.plus(LEDGER_RETRY))
    }

    /// Stops work on a partition for good; it stays assigned.
    fn refuse(&mut self, partition: Partition, sentence: String) {
        tracing::error!(%partition, sentence, "partition refused");
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.mode = Mode::Refused;
            state.clear();
        }
        self.outputs.push(Output::Log(ToLog::Pause(partition)));
        self.outputs.push(Output::Refuse { partition, sentence });
    }

    /// Drops what is in memory of a partition and reads it again from where the log says it stands.
    fn drop_and_rewind(&mut self, partition: Partition, why: &str) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if !matches!(state.mode, Mode::Running) {
            return;
        }
        tracing::warn!(%partition, term = state.term, why, "partition dropped, to be read again");
        self.counts.drops += 1;
        state.mode = Mode::Dropping;
        self.outputs.push(Output::Log(ToLog::ReadPositions(vec![partition])));
    }
}
