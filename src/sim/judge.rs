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
use crate::domain::layout::Layout;
use crate::domain::limits::GRACE;
use crate::domain::outcome::{Outcome, OutcomeBody};
use crate::domain::refusal::Code;
use crate::domain::request::Request;
use crate::domain::seat::{Status, StoredSeat};
use crate::domain::time::{At, Millis};
use crate::ports::log::{RawRecord, Topic};
use crate::wire;

/// How long after its deadline and grace a hold may stay once owners and expiry workers run.
const EXPIRY_MAX: Millis = Millis(3_000);

/// A request partition under judgement.
struct Docket {
    partition: i32,
    model: Model,
    /// Requests handed over, by offset; those judged are gone.
    requests: BTreeMap<i64, Request>,
    /// The next request to be handed over.
    next: i64,
    /// The next record of each topic of [`Topic::OUTCOMES`].
    read: [i64; Topic::OUTCOMES.len()],
    /// It does not add up any more, and that is no fault of any owner.
    closed: bool,
}

/// What is judged, and what was found.
pub(super) struct Judge {
    dockets: Vec<Docket>,
    pub(super) coverage: Coverage,
    pub(super) requests: u64,
    suspended: BTreeMap<EventId, i64>,
    wrong: Vec<String>,
}

impl Judge {
    pub(super) fn new(partitions: i32) -> Judge {
        let docket = |partition| Docket {
            partition,
            model: Model::new(Partition(partition)),
            requests: BTreeMap::new(),
            next: 0,
            read: [0; Topic::OUTCOMES.len()],
            closed: false,
        };
        Judge {
            dockets: (0..partitions).map(docket).collect(),
            coverage: Coverage::default(),
            requests: 0,
            suspended: BTreeMap::new(),
            wrong: vec![],
        }
    }

    /// Up to where a partition has been judged; none where it is not any more.
    pub(super) fn judged(&self, partition: i32) -> Option<i64> {
        let docket = self.dockets.iter().find(|docket| docket.partition == partition)?;
        (!docket.closed).then_some(docket.next)
    }

    /// Notes what must not be.
    pub(super) fn object(&mut self, what: String) {
        self.wrong.push(what);
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
        let Judge { dockets, coverage, requests, suspended, wrong } = self;
        for docket in dockets.iter_mut().filter(|docket| !docket.closed) {
            let Some((position, _)) = cluster.offset(docket.partition) else { continue };
            if position <= docket.next || !docket.is_readable(cluster) {
                continue;
            }
            *requests += docket.take_requests(cluster, position, coverage);
            for outcome in docket.take_outcomes(cluster, position, coverage, wrong, trace) {
                workload.see(&outcome);
                if let OutcomeBody::Refused(refusal) = &outcome.body
                    && refusal.code == Code::EventSuspended
                {
                    let (event, offset) = (outcome.header.event.clone(), outcome.header.offset);
                    suspended.entry(event).or_insert(offset);
                }
            }
            docket.model.settle_below(position);
            if let Some(finding) = docket.model.findings().first() {
                wrong.push(finding.to_string());
            }
        }
        self.wrong.is_empty()
    }

    /// Whether requests of a partition are unanswered.
    pub(super) fn is_behind(&self, cluster: &Cluster, partition: i32) -> bool {
        let last = cluster.committed((Topic::Requests, partition), 0).last();
        let position = cluster.offset(partition).map_or(0, |(offset, _)| offset);
        last.is_some_and(|last| last.raw.offset >= position)
    }

    /// Judges the rest, and the ledger.
    pub(super) fn finish(
        mut self,
        ledger: &SimLedger,
        now: At,
        suspendable: &[EventId],
    ) -> (Vec<String>, Coverage, u64) {
        let mut wrong = std::mem::take(&mut self.wrong);
        let partitions = i32::try_from(self.dockets.len()).unwrap_or(i32::MAX);
        for docket in &mut self.dockets {
            let report = docket.model.finish();
            if docket.closed {
                continue;
            }
            wrong.extend(report.findings.iter().map(ToString::to_string));
            for (event, model) in docket.model.events() {
                // What strays into a foreign partition has nothing in the ledger from there.
                let home = wire::partitioner::partition(event.as_str().as_bytes(), partitions);
                if suspendable.contains(event) || home != docket.partition {
                    continue;
                }
                wrong.extend(compare(ledger, event, model, now));
            }
        }
        for (event, offset) in &self.suspended {
            if !suspendable.contains(event) {
                wrong.push(format!("{event} was suspended at {offset} without a reason"));
            }
        }
        (wrong, self.coverage, self.requests)
    }
}

