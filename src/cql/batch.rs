//! A ledger batch as statements and their values.
//!
//! Values borrow from the batch: nothing is copied before the driver writes its frame. What stands
//! in an assignment has a type that cannot be null; only conditions are `Option`s.

use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::batch::{Batch as Statements, BatchType};
use scylla::statement::prepared::PreparedStatement;

use super::ledger_table::{DEFINITION_ROW, OUTBOX_ROW, Texts};
use crate::domain::ids::SeatNumber;
use crate::domain::limits::BATCH_ROWS_MAX;
use crate::ports::ledger::{Batch, Blob, Fence, GuardedSeat, OpId};

/// The statements of batches, prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    fence: PreparedStatement,
    content: PreparedStatement,
    changed: PreparedStatement,
    seat: PreparedStatement,
}

/// The values of one statement.
#[derive(Debug)]
pub(super) enum Values<'b> {
    /// Of `fence`.
    Fence { event: &'b str, next: &'b Fence, expected: Option<(i64, OpId)> },
    /// Of `content`.
    Content { event: &'b str, row: i32, blob: &'b Blob, bytes: &'b [u8] },
    /// Of `changed`.
    Changed { event: &'b str, row: i32, blob: &'b Blob },
    /// Of `seat`.
    Seat { event: &'b str, seat: &'b GuardedSeat },
}

impl Prepared {
    pub(super) async fn new(session: &Session, texts: &Texts) -> Result<Prepared, PrepareError> {
        Ok(Prepared {
            fence: session.prepare(texts.fence.as_str()).await?,
            content: session.prepare(texts.content.as_str()).await?,
            changed: session.prepare(texts.changed.as_str()).await?,
            seat: session.prepare(texts.seat.as_str()).await?,
        })
    }

    /// The statements for these values. The first one, the fence, decides where the batch is sent.
    pub(super) fn statements(&self, values: &[Values<'_>]) -> Statements {
        let statement = |values: &Values<'_>| {
            let prepared = match values {
                Values::Fence { .. } => &self.fence,
                Values::Content { .. } => &self.content,
                Values::Changed { .. } => &self.changed,
                Values::Seat { .. } => &self.seat,
            };
            prepared.clone().into()
        };
        // Unlogged: atomic all the same, being one partition, and what both servers make of any
        // conditional batch.
        Statements::new_with_statements(BatchType::Unlogged, values.iter().map(statement).collect())
    }
}

/// The values of a batch's statements, the fence first.
///
/// # Panics
/// When the batch is larger than the house allows, or leaves a row without content: our own bugs.
pub(super) fn values(batch: &Batch) -> Vec<Values<'_>> {
    assert!(batch.seats.len() <= BATCH_ROWS_MAX, "a batch keeps to its bound of rows");
    let event = batch.event.as_str();
    let mut values = Vec::with_capacity(batch.seats.len() + 3);
    values.push(Values::Fence { event, next: &batch.next, expected: batch.expected.fence });
    values.push(of_blob(event, OUTBOX_ROW, &batch.outbox));
    values.extend(batch.definition.iter().map(|blob| of_blob(event, DEFINITION_ROW, blob)));
    values.extend(batch.seats.iter().map(|seat| Values::Seat { event, seat }));
    values
}

fn of_blob<'b>(event: &'b str, row: i32, blob: &'b Blob) -> Values<'b> {
    match &blob.bytes {
        Some(bytes) => Values::Content { event, row, blob, bytes },
        None => {
            assert!(blob.guard.is_some(), "a row that is not there yet is written with content");
            Values::Changed { event, row, blob }
        }
    }
}

fn seat_row(number: SeatNumber) -> i32 {
    i32::try_from(number.0).expect("an event has fewer places than an int can count")
}

impl SerializeRow for Values<'_> {
    fn serialize(
        &self,
        context: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        match *self {
            Values::Fence { event, next, expected } => (
                next.term,
                next.revision,
                next.op_id.0,
                next.sequence,
                next.edition,
                next.applied_offset,
                next.published_below,
                next.decided_at.0,
                next.sale as i32,
                next.suspended.as_str(),
                event,
                expected.map(|(revision, _)| revision),
                expected.map(|(_, op_id)| op_id.0),
            )
                .serialize(context, writer),
            Values::Content { event, row, blob, bytes } => {
                (blob.changed, bytes, event, row, blob.guard).serialize(context, writer)
            }
            Values::Changed { event, row, blob } => {
                (blob.changed, event, row, blob.guard).serialize(context, writer)
            }
            Values::Seat { event, seat: GuardedSeat { row, guard } } => (
                row.changed,
                row.status as i8,
                row.hold.0,
                row.buyer.as_str(),
                row.deadline.0,
                row.price,
                i32::from(row.tier),
                row.reference.as_ref().map_or("", |reference| reference.as_str()),
                i32::from(row.cause as u8),
                row.offset,
                event,
                seat_row(row.number),
                *guard,
            )
                .serialize(context, writer),
        }
    }

    fn is_empty(&self) -> bool {
        false
    }
}
