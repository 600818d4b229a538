//! The end of a world: faults heal, an operator does what refusals ask for, and all must be done.

use std::collections::BTreeSet;

use super::{Happening, Phase, World};
use crate::domain::ids::EventId;
use crate::domain::limits::GRACE;
use crate::domain::seat::{Status, StoredSeat};
use crate::domain::time::Millis;
use crate::ports::log::Topic;
use crate::sim::broker::StoredOffset;
use crate::sim::net::{Event, MILLI, Micros};
use crate::sim::process::Process;
use crate::wire;

/// How often it is asked whether all is done, and how long that may take.
const CHECK: Micros = 500 * MILLI;
const SETTLE_MAX: Micros = 240_000 * MILLI;
/// Longest hold that a workload means to have.
const HOLDS_END: Micros = 24_000 * MILLI;
/// How long after its deadline and grace a hold may stay once all is answered, as long as no clock
/// was ever wrong.
const EXPIRY_MAX: Millis = Millis(3_000);

impl World {
    /// Faults heal, and an operator does what the refusals say.
    pub(super) fn heal(&mut self) {
        self.trace("heal", 0, 0);
        // A watcher waits by its clock, at most until log time has caught up with that: twice the
        // error, beginning once the error ahead of true time, which is the clock it has now.
        let error = Millis(3 * self.net.weather.borrow().skew);
        let expiry_max = Millis(EXPIRY_MAX.0 + error.0);
        self.net.weather.borrow_mut().clear_up();
        self.leaders.fill(Millis(0));
        let was_wrong = std::mem::take(&mut self.misconfigured);
        self.servers.unreadable = None;
        self.set_offset_again();
        for &partition in &self.touched.unaudited {
            // Going on without what is lost.
            let end = self.servers.cluster.end_of((Topic::Requests, partition));
            self.servers.cluster.set_offset(partition, Some((end, String::new())));
        }
        for pid in 0..self.processes.len() {
            self.processes[pid].skew = Millis(0);
            let refused = !self.processes[pid].refused.is_empty();
            // Brokers take no offset from an operator while members are there.
            let moved = !self.touched.unaudited.is_empty();
            if self.processes[pid].alive && (refused || was_wrong || moved) {
                self.kill(pid);
            }
            self.wake(pid);
        }
        for watcher in &mut self.watchers {
            watcher.skew = Millis(0);
        }
        self.phase = Phase::Healing { since: self.net.now(), settled: None, expiry_max };
        let owners = self.processes.iter().map(|process| process.instance.clone());
        let owners: BTreeSet<String> = owners.collect();
        for owner in owners.into_iter().filter(|owner| !self.lives(owner)).collect::<Vec<_>>() {
            self.start(&owner);
        }
        self.net.after(HOLDS_END, Event::World(Happening::Check));
    }

    /// What the refusals ask for; where owners have gone on nothing is to be done.
    pub(super) fn set_offset_again(&mut self) {
        let Some((partition, before)) = self.touched.offset.clone() else { return };
        let cluster = &mut self.servers.cluster;
        if !cluster.is_settled(partition) {
            // Nobody knows yet what becomes of what was under way when the offset was moved.
            return self.net.after(CHECK, Event::World(Happening::Undo));
        }
        let offset = |stored: &StoredOffset| stored.as_ref().map(|(offset, _)| *offset);
        let last = cluster.after_last_answer(partition);
        let right =
            if offset(&before) < last { last.map(|at| (at, String::new())) } else { before };
        if offset(&cluster.offset(partition)) < offset(&right) {
            cluster.set_offset(partition, right);
        }
    }

    /// An operator starts those anew that still refuse a partition: what they miss may have been
    /// set right after they looked.
    fn restart_refusers(&mut self) {
        for pid in 0..self.processes.len() {
            let process = &self.processes[pid];
            if process.alive && !process.refused.is_empty() {
                self.kill(pid);
                self.restart_later(pid);
            }
        }
    }

