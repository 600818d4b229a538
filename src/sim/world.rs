//! One world, from its first moment to its judgement.
//!
//! First the sale: requests come, and whatever the weather brings. Then it clears up: faults heal,
//! whoever sleeps wakes, whoever is dead is started, clocks are right, and an operator puts right
//! what owners refused to guess at. From then on everything must be answered, every hold must end
//! in time, and ledger and topics must agree.

mod healing;
pub(super) mod trouble;
mod upstream;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use self::trouble::{Touched, Trouble};
use self::upstream::Upstream;
use super::broker::{Cluster, Request, StoredOffset};
use super::coverage::Coverage;
use super::fault::Step;
use super::group::{Assigned, Turn};
use super::judge::Judge;
use super::ledger::{Image, SimLedger};
use super::matrix::Matrix;
use super::net::{Event, MILLI, Micros, Net, Pid, Servers};
use super::process::{Message, Process};
use super::trace::Trace;
use super::watcher::{Sent, Watcher};
use super::weather::Weather;
use super::workload::{Setting, Workload};
use crate::domain::ids::EventId;
use crate::domain::limits::ID_READ_BACK;
use crate::domain::time::{At, Millis};
use crate::engine::Input;
use crate::engine::path::Path;
use crate::ports::log::Topic;

/// When every world begins.
const START: At = At(1_800_000_000_000);
/// Requests of one world, without those of the expiry workers.
const REQUESTS: usize = 1_050;
/// How often what has gone wrong with a transaction is looked for, and after how long it has.
const TRANSACTION_TIMEOUT: Millis = Millis(10_000);
const SWEEP: Micros = 2_000 * MILLI;
/// How old requests become, by true time.
const RETENTION: Millis = Millis(45_000);
/// Backups of an event's ledger are made about so often, in requests.
const BACKUP_EVERY: usize = 100;

/// What the world itself is about.
pub(super) enum Happening {
    /// The next request is made.
    Produce,
    /// A request reaches the log; its offset goes back.
    Append(i32, Request, Box<dyn FnOnce(i64)>),
    /// An app ends the transaction it asks in.
    EndAsking(usize),
    /// Something reaches a process.
    To(Pid, Box<Message>),
    Poll(Pid),
    Tick(Pid),
    /// A silent member is given up, if it still is that silent.
    SessionOver(Pid, u32),
    /// Whoever has not joined a generation is left out of it.
    JoiningOver(i32),
    Wake(Pid),
    Restart(String),
    /// Another process is started in the place of one that sleeps.
    Replace(Pid, String),
    Sweep,
    ClockStep,
    Look(usize),
    Sent(Sent),
    /// Trouble comes once more.
    Harm(Trouble),
    /// An operator sets the group's offset as it was.
    Undo,
    Check,
}

/// How far a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Sale,
    Healing {
        since: Micros,
        /// Since when nothing is open but holds.
        settled: Option<At>,
        /// How long after that, or after it is due, a hold may stay.
        expiry_max: Millis,
    },
    Over,
}

/// What came of a world.
#[derive(Debug)]
pub struct Verdict {
    /// The seed it was made from.
    pub seed: u64,
    /// Requests that were judged.
    pub requests: u64,
    /// What must not be; empty when all is well.
    pub violations: Vec<String>,
    /// One number for the seed and all that happened.
    pub hash: u64,
    /// What happened, in words, if that was asked for.
    pub trace: Vec<String>,
    /// Faults by step.
    pub matrix: Matrix,
    /// What was asked and answered.
    pub coverage: Coverage,
    /// The trouble it had.
    pub trouble: Option<&'static str>,
    /// Ways its engines went.
    pub paths: Vec<(Path, u64)>,
}

impl Verdict {
    /// A world that ended in a panic.
    pub(super) fn panicked(seed: u64, words: &str) -> Verdict {
        Verdict {
            seed,
            requests: 0,
            violations: vec![format!("panic: {words}")],
            hash: 0,
            trace: vec![],
            matrix: Matrix::default(),
            coverage: Coverage::default(),
            trouble: None,
            paths: vec![],
        }
    }
}

/// A world.
pub(super) struct World {
    seed: u64,
    pub(super) net: Rc<Net>,
    pub(super) servers: Servers,
    pub(super) processes: Vec<Process>,
    /// Member ids, as processes have been told.
    pub(super) members: Rc<RefCell<BTreeMap<Pid, u32>>>,
    watchers: Vec<Watcher>,
    workload: Workload,
    upstream: Upstream,
    judge: Judge,
    pub(super) matrix: Matrix,
    trace: Trace,
    /// How far each leader's clock is from true time.
    leaders: Vec<Millis>,
    phase: Phase,
    made: usize,
    trouble: Option<Trouble>,
    trouble_at: usize,
    touched: Touched,
    /// Whether owners are started with a wrong configuration.
    misconfigured: bool,
    backups: BTreeMap<EventId, Image>,
    old_offsets: Vec<StoredOffset>,
}

