//! Runs the delayed-expiry worker: the inventory in, signed Expire requests out.
//!
//! One thread. It waits for the next inventory record, for a short while at most, and then does
//! what there is to do; so new records are met at once, and lapsed holds within [`LOOK_EVERY`].
//!
//! # Invariants
//! - Nothing is sent on an old standing: every partition of the inventory is read to its end first.
//!   The topic has many records of an event until it is compacted, and each would look due.
//! - No group, no committed offset, no transaction: nothing that expires while the house is idle
//!   (K31).
//! - Brokers that do not answer never end the worker. What ends it is an error that says what to
//!   do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use uuid::Uuid;

use crate::domain::ids::{EventId, Partition, RequestId};
use crate::domain::limits::GRACE;
use crate::domain::request::{Body, Request};
use crate::expiry::Expiry;
use crate::ports::clock::{now, ticks};
use crate::ports::log::{
    Error, ErrorKind, Follower, From, Log, LogRecord, Pending, Producer, Reader, Start, Topic,
};
use crate::seal::Keys;
use crate::wire;

/// How long to wait for a record when nothing is due before.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long to wait for a record while delivery reports are outstanding.
const LOOK_EVERY_PENDING: Duration = Duration::from_millis(10);
/// Records read one after the other before looking at what is due.
const RECORDS_AT_ONCE: usize = 1_000;
/// How long to wait before brokers that did not answer are asked again.
const UNREACHABLE_AGAIN: Duration = Duration::from_secs(1);
/// The shortest time between two warnings of requests that did not reach the log.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// Watches all events and sends Expire requests until told to stop.
///
/// # Errors
/// When a client does not take its settings, or the inventory cannot be read: its topic is missing,
/// forbidden or damaged.
pub fn run(log: &dyn Log, keys: &Keys, stop: &AtomicBool) -> anyhow::Result<()> {
    let sender = Sender::new(log, keys).context("the expiry worker cannot send")?;
    let mut worker = Worker { expiry: Expiry::new(), sender };
    let Some(from) = worker.catch_up(log, stop).context("reading the inventory")? else {
        return Ok(());
    };
    let mut follower = log.follow(&from).context("following the inventory")?;
    tracing::info!(partitions = from.len(), "the expiry worker watches the inventory");
    while !stop.load(Ordering::Relaxed) {
        worker.listen(&mut *follower).context("following the inventory")?;
        worker.collect();
        worker.send();
    }
    Ok(())
}

struct Worker<'a> {
    expiry: Expiry,
    sender: Sender<'a>,
}

