//! Best available: so many seats next to each other, chosen by the event.
//!
//! Of all blocks of the wanted size the one is chosen that leaves no seat on its own; then the
//! one in the section of the lowest rank, in the row furthest in front, nearest to the middle
//! of its row; then the first in the order of the definition. With wheelchair bays, seats kept for
//! companions come before others of the row. Where no block is large enough
//! and the buyer allows it, the party is parted: the largest block first, the rest likewise,
//! each the best of what is left.

use std::ops::RangeInclusive;

use smallvec::SmallVec;

use super::wish::Chosen;
use crate::domain::event::EventState;
use crate::domain::ids::SeatNumber;
use crate::domain::layout::{Kept, Layout, Stand, StandRow};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::runs::runs_from;
use crate::domain::seat::{Priced, Wanted};

/// Why one block is better than another: the lowest is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rating {
    /// It leaves a seat on its own.
    strands: bool,
    /// Rank of its section.
    section: i32,
    /// Rows of the section in front of it.
    row: u32,
    /// Seats beside bays that anybody may have, where companions' are free.
    for_all: u32,
    /// How far its seats are from the middle of the row, together.
    off_centre: i64,
    first: SeatNumber,
}

/// A house from which some seats are gone already.
pub(super) struct Search<'a> {
    state: &'a EventState,
    layout: &'a Layout,
    /// In rising order.
    gone: SmallVec<[SeatNumber; 8]>,
}

