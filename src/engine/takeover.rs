//! How an event comes under this owner: the takeover, and the checks against a ledger set back.
//!
//! Read the fence; a higher term ends it. Write the fence with our term, which outbids every batch
//! still under way from anybody, ourselves included. Read the rows; read the fence again, and start
//! over if it moved. Only then is there a state to decide on.

use std::sync::Arc;

use super::event::{AfterSuspension, Event, Flight, Stage};
use super::partition::Mode;
use super::path::Path;
use super::restore::restore;
use super::{Engine, Output, Ticket};
use crate::domain::event::{EventState, SaleState};
use crate::domain::ids::{EventId, Partition};
use crate::domain::rule::Rule;
use crate::domain::time::At;
use crate::ports::ledger::{Batch, Blob, Expected, Fence, FenceRead, OpId, ReadError, RowsRead};
use crate::ports::log::ToLog;
use crate::wire;

/// What happens to the entries an event owes when it is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// They are published: they were promised.
    Keep,
    /// They cannot be read, and stay in the ledger as they are for whoever can.
    Leave,
    /// The ledger was set back: an old batch may have come late, so none is.
    Forget,
}

impl Engine {
    /// Begins the takeover of an event, from the start.
    pub(super) fn start_takeover(&mut self, partition: Partition, id: &EventId) {
        let ticket = self.ask(partition, id);
        let Some(event) = self.event_mut(partition, id) else { return };
        event.stage = Stage::ReadingFence(ticket);
        event.retry_at = None;
        self.outputs.push(Output::ReadFence(ticket, id.clone()));
    }

    pub(super) fn event_mut(&mut self, partition: Partition, id: &EventId) -> Option<&mut Event> {
        let state = self.partitions.get_mut(&partition)?;
        if matches!(state.mode, Mode::Running) { state.events.get_mut(id) } else { None }
    }

    pub(super) fn on_fence(
        &mut self,
        ticket: Ticket,
        result: Result<Option<FenceRead>, ReadError>,
    ) {
        let Some((partition, id)) = self.asked(ticket) else { return };
        let Some(event) = self.event_mut(partition, &id) else { return };
        let asked = |question: &Ticket| *question == ticket;
        if !matches!(&event.stage, Stage::ReadingFence(q) | Stage::Rechecking(q, _) if asked(q)) {
            return;
        }
        let stage = std::mem::replace(&mut event.stage, Stage::Resting);
        let rows = if let Stage::Rechecking(_, rows) = stage { Some(rows) } else { None };
        match (result, rows) {
            (Err(error @ ReadError::Unavailable(_)), _) => self.rest(partition, &id, &error),
            (Err(ReadError::Corrupt(why)), _) => {
                Path::FenceCorrupt.reached();
                let sentence = format!(
                    "the fence of event {id} says what this release cannot read ({why}): upgrade \
                     this owner, or repair the row, then restart"
                );
                self.refuse(partition, sentence);
            }
            (Ok(None), None) => self.on_absent(partition, &id),
            (Ok(None), Some(_)) => {
                Path::FenceVanished.reached();
                self.start_takeover(partition, &id);
            }
            (Ok(Some(read)), None) => self.on_fence_read(partition, &id, read),
            (Ok(Some(read)), Some(rows)) => self.on_rechecked(partition, &id, read, *rows),
        }
    }

    /// The ledger did not answer: ask again in a while.
    fn rest(&mut self, partition: Partition, id: &EventId, error: &ReadError) {
        Path::LedgerUnavailable.reached();
        tracing::warn!(%partition, event = %id, %error, "takeover waits for the ledger");
        let retry_at = self.retry_later();
        let Some(event) = self.event_mut(partition, id) else { return };
        event.stage = Stage::Resting;
        event.retry_at = retry_at;
    }

