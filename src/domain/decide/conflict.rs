//! Places that cannot be had, because somebody has them or they are kept from sale.

use crate::domain::event::EventState;
use crate::domain::ids::SeatNumber;
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::seat::Status;

/// Group 8: somebody has one of the places.
pub(super) fn untaken(
    state: &EventState,
    wanted: impl Iterator<Item = SeatNumber>,
) -> Result<(), Refusal> {
    let layout = state.layout().expect("the event is known by now");
    let taken = |seat: &SeatNumber| match state.seat(*seat).status {
        Status::Held | Status::Booked => true,
        Status::Free | Status::Blocked => false,
    };
    let conflicts: Vec<SeatNumber> = wanted.filter(taken).collect();
    let Some(&first) = conflicts.first() else { return Ok(()) };
    let rival = state.find_hold(state.seat(first).hold).expect("a taken seat has a hold");
    let ground = Ground {
        seats: conflicts.iter().map(|&seat| layout.name(seat)).collect(),
        rival_offset: Some(rival.offset),
        ..Ground::default()
    };
    Err(Refusal { code: Code::SeatsTaken, ground })
}

/// Group 8: one of the places is kept from sale.
pub(super) fn unblocked(
    state: &EventState,
    wanted: impl Iterator<Item = SeatNumber>,
) -> Result<(), Refusal> {
    let layout = state.layout().expect("the event is known by now");
    let blocked: Vec<SeatNumber> =
        wanted.filter(|seat| state.seat(*seat).status == Status::Blocked).collect();
    let Some(reason) = blocked.first().and_then(|&first| state.block_of(first)) else {
        return Ok(());
    };
    let ground = Ground {
        seats: blocked.iter().map(|&seat| layout.name(seat)).collect(),
        detail: reason.to_string(),
        ..Ground::default()
    };
    Err(Refusal { code: Code::Blocked, ground })
}
