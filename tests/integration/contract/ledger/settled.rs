//! What has been settled stays, and is seen by whoever looks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::ports::ledger::{Batch, Ledger};

use super::batches::{
    expect_applied, expect_fence, expect_rejected, following, fresh, held, making, settle,
};
use super::bench::{Bench, run};

/// Batches of one event, one after another.
const BATCHES: i64 = 30;
/// After how long whoever sent a batch has gone, in microseconds.
const GONE_AFTER: [u64; 8] = [0, 0, 200, 500, 1_000, 3_000, 10_000, 30_000];

/// Read by the writer itself and past it.
pub(super) fn a_read_sees_every_settled_batch(bench: &Bench) -> Result<()> {
    run(async {
        let (writer, other) = (bench.open().await?, bench.open().await?);
        let mut last = making(&fresh(), vec![held(0, 1, None)]);
        expect_applied(&*writer, &last).await?;
        for changed in 2..BATCHES {
            let next = following(&last, vec![held(0, changed, Some(changed - 1))]);
            expect_applied(&*writer, &next).await?;
            for reader in [&other, &writer] {
                let rows = reader.read_rows(&next.event).await?;
                ensure!(rows.seats == [next.seats[0].row.clone()], "rows as of before {changed}");
                let seen = expect_fence(&**reader, &next).await;
                seen.with_context(|| format!("the fence as of before {changed}"))?;
            }
            last = next;
        }
        Ok(())
    })
}

/// Read while batches are under way: what was seen once is seen from then on, and each fence with
/// the outbox of its own batch.
pub(super) fn fence_reads_never_go_back(bench: &Bench) -> Result<()> {
    run(async {
        let (writer, reader) = (bench.open().await?, bench.open().await?);
        let mut last = making(&fresh(), vec![]);
        last.outbox.bytes = Some(Arc::from(1_i64.to_be_bytes()));
        expect_applied(&*writer, &last).await?;
        let event = last.event.clone();
        let writing = tokio::spawn(write_on(writer, last));
        let mut highest = 0;
        while highest < BATCHES {
            let read = reader.read_fence(&event).await?.context("absent")?;
            let revision = read.fence.revision;
            ensure!(revision >= highest, "the revision fell from {highest} to {revision}");
            let own = *read.outbox == revision.to_be_bytes() && read.outbox_changed == revision;
            ensure!(own, "revision {revision} with another batch's outbox");
            highest = revision;
        }
        writing.await?
    })
}

async fn write_on(writer: Arc<dyn Ledger>, mut last: Batch) -> Result<()> {
    for revision in 2..=BATCHES {
        last = following(&last, vec![]);
        last.outbox.bytes = Some(Arc::from(revision.to_be_bytes()));
        // A read may get in the way of a batch, which is unknown then.
        settle(&*writer, &last).await?;
    }
    Ok(())
}

/// Whoever sent it has gone at any moment, and somebody sends it again.
pub(super) fn a_batch_dropped_is_settled_by_sending_it_again(bench: &Bench) -> Result<()> {
    run(async {
        let (first, second) = (bench.open().await?, bench.open().await?);
        let mut last = making(&fresh(), vec![held(0, 1, None)]);
        expect_applied(&*first, &last).await?;
        for (changed, gone_after) in (2..).zip(GONE_AFTER) {
            let next = following(&last, vec![held(0, changed, Some(changed - 1))]);
            let gone_after = Duration::from_micros(gone_after);
            // Where the answer came all the same, it is as if it had been lost.
            let _ = tokio::time::timeout(gone_after, first.commit(&next)).await;
            settle(&*second, &next).await?;
            for sender in [&first, &second] {
                expect_rejected(&**sender, &next, Some(&next.next)).await?;
            }
            expect_fence(&*second, &next).await?;
            let rows = second.read_rows(&next.event).await?;
            let own = rows.seats == [next.seats[0].row.clone()];
            ensure!(own, "not the row of the batch settled: {rows:?}");
            last = next;
        }
        Ok(())
    })
}

pub(super) fn the_identity_stays(bench: &Bench) -> Result<()> {
    run(async {
        let first = bench.open().await?;
        let identity = first.identity().clone();
        ensure!(!identity.id.is_nil() && !identity.cluster.is_empty(), "it has no name");
        ensure!(*bench.open().await?.identity() == identity, "another identity at a time");
        drop(first);
        ensure!(*bench.open().await?.identity() == identity, "another identity after that");
        Ok(())
    })
}

pub(super) fn what_was_applied_stays(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = bench.open().await?;
        let made = making(&fresh(), vec![held(0, 1, None)]);
        expect_applied(&*ledger, &made).await?;
        let sold = following(&made, vec![held(0, 2, Some(1)), held(1, 2, None)]);
        expect_applied(&*ledger, &sold).await?;
        let rows = ledger.read_rows(&made.event).await?;
        drop(ledger);
        let ledger = bench.open().await?;
        expect_fence(&*ledger, &sold).await?;
        ensure!(ledger.read_rows(&made.event).await? == rows, "other rows than before");
        expect_rejected(&*ledger, &sold, Some(&sold.next)).await
    })
}
