//! The venues: small ones, crowded ones, and one whose names are as long as may be.

use fastrand::Rng;

use crate::domain::ids::{EventId, SeatNumber};
use crate::domain::layout::{Definition, Layout, Limits, Places, Row, Section, Tier};
use crate::domain::limits::{NAME_BYTES_MAX, SEATS_PER_REQUEST_MAX};
use crate::domain::time::Millis;

/// Tiers a small venue may have.
const TIERS: [&str; 4] = ["sit", "stand", "child", "friend"];
/// Rows of a small venue: some with aisles, some counted downwards.
const ROWS: [&str; 7] = ["1-3 | 4 5", "5-1", "1-8", "1 3 5 | 2 4", "1 2", "a b | c", "1-6 | 7-12"];

/// What kind of venue it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// 4 to 60 places or so.
    Small,
    /// Some hundred.
    Large,
    /// Thousands to stand at, wanted by the dozen: more lapse at once than one decision ends.
    Crowd,
    /// Few seats with the longest names, wanted by the row.
    Giant,
}

impl Size {
    /// Mostly small.
    pub(super) fn draw(rng: &mut Rng) -> Size {
        match rng.u32(..30) {
            0 => Size::Large,
            1 => Size::Crowd,
            _ => Size::Small,
        }
    }
}

/// A venue with what the workload wants to know of it.
#[derive(Clone, Debug)]
pub(super) struct Venue {
    pub(super) size: Size,
    pub(super) layout: Layout,
    /// Full names by number.
    pub(super) names: Vec<String>,
    /// Sections with numbered seats, and the others.
    pub(super) numbered: Vec<usize>,
    pub(super) general: Vec<usize>,
}

impl Venue {
    pub(super) fn draw(rng: &mut Rng, event: &EventId, size: Size) -> Venue {
        let layout = Layout::compile(definition(rng, event, size)).expect("a sound definition");
        Venue::new(size, layout)
    }

    pub(super) fn new(size: Size, layout: Layout) -> Venue {
        let names = (0..layout.seats()).map(|number| layout.name(SeatNumber(number))).collect();
        let (general, numbered) =
            (0..layout.sections()).partition(|&section| layout.is_general(section));
        Venue { size, layout, names, numbered, general }
    }

    pub(super) fn definition(&self) -> &Definition {
        &self.layout.definition
    }

    /// The number of a place by its full name.
    pub(super) fn number(&self, name: &str) -> Option<SeatNumber> {
        self.layout.named(name).filter(|places| places.len() == 1).map(|of| SeatNumber(of.start))
    }

    pub(super) fn section_name(&self, section: usize) -> &str {
        &self.definition().sections[section].name
    }
}

fn definition(rng: &mut Rng, event: &EventId, size: Size) -> Definition {
    let hold_time = match size {
        Size::Giant => Millis(rng.i64(10_000..=20_000)),
        Size::Crowd => Millis(rng.i64(6_000..=15_000)),
        Size::Small | Size::Large => Millis(rng.i64(1_000..=20_000)),
    };
    let limits = match size {
        Size::Giant | Size::Crowd => Limits::default(),
        Size::Small | Size::Large => Limits {
            seats_per_request: maybe(rng, 1, 8),
            seats_per_buyer: maybe(rng, 1, 10),
            live_holds_per_buyer: maybe(rng, 1, 4),
        },
    };
    let (tiers, sections) = match size {
        Size::Giant => giant(),
        Size::Crowd => crowd(rng),
        Size::Small => small(rng, 1),
        Size::Large => small(rng, 8),
    };
    Definition {
        event: event.clone(),
        hold_time,
        max_wait: Millis(if rng.u32(..4) == 0 { rng.i64(200..3_000) } else { 30_000 }),
        extend_max: Millis(if rng.u32(..5) == 0 { 0 } else { hold_time.0 * rng.i64(1..=3) }),
        no_single_seats: rng.u32(..3) == 0,
        currency: ["EUR", "CZK", "JPY"][rng.usize(..3)].into(),
        limits,
        tiers,
        sections,
    }
}

