//! One event as the auditor sees it, folded from its outcomes in the order of their sequence.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::finding::{Check, Fault, Finding, Judged, REQUESTS, ensure, same, topic_of};
use super::venue::Venue;
use super::{grant, refusal};
use crate::domain::ids::{BuyerId, Digest, EventId, HoldId, Partition, Reference};
use crate::domain::limits::{GRACE, LAPSED_ROWS_MAX};
use crate::domain::outcome::{ChangedKind, Outcome, OutcomeBody, Place, Role};
use crate::domain::refusal::Code;
use crate::domain::request::{Body, Request};
use crate::domain::seat::{Cause, Status};
use crate::domain::time::At;

/// A request with what the log says about its record.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: i64,
    /// When the broker appended it, not clamped.
    pub appended: At,
    /// Highest append time of the partition up to and with this record.
    pub highest: At,
    /// Digest of its key and value.
    pub digest: Digest,
    /// Whether its key is the id of its event.
    pub key_fits: bool,
    /// What it asks.
    pub request: &'a Request,
}

/// Whether claims are taken, as far as the outcomes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sale {
    NotOpen,
    Open,
    Closed,
}

/// A hold or what became of it. Kept for good: an ended hold is still asked for.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) buyer: BuyerId,
    pub(super) places: Vec<Place>,
    pub(super) deadline: At,
    pub(super) offset: i64,
    pub(super) reference: Option<Reference>,
    pub(super) ended: Option<Cause>,
}

/// A place that was taken at least once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) status: Status,
    pub(super) hold: HoldId,
    pub(super) changed: i64,
}

/// The model of one event.
#[derive(Clone, Debug)]
pub struct EventModel {
    pub(super) partition: Partition,
    pub(super) event: EventId,
    pub(super) venue: Option<Venue>,
    pub(super) sale: Sale,
    pub(super) edition: i64,
    pub(super) sequence: i64,
    /// Time of the last decision that changed the event.
    changed_at: At,
    /// Time of the latest decision with the event in hand, refusals among them.
    last_at: At,
    /// Latest append time of a dead letter under the event's key. Log time of the event may have
    /// reached it: dead letters are decided too, but do not tell when.
    dead_at: At,
    pub(super) last_offset: i64,
    /// Whether the last decision said that the event is suspended.
    pub(super) suspended: bool,
    pub(super) seats: HashMap<String, Seat>,
    pub(super) holds: HashMap<HoldId, Hold>,
    pub(super) references: HashMap<Reference, HoldId>,
    /// Holds and bookings of each buyer that have not ended.
    of_buyer: HashMap<BuyerId, BTreeSet<HoldId>>,
    /// Holds that have neither ended nor been booked.
    deadlines: BTreeSet<(At, HoldId)>,
    /// Taken places by section.
    taken: BTreeMap<String, u64>,
}

impl EventModel {
    /// An event nobody has defined.
    #[must_use]
    pub fn new(partition: Partition, event: EventId) -> EventModel {
        EventModel {
            partition,
            event,
            venue: None,
            sale: Sale::NotOpen,
            edition: 0,
            sequence: 0,
            changed_at: At(i64::MIN),
            last_at: At(i64::MIN),
            dead_at: At(i64::MIN),
            last_offset: -1,
            suspended: false,
            seats: HashMap::new(),
            holds: HashMap::new(),
            references: HashMap::new(),
            of_buyer: HashMap::new(),
            deadlines: BTreeSet::new(),
            taken: BTreeMap::new(),
        }
    }

