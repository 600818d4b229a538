//! The thread that polls: rebalances, records, pauses and rewinds.

mod callbacks;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

pub(super) use self::callbacks::Member;
use self::callbacks::member;
use super::assigner::{self, Found, Work};
use super::group::{Generation, Group};
use super::readers::raw;
use super::settings;
use super::transactor::Job;
use crate::domain::ids::Partition;
use crate::kafka::error::{Error, stops_a_partition};
use crate::ports::clock::ticks;
use crate::ports::log::{FromLog, RawRecord, Topic};

/// Longest wait for a record before commands are looked at.
const POLL: Duration = Duration::from_millis(10);
/// Records handed over at once.
const BATCH_RECORDS_MAX: usize = 1_000;
/// Bytes after which no further record joins a batch.
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How long to poll on after the partitions are given back, so that the group hears of it.
const FAREWELL: Duration = Duration::from_millis(200);
/// How long to wait for the partitions to be asked back when leaving.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// What the thread is told.
pub(super) enum Control {
    /// Go on from an offset under a later epoch.
    Rewind { partition: Partition, offset: i64, epoch: u64 },
    /// Read no more of it for now.
    Pause(Partition),
    /// Read on.
    Resume(Partition),
    /// Take a new term for it.
    Retake(Partition),
    /// The assigner knows all about these partitions of this assignment.
    Begin { under: Arc<Generation>, found: Vec<Found> },
    /// The assigner has looked at partitions that may be unreadable: why they are.
    Looked(Vec<(Partition, String)>),
    /// Leave the group and end.
    Leave,
    /// End without leaving.
    End,
}

/// The other threads, as far as this one has to do with them.
pub(super) struct Others {
    pub(super) jobs: Sender<Job>,
    pub(super) transactor: JoinHandle<()>,
    pub(super) control: Sender<Control>,
}

/// Starts the thread, and the assigner with it.
pub(super) fn start(
    group: Arc<Group>,
    commands: Receiver<Control>,
    others: Others,
) -> Result<JoinHandle<()>, Error> {
    let Others { jobs, transactor, control } = others;
    let (work, assigner) = assigner::start(Arc::clone(&group), jobs.clone(), control)?;
    let shared = Arc::clone(&group);
    let session_timeout_ms = group.config.session_timeout_ms;
    let member = member(&group, session_timeout_ms, work.clone())?;
    let topic = group.topic(Topic::Requests).to_owned();
    let mut consumer = Consumer {
        group,
        commands,
        member,
        topic,
        work,
        session_timeout_ms,
        assigned: BTreeSet::new(),
        held_back: BTreeSet::new(),
        looking: false,
    };
    let run = move || {
        let left = consumer.run();
        consumer.end(&jobs, transactor, assigner, left);
    };
    shared.spawn("consumer", run)
}

/// How the loop goes on after a command or an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    Leave,
    End,
}

struct Consumer {
    group: Arc<Group>,
    commands: Receiver<Control>,
    member: Arc<Member>,
    /// The request topic.
    topic: String,
    work: Sender<Work>,
    session_timeout_ms: u32,
    /// Partitions the client fetches, paused or not.
    assigned: BTreeSet<i32>,
    /// Partitions the client itself holds paused; it does so beyond an assignment.
    held_back: BTreeSet<i32>,
    /// Whether the assigner is looking for an unreadable partition.
    looking: bool,
}

impl Consumer {
    /// Whether the group is to be told of the end.
    fn run(&mut self) -> bool {
        if let Err(error) = self.member.subscribe(&[&self.topic]) {
            self.group.report(FromLog::Failed(format!("subscribing to {}: {error}", self.topic)));
            return false;
        }
        loop {
            while let Ok(command) = self.commands.try_recv() {
                match self.obey(command) {
                    Next::On => {}
                    Next::Leave => {
                        self.leave();
                        return true;
                    }
                    Next::End => return false,
                }
            }
            self.place();
            let (batch, next) = self.collect();
            if !batch.is_empty() {
                self.group.report(FromLog::Records(batch));
            }
            if next == Next::End {
                return false;
            }
        }
    }

