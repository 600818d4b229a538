//! An owner's log under test: asks, and waits for what is reported.
#![allow(clippy::wildcard_enum_match_arm, reason = "each wait is for one kind of report")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast::domain::ids::Partition;
use holdfast::ports::clock::ticks;
use holdfast::ports::ledger::LedgerId;
use holdfast::ports::log::{
    Assignment, FromLog, Log, Member, OwnerLog, Publication, Published, RawRecord, ToLog,
};

/// A running driver and what it has reported.
pub(crate) struct Owner {
    log: Box<dyn OwnerLog>,
    events: Receiver<FromLog>,
    kept: VecDeque<FromLog>,
    /// Partitions whose records may come.
    assigned: BTreeSet<i32>,
    gate: Arc<Mutex<()>>,
    holds_on: bool,
    /// How long a report may take.
    patience: Duration,
}

impl Owner {
    pub(crate) fn start(log: &dyn Log, instance: &str, patience: Duration) -> Result<Self> {
        Owner::start_as(log, member(instance), patience)
    }

    pub(crate) fn start_as(log: &dyn Log, member: Member, patience: Duration) -> Result<Self> {
        let (sender, events) = channel();
        let gate = Arc::new(Mutex::new(()));
        let (sender, closed) = (Mutex::new(sender), Arc::clone(&gate));
        let sink = move |event: FromLog| {
            if !matches!(event, FromLog::Published(_)) {
                drop(closed.lock());
            }
            if let Ok(sender) = sender.lock() {
                let _ = sender.send(event);
            }
        };
        let log = log.own(member, Arc::new(sink))?;
        let (kept, assigned) = (VecDeque::new(), BTreeSet::new());
        Ok(Owner { log, events, kept, assigned, gate, holds_on: false, patience })
    }

    pub(crate) fn send(&self, command: ToLog) {
        self.log.send(command);
    }

    /// As long as the guard lives, the driver's reports but those of publications block.
    pub(crate) fn stop_listening(&self) -> Asleep {
        // Leaked, so that the guard is not bound to the owner; a test process is short-lived.
        let gate: &'static Arc<Mutex<()>> = Box::leak(Box::new(Arc::clone(&self.gate)));
        Asleep { _guard: gate.lock().expect("the gate") }
    }

    /// Lets go of no revocation until told otherwise.
    pub(crate) fn hold_on(&mut self, holds_on: bool) {
        self.holds_on = holds_on;
        if !holds_on {
            self.kept.retain(|event| !matches!(event, FromLog::Revoked { .. }));
        }
    }

