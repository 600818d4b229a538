//! One event as the workload knows it: what is planned for it, and what outcomes have told.

use std::collections::VecDeque;

use fastrand::Rng;

use super::venue::{Size, Venue};
use crate::domain::event::SaleState;
use crate::domain::ids::{BuyerId, EventId, HoldId, Reference, RequestId, SeatNumber};
use crate::domain::limits::GRACE;
use crate::domain::outcome::{ChangedKind, Held, Outcome, OutcomeBody, Place, ToBlock};
use crate::domain::refusal::Code;
use crate::domain::time::At;
use crate::sim::coverage::point::Kind;

/// Ended holds, claims not yet answered and references remembered.
const ENDED_MAX: usize = 40;
const PENDING_MAX: usize = 16;
const PAID_MAX: usize = 16;

/// A hold or booking that was told of.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) hold: HoldId,
    pub(super) buyer: BuyerId,
    pub(super) seats: Vec<SeatNumber>,
    pub(super) deadline: At,
    pub(super) reference: Option<Reference>,
}

/// A place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    /// Whether somebody has it.
    pub(super) taken: bool,
    /// Whether it belongs to a block.
    pub(super) blocked: bool,
    /// What it went for last.
    pub(super) price: i64,
}

/// After how many requests about the event its operators do what.
#[derive(Clone, Copy, Debug)]
struct Plan {
    define: u32,
    open: u32,
    call_off: u32,
}

/// An event.
#[derive(Debug)]
pub(super) struct Sale {
    pub(super) event: EventId,
    pub(super) venue: Venue,
    /// Another definition somebody may be first with, and the requests that carried it.
    pub(super) other: Venue,
    pub(super) other_asked: Vec<RequestId>,
    /// Other definitions asked for while it is known, the last first.
    pub(super) amends: VecDeque<(RequestId, Venue)>,
    plan: Plan,
    /// Requests about it so far.
    pub(super) asked: u32,
    /// `None` before the definition is told of.
    pub(super) stage: Option<SaleState>,
    pub(super) edition: i64,
    /// How each place stands, as far as was told.
    pub(super) places: Vec<Spot>,
    pub(super) live: Vec<Known>,
    pub(super) booked: Vec<Known>,
    pub(super) ended: VecDeque<Known>,
    /// Claims that may not have been answered yet.
    pub(super) pending: VecDeque<(HoldId, BuyerId)>,
    /// References used lately, and how many there were.
    pub(super) paid: VecDeque<Reference>,
    pub(super) payments: u64,
}

impl Sale {
    /// An event that is asked about some `requests` times.
    pub(super) fn draw(rng: &mut Rng, index: usize, size: Size, requests: u32) -> Sale {
        let giant = size == Size::Giant;
        let late = !giant && rng.u32(..3) == 0;
        let define = if late { rng.u32(0..60.min(requests / 4 + 1)) } else { rng.u32(0..3) };
        let late = !giant && rng.u32(..3) == 0;
        let open = define + if late { rng.u32(0..60.min(requests / 4 + 1)) } else { rng.u32(0..4) };
        let call_off = match rng.u32(..20) {
            _ if giant => u32::MAX,
            0 => rng.u32(define..=open + 1),
            1..7 => rng.u32(open..=open.max(requests)),
            _ => u32::MAX,
        };
        let event = EventId::new(&format!("event-{index}")).expect("a name");
        Sale::new(rng, event, size, Plan { define, open, call_off })
    }

    /// An event nobody defines.
    pub(super) fn never_defined(rng: &mut Rng, index: usize) -> Sale {
        let event = EventId::new(&format!("event-{index}")).expect("a name");
        let plan = Plan { define: u32::MAX, open: u32::MAX, call_off: u32::MAX };
        Sale::new(rng, event, Size::Small, plan)
    }

    fn new(rng: &mut Rng, event: EventId, size: Size, plan: Plan) -> Sale {
        let venue = Venue::draw(rng, &event, size);
        let other = Venue::draw(rng, &event, size);
        Sale {
            places: vec![Spot::default(); venue.names.len()],
            event,
            venue,
            other,
            other_asked: vec![],
            amends: VecDeque::new(),
            plan,
            asked: 0,
            stage: None,
            edition: 1,
            live: vec![],
            booked: vec![],
            ended: VecDeque::new(),
            pending: VecDeque::new(),
            paid: VecDeque::new(),
            payments: 0,
        }
    }

