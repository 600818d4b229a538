//! The crowd of the demo as a state machine without IO: asked what it wants to send, told what it
//! is answered.
//!
//! Buyers come at a rate, look at a seat map made of what has been read so far, claim, think, and
//! then pay or do one of the many other things people do. Who comes, when, and with which mind
//! follows from the seed alone; what becomes of them depends on the answers and when they come. So
//! the crowd is the same on every driver, and where order does not decide, so is the end.
//!
//! When all have come and gone, and places are left (freed by late cancels and by holds that ran
//! out), those come back who went without, and after them whoever may have more: each is given
//! their own share of an exact map, so that nobody is in anybody's way. So the house ends sold out
//! wherever the buyers may have so many places together.
//!
//! # Invariants
//! - It ends: each refusal costs a try, each look at a full house a look, and the returning stops
//!   when it gains nothing.
//! - A buyer has one request under way, but for copies of it. Outcomes may come in any order all
//!   the same, since holds run out by themselves.

mod answers;
mod buyer;
mod last;
mod map;
mod pick;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

pub use self::buyer::Temper;
pub use self::map::{Counts, SeatMap};
pub use self::tally::{Heard, Tally};

use self::buyer::{Buyer, Fancy};
use super::venue::Venue;
use crate::domain::ids::{BuyerId, EventId, HoldId, Reference, RequestId};
use crate::domain::request::{Body, Cancel, Claim, Confirm, Line, Release, Request};
use crate::domain::time::{At, Millis};

/// How big a crowd, and how it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Buyers.
    pub buyers: u32,
    /// How many of them come in a second.
    pub rate: u32,
    /// How long a hold lasts: thinking is measured in it.
    pub ttl: Duration,
    /// Where all chance comes from.
    pub seed: u64,
}

/// The crowd.
pub struct Crowd {
    plan: Plan,
    event: EventId,
    opened: At,
    map: SeatMap,
    buyers: Vec<Buyer>,
    /// What buyers who are there do next, by time and then in the order it was thought of.
    agenda: BTreeMap<(Duration, u64), Step>,
    thought_of: u64,
    under_way: HashMap<RequestId, Sent>,
    last: last::LastRound,
    tally: Tally,
}

/// What a buyer does next.
#[derive(Clone, Debug)]
enum Step {
    /// Looks at the map and claims.
    Claim(u32),
    /// Claims these, whatever the map says.
    Take(u32, Vec<Line>),
    /// Confirms the hold.
    Pay(u32),
    /// Gives the hold back.
    Release(u32),
    /// Gives the booking back, or half of it.
    Cancel(u32, Vec<String>),
    /// Sends the same again.
    Copy(u32, Asked, Request),
}

/// A request under way.
#[derive(Clone, Debug)]
struct Sent {
    buyer: u32,
    /// When it was sent, and when its copies were; an answer takes the first away.
    at: Vec<Duration>,
    asked: Asked,
    /// Whether its buyer knows the answer already.
    heard: bool,
}

/// What a request under way is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// To have places.
    Claim,
    /// To keep them.
    Pay,
    /// To give them back unpaid.
    Release,
    /// To give them back paid.
    Cancel,
}

impl Crowd {
    /// A crowd in front of a venue that opens now.
    #[must_use]
    pub fn new(venue: &Venue, plan: Plan, opened: At) -> Crowd {
        Crowd {
            plan,
            event: venue.layout.definition.event.clone(),
            opened,
            map: SeatMap::new(venue),
            buyers: vec![],
            agenda: BTreeMap::new(),
            thought_of: 0,
            under_way: HashMap::new(),
            last: last::LastRound::default(),
            tally: Tally::default(),
        }
    }

    /// The seat map by what has been read.
    #[must_use]
    pub fn map(&self) -> &SeatMap {
        &self.map
    }

