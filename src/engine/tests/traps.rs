//! The traps of the protocol: each scenario is clean with all rules and broken without the one it
//! is for.

use super::world::{Fate, START, TransactionFate, World, sells, takes_over};
use crate::domain::ids::EventId;
use crate::domain::refusal::Code;
use crate::domain::rule::Rule;
use crate::domain::time::Millis;

/// Runs a scenario with all rules, which must be clean, and without one, which must not be.
pub(super) fn trap(rule: Rule, scenario: fn(&mut World)) {
    let mut world = World::new(None);
    scenario(&mut world);
    assert_eq!(world.violations(), Vec::<String>::new(), "with all rules");
    let mut world = World::new(Some(rule));
    scenario(&mut world);
    assert_ne!(world.violations(), Vec::<String>::new(), "without {rule:?}");
}

#[test]
fn a_sale_without_faults_is_clean() {
    let mut world = World::new(None);
    world.owner_of("e", 3);
    let first = world.claim("e", "b1", 2);
    let second = world.claim("e", "b2", 2);
    let third = world.claim("e", "b3", 1);
    world.run();
    assert_eq!(world.refusal_of(first), None);
    assert_eq!(world.refusal_of(second), Some(Code::NotEnough));
    assert_eq!(world.refusal_of(third), None);
    world.confirm("e", "b1", first);
    world.release("e", "b3", third);
    let fourth = world.claim("e", "b2", 1);
    world.run();
    assert_eq!(world.refusal_of(fourth), None);
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.committed.as_ref().map(|position| position.offset), Some(8));
}

