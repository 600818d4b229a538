//! One owner: the engine between the log's driver and the ledger's.
//!
//! The engine has a thread of its own and listens to one channel. Records are decoded on the
//! consumer's thread, ledger statements run on the runtime, transactions on the driver's threads:
//! all of it overlaps, and the engine never waits for any of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::gate::Gate;
use super::stages::Stages;
use crate::domain::ids::Partition;
use crate::engine::arrival::Arrival;
use crate::engine::{Bounds, Engine, Input, Output};
use crate::ports::clock;
use crate::ports::ledger::Ledger;
use crate::ports::log::{FromLog, Log, Member, OwnerLog, RawRecord, Sink, ToLog, Topic};
use crate::seal::Keys;

/// How often the engine hears that time passed.
const TICK: Duration = Duration::from_millis(20);
/// How long a drain may take before the rest is left to the successor.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long leaving the group may take.
const LEAVE_MAX: Duration = Duration::from_secs(10);

/// What an owner is made of.
pub struct Started {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The owner's name: unique, and the same after a restart.
    pub instance: String,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The keys whose signatures count.
    pub keys: Arc<Keys>,
    /// Where ledger statements run.
    pub runtime: Handle,
    /// Set when the owner is to drain and leave.
    pub stop: Arc<AtomicBool>,
    /// Where the time goes.
    pub stages: Arc<Stages>,
}

/// An owner about to run.
pub struct Owner {
    name: String,
    engine: Engine,
    log: Box<dyn OwnerLog>,
    ledger: Arc<dyn Ledger>,
    runtime: Handle,
    stop: Arc<AtomicBool>,
    stages: Arc<Stages>,
    gate: Arc<Gate>,
    inbox: Receiver<Happened>,
    back: Sender<Happened>,
    publishing_since: Option<Instant>,
    ending: Ending,
}

/// How far an owner is in ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Running,
    Draining(Instant),
    Leaving(Instant),
}

/// What reaches the engine's thread.
enum Happened {
    Records(Vec<Arrival>),
    Revoked(Vec<Partition>, SyncSender<()>),
    Other(Input),
    Refused(Partition, String),
    Left,
    Failed(String),
}

impl Owner {
    /// Joins the group.
    ///
    /// # Errors
    /// When the log's driver does not start.
    pub fn new(started: Started) -> anyhow::Result<Owner> {
        let Started { log, instance, ledger, keys, runtime, stop, stages } = started;
        let (back, inbox) = channel();
        let gate = Arc::new(Gate::default());
        let reader = Reader {
            topic: log.name(Topic::Requests),
            partitions: log.partitions(),
            keys,
            stages: Arc::clone(&stages),
            gate: Arc::clone(&gate),
        };
        let to_engine = back.clone();
        let sink: Sink = Arc::new(move |from_log| {
            // The engine's thread is gone only when the owner has ended, and then nobody listens.
            let _ = to_engine.send(reader.read(from_log));
        });
        let member = Member { instance: instance.clone(), ledger: ledger.identity().clone() };
        let log = log.own(member, sink)?;
        Ok(Owner {
            name: instance,
            engine: Engine::new(Uuid::new_v4().as_u64_pair().0, Bounds::default()),
            log,
            ledger,
            runtime,
            stop,
            stages,
            gate,
            inbox,
            back,
            publishing_since: None,
            ending: Ending::Running,
        })
    }

