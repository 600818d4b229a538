//! What a conditional batch's answer means, for both servers.
//!
//! - ScyllaDB answers with one row per statement, in order, applied or not: `[applied]`, the key,
//!   and every column that any condition names, with the values before the batch. A row that was
//!   not there shows nulls, though its statics may still be shown.
//! - Cassandra answers an applied batch with one row of `[applied]` alone. A refused one has a row
//!   for each conditioned row that exists, in key order, with the same columns; one row with a null
//!   key where none does; and `[applied]` alone where the whole partition is absent.
//!
//! So the fence is read from whatever row shows it, by name: it is the same in all of them, being
//! the state before the batch. Which guard failed cannot be told from Cassandra's rows and is not
//! needed: a matching fence with a refusal means a guard.

use uuid::Uuid;

use crate::ports::ledger::{CommitResult, Conflict, OpId};

/// A value in an answer, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A bigint.
    Bigint(i64),
    /// A UUID.
    Uuid(Uuid),
    /// A value of a type that no column read here has.
    Other,
}

/// What became of the batch whose answer has these columns and rows; a row that the driver could
/// not read is an `Err` with its reason. Rows are taken only as far as needed.
///
/// An answer that cannot be understood is `Unknown`, never a refusal.
pub fn decode<Rows>(columns: &[&str], rows: Rows) -> CommitResult
where
    Rows: IntoIterator<Item = Result<Vec<Cell>, String>>,
{
    understand(columns, rows).unwrap_or_else(|why| {
        CommitResult::Unknown(format!("the answer to a batch cannot be understood: {why}"))
    })
}

fn understand<Rows>(columns: &[&str], rows: Rows) -> Result<CommitResult, String>
where
    Rows: IntoIterator<Item = Result<Vec<Cell>, String>>,
{
    let place = |name: &str| columns.iter().position(|column| *column == name);
    let applied = place("[applied]").ok_or("it has no column [applied]")?;
    let fence = place("revision").zip(place("op_id"));
    let mut answered = false;
    for row in rows {
        let row = row?;
        match row.get(applied) {
            Some(Cell::Bool(true)) if !answered => return Ok(CommitResult::Applied),
            Some(Cell::Bool(false)) => answered = true,
            other => return Err(format!("[applied] is {other:?}")),
        }
        let Some((revision, op_id)) = fence else { continue };
        match (row.get(revision), row.get(op_id)) {
            (Some(Cell::Bigint(revision)), Some(Cell::Uuid(op_id))) => {
                let fence = Some((*revision, OpId(*op_id)));
                return Ok(CommitResult::Rejected(Conflict { fence }));
            }
            (Some(Cell::Null), Some(Cell::Null)) => {}
            other => return Err(format!("revision and op_id are {other:?}")),
        }
    }
    if !answered {
        return Err("it has no rows".into());
    }
    Ok(CommitResult::Rejected(Conflict { fence: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 6] = ["[applied]", "event", "row", "revision", "op_id", "changed"];
    const KEY: Cell = Cell::Other;
    const NO: Cell = Cell::Bool(false);
    const YES: Cell = Cell::Bool(true);
    const REVISION: Cell = Cell::Bigint(4);
    const OP: Uuid = Uuid::from_u128(0x77);
    const OP_ID: Cell = Cell::Uuid(OP);
    const NULL: Cell = Cell::Null;
    const FENCE: CommitResult = CommitResult::Rejected(Conflict { fence: Some((4, OpId(OP))) });
    const ABSENT: CommitResult = CommitResult::Rejected(Conflict { fence: None });

    fn check(columns: &[&str], rows: &[&[Cell]], wanted: &CommitResult) {
        let rows = rows.iter().map(|row| Ok(row.to_vec()));
        assert_eq!(decode(columns, rows), *wanted);
    }

    fn check_unknown(columns: &[&str], rows: &[&[Cell]]) {
        let result = decode(columns, rows.iter().map(|row| Ok(row.to_vec())));
        assert!(matches!(result, CommitResult::Unknown(_)), "{result:?}");
    }

    /// Seen on Cassandra 5.0.6.
    #[test]
    fn cassandra_answers() {
        let changed = Cell::Bigint(2);
        // Applied.
        check(&["[applied]"], &[&[YES]], &CommitResult::Applied);
        // The partition is absent.
        check(&["[applied]"], &[&[NO]], &ABSENT);
        // The fence failed, also when an applied batch is sent again: rows that exist.
        let outbox = [NO, KEY, KEY, REVISION, OP_ID, changed];
        check(&COLUMNS, &[&outbox], &FENCE);
        // A guard failed on a row that exists.
        let seat = [NO, KEY, KEY, REVISION, OP_ID, Cell::Bigint(9)];
        check(&COLUMNS, &[&outbox, &seat], &FENCE);
        // A guard failed and no conditioned row exists: half a key.
        check(&COLUMNS, &[&[NO, KEY, NULL, REVISION, OP_ID, NULL]], &FENCE);
    }

    /// As ScyllaDB documents them, and as its source has it for rows that are absent.
    #[test]
    fn scylla_answers() {
        let changed = Cell::Bigint(2);
        // Applied: a row per statement, with the values before.
        let fence = [YES, KEY, NULL, REVISION, OP_ID, NULL];
        let outbox = [YES, KEY, KEY, REVISION, OP_ID, changed];
        let absent = [YES, NULL, NULL, NULL, NULL, NULL];
        check(&COLUMNS, &[&fence, &outbox, &absent], &CommitResult::Applied);
        // Applied where nothing was.
        check(&COLUMNS, &[&absent, &absent, &absent], &CommitResult::Applied);
        // Fence or guard failed.
        let fence = [NO, KEY, NULL, REVISION, OP_ID, NULL];
        let outbox = [NO, KEY, KEY, REVISION, OP_ID, changed];
        let absent = [NO, NULL, NULL, NULL, NULL, NULL];
        check(&COLUMNS, &[&fence, &outbox, &absent], &FENCE);
        // The row of the fence shows nothing, that of an absent seat its statics.
        let statics_of_absent = [NO, KEY, KEY, REVISION, OP_ID, NULL];
        check(&COLUMNS, &[&absent, &statics_of_absent], &FENCE);
        // The partition is absent.
        check(&COLUMNS, &[&absent, &absent, &absent], &ABSENT);
    }

    #[test]
    fn columns_are_found_by_name() {
        let columns = ["op_id", "changed", "[applied]", "revision"];
        check(&columns, &[&[OP_ID, NULL, NO, REVISION]], &FENCE);
        check(&columns, &[&[NULL, NULL, YES, NULL]], &CommitResult::Applied);
    }

    #[test]
    fn what_is_not_understood_is_not_a_refusal() {
        check_unknown(&[], &[]);
        check_unknown(&["[applied]"], &[]);
        check_unknown(&["applied"], &[&[NO]]);
        check_unknown(&["[applied]"], &[&[NULL]]);
        check_unknown(&["[applied]"], &[&[]]);
        check_unknown(&["[applied]"], &[&[NO], &[YES]]);
        check_unknown(&COLUMNS, &[&[NO, KEY, KEY, REVISION, NULL, NULL]]);
        check_unknown(&COLUMNS, &[&[NO, KEY, KEY, NULL, OP_ID, NULL]]);
        check_unknown(&COLUMNS, &[&[NO, KEY, KEY, OP_ID, REVISION, NULL]]);
        let unreadable = [Err("cut off".to_owned())];
        assert!(matches!(decode(&COLUMNS, unreadable), CommitResult::Unknown(_)));
    }
}
