//! A seed says all that happens, and whatever is not as it should be is found.

mod breaks;

use breaks::BREAKS;
use smallvec::SmallVec;

use super::*;
use crate::audit::Report;
use crate::domain::limits::OUTBOX_BYTES_MAX;
use crate::domain::outcome::OutcomeBody;

/// All that is told of a seed's requests.
fn tell(seed: u64, requests: usize) -> Vec<Told> {
    let mut sales = Sales::new(seed, requests);
    let told = (0..requests).map(|_| {
        sales.ask();
        sales.last.back().expect("a record was taken").clone()
    });
    let told = told.collect();
    sales.finish();
    assert_eq!(sales.found, Vec::<String>::new(), "seed {seed}");
    told
}

fn audit(all: &[Told]) -> Report {
    let mut models: BTreeMap<Partition, Model> = BTreeMap::new();
    for told in all {
        let model = models.entry(told.partition).or_insert_with(|| Model::new(told.partition));
        hand_over(model, told);
    }
    let mut report = Report::default();
    models.values_mut().for_each(|model| report.merge(model.finish()));
    report
}

#[test]
fn a_seed_says_all_that_happens() {
    let hash = |seed| one(seed, 400, None).hash;
    assert_eq!(hash(7), hash(7));
    assert_ne!(hash(7), hash(8));
    let (here, there) = (many(4, 100, 1), many(4, 100, 2));
    assert_eq!((here.hash, here.requests, here.failed), (there.hash, 400, 0));
}

#[test]
fn a_giant_fills_an_outbox_while_kafka_is_away_for_five_seconds() {
    for seed in (1..=4).map(|nth| nth * GIANTS) {
        let refused = |outcome: &Outcome| matches!(outcome.body, OutcomeBody::Refused(_));
        let told: Vec<Outcome> = tell(seed, 1_200).into_iter().flat_map(|t| t.outcomes).collect();
        let bytes = |outcome: &Outcome| wire::outcome::encode(outcome).value.len();
        let refused: Vec<(At, usize)> = told
            .iter()
            .filter(|outcome| refused(outcome))
            .map(|outcome| (outcome.header.decided_at, bytes(outcome)))
            .collect();
        let owed = |&(from, _): &(At, usize)| {
            let away = from..from.plus(Millis(5_000));
            refused.iter().filter(|(at, _)| away.contains(at)).map(|(_, bytes)| bytes).sum()
        };
        let most: usize = refused.iter().map(owed).max().unwrap_or(0);
        assert!(most > OUTBOX_BYTES_MAX, "seed {seed}: only {most} bytes");
    }
}

#[test]
fn a_twin_that_answers_otherwise_is_noticed() {
    let mut sales = Sales::new(3, 4_000);
    while sales.found.is_empty() && sales.asked < sales.requests {
        sales.ask();
        let owned = sales.owners.iter_mut().flat_map(|owner| owner.events.values_mut());
        for (twin, _) in owned.filter_map(|owned| owned.twin.as_mut()) {
            twin.sequence += 1;
        }
    }
    let told = sales.found.first().expect("a difference");
    assert!(told.starts_with("decided otherwise after a takeover: "), "{told}");
}

#[test]
fn changes_and_rows_that_are_not_told_are_noticed() {
    let mut states: BTreeMap<EventId, EventState> = BTreeMap::new();
    let mut changed = 0;
    for told in tell(3, 400) {
        let (Some(request), Some(outcome)) = (&told.request, told.outcomes.last()) else {
            continue;
        };
        let unknown = || EventState::unknown(request.event.clone());
        let state = states.entry(request.event.clone()).or_insert_with(unknown);
        let before = state.clone();
        let Told { partition, offset, digest, .. } = told;
        let at = outcome.header.decided_at.max(state.last_at);
        let (waited, id, early) = (Millis(0), IdVerdict::Fresh, request.check().err());
        let asked = Asked { at, waited, partition, offset, digest, id, early };
        let decision = step(state, request, &asked);
        assert_eq!(wrong_changes(&before, state, &decision), None);
        if decision.touched.is_empty() {
            continue;
        }
        changed += 1;
        let rows = Decision { touched: SmallVec::new(), ..decision.clone() };
        assert!(wrong_changes(&before, state, &rows).is_some_and(|told| told.starts_with("rows")));
        let changes = Decision { changes: SmallVec::new(), ..decision };
        assert!(
            wrong_changes(&before, state, &changes).is_some_and(|told| told.starts_with("the"))
        );
    }
    assert!(changed > 20, "only {changed} decisions touch rows");
}

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

/// What the auditor, which shares no rule with the core, says of the first seed without a rule in
/// which it finds something. The core's own assertions do not count.
fn found_without(rule: Rule) -> Option<String> {
    (1..=100).find_map(|seed| {
        let Course { found, last, .. } = one(seed, 1_000, Some(rule));
        assert_eq!(found.is_empty(), last.is_empty(), "a failure tells what was asked last");
        let own = |found: &&String| found.starts_with("panic") || found.starts_with("decided");
        found.iter().find(|found| !own(found)).cloned()
    })
}

#[test]
fn every_rule_that_is_taken_out_is_missed() {
    let found: Vec<(Rule, Option<String>)> =
        RULES.iter().map(|&rule| (rule, found_without(rule))).collect();
    let unseen: Vec<&Rule> =
        found.iter().filter(|(_, found)| found.is_none()).map(|(rule, _)| rule).collect();
    assert!(unseen.is_empty(), "nobody misses {unseen:?}\n{found:#?}");
}

#[test]
fn what_is_broken_is_found_where_it_is() {
    let mut rng = Rng::with_seed(99);
    let mut logs: Vec<Vec<Told>> = (1..=12).map(|seed| tell(seed, 500)).collect();
    assert!(logs.iter().all(|log| audit(log).is_clean()), "clean along the way, and at once");
    for (name, break_it) in BREAKS {
        let mut broken = 0;
        for _ in 0..20_000 {
            let log = &mut logs[rng.usize(..12)];
            let at = rng.usize(..log.len());
            let whole = log[at].outcomes.clone();
            if whole.is_empty() || !break_it(&mut log[at], rng.usize(..whole.len())) {
                log[at].outcomes = whole;
                continue;
            }
            let first = audit(log).first_divergence;
            let place = first.as_ref().map(|first| (first.partition, first.offset));
            let told = &log[at];
            assert_eq!(place, Some((told.partition, told.offset)), "{name}: {told:?} {first:?}");
            log[at].outcomes = whole;
            broken += 1;
            if broken == 25 {
                break;
            }
        }
        assert!(broken > 5, "{name} was tried {broken} times only");
    }
}
