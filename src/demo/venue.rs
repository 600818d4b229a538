//! The house of the demo: numbered sections whose rows are of unlike length and parted by aisles,
//! one section of general admission, and five prices.
//!
//! It is made from a number of places alone, so that two runs of one size sell the same house. One
//! event lies in one partition and has one owner: the demo is about a single hot event, which more
//! machines do not make faster.
//!
//! # Invariant
//! A venue has exactly as many places as were asked for.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::domain::ids::EventId;
use crate::domain::layout::{Definition, Layout, Limits, Places, Row, Section, Tier};
use crate::domain::limits::SEATS_PER_EVENT_MAX;
use crate::domain::time::Millis;

/// Sizes the demo can build.
#[allow(clippy::cast_possible_truncation, reason = "the bound fits 32 bits")]
pub const SEATS: RangeInclusive<u32> = 100..=SEATS_PER_EVENT_MAX as u32;
/// Places one buyer may have, and may ask for at once.
pub const SEATS_PER_BUYER: u32 = 8;
/// The event of the demo.
pub const EVENT: &str = "grand-final";

/// One place in so many is general admission.
const STANDING_SHARE: u32 = 5;
/// About so many places make a numbered section.
const SECTION_SEATS: u32 = 1_200;
/// Numbered sections of the smallest house.
const SECTIONS_MIN: u32 = 4;
/// Rows of a section that cost more where the section is near the stage.
const FRONT_ROWS: usize = 3;

/// The levels of the house, best first: name of their sections, and their tier.
const LEVELS: [(&str, &str); 3] =
    [("stalls", "first"), ("terrace", "second"), ("gallery", "third")];
/// The tier of the front rows.
const PREMIUM: &str = "premium";
/// The section of general admission, and its tier.
const STANDING: (&str, &str) = ("floor", "standing");
/// Prices in minor units.
const PRICES: [(&str, i64); 5] = [
    (PREMIUM, 18_000),
    ("first", 12_000),
    ("second", 8_500),
    ("third", 5_500),
    (STANDING.1, 4_000),
];

/// The house, as it is defined and as somebody sees it who looks for places side by side.
#[derive(Clone, Debug)]
pub struct Venue {
    /// The definition, compiled.
    pub layout: Arc<Layout>,
    /// All rows in the order of their places.
    pub rows: Vec<RowShape>,
}

/// A row of numbered seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowShape {
    /// Index of its section.
    pub section: usize,
    /// Number of its first place.
    pub first: u32,
    /// Seats between two aisles, one after another.
    pub segments: Vec<u32>,
}

impl RowShape {
    /// Seats of the row.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.segments.iter().sum()
    }
}

impl Venue {
    /// A house with so many places, whose holds last so long.
    ///
    /// # Panics
    /// When the number is not one of [`SEATS`].
    #[must_use]
    pub fn new(seats: u32, hold_time: Millis) -> Venue {
        assert!(SEATS.contains(&seats), "the demo builds houses of {SEATS:?} places");
        let standing = seats / STANDING_SHARE;
        let numbered = seats - standing;
        let count = numbered.div_ceil(SECTION_SEATS).max(SECTIONS_MIN);
        let mut rows = vec![];
        let mut sections = vec![];
        let mut first = 0;
        for index in 0..count {
            let size = numbered / count + u32::from(index < numbered % count);
            let shapes = shape_rows(sections.len(), first, size);
            sections.push(numbered_section(index, count, &shapes));
            first += size;
            rows.extend(shapes);
        }
        sections.push(section(STANDING.0, 1, STANDING.1, Places::General(standing)));
        let definition = Definition {
            event: EventId::new(EVENT).expect("a name"),
            hold_time,
            extend_max: Millis(0),
            max_wait: Millis(30_000),
            no_single_seats: false,
            currency: "EUR".into(),
            limits: Limits {
                seats_per_request: Some(SEATS_PER_BUYER),
                seats_per_buyer: Some(SEATS_PER_BUYER),
                live_holds_per_buyer: None,
            },
            tiers: PRICES.map(|(name, price)| tier(name, price)).to_vec(),
            sections,
        };
        let layout = Layout::compile(definition).expect("the house of the demo compiles");
        assert_eq!(layout.seats(), seats, "every place has been given a section");
        Venue { layout: Arc::new(layout), rows }
    }
}

fn tier(name: &str, price: i64) -> Tier {
    Tier { name: name.into(), price, seats_per_buyer: None }
}

fn section(name: &str, rank: i32, tier: &str, places: Places) -> Section {
    Section { name: name.into(), rank, tiers: vec![tier.into()], places }
}

