//! What counting again finds when the model itself is not right, and what it does not keep.

use super::planted::{at, held, id_at, place, refused, released, sale};
use super::{Log, Model, PARTITION, buyer, claim, event, seat};
use crate::audit::event::EventModel;
use crate::audit::{Check, Report};
use crate::domain::ids::HoldId;
use crate::domain::outcome::Role;
use crate::domain::refusal::Code;
use crate::domain::request::Body;
use crate::domain::seat::{Cause, Status};

/// A sale in the middle: a booking of two seats, and a hold.
fn model() -> EventModel {
    let mut log = sale();
    log.requests.retain(|asked| asked.offset < 28);
    log.outcomes.retain(|outcome| outcome.header.offset < 28);
    let (report, model) = log.audit();
    assert!(report.is_clean(), "{report}");
    model.event(&event()).expect("asked for").clone()
}

#[test]
fn a_count_that_does_not_go_with_the_places_is_found_once() {
    assert!(model().recount().is_none());
    let finds = |plant: fn(&mut EventModel)| {
        let mut model = model();
        plant(&mut model);
        let finding = model.recount().expect("planted");
        assert_eq!((finding.check, finding.offset), (Check::Recount, 22), "{finding}");
        assert!(model.recount().is_none(), "it stays as wrong as it was");
    };
    finds(|model| *model.taken.get_mut("A").unwrap() += 1);
    finds(|model| _ = model.taken.insert("G".into(), 7));
    finds(|model| model.deadlines.clear());
    finds(|model| _ = model.deadlines.insert((at(60), id_at(2))));
    finds(|model| model.of_buyer.clear());
    finds(|model| drop(model.of_buyer.insert(buyer("eve"), [id_at(2)].into())));
    finds(|model| model.references.clear());
    finds(|model| {
        let hold = model.holds.get_mut(&id_at(7)).unwrap();
        hold.reference = model.references.keys().next().cloned();
    });
    finds(|model| model.seats.get_mut("A/1/1").unwrap().status = Status::Free);
    finds(|model| model.seats.get_mut("A/1/1").unwrap().status = Status::Held);
    finds(|model| model.seats.get_mut("A/1/1").unwrap().hold = id_at(7));
    finds(|model| model.seats.get_mut("G/1").unwrap().status = Status::Blocked);
    finds(|model| drop(model.blocks.insert("G/1".into(), "press".into())));
    finds(|model| drop(model.blocks.insert("A/2/5".into(), "press".into())));
    finds(|model| model.seats.get_mut("G/1").unwrap().hold = HoldId::NONE);
    finds(|model| _ = model.seats.insert("B/1".into(), model.seats["A/1/1"]));
    finds(|model| model.holds.get_mut(&id_at(2)).unwrap().named = 3);
    finds(|model| model.holds.get_mut(&id_at(2)).unwrap().places.push(place("A/1/3")));
    finds(|model| drop(model.holds.remove(&id_at(7))));
    finds(|model| model.holds.get_mut(&id_at(7)).unwrap().ended = Some(Cause::Expired));
    let limits = |model: &mut EventModel| {
        model.venue.as_mut().unwrap().loosest.seats = Some(1);
    };
    finds(limits);
    let mut by_staff = model();
    limits(&mut by_staff);
    by_staff.holds.get_mut(&id_at(2)).unwrap().staff_override = true;
    assert!(by_staff.recount().is_none(), "what staff granted is not bound");
}

#[test]
fn a_thousand_records_apart_it_is_counted_again() {
    let mut model = model();
    assert!(model.recount().is_none());
    model.deadlines.clear();
    assert!((1..1_000).all(|_| model.recount_at_times().is_none()));
    assert!(model.recount_at_times().is_some());
}

#[test]
fn a_seat_with_two_holders_is_counted_too() {
    let mut log = sale();
    log.held_at(7).places[0] = place("A/1/1");
    let report = log.audit().0;
    assert!(report.findings.iter().any(|found| found.check == Check::Recount), "{report}");
}

