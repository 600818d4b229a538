//! A seeded crowd: requests for many events as an onsale brings them, good ones and bad.
//!
//! The same seed makes the same wishes; ids differ from run to run, since they carry the time.
//! Nobody waits for an answer: a hold is named by its claim, so a confirm can be sent before the
//! claim is decided, and some will find nothing. The crowd brings duplicates, strangers, seats that
//! are not there and bytes that mean nothing, since a workload that never makes the bad mix proves
//! little.

use fastrand::Rng;
use uuid::Uuid;

use crate::domain::ids::{BuyerId, EventId, HoldId, Reference, RequestId};
use crate::domain::layout::{Definition, Limits, Places, Row, Section, Tier};
use crate::domain::request::{
    Administration, Body, Claim, Confirm, Define, Line, Release, Request,
};
use crate::domain::time::Millis;
use crate::wire;

/// Rows of a generated hall.
const SEATS_PER_ROW: u32 = 50;
/// Claims a buyer may come back to.
const CLAIMS_REMEMBERED: usize = 2_000;

/// How big a crowd, for what.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// The events.
    pub events: Vec<EventId>,
    /// Numbered seats of each, a multiple of 50.
    pub seats: u32,
    /// General-admission places of each.
    pub places: u32,
    /// How long holds last.
    pub hold_time: Millis,
}

/// A record to be produced.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its key.
    pub event: EventId,
    /// Its value.
    pub value: Vec<u8>,
    /// Whether it must be signed.
    pub signed: bool,
}

/// Makes the crowd's requests one after another.
pub struct Workload {
    crowd: Crowd,
    rng: Rng,
    claims: Vec<(EventId, HoldId, BuyerId)>,
    last: Option<Wish>,
}

impl Crowd {
    /// So many events of one name, with so many places each, half of them numbered.
    ///
    /// # Panics
    /// When the name is no event id.
    #[must_use]
    pub fn new(name: &str, events: usize, places: u32, hold_time: Millis) -> Crowd {
        let event = |index| EventId::new(&format!("{name}-{index}")).expect("a short name");
        let seats = places / 2 / SEATS_PER_ROW * SEATS_PER_ROW;
        Crowd { events: (0..events).map(event).collect(), seats, places: places - seats, hold_time }
    }

    /// Places of one event.
    #[must_use]
    pub fn places_of_event(&self) -> u32 {
        self.seats + self.places
    }

    /// The requests that put an event on sale, to be sent in this order.
    #[must_use]
    pub fn on_sale(&self, event: &EventId) -> [Wish; 2] {
        on_sale(event, self.definition(event))
    }

    /// The same with a definition that is as large as may be, for the number of its rows.
    #[must_use]
    pub fn on_sale_with_long_names(&self, event: &EventId) -> [Wish; 2] {
        let mut definition = self.definition(event);
        for section in &mut definition.sections {
            if let Places::Rows(rows) = &mut section.places {
                for (index, row) in rows.iter_mut().enumerate() {
                    row.name = format!("{index:0>64}");
                    let labels = (1..=SEATS_PER_ROW).map(|seat| format!("{seat:0>9}"));
                    row.seats = labels.collect::<Vec<_>>().join(" ");
                }
            }
        }
        on_sale(event, definition)
    }

    fn definition(&self, event: &EventId) -> Definition {
        let tier = |name: &str, price| Tier { name: name.into(), price, seats_per_buyer: None };
        let row = |index: u32| Row {
            name: format!("R{index}"),
            seats: format!("1-{} | {}-{SEATS_PER_ROW}", SEATS_PER_ROW / 2, SEATS_PER_ROW / 2 + 1),
            tier: None,
            bays: String::new(),
            companions: String::new(),
        };
        let mut sections = vec![];
        if self.seats > 0 {
            let rows = (1..=self.seats / SEATS_PER_ROW).map(row).collect();
            sections.push(section("hall", "standard", Places::Rows(rows)));
        }
        if self.places > 0 {
            sections.push(section("floor", "standing", Places::General(self.places)));
        }
        Definition {
            event: event.clone(),
            hold_time: self.hold_time,
            max_wait: Millis(10 * 60 * 1_000),
            extend_max: Millis(0),
            no_single_seats: false,
            currency: "EUR".into(),
            limits: Limits::default(),
            tiers: vec![tier("standard", 4_500), tier("standing", 2_000)],
            sections,
        }
    }
}

fn on_sale(event: &EventId, definition: Definition) -> [Wish; 2] {
    let define = Body::Define(Box::new(Define { definition, actor: "bench".into() }));
    let open = Body::Open(Administration { edition: 1, actor: "bench".into() });
    [define, open].map(|body| wish(event, new_id(), body, true))
}

