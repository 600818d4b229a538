//! A log, a ledger and workers in memory, one step at a time, with faults on demand.
//!
//! The log keeps Kafka's promises of `ports::log`, the ledger those of `ports::ledger`; what a test
//! scripts is only what they leave open: batches that apply late or whose answer is lost,
//! transactions whose answer is lost, workers that die, sleep or are told late that the group has
//! moved on.

mod violations;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::ids::{BuyerId, EventId, HoldId, Partition, Reference, RequestId};
use crate::domain::layout::{Definition, Limits, Places, Section, Tier};
use crate::domain::outcome::{Outcome, Role};
use crate::domain::refusal::Code;
use crate::domain::request::{
    Administration, Body, Claim, Confirm, Define, Line, Release, Request,
};
use crate::domain::rule::{Rule, Without};
use crate::domain::seat::StoredSeat;
use crate::domain::time::{At, Millis};
use crate::engine::arrival::Arrival;
use crate::engine::{Bounds, Engine, Input, Output, Ticket};
use crate::ports::ledger::{Batch, CommitResult, Conflict, Fence, FenceRead, RowsRead};
use crate::ports::log::{
    Assignment, Known, OutRecord, Part, Position, Publication, Published, RawRecord, Seal,
    TermRecord, ToLog, Topic,
};
use crate::wire;
use crate::wire::inventory::Inventory;

pub(super) const START: i64 = 1_800_000_000_000;
const P: Partition = Partition(0);

/// Which batches are meant.
pub(super) type Which = Box<dyn Fn(&Batch) -> bool>;

/// What becomes of the next batch that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is written, and the answer is lost.
    AppliedUnknown,
    /// It is not written yet, and the answer is lost; `World::deliver_late` writes it.
    LateUnknown,
    /// It is not written yet, and there is no answer yet.
    Late,
}

/// What becomes of the next transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionFate {
    /// Committed; the worker is told that it ended, and reads the position.
    CommittedAnswerLost,
    /// Aborted; the worker is told that it ended.
    Aborted,
    /// Committed, and the worker dies before it hears of it.
    CommittedThenDead,
}

/// A ledger partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) fence: Option<Fence>,
    pub(super) outbox: (i64, Arc<[u8]>),
    definition: Option<(i64, Arc<[u8]>)>,
    pub(super) seats: BTreeMap<u32, StoredSeat>,
}

pub(super) struct Worker {
    pub(super) engine: Engine,
    pub(super) alive: bool,
    pub(super) asleep: bool,
    todo: VecDeque<Output>,
    assigned: bool,
    /// Generation of the group it believes in.
    generation: u32,
    term: i64,
    epoch: u64,
    next: i64,
    paused: bool,
    pub(super) refused: Option<String>,
}

pub(super) struct World {
    pub(super) now: At,
    pub(super) requests: Vec<RawRecord>,
    pub(super) ledger: HashMap<EventId, Stored>,
    pub(super) workers: Vec<Worker>,
    pub(super) committed: Option<Position>,
    pub(super) outcomes: Vec<OutRecord>,
    inventory: HashMap<EventId, Known>,
    /// All that the inventory topic ever said.
    pub(super) inventories: Vec<Inventory>,
    terms: Vec<TermRecord>,
    generation: u32,
    next_id: u128,
    pub(super) fates: Vec<(Which, Fate)>,
    pub(super) transaction_fates: VecDeque<TransactionFate>,
    late: Vec<(usize, Ticket, Arc<Batch>, Fate)>,
    _without: Without,
    /// Whether the test gives a reason to suspend an event; it is a false alarm otherwise.
    pub(super) may_suspend: bool,
    /// What a test found wrong on its own account.
    pub(super) wrong: Vec<String>,
}

impl World {
    pub(super) fn new(without: Option<Rule>) -> World {
        World {
            now: At(START),
            requests: vec![],
            ledger: HashMap::new(),
            workers: vec![],
            committed: None,
            outcomes: vec![],
            inventory: HashMap::new(),
            inventories: vec![],
            terms: vec![],
            generation: 0,
            next_id: 1,
            fates: vec![],
            transaction_fates: VecDeque::new(),
            late: vec![],
            _without: Without::new(without),
            may_suspend: false,
            wrong: vec![],
        }
    }

