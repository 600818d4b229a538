//! Venues made up for tests and measurements, from a small theatre to the largest event there may
//! be.
//!
//! Each is a [`Definition`] like an organiser's, with what real plans have: aisles, odd and even
//! sides, rows of unequal length, seats that a pillar or a mixing desk takes.

use super::ids::EventId;
use super::layout::{Definition, Limits, Places, Row, Section, Tier};
use super::time::Millis;

/// Letters of rows: no theatre has a row I or O.
const ROWS: &str = "ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A theatre of 2,700 seats: stalls that widen to the back, two balconies and twenty boxes. Odd
/// seats are left of the middle aisle, even ones right of it: `7 5 3 1 | 2 4 6 8`.
#[must_use]
pub fn theatre() -> Definition {
    // The desk takes the middle of two rows in the stalls, pillars take seats of the balconies.
    let stalls = rows(ROWS, |index| facing(20 + index / 2, desk(index)));
    let circle = rows(&ROWS[..14], |index| facing(23, pillars(index)));
    let balcony = rows(&ROWS[..16], |index| facing(24, pillars(index)));
    let boxes = (1..=20).map(|number| row(format!("{number}"), "1-4".into())).collect();
    let mut stalls = section("stalls", 1, "standard", stalls);
    if let Places::Rows(rows) = &mut stalls.places {
        rows.iter_mut().take(6).for_each(|row| row.tier = Some("premium".into()));
    }
    let sections = vec![
        stalls,
        section("circle", 2, "standard", circle),
        section("boxes", 3, "premium", boxes),
        section("balcony", 4, "economy", balcony),
    ];
    definition("theatre", sections)
}

/// An arena of 18,000 seats: a seated floor and two bowls around it.
#[must_use]
pub fn arena() -> Definition {
    let floor = (1..=12).map(|number| block("floor", number, 1, "premium", 10, "1-6 | 7-12"));
    let lower = (1..=24).map(|number| block("lower", number, 2, "standard", 20, "1-18"));
    let upper = (1..=24).map(|number| block("upper", number, 3, "economy", 15, "1-11 | 12-22"));
    definition("arena", floor.chain(lower).chain(upper).collect())
}

/// A stadium of 90,000 places: 12,000 stand on the field, 78,000 sit in three rings.
#[must_use]
pub fn stadium() -> Definition {
    let field = general("field", "standing", 12_000);
    let lower = (1..=40).map(|number| block("lower", number, 2, "premium", 30, "1-12 | 13-25"));
    let middle = (1..=40).map(|number| block("middle", number, 3, "standard", 24, "1-25"));
    let upper = (1..=40).map(|number| block("upper", number, 4, "economy", 24, "25-1"));
    definition("stadium", [field].into_iter().chain(lower).chain(middle).chain(upper).collect())
}

/// As many numbered seats as an event may have, around a race track.
#[must_use]
pub fn speedway() -> Definition {
    let stands = (1..=100).map(|number| block("stand", number, 1, "standard", 40, "1-25 | 26-50"));
    definition("speedway", stands.collect())
}

/// So many places to stand, and nothing else.
#[must_use]
pub fn standing(places: u32) -> Definition {
    definition("standing", vec![general("floor", "standing", places)])
}

fn definition(event: &str, sections: Vec<Section>) -> Definition {
    let tier = |name: &str, price| Tier { name: name.into(), price, seats_per_buyer: None };
    Definition {
        event: EventId::new(event).expect("a short name"),
        hold_time: Millis(10 * 60 * 1_000),
        max_wait: Millis(30_000),
        extend_max: Millis(10 * 60 * 1_000),
        no_single_seats: false,
        currency: "EUR".into(),
        limits: Limits::default(),
        tiers: vec![
            tier("premium", 12_000),
            tier("standard", 8_000),
            tier("economy", 4_500),
            tier("standing", 6_000),
        ],
        sections,
    }
}

fn section(name: &str, rank: i32, tier: &str, rows: Vec<Row>) -> Section {
    Section { name: name.into(), rank, tiers: vec![tier.into()], places: Places::Rows(rows) }
}

fn general(name: &str, tier: &str, places: u32) -> Section {
    let places = Places::General(places);
    Section { name: name.into(), rank: 1, tiers: vec![tier.into()], places }
}

/// A block of a bowl: so many rows that read alike.
fn block(ring: &str, number: u32, rank: i32, tier: &str, rows: u32, seats: &str) -> Section {
    let rows = (1..=rows).map(|index| row(format!("{index}"), seats.into())).collect();
    section(&format!("{ring}-{number}"), rank, tier, rows)
}

/// A row for each letter, its text by its index.
fn rows(letters: &str, seats: impl Fn(u32) -> String) -> Vec<Row> {
    let letters = (0..).zip(letters.chars());
    letters.map(|(index, letter)| row(letter.to_string(), seats(index))).collect()
}

fn row(name: String, seats: String) -> Row {
    Row { name, seats, tier: None, bays: String::new(), companions: String::new() }
}

/// Odd seats falling to the middle aisle, even ones rising from it, `side` of each but for those
/// that are not there; beyond 20 an aisle parts the wings.
fn facing(side: u32, missing: &[u32]) -> String {
    const WING: u32 = 20;
    let there = |label: &u32| !missing.contains(label);
    let text = |labels: &mut dyn Iterator<Item = u32>| {
        labels.filter(there).map(|label| label.to_string()).collect::<Vec<_>>().join(" ")
    };
    let odd = |from: u32, to: u32| (from..to).rev().map(|index| 2 * index + 1);
    let even = |from: u32, to: u32| (from..to).map(|index| 2 * index + 2);
    let inner = side.min(WING / 2);
    [
        text(&mut odd(inner, side)),
        text(&mut odd(0, inner)),
        text(&mut even(0, inner)),
        text(&mut even(inner, side)),
    ]
    .join(" | ")
}

fn desk(row: u32) -> &'static [u32] {
    if (18..20).contains(&row) { &[1, 2, 3, 4] } else { &[] }
}

fn pillars(row: u32) -> &'static [u32] {
    if row % 8 == 3 { &[21, 22] } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::layout::{Layout, RowPlan};
    use crate::domain::limits::SEATS_PER_EVENT_MAX;

    #[test]
    fn each_compiles_and_has_the_places_it_says() {
        let venues = [
            (theatre(), 2_700),
            (arena(), 18_000),
            (stadium(), 90_000),
            (speedway(), SEATS_PER_EVENT_MAX),
            (standing(2_700), 2_700),
        ];
        for (definition, places) in venues {
            let event = definition.event.clone();
            assert_eq!(Layout::compile(definition).unwrap().seats() as usize, places, "{event}");
        }
    }

    #[test]
    fn the_field_of_the_stadium_is_not_numbered() {
        let layout = Layout::compile(stadium()).unwrap();
        let general = (0..layout.sections()).filter(|&section| layout.is_general(section));
        assert_eq!(general.map(|section| layout.span(section)).collect::<Vec<_>>(), [(0, 12_000)]);
    }

    #[test]
    fn a_row_of_the_theatre_reads_from_wing_to_wing() {
        assert_eq!(facing(4, &[]), " | 7 5 3 1 | 2 4 6 8 | ");
        assert_eq!(facing(3, &[1, 2, 4]), " | 5 3 | 6 | ");
        let wide = RowPlan::parse("A", &facing(24, &[21, 22])).unwrap();
        assert_eq!(wide.breaks, [13, 23, 33]);
    }
}