#[test]
fn what_nothing_names_any_more_is_forgotten() {
    let mut log = sale();
    log.requests.truncate(2);
    log.outcomes.truncate(2);
    log.dead_letters.clear();
    let name = ["A/1/1"];
    for turn in 0..600 {
        let (claimed, left) = (2 + 2 * turn, 3 + 2 * turn);
        let who = format!("buyer-{turn}");
        log.answer(claimed, claimed + 1, claim(&who, vec![seat(name[0])]), held(claimed, &name));
        let over = released(claimed, &name, Cause::Released);
        log.answer(left, left + 1, super::planted::release(&who, claimed), over);
    }
    let (report, model) = log.audit();
    assert!(report.is_clean(), "{report}");
    let model = model.event(&event()).expect("asked for");
    assert_eq!((model.holds.len(), model.of_buyer.len(), model.deadlines.len()), (1, 0, 0));
    let (along, ids) = log.audit_along();
    assert_eq!(along, report);
    assert!(ids <= 16, "{ids} ids are kept of half a minute, a claim every other second");
}

#[test]
fn what_comes_about_a_settled_request_is_a_finding_at_once() {
    let log = sale();
    let late = |plant: fn(&mut Model, &Log)| -> Report {
        let mut model = Model::new(PARTITION);
        for asked in log.requests.iter().take(4) {
            let (offset, request) = (asked.offset, asked.request.as_ref());
            model.on_request(offset, asked.appended, request, asked.key.as_deref(), asked.digest);
        }
        for outcome in log.outcomes.iter().filter(|outcome| outcome.header.offset < 4) {
            model.on_outcome(PARTITION, outcome);
        }
        model.settle_below(4);
        assert!(model.is_clean() && model.findings().is_empty());
        plant(&mut model, &log);
        assert_eq!(model.findings().len(), 1);
        model.finish()
    };
    let again = late(|model, log| model.on_outcome(PARTITION, &log.outcomes[2]));
    assert_eq!((again.duplicated, again.divergences), (1, 1), "{again}");
    assert_eq!(again.first_divergence.map(|first| first.offset), Some(2));
    let derived = late(|model, log| {
        let mut outcome = log.outcomes[2].clone();
        outcome.header.role = Role::Derived;
        model.on_outcome(PARTITION, &outcome);
    });
    assert_eq!(derived.findings[0].check, Check::Identity);
    let dead = late(|model, _| model.on_dead_letter(PARTITION, 3));
    assert_eq!(dead.findings[0].check, Check::Duplicated);
}

#[test]
fn a_suspended_event_stays_suspended() {
    let suspended = |from: i64| {
        let mut log = sale();
        log.outcomes.retain(|outcome| outcome.header.role != Role::Derived);
        for outcome in log.outcomes.iter_mut().filter(|outcome| outcome.header.offset >= from) {
            outcome.header.role = Role::Answer;
            outcome.header.sequence = 7;
            outcome.body = refused(Code::EventSuspended, &[]);
            let asked = log.requests.iter().find(|asked| asked.offset == outcome.header.offset);
            let asked = asked.and_then(|asked| asked.request.as_ref()).expect("readable");
            outcome.header.buyer = asked.buyer().cloned();
        }
        log
    };
    let (report, _) = suspended(22).audit();
    assert!(report.is_clean(), "{report}");
    let mut log = suspended(22);
    log.of(51).body = refused(Code::UnknownEvent, &[]);
    let report = log.audit().0;
    assert!(report.findings.iter().any(|found| found.check == Check::Suspended), "{report}");
    let mut log = suspended(9);
    log.of(28).body = released(7, &["A/1/3"], Cause::Expired);
    log.of(28).header.sequence = 8;
    log.of(28).header.buyer = Some(buyer("cid"));
    let first = log.audit().0.first_divergence.expect("planted");
    assert_eq!((first.check, first.offset), (Check::Suspended, 28));
    // What is refused for the record alone says nothing about the event.
    let mut log = suspended(22);
    log.of(32).body = refused(Code::NotAuthorised, &[]);
    log.requests
        .iter_mut()
        .find(|asked| asked.offset == 32)
        .unwrap()
        .request
        .as_mut()
        .unwrap()
        .body = Body::Expire;
    log.of(32).header.buyer = None;
    let (report, model) = log.audit();
    assert!(report.is_clean(), "{report}");
    assert!(model.event(&event()).unwrap().suspended);
}