fn section(name: &str, tier: &str, places: Places) -> Section {
    Section { name: name.into(), rank: 1, tiers: vec![tier.into()], places }
}

impl Workload {
    /// A crowd with a seed.
    #[must_use]
    pub fn new(crowd: Crowd, seed: u64) -> Workload {
        Workload { crowd, rng: Rng::with_seed(seed), claims: vec![], last: None }
    }

    /// The next request of the mix: about six claims in ten, then confirms, releases, duplicates
    /// and nonsense.
    pub fn next_of_mix(&mut self) -> Wish {
        let wish = match self.rng.u32(0..100) {
            0..60 => self.next_claim(),
            60..82 => self.next_confirm(),
            82..90 => self.next_release(),
            90..95 => self.last.clone().unwrap_or_else(|| self.next_claim()),
            95..98 => self.next_unknown_seat(),
            _ => self.next_nonsense(),
        };
        self.last = Some(wish.clone());
        wish
    }

    /// A claim of one to four places, numbered or not.
    pub fn next_claim(&mut self) -> Wish {
        let count = self.rng.u32(1..=4);
        let numbered = self.crowd.seats > 0 && (self.crowd.places == 0 || self.rng.bool());
        let lines = if numbered {
            let row = self.rng.u32(1..=self.crowd.seats / SEATS_PER_ROW);
            let first = self.rng.u32(1..=SEATS_PER_ROW - count);
            (first..first + count).map(|seat| seat_line(row, seat)).collect()
        } else {
            vec![Line::Places { section: "floor".into(), tier: None, count }]
        };
        self.claim(lines)
    }

    /// A claim of one general-admission place.
    pub fn next_place(&mut self) -> Wish {
        self.claim(vec![Line::Places { section: "floor".into(), tier: None, count: 1 }])
    }

    fn next_unknown_seat(&mut self) -> Wish {
        self.claim(vec![Line::Seat { name: "hall/R1/nobody".into(), tier: None }])
    }

    fn claim(&mut self, lines: Vec<Line>) -> Wish {
        let event = self.some_event();
        let buyer = self.some_buyer();
        let id = new_id();
        if self.claims.len() >= CLAIMS_REMEMBERED {
            let index = self.rng.usize(0..self.claims.len());
            self.claims.swap_remove(index);
        }
        self.claims.push((event.clone(), id, buyer.clone()));
        let claim =
            Claim { buyer, lines, expected_price: None, staff_override: false, accessible: false };
        wish(&event, id, Body::Claim(claim), false)
    }

    fn next_confirm(&mut self) -> Wish {
        let Some((event, hold, buyer)) = self.some_claim() else { return self.next_claim() };
        let reference = Reference::new(&format!("pay-{hold}")).expect("it fits the alphabet");
        wish(&event, new_id(), Body::Confirm(Confirm { buyer, hold, reference }), false)
    }

    fn next_release(&mut self) -> Wish {
        let Some((event, hold, owner)) = self.some_claim() else { return self.next_claim() };
        let buyer = if self.rng.u32(0..10) == 0 { self.some_buyer() } else { owner };
        wish(&event, new_id(), Body::Release(Release { buyer, hold }), false)
    }

    fn next_nonsense(&mut self) -> Wish {
        let value = (0..self.rng.usize(0..40)).map(|_| self.rng.u8(..)).collect();
        Wish { event: self.some_event(), value, signed: false }
    }

    fn some_event(&mut self) -> EventId {
        self.crowd.events[self.rng.usize(0..self.crowd.events.len())].clone()
    }

    fn some_buyer(&mut self) -> BuyerId {
        BuyerId::new(&format!("buyer-{}", self.rng.u32(..))).expect("it fits the alphabet")
    }

    fn some_claim(&mut self) -> Option<(EventId, HoldId, BuyerId)> {
        if self.claims.is_empty() {
            return None;
        }
        let index = self.rng.usize(0..self.claims.len());
        Some(self.claims[index].clone())
    }
}

fn seat_line(row: u32, seat: u32) -> Line {
    Line::Seat { name: format!("hall/R{row}/{seat}"), tier: None }
}

fn new_id() -> RequestId {
    RequestId(Uuid::now_v7())
}

fn wish(event: &EventId, id: RequestId, body: Body, signed: bool) -> Wish {
    let request = Request { id, event: event.clone(), body };
    Wish { event: event.clone(), value: wire::request::encode(&request), signed }
}
