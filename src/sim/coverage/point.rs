//! All that can be met, point by point, and what cannot be, with the reason.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::event::SaleState;
use crate::domain::outcome::{Held, OutcomeBody};
use crate::domain::refusal::Code;
use crate::domain::request::{Body, Exchange, Line, Target};
use crate::wire::dead_letter::Reason;

/// A small set with a name for each member, and a list of all.
macro_rules! named {
    ($(#[$doc:meta])+ $set:ident { $($(#[$of:meta])+ $name:ident = $text:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $set {
            $($(#[$of])+ $name,)+
        }

        impl $set {
            /// All of them.
            pub const ALL: &[$set] = &[$($set::$name,)+];

            /// Its name in tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($set::$name => $text,)+ }
            }
        }
    };
}

named! {
    /// What is asked.
    Kind {
        /// Make the event known.
        Define = "define",
        /// Give it another definition.
        Amend = "amend",
        /// Begin or resume the sale.
        Open = "open",
        /// Interrupt it.
        Pause = "pause",
        /// End it.
        Close = "close",
        /// Let the event not take place.
        CallOff = "call-off",
        /// Keep places from sale.
        Block = "block",
        /// Put them on sale.
        Unblock = "unblock",
        /// Set places aside.
        Claim = "claim",
        /// Turn a hold into a booking.
        Confirm = "confirm",
        /// Move its deadline.
        Extend = "extend",
        /// Give it back.
        Release = "release",
        /// Give places of a booking back.
        Cancel = "cancel",
        /// Give places of a booking back for others.
        Exchange = "exchange",
        /// End what has lapsed.
        Expire = "expire",
    }
}

named! {
    /// How the sale of an event stands.
    Stage {
        /// Nobody has defined the event.
        Undefined = "undefined",
        /// Defined, not yet opened.
        NotOpen = "not-open",
        /// On sale.
        Open = "open",
        /// Interrupted.
        Paused = "paused",
        /// Over.
        Closed = "closed",
        /// Called off.
        Off = "off",
    }
}

named! {
    /// How a hold stands that a request names.
    Standing {
        /// Nobody has made it.
        Never = "never",
        /// Live.
        Live = "live",
        /// Past its deadline and the grace, and ended by this very request.
        Lapsed = "lapsed",
        /// A booking.
        Booked = "booked",
        /// Lapsed, and ended before.
        Expired = "expired",
        /// Given back before paying.
        Released = "released",
        /// A booking given back whole.
        Cancelled = "cancelled",
        /// Ended, and nobody remembers it, since others have its places.
        Resold = "resold",
    }
}

named! {
    /// The form of what was granted.
    Form {
        /// A claim of seats by name.
        Named = "claim named",
        /// A claim of so many places.
        Counted = "claim counted",
        /// A claim of both.
        Both = "claim of both",
        /// A claim of the best seats.
        Best = "claim of the best",
        /// A claim of the best seats, parted.
        Parted = "claim of the best, parted",
        /// A claim of the best seats besides others.
        BestBesides = "claim of the best besides",
        /// A claim of two sections or more in one line each.
        Lines = "claim of several lines",
        /// A claim that names a tier.
        Tier = "claim with a tier",
        /// A claim that names its price.
        Price = "claim with a price",
        /// A claim that sets limits and blocks aside.
        Staff = "claim by staff",
        /// A cancel of all that is booked, without naming it.
        Whole = "cancel of the whole",
        /// A cancel that leaves some of it.
        Part = "cancel of a part",
        /// A cancel that names all that is left.
        Rest = "cancel of the rest",
        /// A cancel of places that go to a block, named by it.
        IntoBlock = "cancel into a block",
        /// An exchange for seats by name.
        ForSeats = "exchange for seats",
        /// An exchange for so many places.
        ForPlaces = "exchange for places",
        /// An exchange that leaves some of the booking as it is.
        SomeExchanged = "exchange of a part",
        /// An exchange of all that is booked.
        AllExchanged = "exchange of the whole",
        /// An exchange for more places than it gives back.
        ForMore = "exchange for more",
        /// An exchange for fewer.
        ForFewer = "exchange for fewer",
        /// An exchange that names the difference.
        Difference = "exchange with a difference",
        /// A block of places by name.
        BlockNamed = "block named",
        /// A block of so many places.
        BlockCounted = "block counted",
        /// An unblock of places by name.
        UnblockNamed = "unblock named",
        /// An unblock of so many places.
        UnblockCounted = "unblock counted",
    }
}

named! {
    /// Why places were left.
    End {
        /// The deadline passed.
        Expired = "expired",
        /// The buyer gave them back before paying.
        Released = "released",
        /// The buyer gave them back afterwards.
        Cancelled = "cancelled",
        /// The buyer gave them back for others.
        Exchanged = "exchanged",
        /// More holds lapsed at once than one decision ends.
        Crowd = "expired in a crowd",
    }
}

named! {
    /// A place goes from one state to another.
    Move {
        /// Held.
        FreeHeld = "free to held",
        /// Given back or lapsed.
        HeldFree = "held to free",
        /// Given more time.
        HeldHeld = "held to held",
        /// Sold.
        HeldBooked = "held to booked",
        /// Sold to a booking by an exchange.
        FreeBooked = "free to booked",
        /// Given back after it was sold.
        BookedFree = "booked to free",
        /// Kept from sale.
        FreeBlocked = "free to blocked",
        /// Put on sale.
        BlockedFree = "blocked to free",
        /// Taken out of its block by staff.
        BlockedHeld = "blocked to held",
        /// Returned to its block.
        HeldBlocked = "held to blocked",
        /// Gone to a block after it was sold, mostly the one it came from.
        BookedBlocked = "booked to blocked",
        /// Its block was lifted while it was held.
        HeldLifted = "held, its block lifted",
        /// Its block was lifted while it was booked.
        BookedLifted = "booked, its block lifted",
    }
}

named! {
    /// What an answer marked repeat says.
    Repeat {
        /// The claim's hold lives.
        ClaimHeld = "claim held",
        /// The claim's hold was booked.
        ClaimBooked = "claim booked",
        /// The hold has the time that was asked for.
        ExtendHeld = "extend held",
        /// So it had, and was booked.
        ExtendBooked = "extend booked",
        /// The hold was booked by this payment.
        ConfirmBooked = "confirm booked",
        /// The booking has the places that were wanted.
        ExchangeBooked = "exchange booked",
    }
}

/// Something a request or its event can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Such a request was read.
    Asked(Kind),
    /// It was granted while the sale stood so.
    Granted(Kind, Stage),
    /// It was refused while the sale stood so, by what the event's state says.
    Refused(Kind, Stage),
    /// Something of this form was granted.
    Form(Form),
    /// A refusal with this code.
    Code(Code),
    /// A request that named a hold which stood so.
    Standing(Kind, Standing),
    /// Such a request ended a lapsed hold beside its answer.
    Derived(Kind),
    /// An answer marked repeat.
    Repeated(Repeat),
    /// A hold or a place was left.
    Left(End),
    /// A place changed its state.
    Moved(Move),
    /// A dead letter for this reason, by its number.
    Dead(i32),
}

