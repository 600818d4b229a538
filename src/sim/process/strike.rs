//! What the machine does to a process: kills it, stops it, starts it again.

use super::{Message, When};
use crate::sim::fault::{Fault, Step};
use crate::sim::net::{Event, MILLI, Pid};
use crate::sim::weather::Plan;
use crate::sim::world::{Happening, World};

impl World {
    /// Whether something happens to a process at a step that keeps it from going on.
    pub(super) fn strike(&mut self, pid: Pid, step: Step, when: When) -> bool {
        let Some(fault) = self.draw_fault(step, when) else { return false };
        self.matrix.hit(fault, step);
        self.trace(fault.name(), pid, step as u64);
        match fault {
            Fault::DieBefore | Fault::DieAfter => {
                self.kill(pid);
                self.restart_later(pid);
                true
            }
            Fault::SleepBefore | Fault::SleepAfter => {
                self.put_to_sleep(pid);
                true
            }
            Fault::RebalanceBefore | Fault::RebalanceAfter => {
                let turn = self.servers.cluster.group.shake();
                self.servers.turns.push(turn);
                false
            }
        }
    }

    pub(super) fn draw_fault(&mut self, step: Step, when: When) -> Option<Fault> {
        let fits = |fault: Fault| match fault {
            Fault::DieBefore | Fault::SleepBefore | Fault::RebalanceBefore => when == When::Before,
            Fault::DieAfter | Fault::SleepAfter | Fault::RebalanceAfter => when == When::After,
        };
        let mut weather = self.net.weather.borrow_mut();
        let due = |plan: &mut Plan| {
            let met = plan.step == step && fits(plan.fault);
            plan.after -= u32::from(met);
            met && plan.after == 0
        };
        let planned = weather.plans.iter_mut().position(due);
        if let Some(index) = planned {
            return Some(weather.plans.swap_remove(index).fault);
        }
        let one_in = weather.strike_one_in;
        drop(weather);
        let struck = self.net.one_in(one_in);
        let fault = struck.then(|| *self.net.pick(Fault::ALL));
        fault.filter(|fault| fits(*fault))
    }

    /// It is gone, with all it had in memory.
    pub(in crate::sim) fn kill(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        if !process.alive {
            return;
        }
        process.alive = false;
        process.driver.end();
        process.todo.clear();
        process.deferred.clear();
        process.feeds.clear();
        process.sleeps += 1;
        self.trace("dead", pid, 0);
        self.expect_session_end(pid);
    }

    pub(super) fn expect_session_end(&mut self, pid: Pid) {
        let session = self.net.weather.borrow().session;
        let sleeps = self.processes[pid].sleeps;
        self.net.after(session, Event::World(Happening::SessionOver(pid, sleeps)));
    }

    /// Its supervisor starts it again: at once, in time, or when the group has given it up.
    pub(in crate::sim) fn restart_later(&mut self, pid: Pid) {
        let delay = self.net.pick(&[100, 700, 4_000, 15_000]) * MILLI;
        let instance = self.processes[pid].instance.clone();
        self.net.after(delay, Event::World(Happening::Restart(instance)));
    }

    pub(super) fn put_to_sleep(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        process.asleep = true;
        process.sleeps += 1;
        let length = self.net.pick(&[20, 500, 3_000, 8_000, 30_000]) * MILLI;
        self.net.after(length, Event::World(Happening::Wake(pid)));
        self.expect_session_end(pid);
        // A supervisor may take it for dead, and start another process in its place.
        if length > 500 * MILLI && self.net.one_in(2) {
            let instance = self.processes[pid].instance.clone();
            self.net.after(length / 3, Event::World(Happening::Replace(pid, instance)));
        }
    }

    /// It goes on where it was, and hears what has come meanwhile.
    pub(in crate::sim) fn wake(&mut self, pid: Pid) {
        if !self.processes[pid].alive || !self.processes[pid].asleep {
            return;
        }
        self.processes[pid].asleep = false;
        self.trace("awake", pid, 0);
        self.perform(pid);
        while self.processes[pid].is_awake() {
            let Some(event) = self.processes[pid].deferred.pop_front() else { break };
            if self.net.one_in(2) && is_notice(&event) {
                // Its threads do not wake in the order in which things came.
                let delay = self.net.draw(|lot| lot.i64(0..500 * MILLI));
                self.net.after(delay, event);
                continue;
            }
            self.happen(event);
        }
        self.go_on(pid);
        self.poll_later(pid);
        self.tick_later(pid);
    }

    /// Whether a dead or sleeping process is still a member, and since then.
    pub(in crate::sim) fn on_session_over(&mut self, pid: Pid, sleeps: u32) {
        let process = &self.processes[pid];
        if process.sleeps != sleeps || process.is_awake() {
            return;
        }
        let Some(&member) = self.members.borrow().get(&pid) else { return };
        let instance = process.instance.clone();
        let turn = self.servers.cluster.group.remove(&instance, member);
        self.servers.turns.push(turn);
    }
}

/// Whether the group has told something.
fn is_notice(event: &Event) -> bool {
    let Event::World(Happening::To(_, message)) = event else { return false };
    matches!(**message, Message::Rebalance(_) | Message::Assigned(_) | Message::Heartbeat)
}
