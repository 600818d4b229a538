//! What an outcome does to the model, judged or not.

use super::edition::Edition;
use super::event::{EventModel, Hold, Record, Sale, Seat, changes, in_hand, judged_alone};
use super::operate;
use crate::domain::ids::{BuyerId, HoldId};
use crate::domain::outcome::{
    Booked, Changed, ChangedKind, Exchanged, Held, Outcome, OutcomeBody, Place, ToBlock,
};
use crate::domain::refusal::Code;
use crate::domain::request::Body;
use crate::domain::seat::{Cause, Status};
use crate::domain::time::At;

impl EventModel {
    /// Does what an outcome says.
    pub(super) fn follow(&mut self, record: &Record<'_>, outcome: &Outcome) {
        let header = &outcome.header;
        if in_hand(record, outcome) {
            self.last_at = self.last_at.max(header.decided_at);
            if !judged_alone(outcome) {
                self.suspended = outcome.code() == Some(Code::EventSuspended);
            }
        }
        if !changes(outcome) {
            return;
        }
        self.changed_at = self.changed_at.max(header.decided_at);
        self.sequence = header.sequence;
        match &outcome.body {
            OutcomeBody::Held(held) => {
                let Some(buyer) = header.buyer.clone() else { return };
                self.hold(record.offset, buyer, held);
            }
            OutcomeBody::Booked(booked) => self.book(booked),
            OutcomeBody::Extended(held) => self.extend(held.hold, held.deadline),
            OutcomeBody::Released(released) => {
                self.set_seats_of(released.hold, Status::Free);
                self.end(released.hold, released.cause);
            }
            OutcomeBody::Cancelled(cancelled) => {
                self.give_back(cancelled.hold, &cancelled.places, &cancelled.to_blocks);
            }
            OutcomeBody::Exchanged(exchanged) => {
                self.take_more(exchanged);
                self.give_back(exchanged.hold, &exchanged.given_back, &exchanged.to_blocks);
            }
            OutcomeBody::Changed(changed) => self.change(record, changed),
            OutcomeBody::Refused(_) => {}
        }
    }

    /// A hold is there before its places are set: they count how many of them name it.
    fn hold(&mut self, offset: i64, buyer: BuyerId, held: &Held) {
        let id = held.hold;
        let named = match self.holds.remove(&id) {
            Some(before) => {
                self.unlist(id, &before);
                before.named
            }
            None => 0,
        };
        self.of_buyer.entry(buyer.clone()).or_default().insert(id);
        self.deadlines.insert((held.deadline, id));
        let hold = Hold {
            buyer,
            places: held.places.clone(),
            given_back: vec![],
            deadline: held.deadline,
            offset,
            reference: None,
            ended: None,
            named,
        };
        self.holds.insert(id, hold);
        for place in &held.places {
            self.set_seat(&place.seat, Status::Held, id);
        }
    }

    fn book(&mut self, booked: &Booked) {
        let (id, reference) = (booked.hold, &booked.reference);
        let Some(hold) = self.holds.get_mut(&id) else { return };
        let before = hold.reference.replace(reference.clone());
        self.deadlines.remove(&(hold.deadline, id));
        if let Some(before) = before.filter(|before| before != reference) {
            self.references.remove(&before);
        }
        self.references.insert(reference.clone(), id);
        self.set_seats_of(id, Status::Booked);
    }