#[test]
fn holds_end_for_whoever_comes_and_by_expire_requests() {
    let mut world = World::new(None);
    world.owner_of("e", 1);
    let first = world.claim("e", "b1", 1);
    world.run();
    world.now = world.now.plus(Millis(700_000));
    let second = world.claim("e", "b2", 1);
    world.run();
    assert_eq!((world.refusal_of(first), world.refusal_of(second)), (None, None));
    let early = world.ask("e", crate::domain::request::Body::Expire);
    world.run();
    assert_eq!(world.refusal_of(early), Some(Code::NothingDue));
    world.now = world.now.plus(Millis(700_000));
    let due = world.ask("e", crate::domain::request::Body::Expire);
    world.run();
    assert_eq!(world.refusal_of(due), None);
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// The owner decides a claim and a refusal, writes the claim to the ledger, and dies before Kafka.
/// While it is away the holder gives the place back, so that the refusal would be decided
/// otherwise.
pub(super) fn refusal_owed(world: &mut World) {
    let w = world.owner_of("e", 1);
    let hold = world.claim("e", "b1", 1);
    world.claim("e", "b2", 1);
    world.release("e", "b1", hold);
    world.deliver(w);
    world.run_until_publish(w);
    world.kill(w);
    world.owner();
    world.run();
}

#[test]
fn refusals_owed_to_kafka_are_in_the_outbox() {
    trap(Rule::OutboxHoldsRefusals, refusal_owed);
}

#[test]
fn two_crashes_in_a_row_lose_nothing() {
    trap(Rule::OutboxHoldsAllOwed, |world| {
        let first = world.owner_of("e", 3);
        world.claim("e", "b1", 1);
        world.deliver(first);
        world.run_until_publish(first);
        world.kill(first);
        let second = world.owner();
        world.claim("e", "b2", 1);
        world.deliver(second);
        // The second owner takes the event over, and its first publication is lost with it as well.
        world.run_until_publish(second);
        let commits = |world: &mut World| while world.step_but_publish(second) {};
        commits(world);
        world.kill(second);
        world.owner();
        world.run();
    });
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_published_again() {
    trap(Rule::PositionBeforeRepublishing, |world| {
        world.owner_of("e", 3);
        world.transaction_fates.push_back(TransactionFate::CommittedAnswerLost);
        world.claim("e", "b1", 1);
        world.run();
        world.claim("e", "b2", 1);
        world.run();
    });
}

#[test]
fn an_aborted_transaction_is_published_again() {
    let mut world = World::new(None);
    world.owner_of("e", 3);
    world.transaction_fates.push_back(TransactionFate::Aborted);
    world.claim("e", "b1", 1);
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn an_owner_that_dies_after_its_commit_has_answered() {
    let mut world = World::new(None);
    world.owner_of("e", 3);
    world.transaction_fates.push_back(TransactionFate::CommittedThenDead);
    world.claim("e", "b1", 1);
    world.run();
    world.owner();
    world.claim("e", "b2", 1);
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// A sleeper's batch is under way while its successor takes over, and comes late: it is outbid.
#[test]
fn a_takeover_outbids_the_batch_of_a_sleeper() {
    trap(Rule::TakeoverFences, |world| {
        sleeper_with_a_batch_under_way(world);
        world.owner();
        world.run();
        world.deliver_late();
        world.claim("e", "b2", 1);
        world.run();
    });
}

/// The batch comes between the successor's reading of the fence and its writing.
#[test]
fn a_batch_that_comes_before_the_takeover_is_taken_over() {
    let mut world = World::new(None);
    sleeper_with_a_batch_under_way(&mut world);
    let successor = world.owner();
    world.deliver(successor);
    while world.step_but_commit(successor) {}
    world.deliver_late();
    let second = world.claim("e", "b2", 1);
    world.run();
    assert_eq!(world.refusal_of(second), Some(Code::NotEnough));
    assert_eq!(world.violations(), Vec::<String>::new());
}

fn sleeper_with_a_batch_under_way(world: &mut World) {
    let sleeper = world.owner_of("e", 1);
    world.claim("e", "b1", 1);
    world.fates.push((sells("e"), Fate::Late));
    world.deliver(sleeper);
    while world.step(sleeper) {}
    world.workers[sleeper].asleep = true;
}

/// Two takeovers at once: rows read before the other one's sale belong to no fence read after it.
#[test]
fn two_takeovers_at_once_end_with_one_state() {
    trap(Rule::FenceIsReadAgain, |world| {
        let first = world.owner_of("e", 2);
        world.kill(first);
        let sleeper = world.owner();
        world.claim("e", "b1", 1);
        world.deliver(sleeper);
        world.step(sleeper); // reads the fence
        world.step(sleeper); // writes it
        world.step(sleeper); // reads the rows, before its successor has sold anything
        world.workers[sleeper].asleep = true;
        let successor = world.owner();
        world.run(); // takes over, sells, publishes
        world.claim("e", "b2", 1);
        world.workers[sleeper].asleep = false;
        world.run_without(successor);
        world.run();
    });
}

/// A sleeper wakes beside its successor, takes an event over that the successor holds, and decides
/// by a clock that says the claim is not stale.
#[test]
fn a_sleeper_cannot_sell_beside_its_successor() {
    trap(Rule::HigherTermIsObeyed, |world| {
        let sleeper = world.owner_of("e", 2);
        world.forget_events(sleeper);
        world.workers[sleeper].asleep = true;
        let successor = world.owner();
        world.claim("e", "b0", 1);
        world.run();
        world.claim("e", "b1", 1);
        world.fates.push((sells("e"), Fate::Late));
        world.workers[sleeper].asleep = false;
        world.run_without(successor);
        world.now = world.now.plus(Millis(60_000));
        world.run_without(sleeper);
        world.deliver_late();
        world.run();
    });
}

/// The same with an event that the successor has not touched: the sleeper's batch may be the first,
/// and its entry is then published by the successor, not decided again.
#[test]
fn what_a_sleeper_sold_in_an_event_its_successor_has_not_touched_is_published() {
    let mut world = World::new(None);
    let sleeper = world.owner_of("e", 1);
    world.on_sale("f", 1);
    world.workers[sleeper].asleep = true;
    world.owner();
    world.claim("e", "b1", 1);
    world.run();
    let first = world.claim("f", "b1", 1);
    world.workers[sleeper].asleep = false;
    world.deliver(sleeper);
    while world.step_but_publish(sleeper) {}
    world.workers[sleeper].asleep = true;
    let second = world.claim("f", "b2", 1);
    world.run();
    assert_eq!(world.refusal_of(first), None);
    assert_eq!(world.refusal_of(second), Some(Code::NotEnough));
    world.workers[sleeper].asleep = false;
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// A `define` of a sleeper is in flight while its successor refuses the same record as stale.
#[test]
fn a_define_in_flight_cannot_come_after_its_refusal() {
    trap(Rule::DefineFencesFirst, |world| {
        let sleeper = world.owner();
        world.define("e", 2);
        world.fates.push((Box::new(|batch| batch.event.as_str() == "e"), Fate::Late));
        world.deliver(sleeper);
        while world.step(sleeper) {}
        world.workers[sleeper].asleep = true;
        world.now = world.now.plus(Millis(60_000));
        world.owner();
        world.run();
        world.deliver_late();
        world.run();
        world.claim("e", "b1", 1);
        world.run();
    });
}

#[test]
fn a_batch_sent_again_counts_once() {
    trap(Rule::OwnOperationMeansApplied, |world| {
        let w = world.owner_of("e", 2);
        world.fates.push((sells("e"), Fate::AppliedUnknown));
        world.claim("e", "b1", 1);
        world.run();
        let drops = world.workers[w].engine.counts().drops;
        world.must(drops == 0, "the partition was dropped for a batch that had applied");
    });
}

#[test]
fn an_unknown_batch_is_never_sent_under_a_new_name() {
    trap(Rule::UnknownIsSentAgain, |world| {
        let w = world.owner_of("e", 2);
        world.fates.push((sells("e"), Fate::AppliedUnknown));
        world.claim("e", "b1", 1);
        world.run();
        let drops = world.workers[w].engine.counts().drops;
        world.must(drops == 0, "the partition was dropped for a batch that had applied");
    });
}

#[test]
fn a_batch_that_applies_late_counts_once() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 2);
    world.fates.push((sells("e"), Fate::LateUnknown));
    world.claim("e", "b1", 1);
    world.deliver(w);
    while world.step(w) {}
    world.deliver_late();
    world.claim("e", "b2", 1);
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_takeover_whose_answer_was_lost_is_finished() {
    let mut world = World::new(None);
    let first = world.owner_of("e", 2);
    world.kill(first);
    let second = world.start();
    world.fates.push((takes_over("e"), Fate::AppliedUnknown));
    world.assign(second);
    world.claim("e", "b1", 1);
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn nothing_is_published_that_the_ledger_does_not_have() {
    trap(Rule::OnlySettledIsPublished, |world| {
        let w = world.owner_of("e", 1);
        world.claim("e", "b1", 1);
        world.claim("e", "b2", 1);
        world.fates.push((sells("e"), Fate::LateUnknown));
        world.deliver(w);
        while world.step(w) {}
        world.kill(w);
        let successor = world.start();
        world.now = world.now.plus(Millis(60_000));
        world.assign(successor);
        world.run();
    });
}

#[test]
fn what_is_published_is_a_contiguous_prefix() {
    trap(Rule::PrefixIsContiguous, |world| {
        let w = world.owner_of("e", 1);
        world.on_sale("f", 1);
        world.fates.push((sells("e"), Fate::Late));
        world.claim("e", "b1", 1);
        world.claim("f", "b1", 1);
        world.deliver(w);
        while world.step(w) {}
        world.kill(w);
        world.owner();
        world.run();
    });
}

/// The ledger is put back to an earlier image while nobody works.
#[test]
fn a_ledger_set_back_at_rest_is_noticed() {
    trap(Rule::SetBackIsNoticed, |world| {
        world.may_suspend = true;
        let w = world.owner_of("e", 1);
        let image = world.ledger.clone();
        world.claim("e", "b1", 1);
        world.run();
        world.kill(w);
        world.ledger = image;
        world.owner();
        let second = world.claim("e", "b2", 1);
        world.run();
        let stopped = world.refusal_of(second) == Some(Code::EventSuspended);
        world.must(stopped, "the event goes on over a ledger set back");
        world.ledger.clear(); // it and the topics differ on purpose
    });
}

/// The ledger is put back under an owner: its next batch meets another revision.
#[test]
fn a_ledger_set_back_while_owned_is_noticed() {
    trap(Rule::SetBackIsNoticed, |world| {
        world.may_suspend = true;
        world.owner_of("e", 2);
        let image = world.ledger.clone();
        world.claim("e", "b1", 1);
        world.run();
        world.ledger = image;
        let second = world.claim("e", "b2", 1);
        world.run();
        let stopped = world.refusal_of(second) == Some(Code::EventSuspended);
        world.must(stopped, "the event goes on over a ledger set back");
        world.ledger.clear();
    });
}

#[test]
fn a_ledger_that_no_longer_knows_the_event_stops_it() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 1);
    world.kill(w);
    world.ledger.clear();
    world.owner();
    let claim = world.claim("e", "b1", 1);
    let define = world.define("e", 1);
    world.run();
    assert_eq!(world.refusal_of(claim), Some(Code::EventSuspended));
    assert_eq!(world.refusal_of(define), Some(Code::EventSuspended));
}

/// One row is changed by a plain write: the store itself refuses the second sale.
#[test]
fn a_row_changed_behind_the_owners_back_stops_the_event() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 2);
    world.on_sale("f", 2);
    let hold = world.claim("e", "b1", 1);
    world.run();
    let event = EventId::new("e").unwrap();
    world.ledger.get_mut(&event).unwrap().seats.get_mut(&0).unwrap().changed = 2;
    let release = world.release("e", "b1", hold);
    let other = world.claim("f", "b1", 1);
    world.run();
    assert_eq!(world.refusal_of(release), Some(Code::EventSuspended));
    assert_eq!(world.refusal_of(other), None, "other events of the partition go on");
    let fence = world.ledger[&event].fence.clone().unwrap();
    assert!(!fence.suspended.is_empty(), "the suspension is durable");
    // It outlives the owner.
    world.kill(w);
    world.owner();
    let again = world.release("e", "b1", hold);
    world.run();
    assert_eq!(world.refusal_of(again), Some(Code::EventSuspended));
}

#[test]
fn an_offset_moved_back_refuses_the_partition() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 2);
    let image = world.committed.clone();
    world.claim("e", "b1", 1);
    world.run();
    world.kill(w);
    world.committed = image;
    let successor = world.owner();
    world.run();
    let sentence = world.workers[successor].refused.clone().expect("it is refused");
    assert!(sentence.contains("moved back"), "{sentence}");
}

