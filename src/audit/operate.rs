//! Checks of outcomes that change the event itself: its definition, its sale, its blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::edition;
use super::event::{EventModel, Record, Sale};
use super::finding::{Check, Fault, Judged, ensure, same};
use super::grant::{check_record, known, wrong_kind};
use super::venue::{Marked, Venue};
use crate::domain::limits::BLOCK_SEATS_MAX;
use crate::domain::outcome::{Changed, ChangedKind, Outcome};
use crate::domain::request::{Block, Body, Define, Unblock};

/// What an operator asks, as far as all of it is alike.
pub(super) struct Asked<'a> {
    kind: ChangedKind,
    actor: &'a str,
    /// The edition it was made for; none where there is no event yet.
    pub(super) edition: Option<i64>,
    /// Whether the edition rises with it.
    raises: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn read(body: &'a Body) -> Option<Asked<'a>> {
        let (kind, actor, edition) = match body {
            Body::Define(ask) => (ChangedKind::Defined, &ask.actor, None),
            Body::Amend(ask) => (ChangedKind::Amended, &ask.actor, Some(ask.edition)),
            Body::Open(ask) => (ChangedKind::Opened, &ask.actor, Some(ask.edition)),
            Body::Pause(ask) => (ChangedKind::Paused, &ask.actor, Some(ask.edition)),
            Body::Close(ask) => (ChangedKind::Closed, &ask.actor, Some(ask.edition)),
            Body::CallOff(ask) => (ChangedKind::CalledOff, &ask.actor, Some(ask.edition)),
            Body::Block(ask) => (ChangedKind::Blocked, &ask.actor, Some(ask.edition)),
            Body::Unblock(ask) => (ChangedKind::Unblocked, &ask.actor, Some(ask.edition)),
            Body::Claim(_)
            | Body::Confirm(_)
            | Body::Extend(_)
            | Body::Release(_)
            | Body::Cancel(_)
            | Body::Exchange(_)
            | Body::Expire => return None,
        };
        let raises = !matches!(kind, ChangedKind::Blocked | ChangedKind::Unblocked);
        Some(Asked { kind, actor, edition, raises })
    }
}

/// A change of the event itself.
pub(super) fn changed(
    model: &EventModel,
    record: &Record<'_>,
    outcome: &Outcome,
    changed: &Changed,
) -> Judged {
    check_record(model, record, outcome)?;
    let body = &record.request.body;
    let Some(asked) = Asked::read(body).filter(|asked| asked.kind == changed.kind) else {
        return Err(wrong_kind(record, "the change asked for"));
    };
    let edition = model.edition + i64::from(asked.raises);
    same(Check::Sale, "edition", &edition, &changed.edition)?;
    ensure(model.sale != Sale::Off, Check::Sale, || {
        ("no change of what is called off".into(), format!("{:?}", changed.kind))
    })?;
    same(Check::Identity, "actor", &asked.actor, &changed.actor.as_str())?;
    let seen = asked.edition.unwrap_or(model.edition);
    same(Check::Sale, "a request made for edition", &model.edition, &seen)?;
    match body {
        Body::Define(ask) => check_definition(model, ask)?,
        Body::Amend(ask) => edition::check(model, ask)?,
        Body::Block(ask) => return check_block(model, ask, changed),
        Body::Unblock(ask) => return check_unblock(model, ask, changed),
        Body::Open(_)
        | Body::Pause(_)
        | Body::Close(_)
        | Body::CallOff(_)
        | Body::Claim(_)
        | Body::Confirm(_)
        | Body::Extend(_)
        | Body::Release(_)
        | Body::Cancel(_)
        | Body::Exchange(_)
        | Body::Expire => {
            known(model)?;
        }
    }
    let unmoved = changed.reason.is_empty() && changed.seats.is_empty();
    ensure(unmoved, Check::Block, || ("no places moved".into(), format!("{:?}", changed.seats)))
}

fn check_definition(model: &EventModel, ask: &Define) -> Judged {
    ensure(model.venue.is_none(), Check::Sale, || {
        ("an event to be defined once".into(), "another definition".into())
    })?;
    same(Check::Identity, "event", &model.event, &ask.definition.event)?;
    Venue::expand(&ask.definition).map(|_| ()).map_err(|found| Fault {
        check: Check::Seats,
        expected: "a definition that names each place once".into(),
        found,
    })
}

