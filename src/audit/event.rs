//! One event as the auditor sees it, folded from its outcomes in the order of their sequence.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::finding::{Check, Fault, Finding, Judged, REQUESTS, ensure, same, topic_of};
use super::invariants::{self, Step};
use super::venue::Venue;
use super::{amend, exchange, grant, operate, refusal};
use crate::domain::ids::{BuyerId, Digest, EventId, HoldId, Partition, Reference};
use crate::domain::limits::{GRACE, LAPSED_ROWS_MAX};
use crate::domain::outcome::{Outcome, OutcomeBody, Place, Role};
use crate::domain::refusal::Code;
use crate::domain::request::{Body, Request};
use crate::domain::seat::{Cause, Status};
use crate::domain::time::{At, Millis};

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
    Paused,
    Closed,
    /// For good.
    Off,
}

/// A hold or what became of it: kept until it has ended and no place names it, since it is asked
/// for as long.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) buyer: BuyerId,
    /// The places it has; of one that ended those it had at its end.
    pub(super) places: Vec<Place>,
    /// The places of a booking that it gave back, and has not taken again by an exchange.
    pub(super) given_back: Vec<Place>,
    pub(super) deadline: At,
    pub(super) offset: i64,
    pub(super) reference: Option<Reference>,
    pub(super) ended: Option<Cause>,
    /// How many places name it: those it has, and those nobody took since it left them.
    pub(super) named: u32,
}

