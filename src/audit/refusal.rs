//! Checks of refusals: whether what a code says was so.
//!
//! Cheap and decisive ones only. Codes that rest on what topics do not carry are taken as they are:
//! `event-suspended`, and which partition a key belongs to.

use std::collections::BTreeSet;

use super::event::{EventModel, Record, Sale};
use super::finding::{Check, Judged, ensure};
use super::grant::max_wait;
use super::venue::{Venue, Wanted};
use crate::domain::ids::{BuyerId, HoldId, Reference};
use crate::domain::limits::{ID_WINDOW, NAME_BYTES_MAX, SEATS_PER_REQUEST_MAX};
use crate::domain::outcome::Outcome;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Body, Claim, Line, Request};
use crate::domain::time::At;

/// Judges a refusal at the point where it was decided.
pub(super) fn judge(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    refused: &Refusal,
) -> Judged {
    let (code, body) = (refused.code, &record.request.body);
    let at = outcome.header.decided_at;
    let known = model.venue.is_some();
    let defines = matches!(body, Body::Define(_));
    let wish = Wish::read(model, body);
    let wished = |so: &dyn Fn(&Wish<'_>) -> bool| wish.as_ref().is_some_and(so);
    let in_hand = code <= Code::AlreadyDefined || known != defines;
    ensure(in_hand, Check::Refusal, || {
        let expected = "an unknown event only to be defined, a known one never again";
        (expected.into(), format!("{code}"))
    })?;
    let (so, otherwise) = match code {
        Code::NotAuthorised => (is_signed(body), "no signature to be needed"),
        Code::WrongPartition => (!known, "the partition the event lives in"),
        Code::BadRequest => (defines || malformed(model, record), "nothing wrong with its shape"),
        Code::UnknownEvent => (!known && !defines, "a known event"),
        Code::EventSuspended => (true, ""),
        Code::AlreadyDefined => (known && defines, "an unknown event"),
        // Whether the first record is one of the same id is checked where all records are at hand.
        Code::RequestConflict | Code::Repeated => (ages(body), "a request answered for ever"),
        Code::IdOutOfWindow => {
            (ages(body) && outside(record.request, record.highest), "an id made in time")
        }
        Code::Stale => (ages(body) && outcome.header.waited > max_wait(model), "no such wait"),
        Code::WrongEdition => {
            (edition_of(body).is_some_and(|seen| seen != model.edition), "the event's edition")
        }
        Code::SaleNotOpen => (wished(&|_| model.sale == Sale::NotOpen), "a sale that was opened"),
        Code::SaleClosed => (wished(&|_| model.sale == Sale::Closed), "a sale not closed"),
        Code::UnknownSeat => (wished(&|w| listed(&w.wanted.unknown, refused)), "known places"),
        Code::TierMismatch => (wished(&|w| listed(&w.wanted.mismatched, refused)), "fitting tiers"),
        Code::PriceChanged => (wished(&|w| w.expects_another_price()), "the price expected"),
        Code::RequestLimit => (wished(&|w| w.is_too_large()), "a claim within bounds"),
        Code::BuyerLimit => (wished(&|w| w.exceeds_buyer(model)), "a buyer within bounds"),
        Code::TierLimit => (wished(&|w| w.exceeds_tier(model)), "a buyer within the tier's bounds"),
        Code::LiveHolds => (wished(&|w| w.exceeds_live_holds(model)), "fewer live holds"),
        Code::SeatsTaken => match &wish {
            Some(wish) => return seats_taken(model, outcome, refused, wish.wanted.named.keys()),
            None => (false, "such a code for claims only"),
        },
        Code::NotEnough => (wished(&|w| w.lacks_places(model, at, refused)), "enough free places"),
        Code::UnknownHold | Code::NotHolder | Code::HoldEnded | Code::ReferenceUsed => {
            (judge_hold(model, code, body), "a hold that stands otherwise")
        }
        Code::NothingDue => {
            let due = model.lapsed(at).next().is_some();
            (matches!(body, Body::Expire) && !due, "a lapsed hold to end")
        }
        Code::EventOff
        | Code::NotAdmitted
        | Code::PassExpired
        | Code::KeptBack
        | Code::ExtensionCap
        | Code::Blocked
        | Code::NotBlocked
        | Code::NoRun
        | Code::StrandsSeat
        | Code::PaymentInFlight
        | Code::NothingBooked
        | Code::NotInBooking => (false, "a code that some rule gives"),
    };
    ensure(so, Check::Refusal, || (otherwise.into(), format!("{code} {:?}", refused.ground)))
}

/// A claim on a known event.
struct Wish<'a> {
    venue: &'a Venue,
    claim: &'a Claim,
    wanted: Wanted,
}

