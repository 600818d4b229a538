//! An event's ledger batches: built from what changed, one under way, settled before the next.

use std::sync::Arc;

use super::event::{AfterSuspension, Event, Flight, Stage};
use super::path::Path;
use super::publication::Summary;
use super::takeover::Owed;
use super::{Engine, Output, Ticket};
use crate::domain::ids::{EventId, Partition};
use crate::domain::limits::BATCH_ROWS_MAX;
use crate::domain::rule::Rule;
use crate::ports::ledger::{
    Batch, Blob, CommitResult, Conflict, Expected, Fence, GuardedSeat, OpId,
};
use crate::ports::log::Topic;
use crate::wire;
use crate::wire::outbox::Entry;
use crate::wire::venue::Venue;

impl Engine {
    /// Sends what an event changed, unless a batch is under way or Kafka is owed too much.
    pub(super) fn send_batch(&mut self, partition: Partition, id: &EventId) {
        let all_owed = Rule::OutboxHoldsAllOwed.holds();
        let refusals = Rule::OutboxHoldsRefusals.holds();
        let letters = Rule::OutboxHoldsDeadLetters.holds();
        let most = self.bounds.outbox_bytes;
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let known_committed = Rule::PublishedBelowIsCommitted.holds();
        let published_below = if known_committed { state.committed } else { state.sent };
        let term = state.term;
        let Some(event) = state.events.get_mut(id) else { return };
        if !matches!(event.stage, Stage::Ready) || event.changes == event.applied {
            return;
        }
        if event.flight.is_some() && Rule::OneBatchAtATime.holds() {
            Path::BatchWaitsForLast.reached();
            return;
        }
        if event.owed_bytes > most {
            Path::BatchWaitsForKafka.reached();
            let bytes = event.owed_bytes;
            tracing::debug!(%partition, event = %id, bytes, "batch waits for Kafka");
            return;
        }
        let applied = event.fence.as_ref().map_or(-1, |fence| fence.applied_offset);
        let keep = |entry: &&Entry| {
            (all_owed || entry.offset > applied)
                && (refusals || !all_go_to(entry, Topic::Refused))
                && (letters || !all_go_to(entry, Topic::DeadLetters))
        };
        let outbox: Arc<[u8]> = wire::outbox::encode(event.owed.values().filter(keep)).into();
        let op_id = self.next_op();
        let ticket = self.ask(partition, id);
        let event = self.event_mut(partition, id).expect("still there");
        let batch = Arc::new(build(event, term, published_below, op_id, outbox));
        let last = batch.next.applied_offset;
        event.summaries.push_back((last, Summary::of(&event.state)));
        event.pending_bytes = 0;
        let changes = event.changes;
        event.flight = Some(Flight { ticket, batch: Arc::clone(&batch), changes });
        self.counts.batches += 1;
        self.outputs.push(Output::Commit(ticket, batch));
    }

    pub(super) fn on_committed(&mut self, ticket: Ticket, result: CommitResult) {
        let Some((partition, id)) = self.asked(ticket) else { return };
        let own_means_applied = Rule::OwnOperationMeansApplied.holds();
        let retry_at = self.retry_later();
        let Some(event) = self.event_mut(partition, &id) else { return };
        let Some(flight) = event.take_flight(ticket) else { return };
        let batch = Arc::clone(&flight.flight().batch);
        let (applied, guard_failed) = match result {
            CommitResult::Applied => (true, false),
            CommitResult::Rejected(Conflict { fence }) => {
                let own = fence.is_some_and(|(_, op)| op == batch.next.op_id);
                if own {
                    Path::OwnOperationSeen.reached();
                }
                (own && own_means_applied, fence == batch.expected.fence)
            }
            CommitResult::Unknown(why) => {
                flight.unknown().reached();
                let op = batch.next.op_id.0;
                tracing::warn!(%partition, event = %id, %op, why, "nobody knows what became of it");
                event.put_flight(flight);
                event.retry_at = retry_at;
                self.questions.insert(ticket, (partition, id.clone()));
                if !Rule::UnknownIsSentAgain.holds() {
                    self.rename_flight(partition, &id);
                }
                return;
            }
        };
        match flight {
            Taken::Fence(flight) => self.on_fenced(partition, &id, &flight, applied),
            Taken::Suspension(flight, after) => {
                self.on_suspended(partition, &id, &flight, applied, after);
            }
            Taken::Batch(flight) => {
                self.on_batch_settled(partition, &id, &flight, applied, guard_failed);
            }
        }
    }

    fn on_batch_settled(
        &mut self,
        partition: Partition,
        id: &EventId,
        flight: &Flight,
        applied: bool,
        guard_failed: bool,
    ) {
        if applied {
            Path::BatchApplied.reached();
            let state = self.partitions.get_mut(&partition).expect("the caller found it");
            let event = state.events.get_mut(id).expect("the caller found it");
            event.adopt(&flight.batch);
            event.applied = flight.changes;
            if event.changes == event.applied {
                // What was decided since changed nothing: it waits for no batch.
                event.pending_bytes = 0;
            }
            state.note_revision(id, flight.batch.next.revision);
            return self.go_on(partition, id);
        }
        if guard_failed {
            Path::GuardFailed.reached();
            let why = "a row is not what its owner last saw: ledger and memory disagree".into();
            return self.do_suspend(partition, id, why, Owed::Keep, AfterSuspension::DropPartition);
        }
        Path::BatchRejected.reached();
        self.drop_and_rewind(partition, "a batch was refused: somebody else wrote the event");
    }

