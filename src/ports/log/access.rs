//! How a log is reached: by an owner, by those who ask, and by those who read.
//!
//! # Contract
//! Held to by `tests/integration/contract/log.rs`, like all of the log.
//!
//! - [`Producer::submit`] puts a record on `booking.requests`, in the partition of its key. What
//!   [`Pending`] reports as delivered is durable and has its append time; what it reports as
//!   [`ErrorKind::Unknown`] may be there, now or later, or never. Key, value and headers come back
//!   byte for byte, null and empty told apart.
//! - [`Reader`] and [`Follower`] see committed records only, those of a partition in offset order.
//!   A transaction is seen whole on each partition, or not at all.
//! - An end is reached by position: a reader that has come to it has been handed every committed
//!   record before it, and one that starts there goes on without a gap. A start beyond the end is
//!   refused, by a follower at the latest when it has looked.
//! - Where a topic is compacted, its last record of each key is kept, with its offset.
//! - [`Reader::committed`] moves in the transaction that publishes the answers before it.
//! - The append time is the log's own, and within a partition it never falls as long as the clock
//!   of the log's machine does not.
//! - What was delivered, published and committed is there for whoever opens the log next.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use super::{FromLog, Header, RawRecord, ToLog, Topic};
use crate::domain::ids::Partition;
use crate::domain::time::At;
use crate::ports::ledger::LedgerId;

/// A log.
pub trait Log: Send + Sync {
    /// What this is and where, in a few words.
    fn describe(&self) -> String;

    /// The full name of a topic: signatures are made over it.
    fn name(&self, topic: Topic) -> String;

    /// The declared number of request partitions.
    fn partitions(&self) -> i32;

    /// The partition of a key, on every topic that is partitioned as the requests are.
    fn partition(&self, key: &[u8]) -> Partition;

    /// Begins to own partitions; what happens from then on goes to `sink`.
    ///
    /// # Errors
    /// When the driver does not start.
    fn own(&self, member: Member, sink: Sink) -> Result<Box<dyn OwnerLog>, Error>;

    /// Makes a producer of requests.
    ///
    /// # Errors
    /// When the driver does not start.
    fn producer(&self) -> Result<Box<dyn Producer>, Error>;

    /// Makes a reader, and makes sure that the log answers.
    ///
    /// # Errors
    /// When it does not.
    fn reader(&self) -> Result<Box<dyn Reader>, Error>;

    /// Begins to read partitions on and on.
    ///
    /// # Errors
    /// When the driver does not start.
    fn follow(&self, from: &[From]) -> Result<Box<dyn Follower>, Error>;

    /// Begins to read topics from where they end now. The ends are asked for here: a driver that is
    /// told "the end" may find it later, when there is more.
    ///
    /// # Errors
    /// When the log does not answer.
    fn follow_from_now(
        &self,
        topics: &[Topic],
        partitions: &[Partition],
    ) -> Result<Box<dyn Follower>, Error> {
        let reader = self.reader()?;
        let mut from = vec![];
        for &partition in partitions {
            for &topic in topics {
                from.push((topic, partition, Start::Offset(reader.end(topic, partition)?)));
            }
        }
        self.follow(&from)
    }

    /// All request partitions.
    fn all_partitions(&self) -> Vec<Partition> {
        (0..self.partitions()).map(Partition).collect()
    }
}

/// Where an owner's driver reports to. It may block for a moment; while it does, nothing is read.
pub type Sink = Arc<dyn Fn(FromLog) + Send + Sync>;

/// Who owns.
#[derive(Clone, Debug)]
pub struct Member {
    /// The owner's name: unique, and the same after a restart.
    pub instance: String,
    /// The ledger it writes, recorded with every term.
    pub ledger: LedgerId,
}

/// A running driver of an owner. Dropped without [`ToLog::Leave`] it ends as if killed.
pub trait OwnerLog: Send {
    /// Asks for something; never blocks. After [`ToLog::Leave`] nothing more is answered.
    fn send(&self, command: ToLog);
}

