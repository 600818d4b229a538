//! The tables of the file, and the few things that are done to them in one place.
//!
//! Texts that may be missing are stored as empty ones: no name is empty.

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use crate::domain::ids::Partition;
use crate::domain::time::At;
use crate::ports::log::{Header, LastRecord, LogRecord, Position, Topic};

/// A topic, a partition, an offset.
pub(super) type RecordKey = (u8, i32, i64);
/// Append time, key, value, headers.
pub(super) type RecordValue = (i64, Option<&'static [u8]>, Option<&'static [u8]>, Vec<HeaderValue>);
/// Name and value of a header.
pub(super) type HeaderValue = (&'static str, Option<&'static [u8]>);
/// Term, revision, batch, sequence, edition, applied offset, published below, decided at, sale,
/// why it is suspended.
pub(super) type FenceValue = (i64, i64, u128, i64, i64, i64, i64, i64, i32, &'static str);
/// `changed` and content.
pub(super) type BlobValue = (i64, &'static [u8]);
/// Status, hold, buyer, deadline, price, tier, reference, cause, offset, changed, block.
pub(super) type SeatValue =
    (i8, u128, &'static str, i64, i64, u16, &'static str, u8, i64, i64, &'static str);

/// Numbers about the file as a whole.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Which ledger this is.
pub(super) const IDENTITY: TableDefinition<(), u128> = TableDefinition::new("identity");
/// All records.
pub(super) const RECORDS: TableDefinition<RecordKey, RecordValue> = TableDefinition::new("records");
/// The next offset of each partition, and the last append time.
pub(super) const ENDS: TableDefinition<(u8, i32), (i64, i64)> = TableDefinition::new("ends");
/// The offset of a compacted topic's last record of each key.
pub(super) const LATEST: TableDefinition<(u8, i32, &[u8]), i64> = TableDefinition::new("latest");
/// The committed offset of each request partition, and its metadata.
pub(super) const POSITIONS: TableDefinition<i32, (i64, &str)> = TableDefinition::new("positions");
/// The fence of each event.
pub(super) const FENCES: TableDefinition<&str, FenceValue> = TableDefinition::new("fences");
/// The outbox of each event.
pub(super) const OUTBOXES: TableDefinition<&str, BlobValue> = TableDefinition::new("outboxes");
/// The definition of each event.
pub(super) const DEFINITIONS: TableDefinition<&str, BlobValue> =
    TableDefinition::new("definitions");
/// Every place ever touched.
pub(super) const SEATS: TableDefinition<(&str, u32), SeatValue> = TableDefinition::new("seats");

/// In [`META`]: what of this list is how.
pub(super) const FORMAT: &str = "format";
/// In [`META`]: request partitions.
pub(super) const PARTITIONS: &str = "partitions";
/// In [`META`]: counts the owners that have begun.
pub(super) const GENERATION: &str = "generation";
/// In [`META`]: counts transactions, so that a reader sees at a glance whether there is news.
pub(super) const COMMITS: &str = "commits";

/// All tables, open for writing.
pub(super) struct Tables<'t> {
    pub(super) meta: Table<'t, &'static str, u64>,
    pub(super) records: Table<'t, RecordKey, RecordValue>,
    pub(super) ends: Table<'t, (u8, i32), (i64, i64)>,
    latest: Table<'t, (u8, i32, &'static [u8]), i64>,
    pub(super) positions: Table<'t, i32, (i64, &'static str)>,
    pub(super) fences: Table<'t, &'static str, FenceValue>,
    pub(super) outboxes: Table<'t, &'static str, BlobValue>,
    pub(super) definitions: Table<'t, &'static str, BlobValue>,
    pub(super) seats: Table<'t, (&'static str, u32), SeatValue>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Tables<'t>, redb::Error> {
        Ok(Tables {
            meta: transaction.open_table(META)?,
            records: transaction.open_table(RECORDS)?,
            ends: transaction.open_table(ENDS)?,
            latest: transaction.open_table(LATEST)?,
            positions: transaction.open_table(POSITIONS)?,
            fences: transaction.open_table(FENCES)?,
            outboxes: transaction.open_table(OUTBOXES)?,
            definitions: transaction.open_table(DEFINITIONS)?,
            seats: transaction.open_table(SEATS)?,
        })
    }

    /// Appends a record, and drops its predecessor of the same key where the topic is compacted.
    /// Answers its offset.
    pub(super) fn append(
        &mut self,
        (topic, partition): (Topic, Partition),
        now: At,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<i64, redb::Error> {
        let place = (topic.number(), partition.0);
        let (offset, last) = self.ends.get(place)?.map_or((0, 0), |end| end.value());
        let appended = now.0.max(last);
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        let record = (appended, key, value, headers.collect());
        self.records.insert((place.0, place.1, offset), record)?;
        self.ends.insert(place, (offset + 1, appended))?;
        if topic.is_compacted()
            && let Some(key) = key
        {
            let before = self.latest.insert((place.0, place.1, key), offset)?;
            let before = before.map(|offset| offset.value());
            if let Some(before) = before {
                self.records.remove((place.0, place.1, before))?;
            }
        }
        Ok(offset)
    }

    /// The value of a compacted topic's last record of a key.
    pub(super) fn last_of(
        &self,
        topic: Topic,
        partition: Partition,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, redb::Error> {
        let place = (topic.number(), partition.0);
        let Some(offset) = self.latest.get((place.0, place.1, key))? else { return Ok(None) };
        let record = self.records.get((place.0, place.1, offset.value()))?;
        Ok(record.and_then(|record| record.value().2.map(<[u8]>::to_vec)))
    }

    /// The end of a partition.
    pub(super) fn end(&self, topic: Topic, partition: Partition) -> Result<i64, redb::Error> {
        end_in(&self.ends, topic, partition)
    }

    /// A request partition's committed position.
    pub(super) fn position(&self, partition: Partition) -> Result<Option<Position>, redb::Error> {
        let stored = self.positions.get(partition.0)?;
        Ok(stored.map(|stored| {
            let (offset, metadata) = stored.value();
            Position { offset, last: LastRecord::from_metadata(metadata) }
        }))
    }

    /// A number of [`META`], 0 where there is none.
    pub(super) fn meta(&self, name: &str) -> Result<u64, redb::Error> {
        meta_in(&self.meta, name)
    }
}

/// A number of [`META`], 0 where there is none.
pub(super) fn read_meta(transaction: &ReadTransaction, name: &str) -> Result<u64, redb::Error> {
    meta_in(&transaction.open_table(META)?, name)
}

/// A number of [`META`], 0 where there is none.
pub(super) fn meta_in(
    meta: &impl ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, redb::Error> {
    Ok(meta.get(name)?.map_or(0, |number| number.value()))
}

/// The end of a partition.
pub(super) fn read_end(
    transaction: &ReadTransaction,
    topic: Topic,
    partition: Partition,
) -> Result<i64, redb::Error> {
    end_in(&transaction.open_table(ENDS)?, topic, partition)
}

fn end_in(
    ends: &impl ReadableTable<(u8, i32), (i64, i64)>,
    topic: Topic,
    partition: Partition,
) -> Result<i64, redb::Error> {
    Ok(ends.get((topic.number(), partition.0))?.map_or(0, |end| end.value().0))
}

/// Hands records of a partition to `each`, from an offset up to before another, until it answers
/// that it has enough.
pub(super) fn read_records(
    transaction: &ReadTransaction,
    (topic, partition): (Topic, Partition),
    offsets: std::ops::Range<i64>,
    mut each: impl FnMut(LogRecord) -> bool,
) -> Result<(), redb::Error> {
    let records = transaction.open_table(RECORDS)?;
    let place = (topic.number(), partition.0);
    let range = (place.0, place.1, offsets.start)..(place.0, place.1, offsets.end);
    for entry in records.range(range)? {
        let (key, value) = entry?;
        if !each(record(topic, key.value(), value.value())) {
            break;
        }
    }
    Ok(())
}

/// The records before an offset, from the last one back, until `wanted` says no.
pub(super) fn read_back(
    transaction: &ReadTransaction,
    (topic, partition): (Topic, Partition),
    before: i64,
    mut wanted: impl FnMut(&LogRecord) -> bool,
) -> Result<Vec<LogRecord>, redb::Error> {
    let records = transaction.open_table(RECORDS)?;
    let place = (topic.number(), partition.0);
    let mut read = vec![];
    for entry in records.range((place.0, place.1, 0)..(place.0, place.1, before))?.rev() {
        let (key, value) = entry?;
        let record = record(topic, key.value(), value.value());
        if !wanted(&record) {
            break;
        }
        read.push(record);
    }
    read.reverse();
    Ok(read)
}

/// A request partition's committed offset and its metadata.
pub(super) fn read_position(
    transaction: &ReadTransaction,
    partition: Partition,
) -> Result<Option<i64>, redb::Error> {
    let positions = transaction.open_table(POSITIONS)?;
    Ok(positions.get(partition.0)?.map(|position| position.value().0))
}

type RecordColumns<'a> =
    (i64, Option<&'a [u8]>, Option<&'a [u8]>, Vec<(&'a str, Option<&'a [u8]>)>);

fn record(
    topic: Topic,
    (_, partition, offset): RecordKey,
    (appended, key, value, headers): RecordColumns<'_>,
) -> LogRecord {
    let owned = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(<[u8]>::to_vec));
    LogRecord {
        topic,
        partition: Partition(partition),
        offset,
        timestamp: At(appended),
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: headers.into_iter().map(owned).collect(),
    }
}
