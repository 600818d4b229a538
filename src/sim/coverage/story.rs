//! What one world's outcomes have told so far: as little as the points need.

use std::collections::BTreeMap;

use crate::domain::event::SaleState;
use crate::domain::ids::{EventId, HoldId};
use crate::domain::limits::LAPSED_ROWS_MAX;
use crate::domain::outcome::{ChangedKind, Outcome, OutcomeBody, Place, Role, ToBlock};
use crate::domain::seat::{Cause, Status};

use super::point::{End, Move, Point, Stage, Standing};

#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    stages: BTreeMap<EventId, Stage>,
    holds: BTreeMap<HoldId, Life>,
    /// The places of each event that belong to a block, and who has them.
    blocks: BTreeMap<EventId, BTreeMap<String, Status>>,
    /// Offset of the last request that ended lapsed holds, and how many places they had.
    lapsed: (i64, usize),
}

/// A hold's life.
#[derive(Clone, Copy, Debug)]
enum Life {
    Live,
    Booked,
    /// It lapsed, and the request at this offset ended it.
    Lapsed(i64),
    Released,
    Cancelled,
}

impl Story {
    pub(super) fn stage(&self, event: &EventId) -> Stage {
        self.stages.get(event).copied().unwrap_or(Stage::Undefined)
    }

    /// How a hold stood when the request at this offset came for it.
    pub(super) fn standing(&self, hold: HoldId, offset: i64) -> Standing {
        match self.holds.get(&hold) {
            None => Standing::Never,
            Some(Life::Live) => Standing::Live,
            Some(Life::Booked) => Standing::Booked,
            Some(Life::Lapsed(by)) if *by == offset => Standing::Lapsed,
            Some(Life::Lapsed(_)) => Standing::Expired,
            Some(Life::Released) => Standing::Released,
            Some(Life::Cancelled) => Standing::Cancelled,
        }
    }

    /// Does what an outcome says, and tells what happened to holds and places by it.
    pub(super) fn follow(&mut self, outcome: &Outcome, mut tell: impl FnMut(Point)) {
        let header = &outcome.header;
        if header.role == Role::Repeat {
            return;
        }
        if let OutcomeBody::Cancelled(cancelled) = &outcome.body {
            self.put_into_blocks(&header.event, &cancelled.to_blocks);
        }
        let names = |places: &[Place]| -> Vec<String> {
            places.iter().map(|place| place.seat.clone()).collect()
        };
        let mut moved = Moved { blocks: self.blocks.get_mut(&header.event), tell: &mut tell };
        match &outcome.body {
            OutcomeBody::Held(held) => {
                self.holds.insert(held.hold, Life::Live);
                moved.takes(&held.places);
            }
            OutcomeBody::Extended(held) => {
                held.places.iter().for_each(|_| tell(Point::Moved(Move::HeldHeld)));
            }
            OutcomeBody::Booked(booked) => {
                self.holds.insert(booked.hold, Life::Booked);
                moved.sells(&booked.places);
            }
            OutcomeBody::Released(released) => {
                let expired = released.cause == Cause::Expired;
                let life = if expired { Life::Lapsed(header.offset) } else { Life::Released };
                self.holds.insert(released.hold, life);
                moved.leaves(&released.seats, [Move::HeldFree, Move::HeldBlocked]);
                tell(Point::Left(if expired { End::Expired } else { End::Released }));
                if expired {
                    self.count_lapsed(header.offset, released.seats.len(), tell);
                }
            }
            OutcomeBody::Cancelled(cancelled) => {
                if cancelled.remaining == 0 {
                    self.holds.insert(cancelled.hold, Life::Cancelled);
                }
                moved.leaves(&names(&cancelled.places), [Move::BookedFree, Move::BookedBlocked]);
                tell(Point::Left(End::Cancelled));
            }
            OutcomeBody::Exchanged(exchanged) => {
                exchanged.taken.iter().for_each(|_| (moved.tell)(Point::Moved(Move::FreeBooked)));
                let left = [Move::BookedFree, Move::BookedBlocked];
                moved.leaves(&names(&exchanged.given_back), left);
                tell(Point::Left(End::Exchanged));
            }
            OutcomeBody::Changed(changed) => {
                let blocks = self.blocks.entry(header.event.clone()).or_default();
                operate(blocks, changed.kind, &changed.seats, tell);
                let stage = match changed.kind {
                    ChangedKind::Defined => Some(SaleState::NotOpen),
                    ChangedKind::Opened => Some(SaleState::Open),
                    ChangedKind::Closed => Some(SaleState::Closed),
                    ChangedKind::Paused => Some(SaleState::Paused),
                    ChangedKind::CalledOff => Some(SaleState::Off),
                    ChangedKind::Blocked | ChangedKind::Unblocked | ChangedKind::Amended => None,
                };
                if let Some(stage) = stage {
                    self.stages.insert(header.event.clone(), Stage::of(stage));
                }
            }
            OutcomeBody::Refused(_) => {}
        }
    }