    /// What was done and heard so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Requests whose answers have not been read.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.tally.requests - self.tally.answers
    }

    /// Whether all have come, all is answered, no hold is left, and nobody wants anything more.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.last.is_over()
    }

    /// When somebody wants something next, as far as that does not depend on answers.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        let due = self.agenda.first_key_value().map(|((due, _), _)| *due);
        match (due, self.next_arrival()) {
            (Some(due), Some(arrival)) => Some(due.min(arrival)),
            (due, arrival) => due.or(arrival),
        }
    }

    /// The next request by now, if there is one. Those who are there come before those who arrive:
    /// where the log is slower than the crowd, people wait at the door and not at the till.
    pub fn next(&mut self, now: Duration) -> Option<Request> {
        loop {
            let step = if let Some(due) = self.agenda.first_entry()
                && due.key().0 <= now
            {
                due.remove()
            } else if self.next_arrival().is_some_and(|arrival| arrival <= now) {
                self.arrive()
            } else if self.is_idle() && !self.last.is_over() {
                self.begin_last_round(now);
                continue;
            } else {
                return None;
            };
            if let Some(request) = self.take_step(step, now) {
                self.note_sent(&request, now);
                return Some(request);
            }
        }
    }

    fn next_arrival(&self) -> Option<Duration> {
        let come = u32::try_from(self.buyers.len()).expect("buyers are counted in 32 bits");
        let arrival = Duration::from_secs(1) * come / self.plan.rate.max(1);
        (come < self.plan.buyers).then_some(arrival)
    }

    fn arrive(&mut self) -> Step {
        let index = u32::try_from(self.buyers.len()).expect("buyers are counted in 32 bits");
        let sections = self.map.layout().sections();
        self.buyers.push(Buyer::new(self.plan.seed, index, sections));
        self.tally.buyers += 1;
        Step::Claim(index)
    }

    /// Nobody has anything to do, to hear or to lose.
    fn is_idle(&self) -> bool {
        self.under_way.is_empty()
            && self.agenda.is_empty()
            && self.next_arrival().is_none()
            && self.map.counts().held == 0
    }

    fn plan_step(&mut self, due: Duration, step: Step) {
        self.thought_of += 1;
        self.agenda.insert((due, self.thought_of), step);
    }

    fn take_step(&mut self, step: Step, now: Duration) -> Option<Request> {
        let (index, asked, body) = match step {
            Step::Copy(index, asked, request) => {
                self.tally.copies += 1;
                // A copy of what is answered already tells its buyer nothing.
                let sent = Sent { buyer: index, at: vec![], asked, heard: true };
                self.under_way.entry(request.id).or_insert(sent);
                return Some(request);
            }
            Step::Claim(index) => (index, Asked::Claim, self.claim(index, now)?),
            Step::Take(index, lines) => (index, Asked::Claim, claim_of(index, lines)),
            Step::Pay(index) => {
                let (buyer, hold) = self.holder(index)?;
                let reference = Reference::new(&format!("pay-{hold}")).expect("a name");
                (index, Asked::Pay, Body::Confirm(Confirm { buyer, hold, reference }))
            }
            Step::Release(index) => {
                let (buyer, hold) = self.holder(index)?;
                (index, Asked::Release, Body::Release(Release { buyer, hold }))
            }
            Step::Cancel(index, seats) => {
                let (buyer, hold) = self.holder(index)?;
                (index, Asked::Cancel, Body::Cancel(Cancel { buyer, hold, seats, block: None }))
            }
        };
        let id = self.buyers[index as usize].next_id(self.opened.plus(millis(now)));
        let request = Request { id, event: self.event.clone(), body };
        if self.stutters(index) {
            let pause = self.buyers[index as usize].some_of(self.plan.ttl, 0..150);
            self.plan_step(now + pause, Step::Copy(index, asked, request.clone()));
        }
        self.under_way.insert(id, Sent { buyer: index, at: vec![], asked, heard: false });
        Some(request)
    }

    fn holder(&self, index: u32) -> Option<(BuyerId, HoldId)> {
        Some((buyer::name(index), self.buyers[index as usize].hold?))
    }

    /// Somebody who sends something twice does so with one of their first requests.
    fn stutters(&mut self, index: u32) -> bool {
        let buyer = &mut self.buyers[index as usize];
        let now = buyer.stutters && buyer.rng.bool();
        buyer.stutters &= !now;
        now
    }

    /// What somebody claims by the map. Nothing when the house looks full and they would rather
    /// look again.
    fn claim(&mut self, index: u32, now: Duration) -> Option<Body> {
        let buyer = &mut self.buyers[index as usize];
        let rng = &mut buyer.rng;
        let lines = match buyer.fancy.take() {
            Some(Fancy::Nowhere) => {
                Some(vec![Line::Seat { name: "royal-box/A/1".into(), tier: None }])
            }
            Some(Fancy::Gone) => Some(pick::gone(&self.map, buyer.liked, buyer.wants, rng)),
            None => {
                // Who does not find as many as they want takes half of that.
                let halves = std::iter::successors(Some(buyer.wants), |wants| {
                    Some(wants / 2).filter(|half| *half > 0)
                });
                let place = (buyer.liked, buyer.taste);
                halves.into_iter().find_map(|count| pick::free(&self.map, place, count, rng))
            }
        };
        if lines.is_none() && buyer.looks > 0 {
            buyer.looks -= 1;
            let pause = buyer.some_of(self.plan.ttl, 100..500);
            self.plan_step(now + pause, Step::Claim(index));
            return None;
        }
        let lines = lines.unwrap_or_else(|| {
            // Asking once more costs nothing.
            buyer.tries = 1;
            pick::gone(&self.map, buyer.liked, buyer.wants, &mut buyer.rng)
        });
        Some(claim_of(index, lines))
    }

    fn note_sent(&mut self, request: &Request, now: Duration) {
        let sent = self.under_way.get_mut(&request.id).expect("it has just been written down");
        sent.at.push(now);
        self.tally.requests += 1;
        *match sent.asked {
            Asked::Claim => &mut self.tally.claims,
            Asked::Pay => &mut self.tally.confirms,
            Asked::Release => &mut self.tally.releases,
            Asked::Cancel => &mut self.tally.cancels,
        } += 1;
    }
}

fn claim_of(index: u32, lines: Vec<Line>) -> Body {
    let buyer = buyer::name(index);
    Body::Claim(Claim {
        buyer,
        lines,
        expected_price: None,
        staff_override: false,
        accessible: false,
    })
}

fn millis(length: Duration) -> Millis {
    Millis(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
}
