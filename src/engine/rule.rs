//! The rules of the protocol by name, so that tests can take each out and see something break.

use super::Engine;

/// A rule of design sections 5 and 6 that lives in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The outbox holds refusals too.
    OutboxHoldsRefusals,
    /// The outbox holds all that Kafka is owed, not only the newest batch.
    OutboxHoldsAllOwed,
    /// A higher term in an event's fence is obeyed.
    HigherTermIsObeyed,
    /// An event is fenced before it is decided on.
    TakeoverFences,
    /// The fence is read again after the rows.
    FenceIsReadAgain,
    /// A `define` fences an absent event before it is decided.
    DefineFencesFirst,
    /// An unsettled batch is sent again as it is.
    UnknownIsSentAgain,
    /// A refusal that shows our own operation id means that the batch had applied.
    OwnOperationMeansApplied,
    /// The ledger is held against what is published.
    SetBackIsNoticed,
    /// More published than is known means that the position is read anew.
    PublishedBelowIsChecked,
    /// Nothing is published before the changes it rests on are in the ledger.
    OnlySettledIsPublished,
    /// What is published is a contiguous prefix.
    PrefixIsContiguous,
    /// Nothing is published again before the position was read.
    PositionBeforeRepublishing,
}

impl Engine {
    /// Whether a rule holds: always, but in the test that takes it out.
    #[cfg(not(test))]
    #[allow(clippy::unused_self, reason = "the tests' twin looks into it")]
    pub(super) fn keeps(&self, _: Rule) -> bool {
        true
    }

    /// Whether a rule holds: always, but in the test that takes it out.
    #[cfg(test)]
    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}
