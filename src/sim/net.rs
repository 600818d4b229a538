//! Virtual time, the queue of what will happen, and the ways that questions and answers take.
//!
//! A worker's threads are written as ordinary sequences of questions and answers. Each question
//! reaches its server at one moment of virtual time, each answer its asker at a later one; between
//! the two the asker may have died, which loses the answer, or sleep, which keeps it. What a server
//! does happens all the same.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::broker::{Cluster, Marker};
use super::fault::Report;
use super::group::Turn;
use super::ledger::SimLedger;
use super::weather::{EndFate, Weather};
use crate::domain::ids::EventId;
use crate::domain::time::At;
use crate::ports::ledger::{FenceRead, ReadError};

/// A process, by its number in the world: one that is started again is another one.
pub(super) type Pid = usize;

/// A point of virtual time, in microseconds since the world began.
pub(super) type Micros = i64;

/// Microseconds of a millisecond.
pub(super) const MILLI: Micros = 1_000;

/// What happens at a server when something reaches it.
pub(super) type Reach = Box<dyn FnOnce(&mut Servers)>;
/// What happens in a process when something reaches it.
pub(super) type Hear = Box<dyn FnOnce()>;

/// What happens next.
pub(super) enum Event {
    /// Something reaches brokers or ledger.
    Reach(Reach),
    /// Something reaches a process, if it lives; if it sleeps, when it wakes.
    Hear(Pid, Hear),
    /// A marker of a transaction is written.
    Marker(Marker),
    /// Something that the world itself is about.
    World(super::world::Happening),
}

/// All servers together.
pub(super) struct Servers {
    pub(super) cluster: Cluster,
    pub(super) ledger: SimLedger,
    /// Markers to be written, in the time they take.
    pub(super) markers: Vec<Marker>,
    /// What the group's members are to be told.
    pub(super) turns: Vec<Turn>,
    /// An event whose fence is not readable.
    pub(super) unreadable: Option<EventId>,
}

impl Servers {
    pub(super) fn read_fence(&self, event: &EventId) -> Result<Option<FenceRead>, ReadError> {
        if self.unreadable.as_ref() == Some(event) {
            return Err(ReadError::Corrupt("simulated".into()));
        }
        self.ledger.read_fence(event)
    }
}

struct Entry {
    at: Micros,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest; of two at one time, the one that was planned first.
    fn cmp(&self, other: &Entry) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// Time, chance, and what is to come.
pub(super) struct Net {
    start: At,
    now: Cell<Micros>,
    counter: Cell<u64>,
    queue: RefCell<BinaryHeap<Entry>>,
    lot: RefCell<fastrand::Rng>,
    reports: RefCell<Vec<Report>>,
    pub(super) weather: RefCell<Weather>,
}

impl Net {
    pub(super) fn new(start: At, lot: fastrand::Rng, weather: Weather) -> Net {
        Net {
            start,
            now: Cell::new(0),
            counter: Cell::new(0),
            queue: RefCell::default(),
            lot: RefCell::new(lot),
            reports: RefCell::default(),
            weather: RefCell::new(weather),
        }
    }

    pub(super) fn now(&self) -> Micros {
        self.now.get()
    }

    /// True time, as a clock without any error shows it.
    pub(super) fn at(&self) -> At {
        At(self.start.0 + self.now.get() / MILLI)
    }

    /// Draws.
    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.lot.borrow_mut())
    }

    /// One of these, each as likely as the others.
    pub(super) fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        self.draw(|lot| pick(lot, items))
    }

    /// One of so many times; never where the number is 0.
    pub(super) fn one_in(&self, times: u32) -> bool {
        times > 0 && self.draw(|lot| lot.u32(0..times) == 0)
    }

    /// How long the next thing on the way takes.
    pub(super) fn delay(&self) -> Micros {
        let weather = self.weather.borrow();
        let longest =
            if self.one_in(weather.slow_one_in) { weather.slow_delay } else { weather.delay };
        self.draw(|lot| lot.i64(20..=longest))
    }

    /// What becomes of a request to end a transaction.
    pub(super) fn end_fate(&self) -> EndFate {
        if self.weather.borrow().stalled {
            return EndFate::Lost;
        }
        let one_in = self.weather.borrow().end_lost_one_in;
        if self.one_in(one_in) {
            let fates = [EndFate::AnswerLost, EndFate::Late, EndFate::Lost];
            *self.pick(&fates)
        } else {
            EndFate::Prompt
        }
    }

    /// Notes what a driver reports, or what lies behind it.
    pub(super) fn report(&self, report: Report) {
        self.reports.borrow_mut().push(report);
    }

    pub(super) fn take_reports(&self) -> Vec<Report> {
        self.reports.take()
    }

    pub(super) fn after(&self, delay: Micros, event: Event) {
        let number = self.counter.get();
        self.counter.set(number + 1);
        let at = self.now.get() + delay.max(0);
        self.queue.borrow_mut().push(Entry { at, number, event });
    }

    /// The next thing that happens; time is then when it does.
    pub(super) fn next(&self) -> Option<Event> {
        let entry = self.queue.borrow_mut().pop()?;
        self.now.set(entry.at);
        Some(entry.event)
    }
}

/// One of these, each as likely as the others.
pub(super) fn pick<'a, T>(lot: &mut fastrand::Rng, items: &'a [T]) -> &'a T {
    &items[lot.usize(0..items.len())]
}

/// A process on the net.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) net: Rc<Net>,
    pub(super) pid: Pid,
}

impl Line {
    /// Asks the servers something, and waits for the answer.
    pub(super) async fn ask<T: 'static>(
        &self,
        question: impl FnOnce(&mut Servers) -> T + 'static,
    ) -> T {
        let slot: Rc<Cell<Option<T>>> = Rc::default();
        let (line, answer) = (self.clone(), Rc::clone(&slot));
        let reach = move |servers: &mut Servers| {
            let found = question(servers);
            let hear: Hear = Box::new(move || answer.set(Some(found)));
            line.net.after(line.net.delay(), Event::Hear(line.pid, hear));
        };
        self.net.after(self.net.delay(), Event::Reach(Box::new(reach)));
        filled(&slot).await
    }

    /// Waits for a while.
    pub(super) async fn sleep(&self, length: Micros) {
        let slot: Rc<Cell<Option<()>>> = Rc::default();
        let over = Rc::clone(&slot);
        self.net.after(length, Event::Hear(self.pid, Box::new(move || over.set(Some(())))));
        filled(&slot).await;
    }

    /// Sends something that nobody waits for.
    pub(super) fn send(&self, delay: Micros, reach: impl FnOnce(&mut Servers) + 'static) {
        self.net.after(delay, Event::Reach(Box::new(reach)));
    }
}

/// Waits until there is something in a slot. Whoever fills it has the process looked after next.
pub(super) async fn filled<T>(slot: &Cell<Option<T>>) -> T {
    poll_fn(|_| slot.take().map_or(Poll::Pending, Poll::Ready)).await
}
