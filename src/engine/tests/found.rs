//! What was found by attacking and reading the engine: each failed before it was mended.

use std::sync::Arc;

use super::world::{Fate, World, sells};
use crate::domain::ids::{BuyerId, EventId};
use crate::domain::limits::PARTITION_RECORDS_MAX;
use crate::domain::refusal::Code;
use crate::domain::request::{Block, Body, Cancel, Exchange, Line, Target, Unblock};
use crate::domain::rule::Rule;
use crate::wire;

/// While a batch is under way more refusals are decided than may wait for a batch; none follows,
/// since they change nothing, and the event must go on all the same.
#[test]
fn refusals_do_not_wait_for_a_batch_that_never_comes() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 1);
    world.fates.push((sells("e"), Fate::Late));
    world.claim("e", "b1", 1);
    world.deliver(w);
    while world.step(w) {}
    for buyer in 0..12_000 {
        world.claim("e", &format!("c{buyer}"), 1);
    }
    world.deliver(w);
    while world.step(w) {}
    world.deliver_late();
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// An unknown event's refusal is decided, and the event defined, before either is in Kafka. Both
/// must be in the outbox, or else the definition waits.
#[test]
fn a_refusal_before_the_definition_is_not_lost_with_its_owner() {
    let mut world = World::new(None);
    let w = world.owner();
    world.claim("e", "b1", 1);
    world.define("e", 2);
    world.die_owing(w);
    world.owner();
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// A partition that reads no more because it is behind is dropped: it must be read again.
#[test]
fn a_paused_partition_is_read_again_after_it_was_dropped() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 1);
    world.fates.push((sells("e"), Fate::Late));
    world.claim("e", "b1", 1);
    world.deliver(w);
    while world.step(w) {}
    for buyer in 0..PARTITION_RECORDS_MAX {
        world.claim("e", &format!("c{buyer}"), 1);
    }
    world.deliver(w);
    while world.step(w) {}
    // Somebody takes the event over and lets it go again, so that the batch is refused.
    let event = EventId::new("e").unwrap();
    world.ledger.get_mut(&event).unwrap().fence.as_mut().unwrap().revision += 1;
    world.deliver_late();
    world.run();
    assert_eq!(world.workers[w].engine.counts().drops, 1);
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// A row that no release can have written stops its event, and what the event owes is published.
#[test]
fn rows_that_do_not_agree_stop_the_event_and_lose_nothing() {
    let mut world = World::new(None);
    world.may_suspend = true;
    let w = world.owner_of("e", 2);
    let hold = world.claim("e", "b1", 2);
    world.die_owing(w);
    let event = EventId::new("e").unwrap();
    world.ledger.get_mut(&event).unwrap().seats.get_mut(&1).unwrap().offset += 1;
    world.owner();
    let release = world.release("e", "b1", hold);
    world.run();
    assert_eq!(world.refusal_of(hold), None, "the hold was promised");
    assert_eq!(world.refusal_of(release), Some(Code::EventSuspended));
}

