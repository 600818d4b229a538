//! The state table: what becomes of a hold, or of a place, when a request names it.
//!
//! One match for holds and one for places, each on how it stands and what is asked. The deciding
//! modules read here whether they go on, and with which code they do not; a test asks every pair of
//! a real event, and the tables of the README are written from these matches. A second description
//! would be wrong one day.
//!
//! What else is judged of a request has its own place: the sale, limits, prices, payments of other
//! bookings. Nor is there a lapsed hold in the table: those end before any request is answered.

use crate::domain::refusal::{Code, Refusal};

/// An enum whose variants have a name in tables, and a list of them.
macro_rules! listed {
    ($(#[$doc:meta])+ $name:ident { $($(#[$of:meta])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$of])+ $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant,)+];

            /// Its name in tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }
    };
}

listed! {
    /// How a hold stands for the buyer who names it.
    HoldState {
        /// No hold of this id, or one that ended and that no place names any more: all have had new
        /// holders, or are gone.
        Unknown = "unknown",
        /// Somebody else's, whatever became of it.
        OfAnother = "another buyer's",
        /// Set aside until its deadline.
        Live = "held",
        /// Paid for.
        Booked = "booked",
        /// Ended by its deadline; a place still names it, as with the next two.
        Expired = "expired",
        /// Given back before it was paid for.
        Released = "released",
        /// A booking that was given back whole.
        Cancelled = "cancelled",
    }
}

listed! {
    /// What is asked of a hold.
    HoldAsk {
        /// To book it by a payment that has not booked it before.
        Confirm = "confirm",
        /// To book it by the payment that did, where one did.
        ConfirmAgain = "confirm again",
        /// To move its deadline.
        Extend = "extend",
        /// To give it back.
        Release = "release",
        /// To give places of the booking back: all of them, or else it stays booked.
        Cancel = "cancel",
        /// To give places of the booking back for others.
        Exchange = "exchange",
    }
}

listed! {
    /// How a place stands.
    PlaceState {
        /// For sale.
        Free = "free",
        /// Set aside for a buyer.
        Held = "held",
        /// Sold.
        Booked = "booked",
        /// Kept from sale.
        Blocked = "blocked",
        /// Set aside for a buyer; it goes back to its block.
        HeldOfBlock = "held, of a block",
        /// Sold; given back, it goes to its block.
        BookedOfBlock = "booked, of a block",
    }
}

listed! {
    /// What is asked of a place by its name.
    PlaceAsk {
        /// To set it aside.
        Claim = "claim",
        /// To set it aside by a staff override.
        StaffClaim = "claim by staff",
        /// To book it for another.
        Exchange = "exchange for it",
        /// To keep it from sale.
        Block = "block",
        /// To take it out of its block.
        Unblock = "unblock",
        /// To leave it out of a new definition.
        Drop = "amend without it",
    }
}

/// What becomes of a hold or place.
pub type Next<S> = Result<Step<S>, No>;

/// A wish that is granted as far as the state goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<S> {
    /// This is how it stands afterwards.
    Becomes(S),
    /// It has been granted before, and stands as it did.
    Stays,
    /// There is no such thing afterwards.
    Gone,
}

/// A wish that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct No {
    /// Why.
    pub code: Code,
    /// What the code alone does not tell.
    pub detail: &'static str,
}

impl From<No> for Refusal {
    fn from(no: No) -> Refusal {
        Refusal::because(no.code, no.detail)
    }
}

/// What becomes of a hold.
///
/// # Errors
/// The code, where that is nothing.
pub fn of_hold(hold: HoldState, ask: HoldAsk) -> Next<HoldState> {
    use HoldAsk as Ask;
    use HoldState as Is;
    match (hold, ask) {
        (Is::Unknown, _) => no(Code::UnknownHold, ""),
        (Is::OfAnother, _) => no(Code::NotHolder, ""),

        (Is::Live, Ask::Confirm | Ask::ConfirmAgain) => Ok(Step::Becomes(Is::Booked)),
        (Is::Live, Ask::Extend) => Ok(Step::Becomes(Is::Live)),
        (Is::Live, Ask::Release) => Ok(Step::Becomes(Is::Released)),
        (Is::Live, Ask::Cancel | Ask::Exchange) => {
            no(Code::NothingBooked, "held; a hold is released")
        }

        (Is::Booked, Ask::Confirm) => no(Code::HoldEnded, "booked with another reference"),
        (Is::Booked, Ask::ConfirmAgain) => Ok(Step::Stays),
        (Is::Booked, Ask::Extend) => no(Code::HoldEnded, "booked"),
        (Is::Booked, Ask::Release) => {
            no(Code::HoldEnded, "booked; a booking is cancelled, not released")
        }
        (Is::Booked, Ask::Cancel) => Ok(Step::Becomes(Is::Cancelled)),
        (Is::Booked, Ask::Exchange) => Ok(Step::Becomes(Is::Booked)),

        (Is::Expired, Ask::Confirm | Ask::ConfirmAgain | Ask::Extend | Ask::Release) => {
            no(Code::HoldEnded, "expired")
        }
        (Is::Released, Ask::Confirm | Ask::ConfirmAgain | Ask::Extend | Ask::Release) => {
            no(Code::HoldEnded, "released")
        }
        (Is::Expired | Is::Released, Ask::Cancel | Ask::Exchange) => {
            no(Code::NothingBooked, "the hold ended unbooked")
        }

        (Is::Cancelled, Ask::Confirm) => {
            no(Code::HoldEnded, "cancelled, booked with another reference")
        }
        (
            Is::Cancelled,
            Ask::ConfirmAgain | Ask::Extend | Ask::Release | Ask::Cancel | Ask::Exchange,
        ) => no(Code::HoldEnded, "cancelled"),
    }
}

/// What becomes of a place.
///
/// # Errors
/// The code, where that is nothing.
pub fn of_place(place: PlaceState, ask: PlaceAsk) -> Next<PlaceState> {
    use PlaceAsk as Ask;
    use PlaceState as Is;
    match (place, ask) {
        (Is::Free, Ask::Claim | Ask::StaffClaim) => Ok(Step::Becomes(Is::Held)),
        (Is::Free, Ask::Exchange) => Ok(Step::Becomes(Is::Booked)),
        (Is::Free, Ask::Block) => Ok(Step::Becomes(Is::Blocked)),
        (Is::Free | Is::Blocked, Ask::Drop) => Ok(Step::Gone),

        (Is::Blocked, Ask::StaffClaim) => Ok(Step::Becomes(Is::HeldOfBlock)),
        (Is::Blocked, Ask::Claim | Ask::Exchange | Ask::Block) => no(Code::Blocked, ""),

        (
            Is::Held | Is::Booked | Is::HeldOfBlock | Is::BookedOfBlock,
            Ask::Claim | Ask::StaffClaim | Ask::Exchange | Ask::Block,
        ) => no(Code::SeatsTaken, ""),
        (Is::Held | Is::Booked | Is::HeldOfBlock | Is::BookedOfBlock, Ask::Drop) => {
            no(Code::BelowTaken, "")
        }

        (Is::Free | Is::Held | Is::Booked, Ask::Unblock) => no(Code::NotBlocked, ""),
        (Is::Blocked, Ask::Unblock) => Ok(Step::Becomes(Is::Free)),
        (Is::HeldOfBlock, Ask::Unblock) => Ok(Step::Becomes(Is::Held)),
        (Is::BookedOfBlock, Ask::Unblock) => Ok(Step::Becomes(Is::Booked)),
    }
}

fn no<S>(code: Code, detail: &'static str) -> Next<S> {
    Err(No { code, detail })
}
