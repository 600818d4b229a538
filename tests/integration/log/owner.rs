//! An owner under test, and one that dies.
#![allow(clippy::wildcard_enum_match_arm, reason = "each wait is for one kind of report")]

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use holdfast::domain::ids::Partition;
use holdfast::kafka::owner::{KafkaOwner, OwnerConfig};
use holdfast::ports::clock::ticks;
use holdfast::ports::ledger::LedgerId;
use holdfast::ports::log::{
    Assignment, FromLog, OwnerLog as _, Publication, Published, RawRecord, TermRecord, ToLog,
};
use holdfast::wire;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::topics::Deployment;

const PATIENCE: Duration = Duration::from_secs(30);

/// A partition that may be worked on.
pub(super) struct Ready {
    pub(super) assignment: Assignment,
}

/// A running driver and what it has reported.
pub(super) struct Owner {
    log: KafkaOwner,
    events: Receiver<FromLog>,
    kept: VecDeque<FromLog>,
    gate: Arc<Mutex<()>>,
    holds_on: bool,
}

impl Owner {
    pub(super) fn start(deployment: &Deployment, name: &str) -> Result<Self> {
        Self::start_with(deployment, name, &[])
    }

    pub(super) fn start_with(
        deployment: &Deployment,
        name: &str,
        extra: &[(&str, &str)],
    ) -> Result<Self> {
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
        let log = KafkaOwner::start(config(deployment, name, extra), Arc::new(sink))?;
        Ok(Owner { log, events, kept: VecDeque::new(), gate, holds_on: false })
    }

    pub(super) fn send(&self, command: ToLog) {
        self.log.send(command);
    }

    /// As long as the guard lives, the driver's reports but those of publications block.
    pub(super) fn stop_listening(&self) -> Asleep {
        // Leaked, so that the guard is not bound to the owner; a test process is short-lived.
        let gate: &'static Arc<Mutex<()>> = Box::leak(Box::new(Arc::clone(&self.gate)));
        Asleep { _guard: gate.lock().expect("the gate") }
    }

    /// Lets go of no revocation until told otherwise.
    pub(super) fn hold_on(&mut self, holds_on: bool) {
        self.holds_on = holds_on;
        if !holds_on {
            self.kept.retain(|event| !matches!(event, FromLog::Revoked { .. }));
        }
    }

    /// The first event that `pick` wants; others are kept for later, revocations are let go at
    /// once.
    pub(super) fn wait<T>(
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
        let until = ticks() + PATIENCE;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(ticks())) {
                Ok(FromLog::Failed(sentence)) => bail!("the driver failed: {sentence}"),
                Ok(event) => {
                    if let Some(found) = self.try_pick(event, &mut pick) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no {what} within {PATIENCE:?}; kept: {:?}", self.kept)
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the driver ended before {what}"),
            }
        }
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

    pub(super) fn ready(&mut self, partition: Partition) -> Result<Ready> {
        self.wait(&format!("assignment of {partition}"), |event| match event {
            FromLog::Assigned(found) if found.partition == partition => {
                Some(Ready { assignment: *found })
            }
            _ => None,
        })
    }

    pub(super) fn any_ready(&mut self) -> Result<Ready> {
        self.wait("assignment", |event| match event {
            FromLog::Assigned(found) => Some(Ready { assignment: *found }),
            _ => None,
        })
    }

    pub(super) fn refused(&mut self, wanted: Partition) -> Result<String> {
        self.wait(&format!("refusal of {wanted}"), |event| match event {
            FromLog::Refused { partition, sentence } if partition == wanted => Some(sentence),
            _ => None,
        })
    }

    /// The sentence with which the driver gives up.
    pub(super) fn failed(&mut self) -> Result<String> {
        let until = ticks() + PATIENCE;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(ticks())) {
                Ok(FromLog::Failed(sentence)) => return Ok(sentence),
                Ok(event) => drop(event),
                Err(error) => bail!("the driver does not fail: {error}"),
            }
        }
    }

    /// At least `count` records, of whatever epoch.
    pub(super) fn records(&mut self, count: usize) -> Result<Vec<RawRecord>> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.wait("records", records)?);
        }
        Ok(all)
    }

    /// The first `count` records of an epoch. After its first one, none of an earlier may come.
    pub(super) fn records_of(&mut self, epoch: u64, count: usize) -> Result<Vec<RawRecord>> {
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
    pub(super) fn no_records_for(&mut self, length: Duration) -> Result<bool> {
        let until = ticks() + length;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(ticks())) {
                Ok(FromLog::Records(_)) => return Ok(false),
                Ok(event) => self.kept.push_back(event),
                Err(RecvTimeoutError::Timeout) => return Ok(true),
                Err(RecvTimeoutError::Disconnected) => bail!("the driver ended"),
            }
        }
    }

    pub(super) fn publish(&mut self, publication: Publication) -> Result<Published> {
        self.send(ToLog::Publish(publication));
        self.wait("the end of the publication", published)
    }

    pub(super) fn leave(mut self) -> Result<()> {
        self.send(ToLog::Leave);
        self.wait("farewell", |event| matches!(event, FromLog::Left).then_some(()))?;
        self.log.join();
        Ok(())
    }
}

