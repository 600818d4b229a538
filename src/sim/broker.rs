//! The brokers: partitions, transactions and the group's offsets, as far as owners can tell.
//!
//! What Kafka 4 does with a client that speaks the first transaction protocol, which is what ours
//! speaks:
//! - the coordinator answers the end of a transaction before its markers are written; each
//!   partition, and the group's offsets, get theirs in a time of their own. Until all have, the
//!   producer's next request is told to come again;
//! - an end is known by producer and epoch alone: one that comes late ends whatever transaction of
//!   the same epoch is open by then;
//! - a new producer under the same transactional id raises the epoch and aborts what is open, and
//!   so does the brokers' own timeout;
//! - offsets in a transaction are taken on the word of the group's coordinator, which looks at
//!   member and generation and never at who has a partition;
//! - of offsets sent for one partition in several transactions those that were sent last count,
//!   whichever transaction is committed last;
//! - readers of committed records stop at the first record of an open transaction; offsets that
//!   are pending make a position unstable;
//! - markers take offsets, so offsets have gaps for readers.
//!
//! Nothing waits and nothing is drawn here: when something happens is for the world to say.

pub mod history;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::group::{Group, Membership};
use crate::domain::time::At;
use crate::ports::log::{Header, OutRecord, RawRecord, Seal, Topic};
use crate::wire;

/// A partition of a topic.
pub(super) type Place = (Topic, i32);

/// A transaction, by its number in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Txn(u32);

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

/// A record as a partition has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// As it is handed to a reader, but for the epoch.
    pub(super) raw: RawRecord,
    /// What its signature is worth; requests only.
    pub(super) seal: Seal,
    txn: Option<Txn>,
    marker: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PartitionLog {
    start: i64,
    records: Vec<Stored>,
    /// Open transactions with their first offsets.
    open: Vec<(Txn, i64)>,
}

impl PartitionLog {
    fn end(&self) -> i64 {
        self.start + count(self.records.len())
    }

    /// A transaction goes on here, or begins with the next record.
    fn open(&mut self, txn: Txn) {
        if !self.open.iter().any(|(open, _)| *open == txn) {
            self.open.push((txn, self.end()));
        }
    }

    fn stable_end(&self) -> i64 {
        self.open.iter().map(|(_, first)| *first).min().unwrap_or_else(|| self.end())
    }

    fn index(&self, offset: i64) -> usize {
        usize::try_from(offset - self.start).unwrap_or(0).min(self.records.len())
    }
}

/// One transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Transactional {
    epoch: u32,
    state: State,
    /// How its last transaction ended.
    last: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Ongoing(Ongoing),
    /// Decided; markers are on their way.
    Completing(Completing),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ongoing {
    txn: Txn,
    began: At,
    places: BTreeSet<Place>,
    offsets: Offsets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Completing {
    txn: Txn,
    commit: bool,
    places: BTreeSet<Place>,
    offsets: Offsets,
}

/// A marker to be written: in a partition, or (`None`) among the group's offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    id: String,
    txn: Txn,
    place: Option<Place>,
}

/// Why a request of a producer was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// A newer producer has the id.
    Fenced,
    /// The last transaction's markers are still being written: to be asked again.
    Concurrent,
    /// The member or its generation is not the group's.
    Stale,
    /// There is no transaction to be ended.
    Invalid,
}

/// Positions and edges of one request partition, as asked for by an owner that begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edges {
    pub(super) log_start: i64,
    pub(super) log_end: i64,
    pub(super) inventory_end: i64,
    pub(super) outcomes_exist: bool,
}

/// A committed offset and its metadata; `None` where the group has none.
pub(super) type StoredOffset = Option<(i64, String)>;

/// Offsets by partition, each with its number among all that were sent.
type Offsets = BTreeMap<i32, (u64, (i64, String))>;

/// All brokers together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) group: Group,
    logs: BTreeMap<Place, PartitionLog>,
    producers: BTreeMap<String, Transactional>,
    fates: Vec<Fate>,
    offsets: Offsets,
    /// Offsets sent so far.
    sent: u64,
}

impl Cluster {
    pub(super) fn new(partitions: i32) -> Cluster {
        let mut logs = BTreeMap::new();
        for topic in Topic::ALL {
            let partitions = if topic == Topic::Terms { 1 } else { partitions };
            for partition in 0..partitions {
                logs.insert((topic, partition), PartitionLog::default());
            }
        }
        Cluster {
            group: Group::new(partitions),
            logs,
            producers: BTreeMap::new(),
            fates: vec![],
            offsets: BTreeMap::new(),
            sent: 0,
        }
    }

    fn log(&self, place: Place) -> &PartitionLog {
        self.logs.get(&place).expect("all partitions exist from the start")
    }

