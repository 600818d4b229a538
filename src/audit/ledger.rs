//! Holds the rows of the ledger against the model, once the log has been read to its end.
//!
//! Only for a ledger at rest: rows may be ahead of the topics while entries wait for Kafka.

use std::collections::{BTreeMap, HashMap};

use super::event::{EventModel, Seat};
use super::finding::{Check, Finding, Judged, LEDGER, ensure, same};
use crate::domain::ids::{EventId, HoldId, RowNumber};
use crate::domain::seat::{Cause, Status, StoredSeat};
use crate::domain::time::At;

/// Compares the stored rows of an event with the model. `names` gives the full name of a row's
/// place, and none for a row that is left behind since a later definition dropped its place.
///
/// A ledger that suspended the event of its own accord is no divergence; one that lets it go on
/// after the topics said `event-suspended` last is.
pub fn compare(
    event: &EventId,
    model: &EventModel,
    (fence_sequence, suspended): (i64, bool),
    seats: &[StoredSeat],
    names: impl Fn(RowNumber) -> Option<String>,
) -> Vec<Finding> {
    let last = model.last_offset;
    let mut judged = vec![
        (last, same(Check::Ledger, "event", &model.event, event)),
        (last, same(Check::Ledger, "sequence", &model.sequence, &fence_sequence)),
        (
            last,
            ensure(suspended || !model.suspended, Check::Ledger, || {
                ("a suspended event".into(), "one that is not".into())
            }),
        ),
    ];
    let mut rest: HashMap<&str, &Seat> =
        model.seats.iter().map(|(name, seat)| (name.as_str(), seat)).collect();
    for (row, name) in seats.iter().filter_map(|row| Some((row, names(row.number)?))) {
        judged.push(match rest.remove(name.as_str()) {
            Some(seat) => (seat.offset, check_row(model, &name, seat, row)),
            None => (
                last,
                ensure(false, Check::Ledger, || {
                    (format!("one row of {name}, if it was touched"), describe(row))
                }),
            ),
        });
    }
    let missing: BTreeMap<&str, &Seat> = rest.into_iter().collect();
    judged.extend(missing.into_iter().map(|(name, seat)| {
        let words = || (format!("a row of {name}"), "none".into());
        (seat.offset, ensure(false, Check::Ledger, words))
    }));
    let faults = judged.into_iter().filter_map(|(offset, judged)| Some((offset, judged.err()?)));
    faults.map(|(offset, fault)| model.locate(offset, LEDGER, fault)).collect()
}

fn check_row(model: &EventModel, name: &str, seat: &Seat, row: &StoredSeat) -> Judged {
    let expected = expected_row(model, name, seat, row.number);
    ensure(expected.as_ref() == Some(row), Check::Ledger, || {
        let expected = expected.as_ref().map_or_else(|| "no such row".into(), describe);
        (format!("{name} {expected}"), describe(row))
    })
}

/// The row as the topics tell it.
fn expected_row(
    model: &EventModel,
    name: &str,
    seat: &Seat,
    number: RowNumber,
) -> Option<StoredSeat> {
    let only_blocked = StoredSeat {
        number,
        status: seat.status,
        hold: seat.hold,
        buyer: None,
        deadline: At(0),
        price: 0,
        tier: 0,
        reference: None,
        cause: Cause::None,
        offset: 0,
        changed: seat.changed,
        block: model.blocks.get(name).map(|reason| reason.as_str().into()),
    };
    if seat.hold == HoldId::NONE {
        return Some(only_blocked);
    }
    let hold = model.holds.get(&seat.hold)?;
    let given_back = hold.given_back.iter().find(|place| place.seat == name);
    let place = given_back.or_else(|| hold.places.iter().find(|place| place.seat == name))?;
    let (tier, _, _) = model.venue.as_ref()?.tier(&place.tier)?;
    let (deadline, cause) = match seat.status {
        Status::Held | Status::Booked => (hold.deadline, Cause::None),
        Status::Free | Status::Blocked if given_back.is_some() => (At(0), Cause::Cancelled),
        Status::Free | Status::Blocked => (At(0), hold.ended?),
    };
    Some(StoredSeat {
        buyer: Some(hold.buyer.clone()),
        deadline,
        price: place.price,
        tier: u16::try_from(tier).ok()?,
        reference: hold.reference.clone(),
        cause,
        offset: hold.offset,
        ..only_blocked
    })
}

fn describe(row: &StoredSeat) -> String {
    format!(
        "{:?} by hold {} of {:?} (deadline {}, price {}, tier {}, reference {:?}, cause {:?}, claim at {}, changed {}, block {:?})",
        row.status,
        row.hold,
        row.buyer,
        row.deadline,
        row.price,
        row.tier,
        row.reference,
        row.cause,
        row.offset,
        row.changed,
        row.block
    )
}
