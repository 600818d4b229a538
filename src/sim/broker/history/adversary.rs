//! Makes histories up: what ids, producers and consumers there are is known from the answers, and
//! what comes next is drawn from what a client can do at all.

use std::collections::{BTreeMap, VecDeque};

use super::{Answer, Captured, Life, Offset, Operation, PARTITIONS, PLACES};
use crate::ports::log::Topic;

/// Steps before the end is begun.
const STEPS: std::ops::Range<usize> = 15..41;
/// Producers under one id, and consumers under one instance id.
const LIVES_MAX: u32 = 4;
/// Where producers append; requests among it, as an upstream app may.
const APPENDED: [(Topic, i32); 4] =
    [(Topic::Held, 0), (Topic::Held, 1), (Topic::Terms, 0), (Topic::Requests, 0)];

/// What a producer can do.
#[derive(Clone, Copy, Debug, Default)]
struct Producer {
    /// There is something to be ended.
    open: bool,
    /// Offsets were refused, after which the client only aborts.
    spoilt: bool,
}

/// Who makes a history up.
#[derive(Debug)]
pub(super) struct Adversary {
    lot: fastrand::Rng,
    left: usize,
    /// The last value, or metadata, that was made up.
    number: u32,
    /// Producers that have not been told that they are fenced.
    producers: BTreeMap<Life, Producer>,
    /// How many there have been of each name.
    lives: BTreeMap<char, u32>,
    /// Consumers that are in the group.
    members: BTreeMap<char, Life>,
    captured: Vec<Captured>,
    rebalancing: bool,
    /// Consumers that wait for the others in a rebalance.
    joined: Vec<Life>,
    /// What is to be done next, whatever is drawn, unless something of it is refused.
    planned: VecDeque<Operation>,
    /// The end of the history, once it has begun.
    ending: Option<VecDeque<Operation>>,
}

impl Adversary {
    pub(super) fn new(seed: u64) -> Adversary {
        let mut lot = fastrand::Rng::with_seed(seed);
        let left = lot.usize(STEPS);
        Adversary {
            lot,
            left,
            number: 0,
            producers: BTreeMap::new(),
            lives: BTreeMap::new(),
            members: BTreeMap::new(),
            captured: vec![],
            rebalancing: false,
            joined: vec![],
            planned: VecDeque::new(),
            ending: None,
        }
    }

    pub(super) fn next(&mut self) -> Option<Operation> {
        if self.left == 0 {
            let ending = self.ending.take().unwrap_or_else(|| self.end());
            return self.ending.insert(ending).pop_front();
        }
        self.left -= 1;
        Some(self.anything())
    }

    /// A last producer under each id waits for all markers; then everything is looked at.
    fn end(&self) -> VecDeque<Operation> {
        let ids = ['x', 'y', 'z'].into_iter().filter(|id| self.lives.contains_key(id));
        let partitions = 0..PARTITIONS;
        let looks = PLACES.into_iter().flat_map(|place| {
            [Operation::EndOf(place), Operation::StableEnd(place), Operation::Read(place)]
        });
        let positions = partitions.flat_map(|partition| {
            [Operation::Position(partition), Operation::StablePosition(partition)]
        });
        let settle = self.rebalancing.then_some(Operation::Settle);
        settle.into_iter().chain(ids.map(Operation::Init)).chain(looks).chain(positions).collect()
    }

    pub(super) fn hear(&mut self, operation: &Operation, answer: &Answer) {
        if [Answer::Fenced, Answer::Stale].contains(answer) {
            self.planned.clear();
        }
        match operation {
            Operation::Init(name) => {
                let life = self.begin(*name);
                self.producers.insert(life, Producer::default());
            }
            Operation::Produce(life, ..) | Operation::Offsets(life, ..) => {
                self.went_on(*life, answer);
            }
            Operation::End(life, _) => {
                self.producers.remove(life);
                if *answer != Answer::Fenced {
                    self.producers.insert(*life, Producer::default());
                }
            }
            Operation::Join(name) => {
                let life = self.begin(*name);
                self.members.insert(*name, life);
                self.joined.push(life);
                self.grouped(answer);
            }
            Operation::Settle => self.grouped(answer),
            Operation::Leave(life) | Operation::Lose(life) => {
                self.members.remove(&life.name);
                self.grouped(answer);
            }
            Operation::Append(..)
            | Operation::EndOf(_)
            | Operation::StableEnd(_)
            | Operation::Read(_)
            | Operation::Position(_)
            | Operation::StablePosition(_) => {}
        }
    }

    fn begin(&mut self, name: char) -> Life {
        let number = self.lives.entry(name).or_default();
        *number += 1;
        Life { name, number: *number }
    }

    fn went_on(&mut self, life: Life, answer: &Answer) {
        if *answer == Answer::Fenced {
            self.producers.remove(&life);
        } else if let Some(producer) = self.producers.get_mut(&life) {
            *producer = Producer { open: true, spoilt: *answer == Answer::Stale };
        }
    }

    fn grouped(&mut self, answer: &Answer) {
        self.rebalancing = *answer == Answer::Rebalance;
        if !self.rebalancing {
            self.joined.clear();
        }
        if let Answer::Generation(generation, members) = answer {
            let captured =
                |(life, _): &(Life, Vec<i32>)| Captured { life: *life, generation: *generation };
            self.captured.extend(members.iter().map(captured));
        }
    }

    fn anything(&mut self) -> Operation {
        if self.planned.is_empty() && self.lot.u32(0..15) == 0 {
            self.plan();
        }
        if let Some(planned) = self.planned.pop_front() {
            return planned;
        }
        let made = match self.lot.u32(0..100) {
            0..45 => self.act(),
            45..51 => self.init(),
            51..67 => self.group(),
            67..72 => Some(Operation::Append(self.partition(), self.number())),
            _ => None,
        };
        made.unwrap_or_else(|| self.look())
    }