    /// Works until told to stop, or until it cannot go on.
    ///
    /// # Errors
    /// When the log's driver cannot go on.
    pub fn run(mut self) -> anyhow::Result<()> {
        tracing::info!(owner = self.name, "owner started");
        let mut ticked = clock::ticks();
        loop {
            let waited = clock::ticks();
            let first = self.inbox.recv_timeout(TICK);
            self.stages.idle.add(1, waited.elapsed());
            match first {
                Ok(happened) => {
                    if self.take(happened)? {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("the owner's channel is gone"),
            }
            if ticked.elapsed() >= TICK {
                ticked = clock::ticks();
                self.feed(Input::Tick);
                self.end_in_order()?;
            }
        }
    }

    /// Takes one thing in; says whether the owner has left.
    fn take(&mut self, happened: Happened) -> anyhow::Result<bool> {
        match happened {
            Happened::Records(arrivals) => {
                self.gate.leave(arrivals.len());
                self.feed(Input::Records(arrivals));
            }
            Happened::Revoked(partitions, done) => {
                self.feed(Input::Revoked(partitions));
                drop(done);
            }
            Happened::Other(input) => {
                if matches!(input, Input::Published(_))
                    && let Some(since) = self.publishing_since.take()
                {
                    self.stages.transaction.add(1, since.elapsed());
                }
                self.feed(input);
            }
            Happened::Refused(partition, sentence) => {
                tracing::error!(owner = self.name, %partition, sentence, "partition refused");
            }
            Happened::Left => {
                tracing::info!(owner = self.name, counts = ?self.engine.counts(), "owner left");
                return Ok(true);
            }
            Happened::Failed(sentence) => bail!("owner {} cannot go on: {sentence}", self.name),
        }
        Ok(false)
    }

    fn feed(&mut self, input: Input) {
        let began = clock::ticks();
        let outputs = self.engine.on(clock::now(), input);
        self.stages.decide.add(1, began.elapsed());
        for output in outputs {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::ReadFence(ticket, event) => {
                let ledger = Arc::clone(&self.ledger);
                self.ask(async move { Input::Fence(ticket, ledger.read_fence(&event).await) });
            }
            Output::ReadRows(ticket, event) => {
                let ledger = Arc::clone(&self.ledger);
                self.ask(async move { Input::Rows(ticket, ledger.read_rows(&event).await) });
            }
            Output::Commit(ticket, batch) => {
                let (ledger, stages) = (Arc::clone(&self.ledger), Arc::clone(&self.stages));
                self.ask(async move {
                    let began = clock::ticks();
                    let result = ledger.commit(&batch).await;
                    stages.ledger.add(1, began.elapsed());
                    Input::Committed(ticket, result)
                });
            }
            Output::Log(command) => {
                if matches!(command, ToLog::Publish(_)) {
                    self.publishing_since = Some(clock::ticks());
                }
                self.log.send(command);
            }
            // The engine has logged it; the partition stays paused until an operator acts.
            Output::Refuse { .. } => {}
            Output::Drained => self.leave(),
        }
    }

    /// Asks the ledger; the answer comes back through the inbox.
    fn ask(&self, question: impl Future<Output = Input> + Send + 'static) {
        let back = self.back.clone();
        self.runtime.spawn(async move {
            let _ = back.send(Happened::Other(question.await));
        });
    }

    fn end_in_order(&mut self) -> anyhow::Result<()> {
        match self.ending {
            Ending::Running if self.stop.load(Ordering::Acquire) => {
                self.ending = Ending::Draining(clock::ticks());
                self.feed(Input::Drain);
            }
            Ending::Draining(since) if since.elapsed() > DRAIN_MAX => {
                tracing::warn!(
                    owner = self.name,
                    "not drained in time; the successor does the rest"
                );
                self.leave();
            }
            Ending::Leaving(since) if since.elapsed() > LEAVE_MAX => {
                bail!("owner {} did not get out of the group in time", self.name);
            }
            Ending::Running | Ending::Draining(_) | Ending::Leaving(_) => {}
        }
        Ok(())
    }

    fn leave(&mut self) {
        if !matches!(self.ending, Ending::Leaving(_)) {
            self.ending = Ending::Leaving(clock::ticks());
            self.log.send(ToLog::Leave);
        }
    }
}

/// Reads records on the thread they come in on.
struct Reader {
    topic: String,
    partitions: i32,
    keys: Arc<Keys>,
    stages: Arc<Stages>,
    gate: Arc<Gate>,
}

impl Reader {
    fn read(&self, from_log: FromLog) -> Happened {
        match from_log {
            FromLog::Assigned(assignment) => {
                let read_back = assignment.read_back.iter().map(|raw| self.arrival(raw)).collect();
                Happened::Other(Input::Assigned(assignment, read_back))
            }
            FromLog::Records(raws) => {
                let began = clock::ticks();
                let arrivals: Vec<Arrival> = raws.iter().map(|raw| self.arrival(raw)).collect();
                self.stages.decode.add(arrivals.len(), began.elapsed());
                self.gate.enter(arrivals.len());
                Happened::Records(arrivals)
            }
            FromLog::Revoked { partitions, done, .. } => Happened::Revoked(partitions, done),
            FromLog::Published(published) => Happened::Other(Input::Published(published)),
            FromLog::Positions(positions) => Happened::Other(Input::Positions(positions)),
            FromLog::Refused { partition, sentence } => Happened::Refused(partition, sentence),
            FromLog::Left => Happened::Left,
            FromLog::Failed(sentence) => Happened::Failed(sentence),
        }
    }

    fn arrival(&self, raw: &RawRecord) -> Arrival {
        Arrival::read(raw, self.keys.check(&self.topic, raw), self.partitions)
    }
}
