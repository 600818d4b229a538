//! When a batch is written, and when nothing of it is.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use holdfast::ports::ledger::{Blob, CommitResult, OpId};
use uuid::Uuid;

use super::batches::{
    expect_applied, expect_fence, expect_nothing_written, expect_rejected, following, freed, fresh,
    held, making,
};
use super::bench::{Bench, run};

/// How often two writers meet.
const MEETINGS: i64 = 30;

pub(super) fn a_batch_that_finds_what_it_expects_is_written(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![held(3, 1, None), freed(4, 1, None)]);
        expect_applied(ledger, &made).await?;
        expect_fence(ledger, &made).await?;
        // Rows that are there, that were freed and that are absent.
        let seats = vec![held(3, 2, Some(1)), held(4, 2, Some(1)), held(5, 2, None)];
        let mut sold = following(&made, seats);
        let definition = Blob { changed: 2, bytes: Some(Arc::from(*b"wider")), guard: Some(1) };
        sold.definition = Some(definition);
        expect_applied(ledger, &sold).await?;
        expect_fence(ledger, &sold).await?;
        let rows = ledger.read_rows(&made.event).await?;
        ensure!(rows.definition == Some((2, Arc::from(*b"wider"))), "{:?}", rows.definition);
        ensure!(rows.seats.iter().eq(sold.seats.iter().map(|seat| &seat.row)), "{rows:?}");
        Ok(())
    })
}

pub(super) fn an_event_is_made_once(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let event = fresh();
        let made = making(&event, vec![]);
        ensure!(ledger.read_fence(&made.event).await?.is_none(), "there before it was made");
        expect_rejected(ledger, &following(&made, vec![held(0, 2, None)]), None).await?;
        ensure!(ledger.read_fence(&made.event).await?.is_none(), "made by what was refused");
        let rows = ledger.read_rows(&made.event).await?;
        ensure!(rows.seats.is_empty() && rows.definition.is_none(), "{rows:?}");
        expect_applied(ledger, &made).await?;
        expect_rejected(ledger, &making(&event, vec![]), Some(&made.next)).await?;
        expect_fence(ledger, &made).await
    })
}

pub(super) fn a_stale_revision_is_refused_and_shows_the_fence(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![]);
        expect_applied(ledger, &made).await?;
        let mut next = following(&made, vec![held(0, 2, None)]);
        for revision in [0, 2, 9] {
            next.expected.fence = Some((revision, made.next.op_id));
            expect_rejected(ledger, &next, Some(&made.next)).await?;
        }
        expect_fence(ledger, &made).await?;
        next.expected.fence = Some((1, made.next.op_id));
        expect_applied(ledger, &next).await
    })
}

pub(super) fn another_batch_under_the_same_revision_is_refused(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![]);
        expect_applied(ledger, &made).await?;
        let mut next = following(&made, vec![held(0, 2, None)]);
        next.expected.fence = Some((1, OpId(Uuid::now_v7())));
        expect_rejected(ledger, &next, Some(&made.next)).await?;
        expect_fence(ledger, &made).await
    })
}

pub(super) fn a_batch_sent_again_is_refused_and_shows_its_id(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![]);
        expect_applied(ledger, &made).await?;
        expect_rejected(ledger, &made, Some(&made.next)).await?;
        let sold = following(&made, vec![held(0, 2, None), held(7, 2, None)]);
        expect_applied(ledger, &sold).await?;
        for _ in 0..3 {
            expect_rejected(ledger, &sold, Some(&sold.next)).await?;
        }
        expect_fence(ledger, &sold).await
    })
}

