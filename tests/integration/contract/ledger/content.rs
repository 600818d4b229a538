//! What was written is what is read.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use holdfast::domain::ids::{EventId, Reference, RequestId, RowNumber};
use holdfast::domain::limits::{BATCH_ROWS_MAX, OUTBOX_BYTES_MAX};
use holdfast::domain::seat::{Cause, Status, StoredSeat};
use holdfast::domain::time::At;
use holdfast::ports::ledger::{Blob, GuardedSeat};

use super::batches::{
    expect_applied, expect_fence, expect_rejected, following, freed, fresh, held, making, settle,
};
use super::bench::{Bench, run};

/// More than a driver reads at once.
const MANY_ROWS: u32 = 6_000;

/// As a takeover does, which only moves the fence.
pub(super) fn a_blob_without_bytes_keeps_its_content(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![]);
        expect_applied(ledger, &made).await?;
        let mut takeover = following(&made, vec![]);
        takeover.next.term = 12;
        takeover.next.suspended = "looks wrong".to_owned();
        takeover.outbox.bytes = None;
        takeover.definition = Some(Blob { changed: 2, bytes: None, guard: Some(1) });
        expect_applied(ledger, &takeover).await?;
        expect_fence(ledger, &takeover).await?;
        let read = ledger.read_fence(&made.event).await?.context("absent")?;
        ensure!(*read.outbox == *b"entries", "the outbox is {:?}", read.outbox);
        let definition = ledger.read_rows(&made.event).await?.definition.context("absent")?;
        ensure!(definition == (2, Arc::from(*b"layout")), "the definition is {definition:?}");
        Ok(())
    })
}

/// Rows of every kind, with columns at their ends, in no order.
fn all_sorts() -> Vec<GuardedSeat> {
    let mut seats: Vec<GuardedSeat> = (0..MANY_ROWS).map(|n| held(n, 1, None)).collect();
    seats[1].row.status = Status::Booked;
    seats[1].row.reference = Some(Reference::new("pay:1").expect("a name"));
    seats[2].row.status = Status::Free;
    seats[2].row.cause = Cause::Released;
    seats[2].row.hold = RequestId::NONE;
    seats[2].row.buyer = None;
    seats[2].row.deadline = At(0);
    seats[3].row.tier = u16::MAX;
    seats[3].row.price = i64::MAX;
    seats[3].row.offset = i64::MAX;
    seats[4].row.block = Some("for the press".into());
    seats[5].row.status = Status::Blocked;
    seats[5].row.hold = RequestId::NONE;
    seats[5].row.buyer = None;
    seats[5].row.block = Some("behind a pillar".into());
    seats[6] = freed(6, 1, None);
    seats[6].row.cause = Cause::Cancelled;
    seats[6].row.reference = Some(Reference::new("pay:2").expect("a name"));
    seats[5_999].row.number = RowNumber(199_999);
    seats.rotate_left(2_500);
    seats
}

pub(super) fn rows_come_back_as_written(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), all_sorts());
        settle(ledger, &made).await?;
        let rows = ledger.read_rows(&made.event).await?;
        let mut written: Vec<StoredSeat> = made.seats.iter().map(|seat| seat.row.clone()).collect();
        written.sort_by_key(|row| row.number);
        let (found, wanted) = (rows.seats.len(), written.len());
        ensure!(found == wanted, "{found} rows and not {wanted}");
        for (index, (found, wanted)) in rows.seats.iter().zip(&written).enumerate() {
            ensure!(found == wanted, "row {index} is {found:?} and not {wanted:?}");
        }
        ensure!(rows.definition == Some((1, Arc::from(*b"layout"))), "{:?}", rows.definition);
        expect_fence(ledger, &made).await
    })
}

pub(super) fn the_largest_batch_is_taken_whole(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let rows = u32::try_from(BATCH_ROWS_MAX)?;
        let mut made = making(&fresh(), (0..rows).map(|n| held(n, 1, None)).collect());
        made.outbox.bytes = Some(vec![7; OUTBOX_BYTES_MAX].into());
        settle(ledger, &made).await?;
        expect_fence(ledger, &made).await?;
        let again = (0..rows).map(|n| held(n, 2, Some(1))).collect();
        settle(ledger, &following(&made, again)).await?;
        let seats = ledger.read_rows(&made.event).await?.seats;
        ensure!(seats.len() == BATCH_ROWS_MAX, "{} rows", seats.len());
        ensure!(seats.iter().all(|seat| seat.changed == 2), "not all rows were changed");
        Ok(())
    })
}

/// Events whose names begin alike, and one that nobody has made.
pub(super) fn events_are_apart(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let name = fresh();
        let short = making(&name, vec![held(0, 1, None), held(2, 1, None)]);
        let long = making(&format!("{name}-2"), vec![held(0, 1, None), held(1, 1, None)]);
        expect_applied(ledger, &short).await?;
        expect_applied(ledger, &long).await?;
        // Row 2 is there in one of them only.
        let wrong = following(&long, vec![held(2, 2, Some(1))]);
        expect_rejected(ledger, &wrong, Some(&long.next)).await?;
        let moved = following(&long, vec![held(0, 2, Some(1)), held(2, 2, None)]);
        expect_applied(ledger, &moved).await?;
        expect_fence(ledger, &short).await?;
        expect_fence(ledger, &moved).await?;
        let rows = ledger.read_rows(&short.event).await?.seats;
        let own = short.seats.iter().map(|seat| &seat.row);
        ensure!(rows.iter().eq(own), "rows of another event: {rows:?}");
        let nobody = EventId::new(&fresh())?;
        let rows = ledger.read_rows(&nobody).await?;
        ensure!(rows.definition.is_none() && rows.seats.is_empty(), "rows of another event");
        ensure!(ledger.read_fence(&nobody).await?.is_none(), "a fence of nobody's");
        Ok(())
    })
}
