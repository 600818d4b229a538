//! One process that owns partitions: an engine, its driver, and what the machine does to both.

mod member;
mod strike;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::driver::{Driver, Found, Generation, Told};
use super::fault::{Report, Step};
use super::group::Assigned;
use super::net::{Event, Line, MILLI, Micros, Pid, Servers};
use super::world::{Happening, World};
use crate::domain::ids::Partition;
use crate::domain::time::{At, Millis};
use crate::engine::arrival::Arrival;
use crate::engine::{Engine, Input, Output};
use crate::ports::ledger::{CommitResult, ReadError};
use crate::ports::log::{ToLog, Topic};

/// How often an engine that has something to do hears that time passed.
const TICK: Micros = 50 * MILLI;
/// How long a process has to drain before it leaves all the same.
const DRAIN_MAX: Micros = 5_000 * MILLI;

/// A partition being read.
#[derive(Clone, Copy, Debug)]
struct Feed {
    next: i64,
    epoch: u64,
    paused: bool,
}

/// What reaches a process.
pub(super) enum Message {
    /// An answer of the ledger.
    Engine(Input),
    /// Records that were read under an assignment.
    Records(Vec<Arrival>),
    /// The group rebalances after this generation: everything is to be given up.
    Rebalance(i32),
    /// Partitions of a generation.
    Assigned(Assigned),
    /// What the driver has found out about partitions.
    Begin(Rc<Generation>, Vec<Found>),
    /// It is time for a sign of life.
    Heartbeat,
    /// It is to drain and leave.
    Stop,
    /// It has had its time to drain.
    Leave,
}

/// A process.
pub(super) struct Process {
    pub(super) instance: String,
    pub(super) engine: Engine,
    pub(super) driver: Rc<Driver>,
    pub(super) alive: bool,
    pub(super) asleep: bool,
    /// Counts its sleeps, so that the end of one is not taken for that of another.
    pub(super) sleeps: u32,
    feeds: BTreeMap<i32, Feed>,
    /// What the engine has asked for and is not done yet.
    todo: VecDeque<Output>,
    /// What has reached it in its sleep.
    pub(super) deferred: VecDeque<Event>,
    polling: bool,
    ticking: bool,
    /// How far its clock is from true time.
    pub(super) skew: Millis,
    /// Partitions it refuses, with its sentences.
    pub(super) refused: BTreeMap<i32, String>,
}

impl Process {
    pub(super) fn new(
        instance: String,
        engine: Engine,
        driver: Rc<Driver>,
        skew: Millis,
    ) -> Process {
        Process {
            instance,
            engine,
            driver,
            alive: true,
            asleep: false,
            sleeps: 0,
            feeds: BTreeMap::new(),
            todo: VecDeque::new(),
            deferred: VecDeque::new(),
            polling: false,
            ticking: false,
            skew,
            refused: BTreeMap::new(),
        }
    }

    pub(super) fn is_awake(&self) -> bool {
        self.alive && !self.asleep
    }
}

/// What became of a batch of which nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    Lost,
    Written,
    Late,
}

/// Whether a step is before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Before,
    After,
}

impl World {
    /// A new process under an instance id; it joins the group.
    pub(super) fn start(&mut self, instance: &str) -> Pid {
        let pid = self.processes.len();
        let line = Line { net: Rc::clone(&self.net), pid };
        let driver = Driver::start(line, instance.to_owned(), self.config());
        let nonce = self.net.draw(|lot| lot.u64(..));
        let bounds = self.net.weather.borrow().bounds;
        let engine = Engine::new(nonce, bounds);
        let skew = self.draw_skew();
        self.processes.push(Process::new(instance.to_owned(), engine, driver, skew));
        self.trace("start", pid, 0);
        self.join(pid);
        self.heartbeat_later(pid);
        self.go_on(pid);
        pid
    }