impl Docket {
    /// Whether nobody's open transaction hides what is committed.
    fn is_readable(&self, cluster: &Cluster) -> bool {
        Topic::OUTCOMES.iter().all(|topic| {
            let place = (*topic, self.partition);
            cluster.stable_end(place) == cluster.end_of(place)
        })
    }

    fn take_requests(&mut self, cluster: &Cluster, upto: i64, coverage: &mut Coverage) -> u64 {
        let mut taken = 0;
        for stored in cluster.committed((Topic::Requests, self.partition), self.next) {
            let RawRecord { offset, appended, key, value, .. } = &stored.raw;
            if *offset >= upto {
                break;
            }
            let (key, value) = (key.as_deref(), value.as_deref());
            let request = self.model.on_record(*offset, *appended, key, value);
            if let Some(request) = request {
                coverage.see_request(&request);
                self.requests.insert(*offset, request);
            }
            taken += 1;
        }
        self.next = upto;
        taken
    }

    fn take_outcomes(
        &mut self,
        cluster: &Cluster,
        upto: i64,
        coverage: &mut Coverage,
        wrong: &mut Vec<String>,
        trace: &mut Trace,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![];
        for (topic, next) in Topic::OUTCOMES.into_iter().zip(&mut self.read) {
            for stored in cluster.committed((topic, self.partition), *next) {
                *next = stored.raw.offset + 1;
                let value = stored.raw.value.as_deref().unwrap_or_default();
                trace.bytes(value);
                if topic == Topic::DeadLetters {
                    match wire::dead_letter::decode(value) {
                        Ok(letter) => {
                            self.model.on_dead_letter(letter.partition, letter.offset);
                            coverage.see_dead_letter(letter.reason);
                        }
                        Err(error) => wrong.push(format!("an unreadable dead letter: {error}")),
                    }
                    continue;
                }
                match wire::outcome::decode(value) {
                    Ok(Some(outcome)) => {
                        self.model.on_outcome(Partition(self.partition), &outcome);
                        outcomes.push(outcome);
                    }
                    Ok(None) => wrong.push("an outcome of an unknown kind".into()),
                    Err(error) => wrong.push(format!("an unreadable outcome: {error}")),
                }
            }
        }
        outcomes.sort_by_key(|outcome| (outcome.header.offset, outcome.header.sequence));
        for outcome in &outcomes {
            if let Some(request) = self.requests.get(&outcome.header.offset) {
                coverage.see_outcome(request, outcome);
            }
        }
        self.requests = self.requests.split_off(&upto);
        outcomes
    }
}

/// Holds an event's rows against what the topics say of them.
fn compare(
    ledger: &SimLedger,
    event: &EventId,
    model: &crate::audit::EventModel,
    now: At,
) -> Vec<String> {
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
    let late = |row: &&StoredSeat| {
        let overdue = row.deadline.plus(GRACE).plus(EXPIRY_MAX) < now;
        row.status == Status::Held && overdue
    };
    let mut wrong: Vec<String> = vec![];
    if let Some(row) = rows.seats.iter().find(late) {
        wrong.push(format!("{event}: hold {} has not ended by {now}: {row:?}", row.hold));
    }
    let layout = rows.definition.as_ref().and_then(|(_, bytes)| {
        let definition = wire::venue::decode(bytes).ok()?;
        Layout::compile(definition).ok()
    });
    let state = (fence.sequence, !fence.suspended.is_empty());
    let names = |number| layout.as_ref().map(|layout| layout.name(number)).unwrap_or_default();
    let found = ledger::compare(event, model, state, &rows.seats, names);
    wrong.extend(found.iter().map(ToString::to_string));
    wrong
}
