//! Row texts: labels and ranges in physical order, `|` where neighbours are parted.

use std::collections::BTreeMap;

use foldhash::HashMap;

use super::{DefinitionError, range};
use crate::domain::ids::check_name;
use crate::domain::limits::{SEATS_PER_EVENT_MAX, SEATS_PER_REQUEST_MAX};

/// The labels of a row and its aisles, shared by all rows that read alike.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RowPlan {
    pub(super) labels: Vec<String>,
    pub(super) by_label: HashMap<String, u32>,
    /// Position of the first seat of each segment but the first.
    pub breaks: Vec<u32>,
    /// Slot of each seat: an aisle takes one too, so that seats next to each other have slots next
    /// to each other, and no others do.
    slots: Vec<u32>,
    /// Seats before each slot.
    before: Vec<u32>,
    /// Of the first so many seats, how far they are from the middle of the row, in half seats.
    off_centre: Vec<i64>,
    /// For each number of seats, how near to the middle they can be at best, together.
    nearest: Vec<i64>,
    /// Seats kept for those who need them.
    kept: BTreeMap<u32, Kept>,
}

/// For whom a seat is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A wheelchair stands here.
    Bay,
    /// Somebody sits here who comes with somebody in a bay.
    Companion,
}

impl RowPlan {
    /// Reads a row's text.
    ///
    /// # Errors
    /// Names the part that is not a label or a range, or a label that is there twice.
    pub fn parse(row: &str, text: &str) -> Result<RowPlan, DefinitionError> {
        let unreadable = |part: &str, problem: &'static str| DefinitionError::RowText {
            row: row.into(),
            part: part.into(),
            problem,
        };
        let mut plan = RowPlan::default();
        for part in text.replace('|', " | ").split_whitespace() {
            if part == "|" {
                let position = plan.len();
                if position > 0 && plan.breaks.last() != Some(&position) {
                    plan.breaks.push(position);
                }
                continue;
            }
            match range_of(part).map_err(|problem| unreadable(part, problem))? {
                Some((from, to)) if from <= to => {
                    (from..=to).try_for_each(|label| plan.push(label.to_string()))?;
                }
                Some((from, to)) => {
                    (to..=from).rev().try_for_each(|label| plan.push(label.to_string()))?;
                }
                None => {
                    let problem = "is not a seat label or a range such as 1-20";
                    check_name(part).map_err(|_| unreadable(part, problem))?;
                    plan.push(part.into())?;
                }
            }
        }
        let end = plan.len();
        plan.breaks.retain(|&position| position < end);
        plan.number_slots();
        plan.find_nearest();
        Ok(plan)
    }

    /// Keeps the seats of a text for those who need them.
    pub(super) fn keep(
        &mut self,
        row: &str,
        text: &str,
        kept: Kept,
    ) -> Result<(), DefinitionError> {
        for label in RowPlan::parse(row, text)?.labels {
            let wrong = |problem| DefinitionError::RowText {
                row: row.into(),
                part: label.clone(),
                problem,
            };
            let seat = self.by_label.get(&label).ok_or(wrong("is no seat of the row"))?;
            if self.kept.insert(*seat, kept).is_some() {
                return Err(wrong("is both a bay and a companion's seat"));
            }
        }
        Ok(())
    }

    /// For whom a seat is kept, if it is.
    pub(in crate::domain) fn kept(&self, seat: u32) -> Option<Kept> {
        self.kept.get(&seat).copied()
    }

    /// The wheelchair bays of the row.
    pub(in crate::domain) fn bays(&self) -> impl Iterator<Item = u32> {
        self.kept.iter().filter(|(_, kept)| **kept == Kept::Bay).map(|(&seat, _)| seat)
    }

    fn number_slots(&mut self) {
        let middle = i64::from(self.len()) - 1;
        let mut sum = 0;
        self.off_centre.push(sum);
        for seat in 0..self.len() {
            if self.breaks.binary_search(&seat).is_ok() {
                self.before.push(seat);
            }
            self.slots.push(u32::try_from(self.before.len()).expect("a row is bounded"));
            self.before.push(seat);
            sum += (2 * i64::from(seat) - middle).abs();
            self.off_centre.push(sum);
        }
    }

    /// Finds for each number of seats the block of them that is nearest to the middle.
    fn find_nearest(&mut self) {
        let ends = self.breaks.iter().copied().chain([self.len()]);
        let begins = [0].into_iter().chain(self.breaks.iter().copied());
        let segments: Vec<(u32, u32)> = begins.zip(ends).collect();
        for count in 0..=SEATS_PER_REQUEST_MAX {
            let count = u32::try_from(count).expect("a small bound");
            let blocks = segments.iter().filter(|(begin, end)| end - begin >= count);
            let nearest = blocks.flat_map(|&(begin, end)| {
                let middle = self.len().saturating_sub(count);
                [middle / 2, middle.div_ceil(2)]
                    .map(|first| self.off_centre(first.clamp(begin, end - count), count))
            });
            self.nearest.push(nearest.min().unwrap_or(i64::MAX));
        }
    }

    /// How far so many seats are from the middle of the row at best, in half seats, together.
    pub(in crate::domain) fn nearest(&self, count: u32) -> i64 {
        self.nearest[count as usize]
    }

    /// The slot of a seat.
    pub(in crate::domain) fn slot(&self, seat: u32) -> u32 {
        self.slots[seat as usize]
    }

    /// The seat of a slot that is no aisle.
    pub(in crate::domain) fn seat_at(&self, slot: u32) -> u32 {
        self.before[slot as usize]
    }

    /// How many slots there are.
    pub(in crate::domain) fn slots(&self) -> u32 {
        u32::try_from(self.before.len()).expect("a row is bounded")
    }

    /// How far so many seats from one on are from the middle of the row, in half seats, together.
    pub(in crate::domain) fn off_centre(&self, first: u32, count: u32) -> i64 {
        self.off_centre[(first + count) as usize] - self.off_centre[first as usize]
    }

    fn push(&mut self, label: String) -> Result<(), DefinitionError> {
        let position = self.len();
        range("seats of a row", i64::from(position) + 1, 1, SEATS_PER_EVENT_MAX as i64)?;
        if self.by_label.insert(label.clone(), position).is_some() {
            return Err(DefinitionError::Twice { what: "seat", name: label });
        }
        self.labels.push(label);
        Ok(())
    }

    pub(in crate::domain) fn len(&self) -> u32 {
        u32::try_from(self.labels.len()).expect("a row has fewer than 2^32 seats")
    }
}