    /// The ledger does not know the event.
    fn on_absent(&mut self, partition: Partition, id: &EventId) {
        let op_id = self.next_op();
        let check = Rule::SetBackIsNoticed.holds();
        let fence_first = Rule::DefineFencesFirst.holds();
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let (term, committed) = (state.term, state.committed);
        let known = state.known.get(id).cloned();
        let event = state.events.get_mut(id).expect("the caller found it");
        event.state = EventState::unknown(id.clone());
        event.answered = known.as_ref().map_or((0, At(0)), |known| (known.sequence, known.at));
        event.state.last_at = event.answered.1;
        event.fence = None;
        if known.as_ref().is_some_and(|known| known.sequence > 0 || known.revision > 0) && check {
            Path::AbsentThoughKnown.reached();
            tracing::error!(%partition, event = %id, known = ?known,
                "event suspended: the ledger no longer knows it (restored from a backup?); run ledger rebuild");
            self.counts.suspended += 1;
            return self.suspend_in_memory(partition, id);
        }
        if !event.queue.front().is_some_and(|head| super::event::defines(&head.arrival)) {
            Path::EventAbsent.reached();
            event.stage = Stage::Absent;
            return self.go_on(partition, id);
        }
        if !fence_first {
            event.stage = Stage::Ready;
            return self.go_on(partition, id);
        }
        let batch = Batch {
            event: id.clone(),
            expected: Expected { fence: None },
            next: first_fence(term, op_id, committed, event.state.last_at),
            outbox: Blob { changed: 1, bytes: Some(empty_outbox()), guard: None },
            definition: None,
            seats: vec![],
        };
        Path::NewEventFenced.reached();
        tracing::info!(%partition, event = %id, term, "new event fenced");
        self.send_fence(partition, id, batch);
    }

    fn on_fence_read(&mut self, partition: Partition, id: &EventId, read: FenceRead) {
        let op_id = self.next_op();
        let obey = Rule::HigherTermIsObeyed.holds();
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let term = state.term;
        if read.fence.term > term && obey {
            return self.on_higher_term(partition, id, read.fence.term);
        }
        if !Rule::TakeoverFences.holds() {
            let ticket = self.ask(partition, id);
            let event = self.event_mut(partition, id).expect("the caller found it");
            event.fence = Some(read.fence);
            event.outbox_changed = read.outbox_changed;
            event.stage = Stage::ReadingRows(ticket);
            self.outputs.push(Output::ReadRows(ticket, id.clone()));
            return;
        }
        let revision = read.fence.revision + 1;
        let bytes = (!Rule::TakeoverKeepsOutbox.holds()).then(empty_outbox);
        let batch = Batch {
            event: id.clone(),
            expected: Expected { fence: Some((read.fence.revision, read.fence.op_id)) },
            next: Fence { term, revision, op_id, ..read.fence },
            outbox: Blob { changed: revision, bytes, guard: Some(read.outbox_changed) },
            definition: None,
            seats: vec![],
        };
        self.send_fence(partition, id, batch);
    }

    fn send_fence(&mut self, partition: Partition, id: &EventId, batch: Batch) {
        let ticket = self.ask(partition, id);
        let Some(event) = self.event_mut(partition, id) else { return };
        let batch = Arc::new(batch);
        event.stage = Stage::Fencing(Flight { ticket, batch: Arc::clone(&batch), changes: 0 });
        self.counts.batches += 1;
        self.outputs.push(Output::Commit(ticket, batch));
    }

    /// Somebody has outbid us while the partition is assigned to us: the term must be taken anew.
    fn on_higher_term(&mut self, partition: Partition, id: &EventId, higher: i64) {
        let state = self.partitions.get_mut(&partition).expect("the caller found it");
        if state.retaken {
            Path::TermStillLower.reached();
            let sentence = format!(
                "event {id} of partition {partition} carries term {higher}, above the newest term {}: \
                 booking.terms was made anew; restore it, or migrate to a new ledger",
                state.term
            );
            return self.refuse(partition, sentence);
        }
        tracing::warn!(%partition, event = %id, higher, term = state.term, "a higher term; taking a new one");
        state.mode = Mode::Retaking;
        state.clear();
        // A transaction of ours that is still open would be overtaken by the term's: it commits the
        // position once more, as it was read before.
        if self.is_publishing(partition) && Rule::RetakeWaitsForTransaction.holds() {
            Path::TermRetakenLater.reached();
        } else {
            Path::TermRetaken.reached();
            self.outputs.push(Output::Log(ToLog::RetakeTerm(partition)));
        }
    }

    /// A fence was settled, one way or the other.
    pub(super) fn on_fenced(
        &mut self,
        partition: Partition,
        id: &EventId,
        flight: &Flight,
        applied: bool,
    ) {
        if !applied {
            Path::TakeoverRejected.reached();
            // Somebody else is at it; not at once again, so that two do not race each other for
            // long.
            let retry_at = self.retry_later();
            let Some(event) = self.event_mut(partition, id) else { return };
            (event.stage, event.retry_at) = (Stage::Resting, retry_at);
            return;
        }
        let ticket = self.ask(partition, id);
        let Some(event) = self.event_mut(partition, id) else { return };
        event.retry_at = None;
        event.adopt(&flight.batch);
        event.stage = Stage::ReadingRows(ticket);
        self.outputs.push(Output::ReadRows(ticket, id.clone()));
    }