    fn log_mut(&mut self, place: Place) -> &mut PartitionLog {
        self.logs.get_mut(&place).expect("all partitions exist from the start")
    }

    /// Appends a request outside of transactions; answers its offset.
    pub(super) fn append(&mut self, partition: i32, at: At, request: Request) -> i64 {
        self.store(partition, at, request, None)
    }

    /// Appends a request under a transaction, opening it where none is; answers its offset.
    pub(super) fn append_in(
        &mut self,
        (id, epoch): (&str, u32),
        partition: i32,
        at: At,
        request: Request,
    ) -> Result<i64, Denied> {
        let txn = self.enlist(id, epoch, at, Some((Topic::Requests, partition)))?;
        Ok(self.store(partition, at, request, Some(txn)))
    }

    fn store(&mut self, partition: i32, at: At, request: Request, txn: Option<Txn>) -> i64 {
        let log = self.log_mut((Topic::Requests, partition));
        let offset = log.end();
        txn.iter().for_each(|txn| log.open(*txn));
        let Request { key, value, headers, seal } = request;
        let raw = RawRecord { partition, offset, appended: at, key, value, headers, epoch: 0 };
        log.records.push(Stored { raw, seal, txn, marker: false });
        offset
    }

    /// A producer is initialised under a transactional id: what is open ends, the epoch rises. The
    /// markers are those of what had to be aborted; then it is to be asked again.
    pub(super) fn init(&mut self, id: &str) -> Result<u32, Vec<Marker>> {
        let fresh = || Transactional { epoch: 0, state: State::Empty, last: None };
        let producer = self.producers.entry(id.to_owned()).or_insert_with(fresh);
        match &producer.state {
            State::Empty => {
                producer.epoch += 1;
                producer.last = None;
                Ok(producer.epoch)
            }
            State::Ongoing(_) => {
                producer.epoch += 1;
                Err(self.decide(id, false))
            }
            State::Completing(_) => Err(vec![]),
        }
    }

    /// Appends records under a transaction, opening it where none is; answers the first's offset.
    pub(super) fn produce(
        &mut self,
        (id, epoch): (&str, u32),
        at: At,
        place: Place,
        records: &[OutRecord],
    ) -> Result<i64, Denied> {
        let txn = self.enlist(id, epoch, at, Some(place))?;
        let log = self.log_mut(place);
        let first = log.end();
        log.open(txn);
        for record in records {
            let raw = RawRecord {
                partition: place.1,
                offset: log.end(),
                appended: at,
                key: record.key.clone(),
                value: Some(record.value.clone()),
                headers: record.headers.clone(),
                epoch: 0,
            };
            log.records.push(Stored { raw, seal: Seal::Absent, txn: Some(txn), marker: false });
        }
        Ok(first)
    }

    /// Puts offsets into the transaction.
    pub(super) fn send_offsets(
        &mut self,
        (id, epoch): (&str, u32),
        at: At,
        member: &Membership,
        offsets: &[(i32, i64, String)],
    ) -> Result<(), Denied> {
        self.enlist(id, epoch, at, None)?;
        if !self.group.admits(member) {
            return Err(Denied::Stale);
        }
        let producer = self.producers.get_mut(id).expect("just enlisted");
        if let State::Ongoing(ongoing) = &mut producer.state {
            for (partition, offset, metadata) in offsets {
                self.sent += 1;
                ongoing.offsets.insert(*partition, (self.sent, (*offset, metadata.clone())));
            }
        }
        Ok(())
    }

    /// The transaction of a producer, opened where none is.
    fn enlist(
        &mut self,
        id: &str,
        epoch: u32,
        at: At,
        place: Option<Place>,
    ) -> Result<Txn, Denied> {
        let next = Txn(u32::try_from(self.fates.len()).expect("a world is small"));
        let producer = self.producers.get_mut(id).ok_or(Denied::Fenced)?;
        if producer.epoch != epoch {
            return Err(Denied::Fenced);
        }
        if let State::Empty = producer.state {
            let (places, offsets) = (BTreeSet::new(), BTreeMap::new());
            producer.state = State::Ongoing(Ongoing { txn: next, began: at, places, offsets });
            self.fates.push(Fate::Open);
        }
        match &mut producer.state {
            State::Ongoing(ongoing) => {
                ongoing.places.extend(place);
                Ok(ongoing.txn)
            }
            State::Empty | State::Completing(_) => Err(Denied::Concurrent),
        }
    }

