//! Sales without a world: what the workload asks goes straight to the decision core, and what that
//! decides straight to the auditor.
//!
//! Worlds try the same core, and spend their time on all that stands around it. Without log, ledger
//! and engine many more requests are decided in the same time, each one is judged before the next
//! is made, and whatever is found is found by the request that showed it. A seed draws everything:
//! one to three partitions with several events, a crowd, a mix of requests, silences after which
//! holds have lapsed, a broker whose clock is wrong and steps back, owners that are late.
//!
//! Beside the auditor's judgement three things are looked at here. The core's own indexes are
//! counted again from its seats. An event is taken over now and then: a twin is made of the rows
//! that a ledger would keep, must answer the next requests alike, and stays. And at the end those
//! rows are held against the topics.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;

use super::coverage::{Coverage, Run};
use super::run::{in_parallel, quiet_panics, words_of};
use super::trace::Trace;
use super::workload::{Ask, Setting, Workload};
use crate::audit::{Model, ledger};
use crate::domain::change::Change;
use crate::domain::decide::{Asked, Decision, IdVerdict, refuse_unattached, step};
use crate::domain::event::EventState;
use crate::domain::ids::{Digest, EventId, Partition, RowNumber};
use crate::domain::limits::CLOCK_SKEW_MAX;
use crate::domain::outcome::Outcome;
use crate::domain::request::Request;
use crate::domain::rule::{Rule, Without};
use crate::domain::seat::StoredSeat;
use crate::domain::time::{At, Millis};
use crate::engine::arrival::{Arrival, Content};
use crate::engine::window::Window;
use crate::ports::log::RawRecord;
use crate::wire;
use crate::wire::dead_letter::Reason;
use crate::wire::venue::row_name;

/// When all sales begin.
const START: At = At(1_800_000_000_000);
/// One seed in so many has the event with the longest names.
const GIANTS: u64 = 50;
/// After so many requests the indexes of an event are counted again.
const RECOUNT: u64 = 256;
/// An event is taken over before one request in so many, and both are asked for so many more.
const TAKEOVERS: u32 = 300;
const TWIN_REQUESTS: u32 = 40;
/// Records remembered, for whoever looks into a failure.
const LAST: usize = 8;
/// Failures that are kept.
const FAILURES_MAX: usize = 5;

