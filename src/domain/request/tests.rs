//! What a request is refused for without its event.

use uuid::Uuid;

use super::*;

fn detail(body: Body) -> String {
    let id = RequestId(Uuid::from_u128(0x0190_0000_0001_7000_8000_0000_0000_0001));
    let request = Request { id, event: EventId::new("hamlet").unwrap(), body };
    request.check().map_or_else(|refusal| refusal.ground.detail, |()| String::new())
}

fn claim(lines: Vec<Line>) -> Body {
    let buyer = BuyerId::new("b1").unwrap();
    Body::Claim(Claim {
        buyer,
        lines,
        expected_price: None,
        staff_override: false,
        accessible: false,
    })
}

fn seat(name: String, tier: Option<&str>) -> Line {
    Line::Seat { name, tier: tier.map(Into::into) }
}

#[test]
fn what_answers_repeat_is_bounded() {
    let opened = |actor: &str| Body::Open(Administration { edition: 1, actor: actor.into() });
    assert_eq!(detail(opened("box office, counter 3")), "");
    assert_eq!(detail(opened(&"a".repeat(65))), "the actor is longer than 64 bytes");
    assert_eq!(detail(opened("ops\n")), "the actor has a control character");

    let long = || "a".repeat(195);
    let too_long = "the seat or section of a line is longer than 194 bytes";
    let places = |section| Line::Places { section, tier: None, count: u32::MAX };
    assert_eq!(detail(claim(vec![seat(long(), None)])), too_long);
    assert_eq!(detail(claim(vec![places(long())])), too_long);
    let unprintable = claim(vec![seat("A/1/1".into(), Some("\u{7f}"))]);
    assert_eq!(detail(unprintable), "the tier of a line has a control character");
}

#[test]
fn a_block_says_what_for_and_which_places() {
    let named = |name: &str| Target::Named(name.into());
    let block = |reason: &str, places: Vec<Target>| {
        Body::Block(Block { edition: 1, actor: "ops".into(), reason: reason.into(), places })
    };
    let unblock = |places| Body::Unblock(Unblock { edition: 1, actor: "ops".into(), places });
    assert_eq!(detail(block("press and radio", vec![named("A/1"), named("A/1")])), "");
    assert_eq!(detail(block("", vec![named("A/1")])), "the block has no reason");
    let long = detail(block(&"a".repeat(65), vec![named("A/1")]));
    assert_eq!(long, "the reason is longer than 64 bytes");
    let unprintable = detail(block("a\tb", vec![named("A/1")]));
    assert_eq!(unprintable, "the reason has a control character");
    assert_eq!(detail(unblock(vec![])), "no places are named");
    let none = Target::Places { section: "G".into(), count: 0 };
    assert_eq!(detail(unblock(vec![named("A"), none])), "zero places of section G");
    let too_long = "the place or section of a line is longer than 194 bytes";
    assert_eq!(detail(unblock(vec![named(&"a".repeat(195))])), too_long);
    assert_eq!(detail(unblock(vec![named("A"); 1_000])), "");
    let lines = "places are named in more than 1000 lines";
    assert_eq!(detail(unblock(vec![named("A"); 1_001])), lines);
}

#[test]
fn a_cancel_names_up_to_fifty_seats_once_each() {
    let buyer = BuyerId::new("b1").unwrap();
    let cancel = |seats: Vec<String>| {
        let (buyer, hold) = (buyer.clone(), HoldId::NONE);
        Body::Cancel(Cancel { buyer, hold, seats, block: None })
    };
    let into = |reason: &str| {
        let (buyer, hold, block) = (buyer.clone(), HoldId::NONE, Some(reason.into()));
        Body::Cancel(Cancel { buyer, hold, seats: vec![], block })
    };
    let seats = |count: u32| (0..count).map(|n| format!("A/1/{n}")).collect();
    assert_eq!(detail(cancel(vec![])), "");
    assert_eq!(detail(cancel(seats(50))), "");
    assert_eq!(detail(cancel(seats(51))), "the cancel names more than 50 seats");
    assert_eq!(detail(cancel(vec!["A/1".into(); 2])), "seat A/1 is named twice");
    assert_eq!(detail(cancel(vec!["a".repeat(195)])), "the seat is longer than 194 bytes");
    assert_eq!(detail(into("waiting list")), "");
    assert_eq!(detail(into("")), "the block has no reason");
    assert_eq!(detail(into(&"a".repeat(65))), "the reason is longer than 64 bytes");
}

#[test]
fn an_exchange_gives_something_for_something_else() {
    let buyer = BuyerId::new("b1").unwrap();
    let exchange = |given: &[&str], wanted: &[&str]| {
        let seats = given.iter().map(|&name| name.into()).collect();
        let lines = wanted.iter().map(|&name| seat(name.into(), None)).collect();
        let (buyer, hold) = (buyer.clone(), HoldId::NONE);
        detail(Body::Exchange(Exchange { buyer, hold, seats, lines, expected_difference: None }))
    };
    assert_eq!(exchange(&["A/1/1"], &["A/1/2", "A/1/3"]), "");
    assert_eq!(exchange(&[], &["A/1/2"]), "the exchange gives nothing back");
    assert_eq!(exchange(&["A/1/1"], &[]), "the exchange wants nothing");
    assert_eq!(exchange(&["A/1/1"; 51], &["A/1/2"]), "the exchange names more than 50 seats");
    assert_eq!(exchange(&["A/1/1"; 2], &["A/1/2"]), "seat A/1/1 is named twice");
    assert_eq!(exchange(&["A/1/1"], &["A/1/2"; 2]), "seat A/1/2 is named twice");
    assert_eq!(exchange(&["A/1/1", "G/1"], &["A/1/1"]), "seat A/1/1 is named twice");
}

#[test]
fn a_claim_has_up_to_fifty_lines() {
    let lines = |count: u32| claim((0..count).map(|n| seat(format!("A/1/{n}"), None)).collect());
    assert_eq!(detail(lines(50)), "");
    assert_eq!(detail(lines(51)), "the claim has more than 50 lines");
}
