//! A set of seats that one buyer has, held or booked.

use super::ids::{BuyerId, Reference, SeatNumber};
use super::limits::GRACE;
use super::rule::Rule;
use super::time::{At, Millis};

/// A hold, or the booking it became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Whose it is.
    pub buyer: BuyerId,
    /// Its places in rising order.
    pub seats: Vec<SeatNumber>,
    /// When it ends by itself, but for the grace. A booking keeps the last one.
    pub deadline: At,
    /// Offset of the claim that made it.
    pub offset: i64,
    /// The payment it was confirmed with; a hold that has one is a booking.
    pub reference: Option<Reference>,
}

impl Hold {
    /// A hold is live while log time is before its deadline and the grace: one test for everybody.
    #[must_use]
    pub fn is_live(&self, at: At) -> bool {
        self.is_booked() || at < self.deadline.plus(grace())
    }

    /// Whether it has been confirmed.
    #[must_use]
    pub fn is_booked(&self) -> bool {
        self.reference.is_some()
    }
}

/// How long beyond its deadline a hold is live: the same for everybody who asks.
pub(super) fn grace() -> Millis {
    if !Rule::GraceIsGiven.holds() {
        Millis(0)
    } else if !Rule::GraceIsWhole.holds() {
        Millis(GRACE.0 - 1)
    } else {
        GRACE
    }
}
