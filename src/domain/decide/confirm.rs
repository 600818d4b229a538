//! Confirms: a hold becomes a booking, once, by one payment.

use super::{Verdict, booked};
use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::hold::Hold;
use crate::domain::ids::{BuyerId, HoldId};
use crate::domain::outcome::{Booked, OutcomeBody};
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::request::Confirm;
use crate::domain::seat::Cause;

pub(super) fn answer(state: &EventState, ask: &Confirm) -> Verdict {
    let hold = match held_by(state, ask.hold, &ask.buyer) {
        Ok(hold) => hold,
        Err(refusal) => return refusal.into(),
    };
    match &hold.reference {
        Some(reference) if *reference == ask.reference => {
            return Verdict::Standing(OutcomeBody::Booked(booked(state, ask.hold, hold)));
        }
        Some(_) => {
            return Refusal::because(Code::HoldEnded, "booked with another reference").into();
        }
        None => {}
    }
    if let Some(other) = state.booking_of(&ask.reference) {
        let rival_offset = state.find_hold(other).map(|hold| hold.offset);
        let ground = Ground { rival_offset, ..Ground::default() };
        return Refusal { code: Code::ReferenceUsed, ground }.into();
    }
    let reference = ask.reference.clone();
    let to_be = Hold { reference: Some(reference.clone()), ..hold.clone() };
    let body: Booked = booked(state, ask.hold, &to_be);
    Verdict::Granted(OutcomeBody::Booked(body), Change::Booked { hold: ask.hold, reference })
}

/// The hold or booking, if it is there and the buyer's.
pub(super) fn held_by<'a>(
    state: &'a EventState,
    id: HoldId,
    buyer: &BuyerId,
) -> Result<&'a Hold, Refusal> {
    match (state.find_hold(id), state.leaver(id)) {
        (Some(hold), _) if hold.buyer == *buyer => Ok(hold),
        (Some(_), _) => Err(Refusal::plain(Code::NotHolder)),
        (None, Some(leaver)) if leaver.buyer != *buyer => Err(Refusal::plain(Code::NotHolder)),
        (None, Some(leaver)) => {
            let detail = match leaver.cause {
                Cause::Expired => "expired",
                Cause::Released => "released",
                Cause::Cancelled => "cancelled",
                Cause::None => "",
            };
            Err(Refusal::because(Code::HoldEnded, detail))
        }
        (None, None) => Err(Refusal::plain(Code::UnknownHold)),
    }
}
