//! The crowd against the rules themselves, in virtual time: no driver, no thread, no clock.

use std::collections::{BTreeMap, HashMap, VecDeque};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::decide::{Asked as Known, IdVerdict, step};
use crate::domain::event::EventState;
use crate::domain::ids::{Digest, Partition};
use crate::domain::outcome::{Outcome, OutcomeBody};
use crate::domain::refusal::Code;
use crate::domain::request::{Administration, Define};
use crate::wire;

const OPENED: At = At(1_800_000_000_000);
/// How far virtual time goes at a time.
const TICK: Duration = Duration::from_millis(5);
/// No run of the tests takes longer than this, in virtual time.
const END: Duration = Duration::from_mins(10);

/// An owner that takes its time: requests are decided, and answers are read, some ticks later.
struct House {
    event: EventState,
    offset: i64,
    seen: HashMap<RequestId, i64>,
    /// Requests on their way to the owner.
    requests: VecDeque<(Duration, Request)>,
    /// Outcomes on their way to the crowd; each topic has a pace of its own.
    outcomes: BTreeMap<(Duration, usize), Outcome>,
    told: usize,
    trace: Sha256,
    slow: u32,
}

impl House {
    fn open(venue: &Venue, slow: u32) -> House {
        let mut house = House {
            event: EventState::unknown(venue.layout.definition.event.clone()),
            offset: 0,
            seen: HashMap::new(),
            requests: VecDeque::new(),
            outcomes: BTreeMap::new(),
            told: 0,
            trace: Sha256::new(),
            slow,
        };
        let definition = venue.layout.definition.clone();
        let define = Define { definition, actor: "demo".into() };
        let open = Administration { edition: 1, actor: "demo".into() };
        for body in [Body::Define(Box::new(define)), Body::Open(open)] {
            house.decide(Duration::ZERO, &house.of_own(Duration::ZERO, body));
        }
        house.outcomes.clear();
        house
    }

    fn of_own(&self, now: Duration, body: Body) -> Request {
        let chance = [u8::try_from(self.offset % 251).unwrap(); 10];
        let made = u64::try_from(OPENED.plus(millis(now)).0).unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(made, &chance).into_uuid();
        Request { id: RequestId(id), event: self.event.event.clone(), body }
    }

    fn decide(&mut self, now: Duration, request: &Request) {
        let first = *self.seen.entry(request.id).or_insert(self.offset);
        let known = Known {
            at: OPENED.plus(millis(now)),
            waited: Millis(0),
            partition: Partition(0),
            offset: self.offset,
            digest: Digest::default(),
            id: if first == self.offset {
                IdVerdict::Fresh
            } else {
                IdVerdict::Seen { offset: first, same: true }
            },
            early: None,
        };
        self.offset += 1;
        self.trace.update(wire::request::encode(request));
        for outcome in step(&mut self.event, request, &known).outcomes {
            self.trace.update(&wire::outcome::encode(&outcome).value);
            let topic = match &outcome.body {
                OutcomeBody::Refused(_) => 1,
                OutcomeBody::Held(_)
                | OutcomeBody::Extended(_)
                | OutcomeBody::Booked(_)
                | OutcomeBody::Exchanged(_)
                | OutcomeBody::Changed(_) => 2,
                OutcomeBody::Released(_) | OutcomeBody::Cancelled(_) => 3,
            };
            let visible = now + TICK * (self.slow + topic);
            self.told += 1;
            self.outcomes.insert((visible, self.told), outcome);
        }
    }

    /// Lets time pass up to `now`: an expiry worker wakes the event now and then.
    fn tick(&mut self, now: Duration) {
        while self.requests.front().is_some_and(|(due, _)| *due <= now) {
            let (_, request) = self.requests.pop_front().unwrap();
            self.decide(now, &request);
        }
        if self.event.lapsed(OPENED.plus(millis(now))).next().is_some() {
            let expire = self.of_own(now, Body::Expire);
            self.decide(now, &expire);
        }
    }
}

