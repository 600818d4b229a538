//! A map of which there are very many, nearly all with one entry.
//!
//! Most buyers have one hold in one tier. A tree would take a node of some hundred bytes for each,
//! and an allocation on every claim; a sorted vector would make those few with very many holds
//! slow. So one entry lies in the map itself, and more lie in a tree.

use std::collections::BTreeMap;
use std::mem;

/// A map in the order of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<K, V>(Entries<K, V>);

/// A tree has two entries at least, so that equal maps are equal in form.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entries<K, V> {
    None,
    One(K, V),
    #[allow(clippy::box_collection, reason = "the rare form must not make the others larger")]
    Many(Box<BTreeMap<K, V>>),
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Few<K, V> {
        Few(Entries::None)
    }
}

impl<K: Ord, V> Few<K, V> {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Entries::None => 0,
            Entries::One(..) => 1,
            Entries::Many(entries) => entries.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        match &self.0 {
            Entries::One(one, value) if one == key => Some(value),
            Entries::None | Entries::One(..) => None,
            Entries::Many(entries) => entries.get(key),
        }
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.0 {
            Entries::One(one, value) if one == key => Some(value),
            Entries::None | Entries::One(..) => None,
            Entries::Many(entries) => entries.get_mut(key),
        }
    }

    /// The value of a key, to be changed; put in first where the key has none.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        K: Copy,
        V: Default,
    {
        if self.get(&key).is_none() {
            self.insert(key, V::default());
        }
        self.get_mut(&key).expect("just put in")
    }

    /// Puts a value in, or in the place of the one the key has.
    pub fn insert(&mut self, key: K, value: V) {
        self.0 = match mem::replace(&mut self.0, Entries::None) {
            Entries::None => Entries::One(key, value),
            Entries::One(one, _) if one == key => Entries::One(key, value),
            Entries::One(one, other) => {
                Entries::Many(Box::new(BTreeMap::from([(one, other), (key, value)])))
            }
            Entries::Many(mut entries) => {
                entries.insert(key, value);
                Entries::Many(entries)
            }
        };
    }

    /// Takes a key out, if it is in.
    pub fn remove(&mut self, key: &K) {
        if self.get(key).is_none() {
            return;
        }
        self.0 = match mem::replace(&mut self.0, Entries::None) {
            Entries::None | Entries::One(..) => Entries::None,
            Entries::Many(mut entries) => {
                entries.remove(key);
                match entries.len() {
                    1 => entries
                        .pop_first()
                        .map_or(Entries::None, |(key, value)| Entries::One(key, value)),
                    _ => Entries::Many(entries),
                }
            }
        };
    }

    /// The entries by rising key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, many) = match &self.0 {
            Entries::None => (None, None),
            Entries::One(key, value) => (Some((key, value)), None),
            Entries::Many(entries) => (None, Some(entries.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The keys, rising.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_tree() {
        let (mut few, mut tree) = (Few::default(), BTreeMap::new());
        let mut number = 7u32;
        for _ in 0..20_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (key, value) = (number >> 30, number);
            if number >> 16 & 1 == 0 {
                few.insert(key, value);
                tree.insert(key, value);
            } else {
                few.remove(&key);
                tree.remove(&key);
            }
            assert_eq!(few.get(&key).copied(), tree.get(&key).copied());
            if number >> 17 & 3 == 0 {
                *few.or_default(key) += 1;
                *tree.entry(key).or_default() += 1;
            }
            assert_eq!(few.get_mut(&0).copied(), tree.get(&0).copied());
            assert_eq!((few.len(), few.is_empty()), (tree.len(), tree.is_empty()));
            assert!(few.iter().eq(&tree) && few.keys().eq(tree.keys()));
        }
    }

    #[test]
    fn what_shrank_equals_what_never_grew() {
        let mut few = Few::default();
        (1..=3).for_each(|key| few.insert(key, ()));
        few.remove(&1);
        few.remove(&3);
        let mut one = Few::default();
        one.insert(2, ());
        assert_eq!(few, one);
    }
}
