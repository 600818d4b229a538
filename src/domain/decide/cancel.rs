//! Cancels: the buyer gives places of a booking back. Leaving always works, whatever the sale does.
//!
//! The answer is what a refund rests on, and the only one that does, but for the difference that an
//! exchange tells: a place is given back once, by the booking it belongs to. A confirm that comes
//! again afterwards moves nothing and asks for nothing. Once an event is called off, that alone
//! gives back every booking.
//!
//! Staff may name a block that the places go to (F27). Cancel and block as two requests would let
//! whoever asks fastest have the place in between.

use std::sync::Arc;

use super::conflict::hold_for;
use super::pairs::HoldAsk;
use super::{Verdict, currency, places};
use crate::domain::change::Change;
use crate::domain::event::{EventState, SaleState};
use crate::domain::hold::{Hold, Seats};
use crate::domain::ids::SeatNumber;
use crate::domain::outcome::{Cancelled, OutcomeBody, ToBlock};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::Cancel;

pub(super) fn answer(state: &EventState, ask: &Cancel) -> Verdict {
    match judge(state, ask) {
        Err(refusal) => refusal.into(),
        Ok((hold, seats)) => grant(state, ask, hold, seats),
    }
}

fn judge<'a>(state: &'a EventState, ask: &Cancel) -> Result<(&'a Hold, Seats), Refusal> {
    let hold = hold_for(state, ask.hold, &ask.buyer, HoldAsk::Cancel)?;
    let all = ask.seats.is_empty();
    let seats = if all { hold.seats.clone() } else { own_places(state, hold, &ask.seats)? };
    Ok((hold, seats))
}

/// The places of a booking by their names, in rising order.
pub(super) fn own_places(
    state: &EventState,
    hold: &Hold,
    names: &[String],
) -> Result<Seats, Refusal> {
    let layout = state.layout().expect("only a known event has bookings");
    let named = |name: &String| {
        // A row or section of one place is no name of that place.
        let seat = SeatNumber(layout.named(name)?.start);
        let own = hold.seats.binary_search(&seat).is_ok() && layout.name(seat) == *name;
        own.then_some(seat)
    };
    let missing: Vec<String> = names.iter().filter(|name| named(name).is_none()).cloned().collect();
    if !missing.is_empty() {
        return Err(Refusal::over_seats(Code::NotInBooking, missing));
    }
    let mut seats: Seats = names.iter().filter_map(named).collect();
    seats.sort_unstable();
    seats.dedup();
    Ok(seats)
}

fn grant(state: &EventState, ask: &Cancel, hold: &Hold, seats: Seats) -> Verdict {
    let places = places(state, &seats);
    let refund = match state.sale {
        SaleState::Off => 0,
        SaleState::NotOpen | SaleState::Open | SaleState::Paused | SaleState::Closed => {
            places.iter().map(|place| place.price).sum()
        }
    };
    let to_blocks = to_blocks(state, &seats, ask.block.as_deref());
    let remaining = hold.seats.len() - seats.len();
    let body = OutcomeBody::Cancelled(Cancelled {
        hold: ask.hold,
        places,
        to_blocks,
        currency: currency(state),
        remaining: u32::try_from(remaining).expect("a booking has few places"),
        reference: hold.reference.clone().expect("a booking has a reference"),
        refund,
    });
    let block = ask.block.as_deref().map(Arc::from);
    Verdict::Granted(body, Change::Cancelled { hold: ask.hold, seats, block })
}

/// Where places go that are left: to the block named, or each to the one it came from.
pub(super) fn to_blocks(
    state: &EventState,
    seats: &[SeatNumber],
    named: Option<&str>,
) -> Vec<ToBlock> {
    let layout = state.layout().expect("only a known event has bookings");
    let to_block = |&seat: &SeatNumber| {
        let reason = named.or_else(|| state.block_of(seat).map(|reason| &**reason))?;
        Some(ToBlock { seat: layout.name(seat), reason: reason.into() })
    };
    seats.iter().filter_map(to_block).collect()
}
