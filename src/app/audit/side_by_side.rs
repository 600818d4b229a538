//! Reads the requests of a partition and what became of them side by side, in bounded memory.
//!
//! Every topic of answers is in the order of its requests' offsets, because each transaction
//! publishes a contiguous prefix in order. So seven readers run at once, each into a queue that
//! blocks it when full, and the answers of a request are at the heads of six of them when its turn
//! comes. A record that is out of that order is told, and must not hold back those behind it: of
//! each topic a few answers are looked through for the next one.
//!
//! Wrong alternatives: one follower over all seven, which has no way to hold one topic back while
//! another catches up; followers of one topic each, which never say that they have come to the end;
//! reading requests in windows, which reads every topic of answers once for each window.
//!
//! # Invariants
//! - At most [`QUEUED`] records of each topic wait in a queue and [`SORTED`] answers of each are
//!   looked through, however long the partition is: under a thousand records, beside what a client
//!   of Kafka fetches ahead for each of the seven.
//! - Every record read is handed over once. Answers to what was asked after the end are left out;
//!   answers to what was never asked are not.
//! - After a request all answers have been handed over that its place in their topics lets expect.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Context as _, anyhow};

use super::answer::{Answer, read_answer};
use crate::domain::ids::Partition;
use crate::ports::log::{Error, Log, LogRecord, Reader, Start, Topic};

/// Records of a topic that wait to be looked at.
const QUEUED: usize = 64;
/// Answers of a topic among which the next one is looked for.
const SORTED: usize = 64;

/// What is handed over.
pub(super) enum Step {
    /// An answer about this request lies on its topic right behind one about a later request.
    Behind { topic: Topic, of: i64, later: i64 },
    /// An answer, to the next request if all is in order; or why it cannot be read.
    Answer(LogRecord, Result<Answer, String>),
    /// A request. What became of it has been handed over.
    Request(LogRecord),
}

/// What is read: the requests of a partition below an end, and their answers.
pub(super) struct Span {
    pub(super) partition: Partition,
    pub(super) end: i64,
}

/// A reader for each topic, and one to ask with. They serve for one partition after the other.
pub(super) struct SideBySide {
    asked: Box<dyn Reader>,
    readers: Vec<(Topic, Box<dyn Reader>)>,
}

impl SideBySide {
    /// Opens the readers.
    pub(super) fn open(log: &dyn Log) -> Result<SideBySide, Error> {
        let mut readers = vec![(Topic::Requests, log.reader()?)];
        for topic in Topic::OUTCOMES {
            readers.push((topic, log.reader()?));
        }
        Ok(SideBySide { asked: log.reader()?, readers })
    }

    /// The one to ask with.
    pub(super) fn asked(&mut self) -> &mut dyn Reader {
        &mut *self.asked
    }

    /// Reads all of a span.
    pub(super) fn read(
        &mut self,
        span: &Span,
        each: &mut dyn FnMut(Step) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let SideBySide { asked, readers } = self;
        std::thread::scope(|scope| {
            let mut threads = vec![];
            let mut queues = vec![];
            for (topic, reader) in readers {
                let (queue, records) = sync_channel(QUEUED);
                threads.push((*topic, spawn(scope, &mut **reader, (*topic, span), queue)?));
                queues.push(records);
            }
            let requests = queues.remove(0);
            let merged = span.merge(&requests, queues, &**asked, each);
            // Queues nobody takes from any more let their readers run to the end.
            drop(requests);
            for (topic, thread) in threads {
                let read = thread.join();
                let read = read.map_err(|_| anyhow!("a reader of {} panicked", topic.name()))?;
                read.with_context(|| format!("reading {}", topic.name()))?;
            }
            merged
        })
    }
}

fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    reader: &'scope mut dyn Reader,
    (topic, span): (Topic, &Span),
    queue: SyncSender<LogRecord>,
) -> std::io::Result<ScopedJoinHandle<'scope, Result<(), Error>>> {
    let from = (topic, span.partition, Start::Beginning);
    let read = move || {
        reader.read_to_end(from, &mut |record| {
            // Whoever has stopped taking has failed, and says so.
            let _ = queue.send(record);
        })?;
        Ok(())
    };
    std::thread::Builder::new().name(topic.name().into()).spawn_scoped(scope, read)
}

impl Span {
    fn merge(
        &self,
        requests: &Receiver<LogRecord>,
        queues: Vec<Receiver<LogRecord>>,
        asked: &dyn Reader,
        each: &mut dyn FnMut(Step) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut lanes: Vec<Lane> = queues.into_iter().map(Lane::new).collect();
        let mut later = Later { span: self, asked, until: self.end };
        for request in requests.iter().filter(|request| request.offset < self.end) {
            for lane in &mut lanes {
                lane.hand_over(request.offset, &mut later, each)?;
            }
            each(Step::Request(request))?;
        }
        lanes.iter_mut().try_for_each(|lane| lane.hand_over(i64::MAX, &mut later, each))
    }
}

/// The answers of one topic.
struct Lane {
    queue: Receiver<LogRecord>,
    /// By the request they are about, then as they came.
    sorted: BTreeMap<(i64, i64), (LogRecord, Answer)>,
    /// The request that the last answer was about.
    about: i64,
    is_over: bool,
}

impl Lane {
    fn new(queue: Receiver<LogRecord>) -> Lane {
        Lane { queue, sorted: BTreeMap::new(), about: 0, is_over: false }
    }

    /// Hands over what is about requests up to an offset.
    fn hand_over(
        &mut self,
        up_to: i64,
        later: &mut Later<'_>,
        each: &mut dyn FnMut(Step) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            self.look_ahead(later, each)?;
            match self.sorted.first_entry() {
                Some(first) if first.key().0 <= up_to => {
                    let (record, answer) = first.remove();
                    each(Step::Answer(record, Ok(answer)))?;
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// What is about no request of this partition has no place in the order and is handed over as
    /// it comes.
    fn look_ahead(
        &mut self,
        later: &mut Later<'_>,
        each: &mut dyn FnMut(Step) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while !self.is_over && self.sorted.len() < SORTED {
            let Ok(record) = self.queue.recv() else {
                self.is_over = true;
                break;
            };
            match read_answer(&record) {
                Ok(answer) if later.is_left_out(&answer)? => {}
                Ok(answer) if answer.is_about(later.span.partition, ..later.span.end) => {
                    let of = answer.place().1;
                    let later = std::mem::replace(&mut self.about, of);
                    if of < later {
                        each(Step::Behind { topic: record.topic, of, later })?;
                    }
                    self.sorted.insert((of, record.offset), (record, answer));
                }
                read => each(Step::Answer(record, read))?,
            }
        }
        Ok(())
    }
}

/// Knows which answers are to requests beyond the end.
struct Later<'a> {
    span: &'a Span,
    asked: &'a dyn Reader,
    /// There are requests up to here.
    until: i64,
}

impl Later<'_> {
    /// An answer is published after its request was appended: what lies beyond the end of the
    /// requests as it is now was never asked.
    fn is_left_out(&mut self, answer: &Answer) -> anyhow::Result<bool> {
        let Span { partition, end } = *self.span;
        if !answer.is_about(partition, end..) {
            return Ok(false);
        }
        if answer.is_about(partition, self.until..) {
            self.until = self.asked.end(Topic::Requests, partition)?;
        }
        Ok(answer.is_about(partition, end..self.until))
    }
}

#[cfg(test)]
mod tests;
