//! What must hold of an event at every time: the list, and a function for each.
//!
//! An invariant is judged of a *step*, which is an outcome with the model as it was before it, of a
//! *state*, counted anew from the places, or of both. A step is judged with every outcome: that
//! costs little, and names the request that broke it. A state is judged now and then and at the end
//! (`recount`), since that costs as much as there are places. Steps alone would not do: what was
//! judged right and followed wrong makes wrong all that comes after it, and only counting shows it.
//!
//! Nobody else judges them. The audit of topics, the simulator's judge of each world and the random
//! sales that try the decision core hand requests and outcomes to the model, and it comes here.
//! Whatever else is checked (prices, times, blocks, what a refusal says) is about one request and
//! lies where that kind of request does.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::{EventModel, Hold, Record, Seat, changes, detached, in_hand};
use super::finding::{Check, Fault, Judged, ensure};
use super::recount::Counted;
use crate::domain::ids::{BuyerId, HoldId, Reference};
use crate::domain::outcome::{Outcome, OutcomeBody, Place};
use crate::domain::seat::Status;
use crate::domain::time::At;

/// Something that always holds. Where it does not, each of its findings has its check.
pub(super) struct Invariant {
    pub(super) check: Check,
    of_step: Option<fn(&Step<'_>) -> Judged>,
    of_state: Option<fn(&EventModel, &Counted<'_>) -> Judged>,
}

/// An outcome, and the event before it.
pub(super) struct Step<'a> {
    pub(super) before: &'a EventModel,
    pub(super) record: &'a Record<'a>,
    pub(super) outcome: &'a Outcome,
}

/// All of them.
pub(super) const INVARIANTS: &[Invariant] = &[
    Invariant { check: Check::Sequence, of_step: Some(sequence_steps_by_one), of_state: None },
    Invariant {
        check: Check::TwoHolders,
        of_step: Some(only_what_nobody_has_is_taken),
        of_state: Some(each_place_has_one_holder),
    },
    Invariant {
        check: Check::Hold,
        of_step: Some(a_hold_is_made_and_ends_once),
        of_state: Some(what_has_ended_has_no_places),
    },
    Invariant { check: Check::Limit, of_step: Some(limits_are_never_exceeded), of_state: None },
    Invariant {
        check: Check::Conservation,
        of_step: None,
        of_state: Some(places_are_neither_made_nor_lost),
    },
    Invariant { check: Check::Recount, of_step: None, of_state: Some(counts_are_what_is_counted) },
];

/// What a step breaks.
pub(super) fn broken_by(step: &Step<'_>) -> Vec<Fault> {
    let judged = INVARIANTS.iter().filter_map(|invariant| invariant.of_step?(step).err());
    judged.collect()
}

/// What does not hold of a state, but for what is known to be broken.
pub(super) fn broken_in(model: &EventModel, known: &BTreeSet<Check>) -> Vec<Fault> {
    let counted = Counted::of(model);
    let untold = INVARIANTS.iter().filter(|invariant| !known.contains(&invariant.check));
    untold.filter_map(|invariant| invariant.of_state?(model, &counted).err()).collect()
}

/// The sequence rises by one with each outcome that changes the event, and else stays as it is.
fn sequence_steps_by_one(step: &Step<'_>) -> Judged {
    let Step { before, record, outcome } = step;
    let found = outcome.header.sequence;
    let next = before.sequence + i64::from(changes(outcome));
    // Refused without the event in hand, an outcome carries 0.
    let detached = detached(outcome) && !in_hand(record, outcome) && found == 0;
    ensure(found == next || detached, Check::Sequence, || {
        (format!("sequence {next}"), format!("sequence {found}"))
    })
}

/// A place that a claim or an exchange takes had no holder.
fn only_what_nobody_has_is_taken(step: &Step<'_>) -> Judged {
    let Step { before, outcome, .. } = step;
    let (held, exchanged) = match &outcome.body {
        OutcomeBody::Held(held) if changes(outcome) => (&held.places[..], &[][..]),
        OutcomeBody::Exchanged(told) => (&[][..], &told.taken[..]),
        OutcomeBody::Held(_)
        | OutcomeBody::Booked(_)
        | OutcomeBody::Extended(_)
        | OutcomeBody::Released(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Changed(_)
        | OutcomeBody::Refused(_) => return Ok(()),
    };
    held.iter().map(|place| &place.seat).chain(exchanged).try_for_each(|seat| {
        let holder = before.holder(seat);
        ensure(holder.is_none(), Check::TwoHolders, || {
            let holder = holder.map(|(hold, _)| hold.to_string()).unwrap_or_default();
            (format!("{seat} to be free"), format!("it in hold {holder}"))
        })
    })
}

/// Each place that is held or booked is one of the places of the hold it names, and each hold has
/// all the places it is said to have.
fn each_place_has_one_holder(model: &EventModel, counted: &Counted<'_>) -> Judged {
    let taken = |seat: &Seat| matches!(seat.status, Status::Held | Status::Booked);
    for (place, seat) in model.seats.iter().filter(|(_, seat)| taken(seat)) {
        let has = |hold: &Hold| {
            let booked = hold.reference.is_some() == (seat.status == Status::Booked);
            booked && hold.places.iter().any(|own| own.seat == *place)
        };
        ensure(model.holds.get(&seat.hold).is_some_and(has), Check::TwoHolders, || {
            let found = format!("{place}, {:?} by {}", seat.status, seat.hold);
            ("a taken place to be its holder's".into(), found)
        })?;
    }
    let unended = model.holds.iter().filter(|(_, hold)| hold.ended.is_none());
    unended.into_iter().try_for_each(|(id, hold)| {
        let (own, has) = (hold.places.len(), counted.has(*id));
        ensure(own == has, Check::TwoHolders, || {
            (format!("hold {id} to have its {own} places"), format!("{has} of them with it"))
        })
    })
}

/// A claim makes a hold that was not there. Whatever is done to a hold finds it there and not yet
/// ended, so that none ends twice, nor is acted on after its end.
fn a_hold_is_made_and_ends_once(step: &Step<'_>) -> Judged {
    let Step { before, outcome, .. } = step;
    let fault = |expected: &str, found: String| {
        Err(Fault { check: Check::Hold, expected: expected.into(), found })
    };
    let id = match &outcome.body {
        OutcomeBody::Held(held) if changes(outcome) => {
            return match before.holds.contains_key(&held.hold) {
                true => fault("a hold to be made once", format!("hold {} again", held.hold)),
                false => Ok(()),
            };
        }
        OutcomeBody::Held(held) | OutcomeBody::Extended(held) => held.hold,
        OutcomeBody::Booked(booked) => booked.hold,
        OutcomeBody::Released(released) => released.hold,
        OutcomeBody::Cancelled(cancelled) => cancelled.hold,
        OutcomeBody::Exchanged(exchanged) => exchanged.hold,
        OutcomeBody::Changed(_) | OutcomeBody::Refused(_) => return Ok(()),
    };
    match before.holds.get(&id).map(|hold| hold.ended) {
        None => fault("a hold made before", format!("hold {id}")),
        Some(Some(cause)) => fault("a hold to end once", format!("hold {id}, ended: {cause:?}")),
        Some(None) => Ok(()),
    }
}

/// A hold that has ended has no place any more, and one without places has ended.
fn what_has_ended_has_no_places(model: &EventModel, counted: &Counted<'_>) -> Judged {
    model.holds.iter().try_for_each(|(id, hold)| {
        let has = counted.has(*id);
        ensure(hold.ended.is_some() == (has == 0), Check::Hold, || {
            let expected = format!("hold {id} to have places until its end");
            (expected, format!("{has}, ended: {:?}", hold.ended))
        })
    })
}

/// What a buyer gets more of stays within its limit: places in all, places of a tier, live holds.
/// What the limits were when a buyer got less, or got the rest, is no matter: a lower limit takes
/// nothing away, and what staff granted counts and is not bound.
fn limits_are_never_exceeded(step: &Step<'_>) -> Judged {
    let Step { before, outcome, .. } = step;
    let (Some(venue), Some(buyer)) = (&before.venue, &outcome.header.buyer) else { return Ok(()) };
    let (taken, left, made): (Vec<&Place>, &[Place], usize) = match &outcome.body {
        OutcomeBody::Held(held) if changes(outcome) && !held.staff_override => {
            (held.places.iter().collect(), &[], 1)
        }
        OutcomeBody::Exchanged(told) => {
            let new = told.places.iter().filter(|place| told.taken.contains(&place.seat));
            (new.collect(), &told.given_back, 0)
        }
        OutcomeBody::Held(_)
        | OutcomeBody::Booked(_)
        | OutcomeBody::Extended(_)
        | OutcomeBody::Released(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Changed(_)
        | OutcomeBody::Refused(_) => return Ok(()),
    };
    let (has, live) = before.has(buyer);
    let within = |what: &str, limit: Option<u32>, had: u64, [more, less]: [usize; 2]| {
        let comes_to = (had + more as u64).saturating_sub(less as u64);
        let so = more <= less || limit.is_none_or(|most| comes_to <= u64::from(most));
        ensure(so, Check::Limit, || {
            (format!("at most {} {what} of {buyer}", limit.unwrap_or(0)), comes_to.to_string())
        })
    };
    let limits = &venue.definition.limits;
    let net = [taken.len(), left.len()];
    within("places", limits.seats_per_buyer, has.values().sum(), net)?;
    within("live holds", limits.live_holds_per_buyer, live, [made, 0])?;
    let tiers: BTreeSet<&str> = taken.iter().map(|place| &*place.tier).collect();
    tiers.into_iter().try_for_each(|tier| {
        let limit = venue.tier(tier).and_then(|(_, _, limit)| limit);
        let more = taken.iter().filter(|place| *place.tier == *tier).count();
        let less = left.iter().filter(|place| *place.tier == *tier).count();
        within("places of a tier", limit, has.get(tier).copied().unwrap_or(0), [more, less])
    })
}

/// Each place is one of the venue, and is free, held, booked or blocked: no section has more of
/// them than its capacity, what is blocked is in a block, and what is free is in none.
fn places_are_neither_made_nor_lost(model: &EventModel, counted: &Counted<'_>) -> Judged {
    let conserved = |so: bool, expected: &str, found: &dyn Fn() -> String| {
        ensure(so, Check::Conservation, || (expected.into(), found()))
    };
    let Some(venue) = &model.venue else {
        let empty = model.seats.is_empty() && model.holds.is_empty();
        return conserved(empty, "no places of an unknown event", &|| "some".into());
    };
    let strange = counted.strange;
    conserved(strange.is_none(), "places of the venue", &|| strange.unwrap_or_default().into())?;
    for (section, known) in &counted.known {
        let capacity = venue.capacity(section);
        conserved(known.all() <= capacity, "no more places than there are", &|| {
            format!("{} of {capacity} in {section}", known.all())
        })?;
    }
    for (place, seat) in &model.seats {
        let in_block = model.blocks.contains_key(place);
        let so = match seat.status {
            Status::Free => !in_block,
            Status::Blocked => in_block,
            Status::Held | Status::Booked => true,
        };
        conserved(so, "a blocked place in a block, a free one in none", &|| place.clone())?;
    }
    let lost = model.blocks.keys().find(|place| !model.seats.contains_key(*place));
    conserved(lost.is_none(), "blocked places that are known", &|| format!("{lost:?}"))
}

/// What the model keeps in counters and lists beside the places is what counting them comes to.
fn counts_are_what_is_counted(model: &EventModel, counted: &Counted<'_>) -> Judged {
    let kept = model.taken.iter().filter(|(_, count)| **count > 0);
    let taken = counted.known.iter().map(|(section, known)| (*section, known.taken));
    let taken: Vec<(&str, u64)> = taken.filter(|(_, count)| *count > 0).collect();
    let same = kept.map(|(section, count)| (section.as_str(), *count)).eq(taken.iter().copied());
    agree(same, "taken places by section", || format!("{:?}, not {taken:?}", model.taken))?;
    let mut deadlines: BTreeSet<(At, HoldId)> = BTreeSet::new();
    let mut of_buyer: HashMap<&BuyerId, BTreeSet<HoldId>> = HashMap::new();
    let mut references: BTreeMap<&Reference, HoldId> = BTreeMap::new();
    for (&id, hold) in &model.holds {
        let named = counted.named(id);
        agree(named == hold.named && named > 0, "places that name a hold", || {
            format!("{} of hold {id}: it is {named}", hold.named)
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

fn agree(so: bool, expected: &str, found: impl FnOnce() -> String) -> Judged {
    ensure(so, Check::Recount, || (expected.into(), found()))
}