    fn obey(&mut self, command: Control) -> Next {
        match command {
            Control::Rewind { partition, offset, epoch } => {
                let rewound = self.member.context().feeds().rewind(partition.0, offset, epoch);
                tracing::info!(%partition, offset, epoch, rewound, "rewind");
            }
            Control::Pause(partition) => self.pause(partition.0),
            Control::Resume(partition) => {
                self.member.context().feeds().pause(partition.0, false);
            }
            Control::Retake(partition) => {
                // "Anew" is what the callback captured as long as it is still true; the assigner
                // checks. Where it is not, a revocation is on its way and answers in place of a
                // term.
                if let Some(under) = self.group.current().filter(|now| now.has(partition)) {
                    // The receiver ends after us.
                    let _ = self.work.send(Work::Retake { under, partition });
                }
            }
            Control::Begin { under, found } => return self.begin(&under, found),
            Control::Looked(broken) => self.looked(broken),
            Control::Leave => return Next::Leave,
            Control::End => return Next::End,
        }
        Next::On
    }

    fn pause(&mut self, partition: i32) {
        let changed = self.member.context().feeds().pause(partition, true);
        if changed && self.assigned.contains(&partition) {
            self.hold_back(partition);
        }
    }

    fn hold_back(&mut self, partition: i32) {
        match self.member.pause(&self.list([(partition, Offset::Invalid)])) {
            Ok(()) => {
                self.held_back.insert(partition);
            }
            // Records still come and are not accepted; nothing is lost but work.
            Err(error) => tracing::warn!(partition, %error, "the client does not pause"),
        }
    }

    /// Puts the client where the feeds want it to be; what fails is tried again at the next turn.
    fn place(&mut self) {
        let wanting = self.member.context().feeds().to_place();
        for (partition, offset) in wanting {
            let placed = self.seek(partition, offset);
            match placed {
                Ok(()) => self.member.context().feeds().placed(partition),
                Err(error) => tracing::debug!(partition, offset, %error, "not placed yet"),
            }
        }
    }

    /// Pausing and seeking make the client forget what it had fetched, so order does not matter;
    /// the call returns once the seek is in force.
    fn seek(&mut self, partition: i32, offset: i64) -> Result<(), KafkaError> {
        if self.held_back.contains(&partition) {
            self.member.resume(&self.list([(partition, Offset::Invalid)]))?;
            self.held_back.remove(&partition);
        }
        self.member.seek(&self.topic, partition, Offset::Offset(offset), Duration::from_secs(1))
    }

    fn list(&self, of: impl IntoIterator<Item = (i32, Offset)>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in of {
            let mut element = list.add_partition(&self.topic, partition);
            if let Err(error) = element.set_offset(offset) {
                tracing::error!(partition, %error, "an offset the client does not know");
            }
        }
        list
    }

    /// Reports what the assigner has found, then begins to read.
    fn begin(&mut self, under: &Arc<Generation>, found: Vec<Found>) -> Next {
        if under.is_over() {
            return Next::On;
        }
        if self.member.context().take_unassigned() {
            self.assigned.clear();
        }
        for found in found {
            match found {
                Found::Ready(assignment) => {
                    let partition = assignment.partition.0;
                    let next =
                        assignment.committed.as_ref().map_or(assignment.log_start, |c| c.offset);
                    // Outside the log there is nothing to read, and the engine will say so.
                    if (assignment.log_start..=assignment.log_end).contains(&next) {
                        self.member.context().feeds().begin(partition, next, assignment.epoch);
                    }
                    self.group.report(FromLog::Assigned(assignment));
                }
                Found::Refused { partition, sentence } => {
                    tracing::error!(%partition, sentence, "partition refused");
                    self.group.report(FromLog::Refused { partition, sentence });
                }
            }
        }
        self.assign()
    }

    /// Lets the client fetch all feeds, each from where it is wanted. Where it fetches them all
    /// already, they are only placed, at the next turn.
    fn assign(&mut self) -> Next {
        let feeds: Vec<_> = self.member.context().feeds().iter().collect();
        if feeds.iter().all(|(partition, _)| self.assigned.contains(partition)) {
            return Next::On;
        }
        let offsets = feeds.iter().map(|(p, feed)| (*p, Offset::Offset(feed.next)));
        if let Err(error) = self.member.assign(&self.list(offsets)) {
            let sentence = format!("the client does not take its assignment: {error}");
            self.group.report(FromLog::Failed(sentence));
            return Next::End;
        }
        self.assigned = feeds.iter().map(|(partition, _)| *partition).collect();
        for (partition, feed) in feeds {
            // A partition the client still holds back from an earlier assignment is let go by
            // placing.
            let held_back = self.held_back.contains(&partition);
            if feed.paused && !held_back {
                self.hold_back(partition);
            } else if !feed.paused && !held_back {
                self.member.context().feeds().placed(partition);
            }
        }
        Next::On
    }

