//! The indexes of an event: small steps that `apply` is made of, and the recount that checks them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;

use super::{Buyer, EventState, Taken};
use crate::domain::free_set::FreeSet;
use crate::domain::hold::Seats;
use crate::domain::ids::{BuyerId, HoldId, Reference, SeatNumber};
use crate::domain::runs::Runs;
use crate::domain::seat::{Cause, Seat, Status};
use crate::domain::time::At;

impl EventState {
    pub(in crate::domain) fn add_deadline(&mut self, id: HoldId, deadline: At) {
        self.deadlines.insert((deadline, id));
    }

    pub(in crate::domain) fn move_deadline(&mut self, id: HoldId, from: At, to: At) {
        self.end_deadline(id, from);
        self.add_deadline(id, to);
    }

    pub(in crate::domain) fn end_deadline(&mut self, id: HoldId, deadline: At) {
        let due = self.deadlines.remove(&(deadline, id));
        assert!(due, "a live hold has a deadline");
    }

    /// One place less names the hold that left it. With the last one nobody knows any more what it
    /// was paid by.
    pub(in crate::domain) fn forget_left_place(&mut self, id: HoldId) {
        if id == HoldId::NONE {
            return;
        }
        let hold = self.holds.get_mut(&id).expect("a place knows who left it");
        hold.left -= 1;
        if hold.left > 0 {
            return;
        }
        hold.cause = Cause::None;
        if hold.seats.is_empty() {
            let hold = self.holds.remove(&id).expect("just seen");
            if let Some(reference) = hold.reference {
                self.references.remove(&reference);
            }
        }
    }

    fn place(&self, number: SeatNumber) -> (usize, u32) {
        let layout = self.layout.as_ref().expect("only a known event has places");
        let section = layout.section_of(number);
        (section, number.0 - layout.span(section).0)
    }

    /// Takes a place nobody has out of the free or blocked ones, as its status says.
    pub(in crate::domain) fn leave_pool(&mut self, number: SeatNumber) {
        let (section, index) = self.place(number);
        match self.seat(number).status {
            Status::Free => {
                self.free[section].remove(index);
                let layout = self.layout.as_ref().expect("only a known event has places");
                if let Some(spot) = layout.spot(number) {
                    self.runs.remove(layout, spot);
                }
            }
            Status::Blocked => self.blocked[section].remove(index),
            Status::Held | Status::Booked => panic!("a place has at most one holder"),
        }
    }

    /// Puts a place among the blocked ones, if it belongs to a block, else among the free ones.
    pub(in crate::domain) fn join_pool(&mut self, number: SeatNumber) {
        let (section, index) = self.place(number);
        let status = if self.blocks.contains_key(&number) {
            self.blocked[section].insert(index);
            Status::Blocked
        } else {
            self.free[section].insert(index);
            let layout = self.layout.as_ref().expect("only a known event has places");
            if let Some(spot) = layout.spot(number) {
                self.runs.insert(layout, spot);
            }
            Status::Free
        };
        self.seats[number.0 as usize].status = status;
    }

    /// Remembers that a place belongs to a block.
    pub(in crate::domain) fn remember_block(&mut self, number: SeatNumber, reason: &Arc<str>) {
        let other = self.blocks.insert(number, Arc::clone(reason));
        assert!(other.is_none(), "a place belongs to one block");
    }

    /// Forgets that a place belongs to a block.
    pub(in crate::domain) fn forget_block(&mut self, number: SeatNumber) {
        let reason = self.blocks.remove(&number);
        assert!(reason.is_some(), "only a blocked place is unblocked");
    }

    /// A hold of a buyer is live no more.
    pub(in crate::domain) fn end_live_hold(&mut self, buyer: &BuyerId, id: HoldId, deadline: At) {
        let entry = self.buyers.get_mut(buyer).expect("a holder is known");
        entry.live_holds.remove(&id);
        self.end_deadline(id, deadline);
    }

    pub(in crate::domain) fn count_taken(&mut self, number: SeatNumber) {
        self.taken_with(number).held += 1;
    }

    pub(in crate::domain) fn count_booked(&mut self, number: SeatNumber) {
        let taken = self.taken_with(number);
        taken.held -= 1;
        taken.booked += 1;
    }

    /// Counts a place as left, while its status still says how it was taken.
    pub(in crate::domain) fn count_left(&mut self, number: SeatNumber) {
        let status = self.seat(number).status;
        let taken = self.taken_with(number);
        match status {
            Status::Held => taken.held -= 1,
            Status::Booked => taken.booked -= 1,
            Status::Free | Status::Blocked => panic!("only a taken place is left"),
        }
    }

    /// The count that a taken place is in.
    fn taken_with(&mut self, number: SeatNumber) -> &mut Taken {
        let (section, tier) = (self.place(number).0, self.seat(number).tier);
        self.taken[section].or_default(tier)
    }

    /// A buyer has places that are marked as taken.
    pub(in crate::domain) fn count_of_buyer(
        &mut self,
        buyer: &BuyerId,
        seats: impl Iterator<Item = SeatNumber>,
    ) -> &mut Buyer {
        let entry = self.buyers.entry(buyer.clone()).or_default();
        seats.for_each(|number| entry.count_taken(self.seats[number.0 as usize].tier));
        entry
    }

