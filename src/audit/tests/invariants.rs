//! Each invariant broken, by a step or in the state, and its finding.

use super::planted::{
    HOLD_TIME, at, booked, changed, finds, finds_in, held, id_at, place, released, sale,
};
use super::{buyer, claim, definition, event, seat};
use crate::audit::Check;
use crate::audit::event::EventModel;
use crate::audit::invariants::INVARIANTS;
use crate::domain::ids::HoldId;
use crate::domain::outcome::{ChangedKind, Role};
use crate::domain::request::{Amend, Body};
use crate::domain::seat::{Cause, Status};

/// A sale in the middle: a booking of two seats, a hold, and three places that one left.
fn model() -> EventModel {
    let mut log = sale();
    log.requests.retain(|asked| asked.offset < 28);
    log.outcomes.retain(|outcome| outcome.header.offset < 28);
    let (report, model) = log.audit();
    assert!(report.is_clean(), "{report}");
    model.event(&event()).expect("asked for").clone()
}

/// What counting again finds in a state in which one thing is not so, and that it is told once.
#[track_caller]
fn counts(check: Check, plant: fn(&mut EventModel)) {
    let mut model = model();
    plant(&mut model);
    let found = model.recount();
    assert!(found.iter().any(|finding| finding.check == check), "{found:?}");
    assert!(found.iter().all(|finding| finding.offset == 22), "{found:?}");
    assert_eq!(model.recount(), [], "it stays as wrong as it was");
}

#[test]
fn each_invariant_has_a_check_of_its_own() {
    let checks = INVARIANTS.iter().map(|invariant| invariant.check);
    let expected = [
        Check::Sequence,
        Check::TwoHolders,
        Check::Hold,
        Check::Limit,
        Check::Conservation,
        Check::Recount,
    ];
    assert!(checks.eq(expected), "each of these has a test below");
    assert_eq!(model().recount(), []);
}

#[test]
fn sequence_steps_by_one() {
    finds(Check::Sequence, 5, |log| log.of(5).header.sequence = 6);
    finds(Check::Sequence, 4, |log| log.of(4).header.sequence = 3);
    finds(Check::Sequence, 22, |log| log.of(22).header.sequence = 8);
    finds(Check::Sequence, 50, |log| {
        log.outcomes.retain(|outcome| outcome.header.role != Role::Derived);
    });
}

#[test]
fn each_place_has_one_holder() {
    finds(Check::TwoHolders, 7, |log| log.held_at(7).places[0] = place("A/1/1"));
    counts(Check::TwoHolders, |model| model.seats.get_mut("A/1/1").unwrap().hold = id_at(7));
    counts(Check::TwoHolders, |model| {
        model.seats.get_mut("A/1/1").unwrap().status = Status::Free;
    });
    counts(Check::TwoHolders, |model| {
        model.seats.get_mut("A/1/1").unwrap().status = Status::Held;
    });
    counts(Check::TwoHolders, |model| {
        model.holds.get_mut(&id_at(2)).unwrap().places.push(place("A/1/3"));
    });
    counts(Check::TwoHolders, |model| drop(model.holds.remove(&id_at(7))));
}

#[test]
fn a_seat_sold_twice_is_told_by_the_step_alone() {
    let mut log = sale();
    log.held_at(7).places[0] = place("A/1/1");
    let report = log.audit().0;
    let told = report.findings.iter().filter(|found| found.check == Check::TwoHolders);
    assert_eq!((told.count(), report.oversold), (1, 1), "{report}");
}

#[test]
fn a_hold_is_made_and_ends_once() {
    finds(Check::Hold, 3, |log| log.held_at(3).hold = id_at(2));
    finds(Check::Hold, 51, |log| log.of(51).body = released(29, &["G/1", "G/2"], Cause::Expired));
    finds(Check::Hold, 6, |log| log.of(6).body = released(77, &["G/1"], Cause::Released));
    finds(Check::Hold, 32, |log| {
        log.of(32).header.sequence = 10;
        log.of(32).body = booked(7, &["A/1/3"], "pay-2");
    });
    finds(Check::Hold, 32, |log| {
        log.of(32).header.role = Role::Repeat;
        log.of(32).body = held(7, &["A/1/3"]);
    });
    counts(Check::Hold, |model| {
        model.holds.get_mut(&id_at(7)).unwrap().ended = Some(Cause::Expired);
    });
    counts(Check::Hold, |model| model.holds.get_mut(&id_at(3)).unwrap().ended = None);
}

