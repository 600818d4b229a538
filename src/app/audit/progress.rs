//! How far an audit is, in words for whoever waits for it.
//!
//! Counted in offsets, not in records: ends are offsets, and how many markers of transactions lie
//! among the records nobody tells beforehand.

use std::time::{Duration, Instant};

use crate::ports::clock::ticks;

/// How long no second line follows the first.
const PAUSE: Duration = Duration::from_millis(400);

/// Says how far a piece of work is, a few times a second at most.
pub(super) struct Progress<Tell> {
    tell: Tell,
    told: Option<Instant>,
    what: String,
    unit: &'static str,
    /// What is behind us for good, and all there is.
    done: i64,
    total: i64,
}

impl<Tell: FnMut(&str)> Progress<Tell> {
    pub(super) fn new(tell: Tell) -> Progress<Tell> {
        Progress { tell, told: None, what: String::new(), unit: "", done: 0, total: 0 }
    }

    /// Begins another piece of work.
    pub(super) fn begin(&mut self, what: String, unit: &'static str, total: i64) {
        (self.what, self.unit, self.done, self.total) = (what, unit, 0, total);
        self.at(0);
    }

    /// So much of the present part is read.
    pub(super) fn at(&mut self, read: i64) {
        let now = ticks();
        if self.told.is_some_and(|told| now.duration_since(told) < PAUSE) {
            return;
        }
        self.told = Some(now);
        let Progress { what, unit, done, total, .. } = self;
        // The log grows while it is read.
        let read = (*done + read).min(*total);
        (self.tell)(&format!("{what}: read {read} of {total} {unit}"));
    }

    /// A part is read to its end, which was so far.
    pub(super) fn done(&mut self, read: i64) {
        self.at(read);
        self.done += read;
    }

    /// Says something else.
    pub(super) fn tell(&mut self, words: &str) {
        (self.tell)(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_records_few_lines_are_told() {
        let mut lines: Vec<String> = vec![];
        let mut progress = Progress::new(|line: &str| lines.push(line.into()));
        progress.begin("partition 3".into(), "offsets", 100);
        (1..=50).for_each(|offset| progress.at(offset));
        progress.done(50);
        progress.told = None;
        progress.at(70);
        assert_eq!(
            lines,
            ["partition 3: read 0 of 100 offsets", "partition 3: read 100 of 100 offsets"],
        );
    }
}