    /// A buyer has places no more, nor the live hold that ended with them, if one did.
    pub(in crate::domain) fn count_left_by_buyer(
        &mut self,
        buyer: &BuyerId,
        seats: &[SeatNumber],
        ended: Option<HoldId>,
    ) {
        let entry = self.buyers.get_mut(buyer).expect("a holder is known");
        for number in seats {
            let tier = self.seats[number.0 as usize].tier;
            let count = entry.by_tier.get_mut(&tier).expect("a holder has places of the tier");
            *count -= 1;
            if *count == 0 {
                entry.by_tier.remove(&tier);
            }
        }
        if let Some(hold) = ended {
            entry.live_holds.remove(&hold);
        }
        if entry.by_tier.is_empty() && entry.live_holds.is_empty() {
            self.buyers.remove(buyer);
        }
    }

    /// Counts everything anew from the seats and compares.
    ///
    /// # Panics
    /// When an index disagrees with the seats: our own bug.
    pub fn recount(&self) {
        let Some(layout) = &self.layout else { return };
        let mut counted = Recount { runs: Runs::empty(layout), ..Recount::default() };
        for section in 0..layout.sections() {
            counted.free.push(FreeSet::empty(layout.span(section).1));
            counted.blocked.push(FreeSet::empty(layout.span(section).1));
        }
        for (number, seat) in (0..).map(SeatNumber).zip(&self.seats) {
            self.count_again(&mut counted, number, seat);
        }
        assert_eq!(counted.free, self.free, "free places by section");
        assert_eq!(counted.runs, self.runs, "free seats next to each other");
        assert_eq!(counted.blocked, self.blocked, "blocked places by section");
        let taken = self.taken().filter(|(_, taken)| *taken != Taken::default());
        assert!(taken.eq(counted.taken), "taken places by section and tier");
        for (id, hold) in &self.holds {
            let (seats, left) = counted.by_hold.remove(id).unwrap_or_default();
            assert_eq!((&seats, left), (&hold.seats, hold.left), "places of hold {id}");
            assert!(
                !seats.is_empty() || left > 0,
                "hold {id} is known as long as a place names it"
            );
            assert_eq!(left > 0, hold.cause != Cause::None, "hold {id} left for a cause");
            if let Some(reference) = &hold.reference {
                counted.references.insert(reference.clone(), *id);
            } else if !seats.is_empty() {
                counted.deadlines.insert((hold.deadline, *id));
                counted.buyers.entry(hold.buyer.clone()).or_default().live_holds.insert(*id, ());
            }
        }
        assert!(counted.by_hold.is_empty(), "holds");
        assert_eq!(counted.deadlines, self.deadlines, "deadlines");
        assert_eq!(counted.buyers, self.buyers, "what buyers have");
        assert_eq!(counted.references, self.references, "bookings by their payment");
    }

    fn count_again(&self, counted: &mut Recount, number: SeatNumber, seat: &Seat) {
        let (section, index) = self.place(number);
        assert!(seat.changed > 0 || *seat == Seat::default(), "an untouched place is all zeros");
        match seat.status {
            Status::Held | Status::Booked => {
                let hold = &self.holds[&seat.hold];
                assert_eq!(hold.is_booked(), seat.status == Status::Booked);
                counted.by_hold.entry(seat.hold).or_default().0.push(number);
                let taken = counted.taken.entry((section, seat.tier)).or_default();
                match seat.status {
                    Status::Booked => taken.booked += 1,
                    Status::Held | Status::Free | Status::Blocked => taken.held += 1,
                }
                let buyer = counted.buyers.entry(hold.buyer.clone()).or_default();
                buyer.count_taken(seat.tier);
                return;
            }
            Status::Free => {
                counted.free[section].insert(index);
                let layout = self.layout.as_ref().expect("only a known event has places");
                if let Some(spot) = layout.spot(number) {
                    counted.runs.insert(layout, spot);
                }
            }
            Status::Blocked => counted.blocked[section].insert(index),
        }
        let blocked = seat.status == Status::Blocked;
        assert_eq!(self.blocks.contains_key(&number), blocked, "a blocked place has a block");
        if seat.hold != HoldId::NONE {
            counted.by_hold.entry(seat.hold).or_default().1 += 1;
            let hold = &self.holds[&seat.hold];
            assert_eq!(hold.cause, seat.cause, "places know why they were left");
        }
    }
}

impl Buyer {
    fn count_taken(&mut self, tier: u16) {
        *self.by_tier.or_default(tier) += 1;
    }
}

/// The indexes, counted anew.
#[derive(Default)]
struct Recount {
    free: Vec<FreeSet>,
    runs: Runs,
    blocked: Vec<FreeSet>,
    taken: BTreeMap<(usize, u16), Taken>,
    /// The places a hold has, and how many it left.
    by_hold: HashMap<HoldId, (Seats, u32)>,
    deadlines: BTreeSet<(At, HoldId)>,
    buyers: HashMap<BuyerId, Buyer>,
    references: HashMap<Reference, HoldId>,
}
