//! A sale written by hand, and what the auditor says when one thing in it is not so.

use super::{Log, PARTITION, START, buyer, claim, definition, event, id, places, seat};
use crate::audit::Check;
use crate::audit::ledger::compare;
use crate::domain::ids::{Digest, Partition, Reference, RowNumber};
use crate::domain::layout::{Definition, Layout, Numbering, Run};
use crate::domain::outcome::{
    Booked, Changed, ChangedKind, Header, Held, Outcome, OutcomeBody, Place, Released, Role,
};
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::request::{Administration, Body, Confirm, Define, Release, Request};
use crate::domain::seat::{Cause, Status, StoredSeat};
use crate::domain::time::{At, Millis};
use crate::wire::venue::row_name;

pub(super) const HOLD_TIME: Millis = Millis(20_000);

/// One offset a second.
pub(super) fn at(offset: i64) -> At {
    START.plus(Millis(1_000 * offset))
}

pub(super) fn digest(offset: i64) -> Digest {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&offset.to_be_bytes());
    Digest(bytes)
}

pub(super) fn reference(text: &str) -> Reference {
    Reference::new(text).expect("a name")
}

/// The id of the request at an offset, which is also the hold that a claim there makes.
pub(super) fn id_at(offset: i64) -> crate::domain::ids::RequestId {
    id(at(offset), u64::try_from(offset).expect("offsets are positive"))
}

pub(super) fn place(name: &str) -> Place {
    let (tier, price) = if name.starts_with('A') { ("sit", 5_000) } else { ("stand", 2_000) };
    Place { seat: name.into(), tier: tier.into(), price }
}

pub(super) fn held(claim: i64, names: &[&str]) -> OutcomeBody {
    OutcomeBody::Held(Held {
        hold: id_at(claim),
        places: names.iter().map(|name| place(name)).collect(),
        currency: "EUR".into(),
        deadline: at(claim).plus(HOLD_TIME),
        staff_override: false,
    })
}

pub(super) fn booked(claim: i64, names: &[&str], paid: &str) -> OutcomeBody {
    OutcomeBody::Booked(Booked {
        hold: id_at(claim),
        places: names.iter().map(|name| place(name)).collect(),
        currency: "EUR".into(),
        reference: reference(paid),
    })
}

pub(super) fn released(claim: i64, names: &[&str], cause: Cause) -> OutcomeBody {
    let seats = names.iter().map(|&name| name.into()).collect();
    OutcomeBody::Released(Released { hold: id_at(claim), seats, cause })
}

pub(super) fn changed(kind: ChangedKind, edition: i64) -> OutcomeBody {
    OutcomeBody::Changed(Changed {
        kind,
        edition,
        actor: "ops".into(),
        reason: String::new(),
        seats: vec![],
    })
}

pub(super) fn confirm(name: &str, claim: i64, paid: &str) -> Body {
    Body::Confirm(Confirm { buyer: buyer(name), hold: id_at(claim), reference: reference(paid) })
}

pub(super) fn release(name: &str, claim: i64) -> Body {
    Body::Release(Release { buyer: buyer(name), hold: id_at(claim) })
}

pub(super) fn administration(edition: i64) -> Administration {
    Administration { edition, actor: "ops".into() }
}

pub(super) fn refused(code: Code, seats: &[&str]) -> OutcomeBody {
    let seats = seats.iter().map(|&seat| seat.into()).collect();
    OutcomeBody::Refused(Refusal::over_seats(code, seats))
}

impl Log {
    pub(super) fn request(&mut self, offset: i64, body: Body) {
        let request = Request { id: id_at(offset), event: event(), body };
        self.ask(offset, at(offset), digest(offset), Some(request));
    }

    pub(super) fn outcome(
        &mut self,
        offset: i64,
        sequence: i64,
        role: Role,
        for_: &str,
        body: OutcomeBody,
    ) {
        let asked = self.requests.iter().find(|asked| asked.offset == offset).expect("asked");
        let header = Header {
            event: event(),
            sequence,
            request: asked.request.as_ref().expect("readable").id,
            partition: PARTITION,
            offset,
            role,
            decided_at: asked.appended,
            waited: Millis(5),
            buyer: (!for_.is_empty()).then(|| buyer(for_)),
            digest: asked.digest,
        };
        self.outcomes.push(Outcome { header, body });
    }

