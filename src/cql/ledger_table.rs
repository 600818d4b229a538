//! Table `ledger`: one partition per event.
//!
//! The fence and what is small beside it are static columns; `row` tells the rows apart: the
//! definition, the outbox, and each seat ever touched under its number. Nothing large is static,
//! because a conditional write reads all statics. A seat without a row is free. Rows are bounded by
//! the seats of the event (ScyllaDB warns of partitions beyond 100,000 rows, and keeps them).
//!
//! Times are milliseconds since 1970 in a bigint, not `timestamp`: they are log time, compared and
//! stored bit for bit, and no tool should show them in a time zone of its own.

use super::table::{Column, Kind, Table};

/// The row of the event's definition.
pub(super) const DEFINITION_ROW: i32 = -2;
/// The row of the entries owed to Kafka; it is there as soon as the event is.
pub(super) const OUTBOX_ROW: i32 = -1;

const fn column(name: &'static str, kind: Kind, cql_type: &'static str) -> Column {
    Column { name, kind, cql_type }
}

pub(super) const TABLE: Table = Table {
    name: "ledger",
    columns: &[
        column("event", Kind::PartitionKey, "text"),
        column("row", Kind::Clustering, "int"),
        column("term", Kind::Static, "bigint"),
        column("revision", Kind::Static, "bigint"),
        column("op_id", Kind::Static, "uuid"),
        column("sequence", Kind::Static, "bigint"),
        column("edition", Kind::Static, "bigint"),
        column("applied_offset", Kind::Static, "bigint"),
        column("published_below", Kind::Static, "bigint"),
        column("decided_at", Kind::Static, "bigint"),
        column("sale_state", Kind::Static, "int"),
        column("suspended", Kind::Static, "text"),
        // All rows.
        column("changed", Kind::Regular, "bigint"),
        // The definition and the outbox.
        column("body", Kind::Regular, "blob"),
        // Seats.
        column("status", Kind::Regular, "tinyint"),
        column("hold", Kind::Regular, "uuid"),
        column("buyer", Kind::Regular, "text"),
        column("deadline", Kind::Regular, "bigint"),
        column("price", Kind::Regular, "bigint"),
        column("tier", Kind::Regular, "int"),
        column("reference", Kind::Regular, "text"),
        column("cause", Kind::Regular, "int"),
        column("claim_offset", Kind::Regular, "bigint"),
        column("block", Kind::Regular, "text"),
    ],
};

/// The texts of all statements on the table.
pub(super) struct Texts {
    /// The fence moves on; both conditions are null where the event must be absent.
    pub(super) fence: String,
    /// A definition or outbox row gets new content.
    pub(super) content: String,
    /// A definition or outbox row keeps its content and moves its `changed`.
    pub(super) changed: String,
    /// A seat row gets new values.
    pub(super) seat: String,
    /// The statics and the outbox.
    pub(super) read_fence: String,
    /// A definition or outbox row alone.
    pub(super) read_content: String,
    /// All seats, without statics, by rising number.
    pub(super) read_seats: String,
}

impl Texts {
    pub(super) fn new(keyspace: &str) -> Texts {
        let table = format!("{keyspace}.{}", TABLE.name);
        Texts {
            fence: format!(
                "UPDATE {table} SET term = ?, revision = ?, op_id = ?, sequence = ?, edition = ?, \
                 applied_offset = ?, published_below = ?, decided_at = ?, sale_state = ?, \
                 suspended = ? WHERE event = ? IF revision = ? AND op_id = ?"
            ),
            content: format!(
                "UPDATE {table} SET changed = ?, body = ? WHERE event = ? AND row = ? \
                 IF changed = ?"
            ),
            changed: format!(
                "UPDATE {table} SET changed = ? WHERE event = ? AND row = ? IF changed = ?"
            ),
            seat: format!(
                "UPDATE {table} SET changed = ?, status = ?, hold = ?, buyer = ?, deadline = ?, \
                 price = ?, tier = ?, reference = ?, cause = ?, claim_offset = ?, block = ? \
                 WHERE event = ? AND row = ? IF changed = ?"
            ),
            read_fence: format!(
                "SELECT term, revision, op_id, sequence, edition, applied_offset, \
                 published_below, decided_at, sale_state, suspended, changed, body \
                 FROM {table} WHERE event = ? AND row = ?"
            ),
            read_content: format!("SELECT changed, body FROM {table} WHERE event = ? AND row = ?"),
            read_seats: format!(
                "SELECT row, changed, status, hold, buyer, deadline, price, tier, reference, \
                 cause, claim_offset, block FROM {table} WHERE event = ? AND row >= 0"
            ),
        }
    }
}
