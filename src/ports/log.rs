//! The log: requests in, outcomes out, and proof of who may write them.
//!
//! # Contract
//! Every driver is held to it by the same tests, in `tests/integration/contract/log.rs`; each
//! sentence there has drivers that break it and are found out.
//!
//! - Records of one partition arrive after its [`Assignment`], from the position on, in offset
//!   order, read-committed, each once per assignment or rewind and under the epoch of that. Offsets
//!   may have gaps. After the first record of an epoch there is none of an earlier one. A paused
//!   partition is silent once the command has been heard, and goes on where it was.
//! - A [`Publication`] is one transaction: its records and the positions of its partitions become
//!   visible together or never, whenever its owner dies. Partition by partition and position, they
//!   may become visible one after the other; whoever has seen a part, and reads the rest to its
//!   end, sees the rest. It is refused when the assignment it was made under is over: whoever was
//!   replaced publishes nothing, whatever it is told, and reports [`FromLog::Failed`] in the end.
//! - [`Published::Ended`] means: the transaction is over, by its own end or by the fence of a new
//!   producer under the same transactional id, nothing of it is still under way, and the positions
//!   were read (stable) after that. Whether it was committed is for the reader to see from them.
//! - An [`Assignment`] has all that was published before it; nobody adds to that any more. Terms
//!   rise from one assignment of a partition to the next, and a term taken anew is higher than all
//!   before.
//! - No term is taken that does not follow the last one of the partition
//!   ([`TermRecord::follows`]): the partition is [`FromLog::Refused`], and nothing of that is on
//!   the log, so that an owner with the right configuration goes on as if nothing had happened.
//! - Positions read are stable: no open transaction holds offsets of the partition, and a
//!   publication asked for before is among them or has failed.
//! - After [`FromLog::Left`] nothing more is reported, and the next owner goes on at the position.

mod access;

use std::sync::Arc;

use uuid::Uuid;

pub use access::{
    Delivery, Error, ErrorKind, Follower, From, Log, LogRecord, Member, OwnerLog, Pending,
    Producer, Reader, Sink, Start,
};

use crate::domain::ids::{EventId, Partition};
use crate::domain::outcome::OutcomeBody;
use crate::domain::time::At;

/// What to do where the group's offset of a partition is gone or too low.
pub const REBASE: &str = "find the highest request offset in its outcome and dead-letter topics, and \
                          set the group's offset to the one after it";

/// A topic of the pipeline, by what it is for. Real names carry the deployment's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// `booking.requests`
    Requests,
    /// `booking.held`
    Held,
    /// `booking.booked`
    Booked,
    /// `booking.released`
    Released,
    /// `booking.changed`
    Changed,
    /// `booking.refused`
    Refused,
    /// `booking.catalog`
    Catalog,
    /// `booking.inventory`
    Inventory,
    /// `booking.terms`
    Terms,
    /// `booking.dead-letters`
    DeadLetters,
}

impl Topic {
    /// All topics.
    pub const ALL: [Topic; 10] = [
        Topic::Requests,
        Topic::Held,
        Topic::Booked,
        Topic::Released,
        Topic::Changed,
        Topic::Refused,
        Topic::Catalog,
        Topic::Inventory,
        Topic::Terms,
        Topic::DeadLetters,
    ];

    /// The topics that outcomes and dead letters go to, partitioned as the requests are.
    pub const OUTCOMES: [Topic; 6] = [
        Topic::Held,
        Topic::Booked,
        Topic::Released,
        Topic::Changed,
        Topic::Refused,
        Topic::DeadLetters,
    ];

    /// The topic an outcome is published to.
    #[must_use]
    pub const fn of(body: &OutcomeBody) -> Topic {
        match body {
            OutcomeBody::Held(_) | OutcomeBody::Extended(_) => Topic::Held,
            OutcomeBody::Booked(_) | OutcomeBody::Exchanged(_) => Topic::Booked,
            OutcomeBody::Released(_) | OutcomeBody::Cancelled(_) => Topic::Released,
            OutcomeBody::Changed(_) => Topic::Changed,
            OutcomeBody::Refused(_) => Topic::Refused,
        }
    }

    /// Its number where topics are stored by number. Never changed.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Topic::Requests => 0,
            Topic::Held => 1,
            Topic::Booked => 2,
            Topic::Released => 3,
            Topic::Changed => 4,
            Topic::Refused => 5,
            Topic::Catalog => 6,
            Topic::Inventory => 7,
            Topic::Terms => 8,
            Topic::DeadLetters => 9,
        }
    }

    /// Whether only the last record of each key need be kept.
    #[must_use]
    pub const fn is_compacted(self) -> bool {
        match self {
            Topic::Catalog | Topic::Inventory | Topic::Terms => true,
            Topic::Requests
            | Topic::Held
            | Topic::Booked
            | Topic::Released
            | Topic::Changed
            | Topic::Refused
            | Topic::DeadLetters => false,
        }
    }

    /// The name without prefix; also the stem of the topic's file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Requests => "booking.requests",
            Topic::Held => "booking.held",
            Topic::Booked => "booking.booked",
            Topic::Released => "booking.released",
            Topic::Changed => "booking.changed",
            Topic::Refused => "booking.refused",
            Topic::Catalog => "booking.catalog",
            Topic::Inventory => "booking.inventory",
            Topic::Terms => "booking.terms",
            Topic::DeadLetters => "booking.dead-letters",
        }
    }
}

