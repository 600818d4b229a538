//! The rules of the protocol by name, so that each can be taken out and seen to be needed.
//!
//! A production build has no switch: there every rule holds, and the compiler drops the question.
//! With the feature `sim` one rule may be taken out on one thread. It is a fault planted in the
//! code that is really run; a copy of that code with the fault in it would be tested instead of it.

/// Names every rule, what goes wrong without it, and lists them all.
macro_rules! rules {
    ($($(#[$doc:meta])+ $name:ident = $text:literal;)+) => {
        /// A rule that can be taken out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])+ $name,)+
        }

        impl Rule {
            /// All rules.
            pub const ALL: &[Rule] = &[$(Rule::$name,)+];

            /// Its name in lists and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$name => $text,)+ }
            }
        }
    };
}

rules! {
    /// The outbox holds refusals too.
    OutboxHoldsRefusals = "outbox-holds-refusals";
    /// The outbox holds all that Kafka is owed, not only the newest batch.
    OutboxHoldsAllOwed = "outbox-holds-all-owed";
    /// A higher term in an event's fence is obeyed.
    HigherTermIsObeyed = "higher-term-is-obeyed";
    /// An event is fenced before it is decided on.
    TakeoverFences = "takeover-fences";
    /// The fence is read again after the rows.
    FenceIsReadAgain = "fence-is-read-again";
    /// A `define` fences an absent event before it is decided.
    DefineFencesFirst = "define-fences-first";
    /// An unsettled batch is sent again as it is.
    UnknownIsSentAgain = "unknown-is-sent-again";
    /// A refusal that shows our own operation id means that the batch had applied.
    OwnOperationMeansApplied = "own-operation-means-applied";
    /// The ledger is held against what is published.
    SetBackIsNoticed = "set-back-is-noticed";
    /// More published than is known means that the position is read anew.
    PublishedBelowIsChecked = "published-below-is-checked";
    /// Nothing is published before the changes it rests on are in the ledger.
    OnlySettledIsPublished = "only-settled-is-published";
    /// What is published is a contiguous prefix.
    PrefixIsContiguous = "prefix-is-contiguous";
    /// Nothing is published again before the position was read.
    PositionBeforeRepublishing = "position-before-republishing";
    // Time and lapsed holds (design 4).

    /// A hold is live for the grace beyond its deadline.
    GraceIsGiven = "grace-is-given";
    /// A hold is live in the last millisecond of its grace too.
    GraceIsWhole = "grace-is-whole";
    /// Every request ends lapsed holds first, not only an Expire.
    LapsedEndFirst = "lapsed-end-first";
    /// A confirm is held to the same deadline as everybody else.
    ConfirmIsNoException = "confirm-is-no-exception";
    /// Of the lapsed holds the oldest deadline ends first.
    OldestLapsedFirst = "oldest-lapsed-first";
    /// Log time is never beyond the owner's clock and its skew.
    TimeIsClamped = "time-is-clamped";
    /// Log time never steps back within an event.
    TimeNeverStepsBack = "time-never-steps-back";
    /// A takeover goes on from the last time that ledger or inventory tell, whichever is greater:
    /// refusals raise only the latter.
    LastTimeIsTheGreatest = "last-time-is-the-greatest";
    /// Confirm, release, cancel and Expire never go stale.
    ConfirmNeverGoesStale = "confirm-never-goes-stale";

    // What is decided (design 4).

    /// A claim gets all the seats it names, or none.
    AllOrNothing = "all-or-nothing";
    /// The lines of one claim are judged together.
    LinesAreJudgedTogether = "lines-are-judged-together";
    /// Limits count booked seats beside the held ones.
    LimitsCountBooked = "limits-count-booked";
    /// An expected price that is not the price refuses the claim.
    ExpectedPriceProtects = "expected-price-protects";
    /// A blocked seat is sold to nobody but staff.
    BlockedIsNotSold = "blocked-is-not-sold";
    /// A seat of a block goes back to the block when its holder leaves it.
    BlockIsReturnedTo = "block-is-returned-to";
    /// A freed seat remembers why it was left.
    CauseIsRemembered = "cause-is-remembered";
    /// A refusal raises no sequence.
    RefusalsRaiseNothing = "refusals-raise-nothing";
    /// Only the holder acts on a hold.
    OnlyTheHolderActs = "only-the-holder-acts";
    /// An administrative request made for another edition is refused.
    EditionIsCompared = "edition-is-compared";
    /// An event called off confirms nothing.
    CalledOffIsFinal = "called-off-is-final";
    /// A closed or paused sale keeps what it promised.
    ClosedKeepsPromises = "closed-keeps-promises";

    // Arrivals and the window of ids (design 3 and 4).

    /// What only operators and our own workers may ask is signed.
    SignatureIsNeeded = "signature-is-needed";
    /// A record in another event's partition touches neither ledger nor outbox nor state.
    WrongPartitionTouchesNothing = "wrong-partition-touches-nothing";
    /// An id is remembered longer than it could pass.
    IdsOutliveTheirWindow = "ids-outlive-their-window";
    /// The ids of a partition are read back when it is assigned.
    IdsAreReadBack = "ids-are-read-back";
    /// A rewind forgets the ids that will be read again.
    RewindForgetsIds = "rewind-forgets-ids";
    /// An id's age is counted to the highest append time of the partition, not to its record's own.
    HighestTimeCounts = "highest-time-counts";
    /// Only authorised records have their ids remembered.
    OnlyAuthorisedAreRemembered = "only-authorised-are-remembered";
    /// A remembered id under another body is a conflict.
    BodyIsCompared = "body-is-compared";

    // Batches and outbox (design 5 and 6).

    /// No batch of an event is sent before the last one is settled.
    OneBatchAtATime = "one-batch-at-a-time";
    /// A seat is guarded by what the last batch wrote, not by what memory had in between.
    GuardIsOfTheLastBatch = "guard-is-of-the-last-batch";
    /// `published_below` is the committed offset, not the end of what a transaction was handed.
    PublishedBelowIsCommitted = "published-below-is-committed";
    /// The outbox holds dead letters too.
    OutboxHoldsDeadLetters = "outbox-holds-dead-letters";
    /// A takeover leaves the outbox as it is.
    TakeoverKeepsOutbox = "takeover-keeps-outbox";

    // Takeover and suspension (design 5 and 6).

    /// An offset behind what the inventory knows of refuses the partition.
    InventoryIsHeldAgainstPosition = "inventory-is-held-against-position";
    /// Memory of a partition ends with its assignment.
    MemoryEndsWithAssignment = "memory-ends-with-assignment";
    /// A new term is taken only when no transaction of ours is open.
    RetakeWaitsForTransaction = "retake-waits-for-transaction";
    /// Of the outbox only what is not committed yet is owed.
    OwedFromThePosition = "owed-from-the-position";
    /// The revision is held against every one known, beside the sequence.
    RevisionIsCompared = "revision-is-compared";
    /// A record whose entry is in the ledger is not decided again.
    EntriesAreNotDecidedAgain = "entries-are-not-decided-again";
    /// An entry is published only for the record it was made of.
    DigestIsCompared = "digest-is-compared";
    /// A suspension outlives its owner.
    SuspensionIsDurable = "suspension-is-durable";
    /// What a suspended event owes is published all the same, unless the ledger was set back.
    SuspensionKeepsOwed = "suspension-keeps-owed";

    // Publication (design 3 and 6).

    /// What lies below the position read is not published again.
    BelowPositionIsDone = "below-position-is-done";
    /// A definition or sale state that changed is in the catalog.
    CatalogIsPublished = "catalog-is-published";
    /// The inventory tells what is published, not what is only decided.
    InventoryIsOfThePublished = "inventory-is-of-the-published";

    // The log's driver (design 6).

    /// The position is committed in the transaction of the records, not on its own.
    OffsetsInTheTransaction = "offsets-in-the-transaction";
    /// A transaction carries the membership captured when its assignment began, never a newer one.
    MetadataIsCaptured = "metadata-is-captured";
    /// A dead predecessor's open transaction is ended by fencing it.
    PredecessorIsFenced = "predecessor-is-fenced";
    /// The term's transaction commits the position as well, so that the coordinator judges it.
    TermNamesThePosition = "term-names-the-position";
    /// That position is compared with the group's once nothing of one's own is under way: a member
    /// may be assigned its partitions again in the generation it is in, with a transaction on its
    /// way that the coordinator still admits.
    TermPositionIsCurrent = "term-position-is-current";
    /// The position is read once no transaction is open over it.
    PositionIsStable = "position-is-stable";
    /// The producer is made anew after a transaction ended in doubt.
    ProducerIsMadeAnew = "producer-is-made-anew";

    // Rules that the simulator found missing.

    /// No term is taken that does not follow the partition's last: one of another ledger would keep
    /// out those of the right one ever after.
    TermFollowsTheLast = "term-follows-the-last";
    /// A suspension that is refused drops the partition: what was read before counts for nothing.
    RefusedSuspensionDrops = "refused-suspension-drops";
    /// An entry of the outbox is published only after the one before it.
    EntriesFollowEachOther = "entries-follow-each-other";
    /// A suspended event answers with the last published sequence, whatever its ledger has.
    SuspendedAnswersThePublished = "suspended-answers-the-published";

    /// What is published is all of it. Without it one answer of each publication is left out: a
    /// checker that does not notice checks nothing.
    Canary = "canary";
}

#[cfg(feature = "sim")]
thread_local! {
    static OUT: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

impl Rule {
    /// Whether the rule holds: always, in production.
    #[cfg(not(feature = "sim"))]
    #[must_use]
    #[inline]
    pub const fn holds(self) -> bool {
        true
    }

    /// Whether the rule holds: always, unless it was taken out on this thread.
    #[cfg(feature = "sim")]
    #[must_use]
    #[inline]
    pub fn holds(self) -> bool {
        OUT.get() != Some(self)
    }
}

/// Takes a rule out on this thread for as long as it lives.
#[cfg(feature = "sim")]
#[derive(Debug)]
pub struct Without(Option<Rule>);

#[cfg(feature = "sim")]
impl Without {
    /// Takes this rule out, or none: no other is out then.
    #[must_use]
    pub fn new(rule: Option<Rule>) -> Without {
        Without(OUT.replace(rule))
    }
}

#[cfg(feature = "sim")]
impl Drop for Without {
    fn drop(&mut self) {
        OUT.set(self.0);
    }
}
