//! Claims: all the places wanted, or none.

use std::collections::BTreeMap;

use super::best::Search;
use super::conflict::check_places;
use super::orphan::keep_pairs;
use super::pairs::PlaceAsk;
use super::wish::{Counted, Wish};
use super::{Asked, Verdict, may_promise};
use crate::domain::change::Change;
use crate::domain::event::{Buyer, EventState};
use crate::domain::ids::{HoldId, SeatNumber};
use crate::domain::layout::{Layout, part};
use crate::domain::limits::SEATS_PER_REQUEST_MAX;
use crate::domain::outcome::{Held, OutcomeBody, Place};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Claim, Line};
use crate::domain::rule::Rule;
use crate::domain::seat::{Priced, Wanted};

/// A claim that counts places where seats have names, or names them where they are counted.
pub(super) fn misfit(layout: &Layout, claim: &Claim) -> Option<Refusal> {
    claim.lines.iter().find_map(|line| {
        let (section, counted) = match line {
            Line::Seat { name, .. } => (part(name).map_or(name.as_str(), |(own, _)| own), false),
            Line::Places { section, .. } => (section.as_str(), true),
            Line::Best(best) => (best.section.as_deref()?, false),
        };
        let general = layout.is_general(layout.section(section)?);
        let detail = match (counted, general) {
            (true, false) => format!("section {section} has numbered seats: name them"),
            (false, true) => format!("section {section} is general admission: ask for a count"),
            (true, true) | (false, false) => return None,
        };
        Some(Refusal::because(Code::BadRequest, detail))
    })
}

pub(super) fn answer(state: &EventState, id: HoldId, claim: &Claim, asked: &Asked) -> Verdict {
    let mut wish = Wish::default();
    match judge(state, claim, &mut wish) {
        Err(refusal) => refusal.into(),
        Ok(seats) => grant(state, id, claim, asked, seats, &wish.names),
    }
}

fn judge<'a>(state: &EventState, claim: &'a Claim, wish: &mut Wish<'a>) -> Result<Wanted, Refusal> {
    may_promise(state)?;
    let layout = state.layout().expect("the event is known by now");
    wish.read(layout, claim)?;
    let mut seats = Wanted::new();
    let chosen = choose(state, layout, claim, wish, &mut seats);
    if chosen.is_ok() && Rule::ExpectedPriceProtects.holds() {
        wish.check_price(claim)?;
    }
    if chosen.is_err() {
        wish.count_unchosen();
    }
    check_kept_back(layout, claim, &wish.named)?;
    check_limits(state, layout, claim, wish)?;
    if !Rule::AllOrNothing.holds() {
        wish.leave_out_taken(state);
    }
    let may_have_blocked = claim.staff_override || !Rule::BlockedIsNotSold.holds();
    let ask = if may_have_blocked { PlaceAsk::StaffClaim } else { PlaceAsk::Claim };
    check_places(state, wish.named.iter().map(|priced| priced.seat), ask)?;
    let mut general = Wanted::new();
    take_general(state, layout, &wish.general, &mut general)?;
    chosen?;
    if layout.definition.no_single_seats && !claim.staff_override {
        keep_pairs(state, layout, &wish.named, &seats)?;
    }
    seats.extend_from_slice(&wish.named);
    seats.extend_from_slice(&general);
    seats.sort_unstable_by_key(|priced| priced.seat);
    Ok(seats)
}

/// Chooses what is left to the event, besides the seats named.
fn choose(
    state: &EventState,
    layout: &Layout,
    claim: &Claim,
    wish: &mut Wish<'_>,
    seats: &mut Wanted,
) -> Result<(), Refusal> {
    if wish.best.is_empty() {
        return Ok(());
    }
    check_size(claim)?;
    let mut search = Search::new(state, layout);
    wish.named.iter().for_each(|priced| search.leave_out(priced.seat));
    for chosen in &wish.best {
        search.take(chosen, seats)?;
    }
    for priced in seats.iter() {
        wish.add(priced.tier, priced.price, 1);
    }
    Ok(())
}

/// Seats kept for those who need them are for nobody else, but staff.
pub(super) fn check_kept_back(
    layout: &Layout,
    claim: &Claim,
    named: &[Priced],
) -> Result<(), Refusal> {
    if claim.accessible || claim.staff_override {
        return Ok(());
    }
    let kept = named.iter().filter(|priced| layout.kept(priced.seat).is_some());
    let kept: Vec<String> = kept.map(|priced| layout.name(priced.seat)).collect();
    if kept.is_empty() { Ok(()) } else { Err(Refusal::over_seats(Code::KeptBack, kept)) }
}