impl World {
    pub(super) fn new(seed: u64, in_words: bool) -> World {
        let mut lot = fastrand::Rng::with_seed(seed);
        let weather = Weather::draw(&mut lot);
        let setting = Setting {
            partitions: weather.partitions,
            start: START,
            requests: REQUESTS,
            giant: weather.giant,
        };
        let workload = Workload::new(&mut lot, &setting);
        let partitions = usize::try_from(weather.partitions).unwrap_or(0);
        let trouble_at = lot.usize(REQUESTS / 5..REQUESTS * 9 / 10);
        let servers = Servers {
            cluster: Cluster::new(weather.partitions),
            ledger: SimLedger::new(weather.shape),
            markers: vec![],
            turns: vec![],
            unreadable: None,
        };
        let (owners, watchers) = (weather.owners, weather.watchers);
        let (count, trouble) = (weather.partitions, weather.trouble);
        let upstream = Upstream::draw(seed, weather.giant);
        let mut world = World {
            seed,
            net: Rc::new(Net::new(START, lot, weather)),
            servers,
            processes: vec![],
            members: Rc::default(),
            watchers: vec![],
            workload,
            upstream,
            judge: Judge::new(count),
            matrix: Matrix::default(),
            trace: Trace::new(in_words),
            leaders: vec![Millis(0); partitions],
            phase: Phase::Sale,
            made: 0,
            trouble,
            trouble_at,
            touched: Touched::default(),
            misconfigured: false,
            backups: BTreeMap::new(),
            old_offsets: vec![None; partitions],
        };
        world.set_up(owners, watchers, count);
        world
    }

    fn set_up(&mut self, owners: usize, watchers: usize, partitions: i32) {
        for index in 0..self.leaders.len() {
            self.leaders[index] = self.draw_skew();
        }
        for owner in 0..owners {
            self.start(&instance(owner));
        }
        for number in 0..watchers {
            let skew = self.draw_skew();
            let watcher = Watcher::new(number, partitions, skew);
            watcher.look_later(&self.net);
            self.watchers.push(watcher);
        }
        self.net.after(0, Event::World(Happening::Produce));
        self.net.after(SWEEP, Event::World(Happening::Sweep));
        self.step_clocks_later();
    }

    /// Runs it to its end.
    pub(super) fn run(mut self) -> Verdict {
        while self.phase != Phase::Over {
            let Some(event) = self.net.next() else { break };
            self.happen(event);
            self.follow_up();
        }
        self.processes.iter().for_each(|process| process.driver.end());
        self.net.take_reports().into_iter().for_each(|report| self.matrix.report(report));
        let suspendable = &self.touched.suspendable;
        let (violations, coverage, requests) = self.judge.finish(&self.servers.ledger, suspendable);
        Verdict {
            seed: self.seed,
            requests,
            violations,
            hash: self.trace.hash_of(self.seed),
            trace: self.trace.into_lines(),
            matrix: self.matrix,
            coverage,
            trouble: self.trouble.map(Trouble::name),
            paths: vec![],
        }
    }

    /// What servers have begun goes on: markers are written, members are told.
    fn follow_up(&mut self) {
        for marker in std::mem::take(&mut self.servers.markers) {
            let delay = self.net.delay();
            self.net.after(delay, Event::Marker(marker));
        }
        while let Some(turn) = self.servers.turns.pop() {
            self.turn(turn);
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Reach(reach) => reach(&mut self.servers),
            Event::Hear(pid, hear) => {
                let process = &mut self.processes[pid];
                if process.asleep && process.alive {
                    process.deferred.push_back(Event::Hear(pid, hear));
                } else if process.alive {
                    hear();
                    self.go_on(pid);
                }
            }
            Event::Marker(marker) => {
                if self.servers.cluster.write(&marker) {
                    self.look();
                }
                for pid in 0..self.processes.len() {
                    self.poll_later(pid);
                }
            }
            Event::World(happening) => self.happen_in_world(happening),
        }
    }