    fn join(&mut self, pid: Pid) {
        let (instance, members) = (self.processes[pid].instance.clone(), Rc::clone(&self.members));
        let reach = move |servers: &mut Servers| {
            let (member, turn) = servers.cluster.group.join(&instance);
            members.borrow_mut().insert(pid, member);
            servers.turns.push(turn);
        };
        let delay = self.net.delay();
        self.net.after(delay, Event::Reach(Box::new(reach)));
    }

    fn heartbeat_later(&mut self, pid: Pid) {
        let every = self.net.weather.borrow().session / 3;
        let wait = self.net.draw(|lot| lot.i64(every / 2..=every));
        self.send(pid, wait, Message::Heartbeat);
    }

    pub(super) fn send(&mut self, pid: Pid, delay: Micros, message: Message) {
        self.net.after(delay, Event::World(Happening::To(pid, Box::new(message))));
    }

    /// Something has reached a process that is awake.
    pub(super) fn hear(&mut self, pid: Pid, message: Message) {
        match message {
            Message::Engine(input) => self.feed(pid, input),
            Message::Records(arrivals) => self.hear_records(pid, arrivals),
            Message::Rebalance(generation) => self.on_rebalance(pid, generation),
            Message::Assigned(assigned) => self.on_assigned(pid, assigned),
            Message::Begin(under, found) => self.begin(pid, under, found),
            Message::Heartbeat => self.on_heartbeat(pid),
            Message::Stop => {
                self.feed(pid, Input::Drain);
                self.send(pid, DRAIN_MAX, Message::Leave);
            }
            Message::Leave => self.leave(pid),
        }
        self.go_on(pid);
    }

    /// Lets the driver's threads go on, and the engine hear what they tell.
    pub(super) fn go_on(&mut self, pid: Pid) {
        loop {
            if !self.processes[pid].is_awake() {
                return;
            }
            self.processes[pid].driver.go_on();
            match self.processes[pid].driver.take_told() {
                None => return,
                Some(Told::Engine(input)) => self.feed(pid, input),
                Some(Told::Begin(under, found)) => self.begin(pid, under, found),
            }
        }
    }

    fn begin(&mut self, pid: Pid, under: Rc<Generation>, found: Vec<Found>) {
        let mut rest = found.into_iter();
        while let Some(found) = rest.next() {
            if under.is_over() {
                return;
            }
            match found {
                Found::Ready((assignment, read_back)) => {
                    let partition = assignment.partition.0;
                    let start = assignment.committed.as_ref();
                    let next = start.map_or(assignment.log_start, |position| position.offset);
                    let feed = Feed { next, epoch: assignment.epoch, paused: false };
                    self.processes[pid].refused.remove(&partition);
                    self.processes[pid].feeds.insert(partition, feed);
                    self.feed(pid, Input::Assigned(assignment, read_back));
                }
                Found::Refused(partition, sentence) => {
                    self.say(pid, || format!("refuses {partition}: {sentence}"));
                    self.processes[pid].refused.insert(partition.0, sentence);
                    self.net.report(Report::PartitionRefused);
                }
            }
            if !self.processes[pid].is_awake() {
                // It goes on with the others when it wakes.
                let message = Box::new(Message::Begin(under, rest.collect()));
                let event = Event::World(Happening::To(pid, message));
                return self.processes[pid].deferred.push_front(event);
            }
        }
        self.poll_later(pid);
    }

    fn clock(&self, pid: Pid) -> At {
        self.net.at().plus(self.processes[pid].skew)
    }

    /// Gives the engine an input, and does what it asks for.
    fn feed(&mut self, pid: Pid, input: Input) {
        let step = Step::of_input(&input);
        if let Some(report) = Report::of_input(&input) {
            self.net.report(report);
        }
        if self.strike(pid, step, When::Before) {
            // A sleeper hears it when it wakes; the dead never do.
            let message = Box::new(Message::Engine(input));
            let event = Event::World(Happening::To(pid, message));
            self.processes[pid].deferred.push_front(event);
            return;
        }
        self.trace_input(pid, &input);
        let now = self.clock(pid);
        let process = &mut self.processes[pid];
        let outputs = process.engine.on(now, input);
        process.todo.extend(outputs);
        if !self.strike(pid, step, When::After) {
            self.perform(pid);
        }
    }

