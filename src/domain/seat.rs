//! One place: its state, and what is remembered about it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::ids::{BuyerId, HoldId, Reference, RowNumber, SeatNumber};
use super::time::At;

/// The state of a place. Numbers are on disk and on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// For sale.
    #[default]
    Free = 0,
    /// Set aside for one buyer until a deadline.
    Held = 1,
    /// Sold.
    Booked = 2,
    /// Kept from sale: no claim gets it but by name and with a staff override.
    Blocked = 3,
}

impl Status {
    /// Whether somebody has the place.
    #[must_use]
    pub const fn is_taken(self) -> bool {
        match self {
            Status::Held | Status::Booked => true,
            Status::Free | Status::Blocked => false,
        }
    }

    /// The state of a stored number.
    #[must_use]
    pub const fn from_number(number: i8) -> Option<Status> {
        match number {
            0 => Some(Status::Free),
            1 => Some(Status::Held),
            2 => Some(Status::Booked),
            3 => Some(Status::Blocked),
            _ => None,
        }
    }
}

/// Why a hold left its seats. Numbers are on disk and on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// Nothing left the seat.
    #[default]
    None = 0,
    /// The deadline and the grace passed.
    Expired = 1,
    /// The buyer gave the seats back before paying.
    Released = 2,
    /// The buyer gave back seats of a booking, by a cancel or for others by an exchange.
    Cancelled = 3,
}

impl Cause {
    /// The cause of a stored number.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Cause> {
        match number {
            0 => Some(Cause::None),
            1 => Some(Cause::Expired),
            2 => Some(Cause::Released),
            3 => Some(Cause::Cancelled),
            _ => None,
        }
    }
}

/// A place in memory. 40 bytes; a place never touched is all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// The hold or booking that has the seat; of a free or blocked seat the one that left it last.
    pub hold: HoldId,
    /// Price in minor units, pinned when the hold was made.
    pub price: i64,
    /// Sequence of the last change, 0 for a place that has no row in the ledger.
    pub changed: i64,
    /// Its state.
    pub status: Status,
    /// Why the last hold left.
    pub cause: Cause,
    /// Index of the tier it was taken in.
    pub tier: u16,
}

/// A wanted or taken place with the price it goes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Which place.
    pub seat: SeatNumber,
    /// Index of its tier.
    pub tier: u16,
    /// Minor units of the event's currency.
    pub price: i64,
}

/// Places wanted or taken together. As many as nearly all requests want need no block of their own.
pub type Wanted = SmallVec<[Priced; 8]>;

/// A place as the ledger keeps it: all that is needed to know its hold again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSeat {
    /// Its row.
    pub number: RowNumber,
    /// Its state.
    pub status: Status,
    /// The hold or booking that has it, or left it last; none where it was only ever blocked.
    pub hold: HoldId,
    /// Whose that is or was; `None` where there is no hold.
    pub buyer: Option<BuyerId>,
    /// The hold's deadline; 0 for a place nobody has.
    pub deadline: At,
    /// Price in minor units, pinned.
    pub price: i64,
    /// Index of the tier.
    pub tier: u16,
    /// The payment of the booking that has it, or that gave it back; else `None`.
    pub reference: Option<Reference>,
    /// Why the last hold left.
    pub cause: Cause,
    /// Offset of the claim that made the hold.
    pub offset: i64,
    /// Sequence of the last change; at least 1.
    pub changed: i64,
    /// Reason of the block it belongs to. Kept while it is held or booked, so that it returns there
    /// (F7).
    pub block: Option<Arc<str>>,
}

impl StoredSeat {
    /// Whether its parts go together, as they do after every change. Rows come from outside: an
    /// event with another one is not to be decided on.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let (buyer, paid) = (self.buyer.is_some(), self.reference.is_some());
        let as_left = match self.cause {
            Cause::None => !buyer && !paid,
            Cause::Expired | Cause::Released => buyer && !paid,
            Cause::Cancelled => buyer && paid,
        };
        let as_taken = |booked: bool| buyer && paid == booked && self.cause == Cause::None;
        let fits = match self.status {
            Status::Free => as_left && self.block.is_none(),
            Status::Blocked => as_left && self.block.is_some(),
            Status::Held => as_taken(false),
            Status::Booked => as_taken(true),
        };
        fits && buyer == (self.hold != HoldId::NONE) && self.changed > 0
    }
}

const _: () = assert!(size_of::<Seat>() <= 40);
