//! Exchanges: other places for a booking, all of it in one decision or none of it.
//!
//! A cancel and a claim would leave the buyer with nothing where somebody is faster, and a claim
//! before the cancel is refused at the limit (F19). So the limits bind what an exchange adds: who
//! has no more places by it, of a tier or in all, is not refused for what he has. A place that is
//! given back is not to be had by the exchange itself; it would be the same place at another price.
//!
//! Single seats are not asked about: the buyer has seats, and what he gives back may well be what
//! leaves one on its own.
//!
//! The booking keeps its hold and its payment. Only an open sale exchanges, at the prices of now.

use super::cancel::{own_places, to_blocks};
use super::claim::{check_kept_back, check_size, take_general, within};
use super::conflict::{check_places, hold_for};
use super::pairs::{HoldAsk, PlaceAsk};
use super::wish::Wish;
use super::{Verdict, booked, currency, may_promise, places};
use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::hold::{Hold, Seats};
use crate::domain::ids::SeatNumber;
use crate::domain::layout::Layout;
use crate::domain::limits::SEATS_PER_REQUEST_MAX;
use crate::domain::outcome::{Booked, Exchanged, OutcomeBody, Place};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Exchange, Line};
use crate::domain::seat::{Priced, Wanted};

/// A booking, and those of its places that it is to give back.
struct GivenBack<'a> {
    hold: &'a Hold,
    seats: Seats,
}

pub(super) fn answer(state: &EventState, ask: &Exchange) -> Verdict {
    match judge(state, ask) {
        Err(refusal) => refusal.into(),
        Ok((given, taken)) => grant(state, ask, given, taken),
    }
}

/// What rests on the booking is judged where there is one: that there is none has a higher code
/// than all else, so that it is told last.
fn judge<'a>(state: &'a EventState, ask: &Exchange) -> Result<(GivenBack<'a>, Wanted), Refusal> {
    may_promise(state)?;
    let layout = state.layout().expect("the event is known by now");
    let claim = ask.wish();
    let mut wish = Wish::default();
    wish.read(layout, &claim)?;
    let given = given_back(state, ask);
    if let Ok(given) = &given {
        check_difference(state, ask, given, &wish)?;
    }
    check_kept_back(layout, &claim, &wish.named)?;
    check_size(&claim)?;
    within(Code::RequestLimit, layout.definition.limits.seats_per_request, claim.size())?;
    if let Ok(given) = &given {
        check_limits(state, layout, given, &wish, claim.size())?;
    }
    check_places(state, wish.named.iter().map(|priced| priced.seat), PlaceAsk::Exchange)?;
    let mut taken = wish.named.clone();
    take_general(state, layout, &wish.general, &mut taken)?;
    taken.sort_unstable_by_key(|priced| priced.seat);
    Ok((given?, taken))
}

fn given_back<'a>(state: &'a EventState, ask: &Exchange) -> Result<GivenBack<'a>, Refusal> {
    let hold = hold_for(state, ask.hold, &ask.buyer, HoldAsk::Exchange)?;
    Ok(GivenBack { hold, seats: own_places(state, hold, &ask.seats)? })
}

fn check_difference(
    state: &EventState,
    ask: &Exchange,
    given: &GivenBack<'_>,
    wish: &Wish<'_>,
) -> Result<(), Refusal> {
    let difference = wish.price.saturating_sub(sum_of(state, &given.seats));
    match ask.expected_difference {
        Some(expected) if expected != difference => {
            Err(Refusal::limited(Code::PriceChanged, difference, expected))
        }
        Some(_) | None => Ok(()),
    }
}