impl Point {
    /// All points, those that go together next to each other.
    #[must_use]
    pub fn all() -> Vec<Point> {
        let stages = |kind: Kind| Stage::ALL.iter().map(move |&stage| (kind, stage));
        let kinds = || Kind::ALL.iter().copied();
        let naming = [Kind::Confirm, Kind::Extend, Kind::Release, Kind::Cancel, Kind::Exchange];
        let standings = naming.into_iter().flat_map(|kind| {
            Standing::ALL.iter().map(move |&standing| Point::Standing(kind, standing))
        });
        let reasons = (0..).map_while(Reason::from_number).map(|reason| reason as i32);
        let mut all: Vec<Point> = kinds().map(Point::Asked).collect();
        all.extend(kinds().flat_map(stages).map(|(kind, stage)| Point::Granted(kind, stage)));
        all.extend(kinds().flat_map(stages).map(|(kind, stage)| Point::Refused(kind, stage)));
        all.extend(Form::ALL.iter().map(|&form| Point::Form(form)));
        all.extend(Code::ALL.iter().map(|&code| Point::Code(code)));
        all.extend(standings);
        all.extend(kinds().map(Point::Derived));
        all.extend(Repeat::ALL.iter().map(|&repeat| Point::Repeated(repeat)));
        all.extend(End::ALL.iter().map(|&end| Point::Left(end)));
        all.extend(Move::ALL.iter().map(|&place| Point::Moved(place)));
        all.extend(reasons.map(Point::Dead));
        all
    }

