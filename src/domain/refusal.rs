//! Refusal codes: a normal outcome saying no.
//!
//! The numbers are frozen: they are on the wire and in other people's code. Their order is the
//! order of precedence: of all reasons that hold, the one with the lowest number is the answer.

use std::fmt;

use super::limits::DETAIL_BYTES_MAX;

macro_rules! codes {
    ($(
        $name:ident = $number:literal, $text:literal, $retry:literal, $help:literal;
    )*) => {
        /// Why a request was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Code {
            $(#[doc = $help] $name = $number,)*
        }

        impl Code {
            /// All codes in order of precedence.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code of a number on the wire, `None` for one that a newer version made.
            #[must_use]
            pub const fn from_number(number: i32) -> Option<Code> {
                match number {
                    $($number => Some(Code::$name),)*
                    _ => None,
                }
            }

            /// The code's name in documents and on screens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Whether the same wish may be granted later, asked again with a new id.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Code::$name => $retry,)* }
            }

            /// One line for whoever meets the code.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Code::$name => $help,)* }
            }
        }
    };
}

codes! {
    NotAuthorised = 10, "not-authorised", false, "The record lacks a valid signature; only holders of a signing key may ask this.";
    WrongPartition = 11, "wrong-partition", false, "The record lies in a partition its key does not belong to; use murmur2 over the declared count.";
    BadRequest = 12, "bad-request", false, "The record decodes but does not make sense; the ground says where.";
    UnknownEvent = 20, "unknown-event", false, "No event of this id has been defined.";
    EventSuspended = 21, "event-suspended", true, "The event is stopped until an operator has repaired it.";
    AlreadyDefined = 22, "already-defined", false, "An event is defined once.";
    RequestConflict = 30, "request-conflict", false, "Another request with this id has been answered; make a new id.";
    Repeated = 31, "repeated", false, "This request has been answered before, at the offset named.";
    IdOutOfWindow = 32, "id-out-of-window", true, "The id was made too long before or after the record reached the log; make a new id.";
    Stale = 33, "stale", true, "The record waited too long to be decided.";
    WrongEdition = 34, "wrong-edition", true, "The event has changed since this was asked; read its edition again.";
    SaleNotOpen = 40, "sale-not-open", true, "The sale has not been opened, or is paused.";
    SaleClosed = 41, "sale-closed", false, "The sale is over.";
    EventOff = 42, "event-off", false, "The event has been called off.";
    NotAdmitted = 50, "not-admitted", false, "The claim lacks a pass of the waiting room.";
    PassExpired = 51, "pass-expired", false, "The pass is no longer valid.";
    UnknownSeat = 60, "unknown-seat", false, "The event has no such seat or section; the ground lists them.";
    TierMismatch = 61, "tier-mismatch", false, "The seat is not sold in the tier named.";
    PriceChanged = 62, "price-changed", true, "The price is not the one expected.";
    KeptBack = 63, "kept-back", false, "The seat is kept for those who need it.";
    RequestLimit = 70, "request-limit", false, "One request may not ask for so many seats.";
    BuyerLimit = 71, "buyer-limit", false, "The buyer would have more seats than one buyer may have.";
    TierLimit = 72, "tier-limit", false, "The buyer would have more seats of the tier than one buyer may have.";
    LiveHolds = 73, "live-holds", true, "The buyer has as many live holds as one buyer may have.";
    ExtensionCap = 74, "extension-cap", false, "The hold cannot be extended further.";
    SeatsTaken = 80, "seats-taken", true, "At least one of the seats is held or booked; the ground lists them.";
    Blocked = 81, "blocked", false, "At least one of the seats is blocked; the ground lists them, and the reason of the first.";
    NotEnough = 82, "not-enough", true, "Fewer places are free than asked for.";
    NoRun = 83, "no-run", true, "No row has so many free seats side by side.";
    StrandsSeat = 84, "strands-seat", false, "The choice would leave a single seat nobody wants.";
    NotBlocked = 85, "not-blocked", false, "At least one of the places is not blocked; the ground lists them.";
    BelowTaken = 86, "below-taken", true, "The definition has no room for places that are held or booked; the ground lists them.";
    UnknownHold = 90, "unknown-hold", false, "No hold of this id; it never was, or it ended and its seats have new holders.";
    NotHolder = 91, "not-holder", false, "The hold is another buyer's.";
    HoldEnded = 92, "hold-ended", false, "The hold has ended or been booked.";
    PaymentInFlight = 93, "payment-in-flight", true, "A payment for the hold is under way.";
    NothingBooked = 94, "nothing-booked", false, "The hold has not been booked.";
    NotInBooking = 95, "not-in-booking", false, "A seat named is not part of the booking.";
    ReferenceUsed = 96, "reference-used", false, "Another booking of the event was confirmed with this reference.";
    NothingDue = 97, "nothing-due", false, "No hold of the event has lapsed.";
}

impl Code {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a refusal rests on. Fields that say nothing are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Seats or sections in the way, or not known: their full names.
    pub seats: Vec<String>,
    /// Offset of the claim that made the first rival hold.
    pub rival_offset: Option<i64>,
    /// The bound that was met: seats, places, milliseconds, edition or minor units, by the code.
    pub limit: Option<i64>,
    /// What the bound was held against, in the same unit.
    pub count: Option<i64>,
    /// Offset at which the same id was answered first.
    pub first_offset: Option<i64>,
    /// What is wrong, in words, where the code alone does not tell.
    pub detail: String,
}

/// A code with its ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// Resting on what.
    pub ground: Ground,
}

impl Refusal {
    /// A refusal whose code says it all.
    #[must_use]
    pub fn plain(code: Code) -> Refusal {
        Refusal { code, ground: Ground::default() }
    }

    /// A refusal with a sentence, cut at [`DETAIL_BYTES_MAX`]: it may quote what was sent, and an
    /// answer must not grow with its request.
    #[must_use]
    pub fn because(code: Code, detail: impl Into<String>) -> Refusal {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
        Refusal { code, ground: Ground { detail, ..Ground::default() } }
    }

    /// A refusal over a list of seats.
    #[must_use]
    pub fn over_seats(code: Code, seats: Vec<String>) -> Refusal {
        Refusal { code, ground: Ground { seats, ..Ground::default() } }
    }

    /// A refusal because `count` does not go with `limit`.
    #[must_use]
    pub fn limited(code: Code, limit: i64, count: i64) -> Refusal {
        let ground = Ground { limit: Some(limit), count: Some(count), ..Ground::default() };
        Refusal { code, ground }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_come_back_from_their_numbers() {
        let mut last = 0;
        for &code in Code::ALL {
            assert!(code.number() > last, "{code} breaks the order of precedence");
            assert_eq!(Code::from_number(code.number()), Some(code));
            last = code.number();
        }
        assert_eq!(Code::from_number(99), None);
    }

    #[test]
    fn a_sentence_is_cut_between_characters() {
        let refusal = Refusal::because(Code::BadRequest, format!("a{}", "ä".repeat(1_000_000)));
        assert_eq!(refusal.ground.detail.len(), DETAIL_BYTES_MAX - 1);
    }

    #[test]
    fn retryable_codes_are_those_of_the_design() {
        let retryable: Vec<i32> =
            Code::ALL.iter().filter(|code| code.is_retryable()).map(|code| code.number()).collect();
        assert_eq!(retryable, [21, 32, 33, 34, 40, 62, 73, 80, 82, 83, 86, 93]);
    }
}
