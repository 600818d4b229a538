//! The simulator: whole worlds of workers, brokers, ledgers and clocks on one thread, in virtual
//! time, from one seed.

mod broker;
pub mod coverage;
mod driver;
pub mod fault;
mod group;
mod judge;
pub mod ledger;
pub mod matrix;
mod net;
mod process;
mod report;
pub mod run;

mod trace;
mod trouble;
mod watcher;
mod weather;
pub mod workload;
mod world;

pub use world::Verdict;
