//! The ledger, simulated: conditional batches on partitions in memory, one at a time.
//!
//! All conditions are looked at, as the servers do, against what was there before. The answer is
//! made as rows in a server's own shape and understood by [`cql::result`](crate::cql::result), the
//! code that reads the real ones. Wrong alternatives: answering "applied" or "refused" directly,
//! which would leave that code out of every world; a copy of all events for each batch, where a
//! world makes thousands; the embedded ledger, which is a file and has a clock of its own.
//!
//! What holds here:
//!
//! - Same calls, same answers: no clock, no chance, no order that hashing makes.
//! - Never [`Unknown`](CommitResult::Unknown) by itself: whose answer is lost, and which batch
//!   comes late, is for the world around it, which may hand a batch over at any time and as often
//!   as it likes.
//! - Reads and backups share their bytes with the ledger. A batch after a backup copies the rows of
//!   its event, once.
//!
//! That the real servers do the same is not claimed here but recorded: see [`history`].

mod answer;
mod damage;
pub mod history;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::answer::Answer;
use crate::domain::ids::{EventId, RowNumber};
use crate::domain::limits::BATCH_ROWS_MAX;
use crate::domain::seat::StoredSeat;
use crate::ports::ledger::{
    Batch, Blob, CommitResult, Fence, FenceRead, OpId, ReadError, RowsRead,
};

pub use damage::RowDamage;

/// Whose answers the ledger gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A row for each statement.
    Scylla,
    /// The rows that exist, and of an applied batch none.
    Cassandra,
}

impl Shape {
    /// Both.
    pub const ALL: [Shape; 2] = [Shape::Scylla, Shape::Cassandra];
}

/// A ledger in memory.
#[derive(Clone, Debug)]
pub struct SimLedger {
    shape: Shape,
    events: BTreeMap<EventId, Image>,
}

/// All that the ledger has of one event: a backup of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(Arc<Partition>);

/// An event's partition. It has its outbox as soon as it is there, since every batch has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Partition {
    fence: Fence,
    outbox: Stored,
    definition: Option<Stored>,
    seats: BTreeMap<RowNumber, Row>,
}

/// A blob row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    changed: i64,
    bytes: Arc<[u8]>,
}

/// A seat row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    seat: StoredSeat,
    /// That its status is a number which no release knows.
    unreadable: bool,
}

impl SimLedger {
    /// A ledger without events.
    #[must_use]
    pub fn new(shape: Shape) -> SimLedger {
        SimLedger { shape, events: BTreeMap::new() }
    }

    /// Reads an event's fence and outbox.
    ///
    /// # Errors
    /// Never, so far: no damage makes a fence unreadable.
    pub fn read_fence(&self, event: &EventId) -> Result<Option<FenceRead>, ReadError> {
        Ok(self.partition(event).map(|partition| FenceRead {
            fence: partition.fence.clone(),
            outbox_changed: partition.outbox.changed,
            outbox: Arc::clone(&partition.outbox.bytes),
        }))
    }

    /// Reads an event's definition and seats.
    ///
    /// # Errors
    /// A row was made one that no release could have written.
    pub fn read_rows(&self, event: &EventId) -> Result<RowsRead, ReadError> {
        let Some(partition) = self.partition(event) else {
            return Ok(RowsRead { definition: None, seats: vec![] });
        };
        let definition = partition.definition.as_ref();
        let seats: Result<_, String> = partition.seats.values().map(Row::read).collect();
        Ok(RowsRead {
            definition: definition.map(|stored| (stored.changed, Arc::clone(&stored.bytes))),
            seats: seats.map_err(ReadError::Corrupt)?,
        })
    }

    /// Takes a batch: writes it if all it expects is so, and answers as the server would.
    ///
    /// # Panics
    /// When the batch breaks the house's own bounds or names a place twice.
    pub fn commit(&mut self, batch: &Batch) -> CommitResult {
        assert_sendable(batch);
        let before = self.partition(&batch.event);
        let applied = holds(before, batch);
        let result = Answer::new(self.shape, before, batch, applied).decode();
        if applied {
            self.write(batch);
        }
        result
    }

    /// A backup of one event; `None` where the event is absent.
    #[must_use]
    pub fn image(&self, event: &EventId) -> Option<Image> {
        self.events.get(event).cloned()
    }

