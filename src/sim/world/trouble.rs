//! What an operator's bad day is made of: the group's offsets, the topics or the ledger are not
//! what they were.
//!
//! Owners cannot mend any of it; they must notice, and refuse rather than guess. So a world in
//! which one of these was done may have partitions refused or events suspended, and only those that
//! were touched. Everything else is judged as ever.

use super::{Happening, World};
use crate::domain::ids::EventId;
use crate::ports::log::Topic;
use crate::sim::driver::Config;
use crate::sim::ledger::RowDamage;
use crate::sim::net::{Event, MILLI, pick};
use crate::sim::watcher::Watcher;
use crate::wire;

/// What is done to a world, once, in the middle of its sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) enum Trouble {
    /// The group's offset of a partition is gone.
    OffsetLost,
    /// The group's offset of a partition is an older one again.
    OffsetMovedBack,
    /// Retention has taken requests that nobody has answered.
    LogCut,
    /// The last requests of a partition are lost, answered ones among them, and others come in
    /// their place.
    TailLost,
    /// The topic of terms is made anew.
    TermsLost,
    /// The ledger of an event is an older one again.
    LedgerSetBack,
    /// The ledger does not know an event any more.
    LedgerForgets,
    /// Rows of an event do not go together.
    RowsDamaged,
    /// The outbox of an event is not readable.
    OutboxDamaged,
    /// The fence of an event is not readable for a while.
    FenceDamaged,
    /// Owners are started with another ledger's name; later with the right one again.
    WrongLedger,
    /// Owners are started with another number of partitions; later with the right one again.
    WrongCount,
}

impl Trouble {
    pub(super) const ALL: [Trouble; 12] = [
        Trouble::OffsetLost,
        Trouble::OffsetMovedBack,
        Trouble::LogCut,
        Trouble::TailLost,
        Trouble::TermsLost,
        Trouble::LedgerSetBack,
        Trouble::LedgerForgets,
        Trouble::RowsDamaged,
        Trouble::OutboxDamaged,
        Trouble::FenceDamaged,
        Trouble::WrongLedger,
        Trouble::WrongCount,
    ];

    pub(in crate::sim) fn draw(lot: &mut fastrand::Rng) -> Trouble {
        *pick(lot, &Trouble::ALL)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Trouble::OffsetLost => "offset lost",
            Trouble::OffsetMovedBack => "offset moved back",
            Trouble::LogCut => "unanswered requests gone",
            Trouble::TailLost => "tail of the log lost",
            Trouble::TermsLost => "topic of terms made anew",
            Trouble::LedgerSetBack => "ledger set back",
            Trouble::LedgerForgets => "event gone from the ledger",
            Trouble::RowsDamaged => "rows damaged",
            Trouble::OutboxDamaged => "outbox damaged",
            Trouble::FenceDamaged => "fence damaged",
            Trouble::WrongLedger => "wrong ledger",
            Trouble::WrongCount => "wrong partition count",
        }
    }
}

/// What was touched, and how it was before.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    /// Partitions that may be refused.
    pub(super) refusable: Vec<i32>,
    /// Partitions whose requests do not add up any more: they are not audited from here on.
    pub(super) unaudited: Vec<i32>,
    /// Events that may be suspended.
    pub(super) suspendable: Vec<EventId>,
    /// The right offset of a partition, to be set again.
    pub(super) offset: Option<(i32, Option<(i64, String)>)>,
}

impl World {
    /// What new processes are configured with.
    pub(in crate::sim) fn config(&self) -> Config {
        let partitions = self.net.weather.borrow().partitions;
        let right = Config { ledger: "simulated", partitions };
        match self.trouble.filter(|_| self.misconfigured) {
            Some(Trouble::WrongLedger) => Config { ledger: "another", ..right },
            Some(Trouble::WrongCount) => Config { partitions: partitions + 1, ..right },
            Some(_) | None => right,
        }
    }

    /// The events the ledger knows.
    fn events(&self) -> Vec<EventId> {
        self.servers.ledger.events().cloned().collect()
    }

    pub(super) fn back_up(&mut self) {
        for event in self.events() {
            if self.net.one_in(2)
                && let Some(image) = self.servers.ledger.image(&event)
            {
                self.backups.insert(event, image);
            }
        }
        for (partition, old) in (0..).zip(&mut self.old_offsets) {
            if self.net.one_in(2) {
                *old = self.servers.cluster.offset(partition);
            }
        }
    }

