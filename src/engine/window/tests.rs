//! Whoever reads a record, and however often, says the same of its id.

use uuid::Uuid;

use super::*;
use crate::domain::ids::{BuyerId, EventId, Partition};
use crate::domain::request::{Body, Claim, Line, Request};
use crate::engine::arrival::Content;

fn arrival(offset: i64, appended: i64, made: i64, number: u128) -> Arrival {
    let millis = u128::try_from(made).unwrap();
    let id = RequestId(Uuid::from_u128((millis << 80) | (7 << 76) | (2 << 62) | number));
    let line = Line::Places { section: "s".into(), tier: None, count: 1 };
    let buyer = BuyerId::new("b").unwrap();
    let claim = Claim {
        buyer,
        lines: vec![line],
        expected_price: None,
        staff_override: false,
        accessible: false,
    };
    let event = EventId::new("e").unwrap();
    let request = Request { id, event: event.clone(), body: Body::Claim(claim) };
    Arrival {
        partition: Partition(0),
        offset,
        epoch: 0,
        appended: At(appended),
        digest: Digest(number.to_be_bytes()),
        bytes: 0,
        event: Some(event),
        content: Content::Request(Box::new(request), None),
    }
}

/// Records whose append times jump, with ids old and new, some of them twice.
fn log(seed: u64) -> Vec<Arrival> {
    let mut state = seed;
    let mut draw = |below: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i64::try_from(state >> 33).unwrap() % below
    };
    let mut now = 1_800_000_000_000;
    let mut made: Vec<(i64, u128)> = vec![];
    (0..300)
        .map(|offset| {
            now += draw(1_500) - 100;
            let again = !made.is_empty() && draw(3) == 0;
            let (at, number) = if again {
                made[usize::try_from(draw(made.len() as i64)).unwrap()]
            } else {
                (now - draw(12_000), offset as u128 + 1)
            };
            made.push((at, number));
            arrival(offset, now, at, number)
        })
        .collect()
}

#[test]
fn a_rewind_changes_no_verdict() {
    for seed in 1..60 {
        let log = log(seed);
        let mut straight = Window::default();
        let told: Vec<IdVerdict> = log.iter().map(|record| straight.take(record)).collect();
        let (committed, read) = (100 + usize::try_from(seed).unwrap(), 290);
        let mut window = Window::default();
        log[..committed].iter().for_each(|record| _ = window.take(record));
        window.forget_below(committed as i64);
        log[committed..read].iter().for_each(|record| _ = window.take(record));
        window.rewind(committed as i64);
        let again: Vec<IdVerdict> =
            log[committed..].iter().map(|record| window.take(record)).collect();
        assert_eq!(again, told[committed..], "seed {seed}");
    }
}

#[test]
fn a_window_restored_from_the_log_says_the_same() {
    for seed in 1..60 {
        let log = log(seed);
        let mut straight = Window::default();
        let told: Vec<IdVerdict> = log.iter().map(|record| straight.take(record)).collect();
        let committed = 150 + usize::try_from(seed).unwrap();
        let mut before = Window::default();
        log[..committed].iter().for_each(|record| _ = before.take(record));
        let highest = before.highest();
        // Append times may step back by 100 ms at a time, so a little more is read back.
        let oldest = highest.minus(ID_READ_BACK).0 - 2_000;
        let from = log.iter().position(|record| record.appended.0 >= oldest).unwrap();
        let mut window = Window::default();
        log[from..committed].iter().for_each(|record| _ = window.take(record));
        window.begin_at(highest);
        let again: Vec<IdVerdict> =
            log[committed..].iter().map(|record| window.take(record)).collect();
        assert_eq!(again, told[committed..], "seed {seed}");
    }
}
