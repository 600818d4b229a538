//! One of the crowd: what they want, and how they go about it.
//!
//! Everything about a buyer comes from the seed and their number, not from what happens around
//! them: so the same people come to every driver, whatever it makes of them.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;

use super::pick::Taste;
use crate::demo::venue::SEATS_PER_BUYER;
use crate::domain::ids::{BuyerId, HoldId, RequestId};
use crate::domain::time::At;

/// How a buyer means to end once they hold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Temper {
    /// Thinks a while and pays.
    Pays,
    /// Goes away; the hold ends by itself.
    Abandons,
    /// Pays when the hold is over, is refused, and tries again.
    Dawdles,
    /// Gives the hold back and goes.
    Releases,
    /// Gives the hold back and looks for something better.
    ChangesMind,
    /// Pays, and cancels it all.
    Cancels,
    /// Pays, and cancels a part.
    CancelsPart,
    /// Asks for more than one may ask for, then for less.
    Greedy,
    /// Pays, and asks for more than one may have.
    Hoards,
}

impl Temper {
    /// All of them, with how many in a hundred are like that.
    pub const SHARES: [(Temper, u32); 9] = [
        (Temper::Pays, 62),
        (Temper::Abandons, 12),
        (Temper::Dawdles, 4),
        (Temper::Releases, 5),
        (Temper::ChangesMind, 4),
        (Temper::Cancels, 5),
        (Temper::CancelsPart, 4),
        (Temper::Greedy, 2),
        (Temper::Hoards, 2),
    ];
}

/// How many in a hundred want so many places.
const PARTIES: [(u32, u32); 8] =
    [(1, 14), (2, 50), (3, 10), (4, 14), (5, 4), (6, 4), (7, 1), (8, 3)];
/// How many in a hundred like which kind of place.
const TASTES: [(Taste, u32); 3] = [(Taste::Best, 12), (Taste::Front, 56), (Taste::Anywhere, 32)];

/// One of the crowd.
#[derive(Clone, Debug)]
pub(super) struct Buyer {
    /// Where all their chance comes from.
    pub(super) rng: Rng,
    pub(super) temper: Temper,
    /// Places they want.
    pub(super) wants: u32,
    pub(super) liked: usize,
    pub(super) taste: Taste,
    /// Claims they still have the heart for.
    pub(super) tries: u32,
    /// Times they look again at a full house before they give up.
    pub(super) looks: u32,
    /// Sends one of their requests twice.
    pub(super) stutters: bool,
    /// Asks first for a place that never was, or one that is gone.
    pub(super) fancy: Option<Fancy>,
    /// Places held and booked. Outcomes are read in any order, so it may be below zero for a
    /// while.
    pub(super) has: i64,
    /// The hold they go by.
    pub(super) hold: Option<HoldId>,
    /// Came back for what is left.
    pub(super) returned: bool,
}

/// What somebody asks for who does not look at the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fancy {
    /// A place that never was.
    Nowhere,
    /// A place that is gone.
    Gone,
}

impl Buyer {
    /// The buyer of this number in the crowd of this seed.
    pub(super) fn new(seed: u64, index: u32, sections: usize) -> Buyer {
        // The generator's first numbers are alike where its seeds are; forking parts them.
        let mut rng = Rng::with_seed(seed ^ (u64::from(index) << 32 | u64::from(index))).fork();
        let temper = choose(&mut rng, &Temper::SHARES);
        let mut wants = choose(&mut rng, &PARTIES);
        match temper {
            Temper::CancelsPart => wants = wants.max(2),
            Temper::Greedy => wants = SEATS_PER_BUYER + 2,
            Temper::Pays
            | Temper::Abandons
            | Temper::Dawdles
            | Temper::Releases
            | Temper::ChangesMind
            | Temper::Cancels
            | Temper::Hoards => {}
        }
        let fancy = match rng.u32(0..100) {
            0..2 => Some(Fancy::Nowhere),
            2..5 => Some(Fancy::Gone),
            _ => None,
        };
        Buyer {
            temper,
            wants,
            liked: rng.usize(0..sections),
            taste: choose(&mut rng, &TASTES),
            tries: rng.u32(2..=4),
            looks: if rng.bool() { rng.u32(2..=5) } else { 0 },
            stutters: rng.u32(0..20) == 0,
            fancy,
            has: 0,
            hold: None,
            returned: false,
            rng,
        }
    }

    /// A number of places they may still ask for without being refused for it.
    pub(super) fn may_add(&self) -> u32 {
        let has = u32::try_from(self.has.max(0)).unwrap_or(u32::MAX);
        SEATS_PER_BUYER.saturating_sub(has)
    }

    /// The id of their next request, made now: version 7, its chance from the buyer's own.
    pub(super) fn next_id(&mut self, at: At) -> RequestId {
        let millis = u64::try_from(at.0).unwrap_or(0);
        let chance: [u8; 10] = std::array::from_fn(|_| self.rng.u8(..));
        RequestId(uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid())
    }

    /// A length between two, in thousandths of `whole`.
    pub(super) fn some_of(&mut self, whole: Duration, thousandths: Range<u32>) -> Duration {
        whole * self.rng.u32(thousandths) / 1_000
    }
}

/// What a buyer is called.
pub(super) fn name(index: u32) -> BuyerId {
    BuyerId::new(&format!("buyer-{index}")).expect("a name")
}

/// The number of a buyer called so.
pub(super) fn index(name: &BuyerId) -> Option<u32> {
    name.as_str().strip_prefix("buyer-")?.parse().ok()
}

fn choose<T: Copy>(rng: &mut Rng, shares: &[(T, u32)]) -> T {
    let mut left = rng.u32(0..shares.iter().map(|(_, share)| share).sum());
    for &(one, share) in shares {
        if left < share {
            return one;
        }
        left -= share;
    }
    unreachable!("the draw is below the sum of the shares")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_buyer_is_the_same_in_every_run_and_unlike_the_next() {
        let ids = |seed, index| {
            let mut buyer = Buyer::new(seed, index, 14);
            [buyer.next_id(At(1_000)), buyer.next_id(At(2_000))]
        };
        assert_eq!(ids(7, 3), ids(7, 3));
        let many: BTreeSet<RequestId> = (0..1_000).flat_map(|index| ids(7, index)).collect();
        assert_eq!(many.len(), 2_000);
        assert!(ids(7, 3)[0] != ids(8, 3)[0]);
        assert_eq!(ids(7, 3)[1].made_at(), Some(At(2_000)));
    }

    #[test]
    fn all_kinds_of_people_come() {
        let tempers: BTreeSet<Temper> =
            (0..1_000).map(|index| Buyer::new(1, index, 14).temper).collect();
        assert_eq!(tempers.len(), Temper::SHARES.len());
        assert_eq!(Temper::SHARES.iter().map(|(_, share)| share).sum::<u32>(), 100);
        assert_eq!(PARTIES.iter().map(|(_, share)| share).sum::<u32>(), 100);
    }

    #[test]
    fn a_name_tells_the_number() {
        assert_eq!(index(&name(41)), Some(41));
    }
}
