//! What a server answers to a batch, row by row, as [`cql::result`](crate::cql::result) has it.
//!
//! Rows are made as they are taken: the decoder mostly needs the first.

use std::collections::BTreeSet;
use std::iter;

use super::{Partition, Shape};
use crate::cql::result::{Cell, decode};
use crate::ports::ledger::{Batch, CommitResult};

/// The order in which the conditions name their columns, after the key.
const CASSANDRA_COLUMNS: [&str; 6] = ["[applied]", "event", "row", "revision", "op_id", "changed"];
/// The order of the table: after the key its statics, then its other columns, each by name.
const SCYLLA_COLUMNS: [&str; 6] = ["[applied]", "event", "row", "op_id", "revision", "changed"];
/// A part of the key, whose value nobody reads.
const KEY: Cell = Cell::Other;

/// An answer on its way to the decoder.
pub(super) struct Answer<'a> {
    columns: &'static [&'static str],
    rows: Box<dyn Iterator<Item = Vec<Cell>> + 'a>,
}

impl<'a> Answer<'a> {
    /// The answer to a batch, with the values from before it.
    pub(super) fn new(
        shape: Shape,
        before: Option<&'a Partition>,
        batch: &'a Batch,
        applied: bool,
    ) -> Answer<'a> {
        match shape {
            Shape::Scylla => of_scylla(before, batch, applied),
            Shape::Cassandra => of_cassandra(before, batch, applied),
        }
    }

    pub(super) fn decode(self) -> CommitResult {
        decode(self.columns, self.rows.map(Ok))
    }
}

/// A row for each statement in its order, applied or not. The fence shows the statics alone, and so
/// does a row that is not there; where the partition is absent all is null
/// (`cql3/statements/cas_request.cc`).
fn of_scylla<'a>(before: Option<&'a Partition>, batch: &'a Batch, applied: bool) -> Answer<'a> {
    let row = move |changed: Option<i64>| {
        let mut row = vec![Cell::Null; SCYLLA_COLUMNS.len()];
        row[0] = Cell::Bool(applied);
        let Some(before) = before else { return row };
        let (revision, op_id) = before.last();
        (row[1], row[3], row[4]) = (KEY, Cell::Uuid(op_id.0), Cell::Bigint(revision));
        if let Some(changed) = changed {
            (row[2], row[5]) = (KEY, Cell::Bigint(changed));
        }
        row
    };
    let outbox = before.map(|partition| partition.outbox.changed);
    let definition = batch.definition.iter().map(move |_| changed_of_definition(before));
    let changed_of = move |number| before.and_then(|partition| partition.changed(number));
    let seats = batch.seats.iter().map(move |seat| changed_of(seat.row.number));
    let rows = [None, outbox].into_iter().chain(definition).chain(seats);
    Answer { columns: &SCYLLA_COLUMNS, rows: Box::new(rows.map(row)) }
}

/// Of a batch applied, or refused where the partition is absent, that alone; else a row for each
/// conditioned row that exists, in key order. The outbox row is always among them.
fn of_cassandra<'a>(before: Option<&'a Partition>, batch: &'a Batch, applied: bool) -> Answer<'a> {
    let Some(before) = before.filter(|_| !applied) else {
        let alone = iter::once(vec![Cell::Bool(applied)]);
        return Answer { columns: &CASSANDRA_COLUMNS[..1], rows: Box::new(alone) };
    };
    let row = |changed: i64| {
        let (revision, op_id) = before.last();
        let fence = (Cell::Bigint(revision), Cell::Uuid(op_id.0));
        vec![Cell::Bool(false), KEY, KEY, fence.0, fence.1, Cell::Bigint(changed)]
    };
    let definition = batch.definition.as_ref().and_then(|_| changed_of_definition(Some(before)));
    let sorted = || batch.seats.iter().map(|seat| seat.row.number).collect::<BTreeSet<_>>();
    let seats = iter::once_with(sorted).flatten().filter_map(|number| before.changed(number));
    let rows = definition.into_iter().chain([before.outbox.changed]).chain(seats);
    Answer { columns: &CASSANDRA_COLUMNS, rows: Box::new(rows.map(row)) }
}

fn changed_of_definition(before: Option<&Partition>) -> Option<i64> {
    before?.definition.as_ref().map(|stored| stored.changed)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::EventId;
    use crate::sim::ledger::SimLedger;
    use crate::sim::ledger::history::Plan;

    const NO: Cell = Cell::Bool(false);
    const YES: Cell = Cell::Bool(true);
    const NULL: Cell = Cell::Null;
    const REVISION: Cell = Cell::Bigint(4);
    const OP_ID: Cell = Cell::Uuid(Uuid::from_u128(1));

    const MADE: &str = "1 r4 if - out 21/- def 22/- seats 3:23/- 5:25/-";
    /// Names rows out of order, one of them absent.
    const REFUSED: &str = "2 r5 if 4/1 out 2/0 def 2/22 seats 5:2/25 9:2/- 3:2/23";

    /// The answer to a batch, where the event was made or was not.
    fn check(shape: Shape, made: bool, plan: &str, applied: bool, rows: &[&[Cell]]) {
        let event = EventId::new("concert").unwrap();
        let batch = |plan| Plan::read(plan).unwrap().batch(&event);
        let mut ledger = SimLedger::new(shape);
        if made {
            assert_eq!(ledger.commit(&batch(MADE)), CommitResult::Applied);
        }
        let batch = batch(plan);
        let answer = Answer::new(shape, ledger.partition(&event), &batch, applied);
        assert_eq!(answer.columns[..rows[0].len()], *answer.columns);
        assert_eq!(answer.rows.collect::<Vec<_>>(), rows);
    }

    /// Seen on Cassandra 5.0.6.
    #[test]
    fn cassandra_shows_what_exists() {
        let shows = |changed| [NO, KEY, KEY, REVISION, OP_ID, Cell::Bigint(changed)];
        let rows = [shows(22), shows(21), shows(23), shows(25)];
        let rows: Vec<&[Cell]> = rows.iter().map(|row| &row[..]).collect();
        check(Shape::Cassandra, true, REFUSED, false, &rows);
        check(Shape::Cassandra, false, REFUSED, false, &[&[NO]]);
        check(Shape::Cassandra, false, MADE, true, &[&[YES]]);
        check(Shape::Cassandra, true, "2 r5 if 4/1 out 22/21", true, &[&[YES]]);
    }

    /// Read in its source.
    #[test]
    fn scylla_shows_each_statement() {
        let shows = |applied, changed| [applied, KEY, KEY, OP_ID, REVISION, Cell::Bigint(changed)];
        let statics = |applied| [applied, KEY, NULL, OP_ID, REVISION, NULL];
        let rows = |applied| {
            let (outbox, definition) = (shows(applied, 21), shows(applied, 22));
            let seats = [shows(applied, 25), statics(applied), shows(applied, 23)];
            [[statics(applied), outbox, definition], seats].concat()
        };
        for applied in [YES, NO] {
            let rows = rows(applied);
            let rows: Vec<&[Cell]> = rows.iter().map(|row| &row[..]).collect();
            check(Shape::Scylla, true, REFUSED, applied == YES, &rows);
            let nulls = [applied, NULL, NULL, NULL, NULL, NULL];
            check(Shape::Scylla, false, MADE, applied == YES, &[&nulls[..]; 5]);
        }
    }
}
