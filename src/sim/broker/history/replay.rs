//! The simulated brokers are asked what the real ones were asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Answer, Captured, History, Life, Offset, Operation, PARTITIONS, Step};
use crate::domain::time::At;
use crate::ports::log::{OutRecord, Seal, Topic};
use crate::sim::broker::{Cluster, Denied, Marker, Place, Request, StoredOffset};
use crate::sim::group::{Assigned, Membership, Turn};

/// How the brokers do some things. A test puts one in that makes a mistake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub(super) init: fn(&mut Cluster, &str) -> Result<u32, Vec<Marker>>,
    pub(super) send_offsets: fn(&mut Cluster, (&str, u32), &Membership, &Offsets) -> Sent,
    pub(super) end: fn(&mut Cluster, (&str, u32), bool) -> Ended,
    pub(super) write: fn(&mut Cluster, &Marker),
    pub(super) stable_end: fn(&Cluster, Place) -> i64,
    pub(super) read: fn(&Cluster, Place) -> Vec<(i64, u32)>,
    pub(super) offset: fn(&Cluster, i32) -> StoredOffset,
    pub(super) stable_offset: fn(&Cluster, i32) -> Option<StoredOffset>,
    pub(super) join: fn(&mut Cluster, &str) -> (u32, Turn),
}

/// Partition, offset and metadata.
pub(super) type Offsets = [(i32, i64, String)];
/// What becomes of offsets.
pub(super) type Sent = Result<(), Denied>;
/// What becomes of an end.
pub(super) type Ended = Result<Vec<Marker>, Denied>;

impl Ways {
    /// As they do them.
    pub(super) const REAL: Ways = Ways {
        init: Cluster::init,
        send_offsets: |cluster, id, member, offsets| {
            cluster.send_offsets(id, At(0), member, offsets)
        },
        end: Cluster::end,
        write: |cluster, marker| {
            cluster.write(marker);
        },
        stable_end: Cluster::stable_end,
        read: |cluster, place| {
            let read = cluster.committed(place, 0).map(|stored| {
                let value = stored.raw.value.as_deref().unwrap_or_default();
                (stored.raw.offset, number_of(&String::from_utf8_lossy(value)))
            });
            read.collect()
        },
        offset: Cluster::offset,
        stable_offset: Cluster::stable_offset,
        join: |cluster, instance| cluster.group.join(instance),
    };
}

fn number_of(text: &str) -> u32 {
    text.parse().expect("values and metadata are numbers")
}

/// Where a history and the simulated brokers do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The history's seed.
    pub seed: u64,
    /// The number of the step, from 1.
    pub number: usize,
    /// The step.
    pub step: Step,
    /// What the simulated brokers answer to it, in every state that explains the steps before.
    pub simulated: BTreeSet<String>,
}

impl History {
    /// Asks simulated brokers all of it.
    ///
    /// # Errors
    /// The first answer that differs.
    ///
    /// # Panics
    /// When it has operations by whom was never there: it was not recorded.
    pub fn replay(&self) -> Result<(), Box<Disagreement>> {
        self.replay_with(&Ways::REAL)
    }

    pub(super) fn replay_with(&self, ways: &Ways) -> Result<(), Box<Disagreement>> {
        let mut possible = vec![Possible::new()];
        for (number, step) in (1..).zip(&self.steps) {
            let (mut simulated, mut next) = (BTreeSet::new(), vec![]);
            for before in possible.iter().flat_map(|one| one.as_it_may_be(ways, &step.operation)) {
                let mut after = before;
                let answer = after.answer(ways, &step.operation).to_string();
                if answer == step.answer && !next.contains(&after) {
                    next.push(after);
                }
                simulated.insert(answer);
            }
            if next.is_empty() {
                let (seed, step) = (self.seed, step.clone());
                return Err(Box::new(Disagreement { seed, number, step, simulated }));
            }
            possible = next;
        }
        Ok(())
    }
}

