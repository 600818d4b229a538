//! One event in memory: what it is, who has which place, and the indexes that keep decisions cheap.
//!
//! Read by `decide`, changed by `apply` only (the fields are visible inside `domain` for that
//! reason). Every index can be recounted from the seats; [`EventState::recount`] does, for tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::free_set::FreeSet;
use super::hold::Hold;
use super::ids::{BuyerId, EventId, HoldId, Reference, SeatNumber};
use super::layout::Layout;
use super::limits::GRACE;
use super::seat::{Cause, Seat, Status, StoredSeat};
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
    pub by_tier: BTreeMap<u16, u32>,
    /// Live holds, lapsed but not yet ended ones among them.
    pub live_holds: BTreeSet<HoldId>,
}

impl Buyer {
    /// Held plus booked places.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.by_tier.values().sum()
    }
}

/// A hold that ended, as its former places remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// Whose it was.
    pub buyer: BuyerId,
    /// Why it ended.
    pub cause: Cause,
    /// Offset of its claim.
    pub offset: i64,
    /// Free places that still name it.
    pub places: u32,
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
    pub(super) holds: HashMap<HoldId, Hold>,
    pub(super) references: HashMap<Reference, HoldId>,
    leavers: HashMap<HoldId, Leaver>,
    deadlines: BTreeSet<(At, HoldId)>,
    buyers: HashMap<BuyerId, Buyer>,
    free: Vec<FreeSet>,
    taken: BTreeMap<(usize, u16), Taken>,
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
            holds: HashMap::new(),
            references: HashMap::new(),
            leavers: HashMap::new(),
            deadlines: BTreeSet::new(),
            buyers: HashMap::new(),
            free: vec![],
            taken: BTreeMap::new(),
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
        self.free = (0..layout.sections()).map(|s| FreeSet::full(layout.span(s).1)).collect();
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

    /// A live hold or a booking.
    #[must_use]
    pub fn find_hold(&self, id: HoldId) -> Option<&Hold> {
        self.holds.get(&id)
    }

    /// A hold that ended and that a free place still names.
    #[must_use]
    pub fn leaver(&self, id: HoldId) -> Option<&Leaver> {
        self.leavers.get(&id)
    }

    /// The booking a reference confirmed.
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

    /// Live holds with their deadlines, the oldest deadline first.
    pub fn deadlines(&self) -> impl Iterator<Item = (At, HoldId)> {
        self.deadlines.iter().copied()
    }

    /// Live holds that have lapsed by `at`, the oldest deadline first.
    pub fn lapsed(&self, at: At) -> impl Iterator<Item = HoldId> {
        let until = at.minus(GRACE);
        self.deadlines.iter().take_while(move |(due, _)| *due <= until).map(|(_, hold)| *hold)
    }

    /// How many live holds there are, and the earliest of their deadlines.
    #[must_use]
    pub fn live_holds(&self) -> (usize, Option<At>) {
        (self.deadlines.len(), self.deadlines.first().map(|(due, _)| *due))
    }

    /// Held and booked places by section and tier; pairs without any may be absent.
    pub fn taken(&self) -> impl Iterator<Item = ((usize, u16), Taken)> {
        self.taken.iter().map(|(&place, &taken)| (place, taken))
    }

    /// A place as the ledger is to keep it, or `None` when it was never touched.
    #[must_use]
    pub fn stored(&self, number: SeatNumber) -> Option<StoredSeat> {
        let seat = self.seat(number);
        if seat.changed == 0 {
            return None;
        }
        let (buyer, deadline, reference, offset) = match self.holds.get(&seat.hold) {
            Some(hold) => (&hold.buyer, hold.deadline, hold.reference.clone(), hold.offset),
            None => {
                let leaver = self.leavers.get(&seat.hold).expect("a free place knows who left it");
                (&leaver.buyer, At(0), None, leaver.offset)
            }
        };
        Some(StoredSeat {
            number,
            status: seat.status,
            hold: seat.hold,
            buyer: Some(buyer.clone()),
            deadline,
            price: seat.price,
            tier: seat.tier,
            reference,
            cause: seat.cause,
            offset,
            changed: seat.changed,
            block: None,
        })
    }

    pub(super) fn add_live_hold(&mut self, id: HoldId, hold: Hold) {
        self.deadlines.insert((hold.deadline, id));
        self.buyers.entry(hold.buyer.clone()).or_default().live_holds.insert(id);
        let other = self.holds.insert(id, hold);
        assert!(other.is_none(), "a hold is made once");
    }

    pub(super) fn end_live_hold(&mut self, id: HoldId, hold: &Hold) {
        let due = self.deadlines.remove(&(hold.deadline, id));
        assert!(due, "a live hold has a deadline");
        let buyer = self.buyers.get_mut(&hold.buyer).expect("a live hold's buyer is known");
        buyer.live_holds.remove(&id);
    }

    pub(super) fn remember_leaver(
        &mut self,
        id: HoldId,
        buyer: &BuyerId,
        offset: i64,
        cause: Cause,
    ) {
        let leaver = self.leavers.entry(id).or_insert_with(|| Leaver {
            buyer: buyer.clone(),
            cause,
            offset,
            places: 0,
        });
        leaver.places += 1;
    }

    pub(super) fn forget_leaver(&mut self, id: HoldId) {
        let Some(leaver) = self.leavers.get_mut(&id) else { return };
        leaver.places -= 1;
        if leaver.places == 0 {
            self.leavers.remove(&id);
        }
    }

    fn place(&self, number: SeatNumber) -> (usize, u32, u16) {
        let layout = self.layout.as_ref().expect("only a known event has places");
        let section = layout.section_of(number);
        (section, number.0 - layout.span(section).0, self.seat(number).tier)
    }

    pub(super) fn count_taken(&mut self, number: SeatNumber, buyer: &BuyerId) {
        let (section, index, tier) = self.place(number);
        self.free[section].remove(index);
        self.taken.entry((section, tier)).or_default().held += 1;
        let buyer = self.buyers.entry(buyer.clone()).or_default();
        *buyer.by_tier.entry(tier).or_default() += 1;
    }

    pub(super) fn count_booked(&mut self, number: SeatNumber) {
        let (section, _, tier) = self.place(number);
        let taken = self.taken.entry((section, tier)).or_default();
        taken.held -= 1;
        taken.booked += 1;
    }

    pub(super) fn count_freed(&mut self, number: SeatNumber, buyer: &BuyerId) {
        let (section, index, tier) = self.place(number);
        self.free[section].insert(index);
        self.taken.entry((section, tier)).or_default().held -= 1;
        let entry = self.buyers.get_mut(buyer).expect("a holder is known");
        let count = entry.by_tier.get_mut(&tier).expect("a holder has places of the tier");
        *count -= 1;
        if *count == 0 {
            entry.by_tier.remove(&tier);
        }
        if entry.by_tier.is_empty() && entry.live_holds.is_empty() {
            self.buyers.remove(buyer);
        }
    }

    /// Counts everything anew from the seats and compares.
    ///
    /// # Panics
    /// When an index disagrees with the seats: our own bug.
    pub fn recount(&self) {
        let Some(layout) = &self.layout else { return };
        let mut free = vec![0u32; layout.sections()];
        let mut by_hold: HashMap<HoldId, Vec<SeatNumber>> = HashMap::new();
        let mut leavers: HashMap<HoldId, u32> = HashMap::new();
        for (number, seat) in (0..).map(SeatNumber).zip(&self.seats) {
            match seat.status {
                Status::Free | Status::Blocked => {
                    free[layout.section_of(number)] += 1;
                    if seat.changed > 0 {
                        *leavers.entry(seat.hold).or_default() += 1;
                    }
                }
                Status::Held | Status::Booked => by_hold.entry(seat.hold).or_default().push(number),
            }
        }
        let counted: Vec<u32> = self.free.iter().map(FreeSet::count).collect();
        assert_eq!(free, counted, "free places by section");
        assert_eq!(by_hold.len(), self.holds.len(), "holds");
        for (id, seats) in &by_hold {
            let hold = &self.holds[id];
            assert_eq!(&hold.seats, seats, "places of hold {id}");
            assert_eq!(hold.is_booked(), !self.deadlines.contains(&(hold.deadline, *id)));
        }
        assert!(leavers.iter().all(|(id, count)| self.leavers[id].places == *count), "leavers");
        assert_eq!(leavers.len(), self.leavers.len());
        let of_buyers: u32 = self.buyers.values().map(Buyer::seats).sum();
        let taken: u32 = self.taken.values().map(|taken| taken.held + taken.booked).sum();
        let total: usize = by_hold.values().map(Vec::len).sum();
        assert_eq!((of_buyers as usize, taken as usize), (total, total), "taken places");
    }
}
