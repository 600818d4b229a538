//! What a server answers to a batch, row by row, as [`cql::result`](crate::cql::result) has it.
//!
//! Rows are made as they are taken: the decoder mostly needs the first.

use std::collections::BTreeSet;
use std::iter;

use super::{Partition, Stored};
use crate::cql::result::{Cell, decode};
use crate::ports::ledger::{Batch, CommitResult};

/// The order in which conditions name their columns, after the key.
const CASSANDRA_COLUMNS: [&str; 6] = ["[applied]", "event", "row", "revision", "op_id", "changed"];
/// The order of the table: statics before the others, each kind by name.
const SCYLLA_COLUMNS: [&str; 6] = ["[applied]", "event", "row", "op_id", "revision", "changed"];
/// A part of the key, whose value nobody reads.
const KEY: Cell = Cell::Other;

/// The answer of ScyllaDB: a row for each statement in its order, applied or not, with the values
/// before. A place without a row shows the statics; where the partition is absent all is null.
pub(super) fn of_scylla(before: Option<&Partition>, batch: &Batch, applied: bool) -> CommitResult {
    let row = |changed: Option<Option<i64>>| {
        let Some(before) = before else {
            return vec![
                Cell::Bool(applied),
                Cell::Null,
                Cell::Null,
                Cell::Null,
                Cell::Null,
                Cell::Null,
            ];
        };
        let (revision, op_id) = before.last();
        vec![
            Cell::Bool(applied),
            KEY,
            changed.map_or(Cell::Null, |_| KEY),
            Cell::Uuid(op_id.0),
            Cell::Bigint(revision),
            changed.flatten().map_or(Cell::Null, Cell::Bigint),
        ]
    };
    let outbox = before.map(|partition| partition.outbox.changed);
    let definition = batch.definition.iter().map(|_| changed_of_definition(before));
    let seats = batch.seats.iter().map(|seat| before.and_then(|p| p.changed(seat.row.number)));
    let regular = iter::once(outbox).chain(definition).chain(seats);
    let rows = iter::once(None).chain(regular.map(Some)).map(|changed| Ok(row(changed)));
    decode(&SCYLLA_COLUMNS, rows)
}

/// The answer of Cassandra: of a batch applied, or refused where the partition is absent, that
/// alone; else a row for each conditioned row that exists, in key order, with the values before.
/// The outbox row is among them, so there is no answer without one.
pub(super) fn of_cassandra(
    before: Option<&Partition>,
    batch: &Batch,
    applied: bool,
) -> CommitResult {
    let Some(before) = before.filter(|_| !applied) else {
        return decode(&CASSANDRA_COLUMNS[..1], [Ok(vec![Cell::Bool(applied)])]);
    };
    let row = |changed: i64| {
        let (revision, op_id) = before.last();
        let fence = [Cell::Bigint(revision), Cell::Uuid(op_id.0)];
        let [revision, op_id] = fence;
        Ok(vec![Cell::Bool(false), KEY, KEY, revision, op_id, Cell::Bigint(changed)])
    };
    let definition = batch.definition.as_ref().and_then(|_| changed_of_definition(Some(before)));
    let sorted = || batch.seats.iter().map(|seat| seat.row.number).collect::<BTreeSet<_>>();
    let seats = iter::once_with(sorted).flatten().filter_map(|number| before.changed(number));
    let rows = definition.into_iter().chain([before.outbox.changed]).chain(seats).map(row);
    decode(&CASSANDRA_COLUMNS, rows)
}

fn changed_of_definition(before: Option<&Partition>) -> Option<i64> {
    before?.definition.as_ref().map(|Stored { changed, .. }| *changed)
}
