//! Random sales: what the rules decide is clean, and what is broken afterwards is found.
//!
//! Here, and only here, `decide` is the generator of logs.

mod breaks;
mod without;

use std::collections::{BTreeSet, HashMap};

use breaks::BREAKS;

use super::{Log, PARTITION, START, buyer, claim, definition, event, id, places, seat};
use crate::audit::Report;
use crate::audit::ledger::compare;
use crate::domain::change::Change;
use crate::domain::decide::{Asked, IdVerdict, refuse_unattached, step};
use crate::domain::event::EventState;
use crate::domain::ids::{Digest, HoldId, Reference, RequestId, RowNumber, SeatNumber};
use crate::domain::layout::{Definition, Places, Row};
use crate::domain::limits::{ID_MEMORY, ID_WINDOW, LAPSED_ROWS_MAX};
use crate::domain::outcome::OutcomeBody;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{
    Administration, Block, Body, Cancel, Confirm, Define, Exchange, Extend, Line, Release, Request,
    Target, Unblock,
};
use crate::domain::time::{At, Millis};

/// Knuth's MMIX generator: enough for tests, the same everywhere.
struct Lot(u64);

impl Lot {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        let bound = u64::try_from(items.len()).expect("a short list");
        (bound > 0)
            .then(|| items[usize::try_from(self.below(bound)).expect("a short list")].clone())
    }
}

/// A sale being made up.
struct Sale {
    lot: Lot,
    state: EventState,
    log: Log,
    now: At,
    seen: HashMap<RequestId, (i64, Digest)>,
    highest: At,
    holds: Vec<(HoldId, String)>,
    bookings: Vec<(HoldId, String)>,
    /// The offset at which the event is called off.
    last_act: i64,
    /// Whether so many places lapse at once that one decision cannot end them all.
    crowd: bool,
}

impl Sale {
    fn make(seed: u64, requests: i64, crowd: bool) -> Sale {
        let mut sale = Sale {
            lot: Lot(seed),
            state: EventState::unknown(event()),
            log: Log::default(),
            now: START,
            seen: HashMap::new(),
            highest: START,
            holds: vec![],
            bookings: vec![],
            last_act: requests / 10 * 9,
            crowd,
        };
        for offset in 0..requests {
            sale.advance();
            let (request, digest) = sale.next_request(offset);
            sale.decide(offset, request, digest);
        }
        sale
    }

    /// Mostly a trickle; now and then a pause in which all holds lapse; sometimes the clock steps
    /// back.
    fn advance(&mut self) {
        let step = match self.lot.below(40) {
            0 if self.crowd => 60_000 * i64::from(self.lot.one_in(5)),
            0 => 4_000,
            1 => -200,
            _ => i64::try_from(self.lot.below(300)).expect("small"),
        };
        self.now = self.now.plus(Millis(step));
        self.highest = self.highest.max(self.now);
    }

