//! What a world is like: its size, its network, its clocks, and how often what goes wrong in it.
//!
//! Each seed draws its own ranges first, and the events of the world from those. Were every world
//! drawn from the same ranges, all would be alike: a fault that needs a calm world, or one in which
//! something goes wrong all the time, would never be met.

use super::fault::{Fault, Step};
use super::net::{MILLI, Micros, pick};
use super::world::trouble::Trouble;
use crate::engine::Bounds;
use crate::sim::ledger::Shape;

/// What becomes of the request to end a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndFate {
    Prompt,
    AnswerLost,
    Late,
    Lost,
}

/// A fault that is planned: it strikes at this step, when it is met for the n-th time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) fault: Fault,
    pub(super) step: Step,
    pub(super) after: u32,
}

/// Steps that few worlds come to: they are planned for more often.
const RARE: &[Step] = &[
    Step::Assigned,
    Step::Positions,
    Step::Drain,
    Step::ReadPositions,
    Step::Rewind,
    Step::RetakeTerm,
    Step::Refuse,
    Step::Drained,
];

/// What a world is like. Frequencies are one in so many, 0 for never.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    pub(super) partitions: i32,
    pub(super) owners: usize,
    pub(super) watchers: usize,
    pub(super) shape: Shape,
    /// Longest delay of one way, ordinarily.
    pub(super) delay: Micros,
    /// Longest delay of one way, now and then.
    pub(super) slow_delay: Micros,
    pub(super) slow_one_in: u32,
    /// After how long without a sign of life a member is thrown out.
    pub(super) session: Micros,
    /// Records of one poll.
    pub(super) poll: usize,
    pub(super) unavailable_one_in: u32,
    pub(super) unknown_one_in: u32,
    pub(super) end_lost_one_in: u32,
    /// How often, over all steps, something happens to a process.
    pub(super) strike_one_in: u32,
    /// Furthest a worker's or a leader's clock is from true time, in ms.
    pub(super) skew: i64,
    pub(super) clock_step_every: Micros,
    pub(super) plans: Vec<Plan>,
    pub(super) trouble: Option<Trouble>,
    pub(super) giant: bool,
    /// No transaction comes to its end for now.
    pub(super) stalled: bool,
    /// What an owner takes on.
    pub(super) bounds: Bounds,
}

impl Weather {
    pub(super) fn draw(lot: &mut fastrand::Rng) -> Weather {
        let calm = lot.u32(0..8) == 0;
        let often = |lot: &mut fastrand::Rng, most: u32| {
            if calm || lot.bool() { 0 } else { 1 << lot.u32(4..=most) }
        };
        let plans = if calm { 0 } else { lot.usize(1..8) };
        let plan = |lot: &mut fastrand::Rng| {
            let steps = if lot.bool() { RARE } else { Step::ALL };
            Plan {
                fault: *pick(lot, Fault::ALL),
                step: *pick(lot, steps),
                after: if lot.bool() { 1 } else { 1 << lot.u32(1..6) },
            }
        };
        let delay = pick(lot, &[1, 2, 5, 15]) * MILLI;
        let giant = lot.u32(0..200) == 0;
        let end_lost_one_in = often(lot, 7);
        Weather {
            partitions: *pick(lot, &[1, 1, 1, 2, 3]),
            owners: *pick(lot, &[1, 2, 2, 3]),
            watchers: lot.usize(1..3),
            shape: if lot.bool() { Shape::Scylla } else { Shape::Cassandra },
            delay,
            slow_delay: delay * pick(lot, &[2, 10, 50]),
            slow_one_in: often(lot, 8),
            session: pick(lot, &[1_000, 1_000, 2_000, 6_000]) * MILLI,
            poll: *pick(lot, &[1, 5, 30, 200]),
            unavailable_one_in: often(lot, 7),
            unknown_one_in: often(lot, 7),
            end_lost_one_in,
            strike_one_in: often(lot, 13) * 8,
            skew: *pick(lot, &[0, 20, 400, 3_000, 40_000]),
            clock_step_every: pick(lot, &[0, 5_000, 20_000]) * MILLI,
            plans: (0..plans).map(|_| plan(lot)).collect(),
            trouble: (lot.u32(0..5) == 0).then(|| Trouble::draw(lot)),
            giant,
            stalled: false,
            bounds: draw_bounds(lot, giant),
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn clear_up(&mut self) {
        self.slow_one_in = 0;
        self.unavailable_one_in = 0;
        self.unknown_one_in = 0;
        self.end_lost_one_in = 0;
        self.stalled = false;
        self.strike_one_in = 0;
        self.skew = 0;
        self.clock_step_every = 0;
        self.plans.clear();
    }
}

/// Bytes that a giant's event may owe: some 300 of its refusals, so that an outbox fills within a
/// world.
const GIANT_OUTBOX: usize = 3 * 1024 * 1024;

fn draw_bounds(lot: &mut fastrand::Rng, giant: bool) -> Bounds {
    let full = Bounds::default();
    let mut small = |least: usize, most: usize, full: usize| {
        if lot.u32(0..3) == 0 { lot.usize(least..most) } else { full }
    };
    Bounds {
        partition_records: small(4, 60, full.partition_records),
        publication_entries: small(1, 40, full.publication_entries),
        batch_rows: small(1, 20, full.batch_rows),
        events: small(0, 3, full.events),
        outbox_bytes: if giant { GIANT_OUTBOX } else { full.outbox_bytes },
    }
}
