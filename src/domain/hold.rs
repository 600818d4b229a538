//! A set of seats that one buyer has, held or booked.

use smallvec::SmallVec;

use super::ids::{BuyerId, Reference, SeatNumber};
use super::limits::GRACE;
use super::rule::Rule;
use super::seat::Cause;
use super::time::{At, Millis};

/// Places of one buyer. So many as most have lie in the hold itself.
pub type Seats = SmallVec<[SeatNumber; 4]>;

/// A hold, the booking it became, or what is remembered of either once it left its places. A
/// booking that gave back some of them is both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Whose it is.
    pub buyer: BuyerId,
    /// Its places in rising order; none once it ended.
    pub seats: Seats,
    /// When it ends by itself, but for the grace. A booking keeps the last one; once it ended it is
    /// of no use, and the ledger keeps none.
    pub deadline: At,
    /// Offset of the claim that made it.
    pub offset: i64,
    /// The payment it was confirmed with; a hold that has one is a booking. That of a booking which
    /// was cancelled confirms no other one while it is known.
    pub reference: Option<Reference>,
    /// Places it left that nobody took since: they still name it.
    pub left: u32,
    /// Why it left them; none where there are no such places.
    pub cause: Cause,
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
