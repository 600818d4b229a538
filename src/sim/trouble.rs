//! What an operator's bad day is made of: the group's offsets, the topics or the ledger are not what
//! they were.
//!
//! Owners cannot mend any of it; they must notice, and refuse rather than guess. So a world in which
//! one of these was done may have partitions refused or events suspended, and only those that were
//! touched. Everything else is judged as ever.

use crate::domain::ids::EventId;

/// What is done to a world, once, in the middle of its sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// The group's offset of a partition is gone.
    OffsetLost,
    /// The group's offset of a partition is an older one again.
    OffsetMovedBack,
    /// Retention has taken requests that nobody has answered.
    LogCut,
    /// The last requests of a partition are lost, answered ones among them, and others come in
    /// their place.
    TailLost,
    /// The topic of terms is made anew.
    TermsLost,
    /// The ledger of an event is an older one again.
    LedgerSetBack,
    /// The ledger does not know an event any more.
    LedgerForgets,
    /// Rows of an event do not go together.
    RowsDamaged,
    /// The outbox of an event is not readable.
    OutboxDamaged,
    /// The fence of an event is not readable for a while.
    FenceDamaged,
    /// Owners are started with another ledger's name; later with the right one again.
    WrongLedger,
    /// Owners are started with another number of partitions; later with the right one again.
    WrongCount,
}

impl Trouble {
    pub(super) const ALL: [Trouble; 12] = [
        Trouble::OffsetLost,
        Trouble::OffsetMovedBack,
        Trouble::LogCut,
        Trouble::TailLost,
        Trouble::TermsLost,
        Trouble::LedgerSetBack,
        Trouble::LedgerForgets,
        Trouble::RowsDamaged,
        Trouble::OutboxDamaged,
        Trouble::FenceDamaged,
        Trouble::WrongLedger,
        Trouble::WrongCount,
    ];

    pub(super) fn draw(lot: &mut fastrand::Rng) -> Trouble {
        Trouble::ALL[lot.usize(0..Trouble::ALL.len())]
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Trouble::OffsetLost => "offset lost",
            Trouble::OffsetMovedBack => "offset moved back",
            Trouble::LogCut => "unanswered requests gone",
            Trouble::TailLost => "tail of the log lost",
            Trouble::TermsLost => "topic of terms made anew",
            Trouble::LedgerSetBack => "ledger set back",
            Trouble::LedgerForgets => "event gone from the ledger",
            Trouble::RowsDamaged => "rows damaged",
            Trouble::OutboxDamaged => "outbox damaged",
            Trouble::FenceDamaged => "fence damaged",
            Trouble::WrongLedger => "wrong ledger",
            Trouble::WrongCount => "wrong partition count",
        }
    }
}

/// What was touched, and how it was before.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    /// Partitions that may be refused.
    pub(super) refusable: Vec<i32>,
    /// Partitions whose requests do not add up any more: they are not audited from here on.
    pub(super) unaudited: Vec<i32>,
    /// Events that may be suspended.
    pub(super) suspendable: Vec<EventId>,
    /// The right offset of a partition, to be set again.
    pub(super) offset: Option<(i32, Option<(i64, String)>)>,
}
