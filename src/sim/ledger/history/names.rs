//! Answers in a few words, their values named by the batch that wrote them.
//!
//! A value that is not in every column what one of the batches wrote is spelt out, and so cannot
//! pass for one.

use std::collections::BTreeMap;

use super::content::{self, DEFINITION, OUTBOX};
use super::plan::Places;
use super::recording::Answer;
use crate::domain::seat::StoredSeat;
use crate::ports::ledger::{Batch, CommitResult, Conflict, FenceRead, OpId, ReadError, RowsRead};

/// All batches sent, by number.
pub(super) type Sent = BTreeMap<u32, Batch>;

/// The answer as a history has it.
pub(super) fn describe(sent: &Sent, answer: &Answer) -> String {
    match answer {
        Answer::Commit(CommitResult::Applied) => "applied".to_owned(),
        Answer::Commit(CommitResult::Rejected(Conflict { fence: None })) => {
            "refused absent".to_owned()
        }
        Answer::Commit(CommitResult::Rejected(Conflict { fence: Some((revision, op_id)) })) => {
            format!("refused {revision}/{}", number_of(*op_id))
        }
        Answer::Commit(CommitResult::Unknown(why)) => format!("unknown: {why}"),
        Answer::Fence(Ok(None)) => "absent".to_owned(),
        Answer::Fence(Ok(Some(read))) => of_fence(sent, read),
        Answer::Rows(Ok(read)) => of_rows(sent, read),
        Answer::Fence(Err(error)) | Answer::Rows(Err(error)) => of_error(error),
    }
}

fn number_of(op_id: OpId) -> u128 {
    op_id.0.as_u128()
}

fn of_error(error: &ReadError) -> String {
    match error {
        ReadError::Unavailable(why) => format!("unavailable: {why}"),
        ReadError::Corrupt(why) => format!("corrupt: {why}"),
    }
}

fn of_fence(sent: &Sent, read: &FenceRead) -> String {
    let number = u32::try_from(number_of(read.fence.op_id)).ok();
    let wrote_it = |number: &u32| sent.get(number).is_some_and(|batch| batch.next == read.fence);
    let fence = number.filter(wrote_it);
    let fence = fence.map_or_else(|| format!("{:?}", read.fence), |number| number.to_string());
    format!("{fence} out {} of {}", read.outbox_changed, of_bytes(&read.outbox, OUTBOX))
}

fn of_bytes(bytes: &[u8], kind: u8) -> String {
    if bytes.is_empty() {
        return "empty".to_owned();
    }
    let number = content::writer_of_bytes(bytes, kind);
    number.map_or_else(|| format!("{bytes:?}"), |number| number.to_string())
}

fn of_rows(sent: &Sent, read: &RowsRead) -> String {
    let mut text = match &read.definition {
        None => "def none".to_owned(),
        Some((changed, bytes)) => format!("def {changed} of {}", of_bytes(bytes, DEFINITION)),
    };
    text.push_str(" seats");
    let rows = read.seats.iter().map(|row| (row, writer_of(sent, row)));
    let rows: Vec<(&StoredSeat, Option<u32>)> = rows.collect();
    let alike = |a: &(&StoredSeat, Option<u32>), b: &(&StoredSeat, Option<u32>)| {
        a.0.number.0 + 1 == b.0.number.0 && a.1.is_some() && a.1 == b.1
    };
    for run in rows.chunk_by(alike) {
        let ((first, writer), (last, _)) = (run[0], run[run.len() - 1]);
        let places = Places(first.number.0, last.number.0);
        let writer = writer.map_or_else(|| format!("{first:?}"), |number| number.to_string());
        text.push_str(&format!(" {places}:{writer}"));
    }
    text
}

/// The batch that wrote a row, `changed` and all.
fn writer_of(sent: &Sent, row: &StoredSeat) -> Option<u32> {
    let number = u32::try_from(row.offset).ok()?;
    let wrote_it = |batch: &Batch| batch.seats.iter().any(|seat| seat.row == *row);
    sent.get(&number).is_some_and(wrote_it).then_some(number)
}