    /// Sets an event back to a backup; with `None` the event is gone.
    pub fn restore(&mut self, event: &EventId, image: Option<Image>) {
        match image {
            Some(image) => self.events.insert(event.clone(), image),
            None => self.events.remove(event),
        };
    }

    /// The events there are, sorted.
    pub fn events(&self) -> impl Iterator<Item = &EventId> {
        self.events.keys()
    }

    /// An event's seats by rising number, damaged or not.
    #[must_use]
    pub fn seats(&self, event: &EventId) -> Vec<StoredSeat> {
        let seats = self.partition(event).map(|partition| partition.seats.values());
        seats.into_iter().flatten().map(|row| row.seat.clone()).collect()
    }

    fn partition(&self, event: &EventId) -> Option<&Partition> {
        self.events.get(event).map(|image| &*image.0)
    }

    fn partition_mut(&mut self, event: &EventId) -> Option<&mut Partition> {
        self.events.get_mut(event).map(|image| Arc::make_mut(&mut image.0))
    }

    /// Writes a batch whose conditions hold.
    fn write(&mut self, batch: &Batch) {
        let Some(partition) = self.partition_mut(&batch.event) else {
            let mut seats = BTreeMap::new();
            write_seats(&mut seats, batch);
            let partition = Partition {
                fence: batch.next.clone(),
                outbox: written(None, &batch.outbox),
                definition: batch.definition.as_ref().map(|blob| written(None, blob)),
                seats,
            };
            self.events.insert(batch.event.clone(), Image(Arc::new(partition)));
            return;
        };
        partition.fence = batch.next.clone();
        partition.outbox = written(Some(&partition.outbox), &batch.outbox);
        if let Some(blob) = &batch.definition {
            partition.definition = Some(written(partition.definition.as_ref(), blob));
        }
        write_seats(&mut partition.seats, batch);
    }
}

impl Partition {
    fn last(&self) -> (i64, OpId) {
        (self.fence.revision, self.fence.op_id)
    }

    fn changed(&self, number: RowNumber) -> Option<i64> {
        self.seats.get(&number).map(|row| row.seat.changed)
    }
}

impl Row {
    fn read(&self) -> Result<StoredSeat, String> {
        if self.unreadable {
            return Err(format!("seat row {}: its status is not known", self.seat.number.0));
        }
        Ok(self.seat.clone())
    }
}

/// Whether all that a batch expects is so.
fn holds(before: Option<&Partition>, batch: &Batch) -> bool {
    let definition = before.and_then(|partition| partition.definition.as_ref());
    let changed = |stored: Option<&Stored>| stored.map(|stored| stored.changed);
    let changed_of = |number| before.and_then(|partition| partition.changed(number));
    before.map(Partition::last) == batch.expected.fence
        && before.map(|partition| partition.outbox.changed) == batch.outbox.guard
        && batch.definition.as_ref().is_none_or(|blob| changed(definition) == blob.guard)
        && batch.seats.iter().all(|seat| changed_of(seat.row.number) == seat.guard)
}

/// A blob row after a batch.
fn written(before: Option<&Stored>, blob: &Blob) -> Stored {
    let kept = || before.map(|stored| &stored.bytes).expect("its guard found the row");
    let bytes = Arc::clone(blob.bytes.as_ref().unwrap_or_else(kept));
    Stored { changed: blob.changed, bytes }
}

fn write_seats(rows: &mut BTreeMap<RowNumber, Row>, batch: &Batch) {
    let row = |seat: &StoredSeat| Row { seat: seat.clone(), unreadable: false };
    rows.extend(batch.seats.iter().map(|seat| (seat.row.number, row(&seat.row))));
}

/// Stops at what the driver would not send, or a server would take in some way of its own.
fn assert_sendable(batch: &Batch) {
    assert!(batch.seats.len() <= BATCH_ROWS_MAX, "a batch keeps to its bound of rows");
    for blob in std::iter::once(&batch.outbox).chain(&batch.definition) {
        let written = blob.bytes.is_some() || blob.guard.is_some();
        assert!(written, "a row that is not there yet is written with content");
    }
    // Of two rows for one place the servers keep the greater of each column.
    let number = |index: usize| batch.seats[index].row.number;
    let rising = (1..batch.seats.len()).all(|index| number(index - 1) < number(index));
    let distinct = || batch.seats.iter().map(|seat| seat.row.number).collect::<BTreeSet<_>>().len();
    assert!(rising || distinct() == batch.seats.len(), "a batch names each place once");
}
