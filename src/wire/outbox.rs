//! `Outbox`: the outbox row of an event's ledger partition, everything Kafka may not have yet.
//!
//! The row is written anew with every batch of the event, so encoding is one pass over the entries
//! and one of LZ4. It is stored as the length of the framed Avro datum, four bytes, little-endian,
//! and the datum as one LZ4 block. Compressed as a whole: neighbouring records differ in a few
//! bytes.

use std::sync::Arc;

use super::DecodeError;
use super::binary::{Input, Output, malformed};
use super::headers;
use super::registry::{Record, begin, open_as};
use crate::domain::ids::Digest;
use crate::domain::limits::OUTBOX_BYTES_MAX;
use crate::ports::log::{OutRecord, Topic};

/// Bytes of the length in front of the compressed datum.
const LENGTH_BYTES: usize = 4;
/// Bytes of a datum. The bound on entries counts keys and values; offsets, digests and lengths come
/// on top, and are fewer bytes for each record than the least outcome has.
const DATUM_BYTES_MAX: usize = 2 * OUTBOX_BYTES_MAX;

/// Everything one request publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Offset of the request.
    pub offset: i64,
    /// Digest of the request's key and value.
    pub digest: Digest,
    /// Sequence of the event just before the request.
    pub sequence_before: i64,
    /// The records, in the order they are published in.
    pub records: Arc<Vec<OutRecord>>,
}

/// Encodes the outbox row. No entries at all is a row of few bytes, never an absent one.
///
/// # Panics
/// When the entries are larger than an outbox may be: they could not be read back. The engine makes
/// the event wait for Kafka long before.
#[must_use]
pub fn encode<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u8> {
    let datum = encode_datum(entries);
    assert!(datum.len() <= DATUM_BYTES_MAX, "an outbox of {} bytes is too large", datum.len());
    let length = u32::try_from(datum.len()).expect("the bound on a datum is below 2^32");
    let mut row = vec![0; LENGTH_BYTES + lz4_flex::block::get_maximum_output_size(datum.len())];
    row[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    let compressed = lz4_flex::block::compress_into(&datum, &mut row[LENGTH_BYTES..])
        .expect("the output has room for the worst case");
    row.truncate(LENGTH_BYTES + compressed);
    row
}

/// Decodes the outbox row.
///
/// # Errors
/// Says what the bytes are not; nothing is inflated beyond the bound on an outbox.
pub fn decode(row: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    let Some((length, compressed)) = row.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(malformed("the outbox", "is cut short"));
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > DATUM_BYTES_MAX {
        return Err(malformed("the outbox", "says it is larger than an outbox may be"));
    }
    let datum = lz4_flex::block::decompress(compressed, length)
        .map_err(|error| malformed("the outbox", error))?;
    if datum.len() != length {
        return Err(malformed("the outbox", "is not of the length it says"));
    }
    decode_datum(&datum)
}

/// The framed datum, not compressed.
pub(super) fn encode_datum<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u8> {
    let entries: Vec<&Entry> = entries.collect();
    let of_record =
        |record: &OutRecord| 24 + record.key.as_ref().map_or(0, Vec::len) + record.value.len();
    let of_entry = |entry: &&Entry| 48 + entry.records.iter().map(of_record).sum::<usize>();
    let mut output = begin(Record::Outbox, 16 + entries.iter().map(of_entry).sum::<usize>());
    output.list(&entries, |output, entry| {
        output.long(entry.offset);
        output.fixed(&entry.digest.0);
        output.long(entry.sequence_before);
        output.list(&entry.records, write_record);
    });
    output.into_bytes()
}

pub(super) fn decode_datum(datum: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    open_as(Record::Outbox, datum)?.read(|input| {
        input.list("entries", |input| {
            Ok(Entry {
                offset: input.long("entry.offset")?,
                digest: Digest(input.fixed("entry.digest")?),
                sequence_before: input.long("entry.sequence_before")?,
                records: Arc::new(input.list("entry.records", read_record)?),
            })
        })
    })
}

fn write_record(output: &mut Output, record: &OutRecord) {
    output.int(i32::from(record.topic.number()));
    headers::write_bytes(output, record.key.as_deref());
    output.bytes(&record.value);
    headers::write(output, &record.headers);
}

fn read_record(input: &mut Input<'_>) -> Result<OutRecord, DecodeError> {
    let number = input.int("record.topic")?;
    let topic = Topic::ALL.into_iter().find(|&topic| i32::from(topic.number()) == number);
    Ok(OutRecord {
        topic: topic.ok_or_else(|| {
            malformed("record.topic", format_args!("{number} is not known to this version"))
        })?,
        key: headers::read_bytes(input, "record.key")?,
        value: input.bytes("record.value")?.to_vec(),
        headers: headers::read(input)?,
    })
}
