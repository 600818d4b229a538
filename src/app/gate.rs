//! A bound on the records between the consumer's thread and the engine's.
//!
//! The engine listens to one channel for everything, so the channel itself is not bounded: a reply
//! of the ledger must never wait behind records. The consumer waits here instead, briefly, so that
//! it goes on serving the group while the engine catches up.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Records under way at most before the consumer waits.
const RECORDS_MAX: usize = 20_000;
/// How long the consumer waits at a time; the group is served in between.
const PATIENCE: Duration = Duration::from_millis(200);

/// Counts records under way.
#[derive(Debug, Default)]
pub(super) struct Gate {
    records: Mutex<usize>,
    less: Condvar,
}

impl Gate {
    /// Lets so many records in, after waiting for room or for the consumer's patience to end.
    pub(super) fn enter(&self, count: usize) {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let waited =
            self.less.wait_timeout_while(records, PATIENCE, |records| *records >= RECORDS_MAX);
        let (mut records, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *records += count;
    }

    /// So many records have been taken in.
    pub(super) fn leave(&self, count: usize) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        *records -= count;
        self.less.notify_one();
    }
}
