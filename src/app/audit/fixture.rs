//! A small sale as records of its topics, for the tests of what reads them.

use uuid::Uuid;

use super::answer::read_answer;
use super::side_by_side::Step;
use crate::domain::decide::{Asked, step};
use crate::domain::event::EventState;
use crate::domain::ids::{BuyerId, EventId, Partition, RequestId};
use crate::domain::layout::{Definition, Limits, Places, Row, Section, Tier};
use crate::domain::outcome::Outcome;
use crate::domain::request::{Administration, Body, Claim, Define, Line, Request};
use crate::domain::time::{At, Millis};
use crate::engine::arrival::{Arrival, Content};
use crate::engine::window::Window;
use crate::ports::log::{LogRecord, OutRecord, Seal, Topic};
use crate::wire;

/// The only partition there is.
pub(super) const PARTITION: Partition = Partition(0);
pub(super) const START: At = At(1_700_000_000_000);

pub(super) fn event() -> EventId {
    EventId::new("cup-final").expect("a name")
}

pub(super) fn buyer(name: &str) -> BuyerId {
    BuyerId::new(name).expect("a name")
}

/// The id of the request at an offset.
pub(super) fn id_at(offset: i64) -> RequestId {
    let made = u128::try_from(at(offset).0).expect("after 1970") << 80;
    let number = u128::try_from(offset).expect("offsets are positive");
    RequestId(Uuid::from_u128(made | (7 << 76) | (2 << 62) | number))
}

/// One offset a second.
pub(super) fn at(offset: i64) -> At {
    START.plus(Millis(1_000 * offset))
}

pub(super) fn claim(name: &str, seat: &str) -> Body {
    let lines = vec![Line::Seat { name: seat.into(), tier: None }];
    Body::Claim(Claim {
        buyer: buyer(name),
        lines,
        expected_price: None,
        staff_override: false,
        accessible: false,
    })
}

/// Four seats in a row.
fn definition() -> Definition {
    let rows = vec![Row {
        name: "1".into(),
        seats: "1-4".into(),
        tier: None,
        bays: String::new(),
        companions: String::new(),
    }];
    Definition {
        event: event(),
        hold_time: Millis(20_000),
        max_wait: Millis(30_000),
        extend_max: Millis(0),
        no_single_seats: false,
        currency: "EUR".into(),
        limits: Limits { seats_per_buyer: Some(2), ..Limits::default() },
        tiers: vec![Tier { name: "sit".into(), price: 5_000, seats_per_buyer: None }],
        sections: vec![Section {
            name: "A".into(),
            rank: 0,
            tiers: vec!["sit".into()],
            places: Places::Rows(rows),
        }],
    }
}

/// A record of a topic as its readers get it.
pub(super) fn record(offset: i64, out: OutRecord) -> LogRecord {
    LogRecord {
        topic: out.topic,
        partition: PARTITION,
        offset,
        timestamp: START,
        key: out.key,
        value: Some(out.value),
        headers: out.headers,
    }
}

/// A record of the request topic.
pub(super) fn asked(offset: i64, value: Vec<u8>) -> LogRecord {
    LogRecord {
        topic: Topic::Requests,
        partition: PARTITION,
        offset,
        timestamp: at(offset),
        key: Some(event().as_str().as_bytes().to_vec()),
        value: Some(value),
        headers: vec![],
    }
}

/// A request and what it came to.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) request: LogRecord,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) dead_letters: Vec<OutRecord>,
}

/// A sale on which things are asked.
pub(super) struct House {
    state: EventState,
    window: Window,
    pub(super) told: Vec<Told>,
}

impl House {
    /// Defined and open.
    pub(super) fn open() -> House {
        let state = EventState::unknown(event());
        let mut house = House { state, window: Window::default(), told: vec![] };
        let define = Define { definition: definition(), actor: "ops".into() };
        house.ask(0, Body::Define(Box::new(define)));
        house.ask(1, Body::Open(Administration { edition: 1, actor: "ops".into() }));
        house
    }

    /// Asks under the id of an offset.
    pub(super) fn ask(&mut self, offset: i64, body: Body) {
        let request = Request { id: id_at(offset), event: event(), body };
        self.put(offset, wire::request::encode(&request));
    }

    /// Puts the bytes of a request on the log once more.
    pub(super) fn repeat(&mut self, offset: i64, earlier: usize) {
        let value = self.told[earlier].request.value.clone().expect("a value");
        self.put(offset, value);
    }

    /// Puts bytes on the log, and what an owner answers.
    pub(super) fn put(&mut self, offset: i64, value: Vec<u8>) {
        let request = asked(offset, value);
        let arrival = Arrival::read(&request.clone().under(0), Seal::Valid, 1);
        let id = self.window.take(&arrival);
        let mut told = Told { request, outcomes: vec![], dead_letters: vec![] };
        match arrival.content {
            Content::Dead(letter) => told.dead_letters.push(*letter),
            Content::Request(request, early) => {
                let asked = Asked {
                    at: at(offset),
                    waited: Millis(3),
                    partition: PARTITION,
                    offset,
                    digest: arrival.digest,
                    id,
                    early,
                };
                told.outcomes = step(&mut self.state, &request, &asked).outcomes;
            }
        }
        self.told.push(told);
    }

    /// All of it in the order in which it is read.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = vec![];
        for told in &self.told {
            let outcomes = told.outcomes.iter().map(wire::outcome::encode);
            for out in outcomes.chain(told.dead_letters.iter().cloned()) {
                let record = record(0, out);
                let read = read_answer(&record);
                steps.push(Step::Answer(record, read));
            }
            steps.push(Step::Request(told.request.clone()));
        }
        steps
    }
}
