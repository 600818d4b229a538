//! Decides every request of the topics again, by the owner's own code, and compares.
//!
//! The independent model says whether an answer is right; this says whether it is the one that this
//! release gives: of several codes that hold the lowest, of several places the lowest free. It
//! needs the whole log of a partition, since the memory of ids is the partition's. What an owner
//! knew and the topics do not tell is taken from the answer itself: when it decided, how long the
//! request had waited, and what it thought of the signature.
//!
//! It lives here and not in `audit`: it is made of `decide` and the engine's own reading of
//! records, and the model must not even be able to call those.
//!
//! # Invariants
//! - An answer is compared as a value. It counts as comparable when its bytes are those that this
//!   release writes for it: other bytes are of another decision version, or of an older schema.
//! - One that is not comparable and comes to the same has left the event where it is, and what
//!   follows is compared. One that comes to something else ends the comparing of its event, and so
//!   does a divergence: everything after it would differ for that reason alone.
//! - What a suspended event answers is followed, not compared: the topics do not tell what stopped
//!   it.

use std::collections::HashMap;

use super::answer::Answer;
use super::progress::Progress;
use super::side_by_side::{SideBySide, Step};
use super::{SETTLE_MAX, answered_span};
use crate::app::Backend;
use crate::audit::{Check, Finding};
use crate::domain::change::Change;
use crate::domain::decide::{Asked, IdVerdict, refuse_unattached, step};
use crate::domain::event::EventState;
use crate::domain::ids::{EventId, Partition};
use crate::domain::outcome::{Header, Outcome, Role};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::Request;
use crate::engine::arrival::{Arrival, Content, SIGNATURE_MISSING};
use crate::engine::window::Window;
use crate::ports::clock::ticks;
use crate::ports::log::{LogRecord, OutRecord, Seal, Topic};
use crate::wire;
use crate::wire::dead_letter::Reason;

/// What deciding again came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redecided {
    /// Requests of the events asked for, and of no event.
    pub requests: u64,
    /// Those that come to the very same.
    pub same: u64,
    /// Those answered by another decision version or in an older schema, and what follows in an
    /// event that could not be followed past one.
    pub not_comparable: u64,
    /// Those that a suspended event answered.
    pub suspended: u64,
    /// Those that come after a divergence of their event.
    pub after_divergence: u64,
    /// Those that come to something else.
    pub divergences: u64,
    /// The first of them, by partition and offset.
    pub first_divergence: Option<Finding>,
}

impl Redecided {
    /// Whether nothing comes to something else.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.divergences == 0
    }
}

/// Decides again what was asked in these partitions, of one event or of all.
///
/// # Errors
/// When the log cannot be read. What comes to something else is no error.
pub fn redecide(
    backend: &Backend,
    partitions: &[Partition],
    only: Option<&EventId>,
    tell: impl FnMut(&str),
) -> anyhow::Result<Redecided> {
    let mut progress = Progress::new(tell);
    let mut log = SideBySide::open(&*backend.log)?;
    let settled_by = ticks() + SETTLE_MAX;
    let mut redecided = Redecided::default();
    for &partition in partitions {
        let span = answered_span(log.asked(), partition, settled_by, &mut progress)?;
        progress.begin(format!("partition {partition}"), "offsets", span.end);
        let count = backend.log.partitions();
        let mut again = Again::new(partition, count, only.cloned(), &mut redecided);
        log.read(&span, &mut |step| {
            if let Step::Request(record) = &step {
                progress.at(record.offset + 1);
            }
            again.take(step);
            Ok(())
        })?;
    }
    Ok(redecided)
}

/// One partition, decided again.
struct Again<'a> {
    partition: Partition,
    partitions: i32,
    only: Option<EventId>,
    window: Window,
    events: HashMap<EventId, Event>,
    /// What the next request came to.
    answers: Vec<(Answer, Vec<u8>)>,
    redecided: &'a mut Redecided,
}

/// An event, as far as it could be followed.
enum Event {
    Followed(Box<EventState>),
    /// What it was answered differed from here on.
    Diverged,
    /// Another version's answer came to something else.
    Lost,
}

