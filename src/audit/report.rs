//! What an audit comes to, over one partition or all of them.

use std::collections::BTreeMap;
use std::fmt;

use super::finding::{Check, Finding};
use crate::domain::refusal::Code;

/// Findings a report spells out; the rest are only counted.
const FINDINGS_MAX: usize = 100;

/// Counts and findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Request records, readable or not.
    pub requests: u64,
    /// Answers, repeats among them.
    pub answers: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Claims granted.
    pub held: u64,
    /// Holds booked.
    pub booked: u64,
    /// Holds that ended unbooked, for whatever cause.
    pub released: u64,
    /// Deadlines moved.
    pub extended: u64,
    /// Bookings given back, wholly or in part.
    pub cancelled: u64,
    /// Bookings that got other places.
    pub exchanged: u64,
    /// Changes of events.
    pub changed: u64,
    /// Refusals by code.
    pub refused: BTreeMap<Code, u64>,
    /// Requests decided at a time before that of their record: log time was ahead of the owner.
    pub clamped: u64,
    /// Places in live holds at the end.
    pub seats_held: u64,
    /// Places sold at the end.
    pub seats_booked: u64,
    /// Places kept from sale at the end.
    pub seats_blocked: u64,
    /// Places of all defined events.
    pub seats_total: u64,
    /// Grants of a seat that had a holder.
    pub oversold: u64,
    /// Requests without an answer. A log read while owners are at work ends in some.
    pub lost: u64,
    /// Requests with more than one answer.
    pub duplicated: u64,
    /// Steps of a sequence by other than one.
    pub sequence_gaps: u64,
    /// Holds ended before their time.
    pub early_expiries: u64,
    /// All divergences, those above among them.
    pub divergences: u64,
    /// The one of the lowest partition and, in that, about the lowest request.
    pub first_divergence: Option<Finding>,
    /// The first hundred that were found, by offset within each partition.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether the log is as the rules say.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.divergences == 0
    }

    /// Takes in one more divergence.
    pub fn add(&mut self, finding: Finding) {
        self.divergences += 1;
        match finding.check {
            Check::TwoHolders => self.oversold += 1,
            Check::Lost => self.lost += 1,
            Check::Duplicated => self.duplicated += 1,
            Check::Sequence => self.sequence_gaps += 1,
            Check::EarlyExpiry => self.early_expiries += 1,
            Check::Identity
            | Check::Order
            | Check::Time
            | Check::Seats
            | Check::Price
            | Check::Limit
            | Check::Sale
            | Check::Block
            | Check::Refund
            | Check::Hold
            | Check::LateExpiry
            | Check::Refusal
            | Check::Suspended
            | Check::Conservation
            | Check::Recount
            | Check::Decision
            | Check::Ledger
            | Check::Unreadable => {}
        }
        self.note_first(&finding);
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Of two about the same request the one told first stays.
    fn note_first(&mut self, finding: &Finding) {
        let first = self.first_divergence.as_ref();
        if first.is_none_or(|first| finding.rank() < first.rank()) {
            self.first_divergence = Some(finding.clone());
        }
    }

    /// Takes in the report on another partition.
    pub fn merge(&mut self, other: Report) {
        // Taken apart by name, so that a new field cannot be forgotten here.
        let Report {
            requests,
            answers,
            dead_letters,
            held,
            booked,
            released,
            extended,
            cancelled,
            exchanged,
            changed,
            refused,
            clamped,
            seats_held,
            seats_booked,
            seats_blocked,
            seats_total,
            oversold,
            lost,
            duplicated,
            sequence_gaps,
            early_expiries,
            divergences,
            first_divergence,
            findings,
        } = other;
        self.requests += requests;
        self.answers += answers;
        self.dead_letters += dead_letters;
        self.held += held;
        self.booked += booked;
        self.released += released;
        self.extended += extended;
        self.cancelled += cancelled;
        self.exchanged += exchanged;
        self.changed += changed;
        for (code, count) in refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.clamped += clamped;
        self.seats_held += seats_held;
        self.seats_booked += seats_booked;
        self.seats_blocked += seats_blocked;
        self.seats_total += seats_total;
        self.oversold += oversold;
        self.lost += lost;
        self.duplicated += duplicated;
        self.sequence_gaps += sequence_gaps;
        self.early_expiries += early_expiries;
        self.divergences += divergences;
        if let Some(first) = &first_divergence {
            self.note_first(first);
        }
        let room = FINDINGS_MAX - self.findings.len().min(FINDINGS_MAX);
        self.findings.extend(findings.into_iter().take(room));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("requests", self.requests),
            ("answers", self.answers),
            ("dead letters", self.dead_letters),
            ("held", self.held),
            ("booked", self.booked),
            ("released", self.released),
            ("extended", self.extended),
            ("cancelled", self.cancelled),
            ("exchanged", self.exchanged),
            ("changed", self.changed),
            ("refused", self.refused.values().sum()),
            ("clamped times", self.clamped),
            ("seats in all", self.seats_total),
            ("seats held", self.seats_held),
            ("seats booked", self.seats_booked),
            ("seats blocked", self.seats_blocked),
            ("oversold", self.oversold),
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("sequence gaps", self.sequence_gaps),
            ("early expiries", self.early_expiries),
            ("divergences", self.divergences),
        ];
        for (name, count) in rows {
            writeln!(f, "{name:<24}{count:>12}")?;
            if name == "refused" {
                for (code, count) in &self.refused {
                    writeln!(f, "  {:<22}{count:>12}", code.name())?;
                }
            }
        }
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}
