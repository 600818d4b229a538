//! One event in memory: what it is, who has which place, and the indexes that keep decisions cheap.
//!
//! Read by `decide`, changed by `apply` only (the fields are visible inside `domain` for that
//! reason). The indexes are kept in `indexes`; every one of them can be recounted from the seats,
//! and [`EventState::recount`] does, for tests.
//!
//! Its maps hash by foldhash, seeded at random in each process: several times faster than the
//! standard library's hash. That one would also withstand a writer who tries keys out to make them
//! collide; whoever may write requests can do worse than to slow one event down.
//!
//! All of it is a function of the rows that [`EventState::stored`] gives the ledger, so that an
//! event decides alike before and after a takeover.

mod indexes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;

use super::few::Few;
use super::free_set::FreeSet;
use super::hold::{Hold, grace};
use super::ids::{BuyerId, EventId, HoldId, Reference, RowNumber, SeatNumber};
use super::layout::Layout;
use super::runs::Runs;
use super::seat::{Seat, Status, StoredSeat};
use super::time::At;

/// Whether claims are taken. Numbers are on disk and on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum SaleState {
    /// Defined, not yet opened.
    #[default]
    NotOpen = 0,
    /// On sale.
    Open = 1,
    /// Over; holds may still be confirmed.
    Closed = 2,
    /// Interrupted; holds may still be confirmed.
    Paused = 3,
    /// Called off for good: nothing is promised any more, and what was paid is given back.
    Off = 4,
}

impl SaleState {
    /// The state of a stored number.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<SaleState> {
        match number {
            0 => Some(SaleState::NotOpen),
            1 => Some(SaleState::Open),
            2 => Some(SaleState::Closed),
            3 => Some(SaleState::Paused),
            4 => Some(SaleState::Off),
            _ => None,
        }
    }
}

/// Held and booked places of one tier in one section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Places in live holds.
    pub held: u32,
    /// Places sold.
    pub booked: u32,
}

/// What one buyer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buyer {
    /// Held plus booked places by tier; tiers without any are absent.
    pub by_tier: Few<u16, u32>,
    /// Live holds, lapsed but not yet ended ones among them.
    pub live_holds: Few<HoldId, ()>,
}

impl Buyer {
    /// Held plus booked places.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.by_tier.iter().map(|(_, count)| count).sum()
    }
}

/// An event's state.
#[derive(Clone, Debug)]
pub struct EventState {
    /// Its id.
    pub event: EventId,
    /// Counts the outcomes that changed it.
    pub sequence: i64,
    /// Counts definition and sale-state changes.
    pub edition: i64,
    /// Whether claims are taken.
    pub sale: SaleState,
    /// The last log time decided at.
    pub last_at: At,
    /// Stopped until repaired.
    pub suspended: bool,
    pub(super) layout: Option<Arc<Layout>>,
    pub(super) seats: Vec<Seat>,
    /// Holds and bookings, and what is remembered of those that left places nobody took since.
    pub(super) holds: HashMap<HoldId, Hold>,
    pub(super) references: HashMap<Reference, HoldId>,
    deadlines: BTreeSet<(At, HoldId)>,
    buyers: HashMap<BuyerId, Buyer>,
    free: Vec<FreeSet>,
    /// Free numbered seats next to each other.
    runs: Runs,
    blocked: Vec<FreeSet>,
    /// Reason of the block that a place belongs to, also while somebody has it.
    blocks: BTreeMap<SeatNumber, Arc<str>>,
    /// For each section, by tier.
    taken: Vec<Few<u16, Taken>>,
}

impl EventState {
    /// An event nobody has defined.
    #[must_use]
    pub fn unknown(event: EventId) -> EventState {
        EventState {
            event,
            sequence: 0,
            edition: 0,
            sale: SaleState::NotOpen,
            last_at: At(0),
            suspended: false,
            layout: None,
            seats: vec![],
            holds: HashMap::default(),
            references: HashMap::default(),
            deadlines: BTreeSet::new(),
            buyers: HashMap::default(),
            free: vec![],
            runs: Runs::default(),
            blocked: vec![],
            blocks: BTreeMap::new(),
            taken: vec![],
        }
    }

    /// A known event before its seat rows are restored.
    #[must_use]
    pub fn restored(event: EventId, layout: Arc<Layout>) -> EventState {
        let mut state = EventState::unknown(event);
        state.set_layout(layout);
        state
    }

