//! Reads the file's topics: to the end as it is now, and on and on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::store::Store;
use super::tables::{read_end, read_position, read_records};
use crate::domain::ids::Partition;
use crate::ports::clock::ticks;
use crate::ports::log::{Error, ErrorKind, Follower, From, LogRecord, Reader, Start, Topic};

/// Records of one partition read at once.
const RECORDS_AT_ONCE: usize = 1_000;
/// How often to look for what other processes have written.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Reads partitions to their ends.
pub(super) struct EmbeddedReader {
    store: Arc<Store>,
}

impl EmbeddedReader {
    pub(super) fn new(store: Arc<Store>) -> EmbeddedReader {
        EmbeddedReader { store }
    }
}

impl Reader for EmbeddedReader {
    fn end(&self, topic: Topic, partition: Partition) -> Result<i64, Error> {
        Ok(self.store.read(|read| read_end(read, topic, partition))?)
    }

    fn committed(&self, partition: Partition) -> Result<Option<i64>, Error> {
        Ok(self.store.read(|read| read_position(read, partition))?)
    }

    fn read_to_end(
        &mut self,
        (topic, partition, start): From,
        each: &mut dyn FnMut(LogRecord),
    ) -> Result<i64, Error> {
        let (first, end) = self.store.read(|read| {
            let end = read_end(read, topic, partition)?;
            let first = first_offset(start);
            read_records(read, (topic, partition), first..end, |record| {
                each(record);
                true
            })?;
            Ok((first, end))
        })?;
        check_start(topic, partition, first, end)?;
        Ok(end)
    }
}

/// Reads partitions on and on.
pub(super) struct EmbeddedFollower {
    store: Arc<Store>,
    /// Where each partition goes on.
    next: Vec<(Topic, Partition, i64)>,
    read: VecDeque<LogRecord>,
    /// The transactions that have been read.
    seen: Option<u64>,
}

impl EmbeddedFollower {
    pub(super) fn open(store: Arc<Store>, from: &[From]) -> Result<EmbeddedFollower, Error> {
        let mut next = vec![];
        for &(topic, partition, start) in from {
            let end = store.read(|read| read_end(read, topic, partition))?;
            check_start(topic, partition, first_offset(start), end)?;
            next.push((topic, partition, first_offset(start)));
        }
        Ok(EmbeddedFollower { store, next, read: VecDeque::new(), seen: None })
    }

    /// Reads what there is of each partition, up to a bound.
    fn fetch(&mut self) -> Result<(), super::Error> {
        let commits = self.store.commits()?;
        if self.seen == Some(commits) {
            return Ok(());
        }
        let (next, found) = (&mut self.next, &mut self.read);
        let whole = self.store.read(|read| {
            let mut whole = true;
            for (topic, partition, next) in next {
                let end = read_end(read, *topic, *partition)?;
                if *next >= end {
                    continue;
                }
                let mut left = RECORDS_AT_ONCE;
                let mut past = end;
                read_records(read, (*topic, *partition), *next..end, |record| {
                    left -= 1;
                    if left == 0 {
                        past = record.offset + 1;
                    }
                    found.push_back(record);
                    left > 0
                })?;
                whole &= past == end;
                *next = past;
            }
            Ok(whole)
        })?;
        // What is read may be newer than the count: then the next look finds nothing, no more.
        self.seen = whole.then_some(commits);
        Ok(())
    }
}

impl Follower for EmbeddedFollower {
    fn next(&mut self, timeout: Duration) -> Result<Option<LogRecord>, Error> {
        let deadline = ticks() + timeout;
        loop {
            let rung = self.store.rings();
            if self.read.is_empty() {
                self.fetch()?;
            }
            if let Some(record) = self.read.pop_front() {
                return Ok(Some(record));
            }
            let left = deadline.saturating_duration_since(ticks());
            if left.is_zero() {
                return Ok(None);
            }
            self.store.wait(rung, left.min(LOOK_EVERY));
        }
    }
}

const fn first_offset(start: Start) -> i64 {
    match start {
        Start::Beginning => 0,
        Start::Offset(offset) => offset,
    }
}

fn check_start(topic: Topic, partition: Partition, first: i64, end: i64) -> Result<(), Error> {
    if (0..=end).contains(&first) {
        return Ok(());
    }
    let name = topic.name();
    let sentence = format!(
        "partition {partition} of {name} cannot be read on from offset {first}: it ends at {end}"
    );
    Err(Error { kind: ErrorKind::Failed, sentence })
}