impl<'a> Wish<'a> {
    fn read(model: &'a EventModel, body: &'a Body) -> Option<Wish<'a>> {
        let venue = model.venue.as_ref()?;
        match body {
            Body::Claim(claim) => Some(Wish { venue, claim, wanted: venue.wanted(claim) }),
            Body::Define(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Pause(_)
            | Body::CallOff(_)
            | Body::Block(_)
            | Body::Unblock(_)
            | Body::Confirm(_)
            | Body::Extend(_)
            | Body::Release(_)
            | Body::Cancel(_)
            | Body::Expire => None,
        }
    }

    fn over(&self, limit: Option<u32>, count: u64) -> bool {
        !self.claim.staff_override && limit.is_some_and(|limit| count > u64::from(limit))
    }

    fn expects_another_price(&self) -> bool {
        self.claim.expected_price.is_some_and(|sum| i128::from(sum) != self.wanted.total)
    }

    fn is_too_large(&self) -> bool {
        let limit = self.venue.definition.limits.seats_per_request;
        let size = self.wanted.size;
        size > SEATS_PER_REQUEST_MAX as u64 || self.over(limit, size)
    }

    fn exceeds_buyer(&self, model: &EventModel) -> bool {
        let has: u64 = model.has(&self.claim.buyer).0.values().sum();
        self.over(self.venue.definition.limits.seats_per_buyer, has + self.wanted.size)
    }

    fn exceeds_tier(&self, model: &EventModel) -> bool {
        let (has, _) = model.has(&self.claim.buyer);
        self.wanted.by_tier.iter().any(|(tier, count)| {
            let limit = self.venue.tier(tier).and_then(|(_, _, limit)| limit);
            self.over(limit, has.get(tier.as_str()).unwrap_or(&0) + count)
        })
    }

    fn exceeds_live_holds(&self, model: &EventModel) -> bool {
        let (_, live) = model.has(&self.claim.buyer);
        self.over(self.venue.definition.limits.live_holds_per_buyer, live + 1)
    }

    /// Places that lapsed holds sit on are as good as free: the claim would have ended those holds.
    fn lacks_places(&self, model: &EventModel, at: At, refused: &Refusal) -> bool {
        self.wanted.by_section.iter().any(|(section, &count)| {
            let (free, lapsed) = model.free_in(section, at);
            refused.ground.seats.contains(section) && count > free + lapsed
        })
    }
}

/// The seats listed are exactly those wanted that somebody has, by a hold that had not lapsed.
fn seats_taken<'a>(
    model: &EventModel,
    outcome: &Outcome,
    refused: &Refusal,
    wanted: impl Iterator<Item = &'a String>,
) -> Judged {
    let at = outcome.header.decided_at;
    let taken: BTreeSet<&String> = wanted.filter(|seat| model.holder(seat).is_some()).collect();
    let listed: BTreeSet<&String> = refused.ground.seats.iter().collect();
    ensure(!listed.is_empty() && taken == listed, Check::Refusal, || {
        (format!("taken: {taken:?}"), format!("{} listing {listed:?}", refused.code))
    })?;
    let lapsed = listed.iter().find(|seat| {
        model.holder(seat).and_then(|(_, hold)| hold).is_some_and(|hold| !hold.is_live(at))
    });
    ensure(lapsed.is_none(), Check::LateExpiry, || {
        ("lapsed holds in the way to end first".into(), format!("{lapsed:?} still taken"))
    })
}

