//! The audit of a deployment: hands what the topics say to the model, partition by partition.
//!
//! A partition is audited up to the end its requests have when its turn comes. Answers may still be
//! on their way then, so the group's committed offset is waited for; it moves in the transaction
//! that publishes the answers. What is asked later is left out together with its answers, so that a
//! sale need not be stopped to be audited. The ledger is another matter: it is ahead of the topics
//! while entries wait for Kafka, so comparing it takes a deployment of which nothing is asked.
//!
//! Wrong alternatives: waiting until the answers are as many as the requests, which waits for ever
//! for those that *are* lost; waiting for the end of the request topic, which may be the marker of
//! a producer's transaction, and no owner ever commits that.
//!
//! # Invariants
//! - Everything read counts: an answer that cannot be read, or is not where its readers look for
//!   it, is a finding, and never passed over.
//! - The log is read from its first record. Where retention has cut requests and answers unevenly,
//!   the rest does not add up, and the findings say so.
//! - Memory does not grow with the log: `side_by_side` says what is read ahead, the model what it
//!   keeps of an event.

mod answer;
pub mod explain;
#[cfg(test)]
mod fixture;
mod progress;
pub mod redecide;
mod rows;
mod side_by_side;

use std::time::{Duration, Instant};

use anyhow::Context as _;

use self::answer::Answer;
use self::progress::Progress;
use self::side_by_side::{SideBySide, Span, Step};
use super::Backend;
use crate::audit::{Check, Finding, Model, Report};
use crate::domain::ids::Partition;
use crate::ports::clock::ticks;
use crate::ports::log::{LogRecord, Reader, Start, Topic};

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
    let mut log = SideBySide::open(&*backend.log)?;
    let settled_by = ticks() + SETTLE_MAX;
    let mut report = Report::default();
    let mut audited = vec![];
    for &partition in &scope.partitions {
        let (found, part) = audit(&mut log, partition, settled_by, &mut progress)
            .with_context(|| format!("auditing partition {partition}"))?;
        report.merge(found);
        audited.push(part);
    }
    if scope.ledger {
        let findings = rows::compare(backend, log.asked(), &audited, &mut progress)
            .context("comparing the ledger")?;
        findings.into_iter().for_each(|finding| report.add(finding));
    }
    Ok(report)
}

fn audit(
    log: &mut SideBySide,
    partition: Partition,
    settled_by: Instant,
    progress: &mut Progress<impl FnMut(&str)>,
) -> anyhow::Result<(Report, Audited)> {
    let span = answered_span(log.asked(), partition, settled_by, progress)?;
    let end = span.end;
    let mut model = Model::new(partition);
    let mut astray = Report::default();
    progress.begin(format!("partition {partition}"), "offsets", end);
    log.read(&span, &mut |step| {
        match step {
            Step::Request(record) => {
                progress.at(record.offset + 1);
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                model.on_record(record.offset, record.timestamp, key, value);
                model.settle_below(record.offset + 1);
            }
            Step::Behind { topic, of, later } => astray.add(behind(partition, topic, of, later)),
            // Kept by the model until a request came, which none will.
            Step::Answer(_, Ok(answer)) if answer.is_about(partition, end..) => {
                astray.add(unasked(partition, answer.place().1));
            }
            Step::Answer(_, Ok(Answer::Outcome(outcome))) => model.on_outcome(partition, &outcome),
            Step::Answer(_, Ok(Answer::DeadLetter(of, offset))) => {
                model.on_dead_letter(of, offset);
            }
            Step::Answer(record, Err(why)) => astray.add(unreadable(&record, why)),
        }
        Ok(())
    })?;
    progress.done(end);
    let mut report = model.finish();
    report.merge(astray);
    Ok((report, Audited { partition, end, model }))
}

/// The requests there are now, once they are answered or are not waited for any longer.
fn answered_span(
    reader: &mut dyn Reader,
    partition: Partition,
    settled_by: Instant,
    progress: &mut Progress<impl FnMut(&str)>,
) -> anyhow::Result<Span> {
    let mut last = None;
    let mut note = |record: LogRecord| last = Some(record.offset);
    let answered = reader.committed(partition)?.map_or(Start::Beginning, Start::Offset);
    let mut unanswered = reader.read_to_end((Topic::Requests, partition, answered), &mut note);
    if unanswered.is_err() {
        // A position outside the log is the owners' trouble; what is there is audited all the same.
        let from = (Topic::Requests, partition, Start::Beginning);
        unanswered = reader.read_to_end(from, &mut note);
    }
    let end = unanswered?;
    if let Some(last) = last
        && !await_answers(reader, partition, last, settled_by)?
    {
        progress.tell("not all requests are answered, and they are not waited for any longer");
    }
    Ok(Span { partition, end })
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

fn unreadable(record: &LogRecord, found: String) -> Finding {
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

/// A new owner is no reason: what it takes up again was never committed.
fn behind(partition: Partition, topic: Topic, of: i64, later: i64) -> Finding {
    Finding {
        check: Check::Order,
        partition,
        offset: of,
        topic: topic.name(),
        event: None,
        expected: format!("its answer before that to the request at {later}"),
        found: "it right behind that".into(),
    }
}

fn unasked(partition: Partition, offset: i64) -> Finding {
    Finding {
        check: Check::Identity,
        partition,
        offset,
        topic: Topic::Requests.name(),
        event: None,
        expected: "a request at this offset".into(),
        found: "an answer without one".into(),
    }
}
