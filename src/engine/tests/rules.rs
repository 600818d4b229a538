//! Every other rule of the engine taken out: each scenario is clean with it and broken without.

use super::traps::{refusal_owed, trap};
use super::world::{Fate, START, TransactionFate, World, sells};
use crate::domain::decide::IdVerdict;
use crate::domain::ids::{EventId, RequestId};
use crate::domain::outcome::{OutcomeBody, Role};
use crate::domain::refusal::Code;
use crate::domain::request::Body;
use crate::domain::rule::{Rule, Without};
use crate::domain::time::{At, Millis};
use crate::engine::arrival::{Arrival, Content};
use crate::engine::window::Window;
use crate::ports::log::{RawRecord, Seal, Topic};
use crate::wire;

/// A copy of the last request, sent again now under the same id.
fn send_again(world: &mut World, change: impl FnOnce(&mut RawRecord)) {
    let last = world.requests.last().expect("something was asked").clone();
    let offset = last.offset + 1;
    let mut copy = RawRecord { offset, appended: world.now, ..last };
    change(&mut copy);
    world.requests.push(copy);
    world.run();
}

/// The code of the last answer.
fn last_code(world: &World) -> Option<Code> {
    world.visible().pop().expect("something was answered").code()
}

fn times_rise(world: &mut World) {
    let times: Vec<At> = world.visible().iter().map(|told| told.header.decided_at).collect();
    world.must(times.is_sorted(), "log time steps back");
}

#[test]
fn a_publication_leaves_nothing_out() {
    trap(Rule::Canary, |world| _ = world.owner_of("e", 1));
}

#[test]
fn a_fast_broker_ends_nothing_early() {
    trap(Rule::TimeIsClamped, |world| {
        world.owner_of("e", 1);
        world.claim("e", "b1", 1);
        world.requests.last_mut().unwrap().appended = world.now.plus(Millis(5_000));
        let most = world.now.plus(Millis(500));
        world.run();
        let late = world.visible().iter().any(|told| told.header.decided_at > most);
        world.must(!late, "log time is beyond the owner's clock");
    });
}

#[test]
fn a_broker_whose_clock_steps_back_is_not_followed() {
    trap(Rule::TimeNeverStepsBack, |world| {
        world.owner_of("e", 1);
        world.claim("e", "b1", 1);
        world.requests.last_mut().unwrap().appended = At(START);
        world.run();
        times_rise(world);
    });
}

#[test]
fn a_successor_goes_on_from_the_last_refusal() {
    trap(Rule::LastTimeIsTheGreatest, |world| {
        let first = world.owner_of("e", 1);
        world.now = world.now.plus(Millis(5_000));
        world.claim("e", "b1", 2);
        world.run();
        world.kill(first);
        world.owner();
        world.claim("e", "b1", 1);
        world.requests.last_mut().unwrap().appended = At(START + 1_000);
        world.run();
        times_rise(world);
    });
}

#[test]
fn an_id_is_known_longer_than_it_could_pass() {
    trap(Rule::IdsOutliveTheirWindow, |world| {
        world.owner_of("e", 1);
        world.claim("e", "b1", 2);
        world.run();
        world.now = world.now.plus(Millis(15_000));
        send_again(world, |_| ());
        world.must(last_code(world) == Some(Code::Repeated), "a repeat is taken for an old id");
    });
}

#[test]
fn a_successor_knows_the_ids_its_predecessor_met() {
    trap(Rule::IdsAreReadBack, |world| {
        let first = world.owner_of("e", 1);
        world.claim("e", "b1", 2);
        world.run();
        world.kill(first);
        world.owner();
        send_again(world, |_| ());
        world.must(last_code(world) == Some(Code::Repeated), "an id is decided twice");
    });
}