    /// A new process, without partitions.
    pub(super) fn start(&mut self) -> usize {
        let engine = Engine::new(self.workers.len() as u64 + 1, Bounds::default());
        self.workers.push(Worker {
            engine,
            alive: true,
            asleep: false,
            todo: VecDeque::new(),
            assigned: false,
            generation: 0,
            term: -1,
            epoch: 0,
            next: 0,
            paused: false,
            refused: None,
        });
        self.workers.len() - 1
    }

    /// A new process that the group gives the partition to.
    pub(super) fn owner(&mut self) -> usize {
        let w = self.start();
        self.assign(w);
        w
    }

    /// A new owner, and an event on sale with so many places.
    pub(super) fn owner_of(&mut self, event: &str, places: u32) -> usize {
        let w = self.owner();
        self.on_sale(event, places);
        w
    }

    /// The group gives the partition to a worker. Others that are awake are told first.
    pub(super) fn assign(&mut self, w: usize) {
        self.generation += 1;
        for other in 0..self.workers.len() {
            let worker = &self.workers[other];
            if worker.alive && !worker.asleep && worker.assigned {
                self.workers[other].assigned = false;
                self.feed(other, Input::Revoked(vec![P]));
            }
        }
        self.take_term(w, false);
    }

    fn take_term(&mut self, w: usize, retaken: bool) {
        let own = TermRecord {
            partition: P,
            transactional_id: format!("owner-{w}"),
            instance_id: format!("owner-{w}"),
            ledger: Uuid::nil(),
            ledger_cluster: "test".into(),
            partitions: 1,
            decision_version: 1,
        };
        let previous = self.terms.last().cloned();
        self.terms.push(own.clone());
        let term = self.terms.len() as i64;
        let start = self.committed.as_ref().map_or(0, |position| position.offset);
        let worker = &mut self.workers[w];
        worker.assigned = true;
        worker.generation = self.generation;
        worker.term = term;
        worker.epoch = (u64::from(self.generation) << 40) + ((term as u64) << 20);
        worker.next = start;
        worker.paused = false;
        let read_back: Vec<RawRecord> = self.requests[..index(start)].to_vec();
        let assignment = Assignment {
            partition: P,
            term,
            committed: self.committed.clone(),
            log_start: 0,
            log_end: self.requests.len() as i64,
            outcomes_exist: !self.outcomes.is_empty(),
            previous,
            own,
            inventory: self.inventory.values().cloned().collect(),
            read_back: vec![],
            epoch: worker.epoch,
            retaken,
        };
        let read_back = read_back.iter().map(|raw| Arrival::read(raw, Seal::Valid, 1)).collect();
        self.feed(w, Input::Assigned(Box::new(assignment), read_back));
    }

    /// Notes what must hold besides what a reader of the topics can see.
    pub(super) fn must(&mut self, holds: bool, what: &str) {
        if !holds {
            self.wrong.push(what.to_owned());
        }
    }

    /// The topic loses what it says of all events.
    pub(super) fn lose_inventory(&mut self) {
        self.inventory.clear();
    }

    pub(super) fn kill(&mut self, w: usize) {
        self.workers[w].alive = false;
        self.workers[w].todo.clear();
    }

    pub(super) fn feed(&mut self, w: usize, input: Input) {
        let now = self.now;
        let worker = &mut self.workers[w];
        let outputs = worker.engine.on(now, input);
        worker.todo.extend(outputs);
    }

    /// Hands a worker the records it has not seen.
    pub(super) fn deliver(&mut self, w: usize) {
        let worker = &mut self.workers[w];
        if !worker.assigned || worker.paused || worker.next >= self.requests.len() as i64 {
            return;
        }
        let epoch = worker.epoch;
        let arrivals = self.requests[index(worker.next)..]
            .iter()
            .map(|raw| Arrival::read(&RawRecord { epoch, ..raw.clone() }, Seal::Valid, 1))
            .collect();
        worker.next = self.requests.len() as i64;
        self.feed(w, Input::Records(arrivals));
    }

