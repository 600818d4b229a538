//! The owner's log on Kafka: one member of the group, one transactional producer.
//!
//! Everything the client does can block, so nothing of it runs on the engine's thread. Four
//! threads:
//!
//! - the **consumer** polls: rebalances, records, pauses and rewinds. It never waits for anything
//!   but the engine, and for that a second at most, inside a revocation;
//! - the **transactor** owns the producer and makes one transaction after another;
//! - the **assigner** finds out all about newly assigned partitions: predecessor, position, term,
//!   inventory, window. It waits for other people's transactions, so it may take seconds;
//! - the **watchdog** ends the process when a transaction call hangs for good: heartbeats of a hung
//!   process would go on and keep its partitions from everybody.
//!
//! # Invariants
//! - Every transaction carries the group metadata captured in the callback of the assignment it was
//!   asked for under; it is never read again for it. The coordinator then refuses a cycle begun
//!   under an assignment that is over, however late it comes.
//! - In the callback an assignment is accepted with *nothing to read*. Assigning everything paused
//!   and resuming later would do as well, were it not that pause, assign and resume in quick
//!   succession can leave a partition paused for good (confluentinc/librdkafka#5591). Reading
//!   begins, for all partitions at once, when the assigner is done.
//! - No record is delivered before its partition's [`FromLog::Assigned`], or after its revocation.
//! - After an ambiguous end of a transaction the producer is made anew before positions are read.

mod assigner;
mod consumer;
mod feeds;
mod fence;
mod group;
mod readers;
mod settings;
mod transactor;
mod watchdog;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use self::consumer::Control;
use self::group::Group;
use self::transactor::Job;
use super::error::Error;
use crate::domain::limits::PARTITIONS_MAX;
use crate::ports::ledger::LedgerId;
use crate::ports::log::{OwnerLog, Sink, ToLog};

/// Which log, and who is its owner.
#[derive(Clone, Debug)]
pub struct OwnerConfig {
    /// Brokers to begin with, `host:port` separated by commas.
    pub bootstrap: String,
    /// Put before every topic name; empty in production.
    pub prefix: String,
    /// The consumer group all owners share.
    pub group: String,
    /// The name of this owner in the group (`group.instance.id`): mandatory, unique, and the same
    /// after a restart.
    pub instance_id: String,
    /// The name of this owner's producer: unique, and the same after a restart.
    pub transactional_id: String,
    /// The declared number of request partitions.
    pub partitions: i32,
    /// After how long without a sign of life the group gives this owner's partitions away. Too low:
    /// a pause of the machine costs a takeover. Too high: so long does a dead owner's sale stand
    /// still.
    pub session_timeout_ms: u32,
    /// After how long the brokers abort a transaction on their own.
    pub transaction_timeout_ms: u32,
    /// The ledger this owner writes, recorded with every term.
    pub ledger: LedgerId,
    /// Further settings of the client, such as those of TLS.
    pub extra: Vec<(String, String)>,
}

impl OwnerConfig {
    /// The transaction timeout where nothing else is asked for.
    pub const TRANSACTION_TIMEOUT_MS: u32 = 10_000;

    fn check(&self) -> Result<(), Error> {
        let named = [
            ("bootstrap", &self.bootstrap),
            ("group", &self.group),
            ("instance id", &self.instance_id),
            ("transactional id", &self.transactional_id),
        ];
        if let Some((name, _)) = named.iter().find(|(_, value)| value.is_empty()) {
            return Err(Error::Config(format!("the {name} is empty: name one for this owner")));
        }
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            let count = self.partitions;
            return Err(Error::Config(format!(
                "{count} request partitions are declared: declare 1 to {PARTITIONS_MAX}"
            )));
        }
        if self.transaction_timeout_ms < 1_000 {
            return Err(Error::Config(
                "the transaction timeout is below a second: nothing would ever be committed".into(),
            ));
        }
        Ok(())
    }
}

/// A running driver.
pub struct KafkaOwner {
    group: Arc<Group>,
    control: Sender<Control>,
    jobs: Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

impl KafkaOwner {
    /// Starts the threads and joins the group; what happens from then on goes to `sink`.
    ///
    /// # Errors
    /// When the configuration is refused or a thread cannot be had. That brokers do not answer is
    /// no error: they may do so later.
    pub fn start(config: OwnerConfig, sink: Sink) -> Result<KafkaOwner, Error> {
        config.check()?;
        let bound = 3 * settings::call_timeout(&config) + Duration::from_secs(5);
        let group = Arc::new(Group::new(config, sink));
        let watch = watchdog::Watch::start(bound, Arc::new(watchdog::end_process))?;
        let (jobs, todo) = channel();
        let transactor = transactor::start(Arc::clone(&group), todo, watch)?;
        let (control, commands) = channel();
        let others = consumer::Others { jobs: jobs.clone(), transactor, control: control.clone() };
        let thread = consumer::start(Arc::clone(&group), commands, others)?;
        Ok(KafkaOwner { group, control, jobs, thread: Some(thread) })
    }

    /// Waits until all threads have ended, which they do after [`ToLog::Leave`]. Without it they
    /// end as if killed: the group finds out after the session timeout.
    pub fn join(mut self) {
        let _ = self.control.send(Control::End);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported already.
            let _ = thread.join();
        }
    }
}

impl OwnerLog for KafkaOwner {
    fn send(&self, command: ToLog) {
        // The receivers are gone only when the driver has ended, and then nobody waits for an
        // answer.
        let _ = match command {
            ToLog::Publish(publication) => {
                self.group.job_queued();
                let job = Job::Publish { publication, under: self.group.believed() };
                self.jobs.send(job).map_err(drop)
            }
            ToLog::ReadPositions(partitions) => {
                self.jobs.send(Job::ReadPositions(partitions)).map_err(drop)
            }
            ToLog::Rewind { partition, offset, epoch } => {
                self.control.send(Control::Rewind { partition, offset, epoch }).map_err(drop)
            }
            ToLog::Pause(partition) => self.control.send(Control::Pause(partition)).map_err(drop),
            ToLog::Resume(partition) => self.control.send(Control::Resume(partition)).map_err(drop),
            ToLog::RetakeTerm(partition) => {
                self.control.send(Control::Retake(partition)).map_err(drop)
            }
            ToLog::Leave => self.control.send(Control::Leave).map_err(drop),
        };
    }
}

impl Drop for KafkaOwner {
    fn drop(&mut self) {
        let _ = self.control.send(Control::End);
    }
}
