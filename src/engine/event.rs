//! One event of an assigned partition: its queue, its state, and what it owes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::arrival::{Arrival, Content};
use super::entry::Decided;
use super::path::Path;
use super::{Bounds, Engine, Output, Ticket};
use crate::domain::change::Change;
use crate::domain::decide::{Asked, IdVerdict, step};
use crate::domain::event::EventState;
use crate::domain::ids::{Digest, EventId, Partition, RowNumber};
use crate::domain::request::Body;
use crate::domain::rule::Rule;
use crate::domain::time::At;
use crate::ports::ledger::{Batch, Fence, RowsRead};
use crate::ports::log::{OutRecord, Topic};
use crate::wire;
use crate::wire::catalog::Catalog;
use crate::wire::outbox::Entry;

/// How far an event is in coming under this owner.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nothing is known of it.
    Cold,
    /// Its fence is being read; an answer to this question counts.
    ReadingFence(Ticket),
    /// The ledger did not answer; to be started over.
    Resting,
    /// Its fence is being written: a takeover, or the first of a new event.
    Fencing(Flight),
    /// Its rows are being read.
    ReadingRows(Ticket),
    /// The rows are there; the fence is read again.
    Rechecking(Ticket, Box<Result<RowsRead, String>>),
    /// It has more published than is known here; the position is being read.
    AwaitingPosition {
        /// What its ledger says.
        published_below: i64,
    },
    /// The ledger does not know it.
    Absent,
    /// It is being stopped.
    Suspending(Flight, AfterSuspension),
    /// It is decided on, or every request of it is refused because it is suspended.
    Ready,
}

/// What follows once a suspension is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterSuspension {
    /// The event is answered as a suspended one.
    GoOn,
    /// Memory rested on what the ledger does not have: the partition is read again.
    DropPartition,
}

/// A batch under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) batch: Arc<Batch>,
    /// The event's changes that are in it.
    pub(super) changes: u64,
}

/// A record waiting for its event.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) arrival: Arrival,
    pub(super) id: IdVerdict,
}

/// An event of an assigned partition.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) stage: Stage,
    pub(super) queue: VecDeque<Queued>,
    pub(super) state: EventState,
    /// The fence as the ledger has it.
    pub(super) fence: Option<Fence>,
    pub(super) outbox_changed: i64,
    /// Every entry not yet known to be committed in Kafka, those read from the outbox among them.
    pub(super) owed: BTreeMap<i64, Entry>,
    pub(super) owed_bytes: usize,
    /// Changes decided, and those in the ledger.
    pub(super) changes: u64,
    pub(super) applied: u64,
    /// Places changed since the last batch, with their `changed` before it.
    pub(super) dirty: BTreeMap<RowNumber, i64>,
    /// Whether the definition is another one since the last batch.
    pub(super) redefined: bool,
    /// `changed` of the definition's row as the last batch left it.
    pub(super) definition_changed: Option<i64>,
    /// Bytes of entries decided since the last batch.
    pub(super) pending_bytes: usize,
    /// Offset of the last record decided.
    pub(super) decided_offset: i64,
    /// Sequence and log time of the last answer, here or on the topics.
    pub(super) answered: (i64, At),
    pub(super) flight: Option<Flight>,
    /// When to send or ask again what the ledger left open.
    pub(super) retry_at: Option<At>,
    /// What the inventory says, by the offset up to which it is true.
    pub(super) summaries: VecDeque<(i64, super::publication::Summary)>,
    /// When it was last used, in inputs.
    pub(super) used: u64,
}

impl Event {
    pub(super) fn cold(event: &EventId) -> Event {
        Event {
            stage: Stage::Cold,
            queue: VecDeque::new(),
            state: EventState::unknown(event.clone()),
            fence: None,
            outbox_changed: 0,
            owed: BTreeMap::new(),
            owed_bytes: 0,
            changes: 0,
            applied: 0,
            dirty: BTreeMap::new(),
            redefined: false,
            definition_changed: None,
            pending_bytes: 0,
            decided_offset: -1,
            answered: (0, At(0)),
            flight: None,
            retry_at: None,
            summaries: VecDeque::new(),
            used: 0,
        }
    }

