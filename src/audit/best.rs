//! Best available, chosen a second time: every block of every row is looked at, and rated.

use std::collections::{BTreeMap, BTreeSet};

use super::event::EventModel;
use super::venue::{Venue, VenueRow, Wanted};
use crate::domain::limits::SEATS_PER_REQUEST_MAX;
use crate::domain::refusal::Code;
use crate::domain::request::{Best, Claim, Line};

/// Why a wish for the best seats cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) code: Code,
    pub(super) free: u64,
    pub(super) count: u64,
}

/// The house as a claim finds it.
struct House<'a> {
    model: &'a EventModel,
    venue: &'a Venue,
    /// Seats that other lines of the claim have.
    gone: BTreeSet<String>,
}

/// A block of a row.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    strands: bool,
    section_rank: i32,
    /// Rows of the section in front of it.
    rows_in_front: usize,
    /// Seats of a party with bays that are kept for nobody.
    kept_for_nobody: usize,
    /// How far its seats are from the middle of the row, in half seats, together.
    off_centre: usize,
    row: usize,
    first: usize,
}

/// Chooses the seats of all lines that leave the choice to the event, and adds them to what is
/// wanted by name.
pub(super) fn choose(
    model: &EventModel,
    venue: &Venue,
    claim: &Claim,
    wanted: &mut Wanted,
) -> Result<(), Lack> {
    let known = wanted.unknown.is_empty() && wanted.mismatched.is_empty();
    if !known || wanted.size > SEATS_PER_REQUEST_MAX as u64 {
        return Ok(());
    }
    let gone = wanted.named.keys().cloned().collect();
    let mut house = House { model, venue, gone };
    for line in &claim.lines {
        if let Line::Best(best) = line {
            house.take(best)?;
        }
    }
    for seat in house.gone {
        if !wanted.named.contains_key(&seat) {
            venue.want_seat(wanted, &seat, None);
            wanted.size -= 1;
        }
    }
    Ok(())
}

/// The seats that are left on their own beside some seats, once all of these are gone.
pub(super) fn stranded(
    model: &EventModel,
    venue: &Venue,
    some: &BTreeSet<&String>,
    gone: &BTreeSet<String>,
) -> Vec<String> {
    let house = House { model, venue, gone: gone.clone() };
    let mut stranded = vec![];
    for row in &venue.rows {
        for at in 0..row.seats.len() {
            let beside = row.beside(at);
            let by_some = beside.iter().any(|other| some.contains(&row.seats[*other]));
            let alone = !beside.iter().any(|other| house.is_for_sale(row, *other));
            if house.is_for_sale(row, at) && by_some && alone {
                stranded.push(row.seats[at].clone());
            }
        }
    }
    stranded
}

/// Named seats, those of one section and price together.
pub(super) fn by_section_and_price<'a>(
    venue: &Venue,
    named: &'a BTreeSet<String>,
) -> Vec<BTreeSet<&'a String>> {
    let mut groups: BTreeMap<_, BTreeSet<&String>> = BTreeMap::new();
    for row in &venue.rows {
        let own = named.iter().filter(|seat| row.seats.contains(seat));
        groups.entry(group(venue, row)).or_default().extend(own);
    }
    groups.into_values().filter(|seats| !seats.is_empty()).collect()
}

/// Section and price.
fn group(venue: &Venue, row: &VenueRow) -> (usize, Option<i64>) {
    (row.section, venue.tier(&row.tier).map(|(_, price, _)| price))
}

/// Whether as many seats of the same section and price could be had next to each other, and none be
/// left on its own, once others are gone.
pub(super) fn has_another_choice(
    model: &EventModel,
    venue: &Venue,
    alike: &BTreeSet<&String>,
    gone: &BTreeSet<String>,
) -> bool {
    let house = House { model, venue, gone: gone.clone() };
    let is_of = |row: &&VenueRow| row.seats.iter().any(|seat| alike.contains(seat));
    let Some(own) = venue.rows.iter().find(is_of).map(|row| group(venue, row)) else {
        return false;
    };
    let rows = (0..venue.rows.len()).filter(|row| group(venue, &venue.rows[*row]) == own);
    house.best(alike.len(), 0, rows).is_some_and(|block| !block.strands)
}

