//! The ledger in ScyllaDB, or in Cassandra, which takes the same statements.
//!
//! One conditional batch per event and turn ([`ports::ledger`](crate::ports::ledger) has the
//! contract). What holds here, and what it answers:
//!
//! - **Every statement is one that both servers accept**, and every answer is read by column name:
//!   the two answer a batch with rows of different number and shape ([`result`]).
//! - **The driver sends a batch once.** No retries, no speculation, never marked idempotent: a
//!   batch repeated below us would make "not applied" the first news of a batch that was.
//! - **Whatever is not a plain yes or no is
//!   [`Unknown`](crate::ports::ledger::CommitResult::Unknown)**: timeouts, broken connections,
//!   overload, and also what cannot heal, which is logged as an error. Guessing "no" from an error
//!   would free seats that are sold.
//! - **No assignment ever binds null** (a null is a tombstone, and takeover would read them all);
//!   each kind of row has its own statement with just its columns. Nulls stand in conditions only.
//! - **The fence and the rows' guards are separate statements**: the servers judge one that mixes
//!   static and row conditions differently.
//! - **A batch never holds the fence alone**: Cassandra would scan the partition.
//! - **One serial level**: `LOCAL_SERIAL` with one data centre, `SERIAL` with several, for batches
//!   and fence reads alike. Mixing the two breaks linearisability.
//!
//! Wrong alternatives: one conditional statement per seat (23 to 48 times slower, and groups are
//! not atomic); the default retry policy (repeats); reading rows at serial level (a Paxos round per
//! page for nothing, since a fence read after it tells whether they are whole); `USE keyspace` (a
//! state of the connection, where the text of the statement can say it).
//!
//! One file per table, `ledger_table` and `identity_table`; each holds the texts of all statements
//! on its table.

mod batch;
mod config;
mod error;
mod failure;
mod identity_table;
mod ledger;
mod ledger_table;
mod read;
pub mod result;
pub mod schema;
mod session;
mod system;
mod table;

pub use config::{Config, Credentials};
pub use error::Error;
pub use ledger::CqlLedger;
