//! Another definition of an event: which of its places are no more, and whether that may be.
//!
//! A place stays as long as its name does. A section of general admission that gets smaller loses
//! the highest places that are free, and then the highest that are blocked; one that grows gets
//! places after its last.

use std::collections::BTreeSet;

use super::event::EventModel;
use super::finding::{Check, Fault, Judged, ensure, same};
use super::grant::known;
use super::refusal::lists;
use super::venue::Venue;
use crate::domain::layout::Definition;
use crate::domain::limits::{BLOCK_SEATS_MAX, ROWS_PER_EVENT_MAX, SECTION_TIERS_MAX};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::Amend;
use crate::domain::seat::Status;

/// What a definition makes of an event.
pub(super) struct Edition {
    pub(super) venue: Venue,
    /// Sections of general admission with fewer places than somebody has: how many there are to be,
    /// and how many are taken.
    narrow: Vec<(String, u64, u64)>,
}

impl Edition {
    /// Makes the venue of a known event anew.
    pub(super) fn of(model: &EventModel, definition: &Definition) -> Result<Edition, String> {
        let before = model.venue.as_ref().ok_or("no event to amend")?;
        let mut narrow = vec![];
        let mut labels = |section: &str, wanted: u32| -> Vec<u32> {
            let Some(had) = before.labels(section) else { return (1..=wanted).collect() };
            let (stay, taken) = stay(model, section, had, wanted as usize);
            if stay.len() > wanted as usize {
                narrow.push((section.into(), u64::from(wanted), taken));
            }
            let last = stay.last().copied().unwrap_or(0);
            let more = wanted.saturating_sub(u32::try_from(had.len()).unwrap_or(u32::MAX));
            stay.into_iter().chain(last + 1..=last + more).collect()
        };
        let venue = Venue::expand_with(definition, &mut labels)?;
        Ok(Edition { venue, narrow })
    }

    /// Names of places that are no more.
    pub(super) fn gone<'a>(&'a self, model: &'a EventModel) -> impl Iterator<Item = &'a String> {
        let stays = |place: &String| self.venue.section_of(place).is_some();
        model.seats.keys().filter(move |place| !stays(place))
    }

    /// Places that are no more, though somebody has them.
    fn dropped<'a>(&'a self, model: &'a EventModel) -> BTreeSet<&'a String> {
        self.gone(model).filter(|place| model.holder(place).is_some()).collect()
    }
}

/// The places of a section that stay, of which there may be more than are wanted where they are
/// taken; and how many are taken.
fn stay(model: &EventModel, section: &str, had: &[u32], wanted: usize) -> (Vec<u32>, u64) {
    let status = |label: &u32| {
        let seat = model.seats.get(&format!("{section}/{label}"));
        seat.map_or(Status::Free, |seat| seat.status)
    };
    let mut stay: BTreeSet<u32> = had.iter().copied().collect();
    for leaves in [Status::Free, Status::Blocked] {
        let leaving: Vec<u32> = had.iter().rev().copied().filter(|l| status(l) == leaves).collect();
        for label in leaving {
            if stay.len() > wanted {
                stay.remove(&label);
            }
        }
    }
    let taken = had.iter().filter(|label| matches!(status(label), Status::Held | Status::Booked));
    (stay.into_iter().collect(), taken.count() as u64)
}

/// Nobody loses a place, and what rows refer to stays.
pub(super) fn check(model: &EventModel, ask: &Amend) -> Judged {
    let before = known(model)?;
    same(Check::Identity, "event", &model.event, &ask.definition.event)?;
    let old = &before.definition;
    same(Check::Price, "currency", &old.currency, &ask.definition.currency)?;
    let tiers = |definition: &Definition| -> Vec<String> {
        definition.tiers.iter().map(|tier| tier.name.clone()).take(old.tiers.len()).collect()
    };
    same(Check::Price, "the tiers there were,", &tiers(old), &tiers(&ask.definition))?;
    let edition = Edition::of(model, &ask.definition).map_err(|found| Fault {
        check: Check::Seats,
        expected: "a definition that names each place once".into(),
        found,
    })?;
    let dropped = edition.dropped(model);
    ensure(dropped.is_empty() && edition.narrow.is_empty(), Check::Seats, || {
        let found = format!("{dropped:?} gone, too few places in {:?}", edition.narrow);
        ("a place for whoever has one".into(), found)
    })
}

/// Whether there is no room for what somebody has, as a refusal says; or too many rows or
/// counts, which are not counted here.
pub(super) fn is_refused(model: &EventModel, ask: &Amend, refused: &Refusal) -> bool {
    let Ok(edition) = Edition::of(model, &ask.definition) else { return false };
    let ground = &refused.ground;
    if refused.code == Code::RequestLimit {
        let bounds = [ROWS_PER_EVENT_MAX as i64, SECTION_TIERS_MAX as i64];
        return ground.limit.is_some_and(|limit| bounds.contains(&limit));
    }
    let told = (ground.limit, ground.count);
    let number = |count: u64| i64::try_from(count).ok();
    let narrow = edition.narrow.first();
    if let Some((section, wanted, taken)) = narrow {
        return ground.seats == [section.clone()] && told == (number(*taken), number(*wanted));
    }
    let dropped = edition.dropped(model);
    let listed = ground.seats.len();
    listed > 0 && (lists(&dropped, refused) || listed == BLOCK_SEATS_MAX && dropped.len() > listed)
}
