//! A day of a box office written by hand, and what the auditor says when one thing in it is not so.

use super::planted::{
    HOLD_TIME, administration, at, booked, changed, confirm, finds_in, held, id_at, place,
    reference, refused, released,
};
use super::{Log, buyer, claim, definition, event, places, seat};
use crate::audit::Check;
use crate::audit::ledger::compare;
use crate::domain::ids::{HoldId, RowNumber};
use crate::domain::outcome::{Cancelled, Changed, ChangedKind, Held, OutcomeBody, Role, ToBlock};
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::request::{
    Block, Body, Cancel, Claim, Define, Extend, Request, Target, Unblock,
};
use crate::domain::seat::{Cause, Status, StoredSeat};
use crate::domain::time::At;

pub(super) fn named(name: &str) -> Target {
    Target::Named(name.into())
}

fn counted(section: &str, count: u32) -> Target {
    Target::Places { section: section.into(), count }
}

pub(super) fn block(edition: i64, reason: &str, places: Vec<Target>) -> Body {
    Body::Block(Block { edition, actor: "ops".into(), reason: reason.into(), places })
}

fn unblock(edition: i64, places: Vec<Target>) -> Body {
    Body::Unblock(Unblock { edition, actor: "ops".into(), places })
}

pub(super) fn moved(kind: ChangedKind, edition: i64, reason: &str, seats: &[&str]) -> OutcomeBody {
    let seats = seats.iter().map(|&seat| seat.into()).collect();
    OutcomeBody::Changed(Changed {
        kind,
        edition,
        actor: "ops".into(),
        reason: reason.into(),
        seats,
    })
}

fn staff(name: &str, seats: &[&str]) -> Body {
    let lines = seats.iter().map(|name| seat(name)).collect();
    Body::Claim(Claim {
        buyer: buyer(name),
        lines,
        expected_price: None,
        staff_override: true,
        accessible: false,
    })
}

fn extend(name: &str, claim: i64, deadline: At) -> Body {
    Body::Extend(Extend { buyer: buyer(name), hold: id_at(claim), deadline })
}

fn standing(claim: i64, names: &[&str], deadline: At) -> Held {
    let OutcomeBody::Held(held) = held(claim, names) else { unreachable!("it is a hold") };
    Held { deadline, ..held }
}

pub(super) fn cancel(name: &str, claim: i64, seats: &[&str]) -> Body {
    let seats = seats.iter().map(|&seat| seat.into()).collect();
    Body::Cancel(Cancel { buyer: buyer(name), hold: id_at(claim), seats, block: None })
}

pub(super) fn cancelled(
    claim: i64,
    names: &[&str],
    remaining: u32,
    paid: &str,
    refund: i64,
) -> OutcomeBody {
    OutcomeBody::Cancelled(Cancelled {
        hold: id_at(claim),
        places: names.iter().map(|name| place(name)).collect(),
        to_blocks: vec![],
        currency: "EUR".into(),
        remaining,
        reference: reference(paid),
        refund,
    })
}

/// A cancel whose places went to these blocks.
fn gone_to(body: OutcomeBody, to_blocks: &[(&str, &str)]) -> OutcomeBody {
    let OutcomeBody::Cancelled(cancelled) = body else { unreachable!("it is a cancel") };
    let to_block =
        |&(seat, reason): &(&str, &str)| ToBlock { seat: seat.into(), reason: reason.into() };
    let to_blocks = to_blocks.iter().map(to_block).collect();
    OutcomeBody::Cancelled(Cancelled { to_blocks, ..cancelled })
}

pub(super) fn because(code: Code, detail: &str, seats: &[&str]) -> OutcomeBody {
    let seats = seats.iter().map(|&seat| seat.into()).collect();
    OutcomeBody::Refused(Refusal {
        code,
        ground: Ground { seats, detail: detail.into(), ..Ground::default() },
    })
}

fn capped(limit: At, count: At) -> OutcomeBody {
    let ground = Ground { limit: Some(limit.0), count: Some(count.0), ..Ground::default() };
    OutcomeBody::Refused(Refusal { code: Code::ExtensionCap, ground })
}

