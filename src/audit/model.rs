//! One request partition: matches outcomes to requests and folds them per event, as far as the log
//! has been handed over.
//!
//! Outcomes may come in any order, because the topics of one transaction become visible one after
//! another. Taking them as they arrive would find divergences that are none; keeping all of them to
//! the end would need the memory of a whole sale. So whoever reads says up to where everything is
//! there ([`Model::settle_below`]), and only what lies beyond is kept.
//!
//! # Invariants
//! - What lies below the point settled has been judged once, in the order of offsets, and is
//!   forgotten. What comes about it later is a finding by that alone.
//! - Nothing here grows with the log. What is not settled is as much as the reader hands over
//!   ahead; ids are kept as long as an owner has to remember them; of an event what its rows
//!   remember is kept. An event id that was ever asked about costs an empty model, as it costs a
//!   record in the inventory.

use std::collections::BTreeMap;

use super::event::{EventModel, Record};
use super::finding::{
    Check, DEAD_LETTERS, Fault, Finding, Judged, REQUESTS, ensure, same, topic_of,
};
use super::memory::Ids;
use super::report::Report;
use crate::domain::ids::{Digest, EventId, Partition};
use crate::domain::limits::REQUEST_BYTES_MAX;
use crate::domain::outcome::{Outcome, OutcomeBody, Role};
use crate::domain::request::Request;
use crate::domain::seat::Status;
use crate::domain::time::At;
use crate::wire;

