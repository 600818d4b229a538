use super::*;
use crate::app::audit::fixture::{House, PARTITION, at, buyer, claim, event, id_at};
use crate::domain::ids::Reference;
use crate::domain::request::{Cancel, Claim, Confirm, Exchange, Line};

/// Ann has a seat and pays, bob loses it to her, she gives it back, and bob gets it after all.
fn sale() -> House {
    let mut house = House::open();
    house.ask(2, claim("ann", "A/1/1"));
    house.ask(3, claim("bob", "A/1/1"));
    let reference = Reference::new("pay-1").unwrap();
    house.ask(4, Body::Confirm(Confirm { buyer: buyer("ann"), hold: id_at(2), reference }));
    house.ask(5, claim("cid", "A/1/1"));
    let cancel = Cancel { buyer: buyer("ann"), hold: id_at(2), seats: vec![], block: None };
    house.ask(6, Body::Cancel(cancel));
    house.ask(7, claim("bob", "A/1/1"));
    house.ask(40, Body::Expire);
    house
}

fn explained(house: &House, question: Question) -> Explained {
    let mut teller = Teller::new(question);
    house.steps().into_iter().for_each(|step| teller.take(PARTITION, step));
    teller.finish()
}

fn moment(offset: i64) -> Moment {
    Moment { offset, at: at(offset) }
}

#[test]
fn a_refusal_names_the_rival_and_what_became_of_it() {
    let told = |offset, house: &House| {
        let Story::Request(mut askings) = explained(house, Question::Request(id_at(offset))).story
        else {
            panic!("a request's story")
        };
        assert_eq!(askings.len(), 1);
        askings.remove(0)
    };
    let house = sale();
    let bob = told(3, &house);
    assert_eq!((bob.offset, bob.appended, bob.kind), (3, at(3), "claim"));
    assert_eq!((bob.buyer.as_ref(), bob.code()), (Some(&buyer("bob")), Some(Code::SeatsTaken)));
    let (seat, rival) = &bob.rivals[0];
    assert_eq!((seat.as_str(), rival.hold, &rival.buyer), ("A/1/1", id_at(2), &buyer("ann")));
    assert_eq!(rival.claimed, moment(2));
    assert_eq!(rival.fate, Fate::Left(moment(6), Cause::Cancelled));
    assert!(bob.own.is_none(), "it made no hold");

    let mut early = sale();
    early.told.truncate(6);
    assert_eq!(told(3, &early).rivals[0].1.fate, Fate::Booked(moment(4)));
    early.told.truncate(4);
    let Fate::Held { deadline } = told(3, &early).rivals[0].1.fate else { panic!("held") };
    assert_eq!(deadline, at(22));

    let ann = told(2, &house);
    assert!(ann.rivals.is_empty() && ann.code().is_none());
    assert_eq!(ann.own.unwrap().fate, Fate::Left(moment(6), Cause::Cancelled));
    let confirm = told(4, &house);
    assert_eq!((confirm.kind, confirm.own.unwrap().hold), ("confirm", id_at(2)));
}

#[test]
fn every_record_of_an_id_is_told_and_an_unknown_id_is_not() {
    let mut house = sale();
    house.repeat(41, 2);
    let Story::Request(askings) = explained(&house, Question::Request(id_at(2))).story else {
        panic!("a request's story")
    };
    let offsets: Vec<i64> = askings.iter().map(|asking| asking.offset).collect();
    assert_eq!(offsets, [2, 41]);
    assert_eq!(askings[1].code(), Some(Code::IdOutOfWindow));
    assert!(explained(&house, Question::Request(id_at(99))).is_empty());
}

#[test]
fn a_place_has_had_its_holders_one_after_the_other() {
    let seat = |name: &str| explained(&sale(), Question::Seat(event(), name.into()));
    let Story::Seat(turns) = seat("A/1/1").story else { panic!("a seat's story") };
    let ann = Turn {
        who: Who::Hold(id_at(2), buyer("ann")),
        from: moment(2),
        booked: Some(moment(4)),
        to: Some((moment(6), Cause::Cancelled)),
    };
    let bob = Turn {
        who: Who::Hold(id_at(7), buyer("bob")),
        from: moment(7),
        booked: None,
        to: Some((moment(40), Cause::Expired)),
    };
    assert_eq!(turns, [ann, bob]);
    assert!(seat("A/1/2").is_empty());
}

