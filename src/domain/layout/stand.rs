//! Stands: the rows of one section sold in one tier, in the order in which they are offered.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Layout, RowPlan};
use crate::domain::ids::SeatNumber;

/// Rows of one section that are sold in one tier.
#[derive(Clone, Debug)]
pub struct Stand {
    /// The section.
    pub section: usize,
    /// The tier.
    pub tier: u16,
    /// Rank of the section.
    pub rank: i32,
    /// Its rows, best first.
    pub rows: Vec<StandRow>,
}

/// A row of a stand.
#[derive(Clone, Debug)]
pub struct StandRow {
    /// Its first seat.
    pub first: u32,
    /// Its seats and aisles.
    pub plan: Arc<RowPlan>,
    /// How many rows of its section are in front of it.
    pub position: u32,
    /// Where the bits of its slots lie among those of the stand, in words.
    pub words: Range<usize>,
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
        let mut by_offer: BTreeMap<(i32, usize, u16), Stand> = BTreeMap::new();
        for (section, compiled) in self.sections.iter().enumerate() {
            let section_rank = self.definition.sections[section].rank;
            for (position, row) in (0..).zip(&compiled.rows) {
                let (tier, rank) = (row.tier, section_rank);
                let empty = Stand { section, tier, rank, rows: vec![] };
                let stand = by_offer.entry((section_rank, section, row.tier)).or_insert(empty);
                let begin = stand.rows.last().map_or(0, |row| row.words.end);
                let words = (row.plan.slots() as usize).div_ceil(64);
                stand.rows.push(StandRow {
                    first: row.first,
                    plan: Arc::clone(&row.plan),
                    position,
                    words: begin..begin + words,
                });
            }
        }
        self.stands = by_offer.into_values().collect();
        for (index, stand) in (0..).zip(&self.stands) {
            let rows = &mut self.sections[stand.section].rows;
            for (in_stand, row) in (0..).zip(rows.iter_mut().filter(|row| row.tier == stand.tier)) {
                (row.stand, row.in_stand) = (index, in_stand);
            }
        }
    }

    /// All stands, the best section first.
    #[must_use]
    pub fn stands(&self) -> &[Stand] {
        &self.stands
    }

    /// Where a seat lies; `None` for a place of general admission.
    #[must_use]
    pub fn spot(&self, number: SeatNumber) -> Option<Spot> {
        let row = self.sections[self.section_of(number)].row_of(number)?;
        Some(Spot {
            stand: row.stand as usize,
            row: row.in_stand as usize,
            seat: number.0 - row.first,
        })
    }
}