    /// Whether it may be forgotten: all its entries are committed and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Absent | Stage::Ready)
            && self.queue.is_empty()
            && self.owed.is_empty()
            && self.flight.is_none()
            && self.changes == self.applied
    }

    /// Places changed: the next batch writes them, each on top of what the last one wrote.
    fn note_touched(&mut self, touched: impl IntoIterator<Item = (RowNumber, i64)>) {
        if !Rule::GuardIsOfTheLastBatch.holds() {
            return self.dirty.extend(touched);
        }
        for (seat, changed) in touched {
            self.dirty.entry(seat).or_insert(changed);
        }
    }

    /// Whether an entry is that of a record, and follows what was answered before. Without the one
    /// before it, it would tell of a change that rests on one nobody was told of.
    fn goes_on_with(&self, entry: &Entry, digest: Digest) -> bool {
        let same = entry.digest == digest || !Rule::DigestIsCompared.holds();
        let follows = entry.sequence_before == self.answered.0;
        same && (follows || !Rule::EntriesFollowEachOther.holds())
    }

    /// Sequence and log time that an entry of the outbox answers with: a dead letter has neither.
    fn answer_of(&self, entry: &Entry) -> (i64, At) {
        let outcomes =
            entry.records.iter().filter(|record| Topic::OUTCOMES.contains(&record.topic));
        let last =
            outcomes.rev().find_map(|record| wire::outcome::decode(&record.value).ok().flatten());
        last.map_or(self.answered, |outcome| {
            (outcome.header.sequence, outcome.header.decided_at.max(self.answered.1))
        })
    }

    fn note_answer(&mut self, sequence: i64, at: At) {
        self.answered = (sequence, at);
        if self.state.suspended {
            self.stop();
        }
    }

    /// Stands suspended from now on. The ledger may have a change that is never published: no
    /// answer carries its sequence, or it would pass for published after a repair.
    pub(super) fn stop(&mut self) {
        self.state.suspended = true;
        if Rule::SuspendedAnswersThePublished.holds() {
            (self.state.sequence, self.state.last_at) = self.answered;
        }
    }

    pub(super) fn owe(&mut self, entry: Entry) {
        self.owed_bytes += bytes_of(&entry.records);
        if let Some(other) = self.owed.insert(entry.offset, entry) {
            self.owed_bytes -= bytes_of(&other.records);
        }
    }

    /// Forgets the entries below a committed offset.
    pub(super) fn settle_below(&mut self, offset: i64) {
        let rest = self.owed.split_off(&offset);
        let gone = std::mem::replace(&mut self.owed, rest);
        self.owed_bytes -= gone.values().map(|entry| bytes_of(&entry.records)).sum::<usize>();
    }

    fn has_room(&self, bounds: &Bounds) -> bool {
        self.dirty.len() < bounds.batch_rows && self.pending_bytes < bounds.pending_bytes()
    }
}

pub(super) fn bytes_of(records: &[OutRecord]) -> usize {
    let of_record =
        |record: &OutRecord| record.value.len() + record.key.as_ref().map_or(0, Vec::len) + 16;
    records.iter().map(of_record).sum()
}

/// What became of the head of a queue.
enum Step {
    /// It was decided; the next one.
    Next,
    /// It cannot be decided now.
    Wait,
}

impl Engine {
    /// Does for an event what can be done now: take it over, decide its queue, send its batch.
    pub(super) fn go_on(&mut self, partition: Partition, id: &EventId) {
        let used = self.next_number();
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if !matches!(state.mode, super::Mode::Running) {
            return;
        }
        let Some(event) = state.events.get_mut(id) else { return };
        event.used = used;
        if matches!(event.stage, Stage::Cold) {
            return self.start_takeover(partition, id);
        }
        while let Step::Next = self.decide_next(partition, id) {}
        self.send_batch(partition, id);
    }

