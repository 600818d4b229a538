//! The event that decisions are measured on: it makes requests, and undoes what they did.
//!
//! Seats are sold in pairs all over the house, so that a nearly full event still has pairs to
//! claim. Every claim has a buyer of its own. The same seed makes the same sale.

use fastrand::Rng;
use uuid::Uuid;

use crate::domain::decide::{Asked, IdVerdict, step};
use crate::domain::event::EventState;
use crate::domain::ids::{BuyerId, Digest, HoldId, Partition, Reference, RequestId, SeatNumber};
use crate::domain::layout::Definition;
use crate::domain::limits::GRACE;
use crate::domain::request::{
    Administration, Best, Body, Cancel, Claim, Confirm, Define, Extend, Line, Release, Request,
};
use crate::domain::time::{At, Millis};

/// When the sale begins; any time will do.
const BEGINS: At = At(1_800_000_000_000);
/// How much longer an extended hold lasts.
const LONGER: Millis = Millis(60_000);

/// A request with what the owner knows of it.
pub(super) struct Ask {
    pub(super) request: Request,
    pub(super) asked: Asked,
}

/// An event on sale, and who asks.
pub(super) struct Sale {
    pub(super) state: EventState,
    rng: Rng,
    at: At,
    offset: i64,
    /// First seats of the pairs that are for sale, in no order.
    pairs: Vec<u32>,
    sold: u32,
}

/// An event that has just been put on sale.
pub(super) fn opened(definition: Definition) -> EventState {
    let mut state = EventState::unknown(definition.event.clone());
    let define = Body::Define(Box::new(Define { definition, actor: "bench".into() }));
    let open = Body::Open(Administration { edition: 1, actor: "bench".into() });
    let mut rng = Rng::with_seed(0);
    for (offset, body) in [define, open].into_iter().enumerate() {
        let ask = ask(&state, &mut rng, BEGINS, offset as i64, body);
        step(&mut state, &ask.request, &ask.asked);
    }
    state
}

impl Sale {
    /// A sale where nothing is sold yet.
    pub(super) fn new(state: EventState) -> Sale {
        let mut rng = Rng::with_seed(1);
        let places = state.layout().expect("it is defined").seats();
        let mut pairs: Vec<u32> = (0..places / 2).map(|pair| 2 * pair).collect();
        rng.shuffle(&mut pairs);
        Sale { state, rng, at: BEGINS, offset: 2, pairs, sold: 0 }
    }

    /// How many places the event has.
    pub(super) fn places(&self) -> u32 {
        self.state.layout().expect("it is defined").seats()
    }

    /// Sells on until so many thousandths of the places are booked, by pairs.
    pub(super) fn sell(&mut self, thousandths: u32) {
        let wanted = self.places() * thousandths / 1_000;
        while self.sold + 2 <= wanted {
            let pair = self.pairs.pop().expect("not all is sold");
            let lines =
                if self.is_general() { self.line_of_places(2) } else { self.lines(pair, 2) };
            let claim = self.claim(lines);
            self.run(&claim);
            let confirm = self.confirm(&claim);
            self.run(&confirm);
            self.sold += 2;
        }
    }

    /// Claims of numbered seats, each of so many of a free pair.
    pub(super) fn named_claims(&mut self, seats: u32, count: usize) -> Vec<Ask> {
        let count = count.min(self.pairs.len());
        for index in 0..count {
            let other = self.rng.usize(index..self.pairs.len());
            self.pairs.swap(index, other);
        }
        (0..count)
            .map(|index| {
                let lines = self.lines(self.pairs[index], seats);
                self.claim(lines)
            })
            .collect()
    }

    /// Claims of so many of the best seats, parted where they must be; of fewer where no more are
    /// left.
    pub(super) fn best_claims(&mut self, seats: u32, count: usize) -> Vec<Ask> {
        let free = self.places() - self.sold;
        let seats = seats.min(free);
        let count = count.min((free / seats) as usize);
        (0..count).map(|_| self.claim_best(None, seats)).collect()
    }

    /// Claims of seats that are sold.
    pub(super) fn hopeless_claims(&mut self, count: usize) -> Vec<Ask> {
        (0..count)
            .map(|_| {
                let seat = self.rng.u32(..self.places());
                let lines = self.lines(seat, 1);
                self.claim(lines)
            })
            .collect()
    }

    /// Claims of the two best seats where none are left.
    pub(super) fn hopeless_best(&mut self, count: usize) -> Vec<Ask> {
        (0..count).map(|_| self.claim_best(None, 2)).collect()
    }

    /// Claims of the two best seats of a section where none are left.
    pub(super) fn hopeless_of_section(&mut self, count: usize) -> Vec<Ask> {
        (0..count)
            .map(|_| {
                let layout = self.state.layout().expect("it is defined");
                let section = self.rng.usize(..layout.sections());
                let name = layout.definition.sections[section].name.clone();
                self.claim_best(Some(name), 2)
            })
            .collect()
    }

    /// Claims of one place of general admission: as many as there are places, and where there are
    /// none, as many as wanted.
    pub(super) fn general_claims(&mut self, count: usize) -> Vec<Ask> {
        let free = (self.places() - self.sold) as usize;
        let count = if free == 0 { count } else { count.min(free) };
        (0..count)
            .map(|_| {
                let lines = self.line_of_places(1);
                self.claim(lines)
            })
            .collect()
    }

