//! Another definition for an event, also while it is on sale.
//!
//! Places are known again by their names, and keep who has them at the price they were taken at;
//! prices, limits, tiers and neighbours of the new definition bind what is decided from here on.
//! Nothing that somebody has is dropped: who should lose a place is not ours to choose (F14). Of
//! general admission the places go that nobody has, the highest first, those of blocks last.

use std::sync::Arc;

use super::Verdict;
use super::administration::{may_change, of_sale};
use super::conflict::check_places;
use super::pairs::PlaceAsk;
use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::ids::SeatNumber;
use crate::domain::layout::{Definition, Layout, Numbering};
use crate::domain::limits::{ROWS_PER_EVENT_MAX, SECTION_TIERS_MAX};
use crate::domain::outcome::{ChangedKind, OutcomeBody};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::Amend;
use crate::domain::seat::Status;

/// What holds and rows refer to stays: the currency, and the tiers in their order.
pub(super) fn misfit(layout: &Layout, definition: &Definition) -> Option<Refusal> {
    let old = &layout.definition;
    if definition.currency != old.currency {
        let detail = format!("prices are in {}, and stay so", old.currency);
        return Some(Refusal::because(Code::BadRequest, detail));
    }
    let mut tiers = definition.tiers.iter();
    let gone =
        old.tiers.iter().find(|tier| tiers.next().is_none_or(|new| new.name != tier.name))?;
    let detail = format!("tier {:?} stays where it is: new ones come after it", gone.name);
    Some(Refusal::because(Code::BadRequest, detail))
}

pub(super) fn answer(state: &EventState, ask: &Amend) -> Verdict {
    match judge(state, ask) {
        Err(refusal) => refusal.into(),
        Ok(layout) => {
            let changed = of_sale(ChangedKind::Amended, state.edition + 1, &ask.actor);
            Verdict::Granted(OutcomeBody::Changed(changed), Change::Amended(Arc::new(layout)))
        }
    }
}

fn judge(state: &EventState, ask: &Amend) -> Result<Layout, Refusal> {
    may_change(state, ask.edition)?;
    let layout =
        Layout::compile(ask.definition.clone()).expect("Request::check compiled it before");
    let numbering = renumber(state, &layout)?;
    check_counts(state, &layout)?;
    Ok(layout.numbered(numbering).expect("each place has a row of its own"))
}

/// The inventory has a count for each tier a section is sold in, and for those in which places of
/// it were taken under an earlier definition.
fn check_counts(state: &EventState, layout: &Layout) -> Result<(), Refusal> {
    let old = state.layout().expect("the event is known by now");
    let unsold = state.taken().filter(|((section, tier), taken)| {
        let section = layout.section(&old.definition.sections[*section].name);
        let sells = section.is_some_and(|section| layout.sells(section, *tier));
        taken.held + taken.booked > 0 && !sells
    });
    let counts = layout.tiers_sold() + unsold.count();
    if counts > SECTION_TIERS_MAX {
        let (most, counts) = (SECTION_TIERS_MAX as i64, counts as i64);
        return Err(Refusal::limited(Code::RequestLimit, most, counts));
    }
    Ok(())
}

/// Gives each place of a definition its row: the one it has, or a new one.
fn renumber(state: &EventState, layout: &Layout) -> Result<Numbering, Refusal> {
    let old = state.layout().expect("the event is known by now");
    let mut numbering = Numbering { next: old.rows_ever(), runs: vec![] };
    let mut stays = vec![false; old.seats() as usize];
    let mut add = |place: Option<SeatNumber>, label: u32| {
        let row = match place {
            None => numbering.new_row(),
            Some(place) => {
                stays[place.0 as usize] = true;
                old.ledger_row(place).0
            }
        };
        numbering.push(row, label);
    };
    for section in 0..layout.sections() {
        if layout.is_general(section) {
            let places = general(state, layout, section)?;
            places.into_iter().for_each(|(place, label)| add(place, label));
        } else {
            let (first, count) = layout.span(section);
            let seats = (first..first + count).map(SeatNumber);
            seats.for_each(|seat| add(old.find(&layout.name(seat)), 0));
        }
    }
    let seats = (0..).map(SeatNumber).zip(stays);
    let dropped = seats.filter_map(|(seat, stays)| (!stays).then_some(seat));
    check_places(state, dropped, PlaceAsk::Drop)?;
    if numbering.next as usize > ROWS_PER_EVENT_MAX {
        let rows = i64::from(numbering.next);
        return Err(Refusal::limited(Code::RequestLimit, ROWS_PER_EVENT_MAX as i64, rows));
    }
    Ok(numbering)
}

/// The places of a section of general admission: those it had, new ones without a place, and what
/// each is called.
fn general(
    state: &EventState,
    layout: &Layout,
    section: usize,
) -> Result<Vec<(Option<SeatNumber>, u32)>, Refusal> {
    let (_, wanted) = layout.span(section);
    let name = &layout.definition.sections[section].name;
    let old = state.layout().expect("the event is known by now");
    let Some(before) = old.section(name).filter(|before| old.is_general(*before)) else {
        return Ok((1..=wanted).map(|label| (None, label)).collect());
    };
    let (first, count) = old.span(before);
    let places = || (first..first + count).map(SeatNumber);
    let mut surplus = count.saturating_sub(wanted) as usize;
    let mut gone = vec![];
    for status in [Status::Free, Status::Blocked] {
        let idle = places().rev().filter(|place| state.seat(*place).status == status);
        let idle: Vec<SeatNumber> = idle.take(surplus).collect();
        surplus -= idle.len();
        gone.extend(idle);
    }
    if surplus > 0 {
        let taken = i64::from(wanted) + surplus as i64;
        let mut refusal = Refusal::limited(Code::BelowTaken, taken, i64::from(wanted));
        refusal.ground.seats.push(name.clone());
        return Err(refusal);
    }
    gone.sort_unstable();
    let kept = places().filter(|place| gone.binary_search(place).is_err());
    let mut kept: Vec<_> = kept.map(|place| (Some(place), old.label_of(before, place))).collect();
    let last = kept.last().map_or(0, |(_, label)| *label);
    let lacking = wanted.saturating_sub(count);
    kept.extend((1..=lacking).map(|more| (None, last + more)));
    Ok(kept)
}