    pub(super) fn answer(&mut self, offset: i64, sequence: i64, asked: Body, body: OutcomeBody) {
        let request = Request { id: id_at(offset), event: event(), body: asked };
        let asker = request.buyer().map(|buyer| buyer.as_str().to_owned()).unwrap_or_default();
        self.ask(offset, at(offset), digest(offset), Some(request));
        self.outcome(offset, sequence, Role::Answer, &asker, body);
    }

    /// The first outcome of a request.
    pub(super) fn of(&mut self, offset: i64) -> &mut Outcome {
        self.outcomes.iter_mut().find(|o| o.header.offset == offset).expect("an outcome")
    }

    /// The definition that the first request carries.
    pub(super) fn definition(&mut self) -> &mut Definition {
        let first = self.requests[0].request.as_mut().map(|request| &mut request.body);
        let Some(Body::Define(define)) = first else { panic!("not a definition") };
        &mut define.definition
    }

    pub(super) fn held_at(&mut self, offset: i64) -> &mut Held {
        let OutcomeBody::Held(held) = &mut self.of(offset).body else { panic!("not held") };
        held
    }
}

/// Some of everything, and all of it right.
pub(super) fn sale() -> Log {
    let mut log = Log::default();
    let define =
        Body::Define(Box::new(Define { definition: definition(HOLD_TIME), actor: "ops".into() }));
    log.answer(0, 1, define, changed(ChangedKind::Defined, 1));
    log.answer(1, 2, Body::Open(administration(1)), changed(ChangedKind::Opened, 2));
    let pair = ["A/1/1", "A/1/2"];
    log.answer(2, 3, claim("ann", pair.map(seat).to_vec()), held(2, &pair));
    log.answer(3, 4, claim("bob", vec![places("G", None, 3)]), held(3, &["G/1", "G/2", "G/3"]));
    let rival = claim("cid", vec![seat("A/1/2"), seat("A/1/3")]);
    log.answer(4, 4, rival, refused(Code::SeatsTaken, &["A/1/2"]));
    log.answer(5, 5, confirm("ann", 2, "pay-1"), booked(2, &pair, "pay-1"));
    let all = ["G/1", "G/2", "G/3"];
    log.answer(6, 6, release("bob", 3), released(3, &all, Cause::Released));
    log.answer(7, 7, claim("cid", vec![seat("A/1/3")]), held(7, &["A/1/3"]));
    log.ask(8, at(8), digest(8), None);
    log.dead_letters.push(8);
    log.answer(9, 7, Body::Expire, refused(Code::NothingDue, &[]));
    let again = log.requests[2].request.clone();
    log.ask(22, at(22), digest(2), again);
    log.outcome(22, 7, Role::Repeat, "ann", booked(2, &pair, "pay-1"));
    log.answer(28, 8, Body::Expire, released(7, &["A/1/3"], Cause::Expired));
    log.of(28).header.buyer = Some(buyer("cid"));
    log.answer(29, 9, claim("dee", vec![places("G", None, 2)]), held(29, &["G/1", "G/2"]));
    let crowd = claim("eve", vec![places("G", None, 5)]);
    log.answer(31, 9, crowd, refused(Code::NotEnough, &["G"]));
    log.answer(32, 9, confirm("cid", 7, "pay-2"), refused(Code::HoldEnded, &[]));
    log.answer(33, 10, Body::Close(administration(2)), changed(ChangedKind::Closed, 3));
    log.request(50, claim("fay", vec![seat("A/2/1")]));
    log.outcome(50, 11, Role::Derived, "dee", released(29, &["G/1", "G/2"], Cause::Expired));
    log.outcome(50, 11, Role::Answer, "fay", refused(Code::SaleClosed, &[]));
    log.request(51, Body::Expire);
    log.outcome(51, 11, Role::Answer, "", refused(Code::NothingDue, &[]));
    log
}

