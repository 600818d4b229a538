//! Checks of refusals: whether what a code says was so.
//!
//! Cheap and decisive ones only. Codes that rest on what topics do not carry are taken as they are:
//! `event-suspended`, and which partition a key belongs to.

use std::collections::BTreeSet;

use super::amend::cap;
use super::event::{EventModel, Record, Sale};
use super::finding::{Check, Judged, ensure};
use super::grant::max_wait;
use super::operate::Asked;
use super::wish;
use crate::domain::ids::{BuyerId, HoldId};
use crate::domain::limits::{BLOCK_SEATS_MAX, ID_WINDOW, NAME_BYTES_MAX, SEATS_PER_REQUEST_MAX};
use crate::domain::outcome::Outcome;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Body, Cancel, Claim, Exchange, Line, Request, Target};
use crate::domain::seat::Cause;
use crate::domain::time::At;

/// Bytes of a place's full name.
const FULL_NAME: usize = 3 * NAME_BYTES_MAX + "//".len();

/// Judges a refusal at the point where it was decided.
pub(super) fn judge(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    refused: &Refusal,
) -> Judged {
    let (code, body) = (refused.code, &record.request.body);
    let known = model.venue.is_some();
    let defines = matches!(body, Body::Define(_));
    let in_hand = code <= Code::AlreadyDefined || known != defines;
    ensure(in_hand, Check::Refusal, || {
        let expected = "an unknown event only to be defined, a known one never again";
        (expected.into(), format!("{code}"))
    })?;
    let sells = known && sells(body);
    let (so, otherwise) = match code {
        Code::NotAuthorised => (is_signed(body), "no signature to be needed"),
        // A key that is not the event's has another home, whatever lives here.
        Code::WrongPartition => (!known || !record.key_fits, "the partition the event lives in"),
        Code::BadRequest => {
            let amends = matches!(body, Body::Amend(_));
            (defines || amends || malformed(model, record), "nothing wrong with its shape")
        }
        Code::UnknownEvent => (!known && !defines, "a known event"),
        Code::EventSuspended => (true, ""),
        Code::AlreadyDefined => (known && defines, "an unknown event"),
        // Whether the id was met before is checked where the ids of the partition are at hand.
        Code::RequestConflict | Code::Repeated => (ages(body), "a request answered for ever"),
        Code::IdOutOfWindow => {
            (ages(body) && outside(record.request, record.highest), "an id made in time")
        }
        Code::Stale => (ages(body) && outcome.header.waited > max_wait(model), "no such wait"),
        Code::WrongEdition => {
            let seen = Asked::read(body).and_then(|asked| asked.edition);
            (seen.is_some_and(|seen| seen != model.edition), "the event's edition")
        }
        Code::SaleNotOpen => {
            let waits = matches!(model.sale, Sale::NotOpen | Sale::Paused);
            (sells && waits, "a sale that was opened")
        }
        Code::SaleClosed => (sells && model.sale == Sale::Closed, "a sale not closed"),
        Code::EventOff => {
            let so = model.sale == Sale::Off && ends_with_it(body) && !is_refunded(model, body);
            (so, "an event not off, or a payment that went back before")
        }
        Code::UnknownSeat
        | Code::TierMismatch
        | Code::PriceChanged
        | Code::KeptBack
        | Code::RequestLimit
        | Code::BuyerLimit
        | Code::TierLimit
        | Code::LiveHolds
        | Code::SeatsTaken
        | Code::Blocked
        | Code::NotEnough
        | Code::NoRun
        | Code::StrandsSeat
        | Code::NotBlocked
        | Code::BelowTaken => return wish::judge(model, body, outcome, refused),
        Code::ExtensionCap
        | Code::UnknownHold
        | Code::NotHolder
        | Code::HoldEnded
        | Code::NothingBooked
        | Code::NotInBooking
        | Code::ReferenceUsed => (judge_hold(model, refused, body), "a hold that stands otherwise"),
        Code::NothingDue => {
            let due = model.lapsed(outcome.header.decided_at).next().is_some();
            (matches!(body, Body::Expire) && !due, "a lapsed hold to end")
        }
        Code::NotAdmitted | Code::PassExpired | Code::PaymentInFlight => {
            (false, "a code that some rule gives")
        }
    };
    ensure(so, Check::Refusal, || (otherwise.into(), format!("{code} {:?}", refused.ground)))
}