#[test]
fn a_request_is_answered_once_however_often_it_is_sent() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 2);
    let hold = world.claim("e", "b1", 1);
    world.run();
    let copy = world.requests.last().unwrap().clone();
    let resend = |world: &mut World| {
        let offset = world.requests.len() as i64;
        world.requests.push(crate::ports::log::RawRecord { offset, ..copy.clone() });
        world.run();
    };
    resend(&mut world);
    let last = world.visible().pop().unwrap();
    assert_eq!(last.header.role, crate::domain::outcome::Role::Repeat);
    world.release("e", "b1", hold);
    world.run();
    // The hold is gone, and another owner restores the window from the log.
    world.kill(w);
    world.owner();
    resend(&mut world);
    let last = world.visible().pop().unwrap();
    let crate::domain::outcome::OutcomeBody::Refused(refusal) = &last.body else {
        panic!("not refused: {:?}", last.body);
    };
    assert_eq!(refusal.code, Code::Repeated);
    assert_eq!(refusal.ground.first_offset, Some(2));
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn an_old_id_is_out_of_the_window() {
    let mut world = World::new(None);
    world.owner_of("e", 2);
    let id = world.claim("e", "b1", 1);
    world.requests.pop();
    world.now = world.now.plus(Millis(10_500));
    world.claim("e", "b2", 1);
    let body = crate::domain::request::Body::Claim(crate::domain::request::Claim {
        buyer: crate::domain::ids::BuyerId::new("b1").unwrap(),
        lines: vec![crate::domain::request::Line::Places {
            section: "s".into(),
            tier: None,
            count: 1,
        }],
        expected_price: None,
        staff_override: false,
        accessible: false,
    });
    world.ask_as(id, "e", body);
    world.run();
    assert_eq!(world.refusal_of(id), Some(Code::IdOutOfWindow));
    assert!(world.now.0 > START);
}
