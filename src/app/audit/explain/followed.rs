//! Who has which place, followed along the outcomes.

use std::collections::HashMap;

use super::{Fate, Holder, Moment};
use crate::domain::ids::{EventId, HoldId};
use crate::domain::outcome::{Exchanged, Held, Outcome, OutcomeBody, Role};
use crate::domain::seat::Cause;

/// Holders of places, now and last.
#[derive(Debug, Default)]
pub(super) struct Followed {
    holds: HashMap<HoldId, Kept>,
    /// The hold that has a place, or left it last.
    places: HashMap<(EventId, String), HoldId>,
}

#[derive(Debug)]
struct Kept {
    holder: Holder,
    /// Places it has.
    has: Vec<String>,
    /// Places that name it.
    named: usize,
}

impl Followed {
    /// A hold that a place still names.
    pub(super) fn hold(&self, id: HoldId) -> Option<&Holder> {
        self.holds.get(&id).map(|kept| &kept.holder)
    }

    /// Who has a place now.
    pub(super) fn holder_of(&self, event: &EventId, place: &str) -> Option<&Holder> {
        let id = self.places.get(&(event.clone(), place.to_owned()))?;
        let kept = self.holds.get(id)?;
        kept.has.iter().any(|has| has == place).then_some(&kept.holder)
    }

    /// Does what an outcome says; of a repeat nothing follows.
    pub(super) fn follow(&mut self, outcome: &Outcome) {
        if outcome.header.role == Role::Repeat {
            return;
        }
        let moment = Moment { offset: outcome.header.offset, at: outcome.header.decided_at };
        match &outcome.body {
            OutcomeBody::Held(held) => self.begin(outcome, held, moment),
            OutcomeBody::Extended(held) => {
                self.changes(held.hold, Fate::Held { deadline: held.deadline });
            }
            OutcomeBody::Booked(booked) => self.changes(booked.hold, Fate::Booked(moment)),
            OutcomeBody::Released(released) => {
                self.changes(released.hold, Fate::Left(moment, released.cause));
                if let Some(kept) = self.holds.get_mut(&released.hold) {
                    kept.has.clear();
                }
            }
            OutcomeBody::Cancelled(cancelled) => {
                if cancelled.remaining == 0 {
                    self.changes(cancelled.hold, Fate::Left(moment, Cause::Cancelled));
                }
                if let Some(kept) = self.holds.get_mut(&cancelled.hold) {
                    kept.has.retain(|has| cancelled.places.iter().all(|place| place.seat != *has));
                }
            }
            OutcomeBody::Exchanged(exchanged) => self.exchange(outcome, exchanged),
            OutcomeBody::Changed(_) | OutcomeBody::Refused(_) => {}
        }
    }

    fn begin(&mut self, outcome: &Outcome, held: &Held, claimed: Moment) {
        let Some(buyer) = outcome.header.buyer.clone() else { return };
        let fate = Fate::Held { deadline: held.deadline };
        let holder = Holder { hold: held.hold, buyer, claimed, fate };
        let has: Vec<String> = held.places.iter().map(|place| place.seat.clone()).collect();
        for place in &has {
            let key = (outcome.header.event.clone(), place.clone());
            if let Some(before) = self.places.insert(key, held.hold) {
                self.unname(before);
            }
        }
        let named = has.len();
        self.holds.insert(held.hold, Kept { holder, has, named });
    }

    fn exchange(&mut self, outcome: &Outcome, exchanged: &Exchanged) {
        for seat in &exchanged.taken {
            let key = (outcome.header.event.clone(), seat.clone());
            let before = self.places.insert(key, exchanged.hold);
            if before == Some(exchanged.hold) {
                continue;
            }
            if let Some(kept) = self.holds.get_mut(&exchanged.hold) {
                kept.named += 1;
            }
            if let Some(before) = before {
                self.unname(before);
            }
        }
        if let Some(kept) = self.holds.get_mut(&exchanged.hold) {
            kept.has = exchanged.places.iter().map(|place| place.seat.clone()).collect();
        }
    }

    fn changes(&mut self, id: HoldId, fate: Fate) {
        if let Some(kept) = self.holds.get_mut(&id) {
            kept.holder.fate = fate;
        }
    }

    fn unname(&mut self, id: HoldId) {
        let Some(kept) = self.holds.get_mut(&id) else { return };
        kept.named -= 1;
        if kept.named == 0 {
            self.holds.remove(&id);
        }
    }

    /// How many holds are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.holds.len()
    }
}
