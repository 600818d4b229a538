//! The ways that assignments, takeovers, batches and publications can go, by name.
//!
//! Random runs prove nothing of a way they never went. So the code marks each as it goes it, and
//! the simulator, with the feature `sim`, sees which ones a run has reached; elsewhere a mark is
//! nothing. Reading the log's lines instead would tie a test to words.

/// Names every way, says when it is gone, and lists them all.
macro_rules! paths {
    ($($(#[$doc:meta])+ $name:ident = $text:literal;)+) => {
        /// A way that things can go.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Path {
            $($(#[$doc])+ $name,)+
        }

        impl Path {
            /// All ways.
            pub const ALL: &[Path] = &[$(Path::$name,)+];

            /// Its name in lists.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Path::$name => $text,)+ }
            }
        }
    };
}

paths! {
    /// A partition is begun at its position.
    BegunAtPosition = "begun-at-position";
    /// A partition is begun at the log's start, since nobody ever worked on it.
    BegunAtStart = "begun-at-start";
    /// A position is believed although the record before it is gone from the log.
    LastRecordGone = "last-record-gone";
    /// A partition is refused: its last term is of another ledger.
    OtherLedger = "other-ledger";
    /// A partition is refused: its last term is of another partition count.
    OtherPartitionCount = "other-partition-count";
    /// A partition is refused: the group has no offset of it, and there are answers.
    OffsetsLost = "offsets-lost";
    /// A partition is refused: requests are gone from the log unanswered.
    RequestsGone = "requests-gone";
    /// A partition is refused: its position is beyond the end of the log.
    PositionBeyondEnd = "position-beyond-end";
    /// A partition is refused: the record before its position is another one.
    OtherLastRecord = "other-last-record";
    /// A partition is refused: the inventory knows of more answered than its position says.
    InventoryAheadOfPosition = "inventory-ahead-of-position";

    /// A record is dropped: it was read before the last rewind or assignment.
    OldEpochDropped = "old-epoch-dropped";
    /// A record is dropped: its partition is not worked on for now.
    RecordNotWanted = "record-not-wanted";
    /// A record that concerns no event of its partition is answered.
    UnattachedAnswered = "unattached-answered";
    /// Log time is the owner's clock and its skew, not the broker's.
    TimeClamped = "time-clamped";
    /// Log time is the event's last, not the broker's.
    TimeStepsBack = "time-steps-back";
    /// A partition is too far behind and reads no more.
    PartitionPaused = "partition-paused";
    /// A partition has caught up and reads on.
    PartitionResumed = "partition-resumed";
    /// A partition is taken away with records undone.
    RevokedUndone = "revoked-undone";

    /// An answer of the ledger is dropped: its question is forgotten.
    LateAnswerDropped = "late-answer-dropped";
    /// The ledger does not answer a read; it is asked again later.
    LedgerUnavailable = "ledger-unavailable";
    /// A partition is refused: a fence says what cannot be.
    FenceCorrupt = "fence-corrupt";
    /// The ledger does not know an event, and nobody defines it.
    EventAbsent = "event-absent";
    /// The ledger no longer knows an event that is published: it is suspended in memory.
    AbsentThoughKnown = "absent-though-known";
    /// A new event's fence is sent.
    NewEventFenced = "new-event-fenced";
    /// A `define` waits until the refusals of its unknown event are published.
    DefineWaitsForRefusals = "define-waits-for-refusals";
    /// A fence carries a higher term: a new one is taken.
    TermRetaken = "term-retaken";
    /// A fence carries a higher term, and the new one is taken after the transaction under way.
    TermRetakenLater = "term-retaken-later";
    /// A partition is refused: a fence carries a higher term than the new one.
    TermStillLower = "term-still-lower";
    /// A takeover is rejected: somebody else wrote the event.
    TakeoverRejected = "takeover-rejected";
    /// Nobody knows what became of a takeover.
    TakeoverUnknown = "takeover-unknown";
    /// The fence moved while the rows were read.
    FenceMoved = "fence-moved";
    /// The event vanished while the rows were read.
    FenceVanished = "fence-vanished";
    /// An event has more published than is known: the position is read.
    MorePublishedThanKnown = "more-published-than-known";
    /// The position read explains it: the takeover starts over.
    PositionCaughtUp = "position-caught-up";
    /// A partition is refused: an event has more published than its position says.
    MovedBackByLedger = "moved-back-by-ledger";
    /// An event is suspended: its rows cannot be what an owner wrote.
    RowsCannotBe = "rows-cannot-be";
    /// An event is suspended: its outbox cannot be read.
    OutboxUnreadable = "outbox-unreadable";
    /// An event is suspended: the ledger is not where the topics are.
    LedgerSetBack = "ledger-set-back";
    /// An event is taken over and owes nothing.
    TakenOver = "taken-over";
    /// An event is taken over and owes entries.
    TakenOverOwing = "taken-over-owing";
    /// An event is taken over that was suspended before.
    TakenOverSuspended = "taken-over-suspended";
    /// An entry is published as the ledger has it.
    EntryAsInLedger = "entry-as-in-ledger";
    /// A record of a suspended event is refused although the ledger is past it.
    EntryOfSuspended = "entry-of-suspended";
    /// An event is suspended: an entry it owes is another record's.
    EntryIsAnothers = "entry-is-anothers";
    /// An event is suspended: an entry it owes is missing.
    EntryMissing = "entry-missing";

    /// A batch is applied.
    BatchApplied = "batch-applied";
    /// Nobody knows what became of a batch.
    BatchUnknown = "batch-unknown";
    /// A batch of any kind is sent again as it is.
    SentAgain = "sent-again";
    /// A refusal shows our own operation id: the batch had applied.
    OwnOperationSeen = "own-operation-seen";
    /// A batch is rejected: the partition is dropped.
    BatchRejected = "batch-rejected";
    /// A row is not what its owner last saw: the event is suspended.
    GuardFailed = "guard-failed";
    /// A batch waits for Kafka: what the event owes does not fit.
    BatchWaitsForKafka = "batch-waits-for-kafka";
    /// Changes wait for the batch under way.
    BatchWaitsForLast = "batch-waits-for-last";
    /// A record waits for its event's batch: it has no room for more.
    EventWaitsForBatch = "event-waits-for-batch";
    /// A suspension is durable.
    SuspensionApplied = "suspension-applied";
    /// Nobody knows what became of a suspension.
    SuspensionUnknown = "suspension-unknown";
    /// A suspension is rejected: the partition is dropped.
    SuspensionRejected = "suspension-rejected";
    /// A suspension was tried and the partition is dropped after it.
    SuspensionDrops = "suspension-drops";

    /// An event that is not settled holds its partition.
    PartitionHeld = "partition-held";
    /// A transaction publishes refusals only.
    OnlyRefusals = "only-refusals";
    /// A transaction publishes records of several partitions.
    SeveralPartitions = "several-partitions";
    /// A transaction is committed.
    Committed = "committed";
    /// A transaction ended in doubt, and was committed.
    EndedCommitted = "ended-committed";
    /// A transaction ended, and was not committed.
    EndedNotCommitted = "ended-not-committed";
    /// A transaction ended without a word on a position: it is asked for.
    EndedWithoutPosition = "ended-without-position";
    /// A transaction of an earlier term is answered.
    EndedOfEarlierTerm = "ended-of-earlier-term";
    /// A partition is refused: its position went back below what is known.
    PositionWentBack = "position-went-back";
    /// A partition is refused: the group has lost its position.
    PositionLost = "position-lost";
    /// A position is beyond what was sent: the partition is dropped.
    PositionBeyondSent = "position-beyond-sent";
    /// A partition is read again.
    Rewound = "rewound";
    /// Idle events are forgotten.
    IdleForgotten = "idle-forgotten";
    /// All that was read is published, and nothing more is read.
    Drained = "drained";
}

#[cfg(feature = "sim")]
thread_local! {
    static COUNTS: [std::cell::Cell<u64>; Path::ALL.len()] =
        const { [const { std::cell::Cell::new(0) }; Path::ALL.len()] };
}

impl Path {
    /// Marks that the way is gone, on this thread.
    #[inline]
    pub(super) fn reached(self) {
        #[cfg(feature = "sim")]
        COUNTS.with(|counts| counts[self as usize].update(|count| count + 1));
    }
}

/// How often each way was gone on this thread since the last call, in the order of [`Path::ALL`].
#[cfg(feature = "sim")]
#[must_use]
pub fn take_counts() -> Vec<(Path, u64)> {
    COUNTS
        .with(|counts| Path::ALL.iter().map(|&path| (path, counts[path as usize].take())).collect())
}