fn numbered_section(index: u32, count: u32, shapes: &[RowShape]) -> Section {
    let level = (index as usize * LEVELS.len()) / count as usize;
    let (name, tier) = LEVELS[level];
    let rows = shapes.iter().enumerate().map(|(position, shape)| Row {
        name: row_name(position),
        seats: row_text(&shape.segments),
        tier: (level == 0 && position < FRONT_ROWS).then(|| PREMIUM.into()),
        bays: String::new(),
        companions: String::new(),
    });
    let mut section =
        section(&format!("{name}-{}", index + 1), 1, tier, Places::Rows(rows.collect()));
    section.rank = i32::try_from(level).expect("few levels") + 1;
    if level == 0 {
        section.tiers.push(PREMIUM.into());
    }
    section
}

/// Rows that widen towards the back, as those of a fan do, and begin anew at each cross-aisle.
fn shape_rows(section: usize, first: u32, seats: u32) -> Vec<RowShape> {
    let mut rows = vec![];
    let mut placed = 0;
    while placed < seats {
        let wide = 10 + 2 * u32::try_from(rows.len() % 13).expect("a remainder of 13");
        let length = wide.min(seats - placed);
        rows.push(RowShape { section, first: first + placed, segments: part(length) });
        placed += length;
    }
    rows
}

/// One aisle where a row is short, two where it is long, none where it is hardly a row.
fn part(length: u32) -> Vec<u32> {
    match length {
        0..8 => vec![length],
        8..18 => vec![length / 2, length - length / 2],
        _ => vec![length / 4, length - 2 * (length / 4), length / 4],
    }
}

/// `1-5 | 6-15 | 16-20`
fn row_text(segments: &[u32]) -> String {
    let mut next = 1;
    let mut parts = vec![];
    for length in segments {
        parts.push(format!("{next}-{}", next + length - 1));
        next += length;
    }
    parts.join(" | ")
}

/// `A` to `Z`, then `AA` to `AZ`, and so on.
fn row_name(position: usize) -> String {
    let letter = |index: usize| char::from(b'A' + u8::try_from(index % 26).expect("a letter"));
    match position / 26 {
        0 => letter(position).to_string(),
        more => format!("{}{}", row_name(more - 1), letter(position)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::ids::SeatNumber;

    #[test]
    fn a_house_of_any_size_has_exactly_its_places() {
        for seats in [100, 101, 137, 999, 1_000, 4_321, 20_000, 77_777, 200_000] {
            let venue = Venue::new(seats, Millis(3_000));
            let layout = &venue.layout;
            let standing = layout.section(STANDING.0).unwrap();
            let (first, count) = layout.span(standing);
            assert_eq!((count, first + count), (seats / 5, seats));
            assert_eq!(venue.rows.iter().map(RowShape::seats).sum::<u32>(), seats - count);
        }
    }

    #[test]
    fn the_shapes_are_where_the_layout_has_the_rows() {
        let venue = Venue::new(3_000, Millis(3_000));
        let name = |number| venue.layout.name(SeatNumber(number));
        for pair in venue.rows.windows(2) {
            assert_eq!(pair[1].first, pair[0].first + pair[0].seats());
            assert!(name(pair[0].first).ends_with("/1"), "{}", name(pair[0].first));
            let last = format!("/{}", pair[0].seats());
            assert!(name(pair[1].first - 1).ends_with(&last), "{}", name(pair[1].first - 1));
        }
        assert_eq!((name(0), name(10)), ("stalls-1/A/1".into(), "stalls-1/B/1".into()));
    }

    #[test]
    fn rows_are_of_unlike_length_and_most_have_aisles() {
        let venue = Venue::new(20_000, Millis(3_000));
        let lengths: BTreeSet<u32> = venue.rows.iter().map(RowShape::seats).collect();
        assert!(lengths.len() >= 10, "{lengths:?}");
        let parted = venue.rows.iter().filter(|row| row.segments.len() > 1).count();
        assert!(parted * 10 > venue.rows.len() * 9);
        let tiers: BTreeSet<u16> =
            (0..20_000).map(|number| venue.layout.tiers_of(SeatNumber(number))[0]).collect();
        assert_eq!(tiers.len(), PRICES.len());
    }

    #[test]
    fn names_and_texts_read_as_on_a_plan() {
        assert_eq!([0, 25, 26, 27, 52].map(row_name), ["A", "Z", "AA", "AB", "BA"]);
        assert_eq!(row_text(&part(20)), "1-5 | 6-15 | 16-20");
        assert_eq!(row_text(&part(10)), "1-5 | 6-10");
        assert_eq!(row_text(&part(3)), "1-3");
    }
}