/// What no event allows more of.
pub(super) fn check_size(claim: &Claim) -> Result<(), Refusal> {
    within(Code::RequestLimit, Some(SEATS_PER_REQUEST_MAX as u64), claim.size())
}

/// Refuses with a code what is more than a limit, if there is one.
pub(super) fn within(code: Code, limit: Option<impl Into<u64>>, count: u64) -> Result<(), Refusal> {
    match limit.map(Into::into) {
        Some(limit) if count > limit => {
            let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            Err(Refusal::limited(code, number(limit), number(count)))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_limits(
    state: &EventState,
    layout: &Layout,
    claim: &Claim,
    wish: &Wish<'_>,
) -> Result<(), Refusal> {
    check_size(claim)?;
    if claim.staff_override {
        return Ok(());
    }
    let limits = layout.definition.limits;
    let buyer = state.buyer(&claim.buyer);
    let counted = |buyer: &Buyer| match Rule::LimitsCountBooked.holds() {
        true => u64::from(buyer.seats()),
        false => held_by_buyer(state, buyer),
    };
    let has = buyer.map_or(0, counted);
    within(Code::RequestLimit, limits.seats_per_request, claim.size())?;
    within(Code::BuyerLimit, limits.seats_per_buyer, has + claim.size())?;
    for (&tier, &count) in wish.by_tier.iter() {
        let has = buyer.and_then(|buyer| buyer.by_tier.get(&tier)).copied().unwrap_or(0);
        let limit = layout.tier_at(tier).seats_per_buyer;
        within(Code::TierLimit, limit, u64::from(has) + u64::from(count))?;
    }
    let live = buyer.map_or(0, |buyer| buyer.live_holds.len() as u64);
    within(Code::LiveHolds, limits.live_holds_per_buyer, live + 1)
}

/// What a limit without the rule would count: the places of live holds only.
fn held_by_buyer(state: &EventState, buyer: &Buyer) -> u64 {
    let holds = buyer.live_holds.keys().filter_map(|hold| state.find_hold(*hold));
    holds.map(|hold| hold.seats.len() as u64).sum()
}

/// The lowest free places of each section, handed to its tiers in the order of the lines.
pub(super) fn take_general(
    state: &EventState,
    layout: &Layout,
    general: &[Counted],
    seats: &mut Wanted,
) -> Result<(), Refusal> {
    let together = Rule::LinesAreJudgedTogether.holds();
    for lines in general.chunk_by(|one, next| one.section == next.section) {
        let section = lines[0].section;
        let counts = lines.iter().map(|line| line.count);
        let wanted: u32 = if together { counts.sum() } else { counts.max().unwrap_or(0) };
        let free = state.free_places(section);
        if wanted > free.count() {
            let name = layout.definition.sections[section].name.clone();
            let mut refusal =
                Refusal::limited(Code::NotEnough, i64::from(free.count()), i64::from(wanted));
            refusal.ground.seats.push(name);
            return Err(refusal);
        }
        let (first, _) = layout.span(section);
        let mut places = free.iter();
        for &Counted { tier, price, count, .. } in lines {
            let taken = places.by_ref().take(count as usize);
            seats.extend(taken.map(|place| Priced {
                seat: SeatNumber(first + place),
                tier,
                price,
            }));
        }
    }
    Ok(())
}

fn grant(
    state: &EventState,
    id: HoldId,
    claim: &Claim,
    asked: &Asked,
    seats: Wanted,
    names: &[(SeatNumber, &str)],
) -> Verdict {
    let layout = state.layout().expect("the event is known by now");
    let deadline = asked.at.plus(layout.definition.hold_time);
    let name = |seat: SeatNumber| match names.iter().find(|(named, _)| *named == seat) {
        Some((_, name)) => (*name).to_owned(),
        None => layout.name(seat),
    };
    let place = |priced: &Priced| Place {
        seat: name(priced.seat),
        tier: layout.tier_name(priced.tier),
        price: priced.price,
    };
    let body = OutcomeBody::Held(Held {
        hold: id,
        places: seats.iter().map(place).collect(),
        currency: layout.currency(),
        deadline,
        staff_override: claim.staff_override,
    });
    let buyer = claim.buyer.clone();
    Verdict::Granted(body, Change::Held { hold: id, buyer, seats, deadline, offset: asked.offset })
}

impl Claim {
    /// How many places of each general-admission section are wanted, over all lines.
    pub(super) fn wanted_by_section(&self) -> BTreeMap<&str, u64> {
        let mut wanted = BTreeMap::new();
        for line in &self.lines {
            if let Line::Places { section, count, .. } = line {
                *wanted.entry(section.as_str()).or_default() += u64::from(*count);
            }
        }
        wanted
    }
}