#[test]
fn limits_are_never_exceeded() {
    finds(Check::Limit, 2, |log| log.definition().limits.seats_per_buyer = Some(1));
    finds(Check::Limit, 2, |log| log.definition().limits.live_holds_per_buyer = Some(0));
    finds(Check::Limit, 3, |log| log.definition().tiers[1].seats_per_buyer = Some(2));
    // What staff granted counts, and is not bound.
    let mut log = sale();
    log.definition().limits.seats_per_buyer = Some(3);
    log.definition().limits.live_holds_per_buyer = Some(1);
    assert!(log.audit().0.is_clean(), "{}", log.audit().0);
    log.definition().limits.seats_per_buyer = Some(1);
    for asked in &mut log.requests {
        if let Some(Body::Claim(claim)) = asked.request.as_mut().map(|asked| &mut asked.body) {
            claim.staff_override = true;
        }
    }
    for claim in [2, 3, 7, 29] {
        log.held_at(claim).staff_override = true;
    }
    assert!(log.audit().0.is_clean(), "{}", log.audit().0);
}

#[test]
fn a_lower_limit_takes_nothing_away() {
    let mut log = sale();
    log.requests.retain(|asked| asked.offset < 8);
    log.outcomes.retain(|outcome| outcome.header.offset < 8);
    log.dead_letters.clear();
    let mut lower = definition(HOLD_TIME);
    lower.limits.seats_per_buyer = Some(1);
    let amend = Amend { edition: 2, actor: "ops".into(), definition: lower };
    log.answer(8, 8, Body::Amend(Box::new(amend)), changed(ChangedKind::Amended, 3));
    assert!(log.audit().0.is_clean(), "ann has two: {}", log.audit().0);
    finds_in(log, Check::Limit, 9, |log| {
        log.answer(9, 9, claim("ann", vec![seat("A/1/4")]), held(9, &["A/1/4"]));
    });
}

#[test]
fn places_are_neither_made_nor_lost() {
    counts(Check::Conservation, |model| {
        model.seats.get_mut("G/1").unwrap().status = Status::Blocked;
    });
    counts(Check::Conservation, |model| drop(model.blocks.insert("G/1".into(), "press".into())));
    counts(Check::Conservation, |model| drop(model.blocks.insert("A/2/5".into(), "press".into())));
    counts(Check::Conservation, |model| {
        _ = model.seats.insert("B/1".into(), model.seats["A/1/1"]);
    });
    counts(Check::Conservation, |model| model.venue.as_mut().unwrap().capacity[0] = 2);
    counts(Check::Conservation, |model| model.venue = None);
}

#[test]
fn counts_are_what_is_counted() {
    counts(Check::Recount, |model| *model.taken.get_mut("A").unwrap() += 1);
    counts(Check::Recount, |model| _ = model.taken.insert("G".into(), 7));
    counts(Check::Recount, |model| model.deadlines.clear());
    counts(Check::Recount, |model| _ = model.deadlines.insert((at(60), id_at(2))));
    counts(Check::Recount, |model| model.of_buyer.clear());
    counts(Check::Recount, |model| drop(model.of_buyer.insert(buyer("eve"), [id_at(2)].into())));
    counts(Check::Recount, |model| model.references.clear());
    counts(Check::Recount, |model| {
        let hold = model.holds.get_mut(&id_at(7)).unwrap();
        hold.reference = model.references.keys().next().cloned();
    });
    counts(Check::Recount, |model| model.seats.get_mut("G/1").unwrap().hold = HoldId::NONE);
    counts(Check::Recount, |model| model.holds.get_mut(&id_at(2)).unwrap().named = 3);
    counts(Check::Recount, |model| drop(model.holds.remove(&id_at(3))));
}

#[test]
fn a_thousand_records_apart_it_is_counted_again() {
    let mut model = model();
    assert_eq!(model.recount(), []);
    model.deadlines.clear();
    assert!((1..1_000).all(|_| model.recount_at_times().is_empty()));
    assert!(!model.recount_at_times().is_empty());
}