    /// Does what the engine has asked for, one after the other.
    pub(super) fn perform(&mut self, pid: Pid) {
        while let Some(output) = self.processes[pid].todo.pop_front() {
            let step = Step::of_output(&output);
            if self.strike(pid, step, When::Before) {
                self.processes[pid].todo.push_front(output);
                return;
            }
            self.matrix.meet(step);
            self.trace("out", pid, step as u64);
            self.do_output(pid, output);
            if self.strike(pid, step, When::After) {
                return;
            }
        }
        self.tick_later(pid);
    }

    fn do_output(&mut self, pid: Pid, output: Output) {
        match output {
            Output::ReadFence(ticket, event) => {
                let look = move |servers: &mut Servers| servers.read_fence(&event);
                self.read(pid, look, move |found| Input::Fence(ticket, found));
            }
            Output::ReadRows(ticket, event) => {
                let look = move |servers: &mut Servers| servers.ledger.read_rows(&event);
                self.read(pid, look, move |found| Input::Rows(ticket, found));
            }
            Output::Commit(ticket, batch) => self.commit(pid, ticket, batch),
            Output::Log(ToLog::Publish(publication)) => {
                self.processes[pid].driver.publish(publication);
            }
            Output::Log(ToLog::ReadPositions(partitions)) => {
                self.processes[pid].driver.read_positions(partitions);
            }
            Output::Log(ToLog::Rewind { partition, offset, epoch }) => {
                if let Some(feed) = self.processes[pid].feeds.get_mut(&partition.0) {
                    (feed.next, feed.epoch) = (offset, epoch);
                }
                self.poll_later(pid);
            }
            Output::Log(ToLog::RetakeTerm(partition)) => {
                self.processes[pid].driver.retake(partition)
            }
            Output::Log(ToLog::Pause(partition)) => self.pause(pid, partition, true),
            Output::Log(ToLog::Resume(partition)) => self.pause(pid, partition, false),
            Output::Log(ToLog::Leave) => unreachable!("the engine never leaves"),
            Output::Refuse { partition, sentence } => {
                self.say(pid, || format!("refuses {partition}: {sentence}"));
                self.processes[pid].refused.insert(partition.0, sentence);
            }
            Output::Drained => self.send(pid, 0, Message::Leave),
        }
    }

    fn pause(&mut self, pid: Pid, partition: Partition, paused: bool) {
        if let Some(feed) = self.processes[pid].feeds.get_mut(&partition.0) {
            feed.paused = paused;
        }
        self.poll_later(pid);
    }

