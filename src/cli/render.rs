//! Outcomes as people and programs read them.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Ending;
use super::ask::Answer;
use super::failure::Failure;
use super::output::Output;
use crate::domain::event::SaleState;
use crate::domain::outcome::{
    Cancelled, Changed, ChangedKind, Exchanged, Header, Outcome, OutcomeBody, Place, Role, ToBlock,
};
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::seat::Cause;
use crate::domain::time::At;
use crate::wire::dead_letter::DeadLetter;

/// Blocked or unblocked places that a line names; JSON names all.
const SEATS_SHOWN_MAX: usize = 50;

/// Prints an answer; a refusal with all that helps to do better.
pub(super) fn answer(answer: &Answer, output: Output) -> Result<Ending, Failure> {
    match answer {
        Answer::Outcome(outcome) => {
            let mut text = line(outcome);
            if let OutcomeBody::Refused(refusal) = &outcome.body {
                text.push_str(&advice(refusal));
            }
            output.data(text, &object(outcome))?;
            Ok(match &outcome.body {
                OutcomeBody::Refused(_) => Ending::Found,
                OutcomeBody::Held(_)
                | OutcomeBody::Booked(_)
                | OutcomeBody::Extended(_)
                | OutcomeBody::Released(_)
                | OutcomeBody::Cancelled(_)
                | OutcomeBody::Exchanged(_)
                | OutcomeBody::Changed(_) => Ending::Done,
            })
        }
        Answer::DeadLetter(letter) => {
            output.data(dead_letter_line(letter), &dead_letter_object(letter))?;
            Ok(Ending::Found)
        }
    }
}

/// One line.
pub(super) fn line(outcome: &Outcome) -> String {
    let header = &outcome.header;
    let mut text = match &outcome.body {
        OutcomeBody::Held(held) => format!(
            "held      {} #{} hold {} until {}: {}",
            header.event,
            header.sequence,
            held.hold,
            time(held.deadline),
            places(&held.places, &held.currency)
        ),
        OutcomeBody::Extended(held) => format!(
            "extended  {} #{} hold {} until {}: {}",
            header.event,
            header.sequence,
            held.hold,
            time(held.deadline),
            places(&held.places, &held.currency)
        ),
        OutcomeBody::Cancelled(cancelled) => cancelled_line(header, cancelled),
        OutcomeBody::Exchanged(exchanged) => exchanged_line(header, exchanged),
        OutcomeBody::Booked(booked) => format!(
            "booked    {} #{} hold {} paid by {}: {}",
            header.event,
            header.sequence,
            booked.hold,
            booked.reference,
            places(&booked.places, &booked.currency)
        ),
        OutcomeBody::Released(released) => format!(
            "released  {} #{} hold {} {}: {}",
            header.event,
            header.sequence,
            released.hold,
            cause_name(released.cause),
            released.seats.join(" ")
        ),
        OutcomeBody::Changed(changed) => format!(
            "{:9} {} #{} edition {} by {}{}",
            changed_name(changed.kind),
            header.event,
            header.sequence,
            changed.edition,
            changed.actor,
            blocks(changed)
        ),
        OutcomeBody::Refused(refusal) => {
            let code = refusal.code;
            format!("refused   {} #{} {} {code}", header.event, header.sequence, code.number())
        }
    };
    if let Some(buyer) = &header.buyer {
        let _ = write!(text, " (buyer {buyer})");
    }
    match header.role {
        Role::Answer => {}
        Role::Derived => text.push_str(" (derived)"),
        Role::Repeat => text.push_str(" (repeat)"),
    }
    text
}

fn cancelled_line(header: &Header, cancelled: &Cancelled) -> String {
    format!(
        "cancelled {} #{} hold {} paid by {}: {}, of which {} to refund{}; places left: {}",
        header.event,
        header.sequence,
        cancelled.hold,
        cancelled.reference,
        places(&cancelled.places, &cancelled.currency),
        cancelled.refund,
        to_blocks(&cancelled.to_blocks),
        cancelled.remaining
    )
}

fn exchanged_line(header: &Header, exchanged: &Exchanged) -> String {
    format!(
        "exchanged {} #{} hold {} paid by {}: {} for {}{}; all of it costs {}, before {}: \
         difference {}",
        header.event,
        header.sequence,
        exchanged.hold,
        exchanged.reference,
        places(&exchanged.given_back, &exchanged.currency),
        exchanged.taken.join(" "),
        to_blocks(&exchanged.to_blocks),
        exchanged.new_sum,
        exchanged.old_sum,
        exchanged.difference
    )
}

