//! Which seats next to each other are free, kept so that a block of any size is found at once.
//!
//! Each row is a row of bits, one a slot: set for a seat that is free, and not kept for those
//! who need it. For each length it is known which stands, and which rows of each, have a run of
//! free seats of exactly that length, and which have one as long or longer. A change of one
//! seat looks at its row alone; whoever looks for a block looks at rows that have one.

use super::free_set::{FreeSet, bits, members};
use super::layout::{Layout, RowPlan, Spot, Stand, StandRow};
use super::limits::SEATS_PER_REQUEST_MAX;

/// Runs of this length and longer are not told apart: so many seats that the largest block can be
/// taken out and leave no seat on its own.
const LENGTH_MAX: usize = SEATS_PER_REQUEST_MAX + 2;

const _: () = assert!(LENGTH_MAX < 64, "a row's lengths are the bits of a word");

/// Free seats of all stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    stands: Vec<StandRuns>,
    /// For each length, the stands with such a run.
    exact: Vec<FreeSet>,
    /// For each length, the stands with a run as long or longer.
    at_least: Vec<FreeSet>,
}

/// Free seats of one stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandRuns {
    words: Vec<u64>,
    /// For each row, the lengths of its runs as bits.
    lengths: Vec<u64>,
    /// For each row, how far its nearest free seat is from the middle, in half seats: a glance
    /// tells that a row has no better block than another.
    off_centre: Vec<u16>,
    /// Rows with a run of some length.
    exact: RowSets,
    /// Rows with a run of some length or longer.
    at_least: RowSets,
    free: u32,
}

/// Sets of rows, one for each length.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RowSets {
    /// Words of one set.
    width: usize,
    words: Vec<u64>,
    counts: Vec<u32>,
}

impl RowSets {
    fn empty(rows: usize, lengths: usize) -> RowSets {
        let width = rows.div_ceil(64);
        RowSets { width, words: vec![0; width * lengths], counts: vec![0; lengths] }
    }

    /// Puts a row in or takes it out. Says whether the set has members now.
    fn set(&mut self, length: usize, row: usize, is_in: bool) -> bool {
        let word = &mut self.words[length * self.width + row / 64];
        *word ^= 1 << (row % 64);
        assert!((*word & 1 << (row % 64) != 0) == is_in, "a row changes sides");
        if is_in {
            self.counts[length] += 1;
        } else {
            self.counts[length] -= 1;
        }
        self.counts[length] > 0
    }

    /// The words of a set, none beyond the longest row.
    fn of(&self, length: usize) -> &[u64] {
        self.words.get(length * self.width..(length + 1) * self.width).unwrap_or_default()
    }
}

impl Runs {
    /// All seats of a venue are free, but those that are kept.
    #[must_use]
    pub fn full(layout: &Layout) -> Runs {
        let mut runs = Runs::empty(layout);
        for (index, stand) in layout.stands().iter().enumerate() {
            for (row_index, row) in stand.rows.iter().enumerate() {
                let own = &mut runs.stands[index];
                for seat in (0..row.plan.len()).filter(|seat| row.plan.kept(*seat).is_none()) {
                    let slot = row.plan.slot(seat) as usize;
                    own.words[row.words.start + slot / 64] |= 1 << (slot % 64);
                    own.free += 1;
                }
                runs.measure(index, row_index, row);
            }
        }
        runs
    }

    /// No seat of a venue is free.
    #[must_use]
    pub fn empty(layout: &Layout) -> Runs {
        let stands = u32::try_from(layout.stands().len()).expect("stands are bounded");
        let by_length = vec![FreeSet::empty(stands); LENGTH_MAX + 1];
        Runs {
            stands: layout.stands().iter().map(StandRuns::empty).collect(),
            exact: by_length.clone(),
            at_least: by_length,
        }
    }

    /// The runs of one stand.
    #[must_use]
    pub fn stand(&self, stand: usize) -> &StandRuns {
        &self.stands[stand]
    }

    /// A seat is free now.
    pub fn insert(&mut self, layout: &Layout, spot: Spot) {
        self.toggle(layout, spot, true);
    }

    /// A seat is free no more.
    pub fn remove(&mut self, layout: &Layout, spot: Spot) {
        self.toggle(layout, spot, false);
    }

    fn toggle(&mut self, layout: &Layout, spot: Spot, free: bool) {
        let row = &layout.stands()[spot.stand].rows[spot.row];
        if row.plan.kept(spot.seat).is_some() {
            return;
        }
        let slot = row.plan.slot(spot.seat);
        let stand = &mut self.stands[spot.stand];
        let word = &mut stand.words[row.words.start + slot as usize / 64];
        *word ^= 1 << (slot % 64);
        assert!((*word & 1 << (slot % 64) != 0) == free, "a seat changes sides");
        stand.free = if free { stand.free + 1 } else { stand.free - 1 };
        self.measure(spot.stand, spot.row, row);
    }

    /// Takes in which runs a row has now.
    fn measure(&mut self, stand_index: usize, row_index: usize, row: &StandRow) {
        let stand = &mut self.stands[stand_index];
        let words = &stand.words[row.words.clone()];
        let lengths = lengths_of(words);
        stand.off_centre[row_index] = off_centre(words, &row.plan);
        let before = std::mem::replace(&mut stand.lengths[row_index], lengths);
        let stand_number = u32::try_from(stand_index).expect("stands are bounded");
        for length in bits(before ^ lengths) {
            let length = length as usize;
            let any = stand.exact.set(length, row_index, lengths & 1 << length != 0);
            self.exact[length].put(stand_number, any);
        }
        let (before, now) = (longest(before), longest(lengths));
        for length in before.min(now) + 1..=before.max(now) {
            let any = stand.at_least.set(length, row_index, now > before);
            self.at_least[length].put(stand_number, any);
        }
    }

