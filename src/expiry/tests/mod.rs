//! The rules one by one, and all of them against a random sale.

mod random;

use super::*;
use crate::domain::limits::GRACE;
use crate::wire::inventory::Count;

/// When the deadline of most tests is.
const DEADLINE: At = At(1_000_000);
/// The first moment at which it has lapsed.
const DUE: At = DEADLINE.plus(GRACE);

fn id(name: &str) -> EventId {
    EventId::new(name).unwrap()
}

/// A record of event `e`: 10 rows are held.
fn standing(sequence: i64, position: i64, at: At, earliest_deadline: Option<At>) -> Inventory {
    Inventory {
        event: id("e"),
        sequence,
        position,
        revision: sequence,
        at,
        suspended: false,
        live_holds: 10,
        earliest_deadline,
        counts: vec![Count { section: "S".into(), tier: "T".into(), held: 10, booked: 0 }],
        free: vec![],
    }
}

fn holding(rows: i64, inventory: Inventory) -> Inventory {
    let count = Count { held: rows, ..inventory.counts[0].clone() };
    Inventory { counts: vec![count], ..inventory }
}

/// Knows `e` with the deadline, and 10 rows held.
fn watching() -> Expiry {
    let mut expiry = Expiry::new();
    expiry.on_inventory(&standing(5, 100, At(900_000), Some(DEADLINE)), At(900_010));
    expiry
}

fn later(at: At, ms: i64) -> At {
    at.plus(Millis(ms))
}

#[test]
fn a_quiet_event_is_woken_once_and_not_before_its_time() {
    let mut expiry = watching();
    assert_eq!(expiry.next_due(), Some(DUE));
    assert_eq!(expiry.due(DUE.minus(Millis(1))), vec![]);
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    assert_eq!(expiry.due(later(DUE, 20)), vec![]);
    expiry.on_sent(&id("e"), 100);
    expiry.on_inventory(&standing(6, 101, later(DUE, 3), None), later(DUE, 40));
    assert_eq!((expiry.next_due(), expiry.deadline(&id("e"))), (None, None));
    assert_eq!(expiry.due(later(DUE, 1_000_000)), vec![]);
}

#[test]
fn more_of_the_same_lapse_is_asked_for_in_doubling_rounds_of_what_is_held() {
    let mut expiry = Expiry::new();
    let mut rows = 20_000;
    let (mut now, mut position, mut sequence) = (DUE, 100, 5);
    let shown = |rows, sequence, position, at| {
        holding(rows, standing(sequence, position, at, (rows > 0).then_some(DEADLINE)))
    };
    expiry.on_inventory(&shown(rows, sequence, position, At(900_000)), now);
    let mut rounds = vec![];
    while rows > 0 {
        let due = expiry.due(now);
        assert_eq!(due.len(), 1, "after {rounds:?}");
        let size = due[0].1;
        rounds.push(size);
        for offset in position..position + i64::from(size) {
            expiry.on_sent(&id("e"), offset);
        }
        // All but the last are answered: that is no reason for more.
        position += i64::from(size);
        sequence += i64::from(size);
        now = later(now, 30);
        expiry.on_inventory(&shown(rows, sequence - 1, position - 1, now), now);
        assert_eq!(expiry.due(now), vec![]);
        rows -= 500 * i64::from(size);
        expiry.on_inventory(&shown(rows, sequence, position, now), now);
    }
    assert_eq!(rounds, [1, 2, 4, 8, 16, 9]);
    assert_eq!(expiry.next_due(), None);
}

#[test]
fn an_answer_may_be_seen_before_its_delivery_report() {
    let mut expiry = watching();
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    let more = holding(5_000, standing(6, 101, DUE, Some(DEADLINE)));
    expiry.on_inventory(&more, later(DUE, 30));
    assert_eq!(expiry.due(later(DUE, 30)), vec![]);
    expiry.on_sent(&id("e"), 100);
    assert_eq!(expiry.due(later(DUE, 31)), vec![(id("e"), 2)]);
}

#[test]
fn nothing_due_any_more_goes_back_to_one() {
    let mut expiry = watching();
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    expiry.on_sent(&id("e"), 100);
    let next = later(DUE, 5_000);
    expiry.on_inventory(&holding(5_000, standing(6, 101, DUE, Some(next))), later(DUE, 30));
    assert_eq!(expiry.next_due(), Some(next.plus(GRACE)));
    assert_eq!(expiry.due(next.plus(GRACE)), vec![(id("e"), 1)]);
}

#[test]
fn what_lapsed_after_the_round_was_sent_gets_one_at_once() {
    let mut expiry = watching();
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    expiry.on_sent(&id("e"), 100);
    let next = later(DEADLINE, 10);
    let more = holding(5_000, standing(6, 101, later(DUE, 2), Some(next)));
    expiry.on_inventory(&more, later(DUE, 40));
    assert_eq!(expiry.due(later(DUE, 40)), vec![(id("e"), 1)]);
}

#[test]
fn a_broker_whose_clock_is_behind_is_waited_for() {
    let mut expiry = watching();
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    expiry.on_sent(&id("e"), 100);
    let seen = later(DUE, 40);
    let nothing_due = standing(5, 101, DUE.minus(Millis(3_000)), Some(DEADLINE));
    expiry.on_inventory(&nothing_due, seen);
    assert_eq!(expiry.next_due(), Some(later(seen, 3_000)));
    // A claim on the way shows nothing new about the deadline.
    let claimed = standing(6, 102, DUE.minus(Millis(2_000)), Some(DEADLINE));
    expiry.on_inventory(&claimed, later(seen, 1_000));
    assert_eq!(expiry.due(later(seen, 2_999)), vec![]);
    assert_eq!(expiry.due(later(seen, 3_000)), vec![(id("e"), 1)]);
}

