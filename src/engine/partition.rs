//! One assigned partition: what has arrived, what stands where, and how its memory ends.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::arrival::{Arrival, Content};
use super::assignment;
use super::entry::{Decided, Slot};
use super::event::{Event, Queued, Stage};
use super::path::Path;
use super::window::Window;
use super::{Engine, Output};
use crate::domain::decide::{Asked, refuse_unattached};
use crate::domain::ids::{EventId, Partition};
use crate::domain::limits::{CLOCK_SKEW_MAX, PARTITION_BYTES_MAX};
use crate::domain::rule::Rule;
use crate::domain::time::{At, Millis};
use crate::ports::log::{Assignment, Known, REBASE, ToLog};
use crate::wire;

/// Whether a partition is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is.
    Running,
    /// Its memory is to be dropped as soon as its position is known.
    Dropping,
    /// A new term is being taken for it.
    Retaking,
    /// It never will be, under this assignment.
    Refused,
}

/// An assigned partition.
#[derive(Debug)]
pub(super) struct PartitionState {
    pub(super) partition: Partition,
    pub(super) term: i64,
    pub(super) epoch: u64,
    pub(super) retaken: bool,
    pub(super) mode: Mode,
    /// The committed offset known.
    pub(super) committed: i64,
    /// The end of what has been handed to a transaction.
    pub(super) sent: i64,
    /// Nothing is published before the position has been read.
    pub(super) awaits_position: bool,
    /// Records that have arrived and are not known to be committed, in offset order.
    pub(super) slots: VecDeque<Slot>,
    pub(super) bytes: usize,
    pub(super) paused: bool,
    pub(super) window: Window,
    /// What is known to be published of each event, and the highest revision met.
    pub(super) known: HashMap<EventId, Known>,
    pub(super) events: HashMap<EventId, Event>,
}

impl PartitionState {
    pub(super) fn is_idle(&self) -> bool {
        match self.mode {
            Mode::Running => self.slots.is_empty(),
            Mode::Dropping | Mode::Retaking => false,
            Mode::Refused => true,
        }
    }

    /// Forgets all that has not been published, and all events.
    pub(super) fn clear(&mut self) {
        for event in std::mem::take(&mut self.events).into_values() {
            if let Some(fence) = &event.fence {
                self.note_revision(&event.state.event, fence.revision);
            }
        }
        self.slots.clear();
        self.bytes = 0;
    }

    pub(super) fn known_mut(&mut self, event: &EventId) -> &mut Known {
        self.known.entry(event.clone()).or_insert_with(|| Known {
            event: event.clone(),
            sequence: 0,
            position: 0,
            revision: 0,
            at: At(0),
        })
    }

    /// Notes a revision that the ledger has had: none below it is believed any more.
    pub(super) fn note_revision(&mut self, event: &EventId, revision: i64) {
        let known = self.known_mut(event);
        known.revision = known.revision.max(revision);
    }

    /// The slot of a record that has arrived and is not yet published.
    pub(super) fn slot_mut(&mut self, offset: i64) -> &mut Slot {
        let index = self.slots.partition_point(|slot| slot.offset < offset);
        let slot = self.slots.get_mut(index).expect("an undecided record has a slot");
        assert!(slot.offset == offset, "an undecided record has a slot");
        slot
    }

    /// Drops the oldest idle events, at most so many. Says how many went.
    pub(super) fn forget_idle_events(&mut self, most: usize) -> usize {
        let mut idle: Vec<(u64, EventId)> = self
            .events
            .iter()
            .filter(|(_, event)| event.is_idle())
            .map(|(id, event)| (event.used, id.clone()))
            .collect();
        idle.sort_unstable();
        idle.truncate(most);
        for (_, id) in &idle {
            Path::IdleForgotten.reached();
            let event = self.events.remove(id).expect("just listed");
            if let Some(fence) = event.fence {
                self.note_revision(id, fence.revision);
            }
        }
        idle.len()
    }
}

