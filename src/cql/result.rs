//! What a conditional batch's answer means, for both servers.
//!
//! - ScyllaDB answers with one row per statement, in order, applied or not: `[applied]`, the key,
//!   and every column that any condition names, with the values before the batch. A row that was not
//!   there shows nulls, though its statics may still be shown.
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
