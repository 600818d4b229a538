//! A record's place in its partition, from arrival to publication.

use std::sync::Arc;

use crate::domain::ids::{Digest, EventId};
use crate::domain::time::At;
use crate::ports::log::OutRecord;

/// A record that has arrived and is not yet known to be committed in Kafka.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) offset: i64,
    pub(super) appended: At,
    /// Highest append time of the partition up to it.
    pub(super) highest: At,
    pub(super) digest: Digest,
    pub(super) bytes: usize,
    pub(super) event: Option<EventId>,
    /// What it publishes, once that is decided.
    pub(super) decided: Option<Decided>,
}

/// What a decided record publishes, and on what that rests.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    pub(super) records: Arc<Vec<OutRecord>>,
    /// Bytes of those.
    pub(super) bytes: usize,
    /// How many of its event's changes must be in the ledger before it may be published.
    pub(super) needs: u64,
    /// The event's sequence after it.
    pub(super) sequence: i64,
    /// Log time of the decision.
    pub(super) at: At,
}
