//! Exchanges written by hand, and what the auditor says when one thing in them is not so.

use super::office::{because, block, cancel, cancelled, moved, named};
use super::planted::{
    HOLD_TIME, administration, at, booked, changed, confirm, digest, finds_in, held, id_at, place,
    reference, refused, release, released,
};
use super::{Log, buyer, claim, definition, event, places, seat};
use crate::audit::Check;
use crate::domain::outcome::{ChangedKind, Exchanged, OutcomeBody, Place, Role, ToBlock};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Body, Define, Exchange, Line, Request};
use crate::domain::seat::Cause;

/// Ann's booking, made by the claim at offset 3.
const ANN: i64 = 3;

fn exchange(given: &str, lines: Vec<Line>, expected_difference: Option<i64>) -> Body {
    let (buyer, hold, seats) = (buyer("ann"), id_at(ANN), vec![given.into()]);
    Body::Exchange(Exchange { buyer, hold, seats, lines, expected_difference })
}

fn one(given: &str, wanted: &str) -> Body {
    exchange(given, vec![seat(wanted)], None)
}

fn child(name: &str) -> Place {
    Place { seat: name.into(), tier: "child".into(), price: 900 }
}

/// One place for another, beside one that is kept.
fn exchanged(given: Place, taken: Place) -> OutcomeBody {
    let kept = place("A/1/2");
    let (old_sum, new_sum) = (kept.price + given.price, kept.price + taken.price);
    OutcomeBody::Exchanged(Exchanged {
        hold: id_at(ANN),
        taken: vec![taken.seat.clone()],
        difference: taken.price - given.price,
        places: vec![kept, taken],
        given_back: vec![given],
        to_blocks: vec![],
        currency: "EUR".into(),
        reference: reference("pay-1"),
        old_sum,
        new_sum,
    })
}

fn morning(log: &mut Log) {
    let define =
        Body::Define(Box::new(Define { definition: definition(HOLD_TIME), actor: "ops".into() }));
    log.answer(0, 1, define, changed(ChangedKind::Defined, 1));
    log.answer(1, 2, Body::Open(administration(1)), changed(ChangedKind::Opened, 2));
    let press = moved(ChangedKind::Blocked, 2, "press", &["A/1/5"]);
    log.answer(2, 3, block(2, "press", vec![named("A/1/5")]), press);
    let pair = ["A/1/1", "A/1/2"];
    log.answer(3, 4, claim("ann", pair.map(seat).to_vec()), held(3, &pair));
    log.answer(4, 5, confirm("ann", 3, "pay-1"), booked(3, &pair, "pay-1"));
    let wish = claim("bob", vec![seat("A/1/3"), places("G", None, 2)]);
    log.answer(5, 6, wish, held(5, &["A/1/3", "G/1", "G/2"]));
    log.answer(6, 6, one("A/1/1", "A/1/3"), refused(Code::SeatsTaken, &["A/1/3"]));
    log.answer(7, 6, one("A/1/1", "A/1/5"), because(Code::Blocked, "press", &["A/1/5"]));
    let for_one = |difference| exchange("A/1/1", vec![places("G", None, 1)], Some(difference));
    let dear = OutcomeBody::Refused(Refusal::limited(Code::PriceChanged, -3_000, -2_999));
    log.answer(8, 6, for_one(-2_999), dear);
    log.answer(9, 7, for_one(-3_000), exchanged(place("A/1/1"), place("G/3")));
    let again = Request { id: id_at(9), event: event(), body: for_one(-3_000) };
    log.ask(10, at(10), digest(9), Some(again));
    log.outcome(10, 7, Role::Repeat, "ann", booked(3, &["A/1/2", "G/3"], "pay-1"));
}

