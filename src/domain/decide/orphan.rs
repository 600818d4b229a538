//! Seats left on their own: free, with nobody to sit beside.
//!
//! An event may ask that claims by name leave none where another choice of their size would
//! not. The rule serves the house, not the buyer: it gives way where there is no such choice,
//! never binds staff, and is asked of claims only, so that nothing it once allowed is taken
//! back (F10).

use std::collections::BTreeMap;

use super::best::Search;
use crate::domain::event::EventState;
use crate::domain::ids::SeatNumber;
use crate::domain::layout::{Layout, Spot, Stand};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::runs::Runs;
use crate::domain::seat::Priced;

/// Refuses named seats that leave others on their own, with those chosen for the claim in mind.
/// Each section and price is judged by itself: one without a better choice excuses no other.
pub(super) fn keep_pairs(
    state: &EventState,
    layout: &Layout,
    named: &[Priced],
    chosen: &[Priced],
) -> Result<(), Refusal> {
    let mut groups: BTreeMap<(usize, i64), Vec<Priced>> = BTreeMap::new();
    for priced in named {
        let group = (layout.section_of(priced.seat), priced.price);
        groups.entry(group).or_default().push(*priced);
    }
    let all: Vec<Priced> = named.iter().chain(chosen).copied().collect();
    let mut names = vec![];
    for ((section, price), group) in groups {
        let stranded = stranded(state.runs(), layout, &group, &all);
        if stranded.is_empty() {
            continue;
        }
        let mut search = Search::new(state, layout);
        chosen.iter().for_each(|priced| search.leave_out(priced.seat));
        let fits = |stand: &Stand| {
            let here = stand.of_section(section).is_some();
            here && layout.tier_at(stand.tier).price == price
        };
        let count = u32::try_from(group.len()).expect("a claim is bounded");
        if search.can_keep_pairs(count, section, fits) {
            names.extend(stranded.into_iter().map(|seat| layout.name(seat)));
        }
    }
    if names.is_empty() { Ok(()) } else { Err(Refusal::over_seats(Code::StrandsSeat, names)) }
}

/// Free seats beside some of the seats that are taken, which would have no free neighbour any more.
fn stranded(runs: &Runs, layout: &Layout, some: &[Priced], taken: &[Priced]) -> Vec<SeatNumber> {
    let is_free = |spot: Spot, slot: u32| {
        let row = &layout.stands()[spot.stand].rows[spot.row];
        let words = runs.stand(spot.stand).row(row);
        let free = words[slot as usize / 64] & 1 << (slot % 64) != 0;
        let number = SeatNumber(row.first + row.plan.seat_at(slot));
        free && !taken.iter().any(|priced| priced.seat == number)
    };
    let mut stranded = vec![];
    for priced in some {
        let spot = layout.spot(priced.seat).expect("a named seat is numbered");
        let row = &layout.stands()[spot.stand].rows[spot.row];
        let beside = |slot: u32| {
            let after = Some(slot + 1).filter(|slot| *slot < row.plan.slots());
            [slot.checked_sub(1), after]
                .into_iter()
                .flatten()
                .filter(move |slot| is_free(spot, *slot))
        };
        let alone = beside(row.plan.slot(spot.seat)).filter(|slot| beside(*slot).next().is_none());
        stranded.extend(alone.map(|slot| SeatNumber(row.first + row.plan.seat_at(slot))));
    }
    stranded.sort_unstable();
    stranded.dedup();
    stranded
}