    /// Ends the transaction that is open, whichever it is; answers the markers to be written.
    pub(super) fn end(
        &mut self,
        (id, epoch): (&str, u32),
        commit: bool,
    ) -> Result<Vec<Marker>, Denied> {
        let producer = self.producers.get(id).ok_or(Denied::Fenced)?;
        if producer.epoch != epoch {
            return Err(Denied::Fenced);
        }
        match &producer.state {
            State::Ongoing(_) => Ok(self.decide(id, commit)),
            State::Completing(completing) if completing.commit == commit => Ok(vec![]),
            State::Completing(_) => Err(Denied::Invalid),
            State::Empty if producer.last == Some(commit) => Ok(vec![]),
            State::Empty => Err(Denied::Invalid),
        }
    }

    fn decide(&mut self, id: &str, commit: bool) -> Vec<Marker> {
        let producer = self.producers.get_mut(id).expect("the caller found it");
        let state = std::mem::replace(&mut producer.state, State::Empty);
        let State::Ongoing(Ongoing { txn, places, offsets, .. }) = state else {
            producer.state = state;
            return vec![];
        };
        producer.last = Some(commit);
        self.fates[txn.0 as usize] = if commit { Fate::Committed } else { Fate::Aborted };
        let marker = |place| Marker { id: id.to_owned(), txn, place };
        let mut markers: Vec<Marker> = places.iter().map(|place| marker(Some(*place))).collect();
        if !offsets.is_empty() {
            markers.push(marker(None));
        }
        if !markers.is_empty() {
            producer.state = State::Completing(Completing { txn, commit, places, offsets });
        }
        markers
    }

    /// Writes a marker. Answers whether it was the last of its transaction, and that committed.
    pub(super) fn write(&mut self, marker: &Marker) -> bool {
        let Marker { id, txn, place } = marker;
        let producer = self.producers.get_mut(id).expect("markers come from producers");
        let State::Completing(completing) = &mut producer.state else { return false };
        if completing.txn != *txn {
            return false;
        }
        let commit = completing.commit;
        if let Some(place) = place {
            completing.places.remove(place);
        } else {
            let offsets = std::mem::take(&mut completing.offsets);
            if commit {
                let newer = |(partition, (sent, _)): &(i32, (u64, _))| {
                    self.offsets.get(partition).is_none_or(|(last, _)| last < sent)
                };
                let newer: Offsets = offsets.into_iter().filter(newer).collect();
                self.offsets.extend(newer);
            }
        }
        let last = completing.places.is_empty() && completing.offsets.is_empty();
        if last {
            producer.state = State::Empty;
        }
        if let Some(place) = place {
            let log = self.log_mut(*place);
            log.open.retain(|(open, _)| open != txn);
            let raw = RawRecord { partition: place.1, offset: log.end(), ..RawRecord::default() };
            log.records.push(Stored { raw, seal: Seal::Absent, txn: Some(*txn), marker: true });
        }
        last && commit
    }

    /// Aborts what has been open for too long, as brokers do on their own.
    pub(super) fn sweep(&mut self, opened_before: At) -> Vec<Marker> {
        let late = |(id, producer): (&String, &Transactional)| match &producer.state {
            State::Ongoing(ongoing) if ongoing.began < opened_before => Some(id.clone()),
            State::Ongoing(_) | State::Empty | State::Completing(_) => None,
        };
        let late: Vec<String> = self.producers.iter().filter_map(late).collect();
        let mut markers = vec![];
        for id in late {
            self.producers.get_mut(&id).expect("just listed").epoch += 1;
            markers.extend(self.decide(&id, false));
        }
        markers
    }

    /// The committed offset of a partition, unless a transaction over it is open or being decided.
    pub(super) fn stable_offset(&self, partition: i32) -> Option<StoredOffset> {
        let pending = |producer: &Transactional| match &producer.state {
            State::Empty => false,
            State::Ongoing(ongoing) => ongoing.offsets.contains_key(&partition),
            State::Completing(completing) => completing.offsets.contains_key(&partition),
        };
        let stable = !self.producers.values().any(pending);
        stable.then(|| self.offset(partition))
    }

    /// The committed offset of a partition, whatever is pending over it.
    pub(super) fn offset(&self, partition: i32) -> StoredOffset {
        self.offsets.get(&partition).map(|(_, stored)| stored.clone())
    }

    /// The position after the last request of a partition that has an answer, as an operator finds
    /// it: in the outcome topics.
    pub(super) fn after_last_answer(&self, partition: i32) -> Option<i64> {
        let about = |topic: Topic, stored: &Stored| {
            let value = stored.raw.value.as_deref()?;
            if topic == Topic::DeadLetters {
                return Some(wire::dead_letter::decode(value).ok()?.offset);
            }
            Some(wire::outcome::decode(value).ok()??.header.offset)
        };
        let answers = Topic::OUTCOMES.into_iter().flat_map(|topic| {
            let answers = self.committed((topic, partition), 0);
            answers.filter_map(move |stored| about(topic, stored))
        });
        answers.max().map(|last| last + 1)
    }

