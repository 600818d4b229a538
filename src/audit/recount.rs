//! When an event is counted again, and what its places come to then.
//!
//! The fold changes a count with each outcome, and every later judgement rests on it. Counting
//! again shows whether the state is what its invariants say ([`super::invariants`]).

use std::collections::{BTreeMap, HashMap};

use super::event::EventModel;
use super::finding::{Finding, REQUESTS};
use super::invariants;
use crate::domain::ids::HoldId;
use crate::domain::seat::Status;

/// Records of an event after which it is counted again; more where more places are touched, so that
/// counting costs the same for each record.
const RECORDS: usize = 1_000;

impl EventModel {
    /// Counts again when it is time to.
    pub(super) fn recount_at_times(&mut self) -> Vec<Finding> {
        self.uncounted += 1;
        if self.uncounted < RECORDS.max(self.seats.len()) {
            return vec![];
        }
        self.recount()
    }

    /// Counts everything anew from the places, and holds the invariants against it. What is broken
    /// is told once: it stays broken.
    pub(super) fn recount(&mut self) -> Vec<Finding> {
        self.uncounted = 0;
        let faults = invariants::broken_in(self, &self.broken);
        self.broken.extend(faults.iter().map(|fault| fault.check));
        faults.into_iter().map(|fault| self.locate(self.last_offset, REQUESTS, fault)).collect()
    }
}

/// What the places come to.
#[derive(Default)]
pub(super) struct Counted<'a> {
    /// Places that something happened to, by section.
    pub(super) known: BTreeMap<&'a str, Known>,
    /// A place that is none of the venue's.
    pub(super) strange: Option<&'a str>,
    /// Places of each hold that it has, and all that name it.
    pub(super) of_hold: HashMap<HoldId, (usize, u32)>,
}

/// Places of a section that something happened to.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) free: u64,
    /// Held, booked or blocked.
    pub(super) taken: u64,
}

impl Known {
    pub(super) fn all(self) -> u64 {
        self.free + self.taken
    }
}

impl<'a> Counted<'a> {
    pub(super) fn of(model: &'a EventModel) -> Counted<'a> {
        let mut counted = Counted::default();
        for (place, seat) in &model.seats {
            let Some(section) = model.venue.as_ref().and_then(|venue| venue.section_of(place))
            else {
                counted.strange = Some(place);
                continue;
            };
            let known = counted.known.entry(section).or_default();
            let count =
                if seat.status == Status::Free { &mut known.free } else { &mut known.taken };
            *count += 1;
            if seat.hold != HoldId::NONE {
                let (has, named) = counted.of_hold.entry(seat.hold).or_default();
                *has += usize::from(matches!(seat.status, Status::Held | Status::Booked));
                *named += 1;
            }
        }
        counted
    }

    /// How many places a hold has.
    pub(super) fn has(&self, hold: HoldId) -> usize {
        self.of_hold.get(&hold).map_or(0, |(has, _)| *has)
    }

    /// How many places name a hold: those it has, and those nobody took since it left them.
    pub(super) fn named(&self, hold: HoldId) -> u32 {
        self.of_hold.get(&hold).map_or(0, |(_, named)| *named)
    }
}
