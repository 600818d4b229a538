//! What goes to Kafka, and what is known once it is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::{Decided, Slot};
use super::event::Event;
use super::partition::{Mode, PartitionState};
use super::path::Path;
use super::{Engine, Output};
use crate::domain::event::EventState;
use crate::domain::ids::{EventId, Partition};
use crate::domain::limits::PUBLICATION_BYTES_MAX;
use crate::domain::rule::Rule;
use crate::domain::time::{At, Millis};
use crate::ports::log::{
    LastRecord, OutRecord, Part, Position, Publication, Published, ToLog, Topic,
};
use crate::wire;
use crate::wire::inventory::{Count, Inventory, SectionFree};

/// How long nothing is published after a transaction that failed.
const AFTER_FAILURE: Millis = Millis(20);

/// What a transaction under way will have committed of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    partition: Partition,
    /// The assignment it was made under.
    term: i64,
    to: i64,
}

/// What the inventory says of an event besides its last published entry.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    live_holds: i64,
    earliest_deadline: Option<At>,
    counts: Vec<Count>,
    free: Vec<SectionFree>,
}

impl Summary {
    /// As the event stands in memory.
    pub(super) fn of(state: &EventState) -> Summary {
        let (live, earliest_deadline) = state.live_holds();
        let mut summary = Summary {
            live_holds: i64::try_from(live).unwrap_or(i64::MAX),
            earliest_deadline,
            counts: vec![],
            free: vec![],
        };
        let Some(layout) = state.layout() else { return summary };
        let name = |section: usize| layout.definition.sections[section].name.clone();
        for ((section, tier), taken) in state.taken() {
            summary.counts.push(Count {
                section: name(section),
                tier: layout.tier_at(tier).name.clone(),
                held: i64::from(taken.held),
                booked: i64::from(taken.booked),
            });
        }
        for section in 0..layout.sections() {
            let free = i64::from(state.free_places(section).count());
            let blocked = i64::from(state.blocked_places(section).count());
            summary.free.push(SectionFree { section: name(section), free, blocked });
        }
        summary
    }
}

impl Engine {
    /// Asks for a transaction over all that may be published, when none is under way.
    pub(super) fn publish_what_is_settled(&mut self) {
        if self.publishing.is_some() || self.now < self.publish_not_before {
            return;
        }
        let settled_only = Rule::OnlySettledIsPublished.holds();
        let contiguous = Rule::PrefixIsContiguous.holds();
        let partitions = self.partitions.len().max(1);
        let (most, most_bytes) =
            (self.bounds.publication_entries / partitions, PUBLICATION_BYTES_MAX / partitions);
        let mut parts = vec![];
        let mut sent = vec![];
        for state in self.partitions.values_mut() {
            if !matches!(state.mode, Mode::Running) || state.awaits_position {
                continue;
            }
            let mut take: Vec<usize> = vec![];
            let mut bytes = 0;
            for (index, slot) in state.slots.iter().enumerate().take(most.max(1)) {
                let Some(decided) = settled(state, slot, settled_only) else {
                    Path::PartitionHeld.reached();
                    if contiguous { break } else { continue }
                };
                bytes += decided.bytes;
                if bytes > most_bytes && !take.is_empty() {
                    break;
                }
                take.push(index);
            }
            let Some(&last) = take.last() else { continue };
            let part = part_of(state, &take);
            state.sent = state.slots[last].offset + 1;
            sent.push(Sent { partition: state.partition, term: state.term, to: state.sent });
            parts.push(part);
        }
        if !parts.is_empty() {
            mark(&parts);
            self.publishing = Some(sent);
            self.counts.publications += 1;
            self.outputs.push(Output::Log(ToLog::Publish(Publication { parts })));
        }
    }

    pub(super) fn on_published(&mut self, published: Published) {
        let Some(sent) = self.publishing.take() else { return };
        let retakes = Rule::RetakeWaitsForTransaction.holds();
        for sent in sent.iter().filter(|_| retakes) {
            let state = self.partitions.get(&sent.partition);
            if state.is_some_and(|state| matches!(state.mode, Mode::Retaking)) {
                self.outputs.push(Output::Log(ToLog::RetakeTerm(sent.partition)));
            }
        }
        let current: Vec<Sent> = sent
            .into_iter()
            .filter(|sent| {
                let state = self.partitions.get(&sent.partition);
                let current = state.is_some_and(|state| state.term == sent.term);
                if !current {
                    Path::EndedOfEarlierTerm.reached();
                }
                current
            })
            .collect();
        match published {
            Published::Committed => {
                Path::Committed.reached();
                for sent in current {
                    self.forward(sent.partition, sent.to);
                }
            }
            Published::Ended { positions, why } => {
                tracing::warn!(why, "transaction ended; its entries may be published again");
                self.publish_not_before = self.now.plus(AFTER_FAILURE);
                if !Rule::PositionBeforeRepublishing.holds() {
                    return;
                }
                for sent in current {
                    let position = positions.iter().find(|(p, _)| *p == sent.partition);
                    match position {
                        Some(&(partition, position)) => {
                            if position >= sent.to {
                                Path::EndedCommitted.reached();
                            } else {
                                Path::EndedNotCommitted.reached();
                            }
                            self.learn_position(partition, position);
                        }
                        None => {
                            Path::EndedWithoutPosition.reached();
                            self.await_position(sent.partition);
                        }
                    }
                }
            }
        }
        self.press_back();
    }

    /// Whether a transaction with records of a partition is under way.
    pub(super) fn is_publishing(&self, partition: Partition) -> bool {
        self.publishing.iter().flatten().any(|sent| sent.partition == partition)
    }