/// A header: its name and, unless null, its value.
pub type Header = (String, Option<Vec<u8>>);

/// A record of the request topic as the broker has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When the broker appended it.
    pub appended: At,
    /// Key; null and empty differ.
    pub key: Option<Vec<u8>>,
    /// Value; null and empty differ.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<Header>,
    /// The partition's epoch when the record was read: every assignment and every rewind begins a
    /// new one, so that records of an older one, still on their way, can be told apart. Another
    /// run of a driver may count from the same number.
    pub epoch: u64,
}

/// What the signature header of a record is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// There is none.
    Absent,
    /// There is one, by no live key or over other bytes.
    Invalid,
    /// There is one of a live key over these bytes, this topic and this deployment.
    Valid,
}

/// A record to be published; its partition is that of the publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutRecord {
    /// Where to.
    pub topic: Topic,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Vec<u8>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

/// What is committed as a consumer offset: where to go on, and what was last before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset of the next record.
    pub offset: i64,
    /// What the offset's metadata says of the last record.
    pub last: Option<LastRecord>,
}

/// The last record before a position, as the offset's metadata keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// Its offset.
    pub offset: i64,
    /// Its append time.
    pub appended: At,
    /// The highest append time of the partition up to it.
    pub highest: At,
    /// Digest of its key and value.
    pub digest: crate::domain::ids::Digest,
}

impl LastRecord {
    /// The text kept as metadata of a committed offset.
    #[must_use]
    pub fn to_metadata(&self) -> String {
        format!("1 {} {} {} {:?}", self.offset, self.appended, self.highest, self.digest)
    }

    /// Reads such a text; `None` when it is none of ours.
    #[must_use]
    pub fn from_metadata(text: &str) -> Option<LastRecord> {
        let mut parts = text.split(' ');
        if parts.next()? != "1" {
            return None;
        }
        let offset = parts.next()?.parse().ok()?;
        let appended = At(parts.next()?.parse().ok()?);
        let highest = At(parts.next()?.parse().ok()?);
        let digest = parts.next()?;
        let bytes = (digest.len() == 32).then(|| u128::from_str_radix(digest, 16).ok())??;
        let digest = crate::domain::ids::Digest(bytes.to_be_bytes());
        Some(LastRecord { offset, appended, highest, digest })
    }
}

/// What the inventory topic says of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The event.
    pub event: EventId,
    /// Sequence after the last entry published.
    pub sequence: i64,
    /// Position committed together with that.
    pub position: i64,
    /// Ledger revision as of the last batch published to its end.
    pub revision: i64,
    /// Log time of the last entry published.
    pub at: At,
}

/// A term record: who owned a partition from when on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermRecord {
    /// The request partition; also the key.
    pub partition: Partition,
    /// Transactional id of the owner's producer.
    pub transactional_id: String,
    /// Group instance id of the owner.
    pub instance_id: String,
    /// The ledger the owner writes.
    pub ledger: Uuid,
    /// The cluster name of that ledger's store.
    pub ledger_cluster: String,
    /// The declared partition count.
    pub partitions: i32,
    /// The owner's decision version.
    pub decision_version: i32,
}

impl TermRecord {
    /// Whether this term may come after another one of its partition.
    ///
    /// # Errors
    /// A sentence that says what differs, which never changes in place, and where to look.
    pub fn follows(&self, previous: &TermRecord) -> Result<(), String> {
        let partition = self.partition;
        assert_eq!(partition, previous.partition, "terms of one partition are compared");
        if (previous.ledger, &previous.ledger_cluster) != (self.ledger, &self.ledger_cluster) {
            return Err(format!(
                "partition {partition} has been worked on with ledger {} of cluster {:?}, and this \
                 worker has {} of {:?}: right topics, wrong ledger; check [ledger] of the \
                 configuration",
                previous.ledger, previous.ledger_cluster, self.ledger, self.ledger_cluster
            ));
        }
        if previous.partitions != self.partitions {
            return Err(format!(
                "partition {partition} has been worked on with {} declared partitions, and this \
                 worker declares {}: partition counts never change in place; check [deployment]",
                previous.partitions, self.partitions
            ));
        }
        Ok(())
    }
}