/// A state the brokers may be in.
#[derive(Clone, Debug, PartialEq)]
struct Possible {
    cluster: Cluster,
    /// Markers not yet written.
    pending: Vec<Marker>,
    /// Producers, with their epochs.
    producers: BTreeMap<Life, u32>,
    /// Consumers, with their member ids.
    members: BTreeMap<Life, u32>,
}

impl Possible {
    fn new() -> Possible {
        let (producers, members) = (BTreeMap::new(), BTreeMap::new());
        Possible { cluster: Cluster::new(PARTITIONS), pending: vec![], producers, members }
    }

    /// This state, and those in which some of the markers have been written, in every order, that
    /// make a difference to what is asked now.
    fn as_it_may_be(&self, ways: &Ways, operation: &Operation) -> Vec<Possible> {
        let matters = |marker: &Marker| match operation {
            Operation::Produce(_, place, _)
            | Operation::EndOf(place)
            | Operation::StableEnd(place)
            | Operation::Read(place) => marker.place == Some(*place),
            Operation::Append(partition, _) => marker.place == Some((Topic::Requests, *partition)),
            Operation::Position(_) | Operation::StablePosition(_) => marker.place.is_none(),
            Operation::Init(_)
            | Operation::Offsets(..)
            | Operation::End(..)
            | Operation::Join(_)
            | Operation::Settle
            | Operation::Leave(_)
            | Operation::Lose(_) => false,
        };
        let mut all = vec![self.clone()];
        let mut next = 0;
        while next < all.len() {
            let markers = all[next].pending.clone().into_iter().filter(matters);
            for marker in markers {
                let mut later = all[next].clone();
                later.write(ways, &marker);
                all.push(later);
            }
            next += 1;
        }
        all
    }

    fn write(&mut self, ways: &Ways, marker: &Marker) {
        self.pending.retain(|pending| pending != marker);
        (ways.write)(&mut self.cluster, marker);
    }

    /// Whoever is told to come again does so until all markers of its last transaction are written.
    fn write_all_of(&mut self, ways: &Ways, id: &str) {
        let markers: Vec<Marker> = self.pending.iter().filter(|m| m.id == id).cloned().collect();
        markers.iter().for_each(|marker| self.write(ways, marker));
    }

    fn answer(&mut self, ways: &Ways, operation: &Operation) -> Answer {
        match operation {
            Operation::Init(name) => self.init(ways, *name),
            Operation::Produce(life, place, numbers) => {
                let record = |number: &u32| OutRecord {
                    topic: place.0,
                    key: None,
                    value: number.to_string().into_bytes(),
                    headers: vec![],
                };
                let records: Vec<OutRecord> = numbers.iter().map(record).collect();
                self.ask(ways, *life, |cluster, id| {
                    cluster.produce(id, At(0), *place, &records).map(Answer::At)
                })
            }
            Operation::Offsets(life, partition, Offset { offset, number }, captured) => {
                let offsets = [(*partition, *offset, number.to_string())];
                let member = self.membership(*captured);
                self.ask(ways, *life, |cluster, id| {
                    (ways.send_offsets)(cluster, id, &member, &offsets).map(|()| Answer::Done)
                })
            }
            Operation::End(life, commit) => {
                let mut markers = vec![];
                let answer = self.ask(ways, *life, |cluster, id| {
                    markers = (ways.end)(cluster, id, *commit)?;
                    Ok(Answer::Done)
                });
                self.pending.extend(markers);
                answer
            }
            Operation::Append(partition, number) => {
                let value = Some(number.to_string().into_bytes());
                let request = Request { key: None, value, headers: vec![], seal: Seal::Absent };
                Answer::At(self.cluster.append(*partition, At(0), request))
            }
            Operation::Join(name) => self.join(ways, *name),
            Operation::Settle => self.settle(),
            Operation::Leave(life) | Operation::Lose(life) => {
                let member = self.members[life];
                let turn = self.cluster.group.remove(&life.name.to_string(), member);
                self.told(turn)
            }
            Operation::EndOf(place) => Answer::Offset(self.cluster.end_of(*place)),
            Operation::StableEnd(place) => Answer::Offset((ways.stable_end)(&self.cluster, *place)),
            Operation::Read(place) => Answer::Records((ways.read)(&self.cluster, *place)),
            Operation::Position(partition) => position((ways.offset)(&self.cluster, *partition)),
            Operation::StablePosition(partition) => {
                let stored = (ways.stable_offset)(&self.cluster, *partition);
                stored.map_or(Answer::Unstable, position)
            }
        }
    }