#[test]
fn an_id_under_another_body_is_a_conflict() {
    trap(Rule::BodyIsCompared, |world| {
        world.owner_of("e", 2);
        let id = world.claim("e", "b1", 1);
        world.run();
        world.claim("e", "b2", 1);
        let other = wire::request::decode(world.requests.pop().unwrap().value.as_deref().unwrap());
        world.ask_as(id, "e", other.unwrap().body);
        world.run();
        let conflict = last_code(world) == Some(Code::RequestConflict);
        world.must(conflict, "one buyer is told of another one's hold");
    });
}

#[test]
fn an_id_ages_with_the_partition_and_not_with_its_record() {
    trap(Rule::HighestTimeCounts, |world| {
        world.owner_of("e", 1);
        let id = world.claim("e", "b1", 2);
        let made = world.requests.pop().unwrap();
        world.now = world.now.plus(Millis(11_000));
        world.claim("e", "b2", 2);
        world.requests.push(RawRecord { offset: made.offset + 1, ..made });
        world.run();
        let old = world.refusal_of(id) == Some(Code::IdOutOfWindow);
        world.must(old, "an id passes because its record's time stepped back");
    });
}

fn raw(world: &mut World, body: Body) -> RawRecord {
    world.ask("e", body);
    world.requests.last().unwrap().clone()
}

/// The verdict of a window that met the record before, as it is given then.
fn met_before(raw: &RawRecord, seal: Seal, between: impl FnOnce(&mut Window)) -> IdVerdict {
    let mut window = Window::default();
    window.take(&Arrival::read(raw, seal, 1));
    between(&mut window);
    let again = RawRecord { offset: raw.offset + 1, ..raw.clone() };
    window.take(&Arrival::read(&again, Seal::Valid, 1))
}

#[test]
fn arrivals_are_judged_before_anything_is_touched() {
    let mut world = World::new(None);
    world.define("e", 1);
    let define = world.requests[0].clone();
    let early = |raw: &RawRecord, seal, partitions| {
        let arrival = Arrival::read(raw, seal, partitions);
        let Content::Request(_, early) = arrival.content else { panic!("it decodes") };
        (early.map(|refusal| refusal.code), arrival.event.is_some())
    };
    let home = (2..).find(|&all| wire::partitioner::partition(b"e", all) != 0).unwrap();
    let unsigned = || early(&define, Seal::Absent, 1);
    let elsewhere = || early(&define, Seal::Valid, home);
    assert_eq!(unsigned(), (Some(Code::NotAuthorised), true));
    assert_eq!(elsewhere(), (Some(Code::WrongPartition), false));
    {
        let _without = Without::new(Some(Rule::SignatureIsNeeded));
        assert_eq!(unsigned(), (None, true));
    }
    let _without = Without::new(Some(Rule::WrongPartitionTouchesNothing));
    assert_eq!(elsewhere(), (Some(Code::WrongPartition), true));
}

#[test]
fn ids_are_remembered_of_what_counts_only() {
    let mut world = World::new(None);
    world.define("e", 1);
    let define = world.requests[0].clone();
    let open = raw(&mut world, Body::Expire);
    assert_eq!(met_before(&open, Seal::Valid, |_| ()), IdVerdict::Fresh);
    let unsigned = || met_before(&define, Seal::Absent, |_| ());
    let rewound = || met_before(&define, Seal::Valid, |window| window.rewind(0));
    assert_eq!((unsigned(), rewound()), (IdVerdict::Fresh, IdVerdict::Fresh));
    {
        let _without = Without::new(Some(Rule::OnlyAuthorisedAreRemembered));
        assert_ne!(unsigned(), IdVerdict::Fresh);
    }
    let _without = Without::new(Some(Rule::RewindForgetsIds));
    assert_ne!(rewound(), IdVerdict::Fresh);
}

/// The first batch is lost without an answer, and the second one does not have its rows.
#[test]
fn a_batch_waits_until_the_last_one_is_settled() {
    trap(Rule::OneBatchAtATime, |world| {
        let w = world.owner_of("e", 2);
        world.fates.push((sells("e"), Fate::LateUnknown));
        world.claim("e", "b1", 1);
        world.deliver(w);
        while world.step(w) {}
        world.claim("e", "b2", 1);
        world.run();
    });
}

