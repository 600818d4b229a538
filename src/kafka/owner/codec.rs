//! How term and inventory records are read and written.

use uuid::Uuid;

use crate::domain::ids::Partition;
use crate::ports::log::{Known, OutRecord, TermRecord, Topic};

/// The term record as it is sent.
pub(super) fn encode_term(term: &TermRecord) -> OutRecord {
    let value = format!(
        "{}\n{}\n{}\n{}\n{}\n{}\n{}",
        term.partition,
        term.transactional_id,
        term.instance_id,
        term.ledger,
        term.ledger_cluster,
        term.partitions,
        term.decision_version
    );
    OutRecord {
        topic: Topic::Terms,
        key: Some(term.partition.to_string().into_bytes()),
        value: value.into_bytes(),
        headers: Vec::new(),
    }
}

/// Reads the value of a term record.
pub(super) fn decode_term(value: &[u8]) -> Result<TermRecord, String> {
    let text = std::str::from_utf8(value).map_err(|error| error.to_string())?;
    let mut lines = text.lines();
    let mut next = || lines.next().ok_or("too short");
    let number = |text: &str| text.parse::<i32>().map_err(|error| error.to_string());
    Ok(TermRecord {
        partition: Partition(number(next()?)?),
        transactional_id: next()?.to_owned(),
        instance_id: next()?.to_owned(),
        ledger: next()?.parse::<Uuid>().map_err(|error| error.to_string())?,
        ledger_cluster: next()?.to_owned(),
        partitions: number(next()?)?,
        decision_version: number(next()?)?,
    })
}

/// Reads the value of an inventory record.
pub(super) fn decode_inventory(_value: &[u8]) -> Result<Known, String> {
    Err("no inventory yet".into())
}
