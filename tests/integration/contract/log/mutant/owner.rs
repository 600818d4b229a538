//! How a faulty log is owned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdfast::domain::ids::Partition;
use holdfast::domain::outcome::DECISION_VERSION;
use holdfast::embedded::EmbeddedLog;
use holdfast::ports::ledger::LedgerId;
use holdfast::ports::log::{
    Assignment, Error, FromLog, Known, Log as _, LogRecord, Member, OutRecord, OwnerLog, Part,
    Position, Publication, RawRecord, Sink, Start, TermRecord, ToLog, Topic,
};
use holdfast::wire;

use super::Fault;
use crate::contract::log::bench::{P0, P1};

/// How long whoever takes two steps is between them.
const BETWEEN: Duration = Duration::from_millis(100);
/// How long a publication may take.
const PUBLISHED_MAX: Duration = Duration::from_secs(2);

pub(super) struct MutantOwner {
    shared: Arc<Shared>,
}

/// What the caller's side shares with that of the driver.
struct Shared {
    log: EmbeddedLog,
    fault: Fault,
    member: Member,
    sink: Sink,
    /// The driver; none before it has begun and after it is dropped.
    inner: Mutex<Option<Box<dyn OwnerLog>>>,
    /// Others, begun behind the caller's back.
    others: Mutex<Vec<Box<dyn OwnerLog>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of each assignment.
    epochs: BTreeMap<Partition, u64>,
    positions: BTreeMap<Partition, i64>,
    /// Held back until their records have come.
    assignments: Vec<Assignment>,
    /// Reports of publications that are not to be heard.
    unheard: usize,
    published: BTreeSet<Option<Vec<u8>>>,
    refused: Vec<Partition>,
}

impl MutantOwner {
    pub(super) fn start(
        log: EmbeddedLog,
        fault: Fault,
        member: Member,
        sink: Sink,
    ) -> Result<MutantOwner, Error> {
        let shared = Arc::new(Shared {
            log,
            fault,
            member,
            sink,
            inner: Mutex::default(),
            others: Mutex::default(),
            state: Mutex::default(),
        });
        let hearing = Arc::clone(&shared);
        let member = match fault {
            Fault::TakesTermsOfAnyLedger => shared.in_disguise(),
            _ => shared.member.clone(),
        };
        let inner = shared.log.own(member, Arc::new(move |event| hearing.hear(event)))?;
        *lock(&shared.inner) = Some(inner);
        Ok(MutantOwner { shared })
    }
}

impl Drop for MutantOwner {
    fn drop(&mut self) {
        drop(lock(&self.shared.inner).take());
        lock(&self.shared.others).clear();
    }
}

impl OwnerLog for MutantOwner {
    fn send(&self, command: ToLog) {
        let shared = &self.shared;
        match (shared.fault, command) {
            (Fault::IgnoresRewind, ToLog::Rewind { .. })
            | (Fault::NeverPauses, ToLog::Pause(_))
            | (Fault::StaysPaused, ToLog::Resume(_))
            | (Fault::NeverRetakes, ToLog::RetakeTerm(_)) => {}
            (Fault::IgnoresEpoch, ToLog::Rewind { partition, offset, .. }) => {
                let epoch = lock(&shared.state).epochs.get(&partition).copied().unwrap_or(0);
                shared.send(ToLog::Rewind { partition, offset, epoch });
            }
            (Fault::PausesAll, ToLog::Pause(_)) => {
                shared.send(ToLog::Pause(P0));
                shared.send(ToLog::Pause(P1));
            }
            (Fault::SkipsWhilePaused, ToLog::Resume(partition)) => {
                let end = shared.log.reader().and_then(|r| r.end(Topic::Requests, partition));
                let epoch = lock(&shared.state).epochs.get(&partition).copied().unwrap_or(0);
                shared.send(ToLog::Rewind { partition, offset: end.unwrap_or(0), epoch });
                shared.send(ToLog::Resume(partition));
            }
            (Fault::TellsPositionsOfTheAssignment, ToLog::ReadPositions(partitions)) => {
                let known = lock(&shared.state).positions.clone();
                let told = partitions.into_iter().map(|p| (p, known.get(&p).copied()));
                (shared.sink)(FromLog::Positions(told.collect()));
            }
            (_, ToLog::Publish(publication)) => self.publish(publication),
            (_, command) => shared.send(command),
        }
    }
}

