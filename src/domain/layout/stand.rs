//! Stands: the rows sold in one tier in sections of one rank, in the order in which they are
//! offered.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Layout, RowPlan};
use crate::domain::free_set::members;
use crate::domain::ids::SeatNumber;

/// Rows that are sold in one tier, of all sections of one rank.
#[derive(Clone, Debug)]
pub struct Stand {
    /// The tier.
    pub tier: u16,
    /// Rank of the sections.
    pub rank: i32,
    /// Its rows: those furthest in front first.
    pub rows: Vec<StandRow>,
    /// Which rows are those of a section, as bits.
    of_section: BTreeMap<usize, Vec<u64>>,
}

/// A row of a stand.
#[derive(Clone, Debug)]
pub struct StandRow {
    /// Its section.
    pub section: usize,
    /// How many rows of the section are in front of it.
    pub position: u32,
    /// Its first seat.
    pub first: u32,
    /// Its seats and aisles.
    pub plan: Arc<RowPlan>,
    /// Where the bits of its slots lie among those of the stand, in words.
    pub words: Range<usize>,
}

impl Stand {
    /// The rows of a section as bits; `None` if it has none here.
    #[must_use]
    pub fn of_section(&self, section: usize) -> Option<&[u64]> {
        self.of_section.get(&section).map(Vec::as_slice)
    }

    /// Its rows, or those of one section.
    pub fn rows_of(&self, section: Option<usize>) -> impl Iterator<Item = &StandRow> {
        let all = section.is_none().then_some(&self.rows).into_iter().flatten();
        let own = section.and_then(|section| self.of_section(section)).unwrap_or_default();
        all.chain(members(own.iter().copied()).map(|row| &self.rows[row]))
    }
}

/// Where a numbered seat lies among the stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The stand.
    pub stand: usize,
    /// The row, among those of the stand.
    pub row: usize,
    /// The seat, among those of the row.
    pub seat: u32,
}

impl Layout {
    pub(super) fn compile_stands(&mut self) {
        // Rows by rank and tier, then by how far in front they are.
        let mut by_offer: BTreeMap<(i32, u16), Vec<(u32, usize)>> = BTreeMap::new();
        for (section, compiled) in self.sections.iter().enumerate() {
            let rank = self.definition.sections[section].rank;
            for (position, row) in (0..).zip(&compiled.rows) {
                by_offer.entry((rank, row.tier)).or_default().push((position, section));
            }
        }
        for (stand, ((rank, tier), mut rows)) in (0..).zip(by_offer) {
            rows.sort_unstable();
            let width = rows.len().div_ceil(64);
            let of_section = BTreeMap::new();
            let mut built = Stand { tier, rank, rows: Vec::with_capacity(rows.len()), of_section };
            let mut begin = 0;
            for (in_stand, (position, section)) in (0..).zip(rows) {
                let row = &mut self.sections[section].rows[position as usize];
                (row.stand, row.in_stand) = (stand, in_stand);
                let (first, plan) = (row.first, Arc::clone(&row.plan));
                let words = begin..begin + (plan.slots() as usize).div_ceil(64);
                begin = words.end;
                built.rows.push(StandRow { section, position, first, plan, words });
                let bits = built.of_section.entry(section).or_insert_with(|| vec![0; width]);
                bits[in_stand as usize / 64] |= 1 << (in_stand % 64);
            }
            self.stands.push(built);
        }
    }

    /// All stands, those of the best sections first.
    #[must_use]
    pub fn stands(&self) -> &[Stand] {
        &self.stands
    }

    /// Where a seat lies; `None` for a place of general admission.
    #[must_use]
    pub fn spot(&self, number: SeatNumber) -> Option<Spot> {
        let row = self.locate(number).1?;
        Some(Spot {
            stand: row.stand as usize,
            row: row.in_stand as usize,
            seat: number.0 - row.first,
        })
    }
}