impl Worker<'_> {
    /// Reads the inventory to its end. Answers from where to go on, or `None` when told to stop.
    fn catch_up(&mut self, log: &dyn Log, stop: &AtomicBool) -> Result<Option<Vec<From>>, Error> {
        let mut reader = None;
        let mut from = vec![];
        for partition in log.all_partitions() {
            let start = loop {
                if stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                match self.read_partition(log, &mut reader, partition) {
                    Ok(start) => break start,
                    Err(error) if error.kind == ErrorKind::Unreachable => {
                        tracing::warn!(%partition, %error, "trying again");
                        std::thread::sleep(UNREACHABLE_AGAIN);
                    }
                    Err(error) => return Err(error),
                }
            };
            from.push((Topic::Inventory, partition, start));
        }
        Ok(Some(from))
    }

    fn read_partition(
        &mut self,
        log: &dyn Log,
        reader: &mut Option<Box<dyn Reader>>,
        partition: Partition,
    ) -> Result<Start, Error> {
        let reader = match reader {
            Some(reader) => reader,
            None => reader.insert(log.reader()?),
        };
        let from = (Topic::Inventory, partition, Start::Beginning);
        match reader.read_to_end(from, &mut |record| self.hear(&record)) {
            Ok(end) => Ok(Start::Offset(end)),
            // An owner that hangs must not keep the holds of the other partitions. What this one
            // has already shown is read again, and what comes behind it wins.
            Err(error) if error.kind == ErrorKind::Stalled => {
                tracing::warn!(%partition, %error, "going on without its end");
                Ok(Start::Beginning)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for the next inventory record, but not beyond what is due; takes what follows it at
    /// once.
    fn listen(&mut self, follower: &mut dyn Follower) -> Result<(), Error> {
        let longest = if self.sender.pending.is_empty() { LOOK_EVERY } else { LOOK_EVERY_PENDING };
        let mut wait = self.expiry.next_due().map_or(longest, |due| {
            let left = u64::try_from(due.since(now()).0).unwrap_or(0);
            Duration::from_millis(left).min(longest)
        });
        for _ in 0..RECORDS_AT_ONCE {
            let Some(record) = follower.next(wait)? else { break };
            self.hear(&record);
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn hear(&mut self, record: &LogRecord) {
        // Nobody deletes an event's record; a null value would say nothing about holds.
        let Some(value) = &record.value else { return };
        match wire::inventory::decode(value) {
            Ok(inventory) => self.expiry.on_inventory(&inventory, now()),
            Err(error) => tracing::warn!(
                partition = %record.partition, offset = record.offset, %error,
                "an inventory record that cannot be read is passed over: upgrade the expiry worker"
            ),
        }
    }

    /// Takes the delivery reports that have come.
    fn collect(&mut self) {
        let (expiry, sender) = (&mut self.expiry, &mut self.sender);
        sender.collect(|event, offset| match offset {
            Some(offset) => expiry.on_sent(event, offset),
            None => expiry.on_failed(event),
        });
    }

    /// Sends what is due.
    fn send(&mut self) {
        let now = now();
        for (event, requests) in self.expiry.due(now) {
            if let Some(deadline) = self.expiry.deadline(&event) {
                let late = now.since(deadline.plus(GRACE));
                tracing::info!(%event, %deadline, late_ms = late.0, requests, "expiry sent");
            }
            for _ in 0..requests {
                if !self.sender.submit(&event) {
                    self.expiry.on_failed(&event);
                }
            }
        }
    }
}

/// Signs and sends requests, and knows which are under way.
struct Sender<'a> {
    keys: &'a Keys,
    topic: String,
    producer: Box<dyn Producer>,
    pending: Vec<(EventId, Pending)>,
    /// Requests that did not reach the log since the last warning.
    failed: u64,
    warned: Option<Instant>,
}

impl<'a> Sender<'a> {
    fn new(log: &dyn Log, keys: &'a Keys) -> Result<Sender<'a>, Error> {
        Ok(Sender {
            keys,
            topic: log.name(Topic::Requests),
            producer: log.producer()?,
            pending: vec![],
            failed: 0,
            warned: None,
        })
    }

    /// Whether the client took it.
    fn submit(&mut self, event: &EventId) -> bool {
        let id = RequestId(Uuid::now_v7());
        let request = Request { id, event: event.clone(), body: Body::Expire };
        let value = wire::request::encode(&request);
        let signature = self.keys.sign(&self.topic, event.as_str().as_bytes(), &value);
        match self.producer.submit(event.as_str().as_bytes(), Some(&value), &[signature]) {
            Ok(pending) => {
                self.pending.push((event.clone(), pending));
                true
            }
            Err(error) => {
                self.warn(event, &error);
                false
            }
        }
    }

    /// Hands every report that has come to `each`: the offset, or `None` where there is none.
    fn collect(&mut self, mut each: impl FnMut(&EventId, Option<i64>)) {
        for (event, pending) in std::mem::take(&mut self.pending) {
            match pending.poll() {
                None => self.pending.push((event, pending)),
                Some(Ok(delivery)) => each(&event, Some(delivery.offset)),
                Some(Err(error)) => {
                    self.warn(&event, &error);
                    each(&event, None);
                }
            }
        }
    }

    /// In an outage every event fails again and again: one warning speaks for many.
    fn warn(&mut self, event: &EventId, error: &Error) {
        self.failed += 1;
        if self.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            tracing::warn!(%event, failed = self.failed, %error, "expiry not sent; trying again");
            self.warned = Some(ticks());
            self.failed = 0;
        }
    }
}