    /// Whether no open transaction hides answers of a partition.
    pub(super) fn is_readable(&self, partition: i32) -> bool {
        Topic::OUTCOMES.into_iter().all(|topic| {
            let place = (topic, partition);
            self.stable_end(place) == self.end_of(place)
        })
    }

    /// Whether none hides its offset either.
    pub(super) fn is_settled(&self, partition: i32) -> bool {
        self.stable_offset(partition).is_some() && self.is_readable(partition)
    }

    /// The highest position that the inventory of a partition tells.
    pub(super) fn answered(&self, partition: i32) -> Option<i64> {
        let values = self.committed((Topic::Inventory, partition), 0);
        let values = values.filter_map(|stored| stored.raw.value.as_deref());
        values.filter_map(|value| Some(wire::inventory::decode(value).ok()?.position)).max()
    }

    /// An operator, or an accident, sets the group's offset.
    pub(super) fn set_offset(&mut self, partition: i32, offset: StoredOffset) {
        self.sent += 1;
        match offset {
            Some(offset) => self.offsets.insert(partition, (self.sent, offset)),
            None => self.offsets.remove(&partition),
        };
    }

    /// The offset after the last record, markers and uncommitted ones among them.
    pub(super) fn end_of(&self, place: Place) -> i64 {
        self.log(place).end()
    }

    /// How far readers of committed records come.
    pub(super) fn stable_end(&self, place: Place) -> i64 {
        self.log(place).stable_end()
    }

    pub(super) fn edges(&self, partition: i32) -> Edges {
        let requests = self.log((Topic::Requests, partition));
        let has_any = |topic: &Topic| self.end_of((*topic, partition)) > 0;
        Edges {
            log_start: requests.start,
            log_end: requests.end(),
            inventory_end: self.end_of((Topic::Inventory, partition)),
            outcomes_exist: Topic::OUTCOMES.iter().any(has_any),
        }
    }

    /// Committed records of a partition from an offset on, as far as they may be read.
    pub(super) fn committed(&self, place: Place, from: i64) -> impl Iterator<Item = &Stored> {
        let log = self.log(place);
        let stable = log.stable_end();
        log.records[log.index(from)..]
            .iter()
            .take_while(move |stored| stored.raw.offset < stable)
            .filter(|stored| !stored.marker && self.is_committed(stored))
    }

    /// All records of a partition, also those of transactions that are open or aborted.
    pub(super) fn uncommitted(&self, place: Place) -> impl Iterator<Item = &Stored> {
        self.log(place).records.iter().filter(|stored| !stored.marker)
    }

    fn is_committed(&self, stored: &Stored) -> bool {
        stored.txn.is_none_or(|txn| self.fates[txn.0 as usize] == Fate::Committed)
    }

    /// Retention takes the records before a time, as long as they are below an offset.
    pub(super) fn retain(&mut self, partition: i32, before: At, below: i64) {
        let log = self.log((Topic::Requests, partition));
        let old = |stored: &&Stored| stored.raw.offset < below && stored.raw.appended < before;
        let upto = log.start + count(log.records.iter().take_while(old).count());
        self.cut_before(partition, upto);
    }

    /// Retention takes the records below an offset.
    pub(super) fn cut_before(&mut self, partition: i32, offset: i64) {
        let log = self.log_mut((Topic::Requests, partition));
        let upto = log.index(offset);
        log.records.drain(..upto);
        log.start += count(upto);
        // A transaction whose first records are gone is open from the first that is left.
        let start = log.start;
        log.open.iter_mut().for_each(|(_, first)| *first = start.max(*first));
    }

    /// The last records of the request partition are lost.
    pub(super) fn cut_from(&mut self, partition: i32, offset: i64) {
        let log = self.log_mut((Topic::Requests, partition));
        let from = log.index(offset);
        log.records.truncate(from);
        // A transaction none of whose records is left hides nothing.
        log.open.retain(|(_, first)| *first < offset);
    }

    /// What the inventory says of a partition's events is gone.
    pub(super) fn lose_inventory(&mut self, partition: i32) {
        *self.log_mut((Topic::Inventory, partition)) = PartitionLog::default();
    }

    /// The topic of terms is made anew: what comes next begins at offset 0 again.
    pub(super) fn lose_terms(&mut self) {
        *self.log_mut((Topic::Terms, 0)) = PartitionLog::default();
    }
}

/// A record on its way to the request topic.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<Header>,
    pub(super) seal: Seal,
}

fn count(items: usize) -> i64 {
    i64::try_from(items).expect("a world is small")
}
