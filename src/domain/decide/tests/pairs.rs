//! Every pair of the state table, asked of a real event: what `step` answers is what the table
//! says.

use std::fmt::Debug;

use super::table::{Sale, buyer, venue};
use crate::domain::decide::Decision;
use crate::domain::decide::conflict::{Named, place_state};
use crate::domain::decide::pairs::{
    HoldAsk, HoldState, PlaceAsk, PlaceState, Step, of_hold, of_place,
};
use crate::domain::outcome::{OutcomeBody, Role};
use crate::domain::refusal::Code;
use crate::domain::request::Body;
use crate::domain::time::Millis;

/// Hold h1 before it is asked about by b1: the ways in which it comes to stand so.
fn ways_to_hold(stands: HoldState) -> &'static [&'static str] {
    match stands {
        HoldState::Unknown => &[
            "",
            "9:00 h1 b1 claim A/1/1; 9:01 b1 release h1; 9:02 b2 claim A/1/1",
            "1:00 h1 b1 claim A/1/1; 12:00 expire; 12:01 b2 claim A/1/1",
            "9:00 h1 b1 claim A/1/1; 9:01 b1 confirm h1 pay-1; 9:02 b1 cancel h1; 9:03 b2 claim A/1/1",
            "9:00 h1 b1 claim A/1/1; 9:01 b1 release h1; 9:02 amend A/1:2-5",
        ],
        HoldState::OfAnother => &[
            "9:00 h1 b2 claim A/1/1",
            "9:00 h1 b2 claim A/1/1; 9:01 b2 confirm h1 pay-1",
            "1:00 h1 b2 claim A/1/1; 12:00 expire",
            "9:00 h1 b2 claim A/1/1; 9:01 b2 release h1",
            "9:00 h1 b2 claim A/1/1; 9:01 b2 confirm h1 pay-1; 9:02 b2 cancel h1",
        ],
        HoldState::Live => &[
            "9:00 h1 b1 claim A/1/1",
            "1:00 h1 b1 claim A/1/1; 9:00 b1 extend h1 20:00",
            "9:00 block A/1/1 for=press; 9:01 h1 b1 claim A/1/1 staff",
        ],
        HoldState::Booked => &[
            "9:00 h1 b1 claim A/1/1; 9:01 b1 confirm h1 pay-1",
            "9:00 h1 b1 claim A/1/1 A/1/2; 9:01 b1 confirm h1 pay-1; 9:02 b1 cancel h1 A/1/2",
            "9:00 h1 b1 claim A/1/2; 9:01 b1 confirm h1 pay-1; 9:02 b1 exchange h1 A/1/2 for A/1/1",
        ],
        HoldState::Expired => &[
            "1:00 h1 b1 claim A/1/1; 12:00 expire",
            "1:00 h1 b1 claim A/1/1 A/1/2; 12:00 b2 claim A/1/2",
        ],
        HoldState::Released => &[
            "9:00 h1 b1 claim A/1/1; 9:01 b1 release h1",
            "9:00 h1 b1 claim A/1/1 A/1/2; 9:01 b1 release h1; 9:02 b2 claim A/1/2",
        ],
        HoldState::Cancelled => &[
            "9:00 h1 b1 claim A/1/1; 9:01 b1 confirm h1 pay-1; 9:02 b1 cancel h1",
            "9:00 h1 b1 claim A/1/1; 9:01 b1 confirm h1 pay-1; 9:02 b1 cancel h1 into=press",
        ],
    }
}

fn line_of_hold(ask: HoldAsk) -> &'static str {
    match ask {
        HoldAsk::Confirm => "12:30 b1 confirm h1 pay-2",
        HoldAsk::ConfirmAgain => "12:30 b1 confirm h1 pay-1",
        HoldAsk::Extend => "12:30 b1 extend h1 21:00",
        HoldAsk::Release => "12:30 b1 release h1",
        HoldAsk::Cancel => "12:30 b1 cancel h1",
        HoldAsk::Exchange => "12:30 b1 exchange h1 A/1/1 for A/1/4",
    }
}

