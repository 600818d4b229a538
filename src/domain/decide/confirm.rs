//! Confirms: a hold becomes a booking, once, by one payment. Closed or paused, a sale keeps what it
//! promised; called off, it cannot.

use super::{Verdict, booked, may_promise};
use crate::domain::change::Change;
use crate::domain::event::{EventState, SaleState};
use crate::domain::hold::Hold;
use crate::domain::ids::{BuyerId, HoldId};
use crate::domain::outcome::OutcomeBody;
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::request::Confirm;
use crate::domain::rule::Rule;
use crate::domain::seat::Cause;

pub(super) fn answer(state: &EventState, ask: &Confirm) -> Verdict {
    match judge(state, ask) {
        Err(refusal) => refusal.into(),
        Ok(hold) if hold.is_booked() => {
            let body = booked(state, ask.hold, hold, &ask.reference);
            Verdict::Standing(OutcomeBody::Booked(body))
        }
        Ok(hold) => {
            let reference = ask.reference.clone();
            let body = booked(state, ask.hold, hold, &reference);
            Verdict::Granted(
                OutcomeBody::Booked(body),
                Change::Booked { hold: ask.hold, reference },
            )
        }
    }
}

/// The hold, or the booking it became by this very payment: who asks again is told so, also when
/// the event is off, and does not take the money for lost.
fn judge<'a>(state: &'a EventState, ask: &Confirm) -> Result<&'a Hold, Refusal> {
    let hold = held_by(state, ask.hold, &ask.buyer);
    match &hold {
        Ok(hold) if hold.reference.as_ref() == Some(&ask.reference) => return Ok(hold),
        Ok(_) | Err(_) => {}
    }
    let refunded = refunded_by_cancel(state, ask);
    if refunded == Some(true) {
        return Err(Refusal::because(Code::HoldEnded, "cancelled"));
    }
    if state.sale == SaleState::Off && Rule::CalledOffIsFinal.holds() {
        return Err(Refusal::plain(Code::EventOff));
    }
    if refunded == Some(false) {
        return Err(Refusal::because(Code::HoldEnded, "cancelled, booked with another reference"));
    }
    let hold = hold?;
    if !Rule::ClosedKeepsPromises.holds() {
        may_promise(state)?;
    }
    if hold.is_booked() {
        return Err(Refusal::because(Code::HoldEnded, "booked with another reference"));
    }
    if let Some(other) = state.booking_of(&ask.reference) {
        let live = state.find_hold(other).map(|hold| hold.offset);
        let rival_offset = live.or_else(|| state.leaver(other).map(|leaver| leaver.offset));
        let ground = Ground { rival_offset, ..Ground::default() };
        return Err(Refusal { code: Code::ReferenceUsed, ground });
    }
    Ok(hold)
}

/// Whether the booking the hold became was cancelled whole, and if so, whether this very payment is
/// the one that went back with it: only then is `cancelled` the whole answer, also when the event
/// is off, since any other payment is still to be given back by whoever took it.
fn refunded_by_cancel(state: &EventState, ask: &Confirm) -> Option<bool> {
    if state.find_hold(ask.hold).is_some() {
        return None;
    }
    let leaver = state.leaver(ask.hold).filter(|leaver| leaver.buyer == ask.buyer)?;
    (leaver.cause == Cause::Cancelled).then(|| leaver.reference.as_ref() == Some(&ask.reference))
}

/// The hold or booking, if it is there and the buyer's.
pub(super) fn held_by<'a>(
    state: &'a EventState,
    id: HoldId,
    buyer: &BuyerId,
) -> Result<&'a Hold, Refusal> {
    match (state.find_hold(id), state.leaver(id)) {
        (Some(hold), _) if hold.buyer == *buyer || !Rule::OnlyTheHolderActs.holds() => Ok(hold),
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
