//! Which seats next to each other are free, kept so that a block of any size is found at once.
//!
//! Each row is a row of bits, one a slot: set for a seat that is free, and not kept for those who
//! need it. Of each stand it is known
//! which rows have a run of free seats of exactly some length, and which have one of at least some
//! length. A change of one seat looks at its row alone; whoever looks for a block looks at rows that
//! have one.

use super::free_set::FreeSet;
use super::layout::{Layout, Spot, Stand, StandRow};
use super::limits::SEATS_PER_REQUEST_MAX;

/// Runs of this length and longer are not told apart: so many seats that the largest block can be
/// taken out and leave no seat on its own.
const LENGTH_MAX: usize = SEATS_PER_REQUEST_MAX + 2;

const _: () = assert!(LENGTH_MAX < 64, "a row's lengths are the bits of a word");

/// Free seats of all stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    stands: Vec<StandRuns>,
}

/// Free seats of one stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandRuns {
    words: Vec<u64>,
    /// For each row, the lengths of its runs as bits.
    lengths: Vec<u64>,
    /// For each length, the rows that have such a run.
    exact: Vec<FreeSet>,
    /// For each length, the rows that have a run as long or longer.
    at_least: Vec<FreeSet>,
    free: u32,
}

impl Runs {
    /// All seats of a venue are free.
    #[must_use]
    pub fn full(layout: &Layout) -> Runs {
        Runs { stands: layout.stands().iter().map(StandRuns::full).collect() }
    }

    /// No seat of a venue is free.
    #[must_use]
    pub fn empty(layout: &Layout) -> Runs {
        Runs { stands: layout.stands().iter().map(StandRuns::empty).collect() }
    }

    /// The runs of one stand.
    #[must_use]
    pub fn stand(&self, stand: usize) -> &StandRuns {
        &self.stands[stand]
    }

    /// A seat is free now.
    pub fn insert(&mut self, layout: &Layout, spot: Spot) {
        let row = &layout.stands()[spot.stand].rows[spot.row];
        if row.plan.kept(spot.seat).is_some() {
            return;
        }
        let slot = row.plan.slot(spot.seat);
        let stand = &mut self.stands[spot.stand];
        let word = &mut stand.words[row.words.start + slot as usize / 64];
        assert!(*word & 1 << (slot % 64) == 0, "the seat was free already");
        *word |= 1 << (slot % 64);
        stand.free += 1;
        stand.measure(spot.row, row);
    }

    /// A seat is free no more.
    pub fn remove(&mut self, layout: &Layout, spot: Spot) {
        let row = &layout.stands()[spot.stand].rows[spot.row];
        if row.plan.kept(spot.seat).is_some() {
            return;
        }
        let slot = row.plan.slot(spot.seat);
        let stand = &mut self.stands[spot.stand];
        let word = &mut stand.words[row.words.start + slot as usize / 64];
        assert!(*word & 1 << (slot % 64) != 0, "the seat was not free");
        *word &= !(1 << (slot % 64));
        stand.free -= 1;
        stand.measure(spot.row, row);
    }
}

impl StandRuns {
    fn empty(stand: &Stand) -> StandRuns {
        let rows = u32::try_from(stand.rows.len()).expect("rows are bounded");
        let longest = stand.rows.iter().map(|row| row.plan.slots() as usize).max().unwrap_or(0);
        let by_length = vec![FreeSet::empty(rows); longest.min(LENGTH_MAX) + 1];
        StandRuns {
            words: vec![0; stand.rows.last().map_or(0, |row| row.words.end)],
            lengths: vec![0; stand.rows.len()],
            exact: by_length.clone(),
            at_least: by_length,
            free: 0,
        }
    }

    fn full(stand: &Stand) -> StandRuns {
        let mut runs = StandRuns::empty(stand);
        for (index, row) in stand.rows.iter().enumerate() {
            for seat in (0..row.plan.len()).filter(|seat| row.plan.kept(*seat).is_none()) {
                let slot = row.plan.slot(seat) as usize;
                runs.words[row.words.start + slot / 64] |= 1 << (slot % 64);
                runs.free += 1;
            }
            runs.measure(index, row);
        }
        runs
    }

    /// Takes in which runs a row has now.
    fn measure(&mut self, index: usize, row: &StandRow) {
        let mut lengths = 0u64;
        for (_, length) in runs_of(&self.words[row.words.clone()]) {
            lengths |= 1 << (length as usize).min(LENGTH_MAX);
        }
        let before = std::mem::replace(&mut self.lengths[index], lengths);
        let index = u32::try_from(index).expect("rows are bounded");
        let mut changed = before ^ lengths;
        while changed != 0 {
            let length = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            if lengths & 1 << length != 0 {
                self.exact[length].insert(index);
            } else {
                self.exact[length].remove(index);
            }
        }
        let (before, now) = (longest(before), longest(lengths));
        (now + 1..=before).for_each(|length| self.at_least[length].remove(index));
        (before + 1..=now).for_each(|length| self.at_least[length].insert(index));
    }

    /// How many seats are free.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.free
    }

    /// The bits of a row.
    #[must_use]
    pub fn row(&self, row: &StandRow) -> &[u64] {
        &self.words[row.words.clone()]
    }

    /// Rows with a run of so many free seats or more, best first.
    pub fn rows_with(&self, length: u32) -> impl Iterator<Item = usize> {
        self.at_least
            .get(length as usize)
            .into_iter()
            .flat_map(FreeSet::iter)
            .map(|row| row as usize)
    }

    /// Rows in which so many seats can be taken so that none is left on its own, best first: a run
    /// is taken whole, or two or more of it are left.
    pub fn rows_to_part(&self, length: u32) -> impl Iterator<Item = usize> {
        let exact = self.exact.get(length as usize);
        let longer = self.at_least.get(length as usize + 2);
        let either = exact.map(|exact| exact.union(longer));
        either.into_iter().flatten().map(|row| row as usize)
    }
}

fn longest(lengths: u64) -> usize {
    (63 - (lengths | 1).leading_zeros()) as usize
}

/// The runs of set bits of a row, as their first slot and length.
pub fn runs_of(words: &[u64]) -> impl Iterator<Item = (u32, u32)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let first = next(words, from, 0)?;
        let end = next(words, first + 1, u64::MAX).unwrap_or(words.len() * 64);
        from = end;
        let whole = |number: usize| u32::try_from(number).expect("a row is bounded");
        Some((whole(first), whole(end - first)))
    })
}

/// The next bit that differs from those of a word of equal bits, from a position on.
fn next(words: &[u64], from: usize, other: u64) -> Option<usize> {
    let mut index = from / 64;
    let mut word = (words.get(index)? ^ other) & (u64::MAX << (from % 64));
    while word == 0 {
        index += 1;
        word = words.get(index)? ^ other;
    }
    Some(index * 64 + word.trailing_zeros() as usize)
}
