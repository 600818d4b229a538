//! A set of small numbers that finds its lowest members without looking at the others.
//!
//! Two levels of bits: a word per 64 numbers, and a summary bit per word. The lowest member of a
//! section with 90,000 places is found by looking at some twenty words at worst, however full it
//! is.

/// Numbers below a fixed size, each in or out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreeSet {
    words: Vec<u64>,
    summary: Vec<u64>,
    count: u32,
}

impl FreeSet {
    /// None of the numbers below `size`.
    #[must_use]
    pub fn empty(size: u32) -> FreeSet {
        let words = (size as usize).div_ceil(64);
        FreeSet { words: vec![0; words], summary: vec![0; words.div_ceil(64)], count: 0 }
    }

    /// All numbers below `size`.
    #[must_use]
    pub fn full(size: u32) -> FreeSet {
        (0..size).fold(FreeSet::empty(size), |mut set, number| {
            set.insert(number);
            set
        })
    }

    /// How many numbers are in.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Puts a number in that is out.
    pub fn insert(&mut self, number: u32) {
        let (word, bit) = (number as usize / 64, 1u64 << (number % 64));
        assert!(self.words[word] & bit == 0, "the number was in already");
        self.words[word] |= bit;
        self.summary[word / 64] |= 1 << (word % 64);
        self.count += 1;
    }

    /// Takes a number out that is in.
    pub fn remove(&mut self, number: u32) {
        let (word, bit) = (number as usize / 64, 1u64 << (number % 64));
        assert!(self.words[word] & bit != 0, "the number was out already");
        self.words[word] &= !bit;
        if self.words[word] == 0 {
            self.summary[word / 64] &= !(1 << (word % 64));
        }
        self.count -= 1;
    }

    /// Puts a number in or takes it out, whichever side it was on.
    pub fn put(&mut self, number: u32, is_in: bool) {
        let (word, bit) = (number as usize / 64, 1u64 << (number % 64));
        if (self.words[word] & bit != 0) != is_in {
            if is_in { self.insert(number) } else { self.remove(number) }
        }
    }

    /// The members in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.union(None)
    }

    /// The members of this set, and of another of the same size, in rising order.
    pub fn union<'a>(&'a self, other: Option<&'a FreeSet>) -> impl Iterator<Item = u32> + 'a {
        let summary =
            move |block: usize| self.summary[block] | other.map_or(0, |other| other.summary[block]);
        let members =
            move |word: usize| self.words[word] | other.map_or(0, |other| other.words[word]);
        (0..self.summary.len()).flat_map(move |block| {
            bits(summary(block)).flat_map(move |word| {
                let word = block * 64 + word as usize;
                #[allow(clippy::cast_possible_truncation, reason = "numbers are below 2^32")]
                let base = word as u32 * 64;
                bits(members(word)).map(move |bit| base + bit)
            })
        })
    }
}

/// The positions of the set bits of words, rising.
pub(super) fn members(words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    let of_word = |(index, word)| bits(word).map(move |bit| index * 64 + bit as usize);
    words.enumerate().flat_map(of_word)
}

/// The positions of the set bits of a word, rising.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros();
            word &= word - 1;
            bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_set() {
        let mut plain: std::collections::BTreeSet<u32> = (0..10_000).collect();
        let mut set = FreeSet::full(10_000);
        let mut number = 7u32;
        for _ in 0..30_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let member = number % 10_000;
            if plain.remove(&member) {
                set.remove(member);
            } else {
                plain.insert(member);
                set.insert(member);
            }
        }
        assert_eq!(set.count() as usize, plain.len());
        assert!(set.iter().eq(plain.iter().copied()));
    }
}