/// What was blocked or unblocked; not all of it where it is much.
fn blocks(changed: &Changed) -> String {
    let Changed { seats, reason, .. } = changed;
    if seats.is_empty() {
        return String::new();
    }
    let reason = if reason.is_empty() { String::new() } else { format!(" for {reason}") };
    let mut names = seats[..seats.len().min(SEATS_SHOWN_MAX)].join(" ");
    if seats.len() > SEATS_SHOWN_MAX {
        let _ = write!(names, " and {} more", seats.len() - SEATS_SHOWN_MAX);
    }
    format!("{reason}: {names}")
}

/// Which of the places given back went to a block.
fn to_blocks(places: &[ToBlock]) -> String {
    places.iter().fold(String::new(), |mut text, ToBlock { seat, reason }| {
        let _ = write!(text, "; {seat} blocked for {reason}");
        text
    })
}

fn places(places: &[Place], currency: &str) -> String {
    let sum: i64 = places.iter().map(|place| place.price).sum();
    let names: Vec<&str> = places.iter().map(|place| place.seat.as_str()).collect();
    format!("{}, {sum} {currency} in minor units", names.join(" "))
}

/// What a refusal means and rests on, a line each.
pub(super) fn advice(refusal: &Refusal) -> String {
    let Refusal { code, ground } = refusal;
    let retry = if code.is_retryable() {
        "may be granted later, asked again with a new id"
    } else {
        "will not be granted if asked again"
    };
    let Ground { seats, rival_offset, limit, count, first_offset, detail } = ground;
    let number = |value: &Option<i64>| match value {
        Some(value) if *code == Code::ExtensionCap => time(At(*value)),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let lines = [
        ("meaning", code.help().to_owned()),
        ("retry", retry.to_owned()),
        ("detail", detail.clone()),
        ("seats", seats.join(" ")),
        ("limit", number(limit)),
        ("count", number(count)),
        ("rival claim at offset", number(rival_offset)),
        ("first answered at offset", number(first_offset)),
    ];
    lines
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| format!("\n  {name}: {text}"))
        .collect()
}

