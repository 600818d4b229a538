//! Checks of outcomes that grant something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::best;
use super::event::{EventModel, Hold, Record, Sale};
use super::exchange::is_as_wanted;
use super::finding::{Check, Fault, Judged, ensure, same};
use super::refusal::{ages, malformed};
use super::venue::{Venue, Wanted};
use super::wish::{kept_from, stranded_by};
use crate::domain::ids::HoldId;
use crate::domain::limits::{GRACE, MAX_WAIT_DEFAULT, SEATS_PER_REQUEST_MAX};
use crate::domain::outcome::{Booked, Held, Outcome, OutcomeBody, Place, Released};
use crate::domain::request::{Body, Claim};
use crate::domain::seat::Cause;
use crate::domain::time::Millis;

/// A claim granted.
pub(super) fn held(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    held: &Held,
) -> Judged {
    let Body::Claim(claim) = &record.request.body else {
        return Err(wrong_kind(record, "an answer to a claim"));
    };
    check_record(model, record, outcome)?;
    let venue = known(model)?;
    let open = model.sale == Sale::Open;
    ensure(open, Check::Sale, || ("an open sale".into(), format!("{:?}", model.sale)))?;
    same(Check::Hold, "a hold named by its claim,", &record.request.id, &held.hold)?;
    let mut wanted = venue.wanted(claim);
    let named = wanted.named.keys().cloned().collect();
    best::choose(model, venue, claim, &mut wanted).map_err(|lack| Fault {
        check: Check::Seats,
        expected: format!("{}, with {} seats of {}", lack.code, lack.free, lack.count),
        found: "a grant".into(),
    })?;
    let kept = kept_from(venue, claim, &named);
    ensure(kept.is_empty(), Check::Seats, || {
        ("seats kept for those who need them".into(), format!("{kept:?} sold"))
    })?;
    let stranded = stranded_by(model, venue, claim, &named, &wanted);
    ensure(stranded.is_empty(), Check::Seats, || {
        ("no seat left on its own".into(), format!("{stranded:?}"))
    })?;
    check_places(venue, &wanted, &held.places)?;
    for place in &held.places {
        // An override is for seats claimed by name; places are counted among the free ones.
        let wished = claim.staff_override && venue.is_numbered(&place.seat);
        let block = model.blocked(&place.seat).filter(|_| !wished);
        ensure(block.is_none(), Check::Block, || {
            let reason = block.unwrap_or_default();
            (format!("{} to stay blocked", place.seat), format!("it sold, blocked for {reason}"))
        })?;
    }
    check_price(venue, claim, held)?;
    let deadline = outcome.header.decided_at.plus(venue.definition.hold_time);
    same(Check::Hold, "deadline", &deadline, &held.deadline)?;
    same(Check::Limit, "staff override", &claim.staff_override, &held.staff_override)?;
    check_size(venue, claim, &wanted)
}

/// What every grant of something new rests on.
pub(super) fn check_record(model: &EventModel, record: &Record<'_>, outcome: &Outcome) -> Judged {
    ensure(!malformed(model, record), Check::Identity, || {
        ("a refusal of a malformed request".into(), "a grant".into())
    })?;
    let stale = ages(&record.request.body) && outcome.header.waited > max_wait(model);
    ensure(!stale, Check::Sale, || {
        (format!("a wait up to {}", max_wait(model)), outcome.header.waited.to_string())
    })
}

/// How long a claim may wait.
pub(super) fn max_wait(model: &EventModel) -> Millis {
    model.venue.as_ref().map_or(MAX_WAIT_DEFAULT, |venue| venue.definition.max_wait)
}

/// Every line satisfied, nothing more, every place at its price.
pub(super) fn check_places(venue: &Venue, wanted: &Wanted, places: &[Place]) -> Judged {
    let mut named = wanted.named.clone();
    let mut general: BTreeMap<(String, String), u64> = wanted.general.clone();
    let mut seen = BTreeSet::new();
    for place in places {
        let found = || format!("{} in tier {} at {}", place.seat, place.tier, place.price);
        let section = venue.section_of(&place.seat);
        let fresh = seen.insert(&place.seat) && section.is_some();
        ensure(fresh, Check::Seats, || ("places that exist, once each".into(), found()))?;
        let price = match named.remove(&place.seat) {
            Some((tier, price)) if *tier == *place.tier => Some(price),
            Some(_) => None,
            None => {
                let key = (section.unwrap_or_default().to_owned(), place.tier.to_string());
                let left = general.get_mut(&key).filter(|left| **left > 0);
                let left = left.filter(|_| !venue.is_numbered(&place.seat));
                left.map(|left| *left -= 1)
                    .and_then(|()| venue.tier(&place.tier))
                    .map(|(_, price, _)| price)
            }
        };
        let Some(price) = price else {
            let expected = "only places and tiers that are asked for".into();
            return Err(Fault { check: Check::Seats, expected, found: found() });
        };
        same(Check::Price, "price", &price, &place.price)?;
    }
    general.retain(|_, left| *left > 0);
    ensure(named.is_empty() && general.is_empty(), Check::Seats, || {
        ("all places that are asked for".into(), format!("lacking {named:?} {general:?}"))
    })
}