/// Place A/1/1 before it is asked for: the ways in which it comes to stand so.
fn ways_to_place(stands: PlaceState) -> &'static [&'static str] {
    match stands {
        PlaceState::Free => &[
            "",
            "9:00 h1 b1 claim A/1/1; 9:01 b1 release h1",
            "9:00 block A/1/1 for=press; 9:01 unblock A/1/1",
        ],
        PlaceState::Held => &[
            "9:00 h1 b1 claim A/1/1",
            "9:00 block A/1/1 for=press; 9:01 h1 b1 claim A/1/1 staff; 9:02 unblock A/1/1",
        ],
        PlaceState::Booked => &["9:00 h1 b1 claim A/1/1; 9:01 b1 confirm h1 pay-1"],
        PlaceState::Blocked => &[
            "9:00 block A/1/1 for=press",
            "9:00 block A/1/1 for=press; 9:01 h1 b1 claim A/1/1 staff; 9:02 b1 release h1",
            "9:00 h1 b1 claim A/1/1; 9:01 b1 confirm h1 pay-1; 9:02 b1 cancel h1 into=press",
        ],
        PlaceState::HeldOfBlock => &["9:00 block A/1/1 for=press; 9:01 h1 b1 claim A/1/1 staff"],
        PlaceState::BookedOfBlock => {
            &["9:00 block A/1/1 for=press; 9:01 h1 b1 claim A/1/1 staff; 9:02 b1 confirm h1 pay-1"]
        }
    }
}

/// Buyer b9 has booked A/1/5 as h9.
fn line_of_place(ask: PlaceAsk) -> &'static str {
    match ask {
        PlaceAsk::Claim => "12:30 b2 claim A/1/1",
        PlaceAsk::StaffClaim => "12:30 b2 claim A/1/1 staff",
        PlaceAsk::Exchange => "12:30 b9 exchange h9 A/1/5 for A/1/1",
        PlaceAsk::Block => "12:30 block A/1/1 for=house",
        PlaceAsk::Unblock => "12:30 unblock A/1/1",
        PlaceAsk::Drop => "12:30 amend A/1:2-5",
    }
}