/// Guards on rows that are there, that are not, and that were freed, with a fence that matches.
pub(super) fn a_failed_seat_guard_writes_nothing(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![]);
        expect_applied(ledger, &made).await?;
        let sold = following(&made, vec![held(0, 2, None), freed(1, 2, None)]);
        expect_applied(ledger, &sold).await?;
        let rows = ledger.read_rows(&made.event).await?;
        let wrong_guards = [
            (0, None),    // there, taken for absent
            (0, Some(1)), // there, changed since
            (1, None),    // freed, taken for absent
            (5, Some(2)), // absent, taken for there
        ];
        for (number, guard) in wrong_guards {
            let wrong = held(number, 3, guard);
            let alone = following(&sold, vec![wrong.clone()]);
            expect_rejected(ledger, &alone, Some(&sold.next)).await?;
            expect_nothing_written(ledger, &sold, &rows).await?;
            // Each row once: the company of the freed one is another.
            let other = if number == 1 { held(0, 3, Some(2)) } else { held(1, 3, Some(2)) };
            let in_company = following(&sold, vec![other, wrong, held(9, 3, None)]);
            expect_rejected(ledger, &in_company, Some(&sold.next)).await?;
            expect_nothing_written(ledger, &sold, &rows).await?;
        }
        let right = vec![held(0, 3, Some(2)), held(1, 3, Some(2)), held(5, 3, None)];
        expect_applied(ledger, &following(&sold, right)).await
    })
}

pub(super) fn a_failed_outbox_guard_writes_nothing(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![held(0, 1, None)]);
        expect_applied(ledger, &made).await?;
        let rows = ledger.read_rows(&made.event).await?;
        // A row that must be absent is not without content.
        let other = || Some(Arc::from(*b"other entries"));
        for (guard, bytes) in [(None, other()), (Some(77), other()), (Some(77), None)] {
            let mut wrong = following(&made, vec![held(0, 2, Some(1)), held(9, 2, None)]);
            (wrong.outbox.guard, wrong.outbox.bytes) = (guard, bytes);
            expect_rejected(ledger, &wrong, Some(&made.next)).await?;
            expect_nothing_written(ledger, &made, &rows).await?;
        }
        Ok(())
    })
}

pub(super) fn a_failed_definition_guard_writes_nothing(bench: &Bench) -> Result<()> {
    run(async {
        let ledger = &*bench.open().await?;
        let made = making(&fresh(), vec![held(0, 1, None)]);
        let mut undefined = making(&fresh(), vec![held(0, 1, None)]);
        undefined.definition = None;
        for (before, guard) in [(&made, None), (&made, Some(77)), (&undefined, Some(1))] {
            // The second is there already.
            if ledger.read_fence(&before.event).await?.is_none() {
                expect_applied(ledger, before).await?;
            }
            let rows = ledger.read_rows(&before.event).await?;
            let mut wrong = following(before, vec![held(0, 2, Some(1)), held(9, 2, None)]);
            wrong.definition =
                Some(Blob { changed: 2, bytes: Some(Arc::from(*b"other layout")), guard });
            expect_rejected(ledger, &wrong, Some(&before.next)).await?;
            expect_nothing_written(ledger, before, &rows).await?;
        }
        Ok(())
    })
}

pub(super) fn of_two_writers_one_wins(bench: &Bench) -> Result<()> {
    run(async {
        let (first, second) = (bench.open().await?, bench.open().await?);
        let mut last = making(&fresh(), vec![]);
        expect_applied(&*first, &last).await?;
        for changed in 2..2 + MEETINGS {
            let guard = (changed > 2).then(|| changed - 1);
            let ours = following(&last, vec![held(0, changed, guard)]);
            let theirs = following(&last, vec![held(0, changed, guard)]);
            let results = tokio::join!(first.commit(&ours), second.commit(&theirs));
            last = match results {
                (CommitResult::Applied, CommitResult::Rejected(_)) => ours,
                (CommitResult::Rejected(_), CommitResult::Applied) => theirs,
                other => bail!("both or none: {other:?}"),
            };
            expect_fence(&*first, &last).await?;
        }
        let rows = first.read_rows(&last.event).await?;
        ensure!(rows.seats == [last.seats[0].row.clone()], "the loser's row is there");
        Ok(())
    })
}
