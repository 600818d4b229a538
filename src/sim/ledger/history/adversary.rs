//! Who asks: some owners who each believe to know the event, mostly do not, and now and then send
//! what no owner would.

use std::collections::BTreeMap;
use std::mem;
use std::ops::RangeInclusive;

use fastrand::Rng;

use super::Operation;
use super::plan::{Mark, Plan, Run};
use crate::domain::ids::{EventId, RowNumber};
use crate::sim::ledger::SimLedger;

/// How many owners there are.
const OWNERS: usize = 3;
/// Places that batches mostly touch: few, so that they are in each other's way.
const PLACES: u32 = 12;
/// Where the places begin that are written by the hundred.
const MANY_FROM: u32 = 1_000;
/// A batch that is never sent.
const NOBODYS: u32 = 999;
/// Operations of a history, those at its end not counted.
const OPERATIONS: RangeInclusive<usize> = 20..=36;

/// Makes up what to ask.
#[derive(Debug)]
pub(super) struct Adversary {
    random: Rng,
    owners: [View; OWNERS],
    /// Batches made up so far.
    batches: u32,
    /// Operations to come; the last ones read all there is.
    left: usize,
    at_end: bool,
}

/// What somebody believes of the event.
#[derive(Clone, Debug, Default)]
struct View {
    fence: Option<(i64, u32)>,
    outbox: Option<i64>,
    definition: Option<i64>,
    seats: BTreeMap<u32, i64>,
}

impl Adversary {
    pub(super) fn new(seed: u64) -> Adversary {
        let mut random = Rng::with_seed(seed);
        let left = random.usize(OPERATIONS);
        Adversary { random, owners: Default::default(), batches: 0, left, at_end: false }
    }

    /// What is to be asked at once, the event being as it is; nothing at the end.
    pub(super) fn next(&mut self, ledger: &SimLedger, event: &EventId) -> Vec<Operation> {
        if self.left == 0 {
            let rows_come_last = mem::replace(&mut self.at_end, true);
            return if rows_come_last { vec![] } else { vec![Operation::ReadRows] };
        }
        let now = View::of(ledger, event);
        let operations = match self.random.u32(0..100) {
            0..14 => {
                let count = self.random.usize(2..=4);
                (0..count).map(|_| self.together(&now)).collect()
            }
            14..24 => vec![Operation::ReadFence],
            24..31 => vec![Operation::ReadRows],
            _ => vec![self.batch(&now)],
        };
        self.left = self.left.saturating_sub(operations.len());
        operations
    }

    /// One of several at once. Rows are not read then: nothing is said of what such a read sees.
    fn together(&mut self, now: &View) -> Operation {
        if self.random.u32(0..6) == 0 { Operation::ReadFence } else { self.batch(now) }
    }

    /// A batch, mostly a new one.
    fn batch(&mut self, now: &View) -> Operation {
        if self.batches > 0 && self.random.u32(0..7) == 0 {
            // A recent one above all: it may be the last that was written.
            let back = self.random.u32(0..self.batches.min(3));
            let any = self.random.u32(1..=self.batches);
            return Operation::Again(if self.random.bool() { self.batches - back } else { any });
        }
        let owner = self.random.usize(0..OWNERS);
        if self.random.u32(0..10) < 7 {
            self.owners[owner] = now.clone();
        }
        let view = self.owners[owner].clone();
        let mut plan = self.honest(&view);
        // Of an event that is not there yet there is little to see, once it is made.
        if self.random.u32(0..10) < if now.fence.is_none() { 7 } else { 4 } {
            self.twist(&mut plan, now);
        }
        Operation::Send(plan)
    }