    pub(super) fn on_rows(&mut self, ticket: Ticket, result: Result<RowsRead, ReadError>) {
        let Some((partition, id)) = self.asked(ticket) else { return };
        let Some(event) = self.event_mut(partition, &id) else { return };
        if !matches!(event.stage, Stage::ReadingRows(asked) if asked == ticket) {
            return;
        }
        let rows = match result {
            Err(error @ ReadError::Unavailable(_)) => return self.rest(partition, &id, &error),
            Err(ReadError::Corrupt(why)) => Err(why),
            Ok(rows) => Ok(rows),
        };
        let next = self.ask(partition, &id);
        let event = self.event_mut(partition, &id).expect("just seen");
        event.stage = Stage::Rechecking(next, Box::new(rows));
        self.outputs.push(Output::ReadFence(next, id));
    }

    /// The fence was read again: what was read in between belongs together if it did not move.
    fn on_rechecked(
        &mut self,
        partition: Partition,
        id: &EventId,
        read: FenceRead,
        rows: Result<RowsRead, String>,
    ) {
        let check = Rule::FenceIsReadAgain.holds();
        let positions = Rule::PublishedBelowIsChecked.holds();
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let committed = state.committed;
        let event = state.events.get_mut(id).expect("the caller found it");
        let ours = event.fence.as_ref().expect("it was just written");
        if (read.fence.revision, read.fence.op_id) != (ours.revision, ours.op_id) && check {
            Path::FenceMoved.reached();
            return self.start_takeover(partition, id);
        }
        if read.fence.published_below > committed && positions {
            Path::MorePublishedThanKnown.reached();
            let published_below = read.fence.published_below;
            tracing::warn!(%partition, event = %id, published_below, committed, "more is published than known");
            event.stage = Stage::AwaitingPosition { published_below };
            state.awaits_position = true;
            self.outputs.push(Output::Log(ToLog::ReadPositions(vec![partition])));
            return;
        }
        event.fence = Some(read.fence.clone());
        event.outbox_changed = read.outbox_changed;
        self.hydrate(partition, id, &read, rows);
    }

    /// Makes the state from what was read, and checks that the ledger was not set back.
    fn hydrate(
        &mut self,
        partition: Partition,
        id: &EventId,
        read: &FenceRead,
        rows: Result<RowsRead, String>,
    ) {
        let known = self.partitions[&partition].known.get(id).cloned();
        let committed = self.partitions[&partition].committed;
        let check = Rule::SetBackIsNoticed.holds();
        let definition_changed =
            rows.as_ref().ok().and_then(|rows| Some(rows.definition.as_ref()?.0));
        let restored = rows.and_then(|rows| restore(id, read, &rows));
        let outbox = wire::outbox::decode(&read.outbox);
        let event = self.event_mut(partition, id).expect("the caller found it");
        assert!(event.owed.is_empty(), "what is owed is published before an event is taken over");
        let (state, broken) = match restored {
            Ok(state) => (state, None),
            // Nothing is decided on it: it is about to be suspended, and answers where it stands.
            Err(why) => (EventState::unknown(id.clone()), Some(why)),
        };
        let (sequence, revision, at) =
            known.map_or((0, 0, At(0)), |known| (known.sequence, known.revision, known.at));
        event.stand_on(read, state, at);
        event.definition_changed = definition_changed;
        event.answered = (sequence, at);
        match outbox {
            Ok(entries) => {
                let from = if Rule::OwedFromThePosition.holds() { committed } else { 0 };
                let owed = entries.into_iter().filter(|entry| entry.offset >= from);
                owed.for_each(|entry| event.owe(entry));
            }
            Err(error) => {
                Path::OutboxUnreadable.reached();
                let why = format!("the outbox cannot be read: {error}");
                return self.suspend(partition, id, why, Owed::Leave);
            }
        }
        let owed = event.owed.values().next();
        let first = owed.map_or(read.fence.sequence, |entry| entry.sequence_before);
        let behind = first != sequence
            || read.fence.revision <= revision && Rule::RevisionIsCompared.holds();
        let behind = behind && check;
        if let Some(why) = broken {
            Path::RowsCannotBe.reached();
            let owed = if behind { Owed::Forget } else { Owed::Keep };
            return self.suspend(partition, id, why, owed);
        }
        if behind && !event.state.suspended {
            Path::LedgerSetBack.reached();
            let why = format!(
                "the ledger is not where the topics are: sequence {first} and revision {}, published \
                 are {sequence} and {revision} (restored from a backup?); run ledger rebuild",
                read.fence.revision
            );
            return self.suspend(partition, id, why, Owed::Forget);
        }
        if event.state.suspended {
            event.stop();
        }
        event.stage = Stage::Ready;
        let entries = event.owed.len();
        match (event.state.suspended, entries) {
            (true, _) => Path::TakenOverSuspended.reached(),
            (false, 0) => Path::TakenOver.reached(),
            (false, _) => Path::TakenOverOwing.reached(),
        }
        let state = self.partitions.get_mut(&partition).expect("the caller found it");
        state.note_revision(id, read.fence.revision);
        tracing::info!(
            %partition, event = %id, term = read.fence.term, revision = read.fence.revision,
            sequence = read.fence.sequence, entries, "event taken over");
        self.go_on(partition, id);
    }

