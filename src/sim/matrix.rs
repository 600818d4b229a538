//! Which fault struck at which step, how often; and what must be struck and was not.

use std::collections::BTreeMap;

use super::fault::{Fault, IMPOSSIBLE, Report, Step};

/// Counts of faults by step, and of what drivers reported.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    cells: BTreeMap<(Fault, Step), u64>,
    reports: BTreeMap<Report, u64>,
    met: BTreeMap<Step, u64>,
}

impl Matrix {
    pub(super) fn hit(&mut self, fault: Fault, step: Step) {
        *self.cells.entry((fault, step)).or_default() += 1;
    }

    pub(super) fn report(&mut self, report: Report) {
        *self.reports.entry(report).or_default() += 1;
    }

    pub(super) fn meet(&mut self, step: Step) {
        *self.met.entry(step).or_default() += 1;
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Matrix) {
        for (cell, count) in &other.cells {
            *self.cells.entry(*cell).or_default() += count;
        }
        for (report, count) in &other.reports {
            *self.reports.entry(*report).or_default() += count;
        }
        for (step, count) in &other.met {
            *self.met.entry(*step).or_default() += count;
        }
    }

    /// How often a fault struck at a step.
    #[must_use]
    pub fn count(&self, fault: Fault, step: Step) -> u64 {
        self.cells.get(&(fault, step)).copied().unwrap_or(0)
    }

    /// How often a driver reported a fault.
    #[must_use]
    pub fn reported(&self, report: Report) -> u64 {
        self.reports.get(&report).copied().unwrap_or(0)
    }

    /// How often a step was met.
    #[must_use]
    pub fn met(&self, step: Step) -> u64 {
        self.met.get(&step).copied().unwrap_or(0)
    }

    /// What was never struck and should have been.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let possible = |step: &&Step| !IMPOSSIBLE.iter().any(|(other, _)| other == *step);
        let mut missing = vec![];
        for step in Step::ALL.iter().filter(possible) {
            for fault in Fault::ALL.iter().filter(|fault| self.count(**fault, *step) == 0) {
                missing.push(format!("{} at {}", fault.name(), step.name()));
            }
        }
        let silent = Report::ALL.iter().filter(|report| self.reported(**report) == 0);
        missing.extend(silent.map(|report| report.name().to_owned()));
        missing
    }
}