    /// Does the next thing a worker asked for. Says whether there was one.
    pub(super) fn step(&mut self, w: usize) -> bool {
        if !self.workers[w].alive || self.workers[w].asleep {
            return false;
        }
        let Some(output) = self.workers[w].todo.pop_front() else { return false };
        match output {
            Output::ReadFence(ticket, event) => {
                let found = self.ledger.get(&event).and_then(Stored::fence_read);
                self.feed(w, Input::Fence(ticket, Ok(found)));
            }
            Output::ReadRows(ticket, event) => {
                let stored = self.ledger.get(&event).cloned().unwrap_or_default();
                let rows = RowsRead {
                    definition: stored.definition,
                    seats: stored.seats.into_values().collect(),
                };
                self.feed(w, Input::Rows(ticket, Ok(rows)));
            }
            Output::Commit(ticket, batch) => self.commit(w, ticket, batch),
            Output::Log(ToLog::Publish(publication)) => self.publish(w, &publication),
            Output::Log(ToLog::ReadPositions(_)) => {
                let position = self.committed.as_ref().map(|position| position.offset);
                self.feed(w, Input::Positions(vec![(P, position.or(Some(0)))]));
            }
            Output::Log(ToLog::Rewind { offset, epoch, .. }) => {
                self.workers[w].next = offset;
                self.workers[w].epoch = epoch;
            }
            Output::Log(ToLog::RetakeTerm(_)) => {
                // The coordinator refuses it when the assignment is over: the worker then hears of
                // that.
                if self.workers[w].generation == self.generation {
                    self.take_term(w, true);
                } else {
                    self.workers[w].assigned = false;
                    self.feed(w, Input::Revoked(vec![P]));
                }
            }
            Output::Refuse { sentence, .. } => self.workers[w].refused = Some(sentence),
            Output::Log(ToLog::Pause(_)) => self.workers[w].paused = true,
            Output::Log(ToLog::Resume(_)) => self.workers[w].paused = false,
            Output::Log(ToLog::Leave) => unreachable!("the engine never leaves"),
            Output::Drained => {}
        }
        true
    }

    /// Everybody who is awake works until nothing is left to do.
    pub(super) fn run(&mut self) {
        for _ in 0..200 {
            let mut busy = false;
            for w in 0..self.workers.len() {
                if self.workers[w].alive && !self.workers[w].asleep {
                    self.deliver(w);
                }
                while self.step(w) {
                    busy = true;
                }
            }
            self.now = self.now.plus(Millis(150));
            for w in 0..self.workers.len() {
                if self.workers[w].alive && !self.workers[w].asleep {
                    self.feed(w, Input::Tick);
                    busy |= !self.workers[w].todo.is_empty();
                }
            }
            if !busy {
                return;
            }
        }
    }

    /// A worker works until it asks for a transaction or has nothing left to do.
    pub(super) fn run_until_publish(&mut self, w: usize) {
        for _ in 0..1_000 {
            if matches!(self.workers[w].todo.front(), Some(Output::Log(ToLog::Publish(_))))
                || !self.step(w)
            {
                return;
            }
        }
    }

    /// A worker decides all there is, has it in the ledger, and dies before it is published.
    pub(super) fn die_owing(&mut self, w: usize) {
        self.deliver(w);
        while self.step_but_publish(w) {}
        self.kill(w);
    }

    /// As [`World::step`], but leaves transactions undone.
    pub(super) fn step_but_publish(&mut self, w: usize) -> bool {
        self.workers[w].todo.retain(|output| !matches!(output, Output::Log(ToLog::Publish(_))));
        self.step(w)
    }

    /// As [`World::step`], but stops before a batch is sent.
    pub(super) fn step_but_commit(&mut self, w: usize) -> bool {
        !matches!(self.workers[w].todo.front(), Some(Output::Commit(..))) && self.step(w)
    }

    /// Everybody but one works until nothing is left to do.
    pub(super) fn run_without(&mut self, asleep: usize) {
        self.workers[asleep].asleep = true;
        self.run();
        self.workers[asleep].asleep = false;
    }

    /// A worker forgets the events that are idle.
    pub(super) fn forget_events(&mut self, w: usize) {
        self.workers[w].engine.forget_all_idle_events();
    }

