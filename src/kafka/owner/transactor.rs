//! One transaction after another.
//!
//! Wrong alternatives: committing with group metadata read at that moment (it lets a cycle through
//! that was begun under an assignment since lost); repeating a commit that timed out (the old
//! request may still arrive, and end a later transaction of the same producer:
//! confluentinc/librdkafka#5423); reading positions before the transaction has certainly ended.
//!
//! What follows from a failed call ([`Verdict`]): retriable, the same call again until the call
//! timeout; abortable, abort; ambiguous or fatal, destroy the producer and make it anew under the
//! same transactional id, which ends whatever the old one still had under way.

mod positions;
mod producer;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

pub(super) use self::positions::{Stored, read_stable};
use self::producer::{Out, Transactional};
use super::group::{Generation, Group};
use super::settings;
use super::watchdog::Watch;
use crate::domain::ids::Partition;
use crate::kafka::error::{Error, Verdict, verdict};
use crate::ports::clock::ticks;
use crate::ports::log::{FromLog, OutRecord, Publication, Published, Topic};

/// Pause between two tries of a call that may be made again.
const RETRY: Duration = Duration::from_millis(5);

/// What the transactor is asked for.
pub(super) enum Job {
    /// Make a transaction under the assignment it was decided under.
    Publish {
        /// What to make.
        publication: Publication,
        /// The assignment; `None` when there is none.
        under: Option<Arc<Generation>>,
    },
    /// Take terms for partitions in one transaction.
    TakeTerms {
        /// Under which assignment.
        under: Arc<Generation>,
        /// For which partitions.
        wishes: Vec<TermWish>,
        /// Offsets of the term records in the order of the wishes, or why there are none.
        answer: Sender<Result<Vec<i64>, String>>,
    },
    /// Read stable positions.
    ReadPositions(Vec<Partition>),
    /// End the thread.
    End,
}

/// A term to be taken.
#[derive(Clone)]
pub(super) struct TermWish {
    /// For which partition.
    pub(super) partition: Partition,
    /// The term record.
    pub(super) record: OutRecord,
    /// The offset to commit with it: what is committed already, or the log start.
    pub(super) offset: i64,
    /// The metadata text of that offset, as it was.
    pub(super) metadata: String,
}

/// Why a transaction was not committed.
struct Failure {
    verdict: Verdict,
    why: String,
}

impl Failure {
    fn of(call: &str, error: &KafkaError) -> Self {
        Failure { verdict: verdict(error), why: format!("{call}: {error}") }
    }
}

/// Starts the thread. It ends when all senders of `todo` are gone.
pub(super) fn start(
    group: Arc<Group>,
    todo: Receiver<Job>,
    watch: Watch,
) -> Result<JoinHandle<()>, Error> {
    // Made here once so that settings the client refuses are an error of the start.
    let producer = Transactional::create(&group.config)
        .map_err(|source| Error::Client { purpose: "transactions", source })?;
    let mut transactor = Transactor { group, watch, producer: Some(producer), ready: false };
    let shared = Arc::clone(&transactor.group);
    shared.spawn("transactor", move || transactor.run(&todo))
}

struct Transactor {
    group: Arc<Group>,
    watch: Watch,
    /// `None` between the end of one producer and the beginning of the next.
    producer: Option<Transactional>,
    /// Whether the producer has been initialised.
    ready: bool,
}

