//! Best available and seats left on their own: what is decided is what looking at every block of
//! every row comes to, on random rows and on every subset of a short one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use fastrand::Rng;

use super::{Log, PARTITION, START, buyer, definition, event, id};
use crate::domain::decide::{Asked, IdVerdict, step};
use crate::domain::event::EventState;
use crate::domain::ids::Digest;
use crate::domain::layout::{Definition, Limits, Places, Row, Section};
use crate::domain::outcome::OutcomeBody;
use crate::domain::refusal::Code;
use crate::domain::request::{
    Administration, Best, Block, Body, Claim, Define, Line, Request, Target,
};
use crate::domain::time::Millis;

/// Which houses are made up.
struct Houses {
    /// Rows of all of them.
    rows: usize,
    seats_of_row: RangeInclusive<usize>,
    /// Seats of most wishes, and of some.
    most: RangeInclusive<u32>,
    some: RangeInclusive<u32>,
    /// Of so many seats three are blocked at most.
    blocked_of: u32,
    aisle_of: u32,
}

/// Short rows, so that each is soon met in all its states.
const SHORT: Houses = Houses {
    rows: 100_000,
    seats_of_row: 1..=12,
    most: 1..=4,
    some: 5..=13,
    blocked_of: 4,
    aisle_of: 5,
};

/// Rows of several words of bits, and the largest wishes.
const LONG: Houses = Houses {
    rows: 6_000,
    seats_of_row: 60..=200,
    most: 1..=12,
    some: 13..=50,
    blocked_of: 60,
    aisle_of: 60,
};

/// A house, and all that was asked of it.
pub(super) struct House {
    pub(super) state: EventState,
    log: Log,
}

impl House {
    /// On sale, without the seats blocked.
    pub(super) fn new(definition: Definition, blocked: Vec<String>) -> House {
        let mut house = House { state: EventState::unknown(event()), log: Log::default() };
        house.ask(Body::Define(Box::new(Define { definition, actor: String::new() })));
        house.ask(Body::Open(Administration { edition: 1, actor: String::new() }));
        if !blocked.is_empty() {
            let places = blocked.into_iter().map(Target::Named).collect();
            let (actor, reason) = (String::new(), "house".into());
            house.ask(Body::Block(Block { edition: 2, actor, reason, places }));
        }
        house
    }

    fn ask(&mut self, body: Body) -> OutcomeBody {
        let offset = i64::try_from(self.log.requests.len()).expect("small");
        let at = START.plus(Millis(offset));
        let number = offset.unsigned_abs();
        let request = Request { id: id(at, number), event: event(), body };
        let digest = Digest(u128::from(number).to_be_bytes());
        let asked = Asked {
            at,
            waited: Millis(0),
            partition: PARTITION,
            offset,
            digest,
            id: IdVerdict::Fresh,
            early: None,
        };
        let outcomes = step(&mut self.state, &request, &asked).outcomes;
        self.log.ask(offset, at, digest, Some(request));
        self.log.outcomes.extend(outcomes.iter().cloned());
        outcomes.into_iter().next_back().expect("an answer").body
    }

    pub(super) fn claim(&mut self, lines: Vec<Line>, accessible: bool) -> OutcomeBody {
        let buyer = buyer(if accessible { "w" } else { "b" });
        let (expected_price, staff_override) = (None, false);
        self.ask(Body::Claim(Claim { buyer, lines, expected_price, staff_override, accessible }))
    }

    #[track_caller]
    pub(super) fn is_clean(&self, what: &str) {
        let report = self.log.audit_along().0;
        assert!(report.is_clean(), "{what}:\n{report}\n{:#?}", self.log.outcomes);
    }
}

fn rows_of(sections: Vec<Vec<Row>>, no_single_seats: bool) -> Definition {
    let mut definition = definition(Millis(60_000));
    definition.limits = Limits::default();
    definition.no_single_seats = no_single_seats;
    let section = |(index, rows): (usize, Vec<Row>)| Section {
        name: format!("S{index}"),
        rank: i32::try_from(index / 2).expect("few"),
        tiers: vec!["sit".into(), "stand".into()],
        places: Places::Rows(rows),
    };
    definition.sections = sections.into_iter().enumerate().map(section).collect();
    definition
}

/// Seats with an aisle here and there, and some kept for those who need them.
fn random_row(rng: &mut Rng, houses: &Houses, name: usize) -> Row {
    let length = rng.usize(houses.seats_of_row.clone());
    let labels: Vec<String> = (1..=length).map(|label| label.to_string()).collect();
    let mut kept = [String::new(), String::new()];
    let mut seats = String::new();
    for label in &labels {
        seats.push_str(label);
        seats.push_str(if rng.u32(..houses.aisle_of) == 0 { " | " } else { " " });
        if let Some(kept) = kept.get_mut(rng.usize(..12.max(length / 2))) {
            kept.push_str(label);
            kept.push(' ');
        }
    }
    let [bays, companions] = kept;
    let tier = (rng.u32(..4) == 0).then(|| "stand".into());
    Row { name: name.to_string(), seats, tier, bays, companions }
}

fn random_line(rng: &mut Rng, houses: &Houses, names: &[String]) -> Vec<Line> {
    let best = |rng: &mut Rng| {
        let counts = if rng.u32(..6) == 0 { &houses.some } else { &houses.most };
        Line::Best(Best {
            section: (rng.u32(..3) > 0).then(|| format!("S{}", rng.u32(..2))),
            tier: (rng.u32(..6) == 0).then(|| "stand".into()),
            max_price: (rng.u32(..6) == 0).then_some(3_000),
            count: rng.u32(counts.clone()),
            split: rng.bool(),
            bays: if rng.u32(..4) == 0 { 1 } else { 0 },
        })
    };
    let named = |rng: &mut Rng| {
        let first = rng.usize(..names.len());
        let names = names[first..].iter().take(rng.usize(1..4));
        names.map(|name| Line::Seat { name: name.clone(), tier: None }).collect::<Vec<_>>()
    };
    match rng.u32(..8) {
        0 => named(rng),
        1 => [named(rng), vec![best(rng)]].concat(),
        2 => vec![best(rng), best(rng)],
        _ => vec![best(rng)],
    }
}

