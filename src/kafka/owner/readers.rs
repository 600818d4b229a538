//! Reading a piece of a partition to its end, without being a member of anything.
//!
//! Wrong alternatives: stopping at the record `end - 1` (it may be a commit marker, which is never
//! delivered); stopping at the position a read-committed reader reports (it stands at the last
//! record delivered, before the markers); asking a read-committed client for the high watermark (it
//! answers with the last stable offset, and whatever hangs behind an open transaction would be
//! missed).
//!
//! So: the target is a high watermark told to a client that reads uncommitted. A committed read
//! first waits until the stable end has reached the target; then everything up to the end the
//! reader reports is complete.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use thiserror::Error as ThisError;

use super::{OwnerConfig, settings};
use crate::domain::time::At;
use crate::kafka::error::{Error, stops_a_partition};
use crate::kafka::native;
use crate::ports::clock::ticks;
use crate::ports::log::RawRecord;

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(5);
/// How long nothing at all may be read before the reading counts as stalled. Far below the five
/// minutes after which the group would think the same of us.
const STALL: Duration = Duration::from_secs(30);
/// After how long to say that an open transaction is in the way.
const LOUD: Duration = Duration::from_secs(3);

/// Why a piece could not be read.
#[derive(Debug, ThisError)]
pub(super) enum ReadError {
    /// The assignment it was for is over, so nobody wants it any more.
    #[error("the assignment is over")]
    Over,
    /// Nothing came for too long.
    #[error(
        "reading {topic} [{partition}] stands still at {at}, {target} is to be reached: look for an \
         open transaction on it, or for a broker that does not answer"
    )]
    Stalled { topic: String, partition: i32, at: i64, target: i64 },
    /// The next batch cannot be opened or is gone.
    #[error("{topic} [{partition}] cannot be read at {at}: {why}")]
    Broken { topic: String, partition: i32, at: i64, why: String },
    /// The brokers do not answer a question, or with an error.
    #[error("{question} of {topic} [{partition}]: {source}")]
    Asked { question: &'static str, topic: String, partition: i32, source: KafkaError },
    /// The terms were not taken.
    #[error("the terms were refused: {0}")]
    Refused(String),
    /// A client call failed.
    #[error(transparent)]
    Client(#[from] KafkaError),
}

/// A piece of a partition: from an offset up to, and without, another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Whether records of transactions not yet committed are read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    Committed,
    Uncommitted,
}

/// Keeps the last thing the client complained about: it names codec and offset of a bad batch.
#[derive(Default)]
pub(super) struct Complaints(Mutex<String>);

impl Complaints {
    pub(super) fn last(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep(&self, reason: &str) {
        reason.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ClientContext for Complaints {
    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is told as an error, and is what is waited for.
        if !matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PartitionEOF)) {
            self.keep(reason);
            tracing::debug!(%error, reason, "reader");
        }
    }
}

impl ConsumerContext for Complaints {}

/// Two readers, made once and kept connected.
pub(super) struct Readers {
    committed: BaseConsumer<Complaints>,
    uncommitted: BaseConsumer<Complaints>,
}

impl Readers {
    pub(super) fn new(config: &OwnerConfig) -> Result<Self, Error> {
        let make = |committed| {
            settings::reader(config, committed)
                .create_with_context(Complaints::default())
                .map_err(|source| Error::Client { purpose: "reading back", source })
        };
        Ok(Readers { committed: make(true)?, uncommitted: make(false)? })
    }

    fn of(&self, isolation: Isolation) -> &BaseConsumer<Complaints> {
        match isolation {
            Isolation::Committed => &self.committed,
            Isolation::Uncommitted => &self.uncommitted,
        }
    }

    /// First offsets that the logs still have.
    pub(super) fn starts(&self, of: &[(String, i32)]) -> Result<Vec<i64>, ReadError> {
        self.edges(Isolation::Uncommitted, of, Offset::Beginning)
    }

    /// High watermarks.
    pub(super) fn ends(&self, of: &[(String, i32)]) -> Result<Vec<i64>, ReadError> {
        self.edges(Isolation::Uncommitted, of, Offset::End)
    }

    /// One question for all: the request takes "beginning" and "end" in place of a time.
    fn edges(
        &self,
        isolation: Isolation,
        of: &[(String, i32)],
        edge: Offset,
    ) -> Result<Vec<i64>, ReadError> {
        let mut asked = TopicPartitionList::with_capacity(of.len());
        for (topic, partition) in of {
            asked.add_partition_offset(topic, *partition, edge)?;
        }
        let answer = self.of(isolation).offsets_for_times(asked, ASK)?;
        of.iter().map(|(topic, partition)| told(&answer, topic, *partition)).collect()
    }