impl MutantOwner {
    fn publish(&self, mut publication: Publication) {
        let shared = &self.shared;
        let parts = &mut publication.parts;
        match shared.fault {
            Fault::PositionWithoutRecords => parts.iter_mut().for_each(|part| {
                part.entries.clear();
                part.inventory.clear();
            }),
            Fault::RecordsWithoutPosition => {
                parts.iter_mut().for_each(|part| part.position = start_of_the_log());
            }
            Fault::PublishesNoInventory => parts.iter_mut().for_each(|part| part.inventory.clear()),
            Fault::PublishesBare => parts.iter_mut().for_each(|part| {
                let bare = |record: &OutRecord| OutRecord { headers: vec![], ..record.clone() };
                let bare = |entry: &Arc<Vec<OutRecord>>| entry.iter().map(bare).collect();
                part.entries = part.entries.iter().map(|entry| Arc::new(bare(entry))).collect();
            }),
            Fault::KeepsTheFirst => {
                let published = &mut lock(&shared.state).published;
                for part in parts {
                    part.inventory.retain(|record| published.insert(record.key.clone()));
                }
            }
            Fault::PublishesPartByPart if parts.len() > 1 => {
                let rest = parts.split_off(1);
                return shared.publish_in_two_steps(publication, Publication { parts: rest });
            }
            Fault::RecordsBeforePosition => {
                let records_of = |part: &Part| {
                    let position = lock(&shared.state).positions.get(&part.partition).copied();
                    let position = Position { offset: position.unwrap_or(0), last: None };
                    Part { position, ..part.clone() }
                };
                let records = Publication { parts: parts.iter().map(records_of).collect() };
                for part in parts {
                    (part.entries, part.inventory) = (vec![], vec![]);
                }
                return shared.publish_in_two_steps(records, publication);
            }
            Fault::PublishesUnderAnybody => return self.publish_as_another(publication),
            _ => {}
        }
        shared.send(ToLog::Publish(publication));
    }

    fn publish_as_another(&self, publication: Publication) {
        let sink = Arc::clone(&self.shared.sink);
        let told = move |event| {
            if matches!(event, FromLog::Published(_)) {
                sink(event);
            }
        };
        if let Ok(other) = self.shared.log.own(self.shared.member.clone(), Arc::new(told)) {
            other.send(ToLog::Publish(publication));
            lock(&self.shared.others).push(other);
        }
    }
}

fn start_of_the_log() -> Position {
    Position { offset: 0, last: None }
}

impl Shared {
    fn send(&self, command: ToLog) {
        if let Some(inner) = &*lock(&self.inner) {
            inner.send(command);
        }
    }

