//! Holds the rows of the ledger against the model, once the log has been read to its end.
//!
//! Only for a ledger at rest: rows may be ahead of the topics while entries wait for Kafka.

use std::collections::{BTreeSet, HashMap};

use super::event::{EventModel, Hold, Seat};
use super::finding::{Check, Finding, Judged, LEDGER, ensure, same};
use crate::domain::ids::{EventId, SeatNumber};
use crate::domain::seat::{Cause, Status, StoredSeat};
use crate::domain::time::At;

/// Compares the stored rows of an event with the model. `names` gives the full name of a place.
///
/// A ledger that suspended the event of its own accord is no divergence; one that lets it go on
/// after the topics said `event-suspended` last is.
pub fn compare(
    event: &EventId,
    model: &EventModel,
    (fence_sequence, suspended): (i64, bool),
    seats: &[StoredSeat],
    names: impl Fn(SeatNumber) -> String,
) -> Vec<Finding> {
    let mut judged = vec![
        same(Check::Ledger, "event", &model.event, event),
        same(Check::Ledger, "sequence", &model.sequence, &fence_sequence),
        ensure(suspended || !model.suspended, Check::Ledger, || {
            ("a suspended event".into(), "one that is not".into())
        }),
    ];
    let mut rest: HashMap<&str, &Seat> =
        model.seats.iter().map(|(name, seat)| (name.as_str(), seat)).collect();
    for row in seats {
        let name = names(row.number);
        judged.push(match rest.remove(name.as_str()) {
            Some(seat) => check_row(model, &name, seat, row),
            None => ensure(false, Check::Ledger, || {
                (format!("one row of {name}, if it was touched"), describe(row))
            }),
        });
    }
    let missing: BTreeSet<&str> = rest.into_keys().collect();
    judged.extend(
        missing.into_iter().map(|name| {
            ensure(false, Check::Ledger, || (format!("a row of {name}"), "none".into()))
        }),
    );
    let faults = judged.into_iter().filter_map(Judged::err);
    faults.map(|fault| model.locate(model.last_offset, LEDGER, fault)).collect()
}

fn check_row(model: &EventModel, name: &str, seat: &Seat, row: &StoredSeat) -> Judged {
    let hold = model.holds.get(&seat.hold);
    let expected = hold.and_then(|hold| expected_row(model, name, seat, hold, row.number));
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
    hold: &Hold,
    number: SeatNumber,
) -> Option<StoredSeat> {
    let place = hold.places.iter().find(|place| place.seat == name)?;
    let (tier, _, _) = model.venue.as_ref()?.tier(&place.tier)?;
    let free = seat.status == Status::Free;
    Some(StoredSeat {
        number,
        status: seat.status,
        hold: seat.hold,
        buyer: Some(hold.buyer.clone()),
        deadline: if free { At(0) } else { hold.deadline },
        price: place.price,
        tier: u16::try_from(tier).ok()?,
        reference: hold.reference.clone(),
        cause: if free { hold.ended? } else { Cause::None },
        offset: hold.offset,
        changed: seat.changed,
        block: None,
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