    fn next_request(&mut self, offset: i64) -> (Request, Digest) {
        let lately = self.log.requests.len().saturating_sub(80);
        let recent = if self.lot.one_in(4) { 0 } else { lately };
        if self.lot.one_in(15)
            && let Some(asked) = self.lot.pick(&self.log.requests[recent..])
            && let Some(request) = asked.request
        {
            return (request, asked.digest);
        }
        let number = u64::try_from(offset).expect("offsets are positive");
        let made = if self.lot.one_in(30) { self.now.minus(Millis(60_000)) } else { self.now };
        let other = self.lot.pick(&self.log.requests[lately..]).and_then(|asked| asked.request);
        let other = other.filter(|_| self.lot.one_in(40)).map(|request| request.id);
        let body = self.body(offset);
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&offset.to_be_bytes());
        (
            Request { id: other.unwrap_or_else(|| id(made, number)), event: event(), body },
            Digest(bytes),
        )
    }

    fn body(&mut self, offset: i64) -> Body {
        let define = offset == 2 || self.lot.one_in(200);
        if define {
            let definition = self.definition();
            return Body::Define(Box::new(Define { definition, actor: "ops".into() }));
        }
        let edition = self.state.edition - i64::from(self.lot.one_in(5));
        let administration = Administration { edition, actor: "ops".into() };
        match self.lot.below(100) {
            _ if offset == 4 => Body::Open(administration),
            _ if offset == self.last_act => Body::CallOff(administration),
            0..2 => Body::Close(administration),
            2..4 => Body::Pause(administration),
            4..13 => Body::Open(administration),
            13..15 => self.block(administration),
            15..18 => self.unblock(administration),
            18..25 => Body::Expire,
            25..36 => self.confirm(),
            36..44 => self.release(),
            44..50 => self.extend(),
            50..55 => self.cancel(),
            55..60 if !self.crowd => self.exchange(),
            _ => self.claim(),
        }
    }

    fn block(&mut self, ask: Administration) -> Body {
        let reason = if self.lot.one_in(2) { "press" } else { "house" };
        let (edition, places) = (ask.edition, self.targets());
        Body::Block(Block { edition, actor: ask.actor, reason: reason.into(), places })
    }

    fn unblock(&mut self, ask: Administration) -> Body {
        let (edition, places) = (ask.edition, self.targets());
        Body::Unblock(Unblock { edition, actor: ask.actor, places })
    }

    fn targets(&mut self) -> Vec<Target> {
        let mut targets = vec![];
        for _ in 0..=self.lot.below(2) {
            let (row, label) = (1 + self.lot.below(20), 1 + self.lot.below(5));
            let count = 1 + u32::from(row > 12);
            targets.push(match self.lot.below(40) {
                0 => Target::Named("A/99".into()),
                1 => Target::Places { section: "A".into(), count },
                2 => Target::Places { section: "G".into(), count: 1_001 },
                3..6 => Target::Named(format!("A/{row}")),
                6..16 => Target::Named(format!("G/{label}")),
                16..26 => Target::Places { section: "G".into(), count },
                _ => Target::Named(format!("A/{row}/{label}")),
            });
        }
        targets
    }

    fn extend(&mut self) -> Body {
        let (hold, holder) = self.hold();
        let length = if self.lot.one_in(6) { 900_000 } else { self.lot.below(6_000) };
        let deadline = self.now.plus(Millis(i64::try_from(length).expect("a short time")));
        Body::Extend(Extend { buyer: buyer(&holder), hold, deadline })
    }

    /// All of it, a place of it, or a place of somebody else.
    fn cancel(&mut self) -> Body {
        let booking = if self.lot.one_in(4) { None } else { self.lot.pick(&self.bookings) };
        let (hold, holder) = booking.unwrap_or_else(|| self.hold());
        let own = self.state.find_hold(hold).map_or(&[][..], |hold| &hold.seats);
        let seat = match self.lot.below(5) {
            0 | 1 => None,
            2 => Some("A/1/1".to_owned()),
            _ => self.lot.pick(own).zip(self.state.layout()).map(|(seat, all)| all.name(seat)),
        };
        let listed = !self.crowd && self.lot.one_in(6);
        let block = listed.then(|| "waiting list".into());
        let (buyer, seats) = (buyer(&holder), seat.into_iter().collect());
        Body::Cancel(Cancel { buyer, hold, seats, block })
    }

    /// Places of a booking, mostly as many others for them.
    fn exchange(&mut self) -> Body {
        let booking = if self.lot.one_in(8) { None } else { self.lot.pick(&self.bookings) };
        let (hold, holder) = booking.unwrap_or_else(|| self.hold());
        let own = self.state.find_hold(hold).map_or(&[][..], |hold| &hold.seats);
        let all = self.lot.one_in(3);
        let given = own.iter().take(if all { own.len() } else { 1 });
        let paid: i64 = given.clone().map(|&seat| self.state.seat(seat).price).sum();
        let name = |&seat: &SeatNumber| self.state.layout().expect("known").name(seat);
        let mut seats: Vec<String> = given.map(name).collect();
        if seats.is_empty() || self.lot.one_in(12) {
            seats.push("A/1/1".into());
        }
        let Body::Claim(wish) = self.claim() else { unreachable!("it is a claim") };
        let expected_difference = wish.expected_price.map(|price| price - paid);
        let buyer = buyer(&holder);
        Body::Exchange(Exchange { buyer, hold, seats, lines: wish.lines, expected_difference })
    }

    fn definition(&self) -> Definition {
        let mut definition = definition(Millis(if self.crowd { 60_000 } else { 2_000 }));
        definition.extend_max = Millis(400_000);
        let row = |row: u32| Row {
            name: format!("{row}"),
            seats: if row.is_multiple_of(2) { "1-3 | 4 5" } else { "5-2 1" }.into(),
            tier: row.is_multiple_of(7).then(|| "stand".into()),
            bays: String::new(),
            companions: String::new(),
        };
        definition.sections[0].places = Places::Rows((1..=20).map(row).collect());
        definition.sections[1].places = Places::General(if self.crowd { 3_000 } else { 14 });
        definition
    }

    fn buyer(&mut self) -> String {
        format!("buyer-{}", self.lot.below(30))
    }

    fn hold(&mut self) -> (HoldId, String) {
        let recent = self.holds.len().saturating_sub(4);
        let known = self.lot.pick(&self.holds[recent..]);
        let (hold, holder) = known.unwrap_or_else(|| (id(START, 1 << 40), self.buyer()));
        if self.lot.one_in(8) { (hold, self.buyer()) } else { (hold, holder) }
    }

    fn confirm(&mut self) -> Body {
        let (hold, holder) = self.hold();
        let paid = format!(
            "pay-{}",
            self.lot.below(if self.lot.0.is_multiple_of(5) { 20 } else { 1 << 30 })
        );
        let reference = Reference::new(&paid).expect("a name");
        Body::Confirm(Confirm { buyer: buyer(&holder), hold, reference })
    }

    fn release(&mut self) -> Body {
        let (hold, holder) = self.hold();
        Body::Release(Release { buyer: buyer(&holder), hold })
    }

    fn claim(&mut self) -> Body {
        let mut lines: Vec<Line> = vec![];
        for _ in 0..=self.lot.below(3) {
            let (row, label) = (1 + self.lot.below(20), 1 + self.lot.below(5));
            match self.lot.below(20) {
                0 => lines.push(seat("A/99/1")),
                1 => lines.push(Line::Seat { name: "A/1/1".into(), tier: Some("stand".into()) }),
                2 => lines.push(places("A", None, 1)),
                3..13 if self.crowd => lines.push(places("G", None, 40)),
                3 => lines.push(places("G", None, 9)),
                4..8 => lines.push(places("G", Some("child"), 1)),
                8..12 => lines.push(places("G", None, 1 + u32::from(row < 5))),
                _ => lines.push(seat(&format!("A/{row}/{label}"))),
            }
        }
        let mut body = claim(&self.buyer(), lines);
        if let Body::Claim(claim) = &mut body {
            claim.staff_override = self.crowd || self.lot.one_in(10);
            claim.expected_price = self.lot.one_in(6).then_some(5_000);
        }
        body
    }

    fn decide(&mut self, offset: i64, request: Request, digest: Digest) {
        if offset > 4 && self.lot.one_in(60) {
            return self.decide_without_event(offset, request, digest);
        }
        let skewed = if self.lot.one_in(20) { Millis(100) } else { Millis(0) };
        let at = self.now.minus(skewed).max(self.state.last_at);
        let verdict = self.verdict(offset, &request, digest);
        let waited = if self.lot.one_in(50) { 40_000 } else { 12 };
        let waited = Millis(if at < self.now { 0 } else { waited });
        let early = request.check().err();
        let asked = Asked { at, waited, partition: PARTITION, offset, digest, id: verdict, early };
        let decision = step(&mut self.state, &request, &asked);
        for outcome in &decision.outcomes {
            let Some(buyer) = &outcome.header.buyer else { continue };
            match &outcome.body {
                OutcomeBody::Held(held) => self.holds.push((held.hold, buyer.as_str().into())),
                OutcomeBody::Booked(booked) => {
                    self.bookings.push((booked.hold, buyer.as_str().into()));
                }
                OutcomeBody::Extended(_)
                | OutcomeBody::Released(_)
                | OutcomeBody::Cancelled(_)
                | OutcomeBody::Exchanged(_)
                | OutcomeBody::Changed(_)
                | OutcomeBody::Refused(_) => {}
            }
        }
        self.log.outcomes.extend(decision.outcomes);
        self.log.ask(offset, self.now, digest, Some(request));
    }
}