/// The model of one request partition. Partitions know nothing of each other.
#[derive(Debug)]
pub struct Model {
    partition: Partition,
    /// All below has been judged.
    settled: i64,
    requests: BTreeMap<i64, Kept>,
    outcomes: BTreeMap<i64, Vec<Outcome>>,
    dead_letters: BTreeMap<i64, u64>,
    last_request: i64,
    highest: At,
    ids: Ids,
    events: BTreeMap<EventId, EventModel>,
    report: Report,
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
            settled: i64::MIN,
            requests: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            last_request: i64::MIN,
            highest: At(i64::MIN),
            ids: Ids::default(),
            events: BTreeMap::new(),
            report: Report::default(),
        }
    }

    /// Takes a record of the request topic, and answers what it asks. What no owner can read is
    /// taken as unreadable: its answer is a dead letter.
    ///
    /// # Panics
    /// As [`Model::on_request`].
    pub fn on_record(
        &mut self,
        offset: i64,
        appended: At,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Option<Request> {
        let fits = value.filter(|value| value.len() <= REQUEST_BYTES_MAX);
        let request = fits.and_then(|value| wire::request::decode(value).ok());
        let digest = wire::digest(key, value);
        self.on_request(offset, appended, request.as_ref(), key, digest);
        request
    }

    /// Takes a request record; they come in the order of their offsets. `request` is `None` when
    /// the bytes do not decode or are too many; `key` is `None` when the record has none. A key
    /// that can be no event's id is as good as none.
    ///
    /// # Panics
    /// When an offset does not rise, or was settled without its request: the reader's bug, no fault
    /// of the log.
    pub fn on_request(
        &mut self,
        offset: i64,
        appended: At,
        request: Option<&Request>,
        key: Option<&[u8]>,
        digest: Digest,
    ) {
        assert!(self.last_request < offset, "offsets rise");
        assert!(self.settled <= offset, "what is settled has been handed over");
        self.last_request = offset;
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
        let offset = header.offset;
        if read_from != self.partition || header.partition != self.partition {
            let expected = format!("partition {} of {}", header.partition, topic_of(&outcome.body));
            let found = format!("partition {read_from}, read as {}", self.partition);
            let fault = Fault { check: Check::Identity, expected, found };
            return self.found(offset, topic_of(&outcome.body), Some(&header.event), fault);
        }
        if offset >= self.settled {
            self.outcomes.entry(offset).or_default().push(outcome.clone());
            return;
        }
        count_outcome(&mut self.report, outcome);
        let check = match header.role {
            Role::Derived => Check::Identity,
            Role::Answer | Role::Repeat => Check::Duplicated,
        };
        self.found(offset, topic_of(&outcome.body), Some(&header.event), late(check));
    }

    /// Takes a dead letter: the position of the request it repeats.
    pub fn on_dead_letter(&mut self, partition: Partition, offset: i64) {
        if partition != self.partition {
            let expected = format!("partition {partition}");
            let found = format!("read as {}", self.partition);
            let fault = Fault { check: Check::Identity, expected, found };
            return self.found(offset, DEAD_LETTERS, None, fault);
        }
        if offset >= self.settled {
            *self.dead_letters.entry(offset).or_default() += 1;
            return;
        }
        self.report.dead_letters += 1;
        self.found(offset, DEAD_LETTERS, None, late(Check::Duplicated));
    }

    /// Everything about requests below `offset` has been handed over: they are judged now, in the
    /// order of their offsets, and forgotten.
    pub fn settle_below(&mut self, offset: i64) {
        while let Some(entry) = self.requests.first_entry()
            && *entry.key() < offset
        {
            let (of, kept) = entry.remove_entry();
            self.find_strangers_below(of);
            let mut caused = self.outcomes.remove(&of).unwrap_or_default();
            caused.sort_by_key(|outcome| {
                let quiet =
                    outcome.header.role == Role::Repeat || !outcome.body.changes_the_event();
                (outcome.header.sequence, quiet)
            });
            let dead = self.dead_letters.remove(&of).unwrap_or(0);
            count(&mut self.report, &kept, &caused, dead);
            self.judge(of, &kept, &caused, dead);
        }
        self.find_strangers_below(offset);
        self.settled = self.settled.max(offset);
    }

    /// Judges all that was taken and counts what is where; nothing more is taken after it. The
    /// findings come in the order of their offsets.
    pub fn finish(&mut self) -> Report {
        self.settle_below(i64::MAX);
        for event in self.events.values_mut() {
            event.recount().into_iter().for_each(|finding| self.report.add(finding));
        }
        let mut report = self.report.clone();
        report.findings.sort_by_key(|finding| finding.offset);
        for event in self.events.values() {
            report.seats_held += event.count(Status::Held);
            report.seats_booked += event.count(Status::Booked);
            report.seats_blocked += event.count(Status::Blocked);
            report.seats_total += event.capacity();
        }
        report
    }

    /// What was found so far, in the order in which it was found; of very many the first ones.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.report.findings
    }

    /// Whether nothing was found so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.report.is_clean()
    }

    /// How many records are kept because what they belong to is not settled.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        let outcomes: usize = self.outcomes.values().map(Vec::len).sum();
        self.requests.len() + outcomes + self.dead_letters.len()
    }

    /// How many ids are remembered.
    #[cfg(test)]
    pub(super) fn ids_kept(&self) -> usize {
        self.ids.len()
    }

    /// The model of an event that a request settled so far has named.
    #[must_use]
    pub fn event(&self, event: &EventId) -> Option<&EventModel> {
        self.events.get(event)
    }

    /// The models of all events that requests settled so far have named.
    pub fn events(&self) -> impl Iterator<Item = (&EventId, &EventModel)> {
        self.events.iter()
    }

    fn judge(&mut self, offset: i64, kept: &Kept, caused: &[Outcome], dead: u64) {
        let event = kept.request.as_ref().map(|request| &request.event);
        let answers = caused.iter().filter(|outcome| outcome.header.role != Role::Derived).count();
        if let Err(fault) = check_answers(kept.request.is_some(), answers as u64, dead) {
            self.found(offset, REQUESTS, event, fault);
        }
        let Some(request) = &kept.request else {
            if let Some(event) = &kept.key {
                self.event_mut(event).on_unreadable(kept.appended);
            }
            return;
        };
        let mut folded = vec![];
        for outcome in caused {
            if let Err(fault) = check_identity(request, kept.digest, outcome) {
                self.found(offset, topic_of(&outcome.body), event, fault);
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
        let answer = folded.iter().find(|outcome| outcome.header.role != Role::Derived);
        if let Some(answer) = answer
            && let Err(fault) = self.ids.check(&record, self.events.get(&request.event), answer)
        {
            self.found(offset, topic_of(&answer.body), event, fault);
        }
        self.ids.take(&record, answer.copied());
        let findings = self.event_mut(&request.event).fold(&record, &folded);
        findings.into_iter().for_each(|finding| self.report.add(finding));
    }

    fn event_mut(&mut self, event: &EventId) -> &mut EventModel {
        let partition = self.partition;
        let unknown = || EventModel::new(partition, event.clone());
        self.events.entry(event.clone()).or_insert_with(unknown)
    }

    /// Outcomes and dead letters of offsets at which there is no request.
    fn find_strangers_below(&mut self, offset: i64) {
        let fault = |found: &str| Fault {
            check: Check::Identity,
            expected: "a request at this offset".into(),
            found: format!("{found} without one"),
        };
        while let Some(entry) = self.outcomes.first_entry()
            && *entry.key() < offset
        {
            let (of, strangers) = entry.remove_entry();
            for outcome in strangers {
                let topic = topic_of(&outcome.body);
                self.found(of, topic, Some(&outcome.header.event), fault("an outcome"));
            }
        }
        while let Some(entry) = self.dead_letters.first_entry()
            && *entry.key() < offset
        {
            let (of, _) = entry.remove_entry();
            self.found(of, DEAD_LETTERS, None, fault("a dead letter"));
        }
    }

    fn found(&mut self, offset: i64, topic: &'static str, event: Option<&EventId>, fault: Fault) {
        let Fault { check, expected, found } = fault;
        let (partition, event) = (self.partition, event.cloned());
        self.report.add(Finding { check, partition, offset, topic, event, expected, found });
    }
}

/// What comes about a request that has been judged, though all of it had been handed over.
fn late(check: Check) -> Fault {
    let expected = "one answer, among those of its neighbours".into();
    Fault { check, expected, found: "one more, after those of later requests".into() }
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

fn count(report: &mut Report, kept: &Kept, caused: &[Outcome], dead: u64) {
    report.requests += 1;
    report.dead_letters += dead;
    let early = |outcome: &Outcome| outcome.header.decided_at < kept.appended;
    report.clamped += u64::from(caused.first().is_some_and(early));
    caused.iter().for_each(|outcome| count_outcome(report, outcome));
}

fn count_outcome(report: &mut Report, outcome: &Outcome) {
    report.answers += u64::from(outcome.header.role != Role::Derived);
    if outcome.header.role == Role::Repeat {
        return;
    }
    match &outcome.body {
        OutcomeBody::Held(_) => report.held += 1,
        OutcomeBody::Booked(_) => report.booked += 1,
        OutcomeBody::Extended(_) => report.extended += 1,
        OutcomeBody::Released(_) => report.released += 1,
        OutcomeBody::Cancelled(_) => report.cancelled += 1,
        OutcomeBody::Exchanged(_) => report.exchanged += 1,
        OutcomeBody::Changed(_) => report.changed += 1,
        OutcomeBody::Refused(refusal) => *report.refused.entry(refusal.code).or_default() += 1,
    }
}