    /// Confirms of holds of one seat.
    pub(super) fn confirms(&mut self, count: usize) -> Vec<Ask> {
        let claims = self.held(count);
        claims.iter().map(|claim| self.confirm(claim)).collect()
    }

    /// Releases of holds of one seat.
    pub(super) fn releases(&mut self, count: usize) -> Vec<Ask> {
        let claims = self.held(count);
        let release =
            |claim: &Ask| Body::Release(Release { buyer: buyer(claim), hold: hold(claim) });
        claims.iter().map(|claim| self.ask(release(claim))).collect()
    }

    /// Extends of holds of one seat.
    pub(super) fn extends(&mut self, count: usize) -> Vec<Ask> {
        let claims = self.held(count);
        claims
            .iter()
            .map(|claim| {
                let deadline = claim.asked.at.plus(self.hold_time()).plus(LONGER);
                let (buyer, hold) = (buyer(claim), hold(claim));
                self.ask(Body::Extend(Extend { buyer, hold, deadline }))
            })
            .collect()
    }

    /// Requests that each end so many lapsed holds of one seat, or those that are left.
    pub(super) fn expires(&mut self, together: usize, holds: usize) -> Vec<Ask> {
        let mut claims = self.named_claims(1, holds);
        let mut due = vec![];
        for group in claims.chunks_mut(together) {
            let at = group[0].asked.at;
            group.iter_mut().for_each(|claim| claim.asked.at = at);
            due.push(at.plus(self.hold_time()).plus(GRACE));
        }
        claims.iter().for_each(|claim| self.run(claim));
        due.into_iter()
            .map(|at| {
                self.at = at.minus(Millis(1));
                self.ask(Body::Expire)
            })
            .collect()
    }

    /// Gives back whatever the requests hold or booked.
    pub(super) fn undo(&mut self, asks: &[Ask]) {
        for ask in asks {
            let id = ask.request.hold().unwrap_or(ask.request.id);
            let Some(hold) = self.state.find_hold(id) else { continue };
            let buyer = hold.buyer.clone();
            let body = match hold.is_booked() {
                true => Body::Cancel(Cancel { buyer, hold: id, seats: vec![], block: None }),
                false => Body::Release(Release { buyer, hold: id }),
            };
            let undoing = self.ask(body);
            self.run(&undoing);
        }
    }

    /// Decides one request.
    pub(super) fn run(&mut self, ask: &Ask) {
        step(&mut self.state, &ask.request, &ask.asked);
    }

    fn held(&mut self, count: usize) -> Vec<Ask> {
        let claims = self.named_claims(1, count);
        claims.iter().for_each(|claim| self.run(claim));
        claims
    }

    fn confirm(&mut self, claim: &Ask) -> Ask {
        let reference = Reference::new(&format!("pay-{}", self.offset)).expect("a short name");
        self.ask(Body::Confirm(Confirm { buyer: buyer(claim), hold: hold(claim), reference }))
    }

    fn claim(&mut self, lines: Vec<Line>) -> Ask {
        let buyer = BuyerId::new(&format!("buyer-{:08x}", self.rng.u32(..))).expect("a short name");
        let (expected_price, staff_override, accessible) = (None, false, false);
        self.ask(Body::Claim(Claim { buyer, lines, expected_price, staff_override, accessible }))
    }

    fn claim_best(&mut self, section: Option<String>, count: u32) -> Ask {
        let (tier, max_price, split, bays) = (None, None, true, 0);
        let best = Best { section, tier, max_price, count, split, bays };
        self.claim(vec![Line::Best(best)])
    }

    fn lines(&self, first: u32, seats: u32) -> Vec<Line> {
        let layout = self.state.layout().expect("it is defined");
        let line = |seat| Line::Seat { name: layout.name(SeatNumber(seat)), tier: None };
        (first..first + seats).map(line).collect()
    }

    fn line_of_places(&self, count: u32) -> Vec<Line> {
        let section =
            self.state.layout().expect("it is defined").definition.sections[0].name.clone();
        vec![Line::Places { section, tier: None, count }]
    }

    fn is_general(&self) -> bool {
        self.state.layout().is_some_and(|layout| layout.is_general(0))
    }

    fn hold_time(&self) -> Millis {
        self.state.layout().expect("it is defined").definition.hold_time
    }

    /// A request, a millisecond after the one before.
    fn ask(&mut self, body: Body) -> Ask {
        self.at = self.at.plus(Millis(1));
        self.offset += 1;
        ask(&self.state, &mut self.rng, self.at, self.offset, body)
    }
}

fn ask(state: &EventState, rng: &mut Rng, at: At, offset: i64, body: Body) -> Ask {
    let request = Request { id: new_id(rng, at), event: state.event.clone(), body };
    let asked = Asked {
        at,
        waited: Millis(0),
        partition: Partition(0),
        offset,
        digest: Digest::default(),
        id: IdVerdict::Fresh,
        early: None,
    };
    Ask { request, asked }
}

/// A UUID of version 7 with this time.
fn new_id(rng: &mut Rng, at: At) -> RequestId {
    let mut bytes = rng.u128(..).to_be_bytes();
    bytes[..6].copy_from_slice(&at.0.to_be_bytes()[2..]);
    bytes[6] = 0x70 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    RequestId(Uuid::from_bytes(bytes))
}

fn hold(claim: &Ask) -> HoldId {
    claim.request.id
}

fn buyer(claim: &Ask) -> BuyerId {
    claim.request.buyer().expect("a claim has a buyer").clone()
}
