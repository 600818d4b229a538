//! The only code that changes an event's state.
//!
//! The live path, hydration from the ledger, replay and the simulator all go through
//! [`EventState::apply`]; whatever is not a [`Change`] cannot happen to an event.

use std::sync::Arc;

use super::event::{EventState, SaleState};
use super::hold::{Hold, Seats};
use super::ids::{BuyerId, HoldId, Reference, RowNumber, SeatNumber};
use super::layout::Layout;
use super::limits::{BLOCK_SEATS_MAX, SEATS_PER_REQUEST_MAX};
use super::rule::Rule;
use super::seat::{Cause, Priced, Seat, Status, StoredSeat, Wanted};
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
        seats: Wanted,
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
        seats: Seats,
        /// The block they go to; without one each goes back where it came from.
        block: Option<Arc<str>>,
    },
    /// A booking left some or all of its places for others.
    Exchanged {
        /// The hold it was, and stays.
        hold: HoldId,
        /// Which it left, in rising order.
        left: Seats,
        /// Which it took, in rising order.
        taken: Wanted,
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
            Change::Cancelled { seats, .. } => seats.iter().copied().for_each(tell),
            Change::Blocked { seats, .. } | Change::Unblocked { seats } => {
                seats.iter().copied().for_each(tell);
            }
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
            let stays = layout.place_of(place.number).is_some();
            assert!(stays || !place.status.is_taken(), "a place that somebody has stays");
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
        seats.iter().for_each(|priced| self.take(priced, id));
        let numbers = || seats.iter().map(|priced| priced.seat);
        self.count_of_buyer(buyer, numbers()).live_holds.insert(id, ());
        self.add_deadline(id, deadline);
        let hold = Hold {
            buyer: buyer.clone(),
            seats: numbers().collect(),
            deadline,
            offset,
            reference: None,
            left: 0,
            cause: Cause::None,
        };
        let other = self.holds.insert(id, hold);
        assert!(other.is_none(), "a hold is made once");
    }

    /// A place nobody has is set aside, and forgets who left it.
    fn take(&mut self, priced: &Priced, id: HoldId) {
        self.leave_pool(priced.seat);
        self.forget_left_place(self.seat(priced.seat).hold);
        self.seats[priced.seat.0 as usize] = Seat {
            hold: id,
            price: priced.price,
            changed: self.sequence,
            status: Status::Held,
            cause: Cause::None,
            tier: priced.tier,
        };
        self.count_taken(priced.seat);
    }

    fn book(&mut self, id: HoldId, reference: &Reference) {
        let hold = self.holds.get_mut(&id).expect("only a live hold is booked");
        assert!(!hold.is_booked(), "a hold is booked once");
        hold.reference = Some(reference.clone());
        let (buyer, deadline, seats) = (hold.buyer.clone(), hold.deadline, hold.seats.clone());
        self.end_live_hold(&buyer, id, deadline);
        for number in seats {
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
        let hold = self.find_hold(id).expect("only a live hold is freed");
        assert!(!hold.is_booked(), "a booking is not freed by a release");
        let (deadline, seats) = (hold.deadline, hold.seats.clone());
        self.end_deadline(id, deadline);
        // What a release without the rule would do.
        if !Rule::BlockIsReturnedTo.holds() {
            self.forget_blocks(&seats);
        }
        let cause = if Rule::CauseIsRemembered.holds() { cause } else { Cause::Released };
        self.leave(id, &seats, cause);
    }

    fn cancel(&mut self, id: HoldId, seats: &[SeatNumber], block: Option<&Arc<str>>) {
        assert!(!seats.is_empty(), "a cancel gives places back");
        if let Some(reason) = block {
            self.forget_blocks(seats);
            seats.iter().for_each(|&number| self.remember_block(number, reason));
        }
        self.leave(id, seats, Cause::Cancelled);
    }

    /// Places an exchange leaves were given back by a booking, as by a cancel: nothing takes them
    /// again for a payment that comes late.
    fn exchange(&mut self, id: HoldId, left: &[SeatNumber], taken: &[Priced]) {
        assert!(!left.is_empty() && !taken.is_empty(), "an exchange leaves and takes");
        let buyer = self.find_hold(id).expect("only a booking is exchanged").buyer.clone();
        self.leave(id, left, Cause::Cancelled);
        for priced in taken {
            self.take(priced, id);
            self.seats[priced.seat.0 as usize].status = Status::Booked;
            self.count_booked(priced.seat);
        }
        let numbers = || taken.iter().map(|priced| priced.seat);
        self.count_of_buyer(&buyer, numbers());
        let hold = self.holds.get_mut(&id).expect("the places it left name it");
        hold.seats.extend(numbers());
        hold.seats.sort_unstable();
        assert!(hold.seats.len() <= SEATS_PER_REQUEST_MAX, "a booking is bounded");
    }

    /// Places of a hold or booking go back where they came from, and remember who left them.
    fn leave(&mut self, id: HoldId, left: &[SeatNumber], cause: Cause) {
        let hold = self.holds.get_mut(&id).expect("only a hold leaves places");
        assert!((cause == Cause::Cancelled) == hold.is_booked(), "a booking ends by a cancel");
        let before = hold.seats.len();
        hold.seats.retain(|seat| left.binary_search(seat).is_err());
        assert_eq!(hold.seats.len() + left.len(), before, "only its own places");
        hold.left += u32::try_from(left.len()).expect("a hold is bounded");
        hold.cause = cause;
        let (buyer, ended) = (hold.buyer.clone(), (!hold.is_booked()).then_some(id));
        self.count_left_by_buyer(&buyer, left, ended);
        for &number in left {
            assert!(self.seat(number).hold == id, "a hold leaves its own places");
            self.count_left(number);
            self.join_pool(number);
            let seat = &mut self.seats[number.0 as usize];
            seat.cause = cause;
            seat.changed = self.sequence;
        }
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
        let taken = stored.status.is_taken();
        if !taken {
            self.join_pool(number);
        }
        let Some(buyer) = &stored.buyer else { return };
        if let Some(reference) = &stored.reference {
            self.references.insert(reference.clone(), stored.hold);
        }
        let hold = self.holds.entry(stored.hold).or_insert_with(|| Hold {
            buyer: buyer.clone(),
            seats: Seats::new(),
            deadline: stored.deadline,
            offset: stored.offset,
            reference: stored.reference.clone(),
            left: 0,
            cause: Cause::None,
        });
        if !taken {
            hold.left += 1;
            hold.cause = stored.cause;
            return;
        }
        let is_new_hold = hold.seats.is_empty() && !hold.is_booked();
        if hold.seats.is_empty() {
            hold.deadline = stored.deadline;
        }
        let at = hold.seats.partition_point(|seat| *seat < number);
        hold.seats.insert(at, number);
        self.count_taken(number);
        if stored.status == Status::Booked {
            self.count_booked(number);
        }
        let of_buyer = self.count_of_buyer(buyer, [number].into_iter());
        if is_new_hold {
            of_buyer.live_holds.insert(stored.hold, ());
            self.add_deadline(stored.hold, stored.deadline);
        }
    }
}
