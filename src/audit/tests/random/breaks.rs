//! Ways to break one outcome of a log.

use super::super::{Log, buyer, id};
use super::START;
use crate::domain::ids::Reference;
use crate::domain::outcome::{Outcome, OutcomeBody, Role};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::seat::Cause;
use crate::domain::time::Millis;

/// A way to break one outcome; says whether it could.
pub(super) type Break = fn(&mut Log, usize) -> bool;

fn remove(log: &mut Log, at: usize) -> bool {
    log.outcomes.remove(at);
    true
}

fn double(log: &mut Log, at: usize) -> bool {
    let outcome = log.outcomes[at].clone();
    log.outcomes.push(outcome);
    true
}

fn take_another_seat(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Held(held) = &mut log.outcomes[at].body else { return false };
    let Some(place) = held.places.iter_mut().find(|place| place.seat.starts_with("A/1")) else {
        return false;
    };
    place.seat = place.seat.replace("A/1", "A/2");
    true
}

fn cheapen(log: &mut Log, at: usize) -> bool {
    match &mut log.outcomes[at].body {
        OutcomeBody::Held(held) | OutcomeBody::Extended(held) => held.places[0].price -= 1,
        OutcomeBody::Booked(booked) => booked.places[0].price -= 1,
        OutcomeBody::Cancelled(cancelled) => cancelled.places[0].price -= 1,
        OutcomeBody::Exchanged(exchanged) => exchanged.places[0].price -= 1,
        OutcomeBody::Released(_) | OutcomeBody::Changed(_) | OutcomeBody::Refused(_) => {
            return false;
        }
    }
    true
}

fn lengthen(log: &mut Log, at: usize) -> bool {
    let (OutcomeBody::Held(held) | OutcomeBody::Extended(held)) = &mut log.outcomes[at].body else {
        return false;
    };
    held.deadline = held.deadline.plus(Millis(1));
    true
}

fn refund_more(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Cancelled(cancelled) = &mut log.outcomes[at].body else { return false };
    cancelled.refund += 1;
    true
}

fn give_back_what_is_kept(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Cancelled(cancelled) = &mut log.outcomes[at].body else { return false };
    let twice = cancelled.places[0].clone();
    cancelled.places.push(twice);
    true
}

fn put_elsewhere(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Cancelled(cancelled) = &mut log.outcomes[at].body else { return false };
    cancelled.to_blocks.pop().is_some()
}

fn keep_what_was_given(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Exchanged(exchanged) = &mut log.outcomes[at].body else { return false };
    exchanged.given_back.pop().is_some()
}

fn take_one_more(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Exchanged(exchanged) = &mut log.outcomes[at].body else { return false };
    let kept = exchanged.places.iter().find(|place| !exchanged.taken.contains(&place.seat));
    let Some(kept) = kept else { return false };
    exchanged.taken.push(kept.seat.clone());
    true
}

fn settle_otherwise(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Exchanged(exchanged) = &mut log.outcomes[at].body else { return false };
    exchanged.difference += 1;
    true
}

fn leave_a_place_out(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Changed(changed) = &mut log.outcomes[at].body else { return false };
    changed.seats.pop().is_some()
}

fn skip_a_number(log: &mut Log, at: usize) -> bool {
    let loose = matches!(&log.outcomes[at].body, OutcomeBody::Refused(_));
    log.outcomes[at].header.sequence += 1;
    !loose
}

fn mix_up_the_digest(log: &mut Log, at: usize) -> bool {
    log.outcomes[at].header.digest.0[0] ^= 1;
    true
}

fn mix_up_the_request(log: &mut Log, at: usize) -> bool {
    log.outcomes[at].header.request = id(START, 1 << 41);
    true
}

fn mix_up_the_buyer(log: &mut Log, at: usize) -> bool {
    log.outcomes[at].header.buyer = Some(buyer("nobody"));
    true
}

fn expire_too_early(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Released(released) = &mut log.outcomes[at].body else { return false };
    let by_buyer = released.cause == Cause::Released;
    released.cause = Cause::Expired;
    by_buyer
}

fn end_another_hold(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Released(released) = &mut log.outcomes[at].body else { return false };
    released.hold = id(START, 1 << 42);
    true
}

fn pay_otherwise(log: &mut Log, at: usize) -> bool {
    let OutcomeBody::Booked(booked) = &mut log.outcomes[at].body else { return false };
    booked.reference = Reference::new("another").expect("a name");
    true
}

fn refuse_what_was_granted(log: &mut Log, at: usize) -> bool {
    let granted = match &log.outcomes[at].body {
        OutcomeBody::Held(_)
        | OutcomeBody::Booked(_)
        | OutcomeBody::Extended(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Exchanged(_) => true,
        OutcomeBody::Released(_) | OutcomeBody::Changed(_) | OutcomeBody::Refused(_) => false,
    };
    let refusal = Refusal::plain(Code::SaleClosed);
    log.outcomes[at].body = OutcomeBody::Refused(refusal);
    granted
}

fn repeat_what_is_new(log: &mut Log, at: usize) -> bool {
    let new = log.outcomes[at].header.role == Role::Answer;
    log.outcomes[at].header.role = Role::Repeat;
    new
}

fn decide_before_the_last(log: &mut Log, at: usize) -> bool {
    let outcome = &mut log.outcomes[at];
    outcome.header.decided_at = START.minus(Millis(1));
    outcome.body.changes_the_event() && outcome.header.sequence > 1
}

fn decide_after_the_record(log: &mut Log, at: usize) -> bool {
    let outcome: &mut Outcome = &mut log.outcomes[at];
    outcome.header.decided_at = outcome.header.decided_at.plus(Millis(1_000_000));
    true
}

/// All of them, with their names.
pub(super) const BREAKS: &[(&str, Break)] = &[
    ("remove", remove),
    ("double", double),
    ("take another seat", take_another_seat),
    ("cheapen", cheapen),
    ("lengthen", lengthen),
    ("refund more", refund_more),
    ("give back what is kept", give_back_what_is_kept),
    ("put elsewhere", put_elsewhere),
    ("keep what was given", keep_what_was_given),
    ("take one more", take_one_more),
    ("settle otherwise", settle_otherwise),
    ("leave a place out", leave_a_place_out),
    ("skip a number", skip_a_number),
    ("mix up the digest", mix_up_the_digest),
    ("mix up the request", mix_up_the_request),
    ("mix up the buyer", mix_up_the_buyer),
    ("expire too early", expire_too_early),
    ("end another hold", end_another_hold),
    ("pay otherwise", pay_otherwise),
    ("refuse what was granted", refuse_what_was_granted),
    ("repeat what is new", repeat_what_is_new),
    ("decide before the last", decide_before_the_last),
    ("decide after the record", decide_after_the_record),
];