    fn extend(&mut self, id: HoldId, deadline: At) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        if self.deadlines.remove(&(hold.deadline, id)) {
            self.deadlines.insert((deadline, id));
        }
        hold.deadline = deadline;
        self.set_seats_of(id, Status::Held);
    }

    /// Gives places to a booking.
    fn take_more(&mut self, exchanged: &Exchanged) {
        let Some(hold) = self.holds.get_mut(&exchanged.hold) else { return };
        let is_new = |place: &Place| exchanged.taken.contains(&place.seat);
        hold.given_back.retain(|place| !is_new(place));
        hold.places.extend(exchanged.places.iter().filter(|place| is_new(place)).cloned());
        for seat in &exchanged.taken {
            self.set_seat(seat, Status::Booked, exchanged.hold);
        }
    }

    /// Takes places from a booking; one without places has ended.
    fn give_back(&mut self, id: HoldId, places: &[Place], to_blocks: &[ToBlock]) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        let told = |place: &Place| places.iter().any(|other| other.seat == place.seat);
        let given_back: Vec<_> = hold.places.extract_if(.., |place| told(place)).collect();
        let over = hold.places.is_empty();
        hold.given_back.extend(given_back.iter().cloned());
        for Place { seat, .. } in &given_back {
            match to_blocks.iter().find(|to| to.seat == *seat) {
                Some(to) => self.blocks.insert(seat.clone(), to.reason.clone()),
                None => self.blocks.remove(seat),
            };
            self.leave(seat, id);
        }
        if over {
            self.end(id, Cause::Cancelled);
        }
    }

    fn end(&mut self, id: HoldId, cause: Cause) {
        let Some(mut hold) = self.holds.remove(&id) else { return };
        hold.ended = Some(cause);
        self.unlist(id, &hold);
        if hold.named == 0 {
            self.forget(id, &hold);
        } else {
            self.holds.insert(id, hold);
        }
    }

    /// Takes a hold out of the lists of those that have not ended.
    fn unlist(&mut self, id: HoldId, hold: &Hold) {
        self.deadlines.remove(&(hold.deadline, id));
        if let Some(holds) = self.of_buyer.get_mut(&hold.buyer) {
            holds.remove(&id);
            if holds.is_empty() {
                self.of_buyer.remove(&hold.buyer);
            }
        }
    }

    /// Nothing names the hold any more, and with it nobody knows what it was paid by.
    fn forget(&mut self, id: HoldId, hold: &Hold) {
        if let Some(reference) = &hold.reference
            && self.references.get(reference) == Some(&id)
        {
            self.references.remove(reference);
        }
    }

    fn change(&mut self, record: &Record<'_>, changed: &Changed) {
        self.edition = changed.edition;
        match changed.kind {
            ChangedKind::Defined => self.venue = operate::defined(record),
            ChangedKind::Amended => self.amend(record),
            ChangedKind::Opened => self.sale = Sale::Open,
            ChangedKind::Paused => self.sale = Sale::Paused,
            ChangedKind::Closed => self.sale = Sale::Closed,
            ChangedKind::CalledOff => self.sale = Sale::Off,
            ChangedKind::Blocked => {
                for place in &changed.seats {
                    self.blocks.insert(place.clone(), changed.reason.clone());
                    self.touch(place);
                }
            }
            ChangedKind::Unblocked => {
                for place in &changed.seats {
                    self.blocks.remove(place);
                    self.touch(place);
                }
            }
        }
    }

    /// Places that are no more are forgotten, and with the last of them who left them.
    fn amend(&mut self, record: &Record<'_>) {
        let Body::Amend(amend) = &record.request.body else { return };
        let Ok(edition) = Edition::of(self, &amend.definition) else { return };
        let gone: Vec<String> = edition.gone(self).cloned().collect();
        for place in gone {
            self.blocks.remove(&place);
            let Some(seat) = self.seats.remove(&place) else { continue };
            let section = self.venue.as_ref().and_then(|venue| venue.section_of(&place));
            if let Some(taken) = section.and_then(|section| self.taken.get_mut(section))
                && seat.status != Status::Free
            {
                *taken -= 1;
            }
            self.unname(seat.hold);
        }
        self.venue = Some(edition.venue);
    }

    fn set_seats_of(&mut self, id: HoldId, status: Status) {
        let Some(hold) = self.holds.get(&id) else { return };
        let places: Vec<String> = hold.places.iter().map(|place| place.seat.clone()).collect();
        for place in places {
            match status {
                Status::Free | Status::Blocked => self.leave(&place, id),
                Status::Held | Status::Booked if self.is_with(id, &place) => {
                    self.set_seat(&place, status, id);
                }
                Status::Held | Status::Booked => {}
            }
        }
    }

    fn is_with(&self, id: HoldId, place: &str) -> bool {
        self.holder(place).is_some_and(|(holder, _)| holder == id)
    }

    /// A place is left by the hold that has it: free, or back in its block (F7).
    fn leave(&mut self, place: &str, id: HoldId) {
        if self.is_with(id, place) {
            let status = self.with_nobody(place);
            self.set_seat(place, status, id);
        }
    }

    /// A block came or went; who has the place keeps it.
    fn touch(&mut self, place: &str) {
        let seat = self.seats.get(place).copied();
        let hold = seat.map_or(HoldId::NONE, |seat| seat.hold);
        let status = match seat.map(|seat| seat.status) {
            Some(taken @ (Status::Held | Status::Booked)) => taken,
            Some(Status::Free | Status::Blocked) | None => self.with_nobody(place),
        };
        self.set_seat(place, status, hold);
    }

    fn with_nobody(&self, place: &str) -> Status {
        if self.blocks.contains_key(place) { Status::Blocked } else { Status::Free }
    }

    /// A place that does not exist is a finding and nothing to remember.
    fn set_seat(&mut self, place: &str, status: Status, hold: HoldId) {
        let Some(section) = self.venue.as_ref().and_then(|venue| venue.section_of(place)) else {
            return;
        };
        let seat = Seat { status, hold, changed: self.sequence, offset: self.last_offset };
        let before = match self.seats.get_mut(place) {
            Some(known) => Some(std::mem::replace(known, seat)),
            None => self.seats.insert(place.into(), seat),
        };
        let was_free = before.is_none_or(|before| before.status == Status::Free);
        if was_free != (status == Status::Free) {
            if !self.taken.contains_key(section) {
                self.taken.insert(section.into(), 0);
            }
            let taken = self.taken.get_mut(section).expect("just made sure of");
            if was_free { *taken += 1 } else { *taken -= 1 }
        }
        let named = before.map_or(HoldId::NONE, |before| before.hold);
        if named != hold {
            self.name(hold);
            self.unname(named);
        }
    }

    fn name(&mut self, id: HoldId) {
        if let Some(hold) = self.holds.get_mut(&id) {
            hold.named += 1;
        }
    }

    /// One place less names a hold. One that ended is forgotten with the last of them.
    fn unname(&mut self, id: HoldId) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.named -= 1;
        if hold.named == 0 && hold.ended.is_some() {
            let hold = self.holds.remove(&id).expect("just seen");
            self.forget(id, &hold);
        }
    }
}
