//! How a faulty ledger commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast::domain::ids::{EventId, RowNumber};
use holdfast::embedded::EmbeddedLedger;
use holdfast::ports::ledger::{
    Batch, Blob, CommitResult, Conflict, Expected, Ledger as _, OpId, ReadError,
};

use super::Fault;

/// How long whoever takes two steps is between them.
const BETWEEN: Duration = Duration::from_millis(5);

pub(super) async fn commit(inner: &EmbeddedLedger, fault: Fault, mut batch: Batch) -> CommitResult {
    let found = match Found::read(inner, &batch.event).await {
        Ok(found) => found,
        Err(error) => return CommitResult::Unknown(error.to_string()),
    };
    let expected = batch.expected;
    match fault {
        Fault::WritesNothing => return CommitResult::Applied,
        Fault::RefusesAll => return CommitResult::Rejected(Conflict { fence: found.fence }),
        Fault::AnswersAppliedAgain if found.op_id() == Some(batch.next.op_id) => {
            return CommitResult::Applied;
        }
        Fault::WritesWhatItCan => return what_can_be(inner, batch, &found).await,
        Fault::WritesInTwoSteps => return in_two_steps(inner, batch).await,
        Fault::LooksThenWrites if found.fence == expected.fence => {
            tokio::time::sleep(BETWEEN).await;
            if let Ok(found) = Found::read(inner, &batch.event).await {
                found.suit(&mut batch);
            }
        }
        _ => change(fault, &mut batch, &found),
    }
    match (inner.commit(&batch).await, fault) {
        (CommitResult::Rejected(_), Fault::HidesTheFence) => {
            CommitResult::Rejected(Conflict { fence: None })
        }
        (CommitResult::Rejected(_), Fault::EchoesTheFence) => {
            CommitResult::Rejected(Conflict { fence: expected.fence })
        }
        (result, _) => result,
    }
}

/// Makes a batch expect or write something else.
fn change(fault: Fault, batch: &mut Batch, found: &Found) {
    match fault {
        Fault::MakesAnew if batch.expected.fence.is_none() => found.suit(batch),
        Fault::MakesByTheWay if found.fence.is_none() => found.suit(batch),
        Fault::AppliesAgain => found.suit(batch),
        Fault::IgnoresRevision => {
            if let (Some((revision, _)), Some((expected, _))) =
                (found.fence, &mut batch.expected.fence)
            {
                *expected = revision;
            }
        }
        Fault::ComparesRevisionOnly => {
            if let (Some((_, op_id)), Some((_, expected))) =
                (found.fence, &mut batch.expected.fence)
            {
                *expected = op_id;
            }
        }
        Fault::IgnoresSeatGuards => found.suit_seats(batch, |_| true),
        Fault::TakesAbsentForAny => found.suit_seats(batch, |guard| guard.is_none()),
        Fault::IgnoresOutboxGuard => batch.outbox.guard = found.outbox,
        Fault::IgnoresDefinitionGuard => found.suit_definition(batch),
        Fault::ForgetsContent => blobs(batch, |blob| {
            blob.bytes.get_or_insert_with(|| Arc::from([]));
        }),
        Fault::KeepsChanged => blobs(batch, |blob| {
            if let (None, Some(guard)) = (&blob.bytes, blob.guard) {
                blob.changed = guard;
            }
        }),
        Fault::LosesRowsBeyondAThousand => batch.seats.truncate(1_000),
        Fault::CutsContent => blobs(batch, |blob| {
            if let Some(bytes) = &mut blob.bytes {
                *bytes = Arc::from(&bytes[..bytes.len().min(1024 * 1024)]);
            }
        }),
        _ => {}
    }
}

fn blobs(batch: &mut Batch, change: impl Fn(&mut Blob)) {
    change(&mut batch.outbox);
    batch.definition.iter_mut().for_each(change);
}

/// Refuses, and writes what does not stand in the way of itself.
async fn what_can_be(inner: &EmbeddedLedger, mut batch: Batch, found: &Found) -> CommitResult {
    let result = inner.commit(&batch).await;
    if matches!(result, CommitResult::Rejected(_)) && batch.expected.fence == found.fence {
        batch.seats.retain(|seat| found.seats.get(&seat.row.number).copied() == seat.guard);
        batch.outbox.guard = found.outbox;
        found.suit_definition(&mut batch);
        // Whether it worked is not told.
        let _ = inner.commit(&batch).await;
    }
    result
}

/// The fence first, the seats later.
async fn in_two_steps(inner: &EmbeddedLedger, batch: Batch) -> CommitResult {
    let seats = Batch {
        expected: Expected { fence: Some((batch.next.revision, batch.next.op_id)) },
        outbox: Blob { bytes: None, guard: Some(batch.outbox.changed), ..batch.outbox },
        definition: None,
        ..batch.clone()
    };
    let result = inner.commit(&Batch { seats: vec![], ..batch }).await;
    if result != CommitResult::Applied {
        return result;
    }
    tokio::time::sleep(BETWEEN).await;
    inner.commit(&seats).await
}

/// What the store has of an event.
struct Found {
    fence: Option<(i64, OpId)>,
    outbox: Option<i64>,
    definition: Option<i64>,
    seats: BTreeMap<RowNumber, i64>,
}

impl Found {
    async fn read(inner: &EmbeddedLedger, event: &EventId) -> Result<Found, ReadError> {
        let fence = inner.read_fence(event).await?;
        let rows = inner.read_rows(event).await?;
        Ok(Found {
            fence: fence.as_ref().map(|read| (read.fence.revision, read.fence.op_id)),
            outbox: fence.map(|read| read.outbox_changed),
            definition: rows.definition.map(|(changed, _)| changed),
            seats: rows.seats.iter().map(|row| (row.number, row.changed)).collect(),
        })
    }

    fn op_id(&self) -> Option<OpId> {
        self.fence.map(|(_, op_id)| op_id)
    }

    /// Makes a batch expect what is there.
    fn suit(&self, batch: &mut Batch) {
        batch.expected.fence = self.fence;
        batch.outbox.guard = self.outbox;
        self.suit_definition(batch);
        self.suit_seats(batch, |_| true);
    }

    fn suit_definition(&self, batch: &mut Batch) {
        if let Some(definition) = &mut batch.definition {
            definition.guard = self.definition;
        }
    }

    fn suit_seats(&self, batch: &mut Batch, which: impl Fn(Option<i64>) -> bool) {
        for seat in batch.seats.iter_mut().filter(|seat| which(seat.guard)) {
            seat.guard = self.seats.get(&seat.row.number).copied();
        }
    }
}
