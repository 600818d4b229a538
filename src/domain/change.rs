//! The only code that changes an event's state.
//!
//! The live path, hydration from the ledger, replay and the simulator all go through
//! [`EventState::apply`]; whatever is not a [`Change`] cannot happen to an event.

use std::sync::Arc;

use super::event::{EventState, SaleState};
use super::hold::Hold;
use super::ids::{BuyerId, HoldId, Reference, RowNumber, SeatNumber};
use super::layout::Layout;
use super::limits::{BLOCK_SEATS_MAX, SEATS_PER_REQUEST_MAX};
use super::rule::Rule;
use super::seat::{Cause, Priced, Seat, Status, StoredSeat};
use super::time::At;

/// One step of an event's life. All but the last two raise the sequence by one.
#[derive(Clone, Debug)]
pub enum Change {
    /// The event became known.
    Defined(Arc<Layout>),
    /// Its definition became another one; places that are in both keep their rows.
    Amended(Arc<Layout>),
    /// The sale was opened, closed, and so on.
    Sale(SaleState),
    /// Free places were kept from sale.
    Blocked {
        /// Which, in rising order.
        seats: Vec<SeatNumber>,
        /// What for.
        reason: Arc<str>,
    },
    /// Places no longer belong to a block: they are free, or will be when their holder leaves them.
    Unblocked {
        /// Which, in rising order.
        seats: Vec<SeatNumber>,
    },
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
    /// A hold's deadline moved.
    Extended {
        /// Which.
        hold: HoldId,
        /// Until when.
        deadline: At,
    },
    /// A hold left its places.
    Freed {
        /// Which.
        hold: HoldId,
        /// Why.
        cause: Cause,
    },
    /// A booking left some or all of its places.
    Cancelled {
        /// The hold it was.
        hold: HoldId,
        /// Which, in rising order.
        seats: Vec<SeatNumber>,
        /// The block they go to; without one each goes back where it came from.
        block: Option<Arc<str>>,
    },
    /// A booking left some or all of its places for others.
    Exchanged {
        /// The hold it was, and stays.
        hold: HoldId,
        /// Which it left, in rising order.
        left: Vec<SeatNumber>,
        /// Which it took, in rising order.
        taken: Vec<Priced>,
    },
    /// Log time reached this point.
    Decided(At),
    /// A place was read from the ledger, into an event that has just been restored.
    Restored(Box<StoredSeat>),
}