    fn collect(&mut self) -> (Vec<RawRecord>, Next) {
        let mut batch: Vec<RawRecord> = Vec::new();
        let (mut bytes, mut next, mut wait) = (0, Next::On, POLL);
        while batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            match self.member.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let accepted = self.member.context().feeds().accept(partition, offset);
                    if let Some(epoch) = accepted {
                        bytes += message.payload_len() + message.key_len();
                        batch.push(raw(&message, epoch));
                    }
                }
                Some(Err(error)) => {
                    next = self.on_error(&error);
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        // A rebalance may have come in between.
        let feeds = self.member.context().feeds();
        batch.retain(|record| feeds.is_current(record.partition, record.epoch));
        drop(feeds);
        (batch, next)
    }

    fn on_error(&mut self, error: &KafkaError) -> Next {
        let complaint = self.member.context().complaint();
        if let Some((code, why)) = self.member.client().fatal_error() {
            let id = &self.group.config.instance_id;
            let sentence = if code == RDKafkaErrorCode::FencedInstanceId {
                format!(
                    "another process has joined the group under the instance id {id}: give each \
                     owner its own, and start this one again"
                )
            } else {
                format!("the group's client has failed for good ({why}): start it again")
            };
            self.group.report(FromLog::Failed(sentence));
            return Next::End;
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::InvalidSessionTimeout) => self.fall_back(),
            Some(code) if stops_a_partition(code) => {
                self.look(&complaint);
                Next::On
            }
            Some(_) | None => {
                tracing::warn!(%error, complaint, "polling goes on");
                Next::On
            }
        }
    }

    /// The broker takes no session as short as ours: joins with one that every broker takes.
    fn fall_back(&mut self) -> Next {
        let refused = self.session_timeout_ms;
        let fallback = settings::SESSION_TIMEOUT_FALLBACK_MS;
        if refused == fallback {
            let sentence = format!("the broker refuses a session timeout of {fallback} ms");
            self.group.report(FromLog::Failed(sentence));
            return Next::End;
        }
        tracing::warn!(
            refused,
            fallback,
            "the broker refuses the session timeout; takeovers will take longer until its \
             group.min.session.timeout.ms is lowered"
        );
        self.session_timeout_ms = fallback;
        let made = member(&self.group, fallback, self.work.clone());
        let joined = made.map_err(|error| error.to_string()).and_then(|member| {
            self.member = member;
            self.member.subscribe(&[&self.topic]).map_err(|error| error.to_string())
        });
        match joined {
            Ok(()) => Next::On,
            Err(sentence) => {
                self.group.report(FromLog::Failed(sentence));
                Next::End
            }
        }
    }

    /// The client does not say which partition an error is of, so each is tried on its own.
    fn look(&mut self, complaint: &str) {
        if self.looking {
            return;
        }
        tracing::error!(complaint, "a partition cannot be read on; looking which");
        let feeds = self.member.context().feeds();
        let suspects = feeds.iter().map(|(p, feed)| (Partition(p), feed.next)).collect();
        drop(feeds);
        self.looking = self.work.send(Work::Look(suspects)).is_ok();
    }

    fn looked(&mut self, broken: Vec<(Partition, String)>) {
        self.looking = false;
        for (partition, sentence) in broken {
            if self.assigned.contains(&partition.0) {
                self.hold_back(partition.0);
            }
            self.member.context().feeds().end(partition.0);
            tracing::error!(%partition, sentence, "partition stopped");
            self.group.report(FromLog::Refused { partition, sentence });
        }
    }

    /// Gives the partitions back so that a successor starts at once. Closing alone would not do: a
    /// static member that closes sends no farewell, and the group waits for its session to end.
    fn leave(&mut self) {
        self.member.unsubscribe();
        let began = ticks();
        while self.group.current().is_some() && began.elapsed() < LEAVE_PATIENCE {
            drop(self.member.poll(POLL));
        }
        let revoked = ticks();
        while revoked.elapsed() < FAREWELL {
            drop(self.member.poll(POLL));
        }
        tracing::info!(instance_id = self.group.config.instance_id, "left the group");
    }

    /// Ends the other threads, then this one. The member goes last and here: to drop it is to poll
    /// it.
    fn end(
        self,
        jobs: &Sender<Job>,
        transactor: JoinHandle<()>,
        assigner: JoinHandle<()>,
        left: bool,
    ) {
        let Consumer { group, commands, member, work, .. } = self;
        group.end();
        let _ = jobs.send(Job::End);
        let _ = work.send(Work::End);
        for thread in [transactor, assigner] {
            // A panic has been reported already.
            let _ = thread.join();
        }
        // Commands may refer to the member.
        drop(commands);
        drop(member);
        if left {
            group.report(FromLog::Left);
        }
    }
}