/// Plants one fault and looks for it among the findings; the first one must be at its offset.
pub(super) fn finds(check: Check, offset: i64, plant: impl FnOnce(&mut Log)) {
    finds_in(sale(), check, offset, plant);
}

pub(super) fn finds_in(mut log: Log, check: Check, offset: i64, plant: impl FnOnce(&mut Log)) {
    plant(&mut log);
    let (report, _) = log.audit();
    let first = report.findings.first().unwrap_or_else(|| panic!("{check:?} was not found"));
    assert_eq!(first.offset, offset, "{report}");
    let named = |f: &crate::audit::Finding| f.check == check && f.offset == offset;
    assert!(report.findings.iter().any(named), "{check:?} at {offset} is not in\n{report}");
}

#[test]
fn a_clean_sale_is_clean_in_whatever_order_outcomes_arrive() {
    let (report, _) = sale().audit();
    assert!(report.is_clean(), "{report}");
    let counted = (report.requests, report.answers, report.dead_letters, report.released);
    assert_eq!(counted, (18, 17, 1, 3));
    assert_eq!((report.held, report.booked, report.changed), (4, 1, 3));
    assert_eq!((report.seats_held, report.seats_booked, report.seats_total), (0, 2, 16));
    assert_eq!(report.refused[&Code::NothingDue], 2);
}

#[test]
fn lost_and_doubled_answers() {
    finds(Check::Lost, 4, |log| log.outcomes.retain(|o| o.header.offset != 4));
    finds(Check::Duplicated, 5, |log| {
        let twice = log.of(5).clone();
        log.outcomes.push(twice);
    });
    finds(Check::Lost, 8, |log| log.dead_letters.clear());
    finds(Check::Duplicated, 8, |log| log.dead_letters.push(8));
    finds(Check::Duplicated, 4, |log| log.dead_letters.push(4));
    finds(Check::Identity, 99, |log| log.dead_letters.push(99));
    finds(Check::Lost, 4, |log| log.requests[4].key = None);
}

#[test]
fn outcomes_of_other_records() {
    finds(Check::Identity, 4, |log| log.of(4).header.digest = digest(77));
    finds(Check::Identity, 4, |log| log.of(4).header.request = id_at(77));
    finds(Check::Identity, 4, |log| log.of(4).header.buyer = Some(buyer("ann")));
    finds(Check::Identity, 4, |log| log.of(4).header.partition = Partition(4));
    finds(Check::Identity, 9, |log| log.of(9).header.event = super::EventId::new("x").unwrap());
    finds(Check::Identity, 49, |log| {
        let mut stray = log.of(31).clone();
        stray.header.offset = 49;
        log.outcomes.push(stray);
    });
    finds(Check::Identity, 7, |log| log.requests[7].key = Some(b"other".to_vec()));
    finds(Check::Identity, 5, |log| log.of(5).body = held(2, &["A/2/1"]));
    finds(Check::Identity, 50, |log| log.of(50).body = refused(Code::NothingDue, &[]));
}

#[test]
fn decisions_are_made_in_their_time() {
    finds(Check::Time, 5, |log| log.of(5).header.decided_at = at(2));
    finds(Check::Time, 5, |log| log.of(5).header.decided_at = at(6));
    finds(Check::Time, 50, |log| log.of(50).header.decided_at = at(51));
    finds(Check::Time, 50, |log| log.of(50).header.waited = Millis(6));
    // Later than what changed the event last, and earlier than the last refusal.
    finds(Check::Time, 9, |log| {
        log.of(9).header.decided_at = at(6);
        log.of(9).header.waited = Millis(0);
    });
    // A record from beyond the owner's clock cannot have waited by it.
    finds(Check::Time, 31, |log| log.of(31).header.decided_at = at(30));
}

