//! One request partition: gathers its records, matches outcomes to requests, folds them per event.
//!
//! Outcomes may come in any order, because the topics of one transaction become visible one after
//! another. Taking them as they arrive would find divergences that are none. So this version keeps
//! all records of the partition until [`Model::finish`], some 1 KiB each: right for tests and for
//! an audit after the sale; following a live log needs the same fold fed up to a common offset.

use std::collections::BTreeMap;

use super::event::{EventModel, Record};
use super::finding::{
    Check, DEAD_LETTERS, Fault, Finding, Judged, REQUESTS, ensure, same, topic_of,
};
use super::refusal::outside;
use super::report::Report;
use crate::domain::ids::{Digest, EventId, Partition};
use crate::domain::outcome::{Outcome, OutcomeBody, Role};
use crate::domain::refusal::Code;
use crate::domain::request::Request;
use crate::domain::time::At;

/// The model of one request partition. Partitions know nothing of each other.
#[derive(Debug)]
pub struct Model {
    partition: Partition,
    requests: BTreeMap<i64, Kept>,
    outcomes: BTreeMap<i64, Vec<Outcome>>,
    dead_letters: BTreeMap<i64, u64>,
    /// Records read from a partition that is not their request's.
    astray: Vec<Finding>,
    highest: At,
    events: BTreeMap<EventId, EventModel>,
}

#[derive(Debug)]
struct Kept {
    appended: At,
    highest: At,
    digest: Digest,
    /// `None` for what can only be a dead letter.
    request: Option<Request>,
    /// The key, where it is the id of an event.
    key: Option<EventId>,
}

impl Model {
    /// An empty partition.
    #[must_use]
    pub fn new(partition: Partition) -> Model {
        Model {
            partition,
            requests: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            astray: vec![],
            highest: At(i64::MIN),
            events: BTreeMap::new(),
        }
    }

    /// Takes a request record; they come in the order of their offsets. `request` is `None` when
    /// the bytes do not decode or are too many; `key` is `None` when the record has none. A key
    /// that can be no event's id is as good as none.
    ///
    /// # Panics
    /// When an offset does not rise: the reader's bug, no fault of the log.
    pub fn on_request(
        &mut self,
        offset: i64,
        appended: At,
        request: Option<&Request>,
        key: Option<&[u8]>,
        digest: Digest,
    ) {
        let last = self.requests.last_key_value().map(|(last, _)| *last);
        assert!(last.is_none_or(|last| last < offset), "offsets rise");
        self.highest = self.highest.max(appended);
        let key = key.and_then(|key| EventId::new(std::str::from_utf8(key).ok()?).ok());
        let request = request.filter(|_| key.is_some()).cloned();
        let kept = Kept { appended, highest: self.highest, digest, request, key };
        self.requests.insert(offset, kept);
    }

    /// Takes an outcome of any of the five topics, in any order, with the partition it was read
    /// from.
    pub fn on_outcome(&mut self, read_from: Partition, outcome: &Outcome) {
        let header = &outcome.header;
        if read_from != self.partition || header.partition != self.partition {
            let expected = format!("partition {} of {}", header.partition, topic_of(&outcome.body));
            let found = format!("partition {read_from}, read as {}", self.partition);
            let fault = Fault { check: Check::Identity, expected, found };
            let event = Some(header.event.clone());
            self.astray.push(self.locate(header.offset, topic_of(&outcome.body), event, fault));
            return;
        }
        self.outcomes.entry(header.offset).or_default().push(outcome.clone());
    }

    /// Takes a dead letter: the position of the request it repeats.
    pub fn on_dead_letter(&mut self, partition: Partition, offset: i64) {
        if partition == self.partition {
            *self.dead_letters.entry(offset).or_default() += 1;
            return;
        }
        let expected = format!("partition {partition}");
        let found = format!("read as {}", self.partition);
        let fault = Fault { check: Check::Identity, expected, found };
        self.astray.push(self.locate(offset, DEAD_LETTERS, None, fault));
    }

    /// Judges all that was taken. The findings come in the order of their offsets.
    pub fn finish(&mut self) -> Report {
        let mut report = Report::default();
        let mut findings = std::mem::take(&mut self.astray);
        let requests = std::mem::take(&mut self.requests);
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let mut dead_letters = std::mem::take(&mut self.dead_letters);
        for (&offset, kept) in &requests {
            let mut caused = outcomes.remove(&offset).unwrap_or_default();
            caused.sort_by_key(|outcome| {
                let quiet =
                    outcome.header.role == Role::Repeat || !outcome.body.changes_the_event();
                (outcome.header.sequence, quiet)
            });
            let dead = dead_letters.remove(&offset).unwrap_or(0);
            count(&mut report, &caused, dead);
            findings.extend(self.judge(offset, kept, &caused, dead, &requests));
        }
        findings.extend(self.strangers(&outcomes, &dead_letters));
        findings.sort_by_key(|finding| finding.offset);
        findings.into_iter().for_each(|finding| report.add(finding));
        for event in self.events.values() {
            let (held, booked, total) = event.counts();
            report.seats_held += held;
            report.seats_booked += booked;
            report.seats_total += total;
        }
        report
    }

    /// The model of an event that a request of this partition named, after [`Model::finish`].
    #[must_use]
    pub fn event(&self, event: &EventId) -> Option<&EventModel> {
        self.events.get(event)
    }

    /// The models of all events that requests of this partition named, after [`Model::finish`].
    pub fn events(&self) -> impl Iterator<Item = (&EventId, &EventModel)> {
        self.events.iter()
    }

