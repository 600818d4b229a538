//! A random sale: claims, extensions, outages, requests lost on the way or on the log, wrong
//! clocks, restarts of the worker.
//!
//! The owner here is a few lines that keep to the letter of section 4 and nothing more. Whatever
//! happens, nothing is asked before its time, little piles up, and every hold ends.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::domain::limits::LAPSED_ROWS_MAX;

const EVENTS: usize = 3;
const STEP: Millis = Millis(10);
/// Steps with faults and claims, and steps after them in which every hold is to end.
const STEPS: usize = 6_000;
const QUIET_STEPS: usize = 12_000;

/// Knuth's, of the MMIX.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: u64) -> u64 {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        const STEP: u64 = 1_442_695_040_888_963_407;
        self.0 = self.0.wrapping_mul(FACTOR).wrapping_add(STEP);
        (self.0 >> 33) % bound
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

#[derive(Default)]
struct Sale {
    /// Rows by deadline.
    held: BTreeMap<At, usize>,
    sequence: i64,
    at: At,
    shown: Option<Inventory>,
    /// Expire requests that lie on the log unanswered.
    waiting: u32,
}

struct World {
    seed: u64,
    chance: Lcg,
    expiry: Expiry,
    now: At,
    /// The broker's clock minus ours.
    skew: Millis,
    owner_away_until: At,
    sales: Vec<Sale>,
    /// Event and append time, from offset `begin` on.
    log: VecDeque<(usize, At)>,
    begin: i64,
    /// Reports on their way to the worker.
    reports: VecDeque<(usize, Option<i64>)>,
    restarts: u32,
    /// Requests that reached the log, and the largest round.
    sent: u32,
    largest: u32,
}

impl World {
    fn new(seed: u64) -> World {
        let mut chance = Lcg(seed);
        let skew = Millis(i64::try_from(chance.below(4_000)).unwrap() - 2_000);
        World {
            seed,
            chance,
            expiry: Expiry::new(),
            now: At(1_000_000),
            skew,
            owner_away_until: At(0),
            sales: (0..EVENTS).map(|_| Sale::default()).collect(),
            log: VecDeque::new(),
            begin: 0,
            reports: VecDeque::new(),
            restarts: 0,
            sent: 0,
            largest: 0,
        }
    }

    fn step(&mut self, with_faults: bool) {
        self.now = self.now.plus(STEP);
        if with_faults {
            self.disturb();
        }
        while let Some((event, offset)) = self.reports.pop_front_if(|_| !self.chance.one_in(3)) {
            match offset {
                Some(offset) => self.expiry.on_sent(&name(event), offset),
                None => self.expiry.on_failed(&name(event)),
            }
        }
        if self.now >= self.owner_away_until {
            self.answer();
        }
        self.send(with_faults);
    }

    fn disturb(&mut self) {
        if self.chance.one_in(1_500) {
            let length = i64::try_from(self.chance.below(8_000)).unwrap();
            self.owner_away_until = self.now.plus(Millis(length));
        }
        if self.chance.one_in(4_000) {
            // An operator moves the partition past what lies there.
            self.begin += i64::try_from(self.log.len()).unwrap();
            self.log.clear();
            self.sales.iter_mut().for_each(|sale| sale.waiting = 0);
        }
        if self.chance.one_in(2_000) {
            self.restarts += 1;
            self.expiry = Expiry::new();
            self.reports.clear();
            for sale in &self.sales {
                if let Some(inventory) = &sale.shown {
                    self.expiry.on_inventory(inventory, self.now);
                }
            }
        }
        if self.now < self.owner_away_until || !self.chance.one_in(30) {
            return;
        }
        let event = usize::try_from(self.chance.below(EVENTS as u64)).unwrap();
        let at = self.now.plus(self.skew);
        self.lapse(event, at);
        let hold_time = Millis(1_000 + 100 * i64::try_from(self.chance.below(30)).unwrap());
        let sale = &mut self.sales[event];
        if self.chance.one_in(4)
            && let Some((_, rows)) = sale.held.pop_first()
        {
            *sale.held.entry(at.plus(hold_time)).or_default() += rows;
        }
        let rows = if self.chance.one_in(40) { 4_000 } else { 1 };
        *sale.held.entry(at.plus(hold_time)).or_default() += rows;
        sale.sequence += 1;
        self.show(event, at);
    }

    /// The owner takes what lies on the log, a few requests in a step.
    fn answer(&mut self) {
        for _ in 0..self.chance.below(4) {
            let Some((event, appended)) = self.log.pop_front() else { return };
            self.begin += 1;
            self.sales[event].waiting -= 1;
            self.lapse(event, appended);
            self.show(event, appended);
        }
    }

    fn lapse(&mut self, event: usize, at: At) {
        let sale = &mut self.sales[event];
        let at = at.max(sale.at);
        let mut budget = LAPSED_ROWS_MAX;
        while let Some(mut entry) = sale.held.first_entry()
            && entry.key().plus(GRACE) <= at
            && budget > 0
        {
            let ended = (*entry.get()).min(budget);
            budget -= ended;
            *entry.get_mut() -= ended;
            sale.sequence += 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    fn show(&mut self, event: usize, at: At) {
        let sale = &mut self.sales[event];
        sale.at = sale.at.max(at);
        let deadline = sale.held.keys().next().copied();
        let rows = i64::try_from(sale.held.values().sum::<usize>()).unwrap();
        let inventory = holding(rows, standing(sale.sequence, self.begin, sale.at, deadline));
        let inventory = Inventory { event: name(event), ..inventory };
        self.expiry.on_inventory(&inventory, self.now);
        sale.shown = Some(inventory);
    }

    fn send(&mut self, with_faults: bool) {
        for (id, requests) in self.expiry.due(self.now) {
            let event: usize = id.as_str()[1..].parse().unwrap();
            let sale = &mut self.sales[event];
            let shown = sale.shown.as_ref().and_then(|shown| shown.earliest_deadline);
            let due_at = shown.expect("a deadline was shown").plus(GRACE);
            assert!(due_at <= self.now, "seed {}: {due_at} at {}", self.seed, self.now);
            self.largest = self.largest.max(requests);
            for _ in 0..requests {
                let lost = with_faults && self.chance.one_in(20);
                let offset = (!lost).then(|| {
                    self.log.push_back((event, self.now.plus(self.skew)));
                    sale.waiting += 1;
                    self.sent += 1;
                    self.begin + i64::try_from(self.log.len()).unwrap() - 1
                });
                self.reports.push_back((event, offset));
            }
            let bound = ROUND_MAX + self.restarts;
            assert!(sale.waiting <= bound, "seed {}: {} wait", self.seed, sale.waiting);
        }
    }
}

fn name(event: usize) -> EventId {
    id(&format!("e{event}"))
}

#[test]
fn whatever_happens_nothing_is_asked_too_early_and_every_hold_ends() {
    let (mut sent, mut largest) = (0, 0);
    for seed in 1..=60 {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step(true));
        (0..QUIET_STEPS).for_each(|_| world.step(false));
        let left: Vec<_> = world.sales.iter().map(|sale| sale.held.len()).collect();
        assert_eq!(left, [0; EVENTS], "seed {seed}");
        assert_eq!(world.log.len(), 0, "seed {seed}");
        assert_eq!(world.expiry.next_due(), None, "seed {seed}");
        sent += world.sent;
        largest = largest.max(world.largest);
    }
    assert!(sent > 60 * 100 && largest >= 8, "{sent} requests, {largest} in one round");
}