/// The morning: blocks, an override, more time, and a booking given back in two pieces.
fn morning(log: &mut Log) {
    let define =
        Body::Define(Box::new(Define { definition: definition(HOLD_TIME), actor: "ops".into() }));
    log.answer(0, 1, define, changed(ChangedKind::Defined, 1));
    log.answer(1, 2, Body::Open(administration(1)), changed(ChangedKind::Opened, 2));
    let pair = ["A/1/1", "A/1/2"];
    let press = moved(ChangedKind::Blocked, 2, "press", &pair);
    log.answer(2, 3, block(2, "press", pair.map(named).to_vec()), press);
    let house = moved(ChangedKind::Blocked, 2, "house", &["G/1", "G/2"]);
    log.answer(3, 4, block(2, "house", vec![counted("G", 1), named("G/1")]), house);
    let kept = because(Code::Blocked, "press", &["A/1/1"]);
    log.answer(4, 4, claim("ann", vec![seat("A/1/1")]), kept);
    let by_staff = Held { staff_override: true, ..standing(5, &["A/1/1"], at(5).plus(HOLD_TIME)) };
    log.answer(5, 5, staff("bob", &["A/1/1"]), OutcomeBody::Held(by_staff));
    let four = ["G/3", "G/4", "G/5", "G/6"];
    log.answer(6, 6, claim("cid", vec![places("G", None, 4)]), held(6, &four));
    log.answer(7, 6, claim("dee", vec![places("G", None, 1)]), refused(Code::NotEnough, &["G"]));
    let later = standing(6, &four, at(36));
    log.answer(8, 7, extend("cid", 6, at(36)), OutcomeBody::Extended(later.clone()));
    log.request(9, extend("cid", 6, at(30)));
    log.outcome(9, 7, Role::Repeat, "cid", OutcomeBody::Held(later));
    log.answer(10, 7, extend("cid", 6, at(42)), capped(at(41), at(42)));
    log.answer(11, 8, confirm("cid", 6, "pay-1"), booked(6, &four, "pay-1"));
    log.answer(12, 9, cancel("cid", 6, &["G/3"]), cancelled(6, &["G/3"], 3, "pay-1", 2_000));
    let gone = refused(Code::NotInBooking, &["G/3"]);
    log.answer(13, 9, cancel("cid", 6, &["G/3"]), gone);
    log.request(14, confirm("cid", 6, "pay-1"));
    log.outcome(14, 9, Role::Repeat, "cid", booked(6, &four[1..], "pay-1"));
    log.answer(15, 9, cancel("bob", 5, &[]), refused(Code::NothingBooked, &[]));
}

/// Noon: a pause, a payment used twice, the rest given back, and what comes back to a block.
fn noon(log: &mut Log) {
    log.answer(16, 10, Body::Pause(administration(2)), changed(ChangedKind::Paused, 3));
    let wish = claim("ann", vec![seat("A/1/3")]);
    log.answer(17, 10, wish, refused(Code::SaleNotOpen, &[]));
    log.answer(18, 10, extend("bob", 5, at(30)), refused(Code::SaleNotOpen, &[]));
    log.answer(19, 11, Body::Open(administration(3)), changed(ChangedKind::Opened, 4));
    log.answer(20, 12, claim("eve", vec![seat("A/1/3")]), held(20, &["A/1/3"]));
    log.answer(21, 12, confirm("eve", 20, "pay-1"), refused(Code::ReferenceUsed, &[]));
    let rest = ["G/4", "G/5", "G/6"];
    log.answer(22, 13, cancel("cid", 6, &[]), cancelled(6, &rest, 0, "pay-1", 6_000));
    let over = because(Code::HoldEnded, "cancelled", &[]);
    log.answer(23, 13, confirm("cid", 6, "pay-1"), over.clone());
    log.answer(24, 13, cancel("cid", 6, &[]), over);
    let one = moved(ChangedKind::Unblocked, 4, "", &["G/2"]);
    log.answer(25, 14, unblock(4, vec![counted("G", 1)]), one);
    log.request(26, block(4, "sponsor", vec![named("A/1")]));
    log.outcome(26, 15, Role::Derived, "bob", released(5, &["A/1/1"], Cause::Expired));
    log.outcome(26, 15, Role::Answer, "", refused(Code::SeatsTaken, &["A/1/3"]));
    let back = because(Code::Blocked, "press", &["A/1/1"]);
    log.answer(27, 15, claim("ann", vec![seat("A/1/1")]), back);
    let unblocked = refused(Code::NotBlocked, &["A/1/4"]);
    log.answer(28, 15, unblock(4, vec![named("A/1/1"), named("A/1/4")]), unblocked);
    let seats = ["A/1/1"];
    let freed = moved(ChangedKind::Unblocked, 4, "", &seats);
    log.answer(29, 16, unblock(4, vec![named("A/1/1")]), freed);
    log.answer(30, 17, claim("ann", vec![seat("A/1/1")]), held(30, &seats));
    log.answer(31, 18, confirm("ann", 30, "pay-3"), booked(30, &seats, "pay-3"));
}

