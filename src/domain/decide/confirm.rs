//! Confirms: a hold becomes a booking, once, by one payment. Closed or paused, a sale keeps what it
//! promised; called off, it cannot.

use super::conflict::Named;
use super::pairs::{HoldAsk, HoldState, Step};
use super::{Verdict, booked, claimed_at, may_promise};
use crate::domain::change::Change;
use crate::domain::event::{EventState, SaleState};
use crate::domain::hold::Hold;
use crate::domain::outcome::OutcomeBody;
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::request::Confirm;
use crate::domain::rule::Rule;

pub(super) fn answer(state: &EventState, ask: &Confirm) -> Verdict {
    let (step, hold) = match judge(state, ask) {
        Err(refusal) => return refusal.into(),
        Ok(granted) => granted,
    };
    let reference = ask.reference.clone();
    let body = OutcomeBody::Booked(booked(state, ask.hold, hold, &reference));
    if step == Step::Stays {
        return Verdict::Standing(body);
    }
    Verdict::Granted(body, Change::Booked { hold: ask.hold, reference })
}

/// The hold, or the booking it became by this very payment: who asks again is told so, or that the
/// payment went back when the booking was cancelled, also when the event is off. Any other payment
/// is then still to be given back by whoever took it.
fn judge<'a>(state: &'a EventState, ask: &Confirm) -> Result<(Step<HoldState>, &'a Hold), Refusal> {
    let named = Named::read(state, ask.hold, &ask.buyer);
    if named.payment == Some(&ask.reference) {
        return named.ask(HoldAsk::ConfirmAgain);
    }
    if state.sale == SaleState::Off && Rule::CalledOffIsFinal.holds() {
        return Err(Refusal::plain(Code::EventOff));
    }
    let granted = named.ask(HoldAsk::Confirm)?;
    if !Rule::ClosedKeepsPromises.holds() {
        may_promise(state)?;
    }
    if let Some(other) = state.booking_of(&ask.reference) {
        let rival_offset = claimed_at(state, other);
        let ground = Ground { rival_offset, ..Ground::default() };
        return Err(Refusal { code: Code::ReferenceUsed, ground });
    }
    Ok(granted)
}