    fn publish_in_two_steps(self: &Arc<Shared>, first: Publication, second: Publication) {
        lock(&self.state).unheard += 1;
        self.send(ToLog::Publish(first));
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(BETWEEN);
            shared.send(ToLog::Publish(second));
        });
    }

    fn hear(&self, event: FromLog) {
        match event {
            FromLog::Assigned(assignment) => self.assigned(assignment),
            FromLog::Records(records) => self.records(records),
            FromLog::Published(_) if lock(&self.state).unheard > 0 => {
                lock(&self.state).unheard -= 1;
            }
            FromLog::Left if self.fault == Fault::LeavesWithoutAWord => {}
            FromLog::Left if self.fault == Fault::TalksOn => {
                (self.sink)(FromLog::Left);
                (self.sink)(FromLog::Positions(vec![]));
            }
            FromLog::Refused { partition, sentence } => {
                lock(&self.state).refused.push(partition);
                (self.sink)(FromLog::Refused { partition, sentence });
            }
            FromLog::Left if self.fault == Fault::KeepsTermsItRefuses => {
                self.publish_refused_terms();
                (self.sink)(FromLog::Left);
            }
            FromLog::Failed(_) if self.fault == Fault::LivesOn => {}
            event => (self.sink)(event),
        }
    }

    fn assigned(&self, mut found: Box<Assignment>) {
        let partition = found.partition;
        let position = found.committed.as_ref().map_or(0, |position| position.offset);
        {
            let mut state = lock(&self.state);
            state.epochs.insert(partition, found.epoch);
            state.positions.insert(partition, position);
        }
        match self.fault {
            Fault::ForgetsPosition => found.committed = None,
            Fault::LosesMetadata => {
                found.committed.iter_mut().for_each(|position| position.last = None);
            }
            Fault::DeniesOutcomes => found.outcomes_exist = false,
            Fault::ForgetsPredecessor => found.previous = None,
            Fault::ForgetsInventory => found.inventory.clear(),
            Fault::TakesInventoryOfAll => {
                found.inventory = [P0, P1].into_iter().flat_map(|p| self.inventory(p)).collect();
            }
            Fault::ReadsNothingBack => found.read_back.clear(),
            Fault::SameTerm => found.term = 0,
            Fault::TermOfNoRecord => found.term += 1_000,
            Fault::UnmarkedRetake => found.retaken = false,
            Fault::DeliversFirst => return lock(&self.state).assignments.push(*found),
            _ => {}
        }
        let epoch = found.epoch;
        (self.sink)(FromLog::Assigned(found));
        if self.fault == Fault::FeedsFromTheStart && position > 0 {
            let before = self.read(Topic::Requests, partition);
            let before = before.into_iter().filter(|record| record.offset < position);
            (self.sink)(FromLog::Records(before.map(|record| record.under(epoch)).collect()));
        }
    }

    fn records(&self, mut records: Vec<RawRecord>) {
        match self.fault {
            Fault::DeliversTwice => (self.sink)(FromLog::Records(records.clone())),
            Fault::DeliversBackwards => records.reverse(),
            Fault::DeliversBare => records.iter_mut().for_each(|record| record.headers.clear()),
            Fault::ForgetsEpoch => records.iter_mut().for_each(|record| record.epoch = 0),
            Fault::MixesEpochs => {
                let late = records.last().cloned().map(|mut record| {
                    let epochs = &lock(&self.state).epochs;
                    let first = epochs.get(&Partition(record.partition)).copied();
                    record.epoch = first.unwrap_or(0);
                    record
                });
                records.extend(late);
            }
            _ => {}
        }
        (self.sink)(FromLog::Records(records));
        for assignment in std::mem::take(&mut lock(&self.state).assignments) {
            (self.sink)(FromLog::Assigned(Box::new(assignment)));
        }
    }

    /// The member, as if it wrote the ledger of the last term.
    fn in_disguise(&self) -> Member {
        let mut member = self.member.clone();
        let last = self.read(Topic::Terms, P0).pop().and_then(|record| record.value);
        if let Some(last) = last.and_then(|value| wire::term::decode(&value).ok()) {
            member.ledger = LedgerId { id: last.ledger, cluster: last.ledger_cluster };
        }
        member
    }

    fn publish_refused_terms(&self) {
        let term = |partition: &Partition| TermRecord {
            partition: *partition,
            transactional_id: self.member.instance.clone(),
            instance_id: self.member.instance.clone(),
            ledger: self.member.ledger.id,
            ledger_cluster: self.member.ledger.cluster.clone(),
            partitions: self.log.partitions(),
            decision_version: DECISION_VERSION,
        };
        let refused = std::mem::take(&mut lock(&self.state).refused);
        let terms = refused.iter().map(|partition| wire::term::encode(&term(partition))).collect();
        let (entries, inventory) = (vec![Arc::new(terms)], vec![]);
        // All terms are in the topic's first partition.
        let part = Part { partition: P0, position: start_of_the_log(), entries, inventory };
        let (told, published) = channel();
        let told = Mutex::new(told);
        let sink = move |event| {
            if matches!(event, FromLog::Published(_)) {
                // Nobody waits any more.
                let _ = lock(&told).send(());
            }
        };
        if let Ok(other) = self.log.own(self.in_disguise(), Arc::new(sink)) {
            other.send(ToLog::Publish(Publication { parts: vec![part] }));
            let _ = published.recv_timeout(PUBLISHED_MAX);
        }
    }

    fn inventory(&self, partition: Partition) -> Vec<Known> {
        let records = self.read(Topic::Inventory, partition).into_iter();
        let decoded = records.filter_map(|record| wire::inventory::decode(&record.value?).ok());
        decoded.map(|inventory| inventory.known()).collect()
    }

    fn read(&self, topic: Topic, partition: Partition) -> Vec<LogRecord> {
        let mut read = vec![];
        let each = &mut |record| read.push(record);
        let reader = self.log.reader();
        let from = (topic, partition, Start::Beginning);
        let end = reader.and_then(|mut reader| reader.read_to_end(from, each));
        end.map(|_| read).unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
