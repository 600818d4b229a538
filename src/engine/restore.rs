//! An event's state made from its ledger rows, as far as they can be what an owner wrote.
//!
//! Deciding on rows that do not go together would spread the damage, and the domain rightly panics
//! on them; so they are looked through first, and an event that has such rows is suspended.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::ids::{EventId, HoldId, Reference};
use crate::domain::layout::Layout;
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
            let definition = wire::venue::decode(bytes).map_err(|error| error.to_string())?;
            let layout = Layout::compile(definition).map_err(|error| error.to_string())?;
            EventState::restored(id.clone(), Arc::new(layout))
        }
    };
    let (seats, tiers) =
        state.layout().map_or((0, 0), |layout| (layout.seats(), layout.definition.tiers.len()));
    for row in &rows.seats {
        let known = row.number.0 < seats && usize::from(row.tier) < tiers;
        if !known || !row.is_sound() || row.changed > read.fence.sequence {
            return Err(format!("the row of place {} does not fit the event", row.number.0));
        }
    }
    agree(&rows.seats)?;
    for row in &rows.seats {
        state.apply(&Change::Restored(Box::new(row.clone())));
    }
    state.sequence = read.fence.sequence;
    state.edition = read.fence.edition;
    state.sale = read.fence.sale;
    state.last_at = read.fence.decided_at;
    state.suspended = !read.fence.suspended.is_empty();
    Ok(state)
}

/// A row of the places that a hold has, and one of those that it left.
#[derive(Default)]
struct OfHold<'a> {
    has: Option<&'a StoredSeat>,
    left: Option<&'a StoredSeat>,
}

/// Rows of one hold say the same of it, and a payment is that of one hold.
fn agree(rows: &[StoredSeat]) -> Result<(), String> {
    let mut holds: HashMap<HoldId, OfHold<'_>> = HashMap::new();
    let mut paid: HashMap<&Reference, HoldId> = HashMap::new();
    let of_hold = |row: &StoredSeat| (row.buyer.clone(), row.offset, row.reference.clone());
    for row in rows.iter().filter(|row| row.hold != HoldId::NONE) {
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
