//! The end of a world: faults heal, an operator does what refusals ask for, and all must be done.

use std::collections::BTreeSet;

use super::{Happening, Phase, World};
use crate::domain::ids::EventId;
use crate::domain::seat::Status;
use crate::domain::time::Millis;
use crate::ports::log::Topic;
use crate::sim::broker::StoredOffset;
use crate::sim::net::{Event, MILLI, Micros};
use crate::sim::process::Process;

/// How often it is asked whether all is done, and how long that may take.
const CHECK: Micros = 500 * MILLI;
const SETTLE_MAX: Micros = 240_000 * MILLI;
/// Longest hold of a workload.
const HOLDS_END: Micros = 24_000 * MILLI;

impl World {
    /// Faults heal, and an operator does what the refusals say.
    pub(super) fn heal(&mut self) {
        self.trace.note(self.net.now(), "heal", 0, 0);
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
            if self.processes[pid].alive && (refused || was_wrong) {
                self.kill(pid);
            }
            self.wake(pid);
        }
        for watcher in &mut self.watchers {
            watcher.skew = Millis(0);
        }
        self.phase = Phase::Healing { since: self.net.now() };
        let owners = self.processes.iter().map(|process| process.instance.clone());
        let owners: BTreeSet<String> = owners.collect();
        for owner in owners.into_iter().filter(|owner| !self.lives(owner)).collect::<Vec<_>>() {
            self.start(&owner);
        }
        self.net.after(HOLDS_END, Event::World(Happening::Check));
    }

    /// What the refusals ask for; where owners have gone on nothing is to be done.
    pub(super) fn set_offset_again(&mut self) {
        let Some((partition, right)) = self.touched.offset.clone() else { return };
        let offset = |stored: &StoredOffset| stored.as_ref().map(|(offset, _)| *offset);
        // What was under way when the offset was moved may have been committed after it was noted;
        // the inventory then knows better, and the refusal says so.
        let known = self.servers.cluster.answered(partition);
        let right =
            if offset(&right) < known { known.map(|at| (at, String::new())) } else { right };
        if offset(&self.servers.cluster.offset(partition)) < offset(&right) {
            self.servers.cluster.set_offset(partition, right);
        }
    }

    /// Whether all is done; and if not, whether it should be by now.
    pub(super) fn check(&mut self) {
        let Phase::Healing { since } = self.phase else { return };
        self.look();
        let Some(open) = self.what_is_open() else {
            self.phase = Phase::Over;
            return;
        };
        if self.net.now() - since > SETTLE_MAX {
            self.judge.object(format!("not done in time: {open}"));
            self.phase = Phase::Over;
            return;
        }
        self.net.after(CHECK, Event::World(Happening::Check));
    }

    fn what_is_open(&self) -> Option<String> {
        let refused = |partition: &i32| {
            let refuses =
                |process: &Process| process.alive && process.refused.contains_key(partition);
            self.processes.iter().any(refuses)
        };
        for partition in self.partitions() {
            if refused(&partition) {
                if self.touched.refusable.contains(&partition) {
                    continue;
                }
                return Some(format!("partition {partition} is refused without a reason"));
            }
            if self.judge.is_behind(&self.servers.cluster, partition) {
                return Some(format!("partition {partition} is not answered to its end"));
            }
        }
        let busy = |process: &Process| process.is_awake() && !process.engine.is_idle();
        if let Some(pid) = self.processes.iter().position(busy) {
            return Some(format!("process {pid} is busy"));
        }
        if let Some(event) = self.overdue() {
            return Some(format!("a hold of event {event} is overdue"));
        }
        None
    }

    /// An event with a hold that should have ended, or will soon.
    fn overdue(&self) -> Option<EventId> {
        let events = self.servers.ledger.events();
        let held = |event: &&EventId| {
            let suspendable = self.touched.suspendable.contains(event);
            let rows = self.servers.ledger.seats(event);
            !suspendable && rows.iter().any(|row| row.status == Status::Held)
        };
        events.into_iter().find(held).cloned()
    }
}
