//! The owner's log, driven as the Kafka driver drives it: a transactor, an assigner, and what the
//! consumer's callbacks leave for them.
//!
//! The same sequence of questions as in `kafka::owner`, against simulated brokers. It is written a
//! second time because the other one is shaped by a client that blocks; what both must keep is
//! `ports::log`, and the histories recorded of real brokers hold this one to them.

mod assigner;
mod transactor;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::group::{Assigned, Membership};
use super::net::Line;
use crate::domain::ids::Partition;
use crate::engine::Input;
use crate::ports::log::{Assignment, Publication};

pub(super) use assigner::Found;
use transactor::TermWish;

/// An assignment as the worker believes in it, with the membership captured at its beginning.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) membership: Membership,
    pub(super) partitions: Vec<i32>,
    /// Whether it has been revoked or lost.
    over: Cell<bool>,
}

impl Generation {
    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    fn has(&self, partition: Partition) -> bool {
        self.partitions.contains(&partition.0)
    }
}

/// What the transactor is asked for.
enum Job {
    Publish { publication: Publication, under: Option<Rc<Generation>> },
    TakeTerms { under: Rc<Generation>, wishes: Vec<TermWish>, answer: Rc<Cell<Option<Taken>>> },
    ReadPositions(Vec<Partition>),
}

/// Offsets of the term records, or why there are none.
type Taken = Result<Vec<i64>, String>;

/// What the assigner is asked for.
enum Work {
    Assign(Rc<Generation>),
    Retake { under: Rc<Generation>, partition: Partition },
}

/// What a worker is configured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// The name of the ledger it writes.
    pub(super) ledger: &'static str,
    /// The number of request partitions it declares.
    pub(super) partitions: i32,
}

/// What the driver tells the process.
pub(super) enum Told {
    /// Something for the engine.
    Engine(Input),
    /// Partitions may be read now, or cannot be worked on.
    Begin(Rc<Generation>, Vec<Found>),
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The log's driver of one process.
pub(super) struct Driver {
    line: Line,
    instance: String,
    /// What its configuration says, recorded with every term.
    config: Config,
    current: RefCell<Option<Rc<Generation>>>,
    jobs: RefCell<VecDeque<Job>>,
    work: RefCell<VecDeque<Work>>,
    told: RefCell<VecDeque<Told>>,
    /// The producer's epoch; `None` between the end of one producer and the next.
    epoch: Cell<Option<u32>>,
    assignments: Cell<u64>,
    tasks: RefCell<Vec<Task>>,
    begun: RefCell<Vec<Task>>,
}

impl Driver {
    /// Starts its threads.
    pub(super) fn start(line: Line, instance: String, config: Config) -> Rc<Driver> {
        let driver = Rc::new(Driver {
            line,
            instance,
            config,
            current: RefCell::default(),
            jobs: RefCell::default(),
            work: RefCell::default(),
            told: RefCell::default(),
            epoch: Cell::new(None),
            assignments: Cell::new(0),
            tasks: RefCell::default(),
            begun: RefCell::default(),
        });
        driver.begin(Rc::clone(&driver).transactor());
        driver.begin(Rc::clone(&driver).assigner());
        driver
    }

    /// Its threads end where they are. They hold the driver, so this must be called.
    pub(super) fn end(&self) {
        self.tasks.take();
        self.begun.take();
    }

    fn begin(&self, task: impl Future<Output = ()> + 'static) {
        self.begun.borrow_mut().push(Box::pin(task));
    }

    /// Lets the threads go on as far as they come.
    pub(super) fn go_on(&self) {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let mut tasks = self.tasks.take();
            let begun = self.begun.take();
            let more = !begun.is_empty();
            tasks.extend(begun);
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            self.tasks.replace(tasks);
            if !more && self.begun.borrow().is_empty() {
                return;
            }
        }
    }

    /// What has been told since.
    pub(super) fn take_told(&self) -> Option<Told> {
        self.told.borrow_mut().pop_front()
    }

    fn tell(&self, told: Told) {
        self.told.borrow_mut().push_back(told);
    }

    /// The assignment it believes in.
    pub(super) fn current(&self) -> Option<Rc<Generation>> {
        self.current.borrow().clone()
    }

    /// The group has assigned partitions: the membership is captured here, and nowhere else.
    pub(super) fn on_assigned(&self, assigned: Assigned) {
        let Assigned { membership, partitions } = assigned;
        let generation = Rc::new(Generation { membership, partitions, over: Cell::new(false) });
        self.end_assignment();
        self.current.replace(Some(Rc::clone(&generation)));
        if !generation.partitions.is_empty() {
            self.work.borrow_mut().push_back(Work::Assign(generation));
        }
    }

    /// The assignment is over; answers the partitions it had.
    pub(super) fn end_assignment(&self) -> Vec<Partition> {
        let Some(generation) = self.current.take() else { return vec![] };
        generation.over.set(true);
        generation.partitions.iter().copied().map(Partition).collect()
    }

    pub(super) fn publish(&self, publication: Publication) {
        let under = self.current();
        self.jobs.borrow_mut().push_back(Job::Publish { publication, under });
    }

    pub(super) fn read_positions(&self, partitions: Vec<Partition>) {
        self.jobs.borrow_mut().push_back(Job::ReadPositions(partitions));
    }

    pub(super) fn retake(&self, partition: Partition) {
        if let Some(under) = self.current() {
            self.work.borrow_mut().push_back(Work::Retake { under, partition });
        }
    }

    fn next_assignment(&self) -> u64 {
        self.assignments.set(self.assignments.get() + 1);
        self.assignments.get()
    }
}

/// Waits for the next item of a queue.
async fn next_of<T>(queue: &RefCell<VecDeque<T>>) -> T {
    poll_fn(|_| queue.borrow_mut().pop_front().map_or(Poll::Pending, Poll::Ready)).await
}

/// An assignment with its records read back.
pub(super) type Ready = (Box<Assignment>, Vec<crate::engine::arrival::Arrival>);
