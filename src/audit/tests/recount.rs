//! What the model does not keep, and what it says of what it has judged before.

use super::planted::{held, refused, released, sale};
use super::{Log, Model, PARTITION, buyer, claim, event, seat};
use crate::audit::{Check, Report};
use crate::domain::outcome::Role;
use crate::domain::refusal::Code;
use crate::domain::request::Body;
use crate::domain::seat::Cause;

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