    fn happen_in_world(&mut self, happening: Happening) {
        match happening {
            Happening::Produce => self.produce(),
            Happening::Append(partition, request, back) => {
                let offset = self.append(partition, request);
                back(offset);
            }
            Happening::EndAsking(app) => self.end_asking(app),
            Happening::To(pid, message) => {
                let process = &mut self.processes[pid];
                if process.asleep && process.alive {
                    let event = Event::World(Happening::To(pid, message));
                    process.deferred.push_back(event);
                } else if process.alive {
                    self.hear(pid, *message);
                }
            }
            Happening::Poll(pid) => self.poll(pid),
            Happening::Tick(pid) => self.tick(pid),
            Happening::SessionOver(pid, sleeps) => self.on_session_over(pid, sleeps),
            Happening::JoiningOver(generation) => {
                let turn = self.servers.cluster.group.close_joining(generation);
                self.servers.turns.push(turn);
            }
            Happening::Wake(pid) => self.wake(pid),
            Happening::Restart(instance) => {
                if !self.lives(&instance) {
                    self.start(&instance);
                }
            }
            Happening::Replace(pid, instance) => {
                if self.processes[pid].asleep && self.processes[pid].alive {
                    self.start(&instance);
                }
            }
            Happening::Sweep => {
                let before = self.net.at().minus(TRANSACTION_TIMEOUT);
                self.servers.markers.extend(self.servers.cluster.sweep(before));
                self.net.after(SWEEP, Event::World(Happening::Sweep));
            }
            Happening::ClockStep => self.step_a_clock(),
            Happening::Look(watcher) => {
                let World { watchers, servers, net, trace, .. } = self;
                watchers[watcher].look(&servers.cluster, net, trace);
                watchers[watcher].look_later(net);
            }
            Happening::Sent(sent) => {
                self.trace.say(self.net.now(), sent.watcher, || format!("{sent:?}"));
                self.watchers[sent.watcher].on_sent(&sent);
            }
            Happening::Harm(trouble) => {
                if self.phase == Phase::Sale {
                    self.harm_an_event(trouble);
                }
            }
            Happening::Undo => self.set_offset_again(),
            Happening::Check => self.check(),
        }
    }

    /// All request partitions.
    fn partitions(&self) -> std::ops::Range<i32> {
        0..self.net.weather.borrow().partitions
    }

    fn lives(&self, instance: &str) -> bool {
        self.processes.iter().any(|process| process.alive && process.instance == instance)
    }

    fn produce(&mut self) {
        let ask = self.workload.next(self.net.at());
        let request =
            Request { key: ask.key, value: ask.value, headers: ask.headers, seal: ask.seal };
        self.ask(ask.partition, request);
        self.made += 1;
        if self.made.is_multiple_of(BACKUP_EVERY) {
            self.back_up();
            self.retain();
        }
        if self.net.weather.borrow().giant {
            let stalled = self.workload.is_open() && self.made < REQUESTS * 9 / 10;
            self.net.weather.borrow_mut().stalled = stalled;
        }
        if self.made == self.trouble_at {
            self.make_trouble();
        }
        self.disturb_a_process();
        if self.made >= REQUESTS {
            return self.heal();
        }
        let pause = self.workload.pause();
        self.net.after(pause.0 * MILLI, Event::World(Happening::Produce));
    }

    fn append(&mut self, partition: i32, request: Request) -> i64 {
        let at = self.leader_clock(partition);
        let offset = self.servers.cluster.append(partition, at, request);
        self.trace_append(partition, offset);
        for pid in 0..self.processes.len() {
            self.poll_later(pid);
        }
        offset
    }

    /// Retention takes what is far older than anybody needs: also when answers are late, since it
    /// is set to outlast every outage.
    fn retain(&mut self) {
        let skew = Millis(2 * self.net.weather.borrow().skew);
        let old = self.net.at().minus(RETENTION).minus(skew);
        for partition in self.partitions() {
            let Some(judged) = self.judge.judged(partition) else { continue };
            let cluster = &mut self.servers.cluster;
            let unanswered = cluster.committed((Topic::Requests, partition), judged).next();
            let needed = unanswered.map_or(old, |record| {
                record.raw.appended.minus(ID_READ_BACK).minus(Millis(1_000)).minus(skew)
            });
            cluster.retain(partition, old.min(needed), judged);
        }
    }

    /// Now and then a supervisor stops a process in good order, or an expiry worker starts anew, or
    /// a member has polled too seldom and joins again.
    fn disturb_a_process(&mut self) {
        let quiet = self.net.weather.borrow().strike_one_in == 0;
        if quiet || !self.net.one_in(200) {
            return;
        }
        let awake: Vec<Pid> =
            (0..self.processes.len()).filter(|pid| self.processes[*pid].is_awake()).collect();
        if self.net.one_in(2) {
            if !awake.is_empty() {
                let pid = *self.net.pick(&awake);
                self.join_again(pid);
            }
            return;
        }
        if !awake.is_empty() {
            let pid = *self.net.pick(&awake);
            self.send(pid, 0, Message::Stop);
        }
        let watcher = self.net.draw(|lot| lot.usize(0..self.watchers.len()));
        self.watchers[watcher].restart();
    }

