//! Table `ledger_identity`: one row that names the ledger for good.
//!
//! Owners write the identity into their term records, so that an owner never goes on with topics
//! and a ledger that do not belong together. The row holds the cluster's name too: a keyspace
//! restored into another cluster carries the row along, and the two names then differ.

use super::table::{Column, Kind, Table};

/// The key of the one row.
pub(super) const KEY: &str = "ledger";

pub(super) const TABLE: Table = Table {
    name: "ledger_identity",
    columns: &[
        Column { name: "key", kind: Kind::PartitionKey, cql_type: "text" },
        Column { name: "id", kind: Kind::Regular, cql_type: "uuid" },
        Column { name: "cluster", kind: Kind::Regular, cql_type: "text" },
    ],
};

/// Names the ledger, unless it has a name.
pub(super) fn insert(keyspace: &str) -> String {
    let table = TABLE.name;
    format!("INSERT INTO {keyspace}.{table} (key, id, cluster) VALUES (?, ?, ?) IF NOT EXISTS")
}

/// Reads the name.
pub(super) fn select(keyspace: &str) -> String {
    format!("SELECT id, cluster FROM {keyspace}.{} WHERE key = ?", TABLE.name)
}
