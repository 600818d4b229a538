//! The owner's log in the file: one thread, and the store's own for what is written.
//!
//! The last owner to begin has all partitions; its generation is in the file, and a publication is
//! refused inside its own transaction when the file has another. An owner that finds itself
//! superseded lets go of everything and ends.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use super::store::Store;
use super::tables::{GENERATION, Tables, read_meta, read_records};
use super::take::{self, Taken};
use super::{Error, reader};
use crate::domain::ids::Partition;
use crate::ports::clock;
use crate::ports::log::{
    FromLog, Member, OutRecord, OwnerLog, Part, Publication, Published, RawRecord, Sink, ToLog,
    Topic,
};

/// Records of one partition handed over at once.
const RECORDS_AT_ONCE: usize = 1_000;
/// Bytes of one partition handed over at once, beyond which no further record joins.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;
/// How long the engine may take to let go.
const LET_GO_MAX: Duration = Duration::from_secs(1);

/// The first epoch of a generation; rewinds count up from it.
pub(super) const fn first_epoch(generation: u64) -> u64 {
    generation << 32
}

/// A running driver.
pub(super) struct EmbeddedOwner {
    store: Arc<Store>,
    commands: Sender<ToLog>,
    stop: Arc<AtomicBool>,
}

impl EmbeddedOwner {
    pub(super) fn start(
        store: Arc<Store>,
        member: Member,
        sink: Sink,
    ) -> Result<EmbeddedOwner, Error> {
        let (commands, todo) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            store: Arc::clone(&store),
            member,
            sink,
            todo,
            stop: Arc::clone(&stop),
            generation: 0,
            feeds: BTreeMap::new(),
            seen: None,
        };
        std::thread::Builder::new()
            .name("embedded-owner".into())
            .spawn(move || worker.run())
            .map_err(|error| Error::Write(error.to_string()))?;
        Ok(EmbeddedOwner { store, commands, stop })
    }
}

impl OwnerLog for EmbeddedOwner {
    fn send(&self, command: ToLog) {
        // The thread is gone only when it has told so, or was told to end.
        let _ = self.commands.send(command);
        self.store.ring();
    }
}

impl Drop for EmbeddedOwner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.store.ring();
    }
}

/// A partition being read.
#[derive(Clone, Copy, Debug)]
struct Feed {
    next: i64,
    epoch: u64,
    paused: bool,
}

struct Worker {
    store: Arc<Store>,
    member: Member,
    sink: Sink,
    todo: Receiver<ToLog>,
    stop: Arc<AtomicBool>,
    generation: u64,
    feeds: BTreeMap<Partition, Feed>,
    /// The transactions whose records have all been handed over; none where there may be more.
    seen: Option<u64>,
}

/// Whether the thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    On,
    End,
}

impl Worker {
    fn run(mut self) {
        let worked = catch_unwind(AssertUnwindSafe(|| self.work()));
        let failed = match worked {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the embedded log panicked; what it said before tells where".into(),
        };
        (self.sink)(FromLog::Failed(failed));
    }

    fn work(&mut self) -> Result<(), Error> {
        let (generation, all) = take::begin(&self.store, &self.member)?;
        self.generation = generation;
        for taken in all {
            self.assign(taken);
        }
        loop {
            let rung = self.store.rings();
            if self.obey()? == Next::End {
                return Ok(());
            }
            if let Some(error) = self.store.broken() {
                return Err(error);
            }
            let commits = self.store.commits()?;
            if self.seen == Some(commits) {
                self.store.wait(rung, reader::LOOK_EVERY);
                continue;
            }
            if self.is_superseded()? {
                return self.let_go();
            }
            self.seen = if self.deliver()? { None } else { Some(commits) };
        }
    }

    fn assign(&mut self, taken: Taken) {
        let assignment = match taken {
            Ok(assignment) => assignment,
            Err((partition, sentence)) => {
                self.feeds.remove(&partition);
                return (self.sink)(FromLog::Refused { partition, sentence });
            }
        };
        let next = assignment.committed.as_ref().map_or(0, |position| position.offset);
        let feed = Feed { next, epoch: assignment.epoch, paused: false };
        let partition = assignment.partition;
        (self.sink)(FromLog::Assigned(Box::new(assignment)));
        self.feeds.insert(partition, feed);
        self.seen = None;
    }

