//! Beginning to own: a new generation, and a term for each partition.
//!
//! Both are taken in one transaction with the look at positions and predecessors. Whoever owned the
//! partitions before cannot publish after it, so what is read later (inventory, window of ids) can
//! only be what was published before. A term that does not follow the last one is not taken.

use super::Error;
use super::owner::first_epoch;
use super::store::Store;
use super::tables::{self, GENERATION, Tables, read_back, read_records};
use crate::domain::ids::Partition;
use crate::domain::limits::ID_READ_BACK;
use crate::domain::outcome::DECISION_VERSION;
use crate::ports::clock;
use crate::ports::log::{Assignment, Known, LogRecord, Member, OutRecord, TermRecord, Topic};
use crate::wire;

/// An assignment, or the partition that is refused and why.
pub(super) type Taken = Result<Assignment, (Partition, String)>;

/// Takes all partitions over; answers the generation, and what became of each partition in order.
pub(super) fn begin(store: &Store, member: &Member) -> Result<(u64, Vec<Taken>), Error> {
    let (partitions, member) = (store.partitions(), member.clone());
    let (generation, taken) = store.write_and_wait(move |tables| {
        let generation = tables.meta(GENERATION)? + 1;
        tables.meta.insert(GENERATION, generation)?;
        let mut taken = vec![];
        for partition in (0..partitions).map(Partition) {
            taken.push(take(tables, partition, partitions, &member, first_epoch(generation))?);
        }
        Ok((generation, taken))
    })?;
    let found: Result<Vec<Taken>, Error> =
        taken.into_iter().map(|one| complete(store, one)).collect();
    Ok((generation, found?))
}

/// Takes a new term for one partition; `None` where another generation has begun.
pub(super) fn retake(
    store: &Store,
    member: &Member,
    generation: u64,
    (partition, epoch): (Partition, u64),
) -> Result<Option<Taken>, Error> {
    let (partitions, member) = (store.partitions(), member.clone());
    let taken = store.write_and_wait(move |tables| {
        if tables.meta(GENERATION)? != generation {
            return Ok(None);
        }
        take(tables, partition, partitions, &member, epoch).map(Some)
    })?;
    let again = |one: Assignment| Assignment { retaken: true, ..one };
    taken.map(|taken| complete(store, taken.map(again))).transpose()
}

/// Appends the term record and looks at what may change no more.
fn take(
    tables: &mut Tables<'_>,
    partition: Partition,
    partitions: i32,
    member: &Member,
    epoch: u64,
) -> Result<Taken, redb::Error> {
    let own = TermRecord {
        partition,
        transactional_id: member.instance.clone(),
        instance_id: member.instance.clone(),
        ledger: member.ledger.id,
        ledger_cluster: member.ledger.cluster.clone(),
        partitions,
        decision_version: DECISION_VERSION,
    };
    let OutRecord { topic, key, value, headers } = wire::term::encode(&own);
    let previous = tables.last_of(topic, Partition(0), key.as_deref().unwrap_or_default())?;
    let previous = previous.and_then(|value| wire::term::decode(&value).ok());
    if let Some(Err(sentence)) = previous.as_ref().map(|previous| own.follows(previous)) {
        return Ok(Err((partition, sentence)));
    }
    let place = (topic, Partition(0));
    let term = tables.append(place, clock::now(), key.as_deref(), Some(&value), &headers)?;
    let committed = tables.position(partition)?;
    let mut outcomes_exist = false;
    for topic in Topic::OUTCOMES {
        outcomes_exist |= tables.end(topic, partition)? > 0;
    }
    Ok(Ok(Assignment {
        partition,
        term,
        committed,
        log_start: 0,
        log_end: tables.end(Topic::Requests, partition)?,
        outcomes_exist,
        previous,
        own,
        inventory: vec![],
        read_back: vec![],
        epoch,
        retaken: false,
    }))
}

/// Reads inventory and window: nobody but this generation adds to them now.
fn complete(store: &Store, taken: Taken) -> Result<Taken, Error> {
    let Ok(mut taken) = taken else { return Ok(taken) };
    let partition = taken.partition;
    let mut unreadable = None;
    taken.inventory = store.read(|read| {
        let end = tables::read_end(read, Topic::Inventory, partition)?;
        let mut known: Vec<Known> = vec![];
        read_records(read, (Topic::Inventory, partition), 0..end, |record| {
            match wire::inventory::decode(record.value.as_deref().unwrap_or_default()) {
                Ok(inventory) => known.push(inventory.known()),
                Err(error) => unreadable = Some(error.to_string()),
            }
            unreadable.is_none()
        })?;
        Ok(known)
    })?;
    if let Some(why) = unreadable {
        return Err(Error::Read(format!("the inventory of partition {partition}: {why}")));
    }
    let Some(position) = &taken.committed else { return Ok(Ok(taken)) };
    let before = position.offset.min(taken.log_end);
    // Append times never go back, so the first record that is too old ends the reading.
    let since = position.last.map(|last| last.highest.minus(ID_READ_BACK));
    let wanted = |record: &LogRecord| {
        record.offset + 1 == before || since.is_none_or(|since| record.timestamp >= since)
    };
    let read = store.read(|read| read_back(read, (Topic::Requests, partition), before, wanted))?;
    taken.read_back = read.into_iter().map(|record| record.under(taken.epoch)).collect();
    Ok(Ok(taken))
}
