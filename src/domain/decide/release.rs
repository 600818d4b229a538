//! Releases: the buyer gives a hold back. Leaving always works, whatever the sale does.

use super::confirm::held_by;
use super::{Verdict, released};
use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::outcome::OutcomeBody;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::Release;
use crate::domain::seat::Cause;

pub(super) fn answer(state: &EventState, ask: &Release) -> Verdict {
    match held_by(state, ask.hold, &ask.buyer) {
        Err(refusal) => refusal.into(),
        Ok(hold) if hold.is_booked() => {
            Refusal::because(Code::HoldEnded, "booked; a booking is cancelled, not released").into()
        }
        Ok(hold) => {
            let body = released(state, ask.hold, hold, Cause::Released);
            let change = Change::Freed { hold: ask.hold, cause: Cause::Released };
            Verdict::Granted(OutcomeBody::Released(body), change)
        }
    }
}