#[test]
fn a_clock_that_was_far_behind_and_is_set_right_is_met() {
    let mut expiry = watching();
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    expiry.on_sent(&id("e"), 100);
    let seen = later(DUE, 40);
    expiry.on_inventory(&standing(5, 101, At(0), Some(DEADLINE)), seen);
    assert_eq!(expiry.next_due(), Some(seen.plus(PAUSE_MAX)));
    expiry.on_inventory(&standing(6, 102, later(DUE, 100), Some(DEADLINE)), later(DUE, 100));
    assert_eq!(expiry.due(later(DUE, 100)), vec![(id("e"), 1)]);
}

#[test]
fn requests_that_end_nothing_become_rare() {
    let mut expiry = watching();
    let (mut now, mut position, mut sent) = (DUE, 100, 0);
    while now < later(DUE, 60 * 60 * 1_000) {
        for (event, requests) in expiry.due(now) {
            assert_eq!(requests, 1);
            sent += 1;
            expiry.on_sent(&event, position);
            position += 1;
            expiry.on_inventory(&standing(5, position, now, Some(DEADLINE)), now);
        }
        now = expiry.next_due().unwrap();
    }
    assert_eq!(sent, 19, "16 within the first 11 minutes, then one in 16 minutes");
}

#[test]
fn an_owner_that_is_away_finds_few_requests() {
    let mut expiry = watching();
    let mut sent: Vec<i64> = vec![];
    let mut now = DUE;
    while now <= later(DUE, 60 * 60 * 1_000) {
        for (event, requests) in expiry.due(now) {
            assert_eq!(requests, 1);
            sent.push(now.since(DUE).0 / 1_000);
            expiry.on_sent(&event, 100 + i64::try_from(sent.len()).unwrap());
        }
        now = later(now, 1_000);
    }
    assert_eq!(sent, [0, 30, 90, 210, 450, 930, 1_890, 2_850]);
    // It is back, and answers them one by one: more only when the last is answered.
    expiry.on_inventory(&standing(6, 102, now, Some(DEADLINE)), now);
    assert_eq!(expiry.due(now), vec![]);
    expiry.on_inventory(&holding(3_000, standing(6, 109, now, Some(DEADLINE))), now);
    assert_eq!(expiry.due(now), vec![(id("e"), 2)]);
}

#[test]
fn what_did_not_reach_the_log_is_sent_again() {
    let mut expiry = watching();
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    expiry.on_failed(&id("e"));
    assert_eq!(expiry.due(later(DUE, 999)), vec![]);
    assert_eq!(expiry.due(later(DUE, 1_000)), vec![(id("e"), 1)]);
}

#[test]
fn suspended_events_are_left_alone_until_they_resume() {
    let mut expiry = watching();
    let stopped = Inventory { suspended: true, ..standing(6, 101, At(950_000), Some(DEADLINE)) };
    expiry.on_inventory(&stopped, At(950_010));
    assert_eq!((expiry.next_due(), expiry.due(later(DUE, 10))), (None, vec![]));
    expiry.on_inventory(&standing(7, 102, later(DUE, 20), Some(DEADLINE)), later(DUE, 30));
    assert_eq!(expiry.due(later(DUE, 30)), vec![(id("e"), 1)]);
}

#[test]
fn a_report_for_an_event_that_was_forgotten_is_late_and_harmless() {
    let mut expiry = watching();
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
    expiry.on_inventory(&standing(6, 100, DUE, None), DUE);
    expiry.on_sent(&id("e"), 100);
    expiry.on_failed(&id("e"));
    assert_eq!(expiry.next_due(), None);
}

#[test]
fn deadlines_that_move_are_followed_either_way() {
    let mut expiry = watching();
    let extended = later(DEADLINE, 60_000);
    expiry.on_inventory(&standing(6, 101, At(990_000), Some(extended)), At(990_010));
    assert_eq!(expiry.due(later(DUE, 59_999)), vec![]);
    assert_eq!(expiry.next_due(), Some(extended.plus(GRACE)));
    expiry.on_inventory(&standing(7, 102, At(995_000), Some(At(999_000))), At(995_010));
    assert_eq!(expiry.next_due(), Some(At(999_000).plus(GRACE)));
}

#[test]
fn a_restart_with_everything_overdue_asks_for_each_once_and_not_all_at_once() {
    let mut expiry = Expiry::new();
    let start = later(DUE, 3_600_000);
    for number in 0..1_000 {
        let event = EventId::new(&format!("e{number}")).unwrap();
        let overdue = later(DEADLINE, i64::from(number));
        let inventory = Inventory { event, ..standing(5, 100, At(0), Some(overdue)) };
        expiry.on_inventory(&inventory, start);
    }
    assert_eq!(expiry.due(start).len(), usize::try_from(REQUESTS_PER_WINDOW).unwrap());
    assert_eq!(expiry.due(later(start, 49)), vec![]);
    assert_eq!(expiry.next_due(), Some(start.plus(WINDOW)));
    let rest: usize = (1..20).map(|tick| expiry.due(later(start, 50 * tick)).len()).sum();
    assert_eq!(rest, 750);
}

#[test]
fn a_clock_that_is_set_back_does_not_close_the_window_for_good() {
    let mut expiry = Expiry::new();
    expiry.window = Window { began: At(i64::MAX), taken: REQUESTS_PER_WINDOW };
    expiry.on_inventory(&standing(5, 100, At(0), Some(DEADLINE)), DUE);
    assert_eq!(expiry.due(DUE), vec![(id("e"), 1)]);
}