/// Puts requests on the log.
pub trait Producer: Send {
    /// Hands a request over; the [`Pending`] tells what becomes of it.
    ///
    /// # Errors
    /// When it is not taken: a queue is full, or its partition is known not to exist.
    fn submit(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Pending, Error>;
}

/// Where a request lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: i64,
}

/// A request under way.
#[derive(Debug)]
pub struct Pending {
    delivered: Receiver<Result<Delivery, Error>>,
}

impl Pending {
    /// A request whose fate is told through a channel, once. A sender that is dropped says that
    /// nobody will ever know.
    #[must_use]
    pub fn new(delivered: Receiver<Result<Delivery, Error>>) -> Pending {
        Pending { delivered }
    }

    /// Waits for the log's word, for as long as the driver goes on trying.
    ///
    /// # Errors
    /// [`ErrorKind::Unknown`] when the word did not come, so that the request may be on the log;
    /// another when it is not.
    pub fn wait(self) -> Result<Delivery, Error> {
        self.delivered.recv().unwrap_or_else(|_| Err(ended()))
    }

    /// The log's word if it has come, which is told once; `None` while it is to be waited for.
    ///
    /// # Errors
    /// As [`Pending::wait`].
    pub fn poll(&self) -> Option<Result<Delivery, Error>> {
        match self.delivered.try_recv() {
            Ok(report) => Some(report),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ended())),
        }
    }
}

fn ended() -> Error {
    let sentence = "nobody knows whether the request reached the log: its producer was ended";
    Error { kind: ErrorKind::Unknown, sentence: sentence.into() }
}

/// A record of any topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its topic.
    pub topic: Topic,
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp: the append time where the topic says so.
    pub timestamp: At,
    /// Key; null and empty differ.
    pub key: Option<Vec<u8>>,
    /// Value; null and empty differ.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

impl LogRecord {
    /// A record of the request topic as its owner gets it, under an epoch.
    #[must_use]
    pub fn under(self, epoch: u64) -> RawRecord {
        RawRecord {
            partition: self.partition.0,
            offset: self.offset,
            appended: self.timestamp,
            key: self.key,
            value: self.value,
            headers: self.headers,
            epoch,
        }
    }
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record the log still has.
    Beginning,
    /// At this offset, which the log must still have.
    Offset(i64),
}

/// A partition of a topic, and where to begin in it.
pub type From = (Topic, Partition, Start);

/// Reads partitions to their ends, one at a time.
pub trait Reader: Send {
    /// The end of a partition: one more than the last offset, committed or not.
    ///
    /// # Errors
    /// When the partition does not exist or nobody answers.
    fn end(&self, topic: Topic, partition: Partition) -> Result<i64, Error>;

    /// The next request the owners will answer; `None`, or the log start, where they have answered
    /// nothing yet.
    ///
    /// # Errors
    /// When it may not be asked or nobody answers.
    fn committed(&self, partition: Partition) -> Result<Option<i64>, Error>;

    /// Hands every committed record from the start to the end as it is now to `each`, in order.
    /// Answers that end, from where a [`Follower`] may go on.
    ///
    /// # Errors
    /// When the partition cannot be read, or its end does not come.
    fn read_to_end(&mut self, from: From, each: &mut dyn FnMut(LogRecord)) -> Result<i64, Error>;
}

/// Reads partitions on and on. Records of one partition come in order; between partitions there is
/// none.
pub trait Follower: Send {
    /// The next record, or `None` when none came in time. A log that does not answer is waited for.
    ///
    /// # Errors
    /// When a partition can never be read on.
    fn next(&mut self, timeout: Duration) -> Result<Option<LogRecord>, Error>;
}

/// Why something asked of a log was not done, in a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What happened and what to do next.
    pub sentence: String,
}

/// What a failure means to whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nobody answers; the same may be asked again later.
    Unreachable,
    /// A record may have reached the log, now or later, or never.
    Unknown,
    /// A partition's end did not come nearer; the same may be asked again later.
    Stalled,
    /// The driver does not take its settings.
    Settings,
    /// It was refused, or cannot be read; asking again does not help.
    Failed,
}