    fn commit(&mut self, w: usize, ticket: Ticket, batch: Arc<Batch>) {
        let fate = self.fates.iter().position(|(matches, _)| matches(&batch));
        let fate = fate.map(|index| self.fates.remove(index).1);
        match fate {
            None => {
                let result = self.write(&batch);
                self.feed(w, Input::Committed(ticket, result));
            }
            Some(Fate::AppliedUnknown) => {
                self.write(&batch);
                self.feed(w, Input::Committed(ticket, CommitResult::Unknown("scripted".into())));
            }
            Some(Fate::LateUnknown) => {
                self.late.push((w, ticket, batch, Fate::LateUnknown));
                self.feed(w, Input::Committed(ticket, CommitResult::Unknown("scripted".into())));
            }
            Some(Fate::Late) => self.late.push((w, ticket, batch, Fate::Late)),
        }
    }

    /// The batches held back reach the ledger now.
    pub(super) fn deliver_late(&mut self) {
        for (w, ticket, batch, fate) in std::mem::take(&mut self.late) {
            let result = self.write(&batch);
            if fate == Fate::Late && self.workers[w].alive && !self.workers[w].asleep {
                self.feed(w, Input::Committed(ticket, result));
            } else if fate == Fate::Late && self.workers[w].asleep {
                let now = self.now;
                let worker = &mut self.workers[w];
                let outputs = worker.engine.on(now, Input::Committed(ticket, result));
                worker.todo.extend(outputs);
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> CommitResult {
        let stored = self.ledger.entry(batch.event.clone()).or_default();
        let fence = stored.fence.as_ref().map(|fence| (fence.revision, fence.op_id));
        let blob = |found: Option<i64>, guard: Option<i64>| found == guard;
        let outbox = stored.fence.as_ref().map(|_| stored.outbox.0);
        let holds = fence == batch.expected.fence
            && blob(outbox, batch.outbox.guard)
            && batch
                .definition
                .as_ref()
                .is_none_or(|d| blob(stored.definition.as_ref().map(|d| d.0), d.guard))
            && batch.seats.iter().all(|seat| {
                stored.seats.get(&seat.row.number.0).map(|row| row.changed) == seat.guard
            });
        if !holds {
            return CommitResult::Rejected(Conflict { fence });
        }
        stored.fence = Some(batch.next.clone());
        stored.outbox.0 = batch.outbox.changed;
        if let Some(bytes) = &batch.outbox.bytes {
            stored.outbox.1 = Arc::clone(bytes);
        }
        if let Some(definition) = &batch.definition {
            stored.definition = Some((definition.changed, definition.bytes.clone().unwrap()));
        }
        for seat in &batch.seats {
            stored.seats.insert(seat.row.number.0, seat.row.clone());
        }
        CommitResult::Applied
    }

    fn publish(&mut self, w: usize, publication: &Publication) {
        let stale = self.workers[w].generation != self.generation;
        let fate = if stale { None } else { self.transaction_fates.pop_front() };
        let commits = !stale && fate != Some(TransactionFate::Aborted);
        if commits {
            for part in &publication.parts {
                self.make_visible(part);
            }
        }
        match fate {
            Some(TransactionFate::CommittedThenDead) => self.kill(w),
            None if commits => self.feed(w, Input::Published(Published::Committed)),
            None | Some(TransactionFate::CommittedAnswerLost | TransactionFate::Aborted) => {
                let position = self.committed.as_ref().map_or(0, |position| position.offset);
                let ended =
                    Published::Ended { positions: vec![(P, position)], why: "scripted".into() };
                self.feed(w, Input::Published(ended));
            }
        }
    }

    fn make_visible(&mut self, part: &Part) {
        for entry in &part.entries {
            self.outcomes.extend(entry.iter().cloned());
        }
        for record in &part.inventory {
            let inventory = wire::inventory::decode(&record.value).unwrap();
            self.inventory.insert(inventory.event.clone(), inventory.known());
            self.inventories.push(inventory);
        }
        self.committed = Some(part.position.clone());
    }

    /// Puts a request on the log; its id is made now.
    pub(super) fn ask(&mut self, event: &str, body: Body) -> RequestId {
        let millis = self.now.0 as u128;
        self.next_id += 1;
        let id = (millis << 80) | (7 << 76) | (2 << 62) | self.next_id;
        let id = RequestId(Uuid::from_u128(id));
        self.ask_as(id, event, body);
        id
    }

    pub(super) fn ask_as(&mut self, id: RequestId, event: &str, body: Body) {
        let request = Request { id, event: EventId::new(event).unwrap(), body };
        self.requests.push(RawRecord {
            partition: 0,
            offset: self.requests.len() as i64,
            appended: self.now,
            key: Some(event.as_bytes().to_vec()),
            value: Some(wire::request::encode(&request)),
            headers: vec![],
            epoch: 0,
        });
        self.now = self.now.plus(Millis(1));
    }

    pub(super) fn define(&mut self, event: &str, places: u32) -> RequestId {
        let definition = Definition {
            event: EventId::new(event).unwrap(),
            hold_time: Millis(600_000),
            max_wait: Millis(30_000),
            extend_max: Millis(0),
            no_single_seats: false,
            currency: "EUR".into(),
            limits: Limits::default(),
            tiers: vec![Tier { name: "t".into(), price: 100, seats_per_buyer: None }],
            sections: vec![Section {
                name: "s".into(),
                rank: 0,
                tiers: vec!["t".into()],
                places: Places::General(places),
            }],
        };
        self.ask(event, Body::Define(Box::new(Define { definition, actor: "test".into() })))
    }

    pub(super) fn open(&mut self, event: &str) -> RequestId {
        self.ask(event, Body::Open(Administration { edition: 1, actor: "test".into() }))
    }

    /// Defines an event with so many places and opens it; a worker answers both.
    pub(super) fn on_sale(&mut self, event: &str, places: u32) {
        self.define(event, places);
        self.open(event);
        self.run();
    }

    pub(super) fn claim(&mut self, event: &str, buyer: &str, count: u32) -> HoldId {
        self.ask(
            event,
            Body::Claim(Claim {
                buyer: BuyerId::new(buyer).unwrap(),
                lines: vec![Line::Places { section: "s".into(), tier: None, count }],
                expected_price: None,
                staff_override: false,
                accessible: false,
            }),
        )
    }

    pub(super) fn release(&mut self, event: &str, buyer: &str, hold: HoldId) -> RequestId {
        self.ask(event, Body::Release(Release { buyer: BuyerId::new(buyer).unwrap(), hold }))
    }

    pub(super) fn confirm(&mut self, event: &str, buyer: &str, hold: HoldId) -> RequestId {
        self.ask(
            event,
            Body::Confirm(Confirm {
                buyer: BuyerId::new(buyer).unwrap(),
                hold,
                reference: Reference::new(&format!("pay-{hold}")).unwrap(),
            }),
        )
    }

    /// The visible outcomes, decoded, in the order in which they became visible.
    pub(super) fn visible(&self) -> Vec<Outcome> {
        self.outcomes
            .iter()
            .filter(|record| {
                !matches!(record.topic, Topic::Catalog | Topic::DeadLetters | Topic::Inventory)
            })
            .map(|record| wire::outcome::decode(&record.value).unwrap().unwrap())
            .collect()
    }

    /// The code a request was refused with, or `None` if it was granted.
    pub(super) fn refusal_of(&self, id: RequestId) -> Option<Code> {
        let outcomes = self.visible();
        let answer = outcomes
            .iter()
            .find(|outcome| outcome.header.request == id && outcome.header.role != Role::Derived);
        answer.expect("the request is answered").code()
    }
}

impl Stored {
    fn fence_read(&self) -> Option<FenceRead> {
        let fence = self.fence.clone()?;
        Some(FenceRead { fence, outbox_changed: self.outbox.0, outbox: Arc::clone(&self.outbox.1) })
    }
}

/// A batch of this event that changes seats.
pub(super) fn sells(event: &'static str) -> Which {
    Box::new(move |batch| batch.event.as_str() == event && !batch.seats.is_empty())
}

/// The takeover of an event.
pub(super) fn takes_over(event: &'static str) -> Which {
    Box::new(move |batch| batch.event.as_str() == event && batch.outbox.bytes.is_none())
}

/// Offsets count from 0 here, without gaps.
fn index(offset: i64) -> usize {
    usize::try_from(offset).expect("offsets are not negative")
}
