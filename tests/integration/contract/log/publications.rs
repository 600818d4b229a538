//! What an owner publishes, and what is found of it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use holdfast::domain::ids::{EventId, Partition};
use holdfast::ports::log::{
    LastRecord, Log, LogRecord, OutRecord, Part, Position, Publication, RawRecord, Reader, Start,
    Topic,
};
use holdfast::wire;
use holdfast::wire::inventory::Inventory;

/// The position behind a record.
pub(crate) fn position(last: &RawRecord) -> Position {
    Position {
        offset: last.offset + 1,
        last: Some(LastRecord {
            offset: last.offset,
            appended: last.appended,
            highest: last.appended,
            digest: wire::digest(last.key.as_deref(), last.value.as_deref()),
        }),
    }
}

/// How an event stands behind a record.
pub(crate) fn inventory(event: &str, last: &RawRecord) -> OutRecord {
    wire::inventory::encode(&Inventory {
        event: EventId::new(event).expect("a name"),
        sequence: last.offset + 1,
        position: last.offset + 1,
        revision: 7,
        at: last.appended,
        suspended: false,
        live_holds: 0,
        earliest_deadline: None,
        counts: Vec::new(),
        free: Vec::new(),
    })
}

/// One outcome, one inventory record, and the position behind the record answered.
pub(crate) fn part(partition: Partition, last: &RawRecord) -> Part {
    let outcome = OutRecord {
        topic: Topic::Held,
        key: Some(b"cup".to_vec()),
        value: format!("outcome of {}", last.offset).into_bytes(),
        headers: vec![("seen".into(), Some(b"yes".to_vec())), ("null".into(), None)],
    };
    Part {
        partition,
        position: position(last),
        entries: vec![Arc::new(vec![outcome])],
        inventory: vec![inventory("cup", last)],
    }
}

/// A transaction of one such part.
pub(crate) fn publication(partition: Partition, last: &RawRecord) -> Publication {
    Publication { parts: vec![part(partition, last)] }
}

/// All that is visible in a partition.
pub(super) fn visible(log: &dyn Log, topic: Topic, partition: Partition) -> Result<Vec<LogRecord>> {
    visible_to(&mut *log.reader()?, topic, partition)
}

/// The same for one reader, again and again.
pub(super) fn visible_to(
    reader: &mut dyn Reader,
    topic: Topic,
    partition: Partition,
) -> Result<Vec<LogRecord>> {
    let mut found = vec![];
    reader.read_to_end((topic, partition, Start::Beginning), &mut |record| found.push(record))?;
    Ok(found)
}

/// The position as a reader sees it; 0 where nothing has been answered.
pub(super) fn committed(log: &dyn Log, partition: Partition) -> Result<i64> {
    Ok(log.reader()?.committed(partition).context("the position")?.unwrap_or(0))
}