/// Where the table has a request. One that it does not have leaves holds and places alone.
fn asks(body: &Body) -> (&'static [HoldAsk], &'static [PlaceAsk]) {
    match body {
        Body::Define(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Expire => (&[], &[]),
        Body::Amend(_) => (&[], &[PlaceAsk::Drop]),
        Body::Block(_) => (&[], &[PlaceAsk::Block]),
        Body::Unblock(_) => (&[], &[PlaceAsk::Unblock]),
        Body::Claim(_) => (&[], &[PlaceAsk::Claim, PlaceAsk::StaffClaim]),
        Body::Confirm(_) => (&[HoldAsk::Confirm, HoldAsk::ConfirmAgain], &[]),
        Body::Extend(_) => (&[HoldAsk::Extend], &[]),
        Body::Release(_) => (&[HoldAsk::Release], &[]),
        Body::Cancel(_) => (&[HoldAsk::Cancel], &[]),
        Body::Exchange(_) => (&[HoldAsk::Exchange], &[PlaceAsk::Exchange]),
    }
}

const OTHERS: &[&str] =
    &["12:30 define", "12:30 open", "12:30 close", "12:30 pause", "12:30 call-off", "12:30 expire"];

fn body(sale: &Sale, line: &str) -> Body {
    sale.body(&line.split_whitespace().skip(1).collect::<Vec<_>>())
}

#[test]
fn a_hold_becomes_what_the_table_says() {
    for &state in HoldState::ALL {
        for way in ways_to_hold(state) {
            let sale = prepared(way);
            assert_eq!(hold_state(&sale), state, "after {way}");
            for &ask in HoldAsk::ALL {
                let mut sale = sale.clone();
                let line = line_of_hold(ask);
                assert!(asks(&body(&sale, line)).0.contains(&ask), "{line}");
                let decision = sale.ask(line);
                let came = came(&decision, Some(hold_state(&sale)));
                let told = came.map_err(|(code, detail)| (code, detail.to_owned()));
                let said = of_hold(state, ask).map_err(|no| (no.code, no.detail.to_owned()));
                assert_eq!(told, said, "{state:?} and {ask:?}, after {way}");
            }
        }
    }
}

#[test]
fn a_place_becomes_what_the_table_says() {
    for &state in PlaceState::ALL {
        for way in ways_to_place(state) {
            let sale = prepared(way);
            assert_eq!(seat_state(&sale), Some(state), "after {way}");
            for &ask in PlaceAsk::ALL {
                let mut sale = sale.clone();
                let line = line_of_place(ask);
                assert!(asks(&body(&sale, line)).1.contains(&ask), "{line}");
                let decision = sale.ask(line);
                let told = came(&decision, seat_state(&sale)).map_err(|(code, _)| code);
                let said: Result<_, Code> = of_place(state, ask).map_err(|no| no.code);
                assert_eq!(told, said, "{state:?} and {ask:?}, after {way}");
            }
        }
    }
}

#[test]
fn other_requests_leave_holds_and_places_as_they_are() {
    let holds = HoldState::ALL.iter().flat_map(|&stands| ways_to_hold(stands));
    let places = PlaceState::ALL.iter().flat_map(|&stands| ways_to_place(stands));
    for way in holds.chain(places) {
        let before = prepared(way);
        for line in OTHERS {
            let mut sale = before.clone();
            assert_eq!(asks(&body(&sale, line)), (&[][..], &[][..]), "{line}");
            sale.ask(line);
            assert_eq!(hold_state(&sale), hold_state(&before), "{line}, after {way}");
            assert_eq!(seat_state(&sale), seat_state(&before), "{line}, after {way}");
        }
    }
}

fn hold_state(sale: &Sale) -> HoldState {
    Named::read(sale.state(), sale.hold("h1"), &buyer("b1")).stands
}

/// `None` where an amend has left it out.
fn seat_state(sale: &Sale) -> Option<PlaceState> {
    let layout = sale.state().layout().expect("a known event");
    layout.find("A/1/1").map(|seat| place_state(sale.state(), seat))
}

/// An open sale after some requests, each of which is granted.
fn prepared(way: &str) -> Sale {
    let mut definition = venue();
    definition.extend_max = Millis(600_000);
    let mut sale = Sale::new(definition);
    let first = "0:00 define; 0:00 open; 0:01 h9 b9 claim A/1/5; 0:02 b9 confirm h9 pay-9";
    for line in [first, way].iter().flat_map(|lines| lines.split(';')).map(str::trim) {
        if line.is_empty() {
            continue;
        }
        let decision = sale.ask(line);
        let refused = |body: &OutcomeBody| matches!(body, OutcomeBody::Refused(_));
        assert!(!decision.outcomes.iter().any(|outcome| refused(&outcome.body)), "{line}");
    }
    sale
}

/// What a request came to, in terms of the table; `stands` is how hold or place is now.
fn came<S: Debug>(decision: &Decision, stands: Option<S>) -> Result<Step<S>, (Code, &str)> {
    let [answer] = &decision.outcomes[..] else { panic!("{stands:?} after {decision:?}") };
    match (&answer.body, answer.header.role) {
        (OutcomeBody::Refused(refusal), _) => Err((refusal.code, &refusal.ground.detail)),
        (_, Role::Repeat) => Ok(Step::Stays),
        (_, Role::Answer | Role::Derived) => Ok(stands.map_or(Step::Gone, Step::Becomes)),
    }
}
