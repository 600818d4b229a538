//! The window of remembered request ids of one partition.
//!
//! An id carries the time it was made. It passes only within [`ID_WINDOW`] of the highest append
//! time of the partition, and one that has passed is remembered until that time is [`ID_MEMORY`]
//! past the one in the id: longer than it could pass again. Everything here follows from the
//! records alone, in their order: whoever owns the partition, and however often it was read, says
//! the same of each record. Counting the memory from the record that carried the id first would not
//! do: a successor that reads back from later on may find another first record.

use std::collections::{HashMap, VecDeque};

use super::arrival::Arrival;
use crate::domain::decide::IdVerdict;
use crate::domain::ids::{Digest, RequestId};
use crate::domain::limits::{ID_MEMORY, ID_READ_BACK, ID_WINDOW};
use crate::domain::rule::Rule;
use crate::domain::time::At;

/// Ids met in a partition, and the highest append time.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// The record that an id passed with.
    first: HashMap<RequestId, (i64, Digest)>,
    records: VecDeque<Remembered>,
    /// Highest append time of what is no longer remembered, or was never read.
    floor: At,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    offset: i64,
    /// Highest append time of the partition up to it.
    highest: At,
    /// The id that passed with this record.
    id: Option<RequestId>,
}

impl Window {
    /// Takes in what the log had reached before the records to come, beside those taken so far.
    pub fn begin_at(&mut self, highest: At) {
        self.floor = self.floor.max(highest);
    }

    /// The highest append time of the partition so far.
    #[must_use]
    pub fn highest(&self) -> At {
        self.records.back().map_or(self.floor, |record| record.highest.max(self.floor))
    }

    /// Takes the next record in, and says what its id is worth.
    pub fn take(&mut self, arrival: &Arrival) -> IdVerdict {
        let highest = self.highest().max(arrival.appended);
        let mut record = Remembered { offset: arrival.offset, highest, id: None };
        let mut verdict = IdVerdict::Fresh;
        if let Some(request) = arrival.to_remember() {
            let until = if Rule::HighestTimeCounts.holds() { highest } else { arrival.appended };
            verdict = self.judge(request.id, arrival, until);
            if verdict == IdVerdict::Fresh {
                self.first.insert(request.id, (arrival.offset, arrival.digest));
                record.id = Some(request.id);
            }
        }
        self.records.push_back(record);
        verdict
    }

    /// What an id is worth that has aged until then.
    fn judge(&self, id: RequestId, arrival: &Arrival, until: At) -> IdVerdict {
        let Some(made) = id.made_at() else { return IdVerdict::OutOfWindow };
        let age = until.since(made).0;
        let memory = if Rule::IdsOutliveTheirWindow.holds() { ID_MEMORY } else { ID_WINDOW };
        let any_body = !Rule::BodyIsCompared.holds();
        match self.first.get(&id) {
            Some(&(offset, digest)) if age <= memory.0 => {
                IdVerdict::Seen { offset, same: digest == arrival.digest || any_body }
            }
            Some(_) | None if age.saturating_abs() > ID_WINDOW.0 => IdVerdict::OutOfWindow,
            Some(_) | None => IdVerdict::Fresh,
        }
    }

    /// Forgets the records at or above an offset: they will be read again.
    pub fn rewind(&mut self, offset: i64) {
        if !Rule::RewindForgetsIds.holds() {
            return;
        }
        while self.records.back().is_some_and(|record| record.offset >= offset) {
            if let Some(Remembered { id: Some(id), .. }) = self.records.pop_back() {
                self.first.remove(&id);
            }
        }
    }

    /// Forgets what cannot matter any more once the records below an offset are committed: nothing
    /// below it is ever read again, and what is above must be judged as if it were read anew.
    pub fn forget_below(&mut self, committed: i64) {
        let last = self.records.partition_point(|record| record.offset < committed);
        let Some(last) = last.checked_sub(1) else { return };
        let oldest = self.records[last].highest.minus(ID_READ_BACK);
        while self.records.front().is_some_and(|record| record.highest < oldest) {
            if let Some(record) = self.records.pop_front() {
                self.floor = self.floor.max(record.highest);
                if let Some(id) = record.id {
                    self.first.remove(&id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
