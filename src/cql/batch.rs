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
use crate::domain::ids::RowNumber;
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

fn seat_row(number: RowNumber) -> i32 {
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
                row.buyer.as_ref().map_or("", |buyer| buyer.as_str()),
                row.deadline.0,
                row.price,
                i32::from(row.tier),
                row.reference.as_ref().map_or("", |reference| reference.as_str()),
                i32::from(row.cause as u8),
                row.offset,
                row.block.as_deref().unwrap_or(""),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scylla::frame::response::result::{ColumnSpec, ColumnType, NativeType, TableSpec};
    use uuid::Uuid;

    use super::super::ledger_table::TABLE;
    use super::*;
    use crate::domain::event::SaleState;
    use crate::domain::ids::{EventId, HoldId};
    use crate::domain::seat::{Cause, Status, StoredSeat};
    use crate::domain::time::At;
    use crate::ports::ledger::Expected;

    /// Every kind of statement, with as little in it as there can be.
    fn barest() -> Batch {
        let row = StoredSeat {
            number: RowNumber(0),
            status: Status::Free,
            hold: HoldId::NONE,
            buyer: None,
            deadline: At(0),
            price: 0,
            tier: 0,
            reference: None,
            cause: Cause::None,
            offset: 0,
            changed: 1,
            block: None,
        };
        Batch {
            event: EventId::new("concert").unwrap(),
            expected: Expected { fence: None },
            next: Fence {
                term: 0,
                revision: 1,
                op_id: OpId(Uuid::nil()),
                sequence: 0,
                edition: 0,
                applied_offset: -1,
                published_below: 0,
                decided_at: At(0),
                sale: SaleState::NotOpen,
                suspended: String::new(),
            },
            outbox: Blob { changed: 1, bytes: None, guard: Some(0) },
            definition: Some(Blob { changed: 1, bytes: Some(Arc::from([])), guard: None }),
            seats: vec![GuardedSeat { row, guard: None }],
        }
    }

    fn type_of(column: &str) -> ColumnType<'static> {
        let column = TABLE.columns.iter().find(|of_table| of_table.name == column).unwrap();
        ColumnType::Native(match column.cql_type {
            "text" => NativeType::Text,
            "int" => NativeType::Int,
            "tinyint" => NativeType::TinyInt,
            "bigint" => NativeType::BigInt,
            "uuid" => NativeType::Uuid,
            "blob" => NativeType::Blob,
            other => panic!("a type without a place here: {other}"),
        })
    }

    /// The columns of a text's markers, in order.
    fn markers(text: &str) -> Vec<&str> {
        let before_marker = text.split('?').filter_map(|piece| piece.trim_end().strip_suffix('='));
        before_marker.map(|piece| piece.split_whitespace().last().unwrap()).collect()
    }

    /// Which of the values are null; the protocol has a length before each, negative for null.
    fn nulls(text: &str, values: &Values<'_>) -> Vec<bool> {
        let spec = |name| ColumnSpec::borrowed(name, type_of(name), TableSpec::borrowed("k", "t"));
        let specs: Vec<ColumnSpec<'_>> = markers(text).into_iter().map(spec).collect();
        let mut bytes = vec![];
        let context = RowSerializationContext::from_specs(&specs);
        values.serialize(&context, &mut RowWriter::new(&mut bytes)).unwrap();
        let mut nulls = vec![];
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            nulls.push(length < 0);
            rest = &after[usize::try_from(length).unwrap_or(0)..];
        }
        nulls
    }

    #[test]
    fn no_assignment_is_ever_null() {
        let texts = Texts::new("k");
        let batch = barest();
        let all = values(&batch);
        assert_eq!(all.len(), 4);
        for values in &all {
            let text = match values {
                Values::Fence { .. } => &texts.fence,
                Values::Content { .. } => &texts.content,
                Values::Changed { .. } => &texts.changed,
                Values::Seat { .. } => &texts.seat,
            };
            let (assigned, _) = text.split_once(" IF ").unwrap();
            let nulls = nulls(text, values);
            assert_eq!(nulls.len(), text.matches('?').count());
            let (assigned, conditions) = nulls.split_at(assigned.matches('?').count());
            assert!(!assigned.contains(&true), "{text}");
            let absent = !matches!(values, Values::Changed { .. });
            assert!(conditions.iter().all(|null| *null == absent), "{text}");
        }
    }

    #[test]
    fn the_fence_is_first_and_never_alone() {
        let mut batch = barest();
        batch.definition = None;
        batch.seats.clear();
        let values = values(&batch);
        assert!(matches!(
            values[..],
            [Values::Fence { .. }, Values::Changed { row: OUTBOX_ROW, .. }]
        ));
    }

    #[test]
    fn no_statement_mixes_static_and_row_conditions() {
        let texts = Texts::new("k");
        for (text, conditions) in [
            (&texts.fence, &["revision", "op_id"][..]),
            (&texts.content, &["changed"]),
            (&texts.changed, &["changed"]),
            (&texts.seat, &["changed"]),
        ] {
            let (_, condition) = text.split_once(" IF ").unwrap();
            assert_eq!(markers(condition), conditions, "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "written with content")]
    fn a_new_row_has_content() {
        let mut batch = barest();
        batch.outbox.guard = None;
        let _ = values(&batch);
    }
}
