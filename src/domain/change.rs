//! The only code that changes an event's state.
//!
//! The live path, hydration from the ledger, replay and the simulator all go through
//! [`EventState::apply`]; whatever is not a [`Change`] cannot happen to an event.

use std::sync::Arc;

use super::event::{EventState, SaleState};
use super::hold::Hold;
use super::ids::{BuyerId, HoldId, Reference, SeatNumber};
use super::layout::Layout;
use super::limits::SEATS_PER_REQUEST_MAX;
use super::seat::{Cause, Priced, Status, StoredSeat};
use super::time::At;

/// One step of an event's life. All but the last two raise the sequence by one.
#[derive(Clone, Debug)]
pub enum Change {
    /// The event became known.
    Defined(Arc<Layout>),
    /// The sale was opened, closed, and so on.
    Sale(SaleState),
    /// Places were set aside.
    Held {
        /// The claim's id.
        hold: HoldId,
        /// For whom.
        buyer: BuyerId,
        /// What, in rising order.
        seats: Vec<Priced>,
        /// Until when.
        deadline: At,
        /// Offset of the claim.
        offset: i64,
    },
    /// A hold became a booking.
    Booked {
        /// Which.
        hold: HoldId,
        /// By which payment.
        reference: Reference,
    },
    /// A hold left its places.
    Freed {
        /// Which.
        hold: HoldId,
        /// Why.
        cause: Cause,
    },
    /// Log time reached this point.
    Decided(At),
    /// A place was read from the ledger, into an event that has just been restored.
    Restored(Box<StoredSeat>),
}

impl EventState {
    /// Names the places a change is about to touch, each with its `changed` so far.
    pub(super) fn touched_by(&self, change: &Change, mut tell: impl FnMut(SeatNumber, i64)) {
        let mut tell = |seat: SeatNumber| tell(seat, self.seat(seat).changed);
        match change {
            Change::Held { seats, .. } => seats.iter().for_each(|priced| tell(priced.seat)),
            Change::Booked { hold, .. } | Change::Freed { hold, .. } => {
                let hold = self.find_hold(*hold).expect("only a live hold is booked or freed");
                hold.seats.iter().copied().for_each(tell);
            }
            Change::Defined(_) | Change::Sale(_) | Change::Decided(_) | Change::Restored(_) => {}
        }
    }

    /// Applies one change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Defined(layout) => {
                assert!(!self.is_known(), "an event is defined once");
                self.sequence += 1;
                self.edition += 1;
                self.set_layout(Arc::clone(layout));
            }
            Change::Sale(sale) => {
                assert!(self.is_known(), "only a known event has a sale");
                self.sequence += 1;
                self.edition += 1;
                self.sale = *sale;
            }
            Change::Held { hold, buyer, seats, deadline, offset } => {
                self.sequence += 1;
                self.hold(*hold, buyer, seats, *deadline, *offset);
            }
            Change::Booked { hold, reference } => {
                self.sequence += 1;
                self.book(*hold, reference);
            }
            Change::Freed { hold, cause } => {
                self.sequence += 1;
                self.free(*hold, *cause);
            }
            Change::Decided(at) => self.last_at = self.last_at.max(*at),
            Change::Restored(stored) => self.restore(stored),
        }
    }

    fn hold(&mut self, id: HoldId, buyer: &BuyerId, seats: &[Priced], deadline: At, offset: i64) {
        assert!(!seats.is_empty() && seats.len() <= SEATS_PER_REQUEST_MAX);
        assert!(seats.windows(2).all(|pair| pair[0].seat < pair[1].seat), "places rise");
        for priced in seats {
            let seat = self.seats[priced.seat.0 as usize];
            assert!(seat.status == Status::Free, "a place has at most one holder");
            self.forget_leaver(seat.hold);
            let seat = &mut self.seats[priced.seat.0 as usize];
            seat.hold = id;
            seat.price = priced.price;
            seat.tier = priced.tier;
            seat.cause = Cause::None;
            seat.status = Status::Held;
            seat.changed = self.sequence;
            self.count_taken(priced.seat, buyer);
        }
        let hold = Hold {
            buyer: buyer.clone(),
            seats: seats.iter().map(|priced| priced.seat).collect(),
            deadline,
            offset,
            reference: None,
        };
        self.add_live_hold(id, hold);
    }

    fn book(&mut self, id: HoldId, reference: &Reference) {
        let hold = self.holds.get_mut(&id).expect("only a live hold is booked");
        assert!(!hold.is_booked(), "a hold is booked once");
        hold.reference = Some(reference.clone());
        let hold = hold.clone();
        self.end_live_hold(id, &hold);
        for number in hold.seats {
            let seat = &mut self.seats[number.0 as usize];
            assert!(seat.hold == id && seat.status == Status::Held);
            seat.status = Status::Booked;
            seat.changed = self.sequence;
            self.count_booked(number);
        }
        let other = self.references.insert(reference.clone(), id);
        assert!(other.is_none(), "a reference confirms one booking");
    }

    fn free(&mut self, id: HoldId, cause: Cause) {
        let hold = self.holds.remove(&id).expect("only a live hold is freed");
        assert!(!hold.is_booked(), "a booking is not freed by a release");
        self.end_live_hold(id, &hold);
        for &number in &hold.seats {
            self.count_freed(number, &hold.buyer);
            let seat = &mut self.seats[number.0 as usize];
            assert!(seat.hold == id && seat.status == Status::Held);
            seat.status = Status::Free;
            seat.cause = cause;
            seat.changed = self.sequence;
            self.remember_leaver(id, &hold.buyer, hold.offset, cause);
        }
    }

    fn restore(&mut self, stored: &StoredSeat) {
        let number = stored.number;
        assert!(self.seats[number.0 as usize].changed == 0, "a place is restored once");
        assert!(stored.changed > 0, "a stored place has been changed");
        let seat = &mut self.seats[number.0 as usize];
        seat.hold = stored.hold;
        seat.price = stored.price;
        seat.tier = stored.tier;
        seat.cause = stored.cause;
        seat.changed = stored.changed;
        seat.status = stored.status;
        if stored.status == Status::Free {
            let buyer = stored.buyer.as_ref().expect("shapes only");
            self.remember_leaver(stored.hold, buyer, stored.offset, stored.cause);
            return;
        }
        let buyer = stored.buyer.clone().expect("shapes only");
        self.count_taken(number, &buyer);
        if let Some(reference) = &stored.reference {
            self.count_booked(number);
            self.references.insert(reference.clone(), stored.hold);
        }
        if let Some(hold) = self.holds.get_mut(&stored.hold) {
            hold.seats.push(number);
            return;
        }
        let hold = Hold {
            buyer,
            seats: vec![number],
            deadline: stored.deadline,
            offset: stored.offset,
            reference: stored.reference.clone(),
        };
        if hold.is_booked() {
            self.holds.insert(stored.hold, hold);
        } else {
            self.add_live_hold(stored.hold, hold);
        }
    }
}