impl<'a> Search<'a> {
    pub(super) fn new(state: &'a EventState, layout: &'a Layout) -> Search<'a> {
        Search { state, layout, gone: SmallVec::new() }
    }

    /// Leaves a seat out.
    pub(super) fn leave_out(&mut self, seat: SeatNumber) {
        if let Err(place) = self.gone.binary_search(&seat) {
            self.gone.insert(place, seat);
        }
    }

    /// The best seats for a wish, which are gone from then on.
    pub(super) fn take(&mut self, wish: &Chosen, seats: &mut Wanted) -> Result<(), Refusal> {
        let mut left = wish.count;
        if wish.bays > 0 {
            // The bays are in the first block, and never apart.
            let Some((size, rating)) = self.best_with_bays(wish) else {
                return Err(self.lacks(wish, left));
            };
            self.take_block(rating.first, size, seats);
            left -= size;
        }
        // No block of the rest is larger than one before it, nor than the longest run.
        let mut size = left;
        if wish.split {
            let longest = self.state.runs().longest();
            size = size.min(longest.max(1));
        }
        while left > 0 {
            size = size.min(left);
            let fits = |stand: &Stand| wish.fits(self.layout, stand);
            match self.best(size, wish.section, fits) {
                Some(rating) => {
                    self.take_block(rating.first, size, seats);
                    left -= size;
                }
                None if size == 1 || !wish.split => return Err(self.lacks(wish, left)),
                None => size -= 1,
            }
        }
        Ok(())
    }

    fn take_block(&mut self, first: SeatNumber, count: u32, seats: &mut Wanted) {
        let spot = self.layout.spot(first).expect("a block is of numbered seats");
        let tier = self.layout.stands()[spot.stand].tier;
        let price = self.layout.tier_at(tier).price;
        for seat in (first.0..first.0 + count).map(SeatNumber) {
            self.leave_out(seat);
            seats.push(Priced { seat, tier, price });
        }
    }

    /// Whether so many seats can be had next to each other without leaving one on its own.
    pub(super) fn can_keep_pairs(
        &self,
        count: u32,
        section: usize,
        fits: impl Fn(&Stand) -> bool,
    ) -> bool {
        self.best(count, Some(section), fits).is_some_and(|rating| !rating.strands)
    }

    fn best(
        &self,
        count: u32,
        section: Option<usize>,
        fits: impl Fn(&Stand) -> bool,
    ) -> Option<Rating> {
        let mut best = None;
        // Rows that are not as the runs have them.
        for (index, row) in self.rows_gone() {
            let stand = &self.layout.stands()[index];
            let here = section.is_none_or(|section| stand.rows[row].section == section);
            if here && fits(stand) {
                self.rate_row(index, row, count, &mut best);
            }
        }
        let runs = self.state.runs();
        let of = |stand: &'a Stand| section.and_then(|section| stand.of_section(section));
        for index in runs.stands_to_part(count) {
            let stand = &self.layout.stands()[index];
            if fits(stand) {
                let rows = runs.stand(index).rows_to_part(count, of(stand));
                self.rate_rows(index, stand, rows, count, false, &mut best);
            }
        }
        if best.is_none_or(|best| best.strands) {
            for index in runs.stands_with(count) {
                let stand = &self.layout.stands()[index];
                if fits(stand) {
                    let rows = runs.stand(index).rows_with(count, of(stand));
                    self.rate_rows(index, stand, rows, count, true, &mut best);
                }
            }
        }
        best
    }

    /// The rows that a wish may be granted in, with the index of their stand.
    fn rows(&self, wish: &Chosen) -> impl Iterator<Item = (usize, &'a StandRow)> {
        let stands = self.layout.stands().iter().enumerate();
        let fitting = stands.filter(|(_, stand)| wish.fits(self.layout, stand));
        let section = wish.section;
        fitting.flat_map(move |(index, stand)| stand.rows_of(section).map(move |row| (index, row)))
    }

    /// The largest block of a party with its wheelchair bays, the whole of it where it may not be
    /// parted, and of those the best: rows with bays enough are looked through, each once.
    fn best_with_bays(&self, wish: &Chosen) -> Option<(u32, Rating)> {
        let mut best: Option<(u32, Rating)> = None;
        let least = if wish.split { wish.bays } else { wish.count };
        for (stand, row) in self.rows(wish) {
            let free = |bay: &u32| self.is_left(SeatNumber(row.first + bay));
            if row.plan.bays().filter(free).count() < wish.bays as usize {
                continue;
            }
            for first in 0..row.plan.len() {
                let blocks = self.blocks_with_bays(row, first, wish);
                for size in blocks.filter(|size| *size >= least) {
                    let largest = best.map_or(0, |(size, _)| size);
                    if size >= largest {
                        let rating = self.rate_with_bays(stand, row, first, size);
                        let better = best.is_none_or(|best| size > best.0 || rating < best.1);
                        best = if better { Some((size, rating)) } else { best };
                    }
                }
            }
        }
        best
    }

    /// Sizes of the blocks from a seat on that have just the bays of a party.
    fn blocks_with_bays(
        &self,
        row: &'a StandRow,
        first: u32,
        wish: &Chosen,
    ) -> impl Iterator<Item = u32> {
        let (bays, end) = (wish.bays, row.plan.len().min(first + wish.count));
        let together = move |seat: &u32| {
            row.plan.slot(*seat) - row.plan.slot(first) == seat - first
                && self.is_left(SeatNumber(row.first + seat))
        };
        let mut met = 0;
        let sizes = (first..end).take_while(together).map(move |seat| {
            met += u32::from(row.plan.kept(seat) == Some(Kept::Bay));
            (seat - first + 1, met)
        });
        sizes
            .take_while(move |(_, met)| *met <= bays)
            .filter_map(move |(size, met)| (met == bays).then_some(size))
    }

    /// Whether a seat is free and not gone.
    fn is_left(&self, seat: SeatNumber) -> bool {
        self.state.is_free(seat) && self.gone.binary_search(&seat).is_err()
    }

    fn rate_with_bays(&self, stand: usize, row: &StandRow, first: u32, count: u32) -> Rating {
        let (plan, last) = (&row.plan, first + count - 1);
        let for_sale =
            |seat: u32| plan.kept(seat).is_none() && self.is_left(SeatNumber(row.first + seat));
        let next_to = |a: u32, b: u32| b < plan.len() && plan.slot(b) == plan.slot(a) + 1;
        // A seat beside the block, and the one beyond it.
        let before = first.checked_sub(1).filter(|seat| next_to(*seat, first));
        let strands_before = before.is_some_and(|seat| {
            let beyond = seat.checked_sub(1).filter(|other| next_to(*other, seat));
            for_sale(seat) && !beyond.is_some_and(for_sale)
        });
        let after = Some(last + 1).filter(|seat| next_to(last, *seat));
        let strands_after = after.is_some_and(|seat| {
            let beyond = Some(seat + 1).filter(|other| next_to(seat, *other));
            for_sale(seat) && !beyond.is_some_and(for_sale)
        });
        let for_all = (first..=last).filter(|seat| plan.kept(*seat).is_none());
        Rating {
            strands: strands_before || strands_after,
            section: self.layout.stands()[stand].rank,
            row: row.position,
            for_all: u32::try_from(for_all.count()).expect("a claim is bounded"),
            off_centre: plan.off_centre(first, count),
            first: SeatNumber(row.first + first),
        }
    }

    /// Rates rows until none that follows can be better.
    fn rate_rows(
        &self,
        index: usize,
        stand: &Stand,
        rows: impl Iterator<Item = usize>,
        count: u32,
        strands: bool,
        best: &mut Option<Rating>,
    ) {
        let runs = self.state.runs().stand(index);
        for row in rows {
            let own = &stand.rows[row];
            let bound = Rating {
                strands,
                section: stand.rank,
                row: own.position,
                for_all: 0,
                off_centre: own.plan.nearest(count).max(runs.off_centre(row, count)),
                first: SeatNumber(own.first),
            };
            let place = |it: &Rating| (it.strands, it.section, it.row);
            if best.as_ref().is_some_and(|best| place(best) < place(&bound)) {
                return;
            }
            if best.is_none_or(|best| bound < best) && self.gone_in(own).is_empty() {
                self.rate_row(index, row, count, best);
            }
        }
    }

    fn rate_row(&self, stand: usize, row: usize, count: u32, best: &mut Option<Rating>) {
        let runs = self.state.runs().stand(stand);
        let Stand { rank, rows, .. } = &self.layout.stands()[stand];
        let (rank, row) = (*rank, &rows[row]);
        let gone = self.gone_in(row);
        if gone.is_empty() {
            return rate_runs(rank, row, runs.row(row), count, best);
        }
        let mut words: SmallVec<[u64; 4]> = runs.row(row).into();
        for seat in gone {
            let slot = row.plan.slot(seat.0 - row.first);
            words[slot as usize / 64] &= !(1 << (slot % 64));
        }
        rate_runs(rank, row, &words, count, best);
    }

    fn gone_in(&self, row: &StandRow) -> &[SeatNumber] {
        if self.gone.is_empty() {
            return &[];
        }
        let end = row.first + row.plan.len();
        let from = self.gone.partition_point(|seat| seat.0 < row.first);
        let to = self.gone.partition_point(|seat| seat.0 < end);
        &self.gone[from..to]
    }

    /// Stand and row of the seats that are gone, each once.
    fn rows_gone(&self) -> SmallVec<[(usize, usize); 8]> {
        let spots = self.gone.iter().filter_map(|&seat| self.layout.spot(seat));
        let mut rows: SmallVec<[(usize, usize); 8]> =
            spots.map(|spot| (spot.stand, spot.row)).collect();
        rows.dedup();
        rows
    }

    /// Why a wish cannot be had: so many seats of it are left to be found.
    fn lacks(&self, wish: &Chosen, left: u32) -> Refusal {
        let runs = self.state.runs();
        let for_sale = |(stand, row): (usize, &StandRow)| {
            let free: u32 = runs.stand(stand).row(row).iter().map(|word| word.count_ones()).sum();
            let gone = self.gone_in(row).iter().filter(|seat| {
                self.state.is_free(**seat) && row.plan.kept(seat.0 - row.first).is_none()
            });
            free - u32::try_from(gone.count()).expect("a claim is bounded")
        };
        let free = match wish.section {
            None if self.gone.is_empty() => self.free_in_all(wish),
            _ => self.rows(wish).map(for_sale).sum(),
        };
        let free: u32 = free + wish.count - left;
        let (code, free, count) = if wish.bays > 0 && left == wish.count {
            let bays = self.free_bays(wish);
            let code = if bays < wish.bays { Code::NotEnough } else { Code::NoRun };
            (code, bays, wish.bays)
        } else {
            let code = if free < wish.count { Code::NotEnough } else { Code::NoRun };
            (code, free, wish.count)
        };
        let mut refusal = Refusal::limited(code, i64::from(free), i64::from(count));
        refusal.ground.seats.extend(wish.section_name(self.layout));
        refusal
    }

    fn free_in_all(&self, wish: &Chosen) -> u32 {
        let stands = self.layout.stands().iter().enumerate();
        let fitting = stands.filter(|(_, stand)| wish.fits(self.layout, stand));
        fitting.map(|(index, _)| self.state.runs().stand(index).free()).sum()
    }

    /// How many wheelchair bays could be had.
    fn free_bays(&self, wish: &Chosen) -> u32 {
        let bays = self
            .rows(wish)
            .flat_map(|(_, row)| row.plan.bays().map(|bay| SeatNumber(row.first + bay)));
        let free = bays.filter(|bay| self.is_left(*bay));
        u32::try_from(free.count()).expect("an event is bounded")
    }
}