    /// Does all that has been asked for.
    fn obey(&mut self) -> Result<Next, Error> {
        loop {
            if self.stop.load(Ordering::Acquire) {
                return Ok(Next::End);
            }
            match self.todo.try_recv() {
                Ok(ToLog::Publish(publication)) => self.publish(publication),
                Ok(ToLog::ReadPositions(partitions)) => self.read_positions(partitions),
                Ok(ToLog::Rewind { partition, offset, epoch }) => {
                    if let Some(feed) = self.feeds.get_mut(&partition) {
                        (feed.next, feed.epoch) = (offset, epoch);
                        self.seen = None;
                    }
                }
                Ok(ToLog::Pause(partition)) => self.pause(partition, true),
                Ok(ToLog::Resume(partition)) => self.pause(partition, false),
                Ok(ToLog::RetakeTerm(partition)) => self.retake(partition)?,
                Ok(ToLog::Leave) => {
                    (self.sink)(FromLog::Left);
                    return Ok(Next::End);
                }
                Err(TryRecvError::Empty) => return Ok(Next::On),
                Err(TryRecvError::Disconnected) => return Ok(Next::End),
            }
        }
    }

    fn pause(&mut self, partition: Partition, paused: bool) {
        if let Some(feed) = self.feeds.get_mut(&partition) {
            feed.paused = paused;
            self.seen = None;
        }
    }

    fn retake(&mut self, partition: Partition) -> Result<(), Error> {
        let Some(feed) = self.feeds.get(&partition) else { return Ok(()) };
        let what = (partition, feed.epoch + 1);
        // Where another has begun, the partitions are about to be lost, which answers too.
        if let Some(found) = take::retake(&self.store, &self.member, self.generation, what)? {
            self.assign(found);
        }
        Ok(())
    }

    /// One transaction, decided on inside: all of it, or none.
    fn publish(&self, publication: Publication) {
        let (generation, sink) = (self.generation, Arc::clone(&self.sink));
        let write = move |tables: &mut Tables<'_>| {
            if tables.meta(GENERATION)? != generation {
                let why = "another owner has begun since".to_owned();
                return Ok(Published::Ended { positions: vec![], why });
            }
            publication.parts.iter().try_for_each(|part| write_part(tables, part))?;
            Ok(Published::Committed)
        };
        self.store.write(write, move |published| sink(FromLog::Published(published)));
    }

    /// Behind whatever is being written.
    fn read_positions(&self, partitions: Vec<Partition>) {
        let sink = Arc::clone(&self.sink);
        let read = move |tables: &mut Tables<'_>| {
            let mut positions = vec![];
            for partition in partitions {
                let position = tables.position(partition)?;
                positions.push((partition, position.map(|position| position.offset)));
            }
            Ok(positions)
        };
        self.store.write(read, move |positions| sink(FromLog::Positions(positions)));
    }

    fn is_superseded(&self) -> Result<bool, Error> {
        self.store.read(|read| Ok(read_meta(read, GENERATION)? != self.generation))
    }

    /// All partitions are another's.
    fn let_go(&mut self) -> Result<(), Error> {
        let partitions = std::mem::take(&mut self.feeds).into_keys().collect();
        let (done, gone) = sync_channel(1);
        (self.sink)(FromLog::Revoked { partitions, lost: true, done });
        // The engine answers by dropping its end.
        let _ = gone.recv_timeout(LET_GO_MAX);
        Err(Error::Superseded(self.store.path().to_owned()))
    }

    /// Hands over what there is to read; says whether there was any.
    fn deliver(&mut self) -> Result<bool, Error> {
        let feeds = &mut self.feeds;
        let raws = self.store.read(|read| {
            let mut raws: Vec<RawRecord> = vec![];
            for (&partition, feed) in feeds.iter_mut().filter(|(_, feed)| !feed.paused) {
                let (mut records, mut bytes) = (0, 0);
                let offsets = feed.next..i64::MAX;
                read_records(read, (Topic::Requests, partition), offsets, |record| {
                    records += 1;
                    bytes += record.value.as_ref().map_or(0, Vec::len);
                    feed.next = record.offset + 1;
                    raws.push(record.under(feed.epoch));
                    records < RECORDS_AT_ONCE && bytes < BYTES_AT_ONCE
                })?;
            }
            Ok(raws)
        })?;
        let any = !raws.is_empty();
        if any {
            (self.sink)(FromLog::Records(raws));
        }
        Ok(any)
    }
}

fn write_part(tables: &mut Tables<'_>, part: &Part) -> Result<(), redb::Error> {
    let now = clock::now();
    let entries = part.entries.iter().flat_map(|entry| entry.iter());
    for OutRecord { topic, key, value, headers } in entries.chain(&part.inventory) {
        let place = (*topic, part.partition);
        tables.append(place, now, key.as_deref(), Some(value), headers)?;
    }
    let metadata = part.position.last.map_or_else(String::new, |last| last.to_metadata());
    let position = (part.position.offset, metadata.as_str());
    tables.positions.insert(part.partition.0, position)?;
    Ok(())
}
