//! Tables as tests: a sale as lines of text, each a request and what must come of it.
//!
//! ```text
//! 0:00    define              -> defined 1
//! 0:00    open                -> opened 2
//! 0:01 h1 b1 claim A/1/1 G*2  -> held h1 A/1/1@2000 G/1@2000 G/2@2000
//! 9:00    b1 confirm h1 pay-1 -> booked h1 A/1/1@2000 G/1@2000 G/2@2000
//! ```
//!
//! A line is a time, the request's id where another line names it, the request, and the outcomes in
//! order, parted by `;`. A claim wants seats (`A/1/1`), places (`G*2`) and tiers (`G*2:vip`), with
//! `staff` and `sum=4000`, or the best seats (`best*2`); a block says what it is `for=press` and
//! which places (`A/1`, `G=2`); a cancel may go `into=press`, and tells which places belong to a
//! block now (`press:A/1/1`). An exchange gives places back `for` others, `more=500` being the
//! difference expected, and tells the sum before, the difference and the sum now. What an `amend`
//! changes is read by [`super::amend::amended`]. An id that is
//! there twice is the same record if the request reads the same. What a request may carry besides:
//! `@3` the edition it was made for, `waited=31000` in milliseconds, `old` an id made before the
//! window, `forgotten` an id the window no longer knows, `suspended` that its owner has stopped the
//! event meanwhile.
//!
//! Every line also checks that the state's indexes recount, that the changes told are all that
//! happened, that the rows touched are those that changed, and that what a ledger would keep makes
//! the same event again.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Write as _};

use uuid::Uuid;

use crate::domain::decide::{Asked, Decision, IdVerdict, step};
use crate::domain::event::EventState;
use crate::domain::ids::{BuyerId, Digest, EventId, Partition, Reference, RequestId, RowNumber};
use crate::domain::layout::{Definition, Limits, Places, Row, Section, Tier};
use crate::domain::outcome::{ChangedKind, Exchanged, Outcome, OutcomeBody, Place, Role, ToBlock};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{
    Administration, Amend, Best, Block, Body, Cancel, Claim, Confirm, Define, Exchange, Extend,
    Line, Release, Request, Target, Unblock,
};
use crate::domain::seat::{Cause, StoredSeat};
use crate::domain::time::{At, Millis};

/// Time 0:00 of every table.
const START: At = At(1_800_000_000_000);

/// Sections A, two rows of five, and G, general admission of four; tiers standard and vip.
pub(super) fn venue() -> Definition {
    let row = |name: &str, tier: Option<&str>| Row {
        name: name.into(),
        seats: "1-5".into(),
        tier: tier.map(Into::into),
        bays: String::new(),
        companions: String::new(),
    };
    let tier = |name: &str, price| Tier { name: name.into(), price, seats_per_buyer: None };
    let section = |name: &str, tiers: &[&str], places| Section {
        name: name.into(),
        rank: 1,
        tiers: tiers.iter().map(ToString::to_string).collect(),
        places,
    };
    Definition {
        event: event(),
        hold_time: Millis(600_000),
        max_wait: Millis(30_000),
        extend_max: Millis(0),
        no_single_seats: false,
        currency: "EUR".into(),
        limits: Limits::default(),
        tiers: vec![tier("standard", 2_000), tier("vip", 5_000)],
        sections: vec![
            section("A", &["standard"], Places::Rows(vec![row("1", None), row("2", Some("vip"))])),
            section("G", &["standard", "vip"], Places::General(4)),
        ],
    }
}

fn event() -> EventId {
    EventId::new("hamlet").expect("a name")
}

/// Checks a table against [`venue`].
#[track_caller]
pub(super) fn check(table: &str) {
    Sale::new(venue()).check(table);
}

/// Checks a table against a venue of its own.
#[track_caller]
pub(super) fn check_in(change: impl FnOnce(&mut Definition), table: &str) {
    let mut definition = venue();
    change(&mut definition);
    Sale::new(definition).check(table);
}

