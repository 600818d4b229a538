//! An event's state made from its ledger rows, as far as they can be what an owner wrote.
//!
//! Deciding on rows that do not go together would spread the damage, and the domain rightly panics
//! on them; so they are looked through first, and an event that has such rows is suspended.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::ids::{EventId, HoldId, Reference};
use crate::domain::seat::{Status, StoredSeat};
use crate::ports::ledger::{FenceRead, RowsRead};
use crate::wire;

/// The state of an event as its ledger rows have it.
pub(super) fn restore(
    id: &EventId,
    read: &FenceRead,
    rows: &RowsRead,
) -> Result<EventState, String> {
    let mut state = match &rows.definition {
        None if !rows.seats.is_empty() => return Err("seats without a definition".into()),
        None => EventState::unknown(id.clone()),
        Some((_, bytes)) => {
            let venue = wire::venue::decode(bytes).map_err(|error| error.to_string())?;
            let layout = venue.compile().map_err(|error| error.to_string())?;
            EventState::restored(id.clone(), Arc::new(layout))
        }
    };
    let there = of_places(&state, &rows.seats)?;
    let tiers = state.layout().map_or(0, |layout| layout.definition.tiers.len());
    for row in &there {
        let known = usize::from(row.tier) < tiers;
        if !known || !row.is_sound() || row.changed > read.fence.sequence {
            return Err(format!("the row of place {} does not fit the event", row.number.0));
        }
    }
    agree(there.iter().copied())?;
    for row in there {
        state.apply(&Change::Restored(Box::new(row.clone())));
    }
    state.sequence = read.fence.sequence;
    state.edition = read.fence.edition;
    state.sale = read.fence.sale;
    state.last_at = read.fence.decided_at;
    state.suspended = !read.fence.suspended.is_empty();
    Ok(state)
}

/// The rows of places that are there: what a new definition dropped has a row all the same.
fn of_places<'a>(
    state: &EventState,
    rows: &'a [StoredSeat],
) -> Result<Vec<&'a StoredSeat>, String> {
    let Some(layout) = state.layout() else { return Ok(vec![]) };
    if let Some(row) = rows.iter().find(|row| row.number.0 >= layout.rows_ever()) {
        return Err(format!("there is no place with row {}", row.number.0));
    }
    Ok(rows.iter().filter(|row| layout.place_of(row.number).is_some()).collect())
}

/// A row of the places that a hold has, and one of those that it left.
#[derive(Default)]
struct OfHold<'a> {
    has: Option<&'a StoredSeat>,
    left: Option<&'a StoredSeat>,
}