    /// What an owner would send who believes this.
    fn honest(&mut self, view: &View) -> Plan {
        self.batches += 1;
        let revision = view.fence.map_or(1, |(revision, _)| revision.wrapping_add(1));
        let outbox = self.mark(view.outbox);
        // An event is mostly made with its definition.
        let defines = self.random.u32(0..10) < if view.fence.is_none() { 7 } else { 2 };
        let definition = defines.then(|| self.mark(view.definition));
        let mut seats = vec![];
        if self.random.u32(0..14) == 0 {
            let last = MANY_FROM + self.random.u32(20..300);
            seats.push(self.run(view, MANY_FROM, last));
        }
        let mut places: Vec<u32> = (0..PLACES).collect();
        self.random.shuffle(&mut places);
        places.truncate(self.random.usize(0..5));
        seats.extend(places.into_iter().map(|place| self.run(view, place, place)));
        let expected = view.fence;
        Plan { number: self.batches, revision, expected, outbox, definition, seats }
    }

    fn mark(&mut self, guard: Option<i64>) -> Mark {
        let changed = guard.map_or(1, |changed| changed.wrapping_add(1));
        Mark { changed, guard, keep: guard.is_some() && self.random.u32(0..4) == 0 }
    }

    fn run(&mut self, view: &View, first: u32, last: u32) -> Run {
        // The others may have changed since, or not be there: a guard that fails late.
        let guard = view.seats.get(&first).copied();
        Run { first, last, changed: i64::from(self.batches), guard }
    }

    /// Makes one thing of it wrong, or odd.
    fn twist(&mut self, plan: &mut Plan, now: &View) {
        match self.random.u32(0..9) {
            0 => plan.expected = plan.expected.is_none().then_some((1, 1)),
            1 => plan.expected = plan.expected.map(|(r, number)| (r.wrapping_sub(1), number)),
            2 => {
                let other = self.random.u32(1..=self.batches);
                let other = if self.random.bool() { other } else { NOBODYS };
                plan.expected = plan.expected.map(|(revision, _)| (revision, other));
            }
            3 => self.mistake(&mut plan.outbox.guard, plan.outbox.keep),
            4 => {
                let mut mark = plan.definition.unwrap_or_else(|| self.mark(now.definition));
                self.mistake(&mut mark.guard, mark.keep);
                plan.definition = Some(mark);
            }
            5 | 6 => {
                if plan.seats.is_empty() {
                    let place = self.random.u32(0..PLACES);
                    let run = self.run(now, place, place);
                    plan.seats.push(run);
                }
                let which = self.random.usize(0..plan.seats.len());
                self.mistake(&mut plan.seats[which].guard, false);
            }
            7 => plan.revision = self.odd(plan.revision),
            _ => plan.outbox.changed = self.odd(plan.outbox.changed),
        }
    }

    /// Another guard: of absent, of present, or of another `changed`. What keeps its content must
    /// have some.
    fn mistake(&mut self, guard: &mut Option<i64>, keep: bool) {
        let off = if self.random.bool() { 1 } else { -1 };
        *guard = match *guard {
            Some(_) if !keep && self.random.bool() => None,
            Some(changed) => Some(changed.wrapping_add(off)),
            None => Some(self.random.i64(-1..3)),
        };
    }

    /// What is not the next number.
    fn odd(&mut self, number: i64) -> i64 {
        let odd = [number.wrapping_sub(1), 0, -1, i64::MAX, i64::MIN];
        odd[self.random.usize(0..odd.len())]
    }
}

impl View {
    fn of(ledger: &SimLedger, event: &EventId) -> View {
        let Some(partition) = ledger.partition(event) else { return View::default() };
        let (revision, op_id) = partition.last();
        let number = u32::try_from(op_id.0.as_u128()).expect("batches have small numbers");
        let row = |number: &RowNumber| (number.0, partition.changed(*number));
        let seats = partition.seats.keys().map(row);
        View {
            fence: Some((revision, number)),
            outbox: Some(partition.outbox.changed),
            definition: partition.definition.as_ref().map(|stored| stored.changed),
            seats: seats.filter_map(|(number, changed)| Some((number, changed?))).collect(),
        }
    }
}