impl Engine {
    pub(super) fn on_assigned(&mut self, assignment: Assignment, read_back: Vec<Arrival>) {
        let partition = assignment.partition;
        self.questions.retain(|_, (asked, _)| *asked != partition);
        let verdict = assignment::check(&assignment, &read_back);
        let start = verdict.as_ref().copied().unwrap_or(assignment.log_end);
        let floor = assignment.committed.as_ref().and_then(|position| position.last);
        let mut window = Window::default();
        let read_back = read_back.iter().filter(|arrival| arrival.offset < start);
        if Rule::IdsAreReadBack.holds() {
            read_back.for_each(|arrival| _ = window.take(arrival));
        }
        window.begin_at(floor.map_or(At(0), |last| last.highest));
        tracing::info!(
            %partition, term = assignment.term, start, events = assignment.inventory.len(),
            retaken = assignment.retaken, "partition assigned");
        let known = assignment.inventory.into_iter().map(|known| (known.event.clone(), known));
        let state = PartitionState {
            partition,
            term: assignment.term,
            epoch: assignment.epoch,
            retaken: assignment.retaken,
            mode: Mode::Running,
            committed: start,
            sent: start,
            awaits_position: false,
            slots: VecDeque::new(),
            bytes: 0,
            paused: false,
            window,
            known: known.collect(),
            events: self.memory_kept(partition),
        };
        self.partitions.insert(partition, state);
        if self.draining {
            self.outputs.push(Output::Log(ToLog::Pause(partition)));
        }
        if let Err(sentence) = verdict {
            self.refuse(partition, sentence);
        }
    }

    /// The events still in memory of a partition that comes back: none, unless the rule is out.
    fn memory_kept(&mut self, partition: Partition) -> HashMap<EventId, Event> {
        match self.partitions.remove(&partition) {
            Some(state) if !Rule::MemoryEndsWithAssignment.holds() => state.events,
            Some(_) | None => HashMap::new(),
        }
    }