/// The venue a definition makes, as far as it can be made.
pub(super) fn defined(record: &Record<'_>) -> Option<Venue> {
    let Body::Define(define) = &record.request.body else { return None };
    Venue::expand(&define.definition).ok()
}

/// Nobody had the places, none was blocked, and of counted ones the lowest free were taken.
fn check_block(model: &EventModel, ask: &Block, changed: &Changed) -> Judged {
    same(Check::Block, "reason", &ask.reason, &changed.reason)?;
    for place in &changed.seats {
        ensure(model.is_free(place), Check::Block, || {
            let found = match (model.holder(place), model.blocked(place)) {
                (Some((hold, _)), _) => format!("it in hold {hold}"),
                (None, reason) => format!("it blocked for {}", reason.unwrap_or_default()),
            };
            (format!("{place} to be free"), found)
        })?;
    }
    let venue = known(model)?;
    let counted = check_places(venue, &venue.marked(&ask.places), changed)?;
    let seats: BTreeSet<&String> = changed.seats.iter().collect();
    for (section, last) in counted {
        let labels = venue.labels(section).unwrap_or_default().iter();
        let passed = labels.take_while(|label| **label < last);
        let passed = passed
            .map(|label| format!("{section}/{label}"))
            .find(|place| model.is_free(place) && !seats.contains(place));
        ensure(passed.is_none(), Check::Seats, || {
            let found = passed.unwrap_or_default();
            (format!("the lowest free places of {section}"), format!("{found} passed over"))
        })?;
    }
    Ok(())
}

/// All places were of a block. Counted ones are nobody's: who has a place was not asked about it.
fn check_unblock(model: &EventModel, ask: &Unblock, changed: &Changed) -> Judged {
    same(Check::Block, "reason", &"", &changed.reason.as_str())?;
    let venue = known(model)?;
    let marked = venue.marked(&ask.places);
    for place in &changed.seats {
        let named = marked.named.contains(place) && model.blocks.contains_key(place);
        ensure(named || model.blocked(place).is_some(), Check::Block, || {
            (format!("{place} to be of a block"), "it unblocked all the same".into())
        })?;
    }
    check_places(venue, &marked, changed).map(|_| ())
}

/// The places named and as many as are counted, each once. Answers the highest number among the
/// counted of each section.
fn check_places<'a>(
    venue: &'a Venue,
    marked: &Marked,
    changed: &Changed,
) -> Result<BTreeMap<&'a str, u32>, Fault> {
    ensure(marked.unknown.is_empty(), Check::Seats, || {
        ("places that exist".into(), format!("{:?}", marked.unknown))
    })?;
    let bounds = 1..=BLOCK_SEATS_MAX as u64;
    ensure(bounds.contains(&marked.size()), Check::Limit, || {
        (format!("{bounds:?} places"), marked.size().to_string())
    })?;
    let seats: BTreeSet<&String> = changed.seats.iter().collect();
    let complete =
        seats.len() == changed.seats.len() && marked.named.iter().all(|name| seats.contains(name));
    ensure(complete, Check::Seats, || {
        (format!("all of {:?}, once each", marked.named), format!("{seats:?}"))
    })?;
    let Marked { named, counted, .. } = marked;
    let mut picked: BTreeMap<&str, u64> = BTreeMap::new();
    let mut last: BTreeMap<&str, u32> = BTreeMap::new();
    for place in seats.into_iter().filter(|place| !named.contains(*place)) {
        let section = venue.section_of(place).filter(|_| !venue.is_numbered(place));
        let section = section.unwrap_or_default();
        *picked.entry(section).or_default() += 1;
        let number = place.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let last = last.entry(section).or_default();
        *last = number.max(*last);
    }
    let wanted: BTreeMap<&str, u64> =
        counted.iter().map(|(section, count)| (section.as_str(), *count)).collect();
    same(Check::Seats, "so many places besides", &wanted, &picked)?;
    Ok(last)
}
