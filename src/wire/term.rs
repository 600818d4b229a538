//! `Term`: who owns a request partition from its record on; the record's offset is the term.

use super::DecodeError;
use super::registry::{Record, begin, open_as};
use crate::domain::ids::Partition;
use crate::ports::log::{OutRecord, TermRecord, Topic};

/// Encodes a term record; the key is the partition's number in ASCII.
#[must_use]
pub fn encode(term: &TermRecord) -> OutRecord {
    let mut output = begin(Record::Term, 160);
    output.int(term.partition.0);
    output.text(&term.transactional_id);
    output.text(&term.instance_id);
    output.uuid(term.ledger);
    output.text(&term.ledger_cluster);
    output.int(term.partitions);
    output.int(term.decision_version);
    let key = Some(term.partition.to_string().into_bytes());
    OutRecord { topic: Topic::Terms, key, value: output.into_bytes(), headers: vec![] }
}

/// Decodes the value of a term record.
///
/// # Errors
/// Says what the bytes are not.
pub fn decode(value: &[u8]) -> Result<TermRecord, DecodeError> {
    open_as(Record::Term, value)?.read(|input| {
        Ok(TermRecord {
            partition: Partition(input.int("partition")?),
            transactional_id: input.string("transactional_id")?,
            instance_id: input.string("instance_id")?,
            ledger: input.uuid("ledger")?,
            ledger_cluster: input.string("ledger_cluster")?,
            partitions: input.int("partitions")?,
            decision_version: input.int("decision_version")?,
        })
    })
}