impl Transactor {
    fn run(&mut self, todo: &Receiver<Job>) {
        self.make_ready();
        loop {
            match todo.recv_timeout(Duration::from_millis(100)) {
                Ok(Job::End) => return,
                Ok(job) => self.perform(job),
                // A producer nobody polls keeps its errors to itself.
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(producer) = &self.producer {
                        producer.poll();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.group.is_ending() {
                return;
            }
        }
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::Publish { publication, under } => {
                let published = self.publish(&publication, under);
                self.group.report(FromLog::Published(published));
                self.group.job_done();
            }
            Job::TakeTerms { under, wishes, answer } => {
                let taken = self.take_terms(&under, &wishes);
                // The assigner may have given up; then a later assignment takes the term.
                let _ = answer.send(taken);
            }
            Job::ReadPositions(partitions) => {
                let stored = self.positions(&partitions);
                let told = stored.into_iter().map(|(partition, stored)| (partition, stored.offset));
                self.group.report(FromLog::Positions(told.collect()));
            }
            Job::End => {}
        }
    }

    fn publish(&mut self, publication: &Publication, under: Option<Arc<Generation>>) -> Published {
        let partitions: Vec<_> = publication.parts.iter().map(|part| part.partition).collect();
        let made = match under {
            Some(under) if partitions.iter().all(|partition| under.has(*partition)) => self
                .transact(&under, |this| {
                    this.produce(publication)?;
                    this.send_offsets(&offsets_of(publication, this.requests())?, &under)?;
                    this.flush()
                }),
            Some(_) | None => Err("the assignment it was decided under is over".to_owned()),
        };
        match made {
            Ok(()) => Published::Committed,
            Err(why) => {
                let stored = self.positions(&partitions).into_iter();
                let known = stored.filter_map(|(p, stored)| Some((p, stored.offset?)));
                Published::Ended { positions: known.collect(), why }
            }
        }
    }

    fn take_terms(&mut self, under: &Generation, wishes: &[TermWish]) -> Result<Vec<i64>, String> {
        self.compare_positions(wishes)?;
        let mut terms = Vec::new();
        self.transact(under, |this| {
            let topic = this.group.topic(Topic::Terms);
            let producer = this.producer()?;
            producer.expect_offsets(wishes.len());
            for (index, wish) in wishes.iter().enumerate() {
                let out = Out { topic, partition: 0, record: &wish.record };
                this.send(out, index + 1)?;
            }
            // Offsets are sent only once the records are in the log: an assignment that is over may
            // put a record there but cannot commit it.
            this.flush()?;
            terms = this.producer()?.take_offsets().ok_or_else(|| Failure {
                verdict: Verdict::Abortable,
                why: "a term record was not delivered".into(),
            })?;
            let mut offsets = TopicPartitionList::new();
            for wish in wishes {
                add(&mut offsets, this.requests(), wish.partition, wish.offset, &wish.metadata)?;
            }
            this.send_offsets(&offsets, under)
        })?;
        Ok(terms)
    }

    /// Whether the group's offsets still are what the terms name. A member may be assigned its
    /// partitions again in the generation it is in, while a transaction of its own is on its way:
    /// the coordinator admits that, and then what was read before is out of date. Here nothing of
    /// ours is under way.
    fn compare_positions(&self, wishes: &[TermWish]) -> Result<(), String> {
        let partitions: Vec<_> = wishes.iter().map(|wish| wish.partition).collect();
        for (partition, stored) in self.positions(&partitions) {
            let wished = wishes.iter().find(|wish| wish.partition == partition);
            if let (Some(wish), Some(at)) = (wished, stored.offset)
                && wish.offset != at
            {
                let from = wish.offset;
                return Err(format!(
                    "the group's offset of partition {partition} has moved from {from} to {at}"
                ));
            }
        }
        Ok(())
    }

    fn requests(&self) -> &str {
        self.group.topic(Topic::Requests)
    }

    /// Makes one transaction of what `work` does; when it fails, sees to it that it has ended.
    fn transact(
        &mut self,
        under: &Generation,
        work: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), String> {
        if under.is_over() {
            return Err("the assignment has been revoked".into());
        }
        if !self.make_ready() {
            return Err("the driver is ending".into());
        }
        let made = self.begin().and_then(|()| work(self)).and_then(|()| self.commit());
        let Err(failure) = made else { return Ok(()) };
        tracing::warn!(
            transactional_id = self.group.config.transactional_id,
            verdict = ?failure.verdict,
            why = failure.why,
            "a transaction was not committed"
        );
        let aborted = match failure.verdict {
            Verdict::Abortable => self.abort(),
            Verdict::Retriable | Verdict::Ambiguous | Verdict::Fatal => false,
        };
        if !aborted {
            self.ready = false;
            self.make_ready();
        }
        Err(failure.why)
    }

    fn producer(&self) -> Result<&Transactional, Failure> {
        self.producer
            .as_ref()
            .ok_or_else(|| Failure { verdict: Verdict::Fatal, why: "there is no producer".into() })
    }

    /// Makes a call that may be made again when the client says so, for as long as one call may
    /// take.
    fn call(
        &self,
        name: &'static str,
        call: impl Fn(&Transactional, Duration) -> Result<(), KafkaError>,
    ) -> Result<(), Failure> {
        let producer = self.producer()?;
        let timeout = settings::call_timeout(&self.group.config);
        let began = ticks();
        loop {
            let Err(error) = self.watch.during(name, || call(producer, timeout)) else {
                tracing::trace!(call = name, took_us = began.elapsed().as_micros(), "done");
                return Ok(());
            };
            let failure = Failure::of(name, &error);
            if failure.verdict != Verdict::Retriable {
                return Err(failure);
            }
            if began.elapsed() > timeout {
                // What is still being tried again has no known end.
                return Err(Failure { verdict: Verdict::Ambiguous, ..failure });
            }
            producer.poll();
            thread::sleep(RETRY);
        }
    }

    fn begin(&self) -> Result<(), Failure> {
        self.call("begin_transaction", |producer, _| producer.native.begin_transaction())
    }

    fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        under: &Generation,
    ) -> Result<(), Failure> {
        self.call("send_offsets_to_transaction", |producer, timeout| {
            let metadata = &under.membership.metadata;
            producer.native.send_offsets_to_transaction(offsets, metadata, timeout)
        })
    }