fn evening(log: &mut Log) {
    log.answer(11, 8, claim("cid", vec![seat("A/1/1")]), held(11, &["A/1/1"]));
    log.answer(12, 8, one("A/1/2", "A/1/1"), refused(Code::SeatsTaken, &["A/1/1"]));
    let row = |more| [(1..=5).map(|n| seat(&format!("A/2/{n}"))).collect(), vec![more]].concat();
    let seven = exchange("G/3", row(places("G", None, 2)), None);
    log.answer(13, 8, seven, refused(Code::RequestLimit, &[]));
    let six = exchange("A/1/2", row(places("G", None, 1)), None);
    log.answer(14, 8, six, refused(Code::BuyerLimit, &[]));
    let for_child = |given| exchange(given, vec![places("G", Some("child"), 1)], None);
    log.answer(15, 9, for_child("G/3"), exchanged(place("G/3"), child("G/4")));
    log.answer(16, 9, for_child("A/1/2"), refused(Code::TierLimit, &[]));
    log.answer(17, 10, release("cid", 11), released(11, &["A/1/1"], Cause::Released));
    log.answer(18, 11, one("G/4", "A/1/1"), exchanged(child("G/4"), place("A/1/1")));
    log.answer(19, 11, one("G/4", "A/1/4"), refused(Code::NotInBooking, &["G/4"]));
    log.answer(20, 12, Body::Pause(administration(2)), changed(ChangedKind::Paused, 3));
    log.answer(21, 12, one("A/1/1", "A/1/4"), refused(Code::SaleNotOpen, &[]));
    log.answer(22, 13, Body::Open(administration(3)), changed(ChangedKind::Opened, 4));
    let all = cancelled(3, &["A/1/1", "A/1/2"], 0, "pay-1", 10_000);
    log.answer(23, 14, cancel("ann", 3, &[]), all);
    log.answer(24, 14, one("A/1/1", "A/1/4"), because(Code::HoldEnded, "cancelled", &[]));
    let over = because(Code::HoldEnded, "cancelled", &[]);
    log.answer(25, 14, confirm("ann", 3, "pay-1"), over);
}

fn day() -> Log {
    let mut log = Log::default();
    morning(&mut log);
    evening(&mut log);
    log
}

fn finds(check: Check, offset: i64, plant: impl FnOnce(&mut Log)) {
    finds_in(day(), check, offset, plant);
}

/// Another outcome of a request, that changes the event.
fn finds_done(check: Check, offset: i64, body: OutcomeBody) {
    finds(check, offset, |log| {
        log.of(offset).header.sequence += 1;
        log.of(offset).body = body;
    });
}

/// One thing told otherwise by the exchange at an offset.
fn finds_told(check: Check, offset: i64, plant: impl FnOnce(&mut Exchanged)) {
    finds(check, offset, |log| {
        let OutcomeBody::Exchanged(told) = &mut log.of(offset).body else { panic!("not so") };
        plant(told);
    });
}

#[test]
fn a_clean_day_is_clean() {
    let (report, _) = day().audit();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.exchanged, report.cancelled), (3, 1));
}

#[test]
fn an_exchange_takes_only_what_is_to_be_had() {
    finds_done(Check::TwoHolders, 6, exchanged(place("A/1/1"), place("A/1/3")));
    finds_done(Check::TwoHolders, 12, exchanged(place("A/1/2"), place("A/1/1")));
    finds_done(Check::Block, 7, exchanged(place("A/1/1"), place("A/1/5")));
    finds_done(Check::Sale, 21, exchanged(place("A/1/1"), place("A/1/4")));
    finds_done(Check::Hold, 24, exchanged(place("A/1/1"), place("A/1/4")));
    finds_done(Check::Price, 8, exchanged(place("A/1/1"), place("G/3")));
    let too_many = |offset, given: &str, more: &[&str]| {
        let row = (1..=5).map(|n| format!("A/2/{n}"));
        let taken: Vec<String> = row.chain(more.iter().map(ToString::to_string)).collect();
        let kept = if given == "G/3" { "A/1/2" } else { "G/3" };
        let all = [kept].into_iter().chain(taken.iter().map(String::as_str));
        let all: Vec<Place> = all.map(place).collect();
        let (old_sum, new_sum) = (7_000, all.iter().map(|place| place.price).sum());
        let OutcomeBody::Exchanged(told) = exchanged(place(given), place("G/4")) else { return };
        let difference = new_sum - old_sum;
        let told = Exchanged { places: all, taken, old_sum, new_sum, difference, ..told };
        finds_done(Check::Limit, offset, OutcomeBody::Exchanged(told));
    };
    too_many(13, "G/3", &["G/4", "G/5"]);
    too_many(14, "A/1/2", &["G/4"]);
    let OutcomeBody::Exchanged(told) = exchanged(place("A/1/2"), child("G/5")) else { return };
    let places = vec![child("G/4"), child("G/5")];
    let told = Exchanged { places, old_sum: 5_900, new_sum: 1_800, ..told };
    finds_done(Check::Limit, 16, OutcomeBody::Exchanged(told));
}