fn judge_hold(model: &EventModel, code: Code, body: &Body) -> bool {
    let Some((id, buyer, reference)) = hold_of(body) else { return false };
    let Some(hold) = model.remembered(id) else { return code == Code::UnknownHold };
    if hold.buyer != *buyer {
        return code == Code::NotHolder;
    }
    let booked_otherwise = hold.reference.is_some() && hold.reference.as_ref() != reference;
    if hold.ended.is_some() || booked_otherwise {
        return code == Code::HoldEnded;
    }
    let other = reference.and_then(|reference| model.references.get(reference));
    code == Code::ReferenceUsed && other.is_some_and(|other| *other != id)
}

/// Every place listed is among those that the code is about, and at least one is listed.
fn listed(so: &[String], refused: &Refusal) -> bool {
    let seats = &refused.ground.seats;
    !seats.is_empty() && seats.iter().all(|seat| so.contains(seat))
}

/// Whether the shape of a request is wrong. Definitions are not judged but by their grants.
pub(super) fn malformed(model: &EventModel, record: &Record<'_>) -> bool {
    let unfit = |text: &str, bytes: usize| text.len() > bytes || text.chars().any(char::is_control);
    let shape = match &record.request.body {
        Body::Claim(claim) => {
            let mut seen = BTreeSet::new();
            let name = 3 * NAME_BYTES_MAX + "//".len();
            let bad = claim.lines.iter().any(|line| {
                let (place, tier, wrong) = match line {
                    Line::Seat { name, tier } => (name, tier, !seen.insert(name)),
                    Line::Places { section, tier, count } => (section, tier, *count == 0),
                };
                let tier = tier.as_deref().unwrap_or_default();
                wrong || unfit(place, name) || unfit(tier, name)
            });
            let venue = model.venue.as_ref();
            let misfit = venue.is_some_and(|venue| !venue.wanted(claim).misfits.is_empty());
            !(1..=SEATS_PER_REQUEST_MAX).contains(&claim.lines.len()) || bad || misfit
        }
        Body::Open(ask) | Body::Close(ask) | Body::Pause(ask) | Body::CallOff(ask) => {
            unfit(&ask.actor, NAME_BYTES_MAX)
        }
        Body::Define(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Confirm(_)
        | Body::Extend(_)
        | Body::Release(_)
        | Body::Cancel(_)
        | Body::Expire => false,
    };
    shape || !record.key_fits || record.request.id.made_at().is_none()
}

/// Whether a signature is needed.
fn is_signed(body: &Body) -> bool {
    match body {
        Body::Define(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Expire => true,
        Body::Claim(claim) => claim.staff_override,
        Body::Confirm(_) | Body::Extend(_) | Body::Release(_) | Body::Cancel(_) => false,
    }
}

/// Whether id and wait are judged.
fn ages(body: &Body) -> bool {
    match body {
        Body::Define(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Claim(_)
        | Body::Extend(_) => true,
        Body::Confirm(_) | Body::Release(_) | Body::Cancel(_) | Body::Expire => false,
    }
}

/// Whether the id was made too long before or after the log's time.
pub(super) fn outside(request: &Request, highest: At) -> bool {
    let apart = request.id.made_at().map(|made| made.since(highest).0);
    apart.is_some_and(|apart| apart.saturating_abs() > ID_WINDOW.0)
}

fn edition_of(body: &Body) -> Option<i64> {
    match body {
        Body::Open(ask) | Body::Close(ask) | Body::Pause(ask) | Body::CallOff(ask) => {
            Some(ask.edition)
        }
        Body::Block(ask) => Some(ask.edition),
        Body::Unblock(ask) => Some(ask.edition),
        Body::Define(_)
        | Body::Claim(_)
        | Body::Confirm(_)
        | Body::Extend(_)
        | Body::Release(_)
        | Body::Cancel(_)
        | Body::Expire => None,
    }
}

fn hold_of(body: &Body) -> Option<(HoldId, &BuyerId, Option<&Reference>)> {
    match body {
        Body::Confirm(ask) => Some((ask.hold, &ask.buyer, Some(&ask.reference))),
        Body::Release(ask) => Some((ask.hold, &ask.buyer, None)),
        Body::Extend(ask) => Some((ask.hold, &ask.buyer, None)),
        Body::Cancel(ask) => Some((ask.hold, &ask.buyer, None)),
        Body::Define(_)
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
