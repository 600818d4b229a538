//! The ledger in the file: conditions are looked at and rows written in one transaction.
//!
//! Fences are read behind whatever is being written, so that a batch under way is before them.

use std::sync::Arc;

use redb::ReadableTable as _;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Error;
use super::store::Store;
use super::tables::{DEFINITIONS, SEATS, Tables};
use crate::domain::event::SaleState;
use crate::domain::ids::{BuyerId, EventId, Reference};
use crate::domain::seat::StoredSeat;
use crate::domain::time::At;
use crate::ports::ledger::{
    Batch, Blob, CommitResult, Conflict, Fence, FenceRead, Later, Ledger, LedgerId, OpId,
    ReadError, Reply, RowsRead, SeatColumns,
};

/// The file as a ledger.
#[derive(Clone)]
pub struct EmbeddedLedger {
    store: Arc<Store>,
}

impl EmbeddedLedger {
    /// The ledger of an open file.
    #[must_use]
    pub fn new(store: Arc<Store>) -> EmbeddedLedger {
        EmbeddedLedger { store }
    }

    /// Does something in the file's order of writing; `None` when nobody will ever know.
    async fn in_order<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error> + Send + 'static,
    ) -> Option<T> {
        let (report, told) = oneshot::channel();
        self.store.write(look, move |found| {
            // Whoever asked has gone.
            let _ = report.send(found);
        });
        told.await.ok()
    }

    async fn do_read_fence(&self, event: &EventId) -> Result<Option<FenceRead>, ReadError> {
        let event = event.clone();
        let read = self.in_order(move |tables| read_fence(tables, event.as_str())).await;
        read.ok_or_else(|| ReadError::Unavailable(self.store.why_dropped().to_string()))?
            .map_err(ReadError::Corrupt)
    }

    fn do_read_rows(&self, event: &EventId) -> Result<RowsRead, ReadError> {
        let event = event.as_str();
        let read = self.store.read(|read| {
            let definition = read.open_table(DEFINITIONS)?.get(event)?.map(|row| {
                let (changed, bytes) = row.value();
                (changed, Arc::from(bytes))
            });
            let mut seats = vec![];
            for row in read.open_table(SEATS)?.range((event, 0)..=(event, u32::MAX))? {
                let (key, value) = row?;
                seats.push(seat(key.value().1, value.value()));
            }
            Ok((definition, seats))
        });
        let unavailable = |error: Error| ReadError::Unavailable(error.to_string());
        let (definition, seats) = read.map_err(unavailable)?;
        let seats: Result<Vec<StoredSeat>, String> = seats.into_iter().collect();
        Ok(RowsRead { definition, seats: seats.map_err(ReadError::Corrupt)? })
    }

    async fn do_commit(&self, batch: &Batch) -> CommitResult {
        let batch = batch.clone();
        let result = self.in_order(move |tables| commit(tables, &batch)).await;
        result.unwrap_or_else(|| CommitResult::Unknown(self.store.why_dropped().to_string()))
    }
}

impl Ledger for EmbeddedLedger {
    fn describe(&self) -> String {
        format!("embedded ledger in {}", self.store.path().display())
    }

    fn identity(&self) -> &LedgerId {
        self.store.identity()
    }

    fn read_fence<'a>(&'a self, event: &'a EventId) -> Reply<'a, Option<FenceRead>> {
        Box::pin(self.do_read_fence(event))
    }

    fn read_rows<'a>(&'a self, event: &'a EventId) -> Reply<'a, RowsRead> {
        Box::pin(async move { self.do_read_rows(event) })
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> Later<'a, CommitResult> {
        Box::pin(self.do_commit(batch))
    }
}

