//! The audit of a deployment: hands what the topics say to the model, partition by partition.
//!
//! A partition is audited up to the end its requests have when its turn comes. Answers may still be
//! on their way then, so the group's committed offset is waited for; it moves in the transaction
//! that publishes the answers. What is asked later is left out together with its answers, so that a
//! sale need not be stopped to be audited. The ledger is another matter: it is ahead of the topics
//! while entries wait for Kafka, so comparing it takes a deployment of which nothing is asked.
//!
//! Wrong alternatives: reading answers before requests, which finds the request of a fast answer
//! lost; waiting until the answers are as many as the requests, which waits for ever for those that
//! *are* lost; waiting for the end of the request topic, which may be the marker of a producer's
//! transaction, and no owner ever commits that.
//!
//! # Invariants
//! - Everything read counts: an answer that cannot be read, or is not where its readers look for
//!   it, is a finding, and never passed over.
//! - The log is read from its first record. Where retention has cut requests and answers unevenly,
//!   the rest does not add up, and the findings say so.

mod progress;
mod rows;

use std::ops::RangeBounds;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use self::progress::Progress;
use super::Backend;
use crate::audit::{Check, Finding, Model, Report};
use crate::domain::ids::Partition;
use crate::domain::limits::REQUEST_BYTES_MAX;
use crate::domain::outcome::{Outcome, OutcomeBody};
use crate::ports::clock::ticks;
use crate::ports::log::{LogRecord, Reader, Start, Topic};
use crate::wire;

/// How long answers are waited for, over all partitions together. What has none by then is lost.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// How often to ask how far the owners are.
const SETTLE_POLL: Duration = Duration::from_millis(100);

/// What is audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Which partitions, each as a whole: the records of one share its time and its ids.
    pub partitions: Vec<Partition>,
    /// Whether the ledger is held against the topics as well.
    pub ledger: bool,
}

/// A partition that has been read and judged.
struct Audited {
    partition: Partition,
    /// The first offset that was not audited.
    end: i64,
    model: Model,
}

/// Audits all partitions; waits for answers for half a minute at most. Not to be called from within
/// a runtime, since it waits.
///
/// # Errors
/// When a server is not reached, or the log cannot be read. What is wrong with the sale is no
/// error.
pub fn verify(backend: &Backend, with_ledger: bool) -> anyhow::Result<Report> {
    let partitions = backend.log.all_partitions();
    verify_scope(backend, &Scope { partitions, ledger: with_ledger }, |_| {})
}

/// Audits what the scope names, as [`verify`] does, and tells in words how far it is, a few lines a
/// second at most.
///
/// # Errors
/// As [`verify`].
pub fn verify_scope(
    backend: &Backend,
    scope: &Scope,
    tell: impl FnMut(&str),
) -> anyhow::Result<Report> {
    let mut progress = Progress::new(tell);
    let mut log = backend.log.reader()?;
    let settled_by = ticks() + SETTLE_MAX;
    let mut report = Report::default();
    let mut audited = vec![];
    for &partition in &scope.partitions {
        let (found, part) = audit(&mut *log, partition, settled_by, &mut progress)
            .with_context(|| format!("auditing partition {partition}"))?;
        report.merge(found);
        audited.push(part);
    }
    if scope.ledger {
        let findings = rows::compare(backend, &mut *log, &audited, &mut progress)
            .context("comparing the ledger")?;
        findings.into_iter().for_each(|finding| report.add(finding));
    }
    Ok(report)
}

fn audit(
    log: &mut dyn Reader,
    partition: Partition,
    settled_by: Instant,
    progress: &mut Progress<impl FnMut(&str)>,
) -> anyhow::Result<(Report, Audited)> {
    let mut model = Model::new(partition);
    let mut last = None;
    let mut ends = log.end(Topic::Requests, partition)?;
    for topic in Topic::OUTCOMES {
        ends += log.end(topic, partition)?;
    }
    progress.begin(format!("partition {partition}"), "offsets", ends);
    let end = log.read_to_end((Topic::Requests, partition, Start::Beginning), &mut |record| {
        last = Some(record.offset);
        progress.at(record.offset + 1);
        take_request(&mut model, &record);
    })?;
    progress.done(end);
    if let Some(last) = last
        && !await_answers(log, partition, last, settled_by)?
    {
        progress.tell("not all requests are answered, and they are not waited for any longer");
    }
    let mut unreadable = vec![];
    let mut later = vec![];
    for topic in Topic::OUTCOMES {
        let read = log.read_to_end((topic, partition, Start::Beginning), &mut |record| {
            progress.at(record.offset + 1);
            match read_answer(&record) {
                Ok(answer) if answer.is_about(partition, end..) => later.push(answer),
                Ok(answer) => answer.give(partition, &mut model),
                Err(why) => unreadable.push(finding(&record, why)),
            }
        })?;
        progress.done(read);
    }
    // What was asked after the end is left out; an answer to what was never asked is not.
    let now = log.end(Topic::Requests, partition)?;
    let unasked = later.iter().filter(|answer| !answer.is_about(partition, end..now));
    unasked.for_each(|answer| answer.give(partition, &mut model));
    let mut report = model.finish();
    unreadable.into_iter().for_each(|finding| report.add(finding));
    Ok((report, Audited { partition, end, model }))
}

