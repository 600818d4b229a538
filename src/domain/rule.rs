//! The rules of the protocol by name, so that each can be taken out and seen to be needed.
//!
//! A production build has no switch: there every rule holds, and the compiler drops the question.
//! With the feature `sim` one rule may be taken out on one thread. It is a fault planted in the code
//! that is really run; a copy of that code with the fault in it would be tested instead of it.

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
    /// Offsets are in the transaction that publishes the answers.
    OffsetsInTheTransaction = "offsets-in-the-transaction";
    /// A transaction carries the membership that was captured when its assignment began.
    MetadataIsCaptured = "metadata-is-captured";
    /// A former owner that is gone is fenced, so that nothing of it stays open.
    PredecessorIsFenced = "predecessor-is-fenced";
    /// A position is believed only when no transaction is open over it.
    PositionIsStable = "position-is-stable";
    /// After an end that nobody knows the outcome of, the producer is made anew.
    ProducerIsMadeAnew = "producer-is-made-anew";
    /// The records whose ids are remembered are read back at an assignment.
    IdsAreReadBack = "ids-are-read-back";
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