/// What the buyer would have more than before. A booking is bounded as the claim was that made it,
/// so that a cancel of the whole is.
fn check_limits(
    state: &EventState,
    layout: &Layout,
    given: &GivenBack<'_>,
    wish: &Wish<'_>,
    size: u64,
) -> Result<(), Refusal> {
    let left = given.seats.len() as u64;
    let kept = given.hold.seats.len() as u64 - left;
    within(Code::RequestLimit, Some(SEATS_PER_REQUEST_MAX as u64), kept + size)?;
    let buyer = state.buyer(&given.hold.buyer).expect("who has a booking has places");
    if size > left {
        let limit = layout.definition.limits.seats_per_buyer;
        within(Code::BuyerLimit, limit, u64::from(buyer.seats()) + size - left)?;
    }
    for (&tier, &count) in wish.by_tier.iter() {
        let count = u64::from(count);
        let of_tier = |seat: &&SeatNumber| state.seat(**seat).tier == tier;
        let left = given.seats.iter().filter(of_tier).count() as u64;
        if count > left {
            let has = buyer.by_tier.get(&tier).copied().unwrap_or(0);
            let limit = layout.tier_at(tier).seats_per_buyer;
            within(Code::TierLimit, limit, u64::from(has) + count - left)?;
        }
    }
    Ok(())
}

fn sum_of(state: &EventState, seats: &[SeatNumber]) -> i64 {
    seats.iter().map(|&seat| state.seat(seat).price).sum()
}

fn grant(state: &EventState, ask: &Exchange, given: GivenBack<'_>, taken: Wanted) -> Verdict {
    let layout = state.layout().expect("the event is known by now");
    let GivenBack { hold, seats: left } = given;
    let keeps = |seat: &&SeatNumber| left.binary_search(seat).is_err();
    let kept: Seats = hold.seats.iter().filter(keeps).copied().collect();
    let place = |priced: &Priced| Place {
        seat: layout.name(priced.seat),
        tier: layout.tier_name(priced.tier),
        price: priced.price,
    };
    let mut all: Vec<(SeatNumber, Place)> =
        kept.iter().copied().zip(places(state, &kept)).collect();
    all.extend(taken.iter().map(|priced| (priced.seat, place(priced))));
    all.sort_unstable_by_key(|(seat, _)| *seat);
    let old_sum = sum_of(state, &hold.seats);
    let new_sum = all.iter().map(|(_, place)| place.price).sum();
    let body = OutcomeBody::Exchanged(Exchanged {
        hold: ask.hold,
        places: all.into_iter().map(|(_, place)| place).collect(),
        taken: taken.iter().map(|priced| layout.name(priced.seat)).collect(),
        given_back: places(state, &left),
        to_blocks: to_blocks(state, &left, None),
        currency: currency(state),
        reference: hold.reference.clone().expect("a booking has a reference"),
        old_sum,
        new_sum,
        difference: new_sum - old_sum,
    });
    Verdict::Granted(body, Change::Exchanged { hold: ask.hold, left, taken })
}

/// Where the booking stands, if it is as the exchange wanted it. Nobody remembers what became of
/// the first record; but what it asked for is so.
pub(super) fn standing(state: &EventState, ask: &Exchange) -> Option<Booked> {
    let hold = hold_for(state, ask.hold, &ask.buyer, HoldAsk::Exchange).ok()?;
    let layout = state.layout()?;
    let has = |seat: &SeatNumber| hold.seats.binary_search(seat).is_ok();
    let named = |name: &String| layout.named(name).map(|places| SeatNumber(places.start));
    let gave = ask.seats.iter().all(|name| named(name).is_some_and(|seat| !has(&seat)));
    let got = ask.lines.iter().all(|line| match line {
        Line::Seat { name, .. } => layout.find(name).is_some_and(|seat| has(&seat)),
        Line::Places { .. } | Line::Best(_) => true,
    });
    let counted = ask.wish().wanted_by_section().into_iter().all(|(section, count)| {
        let in_section =
            |seat: &&SeatNumber| Some(layout.section_of(**seat)) == layout.section(section);
        hold.seats.iter().filter(in_section).count() as u64 >= count
    });
    let reference = hold.reference.as_ref()?;
    (gave && got && counted).then(|| booked(state, ask.hold, hold, reference))
}