/// Whether it confirms, once more, a booking whose cancel gave this very payment back.
fn is_refunded(model: &EventModel, body: &Body) -> bool {
    let Body::Confirm(ask) = body else { return false };
    model.remembered(ask.hold).is_some_and(|hold| {
        hold.ended == Some(Cause::Cancelled)
            && hold.buyer == ask.buyer
            && hold.reference.as_ref() == Some(&ask.reference)
    })
}

/// Refusals that rest on one hold.
fn judge_hold(model: &EventModel, refused: &Refusal, body: &Body) -> bool {
    let code = refused.code;
    let Some((id, buyer)) = hold_of(body) else { return false };
    let Some(hold) = model.remembered(id) else { return code == Code::UnknownHold };
    if code == Code::ExtensionCap {
        return is_capped(model, refused, body);
    }
    if hold.buyer != *buyer {
        return code == Code::NotHolder;
    }
    if code == Code::HoldEnded {
        // Who paid twice is told apart from who came late.
        let paid = hold.reference.as_ref();
        let otherwise = matches!(body, Body::Confirm(ask) if paid != Some(&ask.reference));
        let refunded = hold.ended == Some(Cause::Cancelled) && !otherwise;
        if refunded != (refused.ground.detail == "cancelled") {
            return false;
        }
    }
    let over = hold.ended.is_some();
    match body {
        Body::Confirm(ask) => {
            if over || hold.reference.as_ref().is_some_and(|paid| *paid != ask.reference) {
                return code == Code::HoldEnded;
            }
            let other = model.paid_by(&ask.reference).is_some_and(|other| other != id);
            code == Code::ReferenceUsed && other
        }
        Body::Cancel(Cancel { seats, .. }) | Body::Exchange(Exchange { seats, .. }) => {
            match (hold.ended, &hold.reference) {
                (Some(Cause::Cancelled), _) => code == Code::HoldEnded,
                (_, None) => code == Code::NothingBooked,
                (_, Some(_)) => {
                    let own = |seat: &&String| hold.places.iter().any(|place| place.seat == **seat);
                    let foreign: BTreeSet<&String> =
                        seats.iter().filter(|seat| !own(seat)).collect();
                    code == Code::NotInBooking && lists(&foreign, refused)
                }
            }
        }
        Body::Extend(_) | Body::Release(_) => {
            code == Code::HoldEnded && (over || hold.reference.is_some())
        }
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Claim(_)
        | Body::Expire => false,
    }
}

/// More time was asked for than the hold may have.
fn is_capped(model: &EventModel, refused: &Refusal, body: &Body) -> bool {
    let Body::Extend(ask) = body else { return false };
    let Some(cap) = cap(model, ask.hold) else { return false };
    let told = (refused.ground.limit, refused.ground.count);
    ask.deadline > cap && told == (Some(cap.0), Some(ask.deadline.0))
}

/// Exactly these places are listed, and there are some.
pub(super) fn lists(so: &BTreeSet<&String>, refused: &Refusal) -> bool {
    let listed: BTreeSet<&String> = refused.ground.seats.iter().collect();
    !listed.is_empty() && listed == *so
}

/// Whether the shape of a request is wrong. Definitions are not judged but by their grants.
pub(super) fn malformed(model: &EventModel, record: &Record<'_>) -> bool {
    let shape = match &record.request.body {
        Body::Claim(claim) => is_misshapen(model, claim),
        Body::Open(ask) | Body::Close(ask) | Body::Pause(ask) | Body::CallOff(ask) => {
            unfit(&ask.actor, NAME_BYTES_MAX)
        }
        Body::Block(ask) => {
            is_unfit_reason(&ask.reason)
                || unfit(&ask.actor, NAME_BYTES_MAX)
                || are_misshapen(model, &ask.places)
        }
        Body::Unblock(ask) => {
            unfit(&ask.actor, NAME_BYTES_MAX) || are_misshapen(model, &ask.places)
        }
        Body::Cancel(ask) => {
            let block = ask.block.as_deref().is_some_and(is_unfit_reason);
            are_unfit(&ask.seats) || block
        }
        Body::Exchange(ask) => {
            let both = |line: &Line| {
                matches!(line,
                Line::Seat { name, .. } if ask.seats.contains(name))
            };
            let given = ask.seats.is_empty() || are_unfit(&ask.seats);
            let best = |line: &Line| matches!(line, Line::Best(_));
            given
                || is_misshapen(model, &ask.wish())
                || ask.lines.iter().any(|line| both(line) || best(line))
        }
        Body::Define(_)
        | Body::Amend(_)
        | Body::Confirm(_)
        | Body::Extend(_)
        | Body::Release(_)
        | Body::Expire => false,
    };
    shape || !record.key_fits || record.request.id.made_at().is_none()
}

