//! Extensions: more time for a hold. A new promise, so that only an open sale makes it (F5).

use super::conflict::hold_for;
use super::pairs::HoldAsk;
use super::{Verdict, held, may_promise};
use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::hold::Hold;
use crate::domain::ids::HoldId;
use crate::domain::outcome::{Held, OutcomeBody};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::Extend;
use crate::domain::time::At;

pub(super) fn answer(state: &EventState, ask: &Extend) -> Verdict {
    match judge(state, ask) {
        Err(refusal) => refusal.into(),
        Ok(hold) if ask.deadline <= hold.deadline => {
            Verdict::Standing(OutcomeBody::Held(held(state, ask.hold, hold, false)))
        }
        Ok(hold) => {
            let deadline = ask.deadline;
            let to_be = Held { deadline, ..held(state, ask.hold, hold, false) };
            let change = Change::Extended { hold: ask.hold, deadline };
            Verdict::Granted(OutcomeBody::Extended(to_be), change)
        }
    }
}

fn judge<'a>(state: &'a EventState, ask: &Extend) -> Result<&'a Hold, Refusal> {
    may_promise(state)?;
    let longer = state.find_hold(ask.hold).is_some_and(|hold| ask.deadline > hold.deadline);
    let cap = cap(state, ask.hold);
    if longer && ask.deadline > cap {
        return Err(Refusal::limited(Code::ExtensionCap, cap.0, ask.deadline.0));
    }
    hold_for(state, ask.hold, &ask.buyer, HoldAsk::Extend)
}

/// Until when a hold may be extended. It is counted from the time in the id, which never changes,
/// where the first deadline is forgotten with the first extension.
fn cap(state: &EventState, hold: HoldId) -> At {
    let definition = &state.layout().expect("the event is known by now").definition;
    let made_at = hold.made_at().unwrap_or_default();
    made_at.plus(definition.hold_time).plus(definition.extend_max)
}