/// Whether the owners have got past the last request in time.
fn await_answers(
    log: &dyn Reader,
    partition: Partition,
    last: i64,
    settled_by: Instant,
) -> anyhow::Result<bool> {
    loop {
        if log.committed(partition)?.is_some_and(|next| next > last) {
            return Ok(true);
        }
        if ticks() >= settled_by {
            return Ok(false);
        }
        std::thread::sleep(SETTLE_POLL);
    }
}

/// What no owner can read is handed over as unreadable: its answer is a dead letter.
fn take_request(model: &mut Model, record: &LogRecord) {
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    let fits = value.filter(|value| value.len() <= REQUEST_BYTES_MAX);
    let request = fits.and_then(|value| wire::request::decode(value).ok());
    let digest = wire::digest(key, value);
    model.on_request(record.offset, record.timestamp, request.as_ref(), key, digest);
}

/// What closes a request, or was caused by it.
enum Answer {
    Outcome(Box<Outcome>),
    DeadLetter(Partition, i64),
}

impl Answer {
    /// Partition and offset of the request it is about.
    fn place(&self) -> (Partition, i64) {
        match self {
            Answer::Outcome(outcome) => (outcome.header.partition, outcome.header.offset),
            Answer::DeadLetter(partition, offset) => (*partition, *offset),
        }
    }

    fn is_about(&self, partition: Partition, offsets: impl RangeBounds<i64>) -> bool {
        let (of, offset) = self.place();
        of == partition && offsets.contains(&offset)
    }

    fn give(&self, read_from: Partition, model: &mut Model) {
        match self {
            Answer::Outcome(outcome) => model.on_outcome(read_from, outcome),
            Answer::DeadLetter(partition, offset) => model.on_dead_letter(*partition, *offset),
        }
    }
}

/// Reads an answer; says in words why it is none.
fn read_answer(record: &LogRecord) -> Result<Answer, String> {
    let value = record.value.as_deref().ok_or("a record without a value")?;
    if record.topic == Topic::DeadLetters {
        let letter = wire::dead_letter::decode(value).map_err(|error| error.to_string())?;
        return Ok(Answer::DeadLetter(letter.partition, letter.offset));
    }
    let outcome = wire::outcome::decode(value).map_err(|error| error.to_string())?;
    let outcome = outcome.ok_or("an outcome that only a newer release can read")?;
    let (home, event) = (topic_of(&outcome.body), outcome.header.event.as_str());
    if home != record.topic {
        return Err(format!("an outcome of {}", home.name()));
    }
    if record.key.as_deref() != Some(event.as_bytes()) {
        return Err(format!("an outcome of event {event} under another key"));
    }
    Ok(Answer::Outcome(Box::new(outcome)))
}

const fn topic_of(body: &OutcomeBody) -> Topic {
    match body {
        OutcomeBody::Held(_) | OutcomeBody::Extended(_) => Topic::Held,
        OutcomeBody::Booked(_) => Topic::Booked,
        OutcomeBody::Released(_) | OutcomeBody::Cancelled(_) => Topic::Released,
        OutcomeBody::Changed(_) => Topic::Changed,
        OutcomeBody::Refused(_) => Topic::Refused,
    }
}

fn finding(record: &LogRecord, found: String) -> Finding {
    Finding {
        check: Check::Unreadable,
        partition: record.partition,
        offset: record.offset,
        topic: record.topic.name(),
        event: None,
        expected: "an answer that its readers find and understand".into(),
        found,
    }
}

#[cfg(test)]
mod tests;
