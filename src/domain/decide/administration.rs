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
    let changed = of_sale(kind, FIRST_EDITION, &ask.actor);
    Verdict::Granted(OutcomeBody::Changed(changed), Change::Defined(Arc::new(layout)))
}

pub(super) fn sale(state: &EventState, ask: &Administration, to: SaleState) -> Verdict {
    if ask.edition != state.edition {
        return Refusal::limited(Code::WrongEdition, state.edition, ask.edition).into();
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

fn of_sale(kind: ChangedKind, edition: i64, actor: &str) -> Changed {
    Changed { kind, edition, actor: actor.into(), reason: String::new(), seats: vec![] }
}