    /// Places that are given back belong to these blocks from now on.
    fn put_into_blocks(&mut self, event: &EventId, places: &[ToBlock]) {
        for place in places {
            let blocks = self.blocks.entry(event.clone()).or_default();
            blocks.insert(place.seat.clone(), Status::Booked);
        }
    }

    fn count_lapsed(&mut self, offset: i64, places: usize, mut tell: impl FnMut(Point)) {
        let before = if self.lapsed.0 == offset { self.lapsed.1 } else { 0 };
        self.lapsed = (offset, before + places);
        if before < LAPSED_ROWS_MAX && before + places >= LAPSED_ROWS_MAX {
            tell(Point::Left(End::Crowd));
        }
    }
}

/// Places that somebody takes or leaves, in the light of the event's blocks.
struct Moved<'a, T: FnMut(Point)> {
    blocks: Option<&'a mut BTreeMap<String, Status>>,
    tell: &'a mut T,
}

impl<T: FnMut(Point)> Moved<'_, T> {
    /// Gives a place of a block its new state, and says whether it is one.
    fn is_of_block(&mut self, seat: &str, to: Status) -> bool {
        let known = self.blocks.as_mut().and_then(|blocks| blocks.get_mut(seat));
        known.is_some_and(|status| {
            *status = to;
            true
        })
    }

    fn takes(&mut self, places: &[Place]) {
        for place in places {
            let of_block = self.is_of_block(&place.seat, Status::Held);
            (self.tell)(Point::Moved(if of_block { Move::BlockedHeld } else { Move::FreeHeld }));
        }
    }

    fn sells(&mut self, places: &[Place]) {
        for place in places {
            self.is_of_block(&place.seat, Status::Booked);
            (self.tell)(Point::Moved(Move::HeldBooked));
        }
    }

    fn leaves(&mut self, seats: &[String], [free, blocked]: [Move; 2]) {
        for seat in seats {
            let of_block = self.is_of_block(seat, Status::Blocked);
            (self.tell)(Point::Moved(if of_block { blocked } else { free }));
        }
    }
}

fn operate(
    blocks: &mut BTreeMap<String, Status>,
    kind: ChangedKind,
    seats: &[String],
    mut tell: impl FnMut(Point),
) {
    match kind {
        ChangedKind::Blocked => {
            for seat in seats {
                blocks.insert(seat.clone(), Status::Blocked);
                tell(Point::Moved(Move::FreeBlocked));
            }
        }
        ChangedKind::Unblocked => {
            for seat in seats {
                tell(Point::Moved(match blocks.remove(seat) {
                    Some(Status::Held) => Move::HeldLifted,
                    Some(Status::Booked) => Move::BookedLifted,
                    Some(Status::Free | Status::Blocked) | None => Move::BlockedFree,
                }));
            }
        }
        ChangedKind::Defined
        | ChangedKind::Amended
        | ChangedKind::Opened
        | ChangedKind::Closed
        | ChangedKind::Paused
        | ChangedKind::CalledOff => {}
    }
}
