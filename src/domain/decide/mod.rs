//! Deciding: one request against one event, nothing else in hand.
//!
//! Two pure functions make a decision. [`lapse::lapses`] says which lapsed holds end first; the
//! answer is then judged on a state without them, so that no second picture of the house exists in
//! which a place is "free, as it were". [`step`] runs both and applies the changes in between: live
//! path, replay and simulator call it and nothing else.
//!
//! The ladder of an answer follows the order of precedence of the refusal codes, group by group.
//! What becomes of a hold or place that is named is one table, [`pairs`].

mod administration;
mod amend;
mod best;
mod block;
mod cancel;
mod claim;
mod confirm;
mod conflict;
mod exchange;
mod expire;
mod extend;
pub mod lapse;
mod orphan;
pub mod pairs;
mod release;
#[cfg(test)]
mod tests;
mod wish;

use std::sync::Arc;

use smallvec::SmallVec;

use super::change::Change;
use super::event::{EventState, SaleState};
use super::hold::Hold;
use super::ids::{BuyerId, Digest, HoldId, Partition, Reference, RowNumber, SeatNumber};
use super::limits::MAX_WAIT_DEFAULT;
use super::outcome::{Booked, Header, Held, Outcome, OutcomeBody, Place, Released, Role};
use super::refusal::{Code, Ground, Refusal};
use super::request::{Body, Request};
use super::rule::Rule;
use super::seat::Cause;
use super::time::{At, Millis};

/// What is known about a request besides its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Log time: when the broker appended it, clamped.
    pub at: At,
    /// How long it had waited by the owner's clock.
    pub waited: Millis,
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: i64,
    /// Digest of its key and value.
    pub digest: Digest,
    /// What the window of remembered ids says.
    pub id: IdVerdict,
    /// A refusal of group 1, found without the event.
    pub early: Option<Refusal>,
}

/// What the window of remembered ids says about a request's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdVerdict {
    /// Not met before, and made about when the record reached the log.
    Fresh,
    /// Not met before, and made too long before or after.
    OutOfWindow,
    /// Met before at this offset.
    Seen {
        /// Offset of the first record with the id.
        offset: i64,
        /// Whether that record was the same, key and value.
        same: bool,
    },
}

/// What a request comes to: outcomes in the order of their sequence, and the changes behind them.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The answer and what else the request caused.
    pub outcomes: Vec<Outcome>,
    /// What happens to the event. Most come to two: what is asked, and the time.
    pub changes: SmallVec<[Change; 2]>,
    /// The rows changed, each with its `changed` before the change; a row may be there twice.
    pub touched: SmallVec<[(RowNumber, i64); 8]>,
}

/// What the answering half says.
enum Verdict {
    /// The wish is granted: the outcome and its change.
    Granted(OutcomeBody, Change),
    /// It had been granted before; this is where it stands.
    Standing(OutcomeBody),
    /// No.
    Refused(Refusal),
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Verdict {
        Verdict::Refused(refusal)
    }
}

/// Decides one request and applies what follows from it.
pub fn step(state: &mut EventState, request: &Request, asked: &Asked) -> Decision {
    let mut decision = Decision {
        outcomes: Vec::with_capacity(1),
        changes: SmallVec::new(),
        touched: SmallVec::new(),
    };
    do_apply(state, &mut decision, Change::Decided(asked.at));
    if let Some(refusal) = before_the_state(state, request, asked) {
        decision.outcomes.push(refused(state, request, asked, refusal));
        return decision;
    }
    let lapsed = lapse::lapses(state, request, asked.at);
    let expire = matches!(request.body, Body::Expire);
    for (index, &hold) in lapsed.iter().enumerate() {
        let role = if expire && index == 0 { Role::Answer } else { Role::Derived };
        do_release_lapsed(state, request, asked, &mut decision, hold, role);
    }
    if expire && !lapsed.is_empty() {
        return decision;
    }
    let buyer = request.buyer().cloned();
    let (role, body) = match answer(state, request, asked) {
        Verdict::Granted(body, change) => {
            do_apply(state, &mut decision, change);
            (Role::Answer, body)
        }
        Verdict::Standing(body) => (Role::Repeat, body),
        Verdict::Refused(refusal) => {
            state.sequence += i64::from(!Rule::RefusalsRaiseNothing.holds());
            (Role::Answer, OutcomeBody::Refused(refusal))
        }
    };
    let header = header(state, request, asked, role, buyer);
    decision.outcomes.push(Outcome { header, body });
    assert!(decision.outcomes.iter().filter(|o| o.header.role != Role::Derived).count() == 1);
    decision
}