    /// What operators ask next, or the expiry worker, if they have something to ask.
    pub(super) fn due(&self, rng: &mut Rng, now: At) -> Option<Kind> {
        let over = |after: u32| self.asked > after;
        let lapsed = self.live.first().is_some_and(|known| known.deadline.plus(GRACE) <= now);
        let (kind, one_in) = match self.stage {
            None if over(self.plan.define) => (Kind::Define, 3),
            None => return None,
            Some(_) if lapsed && rng.u32(..6) == 0 => (Kind::Expire, 1),
            Some(SaleState::Off) => return None,
            Some(_) if over(self.plan.call_off) => (Kind::CallOff, 4),
            Some(SaleState::NotOpen) if over(self.plan.open) => (Kind::Open, 3),
            Some(SaleState::Paused | SaleState::Closed) => (Kind::Open, 12),
            Some(SaleState::NotOpen | SaleState::Open) => return None,
        };
        (rng.u32(..one_in) == 0).then_some(kind)
    }

    /// Mostly a claim instead of what would find no hold to name.
    pub(super) fn or_claim(&self, rng: &mut Rng, kind: Kind) -> Kind {
        let untouched = self.live.is_empty() && self.booked.is_empty();
        let in_vain = match kind {
            Kind::Confirm | Kind::Extend | Kind::Release => self.live.is_empty(),
            Kind::Cancel | Kind::Exchange => untouched,
            Kind::Define
            | Kind::Amend
            | Kind::Open
            | Kind::Pause
            | Kind::Close
            | Kind::CallOff
            | Kind::Block
            | Kind::Unblock
            | Kind::Claim
            | Kind::Expire => false,
        };
        if in_vain && rng.u32(..3) > 0 { Kind::Claim } else { kind }
    }

    /// Whether it is time to call the event off, or too late for it to matter.
    pub(super) fn may_be_called_off(&self) -> bool {
        self.asked > self.plan.call_off || matches!(self.stage, None | Some(SaleState::Off))
    }

    /// The next hold to lapse of those that still live, and when.
    pub(super) fn next_lapse(&self, now: At) -> Option<(At, HoldId)> {
        let lapses = self.live.iter().map(|known| (known.deadline.plus(GRACE), known.hold));
        lapses.filter(|(at, _)| *at >= now).min()
    }

    /// Takes in an outcome.
    pub(super) fn learn(&mut self, outcome: &Outcome) {
        let header = &outcome.header;
        match &outcome.body {
            OutcomeBody::Held(held) | OutcomeBody::Extended(held) => {
                if let Some(buyer) = &header.buyer {
                    self.learn_held(held, buyer);
                }
            }
            OutcomeBody::Booked(booked) => {
                let Some(buyer) = &header.buyer else { return };
                let before = take(&mut self.live, booked.hold);
                if self.booked.iter().any(|known| known.hold == booked.hold) {
                    return;
                }
                let seats = self.take(&booked.places);
                self.booked.push(Known {
                    hold: booked.hold,
                    buyer: buyer.clone(),
                    seats,
                    deadline: before.map_or(At(0), |known| known.deadline),
                    reference: Some(booked.reference.clone()),
                });
            }
            OutcomeBody::Released(released) => {
                if let Some(known) = take(&mut self.live, released.hold) {
                    self.mark(&known.seats, false);
                    self.end(known);
                }
            }
            OutcomeBody::Cancelled(cancelled) => {
                let seats = self.numbers(&cancelled.places);
                self.give_back(&seats, &cancelled.to_blocks);
                let of = |known: &Known| known.hold == cancelled.hold;
                let Some(at) = self.booked.iter().position(of) else { return };
                self.booked[at].seats.retain(|seat| !seats.contains(seat));
                if cancelled.remaining == 0 {
                    let known = self.booked.swap_remove(at);
                    self.end(known);
                }
            }
            OutcomeBody::Exchanged(exchanged) => {
                let left = self.numbers(&exchanged.given_back);
                self.give_back(&left, &exchanged.to_blocks);
                let seats = self.take(&exchanged.places);
                let of = |known: &&mut Known| known.hold == exchanged.hold;
                if let Some(known) = self.booked.iter_mut().find(of) {
                    known.seats = seats;
                }
            }
            OutcomeBody::Changed(changed) => {
                self.edition = self.edition.max(changed.edition);
                self.learn_changed(changed.kind, header.request);
                let blocked = changed.kind == ChangedKind::Blocked;
                for seat in changed.seats.iter().filter_map(|name| self.venue.number(name)) {
                    self.places[seat.0 as usize].blocked = blocked;
                }
            }
            OutcomeBody::Refused(refusal) => {
                if refusal.code == Code::WrongEdition {
                    self.edition = self.edition.max(refusal.ground.limit.unwrap_or(0));
                }
            }
        }
    }

