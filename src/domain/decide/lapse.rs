//! Which lapsed holds a request ends before it is answered.
//!
//! The oldest first, up to a bound of rows, so that under load holds end on time whoever comes;
//! and beyond it the lapsed holds that the request would otherwise trip over: one that has a
//! wanted seat, fills a wanted section, has a seat that the event might choose, counts against
//! the buyer, is in the way of a block, or is the very hold it names. Of a buyer, a choice and
//! a block there is a bound of its own.

use std::collections::HashSet;

use smallvec::SmallVec;

use super::block::Reach;
use crate::domain::event::EventState;
use crate::domain::ids::{HoldId, SeatNumber};
use crate::domain::limits::{
    LAPSED_ROWS_MAX, LAPSED_ROWS_OF_BEST_MAX, LAPSED_ROWS_OF_BLOCK_MAX, LAPSED_ROWS_OF_BUYER_MAX,
    SEATS_PER_REQUEST_MAX,
};
use crate::domain::request::{Block, Body, Claim, Line, Request};
use crate::domain::rule::Rule;
use crate::domain::seat::Status;
use crate::domain::time::At;

/// The holds to end, in the order in which they end.
#[must_use]
pub fn lapses(state: &EventState, request: &Request, at: At) -> SmallVec<[HoldId; 4]> {
    let mut ends = SmallVec::new();
    if !ends_lapsed(&request.body) {
        return ends;
    }
    let mut rows = 0;
    let mut rest = state.lapsed(at);
    for hold in rest.by_ref() {
        rows += seats_of(state, hold);
        ends.push(hold);
        if rows >= LAPSED_ROWS_MAX {
            break;
        }
    }
    if !Rule::OldestLapsedFirst.holds() {
        ends.reverse();
    }
    if rest.next().is_none() {
        return ends;
    }
    let mut known: HashSet<HoldId> = ends.iter().copied().collect();
    let mut beyond = |hold: HoldId| {
        let lapsed = state.find_hold(hold).is_some_and(|hold| !hold.is_live(at));
        if lapsed && known.insert(hold) {
            ends.push(hold);
        }
    };
    match &request.body {
        Body::Claim(claim) => ends.extend(in_the_way_of_claim(state, claim, at, known)),
        Body::Exchange(exchange) => {
            beyond(exchange.hold);
            ends.extend(in_the_way_of_claim(state, &exchange.wish(), at, known));
        }
        Body::Confirm(confirm) => beyond(confirm.hold),
        Body::Extend(extend) => beyond(extend.hold),
        Body::Release(release) => beyond(release.hold),
        Body::Cancel(cancel) => beyond(cancel.hold),
        Body::Block(block) => ends.extend(in_the_way_of(state, block, at, &known)),
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Unblock(_)
        | Body::Expire => {}
    }
    ends
}

/// Of the lapsed holds not yet ending, those that have a wanted seat, count against the buyer, or
/// fill a wanted section.
fn in_the_way_of_claim(
    state: &EventState,
    claim: &Claim,
    at: At,
    mut known: HashSet<HoldId>,
) -> Vec<HoldId> {
    // Refused before it comes across any place; ending what fills them would know no bound.
    if claim.size() > SEATS_PER_REQUEST_MAX as u64 {
        return vec![];
    }
    let lapsed = |hold: &HoldId| state.find_hold(*hold).is_some_and(|hold| !hold.is_live(at));
    let ends = named_seats(state, claim).chain(lapsed_of_buyer(state, claim, at));
    let mut ends: Vec<HoldId> = ends.filter(lapsed).filter(|hold| known.insert(*hold)).collect();
    let wanted = claim.wanted_by_section().into_iter();
    let wanted =
        wanted.filter_map(|(section, count)| Some((state.layout()?.section(section)?, count)));
    let more = in_wanted_sections(state, wanted, at, &known, usize::MAX);
    known.extend(&more);
    ends.extend(more);
    ends.extend(in_the_way_of_the_best(state, claim, at, &known));
    ends
}

/// Whether a request ends lapsed holds before it is answered: all do.
fn ends_lapsed(body: &Body) -> bool {
    let expire = matches!(body, Body::Expire);
    let confirm = matches!(body, Body::Confirm(_));
    (expire || Rule::LapsedEndFirst.holds()) && (!confirm || Rule::ConfirmIsNoException.holds())
}

fn seats_of(state: &EventState, hold: HoldId) -> usize {
    state.find_hold(hold).map_or(0, |hold| hold.seats.len())
}

fn named_seats(state: &EventState, claim: &Claim) -> impl Iterator<Item = HoldId> {
    claim.lines.iter().filter_map(move |line| match line {
        Line::Seat { name, .. } => {
            let seat = state.seat(state.layout()?.find(name)?);
            (seat.status == Status::Held).then_some(seat.hold)
        }
        Line::Places { .. } | Line::Best(_) => None,
    })
}

