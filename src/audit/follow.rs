//! What an outcome does to the model, judged or not.

use super::event::{EventModel, Hold, Record, Sale, Seat, changes, code_of};
use super::operate;
use crate::domain::ids::HoldId;
use crate::domain::outcome::{Changed, ChangedKind, Outcome, OutcomeBody};
use crate::domain::refusal::Code;
use crate::domain::seat::{Cause, Status};
use crate::domain::time::At;

impl EventModel {
    /// Does what an outcome says.
    pub(super) fn follow(&mut self, record: &Record<'_>, outcome: &Outcome) {
        let header = &outcome.header;
        if record.key_fits && code_of(outcome) != Some(Code::WrongPartition) {
            self.last_at = self.last_at.max(header.decided_at);
            self.suspended = code_of(outcome) == Some(Code::EventSuspended);
        }
        if !changes(outcome) {
            return;
        }
        self.changed_at = self.changed_at.max(header.decided_at);
        self.sequence = header.sequence;
        match &outcome.body {
            OutcomeBody::Held(held) => {
                let Some(buyer) = header.buyer.clone() else { return };
                for place in &held.places {
                    self.set_seat(&place.seat, Status::Held, held.hold);
                }
                self.of_buyer.entry(buyer.clone()).or_default().insert(held.hold);
                self.deadlines.insert((held.deadline, held.hold));
                let hold = Hold {
                    buyer,
                    places: held.places.clone(),
                    given_back: vec![],
                    deadline: held.deadline,
                    offset: record.offset,
                    reference: None,
                    ended: None,
                };
                self.holds.insert(held.hold, hold);
            }
            OutcomeBody::Booked(booked) => {
                self.references.insert(booked.reference.clone(), booked.hold);
                let Some(hold) = self.holds.get_mut(&booked.hold) else { return };
                hold.reference = Some(booked.reference.clone());
                self.deadlines.remove(&(hold.deadline, booked.hold));
                self.set_seats_of(booked.hold, Status::Booked);
            }
            OutcomeBody::Extended(held) => self.extend(held.hold, held.deadline),
            OutcomeBody::Released(released) => {
                self.set_seats_of(released.hold, Status::Free);
                self.end(released.hold, released.cause);
            }
            OutcomeBody::Cancelled(cancelled) => {
                let given_back = cancelled.places.iter().map(|place| place.seat.as_str());
                self.give_back(cancelled.hold, &given_back.collect::<Vec<_>>());
            }
            OutcomeBody::Changed(changed) => self.change(record, changed),
            OutcomeBody::Refused(_) => {}
        }
    }

    fn extend(&mut self, id: HoldId, deadline: At) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        if self.deadlines.remove(&(hold.deadline, id)) {
            self.deadlines.insert((deadline, id));
        }
        hold.deadline = deadline;
        self.set_seats_of(id, Status::Held);
    }

    /// Takes places from a booking; one without places has ended.
    fn give_back(&mut self, id: HoldId, seats: &[&str]) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        let given_back = hold.places.extract_if(.., |place| seats.contains(&place.seat.as_str()));
        let given_back: Vec<_> = given_back.collect();
        let over = hold.places.is_empty();
        hold.given_back.extend(given_back.iter().cloned());
        for place in &given_back {
            self.leave(&place.seat, id);
        }
        if over {
            self.end(id, Cause::Cancelled);
        }
    }

    fn end(&mut self, id: HoldId, cause: Cause) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.ended = Some(cause);
        self.deadlines.remove(&(hold.deadline, id));
        if let Some(holds) = self.of_buyer.get_mut(&hold.buyer) {
            holds.remove(&id);
        }
    }

    fn change(&mut self, record: &Record<'_>, changed: &Changed) {
        self.edition = changed.edition;
        match changed.kind {
            ChangedKind::Defined => self.venue = operate::defined(record),
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

    fn set_seat(&mut self, place: &str, status: Status, hold: HoldId) {
        let was_free = self.is_free(place);
        let (changed, offset) = (self.sequence, self.last_offset);
        self.seats.insert(place.into(), Seat { status, hold, changed, offset });
        let section = self.venue.as_ref().and_then(|venue| venue.section_of(place));
        let taken = self.taken.entry(section.unwrap_or_default().into()).or_default();
        match (was_free, status == Status::Free) {
            (true, false) => *taken += 1,
            (false, true) => *taken -= 1,
            (true, true) | (false, false) => {}
        }
    }
}
