//! The contract of [`ports::log`](holdfast::ports::log).
//!
//! Not to be shown on every driver, and so not here: how partitions move between owners that live
//! at the same time, an owner that sleeps through its own end, and transactions that somebody left
//! open (all in [`log`](crate::log), on Kafka); that a window longer than a test is read back in
//! part.

mod asking;
mod bench;
mod mutant;
mod owning;
pub(crate) mod publications;
mod publishing;

use libtest_mimic::Trial;

use self::bench::Bench;
use self::mutant::Fault;
use super::{Clause, clause, mutant_trial};
use crate::stack::{solo_trial, trial};

const CLAUSES: &[Clause<Bench, Fault>] = &[
    clause!(
        asking::what_is_submitted_comes_back,
        DropsHeaders => "the headers of",
        NullBecomesEmpty => "the value of",
        CutsValues => "the value of",
        LosesSubmitted => "0 of 15",
        NamesAnotherPartition => "is said to be of partition",
        StampsNothing => "appended at 0",
        StampsFall => "append times fall",
    ),
    clause!(
        asking::a_reader_reads_to_the_end_by_position,
        EndTooEarly => "outcomes at [0] and no others",
        LosesTheLast => "outcomes at [0] and no others",
        IgnoresStart => "from the second on: ([0, 1], 2)",
    ),
    clause!(
        asking::a_start_beyond_the_end_is_refused,
        ReadsFromAnyStart => "read from beyond the end",
        FollowsFromAnyStart => "follows from beyond the end",
    ),
    clause!(
        asking::a_follower_sees_each_record_once_and_in_order,
        FollowsTwice => "partition",
        FollowsWithGaps => "records came",
        FollowsInPairs => "partition",
    ),
    clause!(
        asking::a_compacted_topic_keeps_the_last_record_of_each_key,
        KeepsTheFirst => "a is not as of 3",
    ),
    clause!(asking::what_is_on_the_log_stays, KeepsInMemory => "the log has other records"),
    clause!(
        owning::records_arrive_once_and_in_order,
        DeliversFirst => "not assigned",
        DeliversTwice => "more records than there are",
        DeliversBackwards => "handed over",
        DeliversBare => "became",
        ForgetsEpoch => "became",
    ),
    clause!(
        owning::an_assignment_finds_what_was_published,
        ForgetsPosition => "the position is None",
        LosesMetadata => "last: None",
        DeniesOutcomes => "there are outcomes",
        ForgetsPredecessor => "the predecessor is None",
        ForgetsInventory => "the inventory is []",
        TakesInventoryOfAll => "the inventory is",
        ReadsNothingBack => "read back: []",
    ),
    clause!(
        owning::terms_rise,
        SameTerm => "terms [0, 0]",
        TermOfNoRecord => "is of no record",
    ),
    clause!(
        owning::no_term_follows_one_of_another_ledger,
        TakesTermsOfAnyLedger => "no refusal of",
        KeepsTermsItRefuses => "no refusal of",
    ),
    clause!(
        owning::a_rewind_delivers_again,
        IgnoresRewind => "no records within",
        IgnoresEpoch => "no records within",
        MixesEpochs => "after the first of epoch",
    ),
    clause!(
        owning::a_paused_partition_is_silent_and_goes_on,
        NeverPauses => "records in spite of the pause",
        StaysPaused => "after the pause",
        PausesAll => "of the other partition",
        SkipsWhilePaused => "after the pause",
    ),
    clause!(
        owning::a_term_taken_anew_is_higher_and_marked,
        NeverRetakes => "taken anew",
        UnmarkedRetake => "it is not marked",
        SameTerm => "0 after [0, 0]",
    ),
    clause!(
        owning::leaving_is_told_and_the_successor_goes_on,
        LeavesWithoutAWord => "no farewell",
        TalksOn => "it goes on talking",
        FeedsFromTheStart => "[0, 1, 2] and not 3..6",
    ),
    clause!(
        publishing::a_publication_becomes_visible_whole,
        PublishesPartByPart => "visible in",
        PositionWithoutRecords => "what is there is []",
        RecordsWithoutPosition => "the position is Some(0) and not Some(1)",
        PublishesBare => "what is there is",
        PublishesNoInventory => "what is there is []",
    ),
    clause!(
        publishing::positions_tell_what_was_published_before,
        TellsPositionsOfTheAssignment => "was published",
    ),
    clause!(
        publishing::an_owner_replaced_publishes_nothing,
        PublishesUnderAnybody => "published by whoever was replaced",
        LivesOn => "does not give up",
    ),
    clause!(
        publishing::an_owner_killed_leaves_nothing_half_done,
        RecordsBeforePosition => "outcomes and position",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![];
    for clause in CLAUSES {
        let name = |driver: &str| format!("contract::log::{driver}::{}", clause.name);
        let check = clause.check;
        trials.push(solo_trial(&name("embedded"), move || check(&Bench::embedded()?)));
        trials.push(trial(&name("kafka"), move |stack| check(&Bench::kafka(&stack.kafka)?)));
        trials.push(mutant_trial("log", clause, Bench::mutant));
    }
    trials
}
