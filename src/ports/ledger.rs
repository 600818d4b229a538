//! The ledger: the authority on seats, one partition per event, changed by conditional batches
//! only.
//!
//! # Contract
//! Every driver is held to it by the same tests, in `tests/integration/contract/ledger.rs`; each
//! sentence there has drivers that break it and are found out.
//!
//! - [`Batch`] is atomic: all of it is written, or none. It is written if, and only if, every
//!   expectation in it holds at that moment: the fence's revision and operation id, and the
//!   `changed` of each seat and blob it names. Expectations of `None` mean "absent". One that a
//!   decision may need, with [`BATCH_ROWS_MAX`](crate::domain::limits::BATCH_ROWS_MAX) rows and
//!   [`OUTBOX_BYTES_MAX`](crate::domain::limits::OUTBOX_BYTES_MAX) bytes, is taken whole.
//! - The statement is linearisable with all other batches and fence reads of the event, whoever
//!   sends them: of two under one revision one is written. Other events have no part in it.
//! - [`CommitResult::Rejected`] carries the fence as the store saw it when it refused; so a batch
//!   that had been written, and is sent again, shows its own id.
//! - [`CommitResult::Unknown`] promises nothing: the batch may have been written, may never be, or
//!   may be written at any later time. The same goes for one whose sender stopped waiting. Sending
//!   the *same* batch again is safe and is the only way to find out; however often it is sent, it
//!   is written once.
//! - What a fence read has seen, every later one sees, each with the outbox of its own batch. A
//!   read of rows sees every batch that was settled before it began; it may see later ones, in
//!   part: a fence read after it tells.
//! - Rows come back as they were written, column by column, by rising number, and stay when the
//!   place is free again: rows are never deleted and no column is ever set to null.
//! - What was applied, and the ledger's [identity](LedgerId), are there for whoever opens it next.
//! - A driver neither repeats nor speculates on a batch of its own accord: the store would take it
//!   for a batch sent again, and the first result would be lost.

mod columns;

use std::pin::Pin;
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::event::SaleState;
use crate::domain::ids::EventId;
use crate::domain::seat::StoredSeat;
use crate::domain::time::At;

pub use columns::SeatColumns;

/// A ledger, ready for use.
pub trait Ledger: Send + Sync {
    /// What this is and where, in a few words.
    fn describe(&self) -> String;

    /// Which ledger this is.
    fn identity(&self) -> &LedgerId;

    /// Reads an event's fence and outbox, after whatever batch was under way; `None` where the
    /// event is absent.
    ///
    /// # Errors
    /// No answer, or one that no release could have written.
    fn read_fence<'a>(&'a self, event: &'a EventId) -> Reply<'a, Option<FenceRead>>;

    /// Reads an event's definition and seats.
    ///
    /// # Errors
    /// No answer, or one that no release could have written.
    fn read_rows<'a>(&'a self, event: &'a EventId) -> Reply<'a, RowsRead>;

    /// Sends a batch, once. A future dropped before its end leaves the batch as unknown as a
    /// timeout.
    fn commit<'a>(&'a self, batch: &'a Batch) -> Later<'a, CommitResult>;
}

/// What a ledger answers in its own time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What a read of a ledger answers in its own time.
pub type Reply<'a, T> = Later<'a, Result<T, ReadError>>;

/// Names one batch; no two batches ever share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub Uuid);

/// Names one ledger for good: it is made with the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerId {
    /// Drawn when the tables were made.
    pub id: Uuid,
    /// The store's own cluster name, against a keyspace restored into another cluster.
    pub cluster: String,
}

/// The event's fence and what is kept beside it: the static columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The owner's proof of ownership.
    pub term: i64,
    /// Counts the event's committed batches and takeovers.
    pub revision: i64,
    /// The batch that wrote this.
    pub op_id: OpId,
    /// Sequence of the event.
    pub sequence: i64,
    /// Edition of the event.
    pub edition: i64,
    /// Offset of the last request whose effects are in the ledger; -1 before the first.
    pub applied_offset: i64,
    /// The committed offset known when this was written: the outbox has every entry from here on.
    pub published_below: i64,
    /// Log time of the last decision.
    pub decided_at: At,
    /// Whether claims are taken.
    pub sale: SaleState,
    /// Why the event is stopped; empty while it is not.
    pub suspended: String,
}

/// What the store must find for a batch to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Revision and last batch; `None` where the event must be absent.
    pub fence: Option<(i64, OpId)>,
}

/// A blob row: the outbox or the definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its `changed` from now on.
    pub changed: i64,
    /// Its content; `None` leaves the stored one as it is, so there must be one.
    pub bytes: Option<Arc<[u8]>>,
    /// Its `changed` until now, `None` where the row must be absent.
    pub guard: Option<i64>,
}

/// A seat row with its guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardedSeat {
    /// The row from now on.
    pub row: StoredSeat,
    /// Its `changed` until now, `None` where the row must be absent.
    pub guard: Option<i64>,
}

/// One conditional batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The event, and the ledger partition.
    pub event: EventId,
    /// What must be found.
    pub expected: Expected,
    /// The statics from now on; `next.op_id` names this batch.
    pub next: Fence,
    /// The outbox row: it is in every batch.
    pub outbox: Blob,
    /// The definition row, when the event is defined.
    pub definition: Option<Blob>,
    /// Seat rows, each place at most once.
    pub seats: Vec<GuardedSeat>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitResult {
    /// Written.
    Applied,
    /// Not written by this attempt.
    Rejected(Conflict),
    /// Nobody knows; why, in words.
    Unknown(String),
}

/// The fence as the store saw it when it refused a batch; `None` where the event is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Revision and last batch.
    pub fence: Option<(i64, OpId)>,
}

/// What a fence read finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceRead {
    /// The statics.
    pub fence: Fence,
    /// `changed` of the outbox row.
    pub outbox_changed: i64,
    /// Content of the outbox row.
    pub outbox: Arc<[u8]>,
}

/// What a read of rows finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsRead {
    /// `changed` and content of the definition row.
    pub definition: Option<(i64, Arc<[u8]>)>,
    /// All seat rows, by rising number.
    pub seats: Vec<StoredSeat>,
}

/// Why a read of the ledger gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No answer; why, in words. Reading again is always safe.
    #[error("the ledger did not answer: {0}")]
    Unavailable(String),
    /// An answer that no release could have written; what is wrong with it, in words. Reading again
    /// will not help: the event is to be suspended.
    #[error("the ledger holds what cannot be: {0}")]
    Corrupt(String),
}