#[test]
fn what_is_exchanged_belongs_to_nobody_and_somebody_else() {
    finds_done(Check::TwoHolders, 12, held(12, &["G/3"]));
    finds(Check::TwoHolders, 11, |log| {
        log.of(11).body = held(11, &["G/3"]);
    });
    finds(Check::Seats, 23, |log| {
        log.of(23).body = cancelled(3, &["A/1/2"], 0, "pay-1", 5_000);
    });
    finds(Check::Refund, 23, |log| {
        log.of(23).body = cancelled(3, &["A/1/2", "G/4"], 0, "pay-1", 5_900);
    });
    finds(Check::Seats, 10, |log| log.of(10).body = booked(3, &["A/1/1", "A/1/2"], "pay-1"));
}

#[test]
fn an_exchange_tells_what_was_done() {
    finds_told(Check::Refund, 9, |told| told.given_back.push(place("A/1/1")));
    finds_told(Check::Refund, 9, |told| told.given_back[0].seat = "A/1/4".into());
    finds_told(Check::Seats, 9, |told| told.given_back[0].seat = "A/1/2".into());
    finds_told(Check::Seats, 9, |told| told.given_back.clear());
    finds_told(Check::Seats, 9, |told| told.taken.clear());
    finds_told(Check::Seats, 9, |told| told.taken.push("G/3".into()));
    finds_told(Check::TwoHolders, 9, |told| told.taken.push("A/1/2".into()));
    finds_told(Check::Seats, 9, |told| drop(told.places.remove(0)));
    finds_told(Check::Seats, 9, |told| told.places.push(place("G/4")));
    finds_told(Check::Price, 9, |told| told.places[0].price += 1);
    finds_told(Check::Price, 9, |told| told.places[1].price += 1);
    finds_told(Check::Price, 9, |told| told.given_back[0].price += 1);
    finds_told(Check::Price, 9, |told| told.old_sum += 1);
    finds_told(Check::Price, 9, |told| told.new_sum += 1);
    finds_told(Check::Price, 9, |told| told.difference += 1);
    finds_told(Check::Price, 9, |told| told.currency = "USD".into());
    finds_told(Check::Hold, 9, |told| told.reference = reference("pay-2"));
    finds_told(Check::Hold, 9, |told| told.hold = id_at(9));
    finds_told(Check::Block, 9, |told| {
        told.to_blocks.push(ToBlock { seat: "A/1/1".into(), reason: "press".into() });
    });
    finds(Check::Identity, 9, |log| log.of(9).body = booked(3, &["A/1/2", "G/3"], "pay-1"));
}

#[test]
fn refusals_that_are_not_so() {
    let wrong = |offset, body: OutcomeBody| {
        finds(Check::Refusal, offset, |log| log.of(offset).body = body);
    };
    let price =
        |limit, count| OutcomeBody::Refused(Refusal::limited(Code::PriceChanged, limit, count));
    wrong(8, price(-2_000, -2_999));
    wrong(12, price(0, 0));
    wrong(6, refused(Code::SeatsTaken, &["A/1/4"]));
    wrong(7, because(Code::Blocked, "house", &["A/1/5"]));
    wrong(14, refused(Code::RequestLimit, &[]));
    wrong(14, refused(Code::TierLimit, &[]));
    wrong(14, refused(Code::LiveHolds, &[]));
    wrong(16, refused(Code::BuyerLimit, &[]));
    wrong(19, refused(Code::NotInBooking, &["A/1/1"]));
    wrong(19, refused(Code::TierLimit, &[]));
    wrong(19, refused(Code::NothingBooked, &[]));
    wrong(21, refused(Code::SaleClosed, &[]));
    wrong(24, refused(Code::NothingBooked, &[]));
    wrong(24, because(Code::HoldEnded, "", &[]));
}