/// An event and all that was asked of it.
#[derive(Clone)]
pub(super) struct Sale {
    definition: Definition,
    state: EventState,
    offset: i64,
    ids: HashMap<String, RequestId>,
    names: HashMap<RequestId, String>,
    /// Where an id was met first, and with what request.
    seen: HashMap<RequestId, (i64, String)>,
}

impl Sale {
    pub(super) fn new(definition: Definition) -> Sale {
        Sale {
            state: EventState::unknown(definition.event.clone()),
            definition,
            offset: 0,
            ids: HashMap::new(),
            names: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    #[track_caller]
    pub(super) fn check(&mut self, table: &str) {
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (asked, expected) = line.split_once("->").expect("a line has ->");
            let decision = self.ask(asked);
            let told: Vec<String> = decision.outcomes.iter().map(|o| self.tell(o)).collect();
            let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(told.join("; "), expected, "in the line\n    {line}\n");
        }
    }

    /// Decides the left half of a line.
    pub(super) fn ask(&mut self, text: &str) -> Decision {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let at = START.plus(time(words.remove(0)));
        let named = words[0].starts_with(['h', 'r']) && words[0] != "release";
        let name = if named { words.remove(0).into() } else { format!("#{}", self.offset) };
        let made = if words.contains(&"old") { at.minus(Millis(60_000)) } else { at };
        let id = *self.ids.entry(name.clone()).or_insert_with(|| id(made, self.offset));
        self.names.insert(id, name);
        let waited = option(&words, "waited=").unwrap_or(0);
        let request = Request { id, event: event(), body: self.body(&words) };
        let same = format!("{:?}", request.body);
        let verdict = match self.seen.get(&id) {
            Some(_) | None if words.contains(&"forgotten") => IdVerdict::Fresh,
            Some((offset, first)) => IdVerdict::Seen { offset: *offset, same: *first == same },
            None if words.contains(&"old") => IdVerdict::OutOfWindow,
            None => IdVerdict::Fresh,
        };
        self.seen.entry(id).or_insert((self.offset, same));
        let asked = Asked {
            at: at.max(self.state.last_at),
            waited: Millis(waited),
            partition: Partition(0),
            offset: self.offset,
            digest: Digest::default(),
            id: verdict,
            early: request.check().err(),
        };
        self.state.suspended = words.contains(&"suspended");
        let before = self.state.clone();
        let decision = step(&mut self.state, &request, &asked);
        let mut twin = before.clone();
        decision.changes.iter().for_each(|change| twin.apply(change));
        self.state.recount();
        assert_eq!(summary(&self.state), summary(&twin), "changes tell all that happened");
        assert_eq!(summary(&self.state), summary(&self.restored()), "rows tell all that is");
        check_touched(&before, &self.state, &decision);
        self.offset += 1;
        decision
    }

    /// A request's words without time and id.
    pub(super) fn body(&self, words: &[&str]) -> Body {
        let edition = option(words, "@").unwrap_or(self.state.edition);
        let actor = "ops".into();
        match *words {
            ["define", ..] => {
                Body::Define(Box::new(Define { definition: self.definition.clone(), actor }))
            }
            ["amend", ref what @ ..] => {
                let layout = self.state.layout();
                let before = layout.map_or(&self.definition, |layout| &layout.definition);
                let definition = super::amend::amended(before, what);
                Body::Amend(Box::new(Amend { edition, actor, definition }))
            }
            ["open", ..] => Body::Open(Administration { edition, actor }),
            ["close", ..] => Body::Close(Administration { edition, actor }),
            ["pause", ..] => Body::Pause(Administration { edition, actor }),
            ["call-off", ..] => Body::CallOff(Administration { edition, actor }),
            ["block", ref what @ ..] => {
                let reason = what.iter().find_map(|word| word.strip_prefix("for="));
                let reason = reason.unwrap_or_default().into();
                Body::Block(Block { edition, actor, reason, places: targets(what) })
            }
            ["unblock", ref what @ ..] => {
                Body::Unblock(Unblock { edition, actor, places: targets(what) })
            }
            ["expire", ..] => Body::Expire,
            [who, "claim", ref wish @ ..] => Body::Claim(Claim {
                buyer: buyer(who),
                lines: wish.iter().filter_map(|word| line(word)).collect(),
                expected_price: option(wish, "sum="),
                staff_override: wish.contains(&"staff"),
                accessible: wish.contains(&"accessible"),
            }),
            [who, "confirm", hold, reference, ..] => Body::Confirm(Confirm {
                buyer: buyer(who),
                hold: self.hold(hold),
                reference: Reference::new(reference).expect("a name"),
            }),
            [who, "extend", hold, until, ..] => Body::Extend(Extend {
                buyer: buyer(who),
                hold: self.hold(hold),
                deadline: START.plus(time(until)),
            }),
            [who, "cancel", hold, ref seats @ ..] => Body::Cancel(Cancel {
                buyer: buyer(who),
                hold: self.hold(hold),
                seats: seats.iter().filter(|s| !s.contains('=')).map(ToString::to_string).collect(),
                block: seats.iter().find_map(|word| word.strip_prefix("into=")).map(Into::into),
            }),
            [who, "exchange", hold, ref what @ ..] => {
                let parts = what.iter().position(|word| *word == "for").expect("for what");
                let (given, wanted) = what.split_at(parts);
                Body::Exchange(Exchange {
                    buyer: buyer(who),
                    hold: self.hold(hold),
                    seats: given.iter().map(ToString::to_string).collect(),
                    lines: wanted.iter().filter_map(|word| line(word)).collect(),
                    expected_difference: option(wanted, "more="),
                })
            }
            [who, "release", hold, ..] => {
                Body::Release(Release { buyer: buyer(who), hold: self.hold(hold) })
            }
            _ => panic!("no request reads {words:?}"),
        }
    }

    /// A hold by its name; one that no line has made is one that never was.
    pub(super) fn hold(&self, name: &str) -> RequestId {
        self.ids.get(name).copied().unwrap_or_else(|| id(START, 1 << 40))
    }

    /// The event as it stands.
    pub(super) fn state(&self) -> &EventState {
        &self.state
    }

    /// Forgets the event, and knows it again from what a ledger would keep.
    pub(super) fn take_over(&mut self) {
        self.state = self.restored();
    }

    /// The event as a ledger would give it back.
    fn restored(&self) -> EventState {
        let Some(layout) = self.state.layout() else { return self.state.clone() };
        let mut state = EventState::restored(event(), layout.clone());
        state.sequence = self.state.sequence;
        state.edition = self.state.edition;
        state.sale = self.state.sale;
        state.last_at = self.state.last_at;
        for row in rows(&self.state) {
            state.apply(&crate::domain::change::Change::Restored(Box::new(row)));
        }
        state.recount();
        state
    }

    /// An outcome as a line says it.
    pub(super) fn tell(&self, outcome: &Outcome) -> String {
        let name = |id: RequestId| self.names[&id].as_str();
        let body = match &outcome.body {
            OutcomeBody::Held(held) => {
                let staff = if held.staff_override { " staff" } else { "" };
                format!("held {}{}{staff}", name(held.hold), places(&held.places))
            }
            OutcomeBody::Extended(held) => {
                let until = minutes(held.deadline.since(START));
                format!("extended {} {until}{}", name(held.hold), places(&held.places))
            }
            OutcomeBody::Cancelled(cancelled) => format!(
                "cancelled {}{} left={} refund={}{}",
                name(cancelled.hold),
                places(&cancelled.places),
                cancelled.remaining,
                cancelled.refund,
                to_blocks(&cancelled.to_blocks)
            ),
            OutcomeBody::Exchanged(exchanged) => {
                let Exchanged { hold, taken, given_back, .. } = exchanged;
                format!(
                    "exchanged {}{} for {} sum={}:{}:{} now{}{}",
                    name(*hold),
                    places(given_back),
                    taken.join(" "),
                    exchanged.old_sum,
                    exchanged.difference,
                    exchanged.new_sum,
                    places(&exchanged.places),
                    to_blocks(&exchanged.to_blocks)
                )
            }
            OutcomeBody::Booked(booked) => {
                format!("booked {}{}", name(booked.hold), places(&booked.places))
            }
            OutcomeBody::Released(released) => {
                let cause = match released.cause {
                    Cause::Expired => "expired",
                    Cause::Released => "released",
                    Cause::None | Cause::Cancelled => "for nothing",
                };
                format!("{} {cause} {}", name(released.hold), released.seats.join(" "))
            }
            OutcomeBody::Changed(changed) => {
                let kind = match changed.kind {
                    ChangedKind::Defined => "defined",
                    ChangedKind::Amended => "amended",
                    ChangedKind::Opened => "opened",
                    ChangedKind::Closed => "closed",
                    ChangedKind::Paused => "paused",
                    ChangedKind::CalledOff => "called-off",
                    ChangedKind::Blocked => "blocked",
                    ChangedKind::Unblocked => "unblocked",
                };
                let (edition, seats) = (changed.edition, changed.seats.iter());
                let of_block = [changed.reason.as_str()].into_iter().filter(|r| !r.is_empty());
                let more: Vec<&str> = of_block.chain(seats.map(String::as_str)).collect();
                format!("{kind} {edition} {}", more.join(" ")).trim_end().to_owned()
            }
            OutcomeBody::Refused(refusal) => self.tell_refusal(refusal),
        };
        match outcome.header.role {
            Role::Answer => body,
            Role::Derived => format!("derived {body}"),
            Role::Repeat => format!("repeat {body}"),
        }
    }

    fn tell_refusal(&self, refusal: &Refusal) -> String {
        let ground = &refusal.ground;
        let mut text = format!("refused {}", refusal.code);
        ground.seats.iter().for_each(|seat| write!(text, " {seat}").expect("memory"));
        let numbers = [("limit", ground.limit), ("count", ground.count)];
        for (word, number) in numbers {
            let Some(number) = number else { continue };
            match number - START.0 {
                0.. => write!(text, " {word}={}", minutes(Millis(number - START.0))),
                _ => write!(text, " {word}={number}"),
            }
            .expect("memory");
        }
        if ground.detail == "cancelled" || refusal.code == Code::Blocked {
            write!(text, " ({})", ground.detail).expect("memory");
        }
        let offsets = [("rival", ground.rival_offset), ("first", ground.first_offset)];
        for (word, offset) in offsets {
            let Some(offset) = offset else { continue };
            let first = self.seen.iter().find(|(_, (first, _))| *first == offset);
            let (id, _) = first.expect("an offset of this sale");
            write!(text, " {word}={}", self.names[id]).expect("memory");
        }
        text
    }
}

/// A ledger gets every row that is another one now, under a new `changed`, guarded by the old one.
fn check_touched(before: &EventState, after: &EventState, decision: &Decision) {
    let mut guards: BTreeMap<RowNumber, i64> = BTreeMap::new();
    for &(row, changed) in &decision.touched {
        guards.entry(row).or_insert(changed);
    }
    let mut rewritten: BTreeMap<RowNumber, i64> = BTreeMap::new();
    let layout = after.layout();
    let there = |row: &RowNumber| layout.is_some_and(|layout| layout.place_of(*row).is_some());
    guards.retain(|row, _| there(row));
    let ever = layout.map_or(0, |layout| layout.rows_ever());
    for number in (0..ever).map(RowNumber).filter(there) {
        let (was, is) = (before.stored(number), after.stored(number));
        if was != is {
            let changed = is.expect("no row is taken away").changed;
            assert!((before.sequence + 1..=after.sequence).contains(&changed), "{number:?}");
            rewritten.insert(number, was.map_or(0, |row| row.changed));
        }
    }
    assert_eq!(rewritten, guards, "rows rewritten, and their guards");
}

/// All that an event is, but for its indexes.
fn summary(state: &EventState) -> impl PartialEq + Debug + use<> {
    let deadlines: Vec<(At, RequestId)> = state.deadlines().collect();
    (state.sequence, state.edition, state.sale, state.last_at, rows(state), deadlines)
}

fn rows(state: &EventState) -> Vec<StoredSeat> {
    let ever = state.layout().map_or(0, |layout| layout.rows_ever());
    (0..ever).filter_map(|row| state.stored(RowNumber(row))).collect()
}

fn places(places: &[Place]) -> String {
    places.iter().map(|place| format!(" {}@{}", place.seat, place.price)).collect()
}

fn to_blocks(places: &[ToBlock]) -> String {
    places.iter().map(|place| format!(" {}:{}", place.reason, place.seat)).collect()
}

fn targets(words: &[&str]) -> Vec<Target> {
    let target = |word: &&str| match word.split_once('=') {
        Some(("for" | "waited", _)) => None,
        Some((section, count)) => {
            let count = count.parse().expect("a count");
            Some(Target::Places { section: section.into(), count })
        }
        None if word.starts_with('@') || *word == "old" => None,
        None => Some(Target::Named(word.to_string())),
    };
    words.iter().filter_map(target).collect()
}

fn line(word: &str) -> Option<Line> {
    if let Some(best) = word.strip_prefix("best*") {
        return Some(Line::Best(best_of(best)));
    }
    let (place, tier) = word.split_once(':').map_or((word, None), |(p, t)| (p, Some(t.to_owned())));
    match place.split_once('*') {
        Some((section, count)) => {
            let count = count.parse().expect("a count");
            Some(Line::Places { section: section.into(), tier, count })
        }
        None if place.contains('/') => Some(Line::Seat { name: place.into(), tier }),
        None => None,
    }
}

/// `2`, `2:A` of a section, `2:A:vip` of a tier there, `2::vip`, with `<=3000` a bound on the
/// price, `&1` so many bays, and `+` where the seats may be parted.
fn best_of(text: &str) -> Best {
    let (text, split) = text.strip_suffix('+').map_or((text, false), |text| (text, true));
    let (text, bays) = match text.split_once('&') {
        Some((text, bays)) => (text, bays.parse().expect("a count")),
        None => (text, 0),
    };
    let (text, max_price) = match text.split_once("<=") {
        Some((text, price)) => (text, Some(price.parse().expect("a price"))),
        None => (text, None),
    };
    let mut parts = text.split(':');
    let count = parts.next().expect("a count").parse().expect("a count");
    let mut name = || parts.next().filter(|part| !part.is_empty()).map(Into::into);
    Best { section: name(), tier: name(), max_price, count, split, bays }
}

/// The number after a prefix, if a word has it.
fn option(words: &[&str], prefix: &str) -> Option<i64> {
    let text = words.iter().find_map(|word| word.strip_prefix(prefix))?;
    Some(text.parse().expect("a number"))
}

pub(super) fn buyer(name: &str) -> BuyerId {
    BuyerId::new(name).expect("a name")
}

/// `m:ss` or `m:ss.mmm`.
fn time(text: &str) -> Millis {
    let (minutes, seconds) = text.split_once(':').expect("a time");
    let (seconds, millis) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let number = |text: &str| text.parse::<i64>().expect("a number");
    Millis((number(minutes) * 60 + number(seconds)) * 1_000 + number(millis))
}

fn minutes(length: Millis) -> String {
    let (seconds, millis) = (length.0 / 1_000, length.0 % 1_000);
    let millis = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!("{}:{:02}{millis}", seconds / 60, seconds % 60)
}

fn id(made: At, number: i64) -> RequestId {
    let time = u128::from(made.0.unsigned_abs()) << 80;
    RequestId(Uuid::from_u128(
        time | 0x7000_8000_0000_0000_0000 | u128::from(number.unsigned_abs()),
    ))
}
