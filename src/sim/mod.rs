//! The simulator: whole worlds of workers, brokers, ledgers and clocks on one thread, in virtual
//! time, from one seed.
//!
//! What is tried is the code that is sold: engine, window of ids, expiry worker, decisions,
//! encoding. It cannot tell a world from a deployment, since it has no socket, thread or clock of
//! its own. What stands around it is simulated: brokers with transactions, markers, epochs and a
//! group, a ledger that answers as either store does, processes that die, sleep and wake, apps that
//! ask in transactions, clocks that are wrong and jump. The workload asks for everything that can
//! be asked for, the auditor judges every record as soon as a reader of committed records can see
//! it, and at the end, when all faults have healed, everything must be answered, every hold must
//! have ended in time, and ledger and topics must agree.
//!
//! # Wrong ways
//! - *Random faults of one strength*: all worlds are alike then, and what needs a calm or a mad one
//!   is never met. Each seed draws its own ranges, and switches whole kinds off.
//! - *Checking the end only*: what was wrong in between heals. The auditor looks at every prefix.
//! - *Trusting a clean run*: it may never have met the bad mix. So faults are counted by step, ways
//!   through the engine by name, requests and answers by kind; what a gate run never meets fails
//!   it. And rules are taken out one by one: each must be missed.
//! - *A simulated server made after our own idea of it*: histories recorded of real ones are
//!   replayed through it ([`ledger::history`], [`broker::history`]).
//!
//! # Reading order
//! [`workload`] (what is asked), `weather` (what a world is like), `world` (its course), `process`
//! and `driver` (an owner), `watcher` (an expiry worker), `broker`, `group` and [`ledger`]
//! (servers), `net` (time and chance), [`fault`] and [`matrix`] (what struck where), [`coverage`]
//! (what was met), `judge`, [`run`]; [`decisions`] (the same requests without a world).

pub mod broker;
pub mod coverage;
pub mod decisions;
mod driver;
pub mod fault;
mod group;
pub mod history;
mod judge;
pub mod ledger;
pub mod matrix;
mod net;
mod process;
mod report;
pub mod run;

mod trace;
mod watcher;
mod weather;
pub mod workload;
mod world;

pub use world::Verdict;
