//! The delayed-expiry worker: wakes events whose holds have lapsed while nobody came.
//!
//! A state machine without IO. It is told how events stand (`booking.inventory`) and what became of
//! what it asked; it answers which events need how many Expire requests now. Every decision ends
//! lapsed holds first, so it is quiet events that need to be woken, and nothing ever depends on it
//! being done only once: an Expire that comes too often is answered `nothing-due`. It names no
//! hold, so a late one cannot touch whoever has the seats by then (F2).
//!
//! # Wrong ways
//! - *A timer per hold*, fed from `booking.held`: timers are lost at a restart unless a low-water
//!   offset is kept, retention can overtake that offset, and three topics must lie on one worker
//!   (K26). The inventory has the earliest deadline of every event, is compacted, and is read from
//!   its start.
//! - *Sending at every tick while something is due*: the requests of an outage pile up on the log
//!   and are all answered when the owner is back (K17). So what was asked is waited for.
//! - *Remembering what was sent and never asking again*: one lost request, and the hold stays for
//!   good. So an answer that does not come is waited for with a bound.
//! - *Freeing seats in the ledger*: it would make a second writer. Only the owner judges what has
//!   lapsed.
//!
//! # Rules
//! - Nothing is asked before an event's earliest deadline + [`GRACE`](crate::domain::limits::GRACE)
//!   by our clock.
//! - Then one *round*: at first one request. A round is answered when the position of an inventory
//!   record lies beyond the offsets of all its requests.
//! - Answered, the event's sequence has risen, and still due: the next round at once, twice as
//!   large, since one Expire ends [`LAPSED_ROWS_MAX`](crate::domain::limits::LAPSED_ROWS_MAX) rows
//!   or a few more. No larger than [`ROUND_MAX`] and no larger than the rows held need. Nothing due
//!   any more: back to one.
//! - Answered, and log time had not reached the deadline although our clock had: the broker's clock
//!   or the owner's is behind ours. One again when the difference has passed.
//! - Answered, and nothing ended: our signature may not be accepted, or the owner is wrong. One
//!   again after a pause that doubles, so that what is refused stays little.
//! - No answer: one again after 30 s, 1 min, 2 min and so on up to 16 min: of an event that had one
//!   under way, six lie on the log after 16 min of an outage, eight after an hour.
//! - Nobody took the request: one again, at most once a second.
//! - Suspended events are left alone, and events without live holds forgotten; the next inventory
//!   record brings either back.
//! - Over all events at most [`REQUESTS_PER_WINDOW`] in [`WINDOW`], longest due first, so that a
//!   restart with everything overdue does not stand in front of the claims.
//!
//! # Several workers
//! Each does all partitions; none knows of the others, and none has a share to hand over. Two of
//! them double the requests of quiet events, and the second answer is `nothing-due`; one goes on
//! when the other dies.

mod watched;

use std::collections::{BTreeSet, HashMap};

use self::watched::Watched;
use crate::domain::ids::EventId;
use crate::domain::time::{At, Millis};
use crate::wire::inventory::Inventory;

/// Requests of one round: some 32,000 rows, after six doublings.
pub const ROUND_MAX: u32 = 64;
/// How long the first round of an event may stay unanswered before one is sent again.
pub const UNANSWERED_AFTER: Millis = Millis(30_000);
/// The longest time between two requests for an event that has something due.
pub const PAUSE_MAX: Millis = Millis(16 * 60 * 1_000);
/// The pause after an answer that ended nothing; it doubles up to [`PAUSE_MAX`].
pub const IN_VAIN_AFTER: Millis = Millis(20);
/// How long after a round of which nothing reached the log the next one may be sent.
pub const FAILED_AFTER: Millis = Millis(1_000);
/// Requests of one [`WINDOW`], over all events. The last round may go beyond it.
pub const REQUESTS_PER_WINDOW: u32 = 250;
/// The length over which requests are counted.
pub const WINDOW: Millis = Millis(50);

