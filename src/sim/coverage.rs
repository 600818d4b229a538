//! What worlds have met: whether a green run means anything.
//!
//! A simulator that never asks the bad question passes every test. So all that a request can meet
//! is written down as points ([`point`]), each one counted, and those that no seed of a run has
//! reached are a failure like any other ([`Coverage::missing`]). Counting lines of code instead
//! would be wrong: each line may have run, and no hold may ever have lapsed under the request that
//! names it.
//!
//! What is asked of the caller: each request with its outcomes, and those of one event in the order
//! of their sequence. Another order makes a count wrong here and there, and harms nothing else.

mod impossible;
pub mod point;
mod story;

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::outcome::{Outcome, OutcomeBody, Role};
use crate::domain::refusal::Code;
use crate::domain::request::Request;
use crate::wire::dead_letter::Reason;

use point::{Form, Kind, Point, Repeat, Standing};
use story::Story;

/// How a world was run, and so what it can be expected to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// One owner after the other in good health.
    Calm,
    /// With faults, which alone reach some of it.
    WithFaults,
}

/// What was met, and how often. One world is followed at a time; the counts of many are merged.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<Point, Count>,
    story: Story,
}

/// How often, and in how many worlds.
#[derive(Clone, Copy, Debug)]
struct Count {
    times: u64,
    worlds: u64,
}

impl Coverage {
    /// Takes in a request that could be read.
    pub fn see_request(&mut self, request: &Request) {
        self.count(Point::Asked(Kind::of(&request.body)));
    }

    /// Takes in one of the outcomes of a request.
    pub fn see_outcome(&mut self, request: &Request, outcome: &Outcome) {
        let kind = Kind::of(&request.body);
        match outcome.header.role {
            Role::Derived => self.count(Point::Derived(kind)),
            Role::Repeat => {
                if let Some(repeat) = Repeat::of(kind, &outcome.body) {
                    self.count(Point::Repeated(repeat));
                }
                self.count_hold(kind, request, outcome);
            }
            Role::Answer => {
                self.count_answer(kind, request, outcome);
                self.count_hold(kind, request, outcome);
            }
        }
        let Coverage { counts, story } = self;
        story.follow(outcome, |point| meet(counts, point));
    }

    /// Takes in the answer to a record that could not be read, or had no place to be read at.
    pub fn see_dead_letter(&mut self, reason: Reason) {
        self.count(Point::Dead(reason as i32));
    }

    /// Takes in the counts of other worlds.
    pub fn merge(&mut self, other: &Coverage) {
        for (&point, count) in &other.counts {
            let all = self.counts.entry(point).or_insert(Count { times: 0, worlds: 0 });
            all.times += count.times;
            all.worlds += count.worlds;
        }
    }

    /// All there is to be met, in order: group, name, and how often it was.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, String, u64)> {
        Point::all().into_iter().map(|point| {
            let (group, row, column) = point.names();
            let name = if column.is_empty() { row.into() } else { format!("{row} {column}") };
            (group, name, self.times(point))
        })
    }

    /// What was never met and should have been.
    #[must_use]
    pub fn missing(&self, run: Run) -> Vec<String> {
        let expected = |point: &Point| match run {
            Run::Calm => !point.needs_faults(),
            Run::WithFaults => true,
        };
        let unmet = Point::all().into_iter().filter(|point| {
            point.impossible().is_none() && expected(point) && !self.counts.contains_key(point)
        });
        unmet.map(|point| point.to_string()).collect()
    }

    /// What was met in the fewest worlds, and in how many, the rarest first.
    #[must_use]
    pub fn rarest(&self, most: usize) -> Vec<(u64, String)> {
        let mut met: Vec<(u64, Point)> =
            self.counts.iter().map(|(&point, count)| (count.worlds, point)).collect();
        met.sort_unstable();
        met.into_iter().take(most).map(|(worlds, point)| (worlds, point.to_string())).collect()
    }

    fn times(&self, point: Point) -> u64 {
        self.counts.get(&point).map_or(0, |count| count.times)
    }

    fn count(&mut self, point: Point) {
        meet(&mut self.counts, point);
    }

    fn count_answer(&mut self, kind: Kind, request: &Request, outcome: &Outcome) {
        let stage = self.story.stage(&request.event);
        if let OutcomeBody::Refused(refusal) = &outcome.body {
            self.count(Point::Code(refusal.code));
            if point::is_judged_by_state(refusal.code) {
                self.count(Point::Refused(kind, stage));
            }
            return;
        }
        self.count(Point::Granted(kind, stage));
        Form::each_of(&request.body, &outcome.body, |form| self.count(Point::Form(form)));
    }

    /// How the hold stands that a request names, if its event was looked at.
    fn count_hold(&mut self, kind: Kind, request: &Request, outcome: &Outcome) {
        let early = matches!(&outcome.body,
            OutcomeBody::Refused(refusal) if !point::is_judged_by_state(refusal.code));
        if let Some(hold) = request.hold()
            && !early
        {
            let known = self.story.standing(hold, outcome.header.offset);
            let forgotten = known != Standing::Never && is_unknown(&outcome.body);
            let standing = if forgotten { Standing::Resold } else { known };
            self.count(Point::Standing(kind, standing));
        }
    }
}

fn meet(counts: &mut BTreeMap<Point, Count>, point: Point) {
    counts.entry(point).or_insert(Count { times: 0, worlds: 1 }).times += 1;
}

fn is_unknown(body: &OutcomeBody) -> bool {
    matches!(body, OutcomeBody::Refused(refusal) if refusal.code == Code::UnknownHold)
}

/// A line for each row of a group, its columns side by side.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = ("", "");
        for point in Point::all() {
            let (group, row, column) = point.names();
            if (group, row) != last {
                let shown = if group == last.0 { "" } else { group };
                let end = if last.0.is_empty() { "" } else { "\n" };
                write!(f, "{end}{shown:<12} {row:<24}")?;
                last = (group, row);
            }
            let count = self.times(point);
            let told = match (point.impossible(), count) {
                (Some(_), 0) => "-".into(),
                (Some(_) | None, _) => count.to_string(),
            };
            let gap = if column.is_empty() { "" } else { "  " };
            write!(f, "{gap}{column} {told:>9}")?;
        }
        writeln!(f)
    }
}
