//! Checks of exchanges: places of a booking for others, all of it or nothing.

use std::collections::BTreeMap;

use super::amend::{check_booking, check_once_each, check_to_blocks};
use super::event::{EventModel, Hold, Record, Sale};
use super::finding::{Check, Judged, ensure, same};
use super::grant::{check_places, check_places_of, check_record, known, wrong_kind};
use super::venue::{Venue, Wanted};
use super::wish::kept_from;
use crate::domain::limits::SEATS_PER_REQUEST_MAX;
use crate::domain::outcome::{Exchanged, Outcome, Place};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Body, Exchange, Line};

/// An exchange granted. A place given back twice is looked for first.
pub(super) fn exchanged(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    told: &Exchanged,
) -> Judged {
    let Some(hold) = model.unended(told.hold) else { return Ok(()) };
    check_once_each(hold, told.hold, &told.given_back)?;
    let Body::Exchange(ask) = &record.request.body else {
        return Err(wrong_kind(record, "an answer to an exchange"));
    };
    check_record(model, record, outcome)?;
    let open = model.sale == Sale::Open;
    ensure(open, Check::Sale, || ("an open sale".into(), format!("{:?}", model.sale)))?;
    same(Check::Hold, "the hold asked for,", &ask.hold, &told.hold)?;
    check_booking(hold, told.hold, &ask.buyer, &told.reference)?;
    let (given, kept) = parted(hold, ask);
    ensure(given.len() == ask.seats.len(), Check::Seats, || {
        (format!("places of booking {}", told.hold), format!("{:?} asked for", ask.seats))
    })?;
    check_places_of(model, &given, &told.given_back, &told.currency)?;
    check_to_blocks(model, None, &told.given_back, &told.to_blocks)?;
    let venue = known(model)?;
    let wanted = venue.wanted(&ask.wish());
    let named = wanted.named.keys().cloned().collect();
    let reserved = kept_from(venue, &ask.wish(), &named);
    ensure(reserved.is_empty(), Check::Seats, || {
        ("seats kept for those who need them".into(), format!("{reserved:?} sold"))
    })?;
    check_has_now(model, &wanted, &kept, told)?;
    check_sums(hold, ask, &given, told)?;
    ensure(!is_too_large(venue, &wanted, kept.len()), Check::Limit, || {
        ("no more places than one request may ask for".into(), wanted.size.to_string())
    })
}

/// The places of a booking that it is to give back, and those it keeps.
fn parted(hold: &Hold, ask: &Exchange) -> (Vec<Place>, Vec<Place>) {
    hold.places.iter().cloned().partition(|place| ask.seats.contains(&place.seat))
}

/// The booking has what it kept, and what was wanted, of which nothing was kept from sale.
fn check_has_now(model: &EventModel, wanted: &Wanted, kept: &[Place], told: &Exchanged) -> Judged {
    let is_new = |place: &Place| told.taken.contains(&place.seat);
    let (taken, rest): (Vec<Place>, Vec<Place>) =
        told.places.iter().cloned().partition(|place| is_new(place));
    same(Check::Seats, "so many places taken", &told.taken.len(), &taken.len())?;
    check_places(known(model)?, wanted, &taken)?;
    check_places_of(model, kept, &rest, &told.currency)?;
    let blocked = taken.iter().find_map(|place| Some((place, model.blocked(&place.seat)?)));
    ensure(blocked.is_none(), Check::Block, || {
        let (seat, reason) = blocked.map_or(("", ""), |(place, why)| (&place.seat, why));
        (format!("{seat} to stay blocked"), format!("it sold, blocked for {reason}"))
    })
}

fn check_sums(hold: &Hold, ask: &Exchange, given: &[Place], told: &Exchanged) -> Judged {
    let (before, now) = (sum(&hold.places), sum(&told.places));
    same(Check::Price, "sum before", &before, &told.old_sum)?;
    same(Check::Price, "sum now", &now, &told.new_sum)?;
    same(Check::Price, "difference", &(now - before), &told.difference)?;
    let new: Vec<Place> =
        told.places.iter().filter(|place| told.taken.contains(&place.seat)).cloned().collect();
    let difference = sum(&new) - sum(given);
    let expected = ask.expected_difference.unwrap_or(difference);
    same(Check::Price, "the difference expected,", &expected, &difference)
}

