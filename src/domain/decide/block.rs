//! Blocks: places kept from sale, all of them or none, and put on sale again.
//!
//! A block over places that somebody has is refused at once (F21): one that waited would take them
//! at a moment nobody chose. A place remembers its block while staff let somebody have it, and
//! returns there (F7); unblocked meanwhile, it will return to the free ones.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::Verdict;
use super::administration::may_change;
use super::conflict::check_places;
use super::pairs::PlaceAsk;
use crate::domain::change::Change;
use crate::domain::event::EventState;
use crate::domain::free_set::FreeSet;
use crate::domain::ids::SeatNumber;
use crate::domain::layout::Layout;
use crate::domain::limits::BLOCK_SEATS_MAX;
use crate::domain::outcome::{Changed, ChangedKind, OutcomeBody};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Block, Target, Unblock};

/// Places counted where seats have names.
pub(super) fn misfit(layout: &Layout, places: &[Target]) -> Option<Refusal> {
    places.iter().find_map(|target| match target {
        Target::Named(_) => None,
        Target::Places { section, .. } => {
            let numbered = !layout.is_general(layout.section(section)?);
            let detail = format!("section {section} has numbered seats: name them");
            numbered.then(|| Refusal::because(Code::BadRequest, detail))
        }
    })
}

pub(super) fn answer(state: &EventState, ask: &Block) -> Verdict {
    match judge(state, ask) {
        Err(refusal) => refusal.into(),
        Ok(seats) => {
            let body = changed(state, ChangedKind::Blocked, &ask.actor, &ask.reason, &seats);
            Verdict::Granted(body, Change::Blocked { seats, reason: Arc::from(&*ask.reason) })
        }
    }
}

pub(super) fn answer_unblock(state: &EventState, ask: &Unblock) -> Verdict {
    match judge_unblock(state, ask) {
        Err(refusal) => refusal.into(),
        Ok(seats) => {
            let body = changed(state, ChangedKind::Unblocked, &ask.actor, "", &seats);
            Verdict::Granted(body, Change::Unblocked { seats })
        }
    }
}

fn judge(state: &EventState, ask: &Block) -> Result<Vec<SeatNumber>, Refusal> {
    may_change(state, ask.edition)?;
    let layout = state.layout().expect("the event is known by now");
    let reach = Reach::read(layout, &ask.places)?;
    let named = reach.seats();
    check_places(state, named.iter().copied(), PlaceAsk::Block)?;
    let counted = reach.lowest(layout, &named, |section| state.free_places(section))?;
    Ok(named.into_iter().chain(counted).collect::<BTreeSet<_>>().into_iter().collect())
}

fn judge_unblock(state: &EventState, ask: &Unblock) -> Result<Vec<SeatNumber>, Refusal> {
    may_change(state, ask.edition)?;
    let layout = state.layout().expect("the event is known by now");
    let reach = Reach::read(layout, &ask.places)?;
    let named = reach.seats();
    let counted = reach.lowest(layout, &named, |section| state.blocked_places(section))?;
    check_places(state, named.iter().copied(), PlaceAsk::Unblock)?;
    Ok(named.into_iter().chain(counted).collect::<BTreeSet<_>>().into_iter().collect())
}

fn changed(
    state: &EventState,
    kind: ChangedKind,
    actor: &str,
    reason: &str,
    seats: &[SeatNumber],
) -> OutcomeBody {
    let layout = state.layout().expect("only a known event has places");
    OutcomeBody::Changed(Changed {
        kind,
        edition: state.edition,
        actor: actor.into(),
        reason: reason.into(),
        seats: seats.iter().map(|&seat| layout.name(seat)).collect(),
    })
}

/// What the lines of a block mean, taken together.
pub(super) struct Reach {
    /// Places called by a name, as ranges that rise and do not meet.
    named: Vec<Range<u32>>,
    /// How many more places of each section.
    counted: BTreeMap<usize, u64>,
}

impl Reach {
    /// Groups 6 and 7. A place that two lines mean counts once. Nothing is written out before it is
    /// known to be within bounds: a thousand lines can name a whole venue a thousand times.
    pub(super) fn read(layout: &Layout, places: &[Target]) -> Result<Reach, Refusal> {
        let mut named = vec![];
        let mut reach = Reach { named: vec![], counted: BTreeMap::new() };
        let mut unknown = vec![];
        for target in places {
            match target {
                Target::Named(name) => match layout.named(name) {
                    Some(places) => named.push(places),
                    None => unknown.push(name.clone()),
                },
                Target::Places { section, count } => match layout.section(section) {
                    Some(index) => *reach.counted.entry(index).or_default() += u64::from(*count),
                    None => unknown.push(section.clone()),
                },
            }
        }
        if !unknown.is_empty() {
            return Err(Refusal::over_seats(Code::UnknownSeat, unknown));
        }
        named.sort_unstable_by_key(|places| places.start);
        for places in named {
            match reach.named.last_mut() {
                Some(last) if places.start <= last.end => last.end = last.end.max(places.end),
                Some(_) | None => reach.named.push(places),
            }
        }
        let named: u64 = reach.named.iter().map(|places| places.len() as u64).sum();
        let size = reach.counted.values().sum::<u64>() + named;
        if size > BLOCK_SEATS_MAX as u64 {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            return Err(Refusal::limited(Code::RequestLimit, BLOCK_SEATS_MAX as i64, size));
        }
        Ok(reach)
    }

    /// The places called by a name.
    pub(super) fn seats(&self) -> Vec<SeatNumber> {
        self.named.iter().cloned().flatten().map(SeatNumber).collect()
    }

    /// How many places of each section are meant, by name or count, where some are counted.
    pub(super) fn by_section(&self, layout: &Layout) -> BTreeMap<usize, u64> {
        let named = |section: usize| {
            let (first, count) = layout.span(section);
            let within = |places: &Range<u32>| {
                places.end.min(first + count).saturating_sub(places.start.max(first))
            };
            self.named.iter().map(|places| u64::from(within(places))).sum::<u64>()
        };
        self.counted.iter().map(|(&section, count)| (section, count + named(section))).collect()
    }

    /// The lowest places of a pool that are wanted by their number and not by a name.
    fn lowest<'a>(
        &self,
        layout: &Layout,
        named: &[SeatNumber],
        pool: impl Fn(usize) -> &'a FreeSet,
    ) -> Result<Vec<SeatNumber>, Refusal> {
        let mut seats = vec![];
        for (&section, &wanted) in &self.counted {
            let first = layout.span(section).0;
            let unnamed = |seat: &SeatNumber| named.binary_search(seat).is_err();
            let places = pool(section).iter().map(|place| SeatNumber(first + place));
            let before = seats.len();
            let most = usize::try_from(wanted).expect("a block is bounded");
            seats.extend(places.filter(unnamed).take(most));
            let found = seats.len() - before;
            if found < most {
                let mut refusal = Refusal::limited(Code::NotEnough, found as i64, most as i64);
                refusal.ground.seats.push(layout.definition.sections[section].name.clone());
                return Err(refusal);
            }
        }
        Ok(seats)
    }
}