    /// Sequence of the last outcome that changed the event.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Places in live holds, sold places, and all places.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        let count =
            |status| self.seats.values().filter(|seat| seat.status == status).count() as u64;
        let total = self.venue.as_ref().map_or(0, Venue::seats);
        (count(Status::Held), count(Status::Booked), total)
    }

    /// Judges what one request caused and follows it. The outcomes come in the order of their
    /// sequence, those that change the event before one that does not. Independent checks all
    /// report, so that a seat sold twice does not hide behind a gap.
    pub fn fold(&mut self, record: &Record<'_>, outcomes: &[&Outcome]) -> Vec<Finding> {
        let mut findings = vec![];
        let mut rows_expired = 0;
        let first_at = outcomes.first().map(|outcome| outcome.header.decided_at);
        self.last_offset = record.offset;
        for outcome in outcomes {
            let checks = [
                self.check_sequence(outcome),
                self.check_time(record, outcome, first_at),
                self.check_role(record, outcome, outcomes.len()),
                self.check_body(record, outcome),
                self.check_oldest(outcome, rows_expired),
            ];
            let topic = topic_of(&outcome.body);
            let faults = checks.into_iter().filter_map(Judged::err);
            findings.extend(faults.map(|fault| self.locate(record.offset, topic, fault)));
            if let OutcomeBody::Released(released) = &outcome.body
                && released.cause == Cause::Expired
            {
                rows_expired += released.seats.len();
            }
            self.follow(record, outcome);
        }
        if let Some(closing) = outcomes.iter().find(|outcome| outcome.header.role != Role::Derived)
            && let Err(fault) = self.check_lapsed_ended(closing, rows_expired)
        {
            findings.push(self.locate(record.offset, REQUESTS, fault));
        }
        findings
    }

    /// A record under the event's key that can only be a dead letter.
    pub(super) fn on_unreadable(&mut self, appended: At) {
        self.dead_at = self.dead_at.max(appended);
    }

    pub(super) fn locate(&self, offset: i64, topic: &'static str, fault: Fault) -> Finding {
        Finding {
            check: fault.check,
            partition: self.partition,
            offset,
            topic,
            event: Some(self.event.clone()),
            expected: fault.expected,
            found: fault.found,
        }
    }

    fn check_sequence(&self, outcome: &Outcome) -> Judged {
        let found = outcome.header.sequence;
        let next = self.sequence + i64::from(changes(outcome));
        // Refused without the event in hand, an outcome carries 0; a suspended event has whatever
        // its ledger was left with.
        let detached = detached(outcome) && (0..=next).contains(&found);
        let suspended = code_of(outcome) == Some(Code::EventSuspended);
        ensure(found == next || detached || suspended, Check::Sequence, || {
            (format!("sequence {next}"), format!("sequence {found}"))
        })
    }

    fn check_time(&self, record: &Record<'_>, outcome: &Outcome, first_at: Option<At>) -> Judged {
        let at = outcome.header.decided_at;
        same(Check::Time, "one time of decision", &first_at, &Some(at))?;
        let dead = self.last_at < at && at <= self.dead_at;
        ensure(at <= record.appended || at == self.last_at || dead, Check::Time, || {
            let (appended, last) = (record.appended, self.last_at);
            (format!("decided at {last}, or up to {appended}"), format!("decided at {at}"))
        })?;
        ensure(detached(outcome) || at >= self.changed_at, Check::Time, || {
            (format!("decided at {} or later", self.changed_at), format!("decided at {at}"))
        })
    }

    fn check_role(&self, record: &Record<'_>, outcome: &Outcome, outcomes: usize) -> Judged {
        let released = matches!(&outcome.body,
            OutcomeBody::Released(released) if released.cause == Cause::Expired);
        let words = |expected: &str| {
            let found = format!("{:?} on {}", outcome.header.role, topic_of(&outcome.body));
            (expected.to_owned(), found)
        };
        match outcome.header.role {
            Role::Derived => ensure(released, Check::Identity, || {
                words("a derived outcome to be the end of a lapsed hold")
            }),
            Role::Repeat => {
                let stands = matches!(outcome.body, OutcomeBody::Held(_) | OutcomeBody::Booked(_));
                let words = || words("a repeat to say where a hold stands");
                ensure(stands, Check::Identity, words)?;
                check_asker(record, outcome)
            }
            Role::Answer => {
                ensure(!before_the_state(outcome) || outcomes == 1, Check::Identity, || {
                    words("nothing beside a refusal that is judged before the state")
                })?;
                // The end of a hold names its holder; nobody asks for an expire.
                let expire = matches!(record.request.body, Body::Expire) && released;
                if expire { Ok(()) } else { check_asker(record, outcome) }
            }
        }
    }

    fn check_body(&self, record: &Record<'_>, outcome: &Outcome) -> Judged {
        match (&outcome.body, outcome.header.role) {
            (OutcomeBody::Refused(refused), _) => refusal::judge(self, record, outcome, refused),
            (_, Role::Repeat) => grant::repeat(self, record, outcome),
            (OutcomeBody::Held(held), _) => grant::held(self, record, outcome, held),
            (OutcomeBody::Booked(booked), _) => grant::booked(self, record, outcome, booked),
            (OutcomeBody::Released(released), _) => {
                grant::released(self, record, outcome, released)
            }
            (OutcomeBody::Changed(changed), _) => grant::changed(self, record, outcome, changed),
            (OutcomeBody::Extended(_) | OutcomeBody::Cancelled(_), _) => {
                Err(grant::without_rule(record))
            }
        }
    }

    /// Lapsed holds end oldest first, up to the bound; beyond it those that the request comes
    /// across.
    fn check_oldest(&self, outcome: &Outcome, rows_expired: usize) -> Judged {
        let OutcomeBody::Released(released) = &outcome.body else { return Ok(()) };
        let Some(hold) = self.holds.get(&released.hold) else { return Ok(()) };
        let oldest = self.lapsed(outcome.header.decided_at).next();
        let oldest = oldest.and_then(|id| self.holds.get(&id)).map(|hold| hold.deadline);
        let first = oldest.is_none_or(|oldest| hold.deadline <= oldest);
        ensure(first || rows_expired >= LAPSED_ROWS_MAX, Check::LateExpiry, || {
            (format!("the oldest deadline {oldest:?} first"), format!("{}", hold.deadline))
        })
    }

    /// A decision leaves no lapsed hold behind, unless it ended as many rows as one decision may.
    fn check_lapsed_ended(&self, closing: &Outcome, rows_expired: usize) -> Judged {
        let at = closing.header.decided_at;
        let left = self.lapsed(at).next().filter(|_| !before_the_state(closing));
        ensure(left.is_none() || rows_expired >= LAPSED_ROWS_MAX, Check::LateExpiry, || {
            let left = left.map(|hold| hold.to_string()).unwrap_or_default();
            (
                format!("no lapsed hold left at {at}"),
                format!("hold {left} after {rows_expired} rows"),
            )
        })
    }

    /// Does what an outcome says, judged or not.
    fn follow(&mut self, record: &Record<'_>, outcome: &Outcome) {
        let header = &outcome.header;
        if record.key_fits && code_of(outcome) != Some(Code::WrongPartition) {
            self.last_at = self.last_at.max(header.decided_at);
            self.suspended = code_of(outcome) == Some(Code::EventSuspended);
        }
        if !changes(outcome) {
            return;
        }
        self.changed_at = self.changed_at.max(header.decided_at);
        self.sequence = header.sequence;
        match &outcome.body {
            OutcomeBody::Held(held) => {
                let Some(buyer) = header.buyer.clone() else { return };
                for place in &held.places {
                    self.set_seat(&place.seat, Status::Held, held.hold);
                }
                self.of_buyer.entry(buyer.clone()).or_default().insert(held.hold);
                self.deadlines.insert((held.deadline, held.hold));
                let places = held.places.clone();
                let (deadline, offset) = (held.deadline, record.offset);
                let hold = Hold { buyer, places, deadline, offset, reference: None, ended: None };
                self.holds.insert(held.hold, hold);
            }
            OutcomeBody::Booked(booked) => {
                self.references.insert(booked.reference.clone(), booked.hold);
                let Some(hold) = self.holds.get_mut(&booked.hold) else { return };
                hold.reference = Some(booked.reference.clone());
                self.deadlines.remove(&(hold.deadline, booked.hold));
                self.set_seats_of(booked.hold, Status::Booked);
            }
            OutcomeBody::Released(released) => {
                let Some(hold) = self.holds.get_mut(&released.hold) else { return };
                hold.ended = Some(released.cause);
                self.deadlines.remove(&(hold.deadline, released.hold));
                if let Some(holds) = self.of_buyer.get_mut(&hold.buyer) {
                    holds.remove(&released.hold);
                }
                self.set_seats_of(released.hold, Status::Free);
            }
            // Nothing is known of these but that they are findings.
            OutcomeBody::Extended(_) | OutcomeBody::Cancelled(_) => {}
            OutcomeBody::Changed(changed) => {
                self.edition = changed.edition;
                match changed.kind {
                    ChangedKind::Defined => self.venue = grant::defined(record),
                    ChangedKind::Opened => self.sale = Sale::Open,
                    ChangedKind::Closed => self.sale = Sale::Closed,
                    ChangedKind::Paused
                    | ChangedKind::CalledOff
                    | ChangedKind::Blocked
                    | ChangedKind::Unblocked => {}
                }
            }
            OutcomeBody::Refused(_) => {}
        }
    }

    fn set_seats_of(&mut self, id: HoldId, status: Status) {
        let Some(hold) = self.holds.get(&id) else { return };
        let places: Vec<String> = hold.places.iter().map(|place| place.seat.clone()).collect();
        for place in places {
            if self.holder(&place).is_some_and(|(holder, _)| holder == id) {
                self.set_seat(&place, status, id);
            }
        }
    }

    fn set_seat(&mut self, place: &str, status: Status, hold: HoldId) {
        let was_free = self.holder(place).is_none();
        self.seats.insert(place.into(), Seat { status, hold, changed: self.sequence });
        let section = self.venue.as_ref().and_then(|venue| venue.section_of(place));
        let taken = self.taken.entry(section.unwrap_or_default().into()).or_default();
        match (was_free, status == Status::Free) {
            (true, false) => *taken += 1,
            (false, true) => *taken -= 1,
            (true, true) | (false, false) => {}
        }
    }

    /// The hold that has a place now, if one has.
    pub(super) fn holder(&self, place: &str) -> Option<(HoldId, Option<&Hold>)> {
        let seat = self.seats.get(place).filter(|seat| seat.status != Status::Free)?;
        Some((seat.hold, self.holds.get(&seat.hold)))
    }

    /// A hold that is there, is booked, or is still named by a place nobody took after it.
    pub(super) fn remembered(&self, id: HoldId) -> Option<&Hold> {
        let hold = self.holds.get(&id)?;
        let named = |place: &Place| self.seats.get(&place.seat).is_some_and(|seat| seat.hold == id);
        (hold.ended.is_none() || hold.places.iter().any(named)).then_some(hold)
    }

    /// Holds that have lapsed by `at` and not ended, the oldest deadline first.
    pub(super) fn lapsed(&self, at: At) -> impl Iterator<Item = HoldId> {
        let lapsed = move |entry: &&(At, HoldId)| entry.0.plus(GRACE) <= at;
        self.deadlines.iter().take_while(lapsed).map(|(_, hold)| *hold)
    }

    /// Free places of a section, and those that lapsed holds sit on besides.
    pub(super) fn free_in(&self, section: &str, at: At) -> (u64, u64) {
        let capacity = self.venue.as_ref().map_or(0, |venue| venue.capacity(section));
        let taken = self.taken.get(section).copied().unwrap_or(0);
        let in_section = |place: &&Place| {
            place.seat.strip_prefix(section).is_some_and(|rest| rest.starts_with('/'))
        };
        let places = self.lapsed(at).filter_map(|hold| self.holds.get(&hold));
        let lapsed = places.map(|hold| hold.places.iter().filter(in_section).count() as u64).sum();
        (capacity.saturating_sub(taken), lapsed)
    }

    /// What a buyer has: places by tier, held or booked, and how many live holds.
    pub(super) fn has(&self, buyer: &BuyerId) -> (BTreeMap<&str, u64>, u64) {
        let mut by_tier: BTreeMap<&str, u64> = BTreeMap::new();
        let mut live = 0;
        let ids = self.of_buyer.get(buyer).into_iter().flatten();
        for hold in ids.filter_map(|id| self.holds.get(id)) {
            live += u64::from(hold.reference.is_none());
            for place in &hold.places {
                *by_tier.entry(&place.tier).or_default() += 1;
            }
        }
        (by_tier, live)
    }
}