    /// The first event that `pick` wants; others are kept for later, revocations are let go at
    /// once.
    pub(crate) fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(FromLog) -> Option<T>,
    ) -> Result<T> {
        for _ in 0..self.kept.len() {
            let event = self.kept.pop_front().context("an event")?;
            if let Some(found) = self.try_pick(event, &mut pick) {
                return Ok(found);
            }
        }
        let until = ticks() + self.patience;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(ticks())) {
                Ok(FromLog::Failed(sentence)) => bail!("the driver failed: {sentence}"),
                Ok(event) => {
                    self.follow(&event)?;
                    if let Some(found) = self.try_pick(event, &mut pick) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no {what} within {:?}; kept: {:?}", self.patience, self.kept)
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the driver ended before {what}"),
            }
        }
    }

    /// Keeps to mind what is assigned: no record comes before its partition, or after it.
    fn follow(&mut self, event: &FromLog) -> Result<()> {
        match event {
            FromLog::Assigned(assignment) => {
                self.assigned.insert(assignment.partition.0);
            }
            FromLog::Revoked { partitions, .. } => {
                self.assigned.retain(|assigned| !partitions.contains(&Partition(*assigned)));
            }
            FromLog::Records(records) => {
                let foreign = records.iter().find(|r| !self.assigned.contains(&r.partition));
                ensure!(foreign.is_none(), "of a partition that is not assigned: {foreign:?}");
            }
            _ => {}
        }
        Ok(())
    }

    fn try_pick<T>(
        &mut self,
        event: FromLog,
        pick: &mut impl FnMut(FromLog) -> Option<T>,
    ) -> Option<T> {
        // What is asked for is looked at by a copy, since a channel end cannot be put back.
        let copy = match &event {
            FromLog::Revoked { .. } => {
                if self.holds_on {
                    self.kept.push_back(event);
                }
                return None;
            }
            FromLog::Assigned(assignment) => FromLog::Assigned(assignment.clone()),
            FromLog::Refused { partition, sentence } => {
                FromLog::Refused { partition: *partition, sentence: sentence.clone() }
            }
            FromLog::Records(records) => FromLog::Records(records.clone()),
            FromLog::Published(published) => FromLog::Published(published.clone()),
            FromLog::Positions(positions) => FromLog::Positions(positions.clone()),
            FromLog::Left => FromLog::Left,
            FromLog::Failed(sentence) => FromLog::Failed(sentence.clone()),
        };
        let found = pick(copy);
        if found.is_none() {
            self.kept.push_back(event);
        }
        found
    }

    pub(crate) fn ready(&mut self, partition: Partition) -> Result<Assignment> {
        self.wait(&format!("assignment of {partition}"), |event| match event {
            FromLog::Assigned(found) if found.partition == partition => Some(*found),
            _ => None,
        })
    }

    pub(crate) fn any_ready(&mut self) -> Result<Assignment> {
        self.wait("assignment", |event| match event {
            FromLog::Assigned(found) => Some(*found),
            _ => None,
        })
    }

    pub(crate) fn refused(&mut self, wanted: Partition) -> Result<String> {
        self.wait(&format!("refusal of {wanted}"), |event| match event {
            FromLog::Refused { partition, sentence } if partition == wanted => Some(sentence),
            _ => None,
        })
    }

    /// Waits until the driver gives up, and `longer`; tells whether any report until then is such.
    pub(crate) fn any_until_failed(
        &mut self,
        longer: Duration,
        is: impl Fn(&FromLog) -> bool,
    ) -> Result<bool> {
        let mut until = ticks() + self.patience;
        let (mut any, mut failed) = (false, false);
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(ticks())) {
                Ok(FromLog::Failed(_)) => (failed, until) = (true, ticks() + longer),
                Ok(event) => any |= is(&event),
                Err(_) if failed => return Ok(any),
                Err(error) => bail!("the driver does not give up: {error}"),
            }
        }
    }

    /// At least `count` records, of whatever epoch.
    pub(crate) fn records(&mut self, count: usize) -> Result<Vec<RawRecord>> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.wait("records", records)?);
        }
        Ok(all)
    }

    /// The first `count` records of an epoch. After its first one, none of an earlier may come.
    pub(crate) fn records_of(&mut self, epoch: u64, count: usize) -> Result<Vec<RawRecord>> {
        let mut all = Vec::new();
        while all.len() < count {
            for record in self.wait("records", records)? {
                match record.epoch == epoch {
                    true => all.push(record),
                    false if all.is_empty() => {}
                    false => bail!("{record:?} after the first of epoch {epoch}"),
                }
            }
        }
        Ok(all)
    }

    /// Whether none come for a while.
    pub(crate) fn no_records_for(&mut self, length: Duration) -> Result<bool> {
        let until = ticks() + length;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(ticks())) {
                Ok(FromLog::Records(_)) => return Ok(false),
                Ok(event) => {
                    self.follow(&event)?;
                    self.kept.push_back(event);
                }
                Err(RecvTimeoutError::Timeout) => return Ok(true),
                Err(RecvTimeoutError::Disconnected) => bail!("the driver ended"),
            }
        }
    }

    /// Whether nothing at all comes for a while.
    pub(crate) fn is_silent_for(&mut self, length: Duration) -> bool {
        self.kept.is_empty()
            && matches!(
                self.events.recv_timeout(length),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)
            )
    }

    /// The stable positions, as the driver tells them.
    pub(crate) fn positions(&mut self, of: &[Partition]) -> Result<Vec<(Partition, Option<i64>)>> {
        self.send(ToLog::ReadPositions(of.to_vec()));
        self.wait("positions", positions)
    }

    pub(crate) fn publish(&mut self, publication: Publication) -> Result<Published> {
        self.send(ToLog::Publish(publication));
        self.wait("the end of the publication", published)
    }

    /// Leaves, after which nothing more is to be heard of it.
    pub(crate) fn leave(mut self) -> Result<()> {
        self.send(ToLog::Leave);
        self.left()
    }

    /// Waits for its farewell; what it said before is of no use any more.
    pub(crate) fn left(&mut self) -> Result<()> {
        self.wait("farewell", |event| matches!(event, FromLog::Left).then_some(()))?;
        self.kept.clear();
        Ok(())
    }
}

/// Keeps an owner from being listened to.
pub(crate) struct Asleep {
    _guard: MutexGuard<'static, ()>,
}

pub(crate) fn published(event: FromLog) -> Option<Published> {
    match event {
        FromLog::Published(published) => Some(published),
        _ => None,
    }
}

pub(crate) fn positions(event: FromLog) -> Option<Vec<(Partition, Option<i64>)>> {
    match event {
        FromLog::Positions(positions) => Some(positions),
        _ => None,
    }
}

fn records(event: FromLog) -> Option<Vec<RawRecord>> {
    match event {
        FromLog::Records(records) => Some(records),
        _ => None,
    }
}

/// The owner's name, with a ledger that is the same for all.
pub(crate) fn member(instance: &str) -> Member {
    let ledger = LedgerId { id: uuid::Uuid::from_u128(1), cluster: "test".into() };
    Member { instance: instance.into(), ledger }
}