/// All events with live holds, by when to look at them next.
#[derive(Debug, Default)]
pub struct Expiry {
    events: HashMap<EventId, Watched>,
    /// When to look at which event: one pair for each of `events`.
    looks: BTreeSet<(At, EventId)>,
    /// The time we were last told.
    now: At,
    window: Window,
}

impl Expiry {
    /// Knows of no event.
    #[must_use]
    pub fn new() -> Expiry {
        Expiry::default()
    }

    /// The latest record of an event counts, whatever came before.
    pub fn on_inventory(&mut self, inventory: &Inventory, now: At) {
        self.now = now;
        let event = &inventory.event;
        let Some(deadline) = inventory.earliest_deadline.filter(|_| !inventory.suspended) else {
            if let Some(watched) = self.events.remove(event) {
                self.looks.remove(&(watched.look(), event.clone()));
            }
            return;
        };
        if self.events.contains_key(event) {
            self.change(event, |watched, now| watched.learn(inventory, deadline, now));
        } else {
            let watched = Watched::new(inventory, deadline);
            self.looks.insert((watched.look(), event.clone()));
            self.events.insert(event.clone(), watched);
        }
    }

    /// A request of the event's round lies on the log, at this offset.
    pub fn on_sent(&mut self, event: &EventId, offset: i64) {
        self.change(event, |watched, now| watched.on_report(Some(offset), now));
    }

    /// A request of the event's round did not reach the log, as far as anybody knows.
    pub fn on_failed(&mut self, event: &EventId) {
        self.change(event, |watched, now| watched.on_report(None, now));
    }

    /// Which events need how many Expire requests now. They count as handed out: each is to be
    /// reported by [`Expiry::on_sent`] or [`Expiry::on_failed`].
    pub fn due(&mut self, now: At) -> Vec<(EventId, u32)> {
        self.now = now;
        let mut due = vec![];
        while self.window.is_open(now) {
            let Some((_, event)) = self.looks.first().filter(|(look, _)| *look <= now) else {
                break;
            };
            let event = event.clone();
            let mut requests = 0;
            self.change(&event, |watched, now| requests = watched.begin_round(now));
            self.window.taken += requests;
            due.push((event, requests));
        }
        due
    }

    /// When [`Expiry::due`] will next have something to say, if nothing is heard until then.
    #[must_use]
    pub fn next_due(&self) -> Option<At> {
        let (look, _) = self.looks.first()?;
        Some(self.window.open_from().map_or(*look, |open| open.max(*look)))
    }

    /// The earliest deadline of an event, unless it has none or is left alone.
    #[must_use]
    pub fn deadline(&self, event: &EventId) -> Option<At> {
        self.events.get(event).map(Watched::deadline)
    }

    /// Changes what is known of an event, and keeps the index. Reports of forgotten events are
    /// late.
    fn change(&mut self, event: &EventId, change: impl FnOnce(&mut Watched, At)) {
        let Some(watched) = self.events.get_mut(event) else { return };
        let before = watched.look();
        change(watched, self.now);
        let after = watched.look();
        if before != after {
            let removed = self.looks.remove(&(before, event.clone()));
            assert!(removed, "{event} was not in the index");
            self.looks.insert((after, event.clone()));
        }
    }
}

/// Counts requests over a short time.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: At,
    taken: u32,
}

impl Window {
    /// Whether more may be sent; begins a new window when the present one is over or the clock was
    /// set back.
    fn is_open(&mut self, now: At) -> bool {
        if now < self.began || now >= self.began.plus(WINDOW) {
            *self = Window { began: now, taken: 0 };
        }
        self.taken < REQUESTS_PER_WINDOW
    }

    fn open_from(self) -> Option<At> {
        (self.taken >= REQUESTS_PER_WINDOW).then(|| self.began.plus(WINDOW))
    }
}

#[cfg(test)]
mod tests;
