//! Which row of the ledger a place has.
//!
//! In the first edition of an event places have rows in their own order. When the definition
//! changes, a place keeps its row, a new one gets a row that nobody had, and the row of one that is
//! gone stays behind unread. So the ledger is never rewritten, and a name that comes back is
//! another place. Places of general admission keep their names as well, though those of some
//! between them may be gone.

use super::{DefinitionError, Layout, range};
use crate::domain::ids::{RowNumber, SeatNumber};
use crate::domain::limits::ROWS_PER_EVENT_MAX;

/// The rows of all places, by the order of places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    /// The row that the next new place gets.
    pub next: u32,
    /// Places with rows that follow each other.
    pub runs: Vec<Run>,
}

/// Places that follow each other, as their rows do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Row of the first.
    pub row: u32,
    /// How many.
    pub count: u32,
    /// The first one's number in its section of general admission; 0 for seats with names.
    pub label: u32,
}

/// A numbering by place and by row.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    numbering: Numbering,
    rows: Vec<u32>,
    labels: Vec<u32>,
    places: Vec<Option<SeatNumber>>,
}

impl Numbering {
    /// One more place.
    pub fn push(&mut self, row: u32, label: u32) {
        if let Some(run) = self.runs.last_mut()
            && run.row + run.count == row
            && label == if run.label == 0 { 0 } else { run.label + run.count }
        {
            run.count += 1;
        } else {
            self.runs.push(Run { row, count: 1, label });
        }
    }

    /// A row that nobody had.
    pub fn new_row(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }
}

impl Layout {
    /// The venue with rows other than in the order of its places.
    ///
    /// # Errors
    /// Where the numbering is not one of its places.
    pub fn numbered(mut self, numbering: Numbering) -> Result<Layout, DefinitionError> {
        let rows = i64::from(numbering.next);
        range("rows of the event", rows, i64::from(self.seats), ROWS_PER_EVENT_MAX as i64)?;
        let places = vec![None; numbering.next as usize];
        let mut numbers = Numbers { rows: vec![], labels: vec![], places, numbering };
        for run in &numbers.numbering.runs {
            for offset in 0..run.count {
                let place = u32::try_from(numbers.rows.len()).unwrap_or(u32::MAX);
                let row = run.row.saturating_add(offset);
                let free = numbers.places.get_mut(row as usize).filter(|place| place.is_none());
                let free = free.filter(|_| place < self.seats);
                *free.ok_or(DefinitionError::Numbering(row))? = Some(SeatNumber(place));
                numbers.rows.push(row);
                let label = if run.label == 0 { 0 } else { run.label.saturating_add(offset) };
                numbers.labels.push(label);
            }
        }
        let (seats, numbered) = (i64::from(self.seats), numbers.rows.len() as i64);
        range("places with a row", numbered, seats, seats)?;
        self.check_labels(&numbers)?;
        if !self.is_in_order(&numbers) {
            self.numbers = Some(numbers);
        }
        Ok(self)
    }

    /// Places of general admission are called by rising numbers from 1 on, and others by none.
    fn check_labels(&self, numbers: &Numbers) -> Result<(), DefinitionError> {
        for section in 0..self.sections() {
            let (first, count) = self.span(section);
            let mut last = 0;
            for place in first as usize..(first + count) as usize {
                let label = numbers.labels[place];
                let so = if self.is_general(section) { label > last } else { label == 0 };
                if !so {
                    return Err(DefinitionError::Numbering(numbers.rows[place]));
                }
                last = label;
            }
        }
        Ok(())
    }

    /// Whether a numbering is the one that places have from the start.
    fn is_in_order(&self, numbers: &Numbers) -> bool {
        let label = |section: usize, seat: SeatNumber| {
            if self.is_general(section) { self.label_of(section, seat) } else { 0 }
        };
        let in_order = |section: usize| {
            let (first, count) = self.span(section);
            (first..first + count).map(SeatNumber).all(|seat| {
                let at = seat.0 as usize;
                numbers.rows[at] == seat.0 && numbers.labels[at] == label(section, seat)
            })
        };
        numbers.numbering.next == self.seats && (0..self.sections()).all(in_order)
    }

    /// How its places are numbered, where they are not in their own order.
    #[must_use]
    pub fn numbering(&self) -> Option<&Numbering> {
        self.numbers.as_ref().map(|numbers| &numbers.numbering)
    }

    /// How many rows there may be in the ledger, those of places that are gone among them.
    #[must_use]
    pub fn rows_ever(&self) -> u32 {
        self.numbers.as_ref().map_or(self.seats, |numbers| numbers.numbering.next)
    }

    /// The row of a place.
    #[must_use]
    pub fn ledger_row(&self, seat: SeatNumber) -> RowNumber {
        let row = self.numbers.as_ref().map_or(seat.0, |numbers| numbers.rows[seat.0 as usize]);
        RowNumber(row)
    }

    /// The place of a row; `None` where it is gone, or never was.
    #[must_use]
    pub fn place_of(&self, row: RowNumber) -> Option<SeatNumber> {
        match &self.numbers {
            Some(numbers) => numbers.places.get(row.0 as usize).copied().flatten(),
            None => (row.0 < self.seats).then_some(SeatNumber(row.0)),
        }
    }

    /// What a place of a general-admission section is called there.
    #[must_use]
    pub fn label_of(&self, section: usize, seat: SeatNumber) -> u32 {
        match &self.numbers {
            Some(numbers) => numbers.labels[seat.0 as usize],
            None => seat.0 - self.sections[section].first + 1,
        }
    }

    /// The place of a general-admission section that is called so.
    pub(super) fn labelled(&self, section: usize, label: u32) -> Option<SeatNumber> {
        let (first, count) = self.span(section);
        let place = match &self.numbers {
            Some(numbers) => {
                let labels = &numbers.labels[first as usize..(first + count) as usize];
                u32::try_from(labels.binary_search(&label).ok()?).ok()?
            }
            None => label.checked_sub(1).filter(|place| *place < count)?,
        };
        Some(SeatNumber(first + place))
    }
}