    /// Reads the ledger, which may not answer.
    fn read<T: 'static>(
        &mut self,
        pid: Pid,
        look: impl FnOnce(&mut Servers) -> Result<T, ReadError> + 'static,
        tell: impl FnOnce(Result<T, ReadError>) -> Input + 'static,
    ) {
        let net = Rc::clone(&self.net);
        let silent = net.one_in(net.weather.borrow().unavailable_one_in);
        let reach = move |servers: &mut Servers| {
            let found = look(servers);
            let silence = || Err(ReadError::Unavailable("simulated".into()));
            let found = if silent { silence() } else { found };
            let message = Box::new(Message::Engine(tell(found)));
            net.after(net.delay(), Event::World(Happening::To(pid, message)));
        };
        let delay = self.net.delay();
        self.net.after(delay, Event::Reach(Box::new(reach)));
    }

    /// Sends a batch, of which nobody may know what became.
    fn commit(
        &mut self,
        pid: Pid,
        ticket: crate::engine::Ticket,
        batch: std::sync::Arc<crate::ports::ledger::Batch>,
    ) {
        let net = Rc::clone(&self.net);
        let unknown = net.one_in(net.weather.borrow().unknown_one_in);
        let fate = unknown.then(|| {
            let fates = [Unknown::Lost, Unknown::Written, Unknown::Late];
            *net.pick(&fates)
        });
        let tell = move |net: &super::net::Net, delay: Micros, result: CommitResult| {
            let message = Box::new(Message::Engine(Input::Committed(ticket, result)));
            net.after(delay, Event::World(Happening::To(pid, message)));
        };
        let delay = net.delay();
        let Some(fate) = fate else {
            let reach = move |servers: &mut Servers| {
                let result = servers.ledger.commit(&batch);
                tell(&net, net.delay(), result);
            };
            return self.net.after(delay, Event::Reach(Box::new(reach)));
        };
        let unknown = CommitResult::Unknown("simulated".into());
        let patience = net.draw(|lot| lot.i64(MILLI..2_000 * MILLI));
        tell(&net, patience, unknown);
        let reaches = match fate {
            Unknown::Lost => return net.report(Report::BatchLost),
            Unknown::Written => {
                net.report(Report::BatchWritten);
                patience / 2
            }
            Unknown::Late => {
                net.report(Report::BatchLate);
                patience + net.draw(|lot| lot.i64(0..10_000 * MILLI))
            }
        };
        let reach = move |servers: &mut Servers| {
            servers.ledger.commit(&batch);
        };
        self.net.after(reaches, Event::Reach(Box::new(reach)));
    }

    fn hear_records(&mut self, pid: Pid, arrivals: Vec<Arrival>) {
        let feeds = &self.processes[pid].feeds;
        let old = |arrival: &Arrival| {
            feeds.get(&arrival.partition.0).is_none_or(|feed| feed.epoch != arrival.epoch)
        };
        if arrivals.iter().any(old) {
            self.net.report(Report::RecordsOld);
        }
        self.processes[pid].polling = false;
        self.feed(pid, Input::Records(arrivals));
        self.poll_later(pid);
    }

    /// Reads on, soon.
    pub(super) fn poll_later(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        if !process.polling && process.is_awake() && !process.feeds.is_empty() {
            process.polling = true;
            let delay = self.net.delay();
            self.net.after(delay, Event::World(Happening::Poll(pid)));
        }
    }

    /// Reads the next records of all partitions; they are on their way for a while.
    pub(super) fn poll(&mut self, pid: Pid) {
        if !self.processes[pid].is_awake() {
            self.processes[pid].polling = false;
            return;
        }
        let (most, partitions) = {
            let weather = self.net.weather.borrow();
            (weather.poll, weather.partitions)
        };
        let mut arrivals = vec![];
        let cluster = &self.servers.cluster;
        for (&partition, feed) in &mut self.processes[pid].feeds {
            if feed.paused {
                continue;
            }
            let place = (Topic::Requests, partition);
            for stored in cluster.committed(place, feed.next).take(most) {
                let mut arrival = Arrival::read(&stored.raw, stored.seal, partitions);
                arrival.epoch = feed.epoch;
                feed.next = arrival.offset + 1;
                arrivals.push(arrival);
            }
        }
        // What is read is handed over in order: the next poll waits for that.
        if arrivals.is_empty() {
            self.processes[pid].polling = false;
        } else {
            let delay = self.net.delay();
            self.send(pid, delay, Message::Records(arrivals));
        }
    }

    fn tick_later(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        if !process.ticking && process.is_awake() && !process.engine.is_idle() {
            process.ticking = true;
            self.net.after(TICK, Event::World(Happening::Tick(pid)));
        }
    }

    pub(super) fn tick(&mut self, pid: Pid) {
        self.processes[pid].ticking = false;
        if self.processes[pid].is_awake() {
            self.feed(pid, Input::Tick);
            self.go_on(pid);
        }
    }
}