/// Rates the blocks of a row that can be the best one.
fn rate_runs(rank: i32, row: &StandRow, words: &[u64], count: u32, best: &mut Option<Rating>) {
    let middle = row.plan.len().saturating_sub(count) / 2;
    let firsts = firsts_to_rate(rank, row, count, best.as_ref());
    for (slot, length) in runs_from(words, row.plan.slot(*firsts.start())) {
        let begin = row.plan.seat_at(slot);
        if begin > *firsts.end() {
            return;
        }
        let Some(room) = length.checked_sub(count) else { continue };
        // The nearest to the middle that leaves no seat on its own is never further off than this.
        let nearest = middle.saturating_sub(begin).min(room);
        for skipped in nearest.saturating_sub(2)..=(nearest + 3).min(room) {
            let rating = Rating {
                strands: skipped == 1 || room - skipped == 1,
                section: rank,
                row: row.position,
                for_all: 0,
                off_centre: row.plan.off_centre(begin + skipped, count),
                first: SeatNumber(row.first + begin + skipped),
            };
            *best = Some(best.map_or(rating, |best| best.min(rating)));
        }
    }
}

/// First seats of the blocks of a row that are as near to its middle as the best one so far, where
/// that counts.
fn firsts_to_rate(
    rank: i32,
    row: &StandRow,
    count: u32,
    best: Option<&Rating>,
) -> RangeInclusive<u32> {
    let middle = i64::from(row.plan.len().saturating_sub(count));
    let alike = |best: &&Rating| !best.strands && (best.section, best.row) == (rank, row.position);
    let Some(best) = best.filter(alike) else { return 0..=row.plan.len() };
    // Seats together are as far off as the middle of them, each, or further.
    let reach = best.off_centre / i64::from(count);
    let whole = |first: i64| u32::try_from(first.max(0)).unwrap_or(u32::MAX);
    whole((middle - reach + 1).div_euclid(2))..=whole((middle + reach).div_euclid(2))
}