/// Ann has seat 1 and exchanges it for 2, and back; then it goes to a block, and to bob by staff.
#[test]
fn exchanges_and_cancels_into_blocks_are_told() {
    let mut house = House::open();
    house.ask(2, claim("ann", "A/1/1"));
    let reference = Reference::new("pay-1").unwrap();
    house.ask(3, Body::Confirm(Confirm { buyer: buyer("ann"), hold: id_at(2), reference }));
    let exchange = |given: &str, wanted: &str| {
        let (buyer, hold, seats) = (buyer("ann"), id_at(2), vec![given.into()]);
        let lines = vec![Line::Seat { name: wanted.into(), tier: None }];
        Body::Exchange(Exchange { buyer, hold, seats, lines, expected_difference: None })
    };
    house.ask(4, exchange("A/1/1", "A/1/2"));
    house.ask(5, claim("bob", "A/1/2"));
    house.ask(6, exchange("A/1/2", "A/1/1"));
    let list = || Some("list".into());
    let cancel = Cancel { buyer: buyer("ann"), hold: id_at(2), seats: vec![], block: list() };
    house.ask(7, Body::Cancel(cancel));
    let Body::Claim(by_staff) = claim("bob", "A/1/1") else { panic!("a claim") };
    house.ask(8, Body::Claim(Claim { staff_override: true, ..by_staff }));
    let reference = Reference::new("pay-2").unwrap();
    house.ask(9, Body::Confirm(Confirm { buyer: buyer("bob"), hold: id_at(8), reference }));
    let cancel = |block| Cancel { buyer: buyer("bob"), hold: id_at(8), seats: vec![], block };
    house.ask(10, Body::Cancel(cancel(Some("house".into()))));

    let Story::Request(askings) = explained(&house, Question::Request(id_at(5))).story else {
        panic!("a request's story")
    };
    let (seat, rival) = &askings[0].rivals[0];
    assert_eq!((seat.as_str(), rival.hold), ("A/1/2", id_at(2)));
    assert_eq!(rival.fate, Fate::Left(moment(7), Cause::Cancelled));
    let Story::Seat(turns) = explained(&house, Question::Seat(event(), "A/1/1".into())).story
    else {
        panic!("a seat's story")
    };
    let of = |who, from, booked, to| Turn { who, from: moment(from), booked, to };
    let ann = || Who::Hold(id_at(2), buyer("ann"));
    let left = |offset| Some((moment(offset), Cause::Cancelled));
    let expected = [
        of(ann(), 2, Some(moment(3)), left(4)),
        of(ann(), 6, Some(moment(6)), left(7)),
        of(Who::Block("list".into()), 7, None, Some((moment(10), Cause::None))),
        of(Who::Hold(id_at(8), buyer("bob")), 8, Some(moment(9)), left(10)),
        of(Who::Block("house".into()), 10, None, None),
    ];
    assert_eq!(turns, expected);
}

#[test]
fn what_nobody_names_any_more_is_not_kept() {
    let mut house = House::open();
    for turn in 0..40 {
        house.ask(100 + 30 * turn, claim(&format!("buyer-{turn}"), "A/1/1"));
    }
    let mut teller = Teller::new(Question::Seat(event(), "A/1/1".into()));
    house.steps().into_iter().for_each(|step| teller.take(PARTITION, step));
    assert_eq!((teller.turns.len(), teller.followed.len()), (40, 1));
}

#[test]
fn of_a_long_story_the_end_is_told() {
    let mut parts: Vec<usize> = vec![];
    let left_out: u64 = (0..4_500)
        .map(|part| {
            parts.push(part);
            keep_last(&mut parts)
        })
        .sum();
    assert!(parts.len() < 2 * TURNS_MAX && parts.last() == Some(&4_499));
    assert_eq!(left_out, 4_500 - parts.len() as u64);
}