    /// What an owner without the rule would do with a partition that is taken away: stop, and keep
    /// the events that nothing is under way for, lest they be read again.
    pub(super) fn lay_aside(&mut self, partition: Partition) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        state.mode = Mode::Refused;
        state.slots.clear();
        state.bytes = 0;
        state.events.retain(|_, event| {
            event.queue.clear();
            event.owed.clear();
            event.owed_bytes = 0;
            event.is_idle()
        });
    }

    pub(super) fn on_records(&mut self, arrivals: Vec<Arrival>) {
        let mut touched: Vec<(Partition, EventId)> = vec![];
        for arrival in arrivals {
            let Some(state) = self.partitions.get_mut(&arrival.partition) else { continue };
            if state.epoch != arrival.epoch {
                Path::OldEpochDropped.reached();
                continue;
            }
            if !matches!(state.mode, Mode::Running) {
                Path::RecordNotWanted.reached();
                continue;
            }
            let last = state.slots.back().map_or(state.committed - 1, |slot| slot.offset);
            assert!(arrival.offset > last, "records arrive in offset order");
            let id = state.window.take(&arrival);
            state.bytes += arrival.bytes;
            state.slots.push_back(Slot {
                offset: arrival.offset,
                appended: arrival.appended,
                highest: state.window.highest(),
                digest: arrival.digest,
                bytes: arrival.bytes,
                event: arrival.event.clone(),
                decided: None,
            });
            match arrival.event.clone() {
                None => self.answer_unattached(&arrival),
                Some(event) => {
                    let partition = arrival.partition;
                    let entry = state.events.entry(event.clone());
                    let queue = &mut entry.or_insert_with(|| Event::cold(&event)).queue;
                    queue.push_back(Queued { arrival, id });
                    if touched.last().is_none_or(|(p, e)| (*p, e) != (partition, &event)) {
                        touched.push((partition, event));
                    }
                }
            }
        }
        touched.sort();
        touched.dedup();
        for (partition, event) in touched {
            self.go_on(partition, &event);
        }
        self.press_back();
    }

    /// Answers a record that concerns no event of this partition: it rests on nothing.
    fn answer_unattached(&mut self, arrival: &Arrival) {
        Path::UnattachedAnswered.reached();
        let at = self.log_time(arrival.appended, At(0));
        let records = match &arrival.content {
            Content::Dead(letter) => vec![(**letter).clone()],
            Content::Request(request, early) => {
                let refusal = early.clone().expect("a request without an event here is refused");
                let asked = Asked {
                    at,
                    waited: self.waited(arrival.appended),
                    partition: arrival.partition,
                    offset: arrival.offset,
                    digest: arrival.digest,
                    id: crate::domain::decide::IdVerdict::Fresh,
                    early: None,
                };
                vec![wire::outcome::encode(&refuse_unattached(request, &asked, refusal))]
            }
        };
        self.counts.decided += 1;
        let state = self.partitions.get_mut(&arrival.partition).expect("it has just arrived");
        let decided = Decided {
            bytes: super::event::bytes_of(&records),
            records: Arc::new(records),
            needs: 0,
            sequence: 0,
            at,
        };
        state.slot_mut(arrival.offset).decided = Some(decided);
    }

    /// Log time: the append time, not beyond the owner's clock and its skew, not before the last.
    pub(super) fn log_time(&mut self, appended: At, last: At) -> At {
        let most = self.now.plus(CLOCK_SKEW_MAX);
        if appended > most {
            self.counts.clamped += 1;
            Path::TimeClamped.reached();
        }
        if appended.min(most) < last {
            Path::TimeStepsBack.reached();
        }
        let clamped = if Rule::TimeIsClamped.holds() { appended.min(most) } else { appended };
        if Rule::TimeNeverStepsBack.holds() { clamped.max(last) } else { clamped }
    }

    /// How long a record has waited by the owner's clock.
    pub(super) fn waited(&self, appended: At) -> Millis {
        self.now.since(appended).max(Millis(0))
    }

    /// Pauses partitions that are too far behind, and resumes those that have caught up.
    pub(super) fn press_back(&mut self) {
        let most = self.bounds.partition_records;
        for state in self.partitions.values_mut() {
            if !matches!(state.mode, Mode::Running) || self.draining {
                continue;
            }
            let (records, bytes) = (state.slots.len(), state.bytes);
            let full = records >= most || bytes >= PARTITION_BYTES_MAX;
            let low = records <= most / 2 && bytes <= PARTITION_BYTES_MAX / 2;
            if full && !state.paused {
                state.paused = true;
                Path::PartitionPaused.reached();
                self.outputs.push(Output::Log(ToLog::Pause(state.partition)));
            } else if low && state.paused {
                state.paused = false;
                Path::PartitionResumed.reached();
                self.outputs.push(Output::Log(ToLog::Resume(state.partition)));
            }
        }
    }

    pub(super) fn on_positions(&mut self, positions: &[(Partition, Option<i64>)]) {
        for &(partition, position) in positions {
            match position {
                Some(position) => self.learn_position(partition, position),
                None => {
                    Path::PositionLost.reached();
                    let sentence = format!(
                        "the group has lost its offset of partition {partition}: set it to the offset \
                         after the last answered request, then restart"
                    );
                    self.refuse(partition, sentence);
                }
            }
        }
        self.press_back();
    }

    /// Takes a stable position in. Nothing of the partition is under way in a transaction now.
    pub(super) fn learn_position(&mut self, partition: Partition, position: i64) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if matches!(state.mode, Mode::Refused | Mode::Retaking) {
            return;
        }
        state.awaits_position = false;
        if position < state.committed {
            Path::PositionWentBack.reached();
            let known = state.committed;
            return self.refuse(
                partition,
                format!(
                    "the group's offset of partition {partition} was moved back from {known} to \
                     {position}: set it to {known} again, then restart"
                ),
            );
        }
        let beyond = position > state.sent;
        let dropping = matches!(state.mode, Mode::Dropping);
        let ours = position.min(state.sent);
        let ours = if Rule::BelowPositionIsDone.holds() { ours } else { state.committed };
        if beyond {
            state.mode = Mode::Dropping;
        }
        // What lies beyond was answered by somebody else, perhaps otherwise than we would have.
        self.forward(partition, ours);
        if beyond || dropping {
            if beyond {
                Path::PositionBeyondSent.reached();
                tracing::warn!(%partition, position, "the position is beyond what was sent");
            }
            return self.rewind(partition, position);
        }
        self.restart_takeovers(partition, position);
    }

    /// Drops the partition's memory and has it delivered again.
    fn rewind(&mut self, partition: Partition, position: i64) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        Path::Rewound.reached();
        state.clear();
        state.window.rewind(position);
        state.mode = Mode::Running;
        state.committed = position;
        state.sent = position;
        state.epoch += 1;
        let epoch = state.epoch;
        self.questions.retain(|_, (asked, _)| *asked != partition);
        tracing::info!(%partition, position, epoch, "partition read again");
        self.outputs.push(Output::Log(ToLog::Rewind { partition, offset: position, epoch }));
    }

    /// Events that found more published than is known start over, or prove the offset moved back.
    fn restart_takeovers(&mut self, partition: Partition, position: i64) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let mut waiting = vec![];
        for (id, event) in &state.events {
            if let Stage::AwaitingPosition { published_below } = event.stage {
                waiting.push((id.clone(), published_below));
            }
        }
        waiting.sort_unstable();
        for (id, published_below) in waiting {
            if published_below > position {
                Path::MovedBackByLedger.reached();
                return self.refuse(
                    partition,
                    format!(
                        "event {id} has been answered up to offset {published_below}, and the group's \
                         offset of partition {partition} is {position}: it was moved back; {REBASE}, \
                         then restart"
                    ),
                );
            }
            Path::PositionCaughtUp.reached();
            self.start_takeover(partition, &id);
        }
    }
}