/// Rows of one hold say the same of it, and a payment is that of one hold.
fn agree<'a>(rows: impl IntoIterator<Item = &'a StoredSeat>) -> Result<(), String> {
    let mut holds: HashMap<HoldId, OfHold<'_>> = HashMap::new();
    let mut paid: HashMap<&Reference, HoldId> = HashMap::new();
    let of_hold = |row: &StoredSeat| (row.buyer.clone(), row.offset, row.reference.clone());
    for row in rows.into_iter().filter(|row| row.hold != HoldId::NONE) {
        let wrong = || Err(format!("the rows of hold {} do not agree", row.hold));
        let hold = holds.entry(row.hold).or_default();
        let (side, other, status) = match row.status {
            Status::Held | Status::Booked => (&mut hold.has, hold.left, Some(row.status)),
            Status::Free | Status::Blocked => (&mut hold.left, hold.has, None),
        };
        let first = side.get_or_insert(row);
        let alike = |a: &StoredSeat, b: &StoredSeat| {
            (a.deadline, a.cause) == (b.deadline, b.cause) && of_hold(a) == of_hold(b)
        };
        if !alike(first, row) || status.is_some_and(|status| status != first.status) {
            return wrong();
        }
        // Only a booking can have places and have left others.
        let both =
            other.is_none_or(|other| row.reference.is_some() && of_hold(other) == of_hold(row));
        let one = row.reference.as_ref().map(|paid_by| *paid.entry(paid_by).or_insert(row.hold));
        if !both || one.is_some_and(|one| one != row.hold) {
            return wrong();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{BuyerId, RequestId, RowNumber};
    use crate::domain::seat::Cause;
    use crate::domain::time::At;

    fn hold(number: u128) -> HoldId {
        RequestId(Uuid::from_u128(number))
    }

    /// A booking of two places that gave back two more, one of them to a block; a hold; and a
    /// blocked place nobody ever had.
    fn rows() -> Vec<StoredSeat> {
        let booked = StoredSeat {
            number: RowNumber(0),
            status: Status::Booked,
            hold: hold(1),
            buyer: Some(BuyerId::new("ann").unwrap()),
            deadline: At(9),
            price: 1,
            tier: 0,
            reference: Some(Reference::new("pay-1").unwrap()),
            cause: Cause::None,
            offset: 7,
            changed: 3,
            block: None,
        };
        let place =
            |number, row: &StoredSeat| StoredSeat { number: RowNumber(number), ..row.clone() };
        let cancelled = StoredSeat {
            status: Status::Free,
            deadline: At(0),
            cause: Cause::Cancelled,
            ..place(2, &booked)
        };
        let to_block = StoredSeat {
            status: Status::Blocked,
            block: Some("press".into()),
            ..place(3, &cancelled)
        };
        let held = StoredSeat {
            status: Status::Held,
            hold: hold(2),
            reference: None,
            offset: 8,
            ..place(4, &booked)
        };
        let blocked = StoredSeat {
            status: Status::Blocked,
            hold: HoldId::NONE,
            buyer: None,
            reference: None,
            cause: Cause::None,
            ..place(5, &to_block)
        };
        vec![booked.clone(), place(1, &booked), cancelled, to_block, held, blocked]
    }

    #[test]
    fn rows_of_one_hold_say_the_same() {
        assert!(rows().iter().all(StoredSeat::is_sound));
        assert_eq!(agree(&rows()), Ok(()));
        let planted = |row: usize, plant: fn(&mut StoredSeat)| {
            let mut rows = rows();
            plant(&mut rows[row]);
            let reversed = rows.iter().rev().cloned().collect::<Vec<_>>();
            assert_eq!(agree(&rows).is_err(), agree(&reversed).is_err());
            agree(&rows).is_err()
        };
        let bob = |row: &mut StoredSeat| row.buyer = BuyerId::new("bob").ok();
        let unpaid = |row: &mut StoredSeat| row.reference = None;
        let paid = |row: &mut StoredSeat| row.reference = Reference::new("pay-1").ok();
        let other = |row: &mut StoredSeat| row.reference = Reference::new("pay-2").ok();
        for row in [1, 2, 3] {
            assert!(planted(row, bob) && planted(row, unpaid) && planted(row, other), "row {row}");
            assert!(planted(row, |row| row.offset = 6), "row {row}");
        }
        assert!(planted(1, |row| row.deadline = At(8)));
        assert!(planted(1, |row| row.status = Status::Held));
        assert!(planted(3, |row| row.cause = Cause::Expired));
        assert!(planted(4, paid), "a payment is that of one hold");
        assert!(!planted(4, other) && !planted(4, bob));
    }

    #[test]
    fn a_hold_that_is_no_booking_has_left_nothing() {
        let mut rows = rows();
        let left = StoredSeat {
            number: RowNumber(6),
            status: Status::Free,
            deadline: At(0),
            cause: Cause::Expired,
            ..rows[4].clone()
        };
        assert!(left.is_sound());
        rows.push(left);
        assert!(agree(&rows).is_err());
    }

    #[test]
    fn a_row_that_no_change_leaves_is_unsound() {
        let unsound = |row: usize, plant: fn(&mut StoredSeat)| {
            let mut row = rows().swap_remove(row);
            plant(&mut row);
            !row.is_sound()
        };
        for row in 0..6 {
            assert!(unsound(row, |row| row.changed = 0), "row {row}");
        }
        for row in 0..5 {
            assert!(unsound(row, |row| row.buyer = None), "row {row}");
            assert!(unsound(row, |row| row.hold = HoldId::NONE), "row {row}");
        }
        for row in 0..4 {
            assert!(unsound(row, |row| row.reference = None), "row {row}");
        }
        assert!(unsound(0, |row| row.cause = Cause::Cancelled));
        assert!(unsound(0, |row| row.status = Status::Held));
        assert!(unsound(2, |row| row.cause = Cause::None));
        assert!(unsound(2, |row| row.cause = Cause::Released));
        assert!(unsound(2, |row| row.block = Some("press".into())));
        assert!(unsound(3, |row| row.block = None));
        assert!(unsound(4, |row| row.reference = Reference::new("pay-4").ok()));
        assert!(unsound(5, |row| row.hold = hold(5)));
        assert!(unsound(5, |row| row.block = None));
        assert!(!unsound(0, |row| row.block = Some("press".into())));
    }
}