/// Looks at all conditions, then writes all or nothing.
fn commit(tables: &mut Tables<'_>, batch: &Batch) -> Result<CommitResult, redb::Error> {
    let event = batch.event.as_str();
    let stored = tables.fences.get(event)?.map(|fence| {
        let (_, revision, op_id, ..) = fence.value();
        (revision, OpId(Uuid::from_u128(op_id)))
    });
    if stored != batch.expected.fence || !guards_hold(tables, batch)? {
        return Ok(CommitResult::Rejected(Conflict { fence: stored }));
    }
    let next = &batch.next;
    let fence = (
        next.term,
        next.revision,
        next.op_id.0.as_u128(),
        next.sequence,
        next.edition,
        next.applied_offset,
        next.published_below,
        next.decided_at.0,
        next.sale as i32,
        next.suspended.as_str(),
    );
    tables.fences.insert(event, fence)?;
    write_blob(&mut tables.outboxes, event, &batch.outbox)?;
    if let Some(definition) = &batch.definition {
        write_blob(&mut tables.definitions, event, definition)?;
    }
    for guarded in &batch.seats {
        let row = &guarded.row;
        let reference = row.reference.as_ref().map_or("", Reference::as_str);
        let value = (
            row.status as i8,
            row.hold.0.as_u128(),
            row.buyer.as_ref().map_or("", BuyerId::as_str),
            row.deadline.0,
            row.price,
            row.tier,
            reference,
            row.cause as u8,
            row.offset,
            row.changed,
            row.block.as_deref().unwrap_or(""),
        );
        tables.seats.insert((event, row.number.0), value)?;
    }
    Ok(CommitResult::Applied)
}

fn guards_hold(tables: &Tables<'_>, batch: &Batch) -> Result<bool, redb::Error> {
    let event = batch.event.as_str();
    let outbox = tables.outboxes.get(event)?.map(|row| row.value().0);
    if outbox != batch.outbox.guard {
        return Ok(false);
    }
    if let Some(definition) = &batch.definition
        && tables.definitions.get(event)?.map(|row| row.value().0) != definition.guard
    {
        return Ok(false);
    }
    for guarded in &batch.seats {
        let row = tables.seats.get((event, guarded.row.number.0))?;
        if row.map(|row| row.value().9) != guarded.guard {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_blob(
    table: &mut redb::Table<'_, &'static str, super::tables::BlobValue>,
    event: &str,
    blob: &Blob,
) -> Result<(), redb::Error> {
    let kept: Arc<[u8]> = match &blob.bytes {
        Some(bytes) => Arc::clone(bytes),
        None => table.get(event)?.map_or_else(|| Arc::from([]), |row| Arc::from(row.value().1)),
    };
    table.insert(event, (blob.changed, &*kept))?;
    Ok(())
}

/// The fence and the outbox, or what is wrong with them.
fn read_fence(
    tables: &Tables<'_>,
    event: &str,
) -> Result<Result<Option<FenceRead>, String>, redb::Error> {
    let Some(stored) = tables.fences.get(event)? else { return Ok(Ok(None)) };
    let outbox = tables.outboxes.get(event)?;
    let (outbox_changed, outbox) = outbox.as_ref().map_or((0, &[][..]), |row| row.value());
    let (term, revision, op_id, sequence, edition, applied_offset, ..) = stored.value();
    let (.., published_below, decided_at, sale, suspended) = stored.value();
    let Some(sale) = SaleState::from_number(sale) else {
        return Ok(Err(format!("sale state {sale} is not known")));
    };
    let fence = Fence {
        term,
        revision,
        op_id: OpId(Uuid::from_u128(op_id)),
        sequence,
        edition,
        applied_offset,
        published_below,
        decided_at: At(decided_at),
        sale,
        suspended: suspended.to_owned(),
    };
    Ok(Ok(Some(FenceRead { fence, outbox_changed, outbox: Arc::from(outbox) })))
}

/// A place, or what is wrong with its row.
fn seat(number: u32, columns: SeatRow<'_>) -> Result<StoredSeat, String> {
    let (status, hold, buyer, deadline, price, tier, reference, cause, offset, changed, block) =
        columns;
    let columns = SeatColumns {
        row: i32::try_from(number).unwrap_or(-1),
        changed,
        status,
        hold: Uuid::from_u128(hold),
        buyer,
        deadline,
        price,
        tier: i32::from(tier),
        reference,
        cause: i32::from(cause),
        offset,
        block,
    };
    columns.read()
}

type SeatRow<'a> = (i8, u128, &'a str, i64, i64, u16, &'a str, u8, i64, i64, &'a str);
