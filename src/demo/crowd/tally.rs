//! What the crowd did, and what it was told.

use std::collections::BTreeMap;

use crate::domain::outcome::{Outcome, OutcomeBody, Role};
use crate::domain::refusal::Code;
use crate::domain::seat::Cause;

/// Counts since the opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Buyers who have come.
    pub buyers: u64,
    /// Requests sent, copies among them.
    pub requests: u64,
    /// Requests sent again with the same id.
    pub copies: u64,
    /// Claims.
    pub claims: u64,
    /// Confirms.
    pub confirms: u64,
    /// Releases.
    pub releases: u64,
    /// Cancels.
    pub cancels: u64,
    /// Holds that their buyers walked away from.
    pub abandoned: u64,
    /// Buyers who went without what they wanted.
    pub gave_up: u64,
    /// Buyers who came back for what was left.
    pub returned: u64,
    /// Answers to what the crowd asked.
    pub answers: u64,
    /// What was read on the outcome topics.
    pub heard: Heard,
}

/// Outcomes read, whoever asked for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Claims granted.
    pub held: u64,
    /// Holds booked.
    pub booked: u64,
    /// Holds that ended unbooked, for whatever cause.
    pub released: u64,
    /// Of those the ones whose time was up.
    pub expired: u64,
    /// Bookings given back, in whole or in part.
    pub cancelled: u64,
    /// Changes of the event.
    pub changed: u64,
    /// Answers that say where a wish stands that had been granted before.
    pub repeats: u64,
    /// Refusals by code.
    pub refused: BTreeMap<Code, u64>,
}

impl Heard {
    /// All refusals.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// All outcomes.
    #[must_use]
    pub fn total(&self) -> u64 {
        let granted = self.held + self.booked + self.released + self.cancelled + self.changed;
        granted + self.repeats + self.refusals()
    }

    pub(super) fn take(&mut self, outcome: &Outcome) {
        match &outcome.body {
            OutcomeBody::Refused(refusal) => *self.refused.entry(refusal.code).or_default() += 1,
            OutcomeBody::Held(_)
            | OutcomeBody::Extended(_)
            | OutcomeBody::Booked(_)
            | OutcomeBody::Released(_)
            | OutcomeBody::Cancelled(_)
            | OutcomeBody::Exchanged(_)
            | OutcomeBody::Changed(_)
                if outcome.header.role == Role::Repeat =>
            {
                self.repeats += 1;
            }
            OutcomeBody::Held(_) => self.held += 1,
            OutcomeBody::Booked(_) => self.booked += 1,
            OutcomeBody::Released(released) => {
                self.released += 1;
                self.expired += u64::from(released.cause == Cause::Expired);
            }
            OutcomeBody::Cancelled(_) => self.cancelled += 1,
            OutcomeBody::Changed(_) => self.changed += 1,
            OutcomeBody::Extended(_) => unreachable!("nobody of the crowd asks for more time"),
            OutcomeBody::Exchanged(_) => unreachable!("nobody of the crowd asks for other places"),
        }
    }
}
