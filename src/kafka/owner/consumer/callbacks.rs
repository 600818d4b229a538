//! What the client calls back while it is polled: assignments and revocations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::domain::ids::Partition;
use crate::kafka::error::Error;
use crate::kafka::native::{self, Membership};
use crate::kafka::owner::assigner::Work;
use crate::kafka::owner::feeds::Feeds;
use crate::kafka::owner::group::{Generation, Group};
use crate::kafka::owner::readers::Complaints;
use crate::kafka::owner::settings;
use crate::ports::clock::ticks;
use crate::ports::log::FromLog;

/// How long a revocation waits for the engine and for what it has under way, both together.
const LET_GO: Duration = Duration::from_secs(1);

/// The member of the group.
pub(in crate::kafka::owner) type Member = BaseConsumer<Callbacks>;

/// Makes a member. It joins once it has subscribed and is polled.
pub(super) fn member(
    group: &Arc<Group>,
    session_timeout_ms: u32,
    work: Sender<Work>,
) -> Result<Arc<Member>, Error> {
    let callbacks = Callbacks {
        group: Arc::clone(group),
        me: OnceLock::new(),
        work,
        feeds: Mutex::default(),
        complaints: Complaints::default(),
        unassigned: AtomicBool::new(false),
    };
    let member: Member = settings::member(&group.config, session_timeout_ms)
        .create_with_context(callbacks)
        .map_err(|source| Error::Client { purpose: "the group", source })?;
    let member = Arc::new(member);
    // It is set here only.
    let _ = member.context().me.set(Arc::downgrade(&member));
    Ok(member)
}

/// What the callbacks know. They run on the consumer thread, inside a poll.
pub(in crate::kafka::owner) struct Callbacks {
    group: Arc<Group>,
    /// The member these belong to, for assignments to refer to.
    me: OnceLock<Weak<Member>>,
    work: Sender<Work>,
    feeds: Mutex<Feeds>,
    complaints: Complaints,
    /// Whether everything was unassigned since last asked.
    unassigned: AtomicBool,
}

impl Callbacks {
    pub(super) fn feeds(&self) -> MutexGuard<'_, Feeds> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn complaint(&self) -> String {
        self.complaints.last()
    }

    pub(super) fn take_unassigned(&self) -> bool {
        self.unassigned.swap(false, Ordering::AcqRel)
    }

    fn declared(&self, list: &TopicPartitionList) -> Vec<Partition> {
        let mut declared = Vec::new();
        for element in list.elements() {
            let partition = Partition(element.partition());
            if partition.0 < self.group.config.partitions {
                declared.push(partition);
            } else {
                self.refuse_undeclared(partition);
            }
        }
        declared
    }

    fn refuse_undeclared(&self, partition: Partition) {
        let declared = self.group.config.partitions;
        let sentence = format!(
            "partition {partition} has been added to the request topic, which is declared with \
             {declared}: nothing on it is answered; move its records and remove the topic's extra \
             partitions by making the topic anew"
        );
        tracing::error!(%partition, declared, "undeclared partition left alone");
        self.group.report(FromLog::Refused { partition, sentence });
    }

    /// Accepts the assignment with nothing to read yet, and hands it to the assigner.
    fn on_assign(&self, consumer: &Member, list: &TopicPartitionList) {
        let captured = capture(consumer);
        if let Err(error) = consumer.assign(&TopicPartitionList::new()) {
            tracing::error!(%error, "the assignment cannot be accepted");
        }
        self.unassigned.store(true, Ordering::Release);
        let partitions = self.declared(list);
        let (Some(membership), Some(me)) = (captured, self.me.get().and_then(Weak::upgrade)) else {
            // Without it the coordinator would not check what is done under this assignment.
            let sentence = "the group names no member for its assignment: start this owner again";
            self.group.report(FromLog::Failed(sentence.into()));
            return;
        };
        let count = self.group.next_count();
        tracing::info!(
            count,
            generation = membership.identity.generation,
            member = membership.identity.member,
            ?partitions,
            "assigned"
        );
        let generation = Arc::new(Generation::new(count, partitions, membership, me));
        self.group.begin(Arc::clone(&generation));
        // The assigner ends after us.
        let _ = self.work.send(Work::Assign(generation));
    }

    /// Lets the engine finish or discard, for a second at most, then gives the partitions back.
    fn on_revoke(&self, consumer: &Member) {
        let lost = consumer.assignment_lost();
        if let Some(generation) = self.group.current() {
            self.let_go(generation, lost);
        }
        self.group.finish();
        self.feeds().clear();
        if let Err(error) = consumer.unassign() {
            tracing::error!(%error, "the assignment cannot be given back");
        }
        self.unassigned.store(true, Ordering::Release);
    }

    fn let_go(&self, generation: Arc<Generation>, lost: bool) {
        let began = ticks();
        if lost {
            generation.end();
        }
        let ending = self.group.is_ending();
        let partitions = generation.partitions.clone();
        let (done, dropped) = sync_channel(1);
        self.group.revoking(Arc::clone(&generation), dropped);
        self.group.report(FromLog::Revoked { partitions, lost, done });
        let until = began + if ending { Duration::ZERO } else { LET_GO };
        let engine = self.group.wait_for_engine(until);
        let idle = lost || self.group.wait_until_idle(until);
        tracing::info!(
            count = generation.count,
            partitions = ?generation.partitions,
            lost,
            engine_let_go = engine,
            transaction_ended = idle,
            took_ms = began.elapsed().as_millis(),
            "revoked"
        );
    }
}

/// Captures the membership of a real member; the client may be in the middle of a change.
fn capture(consumer: &Member) -> Option<Membership> {
    let began = ticks();
    loop {
        match native::capture(consumer).filter(|found| found.identity.is_of_a_member()) {
            Some(membership) => return Some(membership),
            None if began.elapsed() > LET_GO => return None,
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
}

impl ClientContext for Callbacks {
    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.keep(reason);
        tracing::debug!(%error, reason, "group client");
    }
}

impl ConsumerContext for Callbacks {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.on_assign(consumer, list);
        } else {
            self.on_revoke(consumer);
        }
    }
}
