//! A process as a member of the group: what it does when it is told.

use super::Message;
use crate::engine::Input;
use crate::sim::group::Assigned;
use crate::sim::net::{Event, Pid, Servers};
use crate::sim::world::{Happening, World};

impl World {
    pub(super) fn on_rebalance(&mut self, pid: Pid, after: i32) {
        let current = self.processes[pid].driver.current();
        if current.is_some_and(|current| current.membership.generation > after) {
            // It has joined a later generation already.
            return;
        }
        self.processes[pid].refused.clear();
        self.let_go(pid);
        if !self.processes[pid].is_awake() {
            // A sleeper goes on with it when it wakes; the dead never do.
            let message = Box::new(Message::Rebalance(after));
            let event = Event::World(Happening::To(pid, message));
            return self.processes[pid].deferred.push_back(event);
        }
        let instance = self.processes[pid].instance.clone();
        let Some(&member) = self.members.borrow().get(&pid) else { return };
        let reach = move |servers: &mut Servers| {
            let turn = servers.cluster.group.rejoin(&instance, member);
            servers.turns.push(turn);
        };
        let delay = self.net.delay();
        self.net.after(delay, Event::Reach(Box::new(reach)));
    }

    /// A member takes its assignment for lost and joins a group that has not noticed: a static one
    /// is given the same in the same generation.
    pub(in crate::sim) fn join_again(&mut self, pid: Pid) {
        let current = self.processes[pid].driver.current();
        if let Some(current) = current {
            self.on_rebalance(pid, current.membership.generation);
        }
    }

    pub(super) fn on_assigned(&mut self, pid: Pid, assigned: Assigned) {
        let current = self.processes[pid].driver.current();
        let generation = assigned.membership.generation;
        if current.is_some_and(|current| current.membership.generation > generation) {
            // Answers come in order on one connection: this one has been overtaken here only.
            return;
        }
        self.let_go(pid);
        self.trace("assigned", pid, assigned.partitions.len() as u64);
        self.processes[pid].driver.on_assigned(assigned);
    }

    /// The assignment is over, whoever has said so.
    fn let_go(&mut self, pid: Pid) {
        let partitions = self.processes[pid].driver.end_assignment();
        self.processes[pid].feeds.clear();
        if !partitions.is_empty() {
            self.feed(pid, Input::Revoked(partitions));
        }
    }

    /// The group says what it thinks of the member.
    pub(super) fn on_heartbeat(&mut self, pid: Pid) {
        self.heartbeat_later(pid);
        let Some(&member) = self.members.borrow().get(&pid) else { return };
        let (instance, group) = (&self.processes[pid].instance, &self.servers.cluster.group);
        if !group.knows(instance, member) {
            if group.has_instance(instance) {
                // Another process goes by its name: this one is fenced, and ends. Its supervisor
                // starts it again where that one has died since.
                self.kill(pid);
                return self.restart_later(pid);
            }
            self.let_go(pid);
            if self.processes[pid].is_awake() {
                self.members.borrow_mut().remove(&pid);
                self.join(pid);
            }
        }
    }

    pub(super) fn leave(&mut self, pid: Pid) {
        let instance = self.processes[pid].instance.clone();
        if let Some(&member) = self.members.borrow().get(&pid) {
            let turn = self.servers.cluster.group.remove(&instance, member);
            self.servers.turns.push(turn);
        }
        self.kill(pid);
        self.restart_later(pid);
    }
}