impl Sale {
    /// What the window of an owner says, in a few words.
    fn verdict(&mut self, offset: i64, request: &Request, digest: Digest) -> IdVerdict {
        let age = self.highest.since(request.id.made_at().expect("a time"));
        match self.seen.get(&request.id) {
            Some(&(offset, first)) if age <= ID_MEMORY => {
                IdVerdict::Seen { offset, same: first == digest }
            }
            Some(_) | None if age.0.abs() > ID_WINDOW.0 => IdVerdict::OutOfWindow,
            Some(_) | None => {
                if request.goes_stale() {
                    self.seen.insert(request.id, (offset, digest));
                }
                IdVerdict::Fresh
            }
        }
    }

    /// Bytes that do not decode, which move log time all the same; or a key that is not the
    /// event's.
    fn decide_without_event(&mut self, offset: i64, request: Request, digest: Digest) {
        if self.lot.one_in(2) {
            let at = self.now.max(self.state.last_at);
            self.state.apply(&Change::Decided(at));
            self.log.ask(offset, self.now, digest, None);
            self.log.dead_letters.push(offset);
            return;
        }
        let asked = Asked {
            at: self.now,
            waited: Millis(12),
            partition: PARTITION,
            offset,
            digest,
            id: IdVerdict::Fresh,
            early: None,
        };
        let refusal = Refusal::because(Code::BadRequest, "the key is not the event's id");
        self.log.outcomes.push(refuse_unattached(&request, &asked, refusal));
        self.log.ask(offset, self.now, digest, Some(request));
        let asked = self.log.requests.last_mut().expect("just asked");
        asked.key = Some(b"another".to_vec());
    }
}