/// `1-20` as its ends; `A-1` and the like are labels. A range counts in plain numbers: one written
/// with leading zeros would put seats on sale that are called otherwise than their signs.
fn range_of(part: &str) -> Result<Option<(u32, u32)>, &'static str> {
    let digits = |end: &str| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    let Some((from, to)) = part.split_once('-').filter(|(from, to)| digits(from) && digits(to))
    else {
        return Ok(None);
    };
    if [from, to].iter().any(|end| end.len() > 1 && end.starts_with('0')) {
        return Err("is a range whose leading zeros would be lost; write its labels one by one");
    }
    match (from.parse::<u32>(), to.parse::<u32>()) {
        (Ok(from), Ok(to)) if (from.abs_diff(to) as usize) < SEATS_PER_EVENT_MAX => {
            Ok(Some((from, to)))
        }
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Err("is a range of more seats than an event may have"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aisles_part_a_row() {
        let plan = RowPlan::parse("A", "| 1-3 | 4 5 || 6 |").unwrap();
        assert_eq!(plan.breaks, [3, 5]);
    }

    #[test]
    fn only_plain_numbers_make_a_range() {
        let labels = |text: &str| RowPlan::parse("A", text).unwrap().labels;
        assert_eq!(labels("+1-3 A-1 1-B 7-"), ["+1-3", "A-1", "1-B", "7-"]);
        assert_eq!(labels("01 02 | 0-2"), ["01", "02", "0", "1", "2"]);
        for text in ["01-5", "1-05", "00-2"] {
            assert!(RowPlan::parse("A", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_row_is_not_read_beyond_the_seats_of_an_event() {
        let ranges: Vec<String> =
            (0..40_000u32).map(|n| format!("{}-{}", n * 100_000, n * 100_000 + 99_999)).collect();
        let error = RowPlan::parse("A", &ranges.join(" ")).unwrap_err();
        assert_eq!(error.to_string(), "seats of a row is 200001; it must be from 1 to 200000");
    }
}