#[test]
fn an_id_counts_once_and_in_its_time() {
    let with_id = |offset: i64, id: crate::domain::ids::RequestId| {
        move |log: &mut Log| {
            let asked = log.requests.iter_mut().find(|asked| asked.offset == offset).unwrap();
            asked.request.as_mut().unwrap().id = id;
            log.of(offset).header.request = id;
        }
    };
    finds(Check::Identity, 33, with_id(33, id(at(22), 33)));
    finds(Check::Identity, 33, with_id(33, id(at(44), 33)));
    finds(Check::Identity, 33, with_id(33, id_at(31)));
    let named = |code, first_offset| {
        let ground = Ground { first_offset: Some(first_offset), ..Ground::default() };
        OutcomeBody::Refused(Refusal { code, ground })
    };
    let again = |body: OutcomeBody| {
        move |log: &mut Log| {
            log.of(22).header.role = Role::Answer;
            log.of(22).body = body;
        }
    };
    finds(Check::Refusal, 22, again(named(Code::Repeated, 3)));
    finds(Check::Refusal, 22, again(named(Code::RequestConflict, 2)));
    finds(Check::Refusal, 22, again(refused(Code::SaleClosed, &[])));
    // Past the memory of ids the hold is known by its id all the same.
    let later = |code, first| {
        move |log: &mut Log| {
            let again = log.requests[2].request.clone();
            log.ask(60, at(60), digest(2), again);
            log.outcome(60, 11, Role::Answer, "ann", named(code, first));
        }
    };
    finds(Check::Refusal, 60, later(Code::RequestConflict, 3));
    finds(Check::Refusal, 60, later(Code::Repeated, 2));
    let mut log = sale();
    later(Code::RequestConflict, 2)(&mut log);
    assert!(log.audit().0.is_clean(), "{}", log.audit().0);
}

#[test]
fn seats_and_prices() {
    finds(Check::Seats, 7, |log| log.held_at(7).places[0] = place("A/1/4"));
    finds(Check::Seats, 7, |log| log.held_at(7).places[0] = place("A/1/6"));
    finds(Check::Seats, 7, |log| log.held_at(7).places.push(place("A/1/4")));
    finds(Check::Seats, 3, |log| log.held_at(3).places.truncate(2));
    finds(Check::Seats, 3, |log| log.held_at(3).places[1] = place("G/1"));
    finds(Check::Seats, 3, |log| log.held_at(3).places[1].tier = "child".into());
    finds(Check::Price, 3, |log| log.held_at(3).places[1].price = 1_999);
    finds(Check::Price, 3, |log| log.held_at(3).currency = "CHF".into());
    finds(Check::Price, 5, |log| {
        let OutcomeBody::Booked(booked) = &mut log.of(5).body else { panic!("not booked") };
        booked.places[0].price += 1;
    });
    finds(Check::Seats, 5, |log| log.of(5).body = booked(2, &["A/1/1"], "pay-1"));
    finds(Check::Seats, 6, |log| log.of(6).body = released(3, &["G/1"], Cause::Released));
    finds(Check::Price, 7, |log| {
        let Some(Body::Claim(claim)) = log.requests[7].request.as_mut().map(|r| &mut r.body) else {
            panic!("not a claim")
        };
        claim.expected_price = Some(1);
    });
}

#[test]
fn holds_end_in_time() {
    finds(Check::EarlyExpiry, 28, |log| {
        log.requests.iter_mut().filter(|a| a.offset == 28).for_each(|a| a.appended = at(20));
        log.of(28).header.decided_at = at(20);
    });
    finds(Check::LateExpiry, 28, |log| {
        let asked = log.requests.iter_mut().find(|asked| asked.offset == 28).unwrap();
        asked.request.as_mut().unwrap().body = confirm("cid", 7, "pay-2");
        log.of(28).body = booked(7, &["A/1/3"], "pay-2");
    });
    finds(Check::LateExpiry, 50, |log| {
        log.outcomes.retain(|outcome| outcome.header.role != Role::Derived);
        log.of(50).header.sequence = 10;
    });
    finds(Check::LateExpiry, 28, |log| log.of(28).body = refused(Code::NothingDue, &[]));
    finds(Check::Hold, 5, |log| log.of(5).body = booked(2, &["A/1/1", "A/1/2"], "pay-9"));
    finds(Check::Hold, 3, |log| log.held_at(3).deadline = at(24));
    finds(Check::Identity, 22, |log| log.of(22).header.role = Role::Answer);
}