#[test]
fn a_place_changed_twice_in_a_batch_is_guarded_by_what_the_ledger_has() {
    trap(Rule::GuardIsOfTheLastBatch, |world| {
        world.owner_of("e", 1);
        let hold = world.claim("e", "b1", 1);
        world.release("e", "b1", hold);
        world.run();
    });
}

#[test]
fn what_is_handed_to_a_transaction_is_not_committed_yet() {
    trap(Rule::PublishedBelowIsCommitted, |world| {
        let first = world.owner_of("e", 2);
        world.claim("e", "b1", 1);
        world.deliver(first);
        while world.step_but_publish(first) {}
        world.claim("e", "b2", 1);
        world.die_owing(first);
        world.owner();
        world.run();
    });
}

#[test]
fn dead_letters_owed_to_kafka_are_in_the_outbox() {
    trap(Rule::OutboxHoldsDeadLetters, |world| {
        let first = world.owner_of("e", 1);
        world.claim("e", "b1", 1);
        world.requests.last_mut().unwrap().value = Some(b"no request".to_vec());
        world.claim("e", "b2", 1);
        world.die_owing(first);
        world.owner();
        world.claim("e", "b3", 1);
        world.run();
    });
}

#[test]
fn a_takeover_leaves_the_outbox_and_publishes_it() {
    trap(Rule::TakeoverKeepsOutbox, refusal_owed);
    trap(Rule::EntriesAreNotDecidedAgain, refusal_owed);
}

#[test]
fn what_the_outbox_has_and_kafka_too_is_not_owed() {
    trap(Rule::OwedFromThePosition, |world| {
        let first = world.owner_of("e", 2);
        world.claim("e", "b1", 1);
        world.run();
        world.kill(first);
        world.owner();
        world.claim("e", "b2", 1);
        world.run();
    });
}

#[test]
fn an_entry_answers_the_record_it_was_made_of_only() {
    trap(Rule::DigestIsCompared, |world| {
        world.may_suspend = true;
        let first = world.owner_of("e", 1);
        let lost = world.claim("e", "b1", 1);
        world.die_owing(first);
        world.requests.pop();
        world.claim("e", "b2", 1);
        let last = world.requests.len() as i64 - 1;
        world.requests.last_mut().unwrap().offset = last;
        world.owner();
        world.run();
        let told = world.visible().iter().any(|told| told.header.request == lost);
        world.must(!told, "a record is answered that the log does not have");
        world.ledger.clear(); // it has a hold that nobody may be told of
    });
}

#[test]
fn an_offset_behind_the_refusals_is_noticed() {
    trap(Rule::InventoryIsHeldAgainstPosition, |world| {
        let first = world.owner_of("e", 1);
        let image = world.committed.clone();
        world.claim("e", "b1", 2);
        world.run();
        world.kill(first);
        world.committed = image;
        world.owner();
        world.run();
    });
}

#[test]
fn a_partition_that_comes_back_begins_anew() {
    trap(Rule::MemoryEndsWithAssignment, |world| {
        let first = world.owner_of("e", 1);
        let hold = world.claim("e", "b1", 1);
        world.run();
        world.owner();
        world.release("e", "b1", hold);
        world.run();
        world.assign(first);
        world.claim("e", "b2", 1);
        world.run();
    });
}

/// The image has the same sequence: only a takeover and a refusal are lost with what came after.
#[test]
fn a_revision_that_was_known_does_not_come_again() {
    trap(Rule::RevisionIsCompared, |world| {
        world.may_suspend = true;
        let first = world.owner_of("e", 1);
        let image = world.ledger.clone();
        world.kill(first);
        let second = world.owner();
        world.claim("e", "b1", 2);
        world.run();
        world.kill(second);
        world.ledger = image;
        world.owner();
        let claim = world.claim("e", "b2", 1);
        world.run();
        let stopped = world.refusal_of(claim) == Some(Code::EventSuspended);
        world.must(stopped, "the event goes on over a ledger set back");
        world.ledger.clear();
    });
}