    /// Its group, row, and column where the row has several.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Point::Asked(kind) => ("asked", kind.name(), ""),
            Point::Granted(kind, stage) => ("granted", kind.name(), stage.name()),
            Point::Refused(kind, stage) => ("refused", kind.name(), stage.name()),
            Point::Form(form) => ("form", form.name(), ""),
            Point::Code(code) => ("code", code.name(), ""),
            Point::Standing(kind, standing) => ("standing", kind.name(), standing.name()),
            Point::Derived(kind) => ("derived", kind.name(), ""),
            Point::Repeated(repeat) => ("repeat", repeat.name(), ""),
            Point::Left(end) => ("left", end.name(), ""),
            Point::Moved(place) => ("place", place.name(), ""),
            Point::Dead(number) => {
                ("dead-letter", Reason::from_number(number).map_or("", Reason::name), "")
            }
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, row, column) = self.names();
        let gap = if column.is_empty() { "" } else { " " };
        write!(f, "{group} {row}{gap}{column}")
    }
}

/// Whether a refusal was given with the event in hand: group 1 and a suspended event are not.
pub(super) fn is_judged_by_state(code: Code) -> bool {
    code > Code::BadRequest && code != Code::EventSuspended
}

impl Kind {
    /// The kind of a request.
    #[must_use]
    pub fn of(body: &Body) -> Kind {
        match body {
            Body::Define(_) => Kind::Define,
            Body::Amend(_) => Kind::Amend,
            Body::Open(_) => Kind::Open,
            Body::Close(_) => Kind::Close,
            Body::Pause(_) => Kind::Pause,
            Body::CallOff(_) => Kind::CallOff,
            Body::Block(_) => Kind::Block,
            Body::Unblock(_) => Kind::Unblock,
            Body::Claim(_) => Kind::Claim,
            Body::Confirm(_) => Kind::Confirm,
            Body::Extend(_) => Kind::Extend,
            Body::Release(_) => Kind::Release,
            Body::Cancel(_) => Kind::Cancel,
            Body::Exchange(_) => Kind::Exchange,
            Body::Expire => Kind::Expire,
        }
    }
}

impl Stage {
    pub(super) const fn of(sale: SaleState) -> Stage {
        match sale {
            SaleState::NotOpen => Stage::NotOpen,
            SaleState::Open => Stage::Open,
            SaleState::Paused => Stage::Paused,
            SaleState::Closed => Stage::Closed,
            SaleState::Off => Stage::Off,
        }
    }
}

impl Repeat {
    /// What a repeat of such a request says; `None` for one that no rule gives.
    pub(super) fn of(kind: Kind, body: &OutcomeBody) -> Option<Repeat> {
        let booked = matches!(body, OutcomeBody::Booked(_));
        match (kind, booked) {
            (Kind::Claim, false) => Some(Repeat::ClaimHeld),
            (Kind::Claim, true) => Some(Repeat::ClaimBooked),
            (Kind::Extend, false) => Some(Repeat::ExtendHeld),
            (Kind::Extend, true) => Some(Repeat::ExtendBooked),
            (Kind::Confirm, true) => Some(Repeat::ConfirmBooked),
            (Kind::Exchange, true) => Some(Repeat::ExchangeBooked),
            (_, _) => None,
        }
    }
}

