//! The judge of a world: reads what a reader of committed records can read, as soon as it can, and
//! lets the auditor judge it record by record; at the end holds the ledger against it.

use std::collections::BTreeMap;

use super::broker::Cluster;
use super::coverage::Coverage;
use super::ledger::SimLedger;
use super::trace::Trace;
use super::workload::Workload;
use crate::audit::{Model, ledger};
use crate::domain::ids::{EventId, Partition};
use crate::domain::outcome::{Outcome, OutcomeBody};
use crate::domain::refusal::Code;
use crate::domain::request::Request;
use crate::ports::log::{RawRecord, Seal, Topic};
use crate::wire;

/// A request partition under judgement.
struct Docket {
    partition: i32,
    model: Model,
    /// Requests handed over, by offset, with what their signatures are worth; those judged are
    /// gone.
    requests: BTreeMap<i64, (Request, Seal)>,
    /// The next request to be handed over.
    next: i64,
    /// How far each topic of [`Topic::OUTCOMES`] has been read.
    read: [Reading; Topic::OUTCOMES.len()],
    /// It does not add up any more, and that is no fault of any owner.
    closed: bool,
}

/// How far the answers of one topic have been read.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    /// The next record.
    next: i64,
    /// The request that the last answer was about.
    about: i64,
}

/// What is judged, and what was found.
pub(super) struct Judge {
    dockets: Vec<Docket>,
    notes: Notes,
    /// Whether everything there is has been read.
    concluded: bool,
}

/// What was met and found, over all partitions.
#[derive(Default)]
struct Notes {
    coverage: Coverage,
    requests: u64,
    suspended: BTreeMap<EventId, i64>,
    /// What must not be, besides what the models have found.
    wrong: Vec<String>,
}

impl Judge {
    pub(super) fn new(partitions: i32) -> Judge {
        let docket = |partition| Docket {
            partition,
            model: Model::new(Partition(partition)),
            requests: BTreeMap::new(),
            next: 0,
            read: [Reading::default(); Topic::OUTCOMES.len()],
            closed: false,
        };
        let dockets = (0..partitions).map(docket).collect();
        Judge { dockets, notes: Notes::default(), concluded: false }
    }

    /// Up to where a partition has been judged; none where it is not any more.
    pub(super) fn judged(&self, partition: i32) -> Option<i64> {
        let docket = self.dockets.iter().find(|docket| docket.partition == partition)?;
        (!docket.closed).then_some(docket.next)
    }

    /// Notes what must not be.
    pub(super) fn object(&mut self, what: String) {
        self.notes.wrong.push(what);
    }

    /// From here on the requests of a partition are not what they were.
    pub(super) fn close(&mut self, partition: i32) {
        for docket in self.dockets.iter_mut().filter(|docket| docket.partition == partition) {
            docket.closed = true;
        }
    }

    /// Takes in all that has become visible. Says whether all is well so far.
    pub(super) fn look(
        &mut self,
        cluster: &Cluster,
        workload: &mut Workload,
        trace: &mut Trace,
    ) -> bool {
        for docket in self.dockets.iter_mut().filter(|docket| !docket.closed) {
            let Some((position, _)) = cluster.offset(docket.partition) else { continue };
            if position > docket.next && cluster.is_readable(docket.partition) {
                docket.take(cluster, position, &mut self.notes, trace, workload);
            }
        }
        let clean = |docket: &Docket| docket.closed || docket.model.is_clean();
        self.notes.wrong.is_empty() && self.dockets.iter().all(clean)
    }

    /// Takes in what is left when all is done, also what came without moving a position. What is
    /// refused to the end should not have come anywhere.
    pub(super) fn conclude(
        &mut self,
        cluster: &Cluster,
        refused: &[i32],
        workload: &mut Workload,
        trace: &mut Trace,
    ) {
        // What its last owner decided may be in the ledger and nowhere else.
        refused.iter().for_each(|partition| self.close(*partition));
        for docket in self.dockets.iter_mut().filter(|docket| !docket.closed) {
            let Docket { partition, next, .. } = *docket;
            let position = cluster.offset(partition).map_or(0, |(offset, _)| offset);
            docket.take(cluster, position.max(next), &mut self.notes, trace, workload);
            let judged = docket.next;
            if judged != position || !cluster.is_readable(docket.partition) {
                let what = format!("partition {partition}: judged to {judged} of {position}");
                self.notes.wrong.push(what);
            }
        }
        self.concluded = true;
    }

