//! Ledgers with one fault each: the recorded histories find every one.

use std::sync::Arc;

use super::super::History;
use super::super::replay::{Commit, Replay};
use super::RECORDED;
use crate::domain::ids::RowNumber;
use crate::ports::ledger::{Batch, Blob, CommitResult, Conflict, GuardedSeat};
use crate::sim::ledger::{Partition, Shape, SimLedger, write_seats};

/// So that no fault is found by one lucky history alone.
const FOUND_MIN: usize = 5;

fn check(fault: &str, commit: Commit) {
    for shape in Shape::ALL {
        let found = |history: &&History| Replay::with(shape, commit).run(history).is_err();
        let found = RECORDED.iter().filter(found).count();
        assert!(found >= FOUND_MIN, "a ledger that {fault}, {shape:?}: {found} notice it");
    }
}

/// A fault of what the ledger makes of a batch before it takes it.
fn misread(
    ledger: &mut SimLedger,
    batch: &Batch,
    misread: impl FnOnce(&mut Batch, Option<&Partition>),
) -> CommitResult {
    let mut misread_batch = batch.clone();
    misread(&mut misread_batch, ledger.partition(&batch.event));
    ledger.commit(&misread_batch)
}

fn changed(partition: Option<&Partition>, number: RowNumber) -> Option<i64> {
    partition.and_then(|partition| partition.changed(number))
}

#[test]
fn faults_of_the_fence_are_found() {
    check("ignores the revision", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            let stored = stored.map(Partition::last);
            if batch.expected.fence.map(|fence| fence.1) == stored.map(|fence| fence.1) {
                batch.expected.fence = stored;
            }
        })
    });
    check("compares the revision only", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            let stored = stored.map(Partition::last);
            if batch.expected.fence.map(|fence| fence.0) == stored.map(|fence| fence.0) {
                batch.expected.fence = stored;
            }
        })
    });
    check("makes an event that is there", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            let stored = stored.map(Partition::last);
            batch.expected.fence = batch.expected.fence.and(stored);
        })
    });
    check("makes an event by the way", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            if stored.is_none() {
                batch.expected.fence = None;
            }
        })
    });
}

#[test]
fn faults_of_the_guards_are_found() {
    check("ignores guards of seats", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            for seat in &mut batch.seats {
                seat.guard = changed(stored, seat.row.number);
            }
        })
    });
    check("takes absent seats for any", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            for seat in &mut batch.seats {
                seat.guard = seat.guard.or_else(|| changed(stored, seat.row.number));
            }
        })
    });
    check("looks at the first seat only", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            for seat in batch.seats.iter_mut().skip(1) {
                seat.guard = changed(stored, seat.row.number);
            }
        })
    });
    check("ignores the guard of the outbox", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            // What keeps its bytes has a guard in any case.
            if batch.outbox.bytes.is_some() {
                batch.outbox.guard = stored.map(|stored| stored.outbox.changed);
            }
        })
    });
    check("ignores the guard of the definition", |ledger, batch| {
        misread(ledger, batch, |batch, stored| {
            let stored = stored.and_then(|stored| stored.definition.as_ref());
            if let Some(blob) = batch.definition.as_mut().filter(|blob| blob.bytes.is_some()) {
                blob.guard = stored.map(|stored| stored.changed);
            }
        })
    });
}

#[test]
fn faults_of_the_answer_are_found() {
    check("says of a batch sent again that it is applied", |ledger, batch| {
        let result = ledger.commit(batch);
        let own = Some((batch.next.revision, batch.next.op_id));
        let again = result == CommitResult::Rejected(Conflict { fence: own });
        if again { CommitResult::Applied } else { result }
    });
    check("hides the fence", |ledger, batch| match ledger.commit(batch) {
        CommitResult::Rejected(_) => CommitResult::Rejected(Conflict { fence: None }),
        result @ (CommitResult::Applied | CommitResult::Unknown(_)) => result,
    });
    check("shows the fence that was expected", |ledger, batch| match ledger.commit(batch) {
        CommitResult::Rejected(_) => {
            CommitResult::Rejected(Conflict { fence: batch.expected.fence })
        }
        result @ (CommitResult::Applied | CommitResult::Unknown(_)) => result,
    });
    check("shows the fence after a batch", |ledger, batch| {
        let fence = Some((batch.next.revision, batch.next.op_id));
        match ledger.commit(batch) {
            CommitResult::Rejected(_) => CommitResult::Rejected(Conflict { fence }),
            result @ (CommitResult::Applied | CommitResult::Unknown(_)) => result,
        }
    });
}

#[test]
fn faults_of_what_is_written_are_found() {
    check("writes nothing", |ledger, batch| {
        let before = ledger.image(&batch.event);
        let result = ledger.commit(batch);
        ledger.restore(&batch.event, before);
        result
    });
    check("writes what it can of a batch that it refuses", |ledger, batch| {
        let result = ledger.commit(batch);
        if let (CommitResult::Rejected(_), Some(partition)) =
            (&result, ledger.partition_mut(&batch.event))
        {
            write_seats(&mut partition.seats, batch);
        }
        result
    });
    check("loses the last of many rows", |ledger, batch| {
        let result = ledger.commit(batch);
        if let [_, .., GuardedSeat { row, guard: None }] = &*batch.seats
            && let (CommitResult::Applied, Some(partition)) =
                (&result, ledger.partition_mut(&batch.event))
        {
            partition.seats.remove(&row.number);
        }
        result
    });
    check("forgets content that is kept", |ledger, batch| {
        misread(ledger, batch, |batch, _| {
            batch.outbox.bytes.get_or_insert_with(|| Arc::from([]));
        })
    });
    check("leaves `changed` as it is where content is kept", |ledger, batch| {
        misread(ledger, batch, |batch, _| {
            if let Blob { changed, bytes: None, guard: Some(guard) } = &mut batch.outbox {
                *changed = *guard;
            }
        })
    });
    check("writes no reason to be suspended", |ledger, batch| {
        misread(ledger, batch, |batch, _| batch.next.suspended.clear())
    });
    check("writes no references", |ledger, batch| {
        misread(ledger, batch, |batch, _| {
            batch.seats.iter_mut().for_each(|seat| seat.row.reference = None);
        })
    });
    check("cuts large content", |ledger, batch| {
        misread(ledger, batch, |batch, _| {
            batch.outbox.bytes =
                batch.outbox.bytes.take().map(|bytes| bytes[..bytes.len().min(65_535)].into());
        })
    });
}
