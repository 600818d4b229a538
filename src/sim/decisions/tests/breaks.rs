//! Ways to break one of the outcomes of a request.

use super::super::{START, Told};
use crate::domain::ids::{BuyerId, Reference};
use crate::domain::outcome::{Outcome, OutcomeBody, Role};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::seat::Cause;
use crate::domain::time::Millis;
use crate::sim::workload::id_at;

/// A way to break one of the outcomes; says whether it could.
pub(super) type Break = fn(&mut Told, usize) -> bool;

fn remove(told: &mut Told, at: usize) -> bool {
    told.outcomes.remove(at);
    true
}

fn double(told: &mut Told, at: usize) -> bool {
    let outcome = told.outcomes[at].clone();
    told.outcomes.push(outcome);
    true
}

fn take_another_seat(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Held(held) = &mut told.outcomes[at].body else { return false };
    // Of places that are only counted one is as good as another.
    let numbered = held.places.iter_mut().find(|place| place.seat.matches('/').count() == 2);
    let Some(place) = numbered else { return false };
    place.seat.push('9');
    true
}

fn cheapen(told: &mut Told, at: usize) -> bool {
    match &mut told.outcomes[at].body {
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

fn lengthen(told: &mut Told, at: usize) -> bool {
    let (OutcomeBody::Held(held) | OutcomeBody::Extended(held)) = &mut told.outcomes[at].body
    else {
        return false;
    };
    held.deadline = held.deadline.plus(Millis(1));
    true
}

fn refund_more(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Cancelled(cancelled) = &mut told.outcomes[at].body else { return false };
    cancelled.refund += 1;
    true
}

fn give_back_what_is_kept(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Cancelled(cancelled) = &mut told.outcomes[at].body else { return false };
    let twice = cancelled.places[0].clone();
    cancelled.places.push(twice);
    true
}

fn put_elsewhere(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Cancelled(cancelled) = &mut told.outcomes[at].body else { return false };
    cancelled.to_blocks.pop().is_some()
}

fn keep_what_was_given(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Exchanged(exchanged) = &mut told.outcomes[at].body else { return false };
    exchanged.given_back.pop().is_some()
}

fn take_one_more(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Exchanged(exchanged) = &mut told.outcomes[at].body else { return false };
    let kept = exchanged.places.iter().find(|place| !exchanged.taken.contains(&place.seat));
    let Some(kept) = kept else { return false };
    exchanged.taken.push(kept.seat.clone());
    true
}

fn settle_otherwise(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Exchanged(exchanged) = &mut told.outcomes[at].body else { return false };
    exchanged.difference += 1;
    true
}

fn leave_a_place_out(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Changed(changed) = &mut told.outcomes[at].body else { return false };
    changed.seats.pop().is_some()
}

fn skip_a_number(told: &mut Told, at: usize) -> bool {
    let loose = matches!(&told.outcomes[at].body, OutcomeBody::Refused(_));
    told.outcomes[at].header.sequence += 1;
    !loose
}

fn mix_up_the_digest(told: &mut Told, at: usize) -> bool {
    told.outcomes[at].header.digest.0[0] ^= 1;
    true
}

fn mix_up_the_request(told: &mut Told, at: usize) -> bool {
    told.outcomes[at].header.request = id_at(START, 7, 1 << 41);
    true
}

fn mix_up_the_buyer(told: &mut Told, at: usize) -> bool {
    told.outcomes[at].header.buyer = BuyerId::new("nobody").ok();
    true
}

fn expire_too_early(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Released(released) = &mut told.outcomes[at].body else { return false };
    let by_buyer = released.cause == Cause::Released;
    released.cause = Cause::Expired;
    by_buyer
}

fn end_another_hold(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Released(released) = &mut told.outcomes[at].body else { return false };
    released.hold = id_at(START, 7, 1 << 42);
    true
}

fn pay_otherwise(told: &mut Told, at: usize) -> bool {
    let OutcomeBody::Booked(booked) = &mut told.outcomes[at].body else { return false };
    booked.reference = Reference::new("another").expect("a name");
    true
}

fn refuse_what_was_granted(told: &mut Told, at: usize) -> bool {
    let granted = match &told.outcomes[at].body {
        OutcomeBody::Held(_)
        | OutcomeBody::Booked(_)
        | OutcomeBody::Extended(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Exchanged(_) => true,
        OutcomeBody::Released(_) | OutcomeBody::Changed(_) | OutcomeBody::Refused(_) => false,
    };
    let refusal = Refusal::plain(Code::SaleClosed);
    told.outcomes[at].body = OutcomeBody::Refused(refusal);
    granted
}

fn repeat_what_is_new(told: &mut Told, at: usize) -> bool {
    let new = told.outcomes[at].header.role == Role::Answer;
    told.outcomes[at].header.role = Role::Repeat;
    new
}

fn decide_before_the_last(told: &mut Told, at: usize) -> bool {
    let outcome = &mut told.outcomes[at];
    outcome.header.decided_at = START.minus(Millis(10_000));
    outcome.body.changes_the_event() && outcome.header.sequence > 1
}

fn decide_after_the_record(told: &mut Told, at: usize) -> bool {
    let outcome: &mut Outcome = &mut told.outcomes[at];
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
