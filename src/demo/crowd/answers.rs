//! What the crowd makes of what it is told.

use std::time::Duration;

use super::buyer::{self, Temper};
use super::{Asked, Crowd, Sent, Step};
use crate::demo::venue::SEATS_PER_BUYER;
use crate::domain::limits::GRACE;
use crate::domain::outcome::{Booked, Held, Outcome, OutcomeBody, Role};
use crate::domain::refusal::{Code, Refusal};

/// How many places somebody asks for who has been told that they asked for too many.
const MODEST: u32 = 2;

impl Crowd {
    /// Takes in an outcome. How long its request has been under way, where it is the answer to one
    /// of ours.
    pub fn on_outcome(&mut self, outcome: &Outcome, now: Duration) -> Option<Duration> {
        self.map.take(outcome);
        self.tally.heard.take(outcome);
        self.count_places(outcome);
        if outcome.header.role == Role::Derived {
            return None;
        }
        let sent = self.under_way.get_mut(&outcome.header.request)?;
        let since = sent.at.remove(0);
        let last = sent.at.is_empty();
        // Of a copy only its latency is of interest. Its answer may even be read first.
        let of_copy = matches!(&outcome.body, OutcomeBody::Refused(refusal)
            if refusal.code == Code::Repeated && !last);
        let news = !sent.heard && !of_copy;
        sent.heard |= news;
        let Sent { buyer, asked, .. } = *sent;
        if last {
            self.under_way.remove(&outcome.header.request);
        }
        self.tally.answers += 1;
        if news {
            self.on_news((buyer, asked), &outcome.body, now);
        }
        Some(now.saturating_sub(since))
    }

    /// Keeps what each buyer has, also by holds that end without being asked to.
    fn count_places(&mut self, outcome: &Outcome) {
        if outcome.header.role == Role::Repeat {
            return;
        }
        let change = match &outcome.body {
            OutcomeBody::Held(held) => count(held.places.len()),
            OutcomeBody::Released(released) => -count(released.seats.len()),
            OutcomeBody::Cancelled(cancelled) => -count(cancelled.places.len()),
            OutcomeBody::Exchanged(exchanged) => {
                count(exchanged.taken.len()) - count(exchanged.given_back.len())
            }
            OutcomeBody::Booked(_)
            | OutcomeBody::Extended(_)
            | OutcomeBody::Changed(_)
            | OutcomeBody::Refused(_) => 0,
        };
        let index = outcome.header.buyer.as_ref().and_then(buyer::index);
        if let Some(buyer) = index.and_then(|index| self.buyers.get_mut(index as usize)) {
            buyer.has += change;
        }
    }

    fn on_news(&mut self, (index, asked): (u32, Asked), body: &OutcomeBody, now: Duration) {
        match body {
            OutcomeBody::Held(held) => self.on_held(index, held, now),
            OutcomeBody::Booked(booked) => self.on_booked(index, booked, now),
            OutcomeBody::Released(_) => self.on_released(index, now),
            OutcomeBody::Refused(refusal) => self.on_refused(index, asked, refusal, now),
            OutcomeBody::Cancelled(_)
            | OutcomeBody::Exchanged(_)
            | OutcomeBody::Extended(_)
            | OutcomeBody::Changed(_) => {}
        }
    }

    fn on_held(&mut self, index: u32, held: &Held, now: Duration) {
        let (ttl, buyer) = (self.plan.ttl, &mut self.buyers[index as usize]);
        buyer.hold = Some(held.hold);
        let (pause, step) = match buyer.temper {
            Temper::Abandons => {
                self.tally.abandoned += 1;
                return;
            }
            Temper::Dawdles => {
                buyer.temper = Temper::Pays;
                (ttl + grace() + buyer.some_of(ttl, 50..400), Step::Pay(index))
            }
            Temper::Releases | Temper::ChangesMind => {
                (buyer.some_of(ttl, 100..500), Step::Release(index))
            }
            Temper::Pays
            | Temper::Cancels
            | Temper::CancelsPart
            | Temper::Greedy
            | Temper::Hoards => (buyer.some_of(ttl, 100..500), Step::Pay(index)),
        };
        self.plan_step(now + pause, step);
    }

    fn on_booked(&mut self, index: u32, booked: &Booked, now: Duration) {
        let (ttl, buyer) = (self.plan.ttl, &mut self.buyers[index as usize]);
        let step = match buyer.temper {
            Temper::Cancels => Step::Cancel(index, vec![]),
            Temper::CancelsPart => {
                let half = booked.places.len().div_ceil(2);
                let places = booked.places.iter().take(half);
                Step::Cancel(index, places.map(|place| place.seat.clone()).collect())
            }
            Temper::Hoards => {
                buyer.wants = SEATS_PER_BUYER;
                Step::Claim(index)
            }
            Temper::Pays
            | Temper::Abandons
            | Temper::Dawdles
            | Temper::Releases
            | Temper::ChangesMind
            | Temper::Greedy => return,
        };
        buyer.temper = Temper::Pays;
        let pause = buyer.some_of(ttl, 200..900);
        self.plan_step(now + pause, step);
    }

    fn on_released(&mut self, index: u32, now: Duration) {
        let buyer = &mut self.buyers[index as usize];
        if buyer.temper == Temper::ChangesMind {
            buyer.temper = Temper::Pays;
            self.try_again(index, now);
        }
    }

    /// Whatever it is, it costs a try; so a buyer who meets nothing but refusals ends.
    fn on_refused(&mut self, index: u32, asked: Asked, refusal: &Refusal, now: Duration) {
        let buyer = &mut self.buyers[index as usize];
        buyer.tries = buyer.tries.saturating_sub(1);
        // Who wanted to give something back has nothing any more, which is as well.
        let leaves = matches!(asked, Asked::Release | Asked::Cancel);
        let content = leaves && buyer.temper != Temper::ChangesMind;
        // They have what they may have.
        if content || refusal.code == Code::BuyerLimit {
            return;
        }
        if refusal.code == Code::RequestLimit {
            buyer.wants = MODEST;
        }
        if asked != Asked::Claim {
            buyer.temper = Temper::Pays;
        }
        self.try_again(index, now);
    }

    fn try_again(&mut self, index: u32, now: Duration) {
        let buyer = &mut self.buyers[index as usize];
        if buyer.tries == 0 {
            self.tally.gave_up += u64::from(!buyer.returned);
            return;
        }
        let pause = buyer.some_of(self.plan.ttl, 30..200);
        self.plan_step(now + pause, Step::Claim(index));
    }
}

fn count(places: usize) -> i64 {
    i64::try_from(places).expect("places are counted in 32 bits")
}

fn grace() -> Duration {
    Duration::from_millis(GRACE.0.unsigned_abs())
}