    /// The longest run of all stands, or the bound beyond which lengths are not told apart.
    #[must_use]
    pub fn longest(&self) -> u32 {
        let longest = self.at_least.iter().rposition(|stands| stands.count() > 0);
        u32::try_from(longest.unwrap_or(0)).expect("a length is bounded")
    }

    /// Stands with a run of so many free seats or more.
    pub fn stands_with(&self, length: u32) -> impl Iterator<Item = usize> {
        self.at_least[length as usize].iter().map(|stand| stand as usize)
    }

    /// Stands in which so many seats can be taken so that none is left on its own.
    pub fn stands_to_part(&self, length: u32) -> impl Iterator<Item = usize> {
        let (exact, longer) =
            (&self.exact[length as usize], self.at_least.get(length as usize + 2));
        exact.union(longer).map(|stand| stand as usize)
    }
}

impl StandRuns {
    fn empty(stand: &Stand) -> StandRuns {
        let rows = stand.rows.len();
        let longest = stand.rows.iter().map(|row| row.plan.slots() as usize).max().unwrap_or(0);
        let by_length = RowSets::empty(rows, longest.min(LENGTH_MAX) + 1);
        StandRuns {
            words: vec![0; stand.rows.last().map_or(0, |row| row.words.end)],
            lengths: vec![0; rows],
            off_centre: vec![u16::MAX; rows],
            exact: by_length.clone(),
            at_least: by_length,
            free: 0,
        }
    }

    /// How many seats are free.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.free
    }

    /// How far so many seats of a row are from its middle at least, in half seats, together.
    #[must_use]
    pub fn off_centre(&self, row: usize, count: u32) -> i64 {
        let (nearest, count) = (i64::from(self.off_centre[row]), i64::from(count));
        // Only a block over the middle has seats on both sides of it. Of others, each seat is
        // further off than the one before.
        if nearest > 1 { count * nearest + count * (count - 1) } else { 0 }
    }

    /// The bits of a row.
    #[must_use]
    pub fn row(&self, row: &StandRow) -> &[u64] {
        &self.words[row.words.clone()]
    }

    /// Rows with a run of so many free seats or more, best first: of all, or of some.
    pub fn rows_with<'a>(
        &'a self,
        length: u32,
        of: Option<&'a [u64]>,
    ) -> impl Iterator<Item = usize> + 'a {
        rows_of(self.at_least.of(length as usize), &[], of)
    }

    /// Rows in which so many seats can be taken so that none is left on its own, best first: a run
    /// is taken whole, or two or more of it are left.
    pub fn rows_to_part<'a>(
        &'a self,
        length: u32,
        of: Option<&'a [u64]>,
    ) -> impl Iterator<Item = usize> + 'a {
        rows_of(self.exact.of(length as usize), self.at_least.of(length as usize + 2), of)
    }
}

/// The members of either of two sets that are in a third, if there is one.
fn rows_of<'a>(
    one: &'a [u64],
    other: &'a [u64],
    of: Option<&'a [u64]>,
) -> impl Iterator<Item = usize> + 'a {
    members(one.iter().enumerate().map(move |(index, word)| {
        let either = word | other.get(index).copied().unwrap_or(0);
        either & of.map_or(u64::MAX, |of| of[index])
    }))
}

/// The lengths of the runs of a row as bits.
fn lengths_of(words: &[u64]) -> u64 {
    let bit = |length: u32| 1 << (length as usize).min(LENGTH_MAX);
    // Nearly all rows are of one word.
    let &[mut word] = words else {
        return runs_from(words, 0).fold(0, |lengths, (_, length)| lengths | bit(length));
    };
    let mut lengths = 0;
    while word != 0 {
        word >>= word.trailing_zeros();
        let length = word.trailing_ones();
        lengths |= bit(length);
        word = word.checked_shr(length).unwrap_or(0);
    }
    lengths
}

/// How far the nearest free seat of a row is from its middle; the bound where it is further, or
/// none is free.
fn off_centre(words: &[u64], plan: &RowPlan) -> u16 {
    let middle = plan.slot(plan.len() / 2) as usize;
    let after = next(words, middle, 0);
    let before = previous(words, middle, 0);
    let nearest = before.into_iter().chain(after).map(|slot| {
        let slot = u32::try_from(slot).expect("a row is bounded");
        plan.off_centre(plan.seat_at(slot), 1)
    });
    nearest.min().and_then(|nearest| u16::try_from(nearest).ok()).unwrap_or(u16::MAX)
}

fn longest(lengths: u64) -> usize {
    (63 - (lengths | 1).leading_zeros()) as usize
}

/// The runs of set bits of a row, as their first slot and length: that with a slot in it or right
/// before it, and those beyond.
pub fn runs_from(words: &[u64], slot: u32) -> impl Iterator<Item = (u32, u32)> {
    let mut from = previous(words, slot as usize, u64::MAX).map_or(0, |unset| unset + 1);
    std::iter::from_fn(move || {
        let first = next(words, from, 0)?;
        let end = next(words, first + 1, u64::MAX).unwrap_or(words.len() * 64);
        from = end;
        let whole = |number: usize| u32::try_from(number).expect("a row is bounded");
        Some((whole(first), whole(end - first)))
    })
}

/// The last bit before a position that differs from those of a word of equal bits.
fn previous(words: &[u64], before: usize, other: u64) -> Option<usize> {
    let mut index = before / 64;
    let mut word = (words[index] ^ other) & !(u64::MAX << (before % 64));
    while word == 0 {
        index = index.checked_sub(1)?;
        word = words[index] ^ other;
    }
    Some(index * 64 + 63 - word.leading_zeros() as usize)
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