    /// Whether an open transaction hides the last answers of a partition.
    pub(super) fn is_hidden(&self, cluster: &Cluster, partition: i32) -> bool {
        let docket = self.dockets.iter().find(|docket| docket.partition == partition);
        docket.is_some_and(|docket| !docket.closed && !cluster.is_readable(docket.partition))
    }

    /// Whether requests of a partition are unanswered.
    pub(super) fn is_behind(&self, cluster: &Cluster, partition: i32) -> bool {
        let last = cluster.committed((Topic::Requests, partition), 0).last();
        let position = cluster.offset(partition).map_or(0, |(offset, _)| offset);
        last.is_some_and(|last| last.raw.offset >= position)
    }

    /// What was found in all, with what the ledger says where everything has been read. Where not,
    /// what was found before says all: the rest has had no time to add up.
    pub(super) fn finish(
        mut self,
        ledger: &SimLedger,
        suspendable: &[EventId],
    ) -> (Vec<String>, Coverage, u64) {
        if self.concluded {
            self.hold_against(ledger, suspendable);
        }
        let Notes { coverage, requests, mut wrong, .. } = self.notes;
        for docket in self.dockets.iter().filter(|docket| !docket.closed) {
            wrong.extend(docket.model.findings().iter().map(ToString::to_string));
        }
        (wrong, coverage, requests)
    }

    fn hold_against(&mut self, ledger: &SimLedger, suspendable: &[EventId]) {
        let Judge { dockets, notes, .. } = self;
        let partitions = i32::try_from(dockets.len()).unwrap_or(i32::MAX);
        for docket in dockets {
            docket.model.finish();
            if docket.closed {
                continue;
            }
            for (event, model) in docket.model.events() {
                // What strays into a foreign partition has nothing in the ledger from there.
                let home = wire::partitioner::partition(event.as_str().as_bytes(), partitions);
                if suspendable.contains(event) || home != docket.partition {
                    continue;
                }
                notes.wrong.extend(compare(ledger, event, model));
            }
        }
        for (event, offset) in &notes.suspended {
            if !suspendable.contains(event) {
                notes.wrong.push(format!("{event} was suspended at {offset} without a reason"));
            }
        }
        for event in ledger.events().filter(|event| !suspendable.contains(event)) {
            let fence = ledger.read_fence(event).ok().flatten();
            if let Some(read) = fence.filter(|read| !read.fence.suspended.is_empty()) {
                let why = read.fence.suspended;
                notes.wrong.push(format!("the ledger suspends {event} without a reason: {why}"));
            }
        }
    }
}

impl Docket {
    /// Judges what lies below a position, and reads all answers there are.
    fn take(
        &mut self,
        cluster: &Cluster,
        position: i64,
        notes: &mut Notes,
        trace: &mut Trace,
        workload: &mut Workload,
    ) {
        self.take_requests(cluster, position, notes);
        for outcome in self.take_outcomes(cluster, notes, trace) {
            if let Some((request, seal)) = self.requests.get(&outcome.header.offset) {
                notes.coverage.see_outcome(request, &outcome);
                notes.wrong.extend(unsigned(request, *seal, &outcome));
            }
            workload.see(&outcome);
            if let OutcomeBody::Refused(refusal) = &outcome.body
                && refusal.code == Code::EventSuspended
            {
                let (event, offset) = (outcome.header.event.clone(), outcome.header.offset);
                notes.suspended.entry(event).or_insert(offset);
            }
        }
        self.requests = self.requests.split_off(&position);
        self.model.settle_below(position);
    }

