//! The same inputs give the same outputs in the same order: whoever runs a seed again sees the same
//! run. Hash maps iterate differently from one to the next, so two engines show where it matters.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::world::START;
use crate::domain::event::SaleState;
use crate::domain::ids::{BuyerId, Digest, EventId, Partition, RequestId};
use crate::domain::request::{Body, Claim, Line, Request};
use crate::domain::time::{At, Millis};
use crate::engine::arrival::{Arrival, Content};
use crate::engine::{Bounds, Engine, Input, Output};
use crate::ports::ledger::{CommitResult, Fence, FenceRead, OpId, ReadError, RowsRead};
use crate::ports::log::{Assignment, Published, TermRecord, ToLog};
use crate::wire;

const PARTITIONS: i32 = 8;
const EVENTS: i64 = 12;

fn event(partition: i32, number: i64) -> EventId {
    EventId::new(&format!("e{partition}-{number}")).unwrap()
}

fn assignment(partition: i32) -> Assignment {
    Assignment {
        partition: Partition(partition),
        term: 1,
        committed: None,
        log_start: 0,
        log_end: EVENTS,
        outcomes_exist: false,
        previous: None,
        own: TermRecord {
            partition: Partition(partition),
            transactional_id: "owner".into(),
            instance_id: "owner".into(),
            ledger: Uuid::nil(),
            ledger_cluster: "test".into(),
            partitions: PARTITIONS,
            decision_version: 1,
        },
        inventory: vec![],
        read_back: vec![],
        epoch: 1,
        retaken: false,
    }
}

/// A claim on an event of its own.
fn arrival(partition: i32, offset: i64) -> Arrival {
    let event = event(partition, offset);
    let number = u128::from(partition.unsigned_abs()) << 32 | u128::from(offset.unsigned_abs());
    let id = RequestId(Uuid::from_u128((START as u128) << 80 | 7 << 76 | 2 << 62 | number));
    let claim = Claim {
        buyer: BuyerId::new("b").unwrap(),
        lines: vec![Line::Places { section: "s".into(), tier: None, count: 1 }],
        expected_price: None,
        staff_override: false,
        accessible: false,
    };
    let request = Request { id, event: event.clone(), body: Body::Claim(claim) };
    Arrival {
        partition: Partition(partition),
        offset,
        epoch: 1,
        appended: At(START),
        digest: Digest(number.to_be_bytes()),
        bytes: 1,
        event: Some(event),
        content: Content::Request(Box::new(request), None),
    }
}

/// An engine and what answers it: a ledger that at first does not, then knows no event of even
/// partitions, and of odd ones that all was published which the log says was not.
struct Run {
    engine: Engine,
    now: At,
    todo: VecDeque<Output>,
    told: Vec<String>,
    asked: BTreeSet<EventId>,
    fences: BTreeMap<EventId, FenceRead>,
    positions: Vec<Partition>,
}

impl Run {
    fn feed(&mut self, input: Input) {
        let outputs = self.engine.on(self.now, input);
        self.told.extend(outputs.iter().map(|output| format!("{output:?}")));
        self.todo.extend(outputs);
    }

    fn work(&mut self) {
        while let Some(output) = self.todo.pop_front() {
            match output {
                Output::ReadFence(ticket, event) if self.asked.insert(event.clone()) => {
                    let error = ReadError::Unavailable("scripted".into());
                    self.feed(Input::Fence(ticket, Err(error)));
                }
                Output::ReadFence(ticket, event) => {
                    let found = self.fences.get(&event).cloned();
                    self.feed(Input::Fence(ticket, Ok(found)));
                }
                Output::ReadRows(ticket, _) => {
                    let rows = RowsRead { definition: None, seats: vec![] };
                    self.feed(Input::Rows(ticket, Ok(rows)));
                }
                Output::Commit(ticket, batch) => {
                    let read = self.fences.get_mut(&batch.event).expect("only known ones");
                    (read.fence, read.outbox_changed) = (batch.next.clone(), batch.outbox.changed);
                    self.feed(Input::Committed(ticket, CommitResult::Applied));
                }
                Output::Log(ToLog::Publish(_)) => {
                    self.feed(Input::Published(Published::Committed));
                }
                Output::Log(ToLog::ReadPositions(partitions)) => self.positions.extend(partitions),
                Output::Log(_) | Output::Refuse { .. } | Output::Drained => {}
            }
        }
    }
}

fn told() -> Vec<String> {
    let outbox: Arc<[u8]> = wire::outbox::encode(std::iter::empty()).into();
    let fence = Fence {
        term: 0,
        revision: 1,
        op_id: OpId(Uuid::nil()),
        sequence: 0,
        edition: 0,
        applied_offset: -1,
        published_below: EVENTS,
        decided_at: At(START),
        sale: SaleState::NotOpen,
        suspended: String::new(),
    };
    let read = FenceRead { fence, outbox_changed: 1, outbox };
    let odd = (0..PARTITIONS).filter(|partition| partition % 2 == 1);
    let known = odd.flat_map(|partition| (0..EVENTS).map(move |number| event(partition, number)));
    let mut run = Run {
        engine: Engine::new(1, Bounds::default()),
        now: At(START),
        todo: VecDeque::new(),
        told: vec![],
        asked: BTreeSet::new(),
        fences: known.map(|event| (event, read.clone())).collect(),
        positions: vec![],
    };
    for partition in 0..PARTITIONS {
        run.feed(Input::Assigned(Box::new(assignment(partition)), vec![]));
    }
    let arrivals = (0..PARTITIONS).flat_map(|p| (0..EVENTS).map(move |n| arrival(p, n)));
    run.feed(Input::Records(arrivals.collect()));
    run.work();
    run.now = run.now.plus(Millis(150));
    run.feed(Input::Tick);
    run.work();
    run.feed(Input::Drain);
    let positions = std::mem::take(&mut run.positions);
    assert!(positions.len() as i64 > EVENTS, "several events of a partition wait at once");
    run.feed(Input::Positions(positions.into_iter().map(|p| (p, Some(0))).collect()));
    run.work();
    run.told
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let first = told();
    assert!(first.iter().any(|output| output.contains("moved back")));
    assert!(first.iter().any(|output| output.contains("Publish(")));
    for _ in 0..3 {
        assert_eq!(told(), first);
    }
}