/// Nothing to find in the log, nor in the ledger that the same decisions leave behind.
fn check_clean(sale: &Sale) -> Report {
    let (report, found) = audited(sale);
    assert_eq!(found, Vec::<String>::new(), "{report}");
    let (settled, ids) = sale.log.audit_along();
    assert_eq!(settled, report, "judged along the way or at the end");
    assert!(ids < 1_000, "{ids} ids are remembered");
    report
}

/// What is to be found in the log, and in the ledger that the same decisions leave behind.
fn audited(sale: &Sale) -> (Report, Vec<String>) {
    let (report, model) = sale.log.audit();
    let layout = sale.state.layout().expect("defined");
    let rows = (0..layout.rows_ever()).map(RowNumber);
    let rows: Vec<_> = rows.filter_map(|row| sale.state.stored(row)).collect();
    let model = model.event(&event()).expect("asked for");
    let fence = (sale.state.sequence, false);
    let in_ledger = compare(&event(), model, fence, &rows, |row| {
        layout.name(layout.place_of(row).expect("only rows of places are read"))
    });
    let found = report.findings.iter().chain(&in_ledger).map(ToString::to_string).collect();
    (report, found)
}

#[test]
fn what_is_decided_is_clean() {
    let mut all = Report::default();
    (1..=12).for_each(|seed| all.merge(check_clean(&Sale::make(seed, 3_000, false))));
    assert!(all.held > 500 && all.booked > 50 && all.released > 500, "{all}");
    assert!(all.extended > 50 && all.cancelled > 50 && all.exchanged > 50, "{all}");
    assert!(all.seats_blocked > 10, "{all}");
    let met: BTreeSet<Code> = all.refused.into_keys().collect();
    let known = [12, 20, 22, 30, 31, 32, 33, 34, 40, 41, 42, 60, 61, 62, 70, 71, 72, 73, 74];
    let known = known.into_iter().chain([80, 81, 82, 85, 90, 91, 92, 94, 95, 96, 97]);
    let known = known.filter_map(Code::from_number);
    assert_eq!(met, known.collect(), "a rule was never met");
}

#[test]
fn so_many_lapse_that_one_decision_cannot_end_them_all() {
    let sale = Sale::make(11, 4_000, true);
    check_clean(&sale);
    let mut rows: HashMap<i64, usize> = HashMap::new();
    for outcome in &sale.log.outcomes {
        if let OutcomeBody::Released(released) = &outcome.body {
            *rows.entry(outcome.header.offset).or_default() += released.seats.len();
        }
    }
    let most = rows.values().max().copied().unwrap_or(0);
    assert!(most >= LAPSED_ROWS_MAX, "only {most} rows lapsed at once");
}

#[test]
fn what_is_broken_is_found_where_it_is() {
    let mut lot = Lot(99);
    let sale = Sale::make(7, 1_200, false);
    assert!(sale.log.audit().0.is_clean());
    for (name, break_it) in BREAKS {
        let mut broken = 0;
        for _ in 0..6_000 {
            let bound = u64::try_from(sale.log.outcomes.len()).unwrap();
            let at = usize::try_from(lot.below(bound)).unwrap();
            let outcomes = vec![sale.log.outcomes[at].clone()];
            if !break_it(&mut Log { outcomes, ..Log::default() }, 0) {
                continue;
            }
            broken += 1;
            let mut log = sale.log.clone();
            let offset = log.outcomes[at].header.offset;
            break_it(&mut log, at);
            let (report, _) = log.audit();
            let first = report.findings.first().map(|finding| finding.offset);
            let outcome = &sale.log.outcomes[at];
            assert_eq!(first, Some(offset), "{name}: {outcome:?}\n{report}");
            if broken == 25 {
                break;
            }
        }
        assert!(broken > 5, "{name} was tried {broken} times only");
    }
}