    pub(super) fn set_layout(&mut self, layout: Arc<Layout>) {
        self.seats = vec![Seat::default(); layout.seats() as usize];
        let spans = (0..layout.sections()).map(|section| layout.span(section).1);
        self.free = spans.clone().map(FreeSet::full).collect();
        self.blocked = spans.map(FreeSet::empty).collect();
        self.runs = Runs::full(&layout);
        self.taken = vec![Few::default(); layout.sections()];
        self.layout = Some(layout);
    }

    /// Whether the event has been defined.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.layout.is_some()
    }

    /// The venue of a known event.
    #[must_use]
    pub fn layout(&self) -> Option<&Arc<Layout>> {
        self.layout.as_ref()
    }

    /// A place.
    #[must_use]
    pub fn seat(&self, number: SeatNumber) -> &Seat {
        &self.seats[number.0 as usize]
    }

    /// Whether a place is for sale.
    #[must_use]
    pub fn is_free(&self, number: SeatNumber) -> bool {
        self.seat(number).status == Status::Free
    }

    /// A live hold or a booking.
    #[must_use]
    pub fn find_hold(&self, id: HoldId) -> Option<&Hold> {
        self.known_hold(id).filter(|hold| !hold.seats.is_empty())
    }

    /// A live hold, a booking, or one that left places nobody took since.
    #[must_use]
    pub fn known_hold(&self, id: HoldId) -> Option<&Hold> {
        self.holds.get(&id)
    }

    /// The booking a reference confirmed, or one cancelled that its places still name.
    #[must_use]
    pub fn booking_of(&self, reference: &Reference) -> Option<HoldId> {
        self.references.get(reference).copied()
    }

    /// What a buyer has.
    #[must_use]
    pub fn buyer(&self, buyer: &BuyerId) -> Option<&Buyer> {
        self.buyers.get(buyer)
    }

    /// The free places of a section, counted from its first.
    #[must_use]
    pub fn free_places(&self, section: usize) -> &FreeSet {
        &self.free[section]
    }

    /// The free seats next to each other.
    #[must_use]
    pub fn runs(&self) -> &Runs {
        &self.runs
    }

    /// The blocked places of a section that nobody has, counted from its first.
    #[must_use]
    pub fn blocked_places(&self, section: usize) -> &FreeSet {
        &self.blocked[section]
    }

    /// Reason of the block that a place belongs to, also while somebody has it.
    #[must_use]
    pub fn block_of(&self, number: SeatNumber) -> Option<&Arc<str>> {
        self.blocks.get(&number)
    }

    /// Live holds with their deadlines, the oldest deadline first.
    pub fn deadlines(&self) -> impl Iterator<Item = (At, HoldId)> {
        self.deadlines.iter().copied()
    }

    /// Live holds that have lapsed by `at`, the oldest deadline first.
    pub fn lapsed(&self, at: At) -> impl Iterator<Item = HoldId> {
        let until = at.minus(grace());
        self.deadlines.iter().take_while(move |(due, _)| *due <= until).map(|(_, hold)| *hold)
    }

    /// How many live holds there are, and the earliest of their deadlines.
    #[must_use]
    pub fn live_holds(&self) -> (usize, Option<At>) {
        (self.deadlines.len(), self.deadlines.first().map(|(due, _)| *due))
    }

    /// Held and booked places by section and tier; pairs without any may be absent.
    pub fn taken(&self) -> impl Iterator<Item = ((usize, u16), Taken)> {
        let sections = self.taken.iter().enumerate();
        sections.flat_map(|(section, by_tier)| {
            by_tier.iter().map(move |(&tier, &taken)| ((section, tier), taken))
        })
    }

    /// A place as the ledger is to keep it; `None` when it was never touched, or is gone.
    #[must_use]
    pub fn stored(&self, row: RowNumber) -> Option<StoredSeat> {
        let number = self.layout.as_ref()?.place_of(row)?;
        let seat = self.seat(number);
        if seat.changed == 0 {
            return None;
        }
        let named = (seat.hold != HoldId::NONE).then(|| &self.holds[&seat.hold]);
        Some(StoredSeat {
            number: row,
            status: seat.status,
            hold: seat.hold,
            buyer: named.map(|hold| hold.buyer.clone()),
            deadline: named.filter(|_| seat.status.is_taken()).map_or(At(0), |hold| hold.deadline),
            price: seat.price,
            tier: seat.tier,
            reference: named.and_then(|hold| hold.reference.clone()),
            cause: seat.cause,
            offset: named.map_or(0, |hold| hold.offset),
            changed: seat.changed,
            block: self.blocks.get(&number).cloned(),
        })
    }
}