impl EventState {
    /// Names the rows of the places a change is about to touch, each with its `changed` so far.
    pub(super) fn touched_by(&self, change: &Change, mut tell: impl FnMut(RowNumber, i64)) {
        let Some(layout) = &self.layout else { return };
        let mut tell = |seat: SeatNumber| tell(layout.ledger_row(seat), self.seat(seat).changed);
        match change {
            Change::Held { seats, .. } => seats.iter().for_each(|priced| tell(priced.seat)),
            Change::Booked { hold, .. }
            | Change::Extended { hold, .. }
            | Change::Freed { hold, .. } => {
                let hold = self.find_hold(*hold).expect("only what is there is changed");
                hold.seats.iter().copied().for_each(tell);
            }
            Change::Exchanged { left, taken, .. } => {
                left.iter().copied().chain(taken.iter().map(|priced| priced.seat)).for_each(tell);
            }
            Change::Cancelled { seats, .. }
            | Change::Blocked { seats, .. }
            | Change::Unblocked { seats } => seats.iter().copied().for_each(tell),
            Change::Defined(_)
            | Change::Amended(_)
            | Change::Sale(_)
            | Change::Decided(_)
            | Change::Restored(_) => {}
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
            Change::Amended(layout) => {
                self.sequence += 1;
                self.edition += 1;
                self.amend(layout);
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
            Change::Extended { hold, deadline } => {
                self.sequence += 1;
                self.extend(*hold, *deadline);
            }
            Change::Freed { hold, cause } => {
                self.sequence += 1;
                self.free(*hold, *cause);
            }
            Change::Cancelled { hold, seats, block } => {
                self.sequence += 1;
                self.cancel(*hold, seats, block.as_ref());
            }
            Change::Exchanged { hold, left, taken } => {
                self.sequence += 1;
                self.exchange(*hold, left, taken);
            }
            Change::Blocked { seats, reason } => {
                self.sequence += 1;
                self.block(seats, reason);
            }
            Change::Unblocked { seats } => {
                self.sequence += 1;
                self.unblock(seats);
            }
            Change::Decided(at) => self.last_at = self.last_at.max(*at),
            Change::Restored(stored) => self.restore(stored),
        }
    }

    /// Everything but the rows of the places follows from the definition: it is made anew from
    /// both, as by a takeover.
    fn amend(&mut self, layout: &Arc<Layout>) {
        let old = self.layout.as_ref().expect("only a known event is amended");
        let rows = (0..old.seats()).map(|seat| old.ledger_row(SeatNumber(seat)));
        let stored: Vec<StoredSeat> = rows.filter_map(|row| self.stored(row)).collect();
        let mut amended = EventState::restored(self.event.clone(), Arc::clone(layout));
        for place in stored {
            let taken = matches!(place.status, Status::Held | Status::Booked);
            let stays = layout.place_of(place.number).is_some();
            assert!(stays || !taken, "a place that somebody has stays");
            if stays {
                amended.restore(&place);
            }
        }
        (amended.sequence, amended.edition) = (self.sequence, self.edition);
        (amended.sale, amended.last_at) = (self.sale, self.last_at);
        *self = amended;
    }

    fn hold(&mut self, id: HoldId, buyer: &BuyerId, seats: &[Priced], deadline: At, offset: i64) {
        assert!(!seats.is_empty() && seats.len() <= SEATS_PER_REQUEST_MAX);
        assert!(seats.windows(2).all(|pair| pair[0].seat < pair[1].seat), "places rise");
        seats.iter().for_each(|priced| self.take(priced, id, buyer));
        let hold = Hold {
            buyer: buyer.clone(),
            seats: seats.iter().map(|priced| priced.seat).collect(),
            deadline,
            offset,
            reference: None,
        };
        self.add_live_hold(id, hold);
    }

    /// A place nobody has is set aside, and forgets who left it.
    fn take(&mut self, priced: &Priced, id: HoldId, buyer: &BuyerId) {
        self.leave_pool(priced.seat);
        self.forget_leaver(self.seat(priced.seat).hold);
        self.seats[priced.seat.0 as usize] = Seat {
            hold: id,
            price: priced.price,
            changed: self.sequence,
            status: Status::Held,
            cause: Cause::None,
            tier: priced.tier,
        };
        self.count_taken(priced.seat, buyer);
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

    fn extend(&mut self, id: HoldId, deadline: At) {
        let hold = self.holds.get_mut(&id).expect("only a live hold is extended");
        assert!(!hold.is_booked() && hold.deadline < deadline, "a hold is never shortened");
        let before = std::mem::replace(&mut hold.deadline, deadline);
        for number in &hold.seats {
            self.seats[number.0 as usize].changed = self.sequence;
        }
        self.move_deadline(id, before, deadline);
    }

    fn free(&mut self, id: HoldId, cause: Cause) {
        let hold = self.holds.remove(&id).expect("only a live hold is freed");
        assert!(!hold.is_booked(), "a booking is not freed by a release");
        self.end_live_hold(id, &hold);
        // What a release without the rule would do.
        if !Rule::BlockIsReturnedTo.holds() {
            self.forget_blocks(&hold.seats);
        }
        let cause = if Rule::CauseIsRemembered.holds() { cause } else { Cause::Released };
        hold.seats.iter().for_each(|&number| self.leave(number, id, &hold, cause));
    }

    fn cancel(&mut self, id: HoldId, seats: &[SeatNumber], block: Option<&Arc<str>>) {
        let mut hold = self.holds.remove(&id).expect("only a booking is cancelled");
        assert!(hold.is_booked() && !seats.is_empty(), "only places of a booking are cancelled");
        let before = hold.seats.len();
        hold.seats.retain(|seat| seats.binary_search(seat).is_err());
        assert_eq!(hold.seats.len() + seats.len(), before, "only its own places");
        if let Some(reason) = block {
            self.forget_blocks(seats);
            seats.iter().for_each(|&number| self.remember_block(number, reason));
        }
        seats.iter().for_each(|&number| self.leave(number, id, &hold, Cause::Cancelled));
        if !hold.seats.is_empty() {
            self.holds.insert(id, hold);
        }
    }

    /// Places an exchange leaves were given back by a booking, as by a cancel: nothing takes them
    /// again for a payment that comes late.
    fn exchange(&mut self, id: HoldId, left: &[SeatNumber], taken: &[Priced]) {
        assert!(!left.is_empty() && !taken.is_empty(), "an exchange leaves and takes");
        let mut hold = self.holds.get(&id).expect("only a booking is exchanged").clone();
        assert!(hold.is_booked(), "only a booking is exchanged");
        let before = hold.seats.len();
        hold.seats.retain(|seat| left.binary_search(seat).is_err());
        assert_eq!(hold.seats.len() + left.len(), before, "only its own places");
        left.iter().for_each(|&number| self.leave(number, id, &hold, Cause::Cancelled));
        for priced in taken {
            self.take(priced, id, &hold.buyer);
            self.seats[priced.seat.0 as usize].status = Status::Booked;
            self.count_booked(priced.seat);
            hold.seats.push(priced.seat);
        }
        hold.seats.sort_unstable();
        assert!(hold.seats.len() <= SEATS_PER_REQUEST_MAX, "a booking is bounded");
        self.holds.insert(id, hold);
    }

    /// A taken place goes back where it came from, and remembers who left it.
    fn leave(&mut self, number: SeatNumber, id: HoldId, hold: &Hold, cause: Cause) {
        assert!(self.seat(number).hold == id, "a hold leaves its own places");
        self.count_left(number, &hold.buyer);
        self.join_pool(number);
        let seat = &mut self.seats[number.0 as usize];
        seat.cause = cause;
        seat.changed = self.sequence;
        self.remember_leaver(id, hold, cause);
    }

    /// Taken places belong to no block any more.
    fn forget_blocks(&mut self, seats: &[SeatNumber]) {
        for &number in seats {
            if self.block_of(number).is_some() {
                self.forget_block(number);
            }
        }
    }

    fn block(&mut self, seats: &[SeatNumber], reason: &Arc<str>) {
        assert!(!seats.is_empty() && seats.len() <= BLOCK_SEATS_MAX && !reason.is_empty());
        for &number in seats {
            assert!(self.seat(number).status == Status::Free, "only a free place is blocked");
            self.leave_pool(number);
            self.remember_block(number, reason);
            self.join_pool(number);
            self.seats[number.0 as usize].changed = self.sequence;
        }
    }

    fn unblock(&mut self, seats: &[SeatNumber]) {
        assert!(!seats.is_empty() && seats.len() <= BLOCK_SEATS_MAX);
        for &number in seats {
            let had_by_nobody = self.seat(number).status == Status::Blocked;
            if had_by_nobody {
                self.leave_pool(number);
            }
            self.forget_block(number);
            if had_by_nobody {
                self.join_pool(number);
            }
            self.seats[number.0 as usize].changed = self.sequence;
        }
    }

    fn restore(&mut self, stored: &StoredSeat) {
        let layout = self.layout.as_ref().expect("only a known event has places");
        let number =
            layout.place_of(stored.number).expect("only a place that is there is restored");
        assert!(self.seat(number).changed == 0, "a place is restored once");
        assert!(stored.is_sound(), "a stored place is as some change left it");
        self.leave_pool(number);
        if let Some(reason) = &stored.block {
            self.remember_block(number, reason);
        }
        self.seats[number.0 as usize] = Seat {
            hold: stored.hold,
            price: stored.price,
            changed: stored.changed,
            status: stored.status,
            cause: stored.cause,
            tier: stored.tier,
        };
        let hold = stored.buyer.as_ref().map(|buyer| Hold {
            buyer: buyer.clone(),
            seats: vec![number],
            deadline: stored.deadline,
            offset: stored.offset,
            reference: stored.reference.clone(),
        });
        if let Some(reference) = &stored.reference {
            self.references.insert(reference.clone(), stored.hold);
        }
        match stored.status {
            Status::Free | Status::Blocked => {
                self.join_pool(number);
                if let Some(hold) = hold {
                    self.remember_leaver(stored.hold, &hold, stored.cause);
                }
            }
            Status::Held | Status::Booked => {
                self.restore_taken(stored.hold, hold.expect("a taken place has a buyer"));
            }
        }
    }

    /// One more place of a hold or booking.
    fn restore_taken(&mut self, id: HoldId, of_place: Hold) {
        let number = of_place.seats[0];
        self.count_taken(number, &of_place.buyer);
        if of_place.is_booked() {
            self.count_booked(number);
        }
        match self.holds.get_mut(&id) {
            Some(hold) => {
                let at = hold.seats.partition_point(|seat| *seat < number);
                hold.seats.insert(at, number);
            }
            None if of_place.is_booked() => {
                self.holds.insert(id, of_place);
            }
            None => self.add_live_hold(id, of_place),
        }
    }
}
