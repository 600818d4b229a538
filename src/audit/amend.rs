//! Checks of outcomes that amend a hold or a booking: more time, or places given back.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{EventModel, Hold, Record, Sale};
use super::finding::{Check, Fault, Judged, ensure, same};
use super::grant::{check_places_of, check_record, wrong_kind};
use crate::domain::ids::{BuyerId, HoldId, Reference};
use crate::domain::outcome::{Cancelled, Held, Outcome, Place, ToBlock};
use crate::domain::request::Body;
use crate::domain::time::At;

/// An extend granted.
pub(super) fn extended(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    held: &Held,
) -> Judged {
    let Body::Extend(extend) = &record.request.body else {
        return Err(wrong_kind(record, "an answer to an extend"));
    };
    check_record(model, record, outcome)?;
    let open = model.sale == Sale::Open;
    ensure(open, Check::Sale, || ("an open sale".into(), format!("{:?}", model.sale)))?;
    same(Check::Hold, "the hold asked for,", &extend.hold, &held.hold)?;
    same(Check::Limit, "staff override, told by the grant alone,", &false, &held.staff_override)?;
    let Some(hold) = model.unended(held.hold) else { return Ok(()) };
    let at = outcome.header.decided_at;
    ensure(hold.is_live(at), Check::LateExpiry, || {
        (format!("a hold live at {at}"), format!("deadline {}", hold.deadline))
    })?;
    same(Check::Hold, "no reference but", &hold.reference, &None)?;
    same(Check::Hold, "buyer", &hold.buyer, &extend.buyer)?;
    same(Check::Hold, "deadline", &extend.deadline, &held.deadline)?;
    ensure(held.deadline > hold.deadline, Check::Hold, || {
        (format!("a deadline after {}", hold.deadline), held.deadline.to_string())
    })?;
    let cap = cap(model, held.hold);
    ensure(cap.is_some_and(|cap| held.deadline <= cap), Check::Limit, || {
        (format!("a deadline up to {cap:?}"), held.deadline.to_string())
    })?;
    check_places_of(model, &hold.places, &held.places, &held.currency)
}

/// The latest deadline a hold may be given. Its id is its claim's, and tells when that was made.
pub(super) fn cap(model: &EventModel, hold: HoldId) -> Option<At> {
    let definition = &model.venue.as_ref()?.definition;
    Some(hold.made_at()?.plus(definition.hold_time).plus(definition.extend_max))
}

/// A cancel granted. A place given back twice is looked for before what else may be wrong with it.
pub(super) fn cancelled(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    cancelled: &Cancelled,
) -> Judged {
    let Some(hold) = model.unended(cancelled.hold) else { return Ok(()) };
    check_once_each(hold, cancelled.hold, &cancelled.places)?;
    let Body::Cancel(cancel) = &record.request.body else {
        return Err(wrong_kind(record, "an answer to a cancel"));
    };
    check_record(model, record, outcome)?;
    same(Check::Hold, "the hold asked for,", &cancel.hold, &cancelled.hold)?;
    check_booking(hold, cancelled.hold, &cancel.buyer, &cancelled.reference)?;
    let asked = |place: &&Place| cancel.seats.is_empty() || cancel.seats.contains(&place.seat);
    let expected: Vec<Place> = hold.places.iter().filter(asked).cloned().collect();
    let known = cancel.seats.is_empty() || expected.len() == cancel.seats.len();
    ensure(known, Check::Seats, || {
        (format!("places of booking {}", cancelled.hold), format!("{:?} asked for", cancel.seats))
    })?;
    check_places_of(model, &expected, &cancelled.places, &cancelled.currency)?;
    check_to_blocks(model, cancel.block.as_ref(), &cancelled.places, &cancelled.to_blocks)?;
    let left = hold.places.len() - expected.len();
    let remaining = usize::try_from(cancelled.remaining).ok();
    same(Check::Seats, "places left", &Some(left), &remaining)?;
    let paid: i64 = expected.iter().map(|place| place.price).sum();
    // Calling off refunds every booking: a refund here would be the second.
    let refund = if model.sale == Sale::Off { 0 } else { paid };
    same(Check::Refund, "refund", &refund, &cancelled.refund)
}

/// What is given back is the booking's own, each place once.
pub(super) fn check_once_each(hold: &Hold, id: HoldId, given_back: &[Place]) -> Judged {
    let mut seen = BTreeSet::new();
    for place in given_back {
        let own = hold.places.iter().any(|own| own.seat == place.seat) && seen.insert(&place.seat);
        ensure(own, Check::Refund, || {
            let expected = format!("places of booking {id}, once each");
            (expected, format!("{} given back", place.seat))
        })?;
    }
    Ok(())
}

/// It is a booking, the asker's, and is told to rest on the payment it rests on.
pub(super) fn check_booking(hold: &Hold, id: HoldId, asker: &BuyerId, told: &Reference) -> Judged {
    let Some(reference) = &hold.reference else {
        let (expected, found) = ("a booking".into(), format!("hold {id}, not booked"));
        return Err(Fault { check: Check::Hold, expected, found });
    };
    same(Check::Hold, "buyer", &hold.buyer, asker)?;
    same(Check::Hold, "reference", reference, told)
}

/// Places given back are told to be where they were to go: in the block that was named, or else in
/// the one they came from.
pub(super) fn check_to_blocks(
    model: &EventModel,
    named: Option<&String>,
    given_back: &[Place],
    told: &[ToBlock],
) -> Judged {
    let block = |seat: &String| named.or(model.blocks.get(seat));
    let expected: BTreeMap<&String, &String> =
        given_back.iter().filter_map(|place| Some((&place.seat, block(&place.seat)?))).collect();
    let found = told.iter().map(|place| (&place.seat, &place.reason)).collect();
    same(Check::Block, "places gone to blocks", &expected, &found)?;
    same(Check::Block, "so many of them", &expected.len(), &told.len())
}
