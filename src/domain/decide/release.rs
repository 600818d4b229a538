//! Releases: the buyer gives a hold back. Leaving always works, whatever the sale does.

use super::conflict::hold_for;
use super::pairs::HoldAsk;
use super::{Verdict, released};
use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::outcome::OutcomeBody;
use crate::domain::request::Release;
use crate::domain::seat::Cause;

pub(super) fn answer(state: &EventState, ask: &Release) -> Verdict {
    match hold_for(state, ask.hold, &ask.buyer, HoldAsk::Release) {
        Err(refusal) => refusal.into(),
        Ok(hold) => {
            let body = released(state, ask.hold, hold, Cause::Released);
            let change = Change::Freed { hold: ask.hold, cause: Cause::Released };
            Verdict::Granted(OutcomeBody::Released(body), change)
        }
    }
}