/// The evening: the event is called off, and leaving goes on without refunds of its own.
fn evening(log: &mut Log) {
    log.answer(32, 19, Body::CallOff(administration(4)), changed(ChangedKind::CalledOff, 5));
    let off = || refused(Code::EventOff, &[]);
    log.answer(33, 19, claim("fay", vec![seat("A/2/1")]), off());
    log.answer(34, 19, confirm("eve", 20, "pay-4"), off());
    log.answer(35, 19, Body::Open(administration(5)), off());
    log.answer(36, 20, cancel("ann", 30, &[]), cancelled(30, &["A/1/1"], 0, "pay-3", 0));
    log.answer(41, 21, Body::Expire, released(20, &["A/1/3"], Cause::Expired));
    log.of(41).header.buyer = Some(buyer("eve"));
}

fn day() -> Log {
    let mut log = Log::default();
    morning(&mut log);
    noon(&mut log);
    evening(&mut log);
    log
}

fn finds(check: Check, offset: i64, plant: impl FnOnce(&mut Log)) {
    finds_in(day(), check, offset, plant);
}

/// Another outcome of a request.
fn finds_told(check: Check, offset: i64, body: OutcomeBody) {
    finds(check, offset, |log| log.of(offset).body = body);
}

/// Another outcome, with the sequence of one that changes the event.
fn finds_done(check: Check, offset: i64, body: OutcomeBody) {
    finds(check, offset, |log| {
        log.of(offset).header.role = Role::Answer;
        log.of(offset).header.sequence += 1;
        log.of(offset).body = body;
    });
}

/// Another request before the same outcome.
fn asked(log: &mut Log, offset: i64) -> &mut Request {
    let asked = log.requests.iter_mut().find(|asked| asked.offset == offset).expect("asked");
    asked.request.as_mut().expect("readable")
}

#[test]
fn a_clean_day_is_clean() {
    let (report, _) = day().audit();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.extended, report.cancelled, report.changed), (1, 3, 9));
    let places = (report.seats_held, report.seats_booked, report.seats_blocked);
    assert_eq!(places, (0, 0, 2), "{report}");
}

#[test]
fn blocked_places_are_kept_from_sale() {
    finds_done(Check::Block, 4, held(4, &["A/1/1"]));
    finds(Check::Block, 5, |log| asked(log, 5).body = claim("bob", vec![seat("A/1/1")]));
    finds(Check::Block, 6, |log| log.held_at(6).places[0] = place("G/1"));
    finds_done(Check::Block, 7, held(7, &["G/1"]));
    finds_done(Check::Block, 27, held(27, &["A/1/1"]));
    // An override is for seats claimed by name.
    finds(Check::Block, 6, |log| {
        let Body::Claim(claim) = &mut asked(log, 6).body else { panic!("not a claim") };
        claim.staff_override = true;
        log.held_at(6).staff_override = true;
        log.held_at(6).places[0] = place("G/2");
    });
}