    fn judge(
        &mut self,
        offset: i64,
        kept: &Kept,
        caused: &[Outcome],
        dead: u64,
        requests: &BTreeMap<i64, Kept>,
    ) -> Vec<Finding> {
        let event = kept.request.as_ref().map(|request| request.event.clone());
        let answers = caused.iter().filter(|outcome| outcome.header.role != Role::Derived).count();
        let mut findings = vec![];
        if let Err(fault) = check_answers(kept.request.is_some(), answers as u64, dead) {
            findings.push(self.locate(offset, REQUESTS, event, fault));
        }
        let Some(request) = &kept.request else {
            if let Some(event) = &kept.key {
                self.event_mut(event).on_unreadable(kept.appended);
            }
            return findings;
        };
        let mut folded = vec![];
        for outcome in caused {
            let event = Some(request.event.clone());
            if let Err(fault) = check_identity(request, kept.digest, outcome) {
                findings.push(self.locate(offset, topic_of(&outcome.body), event.clone(), fault));
            }
            if let Err(fault) = check_first(offset, kept, outcome, requests) {
                findings.push(self.locate(offset, topic_of(&outcome.body), event, fault));
            }
            if outcome.header.event == request.event {
                folded.push(outcome);
            }
        }
        let record = Record {
            offset,
            appended: kept.appended,
            highest: kept.highest,
            digest: kept.digest,
            key_fits: kept.key.as_ref() == Some(&request.event),
            request,
        };
        findings.extend(self.event_mut(&request.event).fold(&record, &folded));
        findings
    }

    fn event_mut(&mut self, event: &EventId) -> &mut EventModel {
        let partition = self.partition;
        let unknown = || EventModel::new(partition, event.clone());
        self.events.entry(event.clone()).or_insert_with(unknown)
    }

    /// Outcomes and dead letters of offsets at which there is no request.
    fn strangers(
        &self,
        outcomes: &BTreeMap<i64, Vec<Outcome>>,
        dead_letters: &BTreeMap<i64, u64>,
    ) -> Vec<Finding> {
        let fault = |found: &str| Fault {
            check: Check::Identity,
            expected: "a request at this offset".into(),
            found: format!("{found} without one"),
        };
        let outcomes = outcomes.values().flatten().map(|outcome| {
            let event = Some(outcome.header.event.clone());
            let topic = topic_of(&outcome.body);
            self.locate(outcome.header.offset, topic, event, fault("an outcome"))
        });
        let dead_letters = dead_letters
            .keys()
            .map(|offset| self.locate(*offset, DEAD_LETTERS, None, fault("a dead letter")));
        outcomes.chain(dead_letters).collect()
    }

    fn locate(
        &self,
        offset: i64,
        topic: &'static str,
        event: Option<EventId>,
        fault: Fault,
    ) -> Finding {
        let Fault { check, expected, found } = fault;
        Finding { check, partition: self.partition, offset, topic, event, expected, found }
    }
}

/// One answer and no dead letter, or the other way round.
fn check_answers(readable: bool, answers: u64, dead: u64) -> Judged {
    let (expected, wanted) =
        if readable { ("one answer", (1, 0)) } else { ("one dead letter", (0, 1)) };
    let lost = if readable { answers == 0 } else { dead == 0 };
    let check = if lost { Check::Lost } else { Check::Duplicated };
    ensure((answers, dead) == wanted, check, || {
        (expected.into(), format!("answers: {answers}, dead letters: {dead}"))
    })
}

/// The outcome is about this very record.
fn check_identity(request: &Request, digest: Digest, outcome: &Outcome) -> Judged {
    same(Check::Identity, "event", &request.event, &outcome.header.event)?;
    same(Check::Identity, "request", &request.id, &outcome.header.request)?;
    same(Check::Identity, "digest", &digest, &outcome.header.digest)
}

/// A refusal that names the first record of its id names one that is there, earlier and alike, or
/// not alike for a conflict. An id past its window may be forgotten: then the same record conflicts
/// too.
fn check_first(
    offset: i64,
    kept: &Kept,
    outcome: &Outcome,
    requests: &BTreeMap<i64, Kept>,
) -> Judged {
    let (OutcomeBody::Refused(refusal), Some(request)) = (&outcome.body, &kept.request) else {
        return Ok(());
    };
    let alike = refusal.code == Code::Repeated;
    if !alike && refusal.code != Code::RequestConflict {
        return Ok(());
    }
    let first = refusal.ground.first_offset.filter(|first| *first < offset);
    let first = first.and_then(|first| requests.get(&first));
    let same_id = first.and_then(|first| first.request.as_ref()).map(|other| other.id);
    let same_record = first.map(|first| first.digest == kept.digest);
    let forgotten = !alike && outside(request, kept.highest);
    let so = same_id == Some(request.id) && (same_record == Some(alike) || forgotten);
    ensure(so, Check::Refusal, || {
        let expected = if alike { "the same record earlier" } else { "another record of the id" };
        (expected.into(), format!("{} {:?}", refusal.code, refusal.ground))
    })
}

fn count(report: &mut Report, caused: &[Outcome], dead: u64) {
    report.requests += 1;
    report.dead_letters += dead;
    for outcome in caused {
        report.answers += u64::from(outcome.header.role != Role::Derived);
        if outcome.header.role == Role::Repeat {
            continue;
        }
        match &outcome.body {
            OutcomeBody::Held(_) => report.held += 1,
            OutcomeBody::Extended(_) | OutcomeBody::Cancelled(_) => {}
            OutcomeBody::Booked(_) => report.booked += 1,
            OutcomeBody::Released(_) => report.released += 1,
            OutcomeBody::Changed(_) => report.changed += 1,
            OutcomeBody::Refused(refusal) => *report.refused.entry(refusal.code).or_default() += 1,
        }
    }
}