    /// Two producers that get in each other's way: the first to begin is the last to commit, with
    /// looks that tell when the markers are there. Chance alone hardly ever gets this far.
    fn plan(&mut self) {
        let able = self.producers.iter().filter(|(_, producer)| !producer.spoilt);
        let lives: Vec<Life> = able.map(|(life, _)| *life).collect();
        let (Some(one), Some(other)) = (self.pick(lives.clone()), self.pick(lives)) else { return };
        if one.name == other.name {
            return;
        }
        let member = self.captured.last().copied().filter(|_| self.lot.bool());
        let (steps, looks) = match member {
            Some(member) => {
                let partition = self.partition();
                let steps = [one, other].map(|life| {
                    let offset = Offset { offset: self.lot.i64(0..20), number: self.number() };
                    Operation::Offsets(life, partition, offset, member)
                });
                let looks = [Operation::StablePosition(partition), Operation::Position(partition)];
                (steps, looks)
            }
            None => {
                let Some(place) = self.pick(APPENDED) else { return };
                let steps =
                    [one, other].map(|life| Operation::Produce(life, place, vec![self.number()]));
                (steps, [Operation::Read(place), Operation::StableEnd(place)])
            }
        };
        self.planned.extend(steps);
        for life in [other, one] {
            self.planned.push_back(Operation::End(life, true));
            self.planned.extend(looks.clone());
        }
    }

    fn partition(&mut self) -> i32 {
        self.lot.i32(0..PARTITIONS)
    }

    fn number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    /// One of so many.
    fn pick<T>(&mut self, from: impl IntoIterator<Item = T>) -> Option<T> {
        let from: Vec<T> = from.into_iter().collect();
        let index = (!from.is_empty()).then(|| self.lot.usize(0..from.len()))?;
        from.into_iter().nth(index)
    }

    /// Those of the names that have not had enough lives.
    fn left_of(&self, names: Vec<char>) -> Vec<char> {
        let lives = |name: &char| self.lives.get(name).copied().unwrap_or(0);
        names.into_iter().filter(|name| lives(name) < LIVES_MAX).collect()
    }

    fn init(&mut self) -> Option<Operation> {
        let left = self.left_of(vec!['x', 'y', 'z']);
        self.pick(left).map(Operation::Init)
    }

    /// Something by a producer, mostly by the last one of its id.
    fn act(&mut self) -> Option<Operation> {
        let lives = self.producers.clone();
        let last = |life: &Life| self.lives[&life.name] == life.number;
        let (now, old): (Vec<Life>, Vec<Life>) = lives.keys().partition(|life| last(life));
        let old = if self.lot.u32(0..4) == 0 { self.pick(old) } else { None };
        let Some(life) = old.or_else(|| self.pick(now)) else { return self.init() };
        let Producer { open, spoilt } = lives[&life];
        if spoilt {
            return Some(Operation::End(life, false));
        }
        match self.lot.u32(0..100) {
            0..25 if open => Some(Operation::End(life, true)),
            25..38 if open => Some(Operation::End(life, false)),
            38..70 => self.offsets(life),
            _ => {
                let place = self.pick(APPENDED)?;
                let count = self.lot.usize(1..4);
                let numbers = (0..count).map(|_| self.number()).collect();
                Some(Operation::Produce(life, place, numbers))
            }
        }
    }

    /// By a member of the last generation, or of any.
    fn offsets(&mut self, life: Life) -> Option<Operation> {
        let captured = self.captured.clone();
        let current = captured.last().map(|last| last.generation);
        let current = captured.iter().copied().filter(|one| Some(one.generation) == current);
        let member =
            if self.lot.u32(0..3) == 0 { self.pick(captured.clone()) } else { self.pick(current) };
        let Some(member) = member else { return self.group() };
        let partition = self.partition();
        let offset = Offset { offset: self.lot.i64(0..20), number: self.number() };
        Some(Operation::Offsets(life, partition, offset, member))
    }

    fn group(&mut self) -> Option<Operation> {
        if self.rebalancing {
            return self.in_rebalance();
        }
        let members: Vec<Life> = self.members.values().copied().collect();
        match self.lot.u32(0..8) {
            0 => self.pick(members).map(Operation::Leave),
            1 => self.pick(members).map(Operation::Lose),
            _ => {
                let left = self.left_of(vec!['a', 'b', 'c']);
                self.pick(left).map(Operation::Join)
            }
        }
    }

    /// Others join, and some leave that are waited for; who has joined stays.
    fn in_rebalance(&mut self) -> Option<Operation> {
        match self.lot.u32(0..8) {
            0 => {
                let mut absent = vec!['a', 'b', 'c'];
                absent.retain(|name| !self.members.contains_key(name));
                let left = self.left_of(absent);
                self.pick(left).map(Operation::Join)
            }
            1 => {
                let mut waited_for: Vec<Life> = self.members.values().copied().collect();
                waited_for.retain(|life| !self.joined.contains(life));
                self.pick(waited_for).map(Operation::Leave)
            }
            _ => Some(Operation::Settle),
        }
    }

    fn look(&mut self) -> Operation {
        let place = self.pick(PLACES).unwrap_or((Topic::Terms, 0));
        match self.lot.u32(0..5) {
            0 => Operation::EndOf(place),
            1 => Operation::StableEnd(place),
            2 => Operation::Read(place),
            3 => Operation::Position(self.partition()),
            _ => Operation::StablePosition(self.partition()),
        }
    }
}