#[test]
fn blocks_are_as_they_were_asked_for() {
    let pair = ["A/1/1", "A/1/2"];
    let blocked = |seats: &[&str]| moved(ChangedKind::Blocked, 2, "press", seats);
    finds_told(Check::Block, 2, moved(ChangedKind::Blocked, 2, "house", &pair));
    finds_told(Check::Sale, 2, moved(ChangedKind::Blocked, 3, "press", &pair));
    finds_told(Check::Seats, 2, blocked(&["A/1/1"]));
    finds_told(Check::Seats, 2, blocked(&["A/1/1", "A/1/2", "A/1/2"]));
    finds_told(Check::Seats, 2, blocked(&["A/1/1", "A/1/2", "A/1/3"]));
    finds_told(Check::Identity, 2, moved(ChangedKind::Unblocked, 2, "", &pair));
    let lowest = moved(ChangedKind::Blocked, 2, "house", &["G/1", "G/3"]);
    finds_told(Check::Seats, 3, lowest);
    finds_done(Check::Block, 26, moved(ChangedKind::Blocked, 4, "sponsor", &["A/1/3"]));
    finds(Check::Block, 3, |log| {
        asked(log, 3).body = block(2, "house", vec![named("A/1/1")]);
        log.of(3).body = moved(ChangedKind::Blocked, 2, "house", &["A/1/1"]);
    });
    finds_told(Check::Block, 25, moved(ChangedKind::Unblocked, 4, "", &["G/3"]));
    finds_told(Check::Seats, 25, moved(ChangedKind::Unblocked, 4, "", &["G/1", "G/2"]));
    finds_told(Check::Block, 29, moved(ChangedKind::Unblocked, 4, "", &["A/1/4"]));
    finds_told(Check::Block, 16, moved(ChangedKind::Paused, 3, "", &["A/1/4"]));
}

#[test]
fn more_time_is_bounded_and_never_less() {
    let extended =
        |deadline| OutcomeBody::Extended(standing(6, &["G/3", "G/4", "G/5", "G/6"], deadline));
    finds_told(Check::Hold, 8, extended(at(35)));
    finds(Check::Limit, 10, |log| {
        log.of(10).header.sequence += 1;
        log.of(10).body = extended(at(42));
    });
    finds_done(Check::Hold, 9, extended(at(30)));
    for told in [8, 9] {
        finds(Check::Limit, told, |log| {
            let body = &mut log.of(told).body;
            let (OutcomeBody::Held(held) | OutcomeBody::Extended(held)) = body else {
                panic!("it does not tell of a hold")
            };
            held.staff_override = true;
        });
    }
    finds_done(Check::Sale, 18, OutcomeBody::Extended(standing(5, &["A/1/1"], at(30))));
    finds_told(Check::Seats, 8, OutcomeBody::Extended(standing(6, &["G/3"], at(36))));
    finds(Check::Hold, 9, |log| {
        let OutcomeBody::Held(held) = &mut log.of(9).body else { panic!("not held") };
        held.deadline = at(30);
    });
    finds_told(Check::Identity, 11, extended(at(36)));
    // A hold that was given more time does not end at its first deadline.
    let early = |log: &mut Log| {
        log.requests.retain(|asked| asked.offset < 11);
        log.outcomes.retain(|outcome| outcome.header.offset < 11);
        log.request(33, Body::Expire);
        log.outcome(33, 8, Role::Derived, "bob", released(5, &["A/1/1"], Cause::Expired));
        let four = ["G/3", "G/4", "G/5", "G/6"];
        log.outcome(33, 9, Role::Answer, "cid", released(6, &four, Cause::Expired));
    };
    finds(Check::EarlyExpiry, 33, early);
}