/// A decision on a record that concerns no event of this partition.
#[must_use]
pub fn refuse_unattached(request: &Request, asked: &Asked, refusal: Refusal) -> Outcome {
    refused(&EventState::unknown(request.event.clone()), request, asked, refusal)
}

/// Groups 1 and 2: judged before the state, and without ending lapsed holds.
fn before_the_state(state: &EventState, request: &Request, asked: &Asked) -> Option<Refusal> {
    if let Some(refusal) = &asked.early {
        return Some(refusal.clone());
    }
    let defines = matches!(request.body, Body::Define(_));
    match state.layout() {
        _ if state.suspended => Some(Refusal::plain(Code::EventSuspended)),
        None if !defines => Some(Refusal::plain(Code::UnknownEvent)),
        Some(_) if defines => Some(Refusal::plain(Code::AlreadyDefined)),
        Some(layout) => match &request.body {
            Body::Claim(claim) => claim::misfit(layout, claim),
            Body::Exchange(exchange) => claim::misfit(layout, &exchange.wish()),
            Body::Block(block) => block::misfit(layout, &block.places),
            Body::Unblock(unblock) => block::misfit(layout, &unblock.places),
            Body::Amend(amend) => amend::misfit(layout, &amend.definition),
            Body::Define(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Pause(_)
            | Body::CallOff(_)
            | Body::Confirm(_)
            | Body::Extend(_)
            | Body::Release(_)
            | Body::Cancel(_)
            | Body::Expire => None,
        },
        None => None,
    }
}

fn answer(state: &EventState, request: &Request, asked: &Asked) -> Verdict {
    if (request.goes_stale() || !Rule::ConfirmNeverGoesStale.holds())
        && let Some(verdict) = judge_id(state, request, asked)
    {
        return verdict;
    }
    match &request.body {
        Body::Define(define) => administration::define(define),
        Body::Amend(ask) => amend::answer(state, ask),
        Body::Open(ask) => administration::sale(state, ask, SaleState::Open),
        Body::Close(ask) => administration::sale(state, ask, SaleState::Closed),
        Body::Pause(ask) => administration::sale(state, ask, SaleState::Paused),
        Body::CallOff(ask) => administration::sale(state, ask, SaleState::Off),
        Body::Block(ask) => block::answer(state, ask),
        Body::Unblock(ask) => block::answer_unblock(state, ask),
        Body::Claim(ask) => claim::answer(state, request.id, ask, asked),
        Body::Confirm(ask) => confirm::answer(state, ask),
        Body::Extend(ask) => extend::answer(state, ask),
        Body::Release(ask) => release::answer(state, ask),
        Body::Cancel(ask) => cancel::answer(state, ask),
        Body::Exchange(ask) => exchange::answer(state, ask),
        Body::Expire => expire::nothing_due(state),
    }
}

/// Group 3: what the id says, then whether the request waited too long.
fn judge_id(state: &EventState, request: &Request, asked: &Asked) -> Option<Verdict> {
    let answered_at = |code, offset| {
        let ground = Ground { first_offset: Some(offset), ..Ground::default() };
        Some(Verdict::Refused(Refusal { code, ground }))
    };
    match (asked.id, claimed_at(state, request.id)) {
        (IdVerdict::Seen { offset, same: false }, _) => answered_at(Code::RequestConflict, offset),
        (IdVerdict::Seen { offset, same: true }, _) => match standing(state, request) {
            Some(body) => Some(Verdict::Standing(body)),
            None => answered_at(Code::Repeated, offset),
        },
        (IdVerdict::OutOfWindow | IdVerdict::Fresh, Some(offset)) => {
            answered_at(Code::RequestConflict, offset)
        }
        (IdVerdict::OutOfWindow, None) => Some(Refusal::plain(Code::IdOutOfWindow).into()),
        (IdVerdict::Fresh, None) => {
            let layout = state.layout();
            let limit = layout.map_or(MAX_WAIT_DEFAULT, |layout| layout.definition.max_wait);
            let stale = asked.waited > limit;
            stale.then(|| Refusal::limited(Code::Stale, limit.0, asked.waited.0).into())
        }
    }
}

/// Offset of the claim that made a hold, live or ended, as its places remember it. A request whose
/// id is that of a hold though the window has forgotten it makes no second one; nor is it told
/// where the hold stands, since nobody remembers whether it is the same record or another buyer's.
fn claimed_at(state: &EventState, hold: HoldId) -> Option<i64> {
    state.known_hold(hold).map(|hold| hold.offset)
}

/// Where the hold or booking stands that a request was granted before.
fn standing(state: &EventState, request: &Request) -> Option<OutcomeBody> {
    let (id, hold) = match &request.body {
        Body::Claim(_) => (request.id, state.find_hold(request.id)?),
        Body::Extend(ask) => {
            // Nobody remembers what became of the first record. But what it asked for is so.
            let granted = |hold: &&Hold| hold.buyer == ask.buyer && hold.deadline >= ask.deadline;
            (ask.hold, state.find_hold(ask.hold).filter(granted)?)
        }
        Body::Exchange(ask) => return exchange::standing(state, ask).map(OutcomeBody::Booked),
        Body::Define(_)
        | Body::Amend(_)
        | Body::Open(_)
        | Body::Close(_)
        | Body::Pause(_)
        | Body::CallOff(_)
        | Body::Block(_)
        | Body::Unblock(_)
        | Body::Confirm(_)
        | Body::Release(_)
        | Body::Cancel(_)
        | Body::Expire => return None,
    };
    Some(match &hold.reference {
        Some(reference) => OutcomeBody::Booked(booked(state, id, hold, reference)),
        None => OutcomeBody::Held(held(state, id, hold, false)),
    })
}

/// Group 4 for whatever would be a new promise.
fn may_promise(state: &EventState) -> Result<(), Refusal> {
    match state.sale {
        SaleState::Open => Ok(()),
        SaleState::NotOpen | SaleState::Paused => Err(Refusal::plain(Code::SaleNotOpen)),
        SaleState::Closed => Err(Refusal::plain(Code::SaleClosed)),
        SaleState::Off => Err(Refusal::plain(Code::EventOff)),
    }
}

fn held(state: &EventState, id: HoldId, hold: &Hold, staff_override: bool) -> Held {
    Held {
        hold: id,
        places: places(state, &hold.seats),
        currency: currency(state),
        deadline: hold.deadline,
        staff_override,
    }
}

fn booked(state: &EventState, id: HoldId, hold: &Hold, reference: &Reference) -> Booked {
    let places = places(state, &hold.seats);
    Booked { hold: id, places, currency: currency(state), reference: reference.clone() }
}

fn places(state: &EventState, seats: &[SeatNumber]) -> Vec<Place> {
    let layout = state.layout().expect("only a known event has holds");
    let place = |&number| {
        let seat = state.seat(number);
        Place { seat: layout.name(number), tier: layout.tier_name(seat.tier), price: seat.price }
    };
    seats.iter().map(place).collect()
}

fn currency(state: &EventState) -> Arc<str> {
    state.layout().expect("only a known event has prices").currency()
}

fn released(state: &EventState, id: HoldId, hold: &Hold, cause: Cause) -> Released {
    let layout = state.layout().expect("only a known event has holds");
    let seats = hold.seats.iter().map(|&number| layout.name(number)).collect();
    Released { hold: id, seats, cause }
}

fn do_release_lapsed(
    state: &mut EventState,
    request: &Request,
    asked: &Asked,
    decision: &mut Decision,
    id: HoldId,
    role: Role,
) {
    let hold = state.find_hold(id).expect("a lapsed hold is there");
    assert!(!hold.is_live(asked.at), "a hold is never ended before its deadline");
    let body = OutcomeBody::Released(released(state, id, hold, Cause::Expired));
    let buyer = Some(hold.buyer.clone());
    do_apply(state, decision, Change::Freed { hold: id, cause: Cause::Expired });
    let header = header(state, request, asked, role, buyer);
    decision.outcomes.push(Outcome { header, body });
}

fn do_apply(state: &mut EventState, decision: &mut Decision, change: Change) {
    state.touched_by(&change, |row, changed| decision.touched.push((row, changed)));
    state.apply(&change);
    decision.changes.push(change);
}

fn refused(state: &EventState, request: &Request, asked: &Asked, refusal: Refusal) -> Outcome {
    let buyer = request.buyer().cloned();
    let header = header(state, request, asked, Role::Answer, buyer);
    Outcome { header, body: OutcomeBody::Refused(refusal) }
}

fn header(
    state: &EventState,
    request: &Request,
    asked: &Asked,
    role: Role,
    buyer: Option<BuyerId>,
) -> Header {
    Header {
        event: request.event.clone(),
        sequence: state.sequence,
        request: request.id,
        partition: asked.partition,
        offset: asked.offset,
        role,
        decided_at: asked.at,
        waited: asked.waited,
        buyer,
        digest: asked.digest,
    }
}