#[test]
fn a_lost_event_stays_stopped_with_every_owner() {
    trap(Rule::SuspendedAnswersThePublished, |world| {
        world.may_suspend = true;
        let first = world.owner_of("e", 1);
        world.kill(first);
        world.ledger.clear();
        let published = world.inventories.last().unwrap().sequence;
        for _ in 0..2 {
            let owner = world.owner();
            let claim = world.claim("e", "b1", 1);
            world.run();
            let stopped = world.refusal_of(claim) == Some(Code::EventSuspended);
            world.must(stopped, "an event that was sold is unknown");
            let told = world.inventories.last().unwrap().sequence;
            world.must(told == published, "the inventory forgets what was published");
            world.kill(owner);
        }
    });
}

#[test]
fn a_suspension_outlives_its_owner() {
    trap(Rule::SuspensionIsDurable, |world| {
        world.may_suspend = true;
        world.owner_of("e", 2);
        let hold = world.claim("e", "b1", 1);
        world.run();
        let event = EventId::new("e").unwrap();
        world.ledger.get_mut(&event).unwrap().seats.get_mut(&0).unwrap().changed = 2;
        let release = world.release("e", "b1", hold);
        world.run();
        let stopped = world.refusal_of(release) == Some(Code::EventSuspended);
        world.must(stopped, "the event goes on over a row that nobody wrote");
    });
}

#[test]
fn what_a_suspended_event_owes_is_published() {
    trap(Rule::SuspensionKeepsOwed, |world| {
        world.may_suspend = true;
        let first = world.owner_of("e", 2);
        let hold = world.claim("e", "b1", 2);
        world.die_owing(first);
        let event = EventId::new("e").unwrap();
        world.ledger.get_mut(&event).unwrap().seats.get_mut(&1).unwrap().offset += 1;
        world.owner();
        world.run();
        let told = world.refusal_of(hold).is_none();
        world.must(told, "a hold is in the ledger and refused");
    });
}

#[test]
fn what_is_committed_is_not_published_again() {
    trap(Rule::BelowPositionIsDone, |world| {
        world.owner_of("e", 3);
        world.transaction_fates.push_back(TransactionFate::CommittedAnswerLost);
        world.claim("e", "b1", 1);
        world.run();
    });
}

#[test]
fn the_catalog_has_every_edition() {
    trap(Rule::CatalogIsPublished, |world| {
        world.owner_of("e", 1);
        let told = world.outcomes.iter().filter(|told| told.topic == Topic::Catalog).count();
        world.must(told == 2, "an edition is missing in the catalog");
    });
}

/// One hold is published while the next is decided and not in the ledger yet.
#[test]
fn the_inventory_counts_what_is_published() {
    trap(Rule::InventoryIsOfThePublished, |world| {
        let w = world.owner_of("e", 2);
        world.fates.push((sells("e"), Fate::Late));
        let first: RequestId = world.claim("e", "b1", 1);
        world.deliver(w);
        while world.step(w) {}
        world.claim("e", "b2", 1);
        world.deliver(w);
        world.deliver_late();
        world.run_until_publish(w);
        world.step(w);
        let told = world.visible();
        let only = told.iter().filter(|told| matches!(told.body, OutcomeBody::Held(_))).count();
        let holds = world.inventories.last().unwrap().live_holds;
        world.must(told.iter().any(|told| told.header.request == first), "the first is told");
        world.must(holds == only as i64, "the inventory counts a hold nobody was told of");
        assert!(told.iter().all(|told| told.header.role == Role::Answer));
        world.run();
    });
}