fn lapsed_of_buyer(state: &EventState, claim: &Claim, at: At) -> Vec<HoldId> {
    let Some(buyer) = state.buyer(&claim.buyer) else { return vec![] };
    let mut rows = 0;
    let lapsed = |hold: &&HoldId| state.find_hold(**hold).is_some_and(|hold| !hold.is_live(at));
    let within = |hold: &HoldId| {
        rows += seats_of(state, *hold);
        rows <= LAPSED_ROWS_OF_BUYER_MAX
    };
    buyer.live_holds.keys().filter(lapsed).copied().take_while(within).collect()
}

/// Of the lapsed holds not yet ending, those with seats that the event might choose, the oldest
/// first, up to a bound of rows.
fn in_the_way_of_the_best(
    state: &EventState,
    claim: &Claim,
    at: At,
    known: &HashSet<HoldId>,
) -> Vec<HoldId> {
    let Some(layout) = state.layout() else { return vec![] };
    let sections: Vec<Option<&str>> = claim
        .lines
        .iter()
        .filter_map(|line| match line {
            Line::Best(best) => Some(best.section.as_deref()),
            Line::Seat { .. } | Line::Places { .. } => None,
        })
        .collect();
    if sections.is_empty() {
        return vec![];
    }
    let wanted = |seat: &SeatNumber| {
        let section = layout.section_of(*seat);
        let name = &layout.definition.sections[section].name;
        !layout.is_general(section) && sections.iter().any(|own| own.is_none_or(|own| own == name))
    };
    let has_wanted = |hold: &HoldId| {
        let hold = state.find_hold(*hold).expect("a lapsed hold is there");
        hold.seats.iter().any(wanted)
    };
    let mut rows = 0;
    let within = |hold: &HoldId| {
        rows += seats_of(state, *hold);
        rows <= LAPSED_ROWS_OF_BEST_MAX
    };
    let rest = state.lapsed(at).filter(|hold| !known.contains(hold));
    rest.filter(has_wanted).take_while(within).collect()
}

/// Of the lapsed holds not yet ending, those on places that are to be blocked, up to a bound of
/// rows; what is beyond it is in the way of the block, which may be asked again.
fn in_the_way_of(
    state: &EventState,
    block: &Block,
    at: At,
    known: &HashSet<HoldId>,
) -> Vec<HoldId> {
    let Some(layout) = state.layout() else { return vec![] };
    let Ok(reach) = Reach::read(layout, &block.places) else { return vec![] };
    let mut known = known.clone();
    let mut ends = vec![];
    let mut rows = 0;
    for seat in reach.seats() {
        let seat = state.seat(seat);
        let hold = state.find_hold(seat.hold).filter(|_| seat.status == Status::Held);
        let lapsed = hold.filter(|hold| !hold.is_live(at) && !known.contains(&seat.hold));
        let Some(lapsed) = lapsed else { continue };
        if rows + lapsed.seats.len() > LAPSED_ROWS_OF_BLOCK_MAX {
            return ends;
        }
        rows += lapsed.seats.len();
        known.insert(seat.hold);
        ends.push(seat.hold);
    }
    let wanted = reach.by_section(layout);
    let rows_left = LAPSED_ROWS_OF_BLOCK_MAX - rows;
    ends.extend(in_wanted_sections(state, wanted, at, &known, rows_left));
    ends
}

/// Of the lapsed holds not yet ending, the oldest that free as many places of each section as are
/// lacking, up to a bound of rows.
fn in_wanted_sections(
    state: &EventState,
    wanted: impl IntoIterator<Item = (usize, u64)>,
    at: At,
    known: &HashSet<HoldId>,
    rows_max: usize,
) -> Vec<HoldId> {
    let Some(layout) = state.layout() else { return vec![] };
    let mut ends: Vec<HoldId> = vec![];
    let mut rows = 0;
    for (section, wanted) in wanted {
        let in_section = |hold: HoldId| {
            let hold = state.find_hold(hold).expect("a lapsed hold is there");
            hold.seats.iter().filter(|seat| layout.section_of(**seat) == section).count() as u64
        };
        let ending: u64 = known.iter().chain(&ends).map(|hold| in_section(*hold)).sum();
        let mut free = u64::from(state.free_places(section).count()) + ending;
        for hold in state.lapsed(at) {
            if free >= wanted {
                break;
            }
            let gain = in_section(hold);
            if gain > 0 && !known.contains(&hold) && !ends.contains(&hold) {
                rows += seats_of(state, hold);
                if rows > rows_max {
                    return ends;
                }
                free += gain;
                ends.push(hold);
            }
        }
    }
    ends
}
