//! What is decided and told to the world.

use std::sync::Arc;

use super::ids::{BuyerId, Digest, EventId, HoldId, Partition, Reference, RequestId};
use super::refusal::{Code, Refusal};
use super::seat::Cause;
use super::time::{At, Millis};

/// Counts changes of the rules by which requests are decided. A reader that decides again must have
/// the same number to expect the same answers.
pub const DECISION_VERSION: i32 = 3;

/// Where an outcome stands among those its request caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Role {
    /// The one outcome that closes the request.
    Answer = 0,
    /// A release of a lapsed hold that the request came across.
    Derived = 1,
    /// The answer to a request whose wish has been granted before: where it stands now.
    Repeat = 2,
}

/// A published decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What every outcome carries.
    pub header: Header,
    /// What was decided.
    pub body: OutcomeBody,
}

/// What every outcome carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The event.
    pub event: EventId,
    /// Rises by one with every outcome that changes the event; a refusal and a repeat carry the one
    /// they were decided at.
    pub sequence: i64,
    /// The request that caused it.
    pub request: RequestId,
    /// Partition of the request.
    pub partition: Partition,
    /// Offset of the request.
    pub offset: i64,
    /// Answer, derived or repeat.
    pub role: Role,
    /// Log time of the decision.
    pub decided_at: At,
    /// How long the request had waited by the owner's clock.
    pub waited: Millis,
    /// Whose hold or wish it is, where it is somebody's.
    pub buyer: Option<BuyerId>,
    /// Digest of the request's key and value.
    pub digest: Digest,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeBody {
    /// Places are set aside.
    Held(Held),
    /// Places are sold.
    Booked(Booked),
    /// A hold's deadline was moved.
    Extended(Held),
    /// A hold ended.
    Released(Released),
    /// Places of a booking were given back.
    Cancelled(Cancelled),
    /// A booking has other places.
    Exchanged(Exchanged),
    /// The event itself changed.
    Changed(Changed),
    /// The wish was not granted.
    Refused(Refusal),
}

/// A place as the world sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Full name.
    pub seat: String,
    /// Name of its tier.
    pub tier: Arc<str>,
    /// Minor units.
    pub price: i64,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub hold: HoldId,
    /// Its places.
    pub places: Vec<Place>,
    /// Currency of the prices.
    pub currency: Arc<str>,
    /// When it ends by itself, but for the grace.
    pub deadline: At,
    /// Whether limits and blocks were set aside by staff.
    pub staff_override: bool,
}

/// A booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The hold it was.
    pub hold: HoldId,
    /// Its places.
    pub places: Vec<Place>,
    /// Currency of the prices.
    pub currency: Arc<str>,
    /// The payment it rests on.
    pub reference: Reference,
}

/// The end of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The hold.
    pub hold: HoldId,
    /// Full names of its places.
    pub seats: Vec<String>,
    /// Why it ended.
    pub cause: Cause,
}

/// Places of a booking given back. The booking lives on with the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// The hold the booking was.
    pub hold: HoldId,
    /// The places given back.
    pub places: Vec<Place>,
    /// Those of them that went to a block; the others are free.
    pub to_blocks: Vec<ToBlock>,
    /// Currency of the prices.
    pub currency: Arc<str>,
    /// How many places the booking still has.
    pub remaining: u32,
    /// The payment the booking rests on.
    pub reference: Reference,
    /// What is to be given back of it, in minor units: the sum of the prices, or zero where the
    /// event was called off, since that gives back every booking.
    pub refund: i64,
}

/// Places of a booking given back for others. The booking keeps its name and the payment it rests
/// on; whoever takes payments settles the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// The hold the booking was.
    pub hold: HoldId,
    /// All places it has now.
    pub places: Vec<Place>,
    /// Full names of those of them that are new.
    pub taken: Vec<String>,
    /// The places given back.
    pub given_back: Vec<Place>,
    /// Those of them that went to a block; the others are free.
    pub to_blocks: Vec<ToBlock>,
    /// Currency of the prices.
    pub currency: Arc<str>,
    /// The payment the booking rests on.
    pub reference: Reference,
    /// Sum of the booking's prices before, in minor units.
    pub old_sum: i64,
    /// The sum now.
    pub new_sum: i64,
    /// By how much it rose: what is still to be paid, or to be given back where it is negative.
    pub difference: i64,
}

/// Where a place went that was given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToBlock {
    /// Full name of the place.
    pub seat: String,
    /// Reason of the block it belongs to now.
    pub reason: String,
}

/// A change of the event itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What happened.
    pub kind: ChangedKind,
    /// The event's edition from now on.
    pub edition: i64,
    /// Who asked.
    pub actor: String,
    /// Why places were blocked; else empty.
    pub reason: String,
    /// Full names of the places blocked or unblocked; else empty.
    pub seats: Vec<String>,
}

/// What happened to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ChangedKind {
    /// It became known.
    Defined = 0,
    /// Its sale began.
    Opened = 1,
    /// Its sale ended.
    Closed = 2,
    /// Its sale was interrupted.
    Paused = 3,
    /// It will not take place.
    CalledOff = 4,
    /// Places were kept from sale.
    Blocked = 5,
    /// Places were put on sale again.
    Unblocked = 6,
    /// Its definition became another one.
    Amended = 7,
}

impl Outcome {
    /// The code it refuses with, if it does.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.body.refusal().map(|refusal| refusal.code)
    }
}

impl OutcomeBody {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            OutcomeBody::Refused(refusal) => Some(refusal),
            OutcomeBody::Held(_)
            | OutcomeBody::Booked(_)
            | OutcomeBody::Extended(_)
            | OutcomeBody::Released(_)
            | OutcomeBody::Cancelled(_)
            | OutcomeBody::Exchanged(_)
            | OutcomeBody::Changed(_) => None,
        }
    }

    /// Whether an outcome of this kind changes the event when it is no repeat.
    #[must_use]
    pub fn changes_the_event(&self) -> bool {
        match self {
            OutcomeBody::Held(_)
            | OutcomeBody::Booked(_)
            | OutcomeBody::Extended(_)
            | OutcomeBody::Released(_)
            | OutcomeBody::Cancelled(_)
            | OutcomeBody::Exchanged(_)
            | OutcomeBody::Changed(_) => true,
            OutcomeBody::Refused(_) => false,
        }
    }
}
