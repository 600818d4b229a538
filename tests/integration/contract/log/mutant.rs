//! Logs with one fault each, around the embedded one.
#![allow(clippy::wildcard_enum_match_arm, reason = "each place has a few of the faults")]

mod owner;
mod reading;

use std::path::Path;
use std::sync::mpsc::sync_channel;

use anyhow::Result;
use holdfast::domain::ids::Partition;
use holdfast::embedded::{EmbeddedLog, Store};
use holdfast::ports::log::{
    Delivery, Error, Follower, From, Header, Log, Member, OwnerLog, Pending, Producer, Reader,
    Sink, Topic,
};
use tempfile::TempDir;

use self::owner::MutantOwner;
use self::reading::{MutantFollower, MutantReader, within};
use super::bench::PARTITIONS;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Puts requests on the log without their headers.
    DropsHeaders,
    /// Puts an empty value for none.
    NullBecomesEmpty,
    /// Puts the first 64 KiB of a value.
    CutsValues,
    /// Says that a request is on the log, and does nothing.
    LosesSubmitted,
    /// Is wrong about the partition of a key.
    NamesAnotherPartition,
    /// Reads no append times.
    StampsNothing,
    /// Reads append times that fall.
    StampsFall,
    /// Believes that a partition ends one record early.
    EndTooEarly,
    /// Does not hand over the last record before the end.
    LosesTheLast,
    /// Reads from the beginning, wherever it is to start.
    IgnoresStart,
    /// Reads from the end where it is to start beyond it.
    ReadsFromAnyStart,
    /// Follows from the end where it is to start beyond it.
    FollowsFromAnyStart,
    /// Hands over some records twice.
    FollowsTwice,
    /// Leaves some records out.
    FollowsWithGaps,
    /// Hands over some records after their successors.
    FollowsInPairs,
    /// Keeps the first record of each key of the inventory.
    KeepsTheFirst,
    /// Is empty each time it is opened.
    KeepsInMemory,
    /// Tells of an assignment only after its records.
    DeliversFirst,
    /// Delivers each batch of records twice.
    DeliversTwice,
    /// Delivers each batch of records backwards.
    DeliversBackwards,
    /// Delivers records without headers.
    DeliversBare,
    /// Delivers all records under the same epoch.
    ForgetsEpoch,
    /// Finds no position.
    ForgetsPosition,
    /// Finds positions without what was last before them.
    LosesMetadata,
    /// Says that there are no outcomes.
    DeniesOutcomes,
    /// Finds no predecessor.
    ForgetsPredecessor,
    /// Finds no inventory.
    ForgetsInventory,
    /// Finds the inventory of all partitions for each.
    TakesInventoryOfAll,
    /// Reads no window back.
    ReadsNothingBack,
    /// Has one term for all.
    SameTerm,
    /// Has terms that are offsets of nothing.
    TermOfNoRecord,
    /// Takes terms whatever the ledger of those before.
    TakesTermsOfAnyLedger,
    /// Refuses a partition, and puts its term on the log all the same.
    KeepsTermsItRefuses,
    /// Does not rewind.
    IgnoresRewind,
    /// Rewinds under the epoch that there was.
    IgnoresEpoch,
    /// Delivers records of a former epoch after those of the next.
    MixesEpochs,
    /// Does not pause.
    NeverPauses,
    /// Does not resume.
    StaysPaused,
    /// Pauses all partitions when one is to be paused.
    PausesAll,
    /// Leaves out what came during the pause.
    SkipsWhilePaused,
    /// Takes no term anew.
    NeverRetakes,
    /// Does not mark a term that was taken anew.
    UnmarkedRetake,
    /// Does not say that it has left.
    LeavesWithoutAWord,
    /// Answers after it has left.
    TalksOn,
    /// Delivers from the log start, wherever the position is.
    FeedsFromTheStart,
    /// Makes a transaction for each partition of a publication.
    PublishesPartByPart,
    /// Commits positions and publishes nothing.
    PositionWithoutRecords,
    /// Publishes and commits no position.
    RecordsWithoutPosition,
    /// Publishes records without headers.
    PublishesBare,
    /// Publishes no inventory.
    PublishesNoInventory,
    /// Tells the positions as they were at the assignment.
    TellsPositionsOfTheAssignment,
    /// Becomes owner again, by itself, to publish.
    PublishesUnderAnybody,
    /// Does not notice that it was replaced.
    LivesOn,
    /// Publishes first and commits the position in another transaction.
    RecordsBeforePosition,
}

/// A log with a fault.
pub(super) struct MutantLog {
    inner: EmbeddedLog,
    fault: Fault,
    /// Where it keeps what it forgets.
    _folder: TempDir,
}

impl MutantLog {
    pub(super) fn open(path: &Path, fault: Fault) -> Result<MutantLog> {
        let folder = tempfile::tempdir()?;
        let path = if fault == Fault::KeepsInMemory { folder.path() } else { path };
        let inner = EmbeddedLog::new(Store::open(path, PARTITIONS)?);
        Ok(MutantLog { inner, fault, _folder: folder })
    }
}

impl Log for MutantLog {
    fn describe(&self) -> String {
        format!("a log that {:?}", self.fault)
    }

    fn name(&self, topic: Topic) -> String {
        self.inner.name(topic)
    }

    fn partitions(&self) -> i32 {
        self.inner.partitions()
    }

    fn partition(&self, key: &[u8]) -> Partition {
        let own = self.inner.partition(key);
        if self.fault == Fault::NamesAnotherPartition { Partition(1 - own.0) } else { own }
    }

    fn own(&self, member: Member, sink: Sink) -> Result<Box<dyn OwnerLog>, Error> {
        Ok(Box::new(MutantOwner::start(self.inner.clone(), self.fault, member, sink)?))
    }

    fn producer(&self) -> Result<Box<dyn Producer>, Error> {
        let inner = self.inner.producer()?;
        Ok(Box::new(MutantProducer { inner, log: self.inner.clone(), fault: self.fault }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(MutantReader { inner: self.inner.reader()?, fault: self.fault }))
    }

    fn follow(&self, from: &[From]) -> Result<Box<dyn Follower>, Error> {
        let mut from = from.to_vec();
        if self.fault == Fault::FollowsFromAnyStart {
            let reader = self.inner.reader()?;
            for one in &mut from {
                *one = within(&*reader, *one)?;
            }
        }
        Ok(Box::new(MutantFollower::new(self.inner.follow(&from)?, self.fault)))
    }
}

struct MutantProducer {
    inner: Box<dyn Producer>,
    log: EmbeddedLog,
    fault: Fault,
}

impl Producer for MutantProducer {
    fn submit(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Pending, Error> {
        match self.fault {
            Fault::DropsHeaders => self.inner.submit(key, value, &[]),
            Fault::NullBecomesEmpty => self.inner.submit(key, value.or(Some(b"")), headers),
            Fault::CutsValues => {
                let value = value.map(|value| &value[..value.len().min(64 * 1024)]);
                self.inner.submit(key, value, headers)
            }
            Fault::LosesSubmitted => {
                let (report, delivered) = sync_channel(1);
                let partition = self.log.partition(key);
                // The other end is here.
                let _ = report.send(Ok(Delivery { partition, offset: 0 }));
                Ok(Pending::new(delivered))
            }
            _ => self.inner.submit(key, value, headers),
        }
    }
}