    fn await_position(&mut self, partition: Partition) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        state.awaits_position = true;
        self.outputs.push(Output::Log(ToLog::ReadPositions(vec![partition])));
    }

    /// Everything below `to` is committed: it is known as published, and no longer owed.
    pub(super) fn forward(&mut self, partition: Partition, to: i64) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let mut touched: Vec<EventId> = vec![];
        while state.slots.front().is_some_and(|slot| slot.offset < to) {
            let slot = state.slots.pop_front().expect("just seen");
            state.bytes -= slot.bytes;
            if let (Some(event), Some(decided)) = (slot.event, slot.decided) {
                let known = state.known_mut(&event);
                known.sequence = decided.sequence;
                known.at = decided.at;
                known.position = to;
                if touched.last() != Some(&event) {
                    touched.push(event);
                }
            }
        }
        state.committed = state.committed.max(to);
        state.window.forget_below(to);
        touched.sort_unstable();
        touched.dedup();
        for id in touched {
            if let Some(event) = self.event_mut(partition, &id) {
                event.settle_below(to);
                event.forget_summaries_below(to);
                self.go_on(partition, &id);
            }
        }
    }
}

/// Marks what a transaction is made of.
fn mark(parts: &[Part]) {
    let refused = |record: &OutRecord| record.topic == Topic::Refused;
    if parts.iter().flat_map(|part| &part.entries).all(|entry| entry.iter().all(refused)) {
        Path::OnlyRefusals.reached();
    }
    if parts.len() > 1 {
        Path::SeveralPartitions.reached();
    }
}

/// The decision of a slot, if it may be published now.
fn settled<'a>(state: &PartitionState, slot: &'a Slot, check: bool) -> Option<&'a Decided> {
    let decided = slot.decided.as_ref()?;
    let applied = match &slot.event {
        None => 0,
        Some(event) => state.events.get(event).map_or(0, |event| event.applied),
    };
    (!check || applied >= decided.needs).then_some(decided)
}

fn part_of(state: &PartitionState, take: &[usize]) -> Part {
    let last = &state.slots[*take.last().expect("a part is not empty")];
    let position = Position {
        offset: last.offset + 1,
        last: Some(LastRecord {
            offset: last.offset,
            appended: last.appended,
            highest: last.highest,
            digest: last.digest,
        }),
    };
    let mut answered: BTreeMap<&EventId, &Decided> = BTreeMap::new();
    let mut entries = Vec::with_capacity(take.len());
    for &index in take {
        let slot = &state.slots[index];
        let decided = slot.decided.as_ref().expect("only decided slots are taken");
        let left_out = entries.is_empty() && !Rule::Canary.holds();
        entries.push(if left_out { Arc::default() } else { Arc::clone(&decided.records) });
        if let Some(event) = &slot.event {
            answered.insert(event, decided);
        }
    }
    let inventory = answered
        .into_iter()
        .map(|(event, decided)| inventory_of(state, event, decided, position.offset))
        .collect();
    Part { partition: state.partition, position, entries, inventory }
}

fn inventory_of(
    state: &PartitionState,
    id: &EventId,
    decided: &Decided,
    position: i64,
) -> OutRecord {
    let event = state.events.get(id).expect("an answered event is in memory");
    let known = state.known.get(id);
    let summary = if Rule::InventoryIsOfThePublished.holds() {
        event.summary_below(position)
    } else {
        Summary::of(&event.state)
    };
    let revision = event.fence.as_ref().map_or(0, |fence| fence.revision);
    wire::inventory::encode(&Inventory {
        event: id.clone(),
        sequence: decided.sequence,
        position,
        revision: known.map_or(0, |known| known.revision).max(revision),
        at: decided.at,
        suspended: event.state.suspended,
        live_holds: summary.live_holds,
        earliest_deadline: summary.earliest_deadline,
        counts: summary.counts,
        free: summary.free,
    })
}

impl Event {
    /// As the event stood after the last batch that is published to its end.
    fn summary_below(&self, position: i64) -> Summary {
        let published = self.summaries.iter().rev().find(|(last, _)| *last < position);
        published
            .or_else(|| self.summaries.front())
            .map_or_else(|| Summary::of(&self.state), |(_, summary)| summary.clone())
    }

    fn forget_summaries_below(&mut self, position: i64) {
        while self.summaries.len() > 1 && self.summaries[1].0 < position {
            self.summaries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use crate::domain::ids::SeatNumber;
    use crate::domain::layout::{Definition, Layout, Limits, Places, Section, Tier};

    #[test]
    fn free_and_blocked_places_are_told_by_section() {
        let event = EventId::new("e").unwrap();
        let section = |name: &str, count| Section {
            name: name.into(),
            rank: 1,
            tiers: vec!["t".into()],
            places: Places::General(count),
        };
        let definition = Definition {
            event: event.clone(),
            hold_time: Millis(600_000),
            max_wait: Millis(30_000),
            extend_max: Millis(0),
            no_single_seats: false,
            currency: "EUR".into(),
            limits: Limits::default(),
            tiers: vec![Tier { name: "t".into(), price: 100, seats_per_buyer: None }],
            sections: vec![section("a", 5), section("b", 7)],
        };
        let mut state = EventState::unknown(event);
        state.apply(&Change::Defined(Arc::new(Layout::compile(definition).unwrap())));
        let seats = [0, 5, 11].map(SeatNumber).to_vec();
        state.apply(&Change::Blocked { seats, reason: "press".into() });
        let told = Summary::of(&state).free.into_iter().map(|of| (of.section, of.free, of.blocked));
        assert_eq!(told.collect::<Vec<_>>(), [("a".into(), 4, 1), ("b".into(), 5, 2)]);
    }
}