impl House<'_> {
    fn is_free(&self, row: &VenueRow, at: usize) -> bool {
        self.model.is_free(&row.seats[at]) && !self.gone.contains(&row.seats[at])
    }

    /// Free, and not kept for those who need it.
    fn is_for_sale(&self, row: &VenueRow, at: usize) -> bool {
        !row.kept[at] && self.is_free(row, at)
    }

    fn fits(&self, best: &Best, row: usize) -> bool {
        let row = &self.venue.rows[row];
        let section = &self.venue.definition.sections[row.section].name;
        let price = self.venue.tier(&row.tier).map(|(_, price, _)| price);
        best.section.as_ref().is_none_or(|own| own == section)
            && best.tier.as_ref().is_none_or(|own| *own == row.tier)
            && best.max_price.is_none_or(|most| price.is_some_and(|price| price <= most))
    }

    /// The whole party, or the largest block of it that can be had, and then the rest. The bays are
    /// in the first block.
    fn take(&mut self, best: &Best) -> Result<(), Lack> {
        let mut left = best.count as usize;
        while left > 0 {
            let bays = if left == best.count as usize { best.bays as usize } else { 0 };
            let fitting = || (0..self.venue.rows.len()).filter(|row| self.fits(best, *row));
            let sizes = if best.split { bays.max(1)..=left } else { left..=left };
            let block =
                sizes.rev().find_map(|size| Some((size, self.best(size, bays, fitting())?)));
            let Some((size, Block { row, first, .. })) = block else {
                let rows = fitting().map(|row| &self.venue.rows[row]);
                let count_of = |so: &dyn Fn(&VenueRow, usize) -> bool| {
                    let of_row = |row| (0..VenueRow::len(row)).filter(|at| so(row, *at)).count();
                    rows.clone().map(of_row).sum::<usize>()
                };
                let (free, count) = if bays > 0 {
                    (count_of(&|row, at| row.bays[at] && self.is_free(row, at)), bays)
                } else {
                    // What this line had before is lacking as little as the others.
                    let had = best.count as usize - left;
                    (count_of(&|row, at| self.is_for_sale(row, at)) + had, best.count as usize)
                };
                let code = if free < count { Code::NotEnough } else { Code::NoRun };
                return Err(Lack { code, free: free as u64, count: count as u64 });
            };
            let seats = &self.venue.rows[row].seats[first..first + size];
            self.gone.extend(seats.iter().cloned());
            left -= size;
        }
        Ok(())
    }

    fn best(&self, count: usize, bays: usize, rows: impl Iterator<Item = usize>) -> Option<Block> {
        rows.flat_map(|row| self.blocks(row, count, bays)).min()
    }

    /// All blocks of a row with so many bays; those without take no seat that is kept.
    fn blocks(&self, index: usize, count: usize, bays: usize) -> Vec<Block> {
        let row = &self.venue.rows[index];
        let off_centre = |at: usize| (2 * at + 1).abs_diff(row.seats.len());
        let can_be_had = |at: usize| match bays {
            0 => self.is_for_sale(row, at),
            _ => self.is_free(row, at),
        };
        let mut blocks = vec![];
        for first in 0..(row.seats.len() + 1).saturating_sub(count) {
            let block = first..first + count;
            let together = row.segments[first] == row.segments[first + count - 1];
            let in_bays = block.clone().filter(|at| row.bays[*at]).count();
            if !together || in_bays != bays || !block.clone().all(can_be_had) {
                continue;
            }
            let out = |at: &usize| !block.contains(at) && self.is_for_sale(row, *at);
            let alone = |at: &usize| out(at) && !row.beside(*at).iter().any(out);
            let ends = row.beside(first).into_iter().chain(row.beside(first + count - 1));
            let strands = ends.filter(|at| !block.contains(at)).any(|at| alone(&at));
            blocks.push(Block {
                strands,
                section_rank: self.venue.definition.sections[row.section].rank,
                rows_in_front: row.position,
                kept_for_nobody: block.clone().filter(|at| bays > 0 && !row.kept[*at]).count(),
                off_centre: block.clone().map(off_centre).sum(),
                row: index,
                first,
            });
        }
        blocks
    }
}

impl VenueRow {
    fn len(&self) -> usize {
        self.seats.len()
    }

    /// The seats next to one.
    fn beside(&self, at: usize) -> Vec<usize> {
        let near = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        near.filter(|other| self.segments.get(*other) == Some(&self.segments[at])).collect()
    }
}