fn check_price(venue: &Venue, claim: &Claim, held: &Held) -> Judged {
    same(Check::Price, "currency", &venue.definition.currency.as_str(), &&*held.currency)?;
    let total: i64 = held.places.iter().map(|place| place.price).sum();
    same(Check::Price, "total", &claim.expected_price.unwrap_or(total), &total)
}

/// What one claim may ask for. What its buyer may have in all is an invariant.
fn check_size(venue: &Venue, claim: &Claim, wanted: &Wanted) -> Judged {
    let limit = venue.definition.limits.seats_per_request.filter(|_| !claim.staff_override);
    let most =
        limit.map_or(SEATS_PER_REQUEST_MAX as u64, u64::from).min(SEATS_PER_REQUEST_MAX as u64);
    ensure(wanted.size <= most, Check::Limit, || {
        (format!("at most {most} places in a claim"), wanted.size.to_string())
    })
}

/// A confirm granted.
pub(super) fn booked(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    booked: &Booked,
) -> Judged {
    let Body::Confirm(confirm) = &record.request.body else {
        return Err(wrong_kind(record, "an answer to a confirm"));
    };
    check_record(model, record, outcome)?;
    ensure(model.sale != Sale::Off, Check::Sale, || {
        ("no booking of what is called off".into(), "a booking".into())
    })?;
    same(Check::Hold, "the hold asked for,", &confirm.hold, &booked.hold)?;
    let Some(hold) = model.unended(booked.hold) else { return Ok(()) };
    let at = outcome.header.decided_at;
    ensure(hold.is_live(at), Check::LateExpiry, || {
        (format!("a hold live at {at}"), format!("deadline {}", hold.deadline))
    })?;
    ensure(hold.reference.is_none(), Check::Hold, || {
        ("a hold to be booked once".into(), format!("hold {} again", booked.hold))
    })?;
    same(Check::Hold, "buyer", &hold.buyer, &confirm.buyer)?;
    same(Check::Hold, "reference", &confirm.reference, &booked.reference)?;
    let other = model.paid_by(&booked.reference);
    ensure(other.is_none(), Check::Hold, || {
        ("a reference of its own".into(), format!("{} of booking {other:?}", booked.reference))
    })?;
    check_places_of(model, &hold.places, &booked.places, &booked.currency)
}

/// What is told of a hold's places is what they are, at the price they were pinned at.
pub(super) fn check_places_of(
    model: &EventModel,
    those: &[Place],
    places: &[Place],
    currency: &str,
) -> Judged {
    let names = |places: &[Place]| -> BTreeMap<String, (Arc<str>, i64)> {
        places.iter().map(|p| (p.seat.clone(), (p.tier.clone(), p.price))).collect()
    };
    let (expected, found) = (names(those), names(places));
    let same_seats = places.len() == those.len() && expected.keys().eq(found.keys());
    ensure(same_seats, Check::Seats, || {
        let list = |map: &BTreeMap<_, _>| format!("{:?}", map.keys().collect::<Vec<&String>>());
        (list(&expected), list(&found))
    })?;
    same(Check::Price, "pinned prices", &expected, &found)?;
    let venue = known(model)?;
    same(Check::Price, "currency", &venue.definition.currency.as_str(), &currency)
}

/// The end of a hold. An early one is looked for before what else may be wrong with it.
pub(super) fn released(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    released: &Released,
) -> Judged {
    let Some(hold) = model.unended(released.hold) else { return Ok(()) };
    let at = outcome.header.decided_at;
    let lapsed = at >= hold.deadline.plus(GRACE);
    ensure(hold.reference.is_none(), Check::Hold, || {
        ("bookings to stay".into(), format!("the end of booking {}", released.hold))
    })?;
    match (released.cause, &record.request.body) {
        (Cause::Expired, _) => ensure(lapsed, Check::EarlyExpiry, || {
            let due = hold.deadline.plus(GRACE);
            (format!("hold {} to live until {due}", released.hold), format!("its end at {at}"))
        })?,
        (Cause::Released, Body::Release(release)) => {
            check_record(model, record, outcome)?;
            same(Check::Hold, "the hold asked for,", &release.hold, &released.hold)?;
            same(Check::Hold, "buyer", &hold.buyer, &release.buyer)?;
            ensure(!lapsed, Check::LateExpiry, || {
                (format!("hold {} to have expired", released.hold), "its release".into())
            })?;
        }
        (Cause::Released | Cause::Cancelled | Cause::None, _) => {
            return Err(wrong_kind(record, "a cause that the request gives"));
        }
    }
    same(Check::Hold, "buyer", &Some(&hold.buyer), &outcome.header.buyer.as_ref())?;
    let expected: BTreeSet<&String> = hold.places.iter().map(|place| &place.seat).collect();
    let found: BTreeSet<&String> = released.seats.iter().collect();
    same(Check::Seats, "places", &expected, &found)?;
    same(Check::Seats, "number of places", &hold.places.len(), &released.seats.len())
}

