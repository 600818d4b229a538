//! The simulator: whole worlds of workers, brokers, ledgers and clocks on one thread, in virtual
//! time, from one seed.

pub mod broker;
pub mod coverage;
mod driver;
pub mod fault;
mod group;
mod judge;
pub mod ledger;
pub mod matrix;
mod net;
mod process;
mod trace;
mod trouble;
mod watcher;
mod weather;
pub mod workload;
mod world;

pub use world::Verdict;

/// Runs the world of a seed to its end.
#[must_use]
pub fn run(seed: u64, in_words: bool) -> Verdict {
    world::World::new(seed, in_words).run()
}