/// An answer is addressed to whoever asked.
fn check_asker(record: &Record<'_>, outcome: &Outcome) -> Judged {
    let asker = record.request.buyer();
    same(Check::Identity, "buyer", &asker, &outcome.header.buyer.as_ref())
}

/// Whether an outcome raises the sequence.
fn changes(outcome: &Outcome) -> bool {
    outcome.header.role != Role::Repeat && outcome.body.changes_the_event()
}

pub(super) fn code_of(outcome: &Outcome) -> Option<Code> {
    match &outcome.body {
        OutcomeBody::Refused(refusal) => Some(refusal.code),
        OutcomeBody::Held(_)
        | OutcomeBody::Booked(_)
        | OutcomeBody::Extended(_)
        | OutcomeBody::Released(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Changed(_) => None,
    }
}

/// Refused with a code of groups 1 and 2: before the state, without ending lapsed holds.
fn before_the_state(outcome: &Outcome) -> bool {
    code_of(outcome).is_some_and(|code| code <= Code::AlreadyDefined)
}

/// Refused with a code for which the event need not have been in hand.
fn detached(outcome: &Outcome) -> bool {
    code_of(outcome).is_some_and(|code| code <= Code::EventSuspended)
}

impl Hold {
    /// Whether the hold can still be acted on at `at`.
    pub(super) fn is_live(&self, at: At) -> bool {
        let in_time = self.reference.is_some() || at < self.deadline.plus(GRACE);
        self.ended.is_none() && in_time
    }
}
