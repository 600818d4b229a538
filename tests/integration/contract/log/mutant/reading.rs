//! How a faulty log is read.

use std::time::Duration;

use holdfast::domain::ids::Partition;
use holdfast::domain::time::At;
use holdfast::ports::log::{Error, Follower, From, LogRecord, Reader, Start, Topic};

use super::Fault;

/// Of so many records one is followed wrongly.
const WRONG_OF: u64 = 7;

pub(super) struct MutantReader {
    pub(super) inner: Box<dyn Reader>,
    pub(super) fault: Fault,
}

impl Reader for MutantReader {
    fn end(&self, topic: Topic, partition: Partition) -> Result<i64, Error> {
        let end = self.inner.end(topic, partition)?;
        Ok(if self.fault == Fault::EndTooEarly { end - 1 } else { end })
    }

    fn committed(&self, partition: Partition) -> Result<Option<i64>, Error> {
        self.inner.committed(partition)
    }

    fn read_to_end(&mut self, from: From, each: &mut dyn FnMut(LogRecord)) -> Result<i64, Error> {
        let (topic, partition, _) = from;
        let from = match self.fault {
            Fault::IgnoresStart => (topic, partition, Start::Beginning),
            Fault::ReadsFromAnyStart => within(&*self.inner, from)?,
            _ => from,
        };
        let mut read = vec![];
        let mut end = self.inner.read_to_end(from, &mut |record| read.push(record))?;
        match self.fault {
            Fault::EndTooEarly => {
                end -= 1;
                read.retain(|record| record.offset < end);
            }
            Fault::LosesTheLast => drop(read.pop()),
            Fault::StampsNothing => read.iter_mut().for_each(|record| record.timestamp = At(0)),
            Fault::StampsFall => {
                read.iter_mut().for_each(|record| record.timestamp.0 -= 1_000 * record.offset);
            }
            _ => {}
        }
        read.into_iter().for_each(each);
        Ok(end)
    }
}

/// A start that is within the log.
pub(super) fn within(reader: &dyn Reader, from: From) -> Result<From, Error> {
    let (topic, partition, start) = from;
    let end = reader.end(topic, partition)?;
    Ok(match start {
        Start::Beginning => from,
        Start::Offset(offset) => (topic, partition, Start::Offset(offset.min(end))),
    })
}

pub(super) struct MutantFollower {
    inner: Box<dyn Follower>,
    fault: Fault,
    seen: u64,
    /// To be handed over next.
    kept: Option<LogRecord>,
}

impl MutantFollower {
    pub(super) fn new(inner: Box<dyn Follower>, fault: Fault) -> MutantFollower {
        MutantFollower { inner, fault, seen: 0, kept: None }
    }
}

impl Follower for MutantFollower {
    fn next(&mut self, timeout: Duration) -> Result<Option<LogRecord>, Error> {
        if let Some(kept) = self.kept.take() {
            return Ok(Some(kept));
        }
        let Some(record) = self.inner.next(timeout)? else { return Ok(None) };
        self.seen += 1;
        match self.fault {
            _ if !self.seen.is_multiple_of(WRONG_OF) => {}
            Fault::FollowsTwice => self.kept = Some(record.clone()),
            Fault::FollowsWithGaps => return self.inner.next(timeout),
            Fault::FollowsInPairs => {
                let next = self.inner.next(timeout)?;
                if next.is_some() {
                    self.kept = Some(record);
                    return Ok(next);
                }
            }
            _ => {}
        }
        Ok(Some(record))
    }
}