/// What came of one seed.
#[derive(Debug)]
pub struct Course {
    /// The seed.
    pub seed: u64,
    /// Requests that were decided.
    pub requests: u64,
    /// What was wrong, the first thing first.
    pub found: Vec<String>,
    /// Where something was, the last records with what came of them.
    pub last: Vec<String>,
    /// What was asked and answered.
    pub coverage: Coverage,
    /// One number for all that happened.
    pub hash: u64,
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Total {
    /// Seeds that were run.
    pub seeds: u64,
    /// Requests that were decided.
    pub requests: u64,
    /// Seeds in which something was wrong.
    pub failed: u64,
    /// Those of them with the lowest numbers.
    pub failures: Vec<Course>,
    /// What was asked and answered.
    pub coverage: Coverage,
    /// One number for all that happened, whatever the order of the seeds.
    pub hash: u64,
}

/// Runs the seeds from 1 up to a count, on so many threads.
pub fn many(seeds: u64, requests: usize, threads: usize) -> Total {
    let total = Mutex::new(Total::default());
    in_parallel(seeds, threads, |index| {
        let course = one(1 + index, requests, None);
        total.lock().unwrap_or_else(PoisonError::into_inner).add(course);
        true
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one seed up to a number of requests, or to the first thing that is wrong.
#[must_use]
pub fn one(seed: u64, requests: usize, without: Option<Rule>) -> Course {
    quiet_panics();
    let _without = Without::new(without);
    let mut sales = Sales::new(seed, requests);
    let ended = catch_unwind(AssertUnwindSafe(|| sales.run()));
    if let Err(panic) = ended {
        sales.found.push(format!("panic: {}", words_of(&*panic)));
    }
    let told = sales.last.iter().filter(|_| !sales.found.is_empty());
    Course {
        seed,
        requests: sales.asked,
        last: told.map(|told| format!("{told:?}")).collect(),
        found: sales.found,
        coverage: sales.coverage,
        hash: sales.trace.hash_of(seed),
    }
}

impl Total {
    fn add(&mut self, course: Course) {
        self.seeds += 1;
        self.requests += course.requests;
        self.hash = self.hash.wrapping_add(course.hash);
        self.coverage.merge(&course.coverage);
        if !course.found.is_empty() {
            self.failed += 1;
            self.failures.push(course);
            self.failures.sort_by_key(|course| course.seed);
            self.failures.truncate(FAILURES_MAX);
        }
    }

    /// What should have been met and never was.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.coverage.missing(Run::WithFaults)
    }
}

/// A record and what came of it.
#[derive(Clone, Debug)]
struct Told {
    partition: Partition,
    offset: i64,
    appended: At,
    key: Option<Vec<u8>>,
    digest: Digest,
    /// None where it cannot be read.
    request: Option<Box<Request>>,
    outcomes: Vec<Outcome>,
    dead: Option<Reason>,
}

/// An event in its owner's memory, and as a successor has it from the ledger, who is asked so many
/// more requests before it takes its place.
#[derive(Debug)]
struct Owned {
    state: EventState,
    twin: Option<(EventState, u32)>,
}

/// One request partition.
struct Owner {
    window: Window,
    events: BTreeMap<EventId, Owned>,
    model: Model,
    next: i64,
}

/// The sales of one seed.
struct Sales {
    rng: Rng,
    /// Requests to be made, and made so far.
    requests: u64,
    asked: u64,
    now: At,
    /// How far the broker's clock is ahead of the right time, in milliseconds.
    ahead: i64,
    workload: Workload,
    owners: Vec<Owner>,
    /// What apps have not seen yet.
    unseen: VecDeque<Outcome>,
    last: VecDeque<Told>,
    found: Vec<String>,
    coverage: Coverage,
    trace: Trace,
}

impl Sales {
    fn new(seed: u64, requests: usize) -> Sales {
        let mut rng = Rng::with_seed(seed);
        let partitions = rng.i32(1..=3);
        let giant = seed.is_multiple_of(GIANTS);
        let setting = Setting { partitions, start: START, requests, giant };
        let workload = Workload::new(&mut rng, &setting);
        let owner = |partition| Owner {
            window: Window::default(),
            events: BTreeMap::new(),
            model: Model::new(Partition(partition)),
            next: 0,
        };
        Sales {
            requests: requests as u64,
            asked: 0,
            now: START,
            ahead: rng.i64(-400..700),
            workload,
            owners: (0..partitions).map(owner).collect(),
            unseen: VecDeque::new(),
            last: VecDeque::new(),
            found: vec![],
            coverage: Coverage::default(),
            trace: Trace::new(false),
            rng,
        }
    }

    fn run(&mut self) {
        while self.asked < self.requests && self.found.is_empty() {
            self.ask();
        }
        if self.found.is_empty() {
            self.finish();
        }
    }

    /// Has one request made, decided and judged.
    fn ask(&mut self) {
        self.asked += 1;
        let ask = self.workload.next(self.now);
        self.take(ask);
        self.judge();
        self.now = self.now.plus(self.workload.pause());
        while self.unseen.len() > self.rng.usize(0..12) {
            if let Some(outcome) = self.unseen.pop_front() {
                self.workload.see(&outcome);
            }
        }
    }

    /// Reads a record and decides it as an owner does.
    fn take(&mut self, ask: Ask) {
        let partitions = i32::try_from(self.owners.len()).unwrap_or(i32::MAX);
        let back = if self.rng.u32(..40) == 0 { 300 } else { 0 };
        let appended = self.now.plus(Millis(self.ahead + self.rng.i64(0..20) - back));
        let late = if self.rng.u32(..100) == 0 { 40_000 } else { self.rng.i64(0..300) };
        let clock = self.now.plus(Millis(late));
        let Sales { rng, owners, last, .. } = self;
        let owner = &mut owners[usize::try_from(ask.partition).unwrap_or_default()];
        let offset = owner.next;
        owner.next += 1 + i64::from(rng.u32(..50) == 0);
        let Ask { key, value, headers, seal, partition } = ask;
        let raw = RawRecord { partition, offset, appended, key, value, headers, epoch: 1 };
        let arrival = Arrival::read(&raw, seal, partitions);
        let id = owner.window.take(&arrival);
        if rng.u32(..100) == 0 {
            owner.window.forget_below(offset);
        }
        let Arrival { partition, digest, event, content, .. } = arrival;
        let (request, early, dead) = match content {
            Content::Request(request, early) => (Some(request), early, None),
            Content::Dead(letter) => (None, None, Some(reason_of(&letter.value))),
        };
        if last.len() == LAST {
            last.pop_front();
        }
        let outcomes = vec![];
        let key = raw.key;
        last.push_back(Told { partition, offset, appended, key, digest, request, outcomes, dead });
        let asked = Asked {
            at: appended.min(clock.plus(CLOCK_SKEW_MAX)),
            waited: clock.since(appended).max(Millis(0)),
            partition,
            offset,
            digest,
            id,
            early,
        };
        self.decide(event, asked);
    }

    /// Decides the last record, of the event that it belongs to here, if it does.
    fn decide(&mut self, event: Option<EventId>, mut asked: Asked) {
        let closing = self.asked * 10 > self.requests * 9;
        let count = self.asked.is_multiple_of(RECOUNT);
        let Sales { rng, owners, last, found, .. } = self;
        let told = last.back_mut().expect("the record was just taken");
        let owner = &mut owners[usize::try_from(told.partition.0).unwrap_or_default()];
        let Some(event) = event else {
            if let Some(request) = &told.request {
                let early = asked.early.take().expect("a request without an event here is refused");
                asked.id = IdVerdict::Fresh;
                told.outcomes.push(refuse_unattached(request, &asked, early));
            }
            return;
        };
        let unknown = || Owned { state: EventState::unknown(event.clone()), twin: None };
        let owned = owner.events.entry(event.clone()).or_insert_with(unknown);
        asked.at = asked.at.max(owned.state.last_at);
        if closing && rng.u32(..300) == 0 {
            owned.suspend();
        }
        if rng.u32(..TAKEOVERS) == 0 {
            owned.be_taken_over();
        }
        if count {
            owned.state.recount();
        }
        match &told.request {
            Some(request) => told.outcomes = owned.step(request, &asked, found).outcomes,
            None => owned.pass(asked.at),
        }
    }

    /// Hands the last record and what came of it to the auditor, and counts it.
    fn judge(&mut self) {
        let Sales { owners, last, found, coverage, unseen, trace, .. } = self;
        let told = last.back().expect("the record was just taken");
        let model = &mut owners[usize::try_from(told.partition.0).unwrap_or_default()].model;
        hand_over(model, told);
        model.settle_below(told.offset + 1);
        found.extend(model.findings().iter().map(ToString::to_string));
        trace.bytes(&told.digest.0);
        if let Some(reason) = told.dead {
            coverage.see_dead_letter(reason);
        }
        let Some(request) = &told.request else { return };
        coverage.see_request(request);
        for outcome in &told.outcomes {
            let code = outcome.code().map_or(0, |code| code.number());
            trace.number(outcome.header.decided_at.0.cast_unsigned());
            trace.number(outcome.header.sequence.cast_unsigned());
            trace.number(u64::from(code.cast_unsigned()));
            coverage.see_outcome(request, outcome);
            unseen.push_back(outcome.clone());
        }
    }

    /// Counts all there is, and holds what a ledger would have against the topics.
    fn finish(&mut self) {
        for owner in &mut self.owners {
            let report = owner.model.finish();
            self.found.extend(report.findings.iter().map(ToString::to_string));
            for (event, Owned { state, .. }) in &owner.events {
                state.recount();
                let Some(model) = owner.model.event(event) else { continue };
                let rows = rows(state);
                let fence = (state.sequence, state.suspended);
                let name = |row| row_name(state.layout().map(|layout| &**layout), row);
                let differs = ledger::compare(event, model, fence, &rows, name);
                self.found.extend(differs.iter().map(ToString::to_string));
            }
        }
    }
}

impl Owned {
    fn step(&mut self, request: &Request, asked: &Asked, found: &mut Vec<String>) -> Decision {
        let decision = step(&mut self.state, request, asked);
        let Some((mut twin, left)) = self.twin.take() else { return decision };
        if left == TWIN_REQUESTS {
            found.extend(wrong_changes(&twin, &self.state, &decision));
        }
        let alike = step(&mut twin, request, asked);
        if (&decision.outcomes, &decision.touched) != (&alike.outcomes, &alike.touched) {
            found.push(format!("decided otherwise after a takeover: {:?}", alike.outcomes));
        }
        match left.checked_sub(1) {
            Some(left) => self.twin = Some((twin, left)),
            None => self.state = twin,
        }
        decision
    }

    /// What cannot be read moves log time all the same.
    fn pass(&mut self, at: At) {
        let states = [Some(&mut self.state), self.twin.as_mut().map(|(twin, _)| twin)];
        states.into_iter().flatten().for_each(|state| state.apply(&Change::Decided(at)));
    }

    fn suspend(&mut self) {
        self.twin = None;
        self.state.suspended = true;
    }

    fn be_taken_over(&mut self) {
        let Some(layout) = self.state.layout() else { return };
        let mut twin = EventState::restored(self.state.event.clone(), layout.clone());
        twin.sequence = self.state.sequence;
        twin.edition = self.state.edition;
        twin.sale = self.state.sale;
        twin.last_at = self.state.last_at;
        twin.suspended = self.state.suspended;
        for row in rows(&self.state) {
            twin.apply(&Change::Restored(Box::new(row)));
        }
        self.twin = Some((twin, TWIN_REQUESTS));
    }
}

fn rows(state: &EventState) -> Vec<StoredSeat> {
    let ever = 0..state.layout().map_or(0, |layout| layout.rows_ever());
    ever.filter_map(|row| state.stored(RowNumber(row))).collect()
}

/// The changes of a decision make the event after it of the one before it, and the rows said to be
/// touched are those that a ledger has to write, each as it was before.
fn wrong_changes(before: &EventState, after: &EventState, decision: &Decision) -> Option<String> {
    let mut again = before.clone();
    decision.changes.iter().for_each(|change| again.apply(change));
    let all = |state: &EventState| (state.sequence, state.edition, state.sale, rows(state));
    if all(&again) != all(after) {
        return Some(format!("the changes are not all that happened: {:?}", decision.changes));
    }
    let there = |row: &RowNumber| after.layout().is_some_and(|all| all.place_of(*row).is_some());
    let mut told: BTreeMap<RowNumber, i64> = BTreeMap::new();
    for &(row, changed) in decision.touched.iter().filter(|(row, _)| there(row)) {
        told.entry(row).or_insert(changed);
    }
    let was = |row: &StoredSeat| before.stored(row.number);
    let written = rows(after).into_iter().filter(|row| was(row).as_ref() != Some(row));
    let written: BTreeMap<RowNumber, i64> =
        written.map(|row| (row.number, was(&row).map_or(0, |row| row.changed))).collect();
    (told != written).then(|| format!("rows told to be touched: {told:?}, written: {written:?}"))
}

fn reason_of(letter: &[u8]) -> Reason {
    wire::dead_letter::decode(letter).expect("it was just encoded").reason
}

/// A record, and what came of it, as a reader of the topics has them.
fn hand_over(model: &mut Model, told: &Told) {
    let Told { partition, offset, appended, digest, .. } = *told;
    model.on_request(offset, appended, told.request.as_deref(), told.key.as_deref(), digest);
    told.outcomes.iter().for_each(|outcome| model.on_outcome(partition, outcome));
    if told.dead.is_some() {
        model.on_dead_letter(partition, offset);
    }
}

#[cfg(test)]
mod tests;
