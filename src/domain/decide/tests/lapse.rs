//! More lapsed rows than one decision ends of its own accord: what it ends beyond, and what it
//! leaves.

use super::table::{Sale, venue};
use crate::domain::layout::{Places, Row};
use crate::domain::limits::LAPSED_ROWS_MAX;
use crate::domain::outcome::Role;

/// Rows of A, each a hold of the buyer of its number.
const HOLDS: usize = 24;

/// Holds `h1` to `h24` over a row of 50 in A each, then `h25` and `h26` over half of G each, all
/// lapsed by 20:00, in the order of their deadlines. Row 25 and the other 20 places of section F
/// are free.
fn after_an_outage() -> Sale {
    let mut definition = venue();
    let row = |n: usize| Row {
        name: n.to_string(),
        seats: "1-50".into(),
        tier: None,
        bays: String::new(),
        companions: String::new(),
    };
    definition.sections[0].places = Places::Rows((1..=HOLDS + 1).map(row).collect());
    definition.sections[1].places = Places::General(100);
    definition.limits.seats_per_buyer = Some(50);
    let mut sale = Sale::new(definition);
    sale.ask("0:00 define");
    sale.ask("0:00 open");
    for n in 1..=HOLDS {
        let seats: String = (1..=50).map(|seat| format!(" A/{n}/{seat}")).collect();
        sale.ask(&format!("0:{n:02} h{n} b{n} claim{seats}"));
    }
    sale.ask("0:25 h25 b25 claim G*50");
    sale.ask("0:26 h26 b26 claim G*50");
    sale
}

/// What a request ends before it is answered, and the answer.
fn ask(sale: &Sale, text: &str) -> (Vec<String>, String) {
    let mut sale = sale.clone();
    let decision = sale.ask(text);
    let hold = |told: String| told.split(' ').nth(1).expect("a hold").to_owned();
    let (derived, answer): (Vec<_>, Vec<_>) =
        decision.outcomes.iter().partition(|outcome| outcome.header.role == Role::Derived);
    let ended = derived.into_iter().map(|outcome| hold(sale.tell(outcome))).collect();
    (ended, sale.tell(answer[0]))
}

/// The ten oldest holds, whose 500 rows any decision ends, and then some.
fn oldest_and(beyond: &[&str]) -> Vec<String> {
    assert_eq!(LAPSED_ROWS_MAX, 10 * 50);
    let oldest = (1..=10).map(|n| format!("h{n}"));
    oldest.chain(beyond.iter().map(ToString::to_string)).collect()
}

#[test]
fn an_expire_ends_the_oldest_up_to_the_bound() {
    let mut sale = after_an_outage();
    for holds in [1..=10, 11..=20, 21..=26] {
        let decision = sale.ask("20:00 expire");
        let told = decision.outcomes.iter().map(|outcome| sale.tell(outcome));
        for ((told, n), first) in told.zip(holds.clone()).zip([true].into_iter().chain([false; 9]))
        {
            let start =
                if first { format!("h{n} expired") } else { format!("derived h{n} expired") };
            assert!(told.starts_with(&start), "{told}");
        }
        assert_eq!(decision.outcomes.len(), holds.count());
    }
    sale.check("20:01 expire -> refused nothing-due");
}

#[test]
fn a_refusal_ends_the_oldest_up_to_the_bound_too() {
    let sale = after_an_outage();
    let unknown = ask(&sale, "20:00 b99 claim A/99/1");
    assert_eq!(unknown, (oldest_and(&[]), "refused unknown-seat A/99/1".into()));
}

#[test]
fn a_claim_ends_the_hold_that_has_a_seat_it_names() {
    let sale = after_an_outage();
    let (ended, answer) = ask(&sale, "20:00 h99 b99 claim A/24/1 A/12/1 A/25/1");
    assert_eq!(ended, oldest_and(&["h24", "h12"]));
    assert_eq!(answer, "held h99 A/12/1@2000 A/24/1@2000 A/25/1@2000");
}

#[test]
fn a_claim_ends_as_many_holds_of_a_full_section_as_it_lacks_places() {
    let sale = after_an_outage();
    let (ended, answer) = ask(&sale, "20:00 h99 b99 claim G*1");
    assert_eq!(ended, oldest_and(&["h25"]));
    assert_eq!(answer, "held h99 G/1@2000");
    let (ended, _) = ask(&sale, "20:00 b99 claim G*25 G*25:vip");
    assert_eq!(ended, oldest_and(&["h25"]), "one hold frees all that is lacking");
}

#[test]
fn a_claim_ends_the_holds_that_count_against_its_buyer() {
    let sale = after_an_outage();
    let (ended, answer) = ask(&sale, "20:00 h99 b20 claim A/25/1");
    assert_eq!(ended, oldest_and(&["h20"]));
    assert_eq!(answer, "held h99 A/25/1@2000");
}

#[test]
fn a_lapsed_hold_is_never_acted_on_by_its_buyer() {
    let sale = after_an_outage();
    for (request, code) in [
        ("20:00 b24 confirm h24 pay-1", "hold-ended"),
        ("20:00 b24 release h24", "hold-ended"),
        ("20:00 b24 extend h24 10:30", "hold-ended"),
        ("20:00 b24 cancel h24", "nothing-booked"),
    ] {
        let ended = (oldest_and(&["h24"]), format!("refused {code}"));
        assert_eq!(ask(&sale, request), ended, "{request}");
    }
}

#[test]
fn a_wish_past_all_bounds_does_not_end_holds_past_all_bounds() {
    let sale = after_an_outage();
    let refused = |count| format!("refused request-limit limit=50 count={count}");
    let most = ask(&sale, "20:00 b99 claim G*4000000000 A/24/1");
    assert_eq!(most, (oldest_and(&[]), refused("4000000001")));
}
