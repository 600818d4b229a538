//! The seat map as the crowd sees it: made of the outcomes it has read, and therefore a little out
//! of date.
//!
//! Outcomes of one transaction lie on several topics and are read in any order. Each place keeps
//! the sequence of what was last said of it, and older words change nothing: so the map is the same
//! in whatever order outcomes come, and exact when all have come.

use std::sync::Arc;

use crate::demo::venue::{RowShape, Venue};
use crate::domain::ids::SeatNumber;
use crate::domain::layout::Layout;
use crate::domain::outcome::{Outcome, OutcomeBody, Place, Role};
use crate::domain::seat::Status;

/// Places by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// For sale.
    pub free: u32,
    /// In holds.
    pub held: u32,
    /// Sold.
    pub booked: u32,
}

impl Counts {
    fn of(&mut self, status: Status) -> &mut u32 {
        match status {
            Status::Free => &mut self.free,
            Status::Held => &mut self.held,
            Status::Booked => &mut self.booked,
            Status::Blocked => unreachable!("nobody blocks places of the demo"),
        }
    }
}

/// All places, as far as they have been heard of.
#[derive(Clone, Debug)]
pub struct SeatMap {
    layout: Arc<Layout>,
    places: Vec<Known>,
    rows: Vec<Row>,
    /// Where the rows of each section begin, and one more.
    row_starts: Vec<usize>,
    sections: Vec<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    status: Status,
    sequence: i64,
}

/// A row with its count of free seats.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) shape: RowShape,
    pub(super) free: u32,
}

impl SeatMap {
    /// A house in which everything is for sale.
    pub(super) fn new(venue: &Venue) -> SeatMap {
        let layout = Arc::clone(&venue.layout);
        let whole = |section| Counts { free: layout.span(section).1, ..Counts::default() };
        let rows = venue.rows.iter().map(|shape| Row { free: shape.seats(), shape: shape.clone() });
        let rows: Vec<Row> = rows.collect();
        let start = |section| rows.partition_point(|row| row.shape.section < section);
        SeatMap {
            places: vec![Known::default(); layout.seats() as usize],
            row_starts: (0..=layout.sections()).map(start).collect(),
            sections: (0..layout.sections()).map(whole).collect(),
            rows,
            layout,
        }
    }

    /// Places of the whole house by state.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.sections.iter().fold(Counts::default(), |sum, one| Counts {
            free: sum.free + one.free,
            held: sum.held + one.held,
            booked: sum.booked + one.booked,
        })
    }

    /// Places of each section by state, in the order of the definition.
    pub fn sections(&self) -> impl Iterator<Item = (&str, Counts)> {
        let names = self.layout.definition.sections.iter().map(|section| section.name.as_str());
        names.zip(self.sections.iter().copied())
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The rows of a section; none where its places are general admission.
    pub(super) fn rows_of(&self, section: usize) -> &[Row] {
        &self.rows[self.row_starts[section]..self.row_starts[section + 1]]
    }

    pub(super) fn of_section(&self, section: usize) -> Counts {
        self.sections[section]
    }

    pub(super) fn is_free(&self, number: u32) -> bool {
        self.places[number as usize].status == Status::Free
    }

    /// Takes in what an outcome says of places. A repeat says nothing new.
    pub(super) fn take(&mut self, outcome: &Outcome) {
        if outcome.header.role == Role::Repeat {
            return;
        }
        let sequence = outcome.header.sequence;
        match &outcome.body {
            OutcomeBody::Held(held) => self.take_places(&held.places, Status::Held, sequence),
            OutcomeBody::Booked(booked) => {
                self.take_places(&booked.places, Status::Booked, sequence);
            }
            OutcomeBody::Released(released) => {
                released.seats.iter().for_each(|name| self.set(name, Status::Free, sequence));
            }
            OutcomeBody::Cancelled(cancelled) => {
                self.take_places(&cancelled.places, Status::Free, sequence);
            }
            OutcomeBody::Exchanged(exchanged) => {
                self.take_places(&exchanged.given_back, Status::Free, sequence);
                self.take_places(&exchanged.places, Status::Booked, sequence);
            }
            OutcomeBody::Extended(_) | OutcomeBody::Changed(_) | OutcomeBody::Refused(_) => {}
        }
    }

    fn take_places(&mut self, places: &[Place], status: Status, sequence: i64) {
        places.iter().for_each(|place| self.set(&place.seat, status, sequence));
    }

    fn set(&mut self, name: &str, status: Status, sequence: i64) {
        let Some(number) = number_of(&self.layout, name) else {
            unreachable!("an outcome names places of the event: {name}")
        };
        let place = &mut self.places[number as usize];
        if place.sequence >= sequence {
            return;
        }
        let before = std::mem::replace(place, Known { status, sequence }).status;
        let section = self.layout.section_of(SeatNumber(number));
        *self.sections[section].of(before) -= 1;
        *self.sections[section].of(status) += 1;
        if self.layout.is_general(section) {
            return;
        }
        let row = self.rows.partition_point(|row| row.shape.first <= number) - 1;
        let free = |status| u32::from(status == Status::Free);
        self.rows[row].free = self.rows[row].free + free(status) - free(before);
    }
}

/// The place of a full name, `section/row/seat` or `section/n`.
fn number_of(layout: &Layout, name: &str) -> Option<u32> {
    if let Some(number) = layout.find(name) {
        return Some(number.0);
    }
    let (section, place) = name.split_once('/')?;
    let (first, count) = layout.span(layout.section(section)?);
    let place: u32 = place.parse().ok()?;
    (1..=count).contains(&place).then(|| first + place - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;

    #[test]
    fn every_place_is_found_by_its_name() {
        let layout = Venue::new(1_000, Millis(3_000)).layout;
        for number in 0..layout.seats() {
            assert_eq!(number_of(&layout, &layout.name(SeatNumber(number))), Some(number));
        }
        assert_eq!(number_of(&layout, "floor/201"), None);
        assert_eq!(number_of(&layout, "stalls-1/A"), None);
    }

    #[test]
    fn older_words_change_nothing() {
        let mut map = SeatMap::new(&Venue::new(1_000, Millis(3_000)));
        map.set("stalls-1/A/3", Status::Held, 7);
        map.set("stalls-1/A/3", Status::Free, 5);
        map.set("floor/9", Status::Booked, 8);
        assert_eq!(map.counts(), Counts { free: 998, held: 1, booked: 1 });
        assert_eq!(map.rows_of(0)[0].free, 9);
        map.set("stalls-1/A/3", Status::Free, 9);
        assert_eq!((map.counts().free, map.rows_of(0)[0].free), (999, 10));
    }
}
