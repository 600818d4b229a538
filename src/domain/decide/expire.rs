//! Expire requests: their answer is the release of the oldest lapsed hold, which `step` makes
//! before any answer; what is left here is to say that there was none.

use super::Verdict;
use crate::domain::event::EventState;
use crate::domain::refusal::{Code, Ground, Refusal};

/// `nothing-due`, with the earliest deadline as the limit.
pub(super) fn nothing_due(state: &EventState) -> Verdict {
    let limit = state.live_holds().1.map(|due| due.0);
    let ground = Ground { limit, ..Ground::default() };
    Verdict::Refused(Refusal { code: Code::NothingDue, ground })
}
