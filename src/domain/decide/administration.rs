//! What operators ask: define an event, open and close its sale.

use std::sync::Arc;

use super::Verdict;
use crate::domain::change::Change;
use crate::domain::event::{EventState, SaleState};
use crate::domain::layout::Layout;
use crate::domain::outcome::{Changed, ChangedKind, OutcomeBody};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Administration, Define};

/// The first edition of an event.
const FIRST_EDITION: i64 = 1;

pub(super) fn define(ask: &Define) -> Verdict {
    let layout =
        Layout::compile(ask.definition.clone()).expect("Request::check compiled it before");
    let kind = ChangedKind::Defined;
    let changed = Changed { kind, edition: FIRST_EDITION, actor: ask.actor.clone() };
    Verdict::Granted(OutcomeBody::Changed(changed), Change::Defined(Arc::new(layout)))
}

pub(super) fn sale(state: &EventState, ask: &Administration, to: SaleState) -> Verdict {
    if ask.edition != state.edition {
        return Refusal::limited(Code::WrongEdition, state.edition, ask.edition).into();
    }
    let kind = match to {
        SaleState::Open => ChangedKind::Opened,
        SaleState::Closed => ChangedKind::Closed,
        SaleState::NotOpen => unreachable!("no request takes a sale back to before its opening"),
    };
    let changed = Changed { kind, edition: state.edition + 1, actor: ask.actor.clone() };
    Verdict::Granted(OutcomeBody::Changed(changed), Change::Sale(to))
}
