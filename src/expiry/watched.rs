//! One event: how it stands, what was asked for it, and when to look at it again.

use super::{FAILED_AFTER, IN_VAIN_AFTER, PAUSE_MAX, ROUND_MAX, UNANSWERED_AFTER};
use crate::domain::limits::{GRACE, LAPSED_ROWS_MAX};
use crate::domain::time::{At, Millis};
use crate::wire::inventory::Inventory;

/// Before every other time.
const NO_PAUSE: At = At(i64::MIN);

/// An event with live holds.
#[derive(Debug)]
pub(super) struct Watched {
    standing: Standing,
    /// Requests of the next round, unless the present one stays unanswered.
    size: u32,
    round: Option<Round>,
    /// No round begins before.
    pause: At,
    /// Rounds, one after the other, that were answered and ended nothing.
    in_vain: u32,
    /// Rounds, one after the other, before the present one that were not answered.
    unanswered: u32,
}

/// What the event's latest inventory record says.
#[derive(Clone, Copy, Debug)]
struct Standing {
    deadline: At,
    position: i64,
    sequence: i64,
    at: At,
    /// Rows held, lapsed or not.
    held: i64,
}

/// Requests that were sent together.
#[derive(Clone, Copy, Debug)]
struct Round {
    sent_at: At,
    /// Sequence of the event before.
    sequence: i64,
    /// Requests of which nothing is known yet.
    unreported: u32,
    /// The highest offset of those on the log.
    landed: Option<i64>,
}

impl Watched {
    pub(super) fn new(inventory: &Inventory, deadline: At) -> Watched {
        let standing = Standing::new(inventory, deadline);
        Watched { standing, size: 1, round: None, pause: NO_PAUSE, in_vain: 0, unanswered: 0 }
    }

    pub(super) fn deadline(&self) -> At {
        self.standing.deadline
    }

    /// When there may be something to send.
    pub(super) fn look(&self) -> At {
        let due_at = self.standing.due_at();
        match &self.round {
            None => due_at.max(self.pause),
            Some(round) => {
                let patience = doubled(UNANSWERED_AFTER, self.unanswered);
                due_at.max(round.sent_at.plus(patience))
            }
        }
    }

    pub(super) fn learn(&mut self, inventory: &Inventory, deadline: At, now: At) {
        let before = self.standing;
        self.standing = Standing::new(inventory, deadline);
        let due_at = self.standing.due_at();
        // A pause is for what was asked in vain. Somebody else has got further: so may we.
        let moved = self.standing.sequence > before.sequence;
        if self.round.is_none() && moved && self.standing.at >= due_at {
            self.end_pause();
        }
        self.reconsider(now);
    }

    /// The brokers' word on one request: its offset, or that there is none.
    pub(super) fn on_report(&mut self, offset: Option<i64>, now: At) {
        let Some(round) = &mut self.round else { return };
        round.unreported = round.unreported.saturating_sub(1);
        round.landed = round.landed.max(offset);
        if round.unreported == 0 && round.landed.is_none() {
            self.pause = round.sent_at.plus(FAILED_AFTER);
            self.size = 1;
            self.round = None;
        }
        self.reconsider(now);
    }

    /// Hands out a round, the next one or one request in place of an unanswered one.
    pub(super) fn begin_round(&mut self, now: At) -> u32 {
        assert!(self.standing.due_at() <= now, "nothing is asked before deadline and grace");
        if self.round.is_some() {
            self.size = 1;
            self.unanswered += 1;
        }
        assert!((1..=ROUND_MAX).contains(&self.size), "a round of {}", self.size);
        self.round = Some(Round {
            sent_at: now,
            sequence: self.standing.sequence,
            unreported: self.size,
            landed: None,
        });
        self.size
    }

    /// Looks at the event as it stands: nothing due, answered, or to be waited for.
    fn reconsider(&mut self, now: At) {
        if self.standing.due_at() > now {
            self.round = None;
            self.size = 1;
            self.unanswered = 0;
            self.end_pause();
            return;
        }
        if let Some(round) = self.round.filter(|round| self.standing.answers(round)) {
            self.round = None;
            self.unanswered = 0;
            self.on_answer(round, now);
        }
    }

    /// All of the round is answered, and something is due by our clock all the same.
    fn on_answer(&mut self, round: Round, now: At) {
        let due_at = self.standing.due_at();
        let ended = self.standing.sequence > round.sequence;
        self.in_vain = if ended { 0 } else { self.in_vain.saturating_add(1) };
        let lapsed_by_log_time = self.standing.at >= due_at;
        self.size = if ended && lapsed_by_log_time {
            self.size.saturating_mul(2).min(ROUND_MAX).min(self.standing.useful())
        } else {
            1
        };
        // What became due after the round was sent says nothing about anybody's clock.
        let behind = !lapsed_by_log_time && due_at <= round.sent_at;
        let difference = if behind { due_at.since(self.standing.at) } else { Millis(0) };
        let vain = match self.in_vain.checked_sub(1) {
            None => Millis(0),
            Some(before) => doubled(IN_VAIN_AFTER, before),
        };
        self.pause = now.plus(difference.max(vain).min(PAUSE_MAX));
    }

    fn end_pause(&mut self) {
        self.pause = NO_PAUSE;
        self.in_vain = 0;
    }
}

impl Standing {
    fn new(inventory: &Inventory, deadline: At) -> Standing {
        Standing {
            deadline,
            position: inventory.position,
            sequence: inventory.sequence,
            at: inventory.at,
            held: inventory.counts.iter().map(|count| count.held.max(0)).sum(),
        }
    }

    fn due_at(&self) -> At {
        self.deadline.plus(GRACE)
    }

    fn answers(&self, round: &Round) -> bool {
        round.unreported == 0 && round.landed.is_some_and(|landed| landed < self.position)
    }

    /// How many requests end every hold there is, if all have lapsed.
    fn useful(&self) -> u32 {
        let held = usize::try_from(self.held).unwrap_or(0);
        u32::try_from(held.div_ceil(LAPSED_ROWS_MAX)).unwrap_or(u32::MAX).max(1)
    }
}

fn doubled(first: Millis, times: u32) -> Millis {
    Millis(first.0.saturating_mul(1 << times.min(32)).min(PAUSE_MAX.0))
}