#[test]
fn what_is_granted_is_on_sale_and_not_too_much() {
    finds(Check::Sale, 1, |log| log.of(1).body = changed(ChangedKind::Opened, 3));
    finds(Check::Identity, 1, |log| log.of(1).body = changed(ChangedKind::Closed, 2));
    finds(Check::Sale, 7, |log| log.of(7).header.waited = Millis(30_001));
    finds(Check::Sale, 50, |log| {
        log.outcomes.last_mut().unwrap().header.sequence = 12;
        let answer = log.outcomes.iter_mut().rfind(|o| o.header.offset == 50).unwrap();
        answer.header.sequence = 12;
        answer.body = held(50, &["A/2/1"]);
    });
    finds(Check::Limit, 3, |log| log.definition().limits.seats_per_request = Some(2));
    finds(Check::Limit, 2, |log| log.held_at(2).staff_override = true);
}

#[test]
fn refusals_that_are_not_so() {
    let wrong = |offset, code, seats: &'static [&'static str]| {
        finds(Check::Refusal, offset, |log| log.of(offset).body = refused(code, seats));
    };
    wrong(4, Code::SeatsTaken, &["A/1/3"]);
    wrong(4, Code::SeatsTaken, &[]);
    wrong(4, Code::NotEnough, &["A"]);
    wrong(31, Code::BuyerLimit, &[]);
    wrong(31, Code::RequestLimit, &[]);
    wrong(31, Code::LiveHolds, &[]);
    wrong(31, Code::TierLimit, &[]);
    wrong(31, Code::UnknownSeat, &["G"]);
    wrong(31, Code::TierMismatch, &["G"]);
    wrong(31, Code::PriceChanged, &[]);
    wrong(31, Code::SaleClosed, &[]);
    wrong(31, Code::SaleNotOpen, &[]);
    wrong(31, Code::Stale, &[]);
    wrong(31, Code::IdOutOfWindow, &[]);
    wrong(31, Code::Repeated, &[]);
    wrong(31, Code::UnknownEvent, &[]);
    wrong(31, Code::AlreadyDefined, &[]);
    wrong(31, Code::NotAuthorised, &[]);
    wrong(31, Code::BadRequest, &[]);
    wrong(31, Code::WrongPartition, &[]);
    wrong(31, Code::Blocked, &[]);
    wrong(31, Code::HoldEnded, &[]);
    wrong(32, Code::UnknownHold, &[]);
    wrong(32, Code::NotHolder, &[]);
    wrong(32, Code::ReferenceUsed, &[]);
    wrong(32, Code::NothingDue, &[]);
    finds(Check::Refusal, 33, |log| {
        log.of(33).header.sequence = 9;
        log.of(33).body = refused(Code::WrongEdition, &[]);
    });
}

