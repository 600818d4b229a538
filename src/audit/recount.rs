//! Counts what the model keeps in counters and lists once more, from the places themselves.
//!
//! The fold changes a count with each outcome, and every later judgement rests on it: a step that
//! was judged right and counted wrong would make wrong what follows. Counting again finds that, and
//! once more what the judgements should have found: capacity kept, one holder for each place, and
//! no buyer beyond the limits but by staff.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::{EventModel, Hold, Seat};
use super::finding::{Check, Finding, Judged, REQUESTS, ensure};
use super::venue::{Loosest, Venue};
use crate::domain::ids::{BuyerId, HoldId, Reference};
use crate::domain::seat::Status;
use crate::domain::time::At;

/// Records of an event after which it is counted again; more where more places are touched, so that
/// counting costs the same for each record.
const RECORDS: usize = 1_000;

impl EventModel {
    /// Counts again when it is time to.
    pub(super) fn recount_at_times(&mut self) -> Option<Finding> {
        self.uncounted += 1;
        if self.uncounted < RECORDS.max(self.seats.len()) {
            return None;
        }
        self.recount()
    }

    /// Counts everything anew from the places. What is wrong is told once: it stays wrong.
    pub(super) fn recount(&mut self) -> Option<Finding> {
        self.uncounted = 0;
        if self.miscounted {
            return None;
        }
        let fault = count(self).err()?;
        self.miscounted = true;
        Some(self.locate(self.last_offset, REQUESTS, fault))
    }
}

/// What the places come to.
#[derive(Default)]
struct Counted<'a> {
    /// Places that are not free, by section.
    taken: BTreeMap<&'a str, u64>,
    /// Places of each hold that it has, and those that only name it.
    of_hold: HashMap<HoldId, (u32, u32)>,
}

fn count(model: &EventModel) -> Judged {
    let Some(venue) = &model.venue else {
        let empty = model.seats.is_empty() && model.holds.is_empty();
        return agree(empty, "no places of an unknown event", || "some".into());
    };
    let mut counted = Counted::default();
    for (place, seat) in &model.seats {
        count_seat(model, venue, &mut counted, place, seat)?;
    }
    for place in model.blocks.keys() {
        agree(model.seats.contains_key(place), "a blocked place to be known", || place.clone())?;
    }
    let kept = model.taken.iter().filter(|(_, count)| **count > 0);
    let same = kept.map(|(section, count)| (section.as_str(), *count)).eq(counted.taken.clone());
    agree(same, "taken places by section", || {
        format!("{:?}, not {:?}", model.taken, counted.taken)
    })?;
    for (section, taken) in &counted.taken {
        let capacity = venue.capacity(section);
        agree(*taken <= capacity, "no more places taken than there are", || {
            format!("{taken} of {capacity} in {section}")
        })?;
    }
    count_holds(model, &counted)?;
    model.of_buyer.iter().try_for_each(|(buyer, holds)| check_limits(model, venue, buyer, holds))
}

fn count_seat<'a>(
    model: &EventModel,
    venue: &'a Venue,
    counted: &mut Counted<'a>,
    place: &str,
    seat: &Seat,
) -> Judged {
    let section = venue.section_of(place);
    agree(section.is_some(), "a place that exists", || place.into())?;
    let blocked = model.blocks.contains_key(place);
    match seat.status {
        Status::Free => agree(!blocked, "a place in a block not to be free", || place.into())?,
        Status::Blocked => agree(blocked, "a blocked place to be in a block", || place.into())?,
        Status::Held | Status::Booked => {
            let hold = model.holds.get(&seat.hold).filter(|hold| hold.ended.is_none());
            let with = |hold: &Hold| {
                let booked = hold.reference.is_some() == (seat.status == Status::Booked);
                booked && hold.places.iter().any(|own| own.seat == place)
            };
            agree(hold.is_some_and(with), "a taken place to be its holder's", || {
                format!("{place}, {:?} by {}", seat.status, seat.hold)
            })?;
            counted.of_hold.entry(seat.hold).or_default().0 += 1;
        }
    }
    if seat.status != Status::Free {
        *counted.taken.entry(section.unwrap_or_default()).or_default() += 1;
    }
    if seat.hold != HoldId::NONE {
        counted.of_hold.entry(seat.hold).or_default().1 += 1;
    }
    Ok(())
}

fn count_holds(model: &EventModel, counted: &Counted<'_>) -> Judged {
    let mut deadlines: BTreeSet<(At, HoldId)> = BTreeSet::new();
    let mut of_buyer: HashMap<&BuyerId, BTreeSet<HoldId>> = HashMap::new();
    let mut references: HashMap<&Reference, HoldId> = HashMap::new();
    for (&id, hold) in &model.holds {
        let (has, named) = counted.of_hold.get(&id).copied().unwrap_or_default();
        let own = if hold.ended.is_none() { hold.places.len() } else { 0 };
        agree(has as usize == own && named == hold.named && named > 0, "places of a hold", || {
            format!("hold {id} with {own}, named by {}: it is {has} and {named}", hold.named)
        })?;
        if let Some(reference) = &hold.reference {
            let other = references.insert(reference, id);
            agree(other.is_none(), "one booking for a payment", || reference.to_string())?;
        }
        if hold.ended.is_none() {
            of_buyer.entry(&hold.buyer).or_default().insert(id);
            if hold.reference.is_none() {
                deadlines.insert((hold.deadline, id));
            }
        }
    }
    let unknown = counted.of_hold.keys().find(|id| !model.holds.contains_key(id));
    agree(unknown.is_none(), "holds that places name", || format!("{unknown:?} not among them"))?;
    agree(deadlines == model.deadlines, "deadlines of live holds", || "others".into())?;
    let same = of_buyer.len() == model.of_buyer.len()
        && of_buyer.iter().all(|(buyer, holds)| model.of_buyer.get(*buyer) == Some(holds));
    agree(same, "holds of each buyer", || "others".into())?;
    let same = references.len() == model.references.len()
        && references.iter().all(|(paid, id)| model.references.get(*paid) == Some(id));
    agree(same, "bookings by their payment", || "others".into())
}

/// Only claims and exchanges add to what a buyer has, and are held to the bounds where they do, so
/// that those hold at any time after it. What staff granted counts and is not bound.
fn check_limits(
    model: &EventModel,
    venue: &Venue,
    buyer: &BuyerId,
    holds: &BTreeSet<HoldId>,
) -> Judged {
    if holds.iter().filter_map(|id| model.holds.get(id)).any(|hold| hold.staff_override) {
        return Ok(());
    }
    let (by_tier, live) = model.has(buyer);
    let within = |limit: Option<u32>, count: u64| limit.is_none_or(|most| count <= u64::from(most));
    let Loosest { seats, live_holds, of_tier } = &venue.loosest;
    let so = within(*seats, by_tier.values().sum())
        && within(*live_holds, live)
        && by_tier.iter().all(|(tier, &count)| {
            within(venue.tier(tier).and_then(|(index, ..)| of_tier[index]), count)
        });
    agree(so, "no buyer beyond the limits", || format!("{buyer} with {by_tier:?} in {live} holds"))
}

fn agree(so: bool, expected: &str, found: impl FnOnce() -> String) -> Judged {
    ensure(so, Check::Recount, || (expected.into(), found()))
}