    /// Stops an event durably.
    pub(super) fn suspend(&mut self, partition: Partition, id: &EventId, why: String, owed: Owed) {
        self.do_suspend(partition, id, why, owed, AfterSuspension::GoOn);
    }

    /// Stops an event of which the ledger has nothing to write that on.
    fn suspend_in_memory(&mut self, partition: Partition, id: &EventId) {
        let Some(event) = self.event_mut(partition, id) else { return };
        event.flight = None;
        event.stop();
        event.stage = Stage::Ready;
        self.go_on(partition, id);
    }

    pub(super) fn do_suspend(
        &mut self,
        partition: Partition,
        id: &EventId,
        why: String,
        owed: Owed,
        after: AfterSuspension,
    ) {
        tracing::error!(%partition, event = %id, why, "event suspended");
        let op_id = self.next_op();
        let ticket = self.ask(partition, id);
        self.counts.suspended += 1;
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let committed = state.committed;
        let Some(event) = state.events.get_mut(id) else { return };
        let fence = event.fence.clone().expect("an event without a fence is suspended in memory");
        if owed == Owed::Forget || !Rule::SuspensionKeepsOwed.holds() {
            event.owed.clear();
            event.owed_bytes = 0;
        }
        if !Rule::SuspensionIsDurable.holds() {
            return match after {
                AfterSuspension::GoOn => self.suspend_in_memory(partition, id),
                AfterSuspension::DropPartition => {
                    self.drop_and_rewind(partition, "an event was suspended");
                }
            };
        }
        let outbox = (owed != Owed::Leave).then(|| {
            let in_ledger = event.owed.values().filter(|e| e.offset <= fence.applied_offset);
            wire::outbox::encode(in_ledger).into()
        });
        let revision = fence.revision + 1;
        let published_below = match owed {
            Owed::Keep | Owed::Forget => committed.max(fence.published_below),
            Owed::Leave => fence.published_below,
        };
        let batch = Arc::new(Batch {
            event: id.clone(),
            expected: Expected { fence: Some((fence.revision, fence.op_id)) },
            next: Fence { revision, op_id, published_below, suspended: why, ..fence },
            outbox: Blob { changed: revision, bytes: outbox, guard: Some(event.outbox_changed) },
            definition: None,
            seats: vec![],
        });
        event.flight = None;
        event.stage =
            Stage::Suspending(Flight { ticket, batch: Arc::clone(&batch), changes: 0 }, after);
        self.counts.batches += 1;
        self.outputs.push(Output::Commit(ticket, batch));
    }
}

impl Event {
    /// Stands as the ledger has it, at no earlier log time than what is published.
    fn stand_on(&mut self, read: &FenceRead, state: EventState, published_at: At) {
        let applied_offset = read.fence.applied_offset;
        self.state = state;
        self.state.sequence = read.fence.sequence;
        self.state.last_at = read.fence.decided_at;
        if Rule::LastTimeIsTheGreatest.holds() {
            self.state.last_at = self.state.last_at.max(published_at);
        }
        (self.changes, self.applied, self.pending_bytes) = (0, 0, 0);
        self.dirty.clear();
        self.redefined = false;
        self.decided_offset = applied_offset;
        let summary = super::publication::Summary::of(&self.state);
        self.summaries = [(applied_offset, summary)].into();
    }
}

fn first_fence(term: i64, op_id: OpId, committed: i64, at: At) -> Fence {
    Fence {
        term,
        revision: 1,
        op_id,
        sequence: 0,
        edition: 0,
        applied_offset: -1,
        published_below: committed,
        decided_at: at,
        sale: SaleState::NotOpen,
        suspended: String::new(),
    }
}

fn empty_outbox() -> Arc<[u8]> {
    wire::outbox::encode(std::iter::empty()).into()
}