/// The answers to one request.
struct Recorded {
    /// In the order in which they were decided.
    outcomes: Vec<Outcome>,
    dead_letters: Vec<Vec<u8>>,
    /// Whether this release writes what they say in these bytes.
    ours: bool,
}

impl Recorded {
    fn closing(&self) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.header.role != Role::Derived)
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.closing()?.body.refusal()
    }

    fn code(&self) -> Option<Code> {
        self.refusal().map(|refusal| refusal.code)
    }

    /// What the owner thought of the signature: only its refusal tells.
    fn seal(&self) -> Seal {
        match self.refusal() {
            Some(Refusal { code: Code::NotAuthorised, ground }) => {
                let absent = ground.detail == SIGNATURE_MISSING;
                if absent { Seal::Absent } else { Seal::Invalid }
            }
            Some(_) | None => Seal::Valid,
        }
    }

    /// The dead letter by which an older release said that it did not know the schema. That release
    /// did not know the id either: put back under it, the request is a new one.
    fn unread(&self) -> Option<OutRecord> {
        let [value] = &self.dead_letters[..] else { return None };
        let letter = wire::dead_letter::decode(value).ok()?;
        let unknown = self.outcomes.is_empty() && letter.reason == Reason::UnknownSchema;
        let ours = wire::dead_letter::encode(&letter);
        unknown.then_some(ours)
    }
}