    fn decide_next(&mut self, partition: Partition, id: &EventId) -> Step {
        let bounds = self.bounds;
        let Some(state) = self.partitions.get_mut(&partition) else { return Step::Wait };
        let Some(event) = state.events.get_mut(id) else { return Step::Wait };
        let absent = match event.stage {
            Stage::Ready => false,
            Stage::Absent => true,
            Stage::Cold
            | Stage::ReadingFence(_)
            | Stage::Resting
            | Stage::Fencing(_)
            | Stage::ReadingRows(_)
            | Stage::Rechecking(..)
            | Stage::AwaitingPosition { .. }
            | Stage::Suspending(..) => return Step::Wait,
        };
        let Some(head) = event.queue.front() else { return Step::Wait };
        if absent && defines(&head.arrival) {
            // The outbox of the new event must have every entry from the committed offset on, and
            // the refusals of an unknown event are in none: they are published first.
            if event.owed.is_empty() {
                self.start_takeover(partition, id);
            } else {
                Path::DefineWaitsForRefusals.reached();
            }
            return Step::Wait;
        }
        let offset = head.arrival.offset;
        let applied = event.fence.as_ref().map_or(-1, |fence| fence.applied_offset);
        let in_ledger = offset <= applied && Rule::EntriesAreNotDecidedAgain.holds();
        if in_ledger && !self.take_owed(partition, id) {
            return Step::Wait;
        }
        let state = self.partitions.get_mut(&partition).expect("still there");
        let event = state.events.get_mut(id).expect("still there");
        match event.queue.front() {
            Some(head) if head.arrival.offset == offset => {}
            Some(_) | None => return Step::Next,
        }
        if !event.has_room(&bounds) {
            Path::EventWaitsForBatch.reached();
            return Step::Wait;
        }
        self.decide(partition, id);
        Step::Next
    }

    /// The head of the queue is in the ledger: its entry is published as it is. Says whether to go
    /// on.
    fn take_owed(&mut self, partition: Partition, id: &EventId) -> bool {
        let state = self.partitions.get_mut(&partition).expect("the caller found it");
        let event = state.events.get_mut(id).expect("the caller found it");
        let head = event.queue.front().expect("the caller found it");
        let offset = head.arrival.offset;
        let digest = head.arrival.digest;
        match event.owed.get(&offset) {
            Some(entry) if event.goes_on_with(entry, digest) => {
                let (sequence, at) = event.answer_of(entry);
                let decided = Decided {
                    bytes: bytes_of(&entry.records),
                    records: Arc::clone(&entry.records),
                    needs: 0,
                    sequence,
                    at,
                };
                event.queue.pop_front();
                event.note_answer(sequence, at);
                state.slot_mut(offset).decided = Some(decided);
                self.counts.republished += 1;
                Path::EntryAsInLedger.reached();
                tracing::debug!(%partition, event = %id, offset, "entry published as the ledger has it");
                true
            }
            Some(_) | None if event.state.suspended => {
                Path::EntryOfSuspended.reached();
                true
            }
            Some(_) => {
                Path::EntryIsAnothers.reached();
                let why = format!("the entry of offset {offset} is another record's");
                self.suspend(partition, id, why, super::takeover::Owed::Keep);
                false
            }
            None => {
                Path::EntryMissing.reached();
                let why = format!("the entry of offset {offset} is missing");
                self.suspend(partition, id, why, super::takeover::Owed::Keep);
                false
            }
        }
    }