/// A wish granted before: what is told must be how it stands.
pub(super) fn repeat(model: &EventModel, record: &Record<'_>, outcome: &Outcome) -> Judged {
    let (id, places, currency) = match &outcome.body {
        OutcomeBody::Held(held) => (held.hold, &held.places, &held.currency),
        OutcomeBody::Booked(booked) => (booked.hold, &booked.places, &booked.currency),
        OutcomeBody::Extended(_)
        | OutcomeBody::Released(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Exchanged(_)
        | OutcomeBody::Changed(_)
        | OutcomeBody::Refused(_) => {
            return Err(wrong_kind(record, "a repeat to say where a hold stands"));
        }
    };
    let Some(hold) = model.unended(id) else { return Ok(()) };
    let asked = asked_again(model, record, hold)?;
    same(Check::Hold, "the hold asked for,", &asked, &id)?;
    same(Check::Hold, "buyer", &Some(&hold.buyer), &record.request.buyer())?;
    match &outcome.body {
        OutcomeBody::Booked(booked) => {
            let found = Some(&booked.reference);
            same(Check::Hold, "reference", &hold.reference.as_ref(), &found)?;
        }
        OutcomeBody::Held(held) => {
            same(Check::Hold, "no reference but", &hold.reference, &None)?;
            same(Check::Hold, "deadline", &hold.deadline, &held.deadline)?;
            let by_staff = held.staff_override;
            same(Check::Limit, "staff override, told by the grant alone,", &false, &by_staff)?;
            let at = outcome.header.decided_at;
            ensure(hold.is_live(at), Check::LateExpiry, || {
                (format!("a hold live at {at}"), format!("deadline {}", hold.deadline))
            })?;
        }
        OutcomeBody::Extended(_)
        | OutcomeBody::Released(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Exchanged(_)
        | OutcomeBody::Changed(_)
        | OutcomeBody::Refused(_) => {}
    }
    check_places_of(model, &hold.places, places, currency)
}

/// The hold that a request asks for which was granted before, if it is as that wanted it.
fn asked_again(model: &EventModel, record: &Record<'_>, hold: &Hold) -> Result<HoldId, Fault> {
    Ok(match &record.request.body {
        Body::Claim(_) => record.request.id,
        Body::Confirm(confirm) => {
            let paid = Some(&confirm.reference);
            same(Check::Hold, "the reference booked with,", &hold.reference.as_ref(), &paid)?;
            confirm.hold
        }
        Body::Extend(extend) => {
            // A later deadline would have been granted, or refused.
            ensure(extend.deadline <= hold.deadline, Check::Hold, || {
                let found = format!("where it stood, at {}", hold.deadline);
                (format!("a deadline of {}", extend.deadline), found)
            })?;
            extend.hold
        }
        Body::Exchange(ask) => {
            ensure(is_as_wanted(model, hold, ask), Check::Hold, || {
                ("a booking as the exchange wanted it".into(), format!("{:?}", hold.places))
            })?;
            ask.hold
        }
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Release(_)
        | Body::Cancel(_)
        | Body::Expire => {
            return Err(wrong_kind(record, "no repeat to such a request"));
        }
    })
}

pub(super) fn known(model: &EventModel) -> Result<&Venue, Fault> {
    model.venue.as_ref().ok_or_else(|| Fault {
        check: Check::Sale,
        expected: "an event that was defined".into(),
        found: "a grant before any definition".into(),
    })
}

/// An outcome that no such request causes.
pub(super) fn wrong_kind(record: &Record<'_>, expected: &str) -> Fault {
    let asked = match &record.request.body {
        Body::Define(_) => "a definition",
        Body::Amend(_) => "another definition",
        Body::Open(_) => "an opening",
        Body::Close(_) => "a closing",
        Body::Pause(_) => "a pause",
        Body::CallOff(_) => "a calling off",
        Body::Block(_) => "a block",
        Body::Unblock(_) => "an unblock",
        Body::Claim(_) => "a claim",
        Body::Confirm(_) => "a confirm",
        Body::Extend(_) => "an extend",
        Body::Release(_) => "a release",
        Body::Cancel(_) => "a cancel",
        Body::Exchange(_) => "an exchange",
        Body::Expire => "an expire",
    };
    Fault {
        check: Check::Identity,
        expected: expected.into(),
        found: format!("this outcome to {asked}"),
    }
}