    /// Whether all is done; and if not, whether it should be by now.
    pub(super) fn check(&mut self) {
        self.look();
        let Phase::Healing { since, settled, expiry_max } = self.phase else { return };
        if self.net.now() - since == HOLDS_END {
            self.restart_refusers();
        }
        let open = self.what_is_open();
        if open.is_none() {
            let settled = settled.unwrap_or(self.net.at());
            // Whatever comes from here on has as long again.
            let since = self.net.now();
            self.phase = Phase::Healing { since, settled: Some(settled), expiry_max };
            let Some((event, row)) = self.first_held() else { return self.conclude() };
            let (hold, due) = (row.hold, row.deadline.plus(GRACE));
            let ended_by = due.max(settled).plus(expiry_max);
            if ended_by < self.net.at() {
                return self.give_up(format!("{event}: hold {hold} was due at {due}: {row:?}"));
            }
            // A definition that was asked for by a flipped bit may have very long holds.
            let wait = ended_by.since(self.net.at()).0 * MILLI;
            return self.net.after(CHECK.max(wait / 2), Event::World(Happening::Check));
        }
        if let Some(open) = open.filter(|_| self.net.now() - since > SETTLE_MAX) {
            return self.give_up(format!("not done in time: {open}"));
        }
        self.net.after(CHECK, Event::World(Happening::Check));
    }

    fn conclude(&mut self) {
        let refused: Vec<i32> =
            self.partitions().filter(|partition| self.is_refused(*partition)).collect();
        let World { judge, servers, workload, trace, .. } = self;
        judge.conclude(&servers.cluster, &refused, workload, trace);
        self.phase = Phase::Over;
    }

    fn give_up(&mut self, what: String) {
        self.judge.object(what);
        self.phase = Phase::Over;
    }

    fn is_refused(&self, partition: i32) -> bool {
        let refuses = |process: &Process| process.alive && process.refused.contains_key(&partition);
        self.processes.iter().any(refuses)
    }

    fn what_is_open(&self) -> Option<String> {
        for partition in self.partitions() {
            if self.is_refused(partition) {
                if self.touched.refusable.contains(&partition) {
                    continue;
                }
                return Some(format!("partition {partition} is refused without a reason"));
            }
            if self.judge.is_behind(&self.servers.cluster, partition) {
                return Some(format!("partition {partition} is not answered to its end"));
            }
            if self.judge.is_hidden(&self.servers.cluster, partition) {
                return Some(format!(
                    "answers of partition {partition} are in an open transaction"
                ));
            }
        }
        let busy = |process: &Process| process.is_awake() && !process.engine.is_idle();
        if let Some(pid) = self.processes.iter().position(busy) {
            return Some(format!("process {pid} is busy"));
        }
        None
    }

    /// The hold that is due first, of those that should end: not of events that are suspended, or
    /// of partitions that are refused to the end or went on without what was lost.
    fn first_held(&self) -> Option<(EventId, StoredSeat)> {
        let count = self.net.weather.borrow().partitions;
        let ends = |event: &&EventId| {
            let partition = wire::partitioner::partition(event.as_str().as_bytes(), count);
            let given_up =
                self.is_refused(partition) || self.touched.unaudited.contains(&partition);
            !given_up && !self.touched.suspendable.contains(event)
        };
        let events = self.servers.ledger.events().filter(ends);
        let rows = events.flat_map(|event| {
            let rows = self.servers.ledger.seats(event).into_iter();
            rows.map(|row| (event.clone(), row))
        });
        let held = rows.filter(|(_, row)| row.status == Status::Held);
        held.filter(|(event, row)| self.is_there(event, row)).min_by_key(|(_, row)| row.deadline)
    }

    /// Whether a row is that of a place: one that a later definition dropped stays as it was.
    fn is_there(&self, event: &EventId, row: &StoredSeat) -> bool {
        let rows = self.servers.ledger.read_rows(event).ok();
        let definition = rows.and_then(|rows| Some(rows.definition?.1));
        let venue = definition.and_then(|bytes| wire::venue::decode(&bytes).ok());
        let layout = venue.and_then(|venue| venue.compile().ok());
        layout.is_none_or(|layout| layout.place_of(row.number).is_some())
    }
}