/// Runs a crowd to its end; what it saw, and a digest of all that was asked and answered.
fn run(seats: u32, plan: Plan, slow: u32) -> (Crowd, Vec<u8>) {
    let venue = Venue::new(seats, millis(plan.ttl));
    let mut house = House::open(&venue, slow);
    let mut crowd = Crowd::new(&venue, plan, OPENED);
    let mut now = Duration::ZERO;
    while !crowd.is_quiet() {
        assert!(now < END, "no end: {:?} {:?}", crowd.map().counts(), crowd.tally());
        while let Some(request) = crowd.next(now) {
            request.check().unwrap();
            house.requests.push_back((now + TICK * slow, request));
        }
        house.tick(now);
        while let Some(entry) = house.outcomes.first_entry()
            && entry.key().0 <= now
        {
            let outcome = entry.remove();
            crowd.on_outcome(&outcome, now);
        }
        now += TICK;
    }
    assert_eq!(crowd.under_way(), 0);
    assert!(house.requests.is_empty() && house.outcomes.is_empty());
    house.event.recount();
    let taken = house
        .event
        .taken()
        .fold((0, 0), |sum, (_, taken)| (sum.0 + taken.held, sum.1 + taken.booked));
    let counts = crowd.map().counts();
    assert_eq!((counts.held, counts.booked), taken, "the map is exact when all is read");
    (crowd, house.trace.finalize().to_vec())
}

fn plan(buyers: u32, rate: u32, seed: u64) -> Plan {
    Plan { buyers, rate, ttl: Duration::from_secs(3), seed }
}

fn sold_out(seats: u32) -> Counts {
    Counts { free: 0, held: 0, booked: seats }
}

#[test]
fn the_house_ends_sold_out_and_quiet() {
    for (seats, buyers, rate, seed) in
        [(100, 250, 100, 1), (137, 400, 4_000, 2), (1_000, 2_500, 400, 3), (2_500, 2_000, 400, 4)]
    {
        for slow in [1, 40] {
            let (crowd, _) = run(seats, plan(buyers, rate, seed), slow);
            assert_eq!(crowd.map().counts(), sold_out(seats), "seed {seed} slow {slow}");
        }
    }
}

#[test]
fn too_few_buyers_leave_places_and_it_is_quiet_all_the_same() {
    for (buyers, seed) in [(1, 1), (10, 2), (100, 3)] {
        let (crowd, _) = run(1_000, plan(buyers, 50, seed), 2);
        let booked = 8 * buyers;
        assert_eq!(crowd.map().counts(), Counts { free: 1_000 - booked, held: 0, booked });
        assert!(crowd.tally().returned * 2 > u64::from(buyers), "{:?}", crowd.tally());
    }
}

#[test]
fn every_temper_and_every_refusal_is_met() {
    let (crowd, _) = run(4_000, plan(10_000, 800, 11), 10);
    let tally = crowd.tally();
    assert_eq!(crowd.map().counts(), sold_out(4_000));
    assert_eq!(tally.buyers, 10_000);
    assert!(tally.requests > 15_000 && tally.requests == tally.answers, "{tally:?}");
    assert!(tally.abandoned > 100 && tally.heard.expired >= tally.abandoned, "{tally:?}");
    assert!(tally.releases > 100 && tally.heard.cancelled > 50, "{tally:?}");
    assert!(tally.copies > 300 && tally.heard.repeats > 50, "{tally:?}");
    assert!(tally.gave_up > 1_000, "{tally:?}");
    let refused = |code| tally.heard.refused.get(&code).copied().unwrap_or(0);
    for (code, least) in [
        (Code::Repeated, 50),
        (Code::UnknownSeat, 100),
        (Code::RequestLimit, 20),
        (Code::BuyerLimit, 10),
        (Code::SeatsTaken, 1_000),
        (Code::NotEnough, 50),
    ] {
        assert!(refused(code) >= least, "{code}: {} {tally:?}", refused(code));
    }
    let late = refused(Code::HoldEnded) + refused(Code::UnknownHold);
    assert!(late > 50, "{tally:?}");
}

#[test]
fn the_same_seed_makes_the_same_trace() {
    let trace = |seed| run(500, plan(1_200, 300, seed), 4).1;
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}

#[test]
fn the_same_people_come_whatever_they_meet() {
    let (fast, _) = run(300, plan(700, 200, 9), 1);
    let (slow, _) = run(300, plan(700, 200, 9), 60);
    let who = |crowd: &Crowd| {
        crowd.buyers.iter().map(|buyer| (buyer.liked, buyer.taste)).collect::<Vec<_>>()
    };
    assert_eq!(who(&fast), who(&slow));
    assert_eq!(fast.map().counts(), slow.map().counts());
    assert_ne!(fast.tally(), slow.tally());
}
