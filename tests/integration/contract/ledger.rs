//! The contract of [`ports::ledger`](holdfast::ports::ledger).
//!
//! Not to be shown on every driver, and so not here: that an unknown batch may yet be written
//! (`ledger::a_lost_answer_is_settled` stops a server for it), that no null is ever written
//! (`ledger::nothing_becomes_a_tombstone`), and that a driver repeats nothing of its own accord,
//! which is how its statements are made.

pub(crate) mod batches;
mod bench;
mod conditions;
mod content;
mod mutant;
mod settled;

use libtest_mimic::Trial;

use self::bench::Bench;
use self::mutant::Fault;
use super::{Clause, clause, mutant_trial};
use crate::stack::{solo_trial, trial};

const CLAUSES: &[Clause<Bench, Fault>] = &[
    clause!(
        conditions::a_batch_that_finds_what_it_expects_is_written,
        WritesNothing => "the event is absent",
        RefusesAll => "not applied",
    ),
    clause!(
        conditions::an_event_is_made_once,
        MakesAnew => "Applied and not Rejected",
        MakesByTheWay => "Applied and not Rejected",
    ),
    clause!(
        conditions::a_stale_revision_is_refused_and_shows_the_fence,
        IgnoresRevision => "Applied and not Rejected",
        HidesTheFence => "fence: None",
    ),
    clause!(
        conditions::another_batch_under_the_same_revision_is_refused,
        ComparesRevisionOnly => "Applied and not Rejected",
    ),
    clause!(
        conditions::a_batch_sent_again_is_refused_and_shows_its_id,
        AnswersAppliedAgain => "Applied and not Rejected",
        EchoesTheFence => "and not Rejected",
    ),
    clause!(
        conditions::a_failed_seat_guard_writes_nothing,
        IgnoresSeatGuards => "Applied and not Rejected",
        TakesAbsentForAny => "Applied and not Rejected",
        WritesWhatItCan => "a refused batch left something",
    ),
    clause!(
        conditions::a_failed_outbox_guard_writes_nothing,
        IgnoresOutboxGuard => "Applied and not Rejected",
        WritesWhatItCan => "a refused batch left something",
    ),
    clause!(
        conditions::a_failed_definition_guard_writes_nothing,
        IgnoresDefinitionGuard => "Applied and not Rejected",
        WritesWhatItCan => "a refused batch left something",
    ),
    clause!(conditions::of_two_writers_one_wins, LooksThenWrites => "both or none"),
    clause!(
        content::a_blob_without_bytes_keeps_its_content,
        ForgetsContent => "the outbox is []",
        KeepsChanged => "the outbox changed at 1",
    ),
    clause!(
        content::rows_come_back_as_written,
        ReadsOnePage => "5000 rows and not 6000",
        ReadsBackwards => "row 0",
        ForgetsReference => "row 1",
        ForgetsBlock => "row 4",
    ),
    clause!(
        content::the_largest_batch_is_taken_whole,
        LosesRowsBeyondAThousand => "1000 rows",
        CutsContent => "the outbox has 1048576 bytes",
    ),
    clause!(
        content::events_are_apart,
        OneEventForAll => "not applied",
        ReadsRowsOfAll => "rows of another event",
    ),
    clause!(
        settled::a_read_sees_every_settled_batch,
        ReadsStaleRows => "rows as of before",
        ReadsStaleFence => "the fence as of before",
    ),
    clause!(
        settled::fence_reads_never_go_back,
        FlickeringFence => "fell from",
        TornFence => "another batch's outbox",
    ),
    clause!(
        settled::a_batch_dropped_is_settled_by_sending_it_again,
        WritesInTwoSteps => "not the row of the batch settled",
        AppliesAgain => "Applied and not Rejected",
    ),
    clause!(settled::the_identity_stays, NamesItselfAnew => "another identity"),
    clause!(settled::what_was_applied_stays, KeepsInMemory => "the event is absent"),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![];
    for clause in CLAUSES {
        let name = |driver: &str| format!("contract::ledger::{driver}::{}", clause.name);
        let check = clause.check;
        trials.push(solo_trial(&name("embedded"), move || check(&Bench::embedded()?)));
        trials.push(trial(&name("cql"), move |stack| check(&Bench::cql(&stack.cql)?)));
        trials.push(mutant_trial("ledger", clause, Bench::mutant));
    }
    trials
}
