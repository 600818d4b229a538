//! What operators ask of the event as a whole: define it, open, pause and close its sale, call it
//! off.
//!
//! Calling off is final. It differs from closing in what it does to promises: nobody can be seated,
//! so that a confirm is refused too, and what was paid is given back, once, by whoever reads it
//! (F28).

use std::sync::Arc;

use super::Verdict;
use crate::domain::change::Change;
use crate::domain::event::{EventState, SaleState};
use crate::domain::layout::Layout;
use crate::domain::outcome::{Changed, ChangedKind, OutcomeBody};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Administration, Define};
use crate::domain::rule::Rule;

/// The first edition of an event.
const FIRST_EDITION: i64 = 1;

pub(super) fn define(ask: &Define) -> Verdict {
    let layout =
        Layout::compile(ask.definition.clone()).expect("Request::check compiled it before");
    let kind = ChangedKind::Defined;
    let changed = of_sale(kind, FIRST_EDITION, &ask.actor);
    Verdict::Granted(OutcomeBody::Changed(changed), Change::Defined(Arc::new(layout)))
}

pub(super) fn sale(state: &EventState, ask: &Administration, to: SaleState) -> Verdict {
    if let Err(refusal) = may_change(state, ask.edition) {
        return refusal.into();
    }
    let kind = match to {
        SaleState::Open => ChangedKind::Opened,
        SaleState::Closed => ChangedKind::Closed,
        SaleState::Paused => ChangedKind::Paused,
        SaleState::Off => ChangedKind::CalledOff,
        SaleState::NotOpen => unreachable!("no request takes a sale back to before its opening"),
    };
    let changed = of_sale(kind, state.edition + 1, &ask.actor);
    Verdict::Granted(OutcomeBody::Changed(changed), Change::Sale(to))
}

/// Groups 3 and 4 for what operators ask of a known event.
pub(super) fn may_change(state: &EventState, edition: i64) -> Result<(), Refusal> {
    if edition != state.edition && Rule::EditionIsCompared.holds() {
        return Err(Refusal::limited(Code::WrongEdition, state.edition, edition));
    }
    match state.sale {
        SaleState::NotOpen | SaleState::Open | SaleState::Paused | SaleState::Closed => Ok(()),
        SaleState::Off => Err(Refusal::plain(Code::EventOff)),
    }
}

pub(super) fn of_sale(kind: ChangedKind, edition: i64, actor: &str) -> Changed {
    Changed { kind, edition, actor: actor.into(), reason: String::new(), seats: vec![] }
}
