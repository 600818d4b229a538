//! What the auditor reports: one divergence, where it is, what should have been there.

use std::fmt;

use crate::domain::ids::{EventId, Partition};
use crate::domain::outcome::OutcomeBody;
use crate::ports::log::Topic;

/// Name of the topic of requests.
pub(super) const REQUESTS: &str = "booking.requests";
/// Name of the topic of dead letters.
pub(super) const DEAD_LETTERS: &str = "booking.dead-letters";
/// Where a row of the ledger, not a record, diverges.
pub(super) const LEDGER: &str = "ledger";

/// Which promise a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// A request without an answer, or bytes without a dead letter.
    Lost,
    /// More than one answer, or an answer and a dead letter.
    Duplicated,
    /// An outcome that belongs to no request, or to another one.
    Identity,
    /// An answer behind one to a later request of its partition.
    Order,
    /// The sequence of an event has a gap or goes back.
    Sequence,
    /// A decision earlier than the one before it, or later than its record.
    Time,
    /// A seat with two holders.
    TwoHolders,
    /// Places that do not exist, or are not the ones asked for or held.
    Seats,
    /// A price or currency that is not the definition's, or not the one pinned.
    Price,
    /// A limit exceeded.
    Limit,
    /// A grant that the state of the sale, the edition or the waiting time rules out.
    Sale,
    /// A blocked place sold without an override, or a block that is not as it was asked for.
    Block,
    /// A refund of what was not paid, was given back before, or is refunded by other means.
    Refund,
    /// A hold made twice, ended twice, or acted on by another than its holder.
    Hold,
    /// A hold ended before its time.
    EarlyExpiry,
    /// A hold that had lapsed and was passed over, or honoured all the same.
    LateExpiry,
    /// A refusal that says what was not so.
    Refusal,
    /// A suspended event that goes on, though nothing on the log lets it.
    Suspended,
    /// Places of one event are more, fewer or others than there are.
    Conservation,
    /// Counts of one event are not what its places come to.
    Recount,
    /// Deciding again comes to something else.
    Decision,
    /// The ledger says something else than the topics.
    Ledger,
    /// A record that its readers do not find or do not understand.
    Unreadable,
}

impl Check {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Check::Lost => "lost",
            Check::Duplicated => "duplicated",
            Check::Identity => "identity",
            Check::Order => "order",
            Check::Sequence => "sequence",
            Check::Time => "time",
            Check::TwoHolders => "two-holders",
            Check::Seats => "seats",
            Check::Price => "price",
            Check::Limit => "limit",
            Check::Sale => "sale",
            Check::Block => "block",
            Check::Refund => "refund",
            Check::Hold => "hold",
            Check::EarlyExpiry => "early-expiry",
            Check::LateExpiry => "late-expiry",
            Check::Refusal => "refusal",
            Check::Suspended => "suspended",
            Check::Conservation => "conservation",
            Check::Recount => "recount",
            Check::Decision => "decision",
            Check::Ledger => "ledger",
            Check::Unreadable => "unreadable",
        }
    }
}

/// One divergence between what the log says and what the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which promise it is about.
    pub check: Check,
    /// Partition of the request.
    pub partition: Partition,
    /// Offset of the request it is about: of a row of the ledger the request that changed the place
    /// last, of what else the ledger says the event's last one. Of an answer that cannot be read
    /// its own.
    pub offset: i64,
    /// Where the diverging record is: the topic of the outcome, of the request, or the ledger.
    pub topic: &'static str,
    /// The event, where it is known.
    pub event: Option<EventId>,
    /// What the rules say.
    pub expected: String,
    /// What the log says.
    pub found: String,
}

impl Finding {
    /// Where it stands among all findings: by partition, then by the request it is about. What
    /// cannot be read does not tell which that is, and comes last.
    pub(super) fn rank(&self) -> (Partition, bool, i64) {
        (self.partition, self.check == Check::Unreadable, self.offset)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: partition {}, offset {}, ", self.check.name(), self.partition, self.offset)?;
        if let Some(event) = &self.event {
            write!(f, "event {event}, ")?;
        }
        write!(f, "{}: expected {}, found {}", self.topic, self.expected, self.found)
    }
}

/// A divergence before it is known where it is.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) check: Check,
    pub(super) expected: String,
    pub(super) found: String,
}

/// What a check comes to.
pub(super) type Judged = Result<(), Fault>;

/// Words for a divergence are only made when there is one.
pub(super) fn ensure(ok: bool, check: Check, words: impl FnOnce() -> (String, String)) -> Judged {
    if ok {
        return Ok(());
    }
    let (expected, found) = words();
    Err(Fault { check, expected, found })
}

/// Two values that must be the same.
pub(super) fn same<T: PartialEq + fmt::Debug>(
    check: Check,
    what: &str,
    expected: &T,
    found: &T,
) -> Judged {
    let words = || (format!("{what} {expected:?}"), format!("{found:?}"));
    ensure(expected == found, check, words)
}

/// The topic an outcome is published to.
pub(super) fn topic_of(body: &OutcomeBody) -> &'static str {
    Topic::of(body).name()
}
