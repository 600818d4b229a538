//! Reads the log without being a member of any group.
//!
//! Two ways: to the end as it is now, and on and on.
//!
//! # Invariants
//! - Only committed records are seen.
//! - An end is reached *by position*, never by record: the last offset of a log may be the marker
//!   of a transaction, which no reader is ever handed (K8).
//! - The end is the high watermark, not the last stable offset: what a dead writer committed lies
//!   above the open transaction of another. So the reader waits until what is stable has passed the
//!   high watermark seen at the start, and only then reads until the client is at the end.
//! - A start outside the log is an error, never a jump.

use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::consumer::{Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::cluster::{Cluster, Error, PATIENCE};
use super::error::stops_a_partition;
use crate::domain::ids::Partition;
use crate::domain::time::At;
use crate::ports::clock::ticks;
use crate::ports::log::{self, Follower, From, LogRecord, Reader, Start, Topic};

/// How long nothing may move before reading to an end fails. Open transactions of our own end in 20
/// s.
const STALL_MAX: Duration = Duration::from_secs(30);
/// Kilobytes a reader has fetched ahead, over all its partitions.
const PREFETCHED_KILOBYTES_MAX: &str = "8192";
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// How often to look whether an open transaction has ended.
const STABLE_POLL: Duration = Duration::from_millis(50);

/// Reads partitions to their ends, one at a time.
pub struct KafkaReader {
    cluster: Cluster,
    committed: BaseConsumer,
    /// Asks for high watermarks; the client answers with what is stable where it reads committed.
    uncommitted: BaseConsumer,
}

impl KafkaReader {
    /// Makes a reader and makes sure that a broker answers.
    ///
    /// # Errors
    /// When the client does not take its settings, or no broker answers.
    pub fn open(cluster: &Cluster) -> Result<KafkaReader, Error> {
        let committed = consumer(cluster, "read_committed", "10")?;
        cluster.metadata(committed.client())?;
        let uncommitted = consumer(cluster, "read_uncommitted", "10")?;
        Ok(KafkaReader { cluster: cluster.clone(), committed, uncommitted })
    }

    fn await_stable(&self, topic: Topic, partition: Partition, target: i64) -> Result<(), Error> {
        let began = ticks();
        while self.watermark(&self.committed, topic, partition)? < target {
            if began.elapsed() > STALL_MAX {
                return Err(self.stalled(topic, partition, target));
            }
            std::thread::sleep(STABLE_POLL);
        }
        Ok(())
    }

    fn watermark(
        &self,
        of: &BaseConsumer,
        topic: Topic,
        partition: Partition,
    ) -> Result<i64, Error> {
        let name = self.cluster.topic(topic);
        match of.fetch_watermarks(&name, partition.0, PATIENCE) {
            Ok((_, high)) => Ok(high),
            Err(error) => Err(self.cluster.error("reading", &name, &error)),
        }
    }

    fn stalled(&self, topic: Topic, partition: Partition, target: i64) -> Error {
        let seconds = STALL_MAX.as_secs();
        Error::Stalled { topic: self.cluster.topic(topic), partition, target, seconds }
    }
}

impl Reader for KafkaReader {
    /// The high watermark.
    fn end(&self, topic: Topic, partition: Partition) -> Result<i64, log::Error> {
        Ok(self.watermark(&self.uncommitted, topic, partition)?)
    }

    /// What the group has committed, without a transaction still open.
    fn committed(&self, partition: Partition) -> Result<Option<i64>, log::Error> {
        let name = self.cluster.topic(Topic::Requests);
        let mut list = TopicPartitionList::new();
        list.add_partition(&name, partition.0);
        // A client that reads committed would wait for the open transaction, not look past it.
        let answer = self.uncommitted.committed_offsets(list, PATIENCE);
        let answer = answer.and_then(|list| {
            list.elements().iter().try_for_each(|element| element.error())?;
            Ok(list)
        });
        let answer =
            answer.map_err(|error| self.cluster.error("asking the group about", &name, &error))?;
        Ok(answer.find_partition(&name, partition.0).and_then(|element| match element.offset() {
            Offset::Offset(offset) => Some(offset),
            Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::Invalid
            | Offset::OffsetTail(_) => None,
        }))
    }

    fn read_to_end(
        &mut self,
        (topic, partition, start): From,
        each: &mut dyn FnMut(LogRecord),
    ) -> Result<i64, log::Error> {
        let target = self.end(topic, partition)?;
        self.await_stable(topic, partition, target)?;
        assign(&self.cluster, &self.committed, &[(topic, partition, start)])?;
        let mut moved = ticks();
        loop {
            match self.committed.poll(POLL) {
                Some(Ok(message)) if message.offset() >= target => return Ok(target),
                Some(Ok(message)) => {
                    each(record(topic, &message));
                    // Whoever takes its time with a record has not made the log stand still.
                    moved = ticks();
                }
                // What was stable at the start has been handed out: this end is at or behind
                // target.
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(target),
                Some(Err(error)) => {
                    let place = format!("partition {partition} of {}", self.cluster.topic(topic));
                    self.cluster.judge(&place, &error)?;
                }
                None if moved.elapsed() > STALL_MAX => {
                    return Err(self.stalled(topic, partition, target).into());
                }
                None => {}
            }
        }
    }
}

/// Reads partitions on and on. Records of one partition come in order; between partitions there is
/// none.
pub struct KafkaFollower {
    cluster: Cluster,
    consumer: BaseConsumer,
}

impl KafkaFollower {
    /// Begins to read.
    ///
    /// # Errors
    /// When the client does not take its settings.
    pub fn open(cluster: &Cluster, from: &[From]) -> Result<KafkaFollower, Error> {
        let consumer = consumer(cluster, "read_committed", "500")?;
        assign(cluster, &consumer, from)?;
        Ok(KafkaFollower { cluster: cluster.clone(), consumer })
    }
}

impl Follower for KafkaFollower {
    /// Brokers that do not answer are waited for: the client connects again by itself.
    fn next(&mut self, timeout: Duration) -> Result<Option<LogRecord>, log::Error> {
        let deadline: Instant = ticks() + timeout;
        loop {
            let left = deadline.saturating_duration_since(ticks());
            match self.consumer.poll(left) {
                Some(Ok(message)) => match self.cluster.topic_called(message.topic()) {
                    Some(topic) => return Ok(Some(record(topic, &message))),
                    None => unreachable!("only our own topics are assigned"),
                },
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => {
                    // The client does not say of which.
                    self.cluster.judge("one of the partitions followed", &error)?;
                }
                None if left.is_zero() => return Ok(None),
                None => {}
            }
        }
    }
}

impl Cluster {
    fn topic_called(&self, name: &str) -> Option<Topic> {
        let name = name.strip_prefix(&self.prefix)?;
        Topic::ALL.into_iter().find(|topic| topic.name() == name)
    }

    /// Lets pass what passes by itself.
    fn judge(&self, place: &str, error: &KafkaError) -> Result<(), Error> {
        let why = error.to_string();
        if error.rdkafka_error_code().is_none_or(stops_a_partition) {
            return Err(Error::Unreadable { place: place.into(), why });
        }
        let error = self.error("reading", place, error);
        if !error.is_unreachable() {
            return Err(error);
        }
        tracing::warn!(%error, "trying on");
        Ok(())
    }
}

/// What the client complains of: that a partition ends here is no complaint.
struct Complaints;

impl ConsumerContext for Complaints {}

impl ClientContext for Complaints {
    fn error(&self, error: KafkaError, reason: &str) {
        if !matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            tracing::warn!(%error, reason, "the client complains");
        }
    }
}