/// One object.
pub(super) fn object(outcome: &Outcome) -> Value {
    let header = &outcome.header;
    let mut object = json!({
        "event": header.event.as_str(),
        "sequence": header.sequence,
        "request": header.request.to_string(),
        "partition": header.partition.0,
        "offset": header.offset,
        "role": match header.role {
            Role::Answer => "answer",
            Role::Derived => "derived",
            Role::Repeat => "repeat",
        },
        "decided_at_ms": header.decided_at.0,
        "waited_ms": header.waited.0,
        "buyer": header.buyer.as_ref().map(|buyer| buyer.as_str()),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut object, body_object(&outcome.body)) {
        all.extend(more);
    }
    object
}

fn body_object(body: &OutcomeBody) -> Value {
    match body {
        OutcomeBody::Held(held) => json!({
            "kind": "held",
            "hold": held.hold.to_string(),
            "deadline_ms": held.deadline.0,
            "places": place_objects(&held.places),
            "currency": held.currency,
            "staff_override": held.staff_override,
        }),
        OutcomeBody::Extended(held) => json!({
            "kind": "extended",
            "hold": held.hold.to_string(),
            "deadline_ms": held.deadline.0,
            "places": place_objects(&held.places),
            "currency": held.currency,
        }),
        OutcomeBody::Cancelled(cancelled) => json!({
            "kind": "cancelled",
            "hold": cancelled.hold.to_string(),
            "reference": cancelled.reference.as_str(),
            "places": place_objects(&cancelled.places),
            "currency": cancelled.currency,
            "remaining": cancelled.remaining,
            "refund": cancelled.refund,
            "to_blocks": to_block_objects(&cancelled.to_blocks),
        }),
        OutcomeBody::Exchanged(exchanged) => exchanged_object(exchanged),
        OutcomeBody::Booked(booked) => json!({
            "kind": "booked",
            "hold": booked.hold.to_string(),
            "reference": booked.reference.as_str(),
            "places": place_objects(&booked.places),
            "currency": booked.currency,
        }),
        OutcomeBody::Released(released) => json!({
            "kind": "released",
            "hold": released.hold.to_string(),
            "cause": cause_name(released.cause),
            "seats": released.seats,
        }),
        OutcomeBody::Changed(changed) => json!({
            "kind": changed_name(changed.kind),
            "edition": changed.edition,
            "actor": changed.actor,
            "reason": changed.reason,
            "seats": changed.seats,
        }),
        OutcomeBody::Refused(Refusal { code, ground }) => json!({
            "kind": "refused",
            "code": code.number(),
            "name": code.name(),
            "retryable": code.is_retryable(),
            "help": code.help(),
            "ground": {
                "seats": ground.seats,
                "rival_offset": ground.rival_offset,
                "limit": ground.limit,
                "count": ground.count,
                "first_offset": ground.first_offset,
                "detail": ground.detail,
            },
        }),
    }
}

fn exchanged_object(exchanged: &Exchanged) -> Value {
    json!({
        "kind": "exchanged",
        "hold": exchanged.hold.to_string(),
        "reference": exchanged.reference.as_str(),
        "places": place_objects(&exchanged.places),
        "taken": exchanged.taken,
        "given_back": place_objects(&exchanged.given_back),
        "to_blocks": to_block_objects(&exchanged.to_blocks),
        "currency": exchanged.currency,
        "old_sum": exchanged.old_sum,
        "new_sum": exchanged.new_sum,
        "difference": exchanged.difference,
    })
}

fn place_objects(places: &[Place]) -> Vec<Value> {
    let object =
        |place: &Place| json!({ "seat": place.seat, "tier": place.tier, "price": place.price });
    places.iter().map(object).collect()
}

fn to_block_objects(places: &[ToBlock]) -> Vec<Value> {
    let object = |place: &ToBlock| json!({ "seat": place.seat, "reason": place.reason });
    places.iter().map(object).collect()
}

/// A dead letter in one line.
pub(super) fn dead_letter_line(letter: &DeadLetter) -> String {
    format!(
        "dead      partition {} offset {} attempt {}: {}, {}",
        letter.partition,
        letter.offset,
        letter.attempt,
        letter.reason.name(),
        letter.detail
    )
}

/// A dead letter as an object.
pub(super) fn dead_letter_object(letter: &DeadLetter) -> Value {
    json!({
        "kind": "dead-letter",
        "reason": letter.reason as i32,
        "detail": letter.detail,
        "partition": letter.partition.0,
        "offset": letter.offset,
        "attempt": letter.attempt,
        "key": letter.key.as_deref().map(String::from_utf8_lossy),
        "value_length": letter.value_length,
    })
}

/// A sale state's name.
pub(super) fn sale_name(sale: SaleState) -> &'static str {
    match sale {
        SaleState::NotOpen => "not open",
        SaleState::Open => "open",
        SaleState::Closed => "closed",
        SaleState::Paused => "paused",
        SaleState::Off => "called off",
    }
}

fn changed_name(kind: ChangedKind) -> &'static str {
    match kind {
        ChangedKind::Defined => "defined",
        ChangedKind::Amended => "amended",
        ChangedKind::Opened => "opened",
        ChangedKind::Closed => "closed",
        ChangedKind::Paused => "paused",
        ChangedKind::CalledOff => "called-off",
        ChangedKind::Blocked => "blocked",
        ChangedKind::Unblocked => "unblocked",
    }
}

pub(super) const fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::None => "for no reason",
        Cause::Expired => "expired",
        Cause::Released => "released",
        Cause::Cancelled => "cancelled",
    }
}

