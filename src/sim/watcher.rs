//! An expiry worker in a world: the inventory in, Expire requests out, all of it in virtual time.

use super::broker::{Cluster, Request};
use super::net::{Event, MILLI, Micros, Net};
use super::trace::Trace;
use super::workload::id_at;
use super::world::Happening;
use crate::domain::ids::EventId;
use crate::domain::request::{self, Body};
use crate::domain::time::{At, Millis};
use crate::expiry::Expiry;
use crate::ports::log::{Seal, Topic};
use crate::wire;

/// How often it looks at what is due.
const LOOK: Micros = 100 * MILLI;

/// An expiry worker.
pub(super) struct Watcher {
    number: usize,
    expiry: Expiry,
    /// The next inventory record of each partition.
    read: Vec<i64>,
    pub(super) skew: Millis,
    /// Counts its lives: what was sent in one is not told to the next.
    life: u32,
}

/// What became of a request of a watcher.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) watcher: usize,
    life: u32,
    event: EventId,
    offset: Option<i64>,
}

impl Watcher {
    pub(super) fn new(number: usize, partitions: i32, skew: Millis) -> Watcher {
        let read = vec![0; usize::try_from(partitions).unwrap_or(0)];
        Watcher { number, expiry: Expiry::new(), read, skew, life: 0 }
    }

    /// It is started anew: everything it knew is read again.
    pub(super) fn restart(&mut self) {
        self.life += 1;
        self.expiry = Expiry::new();
        self.read.fill(0);
    }

    pub(super) fn look_later(&self, net: &Net) {
        net.after(LOOK, Event::World(Happening::Look(self.number)));
    }

    /// Reads what is new, and sends what is due.
    pub(super) fn look(&mut self, cluster: &Cluster, net: &std::rc::Rc<Net>, trace: &mut Trace) {
        let now = net.at().plus(self.skew);
        for (partition, next) in (0..).zip(&mut self.read) {
            for stored in cluster.committed((Topic::Inventory, partition), *next) {
                *next = stored.raw.offset + 1;
                let value = stored.raw.value.as_deref().unwrap_or_default();
                if let Ok(inventory) = wire::inventory::decode(value) {
                    trace.say(net.now(), self.number, || {
                        let (event, due) = (&inventory.event, inventory.earliest_deadline);
                        let position = inventory.position;
                        format!("expiry reads {event} at {position}: earliest deadline {due:?}")
                    });
                    self.expiry.on_inventory(&inventory, now);
                }
            }
        }
        for (event, requests) in self.expiry.due(now) {
            trace.say(net.now(), self.number, || {
                format!("expiry at {now}: {requests} requests for {event}")
            });
            for _ in 0..requests {
                self.send(net, &event, now);
            }
        }
    }

    fn send(&self, net: &std::rc::Rc<Net>, event: &EventId, now: At) {
        let partitions = net.weather.borrow().partitions;
        let partition = wire::partitioner::partition(event.as_str().as_bytes(), partitions);
        let random = net.draw(|lot| lot.u64(..));
        // Version 7 has chance before and behind its variant.
        let number = u128::from(random >> 52) << 64 | u128::from(random & ((1 << 62) - 1));
        let id = id_at(now, 7, number);
        let body = request::Request { id, event: event.clone(), body: Body::Expire };
        let request = Request {
            key: Some(event.as_str().as_bytes().to_vec()),
            value: Some(wire::request::encode(&body)),
            headers: vec![],
            seal: Seal::Valid,
        };
        let mut sent =
            Sent { watcher: self.number, life: self.life, event: event.clone(), offset: None };
        // The request may be lost, or its report: both are told as failed, after a while.
        let one_in = net.weather.borrow().unavailable_one_in;
        let (lost, unheard) = (net.one_in(one_in), net.one_in(one_in));
        if lost {
            return net.after(1_000 * MILLI, Event::World(Happening::Sent(sent)));
        }
        let back = std::rc::Rc::clone(net);
        net.after(
            net.delay(),
            Event::World(Happening::Append(
                partition,
                request,
                Box::new(move |offset| {
                    sent.offset = (!unheard).then_some(offset);
                    back.after(back.delay(), Event::World(Happening::Sent(sent)));
                }),
            )),
        );
    }

    pub(super) fn on_sent(&mut self, sent: &Sent) {
        if sent.life == self.life {
            match sent.offset {
                Some(offset) => self.expiry.on_sent(&sent.event, offset),
                None => self.expiry.on_failed(&sent.event),
            }
        }
    }
}