    fn learn_held(&mut self, held: &Held, buyer: &BuyerId) {
        let known = self.live.iter_mut().find(|known| known.hold == held.hold);
        if let Some(known) = known {
            known.deadline = known.deadline.max(held.deadline);
            return;
        }
        let gone = |known: &Known| known.hold == held.hold;
        if self.booked.iter().any(gone) || self.ended.iter().any(gone) {
            return;
        }
        let seats = self.take(&held.places);
        self.live.push(Known {
            hold: held.hold,
            buyer: buyer.clone(),
            seats,
            deadline: held.deadline,
            reference: None,
        });
    }

    fn learn_changed(&mut self, kind: ChangedKind, request: RequestId) {
        self.stage = match kind {
            ChangedKind::Defined => {
                if self.other_asked.contains(&request) {
                    self.take_other_venue();
                }
                Some(SaleState::NotOpen)
            }
            ChangedKind::Amended => {
                self.learn_amended(request);
                self.stage
            }
            ChangedKind::Opened => Some(SaleState::Open),
            ChangedKind::Closed => Some(SaleState::Closed),
            ChangedKind::Paused => Some(SaleState::Paused),
            ChangedKind::CalledOff => Some(SaleState::Off),
            ChangedKind::Blocked | ChangedKind::Unblocked => self.stage,
        };
    }

    /// Somebody was first with the other definition. What was told before the definition was, since
    /// topics become visible one after the other, was read by the wrong one.
    fn take_other_venue(&mut self) {
        std::mem::swap(&mut self.venue, &mut self.other);
        self.other_asked.clear();
        self.places = vec![Spot::default(); self.venue.names.len()];
        self.live.clear();
        self.booked.clear();
        self.ended.clear();
    }

    fn numbers(&self, places: &[Place]) -> Vec<SeatNumber> {
        places.iter().filter_map(|place| self.venue.number(&place.seat)).collect()
    }

    fn take(&mut self, places: &[Place]) -> Vec<SeatNumber> {
        let seats = self.numbers(places);
        self.mark(&seats, true);
        for (seat, place) in seats.iter().zip(places) {
            self.places[seat.0 as usize].price = place.price;
        }
        seats
    }

    fn give_back(&mut self, seats: &[SeatNumber], to_blocks: &[ToBlock]) {
        self.mark(seats, false);
        for seat in to_blocks.iter().filter_map(|to| self.venue.number(&to.seat)) {
            self.places[seat.0 as usize].blocked = true;
        }
    }

    fn mark(&mut self, seats: &[SeatNumber], taken: bool) {
        seats.iter().for_each(|seat| self.places[seat.0 as usize].taken = taken);
    }

    fn end(&mut self, known: Known) {
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(known);
    }

    /// Remembers a claim that is being asked.
    pub(super) fn await_claim(&mut self, hold: HoldId, buyer: BuyerId) {
        if self.pending.len() == PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back((hold, buyer));
    }

    /// A payment nobody has made yet.
    pub(super) fn pay(&mut self) -> Reference {
        self.payments += 1;
        let reference = Reference::new(&format!("pay-{}", self.payments)).expect("a name");
        if self.paid.len() == PAID_MAX {
            self.paid.pop_front();
        }
        self.paid.push_back(reference.clone());
        reference
    }
}

fn take(holds: &mut Vec<Known>, hold: HoldId) -> Option<Known> {
    let at = holds.iter().position(|known| known.hold == hold)?;
    Some(holds.swap_remove(at))
}