/// An event that owes entries is being suspended when its ledger is set back: the suspension is
/// refused, and what was read before it counts for nothing any more.
#[test]
fn a_suspension_that_is_refused_begins_anew() {
    let mut world = World::new(None);
    world.may_suspend = true;
    let w = world.owner_of("e", 2);
    world.claim("e", "b1", 2);
    world.die_owing(w);
    let event = EventId::new("e").unwrap();
    world.ledger.get_mut(&event).unwrap().seats.get_mut(&1).unwrap().offset += 1;
    world.fates.push((Box::new(|batch| !batch.next.suspended.is_empty()), Fate::Late));
    world.owner();
    world.run();
    world.ledger.get_mut(&event).unwrap().fence.as_mut().unwrap().revision += 1;
    world.deliver_late();
    world.run();
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// The ledger knows of more published than the group's offset says, and nobody else does.
#[test]
fn an_offset_moved_back_is_known_to_the_ledger_too() {
    let refused = |without: Option<Rule>| {
        let mut world = World::new(without);
        let w = world.owner_of("e", 3);
        let image = world.committed.clone();
        world.claim("e", "b1", 1);
        world.run();
        world.claim("e", "b2", 1);
        world.run();
        world.kill(w);
        world.committed = image;
        world.lose_inventory();
        let successor = world.owner();
        world.run();
        world.workers[successor].refused.clone()
    };
    let sentence = refused(None).expect("the partition is refused");
    assert!(sentence.contains("moved back"), "{sentence}");
    assert_eq!(refused(Some(Rule::PublishedBelowIsChecked)), None);
}

/// The places of a booking by an exchange are in the rows, and those it left.
#[test]
fn a_successor_knows_what_was_exchanged() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 4);
    let hold = world.claim("e", "b1", 2);
    world.confirm("e", "b1", hold);
    let exchange = |seats: &[&str], count| {
        Body::Exchange(Exchange {
            buyer: BuyerId::new("b1").unwrap(),
            hold,
            seats: seats.iter().map(ToString::to_string).collect(),
            lines: vec![Line::Places { section: "s".into(), tier: None, count }],
            expected_difference: None,
        })
    };
    world.ask("e", exchange(&["s/1"], 1));
    world.run();
    world.kill(w);
    world.owner();
    let gone = world.ask("e", exchange(&["s/1"], 1));
    let full = world.ask("e", exchange(&["s/2"], 3));
    let back = world.ask("e", exchange(&["s/2", "s/3"], 2));
    let late = world.confirm("e", "b1", hold);
    let rest = world.claim("e", "b2", 2);
    world.run();
    let refused = [gone, full, back, late, rest].map(|id| world.refusal_of(id));
    let [not_in, lacking] = [Code::NotInBooking, Code::NotEnough];
    assert_eq!(refused, [Some(not_in), Some(lacking), None, None, None]);
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// Blocks, and what was paid for places given back, are in the rows: a successor knows them.
#[test]
fn a_successor_knows_what_is_blocked_and_what_was_cancelled() {
    let mut world = World::new(None);
    let w = world.owner_of("e", 4);
    let hold = world.claim("e", "b1", 2);
    world.confirm("e", "b1", hold);
    let press = |count| Target::Places { section: "s".into(), count };
    let block = |places| Block { edition: 2, actor: "test".into(), reason: "press".into(), places };
    world.ask("e", Body::Block(block(vec![press(1)])));
    let buyer = BuyerId::new("b1").unwrap();
    let cancel = |seats| Body::Cancel(Cancel { buyer: buyer.clone(), hold, seats, block: None });
    world.ask("e", cancel(vec!["s/1".into()]));
    world.run();
    world.kill(w);
    world.owner();
    let again = world.ask("e", cancel(vec!["s/1".into()]));
    let rest = world.ask("e", cancel(vec![]));
    let confirm = world.confirm("e", "b1", hold);
    let too_many = world.claim("e", "b2", 4);
    let unblock = Unblock { edition: 2, actor: "test".into(), places: vec![press(1)] };
    let unblock = world.ask("e", Body::Unblock(unblock));
    let all = world.claim("e", "b2", 4);
    world.run();
    let refused = [again, rest, confirm, too_many, unblock, all].map(|id| world.refusal_of(id));
    let [not_in, ended, lacking] = [Code::NotInBooking, Code::HoldEnded, Code::NotEnough];
    assert_eq!(refused, [Some(not_in), None, Some(ended), Some(lacking), None, None]);
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// The outbox cannot be read, so a change of the ledger is never published. No answer of the
/// suspended event carries its sequence: it would pass for published once the ledger is repaired.
#[test]
fn a_change_that_was_never_published_is_never_answered_with() {
    let run = |without: Option<Rule>| {
        let mut world = World::new(without);
        world.may_suspend = true;
        let w = world.owner_of("e", 2);
        world.claim("e", "b1", 2);
        world.die_owing(w);
        let event = EventId::new("e").unwrap();
        let published = world.inventories.last().unwrap().sequence;
        let spoilt = world.ledger.get_mut(&event).unwrap();
        let outbox = std::mem::replace(&mut spoilt.outbox.1, Arc::from(*b"spoilt"));
        world.owner();
        world.run();
        // Another owner: the event is suspended before it is taken over.
        let successor = world.owner();
        let asked = world.claim("e", "b2", 1);
        world.run();
        let answers = world.visible();
        let answer = answers.iter().find(|answer| answer.header.request == asked).unwrap();
        let told = [answer.header.sequence, world.inventories.last().unwrap().sequence];
        // Repaired by halves: it is let go, and what it owed was passed over meanwhile.
        world.kill(successor);
        let repaired = world.ledger.get_mut(&event).unwrap();
        repaired.fence.as_mut().unwrap().suspended = String::new();
        repaired.outbox.1 = outbox;
        world.owner();
        let asked = world.claim("e", "b3", 1);
        world.run();
        (told == [published; 2], world.refusal_of(asked))
    };
    assert_eq!(run(None), (true, Some(Code::EventSuspended)));
    assert_eq!(
        run(Some(Rule::SuspendedAnswersThePublished)),
        (false, Some(Code::NotEnough)),
        "the event goes on with places that nobody was told of"
    );
}

/// An entry is missing in the middle of the outbox. What follows it rests on a change that nobody
/// was told of: it is refused, and no answer carries a sequence beyond the last one told.
#[test]
fn nothing_is_published_after_an_entry_that_is_missing() {
    let run = |without: Option<Rule>| {
        let mut world = World::new(without);
        world.may_suspend = true;
        let w = world.owner_of("e", 3);
        let published = world.inventories.last().unwrap().sequence;
        let claims = ["b1", "b2", "b3"].map(|buyer| world.claim("e", buyer, 1));
        world.die_owing(w);
        let event = EventId::new("e").unwrap();
        let spoilt = world.ledger.get_mut(&event).unwrap();
        let mut entries = wire::outbox::decode(&spoilt.outbox.1).unwrap();
        entries.remove(1);
        spoilt.outbox.1 = wire::outbox::encode(entries.iter()).into();
        world.owner();
        world.run();
        let told = world.inventories.last().unwrap().sequence - published;
        (claims.map(|claim| world.refusal_of(claim)), told)
    };
    let stopped = Some(Code::EventSuspended);
    assert_eq!(run(None), ([None, stopped, stopped], 1));
    let gap = run(Some(Rule::EntriesFollowEachOther));
    assert_eq!(gap, ([None, stopped, None], 3), "the third is told, and the second never was");
}