fn sum(places: &[Place]) -> i64 {
    places.iter().map(|place| place.price).sum()
}

/// What an exchange adds to what its buyer has.
struct Net<'a> {
    model: &'a EventModel,
    venue: &'a Venue,
    ask: &'a Exchange,
    wanted: &'a Wanted,
    given: &'a [Place],
    kept: usize,
}

impl Net<'_> {
    /// The codes of the bounds that it exceeds.
    fn exceeded(&self) -> Vec<Code> {
        let limits = &self.venue.definition.limits;
        let (size, given) = (self.wanted.size, self.given.len() as u64);
        let (has, _) = self.model.has(&self.ask.buyer);
        let over = |limit: Option<u32>, count: u64| limit.is_some_and(|most| count > most.into());
        let mut codes = vec![];
        if is_too_large(self.venue, self.wanted, self.kept) {
            codes.push(Code::RequestLimit);
        }
        let all = has.values().sum::<u64>() + size;
        if size > given && over(limits.seats_per_buyer, all - given) {
            codes.push(Code::BuyerLimit);
        }
        let mut left: BTreeMap<&str, u64> = BTreeMap::new();
        self.given.iter().for_each(|place| *left.entry(&place.tier).or_default() += 1);
        let exceeds = |(tier, &count): (&String, &u64)| {
            let limit = self.venue.tier(tier).and_then(|(_, _, limit)| limit);
            let left = left.get(tier.as_str()).copied().unwrap_or(0);
            let has = has.get(tier.as_str()).copied().unwrap_or(0);
            count > left && over(limit, has + count - left)
        };
        if self.wanted.by_tier.iter().any(exceeds) {
            codes.push(Code::TierLimit);
        }
        codes
    }
}

fn wants_too_much(venue: &Venue, wanted: &Wanted) -> bool {
    let limit = venue.definition.limits.seats_per_request;
    wanted.size > SEATS_PER_REQUEST_MAX as u64
        || limit.is_some_and(|most| wanted.size > u64::from(most))
}

/// Whether it wants too much by itself, or for the booking that it leaves so many places.
fn is_too_large(venue: &Venue, wanted: &Wanted, kept: usize) -> bool {
    wants_too_much(venue, wanted) || kept as u64 + wanted.size > SEATS_PER_REQUEST_MAX as u64
}

/// Whether a refusal over the price or a limit is right. All but the size of the wish rests on the
/// booking: it is one, the asker's, and has what is to be given back.
pub(super) fn is_refused(
    model: &EventModel,
    venue: &Venue,
    ask: &Exchange,
    wanted: &Wanted,
    refused: &Refusal,
) -> bool {
    if refused.code == Code::RequestLimit && wants_too_much(venue, wanted) {
        return true;
    }
    let Some(hold) = model.remembered(ask.hold) else { return false };
    let (given, kept) = parted(hold, ask);
    let booked = hold.reference.is_some() && hold.ended.is_none();
    if !booked || hold.buyer != ask.buyer || given.len() != ask.seats.len() {
        return false;
    }
    if refused.code == Code::PriceChanged {
        // A wish may cost more than a ground can tell.
        let costs = i64::try_from(wanted.total).unwrap_or(i64::MAX);
        let difference = costs.saturating_sub(sum(&given));
        let other = ask.expected_difference.is_some_and(|expected| expected != difference);
        let told = (refused.ground.limit, refused.ground.count);
        return other && told == (Some(difference), ask.expected_difference);
    }
    let bound = Net { model, venue, ask, wanted, given: &given, kept: kept.len() };
    bound.exceeded().contains(&refused.code)
}

/// Whether a booking is as an exchange wanted it.
pub(super) fn is_as_wanted(model: &EventModel, hold: &Hold, ask: &Exchange) -> bool {
    let has = |name: &String| hold.places.iter().any(|place| place.seat == *name);
    let got = ask.lines.iter().all(|line| match line {
        Line::Seat { name, .. } => has(name),
        Line::Places { .. } | Line::Best(_) => true,
    });
    let Some(venue) = &model.venue else { return false };
    let counted = venue.wanted(&ask.wish()).by_section.into_iter().all(|(section, count)| {
        let inside = |place: &&Place| venue.section_of(&place.seat) == Some(section.as_str());
        hold.places.iter().filter(inside).count() as u64 >= count
    });
    got && counted && !ask.seats.iter().any(has)
}