type BaseConsumer = rdkafka::consumer::BaseConsumer<Complaints>;

fn consumer(cluster: &Cluster, isolation: &str, wait_ms: &str) -> Result<BaseConsumer, Error> {
    let mut config = cluster.client();
    config
        // The client demands a group to be named, even of those who never join one.
        .set("group.id", &cluster.group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true")
        // The end of a partition is told after a fetch that found nothing: how long that one waits.
        // An audit has seven of these side by side.
        .set("queued.max.messages.kbytes", PREFETCHED_KILOBYTES_MAX)
        .set("fetch.wait.max.ms", wait_ms)
        .set("fetch.queue.backoff.ms", "5");
    config.create_with_context(Complaints).map_err(|error| Error::Settings(error.to_string()))
}

fn assign(cluster: &Cluster, consumer: &BaseConsumer, from: &[From]) -> Result<(), Error> {
    let mut list = TopicPartitionList::new();
    for &(topic, partition, start) in from {
        let name = cluster.topic(topic);
        let offset = match start {
            Start::Beginning => Offset::Beginning,
            Start::Offset(offset) => Offset::Offset(offset),
        };
        list.add_partition_offset(&name, partition.0, offset)
            .map_err(|error| cluster.error("reading", &name, &error))?;
    }
    consumer.assign(&list).map_err(|error| cluster.error("reading", "the topics", &error))
}

fn record(topic: Topic, message: &BorrowedMessage<'_>) -> LogRecord {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|one| (one.key.to_owned(), one.value.map(<[u8]>::to_vec))).collect()
    });
    LogRecord {
        topic,
        partition: Partition(message.partition()),
        offset: message.offset(),
        timestamp: At(message.timestamp().to_millis().unwrap_or(0)),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}
