//! The window of remembered request ids of one partition.
//!
//! An id carries the time it was made. It passes only within [`ID_WINDOW`] of the highest append
//! time of the partition, so remembering ids for twice that is remembering them for as long as they
//! could pass again. Everything here follows from the records alone, in their order: whoever owns
//! the partition, and however often it was read, says the same of each record.

use std::collections::{HashMap, VecDeque};

use super::arrival::Arrival;
use crate::domain::decide::IdVerdict;
use crate::domain::ids::{Digest, RequestId};
use crate::domain::limits::{ID_MEMORY, ID_WINDOW};
use crate::domain::time::At;

/// Ids met in a partition, and the highest append time.
#[derive(Clone, Debug, Default)]
pub struct Window {
    first: HashMap<RequestId, (i64, Digest)>,
    records: VecDeque<Remembered>,
    /// Highest append time before the oldest record remembered.
    floor: At,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    offset: i64,
    highest: At,
    /// The id that this record was the first to carry.
    id: Option<RequestId>,
}

impl Window {
    /// A window that knows only the highest append time so far.
    #[must_use]
    pub fn beginning(floor: At) -> Window {
        Window { floor, ..Window::default() }
    }

    /// The highest append time of the partition so far.
    #[must_use]
    pub fn highest(&self) -> At {
        self.records.back().map_or(self.floor, |record| record.highest.max(self.floor))
    }

    /// Takes the next record in, and says what its id is worth.
    pub fn take(&mut self, arrival: &Arrival) -> IdVerdict {
        let highest = self.highest().max(arrival.appended);
        self.forget_before(highest.minus(ID_MEMORY));
        let mut record = Remembered { offset: arrival.offset, highest, id: None };
        let mut verdict = IdVerdict::Fresh;
        if let Some(request) = arrival.to_remember() {
            verdict = self.judge(request.id, arrival, highest);
            if !matches!(verdict, IdVerdict::Seen { .. }) {
                self.first.insert(request.id, (arrival.offset, arrival.digest));
                record.id = Some(request.id);
            }
        }
        self.records.push_back(record);
        verdict
    }

    fn judge(&self, id: RequestId, arrival: &Arrival, highest: At) -> IdVerdict {
        if let Some(&(offset, digest)) = self.first.get(&id) {
            return IdVerdict::Seen { offset, same: digest == arrival.digest };
        }
        let distance = id.made_at().map_or(i64::MAX, |made| made.since(highest).0.saturating_abs());
        if distance > ID_WINDOW.0 { IdVerdict::OutOfWindow } else { IdVerdict::Fresh }
    }

    /// Forgets the records at or above an offset: they will be read again.
    pub fn rewind(&mut self, offset: i64) {
        while self.records.back().is_some_and(|record| record.offset >= offset) {
            if let Some(Remembered { id: Some(id), .. }) = self.records.pop_back() {
                self.first.remove(&id);
            }
        }
    }

    fn forget_before(&mut self, at: At) {
        while self.records.front().is_some_and(|record| record.highest < at) {
            if let Some(record) = self.records.pop_front() {
                self.floor = self.floor.max(record.highest);
                if let Some(id) = record.id {
                    self.first.remove(&id);
                }
            }
        }
    }
}
