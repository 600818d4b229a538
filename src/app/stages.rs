//! Where an owner's time goes, summed since the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Sums over all owners of a process.
#[derive(Debug, Default)]
pub struct Stages {
    /// Decoding records and checking signatures, on the consumer's thread.
    pub(super) decode: Sum,
    /// Deciding, encoding and all else the engine does.
    pub(super) decide: Sum,
    /// From sending a batch to its result.
    pub(super) ledger: Sum,
    /// From asking for a transaction to its result.
    pub(super) transaction: Sum,
    /// The engine waiting for something to happen.
    pub(super) idle: Sum,
}

/// How often something happened, and how long it took in all.
#[derive(Debug, Default)]
pub(super) struct Sum {
    count: AtomicU64,
    micros: AtomicU64,
}

impl Sum {
    pub(super) fn add(&self, count: usize, length: Duration) {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        (self.count.load(Ordering::Relaxed), self.micros.load(Ordering::Relaxed))
    }
}

/// [`Stages`] at one moment: count and microseconds of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagesRead {
    /// Records decoded.
    pub decode: (u64, u64),
    /// Inputs taken.
    pub decide: (u64, u64),
    /// Batches settled.
    pub ledger: (u64, u64),
    /// Transactions ended.
    pub transaction: (u64, u64),
    /// Waits.
    pub idle: (u64, u64),
}

impl Stages {
    /// The sums so far.
    #[must_use]
    pub fn read(&self) -> StagesRead {
        StagesRead {
            decode: self.decode.read(),
            decide: self.decide.read(),
            ledger: self.ledger.read(),
            transaction: self.transaction.read(),
            idle: self.idle.read(),
        }
    }
}