    fn commit(&self) -> Result<(), Failure> {
        self.call("commit_transaction", |producer, timeout| {
            producer.native.commit_transaction(timeout)
        })
    }

    fn flush(&self) -> Result<(), Failure> {
        self.call("flush", Transactional::flush)
    }

    /// Whether the transaction was aborted.
    fn abort(&self) -> bool {
        let timeout = settings::call_timeout(&self.group.config);
        let Some(producer) = &self.producer else { return false };
        match self.watch.during("abort_transaction", || producer.abort(timeout)) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a transaction could not be aborted");
                false
            }
        }
    }

    fn produce(&self, publication: &Publication) -> Result<(), Failure> {
        for part in &publication.parts {
            let entries = part.entries.iter().flat_map(|entry| entry.iter());
            for record in entries.chain(&part.inventory) {
                let topic = self.group.topic(record.topic);
                self.send(Out { topic, partition: part.partition.0, record }, 0)?;
            }
        }
        Ok(())
    }

    fn send(&self, out: Out<'_>, mark: usize) -> Result<(), Failure> {
        let why = format!("sending to {} [{}]", out.topic, out.partition);
        let producer = self.producer()?;
        let timeout = settings::call_timeout(&self.group.config);
        producer.send(&out, mark, timeout).map_err(|error| Failure::of(&why, &error))
    }

    /// Sees to an initialised producer, a new one unless the present one is ready. Tries for as
    /// long as it takes; `false` when the driver ends meanwhile.
    fn make_ready(&mut self) -> bool {
        let id = self.group.config.transactional_id.clone();
        let timeout = settings::call_timeout(&self.group.config);
        let mut fresh = self.producer.take_if(|_| !self.ready);
        let first = fresh.is_some();
        while !self.ready {
            if self.group.is_ending() {
                return false;
            }
            // The old one goes first: two producers of one id would fence each other.
            drop(fresh.take_if(|producer| producer.used));
            let producer = match fresh.take() {
                Some(producer) => Ok(producer),
                None => Transactional::create(&self.group.config),
            };
            let initialised = producer.and_then(|mut producer| {
                producer.used = true;
                settings::connect(&producer.native, self.group.topic(Topic::Terms), timeout);
                let call = || producer.native.init_transactions(timeout);
                self.watch.during("init_transactions", call)?;
                Ok(producer)
            });
            match initialised {
                Ok(producer) => {
                    tracing::info!(transactional_id = id, first, "producer initialised");
                    self.producer = Some(producer);
                    self.ready = true;
                }
                Err(error) => {
                    tracing::warn!(transactional_id = id, %error, "producer not initialised yet");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
        true
    }

    /// The stable positions of those partitions that are assigned now. Empty when the assignment
    /// ends meanwhile.
    fn positions(&self, partitions: &[Partition]) -> Vec<(Partition, Stored)> {
        let Some(now) = self.group.current() else { return Vec::new() };
        let ours: Vec<_> = partitions.iter().copied().filter(|p| now.has(*p)).collect();
        let over = || now.is_over() || self.group.is_ending();
        read_stable(&now.consumer, self.requests(), &ours, &over, &mut |_| ()).unwrap_or_default()
    }
}

fn offsets_of(publication: &Publication, topic: &str) -> Result<TopicPartitionList, Failure> {
    let mut offsets = TopicPartitionList::new();
    for part in &publication.parts {
        let metadata = part.position.last.map(|last| last.to_metadata()).unwrap_or_default();
        add(&mut offsets, topic, part.partition, part.position.offset, &metadata)?;
    }
    Ok(offsets)
}

fn add(
    offsets: &mut TopicPartitionList,
    topic: &str,
    partition: Partition,
    offset: i64,
    metadata: &str,
) -> Result<(), Failure> {
    // Offsets the client does not take are silently left out of the transaction, so none may be.
    assert!(offset >= 0, "partition {partition} is to be committed at {offset}");
    let mut element = offsets.add_partition(topic, partition.0);
    element.set_metadata(metadata);
    element
        .set_offset(Offset::Offset(offset))
        .map_err(|error| Failure::of("naming an offset", &error))
}