#[test]
fn a_place_is_refunded_once() {
    finds_done(Check::Refund, 13, cancelled(6, &["G/3"], 2, "pay-1", 2_000));
    let all = ["G/3", "G/4", "G/5", "G/6"];
    finds_told(Check::Refund, 22, cancelled(6, &all, 0, "pay-1", 8_000));
    finds_told(Check::Refund, 12, cancelled(6, &["G/3", "G/3"], 2, "pay-1", 4_000));
    finds_told(Check::Refund, 12, cancelled(6, &["G/3"], 3, "pay-1", 2_001));
    finds_told(Check::Refund, 36, cancelled(30, &["A/1/1"], 0, "pay-3", 5_000));
    finds_done(Check::Hold, 24, cancelled(6, &["G/4"], 0, "pay-1", 2_000));
    finds_done(Check::Hold, 15, cancelled(5, &["A/1/1"], 0, "pay-1", 5_000));
    finds_told(Check::Seats, 12, cancelled(6, &["G/4"], 3, "pay-1", 2_000));
    finds_told(Check::Seats, 12, cancelled(6, &["G/3"], 4, "pay-1", 2_000));
    finds_told(Check::Hold, 12, cancelled(6, &["G/3"], 3, "pay-2", 2_000));
    finds(Check::Price, 12, |log| {
        let OutcomeBody::Cancelled(cancelled) = &mut log.of(12).body else { panic!("not so") };
        cancelled.places[0].price += 1;
    });
    finds(Check::Hold, 12, |log| {
        asked(log, 12).body = cancel("dee", 6, &["G/3"]);
        log.of(12).header.buyer = Some(buyer("dee"));
    });
}

#[test]
fn places_given_back_go_where_they_are_to_go() {
    let rest = || cancelled(6, &["G/4", "G/5", "G/6"], 0, "pay-1", 6_000);
    let list = [("G/4", "list"), ("G/5", "list"), ("G/6", "list")];
    finds_told(Check::Block, 22, gone_to(rest(), &list));
    finds_told(Check::Block, 22, gone_to(rest(), &[("G/4", "list")]));
    let into_list = |log: &mut Log| {
        let Body::Cancel(cancel) = &mut asked(log, 22).body else { panic!("not a cancel") };
        cancel.block = Some("list".into());
    };
    let told = |told: Vec<(&'static str, &'static str)>| {
        finds(Check::Block, 22, |log| {
            into_list(log);
            log.of(22).body = gone_to(rest(), &told);
        });
    };
    told(vec![]);
    told(list[..2].to_vec());
    told(vec![list[0], list[1], ("G/6", "press")]);
    told([&list[..], &list[..1]].concat());
    told(vec![list[0], list[1], list[2], ("A/2/1", "list")]);
    // What is in the block now is kept from sale.
    finds(Check::Block, 30, |log| {
        into_list(log);
        log.of(22).body = gone_to(rest(), &list);
        asked(log, 30).body = claim("ann", vec![places("G", None, 1)]);
        log.of(30).body = held(30, &["G/4"]);
    });
}

#[test]
fn a_booking_given_back_is_not_confirmed_again() {
    let four = ["G/3", "G/4", "G/5", "G/6"];
    finds(Check::Seats, 14, |log| log.of(14).body = booked(6, &four, "pay-1"));
    finds_done(Check::Hold, 23, booked(6, &["G/4", "G/5", "G/6"], "pay-1"));
    finds_done(Check::Hold, 21, booked(20, &["A/1/3"], "pay-1"));
    finds_told(Check::Refusal, 23, because(Code::HoldEnded, "expired", &[]));
    finds_told(Check::Refusal, 23, refused(Code::ReferenceUsed, &[]));
}

#[test]
fn called_off_is_final() {
    finds_done(Check::Sale, 33, held(33, &["A/2/1"]));
    finds_done(Check::Sale, 34, booked(20, &["A/1/3"], "pay-4"));
    finds_done(Check::Sale, 35, changed(ChangedKind::Opened, 6));
    finds_told(Check::Refusal, 33, refused(Code::SaleClosed, &[]));
    finds_told(Check::Refusal, 36, refused(Code::EventOff, &[]));
    finds_told(Check::Refusal, 31, refused(Code::EventOff, &[]));
}