impl Form {
    /// Names each form that a request has which was granted with this outcome.
    pub(super) fn each_of(request: &Body, outcome: &OutcomeBody, mut tell: impl FnMut(Form)) {
        match request {
            Body::Claim(claim) => {
                let named = claim.lines.iter().any(|line| matches!(line, Line::Seat { .. }));
                let counted = claim.lines.iter().any(|line| matches!(line, Line::Places { .. }));
                let best = claim.lines.iter().any(|line| matches!(line, Line::Best(_)));
                let tier = |line: &Line| match line {
                    Line::Seat { tier, .. } | Line::Places { tier, .. } => tier.is_some(),
                    Line::Best(best) => best.tier.is_some(),
                };
                let split = |line: &Line| matches!(line, Line::Best(best) if best.split);
                let parted = |held: &Held| {
                    let rows = held.places.iter().map(|place| place.seat.rsplit_once('/'));
                    rows.map(|name| name.map(|(row, _)| row)).collect::<BTreeSet<_>>().len() > 1
                };
                match (named, counted) {
                    (true, true) => tell(Form::Both),
                    (true, false) => tell(Form::Named),
                    (false, true) => tell(Form::Counted),
                    (false, false) => {}
                }
                let also = [(Form::Best, best), (Form::BestBesides, best && named)];
                also.into_iter().filter(|(_, so)| *so).for_each(|(form, _)| tell(form));
                if claim.lines.len() == 1
                    && claim.lines.iter().any(split)
                    && matches!(outcome, OutcomeBody::Held(held) if parted(held))
                {
                    tell(Form::Parted);
                }
                let also = [
                    (Form::Lines, claim.lines.len() > 1),
                    (Form::Tier, claim.lines.iter().any(tier)),
                    (Form::Price, claim.expected_price.is_some()),
                    (Form::Staff, claim.staff_override),
                ];
                also.into_iter().filter(|(_, so)| *so).for_each(|(form, _)| tell(form));
            }
            Body::Cancel(cancel) => {
                let rest = matches!(outcome, OutcomeBody::Cancelled(told) if told.remaining == 0);
                tell(match (cancel.seats.is_empty(), rest) {
                    (true, _) => Form::Whole,
                    (false, true) => Form::Rest,
                    (false, false) => Form::Part,
                });
                if cancel.block.is_some() {
                    tell(Form::IntoBlock);
                }
            }
            Body::Exchange(exchange) => each_of_exchange(exchange, outcome, tell),
            Body::Block(block) => block.places.iter().for_each(|target| match target {
                Target::Named(_) => tell(Form::BlockNamed),
                Target::Places { .. } => tell(Form::BlockCounted),
            }),
            Body::Unblock(unblock) => unblock.places.iter().for_each(|target| match target {
                Target::Named(_) => tell(Form::UnblockNamed),
                Target::Places { .. } => tell(Form::UnblockCounted),
            }),
            Body::Define(_)
            | Body::Amend(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Pause(_)
            | Body::CallOff(_)
            | Body::Confirm(_)
            | Body::Extend(_)
            | Body::Release(_)
            | Body::Expire => {}
        }
    }
}

fn each_of_exchange(exchange: &Exchange, outcome: &OutcomeBody, tell: impl FnMut(Form)) {
    let OutcomeBody::Exchanged(told) = outcome else { return };
    let counted = exchange.lines.iter().any(|line| matches!(line, Line::Places { .. }));
    let named = exchange.lines.iter().any(|line| matches!(line, Line::Seat { .. }));
    let all = told.taken.len() == told.places.len();
    let forms = [
        (Form::ForSeats, named),
        (Form::ForPlaces, counted),
        (Form::SomeExchanged, !all),
        (Form::AllExchanged, all),
        (Form::ForMore, told.taken.len() > told.given_back.len()),
        (Form::ForFewer, told.taken.len() < told.given_back.len()),
        (Form::Difference, exchange.expected_difference.is_some()),
    ];
    forms.into_iter().filter(|(_, so)| *so).map(|(form, _)| form).for_each(tell);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_point_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Point::all().into_iter().map(Point::names).collect();
        assert_eq!(names.len(), Point::all().len());
        assert!(names.iter().all(|(group, row, _)| !group.is_empty() && !row.is_empty()));
    }
}