/// A partition that has been assigned, with all that was found out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub partition: Partition,
    /// Proof of ownership: offset of our record in `booking.terms`.
    pub term: i64,
    /// Where to go on; `None` when there is no position yet, so that it begins at the log start.
    /// To take a term may set that as the position, without what was last before it.
    pub committed: Option<Position>,
    /// First offset the log still has.
    pub log_start: i64,
    /// High watermark, taken after the position was stable.
    pub log_end: i64,
    /// Whether any outcome topic's partition of this number has ever had a record.
    pub outcomes_exist: bool,
    /// The last term record of the partition before ours.
    pub previous: Option<TermRecord>,
    /// Our own term record.
    pub own: TermRecord,
    /// What the inventory topic says of this partition's events.
    pub inventory: Vec<Known>,
    /// The records of the id memory before the position, read back, in offset order; and the one
    /// just before the position, where the log still has it.
    pub read_back: Vec<RawRecord>,
    /// Marks the records of this assignment.
    pub epoch: u64,
    /// Whether this term was taken because a higher one had been met while the partition was
    /// assigned.
    pub retaken: bool,
}

/// One transaction to be made.
#[derive(Clone, Debug)]
pub struct Publication {
    /// What each partition contributes; never empty.
    pub parts: Vec<Part>,
}

/// What one partition contributes to a transaction.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which.
    pub partition: Partition,
    /// The offset to commit.
    pub position: Position,
    /// Records, in order, shared with the entries they belong to.
    pub entries: Vec<Arc<Vec<OutRecord>>>,
    /// Inventory records, one per event answered.
    pub inventory: Vec<OutRecord>,
}

/// What the log's driver is asked to do.
#[derive(Clone, Debug)]
pub enum ToLog {
    /// Make this transaction; one at a time. Answered by [`FromLog::Published`].
    Publish(Publication),
    /// Read the stable positions of these partitions, after any transaction under way has ended.
    /// Answered by [`FromLog::Positions`].
    ReadPositions(Vec<Partition>),
    /// Go on from this offset, under this epoch.
    Rewind {
        /// Which.
        partition: Partition,
        /// The next record wanted.
        offset: i64,
        /// The epoch of the records from then on.
        epoch: u64,
    },
    /// Read no more of it until resumed; it stays assigned.
    Pause(Partition),
    /// Read on.
    Resume(Partition),
    /// A higher term was met: capture the assignment anew and take a new term for this partition.
    /// Answered by [`FromLog::Assigned`] with `retaken`, or by a revocation.
    RetakeTerm(Partition),
    /// Leave the group so that a successor starts at once, then end. Answered by [`FromLog::Left`].
    Leave,
}

/// What the log's driver reports.
#[derive(Debug)]
pub enum FromLog {
    /// A partition may be worked on; its records follow.
    Assigned(Box<Assignment>),
    /// A partition is assigned, and cannot be worked on; why, in a sentence that says what to do.
    Refused {
        /// Which.
        partition: Partition,
        /// Why, and what to do.
        sentence: String,
    },
    /// Partitions are being taken away. The group waits, for a second at most, until the engine has
    /// dropped `done`. With `lost` they belong to somebody else already.
    Revoked {
        /// Which.
        partitions: Vec<Partition>,
        /// Whether they are gone already.
        lost: bool,
        /// Dropped when the engine has let go of them.
        done: std::sync::mpsc::SyncSender<()>,
    },
    /// Records, in offset order for each partition.
    Records(Vec<RawRecord>),
    /// What became of the publication under way.
    Published(Published),
    /// Stable positions; `None` where the group has none.
    Positions(Vec<(Partition, Option<i64>)>),
    /// The group has been left and all threads have ended.
    Left,
    /// The driver cannot go on; the process is to end with this sentence.
    Failed(String),
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// Committed.
    Committed,
    /// Over, one way or the other: the positions of its partitions, read after its end. Partitions
    /// that are no longer assigned may be missing.
    Ended {
        /// Where each partition stands.
        positions: Vec<(Partition, i64)>,
        /// What went wrong, in words.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_metadata_reads_back() {
        let last = LastRecord {
            offset: 41,
            appended: At(1_700_000_000_000),
            highest: At(1_700_000_000_007),
            digest: crate::domain::ids::Digest([0xab; 16]),
        };
        assert_eq!(LastRecord::from_metadata(&last.to_metadata()), Some(last));
        assert_eq!(LastRecord::from_metadata(""), None);
        assert_eq!(LastRecord::from_metadata("2 1 1 1 00"), None);
    }

    #[test]
    fn a_term_follows_one_of_the_same_ledger_and_partition_count() {
        let term = TermRecord {
            partition: Partition(3),
            transactional_id: "a".into(),
            instance_id: "a".into(),
            ledger: Uuid::from_u128(1),
            ledger_cluster: "east".into(),
            partitions: 12,
            decision_version: 1,
        };
        let (transactional_id, instance_id) = ("b".to_owned(), "b".to_owned());
        let other =
            TermRecord { transactional_id, instance_id, decision_version: 2, ..term.clone() };
        assert_eq!(other.follows(&term), Ok(()));
        let refused = |other: TermRecord, told: &str| {
            let sentence = other.follows(&term).unwrap_err();
            assert!(sentence.contains(told), "{sentence}");
        };
        refused(TermRecord { ledger: Uuid::from_u128(2), ..term.clone() }, "wrong ledger");
        refused(TermRecord { ledger_cluster: "west".into(), ..term.clone() }, "wrong ledger");
        refused(TermRecord { partitions: 24, ..term.clone() }, "declares 24");
    }
}