#[test]
fn refusals_that_are_not_so() {
    let wrong = |offset, body: OutcomeBody| finds_told(Check::Refusal, offset, body);
    wrong(4, because(Code::Blocked, "house", &["A/1/1"]));
    wrong(4, because(Code::Blocked, "press", &["A/1/2"]));
    wrong(4, because(Code::Blocked, "press", &[]));
    wrong(4, refused(Code::SeatsTaken, &["A/1/1"]));
    wrong(4, refused(Code::NotBlocked, &["A/1/1"]));
    wrong(10, capped(at(41), at(41)));
    wrong(10, capped(at(40), at(42)));
    wrong(10, because(Code::HoldEnded, "", &[]));
    wrong(9, capped(at(41), at(30)));
    wrong(13, refused(Code::NotInBooking, &["G/4"]));
    wrong(13, refused(Code::NothingBooked, &[]));
    wrong(13, because(Code::HoldEnded, "cancelled", &[]));
    wrong(15, refused(Code::UnknownHold, &[]));
    wrong(15, refused(Code::NotInBooking, &["A/1/1"]));
    wrong(17, refused(Code::SaleClosed, &[]));
    wrong(18, refused(Code::EventOff, &[]));
    wrong(20, refused(Code::SaleNotOpen, &[]));
    wrong(26, refused(Code::SeatsTaken, &["A/1/4"]));
    wrong(28, refused(Code::NotBlocked, &["A/1/1"]));
    wrong(28, refused(Code::NotEnough, &["A"]));
    wrong(28, refused(Code::UnknownSeat, &["A/1/4"]));
    wrong(28, refused(Code::RequestLimit, &[]));
}

#[test]
fn the_ledger_remembers_blocks_and_what_was_given_back() {
    let (_, model) = day().audit();
    let model = model.event(&event()).unwrap();
    let names = |number: RowNumber| match number.0 {
        0..3 => Some(format!("A/1/{}", number.0 + 1)),
        place => Some(format!("G/{}", place - 2)),
    };
    let row = |number, claim: i64, name: &str, cause, changed| StoredSeat {
        number: RowNumber(number),
        status: Status::Free,
        hold: id_at(claim),
        buyer: Some(buyer(name)),
        deadline: At(0),
        price: if number < 3 { 5_000 } else { 2_000 },
        tier: u16::from(number >= 3),
        reference: (cause == Cause::Cancelled)
            .then(|| reference(if claim == 30 { "pay-3" } else { "pay-1" })),
        cause,
        offset: claim,
        changed,
        block: None,
    };
    let never_held = |number, status, changed, block: Option<&str>| StoredSeat {
        status,
        hold: HoldId::NONE,
        buyer: None,
        price: 0,
        tier: 0,
        offset: 0,
        block: block.map(Into::into),
        ..row(number, 0, "nobody", Cause::None, changed)
    };
    let rows = [
        row(0, 30, "ann", Cause::Cancelled, 20),
        never_held(1, Status::Blocked, 3, Some("press")),
        row(2, 20, "eve", Cause::Expired, 21),
        never_held(3, Status::Blocked, 4, Some("house")),
        never_held(4, Status::Free, 14, None),
        row(5, 6, "cid", Cause::Cancelled, 9),
        row(6, 6, "cid", Cause::Cancelled, 13),
        row(7, 6, "cid", Cause::Cancelled, 13),
        row(8, 6, "cid", Cause::Cancelled, 13),
    ];
    let found = compare(&event(), model, (21, false), &rows, names);
    assert!(found.is_empty(), "{found:?}");
    let planted = |at: usize, plant: fn(&mut StoredSeat)| {
        let mut rows = rows.clone();
        plant(&mut rows[at]);
        let found = compare(&event(), model, (21, false), &rows, names);
        found.first().map(|finding| finding.offset)
    };
    assert_eq!(planted(1, |row| row.block = Some("house".into())), Some(2));
    assert_eq!(planted(1, |row| row.status = Status::Free), Some(2));
    assert_eq!(planted(4, |row| row.block = Some("house".into())), Some(25));
    assert_eq!(planted(5, |row| row.reference = None), Some(12));
    assert_eq!(planted(6, |row| row.cause = Cause::Expired), Some(22));
    assert_eq!(planted(2, |row| row.changed = 20), Some(41));
}

#[test]
fn a_place_of_a_block_that_is_left_is_in_its_block_again() {
    let mut log = day();
    log.requests.retain(|asked| asked.offset < 29);
    log.outcomes.retain(|outcome| outcome.header.offset < 29);
    let (report, model) = log.audit();
    assert!(report.is_clean(), "{report}");
    let model = model.event(&event()).unwrap();
    assert_eq!(model.blocked("A/1/1"), Some("press"));
    assert_eq!(model.count(Status::Blocked), 3);
}