/// A place that something happened to at least once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) status: Status,
    /// Who has it, or had it last; [`HoldId::NONE`] where it was only ever blocked.
    pub(super) hold: HoldId,
    /// Sequence of its last change, and the request that caused it.
    pub(super) changed: i64,
    pub(super) offset: i64,
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
    pub(super) changed_at: At,
    /// Time of the latest decision with the event in hand, refusals among them.
    pub(super) last_at: At,
    /// Latest append time of a dead letter under the event's key. Log time of the event may have
    /// reached it: dead letters are decided too, but do not tell when.
    dead_at: At,
    pub(super) last_offset: i64,
    /// Whether the event was said to be suspended, and nothing since but what is refused before
    /// that.
    pub(super) suspended: bool,
    pub(super) seats: HashMap<String, Seat>,
    pub(super) holds: HashMap<HoldId, Hold>,
    /// The reason of each place's block, also while a hold or booking has the place.
    pub(super) blocks: HashMap<String, String>,
    /// The last booking that each payment was used for.
    pub(super) references: HashMap<Reference, HoldId>,
    /// Holds and bookings of each buyer that have not ended.
    pub(super) of_buyer: HashMap<BuyerId, BTreeSet<HoldId>>,
    /// Holds that have neither ended nor been booked.
    pub(super) deadlines: BTreeSet<(At, HoldId)>,
    /// Places that are not free, by section.
    pub(super) taken: BTreeMap<String, u64>,
    /// Records folded since all of it was counted again.
    pub(super) uncounted: usize,
    /// The invariants that were found broken: their state is not told again.
    pub(super) broken: BTreeSet<Check>,
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
            blocks: HashMap::new(),
            references: HashMap::new(),
            of_buyer: HashMap::new(),
            deadlines: BTreeSet::new(),
            taken: BTreeMap::new(),
            uncounted: 0,
            broken: BTreeSet::new(),
        }
    }

    /// Sequence of the last outcome that changed the event.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// How many places are held, booked or blocked.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        self.seats.values().filter(|seat| seat.status == status).count() as u64
    }

    /// How many places there are.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.venue.as_ref().map_or(0, Venue::seats)
    }

    /// Judges what one request caused and follows it. The outcomes come in the order of their
    /// sequence, those that change the event before one that does not. Independent checks all
    /// report, so that a seat sold twice does not hide behind a gap.
    pub fn fold(&mut self, record: &Record<'_>, outcomes: &[&Outcome]) -> Vec<Finding> {
        let mut findings = vec![];
        let mut rows_expired = 0;
        self.last_offset = record.offset;
        for outcome in outcomes {
            let broken = invariants::broken_by(&Step { before: self, record, outcome });
            self.broken.extend(broken.iter().map(|fault| fault.check));
            let checks = [
                self.check_time(record, outcome),
                check_moment(record, outcome, outcomes[0]),
                self.check_suspended(record, outcome),
                self.check_role(record, outcome, outcomes.len()),
                self.check_body(record, outcome),
                self.check_oldest(outcome, rows_expired),
            ];
            let topic = topic_of(&outcome.body);
            let faults = broken.into_iter().chain(checks.into_iter().filter_map(Judged::err));
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
        findings.extend(self.recount_at_times());
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

    /// Log time never goes back, and not beyond the record; it may stay behind, where it is ahead
    /// of the owner's clock.
    fn check_time(&self, record: &Record<'_>, outcome: &Outcome) -> Judged {
        let at = outcome.header.decided_at;
        let dead = self.last_at < at && at <= self.dead_at;
        let so = at <= record.appended || at == self.last_at || dead;
        ensure(so, Check::Time, || {
            let (appended, last) = (record.appended, self.last_at);
            (format!("decided at {last}, or up to {appended}"), format!("decided at {at}"))
        })?;
        // An unknown event may be another partition's, whose records have no time in common here.
        let attached = self.venue.is_some() && in_hand(record, outcome);
        let last = if attached { self.last_at } else { self.changed_at };
        ensure((detached(outcome) && !attached) || at >= last, Check::Time, || {
            (format!("decided at {last} or later"), format!("decided at {at}"))
        })
    }

    /// A suspended event answers nothing else until its ledger is repaired, and nothing on the log
    /// says that it was.
    fn check_suspended(&self, record: &Record<'_>, outcome: &Outcome) -> Judged {
        let goes_on = self.suspended
            && in_hand(record, outcome)
            && !judged_alone(outcome)
            && outcome.code() != Some(Code::EventSuspended);
        ensure(!goes_on, Check::Suspended, || {
            (
                "event-suspended, as before".into(),
                format!("an answer on {}", topic_of(&outcome.body)),
            )
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
            (OutcomeBody::Extended(held), _) => amend::extended(self, record, outcome, held),
            (OutcomeBody::Cancelled(cancelled), _) => {
                amend::cancelled(self, record, outcome, cancelled)
            }
            (OutcomeBody::Exchanged(exchanged), _) => {
                exchange::exchanged(self, record, outcome, exchanged)
            }
            (OutcomeBody::Changed(changed), _) => operate::changed(self, record, outcome, changed),
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

    /// The hold that has a place now, if one has.
    pub(super) fn holder(&self, place: &str) -> Option<(HoldId, Option<&Hold>)> {
        let had = |seat: &&Seat| matches!(seat.status, Status::Held | Status::Booked);
        let seat = self.seats.get(place).filter(had)?;
        Some((seat.hold, self.holds.get(&seat.hold)))
    }

    /// The reason of a place's block, when nobody has the place.
    pub(super) fn blocked(&self, place: &str) -> Option<&str> {
        self.blocks.get(place).filter(|_| self.holder(place).is_none()).map(String::as_str)
    }

    /// Whether a claim could have the place, were it not for its limits.
    pub(super) fn is_free(&self, place: &str) -> bool {
        self.seats.get(place).is_none_or(|seat| seat.status == Status::Free)
    }

    /// A hold that was made and has not ended. None is another matter than what is done to it: the
    /// invariant of holds tells.
    pub(super) fn unended(&self, id: HoldId) -> Option<&Hold> {
        self.holds.get(&id).filter(|hold| hold.ended.is_none())
    }

    /// A hold that is there, is booked, or is still named by a place nobody took after it.
    pub(super) fn remembered(&self, id: HoldId) -> Option<&Hold> {
        self.holds.get(&id)
    }

    /// The booking that a payment was used for, as long as a place remembers it.
    pub(super) fn paid_by(&self, reference: &Reference) -> Option<HoldId> {
        self.references.get(reference).copied()
    }

    /// Holds that have lapsed by `at` and not ended, the oldest deadline first.
    pub(super) fn lapsed(&self, at: At) -> impl Iterator<Item = HoldId> {
        let lapsed = move |entry: &&(At, HoldId)| entry.0.plus(GRACE) <= at;
        self.deadlines.iter().take_while(lapsed).map(|(_, hold)| *hold)
    }

    /// Free places of a section, and those that lapsed holds would leave free besides.
    pub(super) fn free_in(&self, section: &str, at: At) -> (u64, u64) {
        let capacity = self.venue.as_ref().map_or(0, |venue| venue.capacity(section));
        let taken = self.taken.get(section).copied().unwrap_or(0);
        let in_section = |place: &Place| is_in(section, &place.seat);
        let places = self.lapsed(at).filter_map(|hold| self.holds.get(&hold));
        let free = |place: &&Place| in_section(place) && !self.blocks.contains_key(&place.seat);
        let lapsed = places.map(|hold| hold.places.iter().filter(free).count() as u64).sum();
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

/// Whether a place is in a section, going by its name.
pub(super) fn is_in(section: &str, place: &str) -> bool {
    place.strip_prefix(section).is_some_and(|rest| rest.starts_with('/'))
}

/// All that a request causes is decided at one moment. Where log time was clamped to the owner's
/// clock, the record had not waited by that clock.
fn check_moment(record: &Record<'_>, outcome: &Outcome, first: &Outcome) -> Judged {
    let moment = |outcome: &Outcome| (outcome.header.decided_at, outcome.header.waited);
    same(Check::Time, "one time of decision", &moment(first), &moment(outcome))?;
    let (at, waited) = moment(outcome);
    ensure(at >= record.appended || waited == Millis(0), Check::Time, || {
        let expected = "no wait of a record from beyond the owner's clock";
        (expected.into(), format!("{waited}, decided at {at}, appended at {}", record.appended))
    })
}

/// An answer is addressed to whoever asked.
fn check_asker(record: &Record<'_>, outcome: &Outcome) -> Judged {
    let asker = record.request.buyer();
    same(Check::Identity, "buyer", &asker, &outcome.header.buyer.as_ref())
}

/// Whether an outcome raises the sequence.
pub(super) fn changes(outcome: &Outcome) -> bool {
    outcome.header.role != Role::Repeat && outcome.body.changes_the_event()
}

/// Whether the event was in hand when it was decided: its own record, in its own partition.
pub(super) fn in_hand(record: &Record<'_>, outcome: &Outcome) -> bool {
    record.key_fits && outcome.code() != Some(Code::WrongPartition)
}

/// Refused with a code of group 1, which is found in the record alone, whatever the event is.
pub(super) fn judged_alone(outcome: &Outcome) -> bool {
    outcome.code().is_some_and(|code| code <= Code::BadRequest)
}

/// Refused with a code of groups 1 and 2: before the state, without ending lapsed holds.
fn before_the_state(outcome: &Outcome) -> bool {
    outcome.code().is_some_and(|code| code <= Code::AlreadyDefined)
}

/// Refused with a code for which the event need not have been in hand.
pub(super) fn detached(outcome: &Outcome) -> bool {
    outcome.code().is_some_and(|code| code <= Code::EventSuspended)
}

impl Hold {
    /// Whether the hold can still be acted on at `at`.
    pub(super) fn is_live(&self, at: At) -> bool {
        let in_time = self.reference.is_some() || at < self.deadline.plus(GRACE);
        self.ended.is_none() && in_time
    }
}