    /// Decides the head of the queue and applies what follows.
    fn decide(&mut self, partition: Partition, id: &EventId) {
        let state = self.partitions.get_mut(&partition).expect("the caller found it");
        let event = state.events.get_mut(id).expect("the caller found it");
        let Queued { arrival, id: verdict } = event.queue.pop_front().expect("the caller found it");
        let (appended, last) = (arrival.appended, event.state.last_at);
        let at = self.log_time(appended, last);
        let waited = self.waited(appended);
        let state = self.partitions.get_mut(&partition).expect("still there");
        let event = state.events.get_mut(id).expect("still there");
        let sequence_before = event.state.sequence;
        let records = match arrival.content {
            Content::Dead(letter) => {
                event.state.apply(&Change::Decided(at));
                vec![*letter]
            }
            Content::Request(request, early) => {
                let (offset, digest) = (arrival.offset, arrival.digest);
                let asked = Asked { at, waited, partition, offset, digest, id: verdict, early };
                let decision = step(&mut event.state, &request, &asked);
                event.note_touched(decision.touched);
                let mut records: Vec<OutRecord> =
                    decision.outcomes.iter().map(wire::outcome::encode).collect();
                if decision.changes.iter().any(changes_the_catalog) {
                    event.redefined |= decision.changes.iter().any(changes_the_definition);
                    if Rule::CatalogIsPublished.holds() {
                        records.push(wire::catalog::encode(&catalog(&event.state)));
                    }
                }
                records
            }
        };
        if event.state.sequence > sequence_before {
            event.changes += 1;
        }
        let entry = Entry {
            offset: arrival.offset,
            digest: arrival.digest,
            sequence_before,
            records: Arc::new(records),
        };
        event.decided_offset = arrival.offset;
        event.note_answer(event.state.sequence, at);
        event.pending_bytes += bytes_of(&entry.records);
        let decided = Decided {
            bytes: bytes_of(&entry.records),
            records: Arc::clone(&entry.records),
            needs: event.changes,
            sequence: event.state.sequence,
            at,
        };
        event.owe(entry);
        if event.changes == event.applied {
            event.pending_bytes = 0;
        }
        state.slot_mut(arrival.offset).decided = Some(decided);
        self.counts.decided += 1;
    }

    /// Sends an event's question or batch again.
    pub(super) fn retry_event(&mut self, partition: Partition, id: &EventId) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let Some(event) = state.events.get_mut(id) else { return };
        event.retry_at = None;
        let flight = match &event.stage {
            Stage::Resting => return self.start_takeover(partition, id),
            Stage::Fencing(flight) | Stage::Suspending(flight, _) => Some(flight),
            Stage::Ready => event.flight.as_ref(),
            Stage::Cold
            | Stage::ReadingFence(_)
            | Stage::ReadingRows(_)
            | Stage::Rechecking(..)
            | Stage::AwaitingPosition { .. }
            | Stage::Absent => None,
        };
        if let Some(flight) = flight {
            Path::SentAgain.reached();
            // The same batch under the same operation id, until the ledger says what became of it.
            tracing::info!(%partition, event = %id, op = %flight.batch.next.op_id.0, "batch sent again");
            self.outputs.push(Output::Commit(flight.ticket, Arc::clone(&flight.batch)));
            self.counts.batches += 1;
        }
    }
}

pub(super) fn defines(arrival: &Arrival) -> bool {
    match &arrival.content {
        Content::Request(request, _) => matches!(request.body, Body::Define(_)),
        Content::Dead(_) => false,
    }
}

fn changes_the_definition(change: &Change) -> bool {
    matches!(change, Change::Defined(_) | Change::Amended(_))
}

fn changes_the_catalog(change: &Change) -> bool {
    match change {
        Change::Defined(_) | Change::Amended(_) | Change::Sale(_) => true,
        Change::Held { .. }
        | Change::Booked { .. }
        | Change::Extended { .. }
        | Change::Freed { .. }
        | Change::Cancelled { .. }
        | Change::Exchanged { .. }
        | Change::Blocked { .. }
        | Change::Unblocked { .. }
        | Change::Decided(_)
        | Change::Restored(_) => false,
    }
}

fn catalog(state: &EventState) -> Catalog {
    Catalog {
        event: state.event.clone(),
        sequence: state.sequence,
        edition: state.edition,
        sale: state.sale,
        definition: state.layout().expect("only a known event is changed").definition.clone(),
    }
}
