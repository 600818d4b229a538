//! How the hold and the places that a request names stand. The state is read here; whether that is
//! against the request is chosen in [`pairs`](super::pairs).

use super::pairs::{HoldAsk, HoldState, PlaceAsk, PlaceState, Step, of_hold, of_place};
use crate::domain::event::EventState;
use crate::domain::hold::Hold;
use crate::domain::ids::{BuyerId, HoldId, Reference, SeatNumber};
use crate::domain::limits::BLOCK_SEATS_MAX;
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::rule::Rule;
use crate::domain::seat::{Cause, Status};

/// A hold as it stands for the buyer who names it.
pub(super) struct Named<'a> {
    pub(super) stands: HoldState,
    /// The hold or booking, if it is there and the buyer's.
    hold: Option<&'a Hold>,
    /// The payment it was booked with, also where the booking was cancelled since.
    pub(super) payment: Option<&'a Reference>,
}

impl<'a> Named<'a> {
    pub(super) fn read(state: &'a EventState, id: HoldId, buyer: &BuyerId) -> Named<'a> {
        let nothing = |stands| Named { stands, hold: None, payment: None };
        let Some(hold) = state.known_hold(id) else { return nothing(HoldState::Unknown) };
        if hold.buyer != *buyer && Rule::OnlyTheHolderActs.holds() {
            return nothing(HoldState::OfAnother);
        }
        // A booking that gave some of its places back is a hold and has left.
        let there = !hold.seats.is_empty();
        let stands = match (there, hold.cause) {
            (true, _) if hold.is_booked() => HoldState::Booked,
            (true, _) => HoldState::Live,
            (false, Cause::Expired) => HoldState::Expired,
            (false, Cause::Released) => HoldState::Released,
            (false, Cause::Cancelled) => HoldState::Cancelled,
            (false, Cause::None) => unreachable!("who left a place had a cause"),
        };
        Named { stands, hold: there.then_some(hold), payment: hold.reference.as_ref() }
    }

    /// Group 9: what becomes of the hold, and the hold.
    pub(super) fn ask(&self, ask: HoldAsk) -> Result<(Step<HoldState>, &'a Hold), Refusal> {
        let step = of_hold(self.stands, ask)?;
        Ok((step, self.hold.expect("only a hold that is there is granted anything")))
    }
}

/// Group 9: the hold or booking, if what is asked of it may be.
pub(super) fn hold_for<'a>(
    state: &'a EventState,
    id: HoldId,
    buyer: &BuyerId,
    ask: HoldAsk,
) -> Result<&'a Hold, Refusal> {
    Named::read(state, id, buyer).ask(ask).map(|(_, hold)| hold)
}

/// Group 8: the lowest code that stands against one of the places, with all those it stands
/// against, or as many as a refusal can list.
pub(super) fn check_places(
    state: &EventState,
    wanted: impl Iterator<Item = SeatNumber>,
    ask: PlaceAsk,
) -> Result<(), Refusal> {
    let against = |seat| Some((of_place(place_state(state, seat), ask).err()?.code, seat));
    let conflicts: Vec<(Code, SeatNumber)> =
        wanted.filter_map(against).take(BLOCK_SEATS_MAX).collect();
    let Some(&(code, first)) = conflicts.iter().min_by_key(|(code, _)| *code) else {
        return Ok(());
    };
    let layout = state.layout().expect("the event is known by now");
    let of_code = conflicts.iter().filter(|(other, _)| *other == code);
    let mut ground = Ground {
        seats: of_code.map(|&(_, seat)| layout.name(seat)).collect(),
        ..Ground::default()
    };
    if code == Code::SeatsTaken {
        let rival = state.find_hold(state.seat(first).hold).expect("a taken place has a hold");
        ground.rival_offset = Some(rival.offset);
    }
    if code == Code::Blocked {
        let reason = state.block_of(first).expect("a blocked place has a block");
        ground.detail = reason.to_string();
    }
    Err(Refusal { code, ground })
}

pub(super) fn place_state(state: &EventState, seat: SeatNumber) -> PlaceState {
    let of_block = || state.block_of(seat).is_some();
    match state.seat(seat).status {
        Status::Free => PlaceState::Free,
        Status::Blocked => PlaceState::Blocked,
        Status::Held if of_block() => PlaceState::HeldOfBlock,
        Status::Held => PlaceState::Held,
        Status::Booked if of_block() => PlaceState::BookedOfBlock,
        Status::Booked => PlaceState::Booked,
    }
}