/// Sells made-up houses, and counts what was told.
fn sell(houses: &Houses) -> BTreeMap<String, usize> {
    let mut rng = Rng::with_seed(15);
    let mut rows = 0;
    let mut met = BTreeMap::<String, usize>::new();
    while rows < houses.rows {
        let rows_of_section = |rng: &mut Rng| {
            (1..=rng.usize(1..=4)).map(|name| random_row(rng, houses, name)).collect()
        };
        let sections: Vec<Vec<Row>> =
            (0..rng.usize(1..=3)).map(|_| rows_of_section(&mut rng)).collect();
        rows += sections.iter().map(Vec::len).sum::<usize>();
        let names: Vec<String> = names_of(&sections);
        let kept = rng.u32(..4);
        let blocked =
            names.iter().filter(|_| rng.u32(..houses.blocked_of) < kept).cloned().collect();
        let mut house = House::new(rows_of(sections, rng.bool()), blocked);
        for _ in 0..10 {
            let answer = house.claim(random_line(&mut rng, houses, &names), rng.u32(..3) == 0);
            let told = if let OutcomeBody::Refused(refusal) = answer {
                refusal.code.name()
            } else {
                "held"
            };
            *met.entry(told.into()).or_default() += 1;
        }
        house.state.recount();
        house.is_clean(&format!("after {rows} rows"));
    }
    met
}

#[test]
fn random_rows_are_sold_as_if_every_block_had_been_looked_at() {
    let met = sell(&SHORT);
    for told in
        ["held", "not-enough", "no-run", "strands-seat", "seats-taken", "blocked", "kept-back"]
    {
        assert!(met.get(told).is_some_and(|times| *times > 1_000), "{told}: {met:?}");
    }
}

#[test]
fn long_rows_are_sold_as_if_every_block_had_been_looked_at() {
    let met = sell(&LONG);
    for told in ["held", "no-run", "strands-seat"] {
        assert!(met.get(told).is_some_and(|times| *times > 100), "{told}: {met:?}");
    }
}

fn names_of(sections: &[Vec<Row>]) -> Vec<String> {
    let mut names = vec![];
    for (index, rows) in sections.iter().enumerate() {
        for row in rows {
            let labels = row.seats.split_whitespace().filter(|word| *word != "|");
            names.extend(labels.map(|label| format!("S{index}/{}/{label}", row.name)));
        }
    }
    names
}

/// Whatever is taken of six seats, and whatever of the rest is claimed by name: a block is refused
/// for what it strands exactly when the event itself would not have chosen it over another that
/// strands nothing.
#[test]
fn named_blocks_and_chosen_ones_are_judged_alike_in_every_subset_of_a_row() {
    let mut stranded = 0;
    for taken in 0..64u32 {
        for wanted in (1..64u32).filter(|wanted| wanted & taken == 0) {
            let mut house = House::new(rows_of(six(), true), subset(taken));
            let lines = subset(wanted).into_iter().map(|name| Line::Seat { name, tier: None });
            let answer = house.claim(lines.collect(), false);
            house.is_clean(&format!("taken {taken:06b}, wanted {wanted:06b}"));
            let count = wanted.count_ones();
            let together = wanted >> wanted.trailing_zeros() == (1 << count) - 1;
            let refused =
                matches!(&answer, OutcomeBody::Refused(told) if told.code == Code::StrandsSeat);
            stranded += u32::from(refused);
            if !together {
                continue;
            }
            let mut other = House::new(rows_of(six(), true), subset(taken));
            let (section, tier, max_price) = (None, None, None);
            let best = other.claim(
                vec![Line::Best(Best { section, tier, max_price, count, split: false, bays: 0 })],
                false,
            );
            let OutcomeBody::Held(best) = best else { panic!("the wanted block is one: {best:?}") };
            let chosen = best.places.iter().map(|place| place.seat.clone()).collect::<Vec<_>>();
            assert!(chosen != subset(wanted) || !refused, "taken {taken:06b}, wanted {wanted:06b}");
        }
    }
    assert!(stranded > 100, "only {stranded} of the subsets strand a seat");
}

/// Whatever is taken of six seats: the event chooses of the rest what it should.
#[test]
fn the_best_of_every_subset_of_a_row_is_chosen() {
    for (taken, count) in (0..64u32).flat_map(|taken| (1..=6).map(move |count| (taken, count))) {
        for split in [false, true] {
            let mut house = House::new(rows_of(six(), true), subset(taken));
            let (section, tier, max_price, bays) = (None, None, None, 0);
            let best = Best { section, tier, max_price, count, split, bays };
            house.claim(vec![Line::Best(best)], false);
            house.is_clean(&format!("taken {taken:06b}, wanted {count}, split {split}"));
        }
    }
}

/// A row of six seats.
fn six() -> Vec<Vec<Row>> {
    vec![vec![Row {
        name: "1".into(),
        seats: "1 2 3 4 5 6".into(),
        tier: None,
        bays: String::new(),
        companions: String::new(),
    }]]
}

/// Names of some of the six.
fn subset(set: u32) -> Vec<String> {
    let names = names_of(&six()).into_iter().enumerate();
    names.filter(|(seat, _)| set & 1 << seat != 0).map(|(_, name)| name).collect()
}
