//! What no world can meet, with the reason. Once it is built it leaves this list, and is missing
//! until a workload reaches it.

use super::point::{Kind, Point, Stage};
use crate::domain::refusal::Code;

impl Point {
    /// Why it cannot be met by this version, where it cannot.
    #[must_use]
    pub fn impossible(self) -> Option<&'static str> {
        match self {
            Point::Granted(kind, stage) => ungrantable(kind, stage),
            Point::Code(code) => unbuilt(code),
            Point::Derived(Kind::Define) => Some("an event without a definition has no holds"),
            Point::Asked(_)
            | Point::Refused(_, _)
            | Point::Form(_)
            | Point::Standing(_, _)
            | Point::Derived(_)
            | Point::Repeated(_)
            | Point::Left(_)
            | Point::Moved(_)
            | Point::Dead(_) => None,
        }
    }

    /// Whether only a fault leads to it.
    #[must_use]
    pub fn needs_faults(self) -> bool {
        self == Point::Code(Code::EventSuspended)
    }
}

/// What a sale that stands so never grants. What is granted once is another matter: a repeat counts
/// elsewhere.
fn ungrantable(kind: Kind, stage: Stage) -> Option<&'static str> {
    match (kind, stage) {
        (Kind::Define, Stage::Undefined) => None,
        (Kind::Define, _) => Some("an event is defined once"),
        (_, Stage::Undefined) => Some("nothing is granted before the definition"),
        (Kind::Release | Kind::Cancel | Kind::Expire, Stage::Off) => None,
        (_, Stage::Off) => Some("an event called off only lets go"),
        (Kind::Claim | Kind::Extend | Kind::Exchange, Stage::Open) => None,
        (
            Kind::Claim | Kind::Extend | Kind::Exchange,
            Stage::NotOpen | Stage::Paused | Stage::Closed,
        ) => Some("only an open sale makes a promise"),
        (Kind::Confirm | Kind::Release | Kind::Cancel | Kind::Expire, Stage::NotOpen) => {
            Some("there are no holds before the opening")
        }
        (
            Kind::Amend
            | Kind::Open
            | Kind::Pause
            | Kind::Close
            | Kind::CallOff
            | Kind::Block
            | Kind::Unblock
            | Kind::Confirm
            | Kind::Release
            | Kind::Cancel
            | Kind::Expire,
            Stage::NotOpen | Stage::Open | Stage::Paused | Stage::Closed,
        ) => None,
    }
}

/// Codes of what is not built yet: no code of `domain` gives them.
fn unbuilt(code: Code) -> Option<&'static str> {
    match code {
        Code::NotAdmitted | Code::PassExpired => Some("the waiting room is not built"),
        Code::PaymentInFlight => Some("payments are not built"),
        Code::NotAuthorised
        | Code::WrongPartition
        | Code::BadRequest
        | Code::UnknownEvent
        | Code::EventSuspended
        | Code::AlreadyDefined
        | Code::RequestConflict
        | Code::Repeated
        | Code::IdOutOfWindow
        | Code::Stale
        | Code::WrongEdition
        | Code::SaleNotOpen
        | Code::SaleClosed
        | Code::EventOff
        | Code::UnknownSeat
        | Code::TierMismatch
        | Code::PriceChanged
        | Code::KeptBack
        | Code::RequestLimit
        | Code::BuyerLimit
        | Code::TierLimit
        | Code::LiveHolds
        | Code::ExtensionCap
        | Code::SeatsTaken
        | Code::Blocked
        | Code::NotEnough
        | Code::NoRun
        | Code::StrandsSeat
        | Code::NotBlocked
        | Code::BelowTaken
        | Code::UnknownHold
        | Code::NotHolder
        | Code::HoldEnded
        | Code::NothingBooked
        | Code::NotInBooking
        | Code::ReferenceUsed
        | Code::NothingDue => None,
    }
}