    fn init(&mut self, ways: &Ways, name: char) -> Answer {
        let id = name.to_string();
        loop {
            match (ways.init)(&mut self.cluster, &id) {
                Ok(epoch) => {
                    self.producers.insert(next_life(&self.producers, name), epoch);
                    return Answer::Done;
                }
                Err(markers) => {
                    self.pending.extend(markers);
                    self.write_all_of(ways, &id);
                }
            }
        }
    }

    fn ask(
        &mut self,
        ways: &Ways,
        life: Life,
        mut question: impl FnMut(&mut Cluster, (&str, u32)) -> Result<Answer, Denied>,
    ) -> Answer {
        let (id, epoch) = (life.name.to_string(), self.producers[&life]);
        loop {
            match question(&mut self.cluster, (&id, epoch)) {
                Ok(answer) => return answer,
                Err(Denied::Concurrent) => self.write_all_of(ways, &id),
                Err(Denied::Fenced) => return Answer::Fenced,
                Err(Denied::Stale) => return Answer::Stale,
                Err(Denied::Invalid) => return Answer::Invalid,
            }
        }
    }

    fn membership(&self, captured: Captured) -> Membership {
        let Captured { life, generation } = captured;
        let (instance, member) = (life.name.to_string(), self.members[&life]);
        Membership { instance, member, generation }
    }

    fn join(&mut self, ways: &Ways, name: char) -> Answer {
        let (member, turn) = (ways.join)(&mut self.cluster, &name.to_string());
        self.members.insert(next_life(&self.members, name), member);
        self.told(turn)
    }

    fn settle(&mut self) -> Answer {
        for (life, member) in &self.members {
            let turn = self.cluster.group.rejoin(&life.name.to_string(), *member);
            if let Turn::Generation(_) = turn {
                return self.told(turn);
            }
        }
        Answer::Rebalance
    }

    /// What members are told, all together.
    fn told(&self, turn: Turn) -> Answer {
        let assigned = match turn {
            Turn::Nothing | Turn::Rebalance => return Answer::Rebalance,
            Turn::Replaced(assigned) => vec![assigned],
            Turn::Generation(assigned) => assigned,
        };
        let Some(first) = assigned.first() else { return Answer::Empty };
        let generation = first.membership.generation;
        let of = |assigned: &Assigned| {
            let mut lives = self.members.iter();
            let found = lives.find(|(_, member)| **member == assigned.membership.member);
            (*found.expect("who was told has joined").0, assigned.partitions.clone())
        };
        Answer::Generation(generation, assigned.iter().map(of).collect())
    }
}

fn next_life(lives: &BTreeMap<Life, u32>, name: char) -> Life {
    let before = lives.keys().filter(|life| life.name == name);
    Life { name, number: before.map(|life| life.number).max().unwrap_or(0) + 1 }
}

fn position(stored: StoredOffset) -> Answer {
    Answer::Position(stored.map(|(offset, metadata)| (offset, number_of(&metadata))))
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { seed, number, step, simulated } = self;
        write!(f, "history {seed} and the simulated brokers do not agree at step {number}")?;
        write!(f, "\n  {}\n    brokers:   {}", step.operation, step.answer)?;
        simulated.iter().try_for_each(|answer| write!(f, "\n    simulated: {answer}"))
    }
}