    /// The first offset whose record was appended at or after `at`, if there is one.
    pub(super) fn first_at(
        &self,
        topic: &str,
        partition: i32,
        at: At,
    ) -> Result<Option<i64>, ReadError> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset(topic, partition, Offset::Offset(at.0.max(0)))?;
        let answer = self.uncommitted.offsets_for_times(asked, ASK)?;
        let found = answer.find_partition(topic, partition).map(|element| element.offset());
        Ok(found.and_then(|offset| match offset {
            Offset::Offset(offset) => Some(offset),
            Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::Invalid
            | Offset::OffsetTail(_) => None,
        }))
    }

    /// Waits until no open transaction is left below `target`. `blocked` is told the stable end now
    /// and then while one is.
    fn settle(
        &self,
        piece: Piece<'_>,
        over: &dyn Fn() -> bool,
        blocked: &mut dyn FnMut(i64, Duration),
    ) -> Result<(), ReadError> {
        let Piece { topic, partition, to: target, .. } = piece;
        let of = [(topic.to_owned(), partition)];
        let began = ticks();
        let mut loud = LOUD;
        loop {
            let stable = self.edges(Isolation::Committed, &of, Offset::End)?;
            let at = stable.first().copied().unwrap_or(0);
            if at >= target {
                return Ok(());
            }
            let elapsed = began.elapsed();
            blocked(at, elapsed);
            if elapsed > loud {
                loud += LOUD;
                tracing::warn!(
                    topic,
                    partition,
                    at,
                    target,
                    ?elapsed,
                    "an open transaction blocks"
                );
            }
            if over() {
                return Err(ReadError::Over);
            }
            if elapsed > STALL {
                return Err(ReadError::Stalled { topic: topic.into(), partition, at, target });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Reads a piece whose end is settled, handing over each record in order.
    pub(super) fn read(
        &self,
        isolation: Isolation,
        piece: Piece<'_>,
        over: &dyn Fn() -> bool,
        each: &mut dyn FnMut(&BorrowedMessage<'_>),
    ) -> Result<(), ReadError> {
        self.read_past(isolation, piece, over, &mut |_, _| (), each)
    }

    /// The same; `blocked` is told when an open transaction is in the way.
    pub(super) fn read_past(
        &self,
        isolation: Isolation,
        piece: Piece<'_>,
        over: &dyn Fn() -> bool,
        blocked: &mut dyn FnMut(i64, Duration),
        each: &mut dyn FnMut(&BorrowedMessage<'_>),
    ) -> Result<(), ReadError> {
        if piece.from >= piece.to {
            return Ok(());
        }
        if isolation == Isolation::Committed {
            self.settle(piece, over, blocked)?;
        }
        let reader = self.of(isolation);
        reader.assign(&at(piece.topic, piece.partition, piece.from)?)?;
        let read = drain(reader, piece, over, each);
        reader.unassign()?;
        read
    }

    /// Whether the batch at `offset` can be opened: `Some` says why not.
    pub(super) fn why_broken(&self, topic: &str, partition: i32, offset: i64) -> Option<String> {
        let began = ticks();
        let piece = Piece { topic, partition, from: offset, to: offset + 1 };
        let over = || began.elapsed() > Duration::from_secs(3);
        let reader = &self.committed;
        reader.assign(&at(topic, partition, offset).ok()?).ok()?;
        let read = drain(reader, piece, &over, &mut |_| ());
        reader.unassign().ok()?;
        match read {
            Err(ReadError::Broken { why, .. }) => Some(why),
            Ok(()) | Err(_) => None,
        }
    }
}

fn drain(
    reader: &BaseConsumer<Complaints>,
    piece: Piece<'_>,
    over: &dyn Fn() -> bool,
    each: &mut dyn FnMut(&BorrowedMessage<'_>),
) -> Result<(), ReadError> {
    let mut next = piece.from;
    let mut progressed = ticks();
    while next < piece.to {
        match reader.poll(Duration::from_millis(20)) {
            Some(Ok(message)) => {
                next = message.offset() + 1;
                progressed = ticks();
                if next <= piece.to {
                    each(&message);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(stops_a_partition) => {
                return Err(ReadError::Broken {
                    topic: piece.topic.into(),
                    partition: piece.partition,
                    at: next,
                    why: format!("{error}: {}", reader.context().last()),
                });
            }
            Some(Err(error)) => tracing::debug!(%error, ?piece, "reading goes on"),
            None => {}
        }
        if over() {
            return Err(ReadError::Over);
        }
        if progressed.elapsed() > STALL {
            let (topic, partition) = (piece.topic.into(), piece.partition);
            return Err(ReadError::Stalled { topic, partition, at: next, target: piece.to });
        }
    }
    Ok(())
}

fn at(topic: &str, partition: i32, offset: i64) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    Ok(list)
}

fn told(answer: &TopicPartitionList, topic: &str, partition: i32) -> Result<i64, ReadError> {
    let asked = |source| ReadError::Asked {
        question: "asking for the edge",
        topic: topic.to_owned(),
        partition,
        source,
    };
    let element = answer
        .find_partition(topic, partition)
        .ok_or_else(|| asked(KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition)))?;
    element.error().map_err(asked)?;
    element
        .offset()
        .to_raw()
        .filter(|offset| *offset >= 0)
        .ok_or_else(|| asked(KafkaError::OffsetFetch(RDKafkaErrorCode::InvalidMessage)))
}

/// The record as the broker has it, marked with an epoch.
pub(super) fn raw(message: &BorrowedMessage<'_>, epoch: u64) -> RawRecord {
    RawRecord {
        partition: message.partition(),
        offset: message.offset(),
        appended: At(message.timestamp().to_millis().unwrap_or(0)),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: native::headers(message),
        epoch,
    }
}
