//! Rules of the decision taken out, one at a time: the auditor, which shares none of them, finds
//! every one in the topics or the ledger that a sale without it leaves behind.

use super::{Sale, audited};
use crate::domain::rule::{Rule, Without};

/// The rules that `decide` and `apply` keep.
const RULES: &[Rule] = &[
    Rule::GraceIsGiven,
    Rule::GraceIsWhole,
    Rule::LapsedEndFirst,
    Rule::ConfirmIsNoException,
    Rule::OldestLapsedFirst,
    Rule::ConfirmNeverGoesStale,
    Rule::AllOrNothing,
    Rule::LinesAreJudgedTogether,
    Rule::LimitsCountBooked,
    Rule::ExpectedPriceProtects,
    Rule::BlockedIsNotSold,
    Rule::BlockIsReturnedTo,
    Rule::CauseIsRemembered,
    Rule::RefusalsRaiseNothing,
    Rule::OnlyTheHolderActs,
    Rule::EditionIsCompared,
    Rule::CalledOffIsFinal,
    Rule::ClosedKeepsPromises,
];

/// What the auditor says first of the first sale without a rule in which it finds something.
fn found_without(rule: Rule) -> Option<String> {
    let _without = Without::new(Some(rule));
    (1..=100).find_map(|seed| audited(&Sale::make(seed, 1_000, false)).1.into_iter().next())
}

#[test]
fn every_rule_that_is_taken_out_is_missed() {
    let found: Vec<(Rule, Option<String>)> =
        RULES.iter().map(|&rule| (rule, found_without(rule))).collect();
    let unseen: Vec<&Rule> =
        found.iter().filter(|(_, found)| found.is_none()).map(|(rule, _)| rule).collect();
    assert!(unseen.is_empty(), "nobody misses {unseen:?}\n{found:#?}");
}