/// Names of places to give back that cannot be meant.
fn are_unfit(seats: &[String]) -> bool {
    let mut seen = BTreeSet::new();
    let bad = seats.iter().any(|seat| unfit(seat, FULL_NAME) || !seen.insert(seat));
    seats.len() > SEATS_PER_REQUEST_MAX || bad
}

fn is_unfit_reason(reason: &str) -> bool {
    reason.is_empty() || unfit(reason, NAME_BYTES_MAX)
}

fn unfit(text: &str, bytes: usize) -> bool {
    text.len() > bytes || text.chars().any(char::is_control)
}

fn is_misshapen(model: &EventModel, claim: &Claim) -> bool {
    let mut seen = BTreeSet::new();
    let any = String::new();
    let bad = claim.lines.iter().any(|line| {
        let (place, tier, wrong) = match line {
            Line::Seat { name, tier } => (name, tier, !seen.insert(name)),
            Line::Places { section, tier, count } => (section, tier, *count == 0),
            Line::Best(best) => (
                best.section.as_ref().unwrap_or(&any),
                &best.tier,
                best.count == 0 || best.bays > best.count,
            ),
        };
        let tier = tier.as_deref().unwrap_or_default();
        wrong || unfit(place, FULL_NAME) || unfit(tier, FULL_NAME)
    });
    let venue = model.venue.as_ref();
    let misfit = venue.is_some_and(|venue| !venue.wanted(claim).misfits.is_empty());
    !(1..=SEATS_PER_REQUEST_MAX).contains(&claim.lines.len()) || bad || misfit
}

fn are_misshapen(model: &EventModel, targets: &[Target]) -> bool {
    let bad = targets.iter().any(|target| match target {
        Target::Named(name) => unfit(name, FULL_NAME),
        Target::Places { section, count } => *count == 0 || unfit(section, FULL_NAME),
    });
    let venue = model.venue.as_ref();
    let misfit = venue.is_some_and(|venue| !venue.marked(targets).misfits.is_empty());
    !(1..=BLOCK_SEATS_MAX).contains(&targets.len()) || bad || misfit
}

/// Whether a signature is needed.
fn is_signed(body: &Body) -> bool {
    match body {
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Expire => true,
        Body::Claim(claim) => claim.staff_override,
        Body::Cancel(ask) => ask.block.is_some(),
        Body::Confirm(_) | Body::Extend(_) | Body::Release(_) | Body::Exchange(_) => false,
    }
}

/// Whether id and wait are judged.
pub(super) fn ages(body: &Body) -> bool {
    match body {
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Claim(_)
        | Body::Extend(_)
        | Body::Exchange(_) => true,
        Body::Confirm(_) | Body::Release(_) | Body::Cancel(_) | Body::Expire => false,
    }
}

/// Whether the id was made too long before or after the log's time.
pub(super) fn outside(request: &Request, highest: At) -> bool {
    let apart = request.id.made_at().map(|made| made.since(highest).0);
    apart.is_some_and(|apart| apart.saturating_abs() > ID_WINDOW.0)
}

/// Whether it asks for a promise that is only made while the sale is open.
fn sells(body: &Body) -> bool {
    match body {
        Body::Claim(_) | Body::Extend(_) | Body::Exchange(_) => true,
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Confirm(_)
        | Body::Release(_)
        | Body::Cancel(_)
        | Body::Expire => false,
    }
}

/// Whether it is over with once the event is called off. Leaving works for ever.
fn ends_with_it(body: &Body) -> bool {
    match body {
        Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Claim(_)
        | Body::Confirm(_)
        | Body::Extend(_)
        | Body::Exchange(_) => true,
        Body::Define(_) | Body::Release(_) | Body::Cancel(_) | Body::Expire => false,
    }
}

fn hold_of(body: &Body) -> Option<(HoldId, &BuyerId)> {
    match body {
        Body::Confirm(ask) => Some((ask.hold, &ask.buyer)),
        Body::Extend(ask) => Some((ask.hold, &ask.buyer)),
        Body::Release(ask) => Some((ask.hold, &ask.buyer)),
        Body::Cancel(ask) => Some((ask.hold, &ask.buyer)),
        Body::Exchange(ask) => Some((ask.hold, &ask.buyer)),
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Claim(_)
        | Body::Expire => None,
    }
}