    fn take_requests(&mut self, cluster: &Cluster, upto: i64, notes: &mut Notes) {
        for stored in cluster.committed((Topic::Requests, self.partition), self.next) {
            let RawRecord { offset, appended, key, value, .. } = &stored.raw;
            if *offset >= upto {
                break;
            }
            let (key, value) = (key.as_deref(), value.as_deref());
            let request = self.model.on_record(*offset, *appended, key, value);
            if let Some(request) = request {
                notes.coverage.see_request(&request);
                self.requests.insert(*offset, (request, stored.seal));
            }
            notes.requests += 1;
        }
        self.next = upto;
    }

    /// The answers that came since, by the requests they are about.
    fn take_outcomes(
        &mut self,
        cluster: &Cluster,
        notes: &mut Notes,
        trace: &mut Trace,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![];
        for (topic, reading) in Topic::OUTCOMES.into_iter().zip(&mut self.read) {
            for stored in cluster.committed((topic, self.partition), reading.next) {
                reading.next = stored.raw.offset + 1;
                let value = stored.raw.value.as_deref().unwrap_or_default();
                trace.bytes(value);
                let about = if topic == Topic::DeadLetters {
                    match wire::dead_letter::decode(value) {
                        Ok(letter) => {
                            self.model.on_dead_letter(letter.partition, letter.offset);
                            notes.coverage.see_dead_letter(letter.reason);
                            letter.offset
                        }
                        Err(error) => {
                            notes.wrong.push(format!("an unreadable dead letter: {error}"));
                            continue;
                        }
                    }
                } else {
                    match wire::outcome::decode(value) {
                        Ok(Some(outcome)) => {
                            self.model.on_outcome(Partition(self.partition), &outcome);
                            let about = outcome.header.offset;
                            outcomes.push(outcome);
                            about
                        }
                        Ok(None) => {
                            notes.wrong.push("an outcome of an unknown kind".into());
                            continue;
                        }
                        Err(error) => {
                            notes.wrong.push(format!("an unreadable outcome: {error}"));
                            continue;
                        }
                    }
                };
                notes.wrong.extend(reading.fall(self.partition, topic, about));
            }
        }
        outcomes.sort_by_key(|outcome| (outcome.header.offset, outcome.header.sequence));
        outcomes
    }
}

impl Reading {
    /// Takes the next answer in, about a request at this offset, and says whether that is an
    /// earlier one than the last. A rebalance is no reason: what is taken up again was never
    /// committed.
    fn fall(&mut self, partition: i32, topic: Topic, about: i64) -> Option<String> {
        let before = std::mem::replace(&mut self.about, about);
        (about < before).then(|| {
            let topic = topic.name();
            format!("{topic} of partition {partition} answers {about} after {before}")
        })
    }
}

/// A grant of what takes a signature, to somebody who had none.
fn unsigned(request: &Request, seal: Seal, outcome: &Outcome) -> Option<String> {
    let granted = outcome.body.refusal().is_none();
    (granted && request.needs_signature() && seal != Seal::Valid).then(|| {
        let offset = outcome.header.offset;
        format!("{}: granted at {offset} without a valid signature: {seal:?}", request.event)
    })
}

/// Holds an event's rows against what the topics say of them.
fn compare(ledger: &SimLedger, event: &EventId, model: &crate::audit::EventModel) -> Vec<String> {
    let fence = match ledger.read_fence(event) {
        Ok(None) if model.sequence() == 0 => return vec![],
        Ok(Some(read)) => read.fence,
        Ok(None) => return vec![format!("{event}: the ledger does not know it")],
        Err(error) => return vec![format!("{event}: {error}")],
    };
    let rows = match ledger.read_rows(event) {
        Ok(rows) => rows,
        Err(error) => return vec![format!("{event}: {error}")],
    };
    let layout = rows
        .definition
        .as_ref()
        .and_then(|(_, bytes)| wire::venue::decode(bytes).ok()?.compile().ok());
    let state = (fence.sequence, !fence.suspended.is_empty());
    let name = |row| wire::venue::row_name(layout.as_ref(), row);
    let found = ledger::compare(event, model, state, &rows.seats, name);
    found.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