    /// The group's offset of a partition is not what it was.
    fn move_offset(&mut self, trouble: Trouble, number: i32, living: bool) {
        let partition = usize::try_from(number).unwrap_or(0);
        if !living {
            self.kill_all();
        }
        let now = self.servers.cluster.offset(number);
        let old = self.old_offsets[partition].clone();
        let known = self.servers.cluster.answered(number);
        if trouble == Trouble::OffsetMovedBack && known <= old.as_ref().map(|(offset, _)| *offset) {
            // What was answered since concerned no event of the partition: no inventory
            // tells that it was, and it may be answered twice.
            self.judge.close(number);
        }
        let wrong = if trouble == Trouble::OffsetLost { None } else { old };
        self.servers.cluster.set_offset(number, wrong);
        self.touched.offset = Some((number, now));
        self.touched.refusable.push(number);
        if trouble == Trouble::OffsetMovedBack && self.net.one_in(2) {
            // Nobody but the ledgers of its events knows better now, and those do not know
            // of refusals: they may be answered twice.
            self.judge.close(number);
            self.servers.cluster.lose_inventory(number);
            // A topic that is made anew begins at its start for whoever follows it.
            self.watchers.iter_mut().for_each(Watcher::restart);
            self.touched.suspendable.extend(self.events());
        }
        if self.net.one_in(2) {
            let later = self.net.draw(|lot| lot.i64(0..6_000 * MILLI));
            self.net.after(later, Event::World(Happening::Undo));
        }
    }

    /// All owners die; then what is durable is not what it was.
    pub(super) fn make_trouble(&mut self) {
        let Some(trouble) = self.trouble else { return };
        let living = self.net.one_in(3);
        let partitions = self.leaders.len();
        let partition = self.net.draw(|lot| lot.usize(0..partitions));
        self.trace(trouble.name(), 0, partition as u64);
        let number = i32::try_from(partition).unwrap_or(0);
        match trouble {
            Trouble::OffsetLost | Trouble::OffsetMovedBack => {
                self.move_offset(trouble, number, living);
            }
            Trouble::LogCut => {
                self.kill_all();
                let end = self.servers.cluster.end_of((Topic::Requests, number));
                self.servers.cluster.cut_before(number, end);
                self.lose_requests(number);
            }
            Trouble::TailLost => {
                self.kill_all();
                let end = self.servers.cluster.end_of((Topic::Requests, number));
                let lost = self.net.draw(|lot| lot.i64(1..20));
                self.servers.cluster.cut_from(number, (end - lost).max(0));
                self.lose_requests(number);
            }
            Trouble::TermsLost => {
                self.kill_all();
                self.servers.cluster.lose_terms();
                self.touched.refusable.extend(self.partitions());
                // What is refused to the end cannot end its holds.
                self.touched.suspendable.extend(self.events());
            }
            Trouble::WrongLedger | Trouble::WrongCount => {
                self.kill_all();
                self.misconfigured = true;
                self.touched.refusable.extend(self.partitions());
            }
            Trouble::LedgerSetBack
            | Trouble::LedgerForgets
            | Trouble::RowsDamaged
            | Trouble::OutboxDamaged
            | Trouble::FenceDamaged => {
                if !living {
                    self.kill_all();
                }
                self.harm_an_event(trouble);
                if self.net.one_in(2) {
                    let longest = self.net.pick(&[20, 5_000]) * MILLI;
                    let later = self.net.draw(|lot| lot.i64(0..longest));
                    self.net.after(later, Event::World(Happening::Harm(trouble)));
                }
            }
        }
    }

    fn kill_all(&mut self) {
        for pid in 0..self.processes.len() {
            if self.processes[pid].alive {
                self.kill(pid);
                let instance = self.processes[pid].instance.clone();
                let delay = self.net.draw(|lot| lot.i64(100 * MILLI..3_000 * MILLI));
                self.net.after(delay, Event::World(Happening::Restart(instance)));
            }
        }
    }

    /// Requests of a partition are gone: neither answers nor positions add up any more.
    fn lose_requests(&mut self, partition: i32) {
        self.judge.close(partition);
        self.touched.refusable.push(partition);
        self.touched.unaudited.push(partition);
        self.touched.suspendable.extend(self.events());
    }

    pub(super) fn harm_an_event(&mut self, trouble: Trouble) {
        let events = self.events();
        if events.is_empty() {
            return;
        }
        let event = self.net.pick(&events).clone();
        self.say(0, || format!("{}: {event}", trouble.name()));
        let ledger = &mut self.servers.ledger;
        match trouble {
            Trouble::LedgerSetBack => {
                let Some(image) = self.backups.get(&event) else { return };
                ledger.restore(&event, Some(image.clone()));
            }
            Trouble::LedgerForgets => ledger.restore(&event, None),
            Trouble::RowsDamaged => {
                let damage = *self.net.pick(&RowDamage::ALL);
                ledger.damage_rows(&event, damage);
            }
            Trouble::OutboxDamaged => {
                ledger.damage_outbox(&event);
            }
            Trouble::FenceDamaged => {
                let partitions = self.net.weather.borrow().partitions;
                let key = event.as_str().as_bytes();
                self.touched.refusable.push(wire::partitioner::partition(key, partitions));
                self.servers.unreadable = Some(event);
                return;
            }
            Trouble::OffsetLost
            | Trouble::OffsetMovedBack
            | Trouble::LogCut
            | Trouble::TailLost
            | Trouble::TermsLost
            | Trouble::WrongLedger
            | Trouble::WrongCount => unreachable!("not an event's"),
        }
        self.touched.suspendable.push(event);
    }
}