    fn look(&mut self) {
        let World { judge, servers, workload, trace, .. } = self;
        if !judge.look(&servers.cluster, workload, trace) {
            // What comes after the first violation says nothing any more.
            self.phase = Phase::Over;
        }
    }

    /// Tells the members of the group what has turned out.
    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Nothing => {}
            Turn::Rebalance => {
                let generation = self.servers.cluster.group.generation();
                let session = self.net.weather.borrow().session;
                let over = Event::World(Happening::JoiningOver(generation));
                self.net.after(session, over);
                // Whoever is no member any more finds out by itself.
                let (members, group) = (self.members.borrow(), &self.servers.cluster.group);
                let known = |(pid, member): &(&Pid, &u32)| {
                    group.knows(&self.processes[**pid].instance, **member)
                };
                let known: Vec<Pid> = members.iter().filter(known).map(|(pid, _)| *pid).collect();
                drop(members);
                for pid in known {
                    let delay = self.net.draw(|lot| lot.i64(0..300 * MILLI));
                    self.send(pid, delay, Message::Rebalance(generation));
                }
            }
            Turn::Replaced(assigned) => self.tell(assigned),
            Turn::Generation(assigned) => {
                self.trace("generation of members", 0, assigned.len() as u64);
                assigned.into_iter().for_each(|assigned| self.tell(assigned));
            }
        }
    }

    fn tell(&mut self, assigned: Assigned) {
        let member = assigned.membership.member;
        let found =
            self.members.borrow().iter().find(|(_, id)| **id == member).map(|(pid, _)| *pid);
        if let Some(pid) = found {
            let delay = self.net.delay();
            self.send(pid, delay, Message::Assigned(assigned));
        }
    }
}

/// Clocks.
impl World {
    /// The time by which a partition's leader appends.
    fn leader_clock(&self, partition: i32) -> At {
        self.net.at().plus(self.leaders[usize::try_from(partition).unwrap_or(0)])
    }

    pub(super) fn draw_skew(&self) -> Millis {
        let most = self.net.weather.borrow().skew;
        Millis(self.net.draw(|lot| lot.i64(-most..=most)))
    }

    fn step_clocks_later(&self) {
        let every = self.net.weather.borrow().clock_step_every;
        if every > 0 {
            let wait = self.net.draw(|lot| lot.i64(every / 2..=every));
            self.net.after(wait, Event::World(Happening::ClockStep));
        }
    }

    /// The clock of a leader, an owner or an expiry worker jumps; leaders change, too.
    fn step_a_clock(&mut self) {
        let skew = self.draw_skew();
        let (leaders, watchers) = (self.leaders.len(), self.watchers.len());
        let all = leaders + watchers + self.processes.len();
        let which = self.net.draw(|lot| lot.usize(0..all));
        if which < leaders {
            self.leaders[which] = skew;
        } else if which < leaders + watchers {
            self.watchers[which - leaders].skew = skew;
        } else {
            self.processes[which - leaders - watchers].skew = skew;
        }
        self.step_clocks_later();
    }
}

/// What is told of a world.
impl World {
    pub(super) fn trace(&mut self, what: &str, pid: Pid, about: u64) {
        let now = self.net.now();
        self.trace.note(now, what, pid, about);
        self.trace.say(now, pid, || format!("{what} {about}"));
    }

    fn trace_append(&mut self, partition: i32, offset: i64) {
        let now = self.net.now();
        self.trace.note(now, "appended", 0, offset.cast_unsigned());
        self.trace.say(now, 0, || format!("appended {partition}/{offset}"));
    }

    pub(super) fn say(&mut self, pid: Pid, words: impl FnOnce() -> String) {
        self.trace.say(self.net.now(), pid, words);
    }

    pub(super) fn trace_input(&mut self, pid: Pid, input: &Input) {
        let now = self.net.now();
        let step = Step::of_input(input);
        self.matrix.meet(step);
        self.trace.note(now, "in", pid, step as u64);
        self.trace.say(now, pid, || format!("{input:?}").chars().take(400).collect());
    }
}

/// The name of an owner.
fn instance(owner: usize) -> String {
    format!("owner-{owner}")
}
