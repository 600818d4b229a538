//! Log and ledger in one redb file, for one machine: development, demonstrations, small houses.
//!
//! It is not Kafka: one disk, no replicas, and every commit waits for that disk. What the design
//! relies on is kept all the same, and held to the same contract suites as the servers: append
//! time, committed positions, transactions over partitions, terms and fencing, compaction, and a
//! ledger whose batches are applied, rejected or unknown.
//!
//! Several processes may have the file open at a time: one works, the others ask and read. Each
//! writes through one thread of its own, which makes one transaction of redb of all that waits
//! (a commit costs a few milliseconds, whatever is in it), and tells whoever asked only once the
//! commit is durable. A process that dies leaves whole transactions and nothing else; one that is
//! stopped in the middle of writing keeps the others waiting until it goes on or ends.
//!
//! # Invariants
//! - What belongs together is written by one [`store::Job`], so it is in one transaction of redb.
//! - A job that writes nothing because of what it found looks before it writes.
//! - Fencing is decided inside the transaction, by the generation in the file: a worker that sleeps
//!   and wakes up after another has begun publishes nothing.
//! - Append times of a partition never go back, so that reading back by time can stop.
//! - After an error of the disk nothing more is written, and whoever waits is told that nobody
//!   knows. What was acknowledged before is there.
//!
//! Wrong alternatives: one transaction per request (a few hundred a second); commits that are not
//! durable (a power cut would take back what buyers were told); a socket in front of one process
//! that has the file alone (a second protocol for what the file's own locks do).

mod error;
mod ledger;
mod log;
mod owner;
mod reader;
mod store;
mod tables;
mod take;

pub use error::Error;
pub use ledger::EmbeddedLedger;
pub use log::EmbeddedLog;
pub use store::Store;