    fn on_suspended(
        &mut self,
        partition: Partition,
        id: &EventId,
        flight: &Flight,
        applied: bool,
        after: AfterSuspension,
    ) {
        match (after, applied) {
            (AfterSuspension::DropPartition, _) => {
                Path::SuspensionDrops.reached();
                self.drop_and_rewind(partition, "an event was suspended");
            }
            // Somebody else wrote the event. What was read of it counts for nothing any more, nor
            // do the entries it owed then.
            (AfterSuspension::GoOn, false) => {
                Path::SuspensionRejected.reached();
                if !Rule::RefusedSuspensionDrops.holds() {
                    return self.start_takeover(partition, id);
                }
                self.drop_and_rewind(partition, "a suspension was refused");
            }
            (AfterSuspension::GoOn, true) => {
                Path::SuspensionApplied.reached();
                let Some(event) = self.event_mut(partition, id) else { return };
                event.adopt(&flight.batch);
                event.stop();
                event.stage = Stage::Ready;
                self.go_on(partition, id);
            }
        }
    }

    /// What an owner without the rule would do: the same content under a new operation id.
    fn rename_flight(&mut self, partition: Partition, id: &EventId) {
        let op_id = self.next_op();
        let Some(event) = self.event_mut(partition, id) else { return };
        if let Some(flight) = &mut event.flight {
            let mut batch = (*flight.batch).clone();
            batch.next.op_id = op_id;
            flight.batch = Arc::new(batch);
        }
    }
}

/// A batch under way, by what it is for.
enum Taken {
    Fence(Flight),
    Suspension(Flight, AfterSuspension),
    Batch(Flight),
}

impl Taken {
    fn flight(&self) -> &Flight {
        match self {
            Taken::Fence(flight) | Taken::Suspension(flight, _) | Taken::Batch(flight) => flight,
        }
    }

    /// The way that is gone when nobody knows what became of it.
    fn unknown(&self) -> Path {
        match self {
            Taken::Fence(_) => Path::TakeoverUnknown,
            Taken::Suspension(..) => Path::SuspensionUnknown,
            Taken::Batch(_) => Path::BatchUnknown,
        }
    }
}

impl Event {
    /// The ledger has this batch now.
    pub(super) fn adopt(&mut self, batch: &Batch) {
        self.fence = Some(batch.next.clone());
        self.outbox_changed = batch.outbox.changed;
    }

    /// Takes out the batch that a ticket stands for.
    fn take_flight(&mut self, ticket: Ticket) -> Option<Taken> {
        let asked = |flight: &Flight| flight.ticket == ticket;
        if self.flight.as_ref().is_some_and(asked) {
            return self.flight.take().map(Taken::Batch);
        }
        if !matches!(&self.stage, Stage::Fencing(f) | Stage::Suspending(f, _) if asked(f)) {
            return None;
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Resting);
        if let Stage::Suspending(flight, after) = stage {
            Some(Taken::Suspension(flight, after))
        } else if let Stage::Fencing(flight) = stage {
            Some(Taken::Fence(flight))
        } else {
            unreachable!("it is one of the two")
        }
    }

    fn put_flight(&mut self, taken: Taken) {
        match taken {
            Taken::Fence(flight) => self.stage = Stage::Fencing(flight),
            Taken::Suspension(flight, after) => self.stage = Stage::Suspending(flight, after),
            Taken::Batch(flight) => self.flight = Some(flight),
        }
    }
}

/// The batch that brings the ledger from the event's fence to its memory.
fn build(
    event: &mut Event,
    term: i64,
    published_below: i64,
    op_id: OpId,
    outbox: Arc<[u8]>,
) -> Batch {
    let state = &event.state;
    let expected = event.fence.as_ref().map(|fence| (fence.revision, fence.op_id));
    let revision = expected.map_or(1, |(revision, _)| revision + 1);
    let dirty = std::mem::take(&mut event.dirty);
    let seats: Vec<GuardedSeat> = dirty
        .into_iter()
        .filter_map(|(row, changed)| {
            let Some(row) = state.stored(row) else {
                // A definition decided on since has dropped it, and nobody reads its row again.
                assert!(event.redefined, "a changed place has a row");
                return None;
            };
            Some(GuardedSeat { row, guard: (changed > 0).then_some(changed) })
        })
        .collect();
    assert!(seats.len() <= BATCH_ROWS_MAX, "a batch is bounded");
    let definition = std::mem::take(&mut event.redefined).then(|| {
        let layout = state.layout().expect("a redefined event has a layout");
        let bytes = wire::venue::encode(&Venue::of(layout));
        let guard = event.definition_changed.replace(state.sequence);
        Blob { changed: state.sequence, bytes: Some(bytes.into()), guard }
    });
    let guard = event.fence.is_some().then_some(event.outbox_changed);
    Batch {
        event: state.event.clone(),
        expected: Expected { fence: expected },
        next: Fence {
            term,
            revision,
            op_id,
            sequence: state.sequence,
            edition: state.edition,
            applied_offset: event.decided_offset,
            published_below,
            decided_at: state.last_at,
            sale: state.sale,
            suspended: String::new(),
        },
        outbox: Blob { changed: revision, bytes: Some(outbox), guard },
        definition,
        seats,
    }
}

fn all_go_to(entry: &Entry, topic: Topic) -> bool {
    entry.records.iter().all(|record| record.topic == topic)
}
