//! Checks of refusals: whether what a code says was so.
//!
//! Cheap and decisive ones only. Codes that rest on what topics do not carry are taken as they are:
//! `event-suspended`, and which partition a key belongs to.

use std::collections::BTreeSet;

use super::event::{EventModel, Record, Sale};
use super::finding::{Check, Judged, ensure};
use super::grant::max_wait;
use crate::domain::ids::{BuyerId, HoldId, Reference};
use crate::domain::limits::{ID_WINDOW, SEATS_PER_REQUEST_MAX};
use crate::domain::outcome::Outcome;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Administration, Body, Claim, Line};

/// Judges a refusal at the point where it was decided.
pub(super) fn judge(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    refused: &Refusal,
) -> Judged {
    let code = refused.code;
    let says = |so: bool, expected: &str| {
        ensure(so, Check::Refusal, || (expected.into(), format!("{code} {:?}", refused.ground)))
    };
    let defines = matches!(record.request.body, Body::Define(_));
    if code > Code::AlreadyDefined {
        let judged = model.venue.is_some() != defines;
        says(judged, "an unknown event only to be defined, a known one never again")?;
    }
    match code {
        Code::NotAuthorised => says(is_signed(&record.request.body), "no signature to be needed"),
        Code::WrongPartition => says(model.venue.is_none(), "the partition the event lives in"),
        Code::BadRequest => {
            says(malformed(model, record) || defines, "nothing wrong with its shape")
        }
        Code::UnknownEvent => says(model.venue.is_none() && !defines, "a known event"),
        Code::AlreadyDefined => says(model.venue.is_some() && defines, "an unknown event"),
        Code::EventSuspended => Ok(()),
        // That the first record has the id is checked where all records of the partition are known.
        Code::RequestConflict | Code::Repeated => {
            says(ages(&record.request.body), "a request that its event answers for ever")
        }
        Code::IdOutOfWindow => says(ages(&record.request.body) && outside(record), "an id in time"),
        Code::Stale => {
            let late = outcome.header.waited > max_wait(model);
            says(ages(&record.request.body) && late, "no such wait")
        }
        Code::WrongEdition => says(
            administration(&record.request.body).is_some_and(|ask| ask.edition != model.edition),
            "the edition named to be the event's",
        ),
        Code::SaleNotOpen
        | Code::SaleClosed
        | Code::UnknownSeat
        | Code::TierMismatch
        | Code::PriceChanged
        | Code::RequestLimit
        | Code::BuyerLimit
        | Code::TierLimit
        | Code::LiveHolds
        | Code::SeatsTaken
        | Code::NotEnough => match &record.request.body {
            Body::Claim(claim) => judge_claim(model, outcome, refused, claim),
            Body::Define(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Confirm(_)
            | Body::Release(_)
            | Body::Expire => says(false, "such a code for claims only"),
        },
        Code::UnknownHold | Code::NotHolder | Code::HoldEnded | Code::ReferenceUsed => {
            let so = hold_of(&record.request.body).is_some_and(|(hold, buyer, reference)| {
                judge_hold(model, code, hold, buyer, reference)
            });
            says(so, "a hold that stands otherwise")
        }
        Code::NothingDue => {
            let expire = matches!(record.request.body, Body::Expire);
            let lapsed = model.lapsed(outcome.header.decided_at).next();
            says(expire && lapsed.is_none(), "a lapsed hold to end")
        }
        Code::EventOff
        | Code::NotAdmitted
        | Code::PassExpired
        | Code::KeptBack
        | Code::ExtensionCap
        | Code::Blocked
        | Code::NoRun
        | Code::StrandsSeat
        | Code::PaymentInFlight
        | Code::NothingBooked
        | Code::NotInBooking => says(false, "a code that some rule gives"),
    }
}

fn judge_claim(model: &EventModel, outcome: &Outcome, refused: &Refusal, claim: &Claim) -> Judged {
    let code = refused.code;
    let says = |so: bool, expected: &str| {
        ensure(so, Check::Refusal, || (expected.into(), format!("{code} {:?}", refused.ground)))
    };
    let Some(venue) = &model.venue else { return says(false, "a known event") };
    let wanted = venue.wanted(claim);
    let limits = venue.definition.limits;
    let over = |limit: Option<u32>, count: u64| {
        !claim.staff_override && limit.is_some_and(|limit| count > u64::from(limit))
    };
    match code {
        Code::SaleNotOpen => says(model.sale == Sale::NotOpen, "a sale that was opened"),
        Code::SaleClosed => says(model.sale == Sale::Closed, "a sale that was not closed"),
        Code::UnknownSeat => says(listed(&wanted.unknown, refused), "places that exist"),
        Code::TierMismatch => says(listed(&wanted.mismatched, refused), "tiers that fit"),
        Code::PriceChanged => {
            let differs = claim.expected_price.is_some_and(|sum| i128::from(sum) != wanted.total);
            says(differs, "the price expected")
        }
        Code::RequestLimit => {
            let beyond = wanted.size > SEATS_PER_REQUEST_MAX as u64;
            says(beyond || over(limits.seats_per_request, wanted.size), "a claim within bounds")
        }
        Code::BuyerLimit => {
            let all = model.has(&claim.buyer).0.values().sum::<u64>() + wanted.size;
            says(over(limits.seats_per_buyer, all), "a buyer within bounds")
        }
        Code::TierLimit => {
            let (has, _) = model.has(&claim.buyer);
            let so = wanted.by_tier.iter().any(|(tier, count)| {
                let limit = venue.tier(tier).and_then(|(_, _, limit)| limit);
                over(limit, has.get(tier.as_str()).unwrap_or(&0) + count)
            });
            says(so, "a buyer within the tier's bounds")
        }
        Code::LiveHolds => {
            let live = model.has(&claim.buyer).1 + 1;
            says(over(limits.live_holds_per_buyer, live), "fewer live holds")
        }
        Code::SeatsTaken => seats_taken(model, outcome, refused, wanted.named.keys()),
        Code::NotEnough => says(
            wanted.by_section.iter().any(|(section, &count)| {
                let (free, lapsed) = model.free_in(section, outcome.header.decided_at);
                refused.ground.seats.contains(section) && count > free + lapsed
            }),
            "enough free places",
        ),
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
        | Code::EventOff
        | Code::NotAdmitted
        | Code::PassExpired
        | Code::KeptBack
        | Code::ExtensionCap
        | Code::Blocked
        | Code::NoRun
        | Code::StrandsSeat
        | Code::UnknownHold
        | Code::NotHolder
        | Code::HoldEnded
        | Code::PaymentInFlight
        | Code::NothingBooked
        | Code::NotInBooking
        | Code::ReferenceUsed
        | Code::NothingDue => says(false, "a code for claims"),
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

fn judge_hold(
    model: &EventModel,
    code: Code,
    id: HoldId,
    buyer: &BuyerId,
    reference: Option<&Reference>,
) -> bool {
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
    let shape = match &record.request.body {
        Body::Claim(claim) => {
            let mut seen = BTreeSet::new();
            let bad = claim.lines.iter().any(|line| match line {
                Line::Seat { name, .. } => !seen.insert(name),
                Line::Places { count, .. } => *count == 0,
            });
            let venue = model.venue.as_ref();
            let misfit = venue.is_some_and(|venue| !venue.wanted(claim).misfits.is_empty());
            claim.lines.is_empty() || bad || misfit
        }
        Body::Define(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Confirm(_)
        | Body::Release(_)
        | Body::Expire => false,
    };
    shape || !record.key_fits || record.request.id.made_at().is_none()
}

/// Whether a signature is needed.
fn is_signed(body: &Body) -> bool {
    match body {
        Body::Define(_) | Body::Open(_) | Body::Close(_) | Body::Expire => true,
        Body::Claim(claim) => claim.staff_override,
        Body::Confirm(_) | Body::Release(_) => false,
    }
}

/// Whether id and wait are judged.
fn ages(body: &Body) -> bool {
    match body {
        Body::Define(_) | Body::Open(_) | Body::Close(_) | Body::Claim(_) => true,
        Body::Confirm(_) | Body::Release(_) | Body::Expire => false,
    }
}

/// Whether the id was made too long before or after the log's time.
fn outside(record: &Record<'_>) -> bool {
    let apart = record.request.id.made_at().map(|made| made.since(record.highest).0);
    apart.is_some_and(|apart| apart.saturating_abs() > ID_WINDOW.0)
}

fn administration(body: &Body) -> Option<&Administration> {
    match body {
        Body::Open(ask) | Body::Close(ask) => Some(ask),
        Body::Define(_) | Body::Claim(_) | Body::Confirm(_) | Body::Release(_) | Body::Expire => {
            None
        }
    }
}

fn hold_of(body: &Body) -> Option<(HoldId, &BuyerId, Option<&Reference>)> {
    match body {
        Body::Confirm(ask) => Some((ask.hold, &ask.buyer, Some(&ask.reference))),
        Body::Release(ask) => Some((ask.hold, &ask.buyer, None)),
        Body::Define(_) | Body::Open(_) | Body::Close(_) | Body::Claim(_) | Body::Expire => None,
    }
}
