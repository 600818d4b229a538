//! Batches to be sent, and what is expected of their answers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast::domain::event::SaleState;
use holdfast::domain::ids::{BuyerId, EventId, RequestId, RowNumber};
use holdfast::domain::seat::{Cause, Status, StoredSeat};
use holdfast::domain::time::At;
use holdfast::ports::ledger::{
    Batch, Blob, CommitResult, Conflict, Expected, Fence, GuardedSeat, Ledger, OpId, RowsRead,
};
use uuid::Uuid;

use crate::stack::unique;

/// How often a batch is sent before it must be settled.
const SETTLED_AFTER_MAX: u32 = 100;

/// An event nobody else has.
pub(super) fn fresh() -> String {
    unique("event")
}

/// The batch that makes an event.
pub(crate) fn making(event: &str, seats: Vec<GuardedSeat>) -> Batch {
    Batch {
        event: EventId::new(event).expect("a name"),
        expected: Expected { fence: None },
        next: Fence {
            term: 11,
            revision: 1,
            op_id: OpId(Uuid::now_v7()),
            sequence: 6,
            edition: 3,
            applied_offset: 40,
            published_below: 39,
            decided_at: At(1_790_000_000_000),
            sale: SaleState::NotOpen,
            suspended: String::new(),
        },
        outbox: Blob { changed: 1, bytes: Some(Arc::from(*b"entries")), guard: None },
        definition: Some(Blob { changed: 1, bytes: Some(Arc::from(*b"layout")), guard: None }),
        seats,
    }
}

/// The batch that follows another one: of seats only.
pub(crate) fn following(before: &Batch, seats: Vec<GuardedSeat>) -> Batch {
    let Fence { revision, op_id, sequence, applied_offset, .. } = before.next;
    let mut next = before.next.clone();
    next.revision = revision + 1;
    next.op_id = OpId(Uuid::now_v7());
    next.sequence = sequence + 1;
    next.applied_offset = applied_offset + 1;
    Batch {
        event: before.event.clone(),
        expected: Expected { fence: Some((revision, op_id)) },
        next,
        outbox: Blob {
            changed: before.outbox.changed + 1,
            bytes: Some(Arc::from(*b"more entries")),
            guard: Some(before.outbox.changed),
        },
        definition: None,
        seats,
    }
}

/// A place that is set aside.
pub(crate) fn held(number: u32, changed: i64, guard: Option<i64>) -> GuardedSeat {
    let row = StoredSeat {
        number: RowNumber(number),
        status: Status::Held,
        hold: RequestId(Uuid::now_v7()),
        buyer: Some(BuyerId::new("buyer-1").expect("a name")),
        deadline: At(1_790_000_600_000),
        price: 4_500,
        tier: 3,
        reference: None,
        cause: Cause::None,
        offset: 40,
        changed,
        block: None,
    };
    GuardedSeat { row, guard }
}

/// A place that a lapsed hold has left.
pub(super) fn freed(number: u32, changed: i64, guard: Option<i64>) -> GuardedSeat {
    let mut seat = held(number, changed, guard);
    seat.row.status = Status::Free;
    seat.row.cause = Cause::Expired;
    seat.row.deadline = At(0);
    seat
}

pub(crate) async fn expect_applied(ledger: &dyn Ledger, batch: &Batch) -> Result<()> {
    let result = ledger.commit(batch).await;
    ensure!(result == CommitResult::Applied, "not applied: {result:?}");
    Ok(())
}

/// With the conflict that shows this fence.
pub(crate) async fn expect_rejected(
    ledger: &dyn Ledger,
    batch: &Batch,
    fence: Option<&Fence>,
) -> Result<()> {
    let fence = fence.map(|fence| (fence.revision, fence.op_id));
    let result = ledger.commit(batch).await;
    let wanted = CommitResult::Rejected(Conflict { fence });
    ensure!(result == wanted, "{result:?} and not {wanted:?}");
    Ok(())
}

/// That this batch was the last.
pub(crate) async fn expect_fence(ledger: &dyn Ledger, batch: &Batch) -> Result<()> {
    let read = ledger.read_fence(&batch.event).await?.context("the event is absent")?;
    ensure!(read.fence == batch.next, "{:?} and not {:?}", read.fence, batch.next);
    let changed = read.outbox_changed;
    ensure!(changed == batch.outbox.changed, "the outbox changed at {changed}");
    if let Some(bytes) = &batch.outbox.bytes {
        ensure!(read.outbox == *bytes, "the outbox has {} bytes", read.outbox.len());
    }
    Ok(())
}

/// That this batch was the last, and the rows are what they were.
pub(super) async fn expect_nothing_written(
    ledger: &dyn Ledger,
    last: &Batch,
    rows: &RowsRead,
) -> Result<()> {
    ensure!(ledger.read_rows(&last.event).await? == *rows, "a refused batch left something");
    expect_fence(ledger, last).await.context("a refused batch left something")
}

/// As an owner does: the same batch until it is settled.
pub(crate) async fn settle(ledger: &dyn Ledger, batch: &Batch) -> Result<()> {
    for _ in 0..SETTLED_AFTER_MAX {
        match ledger.commit(batch).await {
            CommitResult::Applied => return Ok(()),
            CommitResult::Rejected(Conflict { fence: Some((_, op_id)) })
                if op_id == batch.next.op_id =>
            {
                return Ok(());
            }
            CommitResult::Unknown(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            other @ CommitResult::Rejected(_) => bail!("settled as {other:?}"),
        }
    }
    bail!("sent {SETTLED_AFTER_MAX} times and not settled")
}
