//! Ledgers with one fault each, around the embedded one.
#![allow(clippy::wildcard_enum_match_arm, reason = "each place has a few of the faults")]

mod commit;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use holdfast::domain::ids::EventId;
use holdfast::embedded::{EmbeddedLedger, Store};
use holdfast::ports::ledger::{
    Batch, CommitResult, FenceRead, Later, Ledger, LedgerId, ReadError, Reply, RowsRead,
};
use tempfile::TempDir;
use uuid::Uuid;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Says that a batch is applied, and does nothing.
    WritesNothing,
    /// Refuses every batch.
    RefusesAll,
    /// Makes an event that is there.
    MakesAnew,
    /// Makes an event by a batch that expects it to be there.
    MakesByTheWay,
    /// Compares the id of the last batch only.
    IgnoresRevision,
    /// Compares the revision only.
    ComparesRevisionOnly,
    /// A conflict without a fence.
    HidesTheFence,
    /// A conflict with the fence that was expected.
    EchoesTheFence,
    /// Says of a batch that was applied, and is sent again, that it is applied.
    AnswersAppliedAgain,
    /// Applies a batch whatever it finds.
    AppliesAgain,
    /// Looks at the fence and not at the seats.
    IgnoresSeatGuards,
    /// Reads "must be absent" as "need not be looked at".
    TakesAbsentForAny,
    /// Of a batch that it refuses, it writes what could be written.
    WritesWhatItCan,
    /// Does not look at the outbox's `changed`.
    IgnoresOutboxGuard,
    /// Does not look at the definition's `changed`.
    IgnoresDefinitionGuard,
    /// Looks and writes, and somebody else may write in between.
    LooksThenWrites,
    /// A blob without bytes becomes empty.
    ForgetsContent,
    /// A blob without bytes keeps its `changed` as well.
    KeepsChanged,
    /// Reads the first page of rows.
    ReadsOnePage,
    /// Reads rows by falling number.
    ReadsBackwards,
    /// Reads no references.
    ForgetsReference,
    /// Reads no blocks.
    ForgetsBlock,
    /// Writes the first thousand rows of a batch.
    LosesRowsBeyondAThousand,
    /// Writes the first mebibyte of a blob.
    CutsContent,
    /// Has one event, whatever it is called.
    OneEventForAll,
    /// Reads the rows of the first event written as well.
    ReadsRowsOfAll,
    /// Reads what it read the time before.
    ReadsStaleRows,
    /// Reads the fence it read the time before.
    ReadsStaleFence,
    /// Now and then reads the first fence it ever read.
    FlickeringFence,
    /// Reads a fence with the outbox it read the time before.
    TornFence,
    /// Writes fence and seats one after the other.
    WritesInTwoSteps,
    /// Has another id each time it is opened.
    NamesItselfAnew,
    /// Is empty each time it is opened.
    KeepsInMemory,
}

/// A ledger with a fault.
pub(super) struct MutantLedger {
    inner: EmbeddedLedger,
    fault: Fault,
    identity: LedgerId,
    reads: AtomicU64,
    rows: Mutex<Option<RowsRead>>,
    fence: Mutex<Option<FenceRead>>,
    first_event: Mutex<Option<EventId>>,
    /// Where it keeps what it forgets.
    _folder: TempDir,
}

impl MutantLedger {
    pub(super) fn open(path: &Path, fault: Fault) -> Result<MutantLedger> {
        let folder = tempfile::tempdir()?;
        let path = if fault == Fault::KeepsInMemory { folder.path() } else { path };
        let inner = EmbeddedLedger::new(Store::open(path, 1)?);
        let mut identity = inner.identity().clone();
        if fault == Fault::NamesItselfAnew {
            identity.id = Uuid::now_v7();
        }
        Ok(MutantLedger {
            inner,
            fault,
            identity,
            reads: AtomicU64::new(0),
            rows: Mutex::default(),
            fence: Mutex::default(),
            first_event: Mutex::default(),
            _folder: folder,
        })
    }

    async fn do_read_fence(&self, event: &EventId) -> Result<Option<FenceRead>, ReadError> {
        let event = &self.event(event);
        let Some(read) = self.inner.read_fence(event).await? else { return Ok(None) };
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        let mut memory = lock(&self.fence);
        let before = memory.clone().unwrap_or_else(|| read.clone());
        if self.fault != Fault::FlickeringFence || memory.is_none() {
            *memory = Some(read.clone());
        }
        Ok(Some(match self.fault {
            Fault::ReadsStaleFence => before,
            Fault::FlickeringFence if number % 5 == 4 => before,
            Fault::TornFence => {
                FenceRead { outbox: before.outbox, outbox_changed: before.outbox_changed, ..read }
            }
            _ => read,
        }))
    }

    async fn do_read_rows(&self, event: &EventId) -> Result<RowsRead, ReadError> {
        let event = &self.event(event);
        let mut rows = self.inner.read_rows(event).await?;
        match self.fault {
            Fault::ReadsOnePage => rows.seats.truncate(5_000),
            Fault::ReadsBackwards => rows.seats.reverse(),
            Fault::ForgetsReference => rows.seats.iter_mut().for_each(|row| row.reference = None),
            Fault::ForgetsBlock => rows.seats.iter_mut().for_each(|row| row.block = None),
            Fault::ReadsRowsOfAll => {
                let first = lock(&self.first_event).clone();
                if let Some(first) = first.filter(|first| first != event) {
                    rows.seats.extend(self.inner.read_rows(&first).await?.seats);
                }
            }
            Fault::ReadsStaleRows => {
                let before = lock(&self.rows).replace(rows.clone());
                rows = before.unwrap_or(rows);
            }
            _ => {}
        }
        Ok(rows)
    }

    async fn do_commit(&self, batch: &Batch) -> CommitResult {
        let batch = Batch { event: self.event(&batch.event), ..batch.clone() };
        lock(&self.first_event).get_or_insert_with(|| batch.event.clone());
        commit::commit(&self.inner, self.fault, batch).await
    }

    fn event(&self, event: &EventId) -> EventId {
        match self.fault {
            Fault::OneEventForAll => EventId::new("all").expect("a name"),
            _ => event.clone(),
        }
    }
}

impl Ledger for MutantLedger {
    fn describe(&self) -> String {
        format!("a ledger that {:?}", self.fault)
    }

    fn identity(&self) -> &LedgerId {
        &self.identity
    }

    fn read_fence<'a>(&'a self, event: &'a EventId) -> Reply<'a, Option<FenceRead>> {
        Box::pin(self.do_read_fence(event))
    }

    fn read_rows<'a>(&'a self, event: &'a EventId) -> Reply<'a, RowsRead> {
        Box::pin(self.do_read_rows(event))
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> Later<'a, CommitResult> {
        Box::pin(self.do_commit(batch))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