#[test]
fn the_ledger_is_held_against_the_topics() {
    let (_, model) = sale().audit();
    let model = model.event(&event()).unwrap();
    let layout = Layout::compile(sale().definition().clone()).unwrap();
    let names = |row| row_name(Some(&layout), row);
    let row = |number, status, claim, name: &str, changed| StoredSeat {
        number: RowNumber(number),
        status,
        hold: id_at(claim),
        buyer: Some(buyer(name)),
        deadline: if status == Status::Free { At(0) } else { at(claim).plus(HOLD_TIME) },
        price: 5_000,
        tier: 0,
        reference: (status == Status::Booked).then(|| reference("pay-1")),
        cause: if status == Status::Free { Cause::Expired } else { Cause::None },
        offset: claim,
        changed,
        block: None,
    };
    let rows = [
        row(0, Status::Booked, 2, "ann", 5),
        row(1, Status::Booked, 2, "ann", 5),
        row(2, Status::Free, 7, "cid", 8),
    ];
    let missing = compare(&event(), model, (11, false), &rows, names);
    assert_eq!(missing.len(), 3, "the standing places are not among the rows: {missing:?}");
    let standing = missing.iter().all(|finding| finding.expected.contains("G/"));
    assert!(standing && missing.iter().all(|finding| finding.check == Check::Ledger));
    let more = |sequence, rows: &[StoredSeat]| {
        compare(&event(), model, (sequence, false), rows, names).len() - missing.len()
    };
    assert_eq!(more(10, &rows), 1, "another sequence");
    let planted = |plant: fn(&mut StoredSeat)| {
        let mut rows = rows.clone();
        plant(&mut rows[0]);
        more(11, &rows)
    };
    assert_eq!(planted(|row| row.buyer = Some(buyer("bob"))), 1);
    assert_eq!(planted(|row| row.status = Status::Held), 1);
    assert_eq!(planted(|row| row.hold = id_at(3)), 1);
    assert_eq!(planted(|row| row.price = 1), 1);
    assert_eq!(planted(|row| row.reference = None), 1);
    assert_eq!(planted(|row| row.changed = 4), 1);
    assert_eq!(planted(|row| row.number = RowNumber(4)), 2, "one too many, one too few");
    assert_eq!(planted(|row| row.number = RowNumber(99)), 2, "a row of no place");

    // A place that is gone since leaves its row behind; one that has no row yet is not there.
    let row_of_gone = row(layout.seats(), Status::Free, 7, "cid", 8);
    let with_gone = [rows.to_vec(), vec![row_of_gone]].concat();
    assert_eq!(more(11, &with_gone), 1);
    let run = |row, count, label| Run { row, count, label };
    let runs = vec![run(0, 10, 0), run(10, 6, 1)];
    let numbering = Numbering { next: layout.seats() + 1, runs };
    let later = layout.clone().numbered(numbering).unwrap();
    let found =
        compare(&event(), model, (11, false), &with_gone, |row| row_name(Some(&later), row));
    assert_eq!(found, missing);

    let mut flipped = rows.clone();
    flipped[2].hold = id_at(2);
    let mut report = crate::audit::Report::default();
    let all = compare(&event(), model, (11, false), &flipped, names);
    all.into_iter().filter(|finding| !finding.expected.contains("G/")).for_each(|finding| {
        report.add(finding);
    });
    let first = report.first_divergence.unwrap();
    let place = (first.check, first.partition, first.offset, first.topic);
    assert_eq!(place, (Check::Ledger, PARTITION, 28, "ledger"), "the request that freed the seat");
    assert!(first.expected.starts_with("A/1/3 Free by hold"), "{first}");
    assert!(first.found.contains(&id_at(2).to_string()), "{first}");
}

#[test]
fn the_first_divergence_is_named_with_its_place() {
    let first = |plant: fn(&mut Log)| {
        let mut log = sale();
        plant(&mut log);
        let first = log.audit().0.first_divergence.expect("planted");
        (first.check, first.partition, first.offset, first.expected, first.found)
    };
    assert!(sale().audit().0.first_divergence.is_none());
    let told = |check, offset, expected: &str, found: &str| {
        (check, PARTITION, offset, expected.to_owned(), found.to_owned())
    };
    let removed = first(|log| log.outcomes.retain(|outcome| outcome.header.offset != 7));
    assert_eq!(removed, told(Check::Lost, 7, "one answer", "answers: 0, dead letters: 0"));
    let doubled = first(|log| {
        let twice = log.of(5).clone();
        log.outcomes.push(twice);
    });
    assert_eq!(doubled, told(Check::Duplicated, 5, "one answer", "answers: 2, dead letters: 0"));
    let both = first(|log| {
        log.outcomes.retain(|outcome| outcome.header.offset != 32);
        log.outcomes.retain(|outcome| outcome.header.offset != 4);
    });
    assert_eq!(both.2, 4);
}