/// Keeps an owner from being listened to.
pub(super) struct Asleep {
    _guard: MutexGuard<'static, ()>,
}

pub(super) fn published(event: FromLog) -> Option<Published> {
    match event {
        FromLog::Published(published) => Some(published),
        _ => None,
    }
}

pub(super) fn positions(event: FromLog) -> Option<Vec<(Partition, Option<i64>)>> {
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

fn config(deployment: &Deployment, name: &str, extra: &[(&str, &str)]) -> OwnerConfig {
    OwnerConfig {
        bootstrap: deployment.bootstrap.clone(),
        prefix: deployment.prefix.clone(),
        group: deployment.group.clone(),
        instance_id: format!("{}{name}", deployment.prefix),
        transactional_id: format!("{}t-{name}", deployment.prefix),
        partitions: deployment.declared,
        session_timeout_ms: 1_000,
        transaction_timeout_ms: OwnerConfig::TRANSACTION_TIMEOUT_MS,
        ledger: LedgerId { id: uuid::Uuid::from_u128(1), cluster: "test".into() },
        extra: extra.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    }
}

/// Initialises a producer under the transactional id of a living owner.
pub(super) fn fence(deployment: &Deployment, name: &str) -> Result<()> {
    let config = config(deployment, name, &[]);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.bootstrap)
        .set("transactional.id", &config.transactional_id)
        .create()?;
    Ok(producer.init_transactions(PATIENCE)?)
}

/// Joins the group, takes a term, opens another transaction with an outcome and offsets in it, and
/// dies: its session is left to expire and its transaction to itself. Returns its term.
pub(super) fn die_in_a_transaction(deployment: &Deployment, name: &str) -> Result<i64> {
    let config = config(deployment, name, &[]);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.bootstrap)
        .set("client.id", &config.instance_id)
        .set("group.id", &config.group)
        .set("group.instance.id", &config.instance_id)
        .set("session.timeout.ms", "1000")
        .set("heartbeat.interval.ms", "200")
        .set("enable.auto.commit", "false")
        .set("partition.assignment.strategy", "range")
        .create()?;
    let requests = format!("{}booking.requests", config.prefix);
    consumer.subscribe(&[&requests])?;
    let until = ticks() + PATIENCE;
    while consumer.assignment()?.count() == 0 {
        anyhow::ensure!(ticks() < until, "the dead owner never joined");
        drop(consumer.poll(Duration::from_millis(20)));
    }
    let metadata = consumer.group_metadata().context("no metadata")?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.bootstrap)
        .set("transactional.id", &config.transactional_id)
        .set("transaction.timeout.ms", "60000")
        .create()?;
    let terms = format!("{}booking.terms", config.prefix);
    let held = format!("{}booking.held", config.prefix);
    let offsets = |offset: i64| -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for partition in 0..deployment.declared {
            list.add_partition_offset(&requests, partition, Offset::Offset(offset))?;
        }
        Ok(list)
    };
    let send = |topic: &str, key: &[u8], value: &[u8]| {
        let record = BaseRecord::to(topic).partition(0).key(key).payload(value);
        producer.send(record).map_err(|(error, _)| error)
    };
    producer.init_transactions(PATIENCE)?;
    producer.begin_transaction()?;
    for partition in (0..deployment.declared).map(Partition) {
        let term = wire::term::encode(&TermRecord {
            partition,
            transactional_id: config.transactional_id.clone(),
            instance_id: config.instance_id.clone(),
            ledger: config.ledger.id,
            ledger_cluster: config.ledger.cluster.clone(),
            partitions: config.partitions,
            decision_version: 1,
        });
        send(&terms, &term.key.unwrap_or_default(), &term.value)?;
    }
    let (_, end) = consumer.fetch_watermarks(&terms, 0, PATIENCE)?;
    producer.send_offsets_to_transaction(&offsets(0)?, &metadata, PATIENCE)?;
    producer.commit_transaction(PATIENCE)?;
    producer.begin_transaction()?;
    send(&held, b"cup", b"never to be seen")?;
    producer.send_offsets_to_transaction(&offsets(2)?, &metadata, PATIENCE)?;
    producer.flush(PATIENCE)?;
    // A static member that only closes leaves its place to the session timeout.
    drop(consumer);
    std::mem::forget(producer);
    Ok(end)
}