/// A point in time as people read it.
pub(super) fn time(at: At) -> String {
    let since = Duration::from_millis(at.0.max(0).unsigned_abs());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{BuyerId, Digest, EventId, Partition, Reference, RequestId};
    use crate::domain::outcome::Held;
    use crate::domain::time::Millis;

    fn outcome(body: OutcomeBody) -> Outcome {
        let header = Header {
            event: EventId::new("hamlet").unwrap(),
            sequence: 7,
            request: RequestId::NONE,
            partition: Partition(3),
            offset: 41,
            role: Role::Answer,
            decided_at: At(1_700_000_000_000),
            waited: Millis(2),
            buyer: Some(BuyerId::new("ann").unwrap()),
            digest: Digest::default(),
        };
        Outcome { header, body }
    }

    #[test]
    fn a_hold_is_a_line_and_an_object() {
        let place = Place { seat: "stalls/A/1".into(), tier: "premium".into(), price: 8_000 };
        let held = outcome(OutcomeBody::Held(Held {
            hold: RequestId::NONE,
            places: vec![place],
            currency: "EUR".into(),
            deadline: At(1_700_000_600_000),
            staff_override: false,
        }));
        assert_eq!(
            line(&held),
            "held      hamlet #7 hold 00000000-0000-0000-0000-000000000000 until \
             2023-11-14T22:23:20.000Z: stalls/A/1, 8000 EUR in minor units (buyer ann)"
        );
        let object = object(&held);
        assert_eq!((object["kind"].as_str(), object["offset"].as_i64()), (Some("held"), Some(41)));
    }

    #[test]
    fn what_an_operator_or_a_booker_did_is_a_line() {
        let changed = |kind, reason: &str, seats: usize| {
            let seats = (1..=seats).map(|seat| format!("stalls/A/{seat}")).collect();
            let (actor, reason) = ("ops".into(), reason.into());
            let mut outcome =
                outcome(OutcomeBody::Changed(Changed { kind, edition: 2, actor, reason, seats }));
            outcome.header.buyer = None;
            line(&outcome)
        };
        assert_eq!(changed(ChangedKind::CalledOff, "", 0), "called-off hamlet #7 edition 2 by ops");
        let blocked = "blocked   hamlet #7 edition 2 by ops for press: stalls/A/1 stalls/A/2";
        assert_eq!(changed(ChangedKind::Blocked, "press", 2), blocked);
        let many = changed(ChangedKind::Unblocked, "", 1_000);
        assert!(many.starts_with("unblocked hamlet #7 edition 2 by ops: stalls/A/1 "), "{many}");
        assert!(many.ends_with(" stalls/A/50 and 950 more"), "{many}");

        let place = Place { seat: "stalls/A/1".into(), tier: "premium".into(), price: 8_000 };
        let cancelled = outcome(OutcomeBody::Cancelled(Cancelled {
            hold: RequestId::NONE,
            places: vec![place],
            to_blocks: vec![ToBlock { seat: "stalls/A/1".into(), reason: "press".into() }],
            currency: "EUR".into(),
            remaining: 1,
            reference: Reference::new("pay-1").unwrap(),
            refund: 8_000,
        }));
        assert_eq!(
            line(&cancelled),
            "cancelled hamlet #7 hold 00000000-0000-0000-0000-000000000000 paid by pay-1: \
             stalls/A/1, 8000 EUR in minor units, of which 8000 to refund; \
             stalls/A/1 blocked for press; places left: 1 (buyer ann)"
        );
        assert_eq!(object(&cancelled)["refund"], 8_000);
    }

    #[test]
    fn an_exchange_is_a_line() {
        let place = |seat: &str, price| Place { seat: seat.into(), tier: "full".into(), price };
        let exchanged = outcome(OutcomeBody::Exchanged(Exchanged {
            hold: RequestId::NONE,
            places: vec![place("stalls/A/2", 8_000), place("stalls/A/3", 9_000)],
            taken: vec!["stalls/A/3".into()],
            given_back: vec![place("stalls/A/1", 8_000)],
            to_blocks: vec![ToBlock { seat: "stalls/A/1".into(), reason: "press".into() }],
            currency: "EUR".into(),
            reference: Reference::new("pay-1").unwrap(),
            old_sum: 16_000,
            new_sum: 17_000,
            difference: 1_000,
        }));
        assert_eq!(
            line(&exchanged),
            "exchanged hamlet #7 hold 00000000-0000-0000-0000-000000000000 paid by pay-1: \
             stalls/A/1, 8000 EUR in minor units for stalls/A/3; stalls/A/1 blocked for press; \
             all of it costs 17000, before 16000: difference 1000 (buyer ann)"
        );
        assert_eq!(object(&exchanged)["difference"], 1_000);
    }

    #[test]
    fn a_refusal_says_what_it_means_and_rests_on() {
        let refusal = Refusal::over_seats(Code::SeatsTaken, vec!["stalls/A/1".into()]);
        assert_eq!(
            line(&outcome(OutcomeBody::Refused(refusal.clone()))),
            "refused   hamlet #7 80 seats-taken (buyer ann)"
        );
        let advice = advice(&refusal);
        assert!(advice.contains("\n  seats: stalls/A/1"), "{advice}");
        assert!(advice.contains("with a new id"), "{advice}");
        assert!(!advice.contains("limit"), "{advice}");

        let capped = Refusal::limited(Code::ExtensionCap, 1_700_000_000_000, 1_700_000_001_000);
        let advice = super::advice(&capped);
        assert!(advice.contains("\n  limit: 2023-11-14T22:13:20.000Z\n  count: 2023"), "{advice}");
    }
}
