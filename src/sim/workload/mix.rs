//! The mix of one seed: how much there is of everything, and of what there is nothing.

use fastrand::Rng;

use crate::sim::coverage::point::Kind;

/// So many in a thousand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate(u32);

impl Rate {
    /// Absent in some seeds, usual in most, and much more in the rest.
    fn draw(rng: &mut Rng, usual: u32) -> Rate {
        Rate(match rng.u32(..8) {
            0 => 0,
            1..5 => usual,
            5..7 => 2 * usual,
            _ => 5 * usual,
        })
    }

    pub(super) fn hit(self, rng: &mut Rng) -> bool {
        rng.u32(..1_000) < self.0
    }
}

/// What is wrong with a record beside what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoil {
    /// The id was made too long ago.
    IdOld,
    /// The id will be made too late.
    IdNew,
    /// The id is at the edge of the window.
    IdEdge,
    /// The id is no version 7 UUID.
    IdNotSeven,
    /// It lies in another partition than its key's.
    WrongPartition,
    /// The key is another event's.
    OtherKey,
    /// The key is null.
    NoKey,
    /// The key is no event id.
    BadKey,
    /// Some of the value is missing, or too much of it there.
    Cut,
    /// A byte of it is another.
    Flipped,
    /// Nobody knows the schema.
    Unknown,
    /// The value is null.
    NoValue,
    /// The value is larger than a request may be.
    Oversized,
    /// There is no signature where one is needed.
    Unsigned,
    /// There is one of no worth.
    BadlySigned,
}

/// How often each thing is wrong, among all that is.
const SPOILS: &[(Spoil, u32)] = &[
    (Spoil::IdOld, 3),
    (Spoil::IdNew, 2),
    (Spoil::IdEdge, 2),
    (Spoil::IdNotSeven, 1),
    (Spoil::WrongPartition, 2),
    (Spoil::OtherKey, 2),
    (Spoil::NoKey, 1),
    (Spoil::BadKey, 1),
    (Spoil::Cut, 2),
    (Spoil::Flipped, 2),
    (Spoil::Unknown, 1),
    (Spoil::NoValue, 1),
    (Spoil::Unsigned, 4),
    (Spoil::BadlySigned, 4),
];

/// How often each kind is asked.
const KINDS: &[(Kind, u32)] = &[
    (Kind::Claim, 160),
    (Kind::Confirm, 50),
    (Kind::Extend, 26),
    (Kind::Release, 24),
    (Kind::Cancel, 45),
    (Kind::Exchange, 45),
    (Kind::Expire, 12),
    (Kind::Block, 14),
    (Kind::Unblock, 14),
    (Kind::Open, 5),
    (Kind::Pause, 4),
    (Kind::Close, 4),
    (Kind::CallOff, 3),
    (Kind::Define, 3),
    (Kind::Amend, 8),
];

/// How often each kind is asked of a giant: whatever would break its rows up is left out, since a
/// refusal lists only what is taken.
const GIANT: &[(Kind, u32)] = &[
    (Kind::Claim, 300),
    (Kind::Confirm, 3),
    (Kind::Extend, 5),
    (Kind::Release, 3),
    (Kind::Expire, 3),
];

/// A seed's mix.
#[derive(Debug)]
pub(super) struct Mix {
    kinds: Vec<(Kind, u32)>,
    spoils: Vec<(Spoil, u32)>,
    spoiled: Rate,
    /// One oversized record in this seed, once this many draws are over.
    oversized: Option<u32>,
    /// The same record once more.
    pub(super) again: Rate,
    /// Another body under an id that was used.
    pub(super) other_body: Rate,
    /// The next record at the moment a hold lapses.
    pub(super) aim: Rate,
    /// By somebody who is not the holder.
    pub(super) stranger: Rate,
    /// By an edition that is not the event's.
    pub(super) wrong_edition: Rate,
    /// A wish that does not fit the event, or makes no sense.
    pub(super) odd: Rate,
    /// By staff.
    pub(super) staff: Rate,
    /// With the price expected.
    pub(super) priced: Rate,
    /// For more than there may be.
    pub(super) greedy: Rate,
    /// For places that somebody has, or everybody wants.
    pub(super) contended: Rate,
    /// By a reference that was used.
    pub(super) paid_before: Rate,
    /// Into a block.
    pub(super) into_block: Rate,
}

impl Mix {
    /// A giant's mix is not drawn: it wants its fifty places, over and over.
    pub(super) fn draw(rng: &mut Rng, giant: bool) -> Mix {
        let kinds = if giant { GIANT.to_vec() } else { swarm(rng, KINDS, Kind::Claim) };
        let spoils = swarm(rng, SPOILS, Spoil::Cut);
        let oversized = (rng.u32(..10) == 0).then(|| rng.u32(1..800));
        let mut rate = |usual| if giant { Rate(usual) } else { Rate::draw(rng, usual) };
        Mix {
            kinds,
            spoils,
            oversized,
            spoiled: rate(50),
            again: rate(40),
            other_body: rate(8),
            aim: if giant { Rate(0) } else { rate(20) },
            stranger: rate(80),
            wrong_edition: rate(150),
            odd: rate(60),
            staff: rate(60),
            priced: rate(150),
            greedy: rate(60),
            contended: rate(180),
            paid_before: rate(90),
            into_block: rate(120),
        }
    }

    pub(super) fn kind(&self, rng: &mut Rng) -> Kind {
        pick(rng, &self.kinds)
    }

    /// What is wrong with the next record, if anything is.
    pub(super) fn spoil(&mut self, rng: &mut Rng) -> Option<Spoil> {
        if let Some(left) = &mut self.oversized {
            *left -= 1;
            if *left == 0 {
                self.oversized = None;
                return Some(Spoil::Oversized);
            }
        }
        self.spoiled.hit(rng).then(|| pick(rng, &self.spoils))
    }
}

/// Switches some off and others up; one stays as it is, so that there is always something.
fn swarm<T: Copy + PartialEq>(rng: &mut Rng, usual: &[(T, u32)], kept: T) -> Vec<(T, u32)> {
    let factor = |rng: &mut Rng| match rng.u32(..8) {
        0 => 0,
        1..6 => 1,
        _ => 4,
    };
    usual
        .iter()
        .map(|&(item, weight)| (item, if item == kept { weight } else { weight * factor(rng) }))
        .collect()
}

fn pick<T: Copy>(rng: &mut Rng, weights: &[(T, u32)]) -> T {
    let all: u32 = weights.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.u32(..all);
    for &(item, weight) in weights {
        if left < weight {
            return item;
        }
        left -= weight;
    }
    unreachable!("the draw is below the sum")
}