fn maybe(rng: &mut Rng, least: u32, most: u32) -> Option<u32> {
    rng.bool().then(|| rng.u32(least..=most))
}

fn section(rng: &mut Rng, name: &str, tiers: Vec<String>, places: Places) -> Section {
    Section { name: name.into(), rank: rng.i32(0..3), tiers, places }
}

/// One to three sections, at least one of them with seats in many seeds and places to stand in
/// others.
fn small(rng: &mut Rng, times: u32) -> (Vec<Tier>, Vec<Section>) {
    let tier = |rng: &mut Rng, name: &&str| {
        let price = rng.i64(0..20) * 500;
        Tier { name: (*name).into(), price, seats_per_buyer: maybe(rng, 1, 5) }
    };
    let count = rng.usize(1..=TIERS.len());
    let tiers: Vec<Tier> = TIERS[..count].iter().map(|name| tier(rng, name)).collect();
    let name_of = |rng: &mut Rng| tiers[rng.usize(..tiers.len())].name.clone();
    let mut sections = vec![];
    for name in &["A", "B", "C"][..rng.usize(1..=3)] {
        let mut sold_in = vec![name_of(rng)];
        let also = name_of(rng);
        if !sold_in.contains(&also) {
            sold_in.push(also);
        }
        let places = if rng.u32(..3) == 0 {
            Places::General(rng.u32(2..=20) * times)
        } else {
            let row = |rng: &mut Rng, number: u32| {
                let seats = ROWS[rng.usize(..ROWS.len())];
                let keeps = rng.u32(..4) == 0 && seats.contains("1-");
                let (bays, companions) = if keeps { ("2", "3") } else { ("", "") };
                Row {
                    name: number.to_string(),
                    seats: seats.into(),
                    tier: (rng.u32(..4) == 0).then(|| name_of(rng)),
                    bays: bays.into(),
                    companions: companions.into(),
                }
            };
            let rows = rng.u32(1..=3) * times;
            Places::Rows((1..=rows).map(|number| row(rng, number)).collect())
        };
        sections.push(section(rng, name, sold_in, places));
    }
    (tiers, sections)
}

fn crowd(rng: &mut Rng) -> (Vec<Tier>, Vec<Section>) {
    let tier = |name: &str, price| Tier { name: name.into(), price, seats_per_buyer: None };
    let places = Places::General(rng.u32(2_000..5_000));
    let floor = section(rng, "floor", vec!["stand".into(), "child".into()], places);
    let rows = vec![Row {
        name: "1".into(),
        seats: "1-8".into(),
        tier: None,
        bays: String::new(),
        companions: String::new(),
    }];
    let box_seats = section(rng, "box", vec!["stand".into()], Places::Rows(rows));
    (vec![tier("stand", 2_000), tier("child", 900)], vec![floor, box_seats])
}

/// Rows of a giant.
pub(super) const GIANT_ROWS: usize = 16;

/// Rows each as long as a claim may be.
fn giant() -> (Vec<Tier>, Vec<Section>) {
    let long = |text: String| format!("{text:x>width$}", width = NAME_BYTES_MAX);
    let tier = Tier { name: long("tier".into()), price: 4_500, seats_per_buyer: None };
    let labels = (1..=SEATS_PER_REQUEST_MAX).map(|number| long(number.to_string()));
    let seats = labels.collect::<Vec<_>>().join(" ");
    let row = |number: usize| Row {
        name: long(number.to_string()),
        seats: seats.clone(),
        tier: None,
        bays: String::new(),
        companions: String::new(),
    };
    let section = Section {
        name: long("section".into()),
        rank: 0,
        tiers: vec![tier.name.clone()],
        places: Places::Rows((1..=GIANT_ROWS).map(row).collect()),
    };
    (vec![tier], vec![section])
}