impl<'a> Again<'a> {
    fn new(
        partition: Partition,
        partitions: i32,
        only: Option<EventId>,
        redecided: &'a mut Redecided,
    ) -> Again<'a> {
        Again {
            partition,
            partitions,
            only,
            window: Window::default(),
            events: HashMap::new(),
            answers: vec![],
            redecided,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Answer(record, Ok(answer)) if answer.is_about(self.partition, ..) => {
                self.answers.push((answer, record.value.unwrap_or_default()));
            }
            // What belongs to no request here is for the independent audit to find.
            Step::Answer(..) | Step::Behind { .. } => {}
            Step::Request(record) => self.decide(record),
        }
    }

    /// The answers to a request, in the order of their sequence; the one that closes it is last.
    fn recorded(&mut self, offset: i64) -> Recorded {
        let mut recorded = Recorded { outcomes: vec![], dead_letters: vec![], ours: true };
        let (partition, answers) = (self.partition, std::mem::take(&mut self.answers));
        for (answer, value) in answers {
            match answer {
                answer if !answer.is_about(partition, offset..=offset) => {}
                Answer::DeadLetter(..) => recorded.dead_letters.push(value),
                Answer::Outcome(outcome) => {
                    recorded.ours &= wire::outcome::encode(&outcome).value == value;
                    recorded.outcomes.push(*outcome);
                }
            }
        }
        recorded.outcomes.sort_by_key(|outcome| {
            let quiet = outcome.header.role == Role::Repeat || !outcome.body.changes_the_event();
            (outcome.header.sequence, quiet)
        });
        recorded
    }

    fn decide(&mut self, record: LogRecord) {
        let recorded = self.recorded(record.offset);
        let raw = record.under(0);
        let mut arrival = Arrival::read(&raw, recorded.seal(), self.partitions);
        let unread = match &arrival.content {
            Content::Request(..) => recorded.unread(),
            Content::Dead(_) => None,
        };
        let is_unread = unread.is_some();
        if let Some(letter) = unread {
            arrival.content = Content::Dead(Box::new(letter));
        }
        let id = self.window.take(&arrival);
        // Whoever reads a log has what is below committed for good.
        self.window.forget_below(arrival.offset + 1);
        let named = match &arrival.content {
            Content::Request(request, _) => Some(&request.event),
            Content::Dead(_) => arrival.event.as_ref(),
        };
        if self.only.is_some() && self.only.as_ref() != named {
            return;
        }
        self.redecided.requests += 1;
        match &arrival.content {
            Content::Dead(_) if is_unread => self.redecided.not_comparable += 1,
            Content::Dead(letter) => self.compare_letter(&arrival, letter, &recorded),
            Content::Request(request, early) => {
                let Some(closing) = recorded.closing() else {
                    let found = describe_all(&recorded);
                    return self.diverges(&arrival, Topic::Requests, "an answer".into(), found);
                };
                let asked = Asked {
                    at: closing.header.decided_at,
                    waited: closing.header.waited,
                    partition: arrival.partition,
                    offset: arrival.offset,
                    digest: arrival.digest,
                    id,
                    early: early.clone(),
                };
                self.compare_answer(&arrival, request, asked, &recorded);
            }
        }
    }

    fn compare_letter(&mut self, arrival: &Arrival, letter: &OutRecord, recorded: &Recorded) {
        if recorded.outcomes.is_empty() && recorded.dead_letters == [letter.value.clone()] {
            self.redecided.same += 1;
            return;
        }
        let found = describe_all(recorded);
        self.diverges(arrival, Topic::DeadLetters, "this dead letter".into(), found);
    }

    fn compare_answer(
        &mut self,
        arrival: &Arrival,
        request: &Request,
        asked: Asked,
        recorded: &Recorded,
    ) {
        let Some(id) = &arrival.event else {
            let refusal = asked.early.expect("a request without an event here is refused");
            let asked = Asked { id: IdVerdict::Fresh, early: None, ..asked };
            let outcome = refuse_unattached(request, &asked, refusal);
            return self.judge(arrival, None, &[outcome], recorded);
        };
        let unknown = || Event::Followed(Box::new(EventState::unknown(id.clone())));
        let state = match self.events.entry(id.clone()).or_insert_with(unknown) {
            Event::Followed(state) => state,
            Event::Diverged => {
                self.redecided.after_divergence += 1;
                return;
            }
            Event::Lost => {
                self.redecided.not_comparable += 1;
                return;
            }
        };
        if recorded.code() == Some(Code::EventSuspended) {
            state.apply(&Change::Decided(asked.at));
            self.redecided.suspended += 1;
            return;
        }
        let outcomes = step(state, request, &asked).outcomes;
        let is_known = state.is_known();
        self.judge(arrival, Some(id), &outcomes, recorded);
        // What is not defined has nothing to follow, and anybody may ask for any event.
        if !is_known && matches!(self.events.get(id), Some(Event::Followed(_))) {
            self.events.remove(id);
        }
    }

    fn judge(
        &mut self,
        arrival: &Arrival,
        event: Option<&EventId>,
        outcomes: &[Outcome],
        recorded: &Recorded,
    ) {
        let same = recorded.dead_letters.is_empty() && outcomes == recorded.outcomes;
        match (same, recorded.ours) {
            (true, true) => self.redecided.same += 1,
            (true, false) => self.redecided.not_comparable += 1,
            (false, false) => {
                self.redecided.not_comparable += 1;
                if let Some(event) = event {
                    self.events.insert(event.clone(), Event::Lost);
                }
            }
            (false, true) => {
                let pairs = outcomes.iter().zip(&recorded.outcomes);
                let alike = pairs.take_while(|(ours, theirs)| ours == theirs).count();
                let expected = outcomes.get(alike).map_or("nothing more".into(), describe);
                let found = recorded.outcomes.get(alike);
                let found = found.map_or_else(|| describe_all(recorded), describe);
                let topic = outcomes.get(alike).or(recorded.outcomes.get(alike));
                let topic = topic.map_or(Topic::DeadLetters, |one| Topic::of(&one.body));
                self.diverges(arrival, topic, expected, found);
            }
        }
    }

    fn diverges(&mut self, arrival: &Arrival, topic: Topic, expected: String, found: String) {
        if let Some(event) = &arrival.event {
            self.events.insert(event.clone(), Event::Diverged);
        }
        self.redecided.divergences += 1;
        self.redecided.first_divergence.get_or_insert_with(|| Finding {
            check: Check::Decision,
            partition: arrival.partition,
            offset: arrival.offset,
            topic: topic.name(),
            event: arrival.event.clone(),
            expected,
            found,
        });
    }
}

fn describe(outcome: &Outcome) -> String {
    let Header { sequence, role, buyer, digest, .. } = &outcome.header;
    let buyer = buyer.as_ref().map_or("nobody", |buyer| buyer.as_str());
    format!("{role:?} at sequence {sequence} for {buyer} of digest {digest:?}: {:?}", outcome.body)
}

fn describe_all(recorded: &Recorded) -> String {
    format!("{} outcomes, {} dead letters", recorded.outcomes.len(), recorded.dead_letters.len())
}

#[cfg(test)]
mod tests;
